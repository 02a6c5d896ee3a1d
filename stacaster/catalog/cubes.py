"""From a catalog to cubes and values at points: search and load in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from stacaster import cube
from stacaster.catalog.common_grid import with_grid
from stacaster.cube.area import find_place
from stacaster.cube.band_model import BandTable, assets_of, prepare_items
from stacaster.cube.lattice import asset_geobox
from stacaster.cube.point_files import read_points
from stacaster.cube.points import sample
from stacaster.cube.selection import CHUNKS, moment_of
from stacaster.errors import NothingFoundError, UsageError
from stacaster.model.names import Names, as_names

if TYPE_CHECKING:
    import geopandas as gpd
    import pystac
    import xarray as xr
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


@dataclass(frozen=True, kw_only=True)
class OpenedCube:
    """A cube in pieces, and what it was made of."""

    cube: xr.Dataset
    """The cube."""
    items: list[pystac.Item]
    """Its scenes, in time."""
    conditions: dict[str, Any]
    """What chose them."""
    options: dict[str, Any]
    """Options of the load, with the grid that was chosen."""


def open_cube(
    catalog: Catalog, bands: Sequence[str] | None, conditions: dict[str, Any], options: dict[str, Any]
) -> OpenedCube:
    """Return a cube in pieces, on the grid of the scenes or one that they come to, where the options name none.

    Args:
        catalog: The catalog.
        bands: Bands; scenes that have none of them are left out. None takes all.
        conditions: What chooses items; no collection is needed where only one has the bands.
        options: Options of ``load``.

    Raises:
        NothingFoundError: No item fits.
        UsageError: There are several collections, or an argument is wrong.
        LoadError: No scene says its grid.
    """
    asked = {**conditions, "collections": _one(catalog, conditions.get("collections"), bands or ())}
    search = select(catalog, dict(asked), dict(options))
    given = {key: value for key, value in options.items() if key not in _OF_PLACE}
    items = sorted(search.items(), key=lambda item: (moment_of(item), item.id))
    if bands is not None:
        # When no scene has any of the bands, loading says which there are.
        items = [item for item in items if any(has_band(item, name) for name in bands)] or items
    chosen = shaped(search, given, items=items, bands=bands)
    return OpenedCube(cube=cube.load(items, bands=bands, **chosen), items=items, conditions=asked, options=chosen)


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


def has_band(item: pystac.Item, name: str) -> bool:
    """Tell whether an item has a band of a key or common name; one that could be several is one, too."""
    try:
        return bool(BandTable({key: asset.to_dict() for key, asset in item.assets.items()}).keys_of(name))
    except UsageError as error:
        return "can be" in str(error)


def _one(catalog: Catalog, wanted: Sequence[str] | None, bands: Sequence[str]) -> Sequence[str]:
    """Return the collections that are meant: without a name the only one, or the only one that has the bands.

    Raises:
        UsageError: There are several.
    """
    if wanted:
        return wanted
    names = catalog.collections
    having = [name for name in names if bands and _offers(catalog.collection(name), bands)]
    if len(having) == 1 or len(names) == 1:
        return having or names
    listed = ", ".join(having or names)
    which = f" with {', '.join(bands)}" if having else ""
    raise UsageError(f"the catalog has several collections{which}, name one by collection=: {listed}")


def _offers(collection: Mapping[str, Any], bands: Sequence[str]) -> bool:
    """Tell whether a collection has all bands, by their keys or common names."""
    known: set[str] = set()
    for key, asset in (collection.get("item_assets") or {}).items():
        known.add(key)
        for part in (asset, *(asset.get("bands") or ()), *(asset.get("eo:bands") or ())):
            known |= {str(part[word]) for word in ("eo:common_name", "common_name", "name") if part.get(word)}
    return set(bands) <= known
