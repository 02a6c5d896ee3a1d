"""A landscape in closed form: the same place looks the same in every simulated scene.

The surface is a mixture of vegetation and five rocks whose fractions are smooth functions of longitude and latitude;
each rock prevails somewhere within a few kilometres, so that indices of minerals show it in their published range.
Reflectances are of the order of published spectra of such materials; they are not measurements of a place.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BANDS = ("B01", "B02", "B03N", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B13", "B14")
"""Bands that the landscape has."""

_REFLECTANCE = {
    "vegetation": (0.07, 0.05, 0.42, 0.22, 0.11, 0.11, 0.10, 0.08, 0.07),
    "kaolin": (0.20, 0.27, 0.33, 0.46, 0.25, 0.34, 0.40, 0.38, 0.34),
    "mica": (0.21, 0.26, 0.30, 0.42, 0.37, 0.325, 0.385, 0.36, 0.35),
    "iron": (0.08, 0.23, 0.27, 0.43, 0.37, 0.37, 0.31, 0.34, 0.32),
    "carbonate": (0.26, 0.31, 0.36, 0.45, 0.42, 0.42, 0.39, 0.28, 0.39),
    "quartz": (0.24, 0.29, 0.33, 0.41, 0.40, 0.40, 0.40, 0.39, 0.39),
}
_EMISSIVITY = {
    "vegetation": (0.985, 0.985, 0.985, 0.985, 0.985),
    "kaolin": (0.965, 0.965, 0.945, 0.970, 0.972),
    "mica": (0.960, 0.955, 0.940, 0.968, 0.970),
    "iron": (0.960, 0.958, 0.955, 0.965, 0.968),
    "carbonate": (0.965, 0.966, 0.967, 0.968, 0.945),
    "quartz": (0.820, 0.830, 0.800, 0.955, 0.960),
}
_LAKE = ((0.06, 0.04, 0.02) + (0.01,) * 6, (0.985,) * 5)
_IRRADIANCE = (1848.0, 1549.0, 1114.0, 225.4, 86.63, 81.85, 74.85, 66.49, 59.85)
_WAVELENGTH = (8.291, 8.634, 9.075, 10.657, 11.318)
_C1, _C2 = 1.191042972e8, 14387.7688
_LAKE_CENTRE = (138.545, -30.99)
_LAKE_RADIUS = (0.012, 0.008)


def fractions(lon: NDArray[Any], lat: NDArray[Any], *, day_of_year: float) -> dict[str, NDArray[Any]]:
    """Return the share of each material at places, adding to one.

    Args:
        lon: Degrees.
        lat: Degrees, of the same shape.
        day_of_year: 1 to 366; vegetation is greenest at the end of the southern winter.
    """
    season = 0.5 + 0.5 * math.cos(2 * math.pi * (day_of_year - 240) / 365.25)
    waves = np.sin(37 * lon + 11 * lat) * np.cos(29 * lat - 7 * lon)
    green = np.clip(0.28 + 0.30 * waves + 0.14 * np.sin(173 * lon) * np.sin(191 * lat), 0.02, 0.9) * (
        0.45 + 0.55 * season
    )
    weights = {
        "kaolin": _patches(np.sin(161 * lon - 67 * lat)),
        "mica": _patches(np.sin(109 * lon + 151 * lat + 0.5)),
        "iron": _patches(np.sin(127 * lat + 83 * lon + 1.0)),
        "carbonate": _patches(np.cos(173 * lat - 97 * lon)),
        "quartz": _patches(np.sin(71 * lon + 47 * lat + 2.0)),
    }
    total = sum(weights.values())
    return {"vegetation": green, **{name: (1 - green) * weight / total for name, weight in weights.items()}}


def _patches(wave: NDArray[Any]) -> NDArray[Any]:
    """Return the weight of a rock, which is little but for the crests of a wave from -1 to 1."""
    return np.asarray((1.05 + wave) ** 3)


def is_lake(lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[Any]:
    """Tell where the lake is."""
    x = (lon - _LAKE_CENTRE[0]) / _LAKE_RADIUS[0]
    y = (lat - _LAKE_CENTRE[1]) / _LAKE_RADIUS[1]
    return np.asarray(x * x + y * y < 1)


def reflectance(band: str, lon: NDArray[Any], lat: NDArray[Any], *, day_of_year: float) -> NDArray[Any]:
    """Return reflectance at the top of the atmosphere in a VNIR or SWIR band, 0 to 1."""
    index = BANDS.index(band)
    shares = fractions(lon, lat, day_of_year=day_of_year)
    mixed = sum(shares[name] * values[index] for name, values in _REFLECTANCE.items())
    return np.where(is_lake(lon, lat), _LAKE[0][index], mixed)


def temperature(lon: NDArray[Any], lat: NDArray[Any], *, day_of_year: float, is_day: bool) -> NDArray[Any]:
    """Return the temperature of the surface in kelvin."""
    shares = fractions(lon, lat, day_of_year=day_of_year)
    yearly = 8.0 * math.cos(2 * math.pi * (day_of_year - 15) / 365.25)
    land = (303.0 if is_day else 282.0) + yearly - (9.0 if is_day else -2.0) * shares["vegetation"]
    land = land + 2.0 * np.sin(19 * lon) * np.cos(23 * lat)
    return np.where(is_lake(lon, lat), 289.0 + 0.4 * yearly, land)


def radiance(
    band: str, lon: NDArray[Any], lat: NDArray[Any], *, moment: dt.datetime, sun_elevation: float
) -> NDArray[Any]:
    """Return spectral radiance at the sensor, W m-2 sr-1 um-1.

    Args:
        band: Name as in ``BANDS``.
        lon: Degrees.
        lat: Degrees, of the same shape.
        moment: Time of the scene.
        sun_elevation: Degrees; not positive means night, when VNIR and SWIR see nothing.
    """
    day = moment.timetuple().tm_yday
    index = BANDS.index(band)
    if index < len(_IRRADIANCE):
        sine = max(0.0, math.sin(math.radians(sun_elevation)))
        distance = 1.0 - 0.01672 * math.cos(math.radians(0.9856 * (day - 4)))
        factor = _IRRADIANCE[index] * sine / (math.pi * distance**2)
        return reflectance(band, lon, lat, day_of_year=day) * factor
    kelvin = temperature(lon, lat, day_of_year=day, is_day=sun_elevation > 0)
    return np.asarray(emissivity(band, lon, lat, day_of_year=day) * black_body(band, kelvin))


def emissivity(band: str, lon: NDArray[Any], lat: NDArray[Any], *, day_of_year: float) -> NDArray[Any]:
    """Return the emissivity of the surface in a TIR band, 0 to 1."""
    place = BANDS.index(band) - len(_IRRADIANCE)
    shares = fractions(lon, lat, day_of_year=day_of_year)
    mixed = sum(shares[name] * values[place] for name, values in _EMISSIVITY.items())
    return np.where(is_lake(lon, lat), _LAKE[1][place], mixed)


def black_body(band: str, kelvin: Any) -> Any:
    """Return the radiance of a black body in a TIR band, W m-2 sr-1 um-1."""
    wavelength = _WAVELENGTH[BANDS.index(band) - len(_IRRADIANCE)]
    return _C1 / wavelength**5 / np.expm1(_C2 / (wavelength * kelvin))


def sky_irradiance(band: str) -> float:
    """Return the irradiance from a clear sky in a TIR band, W m-2 um-1."""
    return float(0.25 * math.pi * black_body(band, 260.0))
