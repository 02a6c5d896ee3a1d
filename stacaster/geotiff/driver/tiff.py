"""Headers of tiled GeoTIFFs: where the tiles of each level lie and how they are packed."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

ReadBytes = Callable[[int, int], bytes]
"""Returns so many bytes from an offset on."""

_TYPES = {1: "u1", 2: "S1", 3: "<u2", 4: "<u4", 6: "i1", 7: "u1", 8: "<i2", 9: "<i4", 11: "<f4", 12: "<f8",
          13: "<u4", 16: "<u8", 17: "<i8", 18: "<u8"}  # fmt: skip
_KINDS = {1: "u", 2: "i", 3: "f"}
_COMPRESSIONS = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate", 50000: "zstd"}
_DATA_TYPES = {"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"}
_MASK = 4
_MOST_LEVELS = 64

(_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS,
 _FORMAT) = 254, 256, 257, 258, 259, 277, 317, 322, 323, 324, 325, 339  # fmt: skip
_SCALE, _TIEPOINT, _MATRIX, _GEO_KEYS, _NODATA = 33550, 33922, 34264, 34735, 42113
_FILL_ORDER = 266
# Keys of a CRS that say no more than its code does, and the value that they must have, if any.
_PLAIN_KEYS = {1024: None, 1025: 1, 1026: None, 2048: None, 2049: None, 2054: 9102, 2057: None, 2058: None, 2059: None,
               3072: None, 3073: None, 3076: 9001}  # fmt: skip
_USER_DEFINED = 32767


class UnsupportedError(Exception):
    """A file, or a wish, that this reader leaves to rasterio; the text says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """One resolution of a picture."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    dtype: str
    """NumPy name."""
    compression: str
    """``none``, ``lzw``, ``deflate`` or ``zstd``."""
    predictor: int
    """1 none, 2 differences, 3 differences of the bytes of floating-point numbers."""
    offsets: NDArray[np.int64] = field(repr=False)
    """Of tiles, row by row; 0 with a count of 0 where a tile is not there."""
    counts: NDArray[np.int64] = field(repr=False)
    """Bytes of tiles."""

    @cached_property
    def across(self) -> int:
        """Tiles in a row."""
        return -(-self.width // self.tile_width)

    @cached_property
    def down(self) -> int:
        """Rows of tiles."""
        return -(-self.height // self.tile_height)


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """What the header of a file says."""

    levels: tuple[Level, ...]
    """Full resolution first."""
    transform: Affine
    """Pixels of the full resolution to coordinates; no rotation."""
    epsg: int | None
    """Code of the CRS; None when the file does not give it as a plain code."""
    nodata: float | None

    @cached_property
    def factors(self) -> list[int]:
        """How much smaller each overview is, as whole numbers."""
        return [int(0.5 + self.levels[0].width / level.width) for level in self.levels[1:]]

    def transform_of(self, level: int) -> Affine:
        """Return the transform of a level."""
        full, chosen = self.levels[0], self.levels[level]
        return self.transform * Affine.scale(full.width / chosen.width, full.height / chosen.height)


def read_header(read: ReadBytes) -> Image:
    """Return what the header of a GeoTIFF says.

    Args:
        read: Gives bytes of the file; fewer than asked for at its end.

    Raises:
        UnsupportedError: It is no tiled GeoTIFF of one band in a layout that is known here.
    """
    start = read(0, 16)
    if start[:4] == b"II*\0":
        is_big, (place,) = False, struct.unpack_from("<I", start, 4)
    elif start[:4] == b"II+\0" and start[4:8] == b"\x08\0\0\0":
        is_big, (place,) = True, struct.unpack_from("<Q", start, 8)
    else:
        raise UnsupportedError("no little-endian TIFF")
    directories: list[dict[int, Any]] = []
    while place and len(directories) < _MOST_LEVELS:
        try:
            tags, place = _read_directory(read, place, is_big=is_big)
        except (struct.error, ValueError) as error:
            raise UnsupportedError(f"its header cannot be read: {error}") from None
        directories.append(tags)
    if not directories:
        raise UnsupportedError("no picture in the file")
    first = directories[0]
    kinds = [int(_one(tags, _SUBFILE, 0)) for tags in directories]
    if kinds[0] != 0:
        raise UnsupportedError("the first picture is no full resolution")
    if any(kind & _MASK for kind in kinds):
        raise UnsupportedError("it has a mask")
    if any(kind != 1 for kind in kinds[1:]):
        raise UnsupportedError("it has several pictures")
    levels = [_level(tags) for tags in directories]
    if any(level.dtype != levels[0].dtype for level in levels):
        raise UnsupportedError("its overviews have another data type")
    sizes = [level.width for level in levels]
    if sizes != sorted(sizes, reverse=True):
        raise UnsupportedError("its overviews are not in the order of their sizes")
    return Image(levels=tuple(levels), transform=_transform(first), epsg=_epsg(first), nodata=_nodata(first))


def _read_directory(read: ReadBytes, place: int, *, is_big: bool) -> tuple[dict[int, Any], int]:
    head, entry, word = (8, 20, "<Q") if is_big else (2, 12, "<I")
    (count,) = struct.unpack("<Q" if is_big else "<H", read(place, head))
    if count > 4096:
        raise ValueError("too many tags")
    inline = 8 if is_big else 4
    listed = read(place + head, count * entry + inline)
    tags: dict[int, Any] = {}
    for number in range(count):
        tag, kind = struct.unpack_from("<HH", listed, number * entry)
        (length,) = struct.unpack_from(word, listed, number * entry + 4)
        dtype = _TYPES.get(kind)
        if dtype is None:
            continue  # fractions: resolutions of paper
        size = length * np.dtype(dtype).itemsize
        at = number * entry + 4 + inline
        if size > inline:
            (offset,) = struct.unpack_from(word, listed, at)
            data = read(offset, size)
            if len(data) != size:
                raise ValueError("it ends too early")
        else:
            data = listed[at : at + size]
        tags[tag] = data if dtype == "S1" else np.frombuffer(data, dtype=dtype)
    (following,) = struct.unpack_from(word, listed, count * entry)
    return tags, following


def _one(tags: Mapping[int, Any], tag: int, default: int | None = None) -> int:
    values = tags.get(tag)
    if values is None:
        if default is None:
            raise UnsupportedError(f"it has no tag {tag}")
        return default
    return int(values[0])


def _level(tags: Mapping[int, Any]) -> Level:
    if _one(tags, _SAMPLES, 1) != 1:
        raise UnsupportedError("it has several bands")
    if _TILE_WIDTH not in tags:
        raise UnsupportedError("it has strips, not tiles")
    if _one(tags, _FILL_ORDER, 1) != 1:
        raise UnsupportedError("its bits are in reverse order")
    bits, form = _one(tags, _BITS, 1), _one(tags, _FORMAT, 1)
    if form not in _KINDS or bits % 8:
        raise UnsupportedError(f"its data type is none that is known here (sample format {form}, {bits} bits)")
    try:
        dtype = np.dtype(f"{_KINDS[form]}{bits // 8}").name
    except TypeError:
        dtype = f"{bits} bits"
    if dtype not in _DATA_TYPES:
        raise UnsupportedError(f"its data type is {dtype}")
    compression = _COMPRESSIONS.get(_one(tags, _COMPRESSION, 1))
    if compression is None:
        raise UnsupportedError(f"its compression is {_one(tags, _COMPRESSION, 1)}")
    predictor = _one(tags, _PREDICTOR, 1) if compression != "none" else 1
    if predictor not in {1, 2, 3} or (predictor == 3) != (predictor != 1 and form == 3):
        raise UnsupportedError(f"its predictor is {predictor}")
    level = Level(
        width=_one(tags, _WIDTH), height=_one(tags, _HEIGHT), tile_width=_one(tags, _TILE_WIDTH),
        tile_height=_one(tags, _TILE_HEIGHT), dtype=dtype, compression=compression, predictor=predictor,
        offsets=np.asarray(tags.get(_OFFSETS, ()), dtype="int64"), counts=np.asarray(tags.get(_COUNTS, ()), "int64"),
    )  # fmt: skip
    tiles = level.across * level.down
    if len(level.offsets) != tiles or len(level.counts) != tiles:
        raise UnsupportedError("its list of tiles is not complete")
    return level


def _transform(tags: Mapping[int, Any]) -> Affine:
    if _MATRIX in tags and len(tags[_MATRIX]) == 16:
        a, b, _, c, d, e, _, f = (float(value) for value in tags[_MATRIX][:8])
        if b or d:
            raise UnsupportedError("its grid is rotated")
        found = Affine(a, 0.0, c, 0.0, e, f)
    else:
        scale, tie = tags.get(_SCALE, ()), tags.get(_TIEPOINT, ())
        if len(scale) < 2 or len(tie) != 6:
            raise UnsupportedError("its place is not given by one corner and a pixel size")
        across, down = float(scale[0]), float(scale[1])
        left, top = float(tie[3]) - float(tie[0]) * across, float(tie[4]) + float(tie[1]) * down
        found = Affine(across, 0.0, left, 0.0, -down, top)
    if not all(math.isfinite(value) for value in tuple(found)[:6]) or not found.a or not found.e:
        raise UnsupportedError("its place is no place")
    return found


def _epsg(tags: Mapping[int, Any]) -> int | None:
    listed = tags.get(_GEO_KEYS)
    if listed is None or len(listed) < 8:
        raise UnsupportedError("it says no CRS")
    keys = {
        int(key): (int(where), int(value)) for key, where, _, value in listed[4 : len(listed) // 4 * 4].reshape(-1, 4)
    }
    if keys.get(1025, (0, 1))[1] != 1:
        raise UnsupportedError("its pixels are points")
    for key, (where, value) in keys.items():
        if key not in _PLAIN_KEYS or (_PLAIN_KEYS[key] is not None and (where or value != _PLAIN_KEYS[key])):
            return None
    where, code = keys.get({1: 3072, 2: 2048}.get(keys.get(1024, (0, 0))[1], 0), (0, _USER_DEFINED))
    return None if where or code in {0, _USER_DEFINED} else code


def _nodata(tags: Mapping[int, Any]) -> float | None:
    text = bytes(tags.get(_NODATA, b"")).split(b"\0")[0].decode("latin-1").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise UnsupportedError(f"its fill value is {text!r}") from None
