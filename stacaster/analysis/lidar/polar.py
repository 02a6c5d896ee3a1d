"""Maps around a pole: land and points in the polar stereographic projection of their half of the Earth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stacaster.errors import UsageError
from stacaster.geo.land import land_rings

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pole = Literal["north", "south"]
"""Pole in the middle of a map."""

_CRS = {"north": 3413, "south": 3031}
_POLAR = 60.0
_EDGE = 45.0
_STEP = 1.0


def pole_of(latitude: NDArray[Any], asked: str | None) -> Pole | None:
    """Return the pole of a map: the one that was asked for, or that of points beyond 60 degrees; None for neither.

    Raises:
        UsageError: Another word than ``north``, ``south`` or ``none`` was given.
    """
    if asked is not None:
        word = str(asked).strip().lower()
        if word not in ("north", "south", "none"):
            raise UsageError(f"pole is {asked!r}, but north, south or none is needed")
        return None if word == "none" else "north" if word == "north" else "south"
    known = latitude[np.isfinite(latitude)]
    if not known.size or np.abs(known).min() < _POLAR:
        return None
    return "north" if known.min() > 0 else "south" if known.max() < 0 else None


def polar_xy(pole: Pole, longitude: NDArray[Any], latitude: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return kilometres in the polar stereographic projection (EPSG:3413 or EPSG:3031)."""
    from pyproj import Transformer

    forward = Transformer.from_crs(4326, _CRS[pole], always_xy=True)
    x, y = forward.transform(longitude, latitude)
    return np.asarray(x) / 1000, np.asarray(y) / 1000


def draw_land(axes: Any, pole: Pole, *, colour: str = "#d9d4c5") -> None:
    """Draw land around a pole down to 45 degrees of latitude."""
    side = 1.0 if pole == "north" else -1.0
    for ring in land_rings():
        # Long edges are bent by the projection; what lies beyond the edge of the map runs along it.
        steps = np.maximum(1, np.ceil(np.abs(np.diff(ring, axis=0)).max(axis=1) / _STEP)).astype(int)
        if side * ring[:, 1].max() < _EDGE and side * ring[:, 1].min() < _EDGE:
            continue
        pieces = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(ring[:-1], ring[1:], steps, strict=True)]
        whole = np.concatenate([*pieces, ring[-1:]])
        inside = np.maximum(side * whole[:, 1], _EDGE) * side
        x, y = polar_xy(pole, whole[:, 0], inside)
        axes.fill(x, y, facecolor=colour, edgecolor="#8a8577", linewidth=0.4, zorder=0)
