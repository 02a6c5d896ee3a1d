"""Means of what pixels cover, against their definition with exact transforms and against GDAL."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.geotiff.driver import render, windows
from stacaster.geotiff.driver.coordinates import BOUND
from tests.certain import certain
from tests.geotiff.driver.exact import averaged, by_gdal, exact_corners, is_lost, stored
from tests.geotiff.driver.made_rasters import Wanted, config, level_of_odc, made_raster, read_cube, read_level

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
DTYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64")
FILES = ("EPSG:32754", "EPSG:4326", "EPSG:3577", "EPSG:3857", "EPSG:3413")
GRIDS = {"EPSG:3413": ("EPSG:3413", "EPSG:3995", "EPSG:4326")}


def grid(wanted: Wanted, crs: str, scale: float, shift: tuple[float, float], shape: tuple[int, int]) -> GeoBox:
    """Return a grid whose corner lies on a pixel of a file and whose pixels are so many times as large."""
    at, beside = wanted.geobox.transform * shift, wanted.geobox.transform * (shift[0] + 1, shift[1])
    if CRS(crs) != wanted.geobox.crs:
        to = certain(wanted.geobox.crs).transformer_to_crs(CRS(crs))
        at, beside = to(*at), to(*beside)
    size = float(np.hypot(beside[0] - at[0], beside[1] - at[1])) * scale
    return GeoBox(shape, Affine(size, 0, at[0], 0, -size, at[1]), crs)


@st.composite
def cases(draw: Any, least: int, scales: st.SearchStrategy[float]) -> tuple[Wanted, GeoBox]:
    """Files of so many rows and columns or more, and cubes whose pixels are so many times as large."""
    dtype, crs = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(FILES))
    wanted = Wanted(
        dtype=dtype, crs=crs, nodata=draw(st.sampled_from([0, 7, None])), predictor=3 if dtype[0] == "f" else 2,
        shape=(draw(st.integers(least, 230)), draw(st.integers(least, 230))),
        block=draw(st.sampled_from([16, 64, 256])), seed=draw(st.integers(0, 9)), flip=draw(st.booleans()),
    )  # fmt: skip
    scale = draw(scales)
    shift = draw(st.tuples(st.floats(-30, 160), st.floats(-30, 160)))
    other = draw(st.sampled_from(GRIDS.get(crs, ("EPSG:32754", "EPSG:32755", "EPSG:3577", "EPSG:4326"))))
    return wanted, grid(wanted, other, scale, shift, draw(st.tuples(st.integers(1, 40), st.integers(1, 40))))


@settings(max_examples=30, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(case=cases(1, st.one_of(st.floats(1.05, 20), st.sampled_from([0.7, 2.0, 3.0]))))
def test_by_definition(tmp_path_factory: pytest.TempPathFactory, case: tuple[Wanted, GeoBox]) -> None:
    wanted, cube = case
    path = made_raster(tmp_path_factory.mktemp("r") / "a.tif", wanted)
    found, left = read_cube(path, cube, config(wanted, resampling="average"))
    assert left is None
    values, transform = read_level(path, 0)
    x, y = exact_corners(cube, wanted.crs, transform)
    means, parts, spans = averaged(values, x, y, ~is_lost(values, wanted.nodata))
    expected = stored(means, wanted.dtype, wanted.nodata)
    lost = is_lost(found, wanted.nodata) if wanted.nodata is not None or wanted.dtype[0] == "f" else found == 0
    # Of a turned pixel two corners may lie on one line, and that on the edge of the file.
    on_edge = np.minimum(np.abs(x[:-1, :-1]), np.abs(x[:-1, :-1] - values.shape[1])) < BOUND
    on_edge |= np.minimum(np.abs(y[:-1, :-1]), np.abs(y[:-1, :-1] - values.shape[0])) < BOUND
    assert (~lost[(parts == 0) & ~on_edge]).sum() <= max(1, 0.02 * (parts == 0).sum())
    # Where values have a small part of the weights, a hundredth of a pixel decides whether they have any.
    sure = (parts > 0.05) & ~on_edge
    if wanted.nodata is not None or wanted.dtype[0] == "f":
        assert not lost[sure].any()
    off = np.abs(found[sure].astype("float64") - expected[sure].astype("float64"))
    bound = 5 * BOUND * spans[sure] / parts[sure] + (1e-4 if found.dtype.kind == "f" else 1)
    assert (off <= bound).all()
    if found.dtype.kind in "ui":
        assert (off > 0).sum() <= max(2, 0.05 * off.size)
    rows, cols = cube.shape.yx
    for block in ((slice(0, rows), slice(cols // 3, cols)), (slice(rows // 2, rows), slice(0, (cols + 1) // 2))):
        part, _ = read_cube(path, cube, config(wanted, resampling="average"), block=block)
        assert np.array_equal(part, found[block], equal_nan=found.dtype.kind == "f")


@settings(max_examples=40, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(
    dtype=st.sampled_from(["uint8", "int16", "uint16", "int32", "float32"]), nodata=st.sampled_from([0, 7, 100, None]),
    ratio=st.integers(2, 20), shift=st.tuples(st.integers(-25, 100), st.integers(-25, 100)), seed=st.integers(0, 9),
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)  # fmt: skip
def test_whole_ratios_are_gdals(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, nodata: float | None, ratio: int, shift: tuple[int, int],
    seed: int, shape: tuple[int, int],
) -> None:  # fmt: skip
    wanted = Wanted(dtype=dtype, nodata=nodata, predictor=1, shape=(170, 190), seed=seed)
    path = made_raster(tmp_path_factory.mktemp("r") / "a.tif", wanted)
    cube = grid(wanted, wanted.crs, ratio, shift, shape)
    found, left = read_cube(path, cube, config(wanted, resampling="average"))
    assert left is None
    # Without a scale GDAL takes one from the sizes of its windows, and leaves out pixels at the edge of the file.
    expected = by_gdal(path, cube, "average", nodata, XSCALE=1 / ratio, YSCALE=1 / ratio)
    rows, cols = (shift[n] + ratio * np.arange(shape[1 - n]) for n in (1, 0))
    # Those that only touch the first row or column from outside get its value from GDAL.
    meets = np.ix_((rows + ratio > 0) & (rows < 170), (cols + ratio > 0) & (cols < 190))
    nothing = np.nan if nodata is None and dtype == "float32" else (nodata or 0)
    assert np.array_equal(found[meets], expected[meets])
    outside = np.ones(shape, dtype=bool)
    outside[meets] = False
    assert np.array_equal(found[outside], np.full(outside.sum(), nothing), equal_nan=True)


@pytest.mark.parametrize("crs", ["EPSG:32755", "EPSG:3577", "EPSG:4326"])
@pytest.mark.parametrize("scale", [1.3, 4.4])
def test_other_grids_as_gdal(tmp_path: Path, crs: str, scale: float) -> None:
    wanted = Wanted(dtype="uint8", shape=(500, 500))
    path = made_raster(tmp_path / "a.tif", wanted)
    cube = grid(wanted, crs, scale, (20, 30), (90, 90))
    found, left = read_cube(path, cube, config(wanted, resampling="average"))
    expected = by_gdal(path, cube, "average", 0)
    off = np.abs(found.astype(int) - expected.astype(int))
    assert left is None and found.any() and off.max() <= 1 and (off > 0).mean() < 0.01


def test_an_overview_is_averaged(tmp_path: Path) -> None:
    wanted = Wanted(dtype="uint16", shape=(900, 800), overviews=(2, 4, 8))
    path = made_raster(tmp_path / "a.tif", wanted)
    cube = grid(wanted, "EPSG:32755", 5.5, (40, 40), (80, 70))
    found, _ = read_cube(path, cube, config(wanted, resampling="average"))
    level, _ = level_of_odc(path, wanted.geobox, cube)
    values, transform = read_level(path, level)
    means, parts, _ = averaged(values, *exact_corners(cube, wanted.crs, transform), values != 0)
    assert level == 2
    sure = parts > 0.05
    assert np.abs(found[sure].astype(float) - means[sure]).max() <= 1.5


@pytest.mark.parametrize("resampling", ["average", "cubic"])
def test_windows_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resampling: str) -> None:
    wanted = Wanted(dtype="int16", shape=(1500, 1400))
    path = made_raster(tmp_path / "a.tif", wanted)
    cube = grid(wanted, "EPSG:32755", 4, (-30, -30), (390, 370))
    whole, _ = read_cube(path, cube, config(wanted, resampling=resampling))
    sizes = []
    read = windows._window

    def noted(*arguments: Any, **more: Any) -> Any:
        window = read(*arguments, **more)
        sizes.append(window.pixels.nbytes)
        return window

    monkeypatch.setattr(windows, "_window", noted)
    monkeypatch.setattr(render, "_WINDOW_BYTES", 1 << 20)
    found, _ = read_cube(path, cube, config(wanted, resampling=resampling))
    assert np.array_equal(found, whole) and len(sizes) > 4 and max(sizes) <= 1 << 20


def test_a_large_cube_of_several_squares(tmp_path: Path) -> None:
    wanted = Wanted(dtype="uint8", shape=(1700, 1600), block=256)
    path = made_raster(tmp_path / "a.tif", wanted)
    cube = grid(wanted, "EPSG:32755", 1.2, (10, 10), (1200, 1250))
    found, left = read_cube(path, cube, config(wanted, resampling="average"))
    near = np.s_[1000:1050, 1000:1050]
    values, transform = read_level(path, 0)
    x, y = exact_corners(cube[near], wanted.crs, transform)
    means, parts, _ = averaged(values, x, y, values != 0)
    sure = parts > 0.05
    assert left is None and sure.mean() > 0.9
    off = np.abs(found[near][sure].astype(float) - stored(means, "uint8", 0)[sure])
    assert off.max() <= 2 and (off > 0).mean() < 0.02


@pytest.mark.parametrize("west", [-180.0, 160.0])
def test_pixels_on_the_antimeridian(tmp_path: Path, west: float) -> None:
    """A file around the Earth, and one that ends at the antimeridian, on a grid that crosses it."""
    wide = 720 if west == -180 else 40
    wanted = Wanted(dtype="float32", nodata=None, crs="EPSG:4326", shape=(60, wide), predictor=1)
    path = tmp_path / "a.tif"
    transform = Affine(0.5, 0, west, 0, -0.5, 15)
    values = np.tile(np.where(np.arange(wide) * 0.5 + west > 0, 10, 30).astype("float32"), (60, 1))
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", height=60, width=wide, crs="EPSG:4326",
        transform=transform, tiled=True, blockxsize=16, blockysize=16,
    ) as file:  # fmt: skip
        file.write(values, 1)
    # Centred on the antimeridian; the middle column lies half on either side.
    cube = GeoBox((4, 5), Affine(300_000, 0, -750_000, 0, -300_000, 600_000), "+proj=eqc +lon_0=180 +datum=WGS84")
    found, left = read_cube(path, cube, dataclasses.replace(config(wanted), resampling="average"))
    assert left is None
    middle = 20 if west == -180 else 10
    right = 30 if west == -180 else np.nan
    expected = np.tile(np.array([10, 10, middle, right, right], dtype="float32"), (4, 1))
    assert np.allclose(found, expected, equal_nan=True)


@pytest.mark.parametrize("resampling", ["average", "bilinear", "cubic"])
@pytest.mark.parametrize("crs", ["EPSG:3413", "EPSG:3031"])
def test_a_file_around_the_earth_on_a_polar_grid(tmp_path: Path, crs: str, resampling: str) -> None:
    """The pole lies in the middle of the cube, and a line from there to its edge is the antimeridian."""
    rows, cols = np.mgrid[0:360, 0:720]
    values = (np.sin(cols / 720 * 6 * np.pi) * 60 + np.cos(rows / 20) * 40 + 110).astype("uint8")
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", height=360, width=720, crs="EPSG:4326", nodata=0,
        transform=Affine(0.5, 0, -180, 0, -0.5, 90), tiled=True, blockxsize=64, blockysize=64,
    ) as file:  # fmt: skip
        file.write(values, 1)
    cube = GeoBox((80, 80), Affine(1e5, 0, -4e6, 0, -1e5, 4e6), crs)
    found, left = read_cube(path, cube, config(Wanted(), resampling=resampling))
    assert left is None and (found > 0).all()
    # GDAL takes the long way round for a few pixels beside the pole, and another scale.
    off = np.abs(found.astype(int) - by_gdal(path, cube, resampling, 0).astype(int))
    assert (off > 4).sum() <= 10


def test_what_is_torn_by_a_projection_has_no_mean(tmp_path: Path) -> None:
    """Beyond the antimeridian places of Web Mercator go on at its other end."""
    wanted = Wanted(dtype="uint8", nodata=0)
    size = 40_000.0
    edge = 20_037_508.342789244
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", count=1, dtype="uint8", height=40, width=1002, crs="EPSG:3857",
        transform=Affine(size, 0, -edge, 0, -size, 800_000), tiled=True, blockxsize=64, blockysize=64, nodata=0,
    ) as file:  # fmt: skip
        file.write(np.tile(np.where(np.arange(1002) < 501, 30, 10).astype("uint8"), (40, 1)), 1)
    cube = GeoBox((4, 5), Affine(100_000, 0, -250_000, 0, -100_000, 200_000), "+proj=eqc +lon_0=180 +datum=WGS84")
    found, left = read_cube(tmp_path / "a.tif", cube, config(wanted, resampling="average"))
    assert left is None and np.array_equal(found, np.tile(np.array([10, 10, 0, 30, 30], dtype="uint8"), (4, 1)))


def test_an_earlier_scene_counts_first_and_nothing_is_nothing(tmp_path: Path) -> None:
    from odc.loader import RasterSource

    from stacaster.geotiff.driver.reader import Context, Reader

    wanted = Wanted(dtype="uint8", shape=(60, 60))
    path = made_raster(tmp_path / "a.tif", wanted)
    cube = grid(wanted, wanted.crs, 4, (-8, -8), (25, 25))
    cfg = config(wanted, resampling="average")
    reader = Reader(RasterSource(str(path)), Context({}, cube))
    alone, kept = np.empty(cube.shape, "uint8"), np.zeros(cube.shape, "uint8")
    kept[5:9] = 3
    table = np.where(np.arange(256) == 0, np.nan, np.arange(256) * 0.5 + 1).astype("float32")
    physical = np.empty(cube.shape, "float32")
    assert reader.fill(cfg, alone, slice(0, 25), table=None, keep=False, by_rasterio=False)
    assert reader.fill(cfg, kept, slice(0, 25), table=None, keep=True, by_rasterio=False)
    assert reader.fill(cfg, physical, slice(0, 25), table=table, keep=False, by_rasterio=False)
    assert reader.left_to_rasterio is None
    assert (alone[:2] == 0).all() and (alone[2:17, 2:17] > 0).all() and (alone[18:] == 0).all()
    assert (kept[5:9] == 3).all() and np.array_equal(np.delete(kept, np.s_[5:9], 0), np.delete(alone, np.s_[5:9], 0))
    # Physical values are those of the means of stored numbers.
    assert np.array_equal(physical, table[alone], equal_nan=True)
