"""The lattice of a cube's pixels, counted from the origin of its CRS.

A box of a cube is another cube, whose corner is another number. Places that are worked out from the corner differ in
their last bits, and so do means. Counted from the origin they are the same numbers in every cube on one lattice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from affine import Affine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_ROUNDING = 1e-8
"""Pixels by which corners on one lattice may differ from it: they were worked out in other ways."""


@dataclass(frozen=True)
class Lattice:
    """Pixels without an end: the first of all begins a part of a pixel from the origin of the CRS."""

    transform: Affine
    """Of the pixel with column and row 0."""
    shift: tuple[float, float] | None
    """Columns and rows between the origin and that pixel, 0 to 1; None of a lattice that is turned."""

    def place(
        self, cols: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x and y of places given in pixels of the lattice; a half is the middle of a pixel."""
        a, b, c, d, e, f = tuple(self.transform)[:6]
        if self.shift is None:
            return a * cols + b * rows + c, d * cols + e * rows + f
        return a * (cols + self.shift[0]), e * (rows + self.shift[1])

    def pixel(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return columns and rows of places, fractional."""
        if self.shift is None:
            back = ~self.transform
            return back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
        return x / self.transform.a - self.shift[0], y / self.transform.e - self.shift[1]


def lattice_of(cube: GeoBox) -> tuple[Lattice, int, int]:
    """Return the lattice of a cube, and column and row of the cube's first pixel on it.

    A lattice that is turned against the axes is that of one cube alone.
    """
    transform = cube.transform
    if transform.b or transform.d:
        return Lattice(transform, None), 0, 0
    col, shift_x = _split(transform.c / transform.a)
    row, shift_y = _split(transform.f / transform.e)
    first = Affine(transform.a, 0.0, transform.a * shift_x, 0.0, transform.e, transform.e * shift_y)
    return Lattice(first, (shift_x, shift_y)), col, row


def _split(pixels: float) -> tuple[int, float]:
    """Return whole pixels, and the simplest fraction that the rest can be: others differ from it by rounding alone."""
    whole = math.floor(pixels + _ROUNDING)
    rest = pixels - whole
    if rest <= _ROUNDING:
        return whole, 0.0
    return whole, float(_simplest(Fraction(rest - _ROUNDING), Fraction(rest + _ROUNDING)))


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction with the smallest denominator between two positive ones."""
    whole = low.numerator // low.denominator
    if whole == low:
        return Fraction(whole)
    if whole + 1 <= high:
        return Fraction(whole + 1)
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))
