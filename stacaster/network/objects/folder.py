"""A folder on this disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from stacaster.errors import NothingFoundError, SpaceError, WriteError, is_space_error


class FolderObjects:
    """Files below a folder; see ``Objects``."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.address = self._root.as_posix()

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every file."""
        for path in self._root.rglob("*"):
            if path.is_file() and not path.name.endswith(".part"):
                yield path.relative_to(self._root).as_posix(), path.stat().st_size

    def mark(self, name: str) -> str | None:
        """Return what changes when a file changes."""
        try:
            status = (self._root / name).stat()
        except OSError:
            return None
        return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError as error:
            raise NothingFoundError(f"{self._root.name} has no {name}") from error
        except OSError as error:
            raise WriteError(f"{name} cannot be read: {error.strerror}") from error

    def read_to(self, name: str, path: Path) -> None:
        """Copy a file."""
        try:
            shutil.copyfile(self._root / name, path)
        except FileNotFoundError as error:
            raise NothingFoundError(f"{self._root.name} has no {name}") from error
        except OSError as error:
            raise WriteError(f"{name} cannot be copied: {error.strerror}") from error

    def put(self, name: str, content: bytes | Path, *, content_type: str) -> None:
        """Write a file; it appears under its name when it is complete."""
        del content_type
        path = self._root / name
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, part)
            else:
                part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            kind = SpaceError if is_space_error(error) else WriteError
            raise kind(f"{name} cannot be written: {error.strerror}") from error

    def delete(self, name: str) -> None:
        """Delete a file, and folders that become empty."""
        path = self._root / name
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == self._root or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()
