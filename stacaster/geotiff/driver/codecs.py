"""Packed tiles to pixels, straight into their place."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.driver.tiff import Level

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANY_PIXELS = 20_000_000
"""From so many pixels on a compiled loop is worth the import of numba."""

_scratch = threading.local()


class DamagedTileError(Exception):
    """A tile that cannot be unpacked, or is not there."""


def scratch(name: str, size: int) -> NDArray[np.uint8]:
    """Return memory of this thread that stays warm; whoever asks for the same name again overwrites it."""
    kept: NDArray[np.uint8] | None = getattr(_scratch, name, None)
    if kept is None or kept.size < size:
        kept = np.empty(size, dtype="uint8")
        setattr(_scratch, name, kept)
    return kept[:size]


def unpack(data: Any, level: Level) -> NDArray[Any]:
    """Return a tile as it was packed, differences not yet added up, in memory of this thread.

    Raises:
        DamagedTileError: It cannot be unpacked.
    """
    import imagecodecs

    kind = np.dtype(level.dtype)
    shape = (level.tile_height, level.tile_width)
    size = shape[0] * shape[1] * kind.itemsize
    if level.compression == "none":
        found: Any = np.frombuffer(data, dtype="uint8")
    else:
        decode: dict[str, Any] = {
            "zstd": imagecodecs.zstd_decode,
            "deflate": imagecodecs.deflate_decode,
            "lzw": imagecodecs.lzw_decode,
        }
        target = scratch("tile", size)
        try:
            found = decode[level.compression](data, out=target)
        except (RuntimeError, ValueError, TypeError) as error:
            raise DamagedTileError(f"a tile cannot be unpacked: {error}") from None
    if len(found) != size:
        raise DamagedTileError(f"a tile has {len(found)} bytes instead of {size}")
    return np.frombuffer(found, dtype=kind).reshape(shape)


def restored(tile: NDArray[Any], level: Level, rows: slice, *, fast: bool = False) -> NDArray[Any]:
    """Return rows of an unpacked tile as pixels, whole rows, in memory of this thread.

    Args:
        tile: Of ``unpack``; not to be used again.
        level: What it belongs to.
        rows: Rows of the tile.
        fast: Use the compiled loop.
    """
    if level.predictor == 3:
        import imagecodecs

        whole = np.frombuffer(scratch("floats", tile.nbytes), dtype=tile.dtype).reshape(tile.shape)
        return np.asarray(imagecodecs.floatpred_decode(tile, axis=-1, out=whole))[rows]
    part = tile[rows]
    if level.predictor != 2:
        return part
    # What is not packed may lie in memory that others read, too.
    if (fast or "numba" in sys.modules) and level.compression != "none":
        _add_up(part)
        return part
    import imagecodecs

    bits = f"u{tile.itemsize}"
    sums = np.frombuffer(scratch("sums", part.nbytes), dtype=bits).reshape(part.shape)
    imagecodecs.delta_decode(part.view(bits), axis=-1, out=sums)
    return sums.view(tile.dtype)


def _add_up(rows: NDArray[Any]) -> None:
    from stacaster.geotiff.driver import kernels

    is_whole = rows.shape[1] * rows.itemsize % 8 == 0 and sys.byteorder == "little"
    if is_whole and rows.itemsize <= 2:
        kernels.add_up_words(rows.view("u8"), 8 * rows.itemsize)
    else:
        kernels.add_up(rows.view(f"u{rows.itemsize}"))
