"""From a catalog to cubes and values at points: search and load in one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from stacaster import cube
from stacaster.catalog.common_grid import with_grid
from stacaster.cube.area import find_place
from stacaster.cube.band_model import assets_of, prepare_items
from stacaster.cube.lattice import asset_geobox
from stacaster.cube.point_files import read_points
from stacaster.cube.points import sample
from stacaster.cube.selection import CHUNKS
from stacaster.errors import NothingFoundError
from stacaster.model.names import Names, as_names

if TYPE_CHECKING:
    import geopandas as gpd
    import pystac
    from odc.geo.geobox import GeoBox

    from stacaster.catalog import Catalog
    from stacaster.catalog.search import ItemSearch

_OF_PLACE = ("bbox", "intersects", "region", "name_column", "point", "radius")
_HALF_WORLD = 180.0
_MARGIN = 1e-6
_LOOKED_AT = 100
"""Items whose assets count where the collection describes none."""


def select(catalog: Catalog, conditions: dict[str, Any], options: dict[str, Any]) -> ItemSearch:
    """Return the items that arguments of ``Catalog.load`` choose; those of place leave ``options``.

    Raises:
        NothingFoundError: No item fits; the message says what was asked.
    """
    asked = {key: conditions.pop(key, None) for key in _OF_PLACE}
    asked |= {key: options.pop(key) for key in _OF_PLACE if key in options}
    place = find_place(**asked)
    box = None if place.area is not None else place.bbox
    search = catalog.search(bbox=box, intersects=place.area, **conditions)
    if next(search.items(), None) is None:
        said = {**asked, **conditions}
        text = ", ".join(f"{key} {str(value)[:80]}" for key, value in said.items() if value is not None)
        raise NothingFoundError(f"no item of {catalog.name} fits {text or 'everything'}")
    return search


def shaped(
    search: ItemSearch,
    options: dict[str, Any],
    *,
    items: Sequence[pystac.Item] | None = None,
    bands: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return options of a load: in pieces, in the place of the search, on a grid that all scenes have or come to.

    Args:
        search: What the items come from.
        options: Options of ``load``.
        items: Those of the search that are loaded; None takes all.
        bands: Bands that are loaded; None takes all.
    """
    box = search.bbox if search.intersects is None else find_place(intersects=search.intersects).bbox
    given = with_grid(list(search.items()) if items is None else items, bands, options, bbox=box)
    return search.placed({"chunks": CHUNKS, **given})


def stac_config(catalog: Catalog) -> dict[str, Any]:
    """Return ``stac_cfg`` of every collection; of one that describes no assets, from some of its items."""
    config = {}
    for name in catalog.collections:
        assets = catalog.collection(name).get("item_assets")
        if not assets:
            assets = assets_of(islice(catalog.search(collections=[name]).items(), _LOOKED_AT))
        config[name] = cube.collection_config(assets)
    return config


def geobox_of(search: ItemSearch, bands: Names | None) -> GeoBox:
    """Return the native grid of the scenes of a search: of some bands, or of those with the smallest pixels."""
    items = list(search.items())
    if not items:
        raise NothingFoundError("the search found nothing, so there is no grid")
    names, items = prepare_items(items, as_names(bands, "bands"))
    keys = list(names.values())
    if bands is None:
        sizes = {key: _pixel_size(items, key) for key in keys}
        keys = [key for key in keys if sizes[key] == min(sizes.values())]
    box = search.bbox
    if search.intersects is not None:
        box = find_place(intersects=search.intersects).bbox
    return cube.native_geobox(items, keys, bbox=box)


def pixel_sizes(items: Sequence[pystac.Item], bands: Sequence[str]) -> dict[str, float]:
    """Return the smallest width of the pixels of bands, by name, in units of their CRS."""
    names, prepared = prepare_items(items, bands)
    return {name: _pixel_size(prepared, key) for name, key in names.items()}


def _pixel_size(items: Sequence[pystac.Item], key: str) -> float:
    boxes = (asset_geobox(item, key) for item in items)
    return min((abs(box.transform.a) for box in boxes if box is not None), default=float("inf"))


def _widened(west: float, south: float, east: float, north: float) -> tuple[float, float, float, float]:
    """Return a box that has an area, also around a single point: some versions of GEOS find nothing in one without."""
    return (
        max(-180.0, west - _MARGIN),
        max(-90.0, south - _MARGIN),
        min(180.0, east + _MARGIN),
        min(90.0, north + _MARGIN),
    )


def sample_catalog(
    catalog: Catalog, points: Any, conditions: dict[str, Any], options: dict[str, Any]
) -> gpd.GeoDataFrame:
    """Return the values of a catalog's scenes at points; see ``stacaster.sample``."""
    places = read_points(points)
    west, south, east, north = (float(value) for value in places.total_bounds)
    # Points on both sides of the antimeridian are compared with each scene's box instead.
    box = None if east - west > _HALF_WORLD else _widened(west, south, east, north)
    search = catalog.search(bbox=box, **conditions)
    if next(search.items(), None) is None:
        raise NothingFoundError(f"no item of {catalog.name} lies around the points")
    return sample(search.items(), places, **options)
