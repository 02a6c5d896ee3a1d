"""Take away what some operating systems or file systems lack: ``STACASTER_TEST_WITHOUT=fcntl,links`` and this folder
on ``PYTHONPATH``, so that it counts in every process that a test starts, too."""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any


def _no_module(*names: str) -> None:
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]


def _no_functions(*names: str) -> None:
    for name in names:
        if hasattr(os, name):
            delattr(os, name)


def _no_locks() -> None:
    """A file system, such as one over a network, that refuses locks."""
    import fcntl

    def flock(_file: Any, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = flock


def _no_address_limit() -> None:
    """As on macOS, where the limit exists and cannot be set."""
    import resource

    known = resource.setrlimit

    def setrlimit(which: int, limits: tuple[int, int]) -> None:
        if which == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")
        known(which, limits)

    resource.setrlimit = setrlimit


def _no_links() -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    os.link = os.symlink = refuse


def _no_c_functions() -> None:
    """A C library without the functions of Linux: renameat2, syncfs, prctl, malloc_trim."""
    missing = {"renameat2", "syncfs", "prctl", "malloc_trim"}

    class Library(ctypes.CDLL):
        def __getattr__(self, name: str) -> Any:
            if name in missing:
                raise AttributeError(name)
            return super().__getattr__(name)

    ctypes.CDLL = Library  # type: ignore[misc]


def _no_proc() -> None:
    """psutil, which asks each system in its own way, still finds it."""
    known = builtins.open

    def opened(file: Any, *arguments: Any, **options: Any) -> Any:
        name = sys._getframe(1).f_code.co_filename
        if isinstance(file, str | os.PathLike) and str(file).startswith("/proc/") and "psutil" not in name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
        return known(file, *arguments, **options)

    builtins.open = io.open = opened


MEANS: dict[str, Callable[[], None]] = {
    "fcntl": lambda: _no_module("fcntl"),
    "resource": lambda: _no_module("resource", "pwd", "grp", "termios"),
    "locks": _no_locks,
    "address-limit": _no_address_limit,
    "reads-at": lambda: _no_functions("pread", "preadv", "pwrite", "pwritev", "O_CLOEXEC", "statvfs"),
    "folder-sync": lambda: _no_functions("O_DIRECTORY"),
    "links": _no_links,
    "c-functions": _no_c_functions,
    "proc": _no_proc,
}

for _name in filter(None, os.environ.get("STACASTER_TEST_WITHOUT", "").split(",")):
    MEANS[_name]()
