"""The grid that a user names: CRS, pixel size, resampling. One check for Python, command line, recipes and TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from stacaster.errors import UsageError
from stacaster.model.values import read_choice, read_number

RESAMPLINGS = (
    "nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average", "mode", "max", "min", "med", "q1", "q3",
    "sum", "rms",
)  # fmt: skip
"""How pixels may come to another grid, as GDAL names it."""

_ALIASES = {
    "near": "nearest", "nearestneighbour": "nearest", "nearestneighbor": "nearest", "nn": "nearest",
    "linear": "bilinear", "bicubic": "cubic", "spline": "cubic_spline", "mean": "average", "median": "med",
    "majority": "mode", "maximum": "max", "minimum": "min",
}  # fmt: skip
_UTM = ("utm", "utm-n", "utm-s")
_MAX_DEGREES = 10.0
_SMALLEST = 1e-9
_MIN_METRES = 0.01
_MAX_METRES = 5_000_000.0
METRES_A_DEGREE = 111_320.0
"""Length of a degree along the equator and along meridians, near enough to tell metres from degrees."""
_SIZE = re.compile(r"\s*(?P<number>[-+\d.eE]+)\s*(?P<unit>m|metres?|meters?|km|deg|degrees?|°|)\s*")


def read_crs(value: Any, *, name: str = "crs") -> Any:
    """Return a CRS of maps that odc-geo takes.

    Args:
        value: ``EPSG:32754``, its number, WKT, PROJ text, ``utm`` (the zone of the scenes), or an object of pyproj,
            rasterio or odc-geo.
        name: Name of the argument, for messages.

    Returns:
        ``utm`` and the like as they are, else ``EPSG:...`` where the CRS has a code, else the CRS of pyproj.

    Raises:
        UsageError: It is no CRS, or none of a map; the message names the nearest codes.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    text = value.strip() if isinstance(value, str) else None
    if text is not None and text.lower() in _UTM:
        return text.lower()
    if isinstance(value, bool) or value is None or text == "":
        raise UsageError(_wrong_crs(name, value))
    if text is not None and text.isdigit():
        value = int(text)
    elif text is not None and re.fullmatch(r"epsg[\s_:-]*\d+", text, re.IGNORECASE):
        value = f"EPSG:{re.sub(r'[^0-9]', '', text)}"
    try:
        crs = CRS.from_user_input(_plain_crs(value))
    except (CRSError, TypeError, ValueError) as error:
        raise UsageError(_wrong_crs(name, value)) from error
    if not (crs.is_geographic or crs.is_projected) or crs.is_vertical:
        raise UsageError(f"{name}={value!r} is {crs.name} ({crs.type_name}), which is no CRS of a map; {_EXAMPLES}")
    code = crs.to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code is not None else crs


_EXAMPLES = "give one such as EPSG:32754 (UTM), EPSG:3577 (Australian Albers), EPSG:4326 (degrees), or utm"


def _plain_crs(value: Any) -> Any:
    """Return what pyproj takes of an object of another package."""
    if hasattr(value, "proj") and hasattr(value, "epsg"):
        return value.proj  # odc-geo
    if hasattr(value, "to_wkt") and not isinstance(value, str):
        return value.to_wkt()
    plain = value.item() if hasattr(value, "item") else value
    # Tables of numbers write codes as 32754.0.
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def _wrong_crs(name: str, value: Any) -> str:
    digits = "".join(re.findall(r"\d+", str(value))) if isinstance(value, (str, int)) else ""
    near = _nearest_codes(digits) if digits and not isinstance(value, bool) else ()
    hint = f"nearest are {', '.join(f'EPSG:{code}' for code in near)}; " if near else ""
    return f"{name}={value!r} is no CRS that PROJ knows; {hint}{_EXAMPLES}"


@cache
def _nearest_codes(digits: str) -> tuple[str, ...]:
    from pyproj.database import get_codes
    from pyproj.enums import PJType

    kinds = (PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS)
    codes = [code for kind in kinds for code in get_codes("EPSG", kind)]

    def rank(code: str) -> tuple[int, int]:
        # A wrong digit is most often one of the last.
        same = next((place for place, pair in enumerate(zip(code, digits)) if pair[0] != pair[1]), len(code))  # noqa: B905
        return -same, abs(int(code) - int(digits))

    return tuple(sorted(codes, key=rank)[:3])


def read_resolution(value: Any, crs: Any = None, *, name: str = "resolution") -> Any:
    """Return a pixel size in the units of a CRS.

    Args:
        value: Number or its text, also with a unit (``30 m``), a pair of x and y, or a ``Resolution`` of odc-geo.
        crs: CRS of the pixels, as ``read_crs`` returns it; None where it is not known.
        name: Name of the argument, for messages.

    Returns:
        A number, or a ``Resolution``.

    Raises:
        UsageError: It is no size, or one in other units than those of the CRS.
    """
    if hasattr(value, "x") and hasattr(value, "y"):
        sizes = [abs(float(value.x)), abs(float(value.y))]
        for size in sizes:
            _check_size(size, value, crs, name)
        return value
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise UsageError(f"{name}={value!r}: one size, or a pair of x and y, is needed")
        from odc.geo import resxy_

        x, y = (read_resolution(abs(_number(part, name)), crs, name=name) for part in value)
        return resxy_(x, -y)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    number = read_number(name, match["number"] if match else value, low=0, is_open=True, unit=_unit(crs))
    unit = (match["unit"] if match else "").lower()
    if unit == "km":
        number, unit = number * 1000, "m"
    if unit:
        is_metres = unit.startswith("m")
        if is_metres == _is_degrees(crs) and crs is not None:
            _refuse_unit(number, value, crs, name)
    _check_size(number, value, crs, name)
    return number


def _number(value: Any, name: str) -> float:
    return read_number(name, value)


def _unit(crs: Any) -> str:
    return "" if crs is None else "of degrees" if _is_degrees(crs) else "of metres"


def _is_degrees(crs: Any) -> bool:
    from pyproj import CRS

    if crs is None or (isinstance(crs, str) and crs in _UTM):
        return False
    return bool(CRS.from_user_input(_plain_crs(crs)).is_geographic)


def _check_size(number: float, value: Any, crs: Any, name: str) -> None:
    if number < _SMALLEST:
        raise UsageError(f"{name}={value!r} is smaller than any pixel")
    if crs is None:
        if number > _MAX_METRES:
            raise UsageError(f"{name}={value!r} is larger than any map")
        return
    is_degrees = _is_degrees(crs)
    if number > (_MAX_DEGREES if is_degrees else _MAX_METRES) or (not is_degrees and number < _MIN_METRES):
        _refuse_unit(number, value, crs, name)


def _refuse_unit(number: float, value: Any, crs: Any, name: str) -> None:
    if _is_degrees(crs):
        other = number / METRES_A_DEGREE
        raise UsageError(
            f"{name}={value!r} is in degrees for {_text(crs)}: {number:g} m are about {other:.6f} degrees; "
            f"give {name}={other:.6f}, or a CRS in metres"
        )
    raise UsageError(
        f"{name}={value!r} is in metres for {_text(crs)}: {number:g} degrees are about "
        f"{number * METRES_A_DEGREE:.4g} m; give metres, or crs='EPSG:4326'"
    )


def _text(crs: Any) -> str:
    return str(crs) if isinstance(crs, str) else str(getattr(crs, "name", crs))


def read_resampling(value: Any, *, name: str = "resampling") -> Any:
    """Return the name of a resampling, or a table of such by band.

    Raises:
        UsageError: There is no such resampling; the message names the nearest.
    """
    if isinstance(value, Mapping):
        return {str(key): read_resampling(entry, name=f"{name} of {key}") for key, entry in value.items()}
    word = value if isinstance(value, str) else getattr(value, "name", value)
    return read_choice(name, word, RESAMPLINGS, aliases=_ALIASES)
