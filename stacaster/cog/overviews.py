"""Reduced-resolution levels: averages of valid pixels for continuous bands, a pixel of each block for the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.model import BandKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What is averaged at once: fewer rows of wide bands, because averages are made in float64.
_PIXELS = 1 << 20
_WIDER = {"uint8": np.uint16, "int8": np.int16, "uint16": np.uint32, "int16": np.int32, "complex64": np.complex128}


def level_shapes(shape: tuple[int, int], *, largest: int) -> list[tuple[int, int]]:
    """Return rows and columns of a band and of its overviews: factors of two, sizes rounded up.

    Args:
        shape: Rows and columns of the band.
        largest: Longest side of the smallest overview.
    """
    found = [shape]
    while max(found[-1]) > largest:
        rows, cols = found[-1]
        found.append(((rows + 1) // 2, (cols + 1) // 2))
    return found


def halve(pixels: NDArray[Any], *, kind: BandKind, nodata: int | float | None) -> NDArray[Any]:
    """Return the next overview of some rows of a level.

    Args:
        pixels: Array of shape (rows, cols) that begins at an even row.
        kind: ``continuous`` bands are averaged, of ``amplitude`` the squares (power); others keep the upper-left
            pixel of each 2 x 2 block.
        nodata: Value of invalid pixels, which have no part in an average.
    """
    if kind == "amplitude":
        squares = np.square(pixels, dtype="float64")
        means = halve(squares, kind="continuous", nodata=nodata)
        return np.asarray(np.sqrt(means), dtype=pixels.dtype)
    if kind != "continuous":
        return np.ascontiguousarray(pixels[::2, ::2])
    rows, cols = pixels.shape
    result = np.empty(((rows + 1) // 2, (cols + 1) // 2), dtype=pixels.dtype)
    half = max(1, _PIXELS // max(1, cols))
    step = 2 * half
    for start in range(0, rows, step):
        block = pixels[start : start + step]
        padding = ((0, block.shape[0] % 2), (0, cols % 2))
        target = result[start // 2 : start // 2 + half]
        _average_block(block, padding, nodata, target)
    return result


def _average_block(
    block: NDArray[Any], padding: tuple[tuple[int, int], ...], nodata: int | float | None, target: NDArray[Any]
) -> None:
    """Average 2 x 2 pixels; integers are rounded half away from zero, as GDAL does."""
    is_float = block.dtype.kind in "fc"
    if nodata is None:
        valid = None
    elif isinstance(nodata, float) and math.isnan(nodata):
        valid = ~np.isnan(block)
    else:
        valid = block != block.dtype.type(nodata)
    work: Any = _WIDER.get(str(block.dtype), np.float64 if is_float else np.int64)
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
        target[...] = _divided(total, 4)
        return
    marks = valid.view(np.uint8)
    count = marks[0::2] + marks[1::2]
    count = count[:, 0::2] + count[:, 1::2]
    mean = _divided(total, 4)
    partial = (count != 4) & (count != 0)
    mean[partial] = _divided(total[partial], count[partial].astype(work))
    target[...] = mean
    if nodata is not None:
        if _lies_between_values(nodata, block.dtype):
            target[(target == nodata) & (count != 0)] = _beside(nodata, block.dtype)
        target[count == 0] = complex(nodata, nodata) if target.dtype.kind == "c" else nodata


def _divided(total: NDArray[Any], number: Any) -> Any:
    if total.dtype.kind in "fc":
        return total / number
    if isinstance(number, int) and total.dtype.kind == "u":
        return (total + 2) >> 2
    size = (2 * np.abs(total) + number) // (2 * number)
    return size if total.dtype.kind == "u" else np.where(total < 0, -size, size)


def _lies_between_values(nodata: int | float, data_type: np.dtype[Any]) -> bool:
    """Tell whether an average of other values can be this one: not when it is the end of what the type can hold."""
    limits: Any = np.finfo(data_type) if data_type.kind in "fc" else np.iinfo(data_type)
    return bool(limits.min < nodata < limits.max)


def _beside(nodata: int | float, data_type: np.dtype[Any]) -> Any:
    """Return the next larger value, which stands for an average that would otherwise be taken for nodata."""
    if data_type.kind == "f":
        return np.nextafter(data_type.type(nodata), data_type.type(np.inf))
    return int(nodata) + 1
