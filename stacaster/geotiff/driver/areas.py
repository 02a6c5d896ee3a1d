"""What pixels of a cube cover of a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.coordinates import CELL
from stacaster.geotiff.driver.levels import Level
from stacaster.geotiff.driver.views import View, placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pixels of the level, for each that a pixel of the cube is long in the middle of the file.
_TORN = 32


class Areas:
    """What pixels of a block cover of a level: all that lies between the places of two opposite corners, as for GDAL.

    Args:
        level: The level.
        view: How it is seen from the cube.
        rows: Rows of the block.
        cols: Its columns.
    """

    def __init__(self, level: Level, view: View, rows: slice, cols: slice) -> None:
        self._level, self._view, self._rows, self._cols = level, view, rows, cols
        self._shape = (level.height, level.width)
        # Longitudes go round, and the way that is longer than half a turn is the wrong one. Elsewhere a pixel that is
        # very long lies on both sides of the edge of a projection.
        self._turn = 360 * abs(view.to_pixels.a) if view.is_geographic else 0.0
        longest = _TORN * max(view.across, view.down, 1.0)
        self._longest = math.inf if view.is_geographic or not math.isfinite(longest) else longest

    def _pieces(self) -> Iterator[tuple[slice, slice]]:
        """Yield parts of the block whose corners take little memory."""
        for row in range(self._rows.start // CELL * CELL, self._rows.stop, CELL):
            for col in range(self._cols.start // CELL * CELL, self._cols.stop, CELL):
                rows = slice(max(row, self._rows.start), min(row + CELL, self._rows.stop))
                yield rows, slice(max(col, self._cols.start), min(col + CELL, self._cols.stop))

    def _corners(self, rows: slice, cols: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return columns and rows of the level where the corners of pixels of the cube lie."""
        from stacaster.geotiff.driver.averaging import spread

        x, y = np.empty((2, rows.stop - rows.start + 1, cols.stop - cols.start + 1))
        for cell, down, across in self._view.corners.cells(
            slice(rows.start, rows.stop + 1), slice(cols.start, cols.stop + 1)
        ):
            top, left = cell.row + down.start - rows.start, cell.col + across.start - cols.start
            part = np.s_[top : top + down.stop - down.start, left : left + across.stop - across.start]
            spread(cell.x, cell.y, cell.step, down.start, across.start, x[part], y[part])
        found: tuple[NDArray[np.float64], NDArray[np.float64]] = placed(self._view.to_pixels, x, y)
        return found

    def tiles(self) -> list[tuple[int, int]]:
        """Return the tiles (row, column of tiles) that the block covers."""
        from stacaster.geotiff.driver.averaging import touch

        level = self._level
        touched = np.zeros((level.down, level.across), dtype=bool)
        for rows, cols in self._pieces():
            x, y = self._corners(rows, cols)
            touch(x, y, self._shape, (level.tile_height, level.tile_width), self._turn, self._longest, touched)
        return [(int(row), int(col)) for row, col in np.argwhere(touched)]

    def averages(
        self, window: NDArray[Any], top: int, left: int, nodata: float | None
    ) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
        """Yield parts of the block (rows and columns in it) and the means of what their pixels cover.

        Args:
            window: Pixels of the tiles.
            top: First row of the window in the level.
            left: First column.
            nodata: Fill value; what is fill has no part in a mean, and where all is fill, the mean is NaN.
        """
        from stacaster.geotiff.driver.averaging import average

        kind = window.dtype
        fill = kind.type(0 if nodata is None else nodata)
        for rows, cols in self._pieces():
            x, y = self._corners(rows, cols)
            held = np.empty((rows.stop - rows.start, cols.stop - cols.start))
            average(
                x, y, window, top, left, self._shape, self._turn, self._longest, fill, nodata is not None,
                kind.kind in "ui", held,
            )  # fmt: skip
            yield (
                slice(rows.start - self._rows.start, rows.stop - self._rows.start),
                slice(cols.start - self._cols.start, cols.stop - self._cols.start), held,
            )  # fmt: skip
