"""What pixels of a cube are by definition: numpy, 64 bits, an exact transform of each place, no shared code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from tests.geotiff.driver.made_rasters import exact_places


def by_gdal(
    path: Path, cube: GeoBox, resampling: str, nodata: float | None, *, tolerance: float = 1e-8, **more: Any
) -> np.ndarray:
    """Return what GDAL makes of a file, by exact transforms; its way to 0 pixels of error is a small number."""
    with rasterio.open(path) as dataset, WarpedVRT(
        dataset, crs=str(cube.crs), transform=cube.transform, width=cube.shape.x, height=cube.shape.y, nodata=nodata,
        resampling=Resampling[resampling], tolerance=tolerance, **more,
    ) as warped:  # fmt: skip
        found: np.ndarray = warped.read(1)
        return found


def exact_corners(cube: GeoBox, crs: Any, transform: Affine) -> tuple[np.ndarray, np.ndarray]:
    """Return column and row of every corner of pixels of a cube in a file."""
    rows, cols = cube.shape.yx
    return exact_places(
        GeoBox((rows + 1, cols + 1), cube.transform * Affine.translation(-0.5, -0.5), cube.crs), crs, transform
    )


def _shares(first: Any, second: Any, size: int) -> tuple[int, np.ndarray]:
    """Return the first pixel between two places and the weights of those from there on."""
    low, high = (round(at) if abs(at - round(at)) < 1e-6 else at for at in sorted((first, second)))
    if not (high > 0 and low < size):
        return 0, np.empty(0)
    start, stop = max(int(np.floor(low)), 0), min(int(np.ceil(high)), size)
    weights = np.ones(max(stop - start, 1))
    if len(weights) > 1:
        weights[0] = 1 - (low - start)
        weights[-1] = 1 - (stop - high)
    return start, weights


def averaged(
    values: np.ndarray, x: np.ndarray, y: np.ndarray, is_value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of what lies between two corners of each pixel, NaN where that is nothing.

    Returns:
        The means, the part of the weights that values have, and how much the values differ from each other.
    """
    shape = (x.shape[0] - 1, x.shape[1] - 1)
    means, parts, spans = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    for i, j in np.ndindex(*shape):
        if not np.isfinite([x[i, j], x[i + 1, j + 1], y[i, j], y[i + 1, j + 1]]).all():
            continue
        top, down = _shares(y[i, j], y[i + 1, j + 1], values.shape[0])
        left, across = _shares(x[i, j], x[i + 1, j + 1], values.shape[1])
        place = np.s_[top : top + len(down), left : left + len(across)]
        weights = np.outer(down, across)
        good = is_value[place] & (weights > 0)
        if good.any():
            inside = values[place][good].astype("float64")
            means[i, j] = np.average(inside, weights=weights[good])
            parts[i, j] = weights[good].sum() / weights.sum()
            # A hundredth of a pixel may let in what lies beside, too.
            near = np.s_[max(top - 1, 0) : top + len(down) + 1, max(left - 1, 0) : left + len(across) + 1]
            spans[i, j] = np.ptp(values[near][is_value[near]].astype("float64"))
    return means, parts, spans


def _kernel(off: np.ndarray, is_cubic: bool) -> np.ndarray:
    off = np.abs(off)
    if not is_cubic:
        off = np.minimum(off, 1)
        return 1 - off
    inner, outer = 1.5 * off**3 - 2.5 * off**2 + 1, -0.5 * off**3 + 2.5 * off**2 - 4 * off + 2
    found: np.ndarray = np.where(off <= 1, inner, np.where(off < 2, outer, 0.0))
    return found


def stretched(
    values: np.ndarray, x: np.ndarray, y: np.ndarray, is_value: np.ndarray, scales: tuple[float, float], *,
    is_cubic: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the sum over all pixels of a file, weighted by a kernel stretched along rows and along columns.

    Returns:
        The sums, NaN where the pixel that a place lies in has no value, and the part of the weights that values have.
    """
    sums, parts = np.full(x.shape, np.nan), np.zeros(x.shape)
    high, wide = values.shape
    known = np.where(is_value, values, 0).astype("float64")
    for i, j in np.ndindex(*x.shape):
        if not (0 <= x[i, j] < wide and 0 <= y[i, j] < high and is_value[int(y[i, j]), int(x[i, j])]):
            continue
        across = _kernel((np.arange(wide) + 0.5 - x[i, j]) / scales[0], is_cubic)
        down = _kernel((np.arange(high) + 0.5 - y[i, j]) / scales[1], is_cubic)
        weight = down @ is_value @ across
        if weight >= 1e-6:
            sums[i, j] = down @ known @ across / weight
            parts[i, j] = weight / (scales[0] * scales[1])
    return sums, parts


def stored(held: np.ndarray, dtype: str, nodata: float | None) -> np.ndarray:
    """Return values as the numbers of a type that GDAL writes: rounded, cut, and never fill by chance."""
    kind = np.dtype(dtype)
    nothing = nodata if nodata is not None else (np.nan if kind.kind == "f" else 0)
    lost = np.isnan(held)
    if kind.kind == "f":
        return np.where(lost, nothing, held).astype(kind)
    limits = np.iinfo(kind)
    found = np.floor(np.where(lost, 0, held) + 0.5).clip(limits.min, limits.max).astype(kind)
    if nodata is not None:
        found[found == nodata] = int(nodata) + (1 if nodata == limits.min else -1)
        found[lost] = nodata
    return found


def is_lost(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Tell where there is fill; nothing is when there is none."""
    found: np.ndarray = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
    return found if nodata is None else found | (values == nodata)
