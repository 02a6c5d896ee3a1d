"""Small NISAR files as tests of other readers (MintPy, viewers) write them: few times, no scales, no name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

import stacaster

IDENTIFICATION = "science/LSAR/identification"
REFERENCE = {
    "orbitPassDirection": "ASCENDING",
    "missionId": "NISAR",
    "referenceZeroDopplerStartTime": "2008-10-12T06:09:11.000000",
    "referenceZeroDopplerEndTime": "2008-10-12T06:09:25.000000",
}
NAMED = (
    "NISAR_L2_PR_GUNW_004_077_A_024_005_4000_SH_20251103T124615_20251103T124650_20251115T124615_20251115T124650_"
    "P05023_N_F_J_001.h5"
)
PHASE = np.arange(20, dtype="float32").reshape(4, 5)


def write_gunw(path: Path, said: dict[str, str], *, epsg: int = 32612, first: tuple[float, float] = (4e5, 4.3e6),
               step: tuple[float, float] = (80.0, -80.0)) -> Path:  # fmt: skip
    """Write an unwrapped interferogram of 5 by 4 pixels, with coordinates of their centres."""
    with h5py.File(path, "w") as file:
        for name, text in said.items():
            file[f"{IDENTIFICATION}/{name}"] = np.bytes_(text)
        group = file.create_group("science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/HH")
        group["xCoordinates"] = first[0] + np.arange(5) * step[0]
        group["yCoordinates"] = first[1] + np.arange(4) * step[1]
        group["xCoordinateSpacing"], group["yCoordinateSpacing"] = step
        group["projection"] = np.int32(epsg)
        group["unwrappedPhase"] = PHASE
        group["connectedComponents"] = np.zeros((4, 5), "int32")
    return path


def item_of(path: Path) -> Any:
    report = stacaster.ingest([path], catalog=path.parent / "c", workers=1)
    assert not report.failed, report.failed
    (item,) = stacaster.open_catalog(path.parent / "c").search().items()
    return item


@pytest.mark.parametrize(
    ("epsg", "first", "step", "corner"),
    [
        (32612, (4e5, 4.3e6), (80.0, -80.0), (399960.0, 4300040.0)),
        (32712, (4e5, 4.3e6), (80.0, -80.0), (399960.0, 4300040.0)),
        (32612, (4e5, 4.2e6), (80.0, 80.0), (399960.0, 4199960.0)),
        (4326, (-78.0, 0.98), (0.001, -0.001), (-78.0005, 0.9805)),
    ],
)
def test_a_pair_that_states_its_reference_only(
    epsg: int, first: tuple[float, float], step: tuple[float, float], corner: tuple[float, float], tmp_path: Path
) -> None:
    item = item_of(write_gunw(tmp_path / "gunw.h5", REFERENCE, epsg=epsg, first=first, step=step))
    assert item.properties["start_datetime"][:19] == "2008-10-12T06:09:11"
    assert item.properties["end_datetime"][:19] == "2008-10-12T06:09:25"
    assert any("secondaryZeroDopplerEndTime" in note for note in item.properties["stacaster:notes"])
    with rasterio.open(item.assets["unwrappedPhase_HH"].href) as cog:
        assert cog.crs.to_epsg() == epsg and np.array_equal(cog.read(1), PHASE)
        assert (cog.transform.c, cog.transform.f) == pytest.approx(corner, abs=1e-9)
        assert (cog.transform.a, cog.transform.e) == pytest.approx(step)


def test_times_that_a_file_lacks_are_those_of_its_name(tmp_path: Path) -> None:
    item = item_of(write_gunw(tmp_path / NAMED, {"orbitPassDirection": "ASCENDING"}))
    assert item.properties["start_datetime"][:19] == "2025-11-03T12:46:15"
    assert item.properties["end_datetime"][:19] == "2025-11-15T12:46:50"


def test_a_pair_spans_both_acquisitions_in_either_order(tmp_path: Path) -> None:
    later = {
        "secondaryZeroDopplerStartTime": "2008-09-30T06:09:11",
        "secondaryZeroDopplerEndTime": "2008-09-30T06:09:25",
    }
    item = item_of(write_gunw(tmp_path / "gunw.h5", REFERENCE | later))
    assert item.properties["start_datetime"][:19] == "2008-09-30T06:09:11"
    assert item.properties["end_datetime"][:19] == "2008-10-12T06:09:25"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"missionId": "NISAR"}, "no identification/zeroDopplerStartTime or zeroDopplerEndTime"),
        (
            REFERENCE | {"secondaryZeroDopplerEndTime": "soon"},
            "secondaryZeroDopplerEndTime is 'soon', which is no time",
        ),
    ],
)
def test_without_a_time_there_is_no_item(said: dict[str, str], words: str, tmp_path: Path) -> None:
    path = write_gunw(tmp_path / "gunw.h5", said)
    report = stacaster.ingest([path], catalog=tmp_path / "c", workers=1)
    assert len(report.failed) == 1 and words in str(report.failed[0].reason)
