"""What one public function gives is what the next one takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import UsageError


@pytest.fixture(scope="module")
def cube(catalog: Catalog) -> xr.Dataset:
    return catalog.load(bands="nir,red", crs=32754, resolution=90, units="reflectance", datetime=2003)


def test_an_index_goes_everywhere(cube: xr.Dataset, tmp_path: Path) -> None:
    ndvi = stacaster.compute_index(cube, "ndvi")
    assert isinstance(ndvi, xr.DataArray)
    mean = float(ndvi.isel(time=0).mean(dtype="float64"))
    series = stacaster.time_series(ndvi)
    assert list(series["band"].unique()) == ["ndvi"]
    assert np.isclose(series["mean"].iloc[0], mean, rtol=1e-5)
    median = stacaster.composite(ndvi, "median")
    assert np.allclose(median["ndvi"], ndvi.median("time"), equal_nan=True)
    assert stacaster.write_picture(ndvi, tmp_path / "new" / "ndvi.png").stat().st_size > 1000
    path = stacaster.write_cube(ndvi, tmp_path / "other" / "deeper" / "ndvi.nc")
    with xr.open_dataset(path) as written:
        assert np.allclose(written["ndvi"], ndvi, equal_nan=True)
    points = [(138.53, -31.0)]
    assert stacaster.sample(ndvi, points)["ndvi"].notna().all()
    assert len(ndvi.stacaster.time_series()) == len(cube.stacaster.index("ndvi").stacaster.time_series()) == 2
    assert ndvi.stacaster.plot() is not None


def test_bands_of_an_array(cube: xr.Dataset) -> None:
    array = cube.to_dataarray("band")
    assert np.array_equal(stacaster.compute_index(array, "ndvi"), stacaster.compute_index(cube, "ndvi"), equal_nan=True)


def forms(catalog: Catalog) -> dict[str, Any]:
    search = catalog.search(datetime=2003)
    return {
        "search": search, "generator": search.items(), "collection": search.item_collection(),
        "documents": [item.to_dict() for item in search], "document": search.item_collection().to_dict(),
        "tuple": tuple(search),
    }  # fmt: skip


@pytest.mark.parametrize("form", ["search", "generator", "collection", "documents", "document", "tuple"])
def test_items_in_every_form(catalog: Catalog, form: str) -> None:
    found = stacaster.load(forms(catalog)[form], bands="B01", crs=32754, resolution=90)
    assert found.sizes["time"] == 2
    assert len(stacaster.cube.check_grid(forms(catalog)[form], bands="B01")) == 1


def test_one_item_and_a_whole_catalog(catalog: Catalog) -> None:
    item = next(catalog.search().items())
    assert stacaster.load(item, bands="B01", crs=32754, resolution=90).sizes["time"] == 1
    whole: Any = catalog
    assert stacaster.load(whole, bands="B01", crs=32754, resolution=90).sizes["time"] == len(catalog.search())
    other = pystac.Catalog("other", "")
    other.add_item(item)
    assert stacaster.load(other, bands="B01", crs=32754, resolution=90).sizes["time"] == 1


@pytest.mark.parametrize("value", [None, 5, "catalogs/demo", [5], [{"type": "Feature"}], {"a": 1}, [["x"]]])
def test_what_holds_no_items(value: Any) -> None:
    with pytest.raises(UsageError, match="items"):
        stacaster.load(value)


@pytest.mark.parametrize(
    "call",
    [
        lambda value: stacaster.compute_index(value, "ndvi"), stacaster.composite, stacaster.time_series,
        lambda value: stacaster.write_cube(value, "x.nc"), lambda value: stacaster.write_picture(value, "x.png"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, "cube.nc", np.zeros((2, 2)), 5])
def test_what_is_no_cube(call: Any, value: Any) -> None:
    with pytest.raises(UsageError, match="cube"):
        call(value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"groupby": 5}, "groupby"), ({"groupby": ""}, "groupby"), ({"resampling": "bilinaer"}, "nearest are bilinear"),
        ({"crs": 99999}, "nearest are EPSG:"), ({"crs": 4326, "resolution": 30}, "degrees"),
        ({"chunks": "x"}, "chunks"),
        ({"chunks": {"lon": 5}}, "nearest are longitude"), ({"dtype": "foo"}, "dtype"), ({"anchor": "foo"}, "anchor"),
        ({"geobox": "x"}, "geobox"), ({"like": 5}, "like"), ({"emissivity": "high"}, "emissivity"),
    ],
)  # fmt: skip
def test_no_silent_wrong_option_of_a_cube(catalog: Catalog, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        catalog.load(bands="B01", datetime=2003, **options)


def test_options_in_other_spellings(catalog: Catalog) -> None:
    plain = catalog.load(bands="B01", crs="EPSG:32754", resolution=90, groupby="solar_day", resampling="average")
    other = catalog.load(bands=["B01"], crs="32754", resolution="90 m", group_by="Solar-Day", resampling="mean")
    assert plain.identical(other)
    shape: dict[str, Any] = {"crs": 32754, "resolution": (90, 90), "groupby": "solarday", "chunks": 64}
    lazy = catalog.load(bands="B01", resampling="average", **shape)
    assert plain.equals(lazy.compute())
