"""Items as their publishers write them, with small rasters: reflectance, temperature, backscatter, masks by class name.

Expected values are worked out by hand from the formulas of the publishers.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
import rasterio.warp
from affine import Affine

import stacaster
from tests.cube.plain_items import write_tif

load: Any = stacaster.load  # options by name, of any type

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PROJ = "https://stac-extensions.github.io/projection/v1.0.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v1.0.0/schema.json"
UTM = Affine(30, 0, 399960, 0, -30, 4700040)


def published(
    folder: Path, name: str, collection: str, files: dict[str, np.ndarray], assets: dict[str, dict[str, Any]],
    properties: dict[str, Any], *, crs: str = "EPSG:32632", transform: Affine = UTM, place: str = "asset",
    tags: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write small files and return the document of an item; ``place`` says where the grid stands, if anywhere."""
    document: dict[str, Any] = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection, "links": [],
        "stac_extensions": [PROJ, RASTER, EO], "properties": {"datetime": "2022-07-01T10:30:00Z", **properties},
        "assets": {},
    }  # fmt: skip
    for key, entry in assets.items():
        asset = {"href": f"https://example.invalid/{name}.{key}", **copy.deepcopy(entry)}
        if key in files:
            path = write_tif(folder / f"{name}.{key}.tif", files[key], transform=transform, crs=crs)
            with rasterio.open(path, "r+") as dataset:
                for field, value in (tags or {}).get(key, {}).items():
                    setattr(dataset, field, value)
                grid = {"proj:shape": list(dataset.shape), "proj:transform": [float(v) for v in dataset.transform]}
                bounds = rasterio.warp.transform_bounds(crs, 4326, *dataset.bounds)
            asset["href"] = str(path)
            if place == "asset":
                asset |= grid
            elif place == "item":
                document["properties"] |= grid
        document["assets"][key] = asset
    west, south, east, north = bounds
    document["bbox"] = [west, south, east, north]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    document["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    return document


def imported(folder: Path, *documents: dict[str, Any]) -> stacaster.catalog.Catalog:
    (folder / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": list(documents)}))
    report = stacaster.import_items(folder / "items.json", catalog=folder / "catalog")
    assert len(report.ingested) == len(documents), report.failed
    return stacaster.open_catalog(folder / "catalog")


def both_ways(folder: Path, *documents: dict[str, Any], **asked: Any) -> Any:
    """Return a cube of items as they are, which is that of the same items in a catalog, eager and lazy."""
    items = [pystac.Item.from_dict(copy.deepcopy(document), migrate=False) for document in documents]
    cube = load(items, **asked)
    catalog = imported(folder, *documents)
    for chunks in (None, {"x": 2, "y": 1}):
        other = load(catalog.search(), chunks=chunks, **asked).compute()
        for name, band in cube.data_vars.items():
            assert np.array_equal(band.values, other[name].values, equal_nan=band.dtype.kind == "f"), name
    assert catalog.info()["problems"] == [] and "<table" in catalog._repr_html_()
    (rows,) = catalog.sql("select count(*) as n from items").to_dataframe()["n"]
    assert rows == len(documents)
    return cube


SENTINEL2: dict[str, dict[str, Any]] = {
    "red": {"type": COG, "title": "Red (band 4) - 10m", "roles": ["data", "reflectance"], "gsd": 10,
            "eo:bands": [{"name": "red", "common_name": "red", "center_wavelength": 0.665}],
            "raster:bands": [{"nodata": 0, "data_type": "uint16", "bits_per_sample": 15, "scale": 0.0001,
                              "offset": -0.1}]},
    "red-jp2": {"type": "image/jp2", "roles": ["data", "reflectance"],
                "eo:bands": [{"name": "red", "common_name": "red"}]},
    "scl": {"type": COG, "roles": ["data", "reflectance"], "raster:bands": [{"nodata": 0, "data_type": "uint8"}]},
    "visual": {"type": COG, "roles": ["visual"], "eo:bands": [{"name": "red", "common_name": "red"}]},
    "thumbnail": {"type": "image/jpeg", "roles": ["thumbnail"]},
    "granule_metadata": {"type": "application/xml", "roles": ["metadata"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "stored"),
    [
        # Older baselines have no offset, though Earth Search says one for all.
        ({"s2:processing_baseline": "02.14", "earthsearch:boa_offset_applied": False}, 3000),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, 3000),
        ({"s2:processing_baseline": "04.00", "earthsearch:boa_offset_applied": False}, 4000),
        ({"s2:processing_baseline": "05.00"}, 4000),
    ],
)
def test_sentinel_2_of_earth_search(tmp_path: Path, properties: dict[str, Any], stored: int) -> None:
    red = np.array([[stored, stored + 500, 0], [stored, stored, stored]], "uint16")
    classes = np.array([[4, 9, 0], [3, 8, 10]], "uint8")
    known = {"proj:epsg": 32632, "view:sun_elevation": 60.0, **properties}
    document = published(tmp_path, "S2A_32TPS_20220701_0_L2A", "sentinel-2-l2a", {"red": red, "scl": classes},
                         SENTINEL2, known)  # fmt: skip
    cube = both_ways(tmp_path, document, bands=["red", "scl"], native=True, units="physical")
    assert np.allclose(cube.red.values[0], [[0.3, 0.35, np.nan], [0.3, 0.3, 0.3]], equal_nan=True)
    assert np.array_equal(cube.scl.values[0], classes) and cube.scl.attrs["kind"] == "class"
    names = ["scl=cloud_shadows", "scl=cloud_high_probability", "scl=CLOUD_MEDIUM_PROBABILITY", "scl=thin_cirrus"]
    item = pystac.Item.from_dict(document, migrate=False)
    masked = load([item], bands=["red"], native=True, units="physical", mask=names).red.values[0]
    assert np.array_equal(np.isfinite(masked), [[True, False, False], [False, False, False]])


def test_sentinel_2_of_both_baselines_is_one_series(tmp_path: Path) -> None:
    documents = []
    for number, (baseline, stored) in enumerate((("03.01", 1234), ("04.00", 2234))):
        documents.append(published(
            tmp_path, f"S2B_32TPS_2022010{number + 1}_0_L2A", "sentinel-2-l2a",
            {"red": np.full((3, 3), stored, "uint16")}, SENTINEL2,
            {"proj:epsg": 32632, "s2:processing_baseline": baseline,
             "datetime": f"2022-01-0{number + 1}T10:00:00Z"}))  # fmt: skip
    cube = both_ways(tmp_path, *documents, bands=["red"], native=True, units="physical")
    assert np.allclose(cube.red, 0.1234)


def bit(name: str, offset: int) -> dict[str, Any]:
    classes = [{"name": f"not_{name}", "value": 0}, {"name": name, "value": 1}]
    return {"name": name, "offset": offset, "length": 1, "classes": classes}


QA_BITS = [*(bit(name, n) for n, name in enumerate(
    ("fill", "dilated_cloud", "cirrus", "cloud", "cloud_shadow", "snow", "clear", "water"))),
    {"name": "cloud_confidence", "offset": 8, "length": 2, "classes": [
        {"name": "not_set", "value": 0}, {"name": "low", "value": 1}, {"name": "medium", "value": 2},
        {"name": "high", "value": 3}]}]  # fmt: skip
LANDSAT: dict[str, dict[str, Any]] = {
    "red": {"type": COG, "roles": ["data"], "eo:bands": [{"name": "OLI_B4", "common_name": "red"}],
            "raster:bands": [{"scale": 2.75e-05, "nodata": 0, "offset": -0.2, "data_type": "uint16"}]},
    "lwir11": {"type": COG, "roles": ["data", "temperature"],
               "eo:bands": [{"name": "TIRS_B10", "common_name": "lwir11"}],
               "raster:bands": [{"unit": "kelvin", "scale": 0.00341802, "nodata": 0, "offset": 149.0,
                                 "data_type": "uint16"}]},
    "qa_pixel": {"type": COG, "roles": ["cloud", "cloud-shadow", "snow-ice", "water-mask"],
                 "raster:bands": [{"unit": "bit index", "nodata": 1, "data_type": "uint16"}]},
    "mtl.json": {"type": "application/json", "roles": ["metadata"]},
}  # fmt: skip


@pytest.mark.parametrize("lists_bits", [True, False])
def test_landsat_collection_2(tmp_path: Path, lists_bits: bool) -> None:
    numbers = np.array([[7273, 43636, 0], [20000, 20000, 20000]], "uint16")
    thermal = np.array([[40000, 0, 0], [1, 1, 1]], "uint16")
    # Clear, cloud with high confidence, fill; cloud shadow, clear with low confidence, water.
    quality = np.array([[64, 8 + (3 << 8), 1], [16, 64 + (1 << 8), 128 + 64]], "uint16")
    assets = copy.deepcopy(LANDSAT)
    if lists_bits:
        assets["qa_pixel"]["classification:bitfields"] = QA_BITS
    document = published(
        tmp_path, "LC08_L2SP_193030_20220701_02_T1", "landsat-c2-l2",
        {"red": numbers, "lwir11": thermal, "qa_pixel": quality}, assets, {"proj:epsg": 32632}, place="item",
    )  # fmt: skip
    asked: dict[str, Any] = {"native": True, "units": "physical"}
    cube = both_ways(tmp_path, document, bands=["red", "lwir11", "qa_pixel"], **asked)
    assert np.allclose(cube.red.values[0], [[7.5e-06, 0.99999, np.nan], [0.35, 0.35, 0.35]], atol=1e-6, equal_nan=True)
    assert np.isclose(cube.lwir11.values[0, 0, 0], 285.7208) and cube.lwir11.attrs["units"] == "kelvin"
    assert np.array_equal(cube.qa_pixel.values[0], quality) and cube.qa_pixel.attrs["kind"] == "bitfield"
    catalog = stacaster.open_catalog(tmp_path / "catalog")
    for names, left in ((["qa_pixel=cloud", "qa_pixel=cloud_shadow"], [[1, 0, 0], [0, 1, 1]]),
                        (["qa_pixel=cloud_confidence/high"], [[1, 0, 0], [1, 1, 1]]),
                        (["qa_pixel=fill", "qa_pixel=water"], [[1, 1, 0], [1, 1, 0]])):  # fmt: skip
        red = load(catalog.search(), bands=["red"], mask=names, **asked).red.values[0]
        assert np.array_equal(np.isfinite(red), np.array(left, bool)), names
    assert sorted(load(catalog.search()).data_vars) == ["lwir11", "red"], "the quality band is loaded when it is named"


@pytest.mark.parametrize(("name", "collection"), [("HLS.S30.T32TPS.2022182T101601.v2.0", "HLSS30_2.0"),
                                                  ("HLS.L30.T32TPS.2022182T101112.v2.0", "HLSL30.v2.0")])  # fmt: skip
def test_hls_says_scale_and_fill_in_its_files(tmp_path: Path, name: str, collection: str) -> None:
    """Assets with neither type nor roles, no grid, no band; classes of Fmask stand in the user's guide."""
    numbers = np.array([[1500, -9999], [2500, 3500]], "int16")
    fmask = np.array([[0b01000000, 255], [0b00000010, 0b00001000]], "uint8")
    assets: dict[str, dict[str, Any]] = {
        "B04": {},
        "Fmask": {},
        "browse": {"type": "image/jpeg"},
        "metadata": {"type": "application/xml"},
    }
    document = published(
        tmp_path, name, collection, {"B04": numbers, "Fmask": fmask}, assets, {"eo:cloud_cover": 3}, place="",
        tags={"B04": {"nodata": -9999, "scales": (0.0001,), "offsets": (0.0,)}, "Fmask": {"nodata": 255}},
    )  # fmt: skip
    cube = both_ways(tmp_path, document, native=True, units="physical")
    assert np.allclose(cube.B04.values[0], [[0.15, np.nan], [0.25, 0.35]], equal_nan=True)
    assert np.array_equal(cube.Fmask.values[0], fmask) and cube.Fmask.attrs["kind"] == "bitfield"
    catalog = stacaster.open_catalog(tmp_path / "catalog")
    for mask, left in (("Fmask=cloud", [[1, 0], [0, 1]]), ("Fmask=shadow", [[1, 0], [1, 0]]),
                       ("Fmask=aerosol/low", [[0, 0], [1, 1]])):  # fmt: skip
        red = load(catalog.search(), bands=["B04"], native=True, units="physical", mask=[mask]).B04.values[0]
        assert np.array_equal(np.isfinite(red), np.array(left, bool)), mask


def test_sentinel_1_rtc(tmp_path: Path) -> None:
    power = np.array([[0.1, -32768], [0.001, 1.0]], "float32")
    asset = {"type": COG, "roles": ["data"], "raster:bands": [{"nodata": -32768, "data_type": "float32"}]}
    document = published(
        tmp_path, "S1A_IW_GRDH_1SDV_20220701T053417_rtc", "sentinel-1-rtc", {"vv": power}, {"vv": asset},
        {"proj:epsg": 32632, "sar:polarizations": ["VV"]}, place="item",
    )  # fmt: skip
    cube = both_ways(tmp_path, document, native=True, units="physical")
    assert np.allclose(cube.vv.values[0], [[0.1, np.nan], [0.001, 1.0]], equal_nan=True)
    mean = load([pystac.Item.from_dict(document, migrate=False)], crs="EPSG:32632", resolution=60, resampling="average",
                units="physical", bbox=document["bbox"])  # fmt: skip
    assert np.nanmin(np.abs(mean.vv.values - 1.101 / 3)) < 1e-6, "no data has no part in a mean"
    decibels: Any = stacaster.backscatter.decibels(cube.vv).values[0]
    assert np.allclose(decibels, np.array([[-10, np.nan], [-30, 0]]), equal_nan=True, atol=1e-5)


def test_copernicus_dem(tmp_path: Path) -> None:
    """Heights with neither scale nor fill, in degrees, pixels named by their centres."""
    heights = (np.arange(36, dtype="float32").reshape(6, 6) - 5) * 100
    step = 1 / 3600
    place = Affine(step, 0, 7 - step / 2, 0, -step, 46 + step / 2)
    asset = {
        "type": COG,
        "roles": ["data"],
        "raster:bands": [{"sampling": "point", "unit": "meter", "spatial_resolution": 30}],
    }
    document = published(
        tmp_path, "Copernicus_DSM_COG_10_N45_00_E007_00_DEM", "cop-dem-glo-30", {"data": heights}, {"data": asset},
        {"proj:epsg": 4326, "gsd": 30}, crs="EPSG:4326", transform=place,
    )  # fmt: skip
    with rasterio.open(document["assets"]["data"]["href"], "r+") as dataset:
        dataset.update_tags(AREA_OR_POINT="Point")
    cube = both_ways(tmp_path, document, native=True, units="physical")
    assert np.array_equal(cube.data.values[0], heights) and cube.data.attrs["units"] == "meter"
    points = stacaster.sample([pystac.Item.from_dict(document, migrate=False)], [(7 + 2 * step, 46 - 3 * step)])
    assert points["data"].tolist() == [heights[3, 2]]


def test_plain_odc_stac_on_imported_items(tmp_path: Path) -> None:
    """Aliases, types and fill values of ``stac_cfg()`` are what odc-stac needs."""
    document = published(
        tmp_path, "LC08_L2SP_193030_20220701_02_T1", "landsat-c2-l2", {"red": np.full((4, 4), 9, "uint16")}, LANDSAT,
        {"proj:epsg": 32632}, place="item",
    )  # fmt: skip
    catalog = imported(tmp_path, document)
    plain = odc.stac.load(catalog.search().items(), bands=["red"], stac_cfg=catalog.stac_cfg())
    assert (plain.red == 9).all() and plain.red.dtype == "uint16" and plain.red.attrs["nodata"] == 0
