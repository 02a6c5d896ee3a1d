"""Bilinear and cubic kernels stretched to the pixels of a coarser cube, against their definition and against GDAL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.geotiff.driver.files import opened
from stacaster.geotiff.driver.views import placed, view_of
from tests.certain import certain
from tests.geotiff.driver.exact import by_gdal, is_lost, stored, stretched
from tests.geotiff.driver.made_rasters import Wanted, config, exact_places, made_raster, read_cube, read_level
from tests.geotiff.driver.test_averaged import PHASES, cases, grid

SHRINKS = 1.0527


def steps(cube: GeoBox, crs: Any, transform: Affine, col: float, row: float) -> np.ndarray:
    """Return how far a step along rows and along columns of a cube goes in a file: (step, axis)."""
    cols, rows = np.array([-0.5, 0.5, 0, 0]) + col, np.array([0, 0, -0.5, 0.5]) + row
    x, y = placed(cube.transform, cols, rows)
    if cube.crs != CRS(crs):
        x, y = certain(cube.crs).transformer_to_crs(CRS(crs))(x, y)
    back = ~transform
    at = np.array([back.a * np.asarray(x), back.e * np.asarray(y)])
    return np.array([at[:, 1] - at[:, 0], at[:, 3] - at[:, 2]])


@settings(max_examples=30, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(case=cases(2, st.floats(1.06, 20)), resampling=st.sampled_from(["bilinear", "cubic"]))
def test_by_definition(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[Wanted, GeoBox], resampling: str
) -> None:  # fmt: skip
    wanted, cube = case
    path = made_raster(tmp_path_factory.mktemp("r") / "a.tif", wanted)
    found, left = read_cube(path, cube, config(wanted, resampling=resampling))
    assert left is None
    rows, cols = cube.shape.yx
    for block in ((slice(0, rows), slice(cols // 3, cols)), (slice(rows // 2, rows), slice(0, (cols + 1) // 2))):
        part, _ = read_cube(path, cube, config(wanted, resampling=resampling), block=block)
        assert np.array_equal(part, found[block], equal_nan=found.dtype.kind == "f")
    with opened(str(path), {}) as (file, _):
        view = view_of(file, cube, use_overviews=True)
    lost = is_lost(found, wanted.nodata) if wanted.nodata is not None or wanted.dtype[0] == "f" else found == 0
    if view is None:
        assert lost.all()
        return
    if max(view.across, view.down) < SHRINKS:
        return
    scales = (max(view.across, 1.0), max(view.down, 1.0))
    values, transform = read_level(path, 0)
    x, y = exact_places(cube, wanted.crs, transform)
    is_value = ~is_lost(values, wanted.nodata)
    sums, parts = stretched(values, x, y, is_value, scales, is_cubic=resampling == "cubic")
    expected = stored(sums, wanted.dtype, wanted.nodata)
    # A hundredth of a pixel decides in which pixel a place at an edge lies.
    clear = (np.abs(x - np.rint(x)) > 0.01) & (np.abs(y - np.rint(y)) > 0.01)
    assert lost[clear & np.isnan(sums)].all()
    if wanted.nodata is not None or wanted.dtype[0] == "f":
        assert not lost[clear & ~np.isnan(sums)].any()
    # Where little of a kernel that is negative in parts has values, a small step goes far: for GDAL, too.
    sure = clear & (parts > 0.3)
    off = np.abs(found[sure].astype("float64") - expected[sure].astype("float64"))
    assert (off <= 3).all()
    if found.dtype.kind in "ui":
        assert (off > 0).sum() <= max(2, 0.05 * off.size)


@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
@pytest.mark.parametrize("crs", ["EPSG:32754", "EPSG:32755", "EPSG:3577", "EPSG:4326"])
@pytest.mark.parametrize("nodata", [0, None])
def test_as_gdal(tmp_path: Path, crs: str, resampling: str, nodata: float | None) -> None:
    """GDAL takes one scale for each of its windows; told ours it comes to the same, and by itself close to it."""
    wanted = Wanted(dtype="uint8", nodata=nodata, shape=(600, 600))
    path = made_raster(tmp_path / "a.tif", wanted)
    for scale in (1.2, 2.0, 4.4):
        cube = grid(wanted, crs, scale, (20, 30), (90, 90))
        found, left = read_cube(path, cube, config(wanted, resampling=resampling))
        assert left is None and found.any()
        with opened(str(path), {}) as (file, _):
            view = view_of(file, cube, use_overviews=True)
        assert view is not None
        told = by_gdal(path, cube, resampling, nodata, XSCALE=1 / view.across, YSCALE=1 / view.down)
        both = np.ones(found.shape, bool) if nodata is None else (found != 0) & (told != 0)
        assert ((found != 0) == (told != 0)).mean() > 0.999
        off = np.abs(found[both].astype(int) - told[both].astype(int))
        assert off.max() <= 1 and (off > 0).mean() < 0.02
        alone = by_gdal(path, cube, resampling, nodata)
        off = np.abs(found[both].astype(int) - alone[both].astype(int))
        assert off.mean() < 1.0 and np.quantile(off, 0.99) <= 8


@pytest.mark.parametrize("crs", ["EPSG:32754", "EPSG:32755", "EPSG:3577", "EPSG:4326"])
@pytest.mark.parametrize("turn", [0, 30, 90])
def test_the_scale_of_a_view(tmp_path: Path, crs: str, turn: float) -> None:
    """Pixels half as long along one side as along the other; in a turned grid rows of the file cross both."""
    wanted = Wanted(shape=(400, 400))
    path = made_raster(tmp_path / "a.tif", wanted)
    inside = grid(wanted, crs, 3.3, (100, 100), (50, 50))
    cube = GeoBox((50, 50), inside.transform * Affine.rotation(turn) * Affine.scale(1, 0.5), crs)
    with opened(str(path), {}) as (file, _):
        view = view_of(file, cube, use_overviews=True)
    assert view is not None
    length = np.hypot(*steps(cube, wanted.crs, wanted.geobox.transform, 25, 25))
    assert np.allclose((view.across, view.down), length, rtol=5e-3, atol=0.05)


def test_whole_scales_are_meant(tmp_path: Path) -> None:
    """As for GDAL: one that a whole number misses by less than a twentieth is that number."""
    wanted = Wanted(shape=(400, 400))
    path = made_raster(tmp_path / "a.tif", wanted)
    found = []
    for scale in (0.3, 1.04, 2.04, 2.06, 3.96):
        with opened(str(path), {}) as (file, _):
            view = view_of(file, grid(wanted, wanted.crs, scale, (0, 0), (9, 9)), use_overviews=False)
        assert view is not None and view.across == view.down
        found.append(view.across)
    assert np.allclose(found, [0.3, 1, 2, 2.06, 4])


def test_a_view_over_the_edge_of_a_projection(tmp_path: Path) -> None:
    """The middle of the cube is where places jump from one end of the file to the other."""
    path, edge = tmp_path / "a.tif", 20_037_508.342789244
    values = np.full((40, 1002), 200, dtype="uint8")
    values[:, :20], values[:, -20:] = 30, 10
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", height=40, width=1002, crs="EPSG:3857", nodata=0,
        transform=Affine(40_000, 0, -edge, 0, -40_000, 800_000), tiled=True, blockxsize=64, blockysize=64,
    ) as file:  # fmt: skip
        file.write(values, 1)
    cube = GeoBox((4, 6), Affine(100_000, 0, -300_000, 0, -100_000, 200_000), "+proj=eqc +lon_0=180 +datum=WGS84")
    found, left = read_cube(path, cube, config(Wanted(), resampling="bilinear"))
    assert left is None and np.array_equal(found, np.tile(np.array([10] * 3 + [30] * 3, dtype="uint8"), (4, 1)))
