"""A simulated radar satellite: a circular orbit in coordinates fixed to the Earth, and where its images lie."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EARTH_RATE = 7.2921151467e-5
"""Rotation of the Earth, radians a second."""

_A, _B = 6_378_137.0, 6_356_752.314245


@dataclass(frozen=True, kw_only=True)
class SimulatedOrbit:
    """A circular orbit that comes back after a cycle of whole days."""

    node: dt.datetime
    """Time of the ascending node before the scene, UTC."""
    node_longitude: float = 0.0
    """Longitude of that node, degrees."""
    radius: float = 7_071_000.0
    """Metres from the centre of the Earth."""
    inclination: float = 98.18
    """Degrees."""
    period: float = 12 * 86_400 / 175
    """Seconds of a revolution."""
    radial: float = 0.0
    """Metres that the satellite is higher than planned."""
    across: float = 0.0
    """Metres that it is further to the right of its path than planned."""

    def at(self, seconds: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return positions (m) and velocities (m/s) at seconds after the node, each of shape (n, 3)."""
        here = self._planned(seconds)
        step = 1e-3
        speed = (self._planned(seconds + step) - self._planned(seconds - step)) / (2 * step)
        up = here / np.linalg.norm(here, axis=1, keepdims=True)
        ahead = speed / np.linalg.norm(speed, axis=1, keepdims=True)
        return here + self.radial * up + self.across * np.cross(ahead, up), speed

    def _planned(self, seconds: NDArray[Any]) -> NDArray[Any]:
        angle = 2 * np.pi * seconds / self.period
        tilt, turn = math.radians(self.inclination), math.radians(self.node_longitude)
        x, y, z = np.cos(angle), np.sin(angle) * math.cos(tilt), np.sin(angle) * math.sin(tilt)
        east = turn - EARTH_RATE * seconds
        return self.radius * np.stack(
            [x * np.cos(east) - y * np.sin(east), x * np.sin(east) + y * np.cos(east), z], axis=1
        )

    def ground(self, seconds: NDArray[Any], ranges: NDArray[Any]) -> NDArray[np.float64]:
        """Return longitude and latitude (degrees) of points on the ellipsoid, shape (n, 2), seen to the right.

        Args:
            seconds: After the node; the moment at which a point lies straight beside the satellite.
            ranges: Slant ranges, metres.
        """
        here, speed = self.at(seconds)
        ahead = speed / np.linalg.norm(speed, axis=1, keepdims=True)
        down = -here / np.linalg.norm(here, axis=1, keepdims=True)
        down -= (down * ahead).sum(axis=1, keepdims=True) * ahead
        down /= np.linalg.norm(down, axis=1, keepdims=True)
        right = np.cross(down, ahead)
        low, high = np.zeros(len(seconds)), np.full(len(seconds), math.radians(60))
        scale = np.array([1 / _A, 1 / _A, 1 / _B])
        for _ in range(60):
            # The angle from straight down at which the range ends on the ellipsoid.
            middle = (low + high) / 2
            point = here + ranges[:, None] * (np.cos(middle)[:, None] * down + np.sin(middle)[:, None] * right)
            inside = ((point * scale) ** 2).sum(axis=1) < 1
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        longitude = np.degrees(np.arctan2(point[:, 1], point[:, 0]))
        flat = 1 - (_B / _A) ** 2
        latitude = np.degrees(np.arctan2(point[:, 2], (1 - flat) * np.hypot(point[:, 0], point[:, 1])))
        return np.stack([longitude, latitude], axis=1)


def orbit_over(
    longitude: float, latitude: float, moment: dt.datetime, *, slant_range: float = 880_000.0, **changes: float
) -> tuple[SimulatedOrbit, float]:
    """Return an ascending orbit that sees a place at a moment, and the seconds after its node.

    Args:
        longitude: Degrees.
        latitude: Degrees.
        moment: UTC.
        slant_range: Range at which the place is seen, metres.
        **changes: ``radial`` and ``across``.
    """
    period, tilt = SimulatedOrbit.period, math.radians(SimulatedOrbit.inclination)
    seconds = (math.asin(math.sin(math.radians(latitude)) / math.sin(tilt)) % (2 * math.pi)) / (2 * math.pi) * period
    turn = 0.0
    for _ in range(6):
        # The place is moved under the satellite by turning the orbit, along it by another moment.
        orbit = SimulatedOrbit(node=moment, node_longitude=turn)
        seen = orbit.ground(np.array([seconds, seconds + 1]), np.full(2, slant_range))
        seconds += (latitude - seen[0, 1]) / (seen[1, 1] - seen[0, 1])
        seen = orbit.ground(np.array([seconds]), np.array([slant_range]))
        turn += (longitude - seen[0, 0] + 180) % 360 - 180
    node = moment - dt.timedelta(seconds=seconds)
    return SimulatedOrbit(node=node, node_longitude=turn, **changes), seconds
