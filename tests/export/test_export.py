"""NetCDF files and indices as other programs see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import ExportError, LoadError, SpaceError, UsageError
from stacaster.export import write_netcdf


@pytest.fixture(scope="module")
def cube(catalog: Catalog) -> xr.Dataset:
    return catalog.load(bands=["nir", "red"], native=True, datetime="2003", units="reflectance")


def test_ndvi_by_hand() -> None:
    values = {"nir": [0.5, 0.4, 0.0, np.nan], "red": [0.25, 0.5, 0.0, 0.1]}
    small = xr.Dataset({name: ("x", np.array(v, "float32")) for name, v in values.items()})
    ndvi = stacaster.compute_index(small, "NDVI")
    np.testing.assert_allclose(ndvi, [1 / 3, -1 / 9, np.nan, np.nan], rtol=1e-6)
    assert ndvi.dtype == np.float32 and ndvi.name == "ndvi"
    assert ndvi.attrs["expression"] == "(nir - red) / (nir + red)" and "Rouse" in ndvi.attrs["citation"]


def test_ndvi_of_the_landscape_is_that_of_its_reflectances(catalog: Catalog, cube: xr.Dataset) -> None:
    ndvi = stacaster.compute_index(cube, "ndvi")
    expected = (cube.nir - cube.red) / (cube.nir + cube.red)
    np.testing.assert_allclose(ndvi, expected, rtol=1e-5, equal_nan=True)
    assert float(ndvi.min()) >= -1 and float(ndvi.max()) <= 1 and 0.05 < float(ndvi.mean()) < 0.7


def test_index_stays_lazy(catalog: Catalog) -> None:
    lazy = catalog.load(bands=["nir", "red"], native=True, datetime="2003", units="reflectance", chunks={})
    assert stacaster.compute_index(lazy, "ndvi").chunks is not None


def test_index_of_the_wrong_cube(catalog: Catalog, cube: xr.Dataset) -> None:
    with pytest.raises(LoadError, match="ndvi needs nir, red; nir missing, the cube has red"):
        stacaster.compute_index(cube[["red"]], "ndvi")
    counts = catalog.load(bands=["nir", "red"], native=True, datetime="2003")
    with pytest.raises(LoadError, match="load with units='reflectance'"):
        stacaster.compute_index(counts, "ndvi")
    with pytest.raises(UsageError, match="'evi9' is no index; nearest are ndvi"):
        stacaster.compute_index(cube, "evi9")


def test_counts_in_a_file(catalog: Catalog, tmp_path: Path) -> None:
    path = stacaster.export(tmp_path / "x.nc", catalog=catalog.root, bands=["B01"], datetime="2003")
    expected = catalog.load(bands=["B01"], native=True, datetime="2003")
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        band = file["B01"]
        assert band.dtype == np.uint8 and band._FillValue == 0
        assert np.array_equal(band[:], expected.B01)
        assert band.grid_mapping == "spatial_ref" and "crs_wkt" in file["spatial_ref"].ncattrs()
        assert file.Conventions == "CF-1.8"
        assert file["x"].standard_name == "projection_x_coordinate"
        times: Any = netCDF4.num2date(file["time"][:], file["time"].units)
        assert times[0].microsecond == 520_000
    with xr.open_dataset(path, mask_and_scale=False) as again:
        assert (again.time == expected.time).all() and (again.x == expected.x).all()


def test_index_in_a_file(catalog: Catalog, cube: xr.Dataset, tmp_path: Path) -> None:
    path = stacaster.export_index("ndvi", tmp_path / "x.nc", catalog=catalog.root, datetime="2003")
    with xr.open_dataset(path) as file:
        np.testing.assert_array_equal(file.ndvi, stacaster.compute_index(cube, "ndvi"))
        assert file.ndvi.attrs["units"] == "1"
        assert file.ndvi.attrs["grid_mapping"] == "spatial_ref"
        assert file.spatial_ref.attrs["crs_wkt"] and file.odc.crs.epsg == 32754


def test_night_scenes_are_left_out_of_an_index(catalog: Catalog, tmp_path: Path) -> None:
    path = stacaster.export_index(
        "ndvi", tmp_path / "x.nc", catalog=catalog.root, datetime="2003/2005", bbox="138.50,-31.02,138.57,-30.97"
    )
    with xr.open_dataset(path) as file:
        assert file.sizes["time"] == 3


def test_same_cube_same_bytes(cube: xr.Dataset, tmp_path: Path) -> None:
    first, second = (write_netcdf(cube, tmp_path / name).read_bytes() for name in ("a.nc", "b.nc"))
    assert first == second


def test_nothing_stays_behind_after_an_error(cube: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "x.nc").write_text("precious")
    broken = cube.assign(bad=(("time", "y", "x"), np.full(cube.nir.shape, object())))
    with pytest.raises((ExportError, SpaceError, TypeError)):
        write_netcdf(broken, tmp_path / "x.nc")
    assert [path.name for path in tmp_path.iterdir()] == ["x.nc"]
    assert (tmp_path / "x.nc").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"collection": "nope"}, "'nope' is not in the catalog"),
        ({"units": "kelvin"}, "kelvin"),
        ({"bands": ["B99"]}, "B99"),
    ],
)
def test_wrong_arguments(catalog: Catalog, tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(stacaster.StacasterError, match=words):
        stacaster.export(tmp_path / "x.nc", catalog=catalog.root, datetime="2003", **options)
