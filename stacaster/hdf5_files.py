"""HDF5 files that are open: on this disk or at their provider, with errors that say what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import h5py

from stacaster.errors import ReadError, StacasterError
from stacaster.hdf5_chunks import ChunkReader, LocalBytes
from stacaster.remote import Remembering, RemoteFile

if TYPE_CHECKING:
    from types import TracebackType


def only_file(files: Sequence[Path]) -> Path:
    """Return the file of a granule.

    Raises:
        ReadError: There are several.
    """
    if len(files) != 1:
        raise ReadError(f"an HDF5 granule is one file, but {len(files)} were given", granule=files[0].name)
    return files[0]


class OpenHdf5:
    """An open HDF5 file; a context manager.

    Args:
        path: The file, or its name.
        remote: Where its bytes come from, when it is not on this disk.

    Raises:
        ReadError: It is damaged, truncated or no HDF5 file.
        AuthError, FetchError: The provider refuses.
    """

    def __init__(self, path: Path, remote: RemoteFile | None = None) -> None:
        self.name, self._remote = path.name, None if remote is None else Remembering(remote)
        try:
            self.file = h5py.File(path if self._remote is None else self._remote, "r")
        except OSError as error:
            raise self.failure("the HDF5 library cannot open it", error) from error
        self._bytes = LocalBytes(path) if remote is None else remote
        self.chunks = ChunkReader(self._bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self.chunks.close()
        self.file.close()
        if isinstance(self._bytes, LocalBytes):
            self._bytes.close()

    def failure(self, what: str, error: Exception) -> StacasterError:
        """Return what really happened: the HDF5 library hides why the network gave no bytes."""
        said = None if self._remote is None else self._remote.error
        if isinstance(error, StacasterError):
            return error
        return said or ReadError(f"{what}: {error}", granule=self.name)
