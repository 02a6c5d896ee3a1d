"""Source pixels that are masked and in units before any of them is moved: an image in memory, made tile by tile.

The reader's own loops bring it to the grid of the cube, at the same exact places as a file that needs nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.cube.pipeline.mask_steps import MaskStep
from stacaster.cube.pipeline.plan import BandPlan, SceneBand
from stacaster.cube.pipeline.shared_files import SharedFiles, on_grid, parts_of
from stacaster.cube.pipeline.source_pixels import SourceFile, SourceLevel
from stacaster.geotiff.driver.files import Opened
from stacaster.geotiff.driver.georeference import Georeference
from stacaster.geotiff.driver.levels import Image, Level
from stacaster.geotiff.driver.render import RESAMPLINGS, Block, render
from stacaster.geotiff.driver.values import Rule
from stacaster.geotiff.driver.views import view_of
from stacaster.geotiff.driver.warping import warp_layer
from stacaster.geotiff.driver.windows import Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TILE = 512
_KEPT_TILES = 256

Make = Callable[["NDArray[Any]", "NDArray[np.bool_]", GeoBox], "NDArray[Any]"]
"""Turns stored pixels, where they are data, and where they lie into the pixels of the image."""


@lru_cache(maxsize=256)
def _opened(levels: tuple[SourceLevel, ...], crs: str, dtype: str, nodata: float | None) -> Opened:
    """Return an image of these levels; equal ones share what is known of their places."""
    nothing: dict[str, Any] = {"offsets": np.empty(0, "int64"), "counts": np.empty(0, "int64")}
    made = tuple(
        _PreparedLevel(width=cols, height=rows, tile_width=_TILE, tile_height=_TILE, dtype=dtype, compression="none",
                       number=number, **nothing)
        for number, (rows, cols) in enumerate(level.shape for level in levels)
    )  # fmt: skip
    place = Georeference(levels[0].transform, None)
    return Opened(Image(bands=(made,), georeference=place, nodata=nodata), CRS(crs))


@dataclass(frozen=True, kw_only=True, eq=False)
class _PreparedLevel(Level):
    number: int
    """0 is full resolution."""


class _Tiles:
    """Gives the tiles of an image that are made when they are asked for."""

    def __init__(self, file: SourceFile, make: Make, dtype: str) -> None:
        self._file, self._make, self._dtype = file, make, dtype

    def blocks(
        self, level: Level, tiles: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], NDArray[Any] | None]]:
        assert isinstance(level, _PreparedLevel)
        for row, col in tiles:
            rows = slice(row * _TILE, min((row + 1) * _TILE, level.height))
            cols = slice(col * _TILE, min((col + 1) * _TILE, level.width))
            stored, valid = self._file.window(level.number, rows, cols)
            transform = self._file.levels[level.number].transform * Affine.translation(cols.start, rows.start)
            made = self._make(stored, valid, GeoBox(stored.shape, transform, self._file.crs))
            tile = np.zeros((_TILE, _TILE), dtype=self._dtype)
            tile[: made.shape[0], : made.shape[1]] = made
            yield (row, col), tile


class PreparedScene:
    """One band of one scene for the time of a block: its pixels masked, in units, and as validity.

    Args:
        scene: The band.
        band: Band of the cube.
        env: Settings of GDAL.
        shared: Keeps files open that several bands look at.
    """

    def __init__(self, scene: SceneBand, band: BandPlan, env: Mapping[str, Any], shared: SharedFiles) -> None:
        self._scene, self._band, self._env, self._shared = scene, band, env, shared

    def _file(self) -> SourceFile:
        whole = bool(self._scene.masks) or not self._band.use_overviews
        return self._shared.file(self._scene, use_overviews=not whole)

    @property
    def fallback(self) -> str | None:
        """Why rasterio reads the file."""
        return self._file().fallback

    def render(
        self, block: Block, make: Make, *, dtype: str, nodata: float | None, resampling: str, keep: bool = False,
        overviews: bool = True,
    ) -> bool:  # fmt: skip
        """Write the image that ``make`` gives into a block; see ``render`` of the driver."""
        file = self._file()
        levels = tuple(file.levels)
        opened = _opened(levels, file.crs, dtype, nodata)
        kind = np.dtype(dtype)
        outside = kind.type(np.nan if kind.kind == "f" else 0) if nodata is None else kind.type(nodata)
        fill = None if nodata is None else outside
        rule = Rule(source=dtype, target=dtype, nodata=nodata, fill=fill, outside=outside, keep=keep)
        source = _Tiles(file, make, dtype)
        takes_overviews = overviews and len(levels) > 1
        if resampling not in RESAMPLINGS:
            view = view_of(opened, block.cube, use_overviews=takes_overviews)
            if view is not None and not view.is_aligned:
                layer = Layer(source, opened.image.bands[0][view.level], None, rule)
                return warp_layer(layer, view, block, resampling)
        return render(opened, source, block, rule, resampling=resampling, use_overviews=takes_overviews)

    def masked(self, box: GeoBox, stored: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return which source pixels are masked; None when there are no masks."""
        if not self._scene.masks:
            return None
        found: NDArray[np.bool_] = np.zeros(stored.shape, dtype=bool)
        for step in self._scene.masks:
            np.logical_or(found, self.step_masked(step, box, stored, valid), out=found)
        return found

    def step_masked(
        self, step: MaskStep, box: GeoBox, stored: NDArray[Any], valid: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return which pixels of a window one mask names: of finer bands any pixel within counts."""
        key = (self._scene.item_id, step.name, tuple(box.transform), box.shape.yx)
        if step.own:
            return self._decided(step, box, stored, valid)
        known = self._shared.decided.get(key)
        if known is None:
            known = self._decided(step, box, stored, valid)
            if len(self._shared.decided) < _KEPT_TILES:
                self._shared.decided[key] = known
        return known

    def _decided(
        self, step: MaskStep, box: GeoBox, stored: NDArray[Any], valid: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        files = {band.key: self._shared.file(band, use_overviews=False) for band in step.inputs}
        self._shared.looked_at |= {band.place: (band, files[band.key].fallback) for band in step.inputs}
        parts = parts_of(box, files.values())
        fine = box if parts == 1 else box.zoom_to((box.shape.y * parts, box.shape.x * parts))
        values = {band.key: on_grid(files[band.key], band, fine) for band in step.inputs}
        if step.own:
            values[""] = stored, valid
            if parts > 1:
                values[""] = (np.repeat(np.repeat(stored, parts, 0), parts, 1),
                              np.repeat(np.repeat(valid, parts, 0), parts, 1))  # fmt: skip
        masked = step.masked(values, fine.shape.yx)
        if parts == 1:
            return masked
        rows, cols = box.shape.yx
        return np.asarray(masked.reshape(rows, parts, cols, parts).any(axis=(1, 3)))

    def to_stored(self, stored: NDArray[Any], valid: NDArray[np.bool_], box: GeoBox) -> NDArray[Any]:
        """Return stored numbers in the type of the cube, its fill value where there is no data."""
        masked = self.masked(box, stored, valid)
        valid = valid if masked is None else valid & ~masked
        dtype = np.dtype(self._band.dtype)
        values = stored if np.can_cast(stored.dtype, dtype, "safe") else _narrowed(stored, dtype)
        made: NDArray[Any] = np.where(valid, values.astype(dtype, copy=False), self._band.outside)
        return made

    def to_values(self, stored: NDArray[Any], valid: NDArray[np.bool_], box: GeoBox) -> NDArray[np.float32]:
        """Return values in the units of the cube, NaN where there is no data."""
        assert self._scene.formula is not None
        return self._converted(self._scene.formula.values(stored), valid, box, stored)

    def to_linear(self, stored: NDArray[Any], valid: NDArray[np.bool_], box: GeoBox) -> NDArray[Any]:
        """Return what may be averaged of values in the units of the cube: radiance, power; NaN for no data."""
        assert self._scene.formula is not None
        return self._converted(self._scene.formula.linear(stored), valid, box, stored)

    def _converted(self, values: Any, valid: NDArray[np.bool_], box: GeoBox, stored: NDArray[Any]) -> NDArray[Any]:
        masked = self.masked(box, stored, valid)
        values[~valid if masked is None else ~valid | masked] = np.nan
        return np.asarray(values)

    def to_valid(self, stored: NDArray[Any], valid: NDArray[np.bool_], box: GeoBox) -> NDArray[np.float32]:
        """Return 1 where there is data and 0 where there is none."""
        masked = self.masked(box, stored, valid)
        return (valid if masked is None else valid & ~masked).astype("float32")

    def to_part(
        self, stored: NDArray[Any], valid: NDArray[np.bool_], box: GeoBox, *, is_imaginary: bool
    ) -> NDArray[np.float64]:
        """Return the real or imaginary part of complex numbers, NaN where there is no data."""
        values = (stored.imag if is_imaginary else stored.real).astype("float64")
        return self._converted(values, valid, box, stored)

    @staticmethod
    def to_covered(stored: NDArray[Any], _: NDArray[np.bool_], __: GeoBox) -> NDArray[np.uint8]:
        """Return 1 for each pixel of the file."""
        return np.ones(stored.shape, dtype="uint8")


def _narrowed(stored: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in a type that does not hold all of them, as GDAL does: rounded, and at its limits."""
    if dtype.kind not in "iu":
        return np.asarray(stored.astype(dtype))
    limits = np.iinfo(dtype)
    values = np.floor(np.nan_to_num(stored) + 0.5) if stored.dtype.kind == "f" else stored
    return np.asarray(np.clip(values, limits.min, limits.max).astype(dtype))
