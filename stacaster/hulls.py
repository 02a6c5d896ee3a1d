"""The outline of the pixels that hold data. Pure functions of pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS_PER_BLOCK = 512


def valid_hull(pixels: NDArray[Any], nodata: int | float | None) -> NDArray[np.float64]:
    """Return the convex hull of all valid pixels in pixel coordinates.

    Args:
        pixels: Array of shape (rows, cols).
        nodata: Value of invalid pixels; None makes every pixel valid, NaN is understood.

    Returns:
        Hull vertices of shape (n, 2) as (column, row) of outer pixel edges, so that every valid pixel lies wholly
        inside; empty when there is no valid pixel.
    """
    hull = HullOf(nodata)
    hull.add(pixels)
    return hull.result()


class HullOf:
    """The convex hull of the valid pixels of a band that comes in strips from top to bottom; see ``valid_hull``.

    Args:
        nodata: Value of invalid pixels.
    """

    def __init__(self, nodata: int | float | None) -> None:
        self._nodata, self._seen, self._cols = nodata, 0, 0
        self._parts: list[NDArray[np.float64]] = []

    def add(self, strip: NDArray[Any]) -> None:
        """Take the next rows."""
        rows, self._cols = strip.shape
        if self._nodata is not None:
            for start in range(0, rows, _ROWS_PER_BLOCK):
                self._add(strip[start : start + _ROWS_PER_BLOCK], self._seen + start)
        self._seen += rows

    def _add(self, block: NDArray[Any], start: int) -> None:
        import numpy as np

        nodata = self._nodata
        valid = ~np.isnan(block) if isinstance(nodata, float) and math.isnan(nodata) else block != nodata
        # argmax stops at the first True, which lies near the edge of an image: faster than a look at every pixel.
        first = valid.argmax(axis=1)
        has_data = np.flatnonzero(valid[np.arange(len(valid)), first])
        if not has_data.size:
            return
        last = self._cols - valid[has_data, ::-1].argmax(axis=1)
        first = first[has_data]
        row = has_data + start
        self._parts += [np.stack(pair, axis=1).astype(np.float64) for pair in
                        ((first, row), (first, row + 1), (last, row), (last, row + 1))]  # fmt: skip

    def result(self) -> NDArray[np.float64]:
        """Return the vertices."""
        import numpy as np
        import shapely

        rows, cols = self._seen, self._cols
        if self._nodata is None:
            return np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], dtype=np.float64)
        if not self._parts:
            return np.empty((0, 2))
        # A line through all points has their hull, and is made without an object for every point.
        hull = shapely.convex_hull(shapely.linestrings(np.concatenate(self._parts)))
        return np.asarray(shapely.get_coordinates(hull)[:-1], dtype=np.float64)
