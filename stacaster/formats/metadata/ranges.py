"""Which stored numbers of a field are values: fill values, valid ranges. Pure functions.

Numbers are compared as they are stored, before scale and offset (CF Conventions 1.11, section 2.5.1). Ranges that
files give in physical units, reversed, or as other nonsense are told apart here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stacaster.formats.metadata.cf_axes import unit_of
from stacaster.formats.metadata.scales import Scaling, shortest

_FILLS = ("_FillValue", "_Fillvalue", "_fillvalue", "FillValue", "missing_value", "MissingValue", "fmissing_value",
          "fill_value", "Fill_Value")  # fmt: skip
_RANGES = ("valid_range", "ValidRange", "Valid_range", "validrange")
_DEFAULTS = {"float32": 9.969209968386869e36, "float64": 9.969209968386869e36, "int16": -32767, "int32": -2147483647,
             "int8": -127, "uint8": 255, "uint16": 65535, "uint32": 4294967295}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ValidNumbers:
    """Which stored numbers are values."""

    nodata: int | float | None
    """Fill value; None when the file states none that its type can hold."""
    others: tuple[int | float, ...] = ()
    """Further fill values."""
    valid: tuple[float, float] | None = None
    """Smallest and largest value; None for no limit."""
    notes: tuple[str, ...] = ()
    """What was not believed."""


def is_unsigned(attributes: Mapping[str, Any], data_type: str) -> bool:
    """Tell whether the bits of a signed type mean numbers without sign."""
    return data_type.startswith("int") and str(attributes.get("_Unsigned", "")).strip("\0 ").lower() == "true"


def unsigned_type(data_type: str) -> str:
    """Return the type without sign of the same size."""
    return f"u{data_type}" if data_type.startswith("int") else data_type


def valid_numbers(
    attributes: Mapping[str, Any], data_type: str, scaling: Scaling | None, stated: float | None = None
) -> ValidNumbers:
    """Return which stored numbers of a field are values.

    Args:
        attributes: Of the field.
        data_type: NumPy name of the type, after ``_Unsigned``.
        scaling: Formula of the field, to recognise a range in physical units.
        stated: Fill value that the format itself states.
    """
    notes: list[str] = []
    turned = is_unsigned(attributes, f"int{8 * np.dtype(data_type).itemsize}") and data_type.startswith("uint")
    fills: list[int | float] = []
    for name in _FILLS:
        for value in _listed(attributes.get(name)):
            number = _fitting(value, data_type, turned=turned)
            if number is None:
                notes.append(f"the fill value {value!r} is no value of {data_type} and is not used")
            elif number not in fills and not (number != number and any(f != f for f in fills)):  # noqa: PLR0124
                fills.append(number)
    own = None if stated is None else _fitting(stated, data_type, turned=turned)
    if own is not None and own not in fills:
        fills.append(own)
    nodata = fills[0] if fills else None
    if nodata is None and data_type.startswith("float"):
        # What netCDF and HDF4 write where nothing was written.
        nodata = _fitting(_DEFAULTS["float32"], data_type)
    valid = _range(attributes, data_type, scaling, notes, turned=turned)
    return ValidNumbers(nodata=nodata, others=tuple(fills[1:]), valid=valid, notes=tuple(notes))


def free_number(data_type: str, valid: tuple[float, float] | None, codes: Sequence[float]) -> int | float | None:
    """Return a fill value for a field whose file states none: one that is no value; None when there is none."""
    if data_type.startswith("float"):
        return math.nan
    limits = np.iinfo(data_type)
    for number in (_DEFAULTS.get(data_type, limits.max), limits.max, limits.min, *codes):
        if valid is None or not valid[0] <= number <= valid[1]:
            return int(number)
    return None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _fitting(value: Any, data_type: str, *, turned: bool = False) -> int | float | None:
    """Return a number as a value of a type; None for text and for numbers that it cannot hold."""
    if isinstance(value, str):
        try:
            value = float(value) if any(c in value for c in ".eEnN") else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    kind = np.dtype(data_type)
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return float(kind.type(value))
    if not math.isfinite(value) or value != int(value):
        return None
    number, limits = int(value), np.iinfo(kind)
    if number < 0 and (turned or (kind.kind == "u" and number >= -(1 << (8 * kind.itemsize - 1)) and turned)):
        number += 1 << (8 * kind.itemsize)
    return number if limits.min <= number <= limits.max else None


def _range(
    attributes: Mapping[str, Any], data_type: str, scaling: Scaling | None, notes: list[str], *, turned: bool
) -> tuple[float, float] | None:
    stated = next(
        (attributes[key] for key in ("valid_range", "ValidRange", "Valid_range", "validrange") if key in attributes),
        None,
    )
    pair = _listed(stated)
    if stated is None:
        low, high = attributes.get("valid_min"), attributes.get("valid_max")
        if low is None and high is None:
            return _of_positions(attributes, scaling)
        pair = [-math.inf if low is None else low, math.inf if high is None else high]
    numbers = [value for value in pair if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(pair) != 2 or len(numbers) != 2:
        notes.append(f"the valid range {stated!r} is no pair of numbers and is not used")
        return None
    if turned:
        numbers = [value + (1 << (8 * np.dtype(data_type).itemsize)) if value < 0 else value for value in numbers]
    low, high = (float(shortest(float(value))) for value in numbers)
    if not low < high:
        notes.append(f"the valid range {low:g} to {high:g} is reversed or empty and is not used")
        return None
    is_packed = scaling is not None and (scaling.scale, scaling.offset) != (1.0, 0.0) and data_type[0] in "iu"
    if is_packed and scaling is not None and all(isinstance(value, float) for value in pair):
        low, high = sorted((value - scaling.offset) / scaling.scale for value in (low, high))
        notes.append("the valid range is in units of the values, not of stored numbers, as its type says")
        low, high = float(math.ceil(low - 1e-6)), float(math.floor(high + 1e-6))
    return low, high


def _of_positions(attributes: Mapping[str, Any], scaling: Scaling | None) -> tuple[float, float] | None:
    """Return the range of longitudes and latitudes, whose fill value files often do not state."""
    if scaling is not None and (scaling.scale, scaling.offset) != (1.0, 0.0):
        return None
    unit = unit_of(attributes).lower()
    return {"degrees_north": (-90.0, 90.0), "degrees_east": (-360.0, 360.0)}.get(unit)
