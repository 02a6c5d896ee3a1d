"""An array in a plain file: pieces are written and read at their places, and none of it stays in memory."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DiskArray:
    """An array whose values lie in a file, as Dask stores into and reads from.

    A memory map would count as address space, which workers have little of.

    Args:
        path: File; made at its full size, without taking the room before it is written.
        shape: Shape of the array.
        dtype: Type of its values.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype, self.ndim = shape, dtype, len(shape)
        self._file = path.open("w+b", buffering=0)
        self._file.truncate(max(1, math.prod(shape) * dtype.itemsize))
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __setitem__(self, key: Any, values: Any) -> None:
        where = self._slices(key)
        shape = tuple(part.stop - part.start for part in where)
        whole = np.ascontiguousarray(np.broadcast_to(np.asarray(values, dtype=self.dtype), shape))
        lines = whole.reshape(-1, shape[-1] if shape else 1)
        for line, offset in zip(lines, self._offsets(where), strict=True):
            content, done = line.tobytes(), 0
            with self._lock:
                self._file.seek(offset)
                while done < len(content):
                    done += self._file.write(content[done:])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        where = self._slices(key)
        shape = tuple(part.stop - part.start for part in where)
        found = np.empty(shape, self.dtype)
        lines = found.reshape(-1, shape[-1] if shape else 1)
        size = lines.shape[1] * self.dtype.itemsize
        for line, offset in zip(lines, self._offsets(where), strict=True):
            with self._lock:
                self._file.seek(offset)
                line[:] = np.frombuffer(self._file.read(size), self.dtype)
        return found

    def _slices(self, key: Any) -> list[slice]:
        """Return one slice a dimension with start and end; all that Dask asks for has a step of one."""
        parts = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in parts:
            at = parts.index(Ellipsis)
            parts[at : at + 1] = [slice(None)] * (self.ndim - len(parts) + 1)
        parts += [slice(None)] * (self.ndim - len(parts))
        return [slice(*part.indices(size)[:2]) for part, size in zip(parts, self.shape, strict=True)]

    def _offsets(self, where: list[slice]) -> Iterator[int]:
        """Yield where each line along the last dimension begins in the file."""
        strides = [math.prod(self.shape[n + 1 :]) * self.dtype.itemsize for n in range(self.ndim)]
        last = where[-1].start * strides[-1] if where else 0
        for position in np.ndindex(*(part.stop - part.start for part in where[:-1])):
            yield last + sum(
                (part.start + step) * stride for part, step, stride in zip(where, position, strides, strict=False)
            )
