"""Packed blocks to pixels, straight to where they belong."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.levels import Level

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANY_PIXELS = 20_000_000
"""From so many pixels on a compiled loop is worth the import of numba."""

_scratch = threading.local()
_PICTURES = {"jpeg", "webp", "jpegxl", "lerc"}


class DamagedTileError(Exception):
    """A block that cannot be unpacked, or is not there."""


class WrongChecksumError(OSError):
    """A block whose pixels are not those that its checksum was made of.

    GDAL does not look at the checksum and would give them all the same.
    """


def scratch(name: str, size: int) -> NDArray[np.uint8]:
    """Return memory of this thread that stays warm; whoever asks for the same name again overwrites it."""
    kept: NDArray[np.uint8] | None = getattr(_scratch, name, None)
    if kept is None or kept.size < size:
        kept = np.empty(size, dtype="uint8")
        setattr(_scratch, name, kept)
    return kept[:size]


def unpack(data: Any, level: Level, rows: int) -> NDArray[Any]:
    """Return a block as it was packed, differences not yet added up, in memory of this thread.

    Args:
        data: Bytes of the block.
        level: What it belongs to.
        rows: How many rows it has to have at least.

    Returns:
        Rows and columns, and bands where these lie pixel by pixel.

    Raises:
        DamagedTileError: It cannot be unpacked.
    """
    try:
        if level.compression in _PICTURES:
            return _picture(data, level, rows)
        return _numbers(data, level, rows)
    except (RuntimeError, ValueError, TypeError) as error:
        if "checksum" in str(error):
            raise WrongChecksumError("a tile does not match its checksum: its bytes were changed") from None
        raise DamagedTileError(f"a tile cannot be unpacked: {error}") from None


def _numbers(data: Any, level: Level, rows: int) -> NDArray[Any]:
    kind, line = np.dtype(level.dtype), level.tile_width * level.samples
    row_bytes = line * kind.itemsize if level.is_tight else -(-line * level.bits // 8)
    unpacked: Any = np.frombuffer(data, dtype="uint8")
    if level.compression != "none":
        # Writers pack the last strip whole, or only the rows that there are.
        unpacked = _decoder(level.compression)(data, out=scratch("tile", row_bytes * level.tile_height))
    if len(unpacked) < row_bytes * rows:
        raise DamagedTileError(f"a tile has {len(unpacked)} bytes instead of {row_bytes * rows}")
    count = len(unpacked) // row_bytes
    flat = np.frombuffer(unpacked, dtype="uint8", count=count * row_bytes)
    shape = (count, level.tile_width) if level.samples == 1 else (count, level.tile_width, level.samples)
    if not level.is_tight:
        return _widened(flat, level, line).reshape(shape)
    if kind.itemsize == 1 or level.byte_order == _NATIVE or level.predictor == 3:
        return flat.view(kind).reshape(shape)
    # The order of bytes is turned before differences are added up.
    return flat.view(f"{level.byte_order}{kind.str[1:]}").astype(kind).reshape(shape)


_NATIVE = "<" if sys.byteorder == "little" else ">"


def _widened(flat: NDArray[np.uint8], level: Level, line: int) -> NDArray[Any]:
    """Return numbers whose bits are not those of a NumPy type."""
    if (level.dtype, level.bits) == ("float32", 16):
        return flat.view(f"{level.byte_order}f2").astype("float32")
    import imagecodecs

    kind = np.dtype(level.dtype)
    found = imagecodecs.packints_decode(flat.tobytes(), kind, level.bits, runlen=line)
    return np.asarray(found, dtype=kind)


def _decoder(name: str) -> Callable[..., Any]:
    import imagecodecs

    known: dict[str, Callable[..., Any]] = {
        "zstd": imagecodecs.zstd_decode, "deflate": imagecodecs.deflate_decode, "lzw": imagecodecs.lzw_decode,
        "packbits": imagecodecs.packbits_decode, "lzma": imagecodecs.lzma_decode,
    }  # fmt: skip
    return known[name]


def _picture(data: Any, level: Level, rows: int) -> NDArray[Any]:
    """Return a block that is a picture of its own format."""
    found = _lerc(data, level) if level.compression == "lerc" else _photo(bytes(data), level)
    found = np.asarray(found)
    bands = () if level.samples == 1 else (level.samples,)
    if found.ndim == 3 and not bands and found.shape[-1] == 1:
        found = found[..., 0]
    if found.dtype != np.dtype(level.dtype) or found.shape[0] < rows or found.shape[1:] != (level.tile_width, *bands):
        raise DamagedTileError(f"a tile has {found.shape} pixels of {found.dtype}")
    return found


def _photo(data: bytes, level: Level) -> Any:
    import imagecodecs

    if level.compression == "webp":
        return imagecodecs.webp_decode(data, hasalpha=level.samples == 4)
    if level.compression == "jpegxl":
        return imagecodecs.jpegxl_decode(data)
    spaces = ("YCBCR", "RGB") if level.is_ycbcr else ("RGB", "RGB") if level.is_rgb and level.samples == 3 else None
    more: dict[str, Any] = {} if spaces is None else {"colorspace": spaces[0], "outcolorspace": spaces[1]}
    return imagecodecs.jpeg8_decode(data, tables=level.tables or None, **more)


def _lerc(data: Any, level: Level) -> Any:
    import imagecodecs

    packed = bytes(data)
    if level.packed_again:
        packed = bytes({1: imagecodecs.zlib_decode, 2: imagecodecs.zstd_decode}[level.packed_again](packed))
    values, valid = imagecodecs.lerc_decode(packed, masks=True)
    if valid is not None and level.dtype[0] == "f":
        values = np.array(values)
        values[~np.asarray(valid, dtype=bool).reshape(values.shape[:2])] = np.nan
    return values


def restored(tile: NDArray[Any], level: Level, rows: slice, *, fast: bool = False) -> NDArray[Any]:
    """Return rows of an unpacked block as pixels of the band, whole rows, in memory of this thread.

    Args:
        tile: Of ``unpack``; not to be used again.
        level: What it belongs to.
        rows: Rows of the block.
        fast: Use the compiled loop.
    """
    pixels = _added_up(tile, level, rows, fast=fast) if level.predictor != 1 else tile[rows]
    return pixels if level.samples == 1 else np.ascontiguousarray(pixels[..., level.sample])


def _added_up(tile: NDArray[Any], level: Level, rows: slice, *, fast: bool) -> NDArray[Any]:
    import imagecodecs

    axis = -1 if level.samples == 1 else -2
    if level.predictor == 3:
        whole = np.frombuffer(scratch("floats", tile.nbytes), dtype=tile.dtype).reshape(tile.shape)
        return np.asarray(imagecodecs.floatpred_decode(tile, axis=axis, out=whole))[rows]
    part = tile[rows]
    if (fast or "numba" in sys.modules) and level.samples == 1:
        _add_up(part)
        return part
    bits = f"u{tile.itemsize}"
    sums = np.frombuffer(scratch("sums", part.nbytes), dtype=bits).reshape(part.shape)
    imagecodecs.delta_decode(part.view(bits), axis=axis, out=sums)
    return sums.view(tile.dtype)


def _add_up(rows: NDArray[Any]) -> None:
    from stacaster.geotiff.driver import kernels

    is_whole = rows.shape[1] * rows.itemsize % 8 == 0 and sys.byteorder == "little"
    if is_whole and rows.itemsize <= 2:
        kernels.add_up_words(rows.view("u8"), 8 * rows.itemsize)
    else:
        kernels.add_up(rows.view(f"u{rows.itemsize}"))
