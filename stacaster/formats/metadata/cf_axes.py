"""Axes of gridded fields as CF and its neighbours write them: which is x, which is y, where pixels begin.

Source: CF Conventions 1.11, chapters 4 (coordinate types), 5.6 (grid mappings) and 7.1 (cell boundaries).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Role = Literal["x", "y", "lon", "lat"]
"""What an axis counts: map coordinates, or degrees."""

_STANDARD: Mapping[str, Role] = {
    "longitude": "lon", "latitude": "lat", "projection_x_coordinate": "x", "projection_y_coordinate": "y",
    "projection_x_angular_coordinate": "x", "projection_y_angular_coordinate": "y",
    "grid_longitude": "x", "grid_latitude": "y",
}  # fmt: skip
_EAST = re.compile(r"degrees?_?(east|e)$", re.IGNORECASE)
_NORTH = re.compile(r"degrees?_?(north|n)$", re.IGNORECASE)
_NAMES: Mapping[str, Role] = {
    **dict.fromkeys(("lon", "lons", "longitude", "longitudes", "nlon"), "lon"),
    **dict.fromkeys(("lat", "lats", "latitude", "latitudes", "nlat"), "lat"),
    **dict.fromkeys(("x", "xc", "xdim", "easting", "xcoordinates", "projection_x_coordinate"), "x"),
    **dict.fromkeys(("y", "yc", "ydim", "northing", "ycoordinates", "projection_y_coordinate"), "y"),
}
_METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0, "kilometre": 1000.0,
           "kilometer": 1000.0, "kilometers": 1000.0, "kilometres": 1000.0}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Coordinate:
    """One axis of a field."""

    name: str
    """Name of the dimension or of its variable."""
    size: int
    """Number of positions."""
    values: NDArray[Any] | None = None
    """Positions after scale and offset of the axis itself; None when the file states none."""
    attributes: Mapping[str, Any] | None = None
    """Attributes of the variable."""
    bounds: NDArray[Any] | None = None
    """Edges of each position, shape (n, 2)."""
    is_single: bool = False
    """The positions are stored as 32 bit floats, so that steps are even to seven digits only."""

    @property
    def role(self) -> Role | None:
        """What the axis counts by standard name, unit, or name; None for one that is neither x nor y."""
        found = self.attributes or {}
        standard = str(found.get("standard_name", "")).strip().lower()
        if standard in _STANDARD:
            return _STANDARD[standard]
        unit = unit_of(found)
        if _EAST.search(unit):
            return "lon"
        if _NORTH.search(unit):
            return "lat"
        by_name = _NAMES.get(self.name.rpartition("/")[2].strip().lower())
        axis = str(found.get("axis", "")).strip().upper()
        if by_name is None and axis in ("X", "Y"):
            return "x" if axis == "X" else "y"
        return by_name


def unit_of(attributes: Mapping[str, Any]) -> str:
    """Return the unit that attributes state, without the padding that some files write; empty without one."""
    for name in ("units", "Units", "unit", "UNITS", "Unit"):
        if name in attributes:
            return str(attributes[name]).strip("\0 \t\n")
    return ""


class AxisError(ValueError):
    """The positions of an axis are no grid; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Edges:
    """A regular axis: outer edge of the first pixel and step, as stored."""

    first: float
    """Outer edge of the first stored pixel."""
    step: float
    """Size of a pixel; negative where values fall."""
    size: int
    """Number of pixels."""

    @property
    def last(self) -> float:
        """Outer edge of the last stored pixel."""
        return self.first + self.step * self.size


def edges_of(axis: Coordinate, *, factor: float = 1.0, is_cyclic: bool = False) -> Edges:
    """Return outer edges of a regular axis.

    Args:
        axis: The axis.
        factor: What its values are multiplied by: metres of a unit.
        is_cyclic: Longitudes, which may jump by 360 degrees.

    Raises:
        AxisError: It has no positions, fewer than two without bounds, or they are not evenly spaced.
    """
    if axis.values is None:
        raise AxisError(f"the axis {axis.name} has no coordinates")
    values = np.asarray(axis.values, dtype="float64") * factor
    if not np.isfinite(values).all():
        raise AxisError(f"the coordinates of the axis {axis.name} are fill values")
    bounds = None if axis.bounds is None else np.asarray(axis.bounds, dtype="float64") * factor
    if is_cyclic and values.size > 1:
        values = np.unwrap(values, period=360.0)
        bounds = None if bounds is None or np.abs(bounds.mean(axis=1) - values).max() > 1 else bounds
    if values.size < 2:
        if bounds is None or bounds.shape != (1, 2) or bounds[0, 0] == bounds[0, 1]:
            raise AxisError(f"the axis {axis.name} has one position and no bounds, so that its pixel size is unknown")
        return Edges(first=float(bounds[0, 0]), step=float(bounds[0, 1] - bounds[0, 0]), size=1)
    size = values.size
    step = float(values[-1] - values[0]) / (size - 1)
    largest = float(np.abs(values).max())
    tolerance = (2.5e-7 if axis.is_single else 1e-9) * max(largest, abs(step))
    tolerance = max(tolerance, 1e-6 * abs(step))
    even = values[0] + step * np.arange(size)
    deviation = float(np.abs(values - even).max())
    # Positions that were rounded to a few digits are even to a hundredth of a pixel.
    if step == 0 or deviation > max(tolerance, 0.01 * abs(step)):
        share = deviation / abs(step) if step else math.inf
        raise AxisError(f"the coordinates of the axis {axis.name} are not evenly spaced (by {share:.3g} of a step)")
    first = float(values[0]) - step / 2
    if bounds is not None and bounds.shape == (size, 2):
        first, step = _from_bounds(bounds, first, step, size, tolerance)
    return _rounded(first, step, size, tolerance) if axis.is_single else Edges(first=first, step=step, size=size)


def _from_bounds(
    bounds: NDArray[np.float64], first: float, step: float, size: int, tolerance: float
) -> tuple[float, float]:
    """Return first edge and step of bounds, where they are edges of an even grid in the direction of the axis."""
    starts, stops = (bounds.min(axis=1), bounds.max(axis=1)) if step > 0 else (bounds.max(axis=1), bounds.min(axis=1))
    own = float(stops[-1] - starts[0]) / size
    expected = starts[0] + own * np.arange(size)
    is_grid = own * step > 0 and np.abs(starts - expected).max() <= max(tolerance, 0.01 * abs(own))
    same_step = abs(own - step) <= 0.01 * abs(step)
    return (float(starts[0]), own) if is_grid and same_step and abs(starts[0] - first) <= abs(step) else (first, step)


def _rounded(first: float, step: float, size: int, tolerance: float) -> Edges:
    """Return the shortest numbers that 32 bit positions can stand for: 0.1 in place of 0.099999999."""
    for candidate in _short_numbers(step):
        if candidate == 0 or abs(candidate - step) * size > 2 * tolerance:
            continue
        for digits in range(10):
            begin = round(first, digits)
            if abs(begin - first) <= tolerance:
                return Edges(first=begin, step=candidate, size=size)
    return Edges(first=first, step=step, size=size)


def _short_numbers(step: float) -> list[float]:
    found = [round(step, digits) for digits in range(7)]
    inverse = 1 / step
    if abs(inverse) > 1 and abs(inverse - round(inverse)) < 1e-4 * abs(inverse):
        found.append(1 / round(inverse))
    return [*found, *(round(step, digits) for digits in range(7, 12))]


def metres_of(axis: Coordinate) -> float | None:
    """Return the metres of the unit of an axis; None for a unit that is no length."""
    return _METRES.get(unit_of(axis.attributes or {}).lower())


def is_radians(axis: Coordinate) -> bool:
    """Tell whether an axis counts angles at a satellite."""
    return unit_of(axis.attributes or {}).lower() in ("rad", "radian", "radians")
