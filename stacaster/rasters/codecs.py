"""Packed tiles to pixels, straight into their place."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.rasters.tiff import Level

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


def place(
    tile: NDArray[Any], level: Level, target: NDArray[Any], *, row: int = 0, col: int = 0, fast: bool = False
) -> None:
    """Write pixels of an unpacked tile into an array.

    Args:
        tile: Of ``unpack``.
        level: What it belongs to.
        target: Array of shape (rows, cols) of the same type; takes the pixels from ``row`` and ``col`` on.
        row: First row of the tile.
        col: First column of the tile.
        fast: Use the compiled loop.
    """
    rows, cols = target.shape
    if level.predictor == 3:
        import imagecodecs

        whole = np.frombuffer(scratch("floats", tile.nbytes), dtype=tile.dtype).reshape(tile.shape)
        tile = imagecodecs.floatpred_decode(tile, axis=-1, out=whole)
    elif level.predictor == 2:
        bits = f"u{tile.itemsize}"
        if fast or "numba" in sys.modules:
            from stacaster.rasters.kernels import add_up

            add_up(tile.view(bits), target.view(bits), row, col)
            return
        import imagecodecs

        needed = tile[row : row + rows].view(bits)
        whole = np.frombuffer(scratch("sums", needed.nbytes), dtype=bits).reshape(needed.shape)
        imagecodecs.delta_decode(needed, axis=-1, out=whole)
        np.copyto(target, whole[:, col : col + cols].view(tile.dtype))
        return
    np.copyto(target, tile[row : row + rows, col : col + cols])
