"""Writer of ODL text in the form that the ECS toolkit gives it, and of ``StructMetadata.0`` of HDF-EOS2 swath files.

The form (key columns, blank lines, order of NUM_VAL, CLASS and VALUE, line wrap) follows metadata of delivered MODIS granules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Scalar = str | int | float

STRUCT_METADATA_BYTES = 32000
"""Length of ``StructMetadata.0``, filled up with NUL."""

_BLOCK_COLUMNS = 23
_KEY_COLUMNS = 21
_WRAP_COLUMNS = 250


@dataclass(frozen=True)
class Value:
    """An OBJECT with a value."""

    name: str
    """Name."""
    value: Scalar | tuple[Scalar, ...]
    """One value, or several that are written in brackets."""
    object_class: str | None = None
    """CLASS, which tells objects of one name apart."""


@dataclass(frozen=True)
class Group:
    """A GROUP, or an OBJECT that holds other objects."""

    name: str
    """Name."""
    children: tuple[Group | Value, ...]
    """Content, in order."""
    object_class: str | None = None
    """CLASS."""
    is_object: bool = False
    """Written as OBJECT (a container) rather than as GROUP."""


@dataclass(frozen=True, kw_only=True)
class SwathField:
    """One field of a swath."""

    name: str
    """Field name."""
    data_type: str
    """HDF number type, ``DFNT_UINT8``."""
    dimensions: tuple[str, ...]
    """Dimension names, slowest first."""


@dataclass(frozen=True, kw_only=True)
class Swath:
    """What StructMetadata says of a swath."""

    name: str
    """Swath name."""
    dimensions: dict[str, int]
    """Size by dimension name."""
    geo_fields: tuple[SwathField, ...]
    """Geolocation fields."""
    data_fields: tuple[SwathField, ...]
    """Data fields."""


def render_odl(master: Group) -> str:
    """Return the text of one metadata attribute.

    Keys of blocks fill 23 columns and other keys 21, so that all equal signs of a block stand in one column; the text starts
    with an empty line and ends with END. Values longer than about 250 characters go on in the next line.
    """
    lines = ["", f"{'GROUP':<{_BLOCK_COLUMNS}}= {master.name}", f"  {'GROUPTYPE':<{_KEY_COLUMNS}}= MASTERGROUP", ""]
    for child in master.children:
        lines += [*_render(child, 2), ""]
    lines += [f"{'END_GROUP':<{_BLOCK_COLUMNS}}= {master.name}", "", "END", ""]
    return "\n".join(lines)


def format_scalar(value: Scalar) -> str:
    """Return a value as ODL writes it: strings quoted, floats with up to 15 digits and always a point."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    text = f"{value:.15g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _render(node: Group | Value, indent: int) -> list[str]:
    pad = " " * indent
    if isinstance(node, Value):
        count = len(node.value) if isinstance(node.value, tuple) else 1
        lines = [_block("OBJECT", node.name, pad), _key("NUM_VAL", str(count), pad)]
        if node.object_class is not None:
            lines.append(_key("CLASS", f'"{node.object_class}"', pad))
        lines += [_key("VALUE", _wrap(node.value, indent + 6), pad), _block("END_OBJECT", node.name, pad)]
        return lines
    word = "OBJECT" if node.is_object else "GROUP"
    lines = [_block(word, node.name, pad)]
    if node.object_class is not None:
        lines.append(_key("CLASS", f'"{node.object_class}"', pad))
    lines.append("")
    for child in node.children:
        lines += [*_render(child, indent + 2), ""]
    lines.append(_block(f"END_{word}", node.name, pad))
    return lines


def _block(key: str, name: str, pad: str) -> str:
    return f"{pad}{key:<{_BLOCK_COLUMNS}}= {name}"


def _key(key: str, text: str, pad: str) -> str:
    return f"{pad}  {key:<{_KEY_COLUMNS}}= {text}"


def _wrap(value: Scalar | tuple[Scalar, ...], indent: int) -> str:
    """Return the value; a long list goes on in the next line, which cuts between the quote and the text of a string."""
    if not isinstance(value, tuple):
        return format_scalar(value)
    done, line = "", "("
    for number, text in enumerate(format_scalar(item) for item in value):
        separator = ", " if number else ""
        if len(line) + len(text) > _WRAP_COLUMNS:
            cut = 1 if text.startswith('"') else 0
            done += f"{line}{separator}{text[:cut]}\n{' ' * indent}"
            line = text[cut:]
        else:
            line += f"{separator}{text}"
    return f"{done}{line})"


def struct_metadata(swaths: Sequence[Swath]) -> str:
    """Return ``StructMetadata.0`` of a file with these swaths: tab-indented, filled up with NUL to 32000 characters.

    No dimension map is written: the step between lattice points of an L1T image is not a whole number of pixels.

    Raises:
        ValueError: The text is too long.
    """
    lines = ["GROUP=SwathStructure"]
    for number, swath in enumerate(swaths, start=1):
        lines += [f"\tGROUP=SWATH_{number}", *_swath_lines(swath), f"\tEND_GROUP=SWATH_{number}"]
    lines.append("END_GROUP=SwathStructure")
    for name in ("GridStructure", "PointStructure"):
        lines += [f"GROUP={name}", f"END_GROUP={name}"]
    text = "\n".join([*lines, "END", ""])
    if len(text) > STRUCT_METADATA_BYTES:
        raise ValueError(f"StructMetadata has {len(text)} characters, but {STRUCT_METADATA_BYTES} is the limit")
    return text.ljust(STRUCT_METADATA_BYTES, "\0")


def _swath_lines(swath: Swath) -> list[str]:
    dimensions = [[f'DimensionName="{name}"', f"Size={size}"] for name, size in swath.dimensions.items()]
    lines = [f'\t\tSwathName="{swath.name}"', *_list_lines("Dimension", dimensions)]
    for name in ("DimensionMap", "IndexDimensionMap"):
        lines += _list_lines(name, [])
    for name, fields in (("GeoField", swath.geo_fields), ("DataField", swath.data_fields)):
        entries = []
        for item in fields:
            names = ",".join(f'"{dimension}"' for dimension in item.dimensions)
            entries.append([f'{name}Name="{item.name}"', f"DataType={item.data_type}", f"DimList=({names})"])
        lines += _list_lines(name, entries)
    return lines + _list_lines("MergedFields", [])


def _list_lines(name: str, entries: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"\t\tGROUP={name}"]
    for number, entry in enumerate(entries, start=1):
        body = [f"\t\t\t\t{line}" for line in entry]
        lines += [f"\t\t\tOBJECT={name}_{number}", *body, f"\t\t\tEND_OBJECT={name}_{number}"]
    return [*lines, f"\t\tEND_GROUP={name}"]
