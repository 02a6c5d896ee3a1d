"""A box of a cube has the pixels of the cube, bit by bit; files of many tiles are as right as those of one."""

from __future__ import annotations

from pathlib import Path
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


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    grid=st.sampled_from(GRIDS), units=st.sampled_from(["dn", "physical"]),
    resampling=st.sampled_from(["nearest", "bilinear", "cubic", "average", "average", "max"]),
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
    lazy = load([scene], geobox=box, chunks={"x": 47, "y": 53}, **asked).b.values[0]
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


def _blocks(scene: Any, size: int) -> tuple[np.ndarray, GeoBox]:
    """Return stored numbers of a scene as blocks of pixels, NaN for fill, and the grid of the blocks."""
    with rasterio.open(scene.assets["b"].href) as dataset:
        pixels, transform = dataset.read(1), dataset.transform
    rows, cols = SHAPE[0] // size, SHAPE[1] // size
    blocks = np.where(pixels == 0, np.nan, pixels)[: rows * size, : cols * size]
    blocks = blocks.reshape(rows, size, cols, size).transpose(0, 2, 1, 3).reshape(rows, cols, -1)
    return blocks, GeoBox((rows, cols), transform * Affine.scale(size), "EPSG:32754")


STATISTICS: dict[str, Any] = {
    "max": np.nanmax, "min": np.nanmin, "sum": np.nansum,
    "rms": lambda values, axis: np.sqrt(np.nanmean(values**2, axis)),
}  # fmt: skip


@pytest.mark.parametrize("resampling", STATISTICS)
@pytest.mark.parametrize("scale", [0.5, -2.0])
def test_statistics_of_gdal_are_those_of_values_in_units(scene: Any, resampling: str, scale: float) -> None:
    """The sum of values is no sum of numbers times the scale, and a negative scale turns the largest into the least."""
    item = scene.clone()
    item.assets["b"].extra_fields["raster:scale"] = scale
    blocks, box = _blocks(scene, 5)
    expected = STATISTICS[resampling](scale * blocks + 3, axis=2)
    for more in ({}, {"chunks": {"x": 150, "y": 150}}):
        cube = load(
            [item], bands=["b"], geobox=box, units="physical", resampling=resampling, use_overviews=False, **more
        )
        assert np.allclose(cube.b.values[0], expected, rtol=1e-6)


@pytest.mark.parametrize("resampling", ["max", "min"])
def test_statistics_of_gdal_without_what_is_masked(scene: Any, resampling: str) -> None:
    blocks, box = _blocks(scene, 5)
    blocks[blocks % 7 == 3] = np.nan
    expected = STATISTICS[resampling](blocks, axis=2)
    enough = np.isfinite(blocks).mean(axis=2) >= 0.8
    asked: dict[str, Any] = {"bands": ["b"], "geobox": box, "resampling": resampling, "mask": ["q=class3"]}
    assert np.array_equal(load([scene], **asked).b.values[0], expected)
    assert np.array_equal(load([scene], min_valid=0.8, **asked).b.values[0], np.where(enough, expected, 0))


@pytest.mark.parametrize("resampling", ["max", "mode", "lanczos"])
def test_integers_without_fill_end_where_their_file_ends(tmp_path: Path, resampling: str) -> None:
    """No block decides what the file covers; beside it lies another scene, whose pixels must not be lost."""
    chance = np.random.default_rng(2)
    files = [write_tif(tmp_path / f"{n}.tif", chance.integers(100, 200, (150, 140)).astype("uint8"),
                       transform=Affine(10, 0, 600000 + 1400 * n, 0, -10, 7000000)) for n in range(2)]  # fmt: skip
    items = [plain_item(f"s{n}", {"b": path}, hours=n) for n, path in enumerate(files)]
    extents = [item.bbox or [] for item in items]
    box = GeoBox.from_bbox((extents[0][0], extents[0][1], extents[1][2], extents[1][3]), "EPSG:4326", resolution=0.0003)
    asked: dict[str, Any] = {"resampling": resampling, "groupby": "solar_day"}
    whole = load(items, geobox=box, **asked).b.values[0]
    assert (whole > 0).mean() > 0.9
    assert np.array_equal(load(items, geobox=box, chunks={"x": 23, "y": 50}, **asked).b.values[0], whole)
    part = load(items, geobox=box[10:30, 20:60], **asked).b.values[0]
    assert np.array_equal(part, whole[10:30, 20:60])


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average", "max"])
def test_complex_numbers_depend_on_no_block(tmp_path: Path, resampling: str) -> None:
    chance = np.random.default_rng(3)
    pixels = (chance.normal(size=(120, 130)) + 1j * chance.normal(size=(120, 130))).astype("complex64")
    pixels[20:30] = np.nan
    parts = [pixels, pixels.real.copy(), np.where(np.isnan(pixels), np.nan, pixels.imag).astype("float32")]
    items = [plain_item("a", {"b": write_tif(tmp_path / f"{n}.tif", part)}) for n, part in enumerate(parts)]
    assert np.array_equal(load(items[:1], native=True).b.values[0], pixels, equal_nan=True)
    west, south, east, north = items[0].bbox or []
    box = GeoBox.from_bbox((west, south, east, north), "EPSG:4326", resolution=0.00017)
    whole, real, imaginary = (load([item], geobox=box, resampling=resampling).b.values[0] for item in items)
    assert whole.dtype == "complex64" and np.allclose(whole.real, real, atol=1e-6, equal_nan=True)
    valid = np.isfinite(whole)
    assert np.allclose(whole.imag[valid], imaginary[valid], atol=1e-6) and 0.5 < valid.mean() < 1
    for more in ({"chunks": {"x": 50, "y": 40}}, {"n_obs": True, "pool": 3}):
        again = load(items[:1], geobox=box, resampling=resampling, **more).b.values[0]
        assert np.array_equal(again, whole, equal_nan=True)
