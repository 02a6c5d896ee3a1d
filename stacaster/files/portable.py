"""What systems differ in: reading at a position, locks, and what only some of them have."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from threading import Lock
from typing import IO, Any

try:
    fcntl: Any = import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

READ_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""How files are opened to be read at positions."""

_SEEKING = Lock()


def read_into(handle: int, target: Any, offset: int) -> int:
    """Read bytes of an open file at a position into a buffer; return how many there were."""
    if hasattr(os, "preadv"):
        return os.preadv(handle, [target], offset)
    view = memoryview(target).cast("B")
    content = read_at(handle, len(view), offset)
    view[: len(content)] = content
    return len(content)


def read_at(handle: int, length: int, offset: int) -> bytes:
    """Read bytes of an open file at a position, whatever other threads read of it."""
    if hasattr(os, "pread"):
        return os.pread(handle, length, offset)
    with _SEEKING:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, length)


def lock_file(file: IO[Any], *, wait: bool = True) -> None:
    """Lock an open file against other processes until it is closed.

    Raises:
        OSError: Nobody wants to wait, and another process holds it, or may hold it.
    """
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return
    if sys.platform == "win32":
        msvcrt: Any = import_module("msvcrt")
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    elif not wait:
        raise OSError("this system has no locks, so that nobody knows who holds the file")
