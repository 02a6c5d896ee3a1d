"""Cubes: bit-exact pixels, units by hand, absent bands, plain odc-stac beside ours."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, NothingFoundError, UsageError
from stacaster.geotiff.cog import write_cog
from stacaster.model import Band, SceneBand
from stacaster.model.options import Units
from tests.certain import certain

COLLECTION = "aster-l1t-003"
VNIR = ["B01", "B02", "B03N"]


@pytest.fixture(scope="module")
def zone_54(catalog: Catalog) -> list[pystac.Item]:
    return [item for item in catalog.search().items() if item.assets["B10"].extra_fields["proj:code"] == "EPSG:32754"]


def pixels_of(item: pystac.Item, band: str) -> tuple[np.ndarray, Affine]:
    with rasterio.open(item.assets[band].href) as dataset:
        return dataset.read(1), dataset.transform


def window(cube: xr.Dataset, transform: Affine, shape: tuple[int, int]) -> dict[str, slice]:
    """Place of a raster in a cube, from coordinates alone."""
    x0 = round((transform.c + transform.a / 2 - float(cube.x[0])) / transform.a)
    y0 = round((transform.f + transform.e / 2 - float(cube.y[0])) / transform.e)
    return {"y": slice(y0, y0 + shape[0]), "x": slice(x0, x0 + shape[1])}


@pytest.mark.parametrize("chunks", [None, {"x": 64, "y": 64}])
def test_native_pixels_are_those_of_the_files(zone_54: list[pystac.Item], chunks: dict[str, int] | None) -> None:
    day = [item for item in zone_54 if "B01" in item.assets]
    cube = stacaster.load(day, bands=VNIR, native=True, groupby="id", chunks=chunks)
    assert cube.sizes["time"] == len(day) >= 5
    for number, item in enumerate(day):
        for band in VNIR:
            expected, transform = pixels_of(item, band)
            layer = cube[band].isel(time=number)
            assert layer.dtype == expected.dtype == np.uint8
            part = window(cube, transform, expected.shape)
            assert np.array_equal(layer.isel(part), expected)
            outside = layer.values.copy()
            outside[part["y"], part["x"]] = 0
            assert not outside.any(), "nothing but nodata outside the scene"
            assert np.datetime64(certain(item.datetime).replace(tzinfo=None)) == cube.time.values[number]


def test_box_is_snapped_to_whole_pixels(catalog: Catalog) -> None:
    box = (138.52, -31.005, 138.53, -30.995)
    search = catalog.search(bbox=box, datetime="2003-08")
    cube = search.load(bands=["B01"], native=True)
    (item,) = search.items()
    whole, transform = pixels_of(item, "B01")
    corner = xr.Dataset(coords={"x": [transform.c + 7.5], "y": [transform.f - 7.5]})
    part = window(corner, cube.odc.geobox.transform, cube.B01.shape[1:])
    assert np.array_equal(cube.B01.isel(time=0), whole[part["y"], part["x"]])
    left, bottom, right, top = cube.odc.geobox.geographic_extent.boundingbox
    assert left <= box[0] and bottom <= box[1] and right >= box[2] and top >= box[3]
    assert (right - left) < 0.012


def test_units_by_hand(catalog: Catalog) -> None:
    search = catalog.search(datetime="2003-08-30")
    (item,) = search.items()
    counts, _ = pixels_of(item, "B01")
    row, col = np.argwhere(counts > 5)[1234]
    count = int(counts[row, col])
    # Band 1 at normal gain: 1.688 W m-2 sr-1 um-1 a count, count 1 is zero.
    radiance = (count - 1) * 1.688
    day = dt.date(2003, 8, 30).timetuple().tm_yday
    distance = 1 - 0.01672 * math.cos(math.radians(0.9856 * (day - 4)))
    reflectance = math.pi * radiance * distance**2 / (1848.0 * math.sin(math.radians(41.2)))
    asked: list[tuple[Units, float]] = [("radiance", radiance), ("reflectance", reflectance)]
    for units, expected in asked:
        cube = search.load(bands=["B01"], native=True, units=units)
        assert cube.B01.dtype == np.float32
        assert float(cube.B01.isel(time=0, y=row, x=col)) == pytest.approx(expected, rel=1e-6)
        assert np.array_equal(np.isnan(cube.B01.isel(time=0)), counts == 0)
    assert cube.B01.attrs["units"] == "1"

    thermal, _ = pixels_of(item, "B13")
    row, col = np.argwhere(thermal > 5)[77]
    radiance = (int(thermal[row, col]) - 1) * 0.005693
    kelvin = 1350.069147 / math.log(866.468575 / radiance + 1)
    cube = search.load(bands=["B13"], native=True, units="brightness_temperature")
    assert float(cube.B13.isel(time=0, y=row, x=col)) == pytest.approx(kelvin, abs=1e-3)
    assert 250 < kelvin < 340 and cube.B13.attrs["units"] == "K"


def test_scenes_of_two_gains_are_joined_in_units_not_in_counts(tmp_path: Path) -> None:
    """Two halves of one pass with different gains: the same radiance, other counts."""
    items = [made_item(tmp_path, f"s{n}", n, scale=scale, fill=fill) for n, scale, fill in ((0, 1.0, 41), (1, 0.5, 81))]
    joined = stacaster.load(items, bands=["B01"], native=True, units="radiance", groupby="solar_day")
    assert joined.sizes == {"time": 1, "y": 8, "x": 16}
    assert np.allclose(joined.B01.values[0][:, :8], 40.0) and np.allclose(joined.B01.values[0][:, 8:], 40.0)
    counts = stacaster.load(items, bands=["B01"], native=True, groupby="solar_day")
    assert set(np.unique(counts.B01)) == {41, 81}


def made_item(
    folder: Path, name: str, number: int, *, scale: float = 1.0, fill: int = 5, data_type: str = "uint8",
    bands: tuple[str, ...] = ("B01",), crs: str = "EPSG:32754", resolution: float = 30.0, shift: float = 0.0,
) -> pystac.Item:  # fmt: skip
    geobox = GeoBox((8, 8), Affine(resolution, 0, 300000 + 240 * number + shift, 0, -resolution, 6500000), crs)
    moment = dt.datetime(2003, 8, 30, 0, 43, 2 + 9 * number, tzinfo=dt.UTC)
    west, south, east, north = geobox.geographic_extent.boundingbox
    item = pystac.Item(
        name, geobox.geographic_extent.json, [west, south, east, north], moment, {"view:sun_elevation": 30.0}
    )
    item.collection_id = "made"
    for band in bands:
        described = Band(name=band, description="x", data_type=data_type, nodata=0, group="G", resolution=30.0)
        path = folder / f"{name}-{band}.tif"
        pixels = np.full((8, 8), fill, data_type)
        write_cog(
            pixels, path, scene_band=SceneBand(band=described, layer="", geobox=geobox, scale=scale, offset=-scale)
        )
        fields = {
            "proj:code": crs, "proj:shape": [8, 8], "proj:transform": list(geobox.transform)[:6],
            "data_type": data_type,
            "nodata": 0, "raster:scale": scale, "raster:offset": -scale, "bands": [{"name": band}],
        }  # fmt: skip
        item.add_asset(
            band, pystac.Asset(str(path), roles=["data"], media_type=pystac.MediaType.COG, extra_fields=fields)
        )
    return item


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("chunks", [None, {}])
def test_band_that_some_scenes_lack_is_nodata_there(tmp_path: Path, order: int, chunks: Any) -> None:
    items = [
        made_item(tmp_path, "both", 0, bands=("B01", "B02")),
        made_item(tmp_path, "one", 1, bands=("B01",), fill=9),
    ][::order]
    cube = stacaster.load(items, bands=["B01", "B02"], native=True, chunks=chunks).sortby("time")
    assert cube.B02.dtype == np.uint8
    assert (cube.B02.isel(time=0)[:, :8] == 5).all() and (cube.B02.isel(time=1) == 0).all()
    assert (cube.B01.isel(time=1)[:, 8:] == 9).all()
    physical = stacaster.load(items, bands=["B02"], native=True, units="radiance", chunks=chunks).sortby("time")
    assert np.isnan(physical.B02.isel(time=1)).all()
    assert (physical.B02.isel(time=0)[:, :8] == 4).all()


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("chunks", [None, {}])
def test_types_that_differ_are_widened(tmp_path: Path, order: int, chunks: Any) -> None:
    items = [
        made_item(tmp_path, "narrow", 0, data_type="uint8", fill=200),
        made_item(tmp_path, "wide", 1, data_type="uint16", fill=40000),
    ][::order]
    cube = stacaster.load(items, bands=["B01"], native=True, chunks=chunks)
    assert cube.B01.dtype == np.uint16
    assert np.unique(cube.B01).tolist() == [0, 200, 40000]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"crs": "EPSG:32753"}, r"EPSG:32753 \(1\), EPSG:32754 \(1\); give crs="),
        ({"resolution": 90.0}, "several pixel sizes: 30 x 30"),
        ({"shift": 7.0}, "differ by 0.2333 pixel"),
    ],
)
def test_scenes_without_a_common_grid_are_refused(tmp_path: Path, other: dict[str, Any], words: str) -> None:
    items = [made_item(tmp_path, "a", 0), made_item(tmp_path, "b", 1, **other)]
    with pytest.raises(LoadError, match=words):
        stacaster.load(items, bands=["B01"], native=True)


def test_catalog_in_two_zones_says_so(catalog: Catalog) -> None:
    with pytest.raises(LoadError, match=r"EPSG:32753 \(\d+\), EPSG:32754 \(\d+\)"):
        catalog.load(bands=["B01"], native=True)
    cube = catalog.load(bands=["B01"], crs="EPSG:3577", resolution=60)
    assert cube.sizes["time"] == 8 and cube.odc.crs.epsg == 3577


def test_plain_odc_stac_gives_the_same_numbers(catalog: Catalog, zone_54: list[pystac.Item]) -> None:
    day = [item for item in zone_54 if "B01" in item.assets]
    ours = stacaster.load(day, bands=VNIR, native=True)
    plain = odc.stac.load(day, bands=["B01", "red", "nir"], geobox=ours.odc.geobox, stac_cfg=catalog.stac_cfg())
    for name, key in (("B01", "B01"), ("red", "B02"), ("nir", "B03N")):
        assert plain[name].dtype == np.uint8 and plain[name].attrs["nodata"] == 0
        assert np.array_equal(plain[name], ours[key])


def test_plain_odc_stac_without_our_configuration(catalog: Catalog) -> None:
    items = list(catalog.search(datetime="2003").items())
    plain = odc.stac.load(items, bands=["B01", "B03N"], crs="EPSG:32754", resolution=15)
    assert plain.B01.dtype == np.uint8 and plain.B03N.attrs["nodata"] == 0 and int(plain.B03N.max()) > 0


def test_names_and_aliases(catalog: Catalog) -> None:
    cube = catalog.load(bands=["nir", "B02", "green"], native=True, datetime="2003")
    assert list(cube.data_vars) == ["nir", "B02", "green"]
    same = catalog.load(bands=["B03N", "B02", "B01"], native=True, datetime="2003")
    assert np.array_equal(cube.nir, same.B03N) and np.array_equal(cube.green, same.B01)


def test_every_band_when_none_is_named(catalog: Catalog) -> None:
    cube = catalog.load(datetime="2003-08-30", crs="EPSG:32754", resolution=90)
    assert set(cube.data_vars) == set(catalog.collection(COLLECTION)["item_assets"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bands": ["swir99"]}, "'swir99' is in none of the selected items; nearest are swir16, "),
        ({"bands": []}, "bands is empty"),
        ({"units": "kelvin"}, "'kelvin'; nearest are .*; all are dn, radiance, reflectance"),
        ({"native": True, "resolution": 10}, "resolution cannot be given"),
        ({"native": True, "crs": "EPSG:3577", "anchor": "edge"}, "crs, anchor cannot be given"),
        ({"like": 1}, "a cube with a grid is needed"),
        ({"bbox": "1,2,3"}, "bbox"),
    ],
)
def test_wrong_arguments(catalog: Catalog, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        stacaster.load(catalog.search().items(), **{"bands": ["B01"], **options})


def test_nothing_to_load(catalog: Catalog) -> None:
    with pytest.raises(NothingFoundError):
        stacaster.load([])
    with pytest.raises(NothingFoundError, match="no item of catalog fits datetime 1999"):
        catalog.load(bands=["B01"], datetime="1999")


def test_units_that_an_item_lacks(tmp_path: Path, catalog: Catalog) -> None:
    item = made_item(tmp_path, "a", 0)
    fields = item.assets["B01"].extra_fields
    del fields["raster:scale"], fields["raster:offset"]
    by_file = stacaster.load([item], bands=["B01"], native=True, units="radiance")
    assert (by_file.B01 == 4).all(), "scale and offset of the file count where the item says none"
    with rasterio.open(item.assets["B01"].href, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.scales, dataset.offsets = (1.0,), (0.0,)
    with pytest.raises(LoadError, match="B01 of a has no raster:scale"):
        stacaster.load([item], bands=["B01"], native=True, units="radiance")
    night = [item for item in catalog.search().items() if "B01" not in item.assets]
    with pytest.raises(LoadError, match=r"no eo:solar_illumination|sun elevation"):
        stacaster.load(night, bands=["B10"], native=True, units="reflectance")
    with pytest.raises(UsageError, match="thermal"):
        catalog.load(bands=["B01"], native=True, datetime="2003", units="brightness_temperature")


def test_a_missing_file_is_never_a_silent_hole(tmp_path: Path) -> None:
    item = made_item(tmp_path, "a", 0)
    Path(item.assets["B01"].href).unlink()
    with pytest.raises(stacaster.errors.LoadError, match=r"a file cannot be read: .*B01"):
        stacaster.load([item], bands=["B01"], native=True)


def test_a_truncated_file_says_what_gdal_found(tmp_path: Path) -> None:
    """Cubes and points give the reason, not words that only point to it."""
    item = made_item(tmp_path, "a", 0)
    path = Path(item.assets["B01"].href)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 60])
    lon, lat = np.mean(np.array(item.bbox).reshape(2, 2), axis=0)
    for read in (lambda: stacaster.load([item], bands=["B01"], native=True),
                 lambda: stacaster.sample([item], [(lon, lat)], bands=["B01"])):  # fmt: skip
        with pytest.raises(LoadError, match=r"a file cannot be read: a B01: .+") as caught:
            read()
        assert "previous exception" not in str(caught.value)


def test_cube_is_lazy_until_it_is_asked_for(catalog: Catalog) -> None:
    cube = catalog.load(bands=["nir", "red"], native=True, datetime="2003", units="reflectance", chunks={"x": 128})
    assert all(band.chunks is not None for band in cube.data_vars.values())
    assert "dask" in cube._repr_html_().lower() or cube.nir.chunks
    eager = catalog.load(bands=["nir", "red"], native=True, datetime="2003", units="reflectance")
    assert np.array_equal(cube.nir, eager.nir, equal_nan=True)
