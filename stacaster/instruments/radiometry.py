"""Radiometry: stored numbers to radiance, reflectance and brightness temperature. Pure functions of any array type.

Sources: ASTER Users Handbook v2 (Abrams, Hook, Ramachandran 2002) for unit conversion coefficients and the (DN - 1)
rule; Thome et al. (2001) and Smith for solar irradiances; Planck's law at effective band wavelengths for K1 and K2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stacaster.errors import UsageError, nearest

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


SOURCES: Mapping[str, str] = {
    "thome": "Thome et al. (2001), as used by LP DAAC",
    "smith": "Smith, as used by Google Earth Engine",
    "effective": "Planck's law at the effective wavelengths 8.291, 8.634, 9.075, 10.657 and 11.318 um",
    "rounded": "second published set, effective wavelengths 8.287, 8.635, 9.079, 10.659 and 11.289 um",
}
"""Where the sets of constants come from."""

WAVELENGTHS: Mapping[str, float] = dict(zip(_TIR, (8.291, 8.634, 9.075, 10.657, 11.318), strict=True))
"""Effective wavelength of the thermal bands by band, um; the set ``effective`` belongs to them."""

PLANCK_C1 = 1.191042972e8
"""First radiation constant for spectral radiance, 2 h c^2, W um4 m-2 sr-1 (CODATA 2018)."""

PLANCK_C2 = 14387.7688
"""Second radiation constant, h c / k, um K (CODATA 2018)."""


def unit_conversion(band: str, gain: str) -> float:
    """Return the unit conversion coefficient of an ASTER band at a gain, W m-2 sr-1 um-1 a count.

    Raises:
        UsageError: The gain does not exist, or the band has no such gain.
    """
    code = gain.upper()
    if code not in UCC:
        raise UsageError(f"gain is {gain!r}; {nearest(code, UCC)}")
    if band not in UCC[code]:
        raise UsageError(f"band {band!r} has no gain {code}; {nearest(band, UCC[code])}")
    return UCC[code][band]


def known_set(name: str, sets: Mapping[str, Any]) -> str:
    """Return the name of a set of constants when it is one of ``ESUN`` or ``THERMAL_CONSTANTS``.

    Raises:
        UsageError: There is no such set; the message names the nearest.
    """
    if name not in sets:
        raise UsageError(f"set of constants is {name!r}; {nearest(name, sets)}")
    return name


def checked_emissivity(emissivity: float) -> float:
    """Return an emissivity.

    Raises:
        UsageError: It is none.
    """
    if not 0 < emissivity <= 1:
        raise UsageError(f"emissivity is {emissivity}, but a number above 0 and up to 1 is needed")
    return emissivity


def solar_irradiance(band: str, *, name: str = "thome") -> float:
    """Return the exo-atmospheric solar irradiance of an ASTER band at 1 au, W m-2 um-1.

    Raises:
        UsageError: There is no such set, or no such band in it.
    """
    known = ESUN[known_set(name, ESUN)]
    if band not in known:
        raise UsageError(f"band {band!r} has no solar irradiance; {nearest(band, known)}")
    return known[band]


def thermal_constants(band: str, *, name: str = "effective") -> tuple[float, float]:
    """Return (K1, K2) of an ASTER thermal band, W m-2 sr-1 um-1 and K.

    Raises:
        UsageError: There is no such set, or the band is not thermal.
    """
    known = THERMAL_CONSTANTS[known_set(name, THERMAL_CONSTANTS)]
    if band not in known:
        raise UsageError(f"band {band!r} has no thermal constants; {nearest(band, known)}")
    return known[band]


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


def brightness_temperature(radiance: Any, *, k1: Any, k2: Any) -> Any:
    """Return brightness temperature in kelvin: K2 / ln(K1 / L + 1); NaN where the radiance is not positive.

    Args:
        radiance: Spectral radiance, W m-2 sr-1 um-1; NumPy or xarray.
        k1: W m-2 sr-1 um-1.
        k2: Kelvin.
    """
    import numpy as np

    usable = radiance.where(radiance > 0) if hasattr(radiance, "where") else np.where(radiance > 0, radiance, np.nan)
    return k2 / np.log(k1 / usable + 1.0)


def planck_radiance(temperature: Any, *, wavelength: Any) -> Any:
    """Return the spectral radiance of a black body: c1 / (wavelength^5 (exp(c2 / (wavelength T)) - 1)).

    Args:
        temperature: Kelvin.
        wavelength: Micrometres.

    Returns:
        W m-2 sr-1 um-1.
    """
    import numpy as np

    return PLANCK_C1 / (wavelength**5 * np.expm1(PLANCK_C2 / (wavelength * temperature)))


def planck_temperature(radiance: Any, *, wavelength: Any) -> Any:
    """Return the temperature of a black body from its spectral radiance: the inverse of ``planck_radiance``.

    Args:
        radiance: W m-2 sr-1 um-1; NaN comes out where it is not positive.
        wavelength: Micrometres.

    Returns:
        Kelvin.
    """
    k1, k2 = PLANCK_C1 / wavelength**5, PLANCK_C2 / wavelength
    return brightness_temperature(radiance, k1=k1, k2=k2)


def surface_temperature(radiance: Any, *, k1: float, k2: float, emissivity: float, sky_irradiance: float = 0.0) -> Any:
    """Return the temperature of a surface of known emissivity: (L - (1 - e) E / pi) / e, then Planck's law backwards.

    The radiance should be that at the ground; at-sensor radiance such as AST_L1T's leaves the air in.

    Args:
        radiance: Spectral radiance, W m-2 sr-1 um-1.
        k1: W m-2 sr-1 um-1.
        k2: Kelvin.
        emissivity: Above 0, up to 1.
        sky_irradiance: Irradiance from the sky in the band, W m-2 um-1.

    Raises:
        UsageError: The emissivity is none.
    """
    checked_emissivity(emissivity)
    emitted = (radiance - (1 - emissivity) * sky_irradiance / math.pi) / emissivity
    return brightness_temperature(emitted, k1=k1, k2=k2)
