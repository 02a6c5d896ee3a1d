"""Headers of GeoTIFFs: where the blocks of each level and band lie, and how they are packed.

Decision: every common layout is read here: tiles and strips, bands pixel by pixel or plane by plane, both byte orders,
BigTIFF, predictors 1 to 3, numbers of 1 to 31 bits, the usual codecs, masks inside or in a ``.msk`` file, alpha,
overviews in an ``.ovr`` file, PixelIsPoint, rotated grids. Pixels that a mask leaves out become NaN on the way, so that
every resampling treats them as fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stacaster.geotiff.directories import Directory, NoTiffError, ReadBytes, Tiff, read_directories
from stacaster.geotiff.driver.georeference import georeference_of, nodata_of
from stacaster.geotiff.driver.levels import Image, Level
from stacaster.geotiff.driver.unsupported import UnsupportedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {1: "u", 2: "i", 3: "f"}
COMPRESSIONS = {1: "none", 5: "lzw", 7: "jpeg", 8: "deflate", 32773: "packbits", 32946: "deflate", 34887: "lerc",
                34925: "lzma", 50000: "zstd", 50001: "webp", 50002: "jpegxl"}  # fmt: skip
_PREDICTED = {"lzw", "deflate", "zstd", "lzma"}
_OVERVIEW, _PAGE, _MASK = 1, 2, 4
_ALPHA = {1, 2}
_YCBCR, _RGB = 6, 2
# Bytes of a block of rows that are not packed, which may be cut anywhere.
_STRIP_BYTES = 1 << 18

(_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS,
 _STRIP_COUNTS, _PLANES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _EXTRA, _FORMAT, _JPEG_TABLES,
 _SUBSAMPLING, _LERC) = (254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339,
                         347, 530, 50674)  # fmt: skip


def read_header(read: ReadBytes) -> Image:
    """Return what the header of a GeoTIFF says.

    Args:
        read: Gives bytes of the file; fewer than asked for at its end.

    Raises:
        UnsupportedError: It is no GeoTIFF in a layout that is known here.
    """
    try:
        tiff = read_directories(read)
        return _image(tiff)
    except NoTiffError as error:
        raise UnsupportedError(f"its header cannot be read: {error}") from None


def _image(tiff: Tiff) -> Image:
    if not tiff.directories:
        raise UnsupportedError("no picture in the file")
    first, *others = tiff.directories
    kinds = [directory.number(_SUBFILE, 0) for directory in others]
    if first.number(_SUBFILE, 0) & (_OVERVIEW | _MASK):
        raise UnsupportedError("the first picture is no full resolution")
    if any(kind not in {_OVERVIEW, _OVERVIEW | _PAGE, _MASK, _MASK | _OVERVIEW} for kind in kinds):
        raise UnsupportedError("it has several pictures")
    overviews = [other for other, kind in zip(others, kinds, strict=True) if not kind & _MASK]
    masks = [other for other, kind in zip(others, kinds, strict=True) if kind & _MASK]
    bands = _with_overviews(_levels(first, tiff.byte_order), [_levels(other, tiff.byte_order) for other in overviews])
    image = Image(
        bands=bands, alpha=_alpha(first, len(bands)), georeference=georeference_of(first),
        nodata=nodata_of(first, bands[0][0].dtype),
    )  # fmt: skip
    return with_masks(image, [_levels(mask, tiff.byte_order)[0] for mask in masks]) if masks else image


def read_companion(read: ReadBytes, suffix: str) -> list[tuple[Level, ...]]:
    """Return the bands of each picture of a file with overviews or masks of another one.

    Raises:
        UnsupportedError: It is no TIFF in a layout that is known here.
    """
    try:
        tiff = read_directories(read)
        levels = [_levels(directory, tiff.byte_order) for directory in tiff.directories]
    except NoTiffError as error:
        raise UnsupportedError(f"the header of its file {suffix} cannot be read: {error}") from None
    return [tuple(replace(level, file=suffix) for level in bands) for bands in levels]


def with_overviews(image: Image, overviews: Sequence[tuple[Level, ...]]) -> Image:
    """Return an image with overviews from another file; its own ones count first."""
    if len(image.levels) > 1:
        return image
    return replace(image, bands=_with_overviews([band[0] for band in image.bands], overviews))


def with_masks(image: Image, masks: Sequence[Level]) -> Image:
    """Return an image with the masks that are as large as its levels."""
    by_size = {(mask.width, mask.height): mask for mask in masks}
    return replace(image, masks=tuple(by_size.get((level.width, level.height)) for level in image.levels))


def _with_overviews(
    full: Sequence[Level], overviews: Sequence[Sequence[Level]]
) -> tuple[tuple[Level, ...], ...]:  # fmt: skip
    """Return the levels of each band, from the finest to the coarsest; GDAL leaves out what does not fit, too."""
    fitting = [
        bands for bands in overviews
        if len(bands) == len(full) and bands[0].dtype == full[0].dtype and bands[0].width < full[0].width
    ]  # fmt: skip
    fitting.sort(key=lambda bands: -bands[0].width)
    return tuple((level, *(bands[number] for bands in fitting)) for number, level in enumerate(full))


def _alpha(directory: Directory, bands: int) -> int | None:
    extra = directory.numbers(_EXTRA)
    places = [bands - len(extra) + number + 1 for number, kind in enumerate(extra) if kind in _ALPHA]
    return bands if bands > 1 and bands in places else None


def _levels(directory: Directory, byte_order: str) -> list[Level]:
    """Return one picture of each band."""
    samples = directory.number(_SAMPLES, 1)
    if samples < 1:
        raise UnsupportedError("it has no bands")
    is_planar = samples > 1 and directory.number(_PLANES, 1) == 2
    level = _common(directory, byte_order, 1 if is_planar else samples)
    blocks = level.across * level.down
    offsets, counts = _blocks(directory, level, blocks * (samples if is_planar else 1))
    found = []
    for band in range(samples):
        part = slice(band * blocks, (band + 1) * blocks) if is_planar else slice(0, blocks)
        one = replace(level, offsets=offsets[part], counts=counts[part], sample=0 if is_planar else band)
        found.append(_recut(one))
    return found


def _dtype(directory: Directory) -> tuple[str, int]:
    """Return the type of the pixels, and the bits that a number of it has in the file."""
    all_bits, all_forms = directory.numbers(_BITS) or [1], directory.numbers(_FORMAT) or [1]
    if len({*all_bits}) > 1 or len({*all_forms}) > 1:
        raise UnsupportedError("its bands have different data types")
    bits, form = int(all_bits[0]), int(all_forms[0])
    kind = _KINDS.get(1 if form == 4 else form)
    if kind is None or not (bits in {8, 16, 32, 64} or (kind == "u" and bits < 32) or (kind, bits) == ("f", 16)):
        raise UnsupportedError(f"its data type is none that is known here (sample format {form}, {bits} bits)")
    if bits == 24:
        raise UnsupportedError("its numbers have three bytes, of which programs know two orders")
    whole = next(size for size in (8, 16, 32, 64) if bits <= size)
    if kind == "f":
        if bits == 8:
            raise UnsupportedError("its numbers have 8 bits and a point")
        whole = max(whole, 32)
    return np.dtype(f"{kind}{whole // 8}").name, bits


def _common(directory: Directory, byte_order: str, samples: int) -> Level:
    dtype, bits = _dtype(directory)
    compression = COMPRESSIONS.get(directory.number(_COMPRESSION, 1))
    if compression is None:
        raise UnsupportedError(f"its compression is {directory.number(_COMPRESSION)}")
    if directory.number(_FILL_ORDER, 1) != 1:
        raise UnsupportedError("its bits are in reverse order")
    predictor = directory.number(_PREDICTOR, 1) if compression in _PREDICTED else 1
    is_tight = bits == 8 * np.dtype(dtype).itemsize
    if predictor not in {1, 2, 3} or (predictor == 3 and dtype[0] != "f") or (predictor != 1 and not is_tight):
        raise UnsupportedError(f"its predictor is {predictor}")
    if compression in {"jpeg", "webp", "jpegxl"} and (dtype != "uint8" or not is_tight):
        raise UnsupportedError(f"its compression is {compression}, of {bits} bits")
    is_ycbcr = directory.number(_PHOTOMETRIC, 1) == _YCBCR
    if compression == "jpeg" and is_ycbcr and set(directory.numbers(_SUBSAMPLING) or [2]) != {1}:
        # Libraries that unpack JPEG differ by many counts in how they make more pixels of fewer ones.
        raise UnsupportedError("its JPEG tiles have fewer pixels of colour than of brightness")
    width, height = directory.number(_WIDTH), directory.number(_HEIGHT)
    is_strips = _TILE_WIDTH not in directory.tags
    tile = (width, min(directory.number(_STRIP_ROWS, height), height)) if is_strips else (
        directory.number(_TILE_WIDTH), directory.number(_TILE_HEIGHT)
    )  # fmt: skip
    if min(width, height, *tile) < 1:
        raise UnsupportedError("it has no pixels")
    tables, lerc = directory.tags.get(_JPEG_TABLES), directory.numbers(_LERC)
    return Level(
        width=width, height=height, tile_width=tile[0], tile_height=tile[1], dtype=dtype, compression=compression,
        predictor=predictor, offsets=np.empty(0, "int64"), counts=np.empty(0, "int64"), byte_order=byte_order,
        bits=bits, samples=samples, is_strips=is_strips, is_tight=is_tight,
        tables=b"" if tables is None else tables.data,
        is_ycbcr=is_ycbcr, is_rgb=directory.number(_PHOTOMETRIC, 1) == _RGB,
        packed_again=int(lerc[1]) if len(lerc) > 1 else 0,
    )  # fmt: skip


def _blocks(directory: Directory, level: Level, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first byte and number of bytes of all blocks."""
    tags = (_STRIP_OFFSETS, _STRIP_COUNTS) if level.is_strips else (_OFFSETS, _COUNTS)
    offsets, counts = (np.asarray(directory.numbers(tag), dtype="int64") for tag in tags)
    if not len(counts) and level.is_strips and level.compression == "none" and level.is_tight:
        row = level.width * level.samples * np.dtype(level.dtype).itemsize
        counts = np.array([row * level.rows_of(at % level.down) for at in range(number)], dtype="int64")
    if len(offsets) < number or len(counts) < number:
        raise UnsupportedError("its list of blocks is not complete")
    return offsets[:number], counts[:number]


def _recut(level: Level) -> Level:
    """Return strips of numbers that are not packed in pieces that are neither large nor small."""
    if not level.is_strips or level.compression != "none" or not level.is_tight:
        return level
    row = level.width * level.samples * np.dtype(level.dtype).itemsize
    sizes = np.array([row * level.rows_of(at) for at in range(level.down)], dtype="int64")
    if (level.counts < sizes).any() or (level.offsets[1:] != level.offsets[:-1] + sizes[:-1]).any():
        return level
    rows = min(max(_STRIP_BYTES // row, 1), level.height)
    starts = np.arange(0, level.height, rows, dtype="int64")
    counts = np.minimum(rows, level.height - starts) * row
    return replace(level, tile_height=rows, offsets=level.offsets[0] + starts * row, counts=counts)
