"""Tiles to packed bytes and back, by codecs that let other threads run.

Sources: TIFF 6.0 (predictor 2, and Deflate as zlib streams); Adobe Photoshop TIFF Technical Note 3 (predictor 3).
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.geotiff.cog.profiles import CogProfile

if TYPE_CHECKING:
    from numpy.typing import NDArray


def predictor_of(data_type: np.dtype[Any], profile: CogProfile) -> int:
    """Return the TIFF predictor: complex numbers have none that all readers know."""
    return 1 if not profile.predictor or data_type.kind == "c" else 3 if data_type.kind == "f" else 2


class TileCodec:
    """Packs and unpacks the tiles of one band; any number of threads may use it.

    Args:
        data_type: Type of the pixels, little endian.
        compress: ``ZSTD`` or ``DEFLATE``.
        predictor: 1 (none), 2 (differences of numbers) or 3 (differences of bytes by significance).
        block: Width and height of a tile.
        level: Compression level.
    """

    def __init__(self, data_type: np.dtype[Any], *, compress: str, predictor: int, block: int, level: int = 1) -> None:
        codecs: Any = importlib.import_module("imagecodecs")
        self._type, self._shape, self._level = data_type, (block, block), level
        zstd = compress == "ZSTD"
        self._compress = self._zstd if zstd else codecs.deflate_encode
        self._decompress = codecs.zstd_decode if zstd else codecs.deflate_decode
        self._predict, self._restore = {
            1: (None, None),
            2: (codecs.delta_encode, codecs.delta_decode),
            3: (codecs.floatpred_encode, codecs.floatpred_decode),
        }[predictor]
        self._spaces = threading.local()

    def pack(self, tile: NDArray[Any]) -> bytes:
        """Return a tile as it stands in the file; a smaller one is filled up with zeros."""
        padded, predicted = self._space()
        whole = tile
        if tile.shape != self._shape:
            whole = padded
            whole[: tile.shape[0], : tile.shape[1]] = tile
            whole[tile.shape[0] :] = 0
            whole[: tile.shape[0], tile.shape[1] :] = 0
        if self._predict is not None:
            whole = self._predict(whole, axis=1, out=predicted)
        packed: bytes = self._compress(np.ascontiguousarray(whole), level=self._level)
        return packed

    def _zstd(self, whole: NDArray[Any], *, level: int) -> bytes:
        """Return a frame with a checksum, so that whoever reads it finds a flipped byte."""
        compressor: Any = getattr(self._spaces, "compressor", None)
        if compressor is None:
            import zstandard

            # Of bytes, matches of fewer than seven cost more than they save.
            more = {"min_match": 7} if self._type.itemsize == 1 and level == 1 else {}
            parameters = zstandard.ZstdCompressionParameters.from_level(
                level, source_size=whole.nbytes, write_checksum=True, write_content_size=True, **more
            )
            compressor = self._spaces.compressor = zstandard.ZstdCompressor(compression_params=parameters)
        packed: bytes = compressor.compress(whole.reshape(-1).view(np.uint8))
        return packed

    def unpack(self, packed: bytes | memoryview, target: NDArray[Any]) -> None:
        """Put the pixels of a tile, or of its upper left part, into an array.

        Raises:
            ValueError: The bytes are no tile of this kind.
        """
        if target.shape == self._shape:
            self._unpack(packed, target)
        else:
            target[...] = self._unpack(packed, None)[: target.shape[0], : target.shape[1]]

    def holds(self, packed: bytes | memoryview, pixels: NDArray[Any]) -> bool:
        """Tell whether a tile, or its upper left part, is these pixels, bit by bit.

        Raises:
            ValueError: The bytes are no tile of this kind.
        """
        found = self._unpack(packed, None)[: pixels.shape[0], : pixels.shape[1]]
        bits = f"u{pixels.dtype.itemsize}"
        return bool(np.array_equal(found.view(bits), pixels.view(bits)))

    def _unpack(self, packed: bytes | memoryview, target: NDArray[Any] | None) -> NDArray[Any]:
        restored, raw = self._space()
        data = raw.reshape(-1).view(np.uint8)
        try:
            found = self._decompress(packed, out=data)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        if len(found) != data.size:
            raise ValueError(f"a tile has {len(found)} bytes instead of {data.size}")
        if target is None:
            target = restored
        if self._restore is None:
            target[...] = raw
        else:
            self._restore(raw, axis=1, out=target)
        return target

    def _space(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return two tiles of this thread, used again and again."""
        found: tuple[NDArray[Any], NDArray[Any]] | None = getattr(self._spaces, "tiles", None)
        if found is None:
            found = np.empty(self._shape, dtype=self._type), np.empty(self._shape, dtype=self._type)
            self._spaces.tiles = found
        return found
