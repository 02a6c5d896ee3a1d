"""Files and folders for the user that appear under their name only when they are complete."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stacaster.errors import ExportError, SpaceError, StacasterError, WriteError, is_space_error
from stacaster.files.read_back import read_back
from stacaster.files.system.disk import move, sync_file

_PROBE = bytes(1 << 20)


@contextmanager
def complete_file(path: Path, *, check: Callable[[Path], None] = read_back) -> Iterator[Path]:
    """Give a path to write to, which becomes ``path`` at the end; after an error ``path`` is as it was.

    The folder of the file is made when it is missing. What was written is read back before it gets its name: GDAL and
    other libraries close a file on a full disk without a word.

    Args:
        path: File to write.
        check: Reads what was written and raises where it is damaged.

    Raises:
        SpaceError: The disk is full.
        WriteError: What was written cannot be read back.
        ExportError: The file cannot be written.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            sync_file(part)
        except (OSError, RuntimeError, ValueError) as error:
            raise _named(error, path, part) from error
        _check(part, path, check)
        try:
            move(part, path)
        except OSError as error:
            raise _named(error, path, part) from error
    finally:
        _discard(part)


@contextmanager
def complete_folder(path: Path, *, check: Callable[[Path], None]) -> Iterator[Path]:
    """Give a folder to write to, which becomes ``path`` at the end; after an error ``path`` is as it was.

    Args:
        path: Folder to write.
        check: Reads what was written and raises where it is damaged.

    Raises:
        SpaceError: The disk is full.
        WriteError: What was written cannot be read back.
        ExportError: The folder cannot be written.
    """
    part, old = (path.with_name(f".{path.stem}.{word}{path.suffix}") for word in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    if old.exists() and not path.exists():
        # A process was killed between the two renames.
        old.replace(path)
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
        except (OSError, RuntimeError, ValueError) as error:
            raise _named(error, path, part) from error
        _check(part, path, check)
        try:
            if path.exists():
                move(path, old)
            move(part, path)
        except OSError as error:
            if old.exists() and not path.exists():
                old.replace(path)
            raise _named(error, path, part) from error
    finally:
        _remove_folder(part)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def _remove_folder(path: Path) -> None:
    """Remove a folder into which threads of a library that failed may still write."""
    for wait_s in (0.0, 0.01, 0.1, 0.5, 1.0):
        time.sleep(wait_s)
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return


def _check(part: Path, path: Path, check: Callable[[Path], None]) -> None:
    try:
        check(part)
    except StacasterError:
        raise
    except Exception as error:
        if is_space_error(error) or _is_full(part):
            raise SpaceError(f"{path} cannot be written: no space is left on the disk") from error
        raise WriteError(f"{path}: what was written cannot be read back ({type(error).__name__}: {error})") from error


def _named(error: Exception, path: Path, part: Path) -> ExportError | SpaceError:
    reason = getattr(error, "strerror", None) or error
    if is_space_error(error) or _is_full(part):
        return SpaceError(f"{path} cannot be written: no space is left on the disk ({reason})")
    return ExportError(f"{path} cannot be written: {reason}")


def _is_full(part: Path) -> bool:
    """Tell whether nothing more can be written: libraries hide the system's word for it behind one of their own."""
    if not part.exists():
        return False
    name = part if part.is_file() else part / ".probe"
    try:
        with name.open("ab", buffering=0) as file:
            view = memoryview(_PROBE)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
    except OSError as error:
        return is_space_error(error)
    return False


def _discard(part: Path) -> None:
    for path in (part, *(part.with_name(f"{part.name}{end}") for end in ("-journal", "-wal", "-shm", ".aux.xml"))):
        with suppress(OSError):
            path.unlink(missing_ok=True)
