"""Where ICESat-2 flies: a strip along the ground from what CMR says of an orbit.

The ground track repeats after 1387 orbits in 91 days (ICESat-2 mission): each node lies 360 * 91 / 1387 degrees west of
the last one; the inclination is 92 degrees. Over land the satellite points beside this track, so that a strip says
about where photons are, not where there are none.

Decision: footprints of granules that were only searched come from the orbit and never exclude a granule; items have
strips around their points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stacaster.geo.longitudes import wrapped

HALF_WIDTH_M = 3_500.0
"""Three pairs of beams, 3.3 km apart."""

PERIOD_S = 91 * 86_400 / 1387
"""Seconds of an orbit, from one ascending node to the next."""

_SHIFT = 360.0 * 91 / 1387
_INCLINATION = math.radians(92.0)
_FLATTENING = 1 / 298.257223563
_STEP = math.radians(1.0)


def argument_of(latitude: float, direction: str) -> float:
    """Return the angle from the ascending node, radians from 0 to 2 pi, at which a latitude is passed.

    Args:
        latitude: Geodetic, degrees.
        direction: ``A`` ascending or ``D`` descending.
    """
    geocentric = math.atan((1 - _FLATTENING) ** 2 * math.tan(math.radians(max(-89.99, min(89.99, latitude)))))
    angle = math.asin(max(-1.0, min(1.0, math.sin(geocentric) / math.sin(_INCLINATION))))
    if direction.upper().startswith("D"):
        return math.pi - angle
    return angle if angle >= 0 else 2 * math.pi + angle


def place_at(argument: float, node: float) -> tuple[float, float]:
    """Return longitude and geodetic latitude at an angle from the ascending node.

    Args:
        argument: Radians.
        node: Longitude of the ascending node, degrees.
    """
    across = math.degrees(math.atan2(math.cos(_INCLINATION) * math.sin(argument), math.cos(argument)))
    longitude = node + across - _SHIFT * argument / (2 * math.pi)
    geocentric = math.asin(math.sin(_INCLINATION) * math.sin(argument))
    latitude = math.degrees(math.atan(math.tan(geocentric) / (1 - _FLATTENING) ** 2))
    return wrapped(longitude), latitude


def strip(orbit: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the strip of a granule as GeoJSON, split at the antimeridian; None where the record says too little.

    Args:
        orbit: ``Orbit`` of a UMM-G record: ``AscendingCrossing``, ``StartLatitude``, ``StartDirection``,
            ``EndLatitude``, ``EndDirection``.
    """
    import antimeridian
    import shapely
    from pyproj import Geod

    try:
        node = float(orbit["AscendingCrossing"])
        first = argument_of(float(orbit["StartLatitude"]), str(orbit["StartDirection"]))
        last = argument_of(float(orbit["EndLatitude"]), str(orbit["EndDirection"]))
    except (KeyError, TypeError, ValueError):
        return None
    if last <= first:
        last += 2 * math.pi
    count = max(2, math.ceil((last - first) / _STEP) + 1)
    points = [place_at(first + (last - first) * i / (count - 1), node) for i in range(count)]
    geod = Geod(ellps="WGS84")
    lon, lat = zip(*points, strict=True)
    azimuths, _, _ = geod.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    azimuths = [*azimuths, azimuths[-1]]
    sides = [geod.fwd(lon, lat, [angle + turn for angle in azimuths], [HALF_WIDTH_M] * count)[:2] for turn in (-90, 90)]
    (left_x, left_y), (right_x, right_y) = sides
    parts = []
    for i in range(count - 1):
        ring = [(left_x[i], left_y[i]), (right_x[i], right_y[i]), (right_x[i + 1], right_y[i + 1]),
                (left_x[i + 1], left_y[i + 1])]  # fmt: skip
        piece = shapely.Polygon(ring)
        crosses = max(x for x, _ in ring) - min(x for x, _ in ring) > 180
        parts.append(antimeridian.fix_polygon(piece, fix_winding=True) if crosses else piece)
    whole = shapely.union_all(shapely.make_valid(parts))
    kept = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
    mapped: dict[str, Any] = shapely.geometry.mapping(kept[0] if len(kept) == 1 else shapely.MultiPolygon(kept))
    return mapped
