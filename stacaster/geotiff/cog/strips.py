"""The levels of a band from its rows as they come: packed, hashed and counted, a row of tiles of each in memory.

Decision: rows come as the reader has them, and packed levels wait in spools until the smallest can be written first, so
that memory does not grow with the image. Complex bands have no predictor, which not all readers know for them, and no
statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import WriteError
from stacaster.geotiff.cog.overviews import halve
from stacaster.geotiff.cog.profiles import CogProfile
from stacaster.geotiff.cog.statistics import StatisticsOf
from stacaster.geotiff.cog.tiff import RawTag, TiffSpool
from stacaster.geotiff.cog.verify import ExpectedLevel
from stacaster.model import SceneBand

if TYPE_CHECKING:
    from numpy.typing import NDArray


# Bands up to this size stay in memory until they are verified.
_KEPT_BYTES = 40 << 20


class BandWriter:
    """Takes the rows of a band and makes what a COG is written from.

    Args:
        shapes: Rows and columns of each level, full resolution first.
        scene_band: What the band is.
        profile: How to pack.
        raw: Tags of the first directory.
        path: File that will be written.
        pool: Threads that work on one row of tiles together; None does all here.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        scene_band: SceneBand,
        profile: CogProfile,
        *,
        raw: Mapping[int, RawTag],
        path: Path,
        pool: Executor | None = None,
    ) -> None:
        self._band, self._block, self._name, self._shapes = scene_band.band, profile.block, path.name, shapes
        self._type = np.dtype(scene_band.band.data_type).newbyteorder("<")
        self.spool = TiffSpool(shapes, self._type, tags=raw, profile=profile, folder=path.parent)
        self.statistics = StatisticsOf(self._type, scene_band.band.nodata)
        self._pool = pool
        size = shapes[0][0] * shapes[0][1] * self._type.itemsize
        self.levels = [ExpectedLevel(keep=size <= _KEPT_BYTES, hashed=not number or size > _KEPT_BYTES)
                       for number, _ in enumerate(shapes)]  # fmt: skip
        self._pending: list[list[NDArray[Any]]] = [[] for _ in shapes]
        self._done = [0] * len(shapes)

    def close(self) -> None:
        """Release what waits."""
        self.spool.close()

    def take(self, strips: Iterator[NDArray[Any]]) -> None:
        """Take all rows of the band.

        Raises:
            WriteError: They are of another type or number than the band has.
            OSError: The disk is full.
        """
        rows, cols = self._shapes[0]
        taken = 0
        for strip in strips:
            name = strip.dtype.newbyteorder("=").name
            if strip.ndim != 2 or strip.shape[1] != cols or taken + strip.shape[0] > rows:
                raise self._unfit(f"shape {strip.shape} from row {taken} on")
            if name != self._band.data_type:
                raise WriteError(f"{self._name}: pixels are {name}, but the band is {self._band.data_type}")
            if strip.shape[0] < rows and self.levels[0].kept is not None:
                strip = strip.copy()  # noqa: PLW2901 - the reader may use its memory again
            taken += strip.shape[0]
            self._push(0, np.asarray(strip, dtype=self._type))
        if taken != rows:
            raise self._unfit(f"shape {(taken, cols)}")

    def _unfit(self, found: str) -> WriteError:
        return WriteError(f"{self._name}: pixels of {found} do not fit a grid of {tuple(self._shapes[0])}")

    def _push(self, level: int, strip: NDArray[Any]) -> None:
        """Add rows to a level; whole rows of tiles go on."""
        pending = self._pending[level]
        start = 0
        while start < len(strip):
            missing = self._block - sum(len(part) for part in pending)
            pending.append(strip[start : start + missing])
            start += len(pending[-1])
            there = sum(len(part) for part in pending)
            if there == self._block or self._done[level] + there == self._shapes[level][0]:
                whole = np.ascontiguousarray(pending[0] if len(pending) == 1 else np.concatenate(pending))
                pending.clear()
                self._finish(level, whole)
        # Rows that wait must not keep a whole band alive, nor change when their owner is used again.
        pending[:] = [part if part.base is None else part.copy() for part in pending]

    def _finish(self, level: int, strip: NDArray[Any]) -> None:
        self._done[level] += len(strip)
        beside = [self._begin(self.levels[level].add, strip)]
        if level == 0:
            beside.append(self._begin(self.statistics.add, strip))
        tiles = self.spool.pack(strip, spread=map if self._pool is None else self._pool.map)
        smaller = None
        if level + 1 < len(self._shapes):
            smaller = halve(strip, kind=self._band.kind, nodata=self._band.nodata)
        self.spool.add(level, tiles)
        if smaller is not None:
            self._push(level + 1, smaller)
        for work in beside:
            if work is not None:
                work.result()

    def _begin(self, function: Callable[[Any], None], argument: Any) -> Future[None] | None:
        if self._pool is not None:
            return self._pool.submit(function, argument)
        function(argument)
        return None
