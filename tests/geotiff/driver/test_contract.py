"""What odc-loader expects of a reader: the part that was filled, types, further dimensions; against its own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.loader import RasterLoadParams, RasterSource
from odc.loader._rio import rio_read
from odc.loader.types import RasterBandMetadata

from stacaster.geotiff.driver.reader import Context, Reader
from tests.geotiff.driver.exact import averaged, exact_corners
from tests.geotiff.driver.made_rasters import Wanted, config, made_raster, read_cube, read_level
from tests.geotiff.driver.test_layouts import GRID, made_pixels, written


def test_only_what_the_file_covers_is_returned(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", made_pixels("int16", 1))
    with rasterio.open(path) as dataset:
        expected = dataset.read(1)
    box = GeoBox((40, 60), GRID * Affine.translation(-5, -4), "EPSG:32754")
    roi, pixels = Reader(RasterSource(str(path)), Context({}, box)).read(RasterLoadParams(dtype="int16"), box)
    assert roi == np.s_[4:30, 5:42] and np.array_equal(pixels, expected)
    other, _ = rio_read(RasterSource(str(path)), RasterLoadParams(dtype="int16"), box)
    assert tuple(slice(int(part.start), int(part.stop)) for part in other) == roi
    far = GeoBox((40, 60), GRID * Affine.translation(900, 0), "EPSG:32754")
    roi, pixels = Reader(RasterSource(str(path)), Context({}, far)).read(RasterLoadParams(dtype="int16"), far)
    assert not pixels.size and roi == np.s_[0:0, 0:0]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("shift", [(-4.0, -4.0), (-7.5, -2.25), (4.0, 4.0)])
def test_means_of_pixels_that_lie_partly_in_the_file_are_returned(
    tmp_path: Path, shift: tuple[float, float], flip: bool
) -> None:
    """Their centres may lie outside; the part holds each of them, at every edge."""
    wanted = Wanted(dtype="float32", shape=(100, 110), flip=flip, nodata=None, predictor=3)
    path = made_raster(tmp_path / "a.tif", wanted)
    cube = GeoBox((14, 15), wanted.geobox.transform * Affine.translation(*shift) * Affine.scale(9), wanted.crs)
    found, left = read_cube(path, cube, config(wanted, resampling="average"))
    values, transform = read_level(path, 0)
    expected, _, _ = averaged(values, *exact_corners(cube, wanted.crs, transform), np.isfinite(values))
    assert left is None and 0 < np.isnan(expected).sum() < expected.size / 2
    assert np.allclose(found, expected, rtol=1e-5, equal_nan=True)


@pytest.mark.parametrize("dtype", [None, "float32"])
def test_the_target_says_the_type(tmp_path: Path, dtype: str | None) -> None:
    path = written(tmp_path / "a.tif", made_pixels("int16", 1), nodata=5)
    box = GeoBox((26, 37), GRID, "EPSG:32754")
    cfg = RasterLoadParams(dtype=dtype, src_nodata_fallback=5)
    theirs, ours = np.ones(box.shape, "float32"), np.ones(box.shape, "float32")
    rio_read(RasterSource(str(path)), cfg, box, dst=theirs)
    reader = Reader(RasterSource(str(path)), Context({}, box))
    reader.read(cfg, box, dst=ours)
    assert reader.left_to_rasterio is None and np.array_equal(ours, theirs, equal_nan=True)
    without = Reader(RasterSource(str(path)), Context({}, box)).read(RasterLoadParams(), box)[1]
    assert without.dtype == np.int16


@pytest.mark.parametrize("ydim", [0, 1])
@pytest.mark.parametrize("selection", [None, [3, 1], 1, slice(0, 2)])
def test_bands_as_a_dimension(tmp_path: Path, ydim: int, selection: Any) -> None:
    """Band 0 is all of them, before or after rows and columns."""
    if isinstance(selection, int):
        selection = [selection]
    path = written(tmp_path / "a.tif", made_pixels("uint8", 3), interleave="pixel", tiled=True, blockxsize=16,
                   blockysize=16)  # fmt: skip
    box = GeoBox((26, 37), GRID, "EPSG:32754")
    dims = ("wave", "y", "x") if ydim == 1 else ("y", "x", "wave")
    meta = RasterBandMetadata("uint8", dims=dims)
    source, cfg = RasterSource(str(path), band=0, meta=meta), RasterLoadParams("uint8", dims=dims, meta=meta)
    _, theirs = rio_read(source, cfg, box, selection=selection)
    reader = Reader(source, Context({}, box))
    _, ours = reader.read(cfg, box, selection=selection)
    assert reader.left_to_rasterio is None and ours.shape == theirs.shape and np.array_equal(ours, theirs)


@pytest.mark.parametrize(("stored", "wanted"), [("float32", "uint8"), ("int16", "uint8"), ("uint16", "int16"),
                                                ("float64", "int32"), ("int32", "float32")])  # fmt: skip
def test_types_that_cut(tmp_path: Path, stored: str, wanted: str) -> None:
    """Rounded, and the nearest number that there is, as by GDAL."""
    path = written(tmp_path / "a.tif", made_pixels(stored, 1))
    box = GeoBox((26, 37), GRID, "EPSG:32754")
    _, theirs = rio_read(RasterSource(str(path)), RasterLoadParams(wanted), box)
    reader = Reader(RasterSource(str(path)), Context({}, box))
    _, ours = reader.read(RasterLoadParams(wanted), box)
    assert reader.left_to_rasterio is None and np.array_equal(ours, theirs)


def test_a_class_that_is_the_fill_value_of_the_cube_stays(tmp_path: Path) -> None:
    """GDAL makes 1 of it when pixels come to another grid."""
    path = written(tmp_path / "a.tif", made_pixels("uint8", 1, most=1), nodata=255)
    box = GeoBox((20, 20), GRID * Affine.translation(3, 3) * Affine.rotation(10), "EPSG:32754")
    _, ours = Reader(RasterSource(str(path)), Context({}, box)).read(RasterLoadParams("uint8", fill_value=0), box)
    assert 0.2 < (ours == 0).mean() < 0.8
