"""Types of the columns of an item table: those that STAC's schemas give, else what most of the items say.

One item never decides for the others: what does not have the type of its column is null there and stands in the
column ``REMAINDER`` instead (``remainder.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

REMAINDER = "stacaster:remainder"
"""Column with the JSON of what the other columns cannot say of an item."""

TIMES = frozenset(
    {"datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"}
)
"""Properties that are times."""

_NUMBERS = (
    "gsd eo:cloud_cover eo:snow_cover view:off_nadir view:incidence_angle view:azimuth view:sun_azimuth "
    "view:sun_elevation view:moon_azimuth view:moon_elevation sar:center_frequency sar:resolution_range "
    "sar:resolution_azimuth sar:pixel_spacing_range sar:pixel_spacing_azimuth sar:looks_range sar:looks_azimuth "
    "sar:looks_equivalent_number sat:orbit_cycle sat:relative_orbit sat:absolute_orbit proj:epsg "
    "mgrs:utm_zone s2:nodata_pixel_percentage s2:mean_solar_zenith landsat:cloud_cover_land"
)
_TEXTS = (
    "title description platform constellation mission license proj:code sat:orbit_state sat:pass_direction "
    "sat:platform_international_designator sar:instrument_mode sar:frequency_band sar:observation_direction "
    "processing:level processing:facility processing:lineage processing:version grid:code sci:doi sci:citation version"
)
STAC_TYPES: Mapping[str, pa.DataType] = {
    **dict.fromkeys(_NUMBERS.split(), pa.float64()),
    **dict.fromkeys(_TEXTS.split(), pa.string()),
    **dict.fromkeys(("instruments", "keywords", "sar:polarizations"), pa.list_(pa.string())),
    **dict.fromkeys(("deprecated", "experimental"), pa.bool_()),
}
"""Types of properties by the schemas of STAC and its extensions; a column of whole numbers may hold integers."""

COMMON: Mapping[str, str] = {
    **dict.fromkeys(("mission", "constellation", "platform", "title", "description", "license"), "VARCHAR"),
    **dict.fromkeys(("created", "updated"), "TIMESTAMP"),
    "gsd": "DOUBLE",
}
"""Properties that any STAC item may have, with their types in SQL: filters take them as null where no item has them."""

# Readers of parquet refuse a hundred levels, of which a list takes two.
_DEEPEST = 24
_INT64 = range(-(2**63), 2**63)


def is_of_type(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether a column may stand where STAC's schemas want a type: integers are numbers, an empty list any."""
    if pa.types.is_list(wanted) and pa.types.is_list(kind):
        return is_of_type(kind.value_type, wanted.value_type)
    known = [pa.types.is_null(kind), kind.equals(wanted)]
    if pa.types.is_floating(wanted):
        known += [pa.types.is_integer(kind), pa.types.is_floating(kind)]
    if pa.types.is_string(wanted):
        known += [pa.types.is_large_string(kind)]
    return any(known)


@dataclass
class _Seen:
    """What kinds of values stand in one place of many documents."""

    kinds: Counter[str] = field(default_factory=Counter)
    fields: dict[str, _Seen] = field(default_factory=dict)
    parts: _Seen | None = None

    def add(self, value: Any) -> None:
        """Count a value."""
        kind = _KINDS.get(type(value))
        if kind is None or (kind == "int" and value not in _INT64):
            return
        self.kinds[kind] += 1
        if kind == "struct":
            for name, part in value.items():
                self.fields.setdefault(name, _Seen()).add(part)
        elif kind == "list":
            self.parts = self.parts or _Seen()
            for part in value:
                self.parts.add(part)

    def type(self, depth: int = 0) -> pa.DataType:
        """Return the type that most values have; of as many, the first of numbers, text, truth values and the rest."""
        if depth > _DEEPEST:
            return pa.null()
        counts = dict.fromkeys(("number", "text", "bool", "list", "struct", "bytes"), 0)
        for kind, count in self.kinds.items():
            counts[{"int": "number", "float": "number"}.get(kind, kind)] += count
        most = max(counts, key=lambda kind: counts[kind])
        if not counts[most]:
            return pa.null()
        if most == "number":
            return pa.float64() if self.kinds["float"] else pa.int64()
        if most == "list":
            return pa.list_(pa.null() if self.parts is None else self.parts.type(depth + 1))
        if most == "struct":
            # Parquet knows no object without fields.
            fields = [(name, part.type(depth + 1)) for name, part in self.fields.items()]
            return pa.struct(fields) if fields else pa.null()
        return {"text": pa.string(), "bool": pa.bool_(), "bytes": pa.binary()}[most]


_KINDS: Mapping[type, str] = {
    bool: "bool", int: "int", float: "float", str: "text", bytes: "bytes", dict: "struct", list: "list", tuple: "list",
}  # fmt: skip


def common_type(rows: Iterable[Mapping[str, Any]]) -> pa.StructType:
    """Return the type of rows that need not agree with each other: STAC's types first, then what most rows say."""
    seen = _Seen()
    for row in rows:
        seen.add(row)
    fields = {name: part.type() for name, part in seen.fields.items()}
    for name, kind in fields.items():
        wanted = pa.string() if name in TIMES else STAC_TYPES.get(name)
        if wanted is not None and not is_of_type(kind, wanted):
            fields[name] = wanted
    if "assets" in fields and pa.types.is_null(fields["assets"]):
        fields["assets"] = pa.struct([])
    return pa.struct(list(fields.items()))


def is_storable(kind: pa.DataType, depth: int = 0) -> bool:
    """Tell whether parquet can hold a type: no object without fields inside, and not too many levels."""
    if depth > _DEEPEST:
        return False
    if pa.types.is_struct(kind):
        return bool(kind.num_fields) and all(is_storable(part.type, depth + 1) for part in kind)
    return not pa.types.is_list(kind) or is_storable(kind.value_type, depth + 1)


def merged_type(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """Return a type for values of two types; where they contradict each other the first one wins."""
    if first.equals(second) or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    if pa.types.is_struct(first) and pa.types.is_struct(second):
        fields = {part.name: part.type for part in first}
        for part in second:
            fields[part.name] = merged_type(fields[part.name], part.type) if part.name in fields else part.type
        return pa.struct(list(fields.items()))
    if pa.types.is_list(first) and pa.types.is_list(second):
        return pa.list_(merged_type(first.value_type, second.value_type))
    numbers = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (first, second)]
    return pa.float64() if all(numbers) else first


def merged_schema(first: pa.Schema, second: pa.Schema) -> pa.Schema:
    """Return a schema for the rows of two tables; where columns contradict each other the first table wins."""
    kind = merged_type(pa.struct(list(first)), pa.struct(list(second)))
    return pa.schema([kind.field(number) for number in range(kind.num_fields)])
