"""A compiled loop that interpolates with a kernel as wide as pixels of a cube that are larger than those of a file.

Decision: on coarser cubes ``bilinear`` and ``cubic`` stretch their kernel by how many pixels of the level one of the
cube is long, along rows and along columns: the median of 25 positions over what the file covers (a whole number where
that misses it by less than 0.05; not stretched up to 1/0.95). GDAL does the same with a scale for each chunk; given
this one (``XSCALE``, ``YSCALE``) it gives these numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stacaster.geotiff.driver.coordinates import TIE
from stacaster.geotiff.driver.kernels import compiled, is_missing, place_of

LEAST_WEIGHT = 1e-6
"""As GDAL: a sum of weights below this is none."""


@compiled
def _weigh(place: float, scale: float, is_cubic: bool, size: int, weights: NDArray[np.float64]) -> tuple[int, int]:
    """Write the weights of pixels along one axis, and return the first and the one after the last."""
    reach = (2.0 if is_cubic else 1.0) * scale
    start = max(int(np.ceil(place - 0.5 - reach)), 0)
    stop = min(int(np.floor(place - 0.5 + reach)) + 1, size)
    for at in range(start, stop):
        off = abs(at + 0.5 - place) / scale
        if not is_cubic:
            weight = 1.0 - off
        elif off <= 1:
            weight = off * off * (1.5 * off - 2.5) + 1.0
        else:
            weight = off * off * (2.5 - 0.5 * off) - 4.0 * off + 2.0
        weights[at - start] = weight
    return start, stop


@compiled
def convolve(  # noqa: PLR0913, PLR0917 - a compiled loop
    xs: NDArray[np.float64], ys: NDArray[np.float64], step: int, row: int, col: int, window: NDArray[Any], left: int,
    top: int, nodata: float, has_nodata: bool, is_cubic: bool, across: float, down: float, target: NDArray[np.float64],
) -> bool:  # fmt: skip
    """Interpolate for a part of a cell with a kernel as wide as pixels of the cube; else as ``interpolate``.

    Args:
        xs: Columns of the source at the nodes of the cell.
        ys: Rows.
        step: Pixels between nodes.
        row: First row of the target in the cell.
        col: First column.
        window: Pixels of the source.
        left: Its first column.
        top: Its first row.
        nodata: Its fill value.
        has_nodata: Whether there is one.
        is_cubic: Keys' kernel (a = -0.5) in place of a triangle.
        across: How many times the kernel is stretched along rows.
        down: Along columns.
        target: Takes the values.

    Returns:
        Whether the source has a pixel for one of the target.
    """
    high, wide = window.shape
    along_row = np.empty(int(4 * across) + 2)
    along_col = np.empty(int(4 * down) + 2)
    found = False
    for i in range(target.shape[0]):
        above = (row + i) // step
        share = (row + i - above * step) / step
        for j in range(target.shape[1]):
            x, y = place_of(xs, ys, step, above, share, col + j)
            x, y = x - left, y - top
            target[i, j] = np.nan
            if not (0 <= x + TIE < wide and 0 <= y + TIE < high):
                continue
            found = True
            if is_missing(np.float64(window[int(y + TIE), int(x + TIE)]), nodata, has_nodata):
                continue
            start, stop = _weigh(x, across, is_cubic, wide, along_row)
            first, last = _weigh(y, down, is_cubic, high, along_col)
            total, weights = 0.0, 0.0
            for m in range(first, last):
                row_total, row_weights = 0.0, 0.0
                for n in range(start, stop):
                    value = np.float64(window[m, n])
                    if not is_missing(value, nodata, has_nodata):
                        row_total += along_row[n - start] * value
                        row_weights += along_row[n - start]
                total += along_col[m - first] * row_total
                weights += along_col[m - first] * row_weights
            if weights >= LEAST_WEIGHT:
                target[i, j] = total / weights
    return found
