"""Pixels of one file on a block of a cube."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.geotiff.driver.areas import Areas
from stacaster.geotiff.driver.codecs import MANY_PIXELS, restored
from stacaster.geotiff.driver.coordinates import TIE, Cell
from stacaster.geotiff.driver.files import Opened, Source
from stacaster.geotiff.driver.reach import tiles_touched
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.driver.values import Rule
from stacaster.geotiff.driver.views import View, placed, view_of
from stacaster.geotiff.driver.windows import Layer, Window, tiles_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WINDOW_BYTES = 64 << 20
_SMALLEST_BLOCK = 64
RESAMPLINGS = {"nearest": 0, "bilinear": 2, "cubic": 3, "average": 0}
"""How many pixels around a place each looks at."""
# Of pixels smaller than this GDAL stretches the kernel over more.
_FINEST = 1 / 0.95


@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of a cube that takes pixels."""

    cube: GeoBox
    rows: slice
    cols: slice
    pixels: NDArray[Any]
    """Array of that shape."""

    def part(self, rows: slice, cols: slice) -> Block:
        """Return a part, counted in the block."""
        return Block(
            cube=self.cube, rows=slice(self.rows.start + rows.start, self.rows.start + rows.stop),
            cols=slice(self.cols.start + cols.start, self.cols.start + cols.stop), pixels=self.pixels[rows, cols],
        )  # fmt: skip


def render(
    opened: Opened, source: Source, block: Block, rule: Rule, *, resampling: str, use_overviews: bool, band: int = 1
) -> bool:
    """Write the pixels of a band of a file into a block of a cube.

    Args:
        opened: The file.
        source: Gives its blocks.
        block: Takes the pixels; where the file has none it keeps what it holds, or gets ``rule.outside``.
        rule: What becomes of values.
        resampling: ``nearest``, ``bilinear``, ``cubic`` or ``average``; any where pixels are those of the file.
        use_overviews: Whether a cube coarser than the file may be read from an overview.
        band: Number of the band in the file.

    Returns:
        Whether the file has a pixel in the block.

    Raises:
        UnsupportedError: This is left to rasterio.
        DamagedTileError: A tile cannot be read.
    """
    view = view_of(opened, block.cube, use_overviews=use_overviews)
    if resampling not in RESAMPLINGS and not (view is None or view.is_aligned):
        raise UnsupportedError(f"resampling is {resampling}")
    found = False
    if view is not None:
        image = opened.image
        layer = Layer(source, image.bands[band - 1][view.level], image.mask_of(band, view.level), rule)
        if view.straight is not None and (resampling == "nearest" or view.is_aligned):
            found = _render_straight(layer, block, view.straight)
        elif resampling in {"bilinear", "cubic"} and not math.isfinite(view.across + view.down):
            raise UnsupportedError(f"resampling is {resampling}, of pixels whose size in the cube is not known")
        else:
            found = _render_bent(layer, block, view, resampling)
    if not found and not rule.keep:
        block.pixels[...] = rule.outside
    return found


def _indices(scale: float, shift: float, span: slice, size: int) -> tuple[slice, NDArray[np.int64]]:
    """Return which pixels of a span have one in the file, counted in the span, and which."""
    at = np.floor((np.arange(span.start, span.stop) + 0.5) * scale + shift + TIE).astype("int64")
    inside = np.flatnonzero((at >= 0) & (at < size))
    if not len(inside):
        return slice(0, 0), at[:0]
    covered = slice(int(inside[0]), int(inside[-1]) + 1)
    return covered, at[covered]


def covered_part(opened: Opened, block: Block, *, resampling: str, use_overviews: bool) -> tuple[slice, slice]:
    """Return which rows and columns of a block a file can have pixels in; all of it on grids that bend."""
    view = view_of(opened, block.cube, use_overviews=use_overviews)
    if view is None or view.straight is None:
        return slice(0, block.pixels.shape[0]), slice(0, block.pixels.shape[1])
    level, straight = opened.image.levels[view.level], view.straight
    if resampling != "nearest":
        down = _overlap(straight.e, straight.f, block.rows, level.height)
        return down, _overlap(straight.a, straight.c, block.cols, level.width)
    down, _ = _indices(straight.e, straight.f, block.rows, level.height)
    across, _ = _indices(straight.a, straight.c, block.cols, level.width)
    return down, across


def _overlap(scale: float, shift: float, span: slice, size: int) -> slice:
    """Return which pixels of a span meet the file, counted in the span; their centres may lie outside."""
    corners = np.arange(span.start, span.stop + 1) * scale + shift
    low, high = np.minimum(corners[:-1], corners[1:]), np.maximum(corners[:-1], corners[1:])
    meeting = np.flatnonzero((high > TIE) & (low < size - TIE))
    return slice(int(meeting[0]), int(meeting[-1]) + 1) if len(meeting) else slice(0, 0)


def _render_straight(layer: Layer, block: Block, straight: Affine) -> bool:
    level, rule = layer.level, layer.rule
    down, rows = _indices(straight.e, straight.f, block.rows, level.height)
    across, cols = _indices(straight.a, straight.c, block.cols, level.width)
    if not len(rows) or not len(cols):
        return False
    if not rule.keep:
        _fill_around(block.pixels, down, across, rule.outside)
    target = block.pixels[down, across]
    if _is_run(rows) and _is_run(cols) and not rule.is_widened:
        _paste(layer, target, int(rows[0]), int(cols[0]))
        return True
    step = max(1, int(_WINDOW_BYTES / (np.dtype(rule.source).itemsize * (np.ptp(cols) + level.tile_width))))
    for start, stop in _pieces(rows, step):
        part = rows[start:stop]
        window = layer.window((int(part.min()), int(part.max()) + 1), (int(cols.min()), int(cols.max()) + 1))
        picked = np.take(window.pixels[part - window.top], cols - window.left, axis=1)
        rule.put(picked, target[start:stop])
    return True


def _pieces(rows: NDArray[np.int64], step: int) -> list[tuple[int, int]]:
    found, start = [], 0
    while start < len(rows):
        near = np.abs(rows[start:] - rows[start]) < step
        stop = start + (int(np.argmin(near)) if not near.all() else len(near))
        found.append((start, max(stop, start + 1)))
        start = found[-1][1]
    return found


def _is_run(at: NDArray[np.int64]) -> bool:
    return int(at[-1] - at[0]) == len(at) - 1 and bool((np.diff(at) == 1).all())


def _fill_around(pixels: NDArray[Any], down: slice, across: slice, outside: Any) -> None:
    pixels[: down.start] = outside
    pixels[down.stop :] = outside
    pixels[down, : across.start] = outside
    pixels[down, across.stop :] = outside


def _paste(layer: Layer, target: NDArray[Any], row: int, col: int) -> None:
    """Write pixels from a row and column of the level on, each block straight to where it belongs."""
    level, rule = layer.level, layer.rule
    rows, cols = target.shape
    fast = rows * cols > MANY_PIXELS
    wanted = tiles_in(level, (row, row + rows), (col, col + cols))
    for (down, across), tile in layer.source.blocks(level, wanted):
        top, left = down * level.tile_height, across * level.tile_width
        first, start = max(row, top), max(col, left)
        last, stop = min(row + rows, top + level.tile_height), min(col + cols, left + level.tile_width)
        part = target[first - row : last - row, start - col : stop - col]
        if tile is None:
            rule.put(np.full(part.shape, rule.missing(level), dtype=level.dtype), part)
        else:
            pixels = restored(tile, level, slice(first - top, last - top), fast=fast)
            rule.put(pixels[:, start - left : stop - left], part)


def _render_bent(layer: Layer, block: Block, view: View, resampling: str) -> bool:
    level, rule = layer.level, layer.rule
    areas = Areas(level, view, block.rows, block.cols) if resampling == "average" else None
    parts = [
        (cell, rows, cols, *placed(view.to_pixels, cell.x, cell.y))
        for cell, rows, cols in (view.places.cells(block.rows, block.cols) if areas is None else ())
    ]
    around = RESAMPLINGS[resampling]
    if around and _is_stretched(view):
        around = math.ceil(around * max(view.across, view.down))
    tiles = tiles_touched(level, parts, around) if areas is None else areas.tiles()
    if not tiles:
        return False
    downs, acrosses = [row for row, _ in tiles], [col for _, col in tiles]
    rows_of = (min(downs) * level.tile_height, min((max(downs) + 1) * level.tile_height, level.height))
    cols_of = (min(acrosses) * level.tile_width, min((max(acrosses) + 1) * level.tile_width, level.width))
    size = (rows_of[1] - rows_of[0]) * (cols_of[1] - cols_of[0]) * np.dtype(rule.source).itemsize
    if size > _WINDOW_BYTES and max(block.pixels.shape) > _SMALLEST_BLOCK:
        return _in_quarters(layer, block, view, resampling)
    window = layer.window(rows_of, cols_of, tiles)
    if areas is not None:
        for rows, cols, held in areas.averages(window.pixels, window.top, window.left, rule.nodata):
            rule.blend(held, block.pixels[rows, cols])
        return True
    found = False
    for cell, rows, cols, in_x, in_y in parts:
        target = block.pixels[_in_block(cell.row, rows, block.rows), _in_block(cell.col, cols, block.cols)]
        at = Cell(cell.row, cell.col, cell.step, in_x, in_y)
        found |= _sample(at, rows.start, cols.start, window, target, rule, view, resampling)
    return found


def _is_stretched(view: View) -> bool:
    return max(view.across, view.down) > _FINEST


def _sample(
    cell: Cell, row: int, col: int, window: Window, target: NDArray[Any], rule: Rule, view: View, resampling: str
) -> bool:
    """Write the pixels of a part of a cell whose places are counted in the level."""
    if resampling == "nearest" or not _is_stretched(view):
        from stacaster.geotiff.driver import plain_loops

        loops: Any = plain_loops
        if plain_loops.is_worth_compiling(resampling, target.size):
            from stacaster.geotiff.driver import kernels as loops
    if resampling == "nearest":
        at = (cell.x - window.left, cell.y - window.top, cell.step, row, col)
        return rule.pick(loops.nearest, at, window.whole, (window.high, window.wide), target)
    held = np.empty(target.shape)
    nodata = np.nan if rule.nodata is None else float(rule.nodata)
    held_by = (window.pixels, window.left, window.top)
    common = (cell.x, cell.y, cell.step, row, col, *held_by, nodata, rule.nodata is not None)
    if _is_stretched(view):
        from stacaster.geotiff.driver.downsampling import convolve

        stretch = max(view.across, 1.0), max(view.down, 1.0)
        is_inside = convolve(*common, resampling == "cubic", *stretch, held)
    else:
        is_inside = loops.interpolate(*common, resampling == "cubic", held)
    rule.blend(held, target)
    return bool(is_inside)


def _in_quarters(layer: Layer, block: Block, view: View, resampling: str) -> bool:
    high, wide = block.pixels.shape
    found = False
    for rows in (slice(0, high // 2), slice(high // 2, high)):
        for cols in (slice(0, wide // 2), slice(wide // 2, wide)):
            if rows.start == rows.stop or cols.start == cols.stop:
                continue
            part = block.part(rows, cols)
            inside = _render_bent(layer, part, view, resampling)
            if not inside and not layer.rule.keep:
                part.pixels[...] = layer.rule.outside
            found |= inside
    return found


def _in_block(start: int, part: slice, of: slice) -> slice:
    return slice(start + part.start - of.start, start + part.stop - of.start)
