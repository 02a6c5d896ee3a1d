"""Statistics of the pixels around points: those whose centres lie within a radius on the ground."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.point_pixels import crs_of_file, is_code, read_window, turned
from stacaster.cube.units import Constants, convert_values
from stacaster.errors import LoadError, ReadError, UsageError, nearest
from stacaster.geotiff.opening import open_raster
from stacaster.model.options import Units
from stacaster.model.values import read_number
from stacaster.network.http import reason_of
from stacaster.network.transport.url_signer import sign

if TYPE_CHECKING:
    import pystac
    from numpy.typing import NDArray

STATISTICS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "count": np.size, "mean": np.mean, "median": np.median, "min": np.min, "max": np.max, "std": np.std,
    "mad": lambda values: np.median(np.abs(values - np.median(values))),
}  # fmt: skip
"""What can be asked of the pixels around a point; the scatter is that of the population, ``mad`` the median distance
from the median."""

METRES_A_DEGREE = 111_319.49
"""Of the equator."""

_MOST_PIXELS = 4096


def read_statistics(radius: float | None, statistics: Sequence[str] | None) -> tuple[str, ...]:
    """Return the statistics that are wanted; none without a radius.

    Raises:
        UsageError: A statistic is not known, or the radius is not positive.
    """
    if radius is None:
        if statistics:
            raise UsageError("statistics need radius=, metres around each point")
        return ()
    read_number("radius", radius, low=0, is_open=True, unit="of metres")
    names = tuple(statistics or ("count", "mean", "std"))
    for name in names:
        if name not in STATISTICS:
            raise UsageError(f"{name!r} is no statistic; {nearest(name, sorted(STATISTICS))}")
    return names


@dataclass(frozen=True)
class Circle:
    """What is asked of the pixels around points."""

    radius: float
    """Metres."""
    statistics: Sequence[str]
    """Names of ``STATISTICS``."""
    units: Units
    """Units of the values."""
    constants: Constants
    """What the units are made with."""


def around_item(
    item: pystac.Item, names: Mapping[str, str], places: tuple[NDArray[Any], NDArray[Any]], circle: Circle
) -> dict[str, NDArray[Any]]:
    """Return the positions of points that a scene covers, and statistics of the pixels around them."""
    lon, lat = places
    near = np.flatnonzero(in_box(item.bbox, lon, lat))
    found: dict[str, NDArray[Any]] = {}
    for name, key in names.items():
        if key in item.assets and near.size:
            found |= {f"{name}_{word}": values for word, values in
                      _around_file(item, key, lon[near], lat[near], circle=circle).items()}  # fmt: skip
    covered = np.zeros(near.size, dtype=bool)
    for values in found.values():
        covered |= np.nan_to_num(values) != 0
    if not covered.any():
        return {}
    wanted = [f"{name}_{word}" for name in names for word in circle.statistics]
    empty = np.full(int(covered.sum()), np.nan)
    return {"point": near[covered]} | {name: found[name][covered] if name in found else empty for name in wanted}


def _around_file(
    item: pystac.Item, key: str, lon: NDArray[Any], lat: NDArray[Any], *, circle: Circle
) -> dict[str, NDArray[np.float64]]:
    import rasterio
    from rasterio.warp import transform

    try:
        with open_raster(sign(item.assets[key].href)) as dataset:
            crs = crs_of_file(dataset, item, key)
            x, y = transform("EPSG:4326", crs, turned(lon, dataset, crs), lat)
            columns, rows = ~dataset.transform * np.array([x, y])
            fields = item.assets[key].extra_fields
            if is_code(item, key) and set(circle.statistics) - {"count"}:
                raise UsageError(
                    f"{key} holds codes of classes, of which there is no {circle.statistics[-1]}; ask for count"
                )

            def values_of(window: Any) -> NDArray[np.float64]:
                values = read_window(dataset, window, fields)
                if circle.units == "dn" or is_code(item, key):
                    return values
                return convert_values(values, item, key, circle.units, circle.constants).astype("float64")

            return around(dataset, (rows, columns, lat), radius=circle.radius, statistics=circle.statistics,
                          values_of=values_of)  # fmt: skip
    except (rasterio.errors.RasterioError, ReadError) as error:
        raise LoadError(f"a file cannot be read: {item.id} {key}: {reason_of(error)}") from None


def in_box(bbox: Sequence[float] | None, lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which points lie in the box of an item, or a little beside it."""
    if bbox is None:
        return np.ones(lon.shape, dtype=bool)
    half = len(bbox) // 2
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    # A footprint lies a pixel or so beside the corners of the outermost pixels.
    margin = 0.01
    inside = (lat >= south - margin) & (lat <= north + margin)
    width = (east - west) % 360.0 if east != west else 0.0
    across: NDArray[np.bool_] = inside & ((lon - west + margin) % 360.0 <= width + 2 * margin)
    return across if abs(east - west) < 360.0 else inside


def around(
    dataset: Any,
    places: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    *,
    radius: float,
    statistics: Sequence[str],
    values_of: Callable[[Any], NDArray[np.float64]],
) -> dict[str, NDArray[np.float64]]:
    """Return statistics around points.

    Args:
        dataset: Open raster.
        places: Rows and columns of the points, as fractions of pixels, and their latitudes.
        radius: Metres.
        statistics: Names of ``STATISTICS``.
        values_of: Gives the values of a window of pixels, NaN for no data.

    Returns:
        One array a statistic: NaN where no pixel is valid (``count``: 0), all NaN where a point lies outside.

    Raises:
        UsageError: The circle has too many pixels.
    """
    rows, columns, latitudes = places
    found = {name: np.full(rows.shape, np.nan) for name in statistics}
    height, width = dataset.shape
    t = dataset.transform
    tall, wide = math.hypot(t.b, t.e), math.hypot(t.a, t.d)
    is_degrees = bool(dataset.crs.is_geographic)
    for i in range(rows.size):
        row, column = rows[i], columns[i]
        if not (0 <= row < height and 0 <= column < width):
            continue
        scale_y = METRES_A_DEGREE if is_degrees else 1.0
        scale_x = scale_y * math.cos(math.radians(latitudes[i])) if is_degrees else 1.0
        reach = radius / (tall * scale_y), radius / (wide * scale_x)
        if max(reach) > _MOST_PIXELS:
            raise UsageError(f"a circle of {radius:g} m has too many pixels; take coarser rasters")
        values = _circle(dataset, row, column, reach, values_of)
        for name in statistics:
            if values.size or name == "count":
                found[name][i] = STATISTICS[name](values)
    return found


def _circle(
    dataset: Any, row: float, column: float, reach: tuple[float, float], values_of: Callable[[Any], Any]
) -> NDArray[np.float64]:
    from rasterio.windows import Window

    height, width = dataset.shape
    top, bottom = max(0, math.floor(row - reach[0])), min(height, math.ceil(row + reach[0]))
    left, right = max(0, math.floor(column - reach[1])), min(width, math.ceil(column + reach[1]))
    down = (np.arange(top, bottom) + 0.5 - row) / reach[0]
    across = (np.arange(left, right) + 0.5 - column) / reach[1]
    inside = down[:, None] ** 2 + across[None, :] ** 2 <= 1
    values = values_of(Window(left, top, right - left, bottom - top))[inside]
    kept: NDArray[np.float64] = values[~np.isnan(values)]
    return kept
