"""Geometric medians of many pixels at once, and how far observations scatter about them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TOLERANCE = 1e-4
"""Largest length of the gradient, as a share of the sum of the weights, at which a pixel is done."""
_TURNS = 4
_MAX_NEWTON = 60
_RELAXATION = np.float32(1.5)
# Ostresh (1978), doi:10.1287/opre.26.4.597: steps of up to twice Weiszfeld's length converge.
_STEPS = 6
_TINY = np.float32(1e-30)
# Pixels that are worked on together: what one step needs stays in the cache.
_BLOCK = 16384
# Fewer columns than this and NumPy would add in another order: a pixel must not depend on its neighbours.
_FEWEST = 64


def geometric_median(
    values: NDArray[Any], weights: NDArray[Any] | None = None, *, threads: int = 2
) -> NDArray[np.float32]:
    """Return the point with the smallest sum of weighted distances to the observations of each pixel.

    Weiszfeld's iteration with over-relaxation; an observation that is itself the median is found by the condition of
    Vardi and Zhang (2000), doi:10.1073/pnas.97.4.1423. A pixel's result does not depend on the other pixels.

    Args:
        values: Shape (observations, bands, pixels); an observation with a NaN in any band does not count.
        weights: Shape (observations, pixels), not negative; None weighs all alike.
        threads: Blocks of pixels that are worked on at once.

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
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[_Hard] = []
        for number, hard in enumerate(pool.map(run, starts), start=1):
            if hard.where.size:
                waiting.append(hard)
            # The few pixels of many blocks are finished together.
            if waiting and (sum(part.where.size for part in waiting) >= _BLOCK or number == len(starts)):
                where, points, weight, median, centre = (np.concatenate(p, axis=-1) for p in zip(*waiting, strict=True))
                waiting = []
                result[:, where] = _finish(points, weight, median) + centre
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
    width = max(pixels, _FEWEST)
    valid = np.isfinite(values).all(axis=1)
    weight = np.zeros((observations, width), np.float32)
    weight[:, :pixels] = valid if weights is None else np.where(valid & (weights > 0), weights, 0)
    # Weights of very small size would vanish in sums of distances; only their ratios matter.
    top = weight.max(axis=0)
    weight /= np.where(top > 0, top, 1)
    own = values.dtype if values.dtype.kind == "f" else np.float64
    centre = np.zeros((bands, width))
    total = np.maximum(_added(weight), _TINY)
    points = np.zeros((observations, bands, width), np.float32)
    column = np.zeros((observations, width), own)
    for band in range(bands):
        column[:, :pixels] = values[:, band]
        # Also infinite values, and observations that lack another band.
        column[weight <= 0] = 0
        middle = (_added(column * weight) / total).astype(own)
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


def _added(columns: NDArray[Any]) -> NDArray[Any]:
    """Return the sum over the first axis, always added in the same order."""
    total: NDArray[Any] = columns[0].copy()
    for row in columns[1:]:
        total += row
    return total


def _iterate(
    points: NDArray[np.float32], weight: NDArray[np.float32], pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return medians of shape (bands, pixels), relative to the start at zero, and which of the pixels are not done."""
    result = np.zeros(points.shape[1:])
    where, median = np.arange(points.shape[2]), result.astype(np.float32)
    for turn in range(_TURNS):
        distance, gradient = _walk(points, weight, median)
        done = gradient <= _TOLERANCE
        if turn == 1:
            done |= _settle(points, weight, median, distance)
        result[:, where] = median
        keep = np.flatnonzero(~done)
        left = np.unique(where[keep])
        if not keep.size:
            break
        if keep.size < _FEWEST:
            keep = np.resize(keep, _FEWEST)
        where, points, weight, median = where[keep], points[:, :, keep], weight[:, keep], median[:, keep]
    return result, left[left < pixels]


def _finish(
    points: NDArray[np.float64], weight: NDArray[np.float64], median: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the medians of pixels where Weiszfeld's steps are too short, by Newton's steps where those are better."""
    result, where = median.copy(), np.arange(median.shape[1])
    if where.size < _FEWEST:
        where = np.resize(where, _FEWEST)
        points, weight, median = points[:, :, where], weight[:, where], median[:, where]
    weights = _added(weight)
    for _ in range(_MAX_NEWTON):
        offset = points - median
        distance = np.maximum(_length(offset), _TINY)
        best = _settle(points, weight, median, distance)
        pull = weight / distance
        total = _added(pull)
        force = np.stack([_added(pull * offset[:, band]) for band in range(offset.shape[1])])
        done = best | (np.sqrt(_added(force * force)) <= _TOLERANCE * weights)
        step = force / total
        result[:, where] = median
        keep = np.flatnonzero(~done)
        if not keep.size:
            break
        if keep.size < _FEWEST:
            keep = np.resize(keep, _FEWEST)
        where, points, weight, weights = where[keep], points[:, :, keep], weight[:, keep], weights[keep]
        near = median[:, keep] + step[:, keep]
        far = median[:, keep] + _newton(offset[:, :, keep], distance[:, keep], pull[:, keep], force[:, keep])
        is_better = _cost(points, weight, far) < _cost(points, weight, near)
        median = np.where(is_better, far, near)
    return result


def _newton(
    offset: NDArray[np.float64], distance: NDArray[np.float64], pull: NDArray[np.float64], force: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Newton's step of shape (bands, pixels)."""
    bands = offset.shape[1]
    rays = np.moveaxis(offset, 2, 0)
    curved = np.moveaxis(pull / distance**2, 1, 0)[:, :, None] * rays
    total = _added(pull)
    # Observations on one line leave the direction of the line flat; a trace of curvature keeps the step finite.
    hessian = (1 + 1e-9) * total[:, None, None] * np.eye(bands) - np.matmul(np.swapaxes(rays, 1, 2), curved)
    return np.asarray(np.linalg.solve(hessian, force.T[:, :, None])[:, :, 0].T)


def _length(offset: NDArray[Any]) -> NDArray[Any]:
    """Return the lengths of vectors along the second axis."""
    return np.asarray(np.sqrt(_added(np.moveaxis(offset * offset, 1, 0))))


def _cost(points: NDArray[np.float64], weight: NDArray[np.float64], median: NDArray[np.float64]) -> NDArray[np.float64]:
    return _added(weight * _length(points - median))


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
    weights = np.maximum(_added(weight), _TINY)
    for _ in range(_STEPS):
        np.subtract(points, median, out=offset)
        np.multiply(offset[:, 0], offset[:, 0], out=distance)
        for band in range(1, bands):
            np.multiply(offset[:, band], offset[:, band], out=pull)
            distance += pull
        np.sqrt(distance, out=distance)
        # A point on an observation is not pulled by it; ``_settle`` looks at such points.
        np.maximum(distance, _TINY, out=distance)
        np.divide(weight, distance, out=pull)
        offset *= pull[:, None]
        step = _added(offset)
        step /= np.maximum(_added(pull), _TINY)
        median += step * _RELAXATION
    gradient = np.asarray(np.sqrt(_added(step * step)) * _added(pull) / weights)
    return distance, gradient


def _settle(
    points: NDArray[Any], weight: NDArray[Any], median: NDArray[Any], distance: NDArray[Any]
) -> NDArray[np.bool_]:
    """Put the median on its nearest observation where that is the optimum, or off it where it is not, in place.

    Returns:
        Where it is the optimum.
    """
    nearest = np.where(weight > 0, distance, np.inf).argmin(axis=0)
    spot = points[nearest, :, np.arange(nearest.size)].T
    offset = points - spot
    away = _length(offset)
    here = away <= _TINY
    pull = np.where(here, 0, weight / np.where(here, 1, away))
    force = np.stack([_added(pull * offset[:, band]) for band in range(offset.shape[1])])
    strength = np.sqrt(_added(force * force))
    own = _added(np.where(here, weight, 0))
    best = strength <= own
    # An observation that holds the point although it is not the optimum is left in the direction of the others.
    stuck = ~best & (distance.min(axis=0) <= 1e-6 * away.max(axis=0))
    total = _added(pull)
    leave = spot + force * ((1 - own / np.where(best, 1, strength)) / np.where(total > 0, total, 1))
    median[:] = np.where(best, spot, np.where(stuck, leave, median))
    return np.asarray(best)


def median_deviations(values: NDArray[Any], median: NDArray[Any]) -> NDArray[np.float32]:
    """Return how far the observations of each pixel scatter about its geometric median.

    The medians over the observations of the Euclidean, cosine and Bray-Curtis distance (Roberts, Dunn and Mueller 2018,
    doi:10.1109/IGARSS.2018.8518312).

    Args:
        values: Shape (observations, bands, pixels).
        median: Shape (bands, pixels).

    Returns:
        Shape (3, pixels): EMAD in the units of the values, SMAD and BCMAD without units.
    """
    pixels = values.shape[2]
    result = np.empty((3, pixels), np.float32)
    for start in range(0, pixels, _BLOCK):
        part = slice(start, start + _BLOCK)
        points, centre = values[:, :, part].astype(np.float64), median[:, part].astype(np.float64)
        whole: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
        points = np.where(whole[:, None], points, np.nan)
        along = np.moveaxis(points, 1, 0)
        product = _added(np.stack([band * middle for band, middle in zip(along, centre, strict=True)]))
        size = _length(points) * np.sqrt(_added(centre * centre))
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine = 1 - product / size
            apart = _added(np.abs(along - centre[:, None])) / _added(np.abs(along + centre[:, None]))
        for row, distance in enumerate((_length(points - centre), cosine, apart)):
            result[row, part] = nan_quantile(distance, 0.5)
    return result


def nan_quantile(values: NDArray[Any], share: float) -> NDArray[Any]:
    """Return a quantile over the first axis, interpolated linearly; NaN does not count.

    Args:
        values: Shape (observations, ...).
        share: 0 to 1.
    """
    ordered = np.sort(values, axis=0)
    position = share * np.maximum(np.isfinite(ordered).sum(axis=0) - 1, 0)
    low = np.floor(position).astype(np.intp)
    high = np.ceil(position).astype(np.intp)
    below, above = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high))
    # The same value twice has to stay what it is, also where it is infinite.
    found: NDArray[Any] = np.where(low == high, below, below + (above - below) * (position - low))
    return found.astype(values.dtype)
