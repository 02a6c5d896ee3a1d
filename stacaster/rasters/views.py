"""How a file is seen from a cube: which overview, and where the pixels of the cube lie in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.rasters.coordinates import BOUND, CELL, Grid, Places, is_straight, places_of, transformed
from stacaster.rasters.files import Opened
from stacaster.rasters.tiff import Image, Level

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LITTLE = 0.05
_TORN = 8


@dataclass(frozen=True, kw_only=True)
class View:
    """How a file is seen from a cube; blocks of the cube share it, so that they agree."""

    level: int
    """Position among the levels of the file; 0 is full resolution."""
    straight: Affine | None
    """Pixels of the cube to pixels of the level, where rows and columns stay rows and columns."""
    places: Places
    """Places of the cube's pixels in the CRS of the file."""
    corners: Places
    """Places of the corners of its pixels, one more along each side."""
    to_pixels: Affine
    """From that CRS to pixels of the level."""
    across: float
    """How many pixels of the level one of the cube is long along rows of the level, at the middle of what the file
    covers; not a number where the CRS has no place for that."""
    down: float
    """Along its columns."""
    is_geographic: bool
    """Whether columns of the level are longitudes."""
    is_aligned: bool
    """Whether pixels of the cube are pixels of the level, within the bound."""


def view_of(opened: Opened, cube: GeoBox, *, use_overviews: bool) -> View | None:
    """Return how a file is seen from a cube; None when it lies outside.

    The overview is the one that odc-stac takes: the smallest that is not coarser than the cube.
    """
    return _view(opened, Grid(cube), use_overviews)


@lru_cache(maxsize=512)
def _view(opened: Opened, grid: Grid, use_overviews: bool) -> View | None:
    image, crs, cube = opened.image, opened.crs, grid.cube
    full = image.levels[0]
    tolerance = BOUND / 2 * min(abs(image.transform.a), abs(image.transform.e))
    places, corners = places_of(cube, crs, tolerance), places_of(_corners_of(cube), crs, tolerance)
    if is_straight(cube, crs):
        whole = ~image.transform * cube.transform
        scale = min(abs(whole.a), abs(whole.e))
        level = _level_for(image, scale) if use_overviews else 0
        to_pixels = ~image.transform_of(level)
        straight = to_pixels * cube.transform
        return View(
            level=level, straight=straight, places=places, corners=corners, to_pixels=to_pixels,
            across=_whole(abs(straight.a)), down=_whole(abs(straight.e)), is_geographic=bool(crs.geographic),
            is_aligned=_is_aligned(straight, cube),
        )  # fmt: skip
    middle = _middle(image, cube, crs, full)
    if middle is None:
        return None
    linear = _linear_at(places, ~image.transform, *middle)
    level = 0
    if use_overviews and linear is not None:
        from odc.geo.overlap import get_scale_from_linear_transform

        level = _level_for(image, min(get_scale_from_linear_transform(linear).xy))
    to_pixels = ~image.transform_of(level)
    linear = _linear_at(places, to_pixels, *middle)
    across, down = (math.nan, math.nan) if linear is None else (
        _whole(math.hypot(linear.a, linear.b)), _whole(math.hypot(linear.d, linear.e))
    )  # fmt: skip
    return View(
        level=level, straight=None, places=places, corners=corners, to_pixels=to_pixels, across=across, down=down,
        is_geographic=bool(crs.geographic), is_aligned=False,
    )  # fmt: skip


def _corners_of(cube: GeoBox) -> GeoBox:
    """Return the grid whose pixels have their centres on the corners of another's."""
    high, wide = cube.shape.yx
    return GeoBox((high + 1, wide + 1), cube.transform * Affine.translation(-0.5, -0.5), cube.crs)


def _whole(scale: float) -> float:
    """Return a scale, or the whole number that it misses by a little, as GDAL does."""
    nearest = round(scale)
    return float(nearest) if nearest and abs(scale - nearest) < _LITTLE else scale


def _is_aligned(straight: Affine, cube: GeoBox) -> bool:
    high, wide = cube.shape.yx
    corners = (straight * (0, 0), straight * (wide, high))
    first = [round(at) for at in corners[0]]
    last = [first[0] + wide, first[1] + high]
    return all(
        abs(at - meant) < BOUND
        for corner, wanted in zip(corners, (first, last), strict=True)
        for at, meant in zip(corner, wanted, strict=True)
    )


def _level_for(image: Image, scale: float) -> int:
    from odc.loader._reader import pick_overview

    # As odc-geo reads a scale: whole numbers that are missed by a little are meant.
    nearest = round(scale)
    shrink = nearest if abs(scale - nearest) < 1e-3 else int(scale)
    found = pick_overview(max(shrink, 1), image.factors) if shrink > 1 else None
    return 0 if found is None else int(found) + 1


def _middle(image: Image, cube: GeoBox, crs: CRS, full: Level) -> tuple[float, float] | None:
    """Return the middle (column, row) of what of the cube a file covers; None when it covers nothing."""
    along = np.linspace(0.0, 1.0, 9)
    nothing, all_of = np.zeros(9), np.ones(9)
    cols = np.concatenate([along, along, nothing, all_of, [0.5]]) * full.width
    rows = np.concatenate([nothing, all_of, along, along, [0.5]]) * full.height
    transform = image.transform
    x, y = transform.a * cols + transform.c, transform.e * rows + transform.f
    if crs.geographic:
        x, y = np.clip(x, -180, 180), np.clip(y, -90, 90)
    if crs != cube.crs:
        x, y = transformed(crs, cube.crs, x, y)
    back = ~cube.transform
    cols, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    good = np.isfinite(cols) & np.isfinite(rows)
    high, wide = cube.shape.yx
    if not good.any():
        return wide / 2, high / 2
    left, right = max(0.0, float(cols[good].min())), min(float(wide), float(cols[good].max()))
    top, low = max(0.0, float(rows[good].min())), min(float(high), float(rows[good].max()))
    # Edges bend; what only just lies outside is looked at more closely later.
    if good.all() and (left > right + wide or top > low + high):
        return None
    return (left + right) / 2, (top + low) / 2


def _linear_at(places: Places, to_pixels: Affine, col: float, row: float) -> Affine | None:
    """Return how steps between pixels of the cube become steps between those of the file; None where they do not."""
    cols, rows = np.array([col, col - 1, col + 1, col, col]), np.array([row, row, row, row - 1, row + 1])
    x, y = places.at(cols, rows)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    at = np.array([to_pixels.a * x, to_pixels.e * y])
    along, down = (_step(at[:, 0] - at[:, n], at[:, n + 1] - at[:, 0]) for n in (1, 3))
    return Affine(along[0], down[0], 0, along[1], down[1], 0)


def _step(behind: NDArray[np.float64], ahead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of two steps, or the shorter one where the other goes over the edge of a projection."""
    shorter, longer = sorted((behind, ahead), key=lambda step: float(np.hypot(*step)))
    return shorter if np.hypot(*longer) > _TORN * np.hypot(*shorter) else (behind + ahead) / 2


def block_in(cube: GeoBox | None, box: GeoBox) -> tuple[GeoBox, slice, slice]:
    """Return the cube that a block belongs to, and its rows and columns; the block itself when it is of no cube."""
    high, wide = box.shape.yx
    if cube is not None and cube.crs == box.crs:
        offset = ~cube.transform * box.transform
        row, col = round(offset.f), round(offset.c)
        rest = (offset.a - 1, offset.b, offset.d, offset.e - 1, (offset.c - col) / CELL, (offset.f - row) / CELL)
        if (
            max(abs(value) for value in rest) < 1e-6
            and 0 <= row <= cube.shape.y - high
            and 0 <= col <= cube.shape.x - wide
        ):
            return cube, slice(row, row + high), slice(col, col + wide)
    return box, slice(0, high), slice(0, wide)
