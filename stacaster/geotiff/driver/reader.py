"""A reader driver for odc-loader: GeoTIFFs at the speed of the codec, other files through rasterio.

A pixel never depends on the block that it is read with. GDAL warps block by block, so it is asked for stored pixels,
and where they belong is found out here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.errors import RasterioError

from stacaster.geotiff.driver.by_gdal import GdalSource, opened_by_gdal
from stacaster.geotiff.driver.codecs import DamagedTileError, WrongChecksumError
from stacaster.geotiff.driver.files import Opened, Source, opened
from stacaster.geotiff.driver.render import RESAMPLINGS, Block, covered_part, render
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.driver.values import cast, rule_for
from stacaster.geotiff.driver.views import block_in, view_of
from stacaster.geotiff.driver.warping import warp
from stacaster.geotiff.lending import borrow
from stacaster.geotiff.odc_private import (
    RioDriver,
    nodata_mask,
    resolve_band_query,
    resolve_dst_fill_value,
    resolve_src_nodata,
    rio_env,
    rio_read,
)
from stacaster.geotiff.opening import open_raster, require_raster

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_log = logging.getLogger(__name__)

_LEFT = (UnsupportedError, DamagedTileError, OSError)
_Roi = tuple[slice, slice]
_Opener = Callable[[int], AbstractContextManager[tuple[Opened, Source, int]]]
"""Opens a band by its number: the file, its blocks, and the number of the band in what was opened."""


@dataclass(frozen=True)
class Context:
    """What the readers of one load share."""

    env: dict[str, Any]
    """Settings of GDAL, for what rasterio reads."""
    cube: GeoBox | None
    """Grid of the whole cube, of which blocks are read."""
    known: dict[tuple[str, int], Opened] = field(default_factory=dict)
    """What is known of files that GDAL reads."""


class Driver:
    """Reader driver for ``odc.stac.load(items, driver="stacaster.driver")``.

    GeoTIFFs are read here: tiles and strips, one band or several, with masks, in either byte order. Of other files
    rasterio reads the stored pixels. What fails, and resamplings that are not known here, go to odc-loader's own
    driver.
    """

    md_parser = dask_reader = aux_reader = None

    def __init__(self) -> None:
        self._rio = RioDriver()

    def new_load(self, geobox: GeoBox, *, chunks: dict[str, int] | None = None) -> Any:
        """Return what the blocks of one load share."""
        return self._rio.new_load(geobox, chunks=chunks)

    def finalise_load(self, load_state: Any) -> Any:
        """End a load."""
        return self._rio.finalise_load(load_state)

    def capture_env(self) -> dict[str, Any]:
        """Return the settings of GDAL as they are now."""
        return self._rio.capture_env()

    @contextmanager
    def restore_env(self, env: dict[str, Any], load_state: Any) -> Iterator[Context]:
        """Give the readers of a block what they share; GDAL's settings are set where GDAL is used."""
        yield Context(env, getattr(load_state, "geobox", None))

    def open(self, src: Any, ctx: Context) -> Reader:
        """Return a reader for one file."""
        return Reader(src, ctx)


class Reader:
    """Reads blocks of one file.

    Args:
        src: ``RasterSource`` of odc-loader.
        ctx: What the readers of a load share.
    """

    def __init__(self, src: Any, ctx: Context) -> None:
        self.src, self.ctx = src, ctx
        self.left_to_rasterio: str | None = None
        """Why the last block was read by rasterio; None when it was not."""
        self._is_raster = False
        self.is_damaged = False
        """Whether the file was found to be damaged by ``fill``."""

    def read(
        self, cfg: Any, dst_geobox: GeoBox, *, dst: NDArray[Any] | None = None, selection: Any = None
    ) -> tuple[tuple[slice, slice], NDArray[Any]]:
        """Read what of the file lies in a block of the cube.

        Returns:
            Rows and columns of the block, and their pixels.
        """
        self.left_to_rasterio = None
        try:
            return self._read(self._open, cfg, dst_geobox, dst, selection)
        except WrongChecksumError as error:
            if cfg.fail_on_error:
                raise
            _log.warning("Ignoring %s: %s", self.src.uri, error)
            return (slice(0, 0), slice(0, 0)), np.empty((0, 0), dtype=cfg.dtype)
        except _LEFT as reason:
            self._leave(reason)
        return self._by_rasterio(cfg, dst_geobox, dst, selection)

    def fill(
        self, cfg: Any, target: NDArray[Any], rows: slice, cols: slice | None = None, *,
        table: NDArray[np.float32] | None, keep: bool, by_rasterio: bool,
    ) -> bool:  # fmt: skip
        """Write the file into rows and columns of the cube.

        Args:
            cfg: ``RasterLoadParams`` of odc-loader.
            target: Takes the pixels.
            rows: Rows of the cube.
            cols: Columns; None takes all.
            table: Physical value of each stored number, or None for stored numbers.
            keep: Leave what the target holds; else everything in it is written.
            by_rasterio: Do not try anything else.

        Returns:
            Whether the file has a pixel there; when not, the target may hold anything unless ``keep``.

        Raises:
            DamagedTileError: A part cannot be read, and the target holds some of the others; ``is_damaged`` is set.
            WrongChecksumError: Bytes were changed; nothing else had better read them.
        """
        cube = self.ctx.cube
        assert cube is not None
        self.is_damaged = False
        cols = slice(0, cube.shape.x) if cols is None else cols
        if not by_rasterio:
            self.left_to_rasterio = None
            try:
                block = Block(cube=cube, rows=rows, cols=cols, pixels=target)
                return self._render(self._open, cfg, block, self.src.band, table=table, keep=keep) is not None
            except UnsupportedError as reason:
                self._leave(reason)
            except WrongChecksumError:
                raise
            except (DamagedTileError, OSError) as reason:
                self._leave(reason)
                self.is_damaged = True
                raise
        else:
            self.left_to_rasterio = "it is damaged"
        outside = np.nan if table is not None else self.nothing(cfg)
        wanted = cfg if table is None else replace(cfg, dtype="float64", fill_value=np.nan)
        roi, pixels = self._by_rasterio(wanted, cube[rows, cols], None, None)
        if not pixels.size:
            return False
        if not keep:
            target[...] = outside
        if table is not None:
            codes = cast(pixels, np.dtype(cfg.dtype))
            pixels = np.where(np.isnan(pixels), np.float32(np.nan), table[codes.view(f"u{codes.itemsize}")])
        np.copyto(target[roi], pixels, where=nodata_mask(target[roi], outside))
        return True

    @staticmethod
    def nothing(cfg: Any) -> Any:
        """Return what a cube holds where there is nothing."""
        return resolve_dst_fill_value(np.dtype(cfg.dtype), cfg, resolve_src_nodata(cfg.fill_value, cfg))

    def _leave(self, reason: Exception) -> None:
        self.left_to_rasterio = str(reason)
        _log.debug("%s is left to rasterio: %s", self.src.uri, reason)

    def _by_rasterio(
        self, cfg: Any, box: GeoBox, dst: NDArray[Any] | None, selection: Any
    ) -> tuple[_Roi, NDArray[Any]]:
        self._require_raster()
        try:
            return self._read(self._open_by_gdal, cfg, box, dst, selection)
        except (*_LEFT, RasterioError) as reason:
            # GDAL's words are what people search for; where it reads a damaged file nevertheless, all the better.
            _log.debug("%s is left to odc-loader: %s", self.src.uri, reason)
        with rio_env(**self.ctx.env):
            try:
                found: tuple[_Roi, NDArray[Any]] = rio_read(self.src, cfg, box, dst=dst, selection=selection)
            except AssertionError:
                # odc-geo's way to say that there is no CRS, or that places are none.
                raise ValueError("it lies nowhere: no CRS, or a grid that cannot be") from None
        return found

    def _require_raster(self) -> None:
        """Make sure, once, that GDAL is given nothing but a file with pixels."""
        if not self._is_raster:
            with rio_env(**self.ctx.env):
                require_raster(self.src.uri)
            self._is_raster = True

    @contextmanager
    def _open(self, band: int) -> Iterator[tuple[Opened, Source, int]]:
        if self.src.subdataset is not None:
            raise UnsupportedError("a part of a file is asked for")
        with opened(self.src.uri, self.ctx.env) as (file, source):
            if not 1 <= band <= len(file.image.bands):
                raise UnsupportedError(f"it has no band {band}")
            yield file, source, band

    @contextmanager
    def _open_by_gdal(self, band: int) -> Iterator[tuple[Opened, Source, int]]:
        if self.src.subdataset is not None:
            raise UnsupportedError("a part of a file is asked for")
        with opened_by_gdal(self.src.uri, band, self.ctx.env, self.ctx.known) as (file, source):
            yield file, source, 1

    def _read(
        self, opener: _Opener, cfg: Any, box: GeoBox, dst: NDArray[Any] | None, selection: Any
    ) -> tuple[_Roi, NDArray[Any]]:
        """Read a block of the cube, of one band, or of all that are asked for in further dimensions."""
        cube, rows, cols = block_in(self.ctx.cube, box)
        if dst is not None:
            cfg = replace(cfg, dtype=dst.dtype.name)
        dtype = cfg.dtype
        if dtype is None:
            with opener(max(self.src.band, 1)) as (file, _, number):
                dtype = file.image.bands[number - 1][0].dtype
        bands = self._bands(selection)
        if bands is None:
            pixels = borrow(box.shape.yx, dtype) if dst is None else dst
            parts = {self.src.band: pixels}
        else:
            shape = (len(bands), *box.shape.yx) if self.src.ydim == 1 else (*box.shape.yx, len(bands))
            pixels = np.empty(shape, dtype=dtype) if dst is None else dst
            parts = {band: pixels[at] if self.src.ydim == 1 else pixels[..., at] for at, band in enumerate(bands)}
        roi = (slice(0, 0), slice(0, 0))
        for band, part in parts.items():
            inside = self._render(opener, cfg, Block(cube=cube, rows=rows, cols=cols, pixels=part), band)
            roi = inside or roi
        return roi, pixels[(..., *roi) if bands is None or self.src.ydim == 1 else roi]

    def _bands(self, selection: Any) -> list[int] | None:
        """Return the bands that a band with further dimensions is made of; None for a single one."""
        if self.src.band != 0:
            query = resolve_band_query(self.src, self.src.band, selection=selection)
        else:
            with rio_env(**self.ctx.env), open_raster(self.src.uri) as dataset:
                query = resolve_band_query(self.src, dataset.count, selection=selection)
        return None if isinstance(query, int) else list(query)

    def _render(
        self, opener: _Opener, cfg: Any, block: Block, band: int, *, table: NDArray[np.float32] | None = None,
        keep: bool = False,
    ) -> _Roi | None:  # fmt: skip
        """Write a band into a block, and return in which rows and columns of it; None where there is nothing."""
        with opener(band) as (file, source, number):
            image = file.image
            view = view_of(file, block.cube, use_overviews=cfg.use_overviews)
            is_masked = image.mask_of(number, 0 if view is None else view.level) is not None
            if isinstance(source, GdalSource) and view and not view.is_aligned and cfg.resampling not in RESAMPLINGS:
                level = image.bands[number - 1][view.level]
                return warp(file, source.dataset(level), source.band, view, block, cfg)
            is_bent = view is None or view.straight is None
            rule = rule_for(image, cfg, is_masked=is_masked, is_bent=is_bent)
            if table is not None:
                rule = rule.with_table(table)
            is_inside = render(
                file, source, block, replace(rule, keep=keep), band=number, resampling=cfg.resampling,
                use_overviews=cfg.use_overviews,
            )  # fmt: skip
            if not is_inside:
                return None
            return covered_part(file, block, resampling=cfg.resampling, use_overviews=cfg.use_overviews)
