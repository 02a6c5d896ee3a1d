"""What a type says may be missing, and is not."""

from __future__ import annotations

from typing import TypeVar

_T = TypeVar("_T")


def certain(value: _T | None) -> _T:
    """Return a value that has to be there."""
    assert value is not None
    return value
