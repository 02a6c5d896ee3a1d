"""Points to pixels: counts, means, extremes and percentiles of the points of each cell of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.lidar.groups import require
from stacaster.errors import NothingFoundError, UsageError, nearest
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

STATISTICS = ("count", "mean", "median", "min", "max", "std")
"""Statistics of a cell beside percentiles such as ``p95``."""


@checked
def grid_points(
    points: pd.DataFrame,
    value: str,
    *,
    geobox: GeoBox | None = None,
    crs: Any | None = None,
    resolution: float | None = None,
    statistics: Sequence[str] = ("count", "mean"),
) -> xr.Dataset:
    """Return statistics of the points of each cell of a grid; ``write_cube(grid, "folder")`` makes COGs and items.

    Args:
        points: Columns ``longitude`` and ``latitude`` in degrees, and the value; ``time`` gives the time of the grid.
        value: Column to grid, ``height``.
        geobox: Grid; or give ``crs`` and ``resolution``, whose cells begin at whole multiples.
        crs: CRS of the grid.
        resolution: Cell size in units of the CRS.
        statistics: ``count``, ``mean``, ``median``, ``min``, ``max``, ``std`` (of the population), and percentiles such
            as ``p95`` (interpolated).

    Returns:
        Dataset with a variable for each statistic, float32 with NaN where no point lies (``count``: int32 with 0),
        dimensions (time, y, x).

    Raises:
        NothingFoundError: No point lies on the grid.
        UsageError: A column, a statistic or the grid is missing or not known.
    """
    import odc.geo.xr
    import pandas as pd
    import xarray as xr

    require(points, ("longitude", "latitude", value), "a grid")
    names = [_checked(name) for name in ([statistics] if isinstance(statistics, str) else statistics)]
    values = points[value].to_numpy(dtype=np.float64, na_value=np.nan)
    box, columns, rows = _cells(points, geobox, crs, resolution)
    height, width = (int(size) for size in box.shape)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height) & np.isfinite(values)
    if not inside.any():
        raise NothingFoundError("none of the points lies on the grid")
    cell = rows[inside].astype(np.int64) * width + columns[inside].astype(np.int64)
    found = _statistics(cell, values[inside], names, height * width)
    made: dict[str, Any] = {}
    for name, plane in found.items():
        nodata = None if name == "count" else np.nan
        made[name] = odc.geo.xr.wrap_xr(plane.reshape(height, width), box, nodata=nodata)
        unit = "1" if name == "count" else _unit(value)
        made[name].attrs |= {"long_name": f"{name} of {value}", **({} if unit is None else {"units": unit})}
    moment = pd.Timestamp("1970-01-01")
    if "time" in points.columns:
        moment = pd.to_datetime(points["time"]).min().tz_localize(None)
    return xr.Dataset(made).expand_dims(time=[np.datetime64(moment, "ns")])


def _unit(value: str) -> str | None:
    """Return the unit of a column: as the tables of products say it, or as results of fits have it."""
    from stacaster.products import all_products

    known = {column.name: column.unit for product in all_products().values() for table in product.tables
             for column in table.columns}  # fmt: skip
    return known.get(value, "m" if value.startswith("h_") else None)


def _checked(name: str) -> str:
    is_percentile = name[:1] == "p" and name[1:].replace(".", "", 1).isdigit()
    if is_percentile and 0 <= float(name[1:]) <= 100:
        return name
    if name not in STATISTICS:
        raise UsageError(f"{name!r} is no statistic; {nearest(name, STATISTICS)}, or a percentile such as p95")
    return name


def _cells(
    points: pd.DataFrame, geobox: GeoBox | None, crs: Any | None, resolution: float | None
) -> tuple[GeoBox, NDArray[Any], NDArray[Any]]:
    """Return the grid, and column and row of each point."""
    from odc.geo.geobox import GeoBox
    from pyproj import CRS, Transformer

    if (geobox is None) == (crs is None or resolution is None):
        raise UsageError("give a grid: geobox=, or crs= and resolution=")
    target = CRS.from_user_input(str(geobox.crs) if geobox is not None else crs)
    forward = Transformer.from_crs(CRS.from_epsg(4326), target, always_xy=True)
    x, y = forward.transform(points["longitude"].to_numpy(), points["latitude"].to_numpy())
    box = geobox
    if box is None:
        assert resolution is not None
        good = np.isfinite(x) & np.isfinite(y)
        if not good.any():
            raise NothingFoundError("no point lies in the domain of the CRS")
        left, bottom = (np.floor(axis[good].min() / resolution) * resolution for axis in (x, y))
        right, top = ((np.floor(axis[good].max() / resolution) + 1) * resolution for axis in (x, y))
        box = GeoBox.from_bbox((left, bottom, right, top), crs=str(crs), resolution=resolution)
    inverse = ~box.transform
    columns = np.floor(inverse.a * x + inverse.b * y + inverse.c)
    rows = np.floor(inverse.d * x + inverse.e * y + inverse.f)
    return box, columns, rows


def _statistics(
    cell: NDArray[np.int64], values: NDArray[np.float64], names: Sequence[str], size: int
) -> dict[str, NDArray[Any]]:
    order = np.lexsort((values, cell))
    cell, values = cell[order], values[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(cell)) + 1])
    counts = np.diff(np.append(starts, cell.size))
    used = cell[starts]
    found = {}
    for name in names:
        if name == "count":
            plane: NDArray[Any] = np.zeros(size, dtype=np.int32)
            plane[used] = counts
        else:
            plane = np.full(size, np.nan, dtype=np.float32)
            plane[used] = _one(name, values, starts, counts)
        found[name] = plane
    return found


def _one(name: str, values: NDArray[Any], starts: NDArray[Any], counts: NDArray[Any]) -> Any:
    """Return one statistic of each run of ordered values."""
    if name in ("min", "max"):
        return values[starts if name == "min" else starts + counts - 1]
    if name in ("mean", "std"):
        # Differences from the least value of a cell keep their digits.
        moved = values - np.repeat(values[starts], counts)
        mean = np.add.reduceat(moved, starts) / counts
        if name == "mean":
            return mean + values[starts]
        return np.sqrt(np.add.reduceat((moved - np.repeat(mean, counts)) ** 2, starts) / counts)
    share = 0.5 if name == "median" else float(name[1:]) / 100
    place = (counts - 1) * share
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, counts - 1)
    return values[starts + low] + (place - low) * (values[starts + high] - values[starts + low])
