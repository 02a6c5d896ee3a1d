"""Every format reopened by the programs that people use: same place, times and values; results as a true catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import odc.geo.xr
import odc.stac
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import ExportError, LoadError, UsageError
from tests import stac_schemas
from tests.certain import certain

PLACE: dict[str, Any] = {"bbox": "138.50,-31.02,138.57,-30.97"}
YEARS = "2003/2005"


@pytest.fixture(scope="module")
def cube(catalog: Catalog) -> xr.Dataset:
    """Reflectances of three dates by day; exports leave the scene of the night out, too."""
    items = [item for item in catalog.search(datetime=YEARS, **PLACE).items() if "B02" in item.assets]
    found: xr.Dataset = stacaster.load(items, bands=["nir", "red"], native=True, units="reflectance", **PLACE)
    return found


def same(found: xr.DataArray, expected: xr.DataArray) -> None:
    assert found.dtype == expected.dtype
    assert np.array_equal(found.values, expected.values, equal_nan=expected.dtype.kind == "f")
    assert np.array_equal(found[found.dims[-1]], expected[expected.dims[-1]])
    assert np.array_equal(found[found.dims[-2]], expected[expected.dims[-2]])


@pytest.mark.parametrize("lazy", [False, True])
def test_zarr(catalog: Catalog, cube: xr.Dataset, tmp_path: Path, lazy: bool) -> None:
    source = cube.chunk({"y": 100, "x": 150}) if lazy else cube
    path = stacaster.write_cube(source, tmp_path / "x.zarr")
    with xr.open_zarr(path, decode_coords="all") as found:
        for name in ("nir", "red"):
            same(found[name], cube[name])
        assert np.array_equal(found.time, cube.time)
        assert found.rio.crs == rasterio.crs.CRS.from_user_input(str(cube.odc.geobox.crs))
        assert found.odc.geobox == cube.odc.geobox
    # GDAL finds place and CRS by itself.
    with rasterio.open(f'ZARR:"{path}":/nir:0') as file:
        assert file.crs.to_epsg() == cube.odc.geobox.crs.epsg
        assert np.array_equal(file.read(1), cube["nir"].values[0], equal_nan=True)
        # Before 3.10 GDAL does not look at the coordinates of a slice.
        if tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2]) >= (3, 10):
            assert tuple(file.transform)[:6] == pytest.approx(tuple(cube.odc.geobox.transform)[:6])


def test_netcdf_in_gdal_and_rioxarray(cube: xr.Dataset, tmp_path: Path) -> None:
    path = stacaster.write_cube(cube, tmp_path / "x.nc")
    with rasterio.open(f"netcdf:{path}:nir") as file:
        assert file.count == cube.sizes["time"]
        assert file.crs.to_epsg() == cube.odc.geobox.crs.epsg
        assert np.array_equal(file.read(), cube["nir"].values, equal_nan=True)
        assert tuple(file.transform)[:6] == pytest.approx(tuple(cube.odc.geobox.transform)[:6])
    with xr.open_dataset(path, decode_coords="all") as found:
        same(found["red"], cube["red"])
        assert found.rio.crs.to_epsg() == cube.odc.geobox.crs.epsg
        assert np.array_equal(found.time, cube.time)


def test_geotiff(cube: xr.Dataset, tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    path = stacaster.write_cube(cube, tmp_path / "x.tif", progress=lambda *step: steps.append(step))
    assert [step[:2] for step in steps] == [(n, 6) for n in range(1, 7)]
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == cube.odc.geobox.crs.epsg
        assert file.transform == cube.odc.geobox.transform
        assert np.isnan(file.nodata)
        assert file.descriptions[0] == f"nir {str(cube.time.values[0])[:19]}Z"
        assert file.tags(1)["units"] == "1"
        for number in range(6):
            band = cube["nir" if number % 2 == 0 else "red"].values[number // 2]
            assert np.array_equal(file.read(number + 1), band, equal_nan=True)


def test_geotiff_of_stored_numbers_and_of_mixed_types(catalog: Catalog, tmp_path: Path) -> None:
    counts = catalog.load(bands=["B01", "B13"], datetime="2003-08-30", crs="EPSG:32754", resolution=90, **PLACE)
    assert {counts["B01"].dtype.name, counts["B13"].dtype.name} == {"uint8", "uint16"}
    with rasterio.open(stacaster.write_cube(counts, tmp_path / "x.tif")) as file:
        assert file.dtypes == ("uint16", "uint16") and file.nodata == 0
        assert np.array_equal(file.read(1), counts["B01"].values[0])
    other = counts.assign(B13=counts["B13"].assign_attrs(nodata=7))
    with pytest.raises(ExportError, match="no data is 0, 7 in different variables"):
        stacaster.write_cube(other, tmp_path / "y.tif")
    mixed = counts.assign(ratio=counts["B01"] / counts["B13"].where(counts["B13"] != 0).astype("float32"))
    with rasterio.open(stacaster.write_cube(mixed, tmp_path / "z.tif")) as file:
        assert file.dtypes[0] == "float32"
        expected = counts["B01"].values[0].astype("float32")
        assert np.array_equal(file.read(1), np.where(expected == 0, np.nan, expected), equal_nan=True)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_tables_of_pixels(cube: xr.Dataset, tmp_path: Path, name: str) -> None:
    small = cube.isel(x=slice(200, 240), y=slice(180, 210)).copy(deep=True)
    small = small.assign(n_obs=(small["nir"] > 0) * 1)
    small["nir"].values[:, 3:5, 7] = np.nan
    small["red"].values[:, 3, 7] = np.nan
    small["n_obs"].values[:, 3, 7] = 0
    path = stacaster.write_cube(small, tmp_path / name)
    table = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path, parse_dates=["time"])
    valid = np.isfinite(small["nir"].values) | np.isfinite(small["red"].values) | (small["n_obs"].values > 0)
    assert not valid[:, 3, 7].any() and valid[:, 4, 7].any()
    assert len(table) == valid.sum()
    assert list(table.columns) == ["time", "y", "x", "nir", "red", "n_obs"]
    assert table["nir"].to_numpy("float32") == pytest.approx(small["nir"].values[valid], nan_ok=True, abs=0)
    times = table["time"].dt.tz_localize(None) if table["time"].dt.tz is not None else table["time"]
    assert set(times.dt.floor("s")) == set(pd.DatetimeIndex(cube.time.values).floor("s"))


def test_stored_numbers_in_a_table_have_holes(catalog: Catalog, tmp_path: Path) -> None:
    counts = catalog.load(bands=["B01", "B13"], datetime="2003-08-30", crs="EPSG:32754", resolution=900)
    table = pd.read_parquet(stacaster.write_cube(counts, tmp_path / "x.parquet"))
    stored = np.stack([counts["B01"].values.ravel(), counts["B13"].values.ravel()])
    assert len(table) == (stored > 0).any(axis=0).sum()
    assert table["B01"].isna().sum() == ((stored[0] == 0) & (stored[1] > 0)).sum()
    assert (table[["B01", "B13"]].min() > 0).all()


@pytest.fixture(scope="module")
def results(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("results") / "results"
    stacaster.export_index(["ndvi", "ga_green_vegetation"], root, catalog=catalog.root, datetime=YEARS, **PLACE)
    return stacaster.open_catalog(root)


def test_results_are_a_catalog(catalog: Catalog, results: Catalog, cube: xr.Dataset) -> None:
    items = list(results.search().items())
    assert len(items) == cube.sizes["time"]
    assert list(results.collections) == ["ndvi-ga_green_vegetation"]
    expected = stacaster.compute_index(cube, "ndvi")
    for number, item in enumerate(items):
        asset = item.assets["ndvi"]
        with rasterio.open(asset.href) as file:
            assert np.array_equal(file.read(1), expected.values[number], equal_nan=True)
            assert file.crs.to_epsg() == cube.odc.geobox.crs.epsg
            assert file.transform == cube.odc.geobox.transform
        assert asset.extra_fields["processing:expression"] == {
            "format": "stacaster", "expression": "(nir - red) / (nir + red)",
        }  # fmt: skip
        assert "Rouse" in asset.extra_fields["sci:citation"]
        assert asset.extra_fields["nodata"] == "nan"
        assert np.datetime64(certain(item.datetime).replace(tzinfo=None)) == expected.time.values[number]
        sources = [link for link in item.links if link.rel == "derived_from"]
        assert sources
        for link in sources:
            # Relative, and really there.
            stored = json.loads(Path(str(link.href)).read_text())
            assert stored["id"] == link.title


def test_results_fit_the_schemas_and_the_doctor(shared: Path, results: Catalog) -> None:
    for path in results.root.rglob("*.json"):
        if ".stacaster" not in path.parts:
            problems = stac_schemas.check(json.loads(path.read_text()), shared / "schemas")
            assert not problems, (path.name, problems)
    assert not stacaster.catalog.check_catalog(results.root, deep=True)
    renders = results.collection("ndvi-ga_green_vegetation")["renders"]
    assert renders["ga_green_vegetation"]["rescale"] == [[1.4, 4.0]]


def test_results_are_loaded_again(results: Catalog, cube: xr.Dataset) -> None:
    expected = stacaster.compute_index(cube, "ndvi")
    found = results.load(bands=["ndvi"], native=True)
    assert np.array_equal(found["ndvi"].values, expected.values, equal_nan=True)
    plain = odc.stac.load(results.search().items(), bands=["ndvi"], stac_cfg=results.stac_cfg())
    assert np.array_equal(plain["ndvi"].values, expected.values, equal_nan=True)
    (row,) = results.sql("select count(*) as n from items").table.to_pylist()
    assert row["n"] == cube.sizes["time"]


def test_no_place_of_this_machine_is_written(catalog: Catalog, results: Catalog) -> None:
    for path in results.root.rglob("*.json"):
        assert str(catalog.root) not in path.read_text() and str(results.root) not in path.read_text()


class Stop(Exception):
    """Ends an export."""


def test_an_interrupted_export_goes_on(catalog: Catalog, tmp_path: Path, signature: Any) -> None:
    def run(root: Path, stop: int | None = None) -> list[str]:
        steps: list[str] = []

        def tell(done: int, total: int, name: str) -> None:
            steps.append(name)
            if stop is not None and done == stop:
                raise Stop

        stacaster.export(root, catalog=catalog.root, bands=["red", "nir"], datetime=YEARS, progress=tell, **PLACE)
        return steps

    whole = run(tmp_path / "whole")
    # The second picture of the second date.
    with pytest.raises(Stop):
        run(tmp_path / "parts", stop=4)
    assert len(list(stacaster.open_catalog(tmp_path / "parts").search().items())) == 1
    rest = run(tmp_path / "parts")
    assert signature(tmp_path / "parts") == signature(tmp_path / "whole")
    computed = [name for name in rest if " " in name]
    assert len([name for name in whole if " " in name]) == 6 and len(computed) == 4
    assert not [name for name in run(tmp_path / "parts") if " " in name]


def test_other_settings_are_computed_again(catalog: Catalog, tmp_path: Path) -> None:
    root = tmp_path / "results"
    place = {"catalog": catalog.root, "datetime": "2003-08-30", **PLACE}
    stacaster.export(root, bands=["red"], **place)
    (before,) = (item.properties["stacaster:fingerprint"] for item in stacaster.open_catalog(root).search().items())
    stacaster.export(root, bands=["red"], units="radiance", **place)
    (item,) = stacaster.open_catalog(root).search().items()
    assert item.properties["stacaster:fingerprint"] != before
    assert item.properties["stacaster:recipe"]["units"] == "radiance"
    assert item.assets["red"].extra_fields["unit"] == "W m-2 sr-1 um-1"


def test_a_folder_with_something_else_is_left_alone(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(stacaster.StacasterError, match="holds other files"):
        stacaster.export(tmp_path / "mine", catalog=catalog.root, bands=["red"], datetime="2003-08-30", **PLACE)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_composites_of_a_catalog(catalog: Catalog, cube: xr.Dataset, tmp_path: Path) -> None:
    options = {"catalog": catalog.root, "datetime": YEARS, "units": "reflectance", **PLACE}
    path = stacaster.export_composite("geomedian", tmp_path / "g.nc", bands=["nir", "red"], mads=True, **options)
    expected = stacaster.composite(cube, "geomedian", mads=True)
    with xr.open_dataset(path, decode_coords="all") as found:
        for name in ("nir", "red", "emad", "smad", "bcmad"):
            assert np.array_equal(found[name], expected[name], equal_nan=True), name
        assert np.array_equal(found["n_obs"], expected["n_obs"])
        assert found.rio.crs.to_epsg() == 32754
        assert found.attrs["time_coverage_start"] == f"{str(cube.time.values[0])[:19]}Z"
    first = stacaster.export_composite("first", tmp_path / "f.nc", bands=["nir", "red"], **options)
    with xr.open_dataset(first) as found:
        assert found["date"].equals(stacaster.composite(cube, "first")["date"])
    root = stacaster.export_composite("median", tmp_path / "years", bands=["nir", "red"], period="year", **options)
    items = list(stacaster.open_catalog(root).search().items())
    years = pd.DatetimeIndex(cube.time.values).year
    assert [certain(item.datetime).year for item in items] == sorted(set(years))
    assert [item.properties["stacaster:scenes"] for item in items] == [list(years).count(y) for y in sorted(set(years))]
    assert {"nir", "red", "n_obs"} == set(items[0].assets)


def test_dates_of_a_composite_as_a_cog(catalog: Catalog, cube: xr.Dataset, tmp_path: Path) -> None:
    options = {"catalog": catalog.root, "datetime": YEARS, "units": "reflectance", **PLACE}
    root = stacaster.export_composite("medoid", tmp_path / "medoid", bands=["nir", "red"], **options)
    (item,) = stacaster.open_catalog(root).search().items()
    expected = stacaster.composite(cube, "medoid")["date"].values.astype("datetime64[D]").astype(int)
    with rasterio.open(item.assets["date"].href) as file:
        days = file.read(1)
        assert file.dtypes == ("int32",)
        valid = days != file.nodata
        assert np.array_equal(days[valid], expected[valid])
    assert item.assets["date"].extra_fields["unit"] == "days since 1970-01-01"
    assert item.properties["start_datetime"] < item.properties["end_datetime"]


def test_bare_earth_and_indices_of_it(catalog: Catalog, cube: xr.Dataset, tmp_path: Path) -> None:
    path = stacaster.export_composite(
        "bare_earth", tmp_path / "b.nc", index=["ndvi"], catalog=catalog.root, datetime=YEARS, **PLACE
    )
    expected = stacaster.compute_index(stacaster.composite(cube, "bare_earth"), "ndvi")
    with xr.open_dataset(path) as found:
        assert set(found.data_vars) >= {"ndvi", "n_obs"} and "red" not in found
        assert found["ndvi"].values == pytest.approx(expected.values, abs=1e-5, nan_ok=True)


def test_an_index_of_two_pixel_sizes(catalog: Catalog, tmp_path: Path) -> None:
    # Pixels of 30 m have the centre of one of 15 m, and cover it, half of its neighbours, a quarter of the corners.
    place: dict[str, Any] = {"datetime": "2003-08-30", **PLACE}
    path = stacaster.export_index("B03N / B04", tmp_path / "x.nc", catalog=catalog.root, **place)
    fine = catalog.load(bands=["B03N"], native=True, datetime="2003-08-30", units="reflectance")["B03N"][0]
    coarse = catalog.load(bands=["B04"], native=True, units="reflectance", **place)["B04"][0]
    weights = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    with xr.open_dataset(path) as found:
        assert np.array_equal(found.x, coarse.x) and np.array_equal(found.y, coarse.y)
        compared = 0
        for row in range(5, coarse.sizes["y"], 17):
            for col in range(5, coarse.sizes["x"], 19):
                beside = {
                    "x": coarse.x.values[col] + np.array([-15, 0, 15]),
                    "y": coarse.y.values[row] + np.array([15, 0, -15]),
                }
                near = fine.reindex(beside, method="nearest", tolerance=0.1).values
                expected = (near * weights).sum() / coarse.values[row, col]
                if np.isfinite(expected):
                    # The average of stored numbers is a whole number again.
                    step = float(0.5 * 0.0035 / coarse.values[row, col])
                    assert found["own"].values[0, row, col] == pytest.approx(expected, abs=step)
                    compared += 1
        assert compared > 50


def test_time_series_of_a_catalog(catalog: Catalog, cube: xr.Dataset, tmp_path: Path) -> None:
    import geopandas
    from shapely.geometry import box

    areas = geopandas.GeoDataFrame(
        {"name": ["west", "east", "sea"]},
        geometry=[
            box(138.51, -31.01, 138.53, -30.99),
            box(138.54, -31.01, 138.56, -30.98),
            box(138.565, -31, 138.569, -30.99),
        ],
        crs=4326,
    )
    areas.to_file(tmp_path / "areas.gpkg", driver="GPKG")
    table = stacaster.export_timeseries(
        tmp_path / "x.csv", catalog=catalog.root, areas=tmp_path / "areas.gpkg", index=["ndvi"], datetime=YEARS,
        trend=tmp_path / "trend.csv", plot=tmp_path / "x.png", anomaly="year",
    )  # fmt: skip
    assert table["area"].unique().tolist() == ["west", "east", "sea"]
    ndvi = stacaster.compute_index(cube, "ndvi").to_dataset()
    expected = stacaster.time_series(ndvi, areas)
    west = table[table["area"] == "west"]["mean"].to_numpy()
    assert west == pytest.approx(expected[expected["area"] == "west"]["mean"].to_numpy(), rel=1e-9)
    assert {"x.csv", "trend.csv", "x.png"} <= {path.name for path in tmp_path.iterdir()}
    assert list(pd.read_csv(tmp_path / "trend.csv").columns)[:3] == ["area", "band", "slope"]
    with pytest.raises(UsageError, match=r"x\.csv exists"):
        stacaster.export_timeseries(tmp_path / "x.csv", catalog=catalog.root, index=["ndvi"])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda c, p: stacaster.export(p / "x.shp", catalog=c), UsageError, "a name ending in .nc, .zarr, .tif"),
        (lambda c, p: stacaster.export(Path(__file__) / "x.nc", catalog=c), UsageError, r"_formats\.py is a file"),
        (lambda c, p: stacaster.export_index(["ndvi", "qi"], p / "x.nc", catalog=c), UsageError, "need the same units"),
        (
            lambda c, p: stacaster.export_index("ndvi", p / "x.nc", catalog=c, units="radiance"),
            UsageError,
            "ndvi needs units 'reflectance', not 'radiance'",
        ),
        (
            lambda c, p: stacaster.export_composite(
                "bare_earth", p / "x.nc", catalog=c, bands=["B01"], datetime="2003-08-30"
            ),
            LoadError,
            "needs a red and a near-infrared band",
        ),
        (
            lambda c, p: stacaster.export_composite("medain", p / "x.nc", catalog=c),
            UsageError,
            "'medain' is no composite",
        ),
        (lambda c, p: stacaster.export_timeseries(p / "x.txt", catalog=c), UsageError, r"ending in \.csv or \.parquet"),
    ],
)
def test_what_cannot_be_exported(
    catalog: Catalog, tmp_path: Path, call: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        call(catalog.root, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.nc", "x.zarr", "x.tif", "x.csv", "x.png"])
def test_a_folder_that_is_missing_is_made(cube: xr.Dataset, tmp_path: Path, name: str) -> None:
    stacaster.write_cube(cube[["red"]].isel(time=[0]), tmp_path / "new" / "folder" / name)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [name]


def test_an_existing_folder_of_zarr_is_replaced_whole(cube: xr.Dataset, tmp_path: Path) -> None:
    stacaster.write_cube(cube, tmp_path / "x.zarr")
    with pytest.raises(UsageError, match=r"x\.zarr exists"):
        stacaster.write_cube(cube, tmp_path / "x.zarr")
    stacaster.write_cube(cube[["red"]], tmp_path / "x.zarr", overwrite=True)
    with xr.open_zarr(tmp_path / "x.zarr") as found:
        assert list(found.data_vars) == ["red"]
    broken = cube.assign(bad=(("time", "y", "x"), np.full(cube["nir"].shape, object())))
    with pytest.raises((ExportError, TypeError, ValueError)):
        stacaster.write_cube(broken, tmp_path / "x.zarr", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]
    with xr.open_zarr(tmp_path / "x.zarr") as found:
        assert list(found.data_vars) == ["red"]
