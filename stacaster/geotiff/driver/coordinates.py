"""Where pixels of a cube lie in another CRS: a coarse grid of exact places, fine enough for a stated error."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.geotiff.driver.pixel_lattice import Lattice, lattice_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

BOUND = 0.01
"""Source pixels: no place is further from the exact transform."""

TIE = 1e-6
"""Pixels. A place this close below the edge of a pixel belongs to the next one, so that rounding decides nothing."""

CELL = 1024
"""Pixels along a side of the squares that get a grid each; anchored at the origin of the CRS, so that pieces of a cube,
and cubes on one lattice, agree."""

_COARSEST, _FINEST = 128, 4
_CELLS, _PARTS = 512, 32
_POLE = 90.0


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
    """First row; in a cube it may lie above the first of all."""
    col: int
    """First column."""
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
        around: The longitude in whose half turns those of the source lie; None where they are from -180 to 180.
    """

    def __init__(self, cube: GeoBox, crs: CRS, tolerance: float, around: float | None = None) -> None:
        self._lattice, self._col, self._row = lattice_of(cube)
        assert cube.crs is not None
        self._crs = None if cube.crs == crs else (cube.crs, crs)
        key = None if self._crs is None else (str(cube.crs), str(crs))
        self._cells = _cells_of(self._lattice, key, tolerance, around)

    def at(
        self, cols: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return exact places of points given in pixels of the cube; infinite where there is none."""
        return self._cells.at(cols + self._col, rows + self._row)

    def middles(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the middles of the pixels of the lattice that places in the CRS of the source lie in.

        They are counted in pixels of the cube, in which they need not lie.
        """
        if self._crs is not None:
            x, y = transformed(self._crs[1], self._crs[0], x, y)
        cols, rows = self._lattice.pixel(x, y)
        with np.errstate(invalid="ignore"):
            return np.floor(cols + TIE) + 0.5 - self._col, np.floor(rows + TIE) + 0.5 - self._row

    def cells(self, rows: slice, cols: slice) -> Iterator[tuple[Cell, slice, slice]]:
        """Yield the cells that a block of the cube meets, and the part of each in it, counted in the cell."""
        for top, low in self._cells.spans(rows.start + self._row, rows.stop + self._row, is_rows=True):
            for left, right in self._cells.spans(cols.start + self._col, cols.stop + self._col, is_rows=False):
                inside = slice(max(rows.start + self._row, top), min(rows.stop + self._row, low))
                along = slice(max(cols.start + self._col, left), min(cols.stop + self._col, right))
                found = self._cells.cell((top, low), (left, right)) or self._cells.exact(inside, along)
                yield (
                    replace(found, row=found.row - self._row, col=found.col - self._col),
                    slice(inside.start - found.row, inside.stop - found.row),
                    slice(along.start - found.col, along.stop - found.col),
                )  # fmt: skip


class _Cells:
    """Cells of a lattice, which all cubes on it share; rows and columns are those of the lattice."""

    def __init__(self, lattice: Lattice, crs: tuple[str, str] | None, tolerance: float, around: float | None) -> None:
        self._lattice, self._tolerance, self._around = lattice, tolerance, around
        self._crs = None if crs is None else (CRS(crs[0]), CRS(crs[1]))
        self._kept: dict[tuple[Any, ...], Cell | None] = {}
        self._parts: dict[tuple[int, ...], Cell] = {}
        self._lock = threading.Lock()
        self._poles = self._rows_of_poles()

    def _rows_of_poles(self) -> tuple[int, ...]:
        """Return the rows at which latitudes begin and end, where cells do so, too: beyond is nothing."""
        if self._crs is None or not self._crs[0].geographic or self._lattice.shift is None:
            return ()
        at = sorted(_POLE * sign / self._lattice.transform.e - self._lattice.shift[1] for sign in (1, -1))
        return math.ceil(at[0] - 0.5 - TIE), math.floor(at[1] - 0.5 + TIE) + 1

    def at(
        self, cols: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return exact places of points given in pixels of the lattice."""
        x, y = self._lattice.place(cols, rows)
        if self._crs is None:
            return x, y
        x, y = transformed(*self._crs, x, y)
        if self._around is not None:
            with np.errstate(invalid="ignore"):
                x = np.where(np.isfinite(x), (x - self._around + 180) % 360 + self._around - 180, x)
        return x, y

    def spans(self, start: int, stop: int, *, is_rows: bool) -> Iterator[tuple[int, int]]:
        """Yield first row or column of each cell in a span, and the one after its last."""
        edges = {*range(start // CELL * CELL, stop + CELL, CELL), *(self._poles if is_rows else ())}
        ordered = sorted(edge for edge in edges if start // CELL * CELL <= edge <= -(-stop // CELL) * CELL)
        for first, last in pairwise(ordered):
            if last > start and first < stop:
                yield first, last

    def cell(self, rows: tuple[int, int], cols: tuple[int, int]) -> Cell | None:
        """Return a cell; None where only places by themselves are near enough."""
        with self._lock:
            if (rows, cols) in self._kept:
                return self._kept[rows, cols]
        made = self._made(rows, cols)
        with self._lock:
            while len(self._kept) >= _CELLS:
                del self._kept[next(iter(self._kept))]
            self._kept[rows, cols] = made
        return made

    def exact(self, rows: slice, cols: slice) -> Cell:
        """Return the exact places of some pixels."""
        key = (rows.start, rows.stop, cols.start, cols.stop)
        with self._lock:
            if key in self._parts:
                return self._parts[key]
        x, y = self._nodes((rows.start, rows.stop), (cols.start, cols.stop), 1)
        made = Cell(rows.start, cols.start, 1, x, y)
        with self._lock:
            while len(self._parts) >= _PARTS:
                del self._parts[next(iter(self._parts))]
            self._parts[key] = made
        return made

    def _made(self, rows: tuple[int, int], cols: tuple[int, int]) -> Cell | None:
        step = _COARSEST
        x, y = self._nodes(rows, cols, step)
        while step > _FINEST and np.isfinite(x).all() and np.isfinite(y).all():
            step //= 2
            finer_x, finer_y = self._nodes(rows, cols, step)
            # The error of what lies between falls by four with each halving, so that the finer grid is well within.
            if _is_close(x, finer_x, self._tolerance) and _is_close(y, finer_y, self._tolerance):
                return Cell(rows[0], cols[0], step, finer_x, finer_y)
            x, y = finer_x, finer_y
        return None

    def _nodes(
        self, rows: tuple[int, int], cols: tuple[int, int], step: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # What lies after the last node needs one more.
        sizes = (rows[1] - rows[0], cols[1] - cols[0])
        down, across = (np.arange(size if step == 1 else (size - 1) // step + 2) * step for size in sizes)
        places = np.meshgrid(cols[0] + across + 0.5, rows[0] + down + 0.5)
        x, y = self.at(places[0].ravel(), places[1].ravel())
        return x.reshape(places[0].shape), y.reshape(places[0].shape)


@lru_cache(maxsize=128)
def _cells_of(lattice: Lattice, crs: tuple[str, str] | None, tolerance: float, around: float | None) -> _Cells:
    return _Cells(lattice, crs, tolerance, around)


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


def places_of(cube: GeoBox, crs: CRS, tolerance: float, around: float | None = None) -> Places:
    """Return the places of the pixels of a cube; sources of one CRS share them."""
    return _places(Grid(cube), str(crs), tolerance, around)


@lru_cache(maxsize=128)
def _places(grid: Grid, crs: str, tolerance: float, around: float | None) -> Places:
    return Places(grid.cube, CRS(crs), tolerance, around)


def is_straight(cube: GeoBox, crs: CRS) -> bool:
    """Tell whether rows and columns of the cube are those of every grid without rotation in a CRS."""
    transform: Affine = cube.transform
    return bool(cube.crs == crs and transform.b == 0 and transform.d == 0)
