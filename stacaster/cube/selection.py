"""What is loaded: bands by name, their types, items in order and in groups."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import LoadError, UsageError, nearest
from stacaster.model.names import Names, as_names
from stacaster.model.options import GroupBy
from stacaster.model.stac_terms import NOT_GEOCODED, PARQUET_TYPE, numpy_type

if TYPE_CHECKING:
    import pystac

CHUNKS = {"x": 2048, "y": 2048}
"""Pieces of a cube that keep memory at a few blocks a worker, however large it is."""


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


def assets_of(items: Iterable[pystac.Item]) -> dict[str, dict[str, Any]]:
    """Return all assets of items by key, as plain data; of several with one key the first."""
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        for key, asset in item.assets.items():
            if key not in found:
                found[key] = asset.to_dict()
    return found


def moment_of(item: pystac.Item) -> dt.datetime:
    """Return the time of an item in UTC.

    Raises:
        LoadError: It has none.
    """
    moment: dt.datetime | None = item.datetime or item.common_metadata.start_datetime
    if moment is None:
        raise LoadError(f"{item.id} has neither datetime nor start_datetime")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def is_data(asset: Mapping[str, Any]) -> bool:
    """Tell whether an asset holds pixels on a grid of a map."""
    is_raster = asset.get("type") != PARQUET_TYPE and asset.get(NOT_GEOCODED) is not False
    return "data" in (asset.get("roles") or ()) and is_raster


def holds_points(item: pystac.Item) -> bool:
    """Tell whether an item has tables of points and no pixels."""
    data = [asset for asset in item.assets.values() if "data" in (asset.roles or ())]
    return bool(data) and all(asset.media_type == PARQUET_TYPE for asset in data)


def is_not_geocoded(item: pystac.Item) -> bool:
    """Tell whether all data of an item lie in the geometry of the radar, or are files that were kept whole."""
    data = [asset for asset in item.assets.values() if "data" in (asset.roles or ())]
    return bool(data) and all(asset.extra_fields.get(NOT_GEOCODED) is False for asset in data)


def gridded_items(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """Return the items that hold pixels on a grid of a map.

    Raises:
        LoadError: There is none; the message says what they hold.
    """
    listed = list(items)
    found = [item for item in listed if not holds_points(item) and not is_not_geocoded(item)]
    if not found and all(holds_points(item) for item in listed):
        raise LoadError("the items hold points, not pixels; Catalog.points and SQL read them, grid_points makes pixels")
    if not found:
        text = "the items are not geocoded: their pixels lie in the geometry of the radar; a SAR processor places them"
        raise LoadError(text)
    return found


def band_names(bands: Names | None, assets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the asset key of every wanted name.

    Raises:
        UsageError: No item has a band of that name; the message names the nearest.
    """
    data = sorted(key for key, asset in assets.items() if is_data(asset))
    names = as_names(bands, "bands")
    if names is None:
        return {key: key for key in data}
    aliases = collection_config({key: assets[key] for key in data})["aliases"]
    found = {}
    for name in names:
        key = name if name in data else aliases.get(name)
        if key is None:
            raise UsageError(
                f"band {name!r} is in none of the selected items; {nearest(name, [*data, *sorted(aliases)])}"
            )
        found[name] = key
    if not found:
        raise UsageError("bands is empty; leave it out to take every band")
    return found


def types_to_state(items: Sequence[pystac.Item], keys: Sequence[str]) -> dict[str, str]:
    """Return the types that odc-stac has to be told, by band.

    Of a band with several types in the selection it would take that of the first item, and cut the values of the
    others; it takes the STAC name of complex numbers for one of NumPy.
    """
    found: dict[str, set[str]] = {key: set() for key in keys}
    for item in items:
        for key in keys:
            asset = item.assets.get(key)
            name = None if asset is None else asset.extra_fields.get("data_type") or _band_type(asset)
            if name is not None:
                found[key].add(numpy_type(str(name)))
    return {
        key: str(np.result_type(*(np.dtype(name) for name in names))) for key, names in found.items()
        if len(names) > 1 or any(name.startswith("complex") for name in names)
    }  # fmt: skip


def with_types(item: pystac.Item, types: Mapping[str, str]) -> pystac.Item:
    """Return an item whose list of bands does not contradict these NumPy types; itself where it has none."""
    wrong = [key for key in types if key in item.assets and item.assets[key].extra_fields.get("raster:bands")]
    if not wrong:
        return item
    changed = item.clone()
    for key in wrong:
        fields = changed.assets[key].extra_fields
        fields["raster:bands"] = [{**band, "data_type": types[key]} for band in fields["raster:bands"]]
    return changed


def _band_type(asset: pystac.Asset) -> Any:
    listed = asset.extra_fields.get("bands") or asset.extra_fields.get("raster:bands") or [{}]
    return listed[0].get("data_type")


def group_items(items: Sequence[pystac.Item], groupby: GroupBy) -> list[list[int]]:
    """Return the positions of the items of each group, groups by their first item."""
    groups: dict[Any, list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(index if groupby == "id" else group_key(item, groupby), []).append(index)
    return list(groups.values())


def group_key(item: pystac.Item, groupby: GroupBy) -> Any:
    """Return what items of one group share."""
    if callable(groupby):
        return groupby(item)
    if groupby == "time":
        return moment_of(item)
    if groupby == "solar_day":
        if item.bbox is None:
            raise LoadError(f"{item.id} has no bbox, so its solar day is unknown")
        west, east = item.bbox[0], item.bbox[2]
        centre = (west + (east if east >= west else east + 360.0)) / 2
        return (moment_of(item) + dt.timedelta(hours=((centre + 180.0) % 360.0 - 180.0) / 15.0)).date()
    return item.properties.get(groupby)
