"""One way to a cube: the same pixels on every path, masks on source pixels, codes that are never averaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.warp
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

import stacaster
from stacaster.errors import LoadError, UsageError
from tests.cube.plain_items import TRANSFORM, plain_item, write_tif

load: Any = stacaster.load  # options by name, of any type
EXTRAS: list[dict[str, Any]] = [{}, {"n_obs": True, "source": True}, {"chunks": {}}, {"pool": 1}]

BITS = [{"name": "cloud", "offset": 3, "length": 1, "classes": [{"name": "yes", "value": 1}]},
        {"name": "level", "offset": 4, "length": 2, "classes": [{"name": "high", "value": 3}]}]  # fmt: skip
CLASSES = [{"value": 1, "name": "land"}, {"value": 2, "name": "lake"}, {"value": 9, "name": "snow"}]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Three scenes of two days that overlap: numbers with fill, floats without, codes, bits on coarser pixels."""
    folder = tmp_path_factory.mktemp("scenes")
    chance = np.random.default_rng(7)
    found = []
    for n in range(3):
        place = TRANSFORM * Affine.translation(17 * n, 9 * n)
        numbers = chance.integers(1, 900, (60, 70)).astype("uint16")
        numbers[chance.random(numbers.shape) < 0.2] = 0
        reals = chance.random((60, 70)).astype("float32")
        reals[:5] = np.nan
        codes = chance.choice([1, 2, 9], (60, 70)).astype("uint8")
        files = {
            "dn": write_tif(folder / f"{n}dn.tif", numbers, transform=place, nodata=0),
            "real": write_tif(folder / f"{n}real.tif", reals, transform=place),
            "scl": write_tif(folder / f"{n}scl.tif", codes, transform=place),
            "qa": write_tif(folder / f"{n}qa.tif", chance.integers(0, 64, (30, 35)).astype("uint16"),
                            transform=place * Affine.scale(2)),
        }  # fmt: skip
        fields: dict[str, Any] = {
            "dn": {"raster:scale": 0.5 + n, "raster:offset": -n}, "scl": {"classification:classes": CLASSES},
            "qa": {"classification:bitfields": BITS},
        }  # fmt: skip
        found.append(plain_item(f"s{n}", files, fields=fields, hours=(0, 1, 30)[n]))
    return found


GRIDS: list[dict[str, Any]] = [
    {"native": True}, {"crs": "EPSG:32754", "resolution": 23}, {"crs": "EPSG:3577", "resolution": 14},
    {"crs": "EPSG:4326", "resolution": 0.0002},
]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    grid=st.sampled_from(GRIDS), resampling=st.sampled_from(["nearest", "bilinear", "cubic", "average"]),
    units=st.sampled_from(["dn", "physical"]), groupby=st.sampled_from(["time", "solar_day", "id"]),
    mask=st.sampled_from([None, ["qa=cloud/yes"], ["fill", "scl=snow"]]), chunk=st.integers(9, 80),
    min_valid=st.sampled_from([0.0, 0.6]),
)  # fmt: skip
def test_every_path_gives_the_same_pixels(
    scenes: list[Any], grid: dict[str, Any], resampling: str, units: Any, groupby: str, mask: Any, chunk: int,
    min_valid: float,
) -> None:  # fmt: skip
    bands = ["dn", "real"] if units == "physical" or mask is None else ["dn"]
    asked: dict[str, Any] = {**grid, "bands": bands, "resampling": resampling, "units": units, "mask": mask,
                             "min_valid": min_valid}  # fmt: skip
    eager = load(scenes, groupby=groupby, **asked)
    lazy = load(scenes, groupby=groupby, chunks={"x": chunk, "y": chunk + 3}, **asked).compute()
    assert eager.identical(lazy)
    more = load(scenes, groupby=groupby, n_obs=True, source=True, pool=3, **asked)
    for name in bands:
        assert np.array_equal(eager[name].values, more[name].values, equal_nan=True)
    count, source = more.n_obs.values, more.source.values
    assert ((count > 0) == (source >= 0)).all()
    if groupby == "id":
        other = load(scenes, groupby=lambda item: item.id, chunks={"x": chunk}, **asked).compute()
        assert all(np.array_equal(other[name], eager[name], equal_nan=True) for name in bands)


@pytest.mark.parametrize("units", ["dn", "physical"])
def test_points_have_the_pixels_of_the_cube(scenes: list[Any], units: Any) -> None:
    cube = load(scenes, bands=["dn", "scl"], native=True, groupby="id", units=units)
    rows, cols = np.meshgrid([12, 20, 33], [20, 40, 61], indexing="ij")
    back = Transformer.from_crs(32754, 4326, always_xy=True)
    lon, lat = back.transform(cube.x.values[cols.ravel()], cube.y.values[rows.ravel()])
    table = stacaster.sample(scenes, list(zip(lon, lat, strict=True)), bands=["dn", "scl"], units=units)
    assert len(table) > 12
    for _, row in table.iterrows():
        time = [item.id for item in scenes].index(row.item_id)
        pixel = cube.isel(time=time, y=rows.ravel()[row.point], x=cols.ravel()[row.point])
        expected = np.nan if pixel.dn == cube.dn.attrs.get("nodata") else float(pixel.dn)
        assert np.array_equal(row.dn, expected, equal_nan=True) and row.scl == float(pixel.scl)


def test_masks_see_source_pixels(tmp_path: Path) -> None:
    """A disc of saturated numbers: whatever the resampling, no value mixes them in."""
    y, x = np.mgrid[:240, :240]
    ground = np.full((240, 240), 80, "uint8")
    ground[(y - 120) ** 2 + (x - 117) ** 2 < 70**2] = 255
    path = write_tif(tmp_path / "a.tif", ground, nodata=0, tiled=True, blockxsize=128, blockysize=128)
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], rasterio.enums.Resampling.average)
    item = plain_item("a", {"b": path}, fields={"b": {"stacaster:saturation": 255, "raster:scale": 2}})
    for resolution, resampling in ((10, "nearest"), (20, "nearest"), (37, "average"), (60, "bilinear"), (33, "cubic")):
        cube = load([item], crs="EPSG:3577", resolution=resolution, resampling=resampling,
                              mask=["saturated"], units="physical", keep_masks=True)  # fmt: skip
        values = cube.b.values[0]
        assert np.allclose(values[np.isfinite(values)], 160), (resolution, resampling)
        assert cube.mask_saturated.any() and np.isfinite(values).any()
    half, whole = (
        np.isfinite(load([item], crs="EPSG:32754", resolution=80, resampling="average", mask="saturated",
                                   units="physical", min_valid=share).b).sum() for share in (0.5, 1.0)
    )  # fmt: skip
    blocks = (ground == 255).reshape(30, 8, 30, 8).mean(axis=(1, 3))
    assert (int(half), int(whole)) == ((blocks <= 0.5).sum(), (blocks == 0).sum())


def test_bits_and_classes_by_hand(scenes: list[Any]) -> None:
    item = scenes[:1]
    stored = load(item, bands=["dn", "scl"], native=True)
    with rasterio.open(item[0].assets["qa"].href) as dataset:
        bits = np.repeat(np.repeat(dataset.read(1), 2, 0), 2, 1)
    for name, where in (("qa=cloud/yes", (bits >> 3) & 1 == 1), ("qa=cloud", (bits >> 3) & 1 == 1),
                        ("qa=level/high", (bits >> 4) & 3 == 3), ("scl=snow", stored.scl.values[0] == 9)):  # fmt: skip
        masked = load(item, bands=["dn"], native=True, mask=[name]).dn.values[0]
        assert np.array_equal(masked, np.where(where, 0, stored.dn.values[0])), name
    with pytest.raises(UsageError, match="qa: class is 'rain'"):
        load(item, bands=["dn"], native=True, mask=["qa=rain"])


@pytest.mark.parametrize("chunks", [None, {"x": 8}])
def test_codes_are_counted_never_averaged(tmp_path: Path, chunks: Any) -> None:
    codes = np.random.default_rng(3).choice([1, 2, 9], (40, 40), p=[0.5, 0.3, 0.2]).astype("uint8")
    item = plain_item(
        "a", {"c": write_tif(tmp_path / "c.tif", codes)}, fields={"c": {"classification:classes": CLASSES}}
    )
    asked: dict[str, Any] = {"crs": "EPSG:32754", "resolution": 40, "chunks": chunks}
    cube, report = load([item], resampling="average", report=True, **asked)
    blocks = codes.reshape(10, 4, 10, 4).transpose(0, 2, 1, 3).reshape(10, 10, 16)
    counts = np.stack([(blocks == code).sum(axis=2) for code in (1, 2, 9)])
    assert np.array_equal(cube.c.values[0], np.array([1, 2, 9])[counts.argmax(axis=0)])
    assert "is 'mode' for it" in repr(report) and cube.c.attrs["flag_meanings"] == "land lake snow"
    assert set(np.unique(load([item], resampling="cubic", **asked).c)) <= {1, 2, 9}
    assert load([item], units="physical", **asked).c.dtype == "uint8", "codes stay codes"
    for method in ("mean", "median", "p10", "geomedian", "medoid"):
        with pytest.raises(UsageError, match="c: codes of classes have no"):
            stacaster.composite(cube, method)
    native = load([item], native=True, chunks=chunks)
    table = stacaster.time_series(native)
    assert dict(zip(table["class"], table["share"], strict=True)) == pytest.approx(
        {name: (codes == code).mean() for code, name in ((1, "land"), (2, "lake"), (9, "snow"))}
    )
    assert table["mean"].isna().all() and set(table["band"]) == {"c"}


def test_real_zeros_of_bands_without_nodata_are_values(tmp_path: Path) -> None:
    first = plain_item("a", {"b": write_tif(tmp_path / "a.tif", np.array([[0, 4]], "uint8"))})
    other = plain_item("b", {"b": write_tif(tmp_path / "b.tif", np.array([[7, 8, 9]], "uint8"))}, hours=1)
    for extra in EXTRAS:
        cube = load([first, other], native=True, groupby="solar_day", **extra)
        assert cube.b.values.tolist() == [[[0, 4, 9]]]
    counted = load([first, other], native=True, groupby="solar_day", n_obs=True, source=True)
    assert counted.n_obs.values.tolist() == [[[2, 2, 1]]] and counted.source.values.tolist() == [[[0, 0, 1]]]


@pytest.mark.parametrize("chunks", [{"x": 64, "y": 64}, None])
def test_a_scene_that_fails_is_left_out_whole(tmp_path: Path, chunks: Any) -> None:
    values = np.random.default_rng(0).integers(1, 4000, (256, 256)).astype("uint16")
    files = [write_tif(tmp_path / f"{n}.tif", values + n, nodata=0, tiled=True, blockxsize=64, blockysize=64)
             for n in range(2)]  # fmt: skip
    items = [plain_item(f"s{n}", {"b": path}, hours=n) for n, path in enumerate(files)]
    files[0].write_bytes(files[0].read_bytes()[:-9000])
    cube, report = load(items, native=True, groupby="solar_day", chunks=chunks, report=True)
    assert np.array_equal(cube.b.values[0], values + 1), "nothing is left of the damaged one"
    assert [entry.status for entry in report.outcomes] == ["failed", "read"]
    with pytest.raises(LoadError, match=r"s0 b: .*0\.tif"):
        load(items, native=True, groupby="solar_day", chunks=chunks).b.compute()


def test_sizes_that_cannot_be_meant(tmp_path: Path) -> None:
    item = plain_item("a", {"b": write_tif(tmp_path / "a.tif", np.ones((200, 200), "uint8"))})
    with pytest.raises(UsageError, match=r"resolution=30.*degrees"):
        load([item], crs="EPSG:4326", resolution=30)
    with pytest.raises(UsageError, match=r"memory.*allow_large=True"):
        load([item], crs="EPSG:32754", resolution=0.01)
    with pytest.raises(UsageError, match="one pixel of the whole cube"):
        load([item], crs="EPSG:32754", resolution=30000)
    for crs, size in (("EPSG:32754", 30000), ("EPSG:4326", 30)):
        assert load([item], crs=crs, resolution=size, allow_large=True).b.size == 1


@pytest.mark.parametrize(
    ("code", "corner", "size"),
    [(32601, (300000, 5000000), 400), (32760, (820000, 8100000), 400), (32733, (500000, 6500000), 400),
     (3413, (-300000, 300000), 10000), (3031, (-100000, -1200000), 9000), (3031, (-250000, 250000), 8000),
     (3857, (-20037508, 1000000), 500), (6933, (17300000, 1000000), 500), (4326, (178.5, -17), 0.025),
     (3035, (4300000, 3200000), 500)],
)  # fmt: skip
@pytest.mark.parametrize("target", [None, 3857, 6933, 4326])
def test_the_whole_earth(
    tmp_path: Path, code: int, corner: tuple[float, float], size: float, target: int | None
) -> None:
    """Eager, lazy, and each pixel by itself through PROJ."""
    values = np.arange(1, 3601, dtype="uint16").reshape(60, 60)
    transform = Affine(size, 0, corner[0], 0, -size, corner[1])
    path = write_tif(tmp_path / "a.tif", values, transform=transform, crs=f"EPSG:{code}", nodata=0)
    item = plain_item("a", {"b": path})
    # The box of the item is what careless writers make of it near 180 degrees and the poles.
    if target is None:
        lon, lat = Transformer.from_crs(code, 4326, always_xy=True).transform(*(transform * (30, 30)))
        zone = (32600 if lat >= 0 else 32700) + min(60, int((lon + 180) // 6) + 1)
        target = 3413 if lat > 80 else 3031 if lat < -75 else zone
    x, y = Transformer.from_crs(code, target, always_xy=True).transform(*(transform * (30, 30)))
    step = 0.9 * size * (1 if (target == 4326) == (code == 4326) else 1 / 111320 if target == 4326 else 111320)
    box = GeoBox((40, 40), Affine(step, 0, x - 20 * step, 0, -step, y + 20 * step), f"EPSG:{target}")
    eager = load([item], geobox=box).b.values[0]
    assert np.array_equal(eager, load([item], geobox=box, chunks={"x": 13, "y": 11}).b.values[0])
    cols, rows = np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5)
    there = Transformer.from_crs(target, code, always_xy=True).transform(
        *(box.transform * (cols.ravel(), rows.ravel()))
    )
    with np.errstate(invalid="ignore"):
        col, row = ~transform * np.where(np.isfinite(there), there, -1e12)
    inside = (col >= 0) & (col < 60) & (row >= 0) & (row < 60)
    exact = np.where(inside, values[np.clip(row, 0, 59).astype(int), np.clip(col, 0, 59).astype(int)], 0)
    # A place this close to the edge of a pixel may fall to either side.
    clear = (np.abs(col - np.round(col)) > 0.02) & (np.abs(row - np.round(row)) > 0.02)
    assert np.array_equal(eager.ravel()[clear], exact[clear]) and inside.sum() > 20


def test_boxes_across_180_degrees_in_degrees(tmp_path: Path) -> None:
    items = [plain_item(name, {"b": write_tif(tmp_path / f"{name}.tif", np.full((50, 50), value, "uint8"), nodata=0,
             transform=Affine(0.02, 0, west, 0, -0.02, -17), crs="EPSG:4326")})
             for name, west, value in (("e", 179, 1), ("w", -180, 2))]  # fmt: skip
    box = (179.5, -17.6, -179.5, -17.2)
    for extra in ({"native": True}, {"crs": "EPSG:4326", "resolution": 0.02}, {}):
        for chunks in (None, {"longitude": 11}):
            band = load(items, bbox=box, chunks=chunks, groupby="solar_day", **extra).b
            assert band.shape == (1, 20, 50) and (np.diff(band.longitude) > 0).all()
            assert (band.values[0, :, :25] == 1).all() and (band.values[0, :, 25:] == 2).all()
    whole = load(items, native=True, groupby="solar_day").b
    assert whole.sizes["longitude"] == 100, "without a box, too, the cube does not go around the Earth"


def test_a_box_around_a_pole(tmp_path: Path) -> None:
    polar = plain_item("p", {"b": write_tif(tmp_path / "p.tif", np.ones((50, 50), "uint8"), nodata=0, crs="EPSG:3413",
                       transform=Affine(10000, 0, -250000, 0, -10000, 250000))})  # fmt: skip
    utm = plain_item("u", {"b": write_tif(tmp_path / "u.tif", np.ones((50, 50), "uint8"))})
    box = (-180, 88, 180, 90)
    for extra in EXTRAS:
        cube = load([polar], bbox=box, **extra)
        assert min(cube.b.shape[1:]) > 40 and (cube.b.values == 1).all()
    degrees = load([polar], bbox=box, crs="EPSG:4326", resolution=0.5)
    assert degrees.b.shape[1:] == (4, 720) and (degrees.b == 1).all()
    for native in (True, False):
        with pytest.raises(UsageError, match="crs='EPSG:3413'"):
            load([utm], bbox=box, native=native)


def test_scenes_of_one_pass_across_180_degrees_are_one_slice(tmp_path: Path) -> None:
    """Local times of the two sides are a day apart; odc-stac counts them at the middle of the cube, and so do we."""
    items = [plain_item(name, {"b": write_tif(tmp_path / f"{name}.tif", np.full((30, 30), 5, "uint8"), nodata=0,
             transform=Affine(0.02, 0, west, 0, -0.02, -17), crs="EPSG:4326")}, hours=hours)
             for name, west, hours in (("e", 179.3, 8.9), ("w", -179.9, 8.95))]  # fmt: skip
    box = GeoBox((60, 60), Affine(2000, 0, 680000, 0, -2000, 8130000), "EPSG:32760")
    for extra in EXTRAS:
        assert load(items, geobox=box, groupby="solar_day", **extra).sizes["time"] == 1


@pytest.mark.parametrize("longitude", [-179.9, -100.0, -14.9, 0.0, 14.9, 60.0, 179.9])
def test_solar_days_are_those_of_odc_stac(tmp_path: Path, longitude: float) -> None:
    from odc.stac import parse_item

    from stacaster.cube.grouping import moment_of, solar_day

    path = write_tif(tmp_path / "a.tif", np.ones((2, 2), "uint8"))
    for hours in range(0, 48, 3):
        item = plain_item("a", {"b": path}, hours=hours)
        assert solar_day(moment_of(item), longitude) == parse_item(item).solar_date_at(longitude).date()
