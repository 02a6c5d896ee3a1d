"""Means of areas: hand-made shares of pixels, pandas for periods, numpy for trends, lazy as eager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import odc.geo.xr
import pandas as pd
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox
from shapely.geometry import MultiPolygon, Polygon, box, mapping

import stacaster
from stacaster.analysis.timeseries import anomalies, linear_trend, read_zones, resample_series, time_series
from stacaster.analysis.timeseries import series as series_module
from stacaster.errors import LoadError, UsageError

NORTH = 6_500_000.0
TIMES = pd.date_range("2001-01-10", periods=30, freq="45D")


def cube_of(values: np.ndarray, *, crs: str = "EPSG:32754", name: str = "B02", **attrs: Any) -> xr.Dataset:
    """Make a cube of shape (time, y, x) on pixels of 10 m, upper-left corner at (300000, NORTH)."""
    from affine import Affine

    geobox = GeoBox(values.shape[1:], Affine(10, 0, 300_000, 0, -10, NORTH), crs)
    coords = odc.geo.xr.xr_coords(geobox)
    return xr.Dataset(
        {name: (("time", "y", "x"), values, {"grid_mapping": "spatial_ref", **attrs})},
        coords={"time": TIMES[: len(values)], **coords},
    )


def rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    """Make a rectangle from columns and rows."""
    return box(300_000 + 10 * left, NORTH - 10 * bottom, 300_000 + 10 * right, NORTH - 10 * top)


def frame_of(**shapes: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": list(shapes)}, geometry=list(shapes.values()), crs="EPSG:32754")


def test_shares_of_pixels_worked_by_hand() -> None:
    values = np.arange(16, dtype="float32").reshape(1, 4, 4)
    values[0, 3, 3] = np.nan
    areas = frame_of(
        whole_pixel=rectangle(1, 1, 2, 2),  # 5
        halves=rectangle(0.5, 0, 1.5, 1),  # half of 0, half of 1
        corner=rectangle(0.75, 0.5, 1.25, 1.5),  # an eighth of 0, 1, 4, 5
        hole_in_the_data=rectangle(2, 3, 4, 4),  # 14, and the missing pixel
        over_the_edge=rectangle(-1, 0, 1, 1),  # 0, and as much beside the cube
        beside=rectangle(9, 9, 10, 10),
        two_parts=MultiPolygon([rectangle(0, 0, 1, 1), rectangle(2, 2, 3.5, 3)]),  # 0, 10, half of 11
    )
    table = time_series(cube_of(values), areas).set_index("area")
    expected = {
        "whole_pixel": (5, 0, 1, 1),
        "halves": (0.5, 0.5, 1, 1),
        "corner": (2.5, np.sqrt((2.5**2 + 1.5**2) / 2), 0.5, 1),
        "hole_in_the_data": (14, 0, 1, 0.5),
        "over_the_edge": (0, 0, 1, 0.5),
        "beside": (np.nan, np.nan, 0, 0),
        "two_parts": (6.2, np.sqrt((6.2**2 + 3.8**2 + 4.8**2 / 2) / 2.5), 2.5, 1),
    }
    assert list(table.index) == list(expected)
    for name, row in expected.items():
        found = table.loc[name, ["mean", "std", "count", "valid_fraction"]].to_numpy(float)
        assert found == pytest.approx(row, abs=1e-6, nan_ok=True), name


def test_a_triangle_and_a_hole() -> None:
    values = np.ones((1, 4, 4), "float32")
    values[0, 1, 1] = 5
    triangle = Polygon([(300_000, NORTH), (300_020, NORTH), (300_000, NORTH - 20)])
    ring = rectangle(0, 0, 3, 3).difference(rectangle(1, 1, 2, 2))
    table = time_series(cube_of(values), frame_of(triangle=triangle, ring=ring)).set_index("area")
    # The triangle touches the bright pixel in one point only; the ring goes around it.
    assert table.loc["triangle", "count"] == pytest.approx(2)
    assert table.loc["ring", "count"] == pytest.approx(8)
    assert table["mean"].tolist() == pytest.approx([1, 1])


def test_areas_in_degrees_are_laid_on_the_grid() -> None:
    values = np.random.default_rng(0).random((2, 40, 40)).astype("float32")
    cube = cube_of(values)
    square = rectangle(10, 10, 30, 30)
    degrees = gpd.GeoDataFrame(geometry=[square], crs="EPSG:32754").to_crs(4326)
    exact = time_series(cube, gpd.GeoDataFrame(geometry=[square], crs="EPSG:32754"))
    for areas in (degrees, degrees.geometry, mapping(degrees.geometry[0]), degrees.__geo_interface__):
        found = time_series(cube, areas)
        assert found["area"].unique().tolist() == ["1"]
        assert found["mean"].tolist() == pytest.approx(exact["mean"].tolist(), abs=1e-4)
        assert found["count"].tolist() == pytest.approx([400, 400], abs=0.02)


def test_a_rotated_grid() -> None:
    from affine import Affine

    transform = Affine.translation(300_000, NORTH) * Affine.rotation(30) * Affine.scale(10, -10)
    geobox = GeoBox((20, 20), transform, "EPSG:32754")
    corners = [transform * point for point in ((3, 4), (8.5, 4), (8.5, 9), (3, 9))]
    zones = read_zones(gpd.GeoDataFrame(geometry=[Polygon(corners)], crs="EPSG:32754"), geobox)
    rows, cols = np.divmod(zones.cell, 20)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (4, 8, 3, 8)
    assert zones.share.sum() == pytest.approx(27.5)
    assert zones.share[cols == 8] == pytest.approx(0.5)


def test_the_whole_cube_agrees_with_numpy() -> None:
    values = np.random.default_rng(0).normal(300, 0.01, (5, 30, 20)).astype("float32")
    values[1, :, 5:9] = np.nan
    values[2] = np.nan
    table = time_series(cube_of(values))
    assert table["count"].tolist() == [600, 480, 0, 600, 600]
    wide = values.astype(float).reshape(5, -1)
    valid = [0, 1, 3, 4]
    assert table["mean"].to_numpy()[valid] == pytest.approx([np.nanmean(wide[i]) for i in valid], rel=1e-12)
    assert table["std"].to_numpy()[valid] == pytest.approx([np.nanstd(wide[i]) for i in valid], rel=1e-6)
    assert np.isnan(table["mean"][2])
    assert table["valid_fraction"].tolist() == [1, 0.8, 0, 1, 1]
    assert table["area"].unique().tolist() == ["all"]


def test_read_in_pieces_and_lazily_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((7, 33, 21)).astype("float32")
    values[values < 0.1] = np.nan
    cube = cube_of(values)
    areas = frame_of(a=rectangle(1.5, 1.5, 9.2, 30.7), b=rectangle(5, 5, 15, 8), c=rectangle(0, 20, 21, 33))
    expected = time_series(cube, areas)
    pd.testing.assert_frame_equal(time_series(cube.chunk({"time": 2, "y": 10, "x": 4}), areas), expected)
    monkeypatch.setattr(series_module, "_SLAB", 5 * 21)
    monkeypatch.setattr(series_module, "_PIECE", 37)
    steps: list[tuple[int, int]] = []
    found = time_series(cube.chunk({"y": 10}), areas, progress=lambda done, total: steps.append((done, total)))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)
    assert steps[-1] == (49, 49)


def test_stored_numbers_and_dead_swir_do_not_count() -> None:
    values = np.array([[[0, 10]], [[20, 40]]], "uint8")
    assert time_series(cube_of(values, nodata=0))["mean"].tolist() == [10, 30]
    cube = cube_of(np.ones((2, 2, 2), "float32"), name="B04").assign_coords(
        time=pd.to_datetime(["2007-01-01", "2010-01-01"])
    )
    assert time_series(cube)["count"].tolist() == [4, 0]


def test_periods_agree_with_pandas() -> None:
    values = np.random.default_rng(0).random((30, 4, 4)).astype("float32")
    values[3] = np.nan
    table = time_series(cube_of(values), frame_of(a=rectangle(0, 0, 2, 2), b=rectangle(1, 1, 4, 4)))
    for period, rule in (("month", "MS"), ("season", "QS-DEC"), ("year", "YS")):
        found = resample_series(table, period)
        for area in ("a", "b"):
            series = table[table["area"] == area].set_index("time")["mean"]
            expected = series.resample(rule).agg(["mean", "count"])
            there = series.isna().resample(rule).count() > 0
            part = found[found["area"] == area].set_index("time")
            assert part.index.tolist() == expected.index[there].tolist()
            assert part["mean"].to_numpy() == pytest.approx(expected["mean"][there].to_numpy(), nan_ok=True)
            assert part["dates"].tolist() == expected["count"][there].tolist()
            spread = series.resample(rule).std(ddof=0)[there].to_numpy()
            assert part["std"].to_numpy() == pytest.approx(spread, nan_ok=True)


def test_anomalies_are_from_the_same_time_of_other_years() -> None:
    table = pd.DataFrame({
        "area": "all", "band": "B02", "mean": [1.0, 5.0, 3.0, 9.0, np.nan],
        "time": pd.to_datetime(["2001-01-03", "2001-07-01", "2002-01-20", "2002-07-30", "2003-07-01"]),
    })  # fmt: skip
    assert anomalies(table)["normal"].tolist() == [2, 7, 2, 7, 7]
    assert anomalies(table)["anomaly"].tolist()[:4] == [-1, -2, 1, 2]
    assert anomalies(table, "year")["normal"].tolist() == [4.5] * 5
    december = table.assign(time=pd.to_datetime(["2001-12-03", "2002-02-01", "2002-03-01", "2002-05-01", "2002-06-01"]))
    assert anomalies(december, "season")["normal"].tolist()[:4] == [3, 3, 6, 6]
    with pytest.raises(UsageError, match="month, season or year"):
        anomalies(table, "day")


def test_a_trend_and_its_error() -> None:
    years = np.arange(12)
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.3, 12)
    start = np.datetime64("2001-01-01T00:00:00")
    times = start + (years * 31_556_952).astype("timedelta64[s]")
    table = pd.DataFrame(
        {"area": "a", "band": "x", "time": times.astype("datetime64[ns]"), "mean": 2 + 0.5 * years + noise}
    )
    found = linear_trend(table).iloc[0]
    matrix = np.column_stack([years, np.ones(12)])
    (slope, intercept), residual, *_ = np.linalg.lstsq(matrix, table["mean"].to_numpy(), rcond=None)
    covariance = residual[0] / 10 * np.linalg.inv(matrix.T @ matrix)
    assert found["slope"] == pytest.approx(slope)
    assert found["intercept"] == pytest.approx(intercept)
    assert found["slope_error"] == pytest.approx(np.sqrt(covariance[0, 0]))
    assert linear_trend(table.iloc[:2]).iloc[0][["slope", "slope_error"]].tolist() == pytest.approx(
        [0.5 + noise[1] - noise[0], np.nan], nan_ok=True
    )
    assert np.isnan(linear_trend(table.iloc[:1]).iloc[0]["slope"])


def test_tables_are_written_and_read_back(tmp_path: Path) -> None:
    table = time_series(cube_of(np.ones((3, 2, 2), "float32")))
    stacaster.timeseries.write_series(table, tmp_path / "a.csv")
    read = pd.read_csv(tmp_path / "a.csv", parse_dates=["time"])
    assert read["time"].dt.tz_localize(None).tolist() == table["time"].tolist()
    assert read.drop(columns="time").equals(table.drop(columns="time"))
    stacaster.timeseries.write_series(table, tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet").equals(table)
    with pytest.raises(UsageError, match=r"ending in \.csv or \.parquet"):
        stacaster.timeseries.write_series(table, tmp_path / "a.xlsx")


def test_a_plot_shows_every_band(tmp_path: Path) -> None:
    cube = cube_of(np.random.default_rng(0).random((5, 4, 4)).astype("float32"))
    table = time_series(cube.assign(B13=cube["B02"] * 10), frame_of(a=rectangle(0, 0, 2, 2), b=rectangle(1, 1, 4, 4)))
    path = stacaster.timeseries.plot_series(table, tmp_path / "series.png", title="two bands")
    assert path.read_bytes().startswith(b"\x89PNG")
    import rasterio

    with rasterio.open(path) as picture:
        assert picture.height > picture.width / 2
        assert len(np.unique(picture.read().reshape(picture.count, -1), axis=1)[0]) > 10
    with pytest.raises(UsageError, match=r"ending in \.png"):
        stacaster.timeseries.plot_series(table, tmp_path / "series.pdf")


@pytest.mark.parametrize(
    ("areas", "options", "words"),
    [
        ("nowhere.gpkg", {}, "'nowhere.gpkg', which is neither a geometry nor a file; "),
        (gpd.GeoDataFrame(geometry=gpd.points_from_xy([139], [-31]), crs=4326), {}, "but there are Point"),
        (gpd.GeoDataFrame(geometry=[], crs=4326), {}, "but there are none"),
        (frame_of(a=rectangle(0, 0, 1, 1)), {"name_column": "site"}, "no column 'site'; there are name"),
        (pd.concat([frame_of(a=rectangle(0, 0, 1, 1))] * 2), {}, "several areas are called 'a'"),
    ],
)
def test_areas_that_are_none(areas: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        time_series(cube_of(np.ones((1, 2, 2), "float32")), areas, **options)


def test_a_cube_without_a_crs_takes_no_areas() -> None:
    cube = xr.Dataset({"B02": (("time", "y", "x"), np.ones((1, 2, 2), "float32"))}, coords={"time": TIMES[:1]})
    assert time_series(cube)["mean"].tolist() == [1]
    with pytest.raises(LoadError, match="says no CRS"):
        time_series(cube, frame_of(a=rectangle(0, 0, 1, 1)))


def test_areas_from_a_file(tmp_path: Path) -> None:
    frame = frame_of(north=rectangle(0, 0, 4, 2), south=rectangle(0, 2, 4, 4)).rename(columns={"name": "part"})
    frame.to_file(tmp_path / "areas.gpkg", driver="GPKG")
    frame.to_parquet(tmp_path / "areas.parquet")
    values = np.repeat([1.0, 1.0, 3.0, 3.0], 4).reshape(1, 4, 4).astype("float32")
    for name in ("areas.gpkg", "areas.parquet"):
        table = time_series(cube_of(values), tmp_path / name, name_column="part")
        assert table[["area", "mean"]].to_numpy().tolist() == [["north", 1.0], ["south", 3.0]]
    (tmp_path / "broken.gpkg").write_bytes(b"no vector file")
    with pytest.raises(UsageError, match=r"broken.gpkg cannot be read as polygons"):
        time_series(cube_of(values), tmp_path / "broken.gpkg")
