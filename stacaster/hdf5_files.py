"""HDF5 files that are open: on this disk or at their provider, with errors that say what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h5py
import numpy as np

from stacaster.errors import ReadError, StacasterError
from stacaster.hdf5_chunks import ChunkReader, LocalBytes
from stacaster.remote import Remembering, RemoteFile

if TYPE_CHECKING:
    from types import TracebackType


_MAX_TEXT = 1 << 16


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


def identification(file: h5py.File) -> dict[str, Any]:
    """Return the small values that say what a NISAR granule is, by group and name: ``identification/granuleId``."""
    found: dict[str, Any] = {}
    science = file.get("science")
    for band in science.values() if isinstance(science, h5py.Group) else ():
        inside = band.get("identification") if isinstance(band, h5py.Group) else None
        if isinstance(inside, h5py.Group):
            for name, dataset in inside.items():
                if isinstance(dataset, h5py.Dataset) and dataset.size is not None and dataset.size < _MAX_TEXT:
                    found[f"identification/{name}"] = plain(dataset[()])
    return found


def plain(value: Any) -> Any:
    """Return a value of HDF5 as text, number or list of such; None for what is none of these."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, np.ndarray):
        found = [plain(part) for part in value.ravel().tolist()]
        return found[0] if value.shape in ((), (1,)) and found else found
    if isinstance(value, np.generic):
        return None if np.iscomplexobj(value) else plain(value.item())
    return None
