"""Reduced-resolution levels: averages of valid pixels for continuous bands, a pixel of each block for the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.model import BandKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 256
_WIDER = {"uint8": np.uint16, "int8": np.int16, "uint16": np.uint32, "int16": np.int32}


def build_overviews(
    pixels: NDArray[Any], *, kind: BandKind, nodata: int | float | None, largest: int
) -> list[NDArray[Any]]:
    """Return overviews by factors of two until one fits into a tile.

    Args:
        pixels: Array of shape (rows, cols).
        kind: ``continuous`` bands are averaged; others keep the upper-left pixel of each 2 x 2 block.
        nodata: Value of invalid pixels, which have no part in an average.
        largest: Longest side of the smallest overview.

    Returns:
        Overviews from large to small, sizes rounded up; empty when the band itself is that small.
    """
    levels: list[NDArray[Any]] = []
    current = pixels
    while max(current.shape) > largest:
        current = _average(current, nodata) if kind == "continuous" else np.ascontiguousarray(current[::2, ::2])
        levels.append(current)
    return levels


def _average(pixels: NDArray[Any], nodata: int | float | None) -> NDArray[Any]:
    rows, cols = pixels.shape
    result = np.empty(((rows + 1) // 2, (cols + 1) // 2), dtype=pixels.dtype)
    step = 2 * _ROWS
    for start in range(0, rows, step):
        block = pixels[start : start + step]
        padding = ((0, block.shape[0] % 2), (0, cols % 2))
        target = result[start // 2 : start // 2 + _ROWS]
        _average_block(block, padding, nodata, target)
    return result


def _average_block(
    block: NDArray[Any], padding: tuple[tuple[int, int], ...], nodata: int | float | None, target: NDArray[Any]
) -> None:
    """Average 2 x 2 pixels; integers are rounded half up, as GDAL does."""
    is_float = block.dtype.kind == "f"
    if nodata is None:
        valid = None
    elif isinstance(nodata, float) and math.isnan(nodata):
        valid = ~np.isnan(block)
    else:
        valid = block != block.dtype.type(nodata)
    work: Any = np.float64 if is_float else _WIDER.get(str(block.dtype), np.int64)
    values = block
    if valid is not None and nodata != 0:
        values = np.where(valid, block, block.dtype.type(0))
    if any(part != (0, 0) for part in padding):
        inside = np.ones(block.shape, dtype=bool) if valid is None else valid
        valid = np.pad(inside, padding)
        values = np.pad(values, padding)
    total = np.add(values[0::2], values[1::2], dtype=work)
    total = total[:, 0::2] + total[:, 1::2]
    if valid is None:
        target[...] = total / 4 if is_float else (total + 2) >> 2
        return
    marks = valid.view(np.uint8)
    count = marks[0::2] + marks[1::2]
    count = count[:, 0::2] + count[:, 1::2]
    mean = total / 4 if is_float else (total + 2) >> 2
    partial = (count != 4) & (count != 0)
    number = count[partial].astype(work)
    part = total[partial]
    mean[partial] = part / number if is_float else (2 * part + number) // (2 * number)
    if nodata is not None:
        mean[count == 0] = nodata
    target[...] = mean
