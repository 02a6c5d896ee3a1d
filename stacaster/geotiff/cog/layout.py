"""Where the tiles of a written COG lie, read from the file itself, and whether they lie as in a COG.

Sources: TIFF 6.0; BigTIFF design; GDAL documentation of the COG driver (ghost area, leader and trailer of a tile).
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.cog.codec import TileCodec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES: Mapping[int, str] = {1: "u1", 2: "S1", 3: "<u2", 4: "<u4", 12: "<f8", 16: "<u8"}
_KINDS = {1: "u", 2: "i", 3: "f", 6: "c"}
_COMPRESSIONS = {50000: "ZSTD", 8: "DEFLATE"}
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE="
_STATEMENTS = (b"LAYOUT=IFDS_BEFORE_DATA", b"BLOCK_ORDER=ROW_MAJOR", b"BLOCK_LEADER=SIZE_AS_UINT4",
               b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED", b"KNOWN_INCOMPATIBLE_EDITION=NO")  # fmt: skip
_HEAD_BYTES = 1 << 16


class LayoutError(ValueError):
    """The file is not laid out as a COG; the message says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """The image, or an overview."""

    shape: tuple[int, int]
    """Rows and columns."""
    block: int
    """Width and height of a tile."""
    data_type: np.dtype[Any]
    """Type of the pixels, little endian."""
    compress: str
    """``ZSTD`` or ``DEFLATE``."""
    predictor: int
    """TIFF predictor."""
    offsets: NDArray[np.uint64]
    """First byte of each tile, row by row."""
    sizes: NDArray[np.uint64]
    """Bytes of each tile."""

    @property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.shape[1] // self.block)

    def codec(self) -> TileCodec:
        """Return what unpacks the tiles."""
        return TileCodec(self.data_type, compress=self.compress, predictor=self.predictor, block=self.block)


def read_layout(handle: int) -> list[Level]:
    """Read the directories of a COG and check that all lies where it should, from the first byte to the last.

    Args:
        handle: The open file.

    Returns:
        The image and its overviews, largest first.

    Raises:
        LayoutError: Something is missing or lies elsewhere.
        OSError: The file cannot be read.
    """
    size = os.fstat(handle).st_size
    try:
        levels, position = _directories(handle)
    except (KeyError, IndexError, struct.error) as error:
        raise LayoutError(f"a directory is damaged ({type(error).__name__}: {error})") from error
    for level in reversed(levels):
        position = _check_places(level, position)
    if position != size:
        raise LayoutError(f"the file has {size} bytes, but its tiles end at {position}")
    for before, after in itertools.pairwise(levels):
        if after.shape != tuple(-(-length // 2) for length in before.shape):
            raise LayoutError(f"an overview of {before.shape} is {after.shape}")
    return levels


def _directories(handle: int) -> tuple[list[Level], int]:
    """Return the levels and the first byte after the directories."""
    head = os.pread(handle, _HEAD_BYTES, 0)
    order, version = struct.unpack_from("<2sH", head)
    if order != b"II" or version not in (42, 43):
        raise LayoutError("the file does not begin as a little-endian TIFF")
    is_big = version == 43
    start = 16 if is_big else 8
    (offset,) = struct.unpack_from("<Q" if is_big else "<I", head, start - (8 if is_big else 4))
    ghost = head[start:offset]
    if not ghost.startswith(_GHOST) or any(statement not in ghost for statement in _STATEMENTS):
        raise LayoutError("the statements of a COG are missing before the first directory")
    levels: list[Level] = []
    end = offset
    while offset:
        if offset < end:
            raise LayoutError("directories do not follow each other")
        tags, offset, end = _directory(handle, offset, end, is_big=is_big)
        levels.append(_level(tags, is_overview=bool(levels)))
    return levels, end


def _directory(handle: int, offset: int, end: int, *, is_big: bool) -> tuple[dict[int, Any], int, int]:
    """Return the values of the tags of a directory, the place of the next one, and the end of what was read."""
    count_format, entry_format, inline, pointer = ("<Q", "<HHQ", 8, "<Q") if is_big else ("<H", "<HHI", 4, "<I")
    begin = offset + struct.calcsize(count_format)
    (count,) = struct.unpack(count_format, os.pread(handle, begin - offset, offset))
    width = struct.calcsize(entry_format) + inline
    body = os.pread(handle, count * width + inline, begin)
    tags, end = {}, max(end, begin + len(body))
    for place in range(0, count * width, width):
        tag, kind, number = struct.unpack_from(entry_format, body, place)
        if kind not in _TYPES:
            raise LayoutError(f"tag {tag} is of kind {kind}")
        data_type = np.dtype(_TYPES[kind])
        length = data_type.itemsize * number
        where = place + width - inline
        if length > inline:
            (where,) = struct.unpack_from(pointer, body, where)
            values = os.pread(handle, length, where)
            end = max(end, where + length)
        else:
            values = body[where : where + length]
        tags[tag] = np.frombuffer(values, dtype=data_type, count=number)
    (following,) = struct.unpack_from(pointer, body, count * width)
    return tags, following, end + -end % 8


def _level(tags: Mapping[int, Any], *, is_overview: bool) -> Level:
    numbers = {tag: int(tags[tag][0]) for tag in (254, 256, 257, 258, 259, 277, 317, 322, 323, 339)}
    if numbers[254] != int(is_overview) or numbers[277] != 1 or numbers[322] != numbers[323]:
        raise LayoutError("a directory is of another kind")
    level = Level(
        shape=(numbers[257], numbers[256]),
        block=numbers[322],
        data_type=np.dtype(f"<{_KINDS[numbers[339]]}{numbers[258] // 8}"),
        compress=_COMPRESSIONS[numbers[259]],
        predictor=numbers[317],
        offsets=tags[324].astype(np.uint64),
        sizes=tags[325].astype(np.uint64),
    )
    tiles = level.across * -(-level.shape[0] // level.block)
    if not level.offsets.size == level.sizes.size == tiles:
        raise LayoutError(f"{level.offsets.size} tiles are there instead of {tiles}")
    return level


def _check_places(level: Level, position: int) -> int:
    """Check that tiles follow each other, 8 bytes for leader and trailer between them; return where they end."""
    ends = np.cumsum(level.sizes + np.uint64(8)) + np.uint64(position)
    starts = ends - level.sizes - np.uint64(4)
    if not np.array_equal(level.offsets, starts):
        raise LayoutError("tiles do not follow each other from the smallest overview to the image")
    return int(ends[-1])
