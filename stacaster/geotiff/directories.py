"""Directories of TIFF and BigTIFF files of either byte order: tags and their values, as they lie in the file.

The reader driver and the verifier of COGs use this; the writer does not. Sources: TIFF 6.0; BigTIFF design.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

ReadBytes = Callable[[int, int], bytes]
"""Returns so many bytes from an offset on; fewer at the end of the file."""

_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "V8", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "V8", 11: "f4",
          12: "f8", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}  # fmt: skip
_MOST_DIRECTORIES = 512
_MOST_TAGS = 4096
_MOST_BYTES = 1 << 28


class NoTiffError(ValueError):
    """The bytes are no TIFF, or a directory is damaged; the message says how."""


@dataclass(frozen=True)
class Tag:
    """One tag of a directory."""

    kind: int
    """TIFF field type."""
    count: int
    """Number of values."""
    data: bytes = field(repr=False)
    """The values as they lie in the file."""
    byte_order: str
    """``<`` little endian, ``>`` big endian."""

    @cached_property
    def values(self) -> Any:
        """The numbers as an array; empty when the type is not known, or the fraction of two numbers."""
        name = _TYPES.get(self.kind, "V8")
        if name == "S1":
            return np.frombuffer(self.data, dtype="u1")
        if name == "V8":
            return np.empty(0, dtype="f8")
        return np.frombuffer(self.data, dtype=f"{self.byte_order}{name}")

    @property
    def text(self) -> str:
        """The value as text up to the first NUL."""
        return self.data.split(b"\0")[0].decode("latin-1").strip()


@dataclass(frozen=True)
class Directory:
    """One image file directory."""

    tags: dict[int, Tag]
    offset: int
    """Where it begins."""
    end: int
    """First byte after the directory and after the values that it points to."""

    def number(self, tag: int, default: int | None = None) -> int:
        """Return the first value of a tag.

        Raises:
            NoTiffError: The directory lacks the tag, and there is no default.
        """
        entry = self.tags.get(tag)
        if entry is None or not len(entry.values):
            if default is None:
                raise NoTiffError(f"it has no tag {tag}")
            return default
        return int(entry.values[0])

    def numbers(self, tag: int) -> list[float]:
        """Return the values of a tag; none when the directory lacks it."""
        entry = self.tags.get(tag)
        return [] if entry is None else entry.values.tolist()


@dataclass(frozen=True)
class Tiff:
    """What the directories of a file say."""

    byte_order: str
    """``<`` little endian, ``>`` big endian."""
    is_big: bool
    """Whether offsets have 64 bits."""
    first: int
    """Where the first directory begins."""
    directories: list[Directory]


def read_directories(read: ReadBytes) -> Tiff:
    """Read the main directories of a TIFF.

    Args:
        read: Gives bytes of the file.

    Raises:
        NoTiffError: It is no TIFF, or a directory is damaged.
        OSError: The file cannot be read.
    """
    head = read(0, 16)
    byte_order = {b"II": "<", b"MM": ">"}.get(bytes(head[:2]))
    if byte_order is None or len(head) < 8:
        raise NoTiffError("it does not begin as a TIFF")
    version, offset_size = struct.unpack_from(f"{byte_order}HH", head, 2)
    is_big = version == 43
    if version not in {42, 43} or (is_big and (offset_size != 8 or len(head) < 16)):
        raise NoTiffError("it does not begin as a TIFF")
    (offset,) = struct.unpack_from(f"{byte_order}{'Q' if is_big else 'I'}", head, 8 if is_big else 4)
    first, directories, known = offset, list[Directory](), set[int]()
    while offset:
        if offset in known or len(directories) >= _MOST_DIRECTORIES:
            raise NoTiffError("its directories go round in a circle, or there are too many")
        known.add(offset)
        try:
            directory, offset = _read_directory(read, offset, byte_order, is_big=is_big)
        except struct.error as error:
            raise NoTiffError(f"a directory is damaged: {error}") from None
        directories.append(directory)
    return Tiff(byte_order, is_big, first, directories)


def _read_directory(read: ReadBytes, offset: int, byte_order: str, *, is_big: bool) -> tuple[Directory, int]:
    """Return a directory and the offset of the next one."""
    head, inline, word = (8, 8, f"{byte_order}Q") if is_big else (2, 4, f"{byte_order}I")
    (count,) = struct.unpack(word if is_big else f"{byte_order}H", read(offset, head))
    if count > _MOST_TAGS:
        raise NoTiffError(f"a directory of {count} tags")
    size = 4 + 2 * inline
    listed = read(offset + head, count * size + inline)
    tags: dict[int, Tag] = {}
    end = offset + head + len(listed)
    for at in range(0, count * size, size):
        tag, kind = struct.unpack_from(f"{byte_order}HH", listed, at)
        (number,) = struct.unpack_from(word, listed, at + 4)
        length = number * np.dtype(_TYPES[kind]).itemsize if kind in _TYPES else 0
        if length > _MOST_BYTES:
            raise NoTiffError(f"tag {tag} has {number} values")
        if length > inline:
            (where,) = struct.unpack_from(word, listed, at + 4 + inline)
            data = bytes(read(where, length))
            end = max(end, where + length)
        else:
            data = bytes(listed[at + 4 + inline : at + 4 + inline + length])
        if len(data) != length:
            raise NoTiffError(f"tag {tag} ends too early")
        tags[tag] = Tag(kind, number, data, byte_order)
    (following,) = struct.unpack_from(word, listed, count * size)
    return Directory(tags, offset, end), following
