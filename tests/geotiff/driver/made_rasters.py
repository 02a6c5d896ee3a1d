"""GeoTIFFs that GDAL writes, and what their pixels are on another grid by exact transforms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox
from odc.geo.overlap import compute_reproject_roi
from odc.loader import RasterLoadParams, RasterSource
from odc.loader._reader import pick_overview
from rasterio.enums import Resampling

from stacaster.geotiff.driver.reader import Context, Reader
from tests.certain import certain

PLACES = {
    "EPSG:32754": (300_000.0, 6_500_000.0, 30.0), "EPSG:32755": (310_000.0, 6_400_000.0, 15.0),
    "EPSG:4326": (138.2, -31.6, 0.0003), "EPSG:3577": (600_000.0, -3_450_000.0, 25.0),
    "EPSG:3857": (15_400_000.0, -3_700_000.0, 40.0), "EPSG:32601": (280_000.0, 7_200_000.0, 30.0),
    "EPSG:3031": (-300_000.0, 200_000.0, 500.0), "EPSG:3413": (250_000.0, -150_000.0, 400.0),
}  # fmt: skip
"""Where pictures lie: upper left corner and pixel size."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file to be made."""

    dtype: str = "uint8"
    shape: tuple[int, int] = (300, 260)
    crs: str = "EPSG:32754"
    nodata: float | None = 0
    compress: str = "zstd"
    predictor: int = 2
    block: int = 64
    overviews: tuple[int, ...] = ()
    flip: bool = False
    seed: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def geobox(self) -> GeoBox:
        x, y, size = PLACES[self.crs]
        transform = Affine(size, 0, x, 0, -size, y)
        if self.flip:
            transform = Affine(size, 0, x, 0, size, y - self.shape[0] * size)
        return GeoBox(self.shape, transform, self.crs)


def made_values(wanted: Wanted) -> np.ndarray:
    """Return smooth values with noise and fill."""
    chance = np.random.default_rng(wanted.seed)
    rows, cols = wanted.shape
    field_ = np.sin(np.arange(rows) / 9)[:, None] * 40 + np.cos(np.arange(cols) / 7)[None] * 40 + 100
    values = (field_ + chance.normal(0, 6, wanted.shape)).clip(1, 250)
    found: np.ndarray = values.astype(wanted.dtype)
    if wanted.nodata is not None:
        found[chance.random(wanted.shape) < 0.2] = wanted.nodata
    return found


def made_raster(path: Path, wanted: Wanted) -> Path:
    """Write a tiled GeoTIFF with GDAL."""
    box = wanted.geobox
    predictor = {} if wanted.compress == "none" else {"predictor": wanted.predictor}
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype=wanted.dtype, height=box.shape.y, width=box.shape.x, crs=wanted.crs,
        transform=box.transform, nodata=wanted.nodata, tiled=True, blockxsize=wanted.block, blockysize=wanted.block,
        compress=wanted.compress, **predictor, **wanted.more,
    ) as dataset:  # fmt: skip
        dataset.write(made_values(wanted), 1)
    if wanted.overviews:
        with rasterio.Env(GDAL_TIFF_OVR_BLOCKSIZE=str(max(wanted.block, 64))), rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(list(wanted.overviews), Resampling.average)
    return path


def read_level(path: Path, level: int) -> tuple[np.ndarray, Affine]:
    """Return pixels and transform of a level, read by GDAL."""
    more = {} if level == 0 else {"overview_level": level - 1}
    with rasterio.open(path, **more) as dataset:
        return dataset.read(1), dataset.transform


def level_of_odc(path: Path, source: GeoBox, cube: GeoBox) -> tuple[int, float]:
    """Return the level that odc-stac takes for a whole cube, and how much coarser the cube is."""
    try:
        found = compute_reproject_roi(source, cube)
    except (AssertionError, ValueError):
        return 0, 1.0  # where it finds no scale
    with rasterio.open(path) as dataset:
        index = pick_overview(found.read_shrink, dataset.overviews(1)) if found.read_shrink > 1 else None
    return (0 if index is None else index + 1), float(found.scale)


def exact_places(cube: GeoBox, crs: Any, transform: Affine) -> tuple[np.ndarray, np.ndarray]:
    """Return column and row of every pixel of a cube in a file, by an exact transform of each."""
    rows, cols = cube.shape.yx
    x, y = cube.transform * tuple(np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5))
    if cube.crs != CRS(crs):
        x, y = certain(cube.crs).transformer_to_crs(CRS(crs))(x, y)
    back = ~transform
    return back.a * np.asarray(x) + back.c, back.e * np.asarray(y) + back.f


def config(wanted: Wanted, **more: Any) -> RasterLoadParams:
    """Return what odc-loader tells a driver of a band."""
    return RasterLoadParams(**({"dtype": wanted.dtype, "fill_value": wanted.nodata} | more))


def read_cube(
    path: Path, cube: GeoBox, cfg: RasterLoadParams, *, block: tuple[slice, slice] | None = None
) -> tuple[np.ndarray, str | None]:
    """Return a block of a cube as our driver reads it, and why it left that to rasterio."""
    reader = Reader(RasterSource(str(path)), Context({}, cube))
    box = cube if block is None else cube[block]
    found = np.full(box.shape, Reader.nothing(cfg), dtype=cfg.dtype)
    roi, pixels = reader.read(cfg, box)
    found[roi] = pixels
    return found, reader.left_to_rasterio
