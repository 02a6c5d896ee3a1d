"""Pixels of HDF4 data sets straight from the file, while other threads run: the HDF4 library lets none.

Read are data sets that lie in one piece, are packed with deflate as a whole, or lie in chunks (packed with deflate or
not). Whatever differs in anything from what is known here is left to the library.

Source: HDF4 Specification and Developer's Guide: numeric data groups, number types, dimension records, and the
headers of special elements (linked blocks, compressed, chunked).

Decision: names, attributes and structure come from pyhdf, pixels from their offsets, because the HDF4 library lets no
other thread run and unpacks slowly. The tests compare every data set of the real files, and all layouts, with pyhdf.
"""

from __future__ import annotations

import importlib
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.files.system.disk import open_binary, read_at, read_into

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NDG, _SD, _SDD, _NT, _VS, _LINKED, _COMPRESSED, _CHUNK = 720, 702, 701, 106, 1963, 20, 40, 61
_SPECIAL = 0x4000
_IS_LINKED, _IS_COMPRESSED, _IS_CHUNKED = 1, 3, 5
_NO_MODEL, _DEFLATE = 0, 4
_BIG_ENDIAN = 1
_TYPES = {20: "i1", 21: "u1", 22: ">i2", 23: ">u2", 24: ">i4", 25: ">u4", 5: ">f4", 6: ">f8"}
_MAX_BYTES = 2 << 30
_CHUNK_HEAD = struct.Struct(">HIBIIIIHHHHI")
_LINK_HEAD = struct.Struct(">HIIIH")
_COMP_HEAD = struct.Struct(">HHIHHH")


class _UnknownError(ValueError):
    """Something is not as it is known here."""


class DirectFile:
    """An HDF4 file that is read without the HDF4 library.

    Args:
        path: The file.
        elements: First byte and length of its elements, from ``check_layout``.
    """

    def __init__(self, path: Path, elements: Mapping[tuple[int, int], tuple[int, int]]) -> None:
        self._elements = elements
        self._handle = open_binary(path)

    def close(self) -> None:
        """Release the file."""
        os.close(self._handle)

    def read(self, reference: int, shape: tuple[int, ...], data_type: str) -> NDArray[Any] | None:
        """Return a data set in the order of bytes of this machine, or None when the library has to read it.

        Args:
            reference: Of its numeric data group.
            shape: Shape that the library states.
            data_type: Type that the library states.
        """
        try:
            members = dict(struct.iter_unpack(">HH", self._plain(_NDG, reference)))
            stored = self._checked_type(members, shape, data_type)
            found = self._pixels(members[_SD], shape, stored)
        except (_UnknownError, KeyError, struct.error, RuntimeError, OSError):
            return None
        return found.astype(stored.newbyteorder("="), copy=False)

    def _checked_type(self, members: Mapping[int, int], shape: tuple[int, ...], data_type: str) -> np.dtype[Any]:
        _, kind, bits, order = self._plain(_NT, members[_NT])[:4]
        stored = np.dtype(_TYPES[kind])
        dimensions = self._plain(_SDD, members[_SDD])
        rank, *sizes = struct.unpack_from(f">H{len(shape)}i", dimensions)
        is_known = order == _BIG_ENDIAN and bits == 8 * stored.itemsize and stored.newbyteorder("=") == data_type
        if not is_known or rank != len(shape) or tuple(sizes) != shape:
            raise _UnknownError
        if not 0 < math.prod(shape) * stored.itemsize <= _MAX_BYTES:
            raise _UnknownError
        return stored

    def _pixels(self, reference: int, shape: tuple[int, ...], stored: np.dtype[Any]) -> NDArray[Any]:
        result = np.empty(shape, dtype=stored)
        target = result.reshape(-1).view(np.uint8)
        if (_SD, reference) in self._elements:
            start, length = self._elements[_SD, reference]
            if length != target.size:
                raise _UnknownError
            self._fill(start, target)
            return result
        header = self._plain(_SD | _SPECIAL, reference)
        (kind,) = struct.unpack_from(">H", header)
        if kind == _IS_COMPRESSED:
            self._inflate(header, target)
        elif kind == _IS_CHUNKED:
            self._place_chunks(header, result)
        elif kind == _IS_LINKED:
            content = self._linked(header)
            if len(content) != target.size:
                raise _UnknownError
            target[:] = np.frombuffer(content, dtype=np.uint8)
        else:
            raise _UnknownError
        return result

    def _place_chunks(self, header: bytes, result: NDArray[Any]) -> None:
        """Put all chunks of a data set into place; a missing one is left to the library, which knows the fill value."""
        _, _, version, flag, total, per_chunk, unit, _, table, _, _, rank = _CHUNK_HEAD.unpack_from(header)
        sizes = [struct.unpack_from(">III", header, _CHUNK_HEAD.size + 12 * axis)[1:] for axis in range(rank)]
        if version or tuple(size for size, _ in sizes) != result.shape or unit != result.dtype.itemsize:
            raise _UnknownError
        if total != result.size or flag & 0xFF not in (0, _IS_COMPRESSED):
            raise _UnknownError
        chunk_shape = tuple(length for _, length in sizes)
        if not 0 < math.prod(chunk_shape) == per_chunk <= _MAX_BYTES // unit:
            raise _UnknownError
        record = struct.Struct(f">{rank}iHH")
        content = self._content(_VS, table)
        records = list(record.iter_unpack(content[: len(content) // record.size * record.size]))
        grid = tuple(-(-size // length) for size, length in sizes)
        if len(records) != math.prod(grid) or len({tuple(origin) for *origin, _, _ in records}) != len(records):
            raise _UnknownError
        chunk = np.empty(chunk_shape, dtype=result.dtype)
        space = chunk.reshape(-1).view(np.uint8)
        for *origin, tag, reference in records:
            if tag != _CHUNK or not all(0 <= place < count for place, count in zip(origin, grid, strict=True)):
                raise _UnknownError
            self._unpack(tag, reference, space)
            inside = tuple(
                slice(place * length, min((place + 1) * length, size))
                for place, (size, length) in zip(origin, sizes, strict=True)
            )
            result[inside] = chunk[tuple(slice(0, part.stop - part.start) for part in inside)]

    def _unpack(self, tag: int, reference: int, target: NDArray[np.uint8]) -> None:
        if (tag, reference) in self._elements:
            start, length = self._elements[tag, reference]
            if length != target.size:
                raise _UnknownError
            self._fill(start, target)
            return
        header = self._plain(tag | _SPECIAL, reference)
        self._inflate(header, target)

    def _inflate(self, header: bytes, target: NDArray[np.uint8]) -> None:
        kind, version, length, reference, model, coder = _COMP_HEAD.unpack_from(header)
        if (kind, version, model, coder) != (_IS_COMPRESSED, 0, _NO_MODEL, _DEFLATE) or length != target.size:
            raise _UnknownError
        codecs: Any = importlib.import_module("imagecodecs")
        found = codecs.deflate_decode(self._content(_COMPRESSED, reference), out=target)
        if len(found) != target.size:
            raise _UnknownError

    def _content(self, tag: int, reference: int) -> bytes:
        """Return an element that lies in one piece or in linked blocks."""
        if (tag, reference) in self._elements:
            return self._plain(tag, reference)
        return self._linked(self._plain(tag | _SPECIAL, reference))

    def _linked(self, header: bytes) -> bytes:
        """Return what lies in linked blocks: the first as long as it is, the others of one length, the last cut off."""
        kind, length, block_bytes, count, table = _LINK_HEAD.unpack_from(header)
        if kind != _IS_LINKED or length > _MAX_BYTES:
            raise _UnknownError
        parts: list[bytes] = []
        size, seen = 0, set[int]()
        while size < length:
            if table in seen:
                raise _UnknownError
            seen.add(table)
            table, *blocks = struct.unpack(f">H{count}H", self._plain(_LINKED, table)[: 2 + 2 * count])
            for block in blocks:
                if size == length:
                    break
                part = self._plain(_LINKED, block)
                wanted = min(block_bytes if parts else len(part), length - size)
                if not 0 < wanted <= len(part):
                    raise _UnknownError
                parts.append(part[:wanted])
                size += wanted
        return b"".join(parts)

    def _plain(self, tag: int, reference: int) -> bytes:
        start, length = self._elements[tag, reference]
        content = read_at(self._handle, length, start)
        if len(content) != length:
            raise _UnknownError
        return content

    def _fill(self, start: int, target: NDArray[np.uint8]) -> None:
        view, done = target.data, 0
        while done < target.size:
            count = read_into(self._handle, view[done:], start + done)
            if count <= 0:
                raise _UnknownError
            done += count
