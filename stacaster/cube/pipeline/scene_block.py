"""One band of one scene in one block of a cube: which way its pixels take, and what they are there.

Decision: eager cubes are written once: each scene goes straight into the array of the cube where it has no value yet,
and tables of physical values are applied to unpacked tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.loader import RasterSource

from stacaster.cube.pipeline.categories import render_mode
from stacaster.cube.pipeline.mask_steps import MaskStep
from stacaster.cube.pipeline.plan import NATIVE_RESAMPLINGS, BandPlan, CubePlan, SceneBand
from stacaster.cube.pipeline.prepared import PreparedScene
from stacaster.cube.pipeline.shared_files import SharedFiles
from stacaster.geotiff.driver import Driver
from stacaster.geotiff.driver.reader import Context, Reader
from stacaster.geotiff.driver.render import Block
from stacaster.geotiff.driver.views import is_aligned
from stacaster.geotiff.odc_private import nodata_mask
from stacaster.geotiff.opening import require_raster
from stacaster.network.http import without_queries

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEANS = frozenset({"bilinear", "cubic", "average", "cubic_spline", "lanczos"})
"""Resamplings whose values are none of the file's."""


def tells_nothing(band: BandPlan) -> bool:
    """Tell whether a value of the band says that there is none."""
    return band.nodata is not None or np.dtype(band.dtype).kind in "fc"


def fill_of(band: BandPlan) -> float | None:
    """Return the fill value of a band of real numbers; None of complex ones."""
    return None if np.dtype(band.dtype).kind == "c" else band.nodata


def _is_on_pixels(scene: SceneBand, cube: GeoBox) -> bool:
    """Tell whether pixels of a cube are pixels of the file."""
    source = scene.geobox
    if source is None or source.crs != cube.crs:
        return False
    return is_aligned(~source.transform * cube.transform, cube)


class SceneBlock:
    """One band of one scene in one block."""

    def __init__(
        self, plan: CubePlan, ctx: Any, scene: SceneBand, band: BandPlan, block: tuple[slice, slice],
        shared: SharedFiles,
    ) -> None:  # fmt: skip
        self._plan, self._scene, self._band, self._shared = plan, scene, band, shared
        self._rows, self._cols = block
        self._is_ours = isinstance(plan.driver.inner, Driver)
        self._cube, self._ctx = plan.geobox, ctx
        if scene.turns != (0.0,):
            turned = Affine.translation(-scene.turns[0], 0) * self._cube.transform
            self._cube = GeoBox(self._cube.shape, turned, self._cube.crs)
            self._ctx = replace(self._ctx, cube=self._cube) if isinstance(self._ctx, Context) else self._ctx
        self.fallback: str | None = None
        self.is_damaged = False
        needs = scene.masks or band.min_valid > 0 or scene.factor is not None or scene.crs is not None
        is_class = band.resampling == "mode" and band.kind != "continuous"
        self._is_table = (
            scene.formula is not None and band.resampling == "nearest" and band.dtype == "float32"
            and np.dtype(scene.dtype).kind in "iu" and np.dtype(scene.dtype).itemsize <= 2
        )  # fmt: skip
        self._is_complex = np.dtype(band.dtype).kind == "c"
        # What odc-loader reads block by block depends on the block, unless pixels are those of the file.
        is_moved = self._is_complex and self._is_ours and not _is_on_pixels(scene, self._cube)
        self.is_plain = not needs and not is_class and not is_moved and (
            scene.formula is None or (self._is_table and self._is_ours) or not self._is_ours
        )  # fmt: skip

    def read(self, target: NDArray[Any], *, keep: bool, by_rasterio: bool) -> bool:
        """Write the scene into a block: where it has a value, and with ``keep`` only where the block has none."""
        if self.is_plain:
            if self._is_ours and not self._is_complex and (self._scene.formula is None or self._is_table):
                return self._read_ours(target, keep=keep, by_rasterio=by_rasterio)
            return self._read_any(target, keep=keep)
        return self._read_prepared(target, keep=keep)

    def _source(self) -> RasterSource:
        return RasterSource(self._scene.address, band=self._scene.number, meta=self._band.cfg.meta)

    def _cfg(self) -> Any:
        cfg, nodata = self._band.cfg, self._scene.nodata
        if nodata is None and np.dtype(self._scene.dtype).kind == "f":
            # What is no number has no part in a mean, whether the item says so or not.
            nodata = float("nan")
        return cfg if nodata is None else cfg.patch(src_nodata_override=nodata)

    def _read_ours(self, target: NDArray[Any], *, keep: bool, by_rasterio: bool) -> bool:
        reader = Reader(self._source(), self._ctx)
        table = None
        cfg = self._cfg()
        if self._scene.formula is not None:
            cfg = cfg.patch(dtype=self._scene.dtype, fill_value=self._scene.nodata)
            table = self._scene.formula.table(self._scene.dtype)
        try:
            return reader.fill(cfg, target, self._rows, self._cols, table=table, keep=keep, by_rasterio=by_rasterio)
        finally:
            self.fallback = plain_words(reader.left_to_rasterio)
            self.is_damaged = reader.is_damaged

    def _read_any(self, target: NDArray[Any], *, keep: bool) -> bool:
        """Read by the driver's own ``read``, and join: what other drivers read, and resamplings of GDAL."""
        cfg, formula = self._cfg(), self._scene.formula
        if formula is not None:
            kind = "float64"
            cfg = cfg.patch(dtype=kind, fill_value=np.nan)
        if not self._is_ours:
            # Another driver would open whatever GDAL opens.
            require_raster(self._scene.address)
        reader = self._plan.driver.inner.open(self._source(), self._ctx)
        box = self._cube[self._rows, self._cols]
        roi, pixels = reader.read(cfg, box)
        self.fallback = plain_words(getattr(reader, "left_to_rasterio", None))
        if not pixels.size:
            return False
        if formula is not None:
            pixels = formula.finish(formula.linear_of_numbers(pixels)).astype(self._band.dtype, copy=False)
        if not keep:
            target[...] = self._band.outside
        part = target[roi]
        where = nodata_mask(part, fill_of(self._band)) if part.dtype.kind != "c" else np.isnan(part)
        if not tells_nothing(self._band):
            where = np.ones(part.shape, dtype=bool)
        np.copyto(part, pixels, where=where)
        return True

    def _prepared(self) -> PreparedScene:
        return PreparedScene(self._scene, self._band, self._plan.env, self._shared)

    def _whole_block(self, pixels: NDArray[Any]) -> Block:
        return Block(cube=self._cube, rows=self._rows, cols=self._cols, pixels=pixels)

    def _read_prepared(self, target: NDArray[Any], *, keep: bool) -> bool:
        scene, band, prepared = self._scene, self._band, self._prepared()
        self.fallback = plain_words(prepared.fallback)
        formula, how = scene.formula, band.resampling
        if self._is_complex:
            return self._joined(target, keep, self._complex)
        if how == "mode" and band.kind != "continuous":
            return self._joined(target, keep, lambda pixels: render_mode(prepared, self._whole_block(pixels), band))
        if formula is None:
            nodata = band.nodata
            if np.dtype(band.dtype).kind == "f" and nodata is None:
                nodata = float("nan")
            if band.min_valid <= 0:
                return prepared.render(self._whole_block(target), prepared.to_stored, dtype=band.dtype, nodata=nodata,
                                       resampling=how, keep=keep, overviews=band.use_overviews)  # fmt: skip
            return self._joined(target, keep, lambda pixels: prepared.render(
                self._whole_block(pixels), prepared.to_stored, dtype=band.dtype, nodata=nodata, resampling=how,
                overviews=band.use_overviews))  # fmt: skip
        if self._takes_values() and band.min_valid <= 0 and scene.factor is None:
            return prepared.render(self._whole_block(target), prepared.to_values, dtype=band.dtype, nodata=float("nan"),
                                   resampling=how, keep=keep, overviews=band.use_overviews)  # fmt: skip
        return self._joined(target, keep, self._values)

    def _values(self, pixels: NDArray[Any]) -> bool:
        """Write values that take more than one step: of means that are no means of values, or with a factor."""
        scene, band, prepared = self._scene, self._band, self._prepared()
        assert scene.formula is not None
        is_direct = self._takes_values()
        held = np.empty(pixels.shape, band.dtype if is_direct else "float64")
        found = prepared.render(
            self._whole_block(held), prepared.to_values if is_direct else prepared.to_linear, dtype=held.dtype.name,
            nodata=float("nan"), resampling=band.resampling, overviews=band.use_overviews,
        )  # fmt: skip
        if not found:
            return False
        values = held if is_direct else scene.formula.finish(held)
        if scene.factor is not None:
            factor = np.empty(pixels.shape, band.dtype)
            other = PreparedScene(scene.factor, band, self._plan.env, self._shared)
            if not other.render(self._whole_block(factor), other.to_values, dtype=band.dtype, nodata=float("nan"),
                                resampling=band.resampling, overviews=band.use_overviews):  # fmt: skip
                return False
            values = values * factor
        pixels[...] = values
        return True

    def _takes_values(self) -> bool:
        """Tell whether values in units may be resampled: any are picked, only linear ones have means."""
        assert self._scene.formula is not None
        return self._scene.formula.is_linear or self._band.resampling not in _MEANS

    def _complex(self, pixels: NDArray[Any]) -> bool:
        """Write complex numbers, real and imaginary parts one after the other: all resamplings are sums of pixels."""
        prepared, part = self._prepared(), np.empty(pixels.shape, "float64")
        for is_imaginary in (False, True):
            if not prepared.render(
                self._whole_block(part), partial(prepared.to_part, is_imaginary=is_imaginary), dtype="float64",
                nodata=float("nan"), resampling=self._band.resampling, overviews=False,
            ):  # fmt: skip
                return False
            if is_imaginary:
                pixels.imag = part
            else:
                pixels.real = part
        pixels[np.isnan(pixels)] = self._band.outside
        return True

    def _joined(self, target: NDArray[Any], keep: bool, write: Callable[[NDArray[Any]], bool]) -> bool:
        """Write what another function makes of the whole block, where there are enough valid source pixels."""
        pixels = np.empty(target.shape, target.dtype)
        if not write(pixels):
            return False
        if self._band.min_valid > 0:
            pixels[~self._enough()] = self._band.outside
        if not keep:
            target[...] = pixels
            return True
        where = np.isnan(target) if self._is_complex else nodata_mask(target, fill_of(self._band))
        np.copyto(target, pixels, where=where)
        return True

    def _enough(self) -> NDArray[np.bool_]:
        prepared = self._prepared()
        share = np.empty((self._rows.stop - self._rows.start, self._cols.stop - self._cols.start), "float32")
        if not prepared.render(self._whole_block(share), prepared.to_valid, dtype="float32", nodata=None,
                               resampling="average", overviews=False):  # fmt: skip
            share[...] = 0
        found: NDArray[np.bool_] = np.nan_to_num(share) >= self._band.min_valid - 1e-6
        return found

    def covered(self) -> NDArray[np.bool_]:
        """Return which pixels of the block have a value of the file by the resampling of the band."""
        prepared, how = self._prepared(), self._band.resampling
        if how == "mode" and self._band.kind != "continuous":
            how = "average"
        is_native = how in NATIVE_RESAMPLINGS
        shape = (self._rows.stop - self._rows.start, self._cols.stop - self._cols.start)
        pixels = np.empty(shape, "uint8" if is_native else "float64")
        nothing = 0.0 if is_native else float("nan")
        if not prepared.render(self._whole_block(pixels), prepared.to_covered, dtype=pixels.dtype.name, nodata=nothing,
                               resampling=how, overviews=False):  # fmt: skip
            pixels[...] = nothing
        return np.asarray(pixels != 0) if is_native else ~np.isnan(pixels)

    def mask(self, step: MaskStep) -> NDArray[np.bool_]:
        """Return which pixels of the block one mask names: any source pixel counts where several make one."""
        prepared = self._prepared()
        pixels = np.empty((self._rows.stop - self._rows.start, self._cols.stop - self._cols.start), "float32")
        how = "nearest" if self._band.resampling == "nearest" else "average"

        def make(stored: NDArray[Any], valid: NDArray[np.bool_], box: Any) -> NDArray[np.float32]:
            return prepared.step_masked(step, box, stored, valid).astype("float32")

        if not prepared.render(self._whole_block(pixels), make, dtype="float32", nodata=None, resampling=how,
                               overviews=False):  # fmt: skip
            return np.zeros(pixels.shape, dtype=bool)
        return np.asarray(np.nan_to_num(pixels) > 0)


def plain_words(reason: str | None) -> str | None:
    """Return a reason without the secrets of addresses."""
    return None if reason is None else without_queries(reason)
