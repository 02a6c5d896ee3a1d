"""The bytes of a Cloud Optimized GeoTIFF: directories first, then tiles, smallest overview first.

Sources: TIFF 6.0; BigTIFF design; Adobe Photoshop TIFF Technical Note 3 (floating-point predictor); GDAL documentation
of the COG driver (ghost area, leader and trailer of a tile) for the order of blocks. Georeferencing and GDAL metadata
tags are taken, byte for byte, from a tiny GeoTIFF that GDAL writes itself.

Decision: COGs are assembled here, not by GDAL's COG driver, which writes the pixels twice and can lose the error of a
full disk in a worker thread; here each write is a Python write that raises. imagecodecs packs tiles without holding the
interpreter lock. The bytes do not depend on the number of threads. Averages are plain NumPy: compiled with numba they
would save less than importing numba costs a process.
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np

from stacaster.geotiff.cog.codec import TileCodec, predictor_of
from stacaster.geotiff.cog.profiles import CogProfile
from stacaster.geotiff.directories import read_directories

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3, "c": 6}
_COMPRESSIONS = {"ZSTD": 50000, "DEFLATE": 8}
_COPIED_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42112)
_NODATA_TAG = 42113
_BIG_BYTES = 3_900_000_000
_SPOOL_BYTES = 24 << 20
_COPY_BYTES = 4 << 20
_SHORT, _LONG, _LONG8 = 3, 4, 16

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""What calls a function for each of some things and gives the results in order: ``map``, or that of a pool."""


@dataclass(frozen=True)
class RawTag:
    """One tag of a directory as it lies in the file, little endian."""

    kind: int
    """TIFF field type."""
    count: int
    """Number of values."""
    data: bytes
    """The values."""


def copied_tags(template: bytes) -> dict[int, RawTag]:
    """Return the georeferencing, metadata and nodata tags of the first directory of a little-endian classic TIFF.

    Raises:
        ValueError: The bytes are no such TIFF.
    """
    tiff = read_directories(lambda offset, length: template[offset : offset + length])
    if tiff.byte_order != "<" or tiff.is_big or not tiff.directories:
        raise ValueError("the template is no little-endian classic TIFF")
    return {
        tag: RawTag(entry.kind, entry.count, entry.data)
        for tag, entry in tiff.directories[0].tags.items()
        if tag in (*_COPIED_TAGS, _NODATA_TAG)
    }


class TiffSpool:
    """The packed tiles of one band while its pixels come, a row of tiles at a time.

    The order of a COG, smallest level first, is not the order in which levels are made: each waits for itself, in
    memory while it is small, then in a file without a name beside the result.

    Args:
        shapes: Rows and columns of each level, full resolution first.
        data_type: Type of all levels, little endian.
        tags: Tags of the first directory, from ``copied_tags``.
        profile: How to pack.
        folder: Where large levels wait.
    """

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        data_type: np.dtype[Any],
        *,
        tags: Mapping[int, RawTag],
        profile: CogProfile,
        folder: Path,
    ) -> None:
        is_big = sum(rows * cols for rows, cols in shapes) * data_type.itemsize > _BIG_BYTES
        self._is_big, self._block = is_big, profile.block
        self._codec = TileCodec(
            data_type,
            compress=profile.compress,
            predictor=predictor_of(data_type, profile),
            block=profile.block,
            level=profile.level,
        )
        self._directories = [
            _Directory(shape, data_type, index, tags, profile, is_big=is_big) for index, shape in enumerate(shapes)
        ]
        self._waiting = [_Waiting(folder) for _ in shapes]
        self._places = [[0, 0] for _ in shapes]

    def pack(self, strip: NDArray[Any], *, spread: Spread = map) -> Iterable[bytes]:
        """Begin to pack a row of tiles.

        Args:
            strip: Rows of a level, as many as a tile has, or the last ones.
            spread: ``map`` of a pool, when several threads are to pack.
        """
        return spread(self._codec.pack, _tiles(strip, self._block))

    def add(self, level: int, tiles: Iterable[bytes]) -> None:
        """Take the next row of tiles of a level, from ``pack``.

        Raises:
            OSError: The disk is full.
        """
        directory, file, place = self._directories[level], self._waiting[level], self._places[level]
        for packed in tiles:
            file.add(struct.pack("<I", len(packed)), packed, packed[-4:])
            directory.offsets[place[0]] = place[1] + 4
            directory.sizes[place[0]] = len(packed)
            place[0] += 1
            place[1] += len(packed) + 8

    def finish(self, file: BinaryIO, tags: Mapping[int, RawTag] | None = None) -> int:
        """Write all that was added as a COG.

        Args:
            file: Empty seekable file.
            tags: Of the first directory, in place of those that were known before its pixels were.

        Returns:
            Size of the file in bytes.

        Raises:
            OSError: The file cannot be written.
        """
        self._directories[0].replace_tags(tags or {})
        position = len(_file_header(self._directories, self._is_big))
        for directory, (_, size) in zip(reversed(self._directories), reversed(self._places), strict=True):
            directory.offsets += position
            position += size
        file.write(_file_header(self._directories, self._is_big))
        for waiting in reversed(self._waiting):
            waiting.move_to(file)
        return position

    def close(self) -> None:
        """Release what waits."""
        for waiting in self._waiting:
            waiting.close()


class _Waiting:
    """Bytes that wait: in memory while they are few, then in a file without a name."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts, self._size = folder, list[bytes](), 0
        self._file: IO[bytes] | None = None

    def add(self, *parts: bytes) -> None:
        self._parts += parts
        self._size += sum(len(part) for part in parts)
        if self._size > _SPOOL_BYTES:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by ``close``
            self._file.writelines(self._parts)
            self._parts.clear()
            self._size = _SPOOL_BYTES - _COPY_BYTES

    def move_to(self, file: BinaryIO) -> None:
        if self._file is not None:
            self._file.seek(0)
            shutil.copyfileobj(self._file, file, _COPY_BYTES)
        file.writelines(self._parts)
        self.close()

    def close(self) -> None:
        self._parts.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


class _Directory:
    """One image file directory with the places of its tiles."""

    def __init__(
        self,
        shape: tuple[int, int],
        data_type: np.dtype[Any],
        index: int,
        tags: Mapping[int, RawTag],
        profile: CogProfile,
        *,
        is_big: bool,
    ) -> None:
        self._is_big = is_big
        rows, cols = shape
        block = profile.block
        number = -(-rows // block) * -(-cols // block)
        self.offsets = np.zeros(number, dtype="<u8" if is_big else "<u4")
        self.sizes = np.zeros(number, dtype="<u4")
        predictor = predictor_of(data_type, profile)
        self._tags = {
            254: _number(_LONG, 1 if index else 0),
            256: _number(_LONG, cols),
            257: _number(_LONG, rows),
            258: _number(_SHORT, 8 * data_type.itemsize),
            259: _number(_SHORT, _COMPRESSIONS[profile.compress]),
            262: _number(_SHORT, 1),
            277: _number(_SHORT, 1),
            284: _number(_SHORT, 1),
            317: _number(_SHORT, predictor),
            322: _number(_LONG, block),
            323: _number(_LONG, block),
            339: _number(_SHORT, _SAMPLE_FORMATS[data_type.kind]),
        }
        self._tags |= {tag: raw for tag, raw in tags.items() if index == 0 or tag == _NODATA_TAG}

    def replace_tags(self, tags: Mapping[int, RawTag]) -> None:
        """Take tags in place of those of the same numbers."""
        self._tags |= tags

    def encode(self, start: int, *, is_last: bool) -> bytes:
        """Return the directory and its values as bytes that begin at ``start``."""
        offset_kind = _LONG8 if self._is_big else _LONG
        tags = dict(self._tags)
        tags[324] = RawTag(offset_kind, self.offsets.size, self.offsets.tobytes())
        tags[325] = RawTag(_LONG, self.sizes.size, self.sizes.tobytes())
        inline, count_format, entry_format = (8, "<Q", "<HHQ") if self._is_big else (4, "<H", "<HHI")
        pointer = "<Q" if self._is_big else "<I"
        entry_size = struct.calcsize(entry_format) + inline
        body_start = start + struct.calcsize(count_format) + len(tags) * entry_size + inline
        entries, body = b"", b""
        for tag, raw in sorted(tags.items()):
            data = raw.data
            if len(data) > inline:
                place = struct.pack(pointer, body_start + len(body))
                body += data + b"\0" * (len(data) % 2)
            else:
                place = data.ljust(inline, b"\0")
            entries += struct.pack(entry_format, tag, raw.kind, raw.count) + place
        body += b"\0" * (-(body_start + len(body)) % 8)
        following = 0 if is_last else body_start + len(body)
        return struct.pack(count_format, len(tags)) + entries + struct.pack(pointer, following) + body


def _number(kind: int, value: int) -> RawTag:
    return RawTag(kind, 1, struct.pack("<H" if kind == _SHORT else "<I", value))


def _file_header(directories: Sequence[_Directory], is_big: bool) -> bytes:
    ghost = f"GDAL_STRUCTURAL_METADATA_SIZE={len(_GHOST):06d} bytes\n".encode() + _GHOST
    size = (16 if is_big else 8) + len(ghost)
    first = size + (-size % 8)
    start = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if is_big else struct.pack("<2sHI", b"II", 42, first)
    header = (start + ghost).ljust(first, b"\0")
    for index, directory in enumerate(directories):
        header += directory.encode(len(header), is_last=index == len(directories) - 1)
    return header


def _tiles(strip: NDArray[Any], block: int) -> Iterator[NDArray[Any]]:
    for left in range(0, strip.shape[1], block):
        yield strip[:, left : left + block]
