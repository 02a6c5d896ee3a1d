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


def band_statistics(pixels: NDArray[Any], nodata: int | float | None) -> BandStatistics | None:
    """Return exact statistics of the valid pixels.

    Args:
        pixels: Array of shape (rows, cols).
        nodata: Value of invalid pixels; NaN and infinity are never valid.

    Returns:
        Statistics, or None when no pixel is valid.
    """
    name = str(pixels.dtype)
    if name in _HISTOGRAM:
        return _from_histogram(pixels, nodata, _HISTOGRAM[name])
    return _from_moments(pixels, nodata)


def _from_histogram(pixels: NDArray[Any], nodata: int | float | None, lowest: int) -> BandStatistics | None:
    size = 1 << (8 * pixels.dtype.itemsize)
    unsigned = pixels.view(f"u{pixels.dtype.itemsize}")
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, pixels.shape[0], _ROWS):
        counts += _counts(np.ascontiguousarray(unsigned[start : start + _ROWS]).ravel(), size)
    values = np.arange(size, dtype=np.int64)
    if lowest:
        values[size // 2 :] -= size
    if nodata is not None:
        counts[values == nodata] = 0
    used = np.flatnonzero(counts)
    if not used.size:
        return None
    values, counts = values[used], counts[used]
    total = int(counts.sum())
    # Whole numbers stay exact in Python, so that the result does not depend on the order of the sum.
    first = sum(int(v) * int(n) for v, n in zip(values, counts, strict=True))
    second = sum(int(v) * int(v) * int(n) for v, n in zip(values, counts, strict=True))
    moments = first / total, (second * total - first * first) / (total * total)
    return _made((int(values.min()), int(values.max())), moments, total, pixels.size)


def _counts(values: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Return how often each value occurs; bytes are counted in pairs, which takes half the time."""
    if values.dtype != np.uint8:
        return np.bincount(values, minlength=size)
    even = values.size // 2 * 2
    pairs = np.bincount(values[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    counts: NDArray[np.int64] = pairs.sum(axis=0) + pairs.sum(axis=1)
    if values.size > even:
        counts[values[-1]] += 1
    return counts


def _from_moments(pixels: NDArray[Any], nodata: int | float | None) -> BandStatistics | None:
    """Merge mean and squared deviations of blocks (Chan, Golub, LeVeque 1983): no difference of large sums.

    Sums only, no dot product: its last digits depend on the number of threads of the linear algebra library.
    """
    total, mean, squares = 0, 0.0, 0.0
    low, high = math.inf, -math.inf
    for start in range(0, pixels.shape[0], _ROWS):
        block = pixels[start : start + _ROWS]
        valid = np.isfinite(block)
        if nodata is not None and not math.isnan(nodata):
            valid &= block != block.dtype.type(nodata)
        values = block[valid].astype(np.float64)
        if values.size:
            block_mean = float(values.mean())
            difference, share = block_mean - mean, values.size / (total + values.size)
            squares += float(np.square(values - block_mean).sum()) + difference * difference * total * share
            mean += difference * share
            total += values.size
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not total:
        return None
    return _made((low, high), (mean, squares / total), total, pixels.size)


def _made(limits: tuple[float, float], moments: tuple[float, float], total: int, size: int) -> BandStatistics:
    (low, high), (mean, variance) = limits, moments
    return BandStatistics(
        minimum=float(low),
        maximum=float(high),
        mean=float(mean),
        stddev=math.sqrt(variance),
        valid_percent=100.0 * total / size,
    )
