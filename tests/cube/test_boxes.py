"""A box of a cube has the pixels of the cube, bit by bit; files of many tiles are as right as those of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox

import stacaster
from tests.cube.plain_items import plain_item, write_tif

load: Any = stacaster.load  # options by name, of any type

SHAPE = (1100, 1040)
GRIDS: list[tuple[str, float]] = [
    ("EPSG:32754", 7.3), ("EPSG:32754", 37), ("EPSG:3577", 12.5), ("EPSG:4326", 0.00031), ("EPSG:32755", 41),
    ("EPSG:3857", 37.7),
]  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A scene of nine tiles with overviews, noise and fill; nothing in it is like what lies beside."""
    folder = tmp_path_factory.mktemp("scene")
    chance = np.random.default_rng(5)
    pixels = chance.integers(1, 5000, SHAPE).astype("uint16")
    pixels[chance.random(SHAPE) < 0.1] = 0
    path = write_tif(folder / "b.tif", pixels, nodata=0, tiled=True, blockxsize=512, blockysize=512)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.average)
    codes = write_tif(folder / "q.tif", (pixels % 7).astype("uint8"), tiled=True, blockxsize=256, blockysize=256)
    classes = [{"value": value, "name": f"class{value}"} for value in range(7)]
    return plain_item("s", {"b": path, "q": codes}, fields={
        "b": {"raster:scale": 0.5, "raster:offset": 3}, "q": {"classification:classes": classes},
    })  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    grid=st.sampled_from(GRIDS), units=st.sampled_from(["dn", "physical"]),
    resampling=st.sampled_from(["nearest", "bilinear", "cubic", "average"]),
    more=st.sampled_from([{}, {"use_overviews": False}, {"mask": ["q=class3"]}, {"min_valid": 0.7}]),
    corner=st.tuples(st.floats(0, 1), st.floats(0, 1)), size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)  # fmt: skip
def test_a_box_of_a_cube_has_its_pixels(
    scene: Any, grid: tuple[str, float], units: Any, resampling: str, more: dict[str, Any],
    corner: tuple[float, float], size: tuple[int, int],
) -> None:  # fmt: skip
    crs, resolution = grid
    west, south, east, north = scene.bbox
    edges = BoundingBox(west, south, east, north, "EPSG:4326").to_crs(crs)
    cube = GeoBox.from_bbox(edges, resolution=resolution)
    row, col = int(corner[0] * (cube.shape.y - 1)), int(corner[1] * (cube.shape.x - 1))
    low, right = min(row + size[0], cube.shape.y), min(col + size[1], cube.shape.x)
    # Some rows around the box are enough of the cube.
    top = max(0, row - 40)
    large, box = cube[top : min(low + 40, cube.shape.y), :], cube[row:low, col:right]
    asked: dict[str, Any] = {"bands": ["b"], "units": units, "resampling": resampling, **more}
    whole = load([scene], geobox=large, **asked).b.values[0]
    part = load([scene], geobox=box, **asked).b.values[0]
    same = whole[row - top : row - top + part.shape[0], col : col + part.shape[1]]
    assert np.array_equal(part, same, equal_nan=True)
    lazy = load([scene], geobox=box, chunks={"x": 31, "y": 33}, **asked).b.values[0]
    assert np.array_equal(part, lazy, equal_nan=True)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("pool", [1, 3])
def test_means_in_units_over_many_tiles(scene: Any, pool: int, masked: bool) -> None:
    """Means of blocks by NumPy: tiles that are made of others must not be overwritten by them."""
    with rasterio.open(scene.assets["b"].href) as dataset:
        pixels, transform = dataset.read(1).astype("float64"), dataset.transform
    values = np.where(pixels == 0, np.nan, 0.5 * pixels + 3)
    if masked:
        values[pixels % 7 == 3] = np.nan
    blocks = values.reshape(SHAPE[0] // 4, 4, SHAPE[1] // 4, 4).transpose(0, 2, 1, 3).reshape(-1, 16)
    box = GeoBox((SHAPE[0] // 4, SHAPE[1] // 4), transform * Affine.scale(4), "EPSG:32754")
    cube = load([scene], bands=["b"], geobox=box, units="physical", resampling="average", use_overviews=False,
                pool=pool, mask=["q=class3"] if masked else None)  # fmt: skip
    assert np.allclose(cube.b.values.ravel(), np.nanmean(blocks, axis=1), rtol=1e-5)


@pytest.mark.parametrize("units", ["dn", "physical"])
def test_masks_of_many_tiles_at_full_resolution(scene: Any, units: Any) -> None:
    with rasterio.open(scene.assets["b"].href) as dataset:
        pixels = dataset.read(1)
    kept = np.where(pixels % 7 == 5, 0, pixels)
    for chunks in (None, {"x": 300, "y": 777}):
        found = load([scene], bands=["b"], native=True, units=units, mask=["q=class5"], chunks=chunks).b.values[0]
        expected = kept if units == "dn" else np.where(kept == 0, np.nan, 0.5 * kept + 3)
        assert np.array_equal(found, expected, equal_nan=True)
