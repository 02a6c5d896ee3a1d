"""The most frequent code of the source pixels that a pixel of the cube covers: codes are never averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stacaster.cube.pipeline.plan import BandPlan
    from stacaster.cube.pipeline.prepared import PreparedScene
    from stacaster.geotiff.driver.render import Block


_KEPT_TILES = 128


def render_mode(prepared: PreparedScene, block: Block, band: BandPlan) -> bool:
    """Write the code with the largest area of each pixel; of equal ones the smallest. Masked pixels do not count.

    Returns:
        Whether the scene has a pixel in the block.
    """
    codes: set[Any] = set()
    dtype = np.dtype(band.dtype)
    tiles: dict[Any, tuple[NDArray[Any], NDArray[np.float32]]] = {}

    def tile_of(stored: NDArray[Any], valid: NDArray[np.bool_], box: Any) -> tuple[NDArray[Any], NDArray[np.float32]]:
        key = (tuple(box.transform), box.shape.yx)
        if key in tiles:
            return tiles[key]
        tile = prepared.to_stored(stored, valid, box), prepared.to_valid(stored, valid, box)
        if len(tiles) < _KEPT_TILES:
            tiles[key] = tile
        return tile

    def note(stored: NDArray[Any], valid: NDArray[np.bool_], box: Any) -> NDArray[np.float32]:
        numbers, kept = tile_of(stored, valid, box)
        codes.update(np.unique(numbers[kept > 0]).tolist())
        return kept

    share = np.empty(block.pixels.shape, "float32")
    part = type(block)(cube=block.cube, rows=block.rows, cols=block.cols, pixels=share)
    if not prepared.render(part, note, dtype="float32", nodata=None, resampling="average", overviews=False):
        return False
    best = np.zeros(block.pixels.shape, "float32")
    result = np.full(block.pixels.shape, band.outside, dtype=dtype)
    for code in sorted(codes):

        def of_code(stored: NDArray[Any], valid: NDArray[np.bool_], box: Any, code: Any = code) -> NDArray[np.float32]:
            numbers, kept = tile_of(stored, valid, box)
            return np.where(numbers == code, kept, np.float32(0))

        prepared.render(part, of_code, dtype="float32", nodata=None, resampling="average", overviews=False)
        more = np.nan_to_num(share) > best + np.float32(1e-6)
        result[more] = code
        best = np.where(more, share, best)
    block.pixels[...] = result
    return True
