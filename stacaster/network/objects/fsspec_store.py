"""Whatever fsspec knows: memory, SFTP, HDFS, archives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stacaster.errors import AuthError, NothingFoundError, UsageError, WriteError


class FsspecStore:
    """Files of an fsspec file system; see ``Objects``."""

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            self._files, self._root = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{address.partition('?')[0]!r} cannot be opened: {error}") from error
        self._root = self._root.rstrip("/")
        self.address = address.rstrip("/")

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every file, folder by folder."""
        start = len(self._root) + 1
        with _understood(self.address), suppress(FileNotFoundError):
            for folder, _, files in self._files.walk(self._root, detail=True, on_error="raise"):
                for name, info in files.items():
                    # An address of a file gives a file without a name.
                    if name:
                        yield f"{folder.rstrip('/')}/{name}"[start:], int(info["size"] or 0)

    def mark(self, name: str) -> str | None:
        """Return what changes when a file changes."""
        try:
            return str(self._files.ukey(f"{self._root}/{name}"))
        except (OSError, NotImplementedError):
            return None

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        with _understood(name):
            return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def read_to(self, name: str, path: Path) -> None:
        """Write the content of a file into one on this disk, piece by piece."""
        with _understood(name):
            self._files.get_file(f"{self._root}/{name}", str(path))

    def put(self, name: str, content: bytes | Path, *, content_type: str) -> None:
        """Write a file."""
        del content_type
        path = f"{self._root}/{name}"
        with _understood(name):
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if isinstance(content, Path):
                self._files.put_file(str(content), path)
            else:
                self._files.pipe_file(path, content)

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        try:
            with _understood(name):
                self._files.rm_file(f"{self._root}/{name}")
        except NothingFoundError:
            return


@contextmanager
def _understood(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NothingFoundError(f"there is no {name}") from error
    except PermissionError as error:
        raise AuthError(f"{name} is refused: {error.strerror or error}") from error
    except OSError as error:
        raise WriteError(f"{name} cannot be read or written: {error.strerror or error}") from error
