"""How a file is seen from a cube: which overview, and where the pixels of the cube lie in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.rasters.coordinates import BOUND, CELL, Grid, Places, is_straight, places_of, transformed
from stacaster.rasters.files import Opened
from stacaster.rasters.tiff import Image, Level


@dataclass(frozen=True, kw_only=True)
class View:
    """How a file is seen from a cube; blocks of the cube share it, so that they agree."""

    level: int
    """Position among the levels of the file; 0 is full resolution."""
    straight: Affine | None
    """Pixels of the cube to pixels of the level, where rows and columns stay rows and columns."""
    places: Places
    """Places of the cube's pixels in the CRS of the file."""
    to_pixels: Affine
    """From that CRS to pixels of the level."""
    scale: float
    """How many pixels of the level one of the cube is long, on the longer side."""
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
    places = places_of(cube, crs, BOUND / 2 * min(abs(image.transform.a), abs(image.transform.e)))
    if is_straight(cube, crs):
        whole = ~image.transform * cube.transform
        scale = min(abs(whole.a), abs(whole.e))
        level = _level_for(image, scale) if use_overviews else 0
        to_pixels = ~image.transform_of(level)
        straight = to_pixels * cube.transform
        return View(
            level=level, straight=straight, places=places, to_pixels=to_pixels,
            scale=max(abs(straight.a), abs(straight.e)), is_aligned=_is_aligned(straight, cube),
        )  # fmt: skip
    middle = _middle(image, cube, crs, full)
    if middle is None:
        return None
    shorter, _ = _scale_at(places, ~image.transform, *middle)
    level = _level_for(image, shorter) if use_overviews and math.isfinite(shorter) else 0
    to_pixels = ~image.transform_of(level)
    _, longer = _scale_at(places, to_pixels, *middle)
    return View(level=level, straight=None, places=places, to_pixels=to_pixels, scale=longer, is_aligned=False)


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


def _scale_at(places: Places, to_pixels: Affine, col: float, row: float) -> tuple[float, float]:
    """Return how many pixels of the file one of the cube is long, on the shorter and on the longer side."""
    cols, rows = np.array([col - 1, col + 1, col, col]), np.array([row, row, row - 1, row + 1])
    x, y = places.at(cols, rows)
    x, y = to_pixels.a * x, to_pixels.e * y
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan, math.nan
    across = Affine((x[1] - x[0]) / 2, (x[3] - x[2]) / 2, 0, (y[1] - y[0]) / 2, (y[3] - y[2]) / 2, 0)
    from odc.geo.overlap import get_scale_from_linear_transform

    sides = get_scale_from_linear_transform(across).xy
    return float(min(sides)), float(max(sides))


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
