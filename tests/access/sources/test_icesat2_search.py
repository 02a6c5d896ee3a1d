"""ICESat-2 at the twin: tracks, cycles, releases, seasons, polygons, and from the answer into a catalog."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely

import stacaster
from stacaster.errors import UsageError
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.records import icesat2_record
from tests.earthdata_twin.server import Twin

HERE, THERE = (138.0, -32.0, 139.0, -31.0), (10.0, 40.0, 11.0, 41.0)
START = datetime(2021, 1, 10, 3, 10, 5)


def name_of(cycle: int, track: int, release: str = "006", revision: str = "01", product: str = "ATL03") -> str:
    moment = START + timedelta(days=91 * cycle + track % 7)
    return f"{product}_{moment:%Y%m%d%H%M%S}_{track:04d}{cycle:02d}08_{release}_{revision}"


@pytest.fixture
def passes(twin: Twin) -> Cmr:
    """Six cycles of three tracks; one pass in two releases and two revisions, one of another product."""
    names = [name_of(cycle, track) for cycle in range(10, 16) for track in (1131, 1132, 7)]
    names += [name_of(12, 1131, "005", "02"), name_of(12, 1131, "006", "02"), name_of(12, 1131, product="ATL08")]
    records = [
        icesat2_record(number, name, THERE if "_0007" in name else HERE, node=30.0 if "_0007" in name else 150.0)
        for number, name in enumerate(names)
    ]
    service = Cmr(records)
    twin.routes["cmr.earthdata.nasa.gov"] = service
    return service


def found(**conditions: Any) -> list[tuple[int, int]]:
    """Return track and cycle of what a search finds."""
    names = [granule.id.split("_")[2] for granule in stacaster.search("ATL03", **conditions)]
    return sorted((int(name[:4]), int(name[4:6])) for name in names)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"track": 1131, "cycle": 14}, [(1131, 14)]),
        ({"cycle": "12"}, [(7, 12), (1131, 12), (1132, 12)]),
        ({"track": "1131,1132", "cycle": "10-11,15"}, [(t, c) for t in (1131, 1132) for c in (10, 11, 15)]),
        ({"track": [7], "cycle": [10, 13]}, [(7, 10), (7, 13)]),
        ({"track": 1131, "months": "10-12"}, [(1131, 11), (1131, 15)]),
        ({"bbox": (137, -33, 140, -30), "cycle": 13}, [(1131, 13), (1132, 13)]),
        ({"track": 1131, "start": "2024", "end": "2024-06"}, [(1131, 12), (1131, 13)]),
        ({"track": 99}, []),
    ],
)
def test_tracks_cycles_seasons(passes: Cmr, conditions: dict[str, Any], expected: list[tuple[int, int]]) -> None:
    assert found(**conditions) == expected


def test_polygons_and_versions(passes: Cmr) -> None:
    area = shapely.geometry.mapping(shapely.Polygon([(138, -32), (139, -32), (138.5, -31)]))
    assert {track for track, _ in found(intersects=area)} == {1131, 1132}
    (newest,) = stacaster.search("ATL03", track=1131, cycle=12)
    assert newest.id == name_of(12, 1131, "006", "02"), "a release, then a revision, supersedes"
    every = stacaster.search("ATL03", track=1131, cycle=12, all_versions=True)
    assert len(every) == 3
    (older,) = stacaster.search("ATL03", track=1131, cycle=12, version="005")
    assert older.id == name_of(12, 1131, "005", "02")
    assert newest.geometry is not None and newest.attributes["approximate_footprint"]
    for wrong in ({"track": 1388}, {"cycle": "0"}, {"track": "x"}, {"track": 5, "name": "ATL03_*"}):
        with pytest.raises(UsageError):
            stacaster.search("ATL03", **wrong)


def test_from_a_search_into_a_catalog(twin: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Photons of one cycle, downloaded with a login, beside their ATL08, cut to an area."""
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    hosts = Earthdata(twin)
    records: list[dict[str, Any]] = []
    for cycle in (16, 17):
        moment = datetime(2022, 8, 14, 3, 10, 5, tzinfo=UTC) + timedelta(days=91 * (cycle - 16))
        scene = replace(TrackScene(segments=30, photons=20), cycle=cycle, start=moment)
        for path in write_icesat2(scene, tmp_path):
            hosts.files[f"/nsidc-cumulus-prod-protected/{path.name}"] = path.read_bytes()
            records.append(icesat2_record(len(records), path.stem, HERE, content=path.read_bytes()))
            path.unlink()
    twin.routes["cmr.earthdata.nasa.gov"] = Cmr(records)
    trees = stacaster.fetch(stacaster.search("ATL08", cycle=16))
    folder = next(iter(trees.files)).parent
    report = stacaster.ingest_search("ATL03", cycle=16, bbox=HERE, classes=folder, catalog=tmp_path / "c")
    assert [outcome.status for outcome in report.outcomes] == ["ingested"], report
    catalog = stacaster.open_catalog(tmp_path / "c")
    (item,) = catalog.search().items()
    assert item.properties["icesat2:cycle"] == 16
    photons = catalog.points("photons")
    assert len(photons) > 500 and photons["class"].notna().any() and set(photons.cycle) == {16}


@pytest.mark.parametrize("how", ["remote", "download"])
def test_classes_come_with_the_photons(twin: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    """The ATL08 of each pass is searched and downloaded, whatever its revision; a pass without one fails alone."""
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    hosts = Earthdata(twin)
    records: list[dict[str, Any]] = []
    for cycle in (16, 17):
        moment = datetime(2022, 8, 14, 3, 10, 5, tzinfo=UTC) + timedelta(days=91 * (cycle - 16))
        scene = replace(TrackScene(segments=20, photons=20, beams=("gt1l",)), cycle=cycle, start=moment)
        for path in write_icesat2(scene, tmp_path):
            if path.name.startswith("ATL08") and cycle == 17:
                continue
            name = path.name.replace("_006_01", "_006_02") if "ATL08" in path.name else path.name
            hosts.files[f"/nsidc-cumulus-prod-protected/{name}"] = path.read_bytes()
            records.append(icesat2_record(len(records), name[:-3], HERE, content=path.read_bytes()))
            path.unlink()
    twin.routes["cmr.earthdata.nasa.gov"] = Cmr(records)
    options: dict[str, Any] = {"remote": True} if how == "remote" else {}
    report = stacaster.ingest_search("ATL03", bbox=HERE, with_classes=True, catalog=tmp_path / "c", **options)
    assert {outcome.status for outcome in report.outcomes} == {"ingested", "failed"}, report
    assert "no ATL08 granule of its pass" in str(report.failed[0].reason)
    photons = stacaster.open_catalog(tmp_path / "c").points("atl03_photons")
    assert photons["class"].notna().sum() > 100 and set(photons.cycle) == {16}
    with pytest.raises(UsageError, match="with_classes is for ATL03"):
        stacaster.ingest_search("ATL06", bbox=HERE, with_classes=True, catalog=tmp_path / "c", **options)
    with pytest.raises(UsageError, match="give one of them"):
        stacaster.ingest_search(
            "ATL03", bbox=HERE, with_classes=True, classes=tmp_path, catalog=tmp_path / "c2", **options
        )
