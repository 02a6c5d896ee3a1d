"""How observations scatter about a median."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.geomedian.newton import added, length_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 16_384


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
        product = added(np.stack([band * middle for band, middle in zip(along, centre, strict=True)]))
        size = length_of(points) * np.sqrt(added(centre * centre))
        with np.errstate(divide="ignore", invalid="ignore"):
            cosine = 1 - product / size
            apart = added(np.abs(along - centre[:, None])) / added(np.abs(along + centre[:, None]))
        for row, distance in enumerate((length_of(points - centre), cosine, apart)):
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
