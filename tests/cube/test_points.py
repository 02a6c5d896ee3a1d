"""Values at points against values worked out by hand, with every block read once."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.catalog import Catalog
from stacaster.cube import points as sampling
from stacaster.cube.point_files import write_points
from stacaster.errors import LoadError, NothingFoundError, UsageError
from tests.cube.made_scenes import START, full, made_scene

CODE = "EPSG:32754"


def at(columns: Any, rows: Any, code: str = CODE, left: float = 300000, top: float = 6500000) -> gpd.GeoDataFrame:
    """Points at fractional pixels of a scene; 0.5 is the centre of the first pixel."""
    x, y = left + 30 * np.asarray(columns, float), top - 30 * np.asarray(rows, float)
    lon, lat = pyproj.Transformer.from_crs(code, 4326, always_xy=True).transform(x, y)
    return gpd.GeoDataFrame({"site": range(len(x))}, geometry=gpd.points_from_xy(lon, lat), crs=4326)


def ramp(shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    """Stored numbers that are linear in place, so that bilinear values are exact: 1 + 2 column + 3 row."""
    rows, columns = np.indices(shape)
    return 1 + 2 * columns + 3 * rows


def test_nearest_and_bilinear_by_hand(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B13": ramp()})
    columns, rows = np.array([0.5, 10.2, 10.7, 33.3, 49.4]), np.array([0.5, 5.1, 5.9, 20.5, 39.2])
    found = stacaster.sample([item], at(columns, rows))
    assert found.B13.tolist() == (1 + 2 * np.floor(columns) + 3 * np.floor(rows)).tolist()
    smooth = stacaster.sample([item], at(columns, rows), method="bilinear")
    # Beyond the outermost centres the outermost pixels go on.
    inner_columns, inner_rows = np.clip(columns - 0.5, 0, 49), np.clip(rows - 0.5, 0, 39)
    assert smooth.B13.to_numpy() == pytest.approx(1 + 2 * inner_columns + 3 * inner_rows, abs=2e-3)
    assert found.item_id.tolist() == ["a"] * 5 and found.site.tolist() == [0, 1, 2, 3, 4]
    assert found.datetime.iloc[0].to_pydatetime() == START


def test_no_data_beside_a_point(tmp_path: Path) -> None:
    values = ramp((8, 8))
    values[3, 3] = 0
    item = made_scene(tmp_path, "a", {"B13": values})
    frame = at([3.5, 3.1, 2.5, 4.5, 3.0], [3.5, 3.1, 3.5, 3.5, 5.5])
    assert np.isnan(stacaster.sample([item], at([3.5, 2.5], [3.5, 3.5])).set_index("point").B13.get(0, np.nan))
    found = stacaster.sample([item], frame, method="bilinear").set_index("point").B13
    # The first two touch the hole; the centres beside it, and a point between two other pixels, do not.
    assert sorted(found.dropna().index) == [2, 3, 4]
    assert found[4] == pytest.approx(1 + 2 * 2.5 + 3 * 5, abs=1e-3)


def test_scenes_zones_and_parts_of_points(tmp_path: Path) -> None:
    """Two scenes over one place and one in another zone: a row for each point and scene that covers it."""
    later = START + dt.timedelta(days=16)
    items = [
        made_scene(tmp_path, "a", {"B13": full(100), "B14": full(200)}),
        made_scene(tmp_path, "b", {"B13": full(300)}, moment=later),
        made_scene(tmp_path, "c", {"B13": full(500)},
                   geobox=GeoBox((16, 16), Affine(30, 0, 700000, 0, -30, 6500000), "EPSG:32753")),
    ]  # fmt: skip
    frame = at([5, 100], [5, 100])
    far = at([4], [4], "EPSG:32753", 700000)
    points = gpd.GeoDataFrame({"site": [0, 1, 2]}, geometry=[*frame.geometry, *far.geometry], crs=4326)
    found = stacaster.sample(items, points.to_crs(3577))
    assert list(zip(found.site, found.item_id, found.B13, strict=True)) == [
        (0, "a", 100.0), (0, "b", 300.0), (2, "c", 500.0)
    ]  # fmt: skip
    assert found.B14.tolist()[0] == 200 and np.isnan(found.B14.to_numpy()[1:]).all()
    assert found.crs == points.crs


def test_the_scene_closest_in_time(tmp_path: Path) -> None:
    items = [
        made_scene(tmp_path, f"s{n}", {"B13": full(100 + n)}, moment=START + dt.timedelta(days=n)) for n in range(5)
    ]
    frame = at([5, 6], [5, 6])
    frame["when"] = [START + dt.timedelta(days=2, hours=6), START - dt.timedelta(days=3)]
    found = stacaster.sample(items, frame, time="when", closest=True)
    assert found.item_id.tolist() == ["s2", "s0"] and found.time_gap.tolist() == [-6 * 3600.0, 3 * 86400.0]
    everything = stacaster.sample(items, frame, time="when")
    assert len(everything) == 10 and everything.time_gap.iloc[4] == 1.75 * 86400


def test_units_at_points(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B13": ramp()}, scale={"B13": 0.005693})
    frame = at([10.5, 20.5], [10.5, 20.5])
    counts = stacaster.sample([item], frame).B13.to_numpy()
    kelvin = stacaster.sample([item], frame, units="brightness_temperature").B13.to_numpy()
    assert kelvin == pytest.approx(1350.069147 / np.log(866.468575 / ((counts - 1) * 0.005693) + 1), abs=1e-3)


def test_each_block_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 points over a file of twelve blocks: as many reads, and the same values as rasterio gives one by one."""
    values = (np.random.default_rng(1).integers(1, 4000, (1500, 2000))).astype("uint16")
    item = made_scene(tmp_path, "a", {"B13": values})
    with rasterio.open(item.assets["B13"].href) as dataset:
        tall, wide = dataset.block_shapes[0]
        blocks = -(-1500 // tall) * -(-2000 // wide)
    chance = np.random.default_rng(2)
    columns, rows = chance.uniform(0, 2000, 100_000), chance.uniform(0, 1500, 100_000)
    reads = []
    whole = sampling._in_block

    def counted(*arguments: Any, **options: Any) -> Any:
        reads.append(1)
        return whole(*arguments, **options)

    monkeypatch.setattr(sampling, "_in_block", counted)
    found = stacaster.sample([item], at(columns, rows))
    assert len(reads) == blocks and len(found) == 100_000
    x, y = 300000 + 30 * columns[:500], 6500000 - 30 * rows[:500]
    with rasterio.open(item.assets["B13"].href) as dataset:
        wanted = [value[0] for value in dataset.sample(zip(x, y, strict=True))]
    differing = np.flatnonzero(found.B13.to_numpy()[:500] != wanted)
    # A point on the edge of a pixel may fall to either side on its way over degrees.
    edge = np.minimum(np.abs(columns - np.round(columns)), np.abs(rows - np.round(rows)))[:500]
    assert (edge[differing] < 1e-6).all()


def test_over_the_antimeridian(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B13": ramp((64, 64))},
                      geobox=GeoBox((64, 64), Affine(30, 0, 832000, 0, -30, 8100000), "EPSG:32760"))  # fmt: skip
    frame = at([1.5, 30.5, 62.5], [5.5, 6.5, 60.5], "EPSG:32760", 832000, 8100000)
    found = stacaster.sample([item], frame)
    assert found.B13.tolist() == [1 + 2 * 1 + 3 * 5, 1 + 2 * 30 + 3 * 6, 1 + 2 * 62 + 3 * 60]


def test_points_of_a_catalog_to_files(catalog: Catalog, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"name": ["a", "b"]}, geometry=gpd.points_from_xy([138.52, 138.53], [-31.0, -31.0]), crs=4326
    )
    found = catalog.sample(frame, bands=["B01", "nir"], datetime="2003-08-30")
    assert list(found.columns[:2]) == ["name", "geometry"] and {"B01", "nir"} <= set(found.columns) and len(found) == 2
    for name in ("v.parquet", "v.gpkg", "v.csv"):
        write_points(found, tmp_path / name)
    assert gpd.read_parquet(tmp_path / "v.parquet").B01.tolist() == found.B01.tolist()
    assert gpd.read_file(tmp_path / "v.gpkg").nir.tolist() == found.nir.tolist()
    text = (tmp_path / "v.csv").read_text().splitlines()
    assert text[0].endswith("longitude,latitude") and len(text) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.csv", "v.gpkg", "v.parquet"]


def test_what_cannot_be_sampled(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B13": full(5)})
    inside = at([5], [5])
    for arguments, words in (
        ({"method": "cubic"}, "method is 'cubic'; nearest are"),
        ({"closest": True}, "needs time="),
        ({"time": "wen"}, "no column 'wen'; nearest are"),
        ({"bands": ["B31"]}, "'B31' is in none .* nearest are B13"),
        ({"units": "kelvins"}, "'kelvins'; nearest are"),
        ({"esum": "smith"}, "no option 'esum'; nearest are esun"),
    ):
        with pytest.raises(UsageError, match=words):
            stacaster.sample([item], inside, **arguments)
    with pytest.raises(UsageError, match="Polygon"):
        stacaster.sample([item], inside.to_crs(32754).set_geometry(inside.to_crs(32754).buffer(1)))
    with pytest.raises(UsageError, match="there is no such file"):
        stacaster.sample([item], tmp_path / "none.gpkg")
    with pytest.raises(NothingFoundError, match="none of the points"):
        stacaster.sample([item], at([500], [500]))
    Path(item.assets["B13"].href).unlink()
    with pytest.raises(LoadError, match="a B13"):
        stacaster.sample([item], inside)


def test_pixels_around_points(tmp_path: Path) -> None:
    """Statistics of the pixels whose centres lie within a radius, found pixel by pixel."""
    values = ramp()
    values[10, 12] = 0
    item = made_scene(tmp_path, "a", {"B13": values})
    columns, rows = np.array([12.3, 0.2, 30.0, 500.0]), np.array([10.6, 39.9, 20.0, 5.0])
    words = ["count", "mean", "median", "min", "max", "std"]
    found = stacaster.sample([item], at(columns, rows), radius=100, statistics=words)
    assert found.point.tolist() == [0, 1, 2], "the last one lies outside"
    down, across = np.indices(values.shape) + 0.5
    for number in range(3):
        near = 30 * np.hypot(down - rows[number], across - columns[number]) <= 100
        inside = values[near & (values != 0)].astype(float)
        row = found.iloc[number]
        expected = [inside.size, inside.mean(), np.median(inside), inside.min(), inside.max(), inside.std()]
        assert [row[f"B13_{word}"] for word in words] == pytest.approx(expected)
    radiance = stacaster.sample([item], at(columns[:1], rows[:1]), radius=100, units="radiance", statistics=["mean"])
    single = stacaster.sample([item], at(across.ravel(), down.ravel()), units="radiance")
    near = (30 * np.hypot(down - rows[0], across - columns[0]) <= 100).ravel()
    assert radiance.B13_mean[0] == pytest.approx(
        single.set_index("site").reindex(np.flatnonzero(near)).B13.mean(), rel=1e-5
    )
    tiny = stacaster.sample([item], at([12.5], [10.5]), radius=400, statistics=["count"])
    assert tiny.B13_count[0] > 500
    for wrong, text in (({"radius": 0}, "above 0"), ({"statistics": ["mean"]}, "need radius"),
                        ({"radius": 5, "statistics": ["mode"]}, "no statistic")):  # fmt: skip
        with pytest.raises(UsageError, match=text):
            stacaster.sample([item], at([1], [1]), **wrong)


def test_pixels_around_points_of_other_rasters(tmp_path: Path) -> None:
    """All values negative, NaN as no data, circles that reach over the edge: what trips other samplers."""
    values = -1.0 - np.arange(400, dtype="float32").reshape(20, 20)
    values[3, 4] = np.nan
    path = tmp_path / "x.tif"
    with rasterio.open(path, "w", driver="GTiff", height=20, width=20, count=1, dtype="float32", crs=CODE,
                       nodata=np.nan, transform=Affine(30, 0, 300000, 0, -30, 6500000)) as target:  # fmt: skip
        target.write(values, 1)
    item = made_scene(tmp_path, "a", {"B13": full(5)})
    item.assets["B13"].href = str(path)
    item.assets["B13"].extra_fields["nodata"] = "nan"
    columns, rows = np.array([4.5, 0.1, 19.9]), np.array([3.5, 0.1, 12.0])
    words = ["count", "min", "max", "mad"]
    found = stacaster.sample([item], at(columns, rows), radius=75, statistics=words)
    down, across = np.indices(values.shape) + 0.5
    for number in range(3):
        inside = values[30 * np.hypot(down - rows[number], across - columns[number]) <= 75]
        inside = inside[~np.isnan(inside)].astype(float)
        expected = [inside.size, inside.min(), inside.max(), np.median(np.abs(inside - np.median(inside)))]
        assert [found.iloc[number][f"B13_{word}"] for word in words] == pytest.approx(expected)
    assert found.B13_max.max() < 0 and found.B13_count[0] == 20, "the pixel without a value does not count"


@pytest.mark.parametrize("chunks", [None, {"x": 16, "y": 16}])
def test_values_of_a_cube(tmp_path: Path, chunks: dict[str, int] | None) -> None:
    """The same values, times and scenes as of the items that the cube was made of."""
    later = START + dt.timedelta(days=3)
    values = ramp()
    values[10, 12] = 0
    items = [made_scene(tmp_path, "a", {"B13": values}), made_scene(tmp_path, "b", {"B13": ramp() * 2}, moment=later)]
    cube = stacaster.load(items, bands=["B13"], native=True, source=True, groupby="time", chunks=chunks)
    where = at([12.3, 12.5, 30.9, 500], [10.6, 10.5, 20.2, 5]).assign(seen=pd.Timestamp(later))
    for options in ({}, {"method": "bilinear"}, {"radius": 80, "statistics": ["count", "median", "max"]}):
        given: dict[str, Any] = {"time": "seen", **options}
        of_items = stacaster.sample(items, where, **given)
        of_cube = stacaster.sample(cube, where, bands=["B13"], **given)
        names = [name for name in of_items.columns if name.startswith("B13")]
        of_items = of_items[of_items[names].notna().any(axis=1)].reset_index(drop=True)
        assert of_cube[["point", "datetime", "time_gap"]].equals(of_items[["point", "datetime", "time_gap"]])
        assert np.allclose(of_cube[names], of_items[names], equal_nan=True) and len(of_cube) >= 4
        if not options:
            assert of_cube.item_id.tolist() == of_items.item_id.tolist()
        near = stacaster.sample(cube, where, closest=True, **given)
        assert near.point.is_unique and set(near.time_gap) == {0.0}
    flat = cube.isel(time=0, drop=True)
    assert stacaster.sample(flat, where, bands="B13").B13.tolist() == [121.0]
    with pytest.raises(NothingFoundError, match="on the cube"):
        stacaster.sample(cube, at([500], [500]))
    with pytest.raises(UsageError, match="no band 'B14'"):
        stacaster.sample(cube, where, bands=["B14"])
    with pytest.raises(UsageError, match="units already"):
        stacaster.sample(cube, where, units="radiance")
    with pytest.raises(LoadError, match="no grid"):
        stacaster.sample(cube.drop_vars(["spatial_ref", "x", "y"]), where)


@pytest.mark.parametrize("names", [("latitude", "longitude"), ("y", "x"), ("lat", "lon")])
def test_cubes_in_degrees_by_any_names_of_dimensions(names: tuple[str, str]) -> None:
    """The dimensions of a cube in EPSG:4326 may be called as those of a map."""
    rows, columns = names
    values = np.arange(1500, dtype="f4").reshape(50, 30)
    coordinates = {rows: -31.105 - 0.01 * np.arange(50), columns: 138.405 + 0.01 * np.arange(30)}
    cube = xr.DataArray(values, dims=names, coords=coordinates).odc.assign_crs(4326)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy([138.4975, 138.402], [-31.2975, -31.102]), crs=4326)
    assert stacaster.sample(cube.to_dataset(name="v"), points)["v"].tolist() == [values[19, 9], values[0, 0]]
    bilinear = stacaster.sample(cube.to_dataset(name="v"), points.iloc[:1], method="bilinear")["v"]
    assert bilinear.tolist() == pytest.approx([19.25 * 30 + 9.25], abs=1e-3)
