"""Durable and atomic operations on files and folders."""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from pathlib import Path

from stacaster.files.portable import lock_file

OWNER = ".owner"
"""File in a staging folder that its process keeps locked."""

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def fsync_directory(path: Path) -> None:
    """Make the names in a folder durable; Windows cannot, and need not."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def can_sync_all() -> bool:
    """Tell whether the system makes a whole file system durable at once."""
    return sys.platform == "linux" and hasattr(os, "O_DIRECTORY") and hasattr(ctypes.CDLL(None), "syncfs")


def sync_all(folder: Path) -> None:
    """Make everything on the file system of a folder durable.

    Raises:
        OSError: The system reports an error of writing.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)


def folder_mark(folder: Path) -> str:
    """Return what tells a folder from another in its place: names, sizes and times of its files, and its JSON.

    The pixels are not read: their checksums stand in the JSON.
    """
    digest = hashlib.sha256()
    for path in walk(folder):
        digest.update(os.fsencode(os.path.relpath(path, folder)) + b"\0")
        if path.endswith(".json"):
            digest.update(Path(path).read_bytes())
        else:
            status = os.stat(path)  # noqa: PTH116 - pathlib costs more than the system
            digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def walk(folder: Path) -> list[str]:
    """Return the paths of all files and symbolic links below a folder, sorted."""
    found = []
    waiting = [os.fspath(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    found.append(entry.path)
    return sorted(found)


def exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; False where the system or file system cannot."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    code = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return bool(code == 0)


def is_owned(folder: Path) -> bool:
    """Tell whether a living process holds the lock of a staging folder."""
    try:
        with (folder / OWNER).open("r+") as owner:
            lock_file(owner, wait=False)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def fsync_file(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_or_none(path: Path) -> bytes | None:
    """Return the bytes of a file, or None when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
