"""Where the tiles of a written COG lie, read from the file itself, and whether they lie as in a COG.

Sources: TIFF 6.0; BigTIFF design; GDAL documentation of the COG driver (ghost area, leader and trailer of a tile).
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.files.system.disk import read_at
from stacaster.geotiff.cog.codec import TileCodec
from stacaster.geotiff.directories import Directory, NoTiffError, Tiff, read_directories

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {1, 2, 3, 4, 12, 16}
_KINDS = {1: "u", 2: "i", 3: "f", 6: "c"}
_COMPRESSIONS = {50000: "ZSTD", 8: "DEFLATE"}
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE="
_STATEMENTS = (b"LAYOUT=IFDS_BEFORE_DATA", b"BLOCK_ORDER=ROW_MAJOR", b"BLOCK_LEADER=SIZE_AS_UINT4",
               b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED", b"KNOWN_INCOMPATIBLE_EDITION=NO")  # fmt: skip


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
        tiff = read_directories(lambda offset, length: read_at(handle, length, offset))
        levels = [_level(directory, is_overview=bool(number)) for number, directory in enumerate(tiff.directories)]
    except (KeyError, IndexError, NoTiffError) as error:
        raise LayoutError(f"a directory is damaged ({type(error).__name__}: {error})") from error
    position = _check_directories(handle, tiff)
    for level in reversed(levels):
        position = _check_places(level, position)
    if position != size:
        raise LayoutError(f"the file has {size} bytes, but its tiles end at {position}")
    for before, after in itertools.pairwise(levels):
        if after.shape != tuple(-(-length // 2) for length in before.shape):
            raise LayoutError(f"an overview of {before.shape} is {after.shape}")
    return levels


def _check_directories(handle: int, tiff: Tiff) -> int:
    """Check that directories follow each other behind the statements of a COG; return the first byte after them."""
    if tiff.byte_order != "<":
        raise LayoutError("the file does not begin as a little-endian TIFF")
    start = 16 if tiff.is_big else 8
    ghost = read_at(handle, tiff.first - start, start)
    if not ghost.startswith(_GHOST) or any(statement not in ghost for statement in _STATEMENTS):
        raise LayoutError("the statements of a COG are missing before the first directory")
    end = tiff.first
    for directory in tiff.directories:
        if directory.offset < end:
            raise LayoutError("directories do not follow each other")
        end = directory.end + -directory.end % 8
    return end


def _level(directory: Directory, *, is_overview: bool) -> Level:
    for tag, entry in directory.tags.items():
        if entry.kind not in _TYPES:
            raise LayoutError(f"tag {tag} is of kind {entry.kind}")
    numbers = {tag: directory.number(tag) for tag in (254, 256, 257, 258, 259, 277, 317, 322, 323, 339)}
    if numbers[254] != int(is_overview) or numbers[277] != 1 or numbers[322] != numbers[323]:
        raise LayoutError("a directory is of another kind")
    level = Level(
        shape=(numbers[257], numbers[256]),
        block=numbers[322],
        data_type=np.dtype(f"<{_KINDS[numbers[339]]}{numbers[258] // 8}"),
        compress=_COMPRESSIONS[numbers[259]],
        predictor=numbers[317],
        offsets=directory.tags[324].values.astype(np.uint64),
        sizes=directory.tags[325].values.astype(np.uint64),
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
