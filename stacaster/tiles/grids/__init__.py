"""Grids of tiles: which there are, where they lie, what they are called. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stacaster.errors import UsageError
from stacaster.tiles.grids.military import MgrsGrid
from stacaster.tiles.grids.squares import MERCATOR, MERCATOR_EDGE, Grid
from stacaster.tiles.grids.tile import DEGREES, Tile, lonlat_box

__all__ = ["Grid", "MgrsGrid", "Tile", "lonlat_box", "make_grid"]


def make_grid(
    name: str, *, tile_size: float, resolution: float, area: Mapping[str, Any] | None = None
) -> Grid | MgrsGrid:
    """Return a grid.

    Args:
        name: ``degree``, ``mercator``, ``utm`` (the zone of the middle of the area), or a projected CRS such as
            ``EPSG:32754`` or ``EPSG:3577``; ``mgrs`` takes the squares of the Military Grid Reference System.
        tile_size: Side of a tile, in degrees or metres; for ``mercator`` the zoom level; for ``mgrs`` 100000 or 10000.
        resolution: Side of a pixel, in degrees or metres.
        area: GeoJSON geometry in degrees, which ``utm`` needs.

    Raises:
        UsageError: The tiles do not fit together, or hold no whole number of pixels.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if not (tile_size > 0 and resolution > 0 and math.isfinite(tile_size) and math.isfinite(resolution)):
        raise UsageError(f"tile size {tile_size:g} and resolution {resolution:g} have to be positive")
    key = name.strip().lower()
    if key == "mgrs":
        return MgrsGrid(tile_size=float(tile_size), resolution=float(resolution))
    if key == "degree":
        crs = DEGREES
        if not (180 / tile_size).is_integer():
            raise UsageError(f"tiles of {tile_size:g} degrees do not fill 180 degrees; 10, 5, 1 or 0.5 do")
    elif key == "mercator":
        crs = MERCATOR
        if not (float(tile_size).is_integer() and tile_size <= 24):
            raise UsageError(f"the tile size of mercator is a zoom level from 1 to 24, not {tile_size:g}")
        tile_size = 2 * MERCATOR_EDGE / 2 ** int(tile_size)
        # Web maps have pixels of a whole number a tile; the nearest one that is not coarser.
        resolution = tile_size / math.ceil(tile_size / resolution - 1e-6)
    else:
        crs = _zone(area) if key == "utm" else name.strip()
        try:
            parsed = CRS.from_user_input(crs)
        except CRSError as error:
            raise UsageError(f"grid {name!r} is none of degree, mercator, utm and mgrs, and no CRS") from error
        if not parsed.is_projected:
            raise UsageError(f"{crs} is not projected; use the grid 'degree'")
        code = parsed.to_epsg()
        crs = crs if code is None else f"EPSG:{code}"
    pixels = tile_size / resolution
    if abs(pixels - round(pixels)) > 1e-6 * pixels or round(pixels) < 1:
        near = max(1, round(pixels)) * resolution
        raise UsageError(
            f"tile_size={tile_size:g} holds {pixels:g} pixels of resolution={resolution:g}, but a whole number is "
            f"needed; give tile_size={near:g}"
        )
    return Grid(crs, float(tile_size), float(tile_size) / round(pixels))


def _zone(area: Mapping[str, Any] | None) -> str:
    import shapely

    if area is None:
        raise UsageError("the grid utm needs an area, whose middle says the zone")
    middle = shapely.geometry.shape(dict(area)).representative_point()
    zone = min(60, int((middle.x + 180) // 6) + 1)
    return f"EPSG:{(32600 if middle.y >= 0 else 32700) + zone}"
