"""Resamplings that only GDAL has, made so that a pixel never depends on the block that it is read with.

GDAL warps a piece of a grid by a scale and by positions that it takes from that piece. So the pieces are cells of the
cube, whatever the block, the scale is that of the whole cube, and each position is transformed by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox
from odc.geo.overlap import compute_reproject_roi

from stacaster.geotiff.driver.render import Block, covered_part
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.driver.values import cast
from stacaster.geotiff.odc_private import resolve_dst_fill_value, resolve_dst_nodata, resolve_src_nodata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from rasterio.vrt import WarpedVRT

    from stacaster.geotiff.driver.files import Opened
    from stacaster.geotiff.driver.views import View

_Roi = tuple[slice, slice]
_OF_GDAL = ("cubic_spline", "lanczos", "mode", "max", "min", "med", "q1", "q3", "sum", "rms")
# Rows and columns of a cell: those of GDAL's blocks, and few rows because cubes are made by rows.
_HIGH, _WIDE = 128, 512
# In pixels of the file; GDAL reads 0 as its default, an eighth.
_EXACT = 1e-8
# Part of a pixel by which grids may differ that are the same to odc-loader.
_SAME = 0.05


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
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    if cfg.resampling not in _OF_GDAL or not np.isfinite(view.across + view.down):
        raise UnsupportedError(f"resampling is {cfg.resampling}, or pixels have no size in the cube")
    source, target = np.dtype(dataset.dtypes[band - 1]), block.pixels.dtype
    src_nodata = resolve_src_nodata(dataset.nodatavals[band - 1], cfg)
    # What whole numbers and real ones both can be.
    shared = None if src_nodata is None or np.isnan(src_nodata) else src_nodata
    if src_nodata is None and source.kind == "f":
        src_nodata = np.nan
    marked = resolve_dst_nodata(target, cfg, shared)
    roi = _part(opened, view, block, cfg, is_marked=marked is not None)
    if roi is None:
        return None
    # Numbers of another type are cut and rounded after the means, not before.
    is_same = source == target
    nodata = marked if is_same else np.nan
    cube = block.cube
    with WarpedVRT(
        dataset, crs=str(cube.crs), transform=cube.transform, width=cube.shape.x, height=cube.shape.y,
        src_nodata=src_nodata, nodata=nodata, dtype=(source if is_same else np.dtype("float64")).name,
        resampling=Resampling[cfg.resampling], tolerance=_EXACT, XSCALE=1 / view.across, YSCALE=1 / view.down,
        SAMPLE_GRID="YES",
    ) as warped:  # fmt: skip
        for rows, cols, pixels in _cells(warped, band, block, roi):
            if not is_same:
                nothing = resolve_dst_fill_value(target, cfg, shared)
                pixels = np.where(np.isnan(pixels), nothing, cast(pixels, target))  # noqa: PLW2901
            block.pixels[rows, cols] = pixels
    return roi


def _cells(warped: WarpedVRT, band: int, block: Block, roi: _Roi) -> Iterator[tuple[slice, slice, NDArray[Any]]]:
    """Yield rows and columns of a block and their pixels, read by cells that are the same for every block."""
    first, last = block.rows.start + roi[0].start, block.rows.start + roi[0].stop
    start, stop = block.cols.start + roi[1].start, block.cols.start + roi[1].stop
    for row in range(first // _HIGH * _HIGH, last, _HIGH):
        for col in range(start // _WIDE * _WIDE, stop, _WIDE):
            low, right = min(row + _HIGH, warped.height), min(col + _WIDE, warped.width)
            pixels: NDArray[Any] = warped.read(band, window=((row, low), (col, right)))
            rows, cols = slice(max(row, first), min(low, last)), slice(max(col, start), min(right, stop))
            yield (
                slice(rows.start - block.rows.start, rows.stop - block.rows.start),
                slice(cols.start - block.cols.start, cols.stop - block.cols.start),
                pixels[rows.start - row : rows.stop - row, cols.start - col : cols.stop - col],
            )  # fmt: skip


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
