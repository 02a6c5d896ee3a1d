"""Values of TOML tables, checked: rules of fields, classes, bits. Errors name file, key and what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, get_args

from stacaster.errors import UsageError, nearest
from stacaster.formats.metadata.flag_texts import short_name as class_name
from stacaster.formats.metadata.scales import FORMULAS
from stacaster.instruments.generic.fields import TYPES
from stacaster.instruments.generic.names import asset_key
from stacaster.instruments.generic.rules import BandRule
from stacaster.model import BandKind, BitField, ClassValue

KEYS = (
    "short_names", "versions", "title", "description", "doi", "platforms", "instruments", "level", "license", "reader",
    "citation", "keywords", "notes", "providers", "recognise", "files", "resolution", "bands", "renders",
)  # fmt: skip
"""Keys of a table."""
BAND_KEYS = (
    "path", "name", "description", "type", "resolution", "kind", "formula", "scale", "offset", "fill", "no_fill",
    "valid", "unit", "codes", "classes", "bits", "common_name", "center_wavelength", "quantity",
)  # fmt: skip
"""Keys of a band of a table."""


def pattern_of(text: str, key: str, source: str) -> re.Pattern[str]:
    """Return a regular expression of a table."""
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"{source}: {key} is {text!r}, which is no regular expression: {error}") from error


def rule_of(entry: Any, number: int, source: str) -> BandRule:
    """Return what a table says of a field."""
    where = f"{source}: band {number}"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
        raise UsageError(f"{where}: path is missing; give the name of the field in the file")
    known_keys(entry, BAND_KEYS, where)
    _choice(entry, "kind", get_args(BandKind), where)
    _choice(entry, "formula", FORMULAS, where)
    _choice(entry, "type", TYPES, where)
    fill = entry.get("fill", [])
    fills = tuple(fill) if isinstance(fill, list) else (fill,)
    valid = entry.get("valid")
    if valid is not None and (not isinstance(valid, list) or len(valid) != 2 or not valid[0] < valid[1]):
        raise UsageError(f"{where}: valid is {valid!r}, but two stored numbers, the smaller one first, are needed")
    kind: BandKind | None = entry.get("kind") or (
        "bitfield" if "bits" in entry else "categorical" if "classes" in entry else None
    )
    return BandRule(
        path=entry["path"],
        name=None if "name" not in entry else asset_key(str(entry["name"])),
        description=entry.get("description"),
        kind=kind,
        formula=entry.get("formula"),
        scale=_float(entry, "scale", where),
        offset=_float(entry, "offset", where),
        fill=fills,
        no_fill=bool(entry.get("no_fill", False)),
        valid=None if valid is None else (float(valid[0]), float(valid[1])),
        unit=entry.get("unit"),
        codes=_classes(entry.get("codes", {}), f"{where}: codes"),
        classes=_classes(entry.get("classes", {}), f"{where}: classes"),
        bitfields=_bits(entry.get("bits", {}), where),
        common_name=entry.get("common_name"),
        center_wavelength=_float(entry, "center_wavelength", where),
        quantity=entry.get("quantity"),
    )


def _float(entry: Mapping[str, Any], key: str, where: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or (key == "scale" and not value):
        raise UsageError(f"{where}: {key} is {value!r}, but a number is needed")
    return float(value)


def _choice(entry: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> None:
    if key in entry and entry[key] not in allowed:
        raise UsageError(f"{where}: {key} is {entry[key]!r}; {nearest(str(entry[key]), allowed)}")


def _classes(values: Any, where: str) -> tuple[ClassValue, ...]:
    """Return classes of a table ``{"1" = "cloud", "2" = "snow: snow or ice"}``."""
    if not isinstance(values, Mapping):
        raise UsageError(f"{where} is {values!r}, but a table of numbers and names is needed")
    found: list[ClassValue] = []
    for key, text in values.items():
        if not re.fullmatch(r"-?\d+", str(key)):
            raise UsageError(f"{where}: {key!r} is no whole number")
        head, _, rest = str(text).partition(": ")
        name = class_name(head, (entry.name for entry in found))
        found.append(ClassValue(value=int(key), name=name, description=rest or head))
    return tuple(sorted(found, key=lambda entry: entry.value))


def _bits(values: Any, where: str) -> tuple[BitField, ...]:
    """Return bit fields of a table ``{"0-1" = {name = "cloud", classes = {"0" = "clear"}}}``."""
    if not isinstance(values, Mapping):
        raise UsageError(f'{where}: bits is {values!r}, but a table of bits such as "0-1" is needed')
    found: list[BitField] = []
    for key, entry in values.items():
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", str(key))
        if match is None or not isinstance(entry, (str, Mapping)):
            raise UsageError(f'{where}: bits: {key!r} is no bit such as "3" or "0-1" with a name')
        first = int(match[1])
        length = int(match[2] or first) - first + 1
        named = {"name": entry} if isinstance(entry, str) else entry
        name = str(named.get("name", f"bits_{key}"))
        classes = _classes(named.get("classes", {}), f"{where}: bits {key}")
        if not classes and length == 1:
            classes = (
                ClassValue(value=0, name="no", description=f"not {name}"),
                ClassValue(value=1, name="yes", description=name),
            )
        found.append(
            BitField(
                name=class_name(name, (field.name for field in found)),
                description=str(named.get("description", name)),
                offset=first,
                length=length,
                classes=classes,
            )
        )
    return tuple(sorted(found, key=lambda field: field.offset))


def known_keys(table: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    """Raise a UsageError for a key that is none."""
    for key in table:
        if key not in allowed:
            raise UsageError(f"{where}: {key!r} is no key; {nearest(key, allowed)}")


def list_of(table: Mapping[str, Any], key: str, source: str) -> list[Any]:
    """Return a list of a table; empty without one."""
    value = table.get(key, [])
    if not isinstance(value, list):
        raise UsageError(f"{source}: {key} is {value!r}, but a list is needed")
    return value


def texts_of(table: Mapping[str, Any], key: str, source: str) -> list[str]:
    """Return texts of a table; one text counts as a list of one."""
    value = table.get(key, [])
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise UsageError(f"{source}: {key} is {value!r}, but a list of texts is needed")
    return value
