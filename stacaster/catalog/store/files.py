"""Files and folders of a catalog's inner state: who owns a staging folder, what tells folders apart."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from stacaster.files.system.locks import SoftFileLock, Timeout, file_lock

OWNER = ".owner"
"""File in a staging folder that its process keeps locked."""


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


def is_owned(folder: Path) -> bool:
    """Tell whether a living process holds the lock of a staging folder."""
    owner = folder / OWNER
    if not owner.exists():
        return False
    lock = file_lock(owner, 0.0)
    # The first attempt at a lock that is a file only finds out that its owner is dead.
    for _ in range(2 if isinstance(lock, SoftFileLock) else 1):
        try:
            lock.acquire()
        except (OSError, Timeout):
            continue
        lock.release()
        return False
    return True


def read_or_none(path: Path) -> bytes | None:
    """Return the bytes of a file, or None when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
