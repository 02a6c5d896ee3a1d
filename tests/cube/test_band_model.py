"""What a band is: read from STAC of any version, then the file, then the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine

import stacaster
from stacaster.errors import LoadError, UsageError
from tests.cube.plain_items import TRANSFORM, plain_item, write_tif

load: Any = stacaster.load  # options by name, of any type
CHUNKS: list[Any] = [None, {}]

SCALE, OFFSET = 1e-4, -0.1


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1.0.0", {"raster:bands": [{"scale": SCALE, "offset": OFFSET, "nodata": 0, "data_type": "uint16"}]}),
        ("1.1.0", {"bands": [{"raster:scale": SCALE, "raster:offset": OFFSET, "data_type": "uint16", "nodata": 0}]}),
        ("1.1.0", {"raster:scale": SCALE, "raster:offset": OFFSET, "data_type": "uint16", "nodata": "0"}),
    ],
)
def test_scale_offset_and_nodata_wherever_they_stand(tmp_path: Path, version: str, fields: dict[str, Any]) -> None:
    pixels = np.array([[2000, 0], [3000, 4000]], "uint16")
    item = plain_item("a", {"red": write_tif(tmp_path / "a.tif", pixels)}, version=version, states=False,
                      fields={"red": fields})  # fmt: skip
    red = load([item], bands=["red"], native=True, units="physical").red.values[0]
    assert np.allclose(red, [[0.1, np.nan], [0.2, 0.3]], equal_nan=True)


def test_an_offset_that_is_applied_already(tmp_path: Path) -> None:
    """Earth Search left the offset of Sentinel-2 in its items where it had shifted the pixels."""
    path = write_tif(tmp_path / "a.tif", np.full((2, 2), 2000, "uint16"), nodata=0)
    fields = {"red": {"raster:bands": [{"scale": SCALE, "offset": OFFSET}]}}
    for flag, expected in ((True, 0.2), (False, 0.1)):
        item = plain_item("a", {"red": path}, version="1.0.0", fields=fields,
                          properties={"earthsearch:boa_offset_applied": flag})  # fmt: skip
        assert np.allclose(load([item], native=True, units="physical").red, expected)


def test_scale_and_offset_of_the_file_count_where_the_item_says_none(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.full((2, 2), 500, "int16"), nodata=-9999)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (1e-4,), (0.5,)
    silent, other = plain_item("a", {"b": path}), plain_item("a", {"b": path}, fields={"b": {"raster:scale": 2}})
    assert np.allclose(load([silent], native=True, units="physical").b, 0.55)
    cube, report = load([other], native=True, units="physical", report=True)
    assert (cube.b == 1000).all(), "scale without offset: the offset is 0"
    assert "those of the item count" in str(report.outcomes[0].contradiction) and "contradictions" in repr(report)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("chunks", [None, {"x": 7, "y": 5}])
def test_types_stay_exact(tmp_path: Path, dtype: str, chunks: Any) -> None:
    kind = np.dtype(dtype)
    limits = np.iinfo(kind) if kind.kind in "iu" else None
    values = (
        np.linspace(limits.min, limits.max, 99) if limits else np.linspace(-1e30, 1e30, 99) + np.pi
    ).astype(kind).reshape(9, 11)  # fmt: skip
    item = plain_item("a", {"b": write_tif(tmp_path / "a.tif", values)}, version="1.0.0", states=False,
                      fields={"b": {"raster:bands": [{"data_type": dtype}]}})  # fmt: skip
    band = load([item], native=True, chunks=chunks).b
    assert band.dtype == kind and np.array_equal(band.values[0], values)


def test_types_and_fill_values_that_differ_are_promoted(tmp_path: Path) -> None:
    one = plain_item("a", {"b": write_tif(tmp_path / "a.tif", np.array([[0, 7]], "uint8"), nodata=0)})
    other = plain_item("b", {"b": write_tif(tmp_path / "b.tif", np.array([[0, 255]], "uint8"), nodata=255)}, hours=24)
    band = load([one, other], native=True).b
    assert band.dtype == "int16" and band.attrs["nodata"] == -32768
    assert band.values.tolist() == [[[-32768, 7]], [[0, -32768]]], "0 is a value of the second one"


@pytest.mark.parametrize("stated", [-9999, "nan", "inf", 300])
def test_nodata_that_no_pixel_can_have(tmp_path: Path, stated: Any) -> None:
    item = plain_item("a", {"b": write_tif(tmp_path / "a.tif", np.array([[1, 255]], "uint8"))},
                      fields={"b": {"nodata": stated}})  # fmt: skip
    cube, report = load([item], native=True, report=True)
    assert cube.b.values.tolist() == [[[1, 255]]] and "none of uint8" in str(report.outcomes[0].contradiction)


def test_bands_of_an_asset_by_every_name(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "m.tif", np.stack([np.full((3, 4), n, "uint8") for n in (1, 2, 3)]))
    listed = [{"name": "b1", "eo:common_name": "red"}, {"name": "b2", "eo:common_name": "nir"}, {"name": "b3"}]
    item = plain_item("a", {"image": path}, fields={"image": {"bands": listed}})
    assert set(load([item]).data_vars) == {"image.b1", "image.b2", "image.b3"}
    cube = load([item], bands=["nir", "image.3", "b1"], native=True)
    assert [int(cube[name].values.max()) for name in cube.data_vars] == [2, 3, 1]
    silent = plain_item("a", {"image": path})
    assert set(load([silent]).data_vars) == {"image.1", "image.2", "image.3"}, "the file says how many"
    old = plain_item("a", {"image": path}, version="1.0.0", states=False,
                     fields={"image": {"eo:bands": [{"name": "x", "common_name": "red"}, {}, {}]}})  # fmt: skip
    assert (load([old], bands=["red"]).red == 1).all()
    lon, lat = np.mean(np.array(item.bbox).reshape(2, 2), axis=0)
    assert stacaster.sample([item], [(lon, lat)], bands=["nir"]).nir.tolist() == [2]


def test_a_name_that_means_several_bands_lists_them(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones((2, 2), "uint8"))
    item = plain_item("a", {"B8": path, "B8A": path}, fields={key: {"eo:common_name": "nir"} for key in ("B8", "B8A")})
    with pytest.raises(UsageError, match="'nir' can be B8, B8A; name one"):
        load([item], bands=["nir"])
    with pytest.raises(UsageError, match="nearest are B8"):
        load([item], bands=["B80"])


def test_a_band_of_its_own_comes_before_one_of_a_picture(tmp_path: Path) -> None:
    """As for odc.stac.load: on Planetary Computer ``red`` is B04, though the true colour picture has a red band."""
    one, three = np.full((3, 3), 9, "uint16"), np.zeros((3, 3, 3), "uint8")
    files = {"B04": write_tif(tmp_path / "a.tif", one), "visual": write_tif(tmp_path / "v.tif", three)}
    listed = [
        {"name": name, "common_name": color} for name, color in (("B04", "red"), ("B03", "green"), ("B02", "blue"))
    ]
    item = plain_item(
        "a", files, version="1.0.0", fields={"B04": {"eo:bands": listed[:1]}, "visual": {"eo:bands": listed}}
    )
    cube = load([item], bands=["red", "green"], native=True)
    assert (cube.red == 9).all() and (cube.green == 0).all() and cube.red.dtype == "uint16"
    assert stacaster.cube.collection_config({key: asset.to_dict() for key, asset in item.assets.items()})[
        "aliases"
    ] == {"red": "B04"}


ITEM_ASSETS = {
    "b": {
        "type": "image/tiff",
        "roles": ["data"],
        "title": "of the collection",
        "raster:bands": [{"scale": 0.5, "nodata": 0}],
        "eo:bands": [{"name": "x", "common_name": "red"}],
    }
}


def test_what_only_the_collection_says_of_an_asset(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "b.tif", np.array([[1, 2, 0]], "uint16"))
    item = plain_item("a", {"b": path}, version="1.0.0", states=False, roles=[])
    extent = pystac.Extent(pystac.SpatialExtent([-180, -90, 180, 90]), pystac.TemporalExtent([None, None]))
    collection = pystac.Collection("c", "text", extent, extra_fields={"item_assets": ITEM_ASSETS})
    expected = [0.5, 1, np.nan]
    bare = load([item], native=True, units="physical").b.values.ravel()
    assert bare.tolist() == [1, 2, 0], "without the collection nothing says so"
    collection.add_item(item)
    cube = load([item], bands=["red"], native=True, units="physical")
    assert np.array_equal(cube.red.values.ravel(), expected, equal_nan=True)
    # On disk: the collection that the item links, read when it is needed.
    document = item.to_dict() | {"links": [{"rel": "collection", "href": "./collection.json"}]}
    (tmp_path / "collection.json").write_text(json.dumps(collection.to_dict() | {"links": []}))
    (tmp_path / "a.json").write_text(json.dumps(document))
    alone = pystac.Item.from_file(tmp_path / "a.json")
    assert np.array_equal(load([alone], native=True, units="physical").b.values.ravel(), expected, equal_nan=True)
    # Taken into a catalog, the item says it itself.
    assert not stacaster.import_items(tmp_path / "a.json", catalog=tmp_path / "out").failed
    found = stacaster.open_catalog(tmp_path / "out")
    cube = found.load(bands=["red"], native=True, units="physical")
    assert np.array_equal(cube.red.values.ravel(), expected, equal_nan=True)
    assert "title" not in next(found.search().items()).assets["b"].to_dict()
    assert found.stac_cfg()["c"]["assets"]["b"]["nodata"] == 0 and found.stac_cfg()["c"]["aliases"]["red"] == "b"


@pytest.mark.parametrize("scale", [0, "nan", "inf", float("-inf")])
def test_scales_that_cannot_be_meant(tmp_path: Path, scale: Any) -> None:
    path = write_tif(tmp_path / "b.tif", np.array([[1, 2]], "uint16"))
    item = plain_item("a", {"b": path}, fields={"b": {"raster:scale": scale}})
    cube, report = load([item], native=True, units="physical", report=True)
    assert cube.b.values.tolist() == [[[1, 2]]] and "raster:scale is" in str(report.outcomes[0].contradiction)


@pytest.mark.parametrize("units", ["dn", "physical"])
def test_a_fill_value_that_the_user_gives(tmp_path: Path, units: Any) -> None:
    path = write_tif(tmp_path / "b.tif", np.array([[1, 0, 4]], "uint16"))
    item = plain_item("a", {"b": path}, fields={"b": {"raster:scale": 2}})
    band = load([item], native=True, units=units, nodata={"b": 0}).b
    assert float(stacaster.composite(band.to_dataset(), "mean").b.mean()) == (2.5 if units == "dn" else 5)
    assert (band.attrs.get("nodata") == 0) == (units == "dn")


def test_which_assets_are_data(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones((2, 2), "uint8"))
    item = plain_item("a", {"b": path, "qa": path, "thumb": path, "meta": path, "cube": path}, roles=[], fields={
        "qa": {"roles": ["cloud"]}, "thumb": {"type": "image/png"}, "meta": {"type": "application/json"},
        "cube": {"type": "application/vnd+zarr", "roles": ["data"]},
    })  # fmt: skip
    assert list(load([item]).data_vars) == ["b"]
    assert list(load([item], bands=["qa"]).data_vars) == ["qa"]
    with pytest.raises(UsageError, match="zarr, not a raster"):
        load([item], bands=["cube"])


def test_the_grid_of_the_item(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.arange(20, dtype="uint8").reshape(4, 5))
    item = plain_item("a", {"b": path}, level="item")
    assert load([item], native=True).b.shape == (1, 4, 5)
    (found,) = stacaster.cube.check_grid([item])
    assert found.scenes == 1 and not found.unknown
    del item.properties["proj:transform"]
    assert load([item], native=True).b.shape == (1, 4, 5), "the file says it"
    for name, crs in (("proj:epsg", 32754), ("proj:wkt2", rasterio.crs.CRS.from_epsg(32754).to_wkt())):
        other = plain_item("a", {"b": path})
        fields = other.assets["b"].extra_fields
        del fields["proj:code"]
        fields[name] = crs
        assert stacaster.cube.check_grid([other])[0].crs, name


def test_a_grid_that_the_file_contradicts(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.arange(20, dtype="uint8").reshape(4, 5))
    moved = list(TRANSFORM * Affine.translation(1, 0))[:6]
    cube, report = load([plain_item("a", {"b": path}, fields={"b": {"proj:transform": moved}})],
                                  native=True, report=True)  # fmt: skip
    assert float(cube.x[0]) == 600005 and "1 pixels from that of the file" in str(report.outcomes[0].contradiction)
    gdal = [600000.0, 10.0, 0.0, 7000000.0, 0.0, -10.0]
    with pytest.raises(LoadError, match=r"a b: proj:transform .* is in GDAL's order"):
        load([plain_item("a", {"b": path}, fields={"b": {"proj:transform": gdal}})], native=True)
    far = [10, 0, 600000, 0, -10, 2000000]
    with pytest.raises(LoadError, match="far from the bbox"):
        load([plain_item("a", {"b": path}, fields={"b": {"proj:transform": far}})], native=True)


def test_a_file_without_crs_whose_item_has_one(tmp_path: Path) -> None:
    values = np.arange(1, 21, dtype="uint8").reshape(4, 5)
    path = write_tif(tmp_path / "a.tif", values, crs=None)
    item = plain_item("a", {"b": path}, crs="EPSG:32754")
    for chunks in CHUNKS:
        assert np.array_equal(load([item], native=True, chunks=chunks).b.values[0], values)
    del item.assets["b"].extra_fields["proj:code"]
    with pytest.raises(LoadError, match="CRS"):
        load([item], native=True)


def test_masks_and_alpha_of_files_are_no_data(tmp_path: Path) -> None:
    values = np.arange(20, dtype="uint8").reshape(4, 5)
    path = write_tif(tmp_path / "m.tif", values)
    with rasterio.open(path, "r+") as dataset:
        mask = np.full(values.shape, 255, "uint8")
        mask[0] = 0
        dataset.write_mask(mask)
    alpha = write_tif(tmp_path / "a.tif", np.stack([values, mask]), photometric="MINISBLACK", alpha="YES")
    for item in (plain_item("m", {"b": path}), plain_item("a", {"b": alpha})):
        for chunks in CHUNKS:
            name = str(next(iter(load([item]).data_vars)))
            found = load([item], bands=[name], native=True, units="physical", chunks=chunks)[name].values[0]
            assert np.isnan(found[0]).all() and np.array_equal(found[1:], values[1:])
            stored = load([item], bands=[name], native=True, chunks=chunks)[name]
            assert (stored.values[0, 0] == stored.attrs["nodata"]).all() and (stored.values[0, 1:] == values[1:]).all()


def test_the_configuration_of_the_user(tmp_path: Path) -> None:
    item = plain_item("a", {"b": write_tif(tmp_path / "a.tif", np.array([[3, 9]], "uint8"))}, states=False)
    config = {"c": {"assets": {"*": {"nodata": 9, "data_type": "uint16"}}, "aliases": {"beta": "b"}}}
    band = load([item], bands=["beta"], native=True, stac_cfg=config).beta
    assert band.dtype == "uint16" and band.attrs["nodata"] == 9
    assert np.isnan(load([item], native=True, stac_cfg=config, units="physical").b.values[0, 0, 1])
    given = load([item], native=True, nodata=3, dtype="int32").b
    assert given.dtype == "int32" and given.attrs["nodata"] == 3
    with pytest.raises(UsageError, match="none of uint8"):
        load([item], native=True, nodata=-1)
