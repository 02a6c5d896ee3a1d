"""Rows of tracks written in this process: which datasets belong to them, what beams lack, fills, footprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import h5py
import numpy as np
import pytest
import shapely

from stacaster import products
from stacaster.errors import ReadError
from stacaster.formats.readers import open_tracks
from stacaster.ingest.convert import track_rows
from stacaster.ingest.convert.track_strips import footprint, thinned
from stacaster.ingest.convert.tracks import Tracks, write_tracks
from stacaster.model import ReadOptions
from stacaster.samples.icesat2 import TrackScene, write_icesat2

SCENE = TrackScene(segments=40, photons=30)


def written(path: Path, folder: Path, *variables: str, classes: Path | None = None) -> tuple[Tracks, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    with open_tracks(path) as opened:
        tables = products.recognise(opened.content).tables
        beside = None if classes is None else open_tracks(classes)
        found = write_tracks(opened, tables, folder, options=ReadOptions(variables=variables), classes=beside)
        if beside is not None:
            beside.close()
    return found, {name: gpd.read_parquet(asset.path) for name, asset in found.assets.items()}


@pytest.fixture
def granules(tmp_path: Path) -> Sequence[Path]:
    return write_icesat2(SCENE, tmp_path)


def test_beams_that_lack_what_others_have(granules: Sequence[Path], tmp_path: Path) -> None:
    with h5py.File(granules[0], "r+") as file:
        del file["gt1l/heights/weight_ph"], file["gt2r/geophys_corr/geoid"], file["gt1r/heights/signal_conf_ph"]
        del file["gt3r/bckgrd_atlas"], file["gt3l/heights/lat_ph"]
        truth = file["gt1r/heights/weight_ph"][()]
    found, tables = written(granules[0], tmp_path / "o")
    photons = tables["photons"]
    of = {beam: photons[photons.beam == beam] for beam in SCENE.beams}
    assert of["gt1l"].yapc.isna().all() and np.array_equal(of["gt1r"].yapc.astype(int), truth)
    assert of["gt2r"].geoid.isna().all() and of["gt2l"].geoid.notna().any()
    assert of["gt1r"].confidence.isna().all() and of["gt1l"].confidence.notna().all()
    assert of["gt3r"].background.isna().all() and of["gt2l"].background.notna().all()
    assert len(of["gt3l"]) == 0 and len(of["gt3r"]) > 0
    notes = " ".join(found.notes)
    assert "no photons of gt3l" in notes and "no yapc of gt1l" in notes and "no geoid of gt2r" in notes


def test_datasets_are_joined_by_group_and_not_by_chance(granules: Sequence[Path], tmp_path: Path) -> None:
    """Groups of other lengths stand beside; one of the same length by chance is none of this table."""
    with h5py.File(granules[1], "r+") as file:
        for beam in SCENE.beams:
            count = file[f"{beam}/land_ice_segments/h_li"].shape[0]
            file[f"{beam}/residual_histogram/count"] = np.arange(count)
            file[f"{beam}/segment_quality/record_number"] = np.arange(count + 13)
    found, tables = written(
        granules[1], tmp_path / "o", "record_number", "residual_histogram/*", "sigma_geo_h", "h_li*"
    )
    assert not {"count", "record_number"} & set(tables["segments"].columns) and "h_li_sigma" in tables["segments"]
    notes = " ".join(found.notes)
    assert "no dataset called record_number has a value a row" in notes
    assert "no dataset called sigma_geo_h is there" in notes


def test_background_is_joined_by_time(granules: Sequence[Path], tmp_path: Path) -> None:
    """The last one that began before the segment, whatever its number; before the first, the first."""
    with h5py.File(granules[0], "r+") as file:
        group = file["gt1l/bckgrd_atlas"]
        rates = np.arange(1, group["bckgrd_rate"].shape[0] + 1, dtype="f4") * 10
        group["bckgrd_rate"][...] = rates
        group["bckgrd_counts"] = (rates / 5).astype("i4")
        start = file["gt1l/geolocation/delta_time"][0]
        # It begins between the third and the fourth segment.
        group["delta_time"][...] = start + 0.009 + np.arange(rates.size) * 0.02
        moments, begins = group["delta_time"][()], file["gt1l/geolocation/delta_time"][()]
        counts = file["gt1l/geolocation/segment_ph_cnt"][()]
        ids = file["gt1l/geolocation/segment_id"][()]
    _, tables = written(granules[0], tmp_path / "o", "bckgrd_counts")
    photons = tables["photons"]
    part = photons[photons.beam == "gt1l"]
    expected = {}
    for number, begin in zip(ids, begins, strict=True):
        before = [rate for moment, rate in zip(moments, rates, strict=True) if moment <= begin]
        expected[number] = before[-1] if before else rates[0]
    wanted = np.array([expected[number] for number in np.repeat(ids, counts)])
    assert begins[0] < moments[0] and len(set(wanted)) > 3
    assert np.array_equal(part.background, wanted.astype("f4"))
    assert np.array_equal(part.bckgrd_counts.astype(float), np.trunc(wanted / 5))
    assert photons[photons.beam == "gt3l"].bckgrd_counts.isna().all()


@pytest.mark.parametrize(("orientation", "strong"), [(0, "lll"), (1, "rrr"), (2, None)])
def test_where_rows_are_from(tmp_path: Path, orientation: int, strong: str | None) -> None:
    scene = replace(SCENE, segments=6, orientation=orientation)
    _, tables = written(write_icesat2(scene, tmp_path)[0], tmp_path / "o")
    photons = tables["photons"]
    assert set(photons.rgt) == {1131} and set(photons.cycle) == {16} and set(photons.region) == {8}
    by_beam = photons.groupby("beam")[["spot", "strong"]].first()
    if strong is None:
        assert photons.spot.isna().all() and photons.strong.isna().all()
    else:
        assert set(by_beam.index[by_beam.strong.astype(bool)]) == {f"gt{i + 1}{side}" for i, side in enumerate(strong)}
        assert (by_beam.strong == (by_beam.spot % 2 == 1)).all()


def test_fills_that_nobody_states(granules: Sequence[Path], tmp_path: Path) -> None:
    """Clipped files state no fill: the largest number of a type with a sign is one, 255 of a weight is not."""
    with h5py.File(granules[1], "r+") as file:
        group = file["gt1l/land_ice_segments"]
        for name in ("h_li", "fit_statistics/n_fit_photons", "atl06_quality_summary", "fit_statistics/h_rms_misfit"):
            values = group[name][()] if name in group else np.full(group["h_li"].shape, 1.5, "f4")
            if name in group:
                del group[name]
            values[3] = np.finfo("f4").max if values.dtype.kind == "f" else np.iinfo(values.dtype).max
            group.create_dataset(name, data=values)
        # Large, but no fill: it stays what it is.
        group["fit_statistics/h_rms_misfit"][5] = 3.6e20
    _, tables = written(granules[1], tmp_path / "o", "h_rms_misfit")
    row = tables["segments"][tables["segments"].beam == "gt1l"].reset_index(drop=True)
    assert row.loc[3, ["h_li", "n_fit_photons", "quality", "h_rms_misfit"]].isna().all()
    assert row.loc[4, ["h_li", "n_fit_photons", "quality", "h_rms_misfit"]].notna().all()
    assert row.h_rms_misfit[5] == np.float32(3.6e20)
    with h5py.File(granules[0], "r+") as file:
        weights = file["gt1l/heights/weight_ph"]
        weights[0] = 255
    _, tables = written(granules[0], tmp_path / "p")
    assert tables["photons"].yapc[0] == 255


def test_weights_of_release_007(tmp_path: Path) -> None:
    """Sixteen bits, codes of quality that are new, another reference frame."""
    path = write_icesat2(replace(SCENE, release="007", segments=6), tmp_path)[0]
    with h5py.File(path, "r+") as file:
        for beam in SCENE.beams:
            heights = file[f"{beam}/heights"]
            values = heights["weight_ph"][()].astype("u2") * 200
            del heights["weight_ph"]
            heights["weight_ph"] = values
            heights["quality_ph"][0] = 21
    _, tables = written(path, tmp_path / "o")
    assert tables["photons"].crs.to_epsg() == 9989
    assert tables["photons"].yapc_weight.max() == 40_000 and (tables["photons"].quality == 21).sum() == 6
    assert "yapc" not in tables["photons"].columns, "weights of another scale have a column of their own"


def test_a_table_that_is_not_there_costs_itself(granules: Sequence[Path], tmp_path: Path) -> None:
    """Older releases of ATL08 have no cells."""
    with h5py.File(granules[2], "r+") as file:
        for beam in SCENE.beams:
            del file[f"{beam}/land_segments/latitude_20m"]
    found, tables = written(granules[2], tmp_path / "o")
    assert set(tables) == {"segments"} and any("no cells of gt1l" in note for note in found.notes)
    with h5py.File(granules[2], "r+") as file:
        for beam in SCENE.beams:
            del file[f"{beam}/land_segments/latitude"]
    with pytest.raises(ReadError, match="no beam has land_segments/latitude"):
        written(granules[2], tmp_path / "p")


def test_no_segment_at_all(granules: Sequence[Path], tmp_path: Path) -> None:
    """A clip without segments of a beam: photons are there, and what segments say is not."""
    with h5py.File(granules[0], "r+") as file:
        for name in list(file["gt1l/geolocation"]):
            values = file[f"gt1l/geolocation/{name}"][()]
            del file[f"gt1l/geolocation/{name}"]
            file[f"gt1l/geolocation/{name}"] = values[:0]
    for number in range(2):
        _, tables = written(granules[0], tmp_path / str(number), classes=granules[2])
        part = tables["photons"][tables["photons"].beam == "gt1l"]
        assert len(part) and part.x_atc.isna().all() and part.segment_id.isna().all() and part["class"].isna().all()
        assert tables["photons"][tables["photons"].beam == "gt1r"]["class"].notna().any()
        with h5py.File(granules[0], "r+") as file:
            if "geolocation" in file["gt1l"]:
                del file["gt1l/geolocation"]


def covered(shape: Any, x: np.ndarray, y: np.ndarray) -> bool:
    """Tell whether points lie in a footprint, or closer to it than its own rounding."""
    return bool(shapely.covers(shape.buffer(2e-6), shapely.points((x + 180) % 360 - 180, y)).all())


def test_strips_hold_every_point() -> None:
    """Gaps, ends, bends at 88 degrees, the antimeridian: no point lies outside, and nothing else much is inside."""
    along = np.linspace(0, 1, 40_001)
    wide = along[(along < 0.2) | ((along > 0.2001) & (along < 0.3)) | (along > 0.9)]
    tracks = {
        "plain": (138 - 0.4 * wide, -31 + 3 * wide),
        "antimeridian": (179.9 + 0.3 * along, 10 + 2 * along),
        "westwards": (-179.9 - 0.3 * along, 10 - 2 * along),
        # From 60 degrees up to 88 and down again, through all longitudes between.
        "pole": (np.degrees(np.arctan2(np.sin((along - 0.5) * 0.9), 0.035 * np.ones(along.size))) + 150,
                 np.degrees(np.arcsin(np.cos((along - 0.5) * 0.9) * np.sin(np.radians(88))))),
    }  # fmt: skip
    for name, (x, y) in tracks.items():
        halves = np.array_split(np.arange(x.size), 3)
        geometry, bbox = footprint({"gt1l": [thinned(x[half], y[half]) for half in halves]})
        shape = shapely.geometry.shape(geometry)
        assert shape.is_valid and covered(shape, x, y), name
        assert shape.bounds[0] >= -180 and shape.bounds[2] <= 180 and shape.bounds[3] <= 90
        if name in ("antimeridian", "westwards"):
            assert geometry["type"] == "MultiPolygon" and bbox[0] > 179 and bbox[2] < -179, bbox
        if name == "plain":
            assert shape.area < 4 * 0.001 and not shapely.intersects(shape, shapely.Point(x.mean(), -31 + 3 * 0.6))
    one, _ = footprint({"gt1l": [thinned(np.array([20.0]), np.array([50.0]))]})
    assert shapely.geometry.shape(one).area == pytest.approx(0.001**2 / np.cos(np.radians(50)), rel=0.1)


@pytest.mark.parametrize("rows", [37, 100])
def test_rows_do_not_depend_on_how_many_are_read_at_once(
    granules: Sequence[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    with h5py.File(granules[0], "r+") as file:
        for beam in SCENE.beams[1:]:
            del file[beam]
        # Segments without photons at the beginning, between and at the end.
        counts = file["gt1l/geolocation/segment_ph_cnt"][()]
        for empty, other in ((0, 1), (18, 17), (19, 20), (-1, -2)):
            counts[other] += counts[empty]
            counts[empty] = 0
        file["gt1l/geolocation/segment_ph_cnt"][...] = counts
        ids = file["gt1l/geolocation/segment_id"][()]
    _, whole = written(granules[0], tmp_path / "whole")
    assert np.array_equal(whole["photons"].segment_id, np.repeat(ids, counts))
    monkeypatch.setattr(track_rows, "_ROWS", rows)
    _, parts = written(granules[0], tmp_path / "parts")
    one, other = (table["photons"].drop(columns="confidence") for table in (parts, whole))
    assert one.equals(other)
    assert np.array_equal(np.stack(list(parts["photons"].confidence)), np.stack(list(whole["photons"].confidence)))


@pytest.mark.parametrize("orientation", [0, 1])
@pytest.mark.parametrize("origin", [(138.55, -31.2), (179.9999, 60.0), (-60.0, 80.0), (20.0, -75.5)])
def test_footprints_are_counterclockwise(tmp_path: Path, orientation: int, origin: tuple[float, float]) -> None:
    """Every outer ring of every beam, also of those that rounding changes."""
    scene = replace(TrackScene(), segments=25, photons=8, orientation=orientation, origin=origin)
    found, _ = written(write_icesat2(scene, tmp_path)[1], tmp_path / "o")
    geometry, _ = footprint(found.lines)
    rings = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    assert rings and all(shapely.LinearRing(part[0]).is_ccw for part in rings)
    assert shapely.geometry.shape(geometry).is_valid
