"""Locks between processes."""

from __future__ import annotations

import errno
import sys
import tempfile
import warnings
from pathlib import Path

from stacaster.files.system.native import optional_module

with warnings.catch_warnings():
    # Where Python knows no locks, filelock says at import that a file is the lock: so it is meant here.
    warnings.simplefilter("ignore")
    from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

__all__ = ["BaseFileLock", "SoftFileLock", "Timeout", "file_lock", "has_locks"]

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_locks_of_devices: dict[int, bool] = {}


def file_lock(path: Path, timeout_s: float) -> BaseFileLock:
    """Return a lock between processes, which threads may hand on; not taken yet.

    Where the file system knows no locks, a file that stands beside ``path`` is the lock. It outlives a process that was
    killed: one of this machine is recognised as dead, one of another machine is not.

    Args:
        path: File that is locked; made when it is missing.
        timeout_s: Longest wait of ``acquire``; 0 asks once.
    """
    if has_locks(path.parent):
        return FileLock(path, timeout=timeout_s, thread_local=False)
    return SoftFileLock(path.with_name(f"{path.name}.soft"), timeout=timeout_s, thread_local=False)


def has_locks(folder: Path) -> bool:
    """Tell whether files of a folder can be locked by the system."""
    if sys.platform == "win32":
        return True
    try:
        return _device_has_locks(folder.stat().st_dev, folder)
    except OSError:
        return True  # The lock itself says what is wrong with the folder.


def _device_has_locks(device: int, folder: Path) -> bool:
    if device not in _locks_of_devices:
        fcntl = optional_module("fcntl")
        known = fcntl is not None
        if known:
            with tempfile.TemporaryFile(dir=folder) as probe:
                try:
                    fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    known = error.errno not in _NO_LOCKS
        _locks_of_devices[device] = known
    return _locks_of_devices[device]
