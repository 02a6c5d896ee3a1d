"""Projections of the General Cartographic Transformation Package (GCTP) as PROJ strings. Pure functions.

Sources: GCTP parameter table (HDF-EOS Library User's Guide, volume 1, appendix on GCTP) and the spheroids of GCTP.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class GridError(ValueError):
    """The structure metadata do not describe a grid that can be placed; the message says why."""


_SPHERE = 6370997.0
"""Radius that GCTP takes for projections of the sphere without a radius, metres."""

SPHEROIDS: Mapping[int, tuple[str, float, float]] = {
    0: ("Clarke 1866", 6378206.4, 6356583.8),
    1: ("Clarke 1880", 6378249.145, 6356514.86955),
    2: ("Bessel 1841", 6377397.155, 6356078.96284),
    3: ("International 1967", 6378157.5, 6356772.2),
    4: ("International 1909", 6378388.0, 6356911.94613),
    5: ("WGS 72", 6378135.0, 6356750.519915),
    6: ("Everest", 6377276.3452, 6356075.4133),
    7: ("WGS 66", 6378145.0, 6356759.769356),
    8: ("GRS 1980", 6378137.0, 6356752.31414),
    9: ("Airy", 6377563.396, 6356256.91),
    10: ("modified Everest", 6377304.063, 6356103.039),
    11: ("modified Airy", 6377340.189, 6356034.448),
    12: ("WGS 84", 6378137.0, 6356752.314245),
    13: ("Southeast Asia", 6378155.0, 6356773.3205),
    14: ("Australian National", 6378160.0, 6356774.719),
    15: ("Krassovsky", 6378245.0, 6356863.0188),
    16: ("Hough", 6378270.0, 6356794.343479),
    17: ("Mercury 1960", 6378166.0, 6356784.283666),
    18: ("modified Mercury 1968", 6378150.0, 6356768.337303),
    19: ("sphere of radius 6370997 m", _SPHERE, _SPHERE),
}
"""Name, semi-major and semi-minor axis in metres of the spheroids of GCTP by code."""

_NAMED = {8: "GRS80", 12: "WGS84"}
# PROJ string of projections of the sphere: centre at elements 4 and 5, or a meridian alone.
_CENTRED = {"LAMAZ": "laea", "STEREO": "stere", "AZMEQD": "aeqd", "GNOMON": "gnom", "ORTHO": "ortho"}
_MERIDIAN = {
    "SNSOID": "sinu", "SINSOID": "sinu", "MILLER": "mill", "VGRINT": "vandg", "ROBIN": "robin", "MOLL": "moll",
    "HAMMER": "hammer", "WAGIV": "wag4", "WAGVII": "wag7",
}  # fmt: skip
_NOT_IN_PROJ = {
    "ISINUS": "the integerized sinusoidal grid, whose rows have whole numbers of columns, is no projection",
    "ISINUS1": "the integerized sinusoidal grid, whose rows have whole numbers of columns, is no projection",
    "SPCS": "state plane zones of GCTP have no equivalent in PROJ",
    "OBLEQA": "the oblated equal area projection is not in PROJ",
    "IMOLL": "the interrupted Mollweide projection of GCTP is not the one of PROJ",
    "SOM": "the space oblique Mercator projection of GCTP is not the one of PROJ",
}


def unpack_degrees(value: float) -> float:
    """Return degrees of a packed DDDMMMSSS.SS number."""
    size = abs(value)
    degrees, rest = divmod(size, 1_000_000)
    minutes, seconds = divmod(rest, 1_000)
    return math.copysign(degrees + minutes / 60 + seconds / 3600, value)


def projection_crs(projection: str, parameters: Sequence[float], *, zone: int, sphere: int | None) -> str:
    """Return the CRS of a projection of GCTP.

    Args:
        projection: Name without ``GCTP_``, such as ``SNSOID``.
        parameters: The 13 numbers ``ProjParams``; missing ones are 0.
        zone: ``ZoneCode``, of UTM.
        sphere: ``SphereCode``; None or negative when it is not stated.

    Returns:
        EPSG code, or PROJ string with all parameters at full precision.

    Raises:
        GridError: The projection is not known, not in PROJ, or its parameters are no place.
    """
    numbers = [*map(float, parameters), *([0.0] * 13)][:13]
    if not all(map(math.isfinite, numbers)):
        raise GridError(f"ProjParams of the projection {projection} are not finite numbers")
    if sphere is not None and sphere not in SPHEROIDS and sphere >= 0:
        raise GridError(f"SphereCode is {sphere}, but GCTP has the codes 0 to 19")
    code = None if sphere is None or sphere < 0 else sphere
    if projection == "UTM":
        return _utm(numbers, zone, code)
    if projection in _NOT_IN_PROJ:
        raise GridError(f"the projection {projection} cannot be expressed: {_NOT_IN_PROJ[projection]}")
    made = _BUILDERS.get(projection)
    if made is None:
        raise GridError(f"the projection {projection or 'not stated'} is not known")
    return f"{made(_Given(projection, numbers, code))} +units=m +no_defs"


@dataclass(frozen=True)
class _Given:
    """What a file says of a projection."""

    name: str
    numbers: Sequence[float]
    code: int | None

    @property
    def rest(self) -> str:
        return f"{_shift(self.numbers)} {_ellipsoid(self.numbers, self.code)}"

    @property
    def rest_of_sphere(self) -> str:
        return f"{_shift(self.numbers)} {_sphere(self.numbers)}"

    @property
    def centre(self) -> str:
        return _text(lat_0=unpack_degrees(self.numbers[5]), lon_0=unpack_degrees(self.numbers[4]))


def _text(**values: float) -> str:
    return " ".join(f"+{key}={value!r}" for key, value in values.items())


def _ellipsoid(numbers: Sequence[float], code: int | None) -> str:
    """Return the ellipsoid: from the parameters where they state one, else that of the code."""
    major, minor = abs(numbers[0]), numbers[1]
    if major == 0:
        chosen = 0 if code is None else code
        if chosen in _NAMED:
            return f"+ellps={_NAMED[chosen]}"
        _, major, minor = SPHEROIDS[chosen]
        return _text(R=major) if major == minor else _text(a=major, b=minor)
    if minor in (0, major):
        return _text(R=major)
    # GCTP takes a number up to 1 for the eccentricity squared; real files write it with a minus sign.
    return _text(a=major, b=minor) if minor > 1 else _text(a=major, es=abs(minor))


def _sphere(numbers: Sequence[float]) -> str:
    return _text(R=abs(numbers[0]) or _SPHERE)


def _shift(numbers: Sequence[float]) -> str:
    return _text(x_0=numbers[6], y_0=numbers[7])


def _utm(numbers: Sequence[float], zone: int, code: int | None) -> str:
    if zone == 0 and (numbers[0] or numbers[1]):
        longitude, latitude = unpack_degrees(numbers[0]), unpack_degrees(numbers[1])
        zone = int((longitude + 180) % 360 // 6) + 1
        zone = -zone if latitude < 0 else zone
    if not 1 <= abs(zone) <= 60:
        raise GridError(f"the UTM zone of the grid is {zone}, but zones run from 1 to 60, negative ones in the south")
    if code is None or code == 12:
        return f"EPSG:{(32600 if zone > 0 else 32700) + abs(zone)}"
    south = " +south" if zone < 0 else ""
    return f"+proj=utm +zone={abs(zone)}{south} {_ellipsoid([0.0, 0.0], code)} +units=m +no_defs"


def _centred(given: _Given) -> str:
    centre = given.centre
    return f"+proj={_CENTRED[given.name]} {centre} {given.rest_of_sphere}"


def _meridian(given: _Given) -> str:
    return f"+proj={_MERIDIAN[given.name]} {_text(lon_0=unpack_degrees(given.numbers[4]))} {given.rest_of_sphere}"


def _conic(given: _Given) -> str:
    first, second = unpack_degrees(given.numbers[2]), unpack_degrees(given.numbers[3])
    if given.name == "EQUIDC" and given.numbers[8] == 0:
        second = first
    if abs(first + second) < 1e-10:
        raise GridError(f"the standard parallels {first:g} and {second:g} of {given.name} are no cone")
    centre = given.centre
    name = {"ALBERS": "aea", "LAMCC": "lcc", "EQUIDC": "eqdc"}[given.name]
    return f"+proj={name} {_text(lat_1=first, lat_2=second)} {centre} {given.rest}"


def _true_scale(given: _Given) -> str:
    """Return projections with a latitude of true scale at element 5."""
    latitude, longitude = unpack_degrees(given.numbers[5]), unpack_degrees(given.numbers[4])
    ellipsoid = _sphere(given.numbers) if given.name == "EQRECT" else _ellipsoid(given.numbers, given.code)
    name = {"MERCAT": "merc", "EQRECT": "eqc", "CEA": "cea", "BCEA": "cea"}[given.name]
    if name == "cea":
        # The HDF-EOS library takes the cosine of any angle: 300 degrees have the true scale of 60.
        latitude = (
            math.degrees(math.acos(min(1.0, abs(math.cos(math.radians(latitude)))))) if latitude > 90 else latitude
        )
    if abs(latitude) >= 90:
        raise GridError(f"the latitude of true scale of {given.name} is {latitude:g} degrees")
    return f"+proj={name} {_text(lat_ts=latitude, lon_0=longitude)} {_shift(given.numbers)} {ellipsoid}"


def _polar(given: _Given) -> str:
    latitude, longitude = unpack_degrees(given.numbers[5]), unpack_degrees(given.numbers[4])
    if not 0 < abs(latitude) <= 90:
        raise GridError(f"the latitude of true scale of a polar stereographic grid is {latitude:g} degrees")
    pole = math.copysign(90.0, latitude)
    return f"+proj=stere {_text(lat_0=pole, lat_ts=latitude, lon_0=longitude)} {given.rest}"


def _transverse(given: _Given) -> str:
    centre = _text(
        k=given.numbers[2] or 1.0, lat_0=unpack_degrees(given.numbers[5]), lon_0=unpack_degrees(given.numbers[4])
    )
    return f"+proj=tmerc {centre} {given.rest}"


def _polyconic(given: _Given) -> str:
    centre = given.centre
    return f"+proj=poly {centre} {given.rest}"


def _perspective(given: _Given) -> str:
    if given.numbers[2] <= 0:
        raise GridError(f"the height of the view point of GVNSP is {given.numbers[2]:g} m")
    centre = _text(h=given.numbers[2], lat_0=unpack_degrees(given.numbers[5]), lon_0=unpack_degrees(given.numbers[4]))
    return f"+proj=nsper {centre} {given.rest_of_sphere}"


def _oblique(given: _Given) -> str:
    rest = f"{_text(k=given.numbers[2] or 1.0, lat_0=unpack_degrees(given.numbers[5]))}"
    if given.numbers[12] == 1:
        line = _text(alpha=unpack_degrees(given.numbers[3]), lonc=unpack_degrees(given.numbers[4]))
    else:
        named = zip(("lon_1", "lat_1", "lon_2", "lat_2"), given.numbers[8:12], strict=True)
        line = _text(**{key: unpack_degrees(value) for key, value in named})
    # GCTP counts from the crossing of the natural origin, as variant A of the Hotine projection does.
    return f"+proj=omerc +no_uoff {rest} {line} {given.rest}"


def _goode(given: _Given) -> str:
    return f"+proj=igh {_sphere(given.numbers)}"


_BUILDERS: Mapping[str, Callable[[_Given], str]] = {
    **dict.fromkeys(_CENTRED, _centred),
    **dict.fromkeys(_MERIDIAN, _meridian),
    **dict.fromkeys(("ALBERS", "LAMCC", "EQUIDC"), _conic),
    **dict.fromkeys(("MERCAT", "EQRECT", "CEA", "BCEA"), _true_scale),
    "PS": _polar,
    "TM": _transverse,
    "POLYC": _polyconic,
    "GVNSP": _perspective,
    "HOM": _oblique,
    "GOOD": _goode,
}


def as_parameters(value: Any) -> list[float]:
    """Return ``ProjParams`` as numbers; what is none counts as 0."""
    listed = value if isinstance(value, tuple) else ()
    return [float(entry) if isinstance(entry, (int, float)) else 0.0 for entry in listed]
