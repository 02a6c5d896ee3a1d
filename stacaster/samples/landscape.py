"""An invented surface as a closed formula of longitude and latitude, and the radiance it sends to ASTER.

Nothing here is a measurement. Five covers (clay soil, carbonate rock, quartzite, vegetation, water) share every place; their
shares follow smooth folds and creeks of a few kilometres, vegetation and temperature follow the season of the southern
hemisphere. There is no atmosphere, no relief and no cloud. The same place has the same cover in every scene, so scenes of
one day that overlap agree.

Sources of the constants: ASTER Users Handbook v2 (band wavelengths); Thome et al. (2001) for solar irradiances; Planck's law at
8.291, 8.634, 9.075, 10.657 and 11.318 um for K1 and K2. Reflectances and emissivities are rounded values of the kind that
spectral libraries give for such covers; they are not taken from one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CENTRE = (138.5, -31.0)
"""Longitude and latitude of the origin of the patterns, degrees."""

KM_PER_DEGREE = (95.4, 110.9)
"""Kilometres in one degree of longitude and of latitude near the centre; part of the definition of the surface."""

LAKE = (1.2, -0.8, 1.1, 0.7)
"""The one lake: kilometres east and north of the centre, half axes east and north in kilometres."""

_REFLECTANCE = {
    "B01": (0.12, 0.24, 0.20, 0.05, 0.06),
    "B02": (0.22, 0.29, 0.26, 0.04, 0.04),
    "B03N": (0.27, 0.34, 0.31, 0.42, 0.02),
    "B04": (0.36, 0.38, 0.40, 0.22, 0.01),
    "B05": (0.30, 0.36, 0.37, 0.10, 0.01),
    "B06": (0.26, 0.36, 0.37, 0.11, 0.01),
    "B07": (0.31, 0.34, 0.36, 0.11, 0.01),
    "B08": (0.30, 0.27, 0.35, 0.09, 0.01),
    "B09": (0.28, 0.30, 0.33, 0.08, 0.01),
}
_EMISSIVITY = {
    "B10": (0.955, 0.945, 0.830, 0.980, 0.985),
    "B11": (0.955, 0.950, 0.810, 0.980, 0.985),
    "B12": (0.950, 0.955, 0.820, 0.980, 0.985),
    "B13": (0.965, 0.960, 0.950, 0.985, 0.990),
    "B14": (0.970, 0.950, 0.960, 0.985, 0.990),
}
_SOLAR_IRRADIANCE = {
    "B01": 1848.0,
    "B02": 1549.0,
    "B03N": 1114.0,
    "B04": 225.4,
    "B05": 86.63,
    "B06": 81.85,
    "B07": 74.85,
    "B08": 66.49,
    "B09": 59.85,
}
_K1_K2 = {
    "B10": (3040.136402, 1735.337945),
    "B11": (2482.375199, 1666.398761),
    "B12": (1935.060183, 1585.420044),
    "B13": (866.468575, 1350.069147),
    "B14": (641.326517, 1271.221673),
}
_DAYS = 365.25


class Cover(NamedTuple):
    """Shares of the covers; at every place they sum to 1."""

    clay: NDArray[np.float64]
    """Bare soil rich in clay, with the absorption of band 6."""
    carbonate: NDArray[np.float64]
    """Carbonate rock, with the absorption of band 8."""
    quartzite: NDArray[np.float64]
    """Quartzite, with the low emissivity of bands 10 to 12."""
    vegetation: NDArray[np.float64]
    """Green vegetation along creeks."""
    water: NDArray[np.float64]
    """The lake."""


def cover_at(lon: Any, lat: Any, *, day_of_year: int) -> Cover:
    """Return the shares of the covers.

    Args:
        lon: Longitude in degrees (WGS 84), number or array.
        lat: Latitude in degrees (WGS 84), of the same shape.
        day_of_year: 1 to 366; vegetation peaks at the beginning of September.

    Returns:
        Shares of the shape of ``lon``.
    """
    east = (np.asarray(lon, dtype=np.float64) - CENTRE[0]) * KM_PER_DEGREE[0]
    north = (np.asarray(lat, dtype=np.float64) - CENTRE[1]) * KM_PER_DEGREE[1]
    water = 0.5 + 0.5 * np.tanh(6.0 * (1.0 - np.hypot((east - LAKE[0]) / LAKE[2], (north - LAKE[1]) / LAKE[3])))
    creeks = np.exp(-((np.sin(1.9 * east + 1.1 * north + 0.8 * np.sin(1.3 * north)) / 0.4) ** 2))
    season = 0.55 + 0.25 * math.cos(2 * math.pi * (day_of_year - 250) / _DAYS)
    vegetation = (1.0 - water) * season * creeks
    fold = 0.5 + 0.5 * np.sin(1.62 * east + 0.71 * north + 1.2 * np.sin(0.7 * north))
    ridge = (0.5 + 0.5 * np.sin(0.73 * east - 1.31 * north + 0.7 * np.sin(0.9 * east))) ** 2
    bare = 1.0 - water - vegetation
    quartzite = bare * 0.9 * ridge
    carbonate = (bare - quartzite) * fold
    return Cover(bare - quartzite - carbonate, carbonate, quartzite, vegetation, water)


def temperature(cover: Cover, *, day_of_year: int, is_night: bool) -> NDArray[np.float64]:
    """Return the temperature of the surface in kelvin: warmest in late January, cooler at night.

    Args:
        cover: Shares of the covers.
        day_of_year: 1 to 366.
        is_night: Half past ten in the evening rather than in the morning.
    """
    season = math.cos(2 * math.pi * (day_of_year - 20) / _DAYS)
    if is_night:
        return 287.0 + 8.0 * season - 2.0 * cover.vegetation + 4.0 * cover.water
    return 306.0 + 11.0 * season + 3.0 * cover.quartzite - 7.0 * cover.vegetation - 9.0 * cover.water


def reflectance(cover: Cover, band: str) -> NDArray[np.float64]:
    """Return the reflectance of a band B01 to B09: the mean of the covers, weighted with their shares."""
    return _mix(cover, _REFLECTANCE[band])


def emissivity(cover: Cover, band: str) -> NDArray[np.float64]:
    """Return the emissivity of a band B10 to B14: the mean of the covers, weighted with their shares."""
    return _mix(cover, _EMISSIVITY[band])


def radiance(
    cover: Cover, band: str, *, day_of_year: int, sun_elevation: float, is_night: bool = False
) -> NDArray[np.float64]:
    """Return spectral radiance at the sensor.

    Reflected: reflectance * ESUN * sin(elevation) / (pi d^2), zero with the sun below the horizon; d is the distance of the
    Sun in astronomical units, 1 - 0.01672 cos(0.9856 (day - 4)), the angle in degrees. Emitted: emissivity * K1 /
    (exp(K2 / T) - 1).

    Args:
        cover: Shares of the covers.
        band: ``B01`` to ``B14``, with ``B03N``.
        day_of_year: 1 to 366.
        sun_elevation: Degrees above the horizon.
        is_night: See ``temperature``.

    Returns:
        W m-2 sr-1 um-1.
    """
    if band in _EMISSIVITY:
        k1, k2 = _K1_K2[band]
        kelvin = temperature(cover, day_of_year=day_of_year, is_night=is_night)
        return emissivity(cover, band) * k1 / np.expm1(k2 / kelvin)
    distance = 1.0 - 0.01672 * math.cos(math.radians(0.9856 * (day_of_year - 4)))
    sunlight = max(0.0, math.sin(math.radians(sun_elevation))) / (math.pi * distance**2)
    return reflectance(cover, band) * (_SOLAR_IRRADIANCE[band] * sunlight)


def _mix(cover: Cover, values: tuple[float, ...]) -> NDArray[np.float64]:
    total = np.zeros_like(cover.clay)
    for share, value in zip(cover, values, strict=True):
        total += share * value
    return total
