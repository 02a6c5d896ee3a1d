"""Geometric medians of many pixels at once, and how far observations scatter about them.

Decision: the estimator is our own, in NumPy on blocks that fit the cache: over-relaxed Weiszfeld steps, Newton's steps
for the few pixels that need more, and the condition of Vardi and Zhang for medians that are observations. geomad and
hdstats stop after steps of fixed length, far from the optimum. Sums are always added in one order, so that a pixel does
not depend on its block. The weights of the bare earth are ours as well: those of Roberts, Wilford and Ghattas (2019)
could not be verified; the estimator is theirs.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stacaster import config
from stacaster.analysis.geomedian.newton import FEWEST, TINY, TOLERANCE, added, finish, settle
from stacaster.analysis.geomedian.scatter import median_deviations, nan_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["geometric_median", "median_deviations", "nan_quantile"]

_TURNS = 4
_RELAXATION = np.float32(1.5)
# Ostresh (1978), doi:10.1287/opre.26.4.597: steps of up to twice Weiszfeld's length converge.
_STEPS = 6
# Pixels that are worked on together: what one step needs stays in the cache.
_BLOCK = 16384


def geometric_median(
    values: NDArray[Any], weights: NDArray[Any] | None = None, *, threads: int | None = None
) -> NDArray[np.float32]:
    """Return the point with the smallest sum of weighted distances to the observations of each pixel.

    Weiszfeld's iteration with over-relaxation; an observation that is itself the median is found by the condition of
    Vardi and Zhang (2000), doi:10.1073/pnas.97.4.1423. A pixel's result does not depend on the other pixels.

    Args:
        values: Shape (observations, bands, pixels); an observation with a NaN in any band does not count.
        weights: Shape (observations, pixels), not negative; None weighs all alike.
        threads: Blocks of pixels that are worked on at once; None takes the processors.

    Returns:
        Shape (bands, pixels); NaN without any observation.
    """
    _, bands, pixels = values.shape
    result = np.empty((bands, pixels), np.float32)

    def run(start: int) -> _Hard:
        part = slice(start, start + _BLOCK)
        result[:, part], hard = _block(values[:, :, part], None if weights is None else weights[:, part])
        return hard._replace(where=hard.where + start)

    starts = range(0, pixels, _BLOCK)
    with ThreadPoolExecutor(threads or config.threads(4)) as pool:
        waiting: list[_Hard] = []
        for number, hard in enumerate(pool.map(run, starts), start=1):
            if hard.where.size:
                waiting.append(hard)
            # The few pixels of many blocks are finished together.
            if waiting and (sum(part.where.size for part in waiting) >= _BLOCK or number == len(starts)):
                where, points, weight, median, centre = (np.concatenate(p, axis=-1) for p in zip(*waiting, strict=True))
                waiting = []
                result[:, where] = finish(points, weight, median) + centre
    return result


class _Hard(NamedTuple):
    """Pixels that Weiszfeld's iteration did not finish."""

    where: NDArray[Any]
    points: NDArray[Any]
    weight: NDArray[Any]
    median: NDArray[Any]
    centre: NDArray[Any]


_NOTHING = _Hard(np.empty(0, np.intp), *(np.empty(0) for _ in range(4)))


def _block(values: NDArray[Any], weights: NDArray[Any] | None) -> tuple[NDArray[np.float32], _Hard]:
    observations, bands, pixels = values.shape
    width = max(pixels, FEWEST)
    valid = np.isfinite(values).all(axis=1)
    weight = np.zeros((observations, width), np.float32)
    weight[:, :pixels] = valid if weights is None else np.where(valid & (weights > 0), weights, 0)
    # Weights of very small size would vanish in sums of distances; only their ratios matter.
    top = weight.max(axis=0)
    weight /= np.where(top > 0, top, 1)
    own = values.dtype if values.dtype.kind == "f" else np.float64
    centre = np.zeros((bands, width))
    total = np.maximum(added(weight), TINY)
    points = np.zeros((observations, bands, width), np.float32)
    column = np.zeros((observations, width), own)
    for band in range(bands):
        column[:, :pixels] = values[:, band]
        # Also infinite values, and observations that lack another band.
        column[weight <= 0] = 0
        middle = (added(column * weight) / total).astype(own)
        # Differences from about the mean keep their digits in single precision, whatever the size of the values.
        np.subtract(column, middle, out=points[:, band], casting="same_kind")
        centre[band] = middle
    points *= (weight > 0)[:, None]
    if bands == 1:
        return (_weighted_median(points[:, 0], weight) + centre)[:, :pixels].astype(np.float32), _NOTHING
    found, hard = _iterate(points, weight, pixels)
    found += centre
    found[:, top <= 0] = np.nan
    easy = (points[:, :, hard], weight[:, hard], found[:, hard] - centre[:, hard], centre[:, hard])
    return found[:, :pixels].astype(np.float32), _Hard(hard, *(part.astype(np.float64) for part in easy))


def _weighted_median(points: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Return the medians of one band, shape (1, pixels): the middle between two where both are optimal."""
    order = np.where(weight > 0, points, np.inf).argsort(axis=0, kind="stable")
    ordered = np.take_along_axis(points, order, axis=0).astype(np.float64)
    passed = np.cumsum(np.take_along_axis(weight, order, axis=0).astype(np.float64), axis=0)
    half = passed[-1] / 2
    slack = passed[-1] * 1e-6
    low, high = ((passed >= half + sign * slack).argmax(axis=0) for sign in (-1, 1))
    below, above = (np.take_along_axis(ordered, at[None], axis=0) for at in (low, high))
    found: NDArray[Any] = np.where(passed[-1] > 0, (below + above) / 2, np.nan)
    return found


def _iterate(
    points: NDArray[np.float32], weight: NDArray[np.float32], pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return medians of shape (bands, pixels), relative to the start at zero, and which of the pixels are not done."""
    result = np.zeros(points.shape[1:])
    where, median = np.arange(points.shape[2]), result.astype(np.float32)
    for turn in range(_TURNS):
        distance, gradient = _walk(points, weight, median)
        done = gradient <= TOLERANCE
        if turn == 1:
            done |= settle(points, weight, median, distance)
        result[:, where] = median
        keep = np.flatnonzero(~done)
        left = np.unique(where[keep])
        if not keep.size:
            break
        if keep.size < FEWEST:
            keep = np.resize(keep, FEWEST)
        where, points, weight, median = where[keep], points[:, :, keep], weight[:, keep], median[:, keep]
    return result, left[left < pixels]


def _walk(
    points: NDArray[np.float32], weight: NDArray[np.float32], median: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take some steps of Weiszfeld's iteration, in place.

    Returns:
        Distances of the observations from the last point but one, and the length of the gradient there as a share of
        the sum of the weights.
    """
    observations, bands, width = points.shape
    offset = np.empty(points.shape, np.float32)
    distance, pull = (np.empty((observations, width), np.float32) for _ in range(2))
    weights = np.maximum(added(weight), TINY)
    for _ in range(_STEPS):
        np.subtract(points, median, out=offset)
        np.multiply(offset[:, 0], offset[:, 0], out=distance)
        for band in range(1, bands):
            np.multiply(offset[:, band], offset[:, band], out=pull)
            distance += pull
        np.sqrt(distance, out=distance)
        # A point on an observation is not pulled by it; ``settle`` looks at such points.
        np.maximum(distance, TINY, out=distance)
        np.divide(weight, distance, out=pull)
        offset *= pull[:, None]
        force = added(offset)
        median += force / np.maximum(added(pull), TINY) * _RELAXATION
    # From the force: on an observation the step is so small that its square would be nothing.
    gradient = np.asarray(np.sqrt(added(force * force)) / weights)
    return distance, gradient
