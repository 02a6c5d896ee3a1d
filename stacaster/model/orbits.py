"""Orbits and positions of radar images."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

Vector = tuple[float, float, float]
"""Three coordinates fixed to the Earth: metres, or metres a second."""


class StateVector(NamedTuple):
    """Where a satellite is at a moment, in coordinates fixed to the Earth."""

    time: dt.datetime
    """UTC."""
    position: Vector
    """Metres."""
    velocity: Vector
    """Metres a second."""


class GridPoint(NamedTuple):
    """Place on Earth of one pixel of an image in radar geometry."""

    line: float
    """Row, counted in pixel centres from 0."""
    pixel: float
    """Column, counted likewise."""
    longitude: float
    """Degrees."""
    latitude: float
    """Degrees."""
    height: float
    """Metres above the ellipsoid."""
