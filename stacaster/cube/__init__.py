"""Items to an xarray cube: odc-stac does the reading, this adds what a truthful cube needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from stacaster.cube.lattice import native_geobox
from stacaster.cube.units import Units, check_units, to_units
from stacaster.errors import LoadError, NothingFoundError, UsageError
from stacaster.http import guard_log, without_queries
from stacaster.query import parse_bbox
from stacaster.transport.signed import sign

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from stacaster.cube.report import LoadReport

__all__ = ["collection_config", "load", "native_geobox"]

_PLACE_OPTIONS = ("crs", "resolution", "anchor", "geobox", "like")


@overload
def load(items: Iterable[pystac.Item], *, report: Literal[True], **options: Any) -> tuple[xr.Dataset, LoadReport]: ...


@overload
def load(items: Iterable[pystac.Item], *, report: Literal[False] = False, **options: Any) -> xr.Dataset: ...


def load(
    items: Iterable[pystac.Item],
    *,
    bands: str | Sequence[str] | None = None,
    bbox: str | Sequence[float] | None = None,
    native: bool = False,
    units: Units = "dn",
    groupby: str = "time",
    report: bool = False,
    **options: Any,
) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
    """Load items as a cube with dimensions (time, y, x).

    Args:
        items: STAC items whose assets can be opened; ``Catalog.search(...).items()`` gives such.
        bands: Asset keys or common names; None takes every data band.
        bbox: West, south, east, north in degrees.
        native: Use the CRS, pixel size and lattice of the scenes, so that every pixel keeps its value bit for bit.
        units: ``dn`` (stored numbers), ``radiance``, ``reflectance`` or ``brightness_temperature``; scale, offset, sun
            and constants of each scene are applied before scenes are fused.
        groupby: ``time``, ``solar_day``, ``id`` or the name of an item property.
        report: Return also what became of every item and band. A file that cannot be read is then noted, with the
            reason, and left out of the cube; ``strict=True`` makes it an error nevertheless.
        **options: ``strict`` (by default an error is one unless there is a report) and further arguments of
            ``odc.stac.load``: ``crs``, ``resolution``, ``geobox``, ``like``, ``chunks``, ``resampling`` and so on.

    Returns:
        Dataset with one variable a band; with ``report`` a pair of it and the report. Stored numbers keep their type
        and carry ``nodata``; physical units are float32 with NaN. A band that a scene lacks is nodata or NaN there,
        never a value.

    Raises:
        NothingFoundError: There is no item.
        LoadError: The selection does not fit together, an item lacks what ``units`` needs, or a file cannot be read;
            the message names the items.
        UsageError: An argument is wrong; the message lists the bands there are.
    """
    from odc.stac import load as odc_load

    from stacaster.cube.report import LoadReport, ReportingDriver

    guard_log("odc.loader._rio")
    chosen = sorted(items, key=lambda item: (_moment(item), item.id))
    if not chosen:
        raise NothingFoundError("there is no item to load")
    wanted = check_units(units)
    assets = {key: asset.to_dict() for item in reversed(chosen) for key, asset in item.assets.items()}
    names = _band_names(bands, assets)
    keys = list(names.values())
    config = collection_config({key: assets[key] for key in assets if _is_data(assets[key])})
    arguments = dict(options)
    is_strict = arguments.pop("strict", False)
    goes_on = report and not is_strict
    if native:
        _refuse_place(options)
        box = None if bbox is None else parse_bbox(bbox)
        arguments["geobox"] = native_geobox(chosen, keys, bbox=box)
    elif bbox is not None:
        arguments["bbox"] = parse_bbox(bbox)
    # odc-stac takes band metadata from the first item, so one that has most of the bands goes first.
    order = sorted(range(len(chosen)), key=lambda i: -sum(key in chosen[i].assets for key in keys))
    ordered = [chosen[i] for i in order]
    rank = dict(enumerate(order))
    by_item = wanted != "dn" or groupby == "id"
    arguments |= {
        "groupby": (lambda _item, _parsed, idx: rank[idx]) if by_item else groupby,
        "stac_cfg": options.get("stac_cfg") or {item.collection_id: config for item in chosen},
    }
    places = {item.assets[key].href: (item.id, key) for item in chosen for key in keys if key in item.assets}
    found = LoadReport(chosen, keys)
    arguments.setdefault("driver", ReportingDriver(found, places, goes_on=goes_on))
    if any(href.startswith("https://") or href.endswith(".vrt") for href in places):
        arguments.setdefault("patch_url", sign)
    if "patch_url" in arguments:
        arguments["patch_url"] = _remembering(arguments["patch_url"], places)
    widest = _widest_type(chosen, keys)
    if widest is not None:
        arguments.setdefault("dtype", widest)
    try:
        cube: xr.Dataset = odc_load(ordered, bands=keys, **arguments)
    except ValueError as error:
        raise LoadError(f"odc-stac cannot load the selection: {error}") from error
    except OSError as error:
        at = "".join(f"{entry.item_id} {entry.band}: " for entry in found.of("failed"))
        raise LoadError(f"a file cannot be read: {at}{without_queries(str(error))}") from None
    if wanted != "dn":
        slices = {key: to_units(cube[key], chosen, key, wanted) for key in keys}
        cube = _fuse(cube.assign(slices), chosen, groupby)
    else:
        for key in keys:
            cube[key].attrs["units"] = "1"
    cube = cube.rename({key: name for name, key in names.items() if name != key})
    return (cube, found) if report else cube


def _remembering(patch: Callable[[str], str], places: dict[str, tuple[str, str]]) -> Callable[[str], str]:
    """Return a function that patches addresses, and remembers of which item and band each is."""

    def patched(href: str) -> str:
        address = patch(href)
        if href in places:
            places[address] = places[href]
        return address

    return patched


def collection_config(assets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ``stac_cfg`` entry of one collection for ``odc.stac.load``.

    Args:
        assets: ``item_assets`` of a collection, or assets of an item, as plain data.

    Returns:
        Data type, nodata and unit of each asset as it is stored, and aliases from common names that one band has alone.
    """
    entries = {}
    aliases: dict[str, list[str]] = {}
    for key, asset in assets.items():
        entries[key] = {"data_type": asset.get("data_type"), "nodata": asset.get("nodata"), "unit": "1"}
        name = asset.get("eo:common_name")
        if name is not None:
            aliases.setdefault(name, []).append(key)
    unique = {name: keys[0] for name, keys in aliases.items() if len(keys) == 1}
    cleaned = {key: {k: v for k, v in entry.items() if v is not None} for key, entry in entries.items()}
    return {"assets": cleaned, "aliases": unique, "warnings": "ignore"}


def _moment(item: pystac.Item) -> dt.datetime:
    moment: dt.datetime | None = item.datetime or item.common_metadata.start_datetime
    if moment is None:
        raise LoadError(f"{item.id} has neither datetime nor start_datetime")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def _is_data(asset: Mapping[str, Any]) -> bool:
    return "data" in (asset.get("roles") or ())


def _band_names(bands: str | Sequence[str] | None, assets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the asset key of every wanted name."""
    data = sorted(key for key, asset in assets.items() if _is_data(asset))
    if bands is None:
        return {key: key for key in data}
    aliases = collection_config({key: assets[key] for key in data})["aliases"]
    found = {}
    for name in [bands] if isinstance(bands, str) else bands:
        key = name if name in data else aliases.get(name)
        if key is None:
            known = ", ".join([*data, *sorted(aliases)])
            raise UsageError(f"band {name!r} is in none of the selected items; there are {known}")
        found[name] = key
    if not found:
        raise UsageError("bands is empty; leave it out to take every band")
    return found


def _refuse_place(options: Mapping[str, Any]) -> None:
    given = [name for name in _PLACE_OPTIONS if options.get(name) is not None]
    if given:
        raise UsageError(f"native=True takes the grid of the scenes, so {', '.join(given)} cannot be given as well")


def _widest_type(items: Sequence[pystac.Item], keys: Sequence[str]) -> str | None:
    """Return a type that holds every value when a band has several types in the selection; None when none has.

    odc-stac would take the type of the first item, and cut the values of the others.
    """
    found: dict[str, set[str]] = {key: set() for key in keys}
    for item in items:
        for key in keys:
            asset = item.assets.get(key)
            name = None if asset is None else asset.extra_fields.get("data_type") or _band_type(asset)
            if name is not None:
                found[key].add(str(name))
    if all(len(names) <= 1 for names in found.values()):
        return None
    return str(np.result_type(*(np.dtype(name) for names in found.values() for name in names)))


def _band_type(asset: pystac.Asset) -> Any:
    listed = asset.extra_fields.get("bands") or asset.extra_fields.get("raster:bands") or [{}]
    return listed[0].get("data_type")


def _fuse(cube: xr.Dataset, items: Sequence[pystac.Item], groupby: str) -> xr.Dataset:
    """Join the slices of each group, first valid value first."""
    import xarray as xr

    if groupby == "id":
        return cube
    groups: dict[Any, list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(_group_key(item, groupby), []).append(index)
    if len(groups) == len(items):
        return cube
    joined = []
    for indexes in groups.values():
        first = cube.isel(time=[indexes[0]])
        for index in indexes[1:]:
            other = cube.isel(time=[index]).assign_coords(time=first["time"])
            first = first.where(first.notnull(), other)
        joined.append(first)
    result = xr.concat(joined, dim="time")
    for name in cube.data_vars:
        result[name].attrs = cube[name].attrs
    return result.sortby("time")


def _group_key(item: pystac.Item, groupby: str) -> Any:
    if groupby == "time":
        return _moment(item)
    if groupby == "solar_day":
        if item.bbox is None:
            raise LoadError(f"{item.id} has no bbox, so its solar day is unknown")
        west, east = item.bbox[0], item.bbox[2]
        centre = (west + (east if east >= west else east + 360.0)) / 2
        return (_moment(item) + dt.timedelta(hours=centre / 15.0)).date()
    return item.properties.get(groupby)
