"""Windows of HDF5 datasets straight from their stored chunks: unpacked by several threads, read only where they lie.

The HDF5 library finds the chunks; their bytes come from the file, or from a server in a few large requests, and are
unpacked here. Datasets with filters other than deflate and shuffle are left to the library.

Decision: the library gives only the offsets of chunks, and several threads unpack deflate and shuffle. Over the network
the chunks of an area come in few merged requests, with a small block cache for the structure; groups that are not
wanted are not looked at. One connection serves up to 4 MiB, because a new one costs several round trips.
"""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import h5py
import numpy as np

from stacaster.config import threads
from stacaster.files.system.disk import open_binary, read_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

Window = tuple[slice, ...]
"""First and last + 1 of each dimension, as slices with a start and a stop."""

_DEFLATE, _SHUFFLE = 1, 2
_BATCH_BYTES = 24 << 20


class ChunkError(OSError):
    """A chunk whose bytes are not what they should be; the text says which."""


class Bytes(Protocol):
    """Where the bytes of a file come from."""

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes from the first up to the second number (excluded) of each pair."""
        ...


class LocalBytes:
    """The bytes of a file on disk.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._handle = open_binary(path)

    def close(self) -> None:
        """Release the file."""
        os.close(self._handle)

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes from the first up to the second number (excluded) of each pair."""
        return [read_at(self._handle, end - start, start) for start, end in ranges]


@dataclass(frozen=True)
class _Chunk:
    origin: tuple[int, ...]
    offset: int
    size: int
    skipped: int


class ChunkReader:
    """Reads windows of the datasets of one file.

    Args:
        source: Bytes of the file.
    """

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self._pool = ThreadPoolExecutor(max(2, threads(4)), thread_name_prefix="chunks")

    def close(self) -> None:
        """Release the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def strips(self, dataset: h5py.Dataset, window: Window) -> Iterator[NDArray[Any]]:
        """Yield a window of a dataset along its first dimension, whole rows of chunks at a time.

        Args:
            dataset: Of one dimension or more.
            window: What to read.

        Raises:
            ChunkError: A chunk is damaged.
            OSError, ValueError: The library cannot read the dataset.
        """
        filters = _filters(dataset)
        if filters is None or not all(part.stop > part.start for part in window):
            yield from _by_library(dataset, window)
            return
        for rows in _batches(dataset, window):
            part = (rows, *window[1:])
            chunks = _chunks(dataset, part)
            result = np.empty(tuple(piece.stop - piece.start for piece in part), dtype=dataset.dtype)
            if any(chunk.offset < 0 for chunk in chunks):
                result[...] = dataset.fillvalue
            stored = [chunk for chunk in chunks if chunk.offset >= 0]
            contents = self._source.read_many([(chunk.offset, chunk.offset + chunk.size) for chunk in stored])
            jobs = [
                self._pool.submit(_place, dataset.name, content, chunk, filters, dataset.chunks, part, result)
                for chunk, content in zip(stored, contents, strict=True)
            ]
            del contents
            for job in jobs:
                job.result()
            yield result

    def read(self, dataset: h5py.Dataset, window: Window) -> NDArray[Any]:
        """Return a window of a dataset; see ``strips``."""
        parts = list(self.strips(dataset, window))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _filters(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    """Return the filters of a chunked dataset in the order of packing, or None when the library has to read it."""
    if dataset.chunks is None or dataset.dtype.hasobject or dataset.dtype.kind in "OSUV":
        return None
    created = dataset.id.get_create_plist()
    found = tuple(created.get_filter(number)[0] for number in range(created.get_nfilters()))
    # Packed twice is nothing that anybody writes: the library reads it.
    is_known = set(found) <= {_DEFLATE, _SHUFFLE} and len(set(found)) == len(found)
    return found if is_known else None


def _by_library(dataset: h5py.Dataset, window: Window) -> Iterator[NDArray[Any]]:
    row = max(1, int(np.prod(dataset.shape[1:], dtype=np.int64)) * dataset.dtype.itemsize)
    step = max(1, _BATCH_BYTES // row)
    for start in range(window[0].start, window[0].stop, step):
        yield np.asarray(dataset[(slice(start, min(start + step, window[0].stop)), *window[1:])])


def _batches(dataset: h5py.Dataset, window: Window) -> Iterator[slice]:
    """Yield rows that end where chunks end, and hold no more than some megabytes."""
    across = int(np.prod([part.stop - part.start for part in window[1:]], dtype=np.int64)) * dataset.dtype.itemsize
    height = dataset.chunks[0] * max(1, _BATCH_BYTES // max(1, across * dataset.chunks[0]))
    start = window[0].start
    while start < window[0].stop:
        stop = min((start // height + 1) * height, window[0].stop)
        yield slice(start, stop)
        start = stop


def _chunks(dataset: h5py.Dataset, window: Window) -> list[_Chunk]:
    steps = [
        range(part.start // size * size, part.stop, size) for part, size in zip(window, dataset.chunks, strict=True)
    ]
    found = []
    for origin in itertools.product(*steps):
        info = dataset.id.get_chunk_info_by_coord(origin)
        there = info.byte_offset is not None and info.size > 0
        found.append(_Chunk(origin, info.byte_offset if there else -1, info.size if there else 0, info.filter_mask))
    return found


def _place(
    name: str,
    content: bytes,
    chunk: _Chunk,
    filters: tuple[int, ...],
    sizes: tuple[int, ...],
    window: Window,
    result: NDArray[Any],
) -> None:
    """Unpack a chunk and put what lies in the window into the result."""
    if len(content) != chunk.size:
        raise ChunkError(f"the file ends within the chunk at {chunk.origin} of {name}")
    data: Any = content
    kind = result.dtype
    size = int(np.prod(sizes)) * kind.itemsize
    for number in reversed(range(len(filters))):
        if chunk.skipped >> number & 1:
            continue
        data = _inflated(data, size, name, chunk) if filters[number] == _DEFLATE else _unshuffled(data, kind.itemsize)
    if len(data) != size:
        raise ChunkError(f"the chunk at {chunk.origin} of {name} has {len(data)} bytes instead of {size}")
    values = np.frombuffer(data, dtype=kind).reshape(sizes)
    inside, target = [], []
    for first, length, part in zip(chunk.origin, sizes, window, strict=True):
        low, high = max(first, part.start), min(first + length, part.stop)
        inside.append(slice(low - first, high - first))
        target.append(slice(low - part.start, high - part.start))
    result[tuple(target)] = values[tuple(inside)]


def _inflated(data: Any, size: int, name: str, chunk: _Chunk) -> Any:
    """Unpack a chunk with libdeflate, which takes less than half the time of zlib but has to know the size."""
    codecs: Any = importlib.import_module("imagecodecs")
    try:
        return codecs.deflate_decode(data, out=size)
    except RuntimeError as error:
        raise OSError(f"the chunk at {chunk.origin} of {name} is damaged: {error}") from error


def _unshuffled(data: Any, size: int) -> Any:
    """Return elements from their first bytes, their second bytes, and so on; what is left over stays as it is."""
    if size == 1:
        return data
    count = len(data) // size
    planes = np.frombuffer(data, dtype=np.uint8)
    result = np.empty((count, size), dtype=np.uint8)
    for rank in range(size):
        result[:, rank] = planes[rank * count : (rank + 1) * count]
    rest = planes[count * size :]
    whole = result.reshape(-1)
    return (np.concatenate([whole, rest]) if rest.size else whole).data
