"""Surfaces, vegetation, densities and grids of photons, against hand-worked numbers and slow, plain code."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio

import stacaster
from stacaster.analysis.lidar import surface
from stacaster.errors import NothingFoundError, UsageError
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from stacaster.samples.icesat2 import surface as truth
from tests.stac_schemas import check


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
    keep, window, flags = np.arange(x.size), 0.0, 0
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
            first = next((i for i in range(r.size) if i + 1.5 >= 0.25 * signal + (r[i] - low) * rate), r.size)
            last = next((i for i in reversed(range(r.size)) if i - 0.5 <= 0.75 * signal + (r[i] - low) * rate), -1)
            if last < first:
                first, last = int(r.size / 2 - signal / 4 + 0.5) - 1, int(r.size / 2 + signal / 4 + 0.5)
            if first >= 0 and last < r.size:
                robust = (r[last] - r[first]) / 1.349
            else:
                robust, flags = 0.0, flags | 8
        expected = math.hypot(149_896_229.0 * 0.68e-9, 4.25 * b)
        window = max(wanted["H_min_win"], 6 * expected, 6 * min(robust, wanted["sigma_r_max"]), 0.75 * window)
        inside = keep[np.abs(h[keep] - a - b * x[keep]) < window / 2]
        if inside.size < wanted["cnt"]:
            flags |= 2
        elif np.ptp(x[inside]) < wanted["ats"]:
            flags |= 1
        elif inside.size != keep.size and turn == int(wanted["maxi"]) - 1:
            flags |= 4
        if inside.size == keep.size or flags & 7:
            break
        keep = inside
    inverse = np.linalg.pinv(np.stack([np.ones(keep.size), x[keep]], axis=1))
    rms = math.sqrt(np.mean((h[keep] - a - b * x[keep]) ** 2))
    return a, b, rms * math.sqrt((inverse[0] ** 2).sum()), rms, keep.size, window, flags, inverse[0], keep


def test_lines_come_back_exactly() -> None:
    """The unit vectors of SlideRule: heights of points on a line; intercept and slope."""
    from stacaster.analysis.lidar import kernels

    for heights, intercept, slope in (([2.0, 4.0, 6.0, 8.0], 0.0, 2.0), ([4.0, 5.0, 6.0, 7.0], 3.0, 1.0)):
        fitted = kernels.line(np.array([1.0, 2.0, 3.0, 4.0]), np.array(heights))
        assert fitted[:2] == pytest.approx((intercept, slope), abs=1e-12)
        found = stacaster.icesat2.fit_surface(photons([1, 2, 3, 4], heights), cnt=2, ats=1, len=100, res=100)
        assert len(found) == 1 and found.dh_fit_dx[0] == pytest.approx(slope, abs=1e-12)
        # The height is that of the centre of the segment, 50 m from its first photon.
        assert found.h_mean[0] == pytest.approx(heights[0] + 50 * slope, abs=1e-9)
        assert found.rms_misfit[0] == pytest.approx(0, abs=1e-9) and found.n_fit_photons[0] == 4
        assert found.x_atc[0] == pytest.approx(51.0) and found.longitude[0] == pytest.approx(138 + 51 / 1e5)
        assert (found.time[0] - pd.Timestamp("2022-08-14", tz="UTC")) == pd.Timedelta(51, "us")


@pytest.mark.parametrize(
    ("given", "background", "density"),
    [
        ({}, 2e6, 5.0),
        ({"maxi": 1, "len": 60.0, "res": 30.0}, 2e6, 5.0),
        ({"cnt": 24, "ats": 36.0}, 8e6, 0.7),
        ({"H_min_win": 1.0, "sigma_r_max": 0.3, "maxi": 20}, 0.0, 1.5),
        ({"cnt": 3, "ats": 1.0, "H_min_win": 0.5}, 6e7, 0.4),
    ],
)
def test_fits_are_those_of_plain_code(given: Any, background: float, density: float) -> None:
    chance = np.random.default_rng(3)
    count = int(1200 * density)
    x = np.sort(chance.random(count) * 1200)
    h = (
        100
        + 0.02 * x
        + np.where(chance.random(count) < 0.3, chance.uniform(-40, 40, count), chance.normal(0, 0.2, count))
    )
    wanted = {**surface.DEFAULTS, "ats": 20.0, **given}
    y = chance.normal(0, 5, count)
    found = stacaster.icesat2.fit_surface(
        photons(x, h, background=np.full(count, background), speed=np.full(count, 7050.0), y_atc=y), **given
    )
    starts = x[0] + wanted["res"] * np.arange(int((x[-1] - x[0]) / wanted["res"]) + 1)
    rows = iter(found.itertuples())
    for start in starts:
        part = (x >= start) & (x < start + wanted["len"])
        if part.sum() < wanted["cnt"] or np.ptp(x[part]) < wanted["ats"]:
            continue
        middle = start + wanted["len"] / 2
        a, b, sigma, rms, number, window, flags, weights, keep = plain_fit(
            x[part] - middle, h[part], background, 7050.0, wanted
        )
        row = next(rows)
        assert row.x_atc == pytest.approx(middle) and row.n_fit_photons == number and row.pflags == flags
        assert [row.h_mean, row.dh_fit_dx, row.h_sigma, row.rms_misfit, row.w_surface_window_final] == pytest.approx(
            [a, b, sigma, rms, window], rel=1e-9, abs=1e-9)  # fmt: skip
        assert row.y_atc == pytest.approx(weights @ y[part][keep], abs=1e-9)
        assert row.longitude == pytest.approx(138 + middle / 1e5) and row.latitude == pytest.approx(-31 + middle / 1e5)
        assert abs((row.time - pd.Timestamp("2022-08-14", tz="UTC")) - pd.Timedelta(middle, "us")).value <= 2000
    assert next(rows, None) is None and len(found) > 5


def test_flags_say_why_a_fit_stopped() -> None:
    chance = np.random.default_rng(8)
    x = np.sort(chance.random(4000) * 4000)
    h = np.where(chance.random(4000) < 0.5, chance.uniform(-30, 30, 4000), chance.normal(0, 0.1, 4000))
    seen = set()
    for given in ({"cnt": 30}, {"ats": 38.0, "cnt": 5}, {"maxi": 1}, {"cnt": 2, "ats": 0.5, "H_min_win": 0.3}):
        for background in (0.0, 3e7, 3e8):
            seen |= set(
                stacaster.icesat2.fit_surface(photons(x, h, background=np.full(4000, background)), **given).pflags
            )
    assert {0, 1, 2, 4} <= seen


def test_quartiles_of_signal_within_background() -> None:
    """Also where the quartiles pass each other, and half of the signal around the middle is taken."""
    from stacaster.analysis.lidar import kernels

    chance = np.random.default_rng(4)
    passed = 0
    for _ in range(400):
        count = int(chance.integers(4, 40))
        # Within a window the quartiles cannot pass each other; residuals beyond it make them.
        r = np.sort(chance.uniform(-10, 10, count) if chance.random() < 0.5 else chance.uniform(5, 30, count))
        signal = float(chance.uniform(1.01, count))
        rate = (count - signal) / 20.0
        first = next((i for i in range(count) if i + 1.5 >= 0.25 * signal + (r[i] + 10) * rate), count)
        last = next((i for i in reversed(range(count)) if i - 0.5 <= 0.75 * signal + (r[i] + 10) * rate), -1)
        if last < first:
            passed += 1
            first = math.trunc(count / 2 - signal / 4 + 0.5) - 1
            last = math.trunc(count / 2 + signal / 4 + 0.5)
        assert kernels.quartiles(r, -10.0, rate, signal) == (first, last)
    assert passed > 3


def test_fitted_heights_are_those_of_a_known_surface() -> None:
    """Of a sloping surface with noise above and below: heights, slopes and the errors that are stated for them."""
    chance = np.random.default_rng(21)
    x = np.sort(chance.random(40_000) * 20_000)
    ground = 500 + 15 * np.sin(x / 800)
    is_noise = chance.random(x.size) < 0.1
    h = ground + np.where(is_noise, chance.uniform(-20, 20, x.size), chance.normal(0, 0.15, x.size))
    per_metre = is_noise.sum() / 40 / 20_000 * 40
    background = per_metre * 149_896_229.0 / (40 * 10_000 / 7000)
    found = stacaster.icesat2.fit_surface(photons(x, h, background=np.full(x.size, background)))
    truth_here, slope = 500 + 15 * np.sin(found.x_atc / 800), 15 / 800 * np.cos(found.x_atc / 800)
    apart = (found.h_mean - truth_here).to_numpy()
    assert len(found) > 900 and abs(np.median(apart)) < 0.01 and np.quantile(np.abs(apart), 0.9) < 0.15
    assert np.median(np.abs(found.dh_fit_dx - slope)) < 0.005
    share = (np.abs(apart) < 2 * found.h_sigma).mean()
    assert share > 0.85, "stated errors fit the true ones"
    assert (found.w_surface_window_final >= 3).all() and (found.n_fit_photons >= 10).all()


def test_photons_are_chosen_as_asked() -> None:
    """Surface, confidence, quality and pointing decide which photons count."""
    x = np.arange(0.0, 40.0, 0.5)
    number = np.arange(x.size)
    confidence = np.full((x.size, 5), -1)
    confidence[:, 3], confidence[:, 0] = 4, np.where(number % 2, 1, 2)
    base = photons(x, np.where(number % 2, 10.0, 12.0)).assign(confidence=list(confidence.astype("i1")))

    def used(frame: pd.DataFrame = base, **given: Any) -> int:
        found = stacaster.icesat2.fit_surface(frame, H_min_win=20, **given)
        return int(found.n_fit_photons.iloc[0]) if len(found) else 0

    assert used() == used(srt=3, cnf=4) == used(srt=[0, 3]) == 80
    assert used(srt=0) == 40 and used(srt=0, cnf=[1]) == 40 and used(srt=0, cnf=1) == 80 and used(srt=4) == 0
    assert used(base.assign(quality=number % 4)) == 20 and used(base.assign(quality=number % 4), quality=[0, 1]) == 40
    flagged = base.assign(podppd_flag=number % 8)
    assert used(flagged) == 10 and used(flagged, podppd=0b0001_0001) == 20 and used(flagged, podppd_mask=255) == 80
    assert used(flagged, podppd=["nominal", "cal_nominal"]) == 20 and used(flagged, podppd="cal_nominal") == 10
    for wrong in (5, -2, [0, 9]):
        with pytest.raises(UsageError, match="srt is"):
            used(srt=wrong)
    without = base.assign(confidence=pd.Series([None, *base.confidence[1:]], dtype=object))
    assert used(without) == 79, "a photon whose confidence is not known does not count"


def test_pointing_flags_are_included_by_the_mask() -> None:
    """A bit of the mask stands for a value of the flag: 2, 3, 6 and 7 are degraded, too, and 4 is calibration."""
    x = np.arange(0.0, 40.0, 0.5)
    for flag in range(8):
        table = photons(x, np.zeros(x.size), podppd_flag=flag)
        for mask in (1, 1 << flag, 255, 255 - (1 << flag)):
            taken = len(stacaster.icesat2.fit_surface(table, podppd=mask)) > 0
            assert taken == bool(mask & (1 << flag)), (flag, mask)
    for wrong in (0, 256, -1, 1.5, "degraded", [1], True):
        parameters: Any = {"podppd": wrong}
        with pytest.raises(UsageError, match="podppd"):
            stacaster.icesat2.fit_surface(table, **parameters)


@pytest.mark.parametrize(("length", "step"), [(20.0, 100.0), (10.0, 10.0), (40.0, 20.0), (100.0, 50.0), (15.0, 5.0)])
def test_segments_of_every_length_can_be_fitted(length: float, step: float) -> None:
    """The default spread never asks for more than a segment can have; one that does is refused."""
    x = np.arange(0.0, 400.0, 0.1)
    table = photons(x, 5 + 0.01 * x)
    found = stacaster.icesat2.fit_surface(table, srt=0, len=length, res=step)
    whole = [start for start in np.arange(0, 399, step) if start + length <= 399]
    assert len(found) >= len(whole) and np.allclose(found.h_mean, 5 + 0.01 * found.x_atc)
    for ats in (length, length + 5):
        with pytest.raises(UsageError, match=f"ats is {ats:g}, but photons of segments of len={length:g}"):
            stacaster.icesat2.fit_surface(table, len=length, res=step, ats=ats)
    segments = stacaster.icesat2.fit_surface(table, len=2, res=1, dist_in_seg=True)
    assert np.array_equal(segments.x_atc, stacaster.icesat2.fit_surface(table).x_atc)


def test_an_empty_result_is_said(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    x = np.arange(0.0, 40.0, 0.5)
    weak = photons(x, np.zeros(x.size)).assign(confidence=pd.Series([[1] * 5] * x.size))
    found = stacaster.icesat2.fit_surface(weak)
    assert len(found) == 0 and "80 have a height, 0 also cnf >= 2" in caplog.text
    assert "10 photons over 20 m within 40 m" in found.attrs[surface.EMPTY]
    caplog.clear()
    table = weak.assign(**{"class": np.nan, "height_above_ground": 0.0})
    assert len(stacaster.icesat2.vegetation_metrics(table)) == 0 and "none of 80 photons has a class" in caplog.text
    write_icesat2(TrackScene(segments=6, beams=("gt1l",)), tmp_path)
    stacaster.ingest([tmp_path], catalog=tmp_path / "c")
    with pytest.raises(NothingFoundError, match=r"no segment could be fitted: of .* 0 also cnf"):
        stacaster.write_points("photons", tmp_path / "x.csv", catalog=tmp_path / "c", fit=True,
                               parameters={"srt": "inland_water"})  # fmt: skip
    with pytest.raises(NothingFoundError, match="no point"):
        stacaster.write_points("photons", tmp_path / "x.csv", catalog=tmp_path / "c", where="height > 1e9")
    assert not (tmp_path / "x.csv").exists()


def test_columns_and_names_of_sliderule() -> None:
    """Where segments come from, names in place of numbers, segments that fail, further fields."""
    x = np.arange(0.0, 200.0, 0.5)
    table = photons(x, 0.1 * x, beam="gt2r", item_id="a", spot=np.int8(3), rgt=np.int16(5), cycle=np.int16(7),
                    region=np.int8(2), segment_id=(1000 + x // 20).astype("i4"), sun=20 + x / 100,
                    confidence=[[4, -1, -1, -1, -1]] * x.size, quality=0)  # fmt: skip
    found = stacaster.icesat2.fit_surface(table, fields=["sun"])
    assert set(found["gt"]) == {40} and set(found.spot) == {3} and set(found.rgt) == {5} and set(found.region) == {2}
    assert set(found.cycle) == {7} and found.photon_count.tolist()[:3] == [80, 80, 80]
    # ATL06 names a segment of 40 m after its second half.
    assert found.segment_id.tolist()[:4] == [1001, 1002, 1003, 1004] and found.spot.dtype == np.int8
    assert np.allclose(found.sun, 20 + found.x_atc / 100)
    same = stacaster.icesat2.fit_surface(table, srt="land", cnf="atl03_high", quality_ph="nominal")
    assert same.h_mean.tolist() == found.h_mean.tolist()
    assert len(stacaster.icesat2.fit_surface(table, srt=["ocean", "sea_ice"])) == 0
    thin = table[(table.x_atc < 40) | (table.x_atc % 20 == 0)]
    kept = stacaster.icesat2.fit_surface(thin, pass_invalid=True)
    assert len(kept) > len(stacaster.icesat2.fit_surface(thin)) > 0
    assert (kept.pflags[kept.photon_count < 10] & 2).all() and kept.h_mean.notna().all()
    classed = table.assign(**{"class": np.where(x < 100, 1, 2)})
    assert stacaster.icesat2.fit_surface(classed, atl08_class="atl08_ground").x_atc.max() < 100
    wrong: Any
    for wrong in ({"srt": "sea"}, {"cnf": "strong"}, {"cnf": 7}, {"quality_ph": "good"}, {"atl08_class": 9},
                  {"quality": 0, "quality_ph": 1}, {"len": "long"}, {"srt": []}, {"fields": ["moon"]},
                  {"fields": ["confidence"]}, {"srt": True}, {"srt": 1.5}, {"H_min_win": -1}):  # fmt: skip
        with pytest.raises(UsageError):
            stacaster.icesat2.fit_surface(classed, **wrong)
    with pytest.raises(UsageError, match="needs the column 'class'"):
        stacaster.icesat2.fit_surface(table, atl08_class=["ground"])


def test_noise_is_taken_off(shared: Path, tmp_path: Path) -> None:
    """Heights of a simulated track, of which only ground photons are given, are those of the surface."""
    paths = write_icesat2(TrackScene(segments=60), tmp_path)
    assert not stacaster.ingest(paths, catalog=tmp_path / "c").failed
    catalog = stacaster.open_catalog(tmp_path / "c")
    ground = catalog.points("photons", where='"class" = 1 and spot % 2 = 1')
    found = stacaster.icesat2.fit_surface(ground)
    apart = found.h_mean - truth(found.x_atc.to_numpy() - 15_400_000.0)
    assert apart.abs().median() < 0.03 and found.crs == ground.crs
    assert set(found.beam) == {"gt1l", "gt2l", "gt3l"} and set(found.item_id) == set(ground.item_id)
    files = [tmp_path / name for name in ("a.parquet", "b.gpkg", "c.csv")]
    for path in files:
        stacaster.write_points("photons", path, catalog=tmp_path / "c", where="spot = 1", fit=path.suffix == ".csv")
        assert path.stat().st_size > 1000
    with pytest.raises(UsageError, match="exists"):
        stacaster.write_points("photons", files[0], catalog=tmp_path / "c")
    tree = stacaster.icesat2.read_tracks(paths[0], ["heights/*", "geolocation/segment_id"])
    assert set(tree.children) == set(TrackScene().beams)
    assert tree["gt1l"].heights_h_ph.size != tree["gt1r"].heights_h_ph.size, "no padding"
    assert not np.isnan(tree["gt1l"].heights_h_ph.values).any()
    assert stacaster.icesat2.plot_map(found, "h_mean").get_xlabel() == "longitude"
    terrain = stacaster.icesat2.grid_points(ground, "height", crs="EPSG:32754", resolution=50, statistics=["mean"])
    results = stacaster.open_catalog(stacaster.write_cube(terrain, tmp_path / "terrain"))
    compared = results.sample(ground, method="nearest", time="time")
    assert len(compared) == len(ground) and {"item_id", "time_gap"} <= set(compared.columns)
    assert (compared["mean"] - compared["height"]).abs().median() < 0.5
    names = ["count", "mean", "median", "p25", "min", "max"]
    place: dict[str, Any] = {"value": "height", "crs": "EPSG:32754", "resolution": 50, "statistics": names}
    folder = stacaster.write_point_grid("photons", tmp_path / "grid", catalog=tmp_path / "c", **place)
    gridded = stacaster.open_catalog(folder)
    (item,) = gridded.search().items()
    assert {link.title for link in item.links if link.rel == "derived_from"} == set(ground.item_id)
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    cube = gridded.load(native=True)
    assert set(names) <= set(cube.data_vars) and int(cube["count"].sum()) == len(catalog.points("photons"))
    assert item.assets["mean"].extra_fields["unit"] == "m" and "unit" not in item.assets["count"].extra_fields
    axes = stacaster.icesat2.plot_profile(catalog.points("photons", where="beam = 'gt1l'"))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["noise", "ground", "canopy", "top of canopy"]


def test_parameters_that_make_no_sense() -> None:
    points = photons([1, 2], [3, 4])
    wrong: Any
    for wrong, words in (
        ({"length": 3}, "no parameter 'length'"),
        ({"cnt": 1}, "cnt at least 2"),
        ({"res": 0}, "len and res"),
    ):
        with pytest.raises(UsageError, match=words):
            stacaster.icesat2.fit_surface(points, **wrong)
    with pytest.raises(UsageError, match="needs the column 'x_atc'"):
        stacaster.icesat2.fit_surface(points.drop(columns="x_atc"))
    assert len(stacaster.icesat2.fit_surface(points)) == 0, "too few photons make no segment, and no error"
    filtered = points.assign(confidence=pd.Series([[0] * 5] * 2))
    assert len(stacaster.icesat2.fit_surface(filtered)) == 0


def test_longitudes_across_the_antimeridian() -> None:
    x = np.arange(0.0, 40.0, 0.5)
    lon = np.where(x < 20, 179.9999, -179.9999)
    found = stacaster.icesat2.fit_surface(photons(x, np.zeros(x.size)).assign(longitude=lon))
    assert (np.abs(found.longitude) > 179.9).all()


def test_density_is_that_of_plain_code() -> None:
    chance = np.random.default_rng(5)
    x, h = np.sort(chance.random(400) * 80), chance.normal(0, 3, 400)
    scores = stacaster.icesat2.photon_density(photons(x, h))
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
        stacaster.icesat2.photon_density(photons(x, h), win_x=0)


def test_vegetation_and_blanket() -> None:
    heights = [100.0, 100.2, 100.4, 106.0, 108.0, 109.0, 150.0]
    above = [0.0, 0.2, 0.4, 6.0, 8.0, 9.0, 50.0]
    table = photons(np.arange(7.0), heights, **{"class": [1, 1, 1, 2, 2, 3, 0], "height_above_ground": above})
    row = stacaster.icesat2.vegetation_metrics(table).iloc[0]
    assert (row.n_te_photons, row.n_ca_photons, row.n_toc_photons, row.n_seg_ph) == (3, 2, 1, 7)
    assert row.h_te_median == 100.2 and row.h_te_std == pytest.approx(math.sqrt(0.08 / 3))
    assert row.h_canopy == 9.0 and row.h_mean_canopy == pytest.approx(23 / 3) and row.canopy_h_metrics[8] == 8.0
    assert row.canopy_openness == pytest.approx(np.std([6, 8, 9]))
    blanket = stacaster.icesat2.surface_blanket(table, length=100).iloc[0]
    assert blanket.median_ground == 100.2 and blanket.top_of_surface == 109.0, "ground is ground"
    both = stacaster.icesat2.surface_blanket(table, length=100, cnt=2).iloc[0]
    assert both.top_of_surface == pytest.approx(np.percentile([106, 108, 109], 98)), "one photon makes no top"
    few = stacaster.icesat2.surface_blanket(table, length=100, cnt=4).iloc[0]
    assert np.isnan(few.top_of_surface) and np.isnan(few.median_ground) and few.num_photons == 7
    bare = stacaster.icesat2.surface_blanket(table.drop(columns="class"), length=100).iloc[0]
    assert bare.median_ground == 106.0 and bare.top_of_surface == pytest.approx(np.percentile(heights, 98))


def test_grids_hold_what_lies_in_their_cells(tmp_path: Path) -> None:
    chance = np.random.default_rng(9)
    lon, lat = 138.5 + chance.random(3000) * 0.01, -31 + chance.random(3000) * 0.01
    height = 1e5 + chance.normal(0, 1, 3000)
    frame = pd.DataFrame({"longitude": lon, "latitude": lat, "height": height,
                          "time": pd.Timestamp("2022-08-14T01:02:03", tz="UTC")})  # fmt: skip
    names = ["count", "mean", "median", "min", "max", "std", "p95"]
    grid = stacaster.icesat2.grid_points(frame, "height", crs="EPSG:4326", resolution=0.001, statistics=names)
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
        stacaster.icesat2.grid_points(frame, "height", geobox=grid.odc.geobox.translate_pix(5000, 0))
    cases = (({"statistics": ["mode"]}, "'mode' is no statistic"), ({"statistics": ["p101"]}, "no statistic"),
             ({"crs": None}, "give a grid"))  # fmt: skip
    for wrong, words in cases:
        given: dict[str, Any] = {"crs": "EPSG:4326", "resolution": 0.001} | wrong
        with pytest.raises(UsageError, match=words):
            stacaster.icesat2.grid_points(frame, "height", **given)


def test_datasets_of_a_granule(tmp_path: Path) -> None:
    path = write_icesat2(TrackScene(segments=10), tmp_path)[0]
    found = {entry.path: entry for entry in stacaster.formats.list_variables(path)}
    entry = found["gt1l/heights/h_ph"]
    assert entry.data_type == "float32" and entry.unit == "meters" and len(entry.shape) == 1
    assert found["orbit_info/rgt"].shape == (1,) and found["ancillary_data/release"].data_type == "text"
    picked = stacaster.formats.list_variables(path, "heights/*_ph")
    names = {"h_ph", "lat_ph", "lon_ph", "signal_conf_ph", "quality_ph", "weight_ph"}
    assert {entry.path.split("/")[-1] for entry in picked} == names
    assert stacaster.formats.list_variables(path, "nothing*") == []
    (tmp_path / "x.h5").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(stacaster.StacasterError, match="cannot be read"):
        stacaster.formats.list_variables(tmp_path / "x.h5")


def test_densities_of_a_real_track(shared: Path, tmp_path: Path) -> None:
    """Scores order the photons of a real clip as the provider's own weights do, and its surface has 40 segments."""
    for product, name in (("ATL03", "atl03_clip.h5"), ("ATL08", "atl08_clip.h5")):
        shutil.copy(shared / "data" / "icesat2" / name, tmp_path / f"{product}_20220401221822_01501506_006_01.h5")
    assert not stacaster.ingest([tmp_path], catalog=tmp_path / "c").failed
    found = stacaster.open_catalog(tmp_path / "c").points("photons")
    scores = pd.Series(stacaster.icesat2.photon_density(found))
    assert scores.rank().corr(found.yapc.astype(float).rank()) > 0.98
    assert scores.corr(found.yapc.astype(float)) > 0.93
    heights = stacaster.icesat2.fit_surface(found)
    assert len(heights) == 40 and (heights.h_sigma < 2).mean() > 0.9
    assert heights.h_mean.between(found.height.min(), found.height.max()).all()


def test_vegetation_of_other_segments() -> None:
    """Steps, places, absolute heights and PhoREAL's histogram, against loops."""
    chance = np.random.default_rng(17)
    x = np.sort(chance.random(2000) * 1000)
    kinds = chance.choice([0, 1, 2, 3], 2000, p=[0.1, 0.5, 0.3, 0.1])
    above = np.where(kinds >= 2, chance.gamma(3, 3, 2000), 0.0)
    table = photons(x, 100 + above, **{"class": kinds, "height_above_ground": above})
    rows = stacaster.icesat2.vegetation_metrics(table, length=60, step=30, geoloc="mean", binsize=1.0)
    assert len(rows) == int((x[-1] - x[0]) / 30) + 1
    for i, row in enumerate(rows.itertuples()):
        inside = (x - x[0] >= 30 * i) & (x - x[0] < 30 * i + 60)
        assert row.n_seg_ph == inside.sum() and row.x_atc == pytest.approx(x[inside].mean())
        canopy = np.sort(above[inside & (kinds >= 2)])
        for share, value in zip([*range(10, 100, 5), 98], [*row.canopy_h_metrics, row.h_canopy], strict=True):
            edge = canopy[0]
            while (canopy < edge + 1).sum() / canopy.size * 100 < share:
                edge += 1
            assert value == canopy[canopy < edge + 1].max()
    plain = stacaster.icesat2.vegetation_metrics(table, length=60, step=30)
    high = stacaster.icesat2.vegetation_metrics(table, length=60, step=30, use_abs_h=True, geoloc="center")
    assert np.allclose(high.h_max_canopy - plain.h_max_canopy, 100) and high.geometry.x.between(138, 138.02).all()
    assert stacaster.icesat2.vegetation_metrics(table, geoloc="median").x_atc.iloc[0] == pytest.approx(
        np.median(x[x < x[0] + 100])
    )
    same = stacaster.icesat2.vegetation_metrics(table, len=60, res=30)
    assert same.h_canopy.tolist() == plain.h_canopy.tolist()
    wrong: Any
    for wrong in ({"geoloc": "left"}, {"step": 0}, {"binsize": 0}, {"len": 60, "length": 60}, {"nothing": 1},
                  {"length": "long"}, {"fields": ["moon"]}):  # fmt: skip
        with pytest.raises(UsageError):
            stacaster.icesat2.vegetation_metrics(table, **wrong)
    assert len(stacaster.icesat2.vegetation_metrics(table.assign(**{"class": np.nan}))) == 0


def test_means_along_a_track_and_maps_of_both_poles() -> None:
    """Rolling means against loops; a map around each pole holds land, and points where the projection has them."""
    from stacaster.analysis.lidar.views import rolling_means

    chance = np.random.default_rng(2)
    along = np.sort(chance.random(300) * 1000)
    values = np.where(chance.random(300) < 0.1, np.nan, chance.normal(5, 1, 300))
    expected = [np.nanmean(values[np.abs(along - x) <= 25]) for x in along]
    assert np.allclose(rolling_means(along, values, 50.0), expected, equal_nan=True)
    table = photons(along, values, beam="gt1l")
    axes = stacaster.icesat2.plot_profile(table, rolling=50, inset=True)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mean of 50 m"]
    far = stacaster.icesat2.plot_profile(photons(along + 15_400_000, values, beam="gt1l"))
    far.figure.canvas.draw()
    assert far.xaxis.get_major_formatter().get_offset() == "", "labels are kilometres, without an offset"
    (small,) = axes.child_axes
    assert len(small.patches) > 5 and len(small.lines) == 1
    for pole, latitude, epsg in (("north", 75.0, 3413), ("south", -75.0, 3031)):
        lon, lat = np.linspace(-50, -40, 5), np.full(5, latitude)
        frame = geopandas.GeoDataFrame({"height": lat}, geometry=geopandas.points_from_xy(lon, lat), crs=4326)
        drawn = stacaster.icesat2.plot_map(frame)
        assert pole in drawn.get_xlabel() and len(drawn.patches) > 3
        offsets = drawn.collections[0].get_offsets()
        moved = frame.to_crs(epsg).geometry
        assert np.allclose(offsets, np.stack([moved.x, moved.y], axis=1) / 1000)
        assert stacaster.icesat2.plot_map(frame, pole="none").get_xlabel() == "longitude"
    wrong: Any
    for wrong in ({"rolling": 0}, {"rolling": -5}):
        with pytest.raises(UsageError, match="rolling"):
            stacaster.icesat2.plot_profile(table, **wrong)
    with pytest.raises(UsageError, match="pole is"):
        stacaster.icesat2.plot_map(frame, pole="east")
