"""Files that bands and masks of a block share, and their pixels on the grid of another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.cube.pipeline.plan import SceneBand
from stacaster.cube.pipeline.source_pixels import SourceFile
from stacaster.geotiff.driver.coordinates import TIE, transformed
from stacaster.geotiff.driver.views import placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FINER = 1.5
_MOST_PARTS = 16


class SharedFiles:
    """Files that are open for the time of a block; masks of several bands look at the same ones."""

    def __init__(self, env: Mapping[str, Any]) -> None:
        self._env, self._stack = env, ExitStack()
        self._files: dict[tuple[str, int, bool], SourceFile] = {}
        self.looked_at: dict[tuple[str, str], tuple[SceneBand, str | None]] = {}
        """Bands that masks looked at, and why rasterio read them."""
        self.decided: dict[Any, NDArray[np.bool_]] = {}
        """Masks of windows, which bands of one grid share."""

    def file(self, scene: SceneBand, *, use_overviews: bool) -> SourceFile:
        """Return an open file."""
        key = (scene.address, scene.number, use_overviews)
        if key not in self._files:
            self._files[key] = self._stack.enter_context(SourceFile(scene, self._env, use_overviews=use_overviews))
        return self._files[key]

    def __enter__(self) -> SharedFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def parts_of(box: GeoBox, files: Iterable[SourceFile]) -> int:
    """Return in how many parts along a side pixels are looked at, for bands of smaller pixels."""
    wanted = 1
    for file in files:
        if CRS(file.crs) == box.crs:
            own, other = abs(box.transform.determinant) ** 0.5, abs(file.levels[0].transform.determinant) ** 0.5
            if own > _FINER * other:
                wanted = max(wanted, min(_MOST_PARTS, round(own / other)))
    return wanted


def on_grid(file: SourceFile, band: SceneBand, box: GeoBox) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the pixels of a file that lie under the pixels of a window, and where they are data."""
    shape = box.shape.yx
    transform, (height, width) = file.levels[0].transform, file.levels[0].shape
    rows, cols = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
    is_separable = CRS(file.crs) == box.crs and not any((transform.b, transform.d, box.transform.b, box.transform.d))
    if is_separable:
        there = ~transform * box.transform
        row = np.floor(rows * there.e + there.f + TIE).astype("int64")[:, None]
        col = np.floor(cols * there.a + there.c + TIE).astype("int64")[None, :]
    else:
        x, y = placed(box.transform, *np.meshgrid(cols, rows))
        if CRS(file.crs) != box.crs:
            assert box.crs is not None
            flat = transformed(box.crs, CRS(file.crs), x.ravel(), y.ravel())
            x, y = (np.where(np.isfinite(part), part, np.inf).reshape(shape) for part in flat)
        back = ~transform
        with np.errstate(invalid="ignore"):
            place = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
            col, row = (
                np.floor(np.nan_to_num(part, nan=-1, posinf=-1, neginf=-1) + TIE).astype("int64") for part in place
            )
    inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
    if not inside.any():
        return np.full(shape, np.nan, "float32") if band.formula else np.zeros(shape, file.dtype), np.zeros(shape, bool)
    some_rows, some_cols = row[(row >= 0) & (row < height)], col[(col >= 0) & (col < width)]
    top, left = int(some_rows.min()), int(some_cols.min())
    window = slice(top, int(some_rows.max()) + 1), slice(left, int(some_cols.max()) + 1)
    stored, valid = file.window(0, *window)
    at = np.clip(row - top, 0, stored.shape[0] - 1), np.clip(col - left, 0, stored.shape[1] - 1)
    is_stored = band.formula is None
    values = stored if is_stored else band.formula.values(stored)  # type: ignore[union-attr]
    return values[at], np.broadcast_to(valid[at] & inside, shape)
