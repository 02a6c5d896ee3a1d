"""Which tiles of a level a part of a cube comes near to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.coordinates import TIE, Cell
from stacaster.geotiff.driver.levels import Level

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tiles_touched(
    level: Level, parts: Sequence[tuple[Cell, slice, slice, Any, Any]], around: int
) -> list[tuple[int, int]]:
    """Return the tiles that any pixel of the cells may fall into, or come so many pixels near to."""
    touched = np.zeros((level.down, level.across), dtype=bool)
    for cell, rows, cols, all_x, all_y in parts:
        step = cell.step
        more = 2 if step > 1 else 1
        down = slice(rows.start // step, (rows.stop - 1) // step + more)
        across = slice(cols.start // step, (cols.stop - 1) // step + more)
        left, right = _bounds(all_x[down, across], step, level.width, around)
        top, low = _bounds(all_y[down, across], step, level.height, around)
        inside = (right >= 0) & (left < level.width) & (low >= 0) & (top < level.height)
        first, last = np.maximum(top, 0) // level.tile_height, np.minimum(low, level.height - 1) // level.tile_height
        start, stop = np.maximum(left, 0) // level.tile_width, np.minimum(right, level.width - 1) // level.tile_width
        # Many squares touch the same tiles; one number for each set of tiles makes them easy to tell apart.
        codes = ((first * level.down + last) * level.across + start) * level.across + stop
        for code in np.unique(codes[inside].astype("int64")).tolist():
            rest, end = divmod(code, level.across)
            rest, begin = divmod(rest, level.across)
            upper, lower = divmod(rest, level.down)
            touched[upper : lower + 1, begin : end + 1] = True
    return [(int(row), int(col)) for row, col in np.argwhere(touched)]


def _bounds(values: NDArray[np.float64], step: int, size: int, around: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the smallest and largest pixel of each square between nodes, as whole numbers beside -1 and the size."""
    known = np.where(np.isfinite(values), values, -2.0 - around)
    if step == 1:
        low = high = known
    else:
        four = (known[:-1, :-1], known[1:, :-1], known[:-1, 1:], known[1:, 1:])
        low, high = np.minimum.reduce(four), np.maximum.reduce(four)
    first, last = np.floor(low - TIE) - around, np.floor(high + 2 * TIE) + around
    return np.clip(first, -2, size + 1), np.clip(last, -2, size + 1)
