"""Radiometry: stored numbers to radiance, reflectance and brightness temperature. Pure functions of any array type.

Sources: ASTER Users Handbook v2 (Abrams, Hook, Ramachandran 2002) for unit conversion coefficients and the (DN - 1)
rule; Thome et al. (2001) and Smith for solar irradiances; Planck's law at effective band wavelengths for K1 and K2.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from stacaster.errors import UsageError

_VNIR_SWIR = ("B01", "B02", "B03N", "B04", "B05", "B06", "B07", "B08", "B09")
_TIR = ("B10", "B11", "B12", "B13", "B14")

_HIGH = dict(zip(_VNIR_SWIR, (0.676, 0.708, 0.423, 0.1087, 0.0348, 0.0313, 0.0299, 0.0209, 0.0159), strict=True))
_NORMAL = dict(zip(_VNIR_SWIR, (1.688, 1.415, 0.862, 0.2174, 0.0696, 0.0625, 0.0597, 0.0417, 0.0318), strict=True))
_LOW_1 = dict(zip(_VNIR_SWIR, (2.25, 1.89, 1.15, 0.290, 0.0925, 0.0830, 0.0795, 0.0556, 0.0424), strict=True))
_LOW_2 = dict(zip(_VNIR_SWIR[3:], (0.290, 0.409, 0.390, 0.332, 0.245, 0.265), strict=True))
_THERMAL = dict(zip(_TIR, (0.006882, 0.006780, 0.006590, 0.005693, 0.005225), strict=True))

UCC: Mapping[str, Mapping[str, float]] = {
    "HGH": _HIGH,
    "NOR": _NORMAL | _THERMAL,
    "LOW": _LOW_1,
    "LO1": _LOW_1,
    "LO2": _LOW_2,
}
"""ASTER unit conversion coefficient by gain and band, W m-2 sr-1 um-1 a count (ASTER Users Handbook)."""

ESUN: Mapping[str, Mapping[str, float]] = {
    "thome": dict(zip(_VNIR_SWIR, (1848.0, 1549.0, 1114.0, 225.4, 86.63, 81.85, 74.85, 66.49, 59.85), strict=True)),
    "smith": dict(zip(_VNIR_SWIR, (1845.99, 1555.74, 1119.47, 231.25, 79.81, 74.99, 68.66, 59.74, 56.92), strict=True)),
}
"""Exo-atmospheric solar irradiance at 1 au by set and band, W m-2 um-1."""

THERMAL_CONSTANTS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "effective": {
        "B10": (3040.136402, 1735.337945),
        "B11": (2482.375199, 1666.398761),
        "B12": (1935.060183, 1585.420044),
        "B13": (866.468575, 1350.069147),
        "B14": (641.326517, 1271.221673),
    },
    "rounded": {
        "B10": (3047.47, 1736.18),
        "B11": (2480.93, 1666.21),
        "B12": (1930.80, 1584.72),
        "B13": (865.65, 1349.82),
        "B14": (649.60, 1274.49),
    },
}
"""(K1 in W m-2 sr-1 um-1, K2 in K) by set and band; ``effective`` is Planck's law at 8.291 to 11.318 um."""


def unit_conversion(band: str, gain: str) -> float:
    """Return the unit conversion coefficient of an ASTER band at a gain, W m-2 sr-1 um-1 a count.

    Raises:
        UsageError: The gain does not exist, or the band has no such gain.
    """
    code = gain.upper()
    if code not in UCC:
        raise UsageError(f"gain is {gain!r}; {_nearest(code, UCC)}")
    if band not in UCC[code]:
        raise UsageError(f"band {band!r} has no gain {code}; {_nearest(band, UCC[code])}")
    return UCC[code][band]


def solar_irradiance(band: str, *, name: str = "thome") -> float:
    """Return the exo-atmospheric solar irradiance of an ASTER band at 1 au, W m-2 um-1.

    Raises:
        UsageError: There is no such set, or no such band in it.
    """
    if name not in ESUN:
        raise UsageError(f"irradiance set is {name!r}; {_nearest(name, ESUN)}")
    if band not in ESUN[name]:
        raise UsageError(f"band {band!r} has no solar irradiance; {_nearest(band, ESUN[name])}")
    return ESUN[name][band]


def thermal_constants(band: str, *, name: str = "effective") -> tuple[float, float]:
    """Return (K1, K2) of an ASTER thermal band, W m-2 sr-1 um-1 and K.

    Raises:
        UsageError: There is no such set, or the band is not thermal.
    """
    if name not in THERMAL_CONSTANTS:
        raise UsageError(f"set of thermal constants is {name!r}; {_nearest(name, THERMAL_CONSTANTS)}")
    if band not in THERMAL_CONSTANTS[name]:
        raise UsageError(f"band {band!r} has no thermal constants; {_nearest(band, THERMAL_CONSTANTS[name])}")
    return THERMAL_CONSTANTS[name][band]


def earth_sun_distance(day_of_year: float) -> float:
    """Return the distance of the Earth from the Sun in astronomical units.

    Formula: 1 - 0.01672 cos(0.9856 (day - 4)), the angle in degrees.
    """
    return 1.0 - 0.01672 * math.cos(math.radians(0.9856 * (day_of_year - 4)))


def radiance(stored: Any, scale: Any, offset: Any) -> Any:
    """Return spectral radiance at the sensor from stored numbers: stored * scale + offset.

    For ASTER the scale is the unit conversion coefficient and the offset its negative, since (DN - 1) is multiplied.
    """
    return stored * scale + offset


def toa_reflectance(radiance: Any, *, esun: Any, sun_elevation: Any, earth_sun_distance: Any) -> Any:
    """Return reflectance at the top of the atmosphere: pi L d^2 / (ESUN sin(elevation)).

    Args:
        radiance: Spectral radiance, W m-2 sr-1 um-1.
        esun: Solar irradiance at 1 au, W m-2 um-1.
        sun_elevation: Degrees above the horizon.
        earth_sun_distance: Astronomical units.
    """
    import numpy as np

    return math.pi * radiance * earth_sun_distance**2 / (esun * np.sin(np.radians(sun_elevation)))


def brightness_temperature(radiance: Any, *, k1: float, k2: float) -> Any:
    """Return brightness temperature in kelvin: K2 / ln(K1 / L + 1); NaN where the radiance is not positive.

    Args:
        radiance: Spectral radiance, W m-2 sr-1 um-1; NumPy or xarray.
        k1: W m-2 sr-1 um-1.
        k2: Kelvin.
    """
    import numpy as np

    usable = radiance.where(radiance > 0) if hasattr(radiance, "where") else np.where(radiance > 0, radiance, np.nan)
    return k2 / np.log(k1 / usable + 1.0)


def _nearest(wrong: str, names: Iterable[str]) -> str:
    known = list(names)
    close = difflib.get_close_matches(wrong, known, n=3, cutoff=0.0)
    return f"nearest are {', '.join(close)}; all are {', '.join(known)}"
