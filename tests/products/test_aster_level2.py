"""Path-oriented products: the provider's pixels on the provider's grid, whatever form they are delivered in."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyhdf.SD import SD
from rasterio.control import GroundControlPoint
from rasterio.warp import Resampling, reproject

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError
from stacaster.instruments.versions import version_of
from stacaster.products import all_products
from stacaster.samples import DEFAULT_SCENES, AsterScene, landscape
from stacaster.samples.aster_l1t_003 import write_aster_l1t_003
from stacaster.samples.aster_paths import write_path_hdf
from stacaster.samples.path_geotiffs import write_path_geotiffs
from stacaster.samples.path_images import (
    PATH_PRODUCTS,
    Variant,
    path_lattice,
    path_positions,
    path_shape,
    path_transform,
)
from tests.certain import certain
from tests.stac_schemas import check

SCENE = replace(DEFAULT_SCENES[1], tir_shape=(40, 50), zone=54)
NORTH = replace(SCENE, upper_left=(4_281_570, 491_040), zone=12)
DAY = SCENE.acquired.timetuple().tm_yday


def ingested(files: Any, root: Path) -> Catalog:
    report = stacaster.ingest([str(path) for path in files], catalog=root)
    assert not report.failed, report.failed
    return stacaster.open_catalog(root)


def failure(files: Any, root: Path) -> str:
    report = stacaster.ingest([str(path) for path in files], catalog=root)
    assert len(report.failed) == 1, report
    assert not (root / "catalog.json").exists() or not list(stacaster.open_catalog(root).search().items())
    return str(report.failed[0].reason)


def affine_of(asset: Any) -> Affine:
    return Affine(*asset.extra_fields["proj:transform"][:6])


def apart(left: Affine, right: Affine, shape: tuple[int, int]) -> float:
    """Return the largest distance of two grids over an image, in pixels of the right one."""
    rows, cols = shape
    inverse = ~right
    found = []
    for col, row in ((0, 0), (cols, 0), (0, rows), (cols, rows)):
        x, y = left.a * col + left.b * row + left.c, left.d * col + left.e * row + left.f
        back = (inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f)
        found.append(float(np.hypot(back[0] - col, back[1] - row)))
    return max(found)


@pytest.mark.parametrize("product", PATH_PRODUCTS)
def test_pixels_and_place_are_the_provider_s(product: str, tmp_path: Path, shared: Path) -> None:
    files = write_path_hdf(SCENE, product, tmp_path)
    catalog = ingested(files, tmp_path / "c")
    items = list(catalog.search().items())
    assert len(items) == len(files) == (1 if product in ("AST_L1B", "AST_05", "AST_08", "AST_09T") else 2)
    seen = set()
    for item, path in zip(sorted(items, key=lambda item: item.id), sorted(files), strict=True):
        assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
        assert item.collection_id == f"{product.lower().replace('_', '-')}-003" and item.id == path.stem
        assert item.properties["sci:doi"] == f"10.5067/ASTER/{product}.003"
        assert item.properties["processing:level"] == ("L1B" if product == "AST_L1B" else "L2")
        table = next(p for p in all_products().values() if p.collection_id == item.collection_id)
        file = SD(str(path))
        fields = {name: file.select(name).get() for name in file.datasets()}
        for name, asset in item.assets.items():
            if "data" not in certain(asset.roles):
                continue
            seen.add(name)
            band = table.band(name)
            group = band.group
            with rasterio.open(asset.href) as cog:
                pixels, transform = cog.read(1), cog.transform
                assert cog.crs.to_epsg() == 32754
            number = name[1:].lstrip("0")
            candidates = {
                f"ImageData{number}", f"Band{number}", name, name.partition("_")[2],
                *(["KineticTemperature"] if name == "SKT" else []),
                *([f"SkyIrradianceBand{name[-2:]}"] if name.startswith("SIR") else []),
            }  # fmt: skip
            (source,) = [values for key, values in fields.items() if key in candidates]
            assert np.array_equal(pixels, source) and pixels.dtype == source.dtype
            truth = path_transform(SCENE, group, south=True)
            assert apart(transform, truth, pixels.shape) < 1e-3
            assert apart(affine_of(asset), transform, pixels.shape) < 1e-9
            assert asset.extra_fields["stacaster:georeferencing_residual"] < 0.01
            assert abs(asset.extra_fields["stacaster:rotation"] - SCENE.rotation) < 1e-3
        file.end()
    assert seen == {band.name for band in table.bands}


@pytest.mark.parametrize("scene", [SCENE, NORTH, replace(SCENE, direction="AS", rotation=11.5)])
def test_place_is_that_of_a_warp_by_gdal_from_the_positions(scene: AsterScene, tmp_path: Path) -> None:
    """GDAL warps images of the column and row numbers from the 121 points; the item's transform says the same."""
    (path,) = write_path_hdf(scene, "AST_08", tmp_path)
    (item,) = ingested([path], tmp_path / "c").search().items()
    asset = item.assets["SKT"]
    rows, cols = asset.extra_fields["proj:shape"]
    lat, lon = path_lattice(scene, "TIR", Variant())
    points = [
        # A ground control point of GDAL counts from the outer corner of the first pixel.
        GroundControlPoint(row=i * rows / 10 + 0.5, col=j * cols / 10 + 0.5, x=lon[i, j], y=lat[i, j])
        for i in range(11) for j in range(11)
    ]  # fmt: skip
    box = GeoBox((rows, cols), affine_of(asset), asset.extra_fields["proj:code"]).to_crs(
        asset.extra_fields["proj:code"]
    )
    target = GeoBox.from_bbox(box.extent.boundingbox, box.crs, resolution=90)
    col, row = np.meshgrid(np.arange(cols, dtype="float32"), np.arange(rows, dtype="float32"))
    found = []
    for values in (col, row):
        warped = np.full(target.shape, np.nan, dtype="float32")
        reproject(
            values, warped, gcps=points, src_crs="EPSG:4326", dst_transform=target.transform, dst_crs=str(target.crs),
            resampling=Resampling.bilinear, src_nodata=np.nan, dst_nodata=np.nan, SRC_METHOD="GCP_TPS",
        )  # fmt: skip
        found.append(warped)
    j, i = np.meshgrid(np.arange(target.shape[1]) + 0.5, np.arange(target.shape[0]) + 0.5)
    t, inverse = target.transform, ~affine_of(asset)
    x, y = t.a * j + t.c, t.e * i + t.f
    ours = (inverse.a * x + inverse.b * y + inverse.c - 0.5, inverse.d * x + inverse.e * y + inverse.f - 0.5)
    for theirs, mine, size in zip(found, ours, (cols, rows), strict=True):
        inside = np.isfinite(theirs) & (mine > 1) & (mine < size - 2)
        assert inside.sum() > 1000
        assert np.abs(theirs - mine)[inside].max() < 0.25


def test_loads_place_rotated_pixels(tmp_path: Path) -> None:
    catalog = ingested(write_path_hdf(SCENE, "AST_08", tmp_path), tmp_path / "c")
    (item,) = catalog.search().items()
    asset = item.assets["SKT"]
    with pytest.raises(LoadError, match="rotated against their coordinate axes"):
        catalog.load(bands=["SKT"], native=True)
    cube = catalog.load(bands=["SKT"], crs="EPSG:32754", resolution=30)
    plain = odc.stac.load([item], bands=["SKT"], crs="EPSG:32754", resolution=30, stac_cfg=catalog.stac_cfg())
    assert np.array_equal(cube.SKT.values, plain.SKT.values) and cube.SKT.attrs["nodata"] == 0
    with rasterio.open(asset.href) as cog:
        source, inverse = cog.read(1), ~cog.transform
    x, y = np.meshgrid(cube.x.values, cube.y.values)
    col = np.floor(inverse.a * x + inverse.b * y + inverse.c).astype(int)
    row = np.floor(inverse.d * x + inverse.e * y + inverse.f).astype(int)
    inside = (col >= 0) & (row >= 0) & (col < source.shape[1]) & (row < source.shape[0])
    expected = np.where(inside, source[row.clip(0, source.shape[0] - 1), col.clip(0, source.shape[1] - 1)], 0)
    differs = cube.SKT.values[0] != expected
    # Only where a pixel of the cube lies on the border of two of the scene.
    assert differs.mean() < 0.01 and (expected > 0).sum() > 10_000
    (ring,) = certain(item.geometry)["coordinates"]
    assert abs(certain(item.bbox)[0] - min(place[0] for place in ring)) < 1e-9


def physical(catalog: Catalog, band: str, units: Any, **options: Any) -> tuple[np.ndarray[Any, Any], Any]:
    cube = catalog.load(bands=[band], units=units, crs="EPSG:32754", resolution=30, **options)
    return cube[band].values[0], cube[band]


def test_units_of_each_product(tmp_path: Path) -> None:
    lon, lat = path_positions(SCENE, "VNIR")
    red = landscape.reflectance("B02", lon, lat, day_of_year=DAY)
    catalog = ingested(write_path_hdf(SCENE, "AST_07XT", tmp_path), tmp_path / "ast07")
    values, band = physical(catalog, "B02", "reflectance")
    assert band.attrs["units"] == "1" and "surface" in band.attrs["long_name"] and "solar_irradiance" not in band.attrs
    assert abs(np.nanmean(values) - red[:, 2:].mean()) < 1e-3 and np.isnan(values).any()
    again, _ = physical(catalog, "B02", "physical")
    assert np.array_equal(values, again, equal_nan=True)
    with pytest.raises(LoadError, match="surface reflectance, which is no radiance; use units='physical'"):
        physical(catalog, "B02", "radiance")

    catalog = ingested(write_path_hdf(SCENE, "AST_09", tmp_path), tmp_path / "ast09")
    values, band = physical(catalog, "B04", "radiance")
    lon, lat = path_positions(SCENE, "SWIR")
    light = landscape.radiance("B04", lon, lat, moment=SCENE.acquired, sun_elevation=SCENE.sun_elevation)
    assert abs(np.nanmean(values) / light[:, 2:].mean() - 1) < 0.02 and "leaves the surface" in band.attrs["long_name"]
    with pytest.raises(LoadError, match="surface radiance, which is no reflectance"):
        physical(catalog, "B04", "reflectance")

    catalog = ingested(write_path_hdf(SCENE, "AST_08", tmp_path), tmp_path / "ast08")
    values, band = physical(catalog, "SKT", "surface_temperature")
    lon, lat = path_positions(SCENE, "TIR")
    kelvin = landscape.temperature(lon, lat, day_of_year=DAY, is_day=True)
    assert band.attrs["units"] == "K" and abs(np.nanmean(values) - kelvin[:, 2:].mean()) < 0.2
    quality, _ = physical(catalog, "QA_DataPlane", "physical")
    assert set(np.unique(quality[np.isfinite(quality)])) == {0.0, 12.0}

    catalog = ingested(write_path_hdf(SCENE, "AST_05", tmp_path), tmp_path / "ast05")
    values, band = physical(catalog, "B12", "physical")
    true = landscape.emissivity("B12", lon, lat, day_of_year=DAY)
    assert abs(np.nanmean(values) - true[:, 2:].mean()) < 2e-3 and band.attrs["long_name"] == "emissivity"


def test_level_1b_is_radiance_with_geocentric_positions(tmp_path: Path) -> None:
    catalog = ingested(write_path_hdf(SCENE, "AST_L1B", tmp_path), tmp_path / "c")
    (item,) = catalog.search().items()
    fields = item.assets["B01"].extra_fields
    assert fields["raster:scale"] == -fields["raster:offset"] == 1.688
    assert apart(affine_of(item.assets["B01"]), path_transform(SCENE, "VNIR", south=True), (240, 300)) < 1e-3
    values, _ = physical(catalog, "B13", "brightness_temperature")
    assert 270 < np.nanmean(values) < 320
    late = replace(SCENE, acquired=SCENE.acquired.replace(year=2009))
    (item,) = ingested(write_path_hdf(late, "AST_L1B", tmp_path), tmp_path / "late").search().items()
    assert "B05" not in item.assets and "SWIR is unusable" in str(item.properties["stacaster:notes"])


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("fill", [None, -9999, 0])
@pytest.mark.parametrize("product", ["AST_07", "AST_05", "AST_09T"])
def test_types_and_fills_however_they_turn_out(product: str, signed: bool, fill: int | None, tmp_path: Path) -> None:
    if fill == -9999 and not signed:
        fill = 65535
    variant = Variant(signed=signed, fill=fill, sky_field="Band{}_SkyIrradiance", scale_attribute=signed)
    catalog = ingested(write_path_hdf(SCENE, product, tmp_path, variant=variant), tmp_path / "c")
    name = "B02" if product == "AST_07" else "B12"
    (item,) = [item for item in catalog.search().items() if name in item.assets]
    asset = item.assets[name]
    assert asset.extra_fields["data_type"] == ("int16" if signed else "uint16")
    assert asset.extra_fields["nodata"] == (0 if fill is None else fill)
    notes = item.properties["stacaster:notes"]
    assert any("states no fill value" in note for note in notes) == (fill is None)
    if product == "AST_09T":
        assert {f"SIR_B{n}" for n in range(10, 15)} <= set(item.assets)
    with rasterio.open(asset.href) as cog:
        assert (cog.read(1)[:, :2] == asset.extra_fields["nodata"]).all() and cog.nodata == asset.extra_fields["nodata"]


def test_positions_however_they_turn_out(tmp_path: Path) -> None:
    for number, variant in enumerate((Variant(last_on_pixel=True), Variant(vgroups=False))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (item,) = ingested(write_path_hdf(SCENE, "AST_08", folder, variant=variant), folder / "c").search().items()
        assert apart(affine_of(item.assets["SKT"]), path_transform(SCENE, "TIR", south=True), (40, 50)) < 0.01
    slight = write_path_hdf(SCENE, "AST_08", tmp_path, variant=Variant(bend=20.0))
    (item,) = ingested(slight, tmp_path / "slight").search().items()
    assert 0.05 < item.assets["SKT"].extra_fields["stacaster:georeferencing_residual"] < 0.3
    bent = write_path_hdf(SCENE, "AST_08", tmp_path, variant=Variant(bend=150.0))
    assert "differ by up to 0." in failure(bent, tmp_path / "bent") or "differ by up to 1." in failure(
        bent, tmp_path / "b"
    )
    none = write_path_hdf(SCENE, "AST_08", tmp_path, variant=Variant(omit_lattice=True))
    assert "has no positions: its place on Earth is unknown" in failure(none, tmp_path / "none")


@pytest.mark.parametrize("product", ["AST_07XT", "AST_08", "AST_09T", "AST_05", "AST_L1B"])
def test_version_4_is_adopted_pixel_for_pixel(product: str, tmp_path: Path) -> None:
    files = write_path_geotiffs(SCENE, product, tmp_path)
    sidecar = {"GranuleUR": files[0].name[: len(f"{product}_004") + 29], "CloudCover": 7, "AdditionalAttributes": []}
    (tmp_path / f"{sidecar['GranuleUR']}.cmr.json").write_text(json.dumps(sidecar))
    (item,) = ingested(files, tmp_path / "c").search().items()
    assert certain(item.collection_id).endswith("-004") and item.properties["eo:cloud_cover"] == 7
    assets = {name: asset for name, asset in item.assets.items() if "data" in certain(asset.roles)}
    assert len(assets) == len(files)
    for asset in assets.values():
        with rasterio.open(asset.href) as cog:
            pixels = cog.read(1)
            matching = [path for path in files if _same(path, pixels)]
            assert matching and cog.crs.to_epsg() == 32754
            group = {40: "TIR", 120: "SWIR", 240: "VNIR"}[pixels.shape[0]]
            assert apart(cog.transform, path_transform(SCENE, group, south=True), pixels.shape) < 1e-6


def _same(path: Path, pixels: np.ndarray[Any, Any]) -> bool:
    with rasterio.open(path) as source:
        return source.shape == pixels.shape and np.array_equal(source.read(1), pixels)


@pytest.mark.parametrize("with_crs", [True, False])
def test_deliveries_on_demand_as_zip(with_crs: bool, tmp_path: Path) -> None:
    """The place comes from the GeoTIFFs, or from the positions beside them."""
    loose = tmp_path / "loose"
    loose.mkdir()
    write_path_geotiffs(SCENE, "AST_07", loose, version="003")
    (archive,) = write_path_geotiffs(SCENE, "AST_07", tmp_path, version="003", archive=True, with_crs=with_crs)
    assert archive.suffix == ".zip"
    (tmp_path / "holiday.zip").write_bytes(b"PK" + bytes(100))
    (found,) = stacaster.ingest([str(tmp_path)], catalog=tmp_path / "walk", subsystem=["VNIR"], dry_run=True).ingested[
        :1
    ]
    assert found.collection == "ast-07-003-geotiff"
    (tmp_path / "holiday.zip").unlink()
    (packed,) = ingested([archive], tmp_path / "packed").search().items()
    (item,) = ingested([loose], tmp_path / "open").search().items()
    assert packed.collection_id == item.collection_id == "ast-07-003-geotiff"
    for name in ("B01", "B09", "VNIR_QA_DataPlane2"):
        with rasterio.open(packed.assets[name].href) as a, rasterio.open(item.assets[name].href) as b:
            assert np.array_equal(a.read(1), b.read(1)) and apart(a.transform, b.transform, a.shape) < 1e-3
            assert a.crs == b.crs
    before = sorted(path.name for path in tmp_path.iterdir())
    assert before == sorted([archive.name, "loose", "packed", "open"]), "nothing was unpacked"


def test_archives_that_are_wrong(tmp_path: Path) -> None:
    (good,) = write_path_geotiffs(SCENE, "AST_08", tmp_path, version="003", archive=True)
    with zipfile.ZipFile(good) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".tif"))
        content = archive.read(member)

    def made(name: str, entries: dict[str, bytes]) -> Path:
        path = tmp_path / name / good.name
        path.parent.mkdir()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for inner, data in entries.items():
                target.writestr(inner, data)
        return path

    for name, entries, words in (
        ("escape", {f"../../{member}": content}, "names a place outside of itself"),
        ("absolute", {f"/tmp/{member}": content}, "names a place outside of itself"),
        ("empty", {"readme.txt": b"nothing"}, "without any GeoTIFF"),
        ("many", {f"{n}.tif": b"" for n in range(1100)}, "more than 1000"),
    ):
        assert words in failure([made(name, entries)], tmp_path / f"c-{name}")
    cut = tmp_path / "cut" / good.name
    cut.parent.mkdir()
    cut.write_bytes(good.read_bytes()[:-4000])
    assert "damaged zip archive" in failure([cut], tmp_path / "c-cut")
    flipped = tmp_path / "flipped" / good.name
    flipped.parent.mkdir()
    data = bytearray(good.read_bytes())
    data[200] ^= 0xFF
    flipped.write_bytes(bytes(data))
    assert "zip archive" in failure([flipped], tmp_path / "c-flipped")


def test_elevations(tmp_path: Path) -> None:
    name = "AST14DEM_00408302003004302_20250510090333"
    heights = np.arange(-50, 850, dtype="int16").reshape(30, 30)
    heights[0] = -9999
    with rasterio.open(tmp_path / f"{name}.tif", "w", driver="GTiff", height=30, width=30, count=1, dtype="int16",
                       crs="EPSG:32654", transform=Affine(30, 0, 261000, 0, -30, -3428000)) as target:  # fmt: skip
        target.write(heights, 1)
    catalog = ingested([tmp_path / f"{name}.tif"], tmp_path / "c")
    (item,) = catalog.search().items()
    fields = item.assets["DEM"].extra_fields
    assert item.collection_id == "ast14dem-004" and item.properties["stacaster:vertical_datum"] == "EPSG:5773"
    assert fields["nodata"] == -9999 and fields["unit"] == "m" and fields["proj:code"] == "EPSG:32754"
    cube = catalog.load(bands=["DEM"], units="physical")
    assert np.isnan(cube.DEM.values[0, 0]).all() and np.array_equal(cube.DEM.values[0, 1:], heights[1:])


def test_bad_sets_say_what_is_wrong(tmp_path: Path) -> None:
    files = write_path_geotiffs(SCENE, "AST_08", tmp_path)
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    with rasterio.open(files[0]) as source:
        profile, pixels = source.profile, source.read(1)
    with rasterio.open(wrong / files[0].name, "w", **{**profile, "transform": Affine(30, 0, 0, 0, -30, 0)}) as target:
        target.write(pixels, 1)
    assert "pixels of 30 x 30, but 90 m are needed" in failure([wrong], tmp_path / "c1")
    float_set = tmp_path / "float"
    float_set.mkdir()
    with rasterio.open(float_set / files[0].name, "w", **{**profile, "dtype": "float32"}) as target:
        target.write(pixels.astype("float32"), 1)
    assert "is float32, but uint16 is needed" in failure([float_set], tmp_path / "c2")
    (path,) = write_path_hdf(SCENE, "AST_05", tmp_path)
    path.write_bytes(path.read_bytes()[:-5000])
    assert failure([path], tmp_path / "c3")
    part = tmp_path / "part"
    part.mkdir()
    shutil.copy(files[1], part)
    (item,) = ingested([part], tmp_path / "c4").search().items()
    assert "SKT" not in item.assets and "lacks this band" in str(item.properties["stacaster:notes"])


def test_products_of_one_scene_on_one_grid(tmp_path: Path) -> None:
    l1t = write_aster_l1t_003(SCENE, tmp_path)
    catalog = ingested([l1t, *write_path_hdf(SCENE, "AST_08", tmp_path)], tmp_path / "c")
    items = list(catalog.search().items())
    assert len(items) == 2
    cube = stacaster.load(items, bands=["B02", "SKT"], units="physical", crs="EPSG:32754", resolution=90)
    assert cube.sizes["time"] == 1, "one moment, one slice"
    both = np.isfinite(cube.B02.values) & np.isfinite(cube.SKT.values)
    assert both.sum() > 200 and cube.SKT.attrs["units"] == "K" and "sr-1" in cube.B02.attrs["units"]
    x, y = np.meshgrid(cube.x.values, cube.y.values)
    lon, lat = SCENE.to_lonlat(x, y - 10_000_000)
    truth = landscape.temperature(lon, lat, day_of_year=DAY, is_day=True)
    # Pixels of 90 m that were moved by up to half of that.
    assert np.abs(cube.SKT.values - truth)[both].mean() < 0.5


def test_temperature_and_emissivity_beside_the_provider_s(tmp_path: Path) -> None:
    files = [path for name in ("AST_09T", "AST_08", "AST_05") for path in write_path_hdf(SCENE, name, tmp_path)]
    catalog = ingested(files, tmp_path / "c")
    where: dict[str, Any] = {"crs": "EPSG:32754", "resolution": 90, "units": "physical"}

    def load(product: str, **options: Any) -> Any:
        return stacaster.load(catalog.search(collections=f"{product}-003").items(), **where, **options)

    cube = load("ast-09t")
    made = stacaster.emissivity.separate_temperature(cube)
    assert made.temperature.dims == cube.B10.dims and made.temperature.attrs["units"] == "K"
    lazy = stacaster.emissivity.separate_temperature(load("ast-09t", chunks={"x": 20, "y": 20}))
    assert lazy.temperature.chunks and np.allclose(lazy.temperature.values, made.temperature.values, equal_nan=True)
    emissivity = load("ast-05", bands=["B10", "B11", "B12", "B13", "B14"])
    table = stacaster.emissivity.compare(made, emissivity.assign(SKT=load("ast-08").SKT))
    rows: dict[str, Any] = {str(row.variable): row for row in table.itertuples()}
    assert set(rows) == {"temperature", "B10", "B11", "B12", "B13", "B14"} and rows["temperature"].n > 1000
    # The landscape's spectra do not lie on the regression of the method, which sets the level.
    assert abs(rows["temperature"].bias) < 1.5 and rows["temperature"].r > 0.95
    assert abs(rows["B12"].bias) < 0.03 and rows["B12"].r > 0.96
    # The correlation follows from how much the landscape varies, the scatter from the method alone.
    assert rows["B12"].stddev < 0.0065
    with pytest.raises(LoadError, match=r"need SIR_B10"):
        stacaster.emissivity.separate_temperature(cube.drop_vars("SIR_B10"))
    with pytest.raises(LoadError, match="units='physical'"):
        stacaster.emissivity.separate_temperature(cube.fillna(0).astype("uint16"))
    with pytest.raises(LoadError, match="share no variable"):
        stacaster.emissivity.compare(made[["mmd"]], cube)


def test_shapes_of_the_simulated_swaths() -> None:
    assert path_shape(SCENE, "TIR") == (40, 50) and path_shape(SCENE, "VNIR") == (240, 300)
    full = replace(SCENE, tir_shape=(700, 830))
    assert path_shape(full, "VNIR") == (4200, 4980), "as the Users Handbook has it"


def test_pictures_of_level_1t(tmp_path: Path) -> None:
    name = "AST_L1T_00308302003004302_20150510090333_70442"
    for letter, size in (("V", 15), ("T", 90)):
        pixels = np.random.default_rng(size).integers(1, 255, (3, 40, 50), dtype="uint8")
        with rasterio.open(tmp_path / f"{name}_{letter}.tif", "w", driver="GTiff", height=40, width=50, count=3,
                           dtype="uint8", crs="EPSG:32654",
                           transform=Affine(size, 0, 261000, 0, -size, -3428000)) as target:  # fmt: skip
            target.write(pixels)
    catalog = ingested([tmp_path], tmp_path / "c")
    (item,) = catalog.search().items()
    assert item.id == name and item.collection_id == "aster-l1t-003-geotiff"
    with rasterio.open(item.assets["T_BLUE"].href) as cog:
        assert np.array_equal(cog.read(1), pixels[2]) and cog.crs.to_epsg() == 32754
    assert {"V_RED", "V_GREEN", "V_BLUE", "T_RED", "thumbnail"} <= set(item.assets)
    with pytest.raises(LoadError, match="picture, which is no radiance"):
        catalog.load(bands=["V_RED"], native=True, units="radiance")


def test_the_two_files_of_a_delivery_are_no_versions_of_each_other(tmp_path: Path) -> None:
    """VNIR and SWIR differ by a second of production: none supersedes the other."""
    catalog = ingested(write_path_hdf(SCENE, "AST_07", tmp_path), tmp_path / "c")
    assert stacaster.catalog.dedupe(catalog.root, remove=True) == []
    assert len(list(stacaster.open_catalog(catalog.root).search().items())) == 2
    names = ("AST_08_00308302003004302_20150510090333_70442", "AST_08_00308302003004302_20160510090333_1")
    assert version_of(names[0], "x")[0] == version_of(names[1], "x")[0]
    assert version_of(names[1], "x")[1] > version_of(names[0], "x")[1]
    elevations = [name.replace("AST_08", "AST14DEM") for name in names]
    assert version_of(elevations[0], "x")[0] == version_of(elevations[1], "x")[0]
