"""DEMs of Copernicus GLO-30: seams, spacings, ocean, antimeridian, geoid, and what goes wrong."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import Affine

import stacaster
from stacaster.access.fetch import TransferRules
from stacaster.errors import ExportError, IntegrityError, NothingFoundError, SearchError, StacasterError, UsageError
from stacaster.network.http import RetryPolicy
from stacaster.sar.elevation.geoid import find_geoid
from stacaster.sar.elevation.tiles import Tile, tiles_of
from tests.certain import certain
from tests.earthdata_twin.elevation import height, tile_bytes
from tests.earthdata_twin.radar import DEM_BUCKET, BucketAt
from tests.earthdata_twin.server import Answer, Twin
from tests.stac_schemas import check

QUICK: dict[str, Any] = {"policy": RetryPolicy(attempts=2, budget_s=20),
                         "rules": TransferRules(attempts=2, connect_s=5, read_s=2, budget_s=20)}  # fmt: skip
LAND = (Tile(-31, 138), Tile(-32, 138), Tile(49, 10), Tile(50, 10), Tile(-17, 179), Tile(-17, -180))


@pytest.fixture(scope="module")
def contents() -> dict[Tile, bytes]:
    return {tile: tile_bytes(tile) for tile in LAND}


@pytest.fixture(scope="module")
def store(moto: str) -> Iterator[str]:
    yield moto


@pytest.fixture
def bucket(twin: Twin, store: str, contents: dict[Tile, bytes], request: pytest.FixtureRequest) -> BucketAt:
    made = BucketAt(twin, DEM_BUCKET, store, "d" + "".join(c for c in request.node.name.lower() if c.isalnum())[-50:])
    for tile, content in contents.items():
        made.put(tile.key, content)
    others = [Tile(row, column).name for row in range(60, 66) for column in range(-100, 100)]
    made.put("tileList.txt", "\n".join([*(tile.name for tile in LAND), *others]).encode())
    return made


def test_names_and_columns() -> None:
    assert Tile(37, -113).key == (
        "Copernicus_DSM_COG_10_N37_00_W113_00_DEM/Copernicus_DSM_COG_10_N37_00_W113_00_DEM.tif"
    )
    assert Tile(-1, 0).name == "Copernicus_DSM_COG_10_S01_00_E000_00_DEM"
    assert Tile(0, 180).name == Tile(0, -180).name == "Copernicus_DSM_COG_10_N00_00_W180_00_DEM"
    rows = {49: 3600, 50: 2400, -50: 3600, -51: 2400, 60: 1800, 70: 1200, 80: 720, 85: 360, 89: 360, -86: 360, -90: 360}
    assert {row: Tile(row, 0).columns for row in rows} == rows
    assert tiles_of(10.2, 49.5, 10.3, 50.5) == [Tile(50, 10), Tile(49, 10)]
    assert tiles_of(10.0, 49.5, 10.5, 50.0) == [Tile(49, 10)], "the row of a northern edge belongs to the tile below"
    assert tiles_of(179.5, -0.5, 180.5, 0.5) == [Tile(0, 179), Tile(0, 180), Tile(-1, 179), Tile(-1, 180)]


def test_heights_stay_where_and_what_they_are(
    bucket: BucketAt, twin: Twin, contents: dict[Tile, bytes], tmp_path: Path, shared: Path
) -> None:
    """Across a seam of two tiles: each pixel bit by bit that of the tile at the same place."""
    root = tmp_path / "c"
    area = (138.5, -31.02, 138.53, -30.99)
    dem = stacaster.sar.make_dem(area, tmp_path / "dem", heights="geoid", margin=0.01, catalog=root, **QUICK)
    assert dem.tiles == (Tile(-31, 138).name, Tile(-32, 138).name) and dem.ocean == ()
    with rasterio.open(dem.path) as file:
        pixels = file.read(1)
        assert file.crs.to_epsg() == 4326 and file.res == pytest.approx((1 / 3600, 1 / 3600))
        places = [file.xy(row, col) for row in range(0, file.height, 7) for col in range(0, file.width, 7)]
        west, south, east, north = file.bounds
    assert west <= 138.49 and east >= 138.54 and south <= -31.03 and north >= -30.98
    assert 138.49 - west < 2 / 3600 and north + 30.98 < 2 / 3600
    seen = []
    for tile in (Tile(-31, 138), Tile(-32, 138)):
        with MemoryFile(contents[tile]) as memory, memory.open() as source:
            bounds = source.bounds
            mine = [(x, y) for x, y in places if bounds.bottom < y < bounds.top]
            seen += [((x, y), value[0]) for (x, y), value in zip(mine, source.sample(mine), strict=True)]
    assert len(seen) == len(places)
    with rasterio.open(dem.path) as file:
        ours = [value[0] for value in file.sample([place for place, _ in seen])]
    assert ours == [value for _, value in seen]
    (item,) = stacaster.open_catalog(root).search().items()
    assert item.id == dem.item_id and item.collection_id == "copernicus-dem-glo-30"
    assert item.properties["stacaster:heights"] == "geoid" and "EPSG:3855" in item.properties["stacaster:notes"][0]
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert stacaster.catalog.check_catalog(root, deep=True) == []
    cube = stacaster.open_catalog(root).load(bands=["elevation"], native=True)
    assert np.array_equal(cube.elevation.values[0], pixels)
    before = len(twin.log)
    again = stacaster.sar.make_dem(area, tmp_path / "again", heights="geoid", margin=0.01, **QUICK)
    assert again.path.read_bytes() == dem.path.read_bytes()
    assert not any(request.path.endswith(".tif") for request in twin.log[before:]), "tiles are used again"


def test_ocean_is_zero_and_said(bucket: BucketAt, tmp_path: Path) -> None:
    dem = stacaster.sar.make_dem(
        (138.99, -30.52, 139.01, -30.5),
        tmp_path / "x.tif",
        heights="geoid",
        margin=0.0,
        catalog=tmp_path / "c",
        **QUICK,
    )
    assert dem.ocean == (Tile(-31, 139).name,)
    with rasterio.open(dem.path) as file:
        pixels, middle = file.read(1), [file.xy(0, col)[0] for col in range(file.width)]
    land = np.array(middle) < 139 - 1e-9
    assert (pixels[:, ~land] == 0).all() and (~land).sum() == 37 and (pixels[:, land] > 1000).all()
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert item.properties["stacaster:ocean_tiles"] == list(dem.ocean)
    assert any("ocean" in note and dem.ocean[0] in note for note in item.properties["stacaster:notes"])
    with pytest.raises(NothingFoundError, match="in the ocean"):
        stacaster.sar.make_dem((-150.5, -40.5, -150.4, -40.4), tmp_path / "y.tif", heights="geoid", **QUICK)


def test_two_spacings_are_joined_on_the_finer(bucket: BucketAt, tmp_path: Path) -> None:
    """At 50 degrees a degree has 3600 columns below and 2400 above: two of three fall between two heights."""
    dem = stacaster.sar.make_dem((10.5, 49.99, 10.52, 50.01), tmp_path / "x.tif", heights="geoid", margin=0.0, **QUICK)
    with rasterio.open(dem.path) as file:
        pixels = file.read(1)
        assert file.res[0] == pytest.approx(1 / 3600)
        lon = np.array([file.xy(0, col)[0] for col in range(file.width)])
        lat = np.array([file.xy(row, 0)[1] for row in range(file.height)])
    assert np.abs(pixels - height(lon[None, :], lat[:, None])).max() < 2e-3
    low = lat <= 50 + 1e-9
    assert np.array_equal(pixels[low], height(lon[None, :], lat[low, None]).astype("float32")), (
        "the finer stay as they are"
    )


def test_across_the_antimeridian(bucket: BucketAt, tmp_path: Path, shared: Path) -> None:
    area = {"type": "MultiPolygon", "coordinates": [
        [[[179.98, -16.5], [180, -16.5], [180, -16.48], [179.98, -16.48], [179.98, -16.5]]],
        [[[-180, -16.5], [-179.98, -16.5], [-179.98, -16.48], [-180, -16.48], [-180, -16.5]]]]}  # fmt: skip
    dem = stacaster.sar.make_dem(area, tmp_path / "dem", heights="geoid", margin=0.0, catalog=tmp_path / "c", **QUICK)
    with rasterio.open(dem.path) as file:
        assert 179.9 < file.bounds.left < 180 < file.bounds.right < 180.1
        pixels = file.read(1)
        lon = np.array([file.xy(0, col)[0] for col in range(file.width)])
        lat = np.array([file.xy(row, 0)[1] for row in range(file.height)])
    assert np.abs(pixels - height(lon[None, :], lat[:, None])).max() < 2e-3
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert (
        certain(item.geometry)["type"] == "MultiPolygon"
        and certain(item.bbox)[0] > 179.9
        and certain(item.bbox)[2] < -179.9
    )
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []


def geoid_file(path: Path, *, factor: float = 1.0) -> Path:
    """Write a geoid with nodes every 2.5 minutes, as a GeoTIFF that PROJ reads."""
    lon, lat = np.arange(137, 140.001, 1 / 24), np.arange(-29, -33.001, -1 / 24)
    values = (factor * (8 + 3 * np.sin(3 * lon)[None, :] * np.cos(4 * lat)[:, None])).astype("float32")
    step = 1 / 24
    fields = {
        "driver": "GTiff", "width": lon.size, "height": lat.size, "count": 1, "dtype": "float32", "crs": "EPSG:4326",
        "transform": Affine(step, 0, lon[0] - step / 2, 0, -step, lat[0] + step / 2),
    }  # fmt: skip
    with rasterio.open(path, "w", **fields) as file:
        file.write(values, 1)
        file.update_tags(AREA_OR_POINT="Point", TYPE="VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL")
        file.set_band_description(1, "geoid_undulation")
    return path


def test_heights_above_the_ellipsoid(
    bucket: BucketAt, twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against PROJ itself, at single points."""
    area = (138.5, -31.02, 138.53, -30.99)
    with pytest.raises(UsageError, match=r"needs? the geoid EGM2008, which PROJ does not have here.*projsync"):
        stacaster.sar.make_dem(area, tmp_path / "a.tif", heights="ellipsoid", **QUICK)
    assert not twin.log, "without the geoid nothing is downloaded"
    grid = geoid_file(tmp_path / "geoid.tif")
    plain = stacaster.sar.make_dem(area, tmp_path / "plain.tif", heights="geoid", **QUICK)
    dem = stacaster.sar.make_dem(
        area, tmp_path / "b.tif", heights="ellipsoid", geoid=grid, catalog=tmp_path / "c", **QUICK
    )
    shift = pyproj.Transformer.from_pipeline(
        f"+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=vgridshift +grids={grid} "
        "+multiplier=1 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    with rasterio.open(dem.path) as file, rasterio.open(plain.path) as low:
        above, geoidal = file.read(1).astype(float), low.read(1).astype(float)
        for row, col in [(0, 0), (50, 77), (300, 120), (file.height - 1, file.width - 1)]:
            x, y = file.xy(row, col)
            meant = geoidal[row, col] + shift.transform(x, y, 0.0)[2]
            assert above[row, col] == pytest.approx(meant, abs=1e-3)
    assert np.abs(above - geoidal).min() > 4
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert item.properties["stacaster:heights"] == "ellipsoid"
    assert (
        "WGS 84 ellipsoid" in item.properties["stacaster:notes"][0]
        and "geoid.tif" in item.properties["stacaster:notes"][0]
    )
    folder = tmp_path / "proj"
    folder.mkdir()
    geoid_file(folder / "us_nga_egm08_25.tif")
    monkeypatch.setattr(pyproj.datadir, "get_user_data_dir", lambda *_: str(folder))
    assert find_geoid().path == folder / "us_nga_egm08_25.tif"


def test_a_geoid_that_changes_nothing_is_refused(bucket: BucketAt, tmp_path: Path) -> None:
    area = (138.5, -31.02, 138.53, -30.99)
    for name, factor, words in (("zero", 0.0, "which is none"), ("wild", 100.0, "which is none")):
        grid = geoid_file(tmp_path / f"{name}.tif", factor=factor)
        with pytest.raises(ExportError, match=words):
            stacaster.sar.make_dem(area, tmp_path / "a.tif", heights="ellipsoid", geoid=grid, **QUICK)
    with pytest.raises(ExportError, match=r"gives no height for part of the DEM|cannot be used"):
        stacaster.sar.make_dem((10.5, 49.98, 10.51, 49.99), tmp_path / "a.tif", heights="ellipsoid",
                           geoid=geoid_file(tmp_path / "far.tif"), **QUICK)  # fmt: skip
    (tmp_path / "no.tif").write_bytes(b"no grid")
    with pytest.raises(StacasterError, match="cannot be used"):
        stacaster.sar.make_dem(area, tmp_path / "a.tif", heights="ellipsoid", geoid=tmp_path / "no.tif", **QUICK)
    with pytest.raises(UsageError, match="which is no file"):
        find_geoid(tmp_path / "nowhere.tif")
    for tags, words in (({"target_crs_epsg_code": "5773"}, "the grid of EPSG:5773, but heights are above EGM2008"),
                        ({"TYPE": "HORIZONTAL_OFFSET"}, "a grid of HORIZONTAL_OFFSET")):  # fmt: skip
        other = geoid_file(tmp_path / f"{min(tags)}.tif")
        with rasterio.open(other, "r+") as file:
            file.update_tags(**tags)
        with pytest.raises(UsageError, match=words):
            stacaster.sar.make_dem(area, tmp_path / "a.tif", heights="ellipsoid", geoid=other, **QUICK)
    assert not (tmp_path / "a.tif").exists()


def test_what_goes_wrong_is_no_ocean(bucket: BucketAt, contents: dict[Tile, bytes], tmp_path: Path) -> None:
    area, target = (138.5, -30.51, 138.51, -30.5), tmp_path / "x.tif"

    def fails(kind: type[Exception], words: str) -> None:
        with pytest.raises(kind, match=words):
            stacaster.sar.make_dem(area, target, heights="geoid", margin=0.0, **QUICK)
        assert not target.exists()

    for status in (403, 404, 500, 503):
        bucket.faults = [Answer(status)] * 2
        fails(SearchError, "the bucket|answered|tileList") if status != 404 else None
    bucket.faults = [Answer(200, body=b"<html>login</html>")]
    fails(SearchError, "something else")
    bucket.faults = [lambda _, answer: replace(answer, body=answer.body[:500])]
    fails(SearchError, "it is cut")
    bucket.faults = [lambda _, answer: answer, lambda _, answer: answer, *[Answer(403)] * 2]
    fails(StacasterError, "answered 403")
    bucket.put("tileList.txt", (bucket.list_text() + "\n" + Tile(-31, 137).name).encode())
    area = (137.5, -30.51, 137.51, -30.5)
    fails(SearchError, "lacks it")
    area = (138.5, -30.51, 138.51, -30.5)
    for wrong, words in (
        (contents[Tile(49, 10)], "are needed"),
        (contents[Tile(-31, 138)][:200_000], "cannot be read|bytes"),
    ):
        bucket.put(Tile(-31, 138).key, wrong)

        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        fails(IntegrityError, words)
    with pytest.raises(UsageError, match="degrees wide"):
        stacaster.sar.make_dem((0, 0, 40, 1), target, heights="geoid")
    with pytest.raises(UsageError, match="geoid or ellipsoid"):
        stacaster.sar.make_dem(area, target, heights="sea")
    default = inspect.signature(stacaster.sar.make_dem).parameters["heights"].default
    assert default == stacaster.sar.StackConfig.build(None).heights == "ellipsoid", "one default"


def test_without_the_list_the_bucket_is_asked(bucket: BucketAt, tmp_path: Path) -> None:
    bucket.faults = [Answer(404)]
    dem = stacaster.sar.make_dem(
        (138.99, -30.51, 139.01, -30.5), tmp_path / "x.tif", heights="geoid", margin=0.0, **QUICK
    )
    assert dem.ocean == (Tile(-31, 139).name,) and dem.tiles == (Tile(-31, 138).name,)
