"""Compiled loops over pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Loop = TypeVar("Loop", bound=Callable[..., Any])


def _compiled(function: Loop) -> Loop:
    """Compile a loop when it is first called, and keep it on disk where there is a place to write."""
    try:
        kept: Loop = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package nor the home of the user can be written to.
        kept = njit(nogil=True)(function)
    return kept


TIE = 1e-6
"""Pixels. A place this close below the edge of a pixel belongs to the next one, so that rounding decides nothing."""


@_compiled
def add_up(tile: NDArray[Any], target: NDArray[Any], row: int, col: int) -> None:
    """Undo differences along rows; ``target`` takes what lies from ``row`` and ``col`` on."""
    rows, cols = target.shape
    for i in range(rows):
        value = tile[row + i, 0]
        value -= value
        for j in range(col):
            value += tile[row + i, j]
        for j in range(cols):
            value += tile[row + i, col + j]
            target[i, j] = value


@_compiled
def look_up(codes: NDArray[Any], table: NDArray[Any], target: NDArray[Any]) -> None:
    """Write the entry of a table for each code."""
    rows, cols = target.shape
    for i in range(rows):
        for j in range(cols):
            target[i, j] = table[np.uint64(codes[i, j])]


@_compiled
def nearest(  # noqa: C901, PLR0913, PLR0917 - a compiled loop
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, row: int, col: int, window: NDArray[Any],
    table: Any, target: NDArray[Any], outside: Any, keep: bool,
) -> bool:  # fmt: skip
    """Take the nearest pixel for a part of a cell.

    Args:
        xs: Columns of the window at the nodes of the cell, in pixels; edges of pixels are whole numbers.
        ys: Rows.
        step: Pixels between nodes; with 1 no value between nodes is worked out, and nodes may be infinite.
        row: First row of the target in the cell.
        col: First column.
        window: Pixels of the source.
        table: Value of each code of the window, or None.
        target: Takes the pixels.
        outside: What is written where the source has no pixel.
        keep: Leave what is not ``outside`` in the target.

    Returns:
        Whether the source has a pixel for one of the target.
    """
    rows, cols = target.shape
    high, wide = window.shape
    found = False
    for i in range(rows):
        above = (row + i) // step
        share = (row + i - above * step) / step
        j = 0
        while j < cols:
            node = (col + j) // step
            first = col + j - node * step
            last = min(step, first + cols - j)
            x, y, dx, dy = xs[above, node], ys[above, node], 0.0, 0.0
            if step > 1:
                x += share * (xs[above + 1, node] - x)
                y += share * (ys[above + 1, node] - y)
                right, low = xs[above, node + 1], ys[above, node + 1]
                right += share * (xs[above + 1, node + 1] - right)
                low += share * (ys[above + 1, node + 1] - low)
                dx, dy = (right - x) / step, (low - y) / step
            x += TIE
            y += TIE
            x0, x1, y0, y1 = x + first * dx, x + (last - 1) * dx, y + first * dy, y + (last - 1) * dy
            at = j - first
            if min(x0, x1) >= 0 and max(x0, x1) < wide and min(y0, y1) >= 0 and max(y0, y1) < high:
                found = True
                if keep:
                    for m in range(first, last):
                        if target[i, at + m] == outside:
                            code = window[np.uint64(np.int64(y + m * dy)), np.uint64(np.int64(x + m * dx))]
                            target[i, at + m] = code if table is None else table[np.uint64(code)]
                else:
                    for m in range(first, last):
                        code = window[np.uint64(np.int64(y + m * dy)), np.uint64(np.int64(x + m * dx))]
                        target[i, at + m] = code if table is None else table[np.uint64(code)]
            else:
                for m in range(first, last):
                    x0, y0 = x + m * dx, y + m * dy
                    if 0 <= x0 < wide and 0 <= y0 < high:
                        found = True
                        if not keep or target[i, at + m] == outside:
                            code = window[np.int64(y0), np.int64(x0)]
                            target[i, at + m] = code if table is None else table[np.uint64(code)]
                    elif not keep:
                        target[i, at + m] = outside
            j += last - first
    return found


@_compiled
def _is_missing(value: float, nodata: float, has_nodata: bool) -> bool:
    """Tell whether a value is the fill value, which may be NaN."""
    return has_nodata and (value == nodata or (np.isnan(nodata) and np.isnan(value)))


@_compiled
def _bilinear(window: NDArray[Any], x: float, y: float, nodata: float, has_nodata: bool) -> float:
    """Return the mean of the four pixels around a place, of those that are there and hold a value."""
    high, wide = window.shape
    left, top = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
    right, low = x - 0.5 - left, y - 0.5 - top
    total, weights = 0.0, 0.0
    for i in range(2):
        for j in range(2):
            row, col = top + i, left + j
            if 0 <= row < high and 0 <= col < wide:
                value = np.float64(window[row, col])
                weight = (low if i else 1 - low) * (right if j else 1 - right)
                if weight > 0 and not _is_missing(value, nodata, has_nodata):
                    total += weight * value
                    weights += weight
    return total / weights if weights > 1e-5 else np.nan


@_compiled
def _cubic_weights(at: float, weights: NDArray[np.float64]) -> None:
    """Write Keys' weights (a = -0.5) of four pixels around a place a share of a pixel right of the second."""
    weights[0] = at * (-0.5 + at * (1.0 - 0.5 * at))
    weights[1] = 1.0 + at * at * (-2.5 + 1.5 * at)
    weights[2] = at * (0.5 + at * (2.0 - 1.5 * at))
    weights[3] = at * at * (-0.5 + 0.5 * at)


@_compiled
def _cubic(
    window: NDArray[Any], x: float, y: float, nodata: float, has_nodata: bool, work: NDArray[np.float64]
) -> float:
    """Return Keys' convolution of sixteen pixels; bilinear where one of them is missing, as GDAL."""
    high, wide = window.shape
    left, top = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
    if left < 1 or top < 1 or left + 2 >= wide or top + 2 >= high:
        return float(_bilinear(window, x, y, nodata, has_nodata))
    _cubic_weights(x - 0.5 - left, work[0])
    _cubic_weights(y - 0.5 - top, work[1])
    total = 0.0
    for i in range(4):
        for j in range(4):
            value = np.float64(window[top - 1 + i, left - 1 + j])
            if _is_missing(value, nodata, has_nodata):
                return float(_bilinear(window, x, y, nodata, has_nodata))
            total += work[1, i] * work[0, j] * value
    return total


@_compiled
def interpolate(  # noqa: PLR0913, PLR0917 - a compiled loop
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    step: int,
    row: int,
    col: int,
    window: NDArray[Any],
    nodata: float,
    has_nodata: bool,
    is_cubic: bool,
    target: NDArray[np.float64],
) -> bool:
    """Interpolate for a part of a cell, as ``nearest`` picks; a place whose own pixel is missing gets NaN.

    Args:
        xs: Columns of the window at the nodes of the cell.
        ys: Rows.
        step: Pixels between nodes.
        row: First row of the target in the cell.
        col: First column.
        window: Pixels of the source.
        nodata: Its fill value.
        has_nodata: Whether there is one.
        is_cubic: Cubic convolution in place of bilinear interpolation.
        target: Takes the values.

    Returns:
        Whether the source has a pixel for one of the target.
    """
    high, wide = window.shape
    work = np.empty((2, 4))
    found = False
    for i in range(target.shape[0]):
        above = (row + i) // step
        share = (row + i - above * step) / step
        for j in range(target.shape[1]):
            node = (col + j) // step
            along = (col + j - node * step) / step
            x, y = xs[above, node], ys[above, node]
            if step > 1:
                x += share * (xs[above + 1, node] - x)
                y += share * (ys[above + 1, node] - y)
                right, low = xs[above, node + 1], ys[above, node + 1]
                right += share * (xs[above + 1, node + 1] - right)
                low += share * (ys[above + 1, node + 1] - low)
                x += along * (right - x)
                y += along * (low - y)
            target[i, j] = np.nan
            if 0 <= x + TIE < wide and 0 <= y + TIE < high:
                found = True
                value = np.float64(window[int(y + TIE), int(x + TIE)])
                if not _is_missing(value, nodata, has_nodata):
                    if is_cubic:
                        target[i, j] = _cubic(window, x, y, nodata, has_nodata, work)
                    else:
                        target[i, j] = _bilinear(window, x, y, nodata, has_nodata)
    return found
