"""The list of data descriptors of an HDF4 file: finds truncated files before the HDF library reads zeros from them.

Source: HDF4 Specification and Developer's Guide, chapter 2 (basic structure: magic number, blocks of data descriptors).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"\x0e\x03\x13\x01"
_BLOCK_HEADER = struct.Struct(">HI")
_DESCRIPTOR = struct.Struct(">HHII")
_NULL_TAG = 1
_UNUSED = 0xFFFFFFFF
_MAX_BLOCKS = 100_000


class LayoutError(ValueError):
    """The descriptors do not fit the file; the message says what is wrong."""


def check_layout(path: Path) -> dict[tuple[int, int], tuple[int, int]]:
    """Check that every data element of an HDF4 file lies within the file.

    Args:
        path: The file.

    Returns:
        First byte and length of each element that has data, by tag and reference.

    Raises:
        LayoutError: The file is no HDF4, its list of descriptors is broken, or an element reaches beyond its end.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if file.read(len(_MAGIC)) != _MAGIC:
            raise LayoutError("is no HDF4 file")
        end = 0
        found: dict[tuple[int, int], tuple[int, int]] = {}
        seen: set[int] = set()
        offset = len(_MAGIC)
        while offset:
            if offset in seen or len(seen) >= _MAX_BLOCKS:
                raise LayoutError("its list of data descriptors runs in a circle: the file is damaged")
            seen.add(offset)
            offset, elements = _read_block(file, offset, size)
            end = max([end, *(start + length for start, length in elements.values())])
            found |= elements
    if end > size:
        raise LayoutError(f"is truncated: {size} bytes are there, {end} are needed; download it again")
    return found


def _read_block(file: BinaryIO, offset: int, size: int) -> tuple[int, dict[tuple[int, int], tuple[int, int]]]:
    """Return the place of the next block and the elements of this one."""
    file.seek(offset)
    header = file.read(_BLOCK_HEADER.size)
    if len(header) < _BLOCK_HEADER.size:
        raise LayoutError(f"is truncated: data descriptors at byte {offset} of {size} are missing; download it again")
    count, following = _BLOCK_HEADER.unpack(header)
    body = file.read(count * _DESCRIPTOR.size)
    if len(body) < count * _DESCRIPTOR.size:
        raise LayoutError(f"is truncated within its data descriptors at byte {offset} of {size}; download it again")
    found = {
        (tag, reference): (start, length)
        for tag, reference, start, length in _DESCRIPTOR.iter_unpack(body)
        if tag != _NULL_TAG and _UNUSED not in (start, length)
    }
    return following, found
