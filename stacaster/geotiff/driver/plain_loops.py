"""The loops of ``kernels`` in NumPy, with the same bits: for what is over before numba would be imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.coordinates import TIE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = tuple[NDArray[np.float64], NDArray[np.float64]]

_PIXELS = 1 << 16
_ONE = float(1 << 32)
_WHOLE = np.uint64(32)
# Importing numba and loading its loops takes 0.3 s. By then NumPy has done so many pixels, times what they cost.
_BREAK_EVEN = 70_000_000
_TAPS = {"nearest": 1, "bilinear": 5, "cubic": 13}
_done = 0


def is_worth_compiling(resampling: str, pixels: int) -> bool:
    """Tell whether compiled loops had better be used from here on.

    Args:
        resampling: ``nearest``, ``bilinear`` or ``cubic``.
        pixels: How many more are wanted; they are counted over the life of the process.
    """
    global _done  # noqa: PLW0603 - what this process has done
    _done += pixels * _TAPS[resampling]
    return "numba" in sys.modules or _done > _BREAK_EVEN


def nearest(  # noqa: PLR0913, PLR0917 - as the compiled loop
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, row: int, col: int, window: NDArray[Any], high: int,
    wide: int, table: Any, target: NDArray[Any], outside: Any, keep: bool,
) -> bool:  # fmt: skip
    """Take the nearest pixel for a part of a cell; see ``kernels.nearest``."""
    columns = col + np.arange(target.shape[1])
    nodes = columns // step
    # A run begins at the first column, and at each node.
    starts = np.flatnonzero(np.r_[True, nodes[1:] != nodes[:-1]])
    counts = np.diff(np.r_[starts, len(columns)])
    firsts = columns[starts] - nodes[starts] * step
    run = np.repeat(np.arange(len(starts)), counts)
    along = np.arange(len(columns)) - starts[run]
    flat, found = window.reshape(-1), False
    for rows in _pieces(target.shape):
        x, y, right, low = _between(xs, ys, step, row + np.arange(rows.start, rows.stop), nodes[starts])
        dx, dy = ((right - x) / step, (low - y) / step) if step > 1 else (np.zeros_like(x), np.zeros_like(y))
        x, y = x + (TIE + firsts * dx), y + (TIE + firsts * dy)
        x1, y1 = x + (counts - 1) * dx, y + (counts - 1) * dy
        with np.errstate(invalid="ignore"):
            is_whole = (
                (np.minimum(x, x1) >= 0) & (np.maximum(x, x1) < wide)
                & (np.minimum(y, y1) >= 0) & (np.maximum(y, y1) < high)
            )  # fmt: skip
        cols_at, is_in_x = _taken(x, dx, is_whole, run, along, wide)
        rows_at, is_in_y = _taken(y, dy, is_whole, run, along, high)
        inside = is_in_x & is_in_y
        found |= bool(inside.any())
        codes = flat[np.where(inside, rows_at * window.shape[1] + cols_at, 0)]
        values = codes if table is None else table[codes]
        part = target[rows]
        if keep:
            np.copyto(part, values, where=inside & (part == outside))
        else:
            part[...] = np.where(inside, values, outside)
    return found


def _taken(
    at: NDArray[np.float64], by: NDArray[np.float64], is_whole: NDArray[np.bool_], run: NDArray[np.intp],
    along: NDArray[np.intp], size: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:  # fmt: skip
    """Return the pixel of each column along one axis, and whether there is one."""
    with np.errstate(invalid="ignore"):
        fine = np.where(is_whole, at * _ONE, 0).astype("uint64")
        steps = np.where(is_whole, by * _ONE, 0).astype("int64").astype("uint64")
        counted = (fine[:, run] + along.astype("uint64") * steps[:, run]) >> _WHOLE
        if is_whole.all():
            return counted.astype("int64"), np.ones(counted.shape, dtype=bool)
        single = at[:, run] + along * by[:, run]
        is_in = is_whole[:, run] | ((single >= 0) & (single < size))
        taken = np.where(is_whole[:, run], counted.astype("int64"), np.where(is_in, single, 0).astype("int64"))
    return taken, is_in


def _between(
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, rows: NDArray[np.intp], nodes: NDArray[np.intp]
) -> tuple[NDArray[np.float64], ...]:
    """Return where rows lie at nodes and at the next ones: columns, rows, columns, rows; see ``kernels.between``."""
    above = rows // step
    x, y = xs[np.ix_(above, nodes)], ys[np.ix_(above, nodes)]
    if step == 1:
        return x, y, x, y
    share = ((rows - above * step) / step)[:, None]
    x = x + share * (xs[np.ix_(above + 1, nodes)] - x)
    y = y + share * (ys[np.ix_(above + 1, nodes)] - y)
    right, low = xs[np.ix_(above, nodes + 1)], ys[np.ix_(above, nodes + 1)]
    right = right + share * (xs[np.ix_(above + 1, nodes + 1)] - right)
    low = low + share * (ys[np.ix_(above + 1, nodes + 1)] - low)
    return x, y, right, low


def _pieces(shape: tuple[int, ...]) -> Iterator[slice]:
    rows = max(1, _PIXELS // max(shape[1], 1))
    for start in range(0, shape[0], rows):
        yield slice(start, min(start + rows, shape[0]))


def interpolate(  # noqa: PLR0913, PLR0917 - as the compiled loop
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, row: int, col: int, window: NDArray[Any], left: int,
    top: int, nodata: float, has_nodata: bool, is_cubic: bool, target: NDArray[np.float64],
) -> bool:  # fmt: skip
    """Interpolate for a part of a cell; see ``kernels.interpolate``."""
    columns = col + np.arange(target.shape[1])
    nodes = columns // step
    found = False
    for rows in _pieces(target.shape):
        x, y, right, low = _between(xs, ys, step, row + np.arange(rows.start, rows.stop), nodes)
        if step > 1:
            along = (columns - nodes * step) / step
            x, y = x + along * (right - x), y + along * (low - y)
        part = np.full(x.shape, np.nan)
        with np.errstate(invalid="ignore"):
            x, y = x - left, y - top
            inside = (x + TIE >= 0) & (x + TIE < window.shape[1]) & (y + TIE >= 0) & (y + TIE < window.shape[0])
        if inside.any():
            found = True
            part[inside] = _values(window, (x[inside], y[inside]), nodata, has_nodata, is_cubic=is_cubic)
        target[rows] = part
    return found


def _is_missing(values: NDArray[np.float64], nodata: float, has_nodata: bool) -> NDArray[np.bool_]:
    if not has_nodata:
        return np.zeros(values.shape, dtype=bool)
    missing: NDArray[np.bool_] = np.isnan(values) if np.isnan(nodata) else values == nodata
    return missing


def _values(
    window: NDArray[Any], at: Positions, nodata: float, has_nodata: bool, *, is_cubic: bool
) -> NDArray[np.float64]:
    """Return the values at positions that lie in a window; NaN where the pixel there is missing."""
    x, y = at
    own = window[(y + TIE).astype("int64"), (x + TIE).astype("int64")].astype("float64")
    found = np.where(_is_missing(own, nodata, has_nodata), np.nan, _bilinear(window, at, nodata, has_nodata))
    if is_cubic:
        known = ~_is_missing(own, nodata, has_nodata)
        cubic, lacks = _cubic(window, (x[known], y[known]), nodata, has_nodata)
        found[known] = np.where(lacks, found[known], cubic)
    return found


def _bilinear(window: NDArray[Any], at: Positions, nodata: float, has_nodata: bool) -> NDArray[np.float64]:
    high, wide = window.shape
    x, y = at
    left, top = np.floor(x - 0.5).astype("int64"), np.floor(y - 0.5).astype("int64")
    right, low = x - 0.5 - left, y - 0.5 - top
    total, weights = np.zeros(x.shape), np.zeros(x.shape)
    for i in range(2):
        for j in range(2):
            row, col = top + i, left + j
            weight = (low if i else 1 - low) * (right if j else 1 - right)
            inside = (row >= 0) & (row < high) & (col >= 0) & (col < wide)
            value = window[np.where(inside, row, 0), np.where(inside, col, 0)].astype("float64")
            counts = inside & (weight > 0) & ~_is_missing(value, nodata, has_nodata)
            total += np.where(counts, weight * value, 0.0)
            weights += np.where(counts, weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = np.where(weights > 1e-5, total / weights, np.nan)
    return found


def _cubic(
    window: NDArray[Any], at: Positions, nodata: float, has_nodata: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return Keys' convolution of sixteen pixels, and where one of them is missing."""
    high, wide = window.shape
    x, y = at
    left, top = np.floor(x - 0.5).astype("int64"), np.floor(y - 0.5).astype("int64")
    lacks = (left < 1) | (top < 1) | (left + 2 >= wide) | (top + 2 >= high)
    left, top = np.where(lacks, 1, left), np.where(lacks, 1, top)
    if min(high, wide) < 4:
        return np.full(x.shape, np.nan), np.ones(x.shape, dtype=bool)
    across, down = _cubic_weights(x - 0.5 - left), _cubic_weights(y - 0.5 - top)
    total = np.zeros(x.shape)
    for i in range(4):
        for j in range(4):
            value = window[top - 1 + i, left - 1 + j].astype("float64")
            lacks |= _is_missing(value, nodata, has_nodata)
            total += down[i] * across[j] * value
    return total, lacks


def _cubic_weights(at: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    return (
        at * (-0.5 + at * (1.0 - 0.5 * at)), 1.0 + at * at * (-2.5 + 1.5 * at), at * (0.5 + at * (2.0 - 1.5 * at)),
        at * at * (-0.5 + 0.5 * at),
    )  # fmt: skip
