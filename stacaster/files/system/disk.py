"""Files and folders: reading at an offset, durable content, names, links, free space."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from stacaster.files.system.native import c_function

_RENAME_EXCHANGE, _AT_FDCWD = 2, -100
# What file systems answer that cannot make the names of a folder durable, or do it by themselves.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EACCES, errno.ENOSYS, errno.EISDIR}
_SHARING_TRIES = 20
_seek_lock = threading.Lock()


def open_binary(path: str | os.PathLike[str]) -> int:
    """Open a file to read its bytes; child processes do not inherit it."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Return at most ``size`` bytes at an offset; threads may share the descriptor."""
    pread: Callable[[int, int, int], bytes] | None = getattr(os, "pread", None)
    if pread is not None:
        return pread(descriptor, size, offset)
    with _seek_lock:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


def read_into(descriptor: int, target: Any, offset: int) -> int:
    """Fill a buffer from an offset; return how many bytes came, fewer at the end of the file."""
    preadv: Callable[[int, list[Any], int], int] | None = getattr(os, "preadv", None)
    if preadv is not None:
        return preadv(descriptor, [target], offset)
    view, done = memoryview(target).cast("B"), 0
    while done < len(view):
        part = read_at(descriptor, len(view) - done, offset + done)
        if not part:
            break
        view[done : done + len(part)] = part
        done += len(part)
    return done


def sync_file(path: Path) -> None:
    """Wait until the disk has the content of a file.

    Raises:
        OSError: It does not take it.
    """
    # Windows writes out only what was opened for writing.
    with path.open("r+b" if sys.platform == "win32" else "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where folders can be synced.

    Raises:
        OSError: The disk does not take them.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def can_sync_all() -> bool:
    """Tell whether the system makes a whole file system durable at once."""
    return c_function("syncfs") is not None


def sync_all(folder: Path) -> None:
    """Make everything on the file system of a folder durable.

    Raises:
        OSError: The system reports an error of writing.
    """
    syncfs = c_function("syncfs")
    assert syncfs is not None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)


def exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; False where the system or file system cannot."""
    names = os.fsencode(first), os.fsencode(second)
    if (renameat2 := c_function("renameat2")) is not None:
        return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)
    # macOS.
    if (renamex := c_function("renamex_np")) is not None:
        return bool(renamex(names[0], names[1], _RENAME_EXCHANGE) == 0)
    return False


def move(source: Path, target: Path) -> None:
    """Give a file or folder its name; a file of that name is replaced.

    Windows refuses while another program has the file open for a moment, as virus scanners do: it is tried for some
    seconds.

    Raises:
        OSError: It cannot be moved.
    """
    for remaining in reversed(range(_SHARING_TRIES if sys.platform == "win32" else 1)):
        try:
            os.replace(source, target)  # noqa: PTH105 - a commit of many items calls this for each of them
        except PermissionError:
            if not remaining:
                raise
            time.sleep(0.1)
        else:
            return


def link_or_copy(source: Path, target: Path) -> bool:
    """Give a file a second name; False when it had to be copied, which is then on the disk.

    Raises:
        OSError: It can be neither linked nor copied.
    """
    link: Callable[..., None] | None = getattr(os, "link", None)
    if link is not None:
        with suppress(OSError, NotImplementedError):
            # What a symbolic link leads to, not the link.
            link(os.path.realpath(source), target)
            return True
    shutil.copyfile(source, target)
    sync_file(target)
    return False


def refer(name: Path, target: Path) -> None:
    """Make a file known by another name for a while: a symbolic link, else a hard link, else a copy."""
    try:
        name.symlink_to(target)
    except (OSError, NotImplementedError):
        link_or_copy(target, name)


def free_space(folder: Path) -> int | None:
    """Return the bytes that this user may still write into a folder; None when the system does not say."""
    usage: Callable[[Path], Any] | None = getattr(shutil, "disk_usage", None)
    try:
        return None if usage is None else int(usage(folder).free)
    except (OSError, AttributeError):
        return None


@cache
def ignores_case(folder: Path) -> bool:
    """Tell whether ``a`` and ``A`` are one name in an existing folder, as on macOS and Windows."""
    other = folder.with_name(folder.name.swapcase())
    try:
        return other.name != folder.name and other.exists() and other.samefile(folder)
    except OSError:
        return False
