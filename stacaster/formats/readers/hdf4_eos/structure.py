"""What an HDF-EOS2 file says of itself: metadata attributes in ODL, and vgroups."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyhdf import hdfext
from pyhdf.error import HDF4Error
from pyhdf.HDF import HC, HDF

# Importing the V interface registers HDF.vgstart.
from pyhdf.V import V  # noqa: F401

from stacaster.errors import ReadError
from stacaster.formats.metadata.odl import OdlError, parse_odl
from stacaster.model.metadata import OdlObject

_ODL_START = re.compile(r"^\s*(GROUP|OBJECT)\s*=", re.IGNORECASE)
_PIECE = re.compile(r"(?P<stem>.+)\.(?P<number>\d+)")
_NDG_TAGS = (720, 702)
_GROUP_KINDS = {"SWATH": "swath", "GRID": "grid"}
_FIELD_GROUPS = ("Data Fields", "Geolocation Fields")


def read_text(file: Any, index: int, length: int) -> str:
    """Return a text attribute of a file at once: pyhdf takes a tenth of a second for the characters of a granule.

    Args:
        file: The open ``SD``.
        index: Of the attribute.
        length: Characters.

    Raises:
        HDF4Error: It cannot be read.
    """
    space = hdfext.array_byte(length)
    if hdfext.SDreadattr(file._id, index, space) < 0:
        raise HDF4Error(f"attribute {index} cannot be read")
    return ctypes.string_at(int(space.this), length).decode("latin-1")


def read_metadata(attributes: list[tuple[str, Any]], granule: str) -> tuple[list[OdlObject], dict[str, Any]]:
    """Split the attributes of a file into ODL objects and the rest; pieces of a long text are joined.

    Args:
        attributes: Name and value of every attribute, in file order.
        granule: Name of the file for messages.

    Returns:
        Objects of all ODL attributes, in file order, and the other attributes by name.

    Raises:
        ReadError: ``StructMetadata`` does not parse; the message names the line.
    """
    texts: dict[str, str] = {}
    plain: dict[str, Any] = {}
    for name, value in attributes:
        piece = _PIECE.fullmatch(name)
        stem = piece.group("stem") if piece else name
        previous = texts.get(stem)
        if piece and previous is not None and int(piece.group("number")) > 0 and not _is_whole(previous):
            texts[stem] = previous + str(value)
        elif isinstance(value, str) and _ODL_START.match(value):
            texts[stem if stem not in texts else name] = value
        else:
            plain[name] = value
    objects: list[OdlObject] = []
    for document, text in texts.items():
        try:
            objects += parse_odl(text, document=document)
        except OdlError as error:
            if document.lower() == "structmetadata":
                raise ReadError(f"the metadata attribute {document} is damaged: {error}", granule=granule) from error
            # Without it the pixels still lie where they lie.
            plain[document] = text
    return objects, plain


def _is_whole(text: str) -> bool:
    return text.rstrip("\0 \r\n\t;").endswith("END")


def read_vgroups(path: Path) -> tuple[dict[str, str], dict[int, str]]:
    """Return the kind of every swath and grid by name, and the name that each data set belongs to by reference.

    Args:
        path: The file.

    Raises:
        HDF4Error: The groups cannot be read.
    """
    groups: dict[str, str] = {}
    members: dict[int, str] = {}
    file = HDF(str(path), HC.READ)
    try:
        interface = file.vgstart()
        try:
            reference: int | None = -1
            while (reference := _next_group(interface, reference)) is not None:
                group = interface.attach(reference)
                try:
                    kind = _GROUP_KINDS.get(group._class)
                    if kind is not None:
                        name = str(group._name)
                        groups[name] = kind
                        children = [ref for tag, ref in group.tagrefs() if tag == HC.DFTAG_VG]
                        members |= dict.fromkeys(_field_references(interface, children), name)
                finally:
                    group.detach()
        finally:
            interface.end()
    finally:
        file.close()
    return groups, members


def _next_group(interface: Any, reference: int | None) -> int | None:
    try:
        found: int = interface.getid(reference)
    except HDF4Error:
        return None
    return found


def _field_references(interface: Any, children: Sequence[int]) -> list[int]:
    found: list[int] = []
    for child in children:
        group = interface.attach(child)
        try:
            if group._name in _FIELD_GROUPS:
                found += [ref for tag, ref in group.tagrefs() if tag in _NDG_TAGS]
        finally:
            group.detach()
    return found
