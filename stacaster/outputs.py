"""Files for the user that appear under their name only when they are complete."""

from __future__ import annotations

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
        kind = SpaceError if is_space_error(error) else ExportError
        raise kind(f"{path.name} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        part.unlink(missing_ok=True)
