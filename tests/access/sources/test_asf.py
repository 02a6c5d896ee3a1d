"""Radar of the Alaska Satellite Facility over CMR: names of datasets and options, releases, stacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import stacaster
from stacaster.access.sources import asf
from stacaster.errors import UsageError
from stacaster.model import Query
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.records import nisar_record
from tests.earthdata_twin.server import Twin

START = datetime(2025, 11, 6, 1, 5, 37)


@pytest.fixture
def nisar(twin: Twin) -> Cmr:
    """Two frames of one track, five cycles; one scene in four releases and one of the opposite direction."""
    records: list[dict] = []
    for cycle in range(5):
        for frame in (65, 66):
            box = (138.0 + (frame - 65), -32.0, 139.0 + (frame - 65), -31.0)
            start = START + timedelta(days=12 * cycle, seconds=30 * (frame - 65))
            records.append(nisar_record(len(records), start, box, frame=frame, cycle=cycle + 4))
    for number, crid in enumerate(("X05007", "X05009", "X05013")):
        box = (138.0, -32.0, 139.0, -31.0)
        records.append(nisar_record(100 + number, START, box, crid=crid, release="BETA_V1"))
    up = nisar_record(200, START + timedelta(days=3), (138.0, -32.0, 139.0, -31.0), track=20, frame=12, direction="A")
    service = Cmr([*records, up])
    twin.routes["cmr.earthdata.nasa.gov"] = service
    return service


def test_all_releases_are_asked_and_the_newest_kept(nisar: Cmr, twin: Twin) -> None:
    found = stacaster.search("NISAR_L2_GCOV")
    assert len(found) == 11 and {granule.source for granule in found} == {"asf"}
    asked = twin.log[-1].parameters
    assert asked["short_name[]"] == [f"NISAR_L2_GCOV_{r}" for r in ("BETA_V1", "PROVISIONAL_V1", "V1")]
    assert asked["provider"] == ["ASF"]
    first = found[0]
    # A production release is newer than a beta release, though its letter sorts before.
    assert "_P05023_" in first.id and (first.path, first.frame, first.direction) == (113, 65, "descending")
    assert first.polarizations == ("HH", "HV") and first.attributes["CRID"] == "P05023"
    assert [file.name.endswith("QA_STATS.h5") for file in first.data_files] == [False]
    assert len(stacaster.search("NISAR_L2_GCOV", all_versions=True)) == 14


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ({"path": 113}, 10),
        ({"path": "1-50"}, 1),
        ({"frame": "66"}, 5),
        ({"frame": (65, 66), "path": 113}, 10),
        ({"direction": "ascending"}, 1),
        ({"direction": "D"}, 10),
        ({"polarization": "HH+HV"}, 11),
        ({"polarization": "VV"}, 0),
        ({"attributes": {"frameCoverage": "F"}}, 11),
        ({"attributes": {"frameCoverage": "partial"}}, 0),
        ({"attributes": {"relativeOrbit": "20"}}, 1),
        ({"attributes": {"processingLevel": "GCOV", "flightDirection": "Descending"}}, 10),
        ({"attributes": {"int:TRACK_NUMBER": "100..120"}}, 10),
        ({"latest": 2}, 2),
        ({"group_by": "path,frame", "latest": 1}, 3),
        ({"group_by": "path,frame", "min_count": 5}, 10),
        ({"group_by": ["path", "frame"], "min_count": 2, "earliest": 2}, 4),
        ({"bbox": [138, -32, 139.5, -31], "min_coverage": 0.6}, 6),
    ],
)
def test_conditions(nisar: Cmr, conditions: dict, count: int) -> None:
    assert len(stacaster.search("NISAR_L2_GCOV", source="asf", **conditions)) == count


def test_stacks_with_their_summary(nisar: Cmr) -> None:
    found = stacaster.search("NISAR_L2_GCOV", group_by="path,frame")
    size = len(b"\x89HDF\r\n\x1a\n simulated")
    assert found.summary() == [
        {"path": 20, "frame": 12, "count": 1, "first": "2025-11-09", "last": "2025-11-09", "direction": "ascending",
         "bytes": size},
        {"path": 113, "frame": 65, "count": 5, "first": "2025-11-06", "last": "2025-12-24", "direction": "descending",
         "bytes": 5 * size},
        {"path": 113, "frame": 66, "count": 5, "first": "2025-11-06", "last": "2025-12-24", "direction": "descending",
         "bytes": 5 * size},
    ]  # fmt: skip
    assert [stack.name for stack in found.stacks] == ["p20_f12", "p113_f65", "p113_f66"]
    latest = found.select(latest=1, min_count=2)
    assert [granule.start.date().isoformat() for granule in latest] == ["2025-12-24"] * 2
    assert "113" in found._repr_html_()


def test_datasets_and_frames() -> None:
    """Frames are the facility's own for Sentinel-1, ALOS and NISAR, and ESA's for others, as asf_search asks."""
    plain = Query(path=(100, 100), frame=(466, 466))
    sentinel = asf.as_cmr_query(replace(plain, product="SENTINEL-1", polarization="VV+VH"))
    assert sentinel.platforms == ("SENTINEL-1A", "SENTINEL-1B", "SENTINEL-1C", "SENTINEL-1D")
    assert sentinel.product is None and sentinel.provider == "ASF"
    assert sentinel.attributes == {
        "int:PATH_NUMBER": "100", "int:FRAME_NUMBER": "466", "string:POLARIZATION": "VV+VH",
    }  # fmt: skip
    assert "int:CENTER_ESA_FRAME" in asf.as_cmr_query(replace(plain, product="ERS")).attributes
    assert asf.as_cmr_query(replace(plain, product="NISAR_L2_GSLC")).attributes == {
        "int:TRACK_NUMBER": "100", "int:FRAME_NUMBER": "466",
    }  # fmt: skip
    exact = asf.as_cmr_query(Query(product="SENTINEL-1A_SLC"))
    assert exact.product == "SENTINEL-1A_SLC" and not exact.platforms and not exact.short_names


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"attributes": {"beamMod": "IW"}}, "did you mean beamMode"),
        ({"attributes": {"frameCoverage": "half"}}, "F .full. or P"),
        ({"direction": "sideways"}, "all are ascending, descending"),
        ({"path": "x"}, "a number such as 98"),
        ({"frame": "9-3"}, "a number such as 98"),
        ({"group_by": "colour"}, "cannot be grouped by 'colour'; nearest are"),
        ({"latest": 2, "earliest": 1}, "exclude each other"),
        ({"latest": 0}, "at least 1"),
        ({"min_coverage": 1.5}, "from 0 to 1"),
        ({"min_coverage": 0.5}, "needs an area"),
    ],
)
def test_what_cannot_be_asked(nisar: Cmr, conditions: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        stacaster.search("NISAR_L2_GCOV", **conditions)
