"""A large area searched tile by tile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Unpack

from stacaster.access.conditions import build_query
from stacaster.access.search.find import area_of, iter_granules
from stacaster.access.search.result import GranuleSearch
from stacaster.errors import UsageError
from stacaster.geo.areas import bounds_of, box_geometry
from stacaster.instruments.versions import scene_and_rank
from stacaster.model import Granule
from stacaster.model.checked import checked
from stacaster.model.granule_options import SearchOptions, ServiceOptions, TileSearchOptions
from stacaster.model.names import check_known, option_names
from stacaster.model.options import AreaOptions

_TILE_MARGIN = 0.5


@checked
def search_tiles(
    product: str | None = None, *, tile_size: float = 10.0, **options: Unpack[TileSearchOptions]
) -> Iterator[tuple[tuple[float, float, float, float], GranuleSearch]]:
    """Search a large area tile by tile; each granule comes once, with the first tile that it touches.

    Args:
        product: As in ``search``.
        tile_size: Degrees; tiles begin at multiples of it.
        **options: As in ``search``; the area is needed.

    Yields:
        West, south, east, north of a tile, from the south-west to the north-east, and what was found there.

    Raises:
        UsageError: There is no area, a condition cannot be understood, or the number of granules is limited.
    """
    import shapely

    if (option_names(SearchOptions) - option_names(TileSearchOptions)) & set(options):
        raise UsageError("limit and selections work on a whole search, not on tiles")
    if not 0 < tile_size <= 180:
        raise UsageError(f"tile_size is {tile_size}, but degrees from 0 to 180 are needed")
    check_known("search_tiles", options, TileSearchOptions, also=("tile_size",))
    given = dict[str, Any](options)
    search_options = {key: given.pop(key) for key in option_names(ServiceOptions) if key in given}
    query = build_query(product, **given)
    area = area_of(query)
    if area is None:
        raise UsageError("search_tiles needs an area: give region, bbox or intersects")
    plain = {key: value for key, value in given.items() if key not in option_names(AreaOptions)}
    whole = shapely.make_valid(shapely.geometry.shape(dict(area)))
    seen: set[str] = set()
    for tile in _tiles(bounds_of(area), tile_size):
        box = shapely.box(*tile)
        if not whole.intersects(box):
            continue
        # All versions of a scene are asked for together: they may differ a little in their footprints.
        wide = _widened(tile)
        found = [
            granule
            for granule in iter_granules(product, **search_options, **plain, bbox=wide)
            if _belongs(granule, box, whole) and scene_and_rank(granule)[0] not in seen
        ]
        seen |= {
            scene_and_rank(granule)[0]
            for granule in found
            if granule.geometry is None or box.exterior.intersects(shapely.geometry.shape(dict(granule.geometry)))
        }
        yield tile, GranuleSearch(tuple(found), box_geometry(tile))


def _tiles(bounds: tuple[float, float, float, float], size: float) -> Iterator[tuple[float, float, float, float]]:
    west, south, east, north = bounds
    for row in range(math.floor(south / size), math.ceil(north / size)):
        for column in range(math.floor(west / size), math.ceil(east / size)):
            edges = (column * size, row * size, (column + 1) * size, (row + 1) * size)
            yield max(edges[0], -180.0), max(edges[1], -90.0), min(edges[2], 180.0), min(edges[3], 90.0)


def _widened(tile: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = tile
    margin = _TILE_MARGIN
    return max(west - margin, -180.0), max(south - margin, -90.0), min(east + margin, 180.0), min(north + margin, 90.0)


def _belongs(granule: Granule, box: Any, whole: Any) -> bool:
    import shapely

    if granule.geometry is None:
        return True
    shape = shapely.geometry.shape(dict(granule.geometry))
    return bool(shape.intersects(box)) and bool(shape.intersects(whole))
