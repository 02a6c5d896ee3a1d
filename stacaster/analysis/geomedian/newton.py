"""Geometric medians that take too long by small steps: Newton's steps, and medians that are observations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-4
"""Largest length of the gradient, as a share of the sum of the weights, at which a pixel is done."""

TINY = np.float32(1e-30)
"""Smallest distance that is told from none."""

FEWEST = 64
"""With fewer columns NumPy would add in another order: a pixel must not depend on its neighbours."""

_MAX_NEWTON = 60


def added(columns: NDArray[Any]) -> NDArray[Any]:
    """Return the sum over the first axis, always added in the same order."""
    total: NDArray[Any] = columns[0].copy()
    for row in columns[1:]:
        total += row
    return total


def length_of(offset: NDArray[Any]) -> NDArray[Any]:
    """Return the lengths of vectors along the second axis."""
    return np.asarray(np.sqrt(added(np.moveaxis(offset * offset, 1, 0))))


def finish(
    points: NDArray[np.float64], weight: NDArray[np.float64], median: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the medians of pixels where Weiszfeld's steps are too short, by Newton's steps where those are better."""
    result, where = median.copy(), np.arange(median.shape[1])
    if where.size < FEWEST:
        where = np.resize(where, FEWEST)
        points, weight, median = points[:, :, where], weight[:, where], median[:, where]
    weights = added(weight)
    for _ in range(_MAX_NEWTON):
        offset = points - median
        distance = np.maximum(length_of(offset), TINY)
        best = settle(points, weight, median, distance)
        pull = weight / distance
        total = added(pull)
        force = np.stack([added(pull * offset[:, band]) for band in range(offset.shape[1])])
        done = best | (np.sqrt(added(force * force)) <= TOLERANCE * weights)
        step = force / total
        result[:, where] = median
        keep = np.flatnonzero(~done)
        if not keep.size:
            break
        if keep.size < FEWEST:
            keep = np.resize(keep, FEWEST)
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
    total = added(pull)
    # Observations on one line leave the direction of the line flat; a trace of curvature keeps the step finite.
    hessian = (1 + 1e-9) * total[:, None, None] * np.eye(bands) - np.matmul(np.swapaxes(rays, 1, 2), curved)
    return np.asarray(np.linalg.solve(hessian, force.T[:, :, None])[:, :, 0].T)


def _cost(points: NDArray[np.float64], weight: NDArray[np.float64], median: NDArray[np.float64]) -> NDArray[np.float64]:
    return added(weight * length_of(points - median))


def settle(
    points: NDArray[Any], weight: NDArray[Any], median: NDArray[Any], distance: NDArray[Any]
) -> NDArray[np.bool_]:
    """Put the median on its nearest observation where that is the optimum, or off it where it is not, in place.

    Returns:
        Where it is the optimum.
    """
    nearest = np.where(weight > 0, distance, np.inf).argmin(axis=0)
    spot = points[nearest, :, np.arange(nearest.size)].T
    offset = points - spot
    away = length_of(offset)
    here = away <= TINY
    pull = np.where(here, 0, weight / np.where(here, 1, away))
    force = np.stack([added(pull * offset[:, band]) for band in range(offset.shape[1])])
    strength = np.sqrt(added(force * force))
    own = added(np.where(here, weight, 0))
    best = strength <= own
    # An observation that holds the point although it is not the optimum is left in the direction of the others.
    stuck = ~best & (distance.min(axis=0) <= 1e-6 * away.max(axis=0))
    total = added(pull)
    leave = spot + force * ((1 - own / np.where(best, 1, strength)) / np.where(total > 0, total, 1))
    median[:] = np.where(best, spot, np.where(stuck, leave, median))
    return np.asarray(best)
