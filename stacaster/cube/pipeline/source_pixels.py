"""Stored pixels of files, window by window and without moving any: what masks and units are worked out on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

from stacaster.geotiff.driver.by_gdal import opened_by_gdal
from stacaster.geotiff.driver.files import opened
from stacaster.geotiff.driver.levels import Level
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.driver.values import Rule
from stacaster.geotiff.driver.windows import Layer
from stacaster.geotiff.odc_private import rio_env
from stacaster.geotiff.opening import open_raster, require_raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stacaster.cube.pipeline.plan import SceneBand


@dataclass(frozen=True)
class SourceLevel:
    """One resolution of a file."""

    shape: tuple[int, int]
    transform: Affine


class SourceFile:
    """One band of one file, for the time of a block.

    Args:
        scene: The band.
        env: Settings of GDAL.
        use_overviews: Whether levels of less than the full resolution are wanted.

    Raises:
        OSError: The file cannot be opened.
        ReadError: It is no file with pixels.
        rasterio.errors.RasterioError: GDAL cannot open it.
    """

    def __init__(self, scene: SceneBand, env: Mapping[str, Any], *, use_overviews: bool) -> None:
        self._scene, self._env, self._stack = scene, dict(env), ExitStack()
        self._dataset: Any = None
        self._source: Any = None
        self.fallback: str | None = None
        """Why rasterio reads it."""
        try:
            file, self._source = self._stack.enter_context(opened(scene.address, self._env))
            self._take(file, scene.number, use_overviews=use_overviews)
        except UnsupportedError as reason:
            self.fallback = str(reason)
            self._open_by_gdal(use_overviews=use_overviews)

    def _open_by_gdal(self, *, use_overviews: bool) -> None:
        scene = self._scene
        require_raster(scene.address)
        try:
            file, self._source = self._stack.enter_context(opened_by_gdal(scene.address, scene.number, self._env, {}))
            self._take(file, 1, use_overviews=use_overviews)
        except UnsupportedError:
            # A file without a CRS, whose item has one.
            self._source = None
            self._stack.enter_context(rio_env(**self._env))
            self._dataset = self._stack.enter_context(open_raster(scene.address))
            crs = self._dataset.crs or scene.crs
            if crs is None:
                raise OSError("neither the file nor its item says a CRS") from None
            self.dtype, self.crs = str(self._dataset.dtypes[scene.number - 1]), str(crs)
            self.levels = [SourceLevel(self._dataset.shape, self._dataset.transform)]

    def _take(self, file: Any, number: int, *, use_overviews: bool) -> None:
        image = file.image
        if not 1 <= number <= len(image.bands):
            raise UnsupportedError(f"it has no band {number}")
        self._bands, self._nodata = image.bands[number - 1], image.nodata
        count = len(self._bands) if use_overviews else 1
        self._masks = [image.mask_of(number, level) for level in range(count)]
        self.dtype, self.crs = self._bands[0].dtype, str(file.crs)
        sizes = [(level.height, level.width) for level in self._bands[:count]]
        self.levels = [SourceLevel(size, image.transform_of(number)) for number, size in enumerate(sizes)]

    def close(self) -> None:
        """Close what is open."""
        self._stack.close()

    def __enter__(self) -> SourceFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def window(self, level: int, rows: slice, cols: slice) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return stored pixels of a level, and where they are data."""
        if self._dataset is not None:
            return self._window_of_dataset(rows, cols)
        pixels = self._part(self._bands[level], rows, cols)
        valid = is_data(pixels, self._scene.nodata)
        mask = self._masks[level]
        if mask is not None and not self._scene.is_raw:
            valid &= self._part(mask, rows, cols) != 0
        return pixels, valid

    def _part(self, level: Level, rows: slice, cols: slice) -> NDArray[Any]:
        rule = Rule(
            source=level.dtype, target=level.dtype, nodata=None, fill=None, outside=0, stored_nodata=self._nodata
        )
        layer = Layer(self._source, level, None, rule)
        window = layer.window((rows.start, rows.stop), (cols.start, cols.stop), memory="source pixels")
        top, left = rows.start - window.top, cols.start - window.left
        # What is given lies in memory that the next window overwrites.
        part = window.whole[top : top + rows.stop - rows.start, left : left + cols.stop - cols.start]
        found: NDArray[Any] = part.copy()
        return found

    def _window_of_dataset(self, rows: slice, cols: slice) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        number = self._scene.number
        window = ((rows.start, rows.stop), (cols.start, cols.stop))
        pixels = self._dataset.read(number, window=window)
        valid = is_data(pixels, self._scene.nodata)
        if self._scene.has_mask:
            valid &= self._dataset.read_masks(number, window=window) != 0
        return pixels, valid


def is_data(pixels: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    """Return where stored numbers are data: neither NaN nor the fill value."""
    valid = ~np.isnan(pixels) if pixels.dtype.kind in "fc" else np.ones(pixels.shape, dtype=bool)
    if nodata is not None and nodata == nodata:  # noqa: PLR0124 - NaN is not itself
        valid &= pixels != pixels.dtype.type(nodata)
    return valid
