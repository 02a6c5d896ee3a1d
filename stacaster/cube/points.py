"""Values of scenes at points, each block of a file read once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, Unpack

import numpy as np

from stacaster.analysis.bands import as_cube
from stacaster.cube.around_points import Circle, around_item, in_box, read_statistics
from stacaster.cube.band_model import prepare_items
from stacaster.cube.cube_points import rows_of_cube
from stacaster.cube.grouping import moment_of
from stacaster.cube.items_input import read_items
from stacaster.cube.point_files import moments_of, read_points
from stacaster.cube.point_pixels import closest_in_time, crs_of_file, is_code, read_window, table_of_points, turned
from stacaster.cube.units import Constants, check_units, convert_values, read_constants
from stacaster.errors import LoadError, NothingFoundError, ReadError, UsageError
from stacaster.geotiff.opening import open_raster
from stacaster.model.checked import checked
from stacaster.model.names import Names, as_names, check_known, option_names
from stacaster.model.options import ConstantOptions, SampleOptions, Units
from stacaster.model.values import read_choice, read_number
from stacaster.network.http import reason_of
from stacaster.network.transport.url_signer import sign

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import pystac
    import xarray as xr
    from numpy.typing import NDArray

    from stacaster.cube.items_input import ItemsInput

Method = Literal["nearest", "bilinear"]
Progress = Callable[[int, int, str], None]
"""Called after each scene with the number done, their number, and its id."""

_METHODS: tuple[Method, ...] = ("nearest", "bilinear")
_BLOCK, _SECONDS = 512, 1e9
# The way from degrees to pixels is exact to about a millionth of a pixel.
_NO_WEIGHT = 1e-6


@checked
def sample(  # noqa: PLR0913 - as many as a user can choose
    items: ItemsInput | xr.Dataset | xr.DataArray,
    points: Any,
    *,
    bands: Names | None = None,
    method: Method = "nearest",
    units: Units = "dn",
    time: str | None = None,
    closest: bool = False,
    radius: float | None = None,
    statistics: Names | None = None,
    progress: Progress | None = None,
    **options: Unpack[ConstantOptions],
) -> gpd.GeoDataFrame:
    """Take the values of scenes, or of a cube, at points.

    Args:
        items: STAC items, or a cube: each of its times then counts as a scene, in the units that it has.
        points: GeoDataFrame, file with points that GDAL reads, or pairs of longitude and latitude.
        bands: Asset keys or common names; None takes every data band.
        method: ``nearest``, or ``bilinear`` between the centres of four pixels; where one of them is no data, so is
            the result.
        units: As for ``load``.
        time: Column of the points with their time (UTC where it has no zone); adds ``time_gap``.
        closest: Keep for each point only the scene with a value that is closest in time; needs ``time``.
        radius: Metres: columns ``BAND_count``, ``BAND_mean`` ... of the valid pixels whose centres lie within it, in
            place of single values.
        statistics: Which of these: ``count``, ``mean``, ``median``, ``min``, ``max``, ``std``, ``mad``.
        progress: Called after each scene with the number done, their number, and its id.
        **options: ``esun``, ``thermal``, ``emissivity``, ``sky_irradiance`` as for ``load``.

    Returns:
        One row a point and scene that covers it: columns of the points, ``point`` (their position), ``item_id``,
        ``datetime``, ``time_gap`` (scene less point, seconds) and one column a band, NaN where there is no data. Of a
        cube only rows with a value, and ``item_id`` only when it was loaded with ``source=True``.

    Raises:
        NothingFoundError: There is no item, or no point lies in one.
        LoadError: A file cannot be read.
        UsageError: An argument is wrong.

    Example:
        >>> search = stacaster.open_catalog("catalogs/demo").search(datetime="2003-12")
        >>> len(stacaster.sample(search, [(138.53, -31.0)], bands=["B13"]))
        1
    """
    word = read_choice("method", method, _METHODS)
    method = "bilinear" if word == "bilinear" else "nearest"
    check_known("sample", options, ConstantOptions, also=option_names(SampleOptions))
    radius = None if radius is None else read_number("radius", radius)
    asked = Asked(
        method=method, radius=radius, statistics=as_names(statistics, "statistics"), units=check_units(units),
        constants=read_constants(options),
    )  # fmt: skip
    items = as_cube(items) if isinstance(getattr(items, "dims", None), (tuple, Mapping)) else items
    chosen = [] if _is_cube(items) else sorted(read_items(items), key=lambda item: (moment_of(item), item.id))
    if not _is_cube(items) and not chosen:
        raise NothingFoundError("there is no item to sample")
    places = read_points(points)
    if closest and time is None:
        raise UsageError("closest=True needs time=, the column of the points with their time")
    moments = None if time is None else moments_of(places, time)
    where = places.geometry.x.to_numpy(), places.geometry.y.to_numpy()
    if _is_cube(items):
        if units != "dn":
            raise UsageError("a cube has its units already; give units= to load")
        table, columns = rows_of_cube(
            items, where, bands=bands, method=method, radius=asked.radius, statistics=asked.words
        )
    else:
        table, columns = _rows_of_items(chosen, where, bands=bands, asked=asked, progress=progress)
    if moments is not None:
        table.insert(list(table.columns).index("datetime") + 1, "time_gap", _gaps(table, moments))
    return _joined(table, places, columns, closest=closest)


class Asked:
    """What is asked of the pixels at points.

    Raises:
        UsageError: A statistic is not known, or the radius is not positive.
    """

    def __init__(
        self,
        *,
        method: Method,
        radius: float | None,
        statistics: Sequence[str] | None,
        units: Units,
        constants: Constants,
    ) -> None:
        self.words = read_statistics(radius, statistics)
        self.method, self.radius, self.units, self.constants = method, radius, units, constants
        self.circle = None if radius is None else Circle(radius, self.words, units, constants)


def _rows_of_items(
    items: Sequence[pystac.Item],
    where: tuple[NDArray[Any], NDArray[Any]],
    *,
    bands: Names | None,
    asked: Asked,
    progress: Progress | None,
) -> tuple[pd.DataFrame, list[str]]:
    names, items = prepare_items(items, as_names(bands, "bands"), scales=asked.units != "dn")
    parts = []
    for number, item in enumerate(items):
        if asked.circle is not None:
            part = around_item(item, names, where, asked.circle)
        else:
            part = _of_item(item, names, *where, method=asked.method)
            if part and asked.units != "dn":
                part |= {name: convert_values(part[name], item, key, asked.units, asked.constants)
                         for name, key in names.items() if not is_code(item, key)}  # fmt: skip
        if part:
            parts.append((item, part))
        if progress is not None:
            progress(number + 1, len(items), item.id)
    if not parts:
        raise NothingFoundError("none of the points lies in one of the selected scenes")
    columns = list(names) if asked.circle is None else [f"{name}_{word}" for name in names for word in asked.words]
    return table_of_points(parts, columns), columns


def _is_cube(items: Any) -> TypeGuard[xr.Dataset]:
    return hasattr(items, "data_vars")


def _joined(
    table: pd.DataFrame, places: gpd.GeoDataFrame, columns: Sequence[str], *, closest: bool
) -> gpd.GeoDataFrame:
    """Return the rows beside the columns of their points, in the order of points and times."""
    import geopandas

    if closest:
        table = closest_in_time(table, columns)
    order = [name for name in ("point", "datetime", "item_id") if name in table.columns]
    table = table.sort_values(order, ignore_index=True)
    kept = places.reset_index(drop=True).iloc[table["point"].to_numpy()].reset_index(drop=True)
    for name in table.columns:
        kept[name] = table[name]
    return geopandas.GeoDataFrame(kept, geometry=places.geometry.name, crs=places.crs)


def _gaps(table: pd.DataFrame, moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return the time of scenes less that of points, seconds."""
    times = table["datetime"].dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
    apart = (times - moments[table["point"].to_numpy()]).astype("timedelta64[ns]")
    seconds: NDArray[np.float64] = apart.astype("float64") / _SECONDS
    return seconds


def _of_item(
    item: pystac.Item, names: Mapping[str, str], lon: NDArray[Any], lat: NDArray[Any], *, method: Method
) -> dict[str, NDArray[Any]]:
    """Return the positions of points that a scene covers, and its values there as float64, NaN for no data."""
    found: dict[str, NDArray[Any]] = {}
    near = np.flatnonzero(in_box(item.bbox, lon, lat))
    if not near.size:
        return {}
    for name, key in names.items():
        if key in item.assets:
            found[name] = _of_file(item, key, lon[near], lat[near], method=method)
    covered = np.zeros(near.size, dtype=bool)
    for values in found.values():
        covered |= ~np.isnan(values)
    if not covered.any():
        return {}
    empty = np.full(int(covered.sum()), np.nan)
    return {"point": near[covered]} | {name: found[name][covered] if name in found else empty for name in names}


def _of_file(
    item: pystac.Item, key: str, lon: NDArray[Any], lat: NDArray[Any], *, method: Method
) -> NDArray[np.float64]:
    import rasterio
    from rasterio.warp import transform

    address = sign(item.assets[key].href)
    if is_code(item, key):
        method = "nearest"
    try:
        with open_raster(address) as dataset:
            crs = crs_of_file(dataset, item, key)
            x, y = transform("EPSG:4326", crs, turned(lon, dataset, crs), lat)
            columns, rows = ~dataset.transform * np.array([x, y])
            return _read_at(dataset, rows, columns, fields=item.assets[key].extra_fields, method=method)
    except (rasterio.errors.RasterioError, ReadError) as error:
        raise LoadError(f"a file cannot be read: {item.id} {key}: {reason_of(error)}") from None


def _read_at(
    dataset: Any, rows: NDArray[Any], columns: NDArray[Any], *, fields: Mapping[str, Any], method: Method
) -> NDArray[np.float64]:
    """Return values at fractional pixel places (0.5 is the centre of the first pixel)."""
    result = np.full(rows.shape, np.nan)
    height, width = dataset.shape
    inside = (
        np.isfinite(rows) & np.isfinite(columns) & (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
    )
    near = np.flatnonzero(inside)
    if not near.size:
        return result
    tall, wide = dataset.block_shapes[0]
    # Strips are read some at a time.
    tall, wide = max(tall, _BLOCK), min(width, wide)
    blocks = (rows[near] // tall).astype("int64") * math.ceil(width / wide) + (columns[near] // wide).astype("int64")
    order = np.argsort(blocks, kind="stable")
    starts = np.flatnonzero(np.diff(blocks[order], prepend=-1))
    for some in np.split(near[order], starts[1:]):
        result[some] = _in_block(dataset, rows[some], columns[some], fields=fields, method=method)
    return result


def _in_block(
    dataset: Any, rows: NDArray[Any], columns: NDArray[Any], *, fields: Mapping[str, Any], method: Method
) -> NDArray[np.float64]:
    from rasterio.windows import Window

    height, width = dataset.shape
    shift = 0.5 if method == "bilinear" else 0.0
    first_row, first_column = np.floor(rows - shift).astype("int64"), np.floor(columns - shift).astype("int64")
    step = 1 if method == "bilinear" else 0
    top, left = max(0, int(first_row.min())), max(0, int(first_column.min()))
    bottom, right = min(height, int(first_row.max()) + step + 1), min(width, int(first_column.max()) + step + 1)
    pixels = read_window(dataset, Window(left, top, right - left, bottom - top), fields)

    def at(row: NDArray[Any], column: NDArray[Any]) -> NDArray[np.float64]:
        # Beyond the outermost centres the outermost pixel goes on.
        found: NDArray[np.float64] = pixels[
            np.clip(row, top, bottom - 1) - top, np.clip(column, left, right - 1) - left
        ]
        return found

    if method == "nearest":
        return at(first_row, first_column)
    down, across = rows - 0.5 - first_row, columns - 0.5 - first_column
    total = np.zeros(rows.shape)
    for row_step, row_weight in ((0, 1 - down), (1, down)):
        for column_step, column_weight in ((0, 1 - across), (1, across)):
            weight = row_weight * column_weight
            # A neighbour without weight does not count, whatever it holds.
            total += np.where(weight < _NO_WEIGHT, 0.0, weight * at(first_row + row_step, first_column + column_step))
    return total
