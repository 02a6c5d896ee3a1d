"""Modules of Python and functions of the C library that some systems lack."""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Any


def optional_module(name: str) -> Any:
    """Return a module of Python that some systems lack, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def c_function(name: str) -> Any:
    """Return a function of the C library that keeps ``errno``, or None."""
    if sys.platform == "win32":
        return None
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError, TypeError):
        return None
