"""What the header of a file says: bands, their levels, and how blocks are packed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from affine import Affine

from stacaster.geotiff.driver.georeference import Georeference
from stacaster.geotiff.driver.unsupported import UnsupportedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """One resolution of one band."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    """Rows of a tile, or of a strip; the last strip has fewer."""
    dtype: str
    """NumPy name of the pixels, in the byte order of this machine."""
    compression: str
    """As in ``tiff.COMPRESSIONS``, or ``gdal`` for what GDAL unpacks."""
    predictor: int = 1
    """1 none, 2 differences, 3 differences of the bytes of floating-point numbers."""
    offsets: NDArray[np.int64] = field(repr=False)
    """Of blocks, row by row; 0 with a count of 0 where a block is not there."""
    counts: NDArray[np.int64] = field(repr=False)
    """Bytes of blocks."""
    byte_order: str = "<"
    bits: int = 0
    """Of a number in the file; 0 when it is as long as those of ``dtype``."""
    samples: int = 1
    """How many bands lie pixel by pixel in a block."""
    sample: int = 0
    """Which of them this is."""
    is_strips: bool = False
    is_tight: bool = True
    """Whether blocks hold numbers of whole bytes, as NumPy has them."""
    file: str = ""
    """What is added to the path of the file for the one that holds the blocks."""
    tables: bytes = field(default=b"", repr=False)
    """What JPEG blocks share."""
    is_ycbcr: bool = False
    is_rgb: bool = False
    packed_again: int = 0
    """How LERC blocks are packed once more: 0 not, 1 deflate, 2 zstd."""

    @cached_property
    def across(self) -> int:
        """Blocks in a row."""
        return -(-self.width // self.tile_width)

    @cached_property
    def down(self) -> int:
        """Rows of blocks."""
        return -(-self.height // self.tile_height)

    def rows_of(self, block_row: int) -> int:
        """Return how many rows a block has at least."""
        return min(self.tile_height, self.height - block_row * self.tile_height) if self.is_strips else self.tile_height


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """What the header of a file says."""

    bands: tuple[tuple[Level, ...], ...]
    """Levels of each band, full resolution first."""
    masks: tuple[Level | None, ...] = ()
    """Of each level, what is 0 where no band has a value; empty when there is no mask."""
    alpha: int | None = None
    """Number of the band that is 0 where the others have no value."""
    georeference: Georeference | None
    """Grid and CRS; None when GDAL has to be asked."""
    nodata: float | None

    @property
    def levels(self) -> tuple[Level, ...]:
        """Levels of the first band."""
        return self.bands[0]

    @property
    def transform(self) -> Affine:
        """Pixels of the full resolution to coordinates."""
        if self.georeference is None:
            raise UnsupportedError("it has no grid of its own")
        return self.georeference.transform

    @cached_property
    def factors(self) -> list[int]:
        """How much smaller each overview is, as whole numbers."""
        return [int(0.5 + self.levels[0].width / level.width) for level in self.levels[1:]]

    def transform_of(self, level: int) -> Affine:
        """Return the transform of a level."""
        full, chosen = self.levels[0], self.levels[level]
        return self.transform * Affine.scale(full.width / chosen.width, full.height / chosen.height)

    def mask_of(self, band: int, level: int) -> Level | None:
        """Return what is 0 where a band has no value.

        Raises:
            UnsupportedError: The file has a mask, but none of this size.
        """
        if self.masks:
            if self.masks[level] is None:
                raise UnsupportedError("its mask has other levels than its bands")
            return self.masks[level]
        if self.alpha is None or self.nodata is not None or band == self.alpha:
            return None
        return self.bands[self.alpha - 1][level]
