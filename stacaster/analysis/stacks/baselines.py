"""Baselines of acquisitions: how far apart two orbits are, seen along the line of sight and across it.

Decision: perpendicular baselines are taken at zero Doppler, where both satellites see the middle of the reference
footprint straight to the side, between state vectors by the cubic through their positions and velocities. asf_search
takes both at one time after the node, on a straight line through two vectors: over 176 recorded Sentinel-1 scenes it
differs by 36 m where that line is extrapolated, by less than a metre where it is not. The sign is that of the upper
side of the line of sight, for both looking directions.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stacaster.errors import UsageError
from stacaster.model import StateVector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_A, _FLATTENING = 6_378_137.0, 1 / 298.257223563
_BEYOND_S = 60.0
_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a baseline needs of an acquisition."""

    id: str
    """Name."""
    start: dt.datetime
    """First moment, UTC."""
    vectors: tuple[StateVector, ...]
    """State vectors around it; none where they are not known."""
    place: tuple[float, float] | None
    """Longitude and latitude of the middle of its footprint, degrees."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Baselines of one acquisition against the reference of its stack."""

    id: str
    """Name of the acquisition."""
    start: dt.datetime
    """First moment, UTC."""
    temporal: float
    """Days since the reference; negative before it."""
    perpendicular: float | None
    """Metres across the line of sight, positive on the upper side of it; None when it cannot be known."""
    parallel: float | None
    """Metres along the line of sight, positive towards the ground."""
    reason: str | None = None
    """Why it cannot be known."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        row = {**vars(self), "start": self.start.isoformat(timespec="seconds"), "temporal": round(self.temporal, 6)}
        for name in ("perpendicular", "parallel"):
            row[name] = None if row[name] is None else round(row[name], 3)
        return row


def middle_of(geometry: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Return the middle of a footprint in degrees; also of one that is split at the antimeridian."""
    import shapely

    if geometry is None:
        return None
    shape = shapely.geometry.shape(dict(geometry))
    west, _, east, _ = shape.bounds
    if east - west > 180:

        def joined(points: Any) -> Any:
            points[points[:, 0] < 0, 0] += 360
            return points

        shape = shapely.transform(shape, joined)
    point = shape.centroid
    return ((float(point.x) + 180) % 360) - 180, float(point.y)


def ground_point(longitude: float, latitude: float, height: float = 0.0) -> NDArray[np.float64]:
    """Return a place as coordinates fixed to the Earth (WGS 84), metres.

    Args:
        longitude: Degrees.
        latitude: Degrees.
        height: Metres above the ellipsoid.
    """
    import numpy as np

    lon, lat = np.radians([longitude, latitude])
    square = _FLATTENING * (2 - _FLATTENING)
    normal = _A / np.sqrt(1 - square * np.sin(lat) ** 2)
    across = (normal + height) * np.cos(lat)
    return np.array([across * np.cos(lon), across * np.sin(lon), (normal * (1 - square) + height) * np.sin(lat)])


def state_at(vectors: Sequence[StateVector], moment: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return position and velocity at a moment, by the cubic that has those of the two vectors around it.

    Args:
        vectors: At least two, ordered by time.
        moment: Seconds after the first vector; beyond the ends the cubic of the last two goes on.
    """
    import numpy as np

    seconds = [(vector.time - vectors[0].time).total_seconds() for vector in vectors]
    index = min(max(bisect_right(seconds, moment) - 1, 0), len(vectors) - 2)
    (first, second), span = vectors[index : index + 2], seconds[index + 1] - seconds[index]
    t = (moment - seconds[index]) / span
    p0, p1 = np.asarray(first.position, dtype=float), np.asarray(second.position, dtype=float)
    v0, v1 = np.asarray(first.velocity, dtype=float) * span, np.asarray(second.velocity, dtype=float) * span
    place = (2 * t**3 - 3 * t**2 + 1) * p0 + (t**3 - 2 * t**2 + t) * v0
    place += (3 * t**2 - 2 * t**3) * p1 + (t**3 - t**2) * v1
    speed = (6 * t**2 - 6 * t) * p0 + (3 * t**2 - 4 * t + 1) * v0 + (6 * t - 6 * t**2) * p1 + (3 * t**2 - 2 * t) * v1
    return place, speed / span


def zero_doppler(
    vectors: Sequence[StateVector], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return position and velocity where a target lies straight beside the satellite; None far from all vectors.

    Args:
        vectors: At least two, ordered by time.
        target: Coordinates fixed to the Earth, metres.
    """
    import numpy as np

    last = (vectors[-1].time - vectors[0].time).total_seconds()
    moment = last / 2
    for _ in range(_STEPS):
        place, speed = state_at(vectors, moment)
        step = float(np.dot(speed, target - place) / np.dot(speed, speed))
        moment += step
        if abs(step) < 1e-9:
            break
    if not -_BEYOND_S <= moment <= last + _BEYOND_S:
        return None
    return state_at(vectors, moment)


def perpendicular_baseline(
    reference: Sequence[StateVector], secondary: Sequence[StateVector], place: tuple[float, float], height: float = 0.0
) -> tuple[float, float] | None:
    """Return perpendicular and parallel baseline at a place, metres; None when an orbit does not reach so far.

    Both satellites are taken where the place lies straight beside them. The baseline leads from the reference to the
    secondary. Its parallel part lies along the line of sight of the reference, positive towards the ground; the
    perpendicular part across it and across the path, positive on the side that points up. For a horizontal
    baseline ``b`` towards the side that is looked at it is ``b cos(look angle)``, for a vertical one upwards
    ``b sin(look angle)`` (Hanssen 2001, Radar Interferometry, section 2.4).

    Args:
        reference: State vectors of the reference, ordered by time.
        secondary: State vectors of the other acquisition.
        place: Longitude and latitude on the ground, degrees.
        height: Of that place, metres above the ellipsoid.
    """
    import numpy as np

    target = ground_point(*place, height)
    ends = [zero_doppler(vectors, target) if len(vectors) > 1 else None for vectors in (reference, secondary)]
    if ends[0] is None or ends[1] is None:
        return None
    (here, speed), (there, _) = ends[0], ends[1]
    sight = (target - here) / np.linalg.norm(target - here)
    ahead = speed / np.linalg.norm(speed)
    upper = np.cross(sight, ahead)
    upper /= np.linalg.norm(upper)
    upper *= 1.0 if np.dot(upper, here) > 0 else -1.0
    return float(np.dot(there - here, upper)), float(np.dot(there - here, sight))


def baselines_of(scenes: Sequence[Scene], *, reference: str | None = None, height: float = 0.0) -> list[Baseline]:
    """Return the baselines of a stack against one of its acquisitions, ordered by time.

    Args:
        scenes: Acquisitions of one stack.
        reference: Name of the reference; None takes the first acquisition whose orbit is known, else the first.
        height: Of the ground, metres above the ellipsoid.

    Raises:
        UsageError: No acquisition has that name.
    """
    ordered = sorted(scenes, key=lambda scene: (scene.start, scene.id))
    if not ordered:
        return []
    chosen = [scene for scene in ordered if (len(scene.vectors) > 1 if reference is None else scene.id == reference)]
    if not chosen and reference is not None:
        raise UsageError(
            f"no acquisition of the stack is called {reference!r}; there are {', '.join(s.id for s in ordered)}"
        )
    first = (chosen or ordered)[0]
    return [_against(first, scene, height) for scene in ordered]


def _against(first: Scene, scene: Scene, height: float) -> Baseline:
    days = (scene.start - first.start).total_seconds() / 86_400
    reason, found = None, None
    if min(len(first.vectors), len(scene.vectors)) < 2:
        reason = "the metadata hold no state vectors"
    elif first.place is None:
        reason = "the reference has no footprint"
    else:
        found = perpendicular_baseline(first.vectors, scene.vectors, first.place, height)
        reason = "the state vectors end too far from the scene" if found is None else None
    perpendicular, parallel = found or (None, None)
    return Baseline(id=scene.id, start=scene.start, temporal=days, perpendicular=perpendicular, parallel=parallel,
                    reason=reason)  # fmt: skip
