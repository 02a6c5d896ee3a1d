"""Stacks on disk and in a catalog: download, interruption, space, the one command and its few lines of Python."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.access.fetch import TransferRules
from stacaster.errors import NothingFoundError, SpaceError, UsageError
from stacaster.sar.elevation.tiles import Tile
from stacaster.sar.orbits import mission_of
from tests.access.fetch.test_fault_matrix import cut
from tests.earthdata_twin.earthdata import CDN_HOST
from tests.earthdata_twin.elevation import tile_bytes
from tests.earthdata_twin.radar import DEM_BUCKET, ORBIT_BUCKET, BucketAt, Radar, orbit_file
from tests.earthdata_twin.server import Answer, Twin
from tests.sar.conftest import SCENES

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
RULES = TransferRules(attempts=3, connect_s=5, read_s=1, slow_s=1, budget_s=30)


def test_folders_files_and_sidecars(radar: Radar, tmp_path: Path) -> None:
    found = stacaster.sar.find_stacks(latest_n=2)
    seen: dict[str, int] = {}
    files = stacaster.sar.download_stacks(
        found, tmp_path / "out", rules=RULES, progress=lambda n, d, t: seen.update({n: d})
    )
    folder = tmp_path / "out" / "p100_f466"
    assert files.folders == {"p100_f466": folder} and not files.report.failed
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {f"{scene.name()}{end}" for scene in SCENES[-2:] for end in (".zip", ".cmr.json")}
    assert {f"{scene.name()}.zip" for scene in SCENES[-2:]} <= set(seen)
    again = stacaster.sar.download_stacks(found, tmp_path / "out", rules=RULES)
    assert {outcome.status for outcome in again.report.outcomes} == {"present"}
    report = stacaster.ingest([folder], catalog=tmp_path / "c")
    assert not report.failed and len(report.outcomes) == 2
    items = list(stacaster.open_catalog(tmp_path / "c").search().items())
    assert {item.properties["stacaster:frame"] for item in items} == {466}
    with pytest.raises(NothingFoundError):
        stacaster.sar.download_stacks(found.filter(season="6"), tmp_path / "out")


def test_bursts_wait_until_they_are_cut_out(
    radar: Radar, twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stacaster.network.transport._POLL_S", 0.05)
    radar.still_working = 3
    found = stacaster.sar.find_stacks(dataset="SLC-BURST", earliest_n=1)
    files = stacaster.sar.download_stacks(found, tmp_path / "out", workers=1, rules=RULES)
    name = SCENES[0].burst_name(2, 1, "VV")
    folder = tmp_path / "out" / "p100_f100_213001_IW2"
    assert {path.name for path in files.report.files} == {f"{name}.tiff", f"{name}.xml", f"{name}.cmr.json"}
    assert not stacaster.ingest([folder], catalog=tmp_path / "c").failed
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert item.properties["stacaster:burst_id"] == "100_213001_IW2" and set(item.assets) == {"burst", "metadata"}
    assert mission_of(found[0]) == "S1A", "names of bursts do not say the satellite, records do"


def test_broken_transfers_go_on_and_bad_bytes_are_refused(radar: Radar, tmp_path: Path) -> None:
    found = stacaster.sar.find_stacks(earliest_n=1)
    radar.earthdata.faults[CDN_HOST] = [cut(0.5), cut(0.8, reset=True)]
    files = stacaster.sar.download_stacks(found, tmp_path / "a", rules=RULES, workers=1)
    (path,) = [p for p in files.report.files if p.suffix == ".zip"]
    asked = [request.headers.get("range") for request in radar.earthdata.cdn_requests]
    assert asked[0] is None and any(text and text.startswith("bytes=") for text in asked[1:])
    whole = path.read_bytes()
    radar.earthdata.faults[CDN_HOST] = [lambda _, answer: replace(answer, body=answer.body[:-9] + b"x" * 9)] * 9
    (failed,) = stacaster.sar.download_stacks(found, tmp_path / "b", rules=RULES).report.failed
    assert failed.error == "IntegrityError" and "MD5" in (failed.reason or "")
    assert not list((tmp_path / "b").rglob("*.zip"))
    radar.earthdata.faults.clear()
    files = stacaster.sar.download_stacks(found, tmp_path / "b", rules=RULES)
    assert next(p for p in files.report.files if p.suffix == ".zip").read_bytes() == whole


def test_space_is_looked_at_before_the_first_byte(
    radar: Radar, twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = stacaster.sar.find_stacks()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("stacaster.files.system.disk.shutil.disk_usage", lambda _: usage(10**9, 10**9, 64 << 20))
    twin.log.clear()
    with pytest.raises(SpaceError, match=r"GB are still to come, but only 0\.07 GB are free in out; nothing"):
        stacaster.sar.download_stacks(found, tmp_path / "out")
    assert not twin.log and not (tmp_path / "out").exists()


COMMAND = ["stack", "--dataset", "SENTINEL-1", "--bbox", "138.5", "-30.9", "138.6", "-30.8", "--relative-orbit", "100",
           "--frame", "466", "--start", "2023-11-01"]  # fmt: skip


def call(repository: Path, folder: Path, *words: str, wait: bool = True) -> Any:
    command = [sys.executable, "-m", "stacaster", *words]
    env = {**os.environ, "PYTHONPATH": str(repository)}
    if not wait:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_ctrl_c_is_clean_and_the_same_command_goes_on(
    radar: Radar, twin: Twin, repository: Path, tmp_path: Path
) -> None:
    radar.earthdata.faults[CDN_HOST] = [lambda _, answer: replace(answer, stall_at=40_000)] * 5
    process = call(repository, tmp_path, *COMMAND, wait=False)
    for _ in range(600):
        if len(list(tmp_path.rglob("*.zip.part.json"))) >= 3:
            break
        time.sleep(0.1)
    assert list(tmp_path.rglob("*.zip.part.json")), "bytes were on their way"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in errors
    assert not list(tmp_path.rglob("*.zip")), "nothing unfinished has its name"
    twin.released.set()
    radar.earthdata.faults.clear()
    done = call(repository, tmp_path, *COMMAND)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.rglob("*.zip"))) == 5 and not list(tmp_path.rglob("*.part*"))


@pytest.fixture
def whole(radar: Radar, twin: Twin, moto: str, request: pytest.FixtureRequest) -> Radar:
    """The facility, the orbits of all scenes but the last, and two tiles of heights."""
    name = "w" + "".join(c for c in request.node.name.lower() if c.isalnum())[-40:]
    orbits, tiles = BucketAt(twin, ORBIT_BUCKET, moto, f"{name}o"), BucketAt(twin, DEM_BUCKET, moto, f"{name}t")
    for scene in SCENES[:-1]:
        file, content = orbit_file(scene, step=60.0)
        orbits.put(f"AUX_POEORB/{file}", content)
    land = [Tile(-31, 138), Tile(-32, 138)]
    for tile in land:
        tiles.put(tile.key, tile_bytes(tile))
    others = [Tile(row, column).name for row in range(60, 66) for column in range(-100, 100)]
    tiles.put("tileList.txt", "\n".join([*(tile.name for tile in land), *others]).encode())
    return radar


def test_one_command(whole: Radar, twin: Twin, repository: Path, tmp_path: Path) -> None:
    dry = call(repository, tmp_path, *COMMAND, "--dry-run")
    assert dry.returncode == 0 and "5 granules" in dry.stderr and "p100" not in dry.stdout
    assert not (tmp_path / "stacks").exists()
    twin.routes["catalogue.dataspace.copernicus.eu"] = lambda _: Answer(body=b'{"value": []}')
    twin.routes["s1qc.asf.alaska.edu"] = lambda _: Answer(404)
    (tmp_path / "s.toml").write_text("[stack]\nlatest_n = 3\nmax_days = 40\nwith_orbits = true\n")
    done = call(repository, tmp_path, *COMMAND, "--config", "s.toml", "--latest-n", "2", "--with-orbits", "--with-dem",
                "--heights", "geoid",
                "--catalog", "c", "--json")  # fmt: skip
    assert done.returncode == 4, done.stderr
    told = json.loads(done.stdout)
    assert told["stacks"][0]["count"] == 2 and {g["status"] for g in told["granules"]} == {"fetched"}
    kinds = [orbit.get("kind") for orbit in told["orbits"]]
    assert kinds == ["POEORB", None] and "no POEORB or RESORB of S1A covers" in done.stderr
    assert "404" in told["orbits"][1]["reason"], "what a place said is part of the reason"
    dem = told["dems"]["p100_f466"]
    assert Path(tmp_path, dem["path"]).is_file() and "Copernicus_DSM_COG_10_S31_00_E139_00_DEM" in dem["ocean"]
    assert "ocean filled with 0" in done.stderr
    folder = tmp_path / "stacks" / "p100_f466"
    rows = list(csv.DictReader((folder / "pairs.csv").read_text().splitlines()))
    assert [(row["reference_date"], row["secondary_date"]) for row in rows] == [("2023-12-26", "2024-01-26")]
    page = (tmp_path / "stacks" / "footprints.html").read_text()
    assert (
        "p100_f466: 2" in page and "data:image/png;base64" in page and "http" not in page.replace("http://www.w3", "")
    )
    catalog = stacaster.open_catalog(tmp_path / "c")
    count = {name: len(catalog.search(collections=[name])) for name in ("sentinel-1-slc", "copernicus-dem-glo-30")}
    assert count == {"sentinel-1-slc": 2, "copernicus-dem-glo-30": 1}
    assert stacaster.catalog.check_catalog(tmp_path / "c", deep=True) == []
    assert not list((tmp_path / "home").glob("*netrc*")), "no netrc is written"
    bad = call(repository, tmp_path, "stack", "--season", "13-14")
    assert bad.returncode == 2 and "season" in bad.stderr
    none = call(repository, tmp_path, "stack", "--relative-orbit", "27")
    assert none.returncode == 3 and "no granule fits" in none.stderr


def test_few_lines_of_python(whole: Radar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = stacaster.sar.find_stacks(
        dataset="SENTINEL-1", bbox=(138.5, -30.9, 138.6, -30.8), relative_orbit=100, frame=466
    )
    found = found.filter(season="12-1", end="2023-12-31")
    files = stacaster.sar.download_stacks(found, "stacks")
    orbits = stacaster.sar.fetch_orbits(found, "stacks/orbits")
    dem = stacaster.sar.make_dem(found, "stacks/dem", heights="geoid", catalog="insar")
    stacaster.access.write_pairs(found.pairs(neighbours=2, max_days=36), "stacks/pairs.csv")
    report = stacaster.ingest(files.folders.values(), catalog="insar")
    assert len(report.outcomes) == 3 and dem.item_id and {orbit.kind for orbit in orbits} == {"POEORB"}
    assert len(list(csv.DictReader(Path("stacks/pairs.csv").read_text().splitlines()))) == 3
    records = found.baselines()[0].baselines
    precise = found.baselines(vectors=stacaster.sar.orbit_vectors(found, orbits))[0].baselines
    assert [b.perpendicular for b in precise] == pytest.approx([b.perpendicular for b in records], abs=0.5)
    assert len(list(Path("stacks/orbits").glob("*.EOF"))) == 3
    result = stacaster.sar.stack({"bbox": "138.5,-30.9,138.6,-30.8", "latest_n": 1}, output="one", catalog="one/c")
    assert result.report is not None and len(result.report.outcomes) == 1 and not result.errors
    with pytest.raises(UsageError, match="geoid EGM2008"):
        stacaster.sar.stack({"latest_n": 1}, with_dem=True, output="two")
    assert not Path("two").exists()


def test_stacks_have_colours_and_counts(radar: Radar, tmp_path: Path) -> None:
    both = stacaster.access.GranuleSearch(
        (*stacaster.sar.find_stacks(), *stacaster.sar.find_stacks(dataset="SLC-BURST")), None, ("path", "frame")
    )
    land = tmp_path / "land.geojson"
    land.write_text(
        json.dumps({"type": "Polygon", "coordinates": [[[138, -32], [140, -32], [140, -30], [138, -30], [138, -32]]]})
    )
    page = stacaster.access.draw_footprints(both, tmp_path / "x.html", basemap=land).read_text()
    assert "10 granules in 2 stacks" in page and "p100_f466: 5" in page and "p100_f100_213001_IW2: 5" in page
    assert page.count('class="land"') == 1
    colours = {part.split('"')[0] for part in page.split('style="fill:')[1:]}
    assert len(colours) == 2
    image = pytest.importorskip("matplotlib.image")
    pixels = image.imread(stacaster.access.draw_footprints(both, tmp_path / "x.png", basemap=land))
    orange = (pixels[..., 0] > 0.8) & (pixels[..., 2] < 0.3)
    blue = (pixels[..., 2] > 0.6) & (pixels[..., 0] < 0.3)
    assert orange.sum() > 50 and blue.sum() > 50
    with pytest.raises(UsageError, match="which is no file"):
        stacaster.access.draw_footprints(both, tmp_path / "y.html", basemap=tmp_path / "no.gpkg")
    assert 'class="land"' in stacaster.access.draw_footprints(both, tmp_path / "w.html").read_text()
    assert 'class="land"' not in stacaster.access.draw_footprints(both, tmp_path / "n.html", basemap="none").read_text()


def test_items_form_the_same_stacks(radar: Radar, tmp_path: Path) -> None:
    files = stacaster.sar.download_stacks(stacaster.sar.find_stacks(), tmp_path / "out", rules=RULES)
    stacaster.ingest(files.folders.values(), catalog=tmp_path / "c", workers=2)
    (stack,) = stacaster.open_catalog(tmp_path / "c").search().stacks()
    assert stack.key["sat:relative_orbit"] == 100 and stack.key["stacaster:frame"] == 466 and len(stack) == 5
    mine = {b.id: b.perpendicular for b in stack.baselines()}
    theirs = {b.id: b.perpendicular for b in stacaster.sar.find_stacks().baselines()[0].baselines}
    assert mine.keys() == theirs.keys()
    assert all(mine[key] == pytest.approx(theirs[key], abs=0.6) for key in mine)


def test_search_download_and_ingest_in_one_go(radar: Radar, tmp_path: Path) -> None:
    root = tmp_path / "c"
    one: dict[str, Any] = {"catalog": root, "cache_dir": tmp_path / "cache", "limit": 1}
    assert not stacaster.ingest_search("SENTINEL-1", attributes={"processingLevel": "SLC"}, **one).failed
    assert not stacaster.ingest_search("SLC-BURST", **one).failed
    found = {item.collection_id: item for item in stacaster.open_catalog(root).search().items()}
    assert set(found) == {"sentinel-1-slc", "sentinel-1-bursts"}
    again = stacaster.ingest_search("SLC-BURST", **one)
    assert [outcome.status for outcome in again.outcomes] == ["skipped"]
