"""Where pixels of a cube lie in another CRS: a coarse grid of exact places, fine enough for a stated error."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOUND = 0.01
"""Source pixels: no place is further from the exact transform."""

TIE = 1e-6
"""Pixels. A place this close below the edge of a pixel belongs to the next one, so that rounding decides nothing."""

CELL = 1024
"""Cube pixels along a side of the squares that get a grid each; anchored at the corner of the cube, so that pieces
of a cube agree."""

_COARSEST = 128
_CELLS = 512


@cache
def _transforming() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="stacaster-transforms")


# A thread does not come along into a forked process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_transforming.cache_clear)


def transformed(
    source: CRS, target: CRS, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in another CRS, infinite where there is none.

    One thread does this for all: pyproj prepares each transformation anew for every thread that asks for it, which
    takes longer than what a small load has to transform.
    """
    x, y = _transforming().submit(lambda: source.transformer_to_crs(target)(x, y)).result()
    return np.asarray(x, dtype="float64"), np.asarray(y, dtype="float64")


@dataclass(frozen=True)
class Cell:
    """Places of the pixels of one square."""

    row: int
    """First row in the cube."""
    col: int
    """First column in the cube."""
    step: int
    """Pixels between nodes; node (0, 0) is the centre of the first pixel."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]


class Places:
    """Places of the pixels of a cube in the CRS of a source.

    Args:
        cube: Grid of the cube.
        crs: CRS of the source.
        tolerance: Largest error, in units of that CRS.
    """

    def __init__(self, cube: GeoBox, crs: CRS, tolerance: float) -> None:
        self._transform, self._shape = cube.transform, cube.shape.yx
        self._tolerance = tolerance
        self._crs = None if cube.crs is None or cube.crs == crs else (cube.crs, crs)
        self._cells: dict[tuple[int, int], Cell] = {}
        self._lock = threading.Lock()

    def at(
        self, cols: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return exact places of points given in pixels of the cube; infinite where there is none."""
        a, b, c, d, e, f = tuple(self._transform)[:6]
        x, y = a * cols + b * rows + c, d * cols + e * rows + f
        return (x, y) if self._crs is None else transformed(*self._crs, x, y)

    def cells(self, rows: slice, cols: slice) -> Iterator[tuple[Cell, slice, slice]]:
        """Yield the cells that a block of the cube meets, and the part of each in it, counted in the cell."""
        for row in range(rows.start // CELL * CELL, rows.stop, CELL):
            for col in range(cols.start // CELL * CELL, cols.stop, CELL):
                inside = slice(max(rows.start - row, 0), min(rows.stop - row, CELL))
                yield self._cell(row, col), inside, slice(max(cols.start - col, 0), min(cols.stop - col, CELL))

    def _cell(self, row: int, col: int) -> Cell:
        with self._lock:
            found = self._cells.get((row, col))
        if found is None:
            found = self._made(row, col)
            with self._lock:
                while len(self._cells) >= _CELLS:
                    del self._cells[next(iter(self._cells))]
                self._cells[row, col] = found
        return found

    def _made(self, row: int, col: int) -> Cell:
        rows, cols = (min(CELL, size - start) for size, start in zip(self._shape, (row, col), strict=True))
        step = _COARSEST
        x, y = self._nodes(row, col, rows, cols, step)
        while step > 1:
            step //= 2
            finer_x, finer_y = self._nodes(row, col, rows, cols, step)
            # The error of what lies between falls by four with each halving, so that the finer grid is well within.
            if _is_close(x, finer_x, self._tolerance) and _is_close(y, finer_y, self._tolerance):
                return Cell(row, col, step, finer_x, finer_y)
            x, y = finer_x, finer_y
        return Cell(row, col, 1, x, y)

    def _nodes(
        self, row: int, col: int, rows: int, cols: int, step: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # What lies after the last node needs one more.
        down, across = (np.arange(size if step == 1 else (size - 1) // step + 2) * step for size in (rows, cols))
        places = np.meshgrid(col + across + 0.5, row + down + 0.5)
        x, y = self.at(places[0].ravel(), places[1].ravel())
        return x.reshape(places[0].shape), y.reshape(places[0].shape)


def _is_close(coarse: NDArray[np.float64], fine: NDArray[np.float64], tolerance: float) -> bool:
    """Tell whether a grid gives what one of half the step says."""
    rows, cols = min(fine.shape[0], 2 * coarse.shape[0] - 1), min(fine.shape[1], 2 * coarse.shape[1] - 1)
    if not (np.isfinite(coarse).all() and np.isfinite(fine).all()):
        return False
    between = np.empty((2 * coarse.shape[0] - 1, 2 * coarse.shape[1] - 1))
    between[::2, ::2] = coarse
    between[1::2, ::2] = (coarse[:-1] + coarse[1:]) / 2
    between[:, 1::2] = (between[:, :-1:2] + between[:, 2::2]) / 2
    return bool(np.abs(between[:rows, :cols] - fine[:rows, :cols]).max() <= tolerance)


class Grid:
    """A cube's grid as a key: a CRS is put into words each time its own hash is asked for."""

    def __init__(self, cube: GeoBox) -> None:
        self.cube = cube
        self._said = (str(cube.crs), cube.shape.yx, cube.transform)
        self._hash = hash(self._said)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self._said == other._said


def places_of(cube: GeoBox, crs: CRS, tolerance: float) -> Places:
    """Return the places of the pixels of a cube; sources of one CRS share them."""
    return _places(Grid(cube), str(crs), tolerance)


@lru_cache(maxsize=128)
def _places(grid: Grid, crs: str, tolerance: float) -> Places:
    return Places(grid.cube, CRS(crs), tolerance)


def is_straight(cube: GeoBox, crs: CRS) -> bool:
    """Tell whether rows and columns of the cube are those of every grid without rotation in a CRS."""
    transform: Affine = cube.transform
    return bool(cube.crs == crs and transform.b == 0 and transform.d == 0)
