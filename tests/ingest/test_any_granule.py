"""Files that no table knows: axes, planes, scales, fills, classes and places, as items of a catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD, SDC

import stacaster
from stacaster.formats.readers import open_granule
from stacaster.products import recognise
from tests.stac_schemas import check

ROWS, COLS = 4, 6


def axis(group: Any, name: str, values: Any, unit: str, kind: str = "f8") -> None:
    group.createDimension(name, len(values))
    variable = group.createVariable(name, kind, (name,))
    variable[:] = values
    variable.units = unit


def write_cf(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """A file of the kinds that occur in one: south first, 0 to 360 degrees, transposed, planes, packed, flags."""
    numbers = np.arange(ROWS * COLS, dtype="int16").reshape(ROWS, COLS)
    with netCDF4.Dataset(path, "w") as file:
        file.ShortName, file.VersionID, file.title = "MYGRID", "2", "A grid of mine"
        file.time_coverage_start, file.identifier_product_doi = "2020-01-02T03:04:05Z", "10.5067/MY/GRID.002"
        axis(file, "lat", [-30.75, -30.25, -29.75, -29.25], "degrees_north")
        axis(file, "lon", [330.5, 331.5, 332.5, 333.5, 334.5, 335.5], "degrees_east", "f4")
        axis(file, "level", [850, 500], "hPa", "i4")
        packed = file.createVariable("speed", "i2", ("lat", "lon"), fill_value=-1)
        packed.set_auto_maskandscale(False)
        packed.scale_factor, packed.add_offset, packed.units = np.float32(0.2), 1.0, "m/s"
        packed.flag_values, packed.flag_meanings = np.array([21, 22], dtype="i2"), "sea_ice land"
        packed[:] = numbers
        turned = file.createVariable("rain", "f4", ("level", "lon", "lat"), fill_value=-9999.9)
        turned[:] = np.stack([numbers.T, numbers.T + 100])
        state = file.createVariable("state", "u1", ("lat", "lon"))
        state.flag_masks, state.flag_meanings = np.array([1, 2], dtype="u1"), "cloud snow"
        state[:] = numbers % 4
    with h5py.File(path, "r+") as raw:
        # netCDF4 would write it in the type of the field; real files have it in metres a second.
        raw["speed"].attrs["valid_range"] = np.array([0.0, 4.0])
    return {"numbers": numbers}


def ingest(tmp_path: Path, *paths: Path) -> dict[str, Any]:
    report = stacaster.ingest(paths, catalog=tmp_path / "catalog")
    assert [outcome.status for outcome in report.outcomes] == ["ingested"] * len(paths), report.outcomes
    items = sorted((tmp_path / "catalog").glob("*/*/*/*.json"))
    item: dict[str, Any] = json.loads(items[0].read_text())
    item["folder"] = items[0].parent
    return item


def pixels(item: dict[str, Any], key: str) -> tuple[Any, Any]:
    with rasterio.open(item["folder"] / f"{key}.tif") as file:
        return file.read(1), file.profile


@pytest.fixture(scope="module")
def cf_item(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("cf")
    numbers = write_cf(folder / "mine.nc")["numbers"]
    return {**ingest(folder, folder / "mine.nc"), "numbers": numbers, "catalog": folder / "catalog"}


def test_item_says_what_the_file_says(cf_item: dict[str, Any]) -> None:
    properties = cf_item["properties"]
    assert cf_item["collection"] == "mygrid-002" and properties["datetime"].startswith("2020-01-02T03:04:05")
    assert properties["sci:doi"] == "10.5067/MY/GRID.002" and "platform" not in properties
    assert properties["stacaster:georeferencing"] == "axes lat and lon"
    assert cf_item["bbox"] == [-30, -31, -24, -29]
    assert any("south to north" in note for note in properties["stacaster:notes"])
    collection = json.loads((cf_item["catalog"] / "mygrid-002" / "collection.json").read_text())
    assert collection["title"] == "A grid of mine" and set(collection["item_assets"]) == set(cf_item["assets"])


def test_rows_are_turned_and_longitudes_moved(cf_item: dict[str, Any]) -> None:
    values, profile = pixels(cf_item, "rain_level500")
    assert np.array_equal(values, cf_item["numbers"][::-1] + 100.0)
    assert tuple(profile["transform"])[:6] == (1.0, 0.0, -30.0, 0.0, -0.5, -29.0)
    assert profile["crs"].to_epsg() == 4326
    plane = cf_item["assets"]["rain_level850"]["stacaster:plane"]
    assert plane == [{"axis": "level", "index": 0, "value": 850.0, "unit": "hPa"}]


def test_flags_of_a_packed_field_are_no_values(cf_item: dict[str, Any]) -> None:
    asset = cf_item["assets"]["speed"]
    assert (asset["raster:scale"], asset["raster:offset"], asset["unit"], asset["nodata"]) == (0.2, 1.0, "m/s", -1)
    # 4 m/s are 15 as stored: the range of the file is in metres a second.
    values, _ = pixels(cf_item, "speed")
    stored = cf_item["numbers"][::-1]
    assert np.array_equal(values, np.where(stored <= 15, stored, -1))
    codes, _ = pixels(cf_item, "speed_codes")
    assert np.array_equal(codes, np.where(stored > 20, np.where(stored < 23, stored, 0), 0))
    named = {entry["value"]: entry["name"] for entry in cf_item["assets"]["speed_codes"]["classification:classes"]}
    assert named == {0: "measured", 21: "sea_ice", 22: "land"}
    catalog = stacaster.open_catalog(cf_item["catalog"])
    cube = catalog.load(bands=["speed"], units="physical", native=True)
    expected = np.where(stored <= 15, stored * 0.2 + 1.0, np.nan)
    assert np.allclose(cube["speed"].values[0], expected, equal_nan=True, atol=1e-6)


def test_bits_are_named_and_never_scaled(cf_item: dict[str, Any]) -> None:
    asset = cf_item["assets"]["state"]
    assert [(field["name"], field["offset"]) for field in asset["classification:bitfields"]] == [
        ("cloud", 0),
        ("snow", 1),
    ]
    assert "raster:scale" not in asset and "nodata" not in asset


def test_a_global_grid_from_0_to_360_degrees_begins_at_180_west(tmp_path: Path) -> None:
    stored = np.arange(8 * 36, dtype="float32").reshape(8, 36)
    with netCDF4.Dataset(tmp_path / "globe_20200101.nc", "w") as file:
        axis(file, "latitude", np.arange(70, -90, -20.0), "degrees_north")
        axis(file, "longitude", np.arange(5, 365, 10.0), "degrees_east")
        file.createVariable("t", "f4", ("latitude", "longitude"))[:] = stored
    item = ingest(tmp_path, tmp_path / "globe_20200101.nc")
    values, profile = pixels(item, "t")
    assert profile["transform"].c == -180 and np.array_equal(values, np.roll(stored, 18, axis=1))
    assert item["bbox"] == [-180, -80, 180, 80] and item["properties"]["datetime"].startswith("2020-01-01")


def test_axes_of_plain_hdf5_are_found_by_length(tmp_path: Path) -> None:
    numbers = np.arange(2 * 5 * 7, dtype="int16").reshape(2, 5, 7)
    with h5py.File(tmp_path / "ged_20000101.h5", "w") as file:
        file["Emissivity/Mean"] = numbers
        file["Geolocation/Latitude"] = np.repeat(np.linspace(-30, -30.04, 5)[:, None], 7, axis=1)
        file["Geolocation/Longitude"] = np.repeat(np.linspace(138, 138.06, 7)[None], 5, axis=0)
    with open_granule([tmp_path / "ged_20000101.h5"]) as granule:
        layer = granule.content.layers["Emissivity/Mean"]
        assert layer.geobox is not None and tuple(layer.geobox.transform)[:6] == pytest.approx(
            (0.01, 0, 137.995, 0, -0.01, -29.995), abs=1e-9
        )
        scene = recognise(granule.content).describe(granule.content, stacaster.model.ReadOptions())
        assert [band.band.name for band in scene.bands] == ["Mean_plane1", "Mean_plane2"]


def write_hdf4(path: Path, short_name: str = "MOD13Q1", version: str = "061") -> Any:
    ndvi = np.array([[-3000, -2001, -2000], [0, 5000, 10000]], dtype="int16")
    structure = (
        'GROUP=GridStructure\nGROUP=GRID_1\nGridName="G"\nXDim=3\nYDim=2\nUpperLeftPointMtrs=(0.0,463.3)\n'
        "LowerRightMtrs=(695.0,0.0)\nProjection=GCTP_SNSOID\nProjParams=(6371007.181,0,0,0,0,0,0,0,0,0,0,0,0)\n"
        "SphereCode=-1\nEND_GROUP=GRID_1\nEND_GROUP=GridStructure\nEND\n"
    )
    core = (
        "GROUP=INVENTORYMETADATA;\nOBJECT=SHORTNAME;\nNUM_VAL=1;\n"
        f'VALUE="{short_name}";\nEND_OBJECT=SHORTNAME;\nOBJECT=VERSIONID;\nNUM_VAL=1;\nVALUE={version};\n'
        "END_OBJECT=VERSIONID;\nEND_GROUP=INVENTORYMETADATA;\nEND;\n"
    )
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    file.attr("StructMetadata.0").set(SDC.CHAR, structure)
    file.attr("CoreMetadata.0").set(SDC.CHAR, core)
    data = file.create("250m 16 days NDVI", SDC.INT16, ndvi.shape)
    for number, name in enumerate(("YDim:G", "XDim:G")):
        data.dim(number).setname(name)
    data.attr("_FillValue").set(SDC.INT16, -3000)
    data.attr("scale_factor").set(SDC.FLOAT64, 10000.0)
    data.attr("add_offset").set(SDC.FLOAT64, 0.0)
    data.attr("valid_range").set(SDC.INT16, [-2000, 10000])
    data.attr("units").set(SDC.CHAR, "NDVI")
    data[:] = ndvi
    data.endaccess()
    file.end()
    return ndvi


def test_a_scale_that_divides_and_statements_with_semicolons(tmp_path: Path) -> None:
    ndvi = write_hdf4(tmp_path / "MOD13Q1.A2020001.h29v12.061.2020018001022.hdf")
    item = ingest(tmp_path, tmp_path / "MOD13Q1.A2020001.h29v12.061.2020018001022.hdf")
    assert item["collection"] == "mod13q1-061"
    asset = item["assets"]["NDVI"]
    assert asset["raster:scale"] == pytest.approx(1e-4) and "unit" not in asset
    values, _ = pixels(item, "NDVI")
    assert np.array_equal(values, np.where(ndvi < -2000, -3000, ndvi))


def test_another_version_of_a_known_product_says_so(tmp_path: Path) -> None:
    write_hdf4(tmp_path / "MOD10A2.A2020001.h29v12.099.2020018001022.hdf", "MOD10A2", "99")
    item = ingest(tmp_path, tmp_path / "MOD10A2.A2020001.h29v12.099.2020018001022.hdf")
    assert item["collection"] == "mod10a2-099"
    said = [note for note in item["properties"]["stacaster:notes"] if "generic rules" in note]
    assert said and said[0].startswith("MOD10A2 099 is read by the generic rules; the table is for")


def test_a_file_without_a_grid_is_refused_in_field_terms(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as file:
        file.createDimension("a", 3)
        file.createDimension("b", 4)
        file.createVariable("v", "f4", ("a", "b"))[:] = 1
    report = stacaster.ingest([tmp_path / "x.nc"], catalog=tmp_path / "catalog")
    assert report.failed[0].error == "UnknownProductError"
    assert "v: its axes (a, b) are not one of rows and one of columns" in str(report.failed[0].reason)
    assert stacaster.errors.UnknownProductError.exit_code == 2


REFUSED = {
    "3B42.001003.5.HDF": "the axis longitude has no coordinates",
    "empty-ATL14.nc": "the coordinates of the axis x are fill values",
    "MOD14.hdf4": "are not one of rows and one of columns",
}


def real_files(shared: Path) -> list[Path]:
    found = [*sorted((shared / "data" / "granules").iterdir()), *sorted((shared / "data" / "hdf4").iterdir())]
    return [path for path in found if path.suffix not in (".md", ".tsv")]


def test_every_real_file_has_bands_or_a_reason(shared: Path) -> None:
    for path in real_files(shared):
        with open_granule([path]) as granule:
            content = granule.content
            try:
                scene = recognise(content).describe(content, stacaster.model.ReadOptions())
                assert scene.bands or scene.files, path.name
            except stacaster.errors.UnknownProductError as error:
                assert REFUSED.get(path.name, "the edge of the swath encloses nothing") in str(error), path.name


PLACES = {
    "GPM_3IMERGHH_bounds.nc4": (0.1, 0, -30, 0, -0.1, 45),
    "M2T1NXSLV_geo_temporal.nc4": (0.625, 0, 39.6875, 0, -0.5, -19.75),
    "tmmx_20190121.nc": (0.041666667, 0, -124.787499967, 0, -0.041666667, 49.420833333),
    "lcc_km.nc": (1000, 0, -778750, 0, -1000, -119500),
    "f16_ssmis_geo.nc": (0.25, 0, -30, 0, -0.25, 60.25),
    "SC_SPL3SMP_008_prefetch.nc4": (36032.220840584, 0, -17367530.4451615, 0, -36032.220840584, 7314540.8306386),
    "OR_ABI-L2-LSTM2-M6_G16_s20211381700538_e20211381700595_c20211381701211.nc": (
        2004.017315488, 0, -2565142.22286467, 0, -2004.017315488, 3807632.803802659),
    "iris_lambert_azimuthal_equal_area_euro_air_temp.nc": (
        439285.714285714, 0, 430357.142857143, 0, -371428.571428571, 5985714.285714285),
}  # fmt: skip


def test_places_of_real_files(shared: Path) -> None:
    for name, transform in PLACES.items():
        with open_granule([shared / "data" / "granules" / name]) as granule:
            boxes = {layer.geobox for layer in granule.content.layers.values() if layer.geobox is not None}
            assert len(boxes) == 1, name
            found = boxes.pop()
            assert found is not None
            assert tuple(found.transform)[:6] == pytest.approx(transform, rel=1e-9, abs=1e-9), name


def write_swath(path: Path, *, shift: float = 0.0, pole: bool = False) -> None:
    line, sample = np.mgrid[0:30, 0:20]
    latitude, longitude = -20.0 - 0.1 * line + 0.01 * sample, 150.0 + shift + 0.1 * sample + 0.02 * line
    if pole:
        x, y = (sample - 9.5) / 4, (line - 14.5) / 4
        latitude, longitude = 90 - np.hypot(x, y), np.degrees(np.arctan2(y, x))
    with h5py.File(path, "w") as file:
        file.attrs["time_coverage_start"] = "2021-03-04T05:06:07Z"
        file.attrs["short_name"], file.attrs["version"] = "MYSWATH", "1"
        file["geolocation_data/latitude"] = latitude
        file["geolocation_data/longitude"] = (longitude + 180) % 360 - 180
        file["observations/value"] = latitude.astype("float32")


@pytest.mark.parametrize(
    ("shift", "bbox"), [(0.0, (150, -22.9, 152.48, -19.81)), (29.0, (179, -22.9, -178.52, -19.81))]
)
def test_a_swath_is_kept_with_the_outline_of_its_positions(
    tmp_path: Path, shift: float, bbox: tuple[float, ...]
) -> None:
    write_swath(tmp_path / "swath.h5", shift=shift)
    item = ingest(tmp_path, tmp_path / "swath.h5")
    assert item["collection"] == "myswath-001" and item["bbox"] == pytest.approx(bbox, abs=0.02)
    assert (item["folder"] / item["assets"]["data"]["href"]).read_bytes() == (tmp_path / "swath.h5").read_bytes()
    assert item["properties"]["stacaster:swath_fields"] == ["observations/value"]


def test_a_swath_over_a_pole_has_every_longitude(tmp_path: Path) -> None:
    write_swath(tmp_path / "swath.h5", pole=True)
    box = ingest(tmp_path, tmp_path / "swath.h5")["bbox"]
    assert (box[0], box[2], box[3]) == (-180, 180, 90) and box[1] == pytest.approx(
        90 - np.hypot(9.5, 14.5) / 4, abs=0.1
    )


def test_bands_of_a_file_without_a_table_are_chosen_by_name(tmp_path: Path) -> None:
    write_cf(tmp_path / "mine.nc")
    report = stacaster.ingest([tmp_path / "mine.nc"], catalog=tmp_path / "catalog", bands=["rain_level500"])
    assert [outcome.status for outcome in report.outcomes] == ["ingested"]
    assert [path.name for path in (tmp_path / "catalog").glob("*/*/*/*.tif")] == ["rain_level500.tif"]
    wrong = stacaster.ingest([tmp_path / "mine.nc"], catalog=tmp_path / "catalog", bands=["no_such_thing"])
    assert "none of the bands no_such_thing is in it" in str(wrong.failed[0].reason)


def test_documents_of_a_file_without_a_table_are_valid(cf_item: dict[str, Any], shared: Path) -> None:
    for path in cf_item["catalog"].glob("**/*.json"):
        if ".stacaster" not in path.parts:
            assert check(json.loads(path.read_text()), shared / "schemas") == [], path.name
    assert stacaster.catalog.check_catalog(cf_item["catalog"]) == []
