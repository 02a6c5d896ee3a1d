"""Zarr 3 with the conventions of GeoZarr: attributes by hand and by zarr-cm, coarser copies by NumPy."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rioxarray  # noqa: F401 - registers rio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

import stacaster
from stacaster.errors import UsageError

zarr = pytest.importorskip("zarr")
GRID = GeoBox((300, 601), Affine(30, 0, 700000, 0, -30, 6500000), "EPSG:32754")
TIMES = np.array(["2003-01-02T00:30:00.5", "2003-02-03"], "datetime64[ns]")


def made_cube() -> xr.Dataset:
    """Whole numbers with a hole, real numbers with NaN, classes, counts, and what has no dimension of space."""
    random = np.random.default_rng(7)
    dims = ("time", "y", "x")
    dn = random.integers(1, 255, (2, *GRID.shape)).astype(np.uint8)
    dn[:, :5, :7] = 0
    value = random.normal(size=(2, *GRID.shape)).astype(np.float32)
    value[0, 10:21, 10:31] = np.nan
    classes = random.choice(np.array([0, 3, 9], np.uint8), (2, *GRID.shape))
    return xr.Dataset(
        {
            "dn": (dims, dn, {"nodata": 0}),
            "value": (dims, value, {"units": "1"}),
            "scl": (dims, classes, {"kind": "class", "nodata": 0}),
            "gain": (("time",), np.array([1.5, 2.5])),
        },
        coords={"time": TIMES, **xr_coords(GRID)},
    )


def metadata(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "zarr.json").read_bytes())
    return found


@pytest.mark.parametrize("lazy", [False, True])
def test_a_cube_comes_back_from_zarr_3(lazy: bool, tmp_path: Path) -> None:
    cube = made_cube()
    path = stacaster.write_cube(cube.chunk({"y": 128, "x": 256}) if lazy else cube, tmp_path / "x.zarr", zarr_format=3)
    assert metadata(path)["zarr_format"] == 3
    with xr.open_zarr(path, decode_coords="all", mask_and_scale=False) as back:
        for name in cube.data_vars:
            assert back[name].dtype == cube[name].dtype
            assert np.array_equal(back[name].values, cube[name].values, equal_nan=name == "value")
        assert np.array_equal(back.time, cube.time) and back.odc.geobox == GRID
        assert back.rio.crs.to_epsg() == 32754


def test_every_array_says_where_it_lies_as_the_conventions_want(tmp_path: Path) -> None:
    path = stacaster.write_cube(made_cube(), tmp_path / "x.zarr", zarr_format=3)
    zarr_cm = pytest.importorskip("zarr_cm")
    for name in ("dn", "value", "scl"):
        document = metadata(path / name)
        assert document["dimension_names"] == ["time", "y", "x"]
        attributes = document["attributes"]
        assert attributes["spatial:transform"] == [30.0, 0.0, 700000.0, 0.0, -30.0, 6500000.0]
        assert attributes["spatial:shape"] == [300, 601] and attributes["spatial:dimensions"] == ["y", "x"]
        assert attributes["spatial:bbox"] == [700000.0, 6491000.0, 718030.0, 6500000.0]
        assert attributes["proj:code"] == "EPSG:32754"
        assert zarr_cm.validate_many(attributes, ["spatial", "proj"]) == attributes
        zarr_cm.spatial.validate_array_metadata(document)
        # A copy that is wrong is refused, so that the check above says something.
        with pytest.raises((ValueError, TypeError, KeyError)):
            zarr_cm.spatial.validate_array_metadata(
                {**document, "attributes": {**attributes, "spatial:transform": [1.0, 2.0]}}
            )
    assert "spatial:transform" not in metadata(path / "gain")["attributes"]
    assert {entry["name"] for entry in metadata(path)["attributes"]["zarr_conventions"]} == {"spatial:", "proj:"}


def test_a_crs_without_a_code_is_written_out(tmp_path: Path) -> None:
    grid = GeoBox((8, 9), Affine(1000, 0, 0, 0, -1000, 0), "+proj=laea +lat_0=-30 +lon_0=140 +datum=WGS84 +units=m")
    cube = xr.Dataset({"a": (("y", "x"), np.ones((8, 9), np.float32))}, coords=dict(xr_coords(grid)))
    attributes = metadata(stacaster.write_cube(cube, tmp_path / "x.zarr", zarr_format=3) / "a")["attributes"]
    assert "proj:code" not in attributes and "Lambert" in attributes["proj:wkt2"]


@pytest.mark.parametrize("lazy", [False, True])
def test_coarser_copies_are_means_of_what_there_is(lazy: bool, tmp_path: Path) -> None:
    cube = made_cube()
    path = stacaster.write_cube(
        cube.chunk({"y": 100, "x": 200}) if lazy else cube, tmp_path / "x.zarr", multiscales=True
    )
    attributes = metadata(path)["attributes"]
    pytest.importorskip("zarr_cm").validate_all(attributes)
    layout = attributes["multiscales"]["layout"]
    assert [entry["asset"] for entry in layout] == ["0", "1", "2"]
    assert [entry["spatial:shape"] for entry in layout] == [[300, 601], [150, 301], [75, 151]]
    assert layout[1]["spatial:transform"] == [60.0, 0.0, 700000.0, 0.0, -60.0, 6500000.0]
    assert layout[2]["derived_from"] == "1" and layout[2]["transform"]["scale"] == [2.0, 2.0]
    with (
        xr.open_zarr(path, group="0", mask_and_scale=False) as finest,
        xr.open_zarr(path, group="1", mask_and_scale=False, decode_coords="all") as coarse,
    ):
        assert np.array_equal(finest.dn.values, cube.dn.values)
        padded = np.full((2, 300, 602), np.nan)
        padded[:, :, :601] = np.where(cube.dn.values == 0, np.nan, cube.dn.values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            means = np.nanmean(padded.reshape(2, 150, 2, 301, 2), axis=(2, 4))
        expected = np.where(np.isnan(means), 0, np.round(means)).astype(np.uint8)
        assert np.array_equal(coarse.dn.values, expected) and (coarse.dn.values[:, :2, :3] == 0).all()
        assert np.array_equal(coarse.scl.values, cube.scl.values[:, ::2, ::2]), "codes are never averaged"
        assert np.isnan(coarse.value.values[0, 5:10, 5:15]).all()
        assert coarse.odc.geobox == GeoBox((150, 301), GRID.transform * Affine.scale(2), GRID.crs)
        assert np.array_equal(coarse.time, cube.time) and np.array_equal(coarse.gain, cube.gain)
        assert coarse.value.attrs["spatial:shape"] == [150, 301]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("x.zarr", {"zarr_format": 4}, "zarr_format=4: 2 or 3"),
        ("x.zarr", {"zarr_format": True}, "zarr_format is True"),
        ("x.zarr", {"multiscales": "yes"}, "multiscales is 'yes'"),
        ("x.zarr", {"multiscales": True, "zarr_format": 2}, "needs zarr_format=3"),
        ("x.nc", {"zarr_format": 3}, "zarr_format is of Zarr, but output is 'x.nc'"),
        ("results", {"multiscales": True}, "multiscales is of Zarr"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        stacaster.write_cube(made_cube(), tmp_path / name, **options)
    assert not (tmp_path / name).exists()
