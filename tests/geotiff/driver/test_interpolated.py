"""Interpolated pixels, against GDAL with transforms that are all but exact."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odc.geo import CRS
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.warp import reproject

from stacaster.geotiff.driver.coordinates import BOUND
from stacaster.geotiff.driver.kernels import interpolate
from tests.certain import certain
from tests.geotiff.driver.exact import by_gdal, stored
from tests.geotiff.driver.made_rasters import Wanted, config, exact_places, made_raster, read_cube, read_level

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without looking for the smallest failing case, which takes minutes."""


def grid(wanted: Wanted, crs: str, scale: float, shift: tuple[float, float], shape: tuple[int, int]) -> GeoBox:
    source = wanted.geobox
    at = source.transform * shift
    size = abs(source.transform.a) * scale
    if CRS(crs) != source.crs:
        at = certain(source.crs).transformer_to_crs(CRS(crs))(*at)
    return GeoBox(shape, Affine(size, 0, at[0], 0, -size, at[1]), crs)


@settings(max_examples=25, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(
    dtype=st.sampled_from(["uint8", "int16", "uint16", "float32"]), nodata=st.sampled_from([0, 7, None]),
    resampling=st.sampled_from(["bilinear", "cubic"]), crs=st.sampled_from(["EPSG:32754", "EPSG:32755"]),
    scale=st.floats(0.3, 1.02), shift=st.tuples(st.floats(-20, 150), st.floats(-20, 150)),
    shape=st.tuples(st.integers(1, 180), st.integers(1, 180)),
)  # fmt: skip
def test_as_gdal(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, nodata: float | None, resampling: str, crs: str,
    scale: float, shift: tuple[float, float], shape: tuple[int, int],
) -> None:  # fmt: skip
    wanted = Wanted(dtype=dtype, nodata=nodata, predictor=3 if dtype == "float32" else 2, shape=(170, 190))
    path = made_raster(tmp_path_factory.mktemp("r") / "a.tif", wanted)
    cube = grid(wanted, crs, scale, shift, shape)
    fill = nodata if nodata is not None else (np.nan if dtype == "float32" else None)
    found, left = read_cube(path, cube, config(wanted, resampling=resampling))
    assert left is None
    # GDAL reckons from the size of the window whether pixels become smaller, which goes wrong for small ones.
    expected = by_gdal(path, cube, resampling, fill, tolerance=1e-4, XSCALE=1, YSCALE=1)
    nothing = Wanted().nodata if fill is None else fill
    lost, no_value = (np.isnan(a) if nothing != nothing else a == nothing for a in (found, expected))  # noqa: PLR0124
    # Places at the very edge of the file, or of a missing pixel.
    assert (lost == no_value).mean() > 0.99 or (lost != no_value).sum() <= 2
    # At half a pixel begin other pixels, and with cubic another kernel where those are not all there.
    x, y = exact_places(cube, wanted.crs, read_level(path, 0)[1])
    on_half = np.minimum(np.abs(x - np.floor(x) - 0.5), np.abs(y - np.floor(y) - 0.5)) < BOUND
    both = ~lost & ~no_value & ~on_half
    if both.any():
        off = np.abs(found[both].astype(float) - expected[both].astype(float))
        # A hundredth of a pixel changes a value by a hundredth of what lies between neighbours.
        assert off.max() <= 2.0 and (off > 1).sum() <= max(1, 0.01 * off.size)
        if crs == "EPSG:32754":
            # Halves are rounded up or down, and at even scales there are many.
            assert (off >= 1e-3).sum() <= max(4, 0.02 * off.size)
    part, _ = read_cube(
        path, cube, config(wanted, resampling=resampling), block=np.s_[shape[0] // 3 :, : shape[1] // 2 + 1]
    )
    assert np.array_equal(part, found[shape[0] // 3 :, : shape[1] // 2 + 1], equal_nan=dtype == "float32")


def test_aligned_pixels_are_copied(tmp_path: Path) -> None:
    wanted = Wanted(dtype="int16")
    path = made_raster(tmp_path / "a.tif", wanted)
    for resampling in ("bilinear", "cubic", "average"):
        found, left = read_cube(path, wanted.geobox, config(wanted, resampling=resampling))
        with rasterio.open(path) as dataset:
            assert np.array_equal(found, dataset.read(1))
        assert left is None


@pytest.mark.parametrize("resampling", ["bilinear", "average", "cubic"])
def test_a_single_pixel_is_not_taken_for_aligned(tmp_path: Path, resampling: str) -> None:
    """Its centre lies on one of the file, however large it is."""
    wanted = Wanted(dtype="uint8", nodata=None)
    path = made_raster(tmp_path / "a.tif", wanted)
    for scale in (3, 5):
        large = grid(wanted, wanted.crs, scale, (100, 90), (1, 1))
        beside = grid(wanted, wanted.crs, scale, (100, 90), (2, 2))
        found, _ = read_cube(path, large, config(wanted, resampling=resampling))
        assert found == read_cube(path, beside, config(wanted, resampling=resampling))[0][0, 0]


def rough_raster(path: Path, nodata: float | None, size: int = 600) -> Path:
    """Write noise, so that neighbours have nothing in common, and a fifth of fill."""
    made_raster(path, Wanted(nodata=nodata, shape=(size, size)))
    chance = np.random.default_rng(3)
    values = chance.integers(1, 256, (size, size)).astype("uint8")
    if nodata is not None:
        values[chance.random(values.shape) < 0.2] = nodata
    with rasterio.open(path, "r+") as file:
        file.write(values, 1)
    return path


@pytest.mark.parametrize("nodata", [0, None])
@pytest.mark.parametrize("resampling", ["bilinear", "cubic"])
def test_at_exact_places_every_pixel_is_gdals(tmp_path: Path, resampling: str, nodata: float | None) -> None:
    """So that whatever differs does so by places: ours, within the bound, or GDAL's, which allows itself 0.125 pixel.

    ``rasterio.warp.reproject`` has no setting for that; a ``tolerance`` is taken and does nothing.
    """
    path, wanted = rough_raster(tmp_path / "a.tif", nodata), Wanted(nodata=nodata, shape=(600, 600))
    cube = grid(wanted, "EPSG:32755", 0.9, (-20, -20), (600, 600))
    values, transform = read_level(path, 0)
    x, y = exact_places(cube, wanted.crs, transform)
    held = np.empty(cube.shape)
    fill = math.nan if nodata is None else nodata
    interpolate(x, y, 1, 0, 0, values, 0, 0, fill, nodata is not None, resampling == "cubic", held)
    scales = {"XSCALE": 1, "YSCALE": 1}
    exact = by_gdal(path, cube, resampling, nodata, **scales)
    # Rounding decides on which side of an edge a place lies that is on it.
    clear = (np.abs(x - np.rint(x)) > 2e-6) & (np.abs(y - np.rint(y)) > 2e-6)
    assert clear.mean() > 0.9999 and np.array_equal(stored(held, "uint8", nodata)[clear], exact[clear])
    loose = by_gdal(path, cube, resampling, nodata, tolerance=0.125, **scales)
    warped = np.zeros_like(loose)
    reproject(
        values, warped, src_transform=transform, src_crs=wanted.crs, dst_transform=cube.transform, tolerance=0,
        dst_crs=str(cube.crs), src_nodata=nodata, dst_nodata=nodata, resampling=Resampling[resampling], **scales,
    )  # fmt: skip
    assert np.array_equal(warped, loose) and (warped != exact).mean() > 0.1
    found, _ = read_cube(path, cube, config(wanted, resampling=resampling))
    assert (found != exact).mean() < 0.01


def test_cubic_beside_fill_jumps_within_the_bound(tmp_path: Path) -> None:
    """Where one of sixteen pixels is missing, cubic becomes bilinear, as in GDAL, and which sixteen they are changes at
    half a pixel: a place within a hundredth of one may lie on the other side, and then differ by more than a count."""
    path, wanted = rough_raster(tmp_path / "a.tif", 0, size=1200), Wanted(nodata=0, shape=(1200, 1200))
    cube = grid(wanted, "EPSG:3857", 1.0, (10, 10), (1200, 1200))
    found, _ = read_cube(path, cube, config(wanted, resampling="cubic"))
    exact = by_gdal(path, cube, "cubic", 0, XSCALE=1, YSCALE=1)
    x, y = exact_places(cube, wanted.crs, read_level(path, 0)[1])
    far = np.abs(found.astype(int) - exact.astype(int)) > 2
    on_half = np.minimum(np.abs(x - np.floor(x) - 0.5), np.abs(y - np.floor(y) - 0.5)) < BOUND
    on_edge = np.minimum(np.abs(x - np.rint(x)), np.abs(y - np.rint(y))) < BOUND
    assert not (far & ~on_half & ~on_edge).any() and far.mean() < 1e-3
    assert (far & on_half & (found > 0) & (exact > 0)).any()


@pytest.mark.parametrize("resampling", ["lanczos", "mode"])
def test_what_is_not_known_is_left_to_gdal(tmp_path: Path, resampling: str) -> None:
    wanted = Wanted(dtype="uint8")
    path = made_raster(tmp_path / "a.tif", wanted)
    _, left = read_cube(
        path, grid(wanted, "EPSG:32755", 1.4, (10, 10), (50, 50)), config(wanted, resampling=resampling)
    )
    assert left is not None and resampling in left
