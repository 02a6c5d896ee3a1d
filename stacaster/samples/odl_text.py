"""ODL text in the form of ECS metadata, and the structure metadata of HDF-EOS2 swaths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_BLOCK_WIDTH = 23
_KEY_WIDTH = 21
_BLOCKS = ("GROUP", "OBJECT", "END_GROUP", "END_OBJECT")
_WRAP = 80
_STRUCT_BYTES = 32000


@dataclass(frozen=True)
class Obj:
    """An object with a value."""

    name: str
    """Name."""
    value: Any
    """str, number or tuple."""
    object_class: str | None = None
    """Value of ``CLASS``."""


@dataclass(frozen=True)
class Group:
    """A group, or an object that holds objects."""

    name: str
    """Name."""
    items: Sequence[Obj | Group]
    """Content."""
    object_class: str | None = None
    """Value of ``CLASS``."""
    is_object: bool = False
    """True for a container object."""


def metadata_text(groups: Sequence[Group]) -> str:
    """Return the text of a metadata attribute: one master group each, then ``END``."""
    lines = [""]
    for group in groups:
        lines += _group(group, 0, is_master=True)
    return "\n".join([*lines, "END", ""])


def _key(indent: int, word: str, value: str) -> str:
    width = _BLOCK_WIDTH if word in _BLOCKS else _KEY_WIDTH
    return f"{' ' * indent}{word.ljust(width)}= {value}"


def _group(group: Group, indent: int, *, is_master: bool = False) -> list[str]:
    word = "OBJECT" if group.is_object else "GROUP"
    lines = [_key(indent, word, group.name)]
    if is_master:
        lines.append(_key(indent + 2, "GROUPTYPE", "MASTERGROUP"))
    if group.object_class is not None:
        lines.append(_key(indent + 2, "CLASS", f'"{group.object_class}"'))
    lines.append("")
    for item in group.items:
        lines += _group(item, indent + 2) if isinstance(item, Group) else _object(item, indent + 2)
    return [*lines, _key(indent, f"END_{word}", group.name), ""]


def _object(item: Obj, indent: int) -> list[str]:
    number = len(item.value) if isinstance(item.value, tuple) else 1
    lines = [_key(indent, "OBJECT", item.name), _key(indent + 2, "NUM_VAL", str(number))]
    if item.object_class is not None:
        lines.append(_key(indent + 2, "CLASS", f'"{item.object_class}"'))
    lines += _wrapped(_key(indent + 2, "VALUE", _value(item.value)), indent + 2)
    return [*lines, _key(indent, "END_OBJECT", item.name), ""]


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_value(part) for part in value)})"
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)


def _wrapped(line: str, indent: int) -> list[str]:
    """Break a long tuple after a comma, as the ECS toolkit does."""
    lines = []
    rest = line
    while len(rest) > _WRAP and ", " in rest[:_WRAP]:
        cut = rest.rindex(", ", 0, _WRAP) + 1
        lines.append(rest[:cut])
        rest = " " * indent + rest[cut:].lstrip()
    return [*lines, rest]


def structure_text(
    swaths: Sequence[tuple[str, int, int, Sequence[tuple[str, str]]]], lattice: int, *, latitude: str = "Latitude"
) -> str:
    """Return ``StructMetadata.0`` of swaths with an image and a square lattice of positions.

    Args:
        swaths: Name, rows, columns, and (field name, HDF type) of the data fields of each.
        lattice: Rows and columns of the lattice.
        latitude: Name of the field of latitudes.
    """
    lines = ["GROUP=SwathStructure"]
    for number, (name, rows, cols, fields) in enumerate(swaths, start=1):
        lines += [f"\tGROUP=SWATH_{number}", f'\t\tSwathName="{name}"', "\t\tGROUP=Dimension"]
        sizes = (("GeoTrack", lattice), ("GeoXtrack", lattice), ("ImageLine", rows), ("ImagePixel", cols))
        for place, (dimension, size) in enumerate(sizes, start=1):
            lines += [f"\t\t\tOBJECT=Dimension_{place}", f'\t\t\t\tDimensionName="{dimension}"']
            lines += [f"\t\t\t\tSize={size}", f"\t\t\tEND_OBJECT=Dimension_{place}"]
        lines += ["\t\tEND_GROUP=Dimension", "\t\tGROUP=DimensionMap", "\t\tEND_GROUP=DimensionMap"]
        lines += ["\t\tGROUP=IndexDimensionMap", "\t\tEND_GROUP=IndexDimensionMap"]
        places = [(latitude, "DFNT_FLOAT64"), ("Longitude", "DFNT_FLOAT64")]
        lines += _fields("GeoField", places, ("GeoTrack", "GeoXtrack"))
        lines += _fields("DataField", fields, ("ImageLine", "ImagePixel"))
        lines += ["\t\tGROUP=MergedFields", "\t\tEND_GROUP=MergedFields", f"\tEND_GROUP=SWATH_{number}"]
    lines += ["END_GROUP=SwathStructure", "GROUP=GridStructure", "END_GROUP=GridStructure"]
    lines += ["GROUP=PointStructure", "END_GROUP=PointStructure", "END", ""]
    return "\n".join(lines).ljust(_STRUCT_BYTES, "\0")


def _fields(kind: str, fields: Sequence[tuple[str, str]], dimensions: tuple[str, str]) -> list[str]:
    lines = [f"\t\tGROUP={kind}"]
    for place, (name, data_type) in enumerate(fields, start=1):
        first, second = dimensions
        lines += [f"\t\t\tOBJECT={kind}_{place}", f'\t\t\t\t{kind}Name="{name}"', f"\t\t\t\tDataType={data_type}"]
        lines += [f'\t\t\t\tDimList=("{first}","{second}")', f"\t\t\tEND_OBJECT={kind}_{place}"]
    return [*lines, f"\t\tEND_GROUP={kind}"]
