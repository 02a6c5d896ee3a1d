"""Type and fill value of each band of a cube, exact for all scenes; resampling by what the numbers are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.band_model import HAS_MASK, KIND, Kind, fits
from stacaster.errors import UsageError, nearest

if TYPE_CHECKING:
    import pystac

_DEFAULT = "float32"
_AREAS = frozenset({"average", "mode", "sum", "rms", "min", "max", "med", "q1", "q3"})
_WIDER = {"uint8": "int16", "int8": "int16", "uint16": "int32", "int16": "int32", "uint32": "int64", "int32": "int64"}
RESAMPLINGS = ("nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average", "mode", "gauss", "max", "min",
               "med", "q1", "q3", "sum", "rms")  # fmt: skip
"""Names of resamplings: those of GDAL."""


def output_type(items: Sequence[pystac.Item], key: str) -> tuple[str, float | None]:
    """Return the type and fill value that hold the stored numbers of a band of all items.

    Types are promoted, never cut. Where fill values differ, or the file says by a mask where it has no data, integers
    get a wider type with a fill value that no scene can hold.
    """
    fields = [item.assets[key].extra_fields for item in items if key in item.assets]
    types = {str(entry.get("data_type") or _DEFAULT) for entry in fields}
    dtype = np.result_type(*(np.dtype(name) for name in types)) if types else np.dtype(_DEFAULT)
    stated = list(dict.fromkeys(entry["nodata"] for entry in fields if entry.get("nodata") is not None))
    is_masked = any(entry.get(HAS_MASK) and entry.get("nodata") is None for entry in fields)
    if dtype.kind == "c":
        return str(dtype), math.nan
    if dtype.kind == "f":
        finite = [value for value in stated if not math.isinf(value)]
        first = finite[0] if finite else None
        is_one = len(stated) == 1 and first is not None and fits_float(first, dtype)
        return str(dtype), (first if is_one else math.nan if stated or is_masked else None)
    if len(stated) <= 1 and not is_masked:
        return str(dtype), (stated[0] if stated else None)
    wider = _WIDER.get(str(dtype), "float64")
    return wider, (float(np.iinfo(wider).min) if wider != "float64" else math.nan)


def fits_float(value: float, dtype: np.dtype[Any]) -> bool:
    """Tell whether a float type holds a number as it was written: -3.4e38 as a text is none of float32."""
    return math.isnan(value) or bool(np.isfinite(dtype.type(value)))


def physical_type(items: Sequence[pystac.Item], key: str) -> str:
    """Return the type of physical values: float32, or float64 of numbers that float32 does not hold."""
    names = {str(item.assets[key].extra_fields.get("data_type") or _DEFAULT) for item in items if key in item.assets}
    found = np.result_type(np.float32, *(np.dtype(name) for name in names))
    return str(found)


def kind_of_band(items: Iterable[pystac.Item], key: str) -> Kind:
    """Return what the numbers of a band are over a selection: codes where they are codes in one of its items."""
    kinds = {item.assets[key].extra_fields.get(KIND, "continuous") for item in items if key in item.assets}
    return "bitfield" if "bitfield" in kinds else "class" if "class" in kinds else "continuous"


def resampling_of(wanted: Any, key: str, names: Sequence[str]) -> str:
    """Return the resampling that is asked for a band, by its key or one of its names.

    Raises:
        UsageError: There is no such resampling.
    """
    if isinstance(wanted, Mapping):
        found = next((wanted[name] for name in (*names, key) if name in wanted), wanted.get("*"))
    else:
        found = wanted
    name = "nearest" if found is None else str(found)
    if name not in RESAMPLINGS:
        raise UsageError(f"resampling={name!r}; {nearest(name, RESAMPLINGS)}")
    return name


def resampling_by_kind(name: str, kind: Kind) -> str:
    """Return the resampling that a band gets: codes are picked or counted, never averaged."""
    if kind == "continuous" or name == "nearest":
        return name
    return "mode" if name in _AREAS else "nearest"


def option_of(wanted: Any, key: str, names: Sequence[str]) -> Any:
    """Return what is asked for a band: a value for all, or one by name, key or ``*``."""
    if isinstance(wanted, Mapping):
        return next((wanted[name] for name in (*names, key) if name in wanted), wanted.get("*"))
    return wanted


def checked_type(wanted: Any) -> str | None:
    """Return the NumPy name of a type.

    Raises:
        UsageError: It is none.
    """
    if wanted is None:
        return None
    try:
        return str(np.dtype(wanted))
    except TypeError:
        raise UsageError(f"dtype={wanted!r} is no type of NumPy, such as uint16 or float32") from None


def require_fill(nodata: float | None, dtype: str, key: str) -> None:
    """Refuse a fill value that a type does not hold.

    Raises:
        UsageError: It does not.
    """
    if nodata is not None and not fits(nodata, dtype):
        raise UsageError(f"nodata={nodata:g} is none of {dtype}, the type of {key}; give dtype= as well")
