"""From items to stored numbers, through odc-stac."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.direct import Convert, read_directly
from stacaster.cube.fusing import nothing_of
from stacaster.cube.report import LoadReport
from stacaster.cube.selection import moment_of
from stacaster.errors import LoadError
from stacaster.model.options import GroupBy
from stacaster.network.http import guard_log, reason_of

if TYPE_CHECKING:
    import pystac
    import xarray as xr

_PLACES = ("bbox", "geobox", "like", "geopolygon", "intersects", "lon", "lat", "x", "y")
_OF_GRID = (*_PLACES, "crs", "resolution", "anchor")


def parts_of(items: Sequence[pystac.Item], keys: Sequence[str]) -> list[tuple[list[str], list[int]]]:
    """Return bands and items (positions) of each part that odc-stac can read at once; one when an item has all bands.

    odc-stac takes the bands of a cube from the first item, so products of which none has all bands are read one after
    the other.
    """
    left, found = list(keys), []
    while left:
        most = max(items, key=lambda item: sum(key in item.assets for key in left))
        inside = [key for key in left if key in most.assets]
        if not inside:
            break
        found.append((inside, [n for n, item in enumerate(items) if any(key in item.assets for key in inside)]))
        left = [key for key in left if key not in inside]
    return found if len(found) > 1 else [(list(keys), list(range(len(items))))]


def read_cube(
    items: Sequence[pystac.Item],
    keys: Sequence[str],
    *,
    by_item: bool,
    groupby: GroupBy,
    arguments: Mapping[str, Any],
    report: LoadReport,
    convert: Convert | None = None,
) -> xr.Dataset:
    """Read bands of items.

    Args:
        items: In the order of their times.
        keys: Asset keys.
        by_item: One slice an item instead of one a group.
        groupby: How items are grouped otherwise.
        arguments: For ``odc.stac.load``.
        report: Learns the grid of the cube.
        convert: Gives tables from stored numbers to physical values; bands that were converted with them have an
            attribute ``converted``.

    Raises:
        LoadError: The selection does not fit together, or a file cannot be read.
    """
    guard_log("odc.loader._rio")
    # rasterio says this of the array in memory that it warps into.
    warnings.filterwarnings("ignore", message="Dataset has no geotransform", module="rasterio.warp")
    parts = parts_of(items, keys)
    if len(parts) > 1:
        cube = _joined(items, parts, arguments, report)
    else:
        cube = _part(items, keys, None if by_item else groupby, arguments, report, convert)
    report.on_grid(cube.odc.geobox, is_lazy=bool(cube.chunks))
    return cube


def _part(
    items: Sequence[pystac.Item],
    keys: Sequence[str],
    groupby: GroupBy | None,
    arguments: Mapping[str, Any],
    report: LoadReport,
    convert: Convert | None = None,
) -> xr.Dataset:
    """Read bands of items that share a first one: a slice an item, or a group."""
    from odc.stac import load as odc_load
    from rasterio.errors import RasterioError

    # odc-stac takes band metadata from the first item, so one that has most of the bands goes first.
    order = sorted(range(len(items)), key=lambda i: -sum(key in items[i].assets for key in keys))
    rank = dict(enumerate(order))
    grouping = (lambda _item, _parsed, idx: rank[idx]) if groupby is None else groupby
    try:
        found = read_directly(items, keys, groupby=groupby, arguments=arguments, report=report, convert=convert)
        if found is not None:
            return found
        cube: xr.Dataset = odc_load([items[i] for i in order], bands=list(keys), groupby=grouping, **arguments)
    except ValueError as error:
        raise LoadError(f"odc-stac cannot load the selection: {error}") from error
    except (OSError, RasterioError) as error:
        # A warp that fails is no OSError.
        at = "".join(f"{entry.item_id} {entry.band}: " for entry in report.of("failed"))
        raise LoadError(f"a file cannot be read: {at}{reason_of(error)}") from None
    return cube


def _joined(
    items: Sequence[pystac.Item],
    parts: Sequence[tuple[list[str], list[int]]],
    arguments: Mapping[str, Any],
    report: LoadReport,
) -> xr.Dataset:
    """Read products that share no item part by part, on one grid, and give each item its slice."""
    import xarray as xr

    found: dict[str, xr.DataArray] = {}
    given = dict(arguments)
    boxes = [item.bbox for item in items if item.bbox is not None]
    if not any(given.get(name) is not None for name in _PLACES) and all(box[0] <= box[2] for box in boxes):
        # The place of all items, not of those of the first part.
        corners = np.array(boxes, dtype=float)
        given["bbox"] = (*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:4].max(axis=0).tolist())
    times = [np.datetime64(moment_of(item).replace(tzinfo=None), "ns") for item in items]
    cube = xr.Dataset()
    for keys, places in parts:
        cube = _part([items[place] for place in places], keys, None, given, report)
        given = {key: value for key, value in given.items() if key not in _OF_GRID} | {"geobox": cube.odc.geobox}
        known = {place: number for number, place in enumerate(places)}
        # The slice after the last one is empty.
        slices = [known.get(number, len(places)) for number in range(len(items))]
        for key in keys:
            band = cube[key]
            nothing = nothing_of(band)
            empty = xr.full_like(band.isel(time=[0]), 0 if nothing is None else nothing)
            found[key] = xr.concat([band, empty], dim="time").isel(time=slices).assign_coords(time=times)
            found[key].attrs = band.attrs
    return xr.Dataset(found, attrs=cube.attrs)
