"""Compiled loops over pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stacaster.geotiff.driver.coordinates import TIE

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(function: Loop) -> Loop:
    """Compile a loop when it is first called, and keep it on disk where there is a place to write."""
    try:
        kept = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package nor the home of the user can be written to.
        kept = njit(nogil=True)(function)
    return cast(Loop, kept)


@compiled
def add_up(rows: NDArray[Any]) -> None:
    """Undo differences along rows, in place."""
    for i in range(rows.shape[0]):
        value = rows[i, 0]
        for j in range(1, rows.shape[1]):
            value += rows[i, j]
            rows[i, j] = value


@compiled
def add_up_words(words: NDArray[np.uint64], bits: int) -> None:
    """Undo differences of numbers of 8 or 16 bits along rows, in place, a word of them at a time.

    Even and odd numbers get twice their bits each, so that a multiplication adds them up and nothing runs over.

    Args:
        words: Rows of words, the first number the lowest.
        bits: Of a number.
    """
    one, twice = np.uint64(bits), np.uint64(2 * bits)
    # A one at the begin of each field, and all bits of the even numbers.
    each = np.uint64(0xFFFFFFFFFFFFFFFF) // ((np.uint64(1) << twice) - np.uint64(1))
    is_even = each * ((np.uint64(1) << one) - np.uint64(1))
    last = np.uint64(64) - twice
    for i in range(words.shape[0]):
        before = np.uint64(0)
        for j in range(words.shape[1]):
            word = words[i, j]
            odd = (word >> one) & is_even
            sums = ((word & is_even) + odd) * each + before
            even = (sums - odd) & is_even
            sums &= is_even
            words[i, j] = even | (sums << one)
            before = (sums >> last) * each


@compiled
def look_up(codes: NDArray[Any], table: NDArray[Any], target: NDArray[Any]) -> None:
    """Write the entry of a table for each code."""
    rows, cols = target.shape
    for i in range(rows):
        for j in range(cols):
            target[i, j] = table[np.uint64(codes[i, j])]


@compiled
def between(
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, above: int, share: float, node: int
) -> tuple[float, float, float, float]:
    """Return the places of a row of a cell at a node and at the next one: column, row, column, row.

    The row lies a share of the step below the nodes ``above``. With a step of 1 both places are the node's, and what
    lies beyond it is not looked at.
    """
    x, y = xs[above, node], ys[above, node]
    if step == 1:
        return x, y, x, y
    x += share * (xs[above + 1, node] - x)
    y += share * (ys[above + 1, node] - y)
    right, low = xs[above, node + 1], ys[above, node + 1]
    right += share * (xs[above + 1, node + 1] - right)
    low += share * (ys[above + 1, node + 1] - low)
    return x, y, right, low


@compiled
def place_of(
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, above: int, share: float, col: int
) -> tuple[float, float]:
    """Return the place of a pixel of a cell from those of the nodes around it."""
    node = col // step
    x, y, right, low = between(xs, ys, step, above, share, node)
    if step == 1:
        return x, y
    along = (col - node * step) / step
    return x + along * (right - x), y + along * (low - y)


_ONE = float(1 << 32)
_WHOLE = np.uint64(32)


@compiled
def nearest(  # noqa: PLR0913, PLR0917 - a compiled loop
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, row: int, col: int, window: NDArray[Any], high: int,
    wide: int, table: Any, target: NDArray[Any], outside: Any, keep: bool,
) -> bool:  # fmt: skip
    """Take the nearest pixel for a part of a cell.

    Args:
        xs: Columns of the window at the nodes of the cell, in pixels; edges of pixels are whole numbers.
        ys: Rows.
        step: Pixels between nodes; with 1 no value between nodes is worked out, and nodes may be infinite.
        row: First row of the target in the cell.
        col: First column.
        window: Pixels of the source, contiguous.
        high: How many of its rows are pixels.
        wide: How many of its columns are.
        table: Value of each code of the window, or None.
        target: Takes the pixels.
        outside: What is written where the source has no pixel.
        keep: Leave what is not ``outside`` in the target.

    Returns:
        Whether the source has a pixel for one of the target.
    """
    flat, pitch = window.reshape(-1), np.uint64(window.shape[1])
    found = False
    for i in range(target.shape[0]):
        above = (row + i) // step
        share = (row + i - above * step) / step
        j = 0
        while j < target.shape[1]:
            node = (col + j) // step
            first = col + j - node * step
            count = min(step - first, target.shape[1] - j)
            x, y, right, low = between(xs, ys, step, above, share, node)
            dx, dy = ((right - x) / step, (low - y) / step) if step > 1 else (0.0, 0.0)
            x += TIE + first * dx
            y += TIE + first * dy
            x1, y1 = x + (count - 1) * dx, y + (count - 1) * dy
            part = target[i, j : j + count]
            if min(x, x1) >= 0 and max(x, x1) < wide and min(y, y1) >= 0 and max(y, y1) < high:
                found = True
                # Whole numbers of 2**-32 pixels; steps are cut towards nothing, so that no place runs over an edge.
                along, down = np.uint64(x * _ONE), np.uint64(y * _ONE)
                ahead, lower = np.uint64(np.int64(dx * _ONE)), np.uint64(np.int64(dy * _ONE))
                if keep:
                    for m in range(count):
                        if part[m] == outside:
                            code = flat[(down >> _WHOLE) * pitch + (along >> _WHOLE)]
                            part[m] = code if table is None else table[np.uint64(code)]
                        along += ahead
                        down += lower
                else:
                    for m in range(count):
                        code = flat[(down >> _WHOLE) * pitch + (along >> _WHOLE)]
                        part[m] = code if table is None else table[np.uint64(code)]
                        along += ahead
                        down += lower
            else:
                for m in range(count):
                    x1, y1 = x + m * dx, y + m * dy
                    if 0 <= x1 < wide and 0 <= y1 < high:
                        found = True
                        if not keep or part[m] == outside:
                            code = window[np.int64(y1), np.int64(x1)]
                            part[m] = code if table is None else table[np.uint64(code)]
                    elif not keep:
                        part[m] = outside
            j += count
    return found


@compiled
def is_missing(value: float, nodata: float, has_nodata: bool) -> bool:
    """Tell whether a value is the fill value, which may be NaN."""
    return has_nodata and (value == nodata or (np.isnan(nodata) and np.isnan(value)))


@compiled
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
                if weight > 0 and not is_missing(value, nodata, has_nodata):
                    total += weight * value
                    weights += weight
    return total / weights if weights > 1e-5 else np.nan


@compiled
def _cubic_weights(at: float, weights: NDArray[np.float64]) -> None:
    """Write Keys' weights (a = -0.5) of four pixels around a place a share of a pixel right of the second."""
    weights[0] = at * (-0.5 + at * (1.0 - 0.5 * at))
    weights[1] = 1.0 + at * at * (-2.5 + 1.5 * at)
    weights[2] = at * (0.5 + at * (2.0 - 1.5 * at))
    weights[3] = at * at * (-0.5 + 0.5 * at)


@compiled
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
            if is_missing(value, nodata, has_nodata):
                return float(_bilinear(window, x, y, nodata, has_nodata))
            total += work[1, i] * work[0, j] * value
    return total


@compiled
def interpolate(  # noqa: PLR0913, PLR0917 - a compiled loop
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    step: int,
    row: int,
    col: int,
    window: NDArray[Any],
    left: int,
    top: int,
    nodata: float,
    has_nodata: bool,
    is_cubic: bool,
    target: NDArray[np.float64],
) -> bool:
    """Interpolate for a part of a cell, as ``nearest`` picks; a place whose own pixel is missing gets NaN.

    Args:
        xs: Columns at the nodes of the cell, counted in all of the source: no window decides how they are rounded.
        ys: Rows.
        step: Pixels between nodes.
        row: First row of the target in the cell.
        col: First column.
        window: Pixels of the source.
        left: Its first column.
        top: Its first row.
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
            x, y = place_of(xs, ys, step, above, share, col + j)
            x, y = x - left, y - top
            target[i, j] = np.nan
            if 0 <= x + TIE < wide and 0 <= y + TIE < high:
                found = True
                value = np.float64(window[int(y + TIE), int(x + TIE)])
                if not is_missing(value, nodata, has_nodata):
                    if is_cubic:
                        target[i, j] = _cubic(window, x, y, nodata, has_nodata, work)
                    else:
                        target[i, j] = _bilinear(window, x, y, nodata, has_nodata)
    return found
