"""Interpolated pixels, against GDAL with transforms that are all but exact."""

from __future__ import annotations

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
from rasterio.vrt import WarpedVRT

from tests.rasters.made_rasters import Wanted, config, made_raster, read_cube

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without looking for the smallest failing case, which takes minutes."""


def by_gdal(path: Path, cube: GeoBox, resampling: str, nodata: float | None) -> np.ndarray:
    # GDAL reckons from the size of the window whether pixels become smaller, which goes wrong for small ones.
    with rasterio.open(path) as dataset, WarpedVRT(
        dataset, crs=str(cube.crs), transform=cube.transform, width=cube.shape.x, height=cube.shape.y, nodata=nodata,
        resampling=Resampling[resampling], tolerance=1e-4, XSCALE=1, YSCALE=1,
    ) as warped:  # fmt: skip
        found: np.ndarray = warped.read(1)
        return found


def grid(wanted: Wanted, crs: str, scale: float, shift: tuple[float, float], shape: tuple[int, int]) -> GeoBox:
    source = wanted.geobox
    at = source.transform * shift
    size = abs(source.transform.a) * scale
    if CRS(crs) != source.crs:
        at = source.crs.transformer_to_crs(CRS(crs))(*at)
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
    expected = by_gdal(path, cube, resampling, fill)
    nothing = Wanted().nodata if fill is None else fill
    lost, no_value = (np.isnan(a) if nothing != nothing else a == nothing for a in (found, expected))  # noqa: PLR0124
    # Places at the very edge of the file, or of a missing pixel.
    assert (lost == no_value).mean() > 0.99 or (lost != no_value).sum() <= 2
    both = ~lost & ~no_value
    if both.any():
        off = np.abs(found[both].astype(float) - expected[both].astype(float))
        # A hundredth of a pixel changes a value by a hundredth of what lies between neighbours.
        assert off.max() <= 2.0 and (off > 1).sum() <= max(1, 0.01 * off.size)
        if crs == "EPSG:32754":
            assert (off >= 1e-3).sum() <= max(1, 0.005 * off.size)
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
        assert (left is None) == (resampling != "average")


@pytest.mark.parametrize("resampling", ["bilinear", "mode"])
def test_what_gdal_does_otherwise_is_left_to_it(tmp_path: Path, resampling: str) -> None:
    wanted = Wanted(dtype="uint8")
    path = made_raster(tmp_path / "a.tif", wanted)
    _, left = read_cube(
        path, grid(wanted, "EPSG:32755", 1.4, (10, 10), (50, 50)), config(wanted, resampling=resampling)
    )
    assert left is not None and resampling in left
