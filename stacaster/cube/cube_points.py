"""Values of a cube at points: one row a point and time, and only the chunks that hold points are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import BESIDE
from stacaster.cube.around_points import METRES_A_DEGREE, STATISTICS
from stacaster.errors import LoadError, NothingFoundError, UsageError, nearest
from stacaster.model.names import Names, as_names

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

Places = tuple["NDArray[Any]", "NDArray[Any]"]
"""Longitudes and latitudes."""


def rows_of_cube(
    cube: xr.Dataset,
    places: Places,
    *,
    bands: Names | None,
    method: str,
    radius: float | None,
    statistics: Sequence[str],
) -> tuple[pd.DataFrame, list[str]]:
    """Return a row for each point that lies on the cube and each of its times, and the names of the value columns.

    Args:
        cube: Dataset with dimensions (time, y, x), or without time.
        places: Points in degrees.
        bands: Variables; None takes all of numbers.
        method: ``nearest`` or ``bilinear``.
        radius: Metres; None takes single values.
        statistics: Of the pixels within the radius.

    Raises:
        LoadError: The cube has no grid.
        NothingFoundError: No point lies on it.
        UsageError: It has no such variable.
    """
    import odc.geo.xr  # noqa: F401 - gives cubes their grid
    import pandas as pd
    from pyproj import Transformer

    box = cube.odc.geobox
    if box is None or box.crs is None:
        raise LoadError("the cube has no grid: no CRS, or no coordinates of pixels")
    names = _names(cube, bands)
    # Names that the cube has: degrees may be called y and x, too.
    down, across = cube.odc.spatial_dims or box.dimensions
    plane = (str(down), str(across))
    forward = Transformer.from_crs(4326, str(box.crs), always_xy=True)
    x, y = forward.transform(*places)
    columns, rows = ~box.transform * np.array([x, y])
    inside = np.isfinite(columns) & np.isfinite(rows) & (columns >= 0) & (rows >= 0)
    inside &= (columns < box.shape[1]) & (rows < box.shape[0])
    point = np.flatnonzero(inside)
    if not point.size:
        raise NothingFoundError("none of the points lies on the cube")
    at = rows[point], columns[point]
    found: dict[str, NDArray[Any]] = {}
    for name in names:
        band = _as_numbers(cube[name], plane)
        if radius is None:
            found[name] = _bilinear(band, at) if method == "bilinear" else _pick(band, *(np.floor(part) for part in at))
        else:
            reach = _reach(box, radius, places[1][point])
            found |= {f"{name}_{word}": values for word, values in _around(band, at, reach, statistics).items()}
    times = cube["time"].to_numpy() if "time" in cube.dims else np.array([np.datetime64("NaT", "ns")])
    table = pd.DataFrame({"point": np.tile(point, times.size)})
    table["datetime"] = pd.DatetimeIndex(np.repeat(times.astype("datetime64[ns]"), point.size)).tz_localize("UTC")
    for name, values in found.items():
        table[name] = values.reshape(-1)
    if "source" in cube and "item" in cube.coords:
        scene = _pick(_as_numbers(cube["source"], plane), *(np.floor(part) for part in at)).reshape(-1)
        ids = cube["item"].to_numpy()
        known = np.isfinite(scene) & (scene >= 0) & (scene < ids.size)
        names_of = ids[np.where(known, scene, 0).astype(np.int64)].astype(object)
        names_of[~known] = None
        table["item_id"] = names_of
    has_value = table[list(found)].notna().any(axis=1)
    return table[has_value].reset_index(drop=True), list(found)


def _names(cube: xr.Dataset, bands: Names | None) -> list[str]:
    known = [str(name) for name, band in cube.data_vars.items()
             if name not in (*BESIDE, "spatial_ref") and band.dtype.kind in "fiu"]  # fmt: skip
    names = as_names(bands, "bands")
    wanted = known if names is None else names
    for name in wanted:
        if name not in known:
            raise UsageError(f"the cube has no band {name!r}; {nearest(name, known)}")
    return wanted


def _as_numbers(band: xr.DataArray, dimensions: tuple[str, str]) -> xr.DataArray:
    """Return a band as (time, y, x) in float64, NaN for no data."""
    nodata = band.attrs.get("nodata", band.attrs.get("_FillValue"))
    whole = band if "time" in band.dims else band.expand_dims("time")
    whole = whole.transpose("time", *dimensions)
    plain = whole.astype("float64")
    return plain if nodata is None else plain.where(whole != nodata)


def _pick(band: xr.DataArray, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """Return pixels, shape (times, points)."""
    import xarray as xr

    _, y, x = band.dims
    height, width = band.shape[1:]
    place = {y: xr.DataArray(np.clip(rows, 0, height - 1).astype(np.int64), dims="point"),
             x: xr.DataArray(np.clip(columns, 0, width - 1).astype(np.int64), dims="point")}  # fmt: skip
    values: NDArray[np.float64] = band.isel(place).transpose("time", "point").to_numpy()
    return values


def _bilinear(band: xr.DataArray, at: Places) -> NDArray[np.float64]:
    rows, columns = (part - 0.5 for part in at)
    top, left = np.floor(rows), np.floor(columns)
    total = np.zeros((band.shape[0], rows.size))
    for down, tall in ((0, 1 - (rows - top)), (1, rows - top)):
        for right, wide in ((0, 1 - (columns - left)), (1, columns - left)):
            weight = tall * wide
            # A neighbour without weight does not count, whatever it holds.
            total += np.where(weight < 1e-6, 0.0, weight * _pick(band, top + down, left + right))
    return total


def _reach(box: Any, radius: float, latitudes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the radius around each point in rows and in columns."""
    t = box.transform
    tall, wide = np.full(latitudes.shape, math.hypot(t.b, t.e)), np.full(latitudes.shape, math.hypot(t.a, t.d))
    if box.crs.geographic:
        tall, wide = tall * METRES_A_DEGREE, wide * METRES_A_DEGREE * np.cos(np.radians(latitudes))
    return radius / tall, radius / wide


def _around(
    band: xr.DataArray, at: Places, reach: tuple[NDArray[Any], NDArray[Any]], statistics: Sequence[str]
) -> Mapping[str, NDArray[np.float64]]:
    """Return statistics of the pixels whose centres lie within an ellipse of pixels around each point."""
    functions: dict[str, Callable[[Any], Any]] = {name: STATISTICS[name] for name in statistics}
    found = {name: np.full((band.shape[0], at[0].size), np.nan) for name in statistics}
    _, y, x = band.dims
    height, width = band.shape[1:]
    for i, (row, column, down, right) in enumerate(zip(*at, *reach, strict=True)):
        top, bottom = max(0, math.floor(row - down)), min(height, math.ceil(row + down))
        left, end = max(0, math.floor(column - right)), min(width, math.ceil(column + right))
        part = band.isel({y: slice(top, bottom), x: slice(left, end)}).to_numpy()
        rows, columns = np.arange(top, bottom) + 0.5 - row, np.arange(left, end) + 0.5 - column
        inside = (rows[:, None] / down) ** 2 + (columns[None, :] / right) ** 2 <= 1
        for time in range(band.shape[0]):
            values = part[time][inside]
            values = values[~np.isnan(values)]
            for name, function in functions.items():
                if values.size or name == "count":
                    found[name][time, i] = function(values)
    return found
