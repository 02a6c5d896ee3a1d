"""Whatever fsspec knows: memory, SFTP, HDFS, archives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stacaster.errors import AuthError, NothingFoundError, UsageError, WriteError


class OtherObjects:
    """Files of an fsspec file system; see ``Objects``."""

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            self._files, self._root = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError) as error:
            raise UsageError(f"{address.partition('?')[0]!r} cannot be opened: {error}") from error
        self._root = self._root.rstrip("/")
        self.address = address.rstrip("/")

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of every file by name."""
        with _understood(self.address):
            try:
                found = self._files.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        start = len(self._root) + 1
        return {path[start:]: int(info["size"] or 0) for path, info in found.items()}

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
