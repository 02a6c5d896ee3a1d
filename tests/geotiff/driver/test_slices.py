"""A pixel is the same with any number of threads and any chunks, whoever reads the file, and it is the exact one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

import stacaster

GRID = Affine(30, 0, 600_000, 0, -30, 6_400_000)
SHAPE = (300, 280)
FILES: dict[str, dict[str, Any]] = {
    "strips": {"driver": "GTiff", "compress": "deflate", "blockysize": 3},
    "tiles": {"driver": "GTiff", "compress": "zstd", "tiled": True, "blockxsize": 64, "blockysize": 64},
    # GDAL reads the pixels of these.
    "24 bits": {"driver": "GTiff", "dtype": "uint32", "NBITS": 24},
    "jp2": {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"},
}  # fmt: skip


def made_item(folder: Path, kind: str) -> tuple[pystac.Item, np.ndarray]:
    more = {"dtype": "int16"} | FILES[kind]
    chance = np.random.default_rng(4)
    pixels = (chance.integers(100, 9000, SHAPE) + np.arange(SHAPE[0])[:, None]).astype(more["dtype"])
    path = folder / f"{kind.replace(' ', '')}.tif"
    with rasterio.open(
        path, "w", count=1, height=SHAPE[0], width=SHAPE[1], crs="EPSG:32654", transform=GRID, nodata=0, **more
    ) as dataset:
        dataset.write(pixels, 1)
    box = GeoBox(SHAPE, GRID, "EPSG:32654").extent.to_crs("EPSG:4326")
    item = pystac.Item(kind, box.json, list(box.boundingbox.bbox), dt.datetime(2020, 1, 1, tzinfo=dt.UTC), {})
    item.add_asset("b", pystac.Asset(str(path), media_type=pystac.MediaType.GEOTIFF, roles=["data"], extra_fields={
        "data_type": more["dtype"], "nodata": 0, "proj:code": "EPSG:32654", "proj:shape": list(SHAPE),
        "proj:transform": list(GRID)[:6], "raster:bands": [{"data_type": more["dtype"], "nodata": 0}],
    }))  # fmt: skip
    return item, pixels


def loaded(item: pystac.Item, cube: GeoBox, **more: Any) -> np.ndarray:
    found: xr.Dataset = stacaster.load([item], bands=["b"], geobox=cube, units="dn", **more)
    return found["b"].isel(time=0).to_numpy()


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_threads_and_chunks_change_no_pixel(tmp_path: Path, kind: str, resampling: str) -> None:
    item, pixels = made_item(tmp_path, kind)
    assert item.bbox is not None
    west, south, east, north = item.bbox
    cube = GeoBox.from_bbox((west, south, east, north), "EPSG:4326", resolution=0.00015)
    one = loaded(item, cube, resampling=resampling, pool=1)
    for pool in (2, 4, 8):
        assert np.array_equal(loaded(item, cube, resampling=resampling, pool=pool), one)
    for chunks in ({"x": 100, "y": 333}, {"x": -1, "y": 64}):
        assert np.array_equal(loaded(item, cube, resampling=resampling, chunks=chunks), one)
    if resampling == "nearest":
        x, y = cube.transform * tuple(np.meshgrid(np.arange(cube.shape.x) + 0.5, np.arange(cube.shape.y) + 0.5))
        x, y = Transformer.from_crs("EPSG:4326", "EPSG:32654", always_xy=True).transform(x, y)
        col, row = ~GRID * (x, y)
        inside = (col >= 0) & (row >= 0) & (col < SHAPE[1]) & (row < SHAPE[0])
        exact = np.where(inside, pixels[row.clip(0, 299).astype(int), col.clip(0, 279).astype(int)], 0)
        clear = (np.abs(col - np.rint(col)) > 0.01) & (np.abs(row - np.rint(row)) > 0.01)
        assert np.array_equal(one[clear], exact[clear]) and clear.mean() > 0.9
