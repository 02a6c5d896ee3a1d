"""Resamplings that only GDAL has, made so that a pixel never depends on the block that it is read with.

GDAL warps a piece of a grid by a scale and by positions that it takes from that piece. So the pieces are cells of the
cube's lattice, whatever the block and the cube, the scale is that of the whole file, and each position is transformed
by itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.overlap import compute_reproject_roi

from stacaster.geotiff.driver.pixel_lattice import lattice_of
from stacaster.geotiff.driver.render import Block, covered_part
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.driver.values import cast
from stacaster.geotiff.driver.views import View, placed
from stacaster.geotiff.odc_private import resolve_dst_fill_value, resolve_dst_nodata, resolve_src_nodata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from stacaster.geotiff.driver.files import Opened
    from stacaster.geotiff.driver.windows import Layer

_Roi = tuple[slice, slice]
_OF_GDAL = ("cubic_spline", "lanczos", "mode", "max", "min", "med", "q1", "q3", "sum", "rms")
# Rows and columns of a cell: those of GDAL's blocks, and few rows because cubes are made by rows.
_HIGH, _WIDE = 128, 512
# In pixels of the file; GDAL reads 0 as its default, an eighth.
_EXACT = 1e-8
# Part of a pixel by which grids may differ that are the same to odc-loader.
_SAME = 0.05
_SMALLEST, _MOST_PIXELS = 16, 16 << 20
# Pixels of the cube that the widest kernel reaches, and places along a side of a cell by which its window is found.
_REACH, _PLACES = 3.5, 17


def warp(opened: Opened, dataset: Any, band: int, view: View, block: Block, cfg: Any) -> _Roi | None:
    """Write a band into a block of a cube by GDAL.

    Args:
        opened: What is known of the file.
        dataset: The level of the file that the view is of, opened by rasterio.
        band: Number of the band.
        view: How the file is seen from the cube.
        block: Takes the pixels, all of them.
        cfg: ``RasterLoadParams`` of odc-loader.

    Returns:
        Rows and columns of the block that the file may have pixels in; None when there are none.

    Raises:
        UnsupportedError: GDAL has no such resampling, or no scale is known.
        RasterioError: The file cannot be read.
    """
    from rasterio.vrt import WarpedVRT

    _require_known(cfg.resampling, view)
    source, target = np.dtype(dataset.dtypes[band - 1]), block.pixels.dtype
    src_nodata = resolve_src_nodata(dataset.nodatavals[band - 1], cfg)
    # What whole numbers and real ones both can be.
    shared = None if src_nodata is None or np.isnan(src_nodata) else src_nodata
    if src_nodata is None and source.kind == "f":
        src_nodata = np.nan
    marked = resolve_dst_nodata(target, cfg, shared)
    # Where no number says that there is nothing, NaN does; only the longest numbers would lose digits by it.
    is_long = source.kind in "ui" and source.itemsize > 4
    is_same = source == target and (marked is not None or is_long)
    roi = _part(opened, view, block, cfg, is_marked=not is_long or marked is not None)
    if roi is None:
        return None
    # Numbers of another type are cut and rounded after the means, not before.
    nodata = marked if is_same else np.nan
    nothing = resolve_dst_fill_value(target, cfg, shared)
    for cell in _cells(block, roi, (_HIGH, _WIDE)):
        with WarpedVRT(
            dataset, crs=str(block.cube.crs), transform=cell.transform, width=_WIDE, height=_HIGH,
            src_nodata=src_nodata, nodata=nodata, dtype=(source if is_same else np.dtype("float64")).name,
            **_options(cfg.resampling, view),
        ) as warped:  # fmt: skip
            pixels = warped.read(band)[cell.inside]
        if not is_same:
            pixels = np.where(np.isnan(pixels), nothing, cast(pixels, target))
        block.pixels[cell.in_block] = pixels
    return roi


def warp_layer(layer: Layer, view: View, block: Block, resampling: str) -> bool:
    """Write pixels that are made in memory, tile by tile, into a block of a cube by GDAL; see ``render``.

    Args:
        layer: Gives the pixels; its rule says what becomes of values.
        view: How the layer is seen from the cube.
        block: Takes the pixels.
        resampling: One of GDAL's.

    Returns:
        Whether the layer may have a pixel in the block.

    Raises:
        UnsupportedError: GDAL has no such resampling, or no scale is known.
    """
    from rasterio.vrt import WarpedVRT

    _require_known(resampling, view)
    rule, found = layer.rule, False
    size = _cell_size(view)
    whole = (slice(0, block.pixels.shape[0]), slice(0, block.pixels.shape[1]))
    for cell in _cells(block, whole, size):
        target = block.pixels[cell.in_block]
        window = _source_window(layer, view, cell, size)
        if window is None:
            if not rule.keep:
                target[...] = rule.outside
            continue
        found = True
        rows, cols = window
        pixels = layer.window(rows, cols)
        part = pixels.pixels[rows[0] - pixels.top : rows[1] - pixels.top, cols[0] - pixels.left : cols[1] - pixels.left]
        values = part.astype("float64")
        if rule.nodata is not None:
            values[part == rule.nodata] = np.nan
        transform = ~view.to_pixels * Affine.translation(cols[0], rows[0])
        with _in_memory(values, transform, str(view.crs)) as dataset, WarpedVRT(
            dataset, crs=str(block.cube.crs), transform=cell.transform, width=size[1], height=size[0], nodata=np.nan,
            **_options(resampling, view),
        ) as warped:  # fmt: skip
            rule.blend(warped.read(1)[cell.inside], target)
    return found


@contextmanager
def _in_memory(values: NDArray[np.float64], transform: Affine, crs: str) -> Iterator[Any]:
    """Give pixels, NaN where there is no data, as a file that GDAL warps: of arrays it takes fewer options."""
    from rasterio.io import MemoryFile

    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", count=1, height=values.shape[0], width=values.shape[1], dtype="float64", crs=crs,
            transform=transform, nodata=np.nan,
        ) as target:  # fmt: skip
            target.write(values, 1)
        with memory.open() as dataset:
            yield dataset


def _options(resampling: str, view: View) -> dict[str, Any]:
    """Return the options of GDAL by which no pixel depends on what is warped with it."""
    from rasterio.enums import Resampling

    return {"resampling": Resampling[resampling], "tolerance": _EXACT, "XSCALE": 1 / view.across,
            "YSCALE": 1 / view.down, "SAMPLE_GRID": "YES"}  # fmt: skip


def _require_known(resampling: str, view: View) -> None:
    if resampling not in _OF_GDAL or not np.isfinite(view.across + view.down):
        raise UnsupportedError(f"resampling is {resampling}, or pixels have no size in the cube")


class _Cell:
    """A cell of the lattice, and its part in a block.

    Args:
        block: The block.
        roi: Rows and columns of it that are wanted.
        corner: First row and column of the cell in the cube; it may lie outside.
        transform: Of the cell.
        size: Its rows and columns.
    """

    def __init__(
        self, block: Block, roi: _Roi, corner: tuple[int, int], transform: Affine, size: tuple[int, int]
    ) -> None:
        self.corner, self.transform = corner, transform
        spans = [
            (max(start, of.start + part.start), min(start + length, of.start + part.stop))
            for start, length, of, part in zip(corner, size, (block.rows, block.cols), roi, strict=True)
        ]
        rows, cols = (slice(first - start, last - start) for (first, last), start in zip(spans, corner, strict=True))
        self.inside = (rows, cols)
        self.in_block = (
            slice(spans[0][0] - block.rows.start, spans[0][1] - block.rows.start),
            slice(spans[1][0] - block.cols.start, spans[1][1] - block.cols.start),
        )


def _cells(block: Block, roi: _Roi, size: tuple[int, int]) -> Iterator[_Cell]:
    """Yield the cells of a part of a block, which are the same for every block and every cube on the lattice."""
    lattice, col, row = lattice_of(block.cube)
    first, last = row + block.rows.start + roi[0].start, row + block.rows.start + roi[0].stop
    start, stop = col + block.cols.start + roi[1].start, col + block.cols.start + roi[1].stop
    high, wide = size
    for top in range(first // high * high, last, high):
        for left in range(start // wide * wide, stop, wide):
            x, y = lattice.place(np.array([left], "float64"), np.array([top], "float64"))
            t = lattice.transform
            transform = Affine(t.a, t.b, float(x[0]), t.d, t.e, float(y[0]))
            yield _Cell(block, roi, (top - row, left - col), transform, size)


def _cell_size(view: View) -> tuple[int, int]:
    """Return rows and columns of cells whose source pixels memory holds easily."""
    high, wide = _HIGH, _WIDE
    while high * wide * view.across * view.down > _MOST_PIXELS and wide > _SMALLEST:
        high, wide = max(high // 2, _SMALLEST), wide // 2
    return high, wide


def _source_window(
    layer: Layer, view: View, cell: _Cell, size: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return first and last rows and columns of the level that a cell can need; None when there are none."""
    rows = np.linspace(cell.corner[0], cell.corner[0] + size[0], _PLACES)
    cols = np.linspace(cell.corner[1], cell.corner[1] + size[1], _PLACES)
    near = np.meshgrid(cols, rows)
    x, y = placed(view.to_pixels, *view.places.at(near[0].ravel(), near[1].ravel()))
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return None
    window = []
    for at, length, scale in ((y[good], layer.level.height, view.down), (x[good], layer.level.width, view.across)):
        # What lies between the places may bend beyond them.
        room = _REACH * max(scale, 1.0) + 2 + (0.02 if good.all() else 0.25) * float(np.ptp(at))
        first, last = max(0, int(at.min() - room)), min(length, int(at.max() + room) + 1)
        if first >= last:
            return None
        window.append((first, last))
    return window[0], window[1]


def _part(opened: Opened, view: View, block: Block, cfg: Any, *, is_marked: bool) -> _Roi | None:
    """Return the part of a block that a file may cover."""
    if view.straight is None and not is_marked:
        # What lies outside cannot be told from pixels.
        levels = opened.image.levels
        grid = GeoBox((levels[0].height, levels[0].width), opened.image.transform, opened.crs)
        found = compute_reproject_roi(grid, block.cube[block.rows, block.cols], ttol=_SAME).roi_dst
        roi = (slice(*map(int, (found[0].start, found[0].stop))), slice(*map(int, (found[1].start, found[1].stop))))
    else:
        roi = covered_part(opened, block, resampling=cfg.resampling, use_overviews=cfg.use_overviews)
    return roi if all(part.stop > part.start for part in roi) else None
