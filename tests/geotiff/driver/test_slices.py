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
from odc.loader import RasterLoadParams
from pyproj import Transformer

import stacaster
from tests.geotiff.driver.exact import by_gdal
from tests.geotiff.driver.made_rasters import Wanted, made_raster, made_values, read_cube

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


OF_GDAL = ("mode", "min", "max", "med", "q1", "q3", "lanczos", "cubic_spline", "rms")


def box_of(item: pystac.Item) -> tuple[float, float, float, float]:
    assert item.bbox is not None
    west, south, east, north = item.bbox
    return west, south, east, north


@pytest.mark.parametrize("kind", ["tiles", "24 bits"])
@pytest.mark.parametrize("resampling", OF_GDAL)
def test_resamplings_of_gdal_depend_on_no_slice(tmp_path: Path, kind: str, resampling: str) -> None:
    item, pixels = made_item(tmp_path, kind)
    cube = GeoBox.from_bbox(box_of(item), "EPSG:4326", resolution=0.0005)
    one = loaded(item, cube, resampling=resampling, pool=1)
    for more in ({"pool": 2}, {"pool": 4}, {"chunks": {"x": 100, "y": 37}}, {"chunks": {"x": -1, "y": 64}}):
        assert np.array_equal(loaded(item, cube, resampling=resampling, **more), one)
    # All of the cube at once, by exact transforms, and by the scale in the middle, from which theirs differs a little.
    across, down = (np.hypot(*(b - a for a, b in zip(*ends, strict=True))) for ends in _sides(cube))
    (path,) = tmp_path.glob("*.tif")
    expected = by_gdal(path, cube, resampling, 0, XSCALE=1 / across, YSCALE=1 / down)
    off = np.abs(one.astype(float) - expected.astype(float))
    assert (one > 0).mean() > 0.8 and np.ptp(pixels) > 5000
    assert np.quantile(off, 0.99) <= 1 and ((off > 0).mean() < 0.01 or resampling in {"lanczos", "cubic_spline"})


def _sides(cube: GeoBox) -> list[list[tuple[float, float]]]:
    """Return, in pixels of the file, two ends of a pixel in the middle of the cube, along rows and along columns."""
    to_file = Transformer.from_crs("EPSG:4326", "EPSG:32654", always_xy=True)
    col, row = cube.shape.x / 2, cube.shape.y / 2
    ends = [[(col - 0.5, row), (col + 0.5, row)], [(col, row - 0.5), (col, row + 0.5)]]
    return [[~GRID * to_file.transform(*(cube.transform * at)) for at in both] for both in ends]


@pytest.mark.parametrize(("resampling", "function"), [("min", np.min), ("max", np.max), ("med", np.median)])
def test_resamplings_of_gdal_by_definition(tmp_path: Path, resampling: str, function: Any) -> None:
    item, pixels = made_item(tmp_path, "tiles")
    cube = GeoBox((60, 56), GRID * Affine.scale(5), "EPSG:32654")
    expected = function(pixels.reshape(60, 5, 56, 5), axis=(1, 3))
    for more in ({"pool": 3}, {"chunks": {"x": 20, "y": 11}}):
        assert np.array_equal(loaded(item, cube, resampling=resampling, **more), expected)
        # Pixels of the file itself stay as they are.
        same = loaded(item, GeoBox(SHAPE, GRID, "EPSG:32654"), resampling=resampling, **more)
        assert np.array_equal(same, pixels)


@pytest.mark.parametrize("nodata", [None, 7, np.nan])
@pytest.mark.parametrize(("source", "target"), [("float32", "uint8"), ("int8", "int8"), ("int16", "float32")])
def test_resamplings_of_gdal_give_every_type(tmp_path: Path, source: str, target: str, nodata: float | None) -> None:
    if source[0] != "f" and nodata is not None and np.isnan(nodata):
        pytest.skip("whole numbers are never NaN")
    wanted = Wanted(dtype=source, nodata=None if nodata is None else 7, predictor=1, shape=(40, 40))
    path, values = made_raster(tmp_path / "a.tif", wanted), made_values(wanted)
    if nodata is not None and np.isnan(nodata):
        values[values == 7] = np.nan
        with rasterio.open(path, "r+") as dataset:
            dataset.write(values, 1)
            dataset.nodata = np.nan
    cube = GeoBox((16, 16), wanted.geobox.transform * Affine.translation(-4, -4) * Affine.scale(4), wanted.crs)
    fill = 7 if nodata == 7 and target != "float32" else None
    found, _ = read_cube(path, cube, RasterLoadParams(target, fill_value=fill, resampling="max"))
    lost = np.isnan(values) if nodata is None or np.isnan(nodata) else values == 7
    blocks = np.where(lost, -np.inf, values).reshape(10, 4, 10, 4).max((1, 3))
    nothing = np.nan if target == "float32" else (fill or 0)
    expected = np.full((16, 16), nothing, "float64")
    expected[1:11, 1:11] = np.where(np.isfinite(blocks), np.rint(blocks) if target == "uint8" else blocks, nothing)
    assert np.array_equal(found, expected.astype(target), equal_nan=target == "float32")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_threads_and_chunks_change_no_pixel(tmp_path: Path, kind: str, resampling: str) -> None:
    item, pixels = made_item(tmp_path, kind)
    cube = GeoBox.from_bbox(box_of(item), "EPSG:4326", resolution=0.00015)
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
