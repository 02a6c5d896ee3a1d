"""How a file is seen from a cube: which overview, and where the pixels of the cube lie in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.geotiff.driver.coordinates import BOUND, CELL, Grid, Places, is_straight, places_of, transformed
from stacaster.geotiff.driver.files import Opened
from stacaster.geotiff.driver.levels import Image, Level

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LITTLE = 0.05
_PLACES = 5
_FLAT = 1e-9
_EVEN = 1.1
_HALF_TURN = 180.0
_Part = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class View:
    """How a file is seen from a cube; blocks of the cube share it, so that they agree."""

    level: int
    """Position among the levels of the file; 0 is full resolution."""
    straight: Affine | None
    """Pixels of the cube to pixels of the level, where rows and columns stay rows and columns."""
    cube: GeoBox
    crs: CRS
    """Of the file."""
    tolerance: float
    """Largest error of places, in units of that CRS."""
    around: float | None
    """Longitude in the middle of a file that goes on beyond 180 degrees."""
    to_pixels: Affine
    """From that CRS to pixels of the level."""
    covered: tuple[_Part, _Part]
    """What the file covers: first and last column of the cube, and rows."""
    is_aligned: bool
    """Whether pixels of the cube are pixels of the level, within the bound."""
    middles: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    """Columns and rows of pixels of the cube's lattice all over the file, where their size hardly changes over it."""

    @property
    def is_geographic(self) -> bool:
        """Whether columns of the level are longitudes."""
        return bool(self.crs.geographic) and not self.to_pixels.b and not self.to_pixels.d

    @property
    def across(self) -> float:
        """How many pixels of the level one of the cube is long along rows of the level.

        The median over what the file covers; not a number where the CRS has no place for that.
        """
        return self._lengths[0]

    @property
    def down(self) -> float:
        """The same along columns of the level."""
        return self._lengths[1]

    @cached_property
    def places(self) -> Places:
        """Places of the cube's pixels in the CRS of the file."""
        return places_of(self.cube, self.crs, self.tolerance, self.around)

    @cached_property
    def corners(self) -> Places:
        """Places of the corners of its pixels, one more along each side."""
        return places_of(_corners_of(self.cube), self.crs, self.tolerance, self.around)

    @cached_property
    def _lengths(self) -> tuple[float, float]:
        if self.straight is not None:
            return _whole(abs(self.straight.a)), _whole(abs(self.straight.e))
        if self.middles is not None:
            # The same for every cube on the lattice.
            return _lengths(self.places, self.to_pixels, *self.middles)
        return _lengths(self.places, self.to_pixels, *_spread(*self.covered))


def view_of(opened: Opened, cube: GeoBox, *, use_overviews: bool) -> View | None:
    """Return how a file is seen from a cube; None when it lies outside.

    The overview is the one that odc-stac takes: the smallest that is not coarser than the cube.
    """
    return _view(opened, Grid(cube), use_overviews)


@lru_cache(maxsize=512)
def _view(opened: Opened, grid: Grid, use_overviews: bool) -> View | None:
    image, crs, cube = opened.image, opened.crs, grid.cube
    high, wide = cube.shape.yx
    same: dict[str, Any] = {
        "cube": cube,
        "crs": crs,
        "tolerance": BOUND / 2 * min(_sides(image.transform)),
        "around": _around(image, crs),
    }
    if is_straight(cube, crs) and not image.transform.b and not image.transform.d:
        whole = ~image.transform * cube.transform
        scale = min(abs(whole.a), abs(whole.e))
        level = _level_for(image, scale) if use_overviews else 0
        to_pixels = ~image.transform_of(level)
        straight = to_pixels * cube.transform
        return View(
            level=level, straight=straight, to_pixels=to_pixels, covered=((0.0, float(wide)), (0.0, float(high))),
            is_aligned=is_aligned(straight, cube), **same,
        )  # fmt: skip
    covered = _covered(image, cube, crs, image.levels[0])
    if covered is None:
        return None
    places = places_of(**same)
    middles = _middles_of(image, places)
    middle = ((start + stop) / 2 for start, stop in covered)
    if middles is not None:
        middle = (float(part[len(part) // 2]) for part in middles)
    shorter = _shorter_side(places, ~image.transform, *middle)
    level = _level_for(image, shorter) if use_overviews and math.isfinite(shorter) else 0
    to_pixels = ~image.transform_of(level)
    return View(
        level=level, straight=None, to_pixels=to_pixels, covered=covered, is_aligned=False, middles=middles, **same
    )


def _around(image: Image, crs: CRS) -> float | None:
    """Return the longitude in the middle of a file that goes on beyond 180 degrees; None for any other."""
    full, transform = image.levels[0], image.transform
    if not crs.geographic or transform.b or transform.d:
        return None
    ends = (transform.c, transform.c + transform.a * full.width)
    return sum(ends) / 2 if max(ends) > _HALF_TURN + transform.a or min(ends) < -_HALF_TURN - transform.a else None


def _sides(transform: Affine) -> tuple[float, float]:
    """Return how long a pixel is along its rows and its columns."""
    return math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)


def placed(transform: Affine, x: Any, y: Any) -> tuple[Any, Any]:
    """Return points of many places by a transform; places that are infinite stay so."""
    if transform.b == 0 and transform.d == 0:
        return transform.a * x + transform.c, transform.e * y + transform.f
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def _corners_of(cube: GeoBox) -> GeoBox:
    """Return the grid whose pixels have their centres on the corners of another's."""
    high, wide = cube.shape.yx
    return GeoBox((high + 1, wide + 1), cube.transform * Affine.translation(-0.5, -0.5), cube.crs)


def _whole(scale: float) -> float:
    """Return a scale, or the whole number that it misses by a little, as GDAL does."""
    nearest = round(scale)
    return float(nearest) if nearest and abs(scale - nearest) < _LITTLE else scale


def is_aligned(straight: Affine, cube: GeoBox) -> bool:
    """Tell whether pixels of a cube are whole pixels of another grid, within the bound."""
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
    from stacaster.geotiff.odc_private import pick_overview

    # As odc-geo reads a scale: whole numbers that are missed by a little are meant.
    nearest = round(scale)
    shrink = nearest if abs(scale - nearest) < 1e-3 else int(scale)
    found = pick_overview(max(shrink, 1), image.factors) if shrink > 1 else None
    return 0 if found is None else int(found) + 1


def _covered(image: Image, cube: GeoBox, crs: CRS, full: Level) -> tuple[_Part, _Part] | None:
    """Return what a file covers: first and last column of the cube, and rows; None when it covers nothing."""
    along = np.linspace(0.0, 1.0, 9)
    nothing, all_of = np.zeros(9), np.ones(9)
    cols = np.concatenate([along, along, nothing, all_of, [0.5]]) * full.width
    rows = np.concatenate([nothing, all_of, along, along, [0.5]]) * full.height
    x, y = placed(image.transform, cols, rows)
    if crs.geographic:
        x, y = x if _around(image, crs) is not None else np.clip(x, -180, 180), np.clip(y, -90, 90)
    if cube.crs is not None and crs != cube.crs:
        x, y = transformed(crs, cube.crs, x, y)
    back = ~cube.transform
    cols, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    good = np.isfinite(cols) & np.isfinite(rows)
    high, wide = cube.shape.yx
    if not good.any():
        return (0.0, float(wide)), (0.0, float(high))
    left, right = max(0.0, float(cols[good].min())), min(float(wide), float(cols[good].max()))
    top, low = max(0.0, float(rows[good].min())), min(float(high), float(rows[good].max()))
    # Edges bend; what only just lies outside is looked at more closely later.
    if good.all() and (left > right + wide or top > low + high):
        return None
    return (left, right), (top, low)


def _shorter_side(places: Places, to_pixels: Affine, col: float, row: float) -> float:
    """Return how many pixels of the file one of the cube is long on the shorter side; not a number at a pole."""
    cols, rows = np.array([col - 1, col + 1, col, col]), np.array([row, row, row - 1, row + 1])
    x, y = places.at(cols, rows)
    x, y = placed(to_pixels, x, y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    across = Affine((x[1] - x[0]) / 2, (x[3] - x[2]) / 2, 0, (y[1] - y[0]) / 2, (y[3] - y[2]) / 2, 0)
    if not abs(across.determinant) > _FLAT * (across.a**2 + across.b**2 + across.d**2 + across.e**2):
        return math.nan
    from odc.geo.overlap import get_scale_from_linear_transform

    return float(min(get_scale_from_linear_transform(across).xy))


def _spread(cols: _Part, rows: _Part) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return places all over a part of a grid."""
    near = np.meshgrid(np.linspace(*cols, _PLACES + 2)[1:-1], np.linspace(*rows, _PLACES + 2)[1:-1])
    return near[0].ravel(), near[1].ravel()


def _middles_of(image: Image, places: Places) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return pixels of a cube's lattice all over a file; None where their size changes, as in maps of the Earth.

    A box of a cube, which knows nothing of the rest, then reads the same overview with the same kernels.
    """
    full = image.levels[0]
    x, y = placed(image.transform, *_spread((0.0, float(full.width)), (0.0, float(full.height))))
    col, row = places.middles(x, y)
    known = np.isfinite(col) & np.isfinite(row)
    if not known.all():
        return None
    sides = _side_lengths(places, ~image.transform, col, row)
    if not np.isfinite(sides).all() or (sides.max(axis=1) > _EVEN * sides.min(axis=1)).any():
        return None
    return col, row


def _side_lengths(
    places: Places, to_pixels: Affine, col: NDArray[np.float64], row: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how long pixels of the cube are along rows and along columns of the file."""
    x, y = places.at(
        np.concatenate([col - 0.5, col + 0.5, col, col]), np.concatenate([row, row, row - 0.5, row + 0.5])
    )  # fmt: skip
    sides = []
    for at in placed(to_pixels, x, y):
        left, right, above, below = np.where(np.isfinite(at), at, np.nan).reshape(4, -1)
        sides.append(np.hypot(right - left, below - above))
    return np.array(sides)


def _lengths(
    places: Places, to_pixels: Affine, col: NDArray[np.float64], row: NDArray[np.float64]
) -> tuple[float, float]:
    """Return how many pixels of the file one of the cube is long along rows and along columns of the file.

    The median of some places leaves out what lies over a pole or goes over the edge of a projection.
    """
    found = []
    for length in _side_lengths(places, to_pixels, col, row):
        known = length[np.isfinite(length)]
        found.append(_whole(float(np.median(known))) if len(known) else math.nan)
    return found[0], found[1]


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
