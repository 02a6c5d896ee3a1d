"""Exact statistics of pixels, a few rows at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.model import BandStatistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 64
_HISTOGRAM = {"uint8": 0, "int8": -(1 << 7), "uint16": 0, "int16": -(1 << 15)}


class StatisticsOf:
    """Exact statistics of the valid pixels of a band that comes in strips; complex bands have none.

    Args:
        data_type: Type of the pixels.
        nodata: Value of invalid pixels; NaN and infinity are never valid.
    """

    def __init__(self, data_type: np.dtype[Any], nodata: int | float | None) -> None:
        self._type, self._nodata, self._seen = data_type, nodata, 0
        self._lowest = _HISTOGRAM.get(data_type.name)
        # Bytes are counted in pairs, which takes half the time; those without a partner for themselves.
        self._counts = np.zeros(0 if self._lowest is None else 1 << 16, dtype=np.int64)
        self._single = np.zeros(256, dtype=np.int64)
        self._space = np.empty(0, dtype=np.intp)
        self._total, self._mean, self._squares = 0, 0.0, 0.0
        self._low, self._high = math.inf, -math.inf

    def add(self, strip: NDArray[Any]) -> None:
        """Take the next rows."""
        self._seen += strip.size
        if self._type.kind == "c":
            return
        for start in range(0, strip.shape[0], _ROWS):
            block = strip[start : start + _ROWS]
            if self._lowest is not None:
                self._count(np.ascontiguousarray(block).reshape(-1))
            else:
                self._add_moments(block)

    def _count(self, values: NDArray[Any]) -> None:
        if values.size % 2 and values.itemsize == 1:
            self._single[values[-1:].view(np.uint8)] += 1
            values = values[:-1]
        numbers = values.view("<u2")
        if self._space.size < numbers.size:
            self._space = np.empty(numbers.size, dtype=np.intp)
        # NumPy counts numbers of this type without a copy of its own.
        space = self._space[: numbers.size]
        space[...] = numbers
        self._counts += np.bincount(space, minlength=1 << 16)

    def _add_moments(self, block: NDArray[Any]) -> None:
        """Merge mean and squared deviations of blocks (Chan, Golub, LeVeque 1983): no difference of large sums.

        Sums only, no dot product: its last digits depend on the number of threads of the linear algebra library.
        """
        valid = np.isfinite(block)
        if self._nodata is not None and not math.isnan(self._nodata):
            valid &= block != block.dtype.type(self._nodata)
        stored = block[valid]
        values = stored.astype(np.float64)
        if values.size:
            mean = float(values.mean())
            difference, share = mean - self._mean, values.size / (self._total + values.size)
            values -= mean
            self._squares += float(np.square(values, out=values).sum()) + difference * difference * self._total * share
            self._mean += difference * share
            self._total += values.size
            self._low = min(self._low, float(stored.min()))
            self._high = max(self._high, float(stored.max()))

    def result(self) -> BandStatistics | None:
        """Return the statistics, or None when no pixel is valid."""
        if self._lowest is not None:
            return self._of_histogram()
        if not self._total:
            return None
        return _made((self._low, self._high), (self._mean, self._squares / self._total), self._total, self._seen)

    def _of_histogram(self) -> BandStatistics | None:
        counts = self._counts
        if self._type.itemsize == 1:
            pairs = counts.reshape(256, 256)
            counts = pairs.sum(axis=0) + pairs.sum(axis=1) + self._single
        values = np.arange(counts.size, dtype=np.int64)
        if self._lowest:
            values[counts.size // 2 :] -= counts.size
        if self._nodata is not None:
            counts = np.where(values == self._nodata, 0, counts)
        used = np.flatnonzero(counts)
        if not used.size:
            return None
        values, counts = values[used], counts[used]
        total = int(counts.sum())
        # Whole numbers stay exact in Python, so that the result does not depend on the order of the sum.
        first = sum(int(v) * int(n) for v, n in zip(values, counts, strict=True))
        second = sum(int(v) * int(v) * int(n) for v, n in zip(values, counts, strict=True))
        moments = first / total, (second * total - first * first) / (total * total)
        return _made((int(values.min()), int(values.max())), moments, total, self._seen)


def _made(limits: tuple[float, float], moments: tuple[float, float], total: int, size: int) -> BandStatistics:
    (low, high), (mean, variance) = limits, moments
    return BandStatistics(
        minimum=float(low),
        maximum=float(high),
        mean=float(mean),
        stddev=math.sqrt(variance),
        valid_percent=100.0 * total / size,
    )
