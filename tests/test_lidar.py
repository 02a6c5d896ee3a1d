"""Surfaces, vegetation, densities and grids of photons, against hand-worked numbers and slow, plain code."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

import stacaster
from stacaster.errors import NothingFoundError, UsageError
from stacaster.lidar import surface
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from stacaster.samples.icesat2 import surface as truth

numba = pytest.importorskip("numba")


def photons(x: Any, h: Any, **columns: Any) -> pd.DataFrame:
    along = np.asarray(x, dtype=float)
    base = {"x_atc": along, "height": np.asarray(h, dtype=float), "longitude": 138 + along / 1e5,
            "latitude": -31 + along / 1e5,
            "time": pd.Timestamp("2022-08-14", tz="UTC") + pd.to_timedelta(along, "us")}  # fmt: skip
    return pd.DataFrame(base | columns)


def plain_fit(
    x: np.ndarray, h: np.ndarray, background: float, speed: float, wanted: dict[str, float]
) -> tuple[Any, ...]:
    """Fit one segment with NumPy's least squares; x is relative to the centre."""
    density = wanted["len"] * 10_000 / speed * background / 149_896_229.0
    keep, window = np.arange(x.size), 0.0
    for turn in range(int(wanted["maxi"])):
        matrix = np.stack([np.ones(keep.size), x[keep]], axis=1)
        (a, b), *_ = np.linalg.lstsq(matrix, h[keep], rcond=None)
        r = np.sort(h[keep] - a - b * x[keep])
        low, high = (r[0], r[-1]) if turn == 0 else (-window / 2, window / 2)
        noise = density * (high - low)
        signal = r.size - noise
        if signal <= 1:
            robust = (high - low) / r.size
        else:
            rate = noise / (high - low)
            first = next(i for i in range(r.size) if i + 1.5 >= 0.25 * signal + (r[i] - low) * rate)
            last = next(i for i in reversed(range(r.size)) if i - 0.5 <= 0.75 * signal + (r[i] - low) * rate)
            robust = (r[last] - r[first]) / 1.349
        expected = math.hypot(149_896_229.0 * 0.68e-9, 4.25 * b)
        window = max(wanted["H_min_win"], 6 * expected, 6 * min(robust, wanted["sigma_r_max"]), 0.75 * window)
        inside = keep[np.abs(h[keep] - a - b * x[keep]) < window / 2]
        if inside.size == keep.size or inside.size < wanted["cnt"] or np.ptp(x[inside]) < wanted["ats"]:
            break
        if turn == int(wanted["maxi"]) - 1:
            break
        keep = inside
    inverse = np.linalg.pinv(np.stack([np.ones(keep.size), x[keep]], axis=1))
    rms = math.sqrt(np.mean((h[keep] - a - b * x[keep]) ** 2))
    return a, b, rms * math.sqrt((inverse[0] ** 2).sum()), rms, keep.size, window


def test_lines_come_back_exactly() -> None:
    """The unit vectors of SlideRule: heights of points on a line; intercept and slope."""
    for heights, slope in (([2.0, 4.0, 6.0, 8.0], 2.0), ([4.0, 5.0, 6.0, 7.0], 1.0)):
        found = stacaster.fit_surface(photons([1, 2, 3, 4], heights), cnt=2, ats=1, len=100, res=100)
        assert len(found) == 1 and found.dh_fit_dx[0] == pytest.approx(slope, abs=1e-12)
        # The height is that of the centre of the segment, 50 m from its first photon.
        assert found.h_mean[0] == pytest.approx(heights[0] + 50 * slope, abs=1e-9)
        assert found.rms_misfit[0] == pytest.approx(0, abs=1e-9) and found.n_fit_photons[0] == 4
        assert found.x_atc[0] == pytest.approx(51.0) and found.longitude[0] == pytest.approx(138 + 51 / 1e5)
        assert (found.time[0] - pd.Timestamp("2022-08-14", tz="UTC")) == pd.Timedelta(51, "us")


def test_fits_are_those_of_plain_code() -> None:
    chance = np.random.default_rng(3)
    x = np.sort(chance.random(6000) * 1200)
    h = 100 + 0.02 * x + np.where(chance.random(6000) < 0.3, chance.uniform(-40, 40, 6000), chance.normal(0, 0.2, 6000))
    wanted = {**surface.DEFAULTS}
    found = stacaster.fit_surface(photons(x, h, background=np.full(6000, 2e6), speed=np.full(6000, 7050.0)))
    assert len(found) > 50
    starts = x[0] + 20.0 * np.arange(len(found) + 3)
    checked = 0
    for start in starts:
        part = (x >= start) & (x < start + 40)
        if part.sum() < 10 or np.ptp(x[part]) < 20:
            continue
        a, b, sigma, rms, count, window = plain_fit(x[part] - start - 20, h[part], 2e6, 7050.0, wanted)
        row = found.iloc[int(np.argmin(np.abs(found.x_atc - start - 20)))]
        assert row.x_atc == pytest.approx(start + 20) and row.n_fit_photons == count
        assert [row.h_mean, row.dh_fit_dx, row.h_sigma, row.rms_misfit, row.w_surface_window_final] == pytest.approx(
            [a, b, sigma, rms, window], rel=1e-9, abs=1e-9)  # fmt: skip
        checked += 1
    assert checked == len(found)


def test_noise_is_taken_off(tmp_path: Path) -> None:
    """Heights of a simulated track, of which only ground photons are given, are those of the surface."""
    paths = write_icesat2(TrackScene(segments=60), tmp_path)
    assert not stacaster.ingest(paths, catalog=tmp_path / "c").failed
    catalog = stacaster.open_catalog(tmp_path / "c")
    ground = catalog.points("photons", where='"class" = 1 and spot % 2 = 1')
    found = stacaster.fit_surface(ground)
    apart = found.h_mean - truth(found.x_atc.to_numpy() - 15_400_000.0)
    assert apart.abs().median() < 0.03 and found.crs == ground.crs
    assert set(found.beam) == {"gt1l", "gt2l", "gt3l"} and set(found.item_id) == set(ground.item_id)
    files = [tmp_path / name for name in ("a.parquet", "b.gpkg", "c.csv")]
    for path in files:
        stacaster.write_points("photons", path, catalog=tmp_path / "c", where="spot = 1", fit=path.suffix == ".csv")
        assert path.stat().st_size > 1000
    with pytest.raises(UsageError, match="exists"):
        stacaster.write_points("photons", files[0], catalog=tmp_path / "c")
    tree = stacaster.read_tracks(paths[0], ["heights/*", "geolocation/segment_id"])
    assert set(tree.children) == set(TrackScene().beams)
    assert tree["gt1l"].heights_h_ph.size != tree["gt1r"].heights_h_ph.size, "no padding"
    assert not np.isnan(tree["gt1l"].heights_h_ph.values).any()
    assert stacaster.plot_map(found, "h_mean").get_xlabel() == "longitude"
    terrain = stacaster.grid_points(ground, "height", crs="EPSG:32754", resolution=50, statistics=["mean"])
    results = stacaster.open_catalog(stacaster.write_cube(terrain, tmp_path / "terrain"))
    compared = results.sample(ground, method="nearest", time="time")
    assert len(compared) == len(ground) and {"item_id", "time_gap"} <= set(compared.columns)
    assert (compared["mean"] - compared["height"]).abs().median() < 0.5
    axes = stacaster.plot_profile(catalog.points("photons", where="beam = 'gt1l'"))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["noise", "ground", "canopy", "top of canopy"]


def test_parameters_that_make_no_sense() -> None:
    points = photons([1, 2], [3, 4])
    for wrong, words in (
        ({"length": 3}, "no parameter 'length'"),
        ({"cnt": 1}, "cnt at least 2"),
        ({"res": 0}, "len and res"),
    ):
        with pytest.raises(UsageError, match=words):
            stacaster.fit_surface(points, **wrong)
    with pytest.raises(UsageError, match="needs the column 'x_atc'"):
        stacaster.fit_surface(points.drop(columns="x_atc"))
    assert len(stacaster.fit_surface(points)) == 0, "too few photons make no segment, and no error"
    filtered = points.assign(confidence=pd.Series([[0] * 5] * 2))
    assert len(stacaster.fit_surface(filtered)) == 0


def test_longitudes_across_the_antimeridian() -> None:
    x = np.arange(0.0, 40.0, 0.5)
    lon = np.where(x < 20, 179.9999, -179.9999)
    found = stacaster.fit_surface(photons(x, np.zeros(x.size)).assign(longitude=lon))
    assert (np.abs(found.longitude) > 179.9).all()


def test_density_is_that_of_plain_code() -> None:
    chance = np.random.default_rng(5)
    x, h = np.sort(chance.random(400) * 80), chance.normal(0, 3, 400)
    scores = stacaster.photon_density(photons(x, h))
    expected = np.zeros(400)
    segment = np.floor((x - x[0]) / 20)
    for i in range(400):
        mates = np.flatnonzero(segment == segment[i])
        near = int(max(math.sqrt(mates.size), 5))
        gaps = sorted(abs(h[j] - h[i]) for j in range(400) if j != i and abs(x[j] - x[i]) <= 7.5
                      and abs(h[j] - h[i]) <= 3)[:near]  # fmt: skip
        expected[i] = min(255, 255 * sum(3 - gap for gap in gaps) / (3 * near))
    assert np.abs(scores - np.floor(expected)).max() <= 1 and scores.max() > 150
    with pytest.raises(UsageError, match="more than 0"):
        stacaster.photon_density(photons(x, h), win_x=0)


def test_vegetation_and_blanket() -> None:
    heights = [100.0, 100.2, 100.4, 106.0, 108.0, 109.0, 150.0]
    above = [0.0, 0.2, 0.4, 6.0, 8.0, 9.0, 50.0]
    table = photons(np.arange(7.0), heights, **{"class": [1, 1, 1, 2, 2, 3, 0], "height_above_ground": above})
    row = stacaster.vegetation_metrics(table).iloc[0]
    assert (row.n_te_photons, row.n_ca_photons, row.n_toc_photons, row.n_seg_ph) == (3, 2, 1, 7)
    assert row.h_te_median == 100.2 and row.h_te_std == pytest.approx(math.sqrt(0.08 / 3))
    assert row.h_canopy == 9.0 and row.h_mean_canopy == pytest.approx(23 / 3) and row.canopy_h_metrics[8] == 8.0
    assert row.canopy_openness == pytest.approx(np.std([6, 8, 9]))
    blanket = stacaster.surface_blanket(table, length=100).iloc[0]
    assert blanket.median_ground == 106.0 and blanket.top_of_surface == pytest.approx(np.percentile(heights, 98))


def test_grids_hold_what_lies_in_their_cells(tmp_path: Path) -> None:
    chance = np.random.default_rng(9)
    lon, lat = 138.5 + chance.random(3000) * 0.01, -31 + chance.random(3000) * 0.01
    height = 1e5 + chance.normal(0, 1, 3000)
    frame = pd.DataFrame({"longitude": lon, "latitude": lat, "height": height,
                          "time": pd.Timestamp("2022-08-14T01:02:03", tz="UTC")})  # fmt: skip
    names = ["count", "mean", "median", "min", "max", "std", "p95"]
    grid = stacaster.grid_points(frame, "height", crs="EPSG:4326", resolution=0.001, statistics=names)
    assert int(grid["count"].sum()) == 3000 and str(grid.time.values[0])[:19] == "2022-08-14T01:02:03"
    left, top = float(grid.longitude[0]) - 0.0005, float(grid.latitude[0]) + 0.0005
    column, row = np.floor((lon - left) / 0.001).astype(int), np.floor((top - lat) / 0.001).astype(int)
    for i in range(grid.sizes["latitude"]):
        for j in range(grid.sizes["longitude"]):
            inside = height[(row == i) & (column == j)]
            cell = grid.isel(time=0, latitude=i, longitude=j)
            assert int(cell["count"]) == inside.size
            if inside.size:
                expected = [
                    inside.mean(),
                    np.median(inside),
                    inside.min(),
                    inside.max(),
                    inside.std(),
                    np.percentile(inside, 95),
                ]
                found = [float(cell[name]) for name in names[1:]]
                assert found == pytest.approx(expected, rel=1e-6, abs=1e-4)
            else:
                assert np.isnan(float(cell["mean"]))
    path = stacaster.write_cube(grid[["mean"]], tmp_path / "mean.tif")
    with rasterio.open(path) as file:
        assert np.array_equal(file.read(1), grid["mean"].values[0], equal_nan=True)
    folder = stacaster.write_cube(grid[["mean", "max"]], tmp_path / "results")
    (item,) = stacaster.open_catalog(folder).search().items()
    again = stacaster.load([item], native=True)
    assert np.array_equal(again["mean"].values[0], grid["mean"].values[0], equal_nan=True)
    with pytest.raises(NothingFoundError, match="none of the points"):
        stacaster.grid_points(frame, "height", geobox=grid.odc.geobox.translate_pix(5000, 0))
    cases = (({"statistics": ["mode"]}, "'mode' is no statistic"), ({"statistics": ["p101"]}, "no statistic"),
             ({"crs": None}, "give a grid"))  # fmt: skip
    for wrong, words in cases:
        given: dict[str, Any] = {"crs": "EPSG:4326", "resolution": 0.001} | wrong
        with pytest.raises(UsageError, match=words):
            stacaster.grid_points(frame, "height", **given)


def test_datasets_of_a_granule(tmp_path: Path) -> None:
    path = write_icesat2(TrackScene(segments=10), tmp_path)[0]
    found = {entry.path: entry for entry in stacaster.list_variables(path)}
    entry = found["gt1l/heights/h_ph"]
    assert entry.data_type == "float32" and entry.unit == "meters" and len(entry.shape) == 1
    assert found["orbit_info/rgt"].shape == (1,) and found["ancillary_data/release"].data_type == "text"
    picked = stacaster.list_variables(path, "heights/*_ph")
    names = {"h_ph", "lat_ph", "lon_ph", "signal_conf_ph", "quality_ph", "weight_ph"}
    assert {entry.path.split("/")[-1] for entry in picked} == names
    assert stacaster.list_variables(path, "nothing*") == []
    (tmp_path / "x.h5").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(stacaster.StacasterError, match="cannot be read"):
        stacaster.list_variables(tmp_path / "x.h5")


def test_densities_of_a_real_track(shared: Path, tmp_path: Path) -> None:
    """Scores order the photons of a real clip as the provider's own weights do, and its surface has 40 segments."""
    for product, name in (("ATL03", "atl03_clip.h5"), ("ATL08", "atl08_clip.h5")):
        shutil.copy(shared / "data" / "icesat2" / name, tmp_path / f"{product}_20220401221822_01501506_006_01.h5")
    assert not stacaster.ingest([tmp_path], catalog=tmp_path / "c").failed
    found = stacaster.open_catalog(tmp_path / "c").points("photons")
    scores = pd.Series(stacaster.photon_density(found))
    assert scores.rank().corr(found.yapc.astype(float).rank()) > 0.98
    assert scores.corr(found.yapc.astype(float)) > 0.93
    heights = stacaster.fit_surface(found)
    assert len(heights) == 40 and (heights.h_sigma < 2).mean() > 0.9
    assert heights.h_mean.between(found.height.min(), found.height.max()).all()
