"""HDF5 files that are open: on this disk or at their provider, with errors that say what really happened.

Decision: what the HDF5 library says stays the cause of an error, because its texts name its own functions and
addresses; the message says what the file shows (truncated, by the size in its superblock; damaged; in use).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from stacaster.errors import ReadError, StacasterError
from stacaster.files.hdf5_links import require_own_links
from stacaster.formats.granule_files import Closing
from stacaster.formats.hdf5.chunks import ChunkError, ChunkReader, LocalBytes
from stacaster.network.remote import ErrorCapturingFile, RemoteFile

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAD_BYTES = 96
_GAP = 1 << 15
_AGAIN = "download it again, and compare size and checksum with what the provider states"
_MAX_TEXT = 1 << 16


class OpenHdf5(Closing):
    """An open HDF5 file; a context manager.

    Args:
        path: The file, or its name.
        remote: Where its bytes come from, when it is not on this disk.

    Raises:
        ReadError: It is damaged, truncated, no HDF5 file, or leads to other files.
        AuthError, FetchError: The provider refuses.
    """

    def __init__(self, path: Path, remote: RemoteFile | None = None) -> None:
        self.name, self._remote = path.name, None if remote is None else ErrorCapturingFile(remote)
        self._path = None if remote is not None else path
        try:
            self.file = h5py.File(path if self._remote is None else self._remote, "r")
        except OSError as error:
            raise failure("it cannot be opened", error, path.name, path, self._remote) from error
        if remote is None:
            try:
                require_own_links(self.file, path.name)
            except ReadError:
                self.file.close()
                raise
        self._bytes = LocalBytes(path) if remote is None else remote
        self.chunks = ChunkReader(self._bytes)

    def close(self) -> None:
        """Release the file."""
        self.chunks.close()
        self.file.close()
        if isinstance(self._bytes, LocalBytes):
            self._bytes.close()

    def read_ahead(self, *datasets: h5py.Dataset) -> None:
        """Move datasets that lie beside each other in the file at its provider with one request instead of several."""
        if not isinstance(self._bytes, RemoteFile):
            return
        found = [(dataset.id.get_offset(), dataset.id.get_storage_size()) for dataset in datasets]
        spans = [(start, start + size) for start, size in found if start is not None]
        if len(spans) > 1:
            first, last = min(start for start, _ in spans), max(end for _, end in spans)
            if last - first <= sum(end - start for start, end in spans) + _GAP:
                self._bytes.read_at(first, last)

    def failure(self, what: str, error: Exception) -> StacasterError:
        """Return what really happened: the HDF5 library hides why the network gave no bytes."""
        return failure(what, error, self.name, self._path, self._remote)


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


def failure(
    what: str, error: Exception, name: str, path: Path | None, remote: ErrorCapturingFile | None
) -> StacasterError:
    """Return an error in words that help: what the HDF5 library says names its own functions and addresses.

    Args:
        what: What could not be done.
        error: What was raised; it stays the cause.
        name: Name of the granule.
        path: The file on this disk.
        remote: The file at its provider, instead.
    """
    if isinstance(error, StacasterError):
        return error
    if remote is not None and remote.error is not None:
        return remote.error
    if isinstance(error, ChunkError):
        return ReadError(f"{what}: {error}; {_AGAIN}", granule=name)
    try:
        if remote is not None:
            size, head = remote.size, remote.head(_HEAD_BYTES)
        else:
            assert path is not None
            with path.open("rb") as file:
                size, head = os.fstat(file.fileno()).st_size, file.read(_HEAD_BYTES)
    except StacasterError as passing:
        return passing
    except OSError as closed:
        return ReadError(f"{what}: {closed.strerror or closed}", granule=name)
    return ReadError(f"{what}: {_problem(size, head, error)}", granule=name)


def _problem(size: int, head: bytes, error: Exception) -> str:
    """Return what is wrong with a file that the HDF5 library gave up on."""
    if not head.startswith(_SIGNATURE):
        return f"it does not begin like an HDF5 file; {_AGAIN}"
    stated = stated_size(head)
    if stated is not None and stated > size:
        return f"it is truncated, {size:,} of {stated:,} bytes are there; download it again"
    if isinstance(error, BlockingIOError):
        return "another program writes to it; wait until that is done"
    if "filter" in str(error) and ("required" in str(error) or "not registered" in str(error)):
        return "it is packed with a filter that this HDF5 library does not have"
    return f"it is damaged; {_AGAIN}"


def stated_size(head: bytes) -> int | None:
    """Return the bytes that an HDF5 file says it has; None where its first bytes do not say it.

    Source: HDF5 File Format Specification 3.0, section II.A, superblock versions 0 to 3.

    Args:
        head: First bytes of the file, 96 of them.
    """
    if len(head) < _HEAD_BYTES or not head.startswith(_SIGNATURE):
        return None
    version = head[8]
    if version not in (0, 1, 2, 3):
        return None
    width = head[13] if version < 2 else head[9]
    begin = {0: 24, 1: 28}.get(version, 12)
    if width not in (2, 4, 8):
        return None
    base, _, end = (int.from_bytes(head[begin + n * width : begin + (n + 1) * width], "little") for n in range(3))
    return base + end
