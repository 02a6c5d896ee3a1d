"""A reader driver for odc-loader: what it knows at the speed of the codec, everything else through rasterio."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.loader._reader import nodata_mask, resolve_dst_fill_value, resolve_src_nodata
from odc.loader._rio import RioDriver, rio_env, rio_read

from stacaster.geotiff.driver.codecs import DamagedTileError
from stacaster.geotiff.driver.files import opened
from stacaster.geotiff.driver.render import Block, render
from stacaster.geotiff.driver.tiff import UnsupportedError
from stacaster.geotiff.driver.values import rule_for
from stacaster.geotiff.driver.views import block_in, view_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_log = logging.getLogger(__name__)
_lent = threading.local()

_LEFT = (UnsupportedError, DamagedTileError, OSError)


@dataclass(frozen=True)
class Context:
    """What the readers of one load share."""

    env: dict[str, Any]
    """Settings of GDAL, for what rasterio reads."""
    cube: GeoBox | None
    """Grid of the whole cube, of which blocks are read."""


class Driver(RioDriver):  # type: ignore[misc]
    """Reader driver for ``odc.stac.load(items, driver="stacaster.driver")``.

    Tiled GeoTIFFs of one band (uncompressed, LZW, deflate or zstd) on an unrotated grid are read here; other files,
    other resamplings and whatever fails go to odc-loader's own driver, which uses rasterio.
    """

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
            if selection is not None or cfg.extra_dims or (dst is not None and dst.ndim != 2):
                raise UnsupportedError("the band has further dimensions")
            pixels = _borrow(dst_geobox.shape.yx, cfg.dtype) if dst is None and cfg.dtype is not None else dst
            if pixels is None:
                raise UnsupportedError("no data type is wanted")
            cube, rows, cols = block_in(self.ctx.cube, dst_geobox)
            block = Block(cube=cube, rows=rows, cols=cols, pixels=pixels)
            if not self._render(cfg, block):
                return np.s_[0:0, 0:0], pixels[0:0, 0:0]
            return np.s_[0 : pixels.shape[0], 0 : pixels.shape[1]], pixels
        except _LEFT as reason:
            # GDAL's words are what people search for; where it reads a damaged file nevertheless, all the better.
            self._leave(reason)
        return self._by_rasterio(cfg, dst_geobox, dst, selection)

    def fill(
        self, cfg: Any, target: NDArray[Any], rows: slice, *, table: NDArray[np.float32] | None, keep: bool,
        by_rasterio: bool,
    ) -> bool:  # fmt: skip
        """Write the file into rows of the cube, all columns.

        Args:
            cfg: ``RasterLoadParams`` of odc-loader.
            target: Takes the pixels.
            rows: Rows of the cube.
            table: Physical value of each stored number, or None for stored numbers.
            keep: Leave what the target holds; else everything in it is written.
            by_rasterio: Do not try anything else.

        Returns:
            Whether the file has a pixel there; when not, the target may hold anything unless ``keep``.

        Raises:
            DamagedTileError: A part cannot be read, and the target holds some of the others; ``is_damaged`` is set.
        """
        cube = self.ctx.cube
        assert cube is not None
        self.is_damaged = False
        if not by_rasterio:
            self.left_to_rasterio = None
            try:
                block = Block(cube=cube, rows=rows, cols=slice(0, cube.shape.x), pixels=target)
                return self._render(cfg, block, table=table, keep=keep)
            except UnsupportedError as reason:
                self._leave(reason)
            except (DamagedTileError, OSError) as reason:
                self._leave(reason)
                self.is_damaged = True
                raise
        else:
            self.left_to_rasterio = "it is damaged"
        roi, pixels = self._by_rasterio(cfg, cube[rows, :], None, None)
        if not pixels.size:
            return False
        outside = np.nan if table is not None else self.nothing(cfg)
        if not keep:
            target[...] = outside
        if table is not None:
            pixels = table[pixels.view(f"u{pixels.itemsize}")]
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
    ) -> tuple[tuple[slice, slice], NDArray[Any]]:
        with rio_env(**self.ctx.env):
            found: tuple[tuple[slice, slice], NDArray[Any]] = rio_read(self.src, cfg, box, dst=dst, selection=selection)
        return found

    def _render(self, cfg: Any, block: Block, *, table: NDArray[np.float32] | None = None, keep: bool = False) -> bool:
        src = self.src
        if src.subdataset is not None or src.band != 1:
            raise UnsupportedError("one band of several is wanted")
        with opened(src.uri, self.ctx.env) as (file, reads):
            view = view_of(file, block.cube, use_overviews=cfg.use_overviews)
            rule = rule_for(file.image, cfg, is_bent=view is None or (view.straight is None and cfg.nearest))
            if table is not None:
                rule = rule.with_table(table)
            return render(
                file, reads, block, replace(rule, keep=keep), resampling=cfg.resampling, use_overviews=cfg.use_overviews
            )


def _borrow(shape: tuple[int, int], dtype: str) -> NDArray[Any]:
    """Return an array in memory of this thread, anew when someone still holds what was lent last."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    kept: NDArray[np.uint8] | None = getattr(_lent, "memory", None)
    # References: the attribute, this name, and the argument of getrefcount.
    if kept is None or kept.size < size or sys.getrefcount(kept) > 3:
        kept = np.empty(size, dtype="uint8")
        _lent.memory = kept
    return kept[:size].view(dtype).reshape(shape)
