"""Compiled loops over what pixels of a cube cover of a file.

Decision: an average is GDAL's: everything between the upper left and lower right corner of a pixel of the cube, with
the parts of pixels at the ends, fill left out, whole numbers rounded. On whole ratios the numbers are GDAL's exactly,
also its weights at the outermost rows. A pixel that only touches the file has no value. Across the antimeridian the
short way counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stacaster.geotiff.driver.coordinates import TIE
from stacaster.geotiff.driver.kernels import between, compiled, is_missing

# A sum this close to a half may round to the other side when it is added up in another order.
_HALF = 1e-4


@compiled
def spread(
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, row: int, col: int, x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> None:  # fmt: skip
    """Write the place of each pixel of a part of a cell.

    Args:
        xs: Columns at the nodes of the cell.
        ys: Rows.
        step: Pixels between nodes.
        row: First row of the part in the cell.
        col: First column.
        x: Takes the columns.
        y: Takes the rows.
    """
    rows, cols = x.shape
    for i in range(rows):
        above = (row + i) // step
        share = (row + i - above * step) / step
        j = 0
        while j < cols:
            node = (col + j) // step
            first = col + j - node * step
            last = min(step, first + cols - j)
            left, top, right, low = between(xs, ys, step, above, share, node)
            dx, dy = ((right - left) / step, (low - top) / step) if step > 1 else (0.0, 0.0)
            for m in range(first, last):
                x[i, j + m - first] = left + m * dx
                y[i, j + m - first] = top + m * dy
            j += last - first


@compiled
def _snapped(at: float) -> float:
    """Return a place, or the edge of a pixel that it misses by rounding only."""
    edge = np.rint(at)
    return edge if abs(at - edge) < TIE else at


@compiled
def _span(first: float, second: float, size: int, turn: float, longest: float) -> tuple[float, float, int, int]:
    """Return what lies between two corners along one axis: ends, first pixel, and the one after the last.

    With a ``turn``, what is longer than half of it goes the other way round the Earth; its pixels may lie a turn on.
    """
    low, high = _snapped(min(first, second)), _snapped(max(first, second))
    if not high - low <= longest:
        return low, high, 0, 0
    if turn > 0 and high - low > turn / 2:
        low, high = high, low + turn
        start = int(np.floor(low))
        return low, high, start, max(int(np.ceil(high)), start + 1)
    if turn > 0 and low >= size:
        low, high = low - turn, high - turn
    if (high <= 0 and low < 0) or low >= size:
        return low, high, 0, 0
    start, stop = max(int(np.floor(low)), 0), min(int(np.ceil(high)), size)
    return low, high, start, max(stop, start + 1)


@compiled
def _turned(at: int, size: int, turn: float) -> int:
    """Return the column for one that may lie a turn on; it may still be none of the level."""
    return at if at < size else at - int(np.rint(turn))


@compiled
def touch(
    x: NDArray[np.float64], y: NDArray[np.float64], shape: tuple[int, int], tile: tuple[int, int], turn: float,
    longest: float, touched: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Mark the tiles that pixels with these corners cover.

    Args:
        x: Columns of the corners.
        y: Rows.
        shape: Rows and columns of the level.
        tile: Rows and columns of a tile.
        turn: Pixels around the Earth; 0 where columns are no longitudes.
        longest: What is longer than this is torn apart by the edge of a projection, and covers nothing.
        touched: Takes the marks.
    """
    # Bounds of the tile that the last pixel lay in, where most of the next ones lie, too.
    left, right, top, low = 0.0, -1.0, 0.0, -1.0
    for i in range(x.shape[0] - 1):
        for j in range(x.shape[1] - 1):
            x0, x1, y0, y1 = x[i, j], x[i + 1, j + 1], y[i, j], y[i + 1, j + 1]
            if left <= x0 < right and left <= x1 < right and top <= y0 < low and top <= y1 < low:
                continue
            _, _, first, last = _span(y0, y1, shape[0], 0.0, longest)
            _, _, start, stop = _span(x0, x1, shape[1], turn, longest)
            if first == last or start == stop:
                continue
            for row in range(first // tile[0], (last - 1) // tile[0] + 1):
                at = start
                while at < stop:
                    col = _turned(at, shape[1], turn)
                    if 0 <= col < shape[1]:
                        touched[row, col // tile[1]] = True
                    # On to the next tile, or to the column after the last.
                    at += min(tile[1] - col % tile[1], shape[1] - at) if 0 <= col == at < shape[1] else 1
            row, col = first // tile[0], start // tile[1]
            if start >= 0 and stop <= shape[1]:
                left, right, top, low = col * tile[1], (col + 1) * tile[1], row * tile[0], (row + 1) * tile[0]


@compiled
def _share(at: int, start: int, stop: int, low: float, high: float) -> float:
    """Return the weight of a pixel between two ends, as GDAL's."""
    if at == start:
        return 1.0 if start + 1 == stop else 1.0 - (low - start)
    return 1.0 - (stop - high) if at + 1 == stop else 1.0


@compiled
def _moved_mean(  # noqa: PLR0913, PLR0917 - a compiled loop
    window: NDArray[Any], top: int, left: int, rows: tuple[float, float, int, int], cols: tuple[float, float, int, int],
    size: int, turn: float, nodata: float, has_nodata: bool,
) -> float:  # fmt: skip
    """Return the mean of an area, moved by each value in turn, so that it is rounded as GDAL's."""
    upper, lower, first, last = rows
    low, high, start, stop = cols
    mean, weights = 0.0, 0.0
    for row in range(first, last):
        down = _share(row, first, last, upper, lower)
        for at in range(start, stop):
            col = _turned(at, size, turn)
            if 0 <= col < size:
                value = np.float64(window[row - top, col - left])
                weight = down * _share(at, start, stop, low, high)
                if weight > 0 and not is_missing(value, nodata, has_nodata):
                    weights += weight
                    mean += weight / weights * (value - mean)
    return mean if weights > 0 else np.nan


@compiled
def _summed_mean(
    window: NDArray[Any], top: int, left: int, rows: tuple[float, float, int, int], cols: tuple[float, float, int, int],
    nodata: Any, has_nodata: bool,
) -> float:  # fmt: skip
    """Return the mean of an area of whole numbers within the level."""
    upper, lower, first, last = rows
    low, high, start, stop = cols
    leftmost, rightmost = _share(start, start, stop, low, high), _share(stop - 1, start, stop, low, high)
    total, weights = 0.0, 0.0
    for row in range(first, last):
        line = window[row - top]
        count, whole = 0, 0
        for col in range(start + 1 - left, stop - 1 - left):
            is_value = not has_nodata or line[col] != nodata
            whole += int(line[col]) if is_value else 0
            count += 1 if is_value else 0
        row_total, row_weights = np.float64(whole), np.float64(count)
        value = line[start - left]
        if not has_nodata or value != nodata:
            row_total += leftmost * value
            row_weights += leftmost
        value = line[stop - 1 - left]
        if stop - 1 > start and (not has_nodata or value != nodata):
            row_total += rightmost * value
            row_weights += rightmost
        down = _share(row, first, last, upper, lower)
        total += down * row_total
        weights += down * row_weights
    return total / weights if weights > 0 else np.nan


@compiled
def average(  # noqa: PLR0913, PLR0917 - a compiled loop
    x: NDArray[np.float64], y: NDArray[np.float64], window: NDArray[Any], top: int, left: int, shape: tuple[int, int],
    turn: float, longest: float, nodata: Any, has_nodata: bool, is_whole: bool, target: NDArray[np.float64],
) -> None:  # fmt: skip
    """Take the mean of what each pixel covers; NaN where that is nothing.

    Args:
        x: Columns of the corners in the level.
        y: Rows.
        window: Pixels of the level.
        top: First row of the window in the level.
        left: First column.
        shape: Rows and columns of the level.
        turn: Pixels around the Earth, or 0.
        longest: What is longer than this covers nothing.
        nodata: Fill value, of the type of the pixels.
        has_nodata: Whether there is one.
        is_whole: Whether pixels are whole numbers.
        target: Takes the values.
    """
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            rows = _span(y[i, j], y[i + 1, j + 1], shape[0], 0.0, longest)
            cols = _span(x[i, j], x[i + 1, j + 1], shape[1], turn, longest)
            if rows[2] == rows[3] or cols[2] == cols[3]:
                target[i, j] = np.nan
                continue
            if is_whole and cols[2] >= 0 and cols[3] <= shape[1]:
                mean = _summed_mean(window, top, left, rows, cols, nodata, has_nodata)
                if not abs(mean - np.floor(mean) - 0.5) < _HALF:
                    target[i, j] = mean
                    continue
            target[i, j] = _moved_mean(window, top, left, rows, cols, shape[1], turn, np.float64(nodata), has_nodata)
