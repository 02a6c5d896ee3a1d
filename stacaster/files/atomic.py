"""Files and folders for the user that appear under their name only when they are complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stacaster.errors import ExportError, SpaceError, is_space_error


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes ``path`` at the end; after an error ``path`` is as it was.

    Raises:
        SpaceError: The disk is full.
        ExportError: The file cannot be written.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    except (OSError, RuntimeError, ValueError) as error:
        raise _named(error, path) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def complete_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to, which becomes ``path`` at the end; after an error ``path`` is as it was.

    Raises:
        SpaceError: The disk is full.
        ExportError: The folder cannot be written.
    """
    part, old = (path.with_name(f".{path.stem}.{word}{path.suffix}") for word in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    try:
        yield part
        if path.exists():
            path.replace(old)
        part.replace(path)
    except (OSError, RuntimeError, ValueError) as error:
        if old.exists() and not path.exists():
            old.replace(path)
        raise _named(error, path) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _named(error: Exception, path: Path) -> ExportError | SpaceError:
    kind = SpaceError if is_space_error(error) else ExportError
    return kind(f"{path.name} cannot be written: {getattr(error, 'strerror', None) or error}")
