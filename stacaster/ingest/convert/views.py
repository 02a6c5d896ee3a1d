"""Pixels of a band from the stored numbers of a field: planes, orientation, what is no value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stacaster.geo.swath_cells import bucket_means
from stacaster.model import OpenGranule, Orientation, PixelView, SceneBand, SwathLookup

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRIP_BYTES = 32 << 20


def view_strips(granule: OpenGranule, band: SceneBand, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
    """Yield the rows of a window of a band from top to bottom, some at a time.

    Args:
        granule: The open granule.
        band: A band with a view.
        window: Rows and columns of the image, north up.

    Raises:
        ReadError: The pixels cannot be read.
    """
    assert band.view is not None
    if band.view.swath is not None:
        yield _of_swath(granule, band, band.view, band.view.swath)[window]
        return
    for strip in _oriented(granule, band, window):
        yield _as_band(strip, band, band.view)


def band_shape(granule: OpenGranule, band: SceneBand) -> tuple[int, int]:
    """Return rows and columns of the image of a whole band."""
    if band.view is not None and band.view.swath is not None:
        return band.view.swath.shape
    return image_shape(granule.content.layers[band.layer].shape, band.view.orientation if band.view else None)


def _of_swath(granule: OpenGranule, band: SceneBand, view: PixelView, swath: SwathLookup) -> NDArray[Any]:
    """Return the pixels of a grid from the cells of a swath."""
    import numpy as np

    table = band.band
    if view.swath_axis is None:
        whole = (slice(0, swath.cells[0]), slice(0, swath.cells[1]))
        cells = np.concatenate(list(_oriented(granule, band, whole)))
        if view.is_average and swath.buckets is not None:
            valid = ~_wrong(cells, view) & ~np.isnan(cells)
            size = swath.shape[0] * swath.shape[1]
            means = bucket_means(cells, valid, swath.buckets(), size)
            return means.astype(table.data_type).reshape(swath.shape)
        numbers = _as_band(cells, band, view).ravel()
    nearest = swath.nearest()
    some = nearest >= 0
    assert table.nodata is not None
    pixels: NDArray[Any] = np.full(swath.shape, table.nodata, dtype=table.data_type)
    if view.swath_axis is None:
        pixels[some] = numbers[nearest[some]]
    else:
        line, column = np.divmod(nearest[some], swath.cells[1])
        pixels[some] = line if view.swath_axis == "line" else column
    return pixels


def image_shape(shape: tuple[int, ...], orientation: Orientation | None) -> tuple[int, int]:
    """Return rows and columns of the image of a field."""
    axes = orientation or Orientation(rows=len(shape) - 2, columns=len(shape) - 1)
    return int(shape[axes.rows]), int(shape[axes.columns])


def _oriented(granule: OpenGranule, band: SceneBand, window: tuple[slice, slice]) -> Iterator[NDArray[Any]]:
    import numpy as np

    view, layer = band.view, granule.content.layers[band.layer]
    assert view is not None
    shape = layer.shape
    axes = view.orientation or Orientation(rows=len(shape) - 2, columns=len(shape) - 1)
    rows, columns = image_shape(shape, axes)
    as_stored = axes == Orientation(rows=0, columns=1) and len(shape) == 2
    if as_stored:
        yield from granule.strips(band.layer, window)
        return
    step = rows
    if axes.rows < axes.columns:
        # Rows that lie together in the file are read together; transposed images are read at once.
        step = max(1, _STRIP_BYTES // max(1, columns * np.dtype(layer.data_type).itemsize))
    part: list[int | slice] = [slice(0, size) for size in shape]
    for axis, index in view.plane:
        part[axis] = index
    for start in range(window[0].start, window[0].stop, step):
        stop = min(start + step, window[0].stop)
        part[axes.rows] = slice(rows - stop, rows - start) if axes.flip_rows else slice(start, stop)
        pixels = granule.read_part(band.layer, tuple(part))
        if axes.rows > axes.columns:
            pixels = pixels.T
        if axes.flip_rows:
            pixels = pixels[::-1]
        if axes.flip_columns:
            pixels = pixels[:, ::-1]
        if axes.roll:
            pixels = np.roll(pixels, axes.roll, axis=1)
        yield np.ascontiguousarray(pixels[:, window[1]])


def _as_band(strip: NDArray[Any], band: SceneBand, view: PixelView) -> NDArray[Any]:
    """Return stored numbers as pixels of the band: numbers that are no values become its fill value."""
    import numpy as np

    table = band.band
    pixels = strip.view(strip.dtype.str.replace("i", "u")) if view.is_unsigned else strip
    if view.keeps == "codes":
        is_code = np.isin(pixels, np.asarray(view.codes, dtype=pixels.dtype))
        return np.where(is_code, pixels, pixels.dtype.type(view.measured)).astype(table.data_type)
    if view.valid is None and not view.codes:
        return pixels
    assert table.nodata is not None
    wrong = _wrong(pixels, view)
    if not wrong.any():
        return pixels
    changed = pixels.copy()
    changed[wrong] = table.nodata
    return changed


def _wrong(pixels: NDArray[Any], view: PixelView) -> NDArray[Any]:
    """Return where stored numbers are no values."""
    import numpy as np

    wrong = np.zeros(pixels.shape, dtype=bool)
    if view.valid is not None:
        wrong |= (pixels < view.valid[0]) | (pixels > view.valid[1])
    for code in view.codes:
        wrong |= pixels == code
    return wrong
