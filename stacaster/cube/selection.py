"""Which items hold pixels on a grid of a map, and names that other rooms know from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stacaster.cube.band_model import assets_of, band_names, collection_config, is_data
from stacaster.cube.grouping import group_items, moment_of
from stacaster.errors import LoadError
from stacaster.model.stac_terms import NOT_GEOCODED, PARQUET_TYPE

if TYPE_CHECKING:
    import pystac

__all__ = [
    "CHUNKS",
    "assets_of",
    "band_names",
    "collection_config",
    "gridded_items",
    "group_items",
    "holds_points",
    "is_data",
    "is_not_geocoded",
    "moment_of",
]

CHUNKS = {"x": 2048, "y": 2048}
"""Pieces of a cube that keep memory at a few blocks a worker, however large it is."""


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
