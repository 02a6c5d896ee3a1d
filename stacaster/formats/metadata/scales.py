"""From stored numbers to physical values: the three formulas that families of products use. Pure functions.

``eq``: value = stored * scale + offset (CF). ``mul``: value = (stored - offset) * scale. ``div``: value = (stored -
offset) / scale. All become ``stored * scale + offset`` here.

Sources: product guides of the families, and the texts of formulas in their files.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Formula = Literal["eq", "mul", "div"]
"""How scale and offset of a file are meant."""

FORMULAS: tuple[Formula, ...] = ("eq", "mul", "div")
"""All formulas."""

_SCALES = ("scale_factor", "scale", "Scale", "SCALE", "ScaleFactor", "Scale_factor", "SCALE_FACTOR", "slope")
_OFFSETS = ("add_offset", "offset", "Offset", "OFFSET", "add_off", "AddOffset", "intercept")
_FAMILIES: tuple[tuple[str, Formula], ...] = (
    (r"(M[OY]D13|M[OY]D13C|VIP)\w*", "div"),
    (r"(M[OY]D09|VNP09(?!GA|A1|H1|CMG)|VJ109(?!GA|A1|H1|CMG))\w*", "mul"),
    (r"(M[OY]D|MCD)(15|16|17|19|43|44|64)\w*", "mul"),
    (r"(M[OY]D)(02|03|04|05|06|07|08|29|35|ATML2)\w*", "mul"),
    (r"M[OY]DATML2", "mul"),
    (r"(M[OY]D11|M[OY]D21|VNP|VJ\d|MCD12)\w*", "eq"),
)
_WORD = r"[A-Za-z_][\w ]*?"
_TEXTS: tuple[tuple[str, Formula], ...] = (
    (rf"\(\s*{_WORD}\s*-\s*(?:add_?|the )?\w*offset\w*\s*\)\s*[*x]\s*\w*scale", "mul"),
    (rf"scale\w*\s*[*x]\s*\(\s*{_WORD}\s*-\s*\w*offset", "mul"),
    (rf"\(\s*{_WORD}\s*-\s*\w*offset\w*\s*\)\s*/\s*\w*scale", "div"),
    (rf"{_WORD}\s*/\s*scale_?factor", "div"),
    (rf"{_WORD}\s*[*x]\s*\w*scale\w*\s*\+\s*\w*offset", "eq"),
    (rf"scale\w*\s*[*x]\s*{_WORD}\s*\+\s*\w*offset", "eq"),
)


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Physical value = stored value * scale + offset."""

    scale: float
    """Factor."""
    offset: float
    """Summand."""
    note: str | None = None
    """What was assumed."""


def formula_of(short_name: str, attributes: Mapping[str, Any]) -> tuple[Formula | None, str]:
    """Return the formula of a field and what says so; None for one that nothing is known about.

    Args:
        short_name: Of the product.
        attributes: Of the field.
    """
    for value in attributes.values():
        if isinstance(value, str) and "scale" in value.lower():
            for pattern, formula in _TEXTS:
                if re.search(pattern, value, re.IGNORECASE):
                    return formula, "a text of the field"
    for pattern, formula in _FAMILIES:
        if re.fullmatch(pattern, short_name, re.IGNORECASE):
            return formula, f"the family of {short_name}"
    return None, ""


def scaling_of(
    name: str, short_name: str, attributes: Mapping[str, Any], *, formula: Formula | None = None
) -> Scaling | None:
    """Return what turns stored numbers of a field into values, or None where the file states no scale or offset.

    Args:
        name: Name of the field.
        short_name: Of the product; empty when unknown.
        attributes: Of the field.
        formula: What a table says; None asks the field and its family.
    """
    scale, offset = _number(attributes, _SCALES), _number(attributes, _OFFSETS)
    if scale is None and offset is None:
        return None
    factor, summand = 1.0 if scale is None else scale, 0.0 if offset is None else offset
    if factor == 0 or not math.isfinite(factor) or not math.isfinite(summand):
        return Scaling(
            scale=1.0, offset=0.0, note=f"scale {factor:g} and offset {summand:g} are no formula: kept as stored"
        )
    chosen, reason = (formula, "the table") if formula else formula_of(short_name, attributes)
    note = None
    if chosen == "mul" and re.fullmatch(r"M[OY]D09\w*", short_name, re.IGNORECASE) and abs(factor) > 1:
        # Scales of surface reflectance above 1 divide; the distance to the sensor alone is multiplied.
        chosen = "mul" if name.lower().startswith("range") else "div"
    if chosen is None:
        chosen = "eq"
        if short_name and abs(factor) > 1 and summand == 0:
            note = f"the scale {factor:g} is taken as a factor, as CF has it; {short_name} is of no known family"
        elif summand != 0 and reason == "" and not _is_cf(attributes):
            note = "scale and offset are taken as CF has them: stored * scale + offset"
    return _as_eq(chosen, factor, summand, note)


def _as_eq(formula: Formula, scale: float, offset: float, note: str | None) -> Scaling:
    if formula == "eq":
        return Scaling(scale=scale, offset=offset, note=note)
    factor = scale if formula == "mul" else _inverse(scale)
    summand = -offset * factor
    return Scaling(scale=factor, offset=0.0 if summand == 0 else summand, note=note)


def _inverse(scale: float) -> float:
    return 1.0 / scale


def _is_cf(attributes: Mapping[str, Any]) -> bool:
    return "grid_mapping" in attributes or "standard_name" in attributes


def _number(attributes: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        value = attributes.get(name)
        value = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return shortest(float(value))
        if isinstance(value, str) and re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value):
            return float(value)
    return None


def shortest(value: float) -> float:
    """Return the decimal number that a 32 bit float stands for: 0.2 for 0.20000000298; others as they are."""
    import numpy as np

    if not math.isfinite(value) or abs(value) > 3e38 or struct.unpack("f", struct.pack("f", value))[0] != value:
        return value
    return float(str(np.float32(value)))
