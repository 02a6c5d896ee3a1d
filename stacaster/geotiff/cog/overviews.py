"""Reduced-resolution levels: averages of valid pixels for continuous bands, a pixel of each block for the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.model import BandKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What is averaged at once, so that it stays in the cache of a core.
_PIXELS = 1 << 18
_WIDER = {"int8": np.int16, "int16": np.int32, "complex64": np.complex128}
# Two neighbours as one number, of which the first is the lower half.
_PAIRS: dict[str, np.dtype[Any]] = {"uint8": np.dtype("<u2"), "uint16": np.dtype("<u4"), "uint32": np.dtype("<u8")}


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
    down, across = rows // 2 * 2, cols // 2 * 2
    average = _average_pairs if pixels.dtype.name in _PAIRS else _average_blocks
    step = 2 * max(1, _PIXELS // max(1, 2 * cols))
    for start in range(0, down, step):
        end = min(start + step, down)
        average(pixels[start:end, :across], nodata, result[start // 2 : end // 2, : across // 2])
    # Blocks at the right and lower edge have one or two pixels.
    if across < cols:
        _average_edge(pixels[:, across:], nodata, result[:, across // 2 :])
    if down < rows:
        _average_edge(pixels[down:, :across], nodata, result[down // 2 :, : across // 2])
    return result


def _average_edge(edge: NDArray[Any], nodata: int | float | None, target: NDArray[Any]) -> None:
    """Average blocks of which the second row or column does not exist: each pixel counts twice."""
    twice = np.repeat(edge, 2, axis=int(edge.shape[1] == 1))
    if twice.shape[0] % 2:
        twice = np.concatenate([twice, twice[-1:]])
    _average_blocks(twice, nodata, target)


def _average_pairs(block: NDArray[Any], nodata: int | float | None, target: NDArray[Any]) -> None:
    """Average 2 x 2 pixels of an unsigned type; two neighbours are worked on as one number of twice the size."""
    pair = _PAIRS[block.dtype.name]
    bits, low = pair.type(4 * pair.itemsize), pair.type((1 << 4 * pair.itemsize) - 1)
    values = np.ascontiguousarray(block)
    valid = None if nodata is None else values != block.dtype.type(nodata)
    if valid is not None and valid.all():
        valid = None
    elif valid is not None and nodata != 0:
        values = np.where(valid, values, block.dtype.type(0))
    total = _sum_of_pairs(values.view(pair), bits, low)
    if valid is None:
        total += pair.type(2)
        target[...] = total >> pair.type(2)
        return
    count = _sum_of_pairs(valid.view(np.dtype("<u2")), np.uint16(8), np.uint16(255))
    partial = np.flatnonzero((count & 3) != 0)
    known = total.reshape(-1)[partial], count.reshape(-1)[partial].astype(pair)
    total += pair.type(2)
    total >>= pair.type(2)
    if partial.size:
        total.reshape(-1)[partial] = _divided(*known)
    if nodata == 0:
        # Where nothing is valid, the sum is nodata already.
        target[...] = total
        return
    _finish(total, count, nodata, target)


def _sum_of_pairs(pairs: NDArray[Any], bits: Any, low: Any) -> NDArray[Any]:
    """Return the sums of 2 x 2 numbers, two of which stand in each element."""
    upper, lower = pairs[0::2], pairs[1::2]
    total: NDArray[Any] = upper & low
    part = upper >> bits
    total += part
    np.bitwise_and(lower, low, out=part)
    total += part
    np.right_shift(lower, bits, out=part)
    total += part
    return total


def _average_blocks(block: NDArray[Any], nodata: int | float | None, target: NDArray[Any]) -> None:
    """Average 2 x 2 pixels; integers are rounded half away from zero, as GDAL does."""
    is_float = block.dtype.kind in "fc"
    if nodata is None:
        valid = None
    elif isinstance(nodata, float) and math.isnan(nodata):
        valid = ~np.isnan(block)
    else:
        valid = block != block.dtype.type(nodata)
    if valid is not None and valid.all():
        valid = None
    work: Any = _WIDER.get(str(block.dtype), np.float64 if is_float else np.int64)
    values = block
    if valid is not None and nodata != 0:
        values = np.where(valid, block, block.dtype.type(0))
    total = np.add(values[0::2], values[1::2], dtype=work)
    total = total[:, 0::2] + total[:, 1::2]
    mean = _divided(total, 4)
    if valid is None:
        count = None
    else:
        marks = valid.view(np.uint8)
        count = marks[0::2] + marks[1::2]
        count = count[:, 0::2] + count[:, 1::2]
        partial = (count != 4) & (count != 0)
        mean[partial] = _divided(total[partial], count[partial].astype(work))
    _finish(mean, count, nodata, target)


def _finish(mean: NDArray[Any], count: NDArray[Any] | None, nodata: int | float | None, target: NDArray[Any]) -> None:
    """Put averages into place; where there is no valid pixel stands nodata, and nowhere else."""
    target[...] = mean
    if nodata is None:
        return
    if _lies_between_values(nodata, target.dtype):
        mistaken = target == nodata
        if count is not None:
            mistaken &= count != 0
        target[mistaken] = _beside(nodata, target.dtype)
    if count is not None:
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
