"""Photons get the classes of the ATL08 granule of their pass, whatever its revision, and wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.samples.icesat2 import TrackScene, write_icesat2

SCENE = TrackScene(segments=20, photons=20, beams=("gt1l", "gt1r"))
PASS = "20220814031005_11311608"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pass")
    write_icesat2(SCENE, folder)
    return folder


def put(written: Path, folder: Path, product: str, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(written / f"{SCENE.name(product)}.h5", folder / name))


def classified(catalog: Path) -> tuple[int, str]:
    opened: Catalog = stacaster.open_catalog(catalog)
    (item,) = opened.search(collections="icesat2-atl03").items()
    photons = opened.points("atl03_photons")
    count = int(photons["class"].notna().sum()) if "class" in photons.columns else 0
    return count, " ".join(item.properties["stacaster:notes"])


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        ("006_02", "006_01"),
        ("006_01", "006_02"),
        ("006_01", "006_01"),
        ("007_01", "006_02"),
        ("006_01", "007_01"),
        ("005_12", "006_01"),
        ("006_02_subsetted", "006_01"),
        ("006_02", "006_01_subsetted"),
    ],
)
def test_releases_and_revisions_may_differ(written: Path, tmp_path: Path, own: str, theirs: str) -> None:
    photons = put(written, tmp_path / "in", "ATL03", f"ATL03_{PASS}_{own}.h5")
    trees = put(written, tmp_path / "in", "ATL08", f"ATL08_{PASS}_{theirs}.h5")
    assert not stacaster.ingest([photons], catalog=tmp_path / "c").failed
    count, notes = classified(tmp_path / "c")
    with h5py.File(trees) as file:
        assert count == sum(file[f"{beam}/signal_photons/classed_pc_flag"].size for beam in SCENE.beams) > 0
    assert trees.name in notes and (own[:6] == theirs[:6]) == ("beside" not in notes)


def test_names_of_subsets_and_other_folders(written: Path, tmp_path: Path) -> None:
    """Of one ingest, of a subsetter, of several: the release of the photons goes first."""
    photons = put(written, tmp_path / "a", "ATL03", f"processed_ATL03_{PASS}_006_02.h5")
    put(written, tmp_path / "b", "ATL08", f"processed_ATL08_{PASS}_006_01.h5")
    assert not stacaster.ingest([tmp_path / "a", tmp_path / "b"], catalog=tmp_path / "c").failed
    assert classified(tmp_path / "c")[0] > 0
    for release in ("005_09", "006_01", "007_01"):
        put(written, tmp_path / "d" / release, "ATL08", f"ATL08_{PASS}_{release}.h5")
    put(written, tmp_path / "d", "ATL08", "ATL08_20220814031005_11311708_006_02.h5")
    assert not stacaster.ingest([photons], catalog=tmp_path / "e", classes=tmp_path / "d").failed
    assert f"ATL08_{PASS}_006_01.h5" in classified(tmp_path / "e")[1]
    only = tmp_path / "d" / "007_01" / f"ATL08_{PASS}_007_01.h5"
    assert not stacaster.ingest([photons], catalog=tmp_path / "f", classes=[only]).failed
    assert "which is 007_01 beside 006_02" in classified(tmp_path / "f")[1]


def test_a_named_folder_without_the_pass_is_an_error(written: Path, tmp_path: Path) -> None:
    photons = put(written, tmp_path / "a", "ATL03", f"ATL03_{PASS}_006_02.h5")
    put(written, tmp_path / "b", "ATL08", "ATL08_20220814031005_11311607_006_01.h5")
    (failed,) = stacaster.ingest([photons], catalog=tmp_path / "c", classes=tmp_path / "b").failed
    assert failed.error == "UsageError" and "no ATL08 granule of its pass" in str(failed.reason), failed
    assert "(1 ATL08 granules" in str(failed.reason)
    renamed = put(written, tmp_path / "n", "ATL03", "photons.h5")
    (failed,) = stacaster.ingest([renamed], catalog=tmp_path / "c", classes=tmp_path / "b").failed
    assert "does not say its pass" in str(failed.reason)
    assert not stacaster.ingest([photons], catalog=tmp_path / "c").failed, "without classes nothing is missing"


def test_photons_of_another_release_are_not_taken_for_the_same(written: Path, tmp_path: Path) -> None:
    """Of photons whose times differ only those get no class; of a beam that is another all."""
    photons = put(written, tmp_path, "ATL03", f"ATL03_{PASS}_006_02.h5")
    trees = put(written, tmp_path, "ATL08", f"ATL08_{PASS}_007_01.h5")
    with h5py.File(trees, "r+") as file:
        times = file["gt1l/signal_photons/delta_time"]
        size = times.size
        times[...] = times[()] + np.where(np.arange(size) < 5, 0.5, 0.0)
        del file["gt1r"]
    assert not stacaster.ingest([photons], catalog=tmp_path / "c").failed
    count, notes = classified(tmp_path / "c")
    assert count == size - 5 and f"gt1l: 5 of {size} photons" in notes
    assert "classifies no photon of this beam" in notes


def test_segments_of_atl08_for_photons(written: Path, tmp_path: Path) -> None:
    """Land cover without asking, other datasets on request, by the segment of 100 m that a photon lies in."""
    photons = put(written, tmp_path, "ATL03", f"ATL03_{PASS}_006_02.h5")
    trees = put(written, tmp_path, "ATL08", f"ATL08_{PASS}_006_01.h5")
    with h5py.File(trees, "r+") as file:
        del file["gt1r/land_segments/canopy/h_canopy"]
        first = file["gt1l/land_segments/segment_id_beg"][()]
        cover = file["gt1l/land_segments/segment_landcover"][()]
        file["gt1l/land_segments/canopy/h_canopy"][...] = np.arange(first.size) + 0.5
    wanted = ["land_segments/canopy/h_can*", "terrain/h_te_best_fit", "geolocation/segment_length", "nothing_at_all"]
    assert not stacaster.ingest([photons], catalog=tmp_path / "c", variables=wanted).failed
    catalog = stacaster.open_catalog(tmp_path / "c")
    table = catalog.points("atl03_photons", where="beam = 'gt1l'")
    assert {"landcover", "h_canopy", "h_te_best_fit", "segment_length"} <= set(table.columns)
    for number, row in table.groupby("segment_id"):
        place = next((i for i, begin in enumerate(first) if begin <= number < begin + 5), None)
        if place is None:
            assert row.h_canopy.isna().all()
            continue
        assert (row.h_canopy == place + 0.5).all()
        assert row.landcover.isna().all() if cover[place] == 255 else (row.landcover == cover[place]).all()
    assert catalog.points("atl03_photons", where="beam = 'gt1r'").h_canopy.isna().all()
    (item,) = catalog.search(collections="icesat2-atl03").items()
    notes = " ".join(item.properties["stacaster:notes"])
    assert "nothing_at_all" in notes and "h_te_best_fit" not in notes
    rows = stacaster.icesat2.vegetation_metrics(table, length=100, fields=["h_canopy%", "segment_length"])
    part = table[table["class"].notna()]
    inside = part[(part.x_atc - table.x_atc.min()) < 100]
    assert rows["h_canopy%"].iloc[0] == pytest.approx(inside.h_canopy.mean())
    assert inside.landcover.isna().all() or rows.landcover.iloc[0] == inside.landcover.mode().iloc[0]
    assert set(rows.segment_length) == {20.0} and set(rows["gt"]) == {10} and set(rows.spot) == {1}
    assert {"rgt", "cycle", "region", "segment_id", "ground_photon_count"} <= set(rows.columns)


@pytest.mark.parametrize("name", ["processed_ATL08_{}_006_01", "ATL08_{}_006_01_subsetted"])
@pytest.mark.parametrize("first", ["whole", "part"])
def test_a_part_and_its_whole_granule_count_once(written: Path, tmp_path: Path, name: str, first: str) -> None:
    """In any order of ingest the whole granule supersedes what a service cut out of it."""
    whole = put(written, tmp_path / "a", "ATL08", f"ATL08_{PASS}_006_01.h5")
    part = put(written, tmp_path / "b", "ATL08", f"{name.format(PASS)}.h5")
    for path in (whole, part) if first == "whole" else (part, whole):
        assert not stacaster.ingest([path], catalog=tmp_path / "c").failed
    catalog = stacaster.open_catalog(tmp_path / "c")
    segments = catalog.points("atl08_segments")
    assert set(segments.item_id) == {whole.stem}
    assert catalog.sql("select count(*) n from atl08_segments").to_dataframe().n[0] == len(segments)
    assert set(catalog.points("atl08_segments", ids=[part.stem]).item_id) == {part.stem}
    (older,) = stacaster.catalog.dedupe(tmp_path / "c", dry_run=True)
    assert (older.item_id, older.newest[1]) == (part.stem, whole.stem)
    newer = put(written, tmp_path / "d", "ATL08", f"{name.format(PASS)}.h5".replace("_006_01", "_006_02"))
    assert not stacaster.ingest([newer], catalog=tmp_path / "c").failed
    assert len(set(catalog.points("atl08_segments").item_id)) == 2, "a part of another revision is no part of this one"
