"""Search of radar stacks, groups, filters, baselines and pairs against the twin of the facility."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.analysis.stacks import parse_season
from stacaster.cli.commands.stacks import stack as stack_command
from stacaster.errors import NothingFoundError, UsageError
from stacaster.model.stack_options import described
from tests.earthdata_twin.radar import Radar
from tests.earthdata_twin.server import Twin
from tests.sar.conftest import SCENES

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 5),
        ({"relative_orbit": 100, "frame": 466}, 5),
        ({"relativeOrbit": 100, "asfFrame": 466, "flightDirection": "ASCENDING"}, 5),
        ({"relative_orbit": [100, 27], "frame": "400-500"}, 5),
        ({"relative_orbit": 27}, 0),
        ({"platform": "S1A"}, 5),
        ({"platform": ["SENTINEL-1B", "Sentinel-1C"]}, 0),
        ({"beamMode": "IW", "polarization": "VV+VH", "lookDirection": "right"}, 5),
        ({"polarization": ["VV", "VV+VH"]}, 5),
        ({"flight_direction": "descending"}, 0),
        ({"absolute_orbit": SCENES[0].absolute_orbit}, 1),
        ({"start": "2023-12-01", "end": "2023-12-14"}, 2),
        ({"season": "12-2"}, 4),
        ({"season": "12-10/01-31"}, 3),
        ({"season": [335, 20]}, 3),
        ({"season": "6,7,8"}, 0),
        ({"intersectsWith": "POLYGON((138.5 -30.9, 138.6 -30.9, 138.6 -30.8, 138.5 -30.8, 138.5 -30.9))"}, 5),
        ({"bbox": "10,10,11,11"}, 0),
        ({"bbox": (138.5, -30.9, 138.6, -30.8), "maxResults": 2}, 2),
        ({"granule_list": [SCENES[1].name()]}, 1),
        ({"processing_level": "GRD_HD"}, 0),
        ({"dataset": "SLC-BURST"}, 5),
        ({"dataset": "SLC-BURST", "fullBurstID": "100_213001_IW2"}, 5),
        ({"dataset": "SLC-BURST", "full_burst_id": "100_213009_IW2"}, 0),
        ({"bbox": (138.0, -31.5, 139.5, -30.0), "min_coverage": 0.9}, 0),
        ({"min_count": 6}, 0),
        ({"max_count": 4}, 4),
        ({"drop_above": 4}, 0),
        ({"season": [12, 1]}, 4),
        ({"season": [11]}, 1),
        ({"months": "12-1"}, 4),
        ({"days": [335, 20]}, 3),
        ({"days": "335-20"}, 3),
        ({"name": "S1_SLC"}, 5),
        ({"name": "S1_Burst_Config"}, 5),
        ({"dataset": "S1_SLC", "polarization": "HH"}, 0),
        ({"dataset": ["SENTINEL-1", "SLC-BURST"]}, 10),
        ({"dataset": ["SENTINEL-1"], "processingLevel": ["SLC", "GRD_HD"]}, 5),
        ({"instrument": "C-SAR"}, 5),
        ({"instrument": "PALSAR"}, 0),
        ({"stack_from_id": SCENES[2].name() + "-SLC"}, 5),
        ({"stack_from_id": SCENES[2].burst_name(2, 1, "VV"), "latest_n": 2}, 2),
        ({"granule_names": [SCENES[0].name() + ".zip", SCENES[1].name() + "-SLC"]}, 2),
        ({"latest_n": 2}, 2),
        ({"processingDate": "2100-01-01"}, 0),
    ],
)
def test_options(radar: Radar, options: dict[str, Any], count: int) -> None:
    assert len(stacaster.sar.find_stacks(**options)) == count


def test_groups_filter_and_reset(radar: Radar) -> None:
    found = stacaster.sar.find_stacks(bbox=(138.5, -30.9, 138.6, -30.8))
    (row,) = found.summary(scenes=True)
    assert (row["path"], row["frame"], row["count"], row["direction"]) == (100, 466, 5, "ascending")
    assert [scene["id"] for scene in row["scenes"]] == [scene.name() for scene in SCENES]
    assert found.stacks[0].name == "p100_f466"
    winter = found.filter(season="12-2", polarisation="VV", asfFrame=466)
    assert [g.start.month for g in winter] == [12, 12, 12, 1]
    assert len(winter.filter(start="2023-12-26", end="2023-12-26")) == 1, "a whole last day counts"
    assert len(winter.filter(latest_n=3).filter(earliest_n=1)) == 1
    assert len(winter.filter(orbits=[SCENES[1].absolute_orbit])) == 1
    assert len(winter.filter(direction="DESCENDING")) == 0 and len(winter.filter(frame=467)) == 0
    assert len(winter.filter(min_count=5)) == 0 and len(winter.filter(drop_above=3)) == 0
    assert [g.id for g in winter.filter(max_count=3)] == [g.id for g in winter][:3], "the first ones of each stack"
    assert len(found.filter(min_coverage=0.99)) == 5
    assert winter.filter(latest_n=1).reset().granules == found.granules
    assert winter.reset().keys == ("path", "frame")
    bursts = stacaster.sar.find_stacks(dataset="SLC-BURST")
    assert [(s.key["path"], s.key["frame"], len(s.granules)) for s in bursts.stacks] == [(100, "100_213001_IW2", 5)]
    assert bursts.stacks[0].name == "p100_f100_213001_IW2"


def test_bad_input_names_what_there_is(radar: Radar, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'relativOrbit' is no option of a stack; nearest are relative_orbit"):
        stacaster.sar.find_stacks(relativOrbit=100)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match=r"no condition 'frames'; nearest are frame"):
        stacaster.sar.find_stacks().filter(frames=1)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="another name of relative_orbit"):
        stacaster.sar.find_stacks(path=1, relativeOrbit=2)  # type: ignore[call-arg]
    for season in ("13-2", "2-30/3-1", [0, 5], "winter", [1, 2, 300], [], "", [True], [1.5], 0, [400, 5]):
        with pytest.raises(UsageError, match="season"):
            stacaster.sar.find_stacks(season=season)
    with pytest.raises(UsageError, match="season and days each say"):
        stacaster.sar.find_stacks(season="12-2", days=[1, 2])
    for days in ("12", [1], [0, 5], "a-b", [1, 2, 3]):
        with pytest.raises(UsageError, match="days is"):
            stacaster.sar.find_stacks(days=days)
    with pytest.raises(UsageError, match="months is"):
        stacaster.sar.find_stacks(months=[335, 60])
    with pytest.raises(UsageError, match="no preset; nearest are"):
        stacaster.sar.find_stacks(name="S1_SCL")
    with pytest.raises(NothingFoundError, match="stack_from_id"):
        stacaster.sar.find_stacks(stack_from_id="S1A_IW_SLC__1SDV_19990101T000000")
    with pytest.raises(UsageError, match="64 searches"):
        stacaster.sar.find_stacks(relative_orbit=list(range(1, 100)))
    with pytest.raises(UsageError, match="cannot be read as a geometry"):
        stacaster.sar.find_stacks(intersects_with="POLYGON((1 2, 3")
    with pytest.raises(UsageError, match="bursts have no frame"):
        stacaster.sar.find_stacks(dataset="SLC-BURST", frame=466)
    with pytest.raises(UsageError, match="processing_level such as"):
        stacaster.sar.find_stacks(dataset="NISAR")
    (tmp_path / "x.toml").write_text("datset = 'ALOS'\n")
    with pytest.raises(UsageError, match="nearest are dataset"):
        stacaster.sar.find_stacks(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text("dataset = ALOS\n")
    with pytest.raises(UsageError, match="cannot be read"):
        stacaster.sar.find_stacks(tmp_path / "x.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        stacaster.sar.find_stacks(tmp_path / "y.toml")


def test_toml_table_and_arguments_are_one(radar: Radar, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('[stack]\nrelativeOrbit = [100]\nframe = 466\nseason = "12-2"\nlatest_n = 2\n')
    assert len(stacaster.sar.find_stacks(tmp_path / "x.toml")) == 2
    assert len(stacaster.sar.find_stacks(tmp_path / "x.toml", latest_n=3)) == 3, "arguments go before the file"
    config = stacaster.sar.StackConfig.from_toml(tmp_path / "x.toml")
    assert len(stacaster.sar.find_stacks(config)) == len(stacaster.sar.find_stacks({"frame": 466, "latest": 2})) == 2
    assert (config.relative_orbit, config.season) == ([100], "12-2")


def test_command_line_has_the_same_options() -> None:
    known = {param.name: getattr(param, "help", None) for param in stack_command.params}
    assert list(known)[1 : len(described()) + 1] == list(described())
    assert all(known[name] == words for name, (_, words) in described().items())


def test_a_configuration_is_its_options() -> None:
    config = stacaster.sar.StackConfig(relative_orbit=100, latest_n=2)
    assert config == stacaster.sar.StackConfig.build({"relativeOrbit": 100, "latest": 2})
    assert config.to_dict() == {"relative_orbit": 100, "latest_n": 2}
    assert repr(config) == "StackConfig(relative_orbit=100, latest_n=2)", "in the order of the definition"
    assert (config.workers, config.output, config.geoid) == (4, "stacks", None)
    with pytest.raises(AttributeError):
        _ = config.relativ_orbit


def test_season_over_the_turn_of_the_year() -> None:
    def days(season: Any) -> list[str]:
        first = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
        found = parse_season(season)
        inside = [first + dt.timedelta(n) for n in range(365) if found.holds(first + dt.timedelta(n))]
        return [f"{day:%m-%d}" for day in (inside[0], inside[-1])] + [str(len(inside))]

    assert days("11-15/02-20") == ["01-01", "12-31", str(31 + 20 + 16 + 31)]
    assert days("12-2") == ["01-01", "12-31", str(31 + 31 + 28)]
    assert days([335, 60]) == ["01-01", "12-31", str(60 + 31)]
    assert days("03-05/03-07") == ["03-05", "03-07", "3"]
    assert days([60, 60]) == ["03-01", "03-01", "1"]
    assert days("6,8") == ["06-01", "08-31", "61"]


def test_baselines_pairs_and_their_files(radar: Radar, tmp_path: Path) -> None:
    found = stacaster.sar.find_stacks()
    (entry,) = found.baselines()
    assert [round(b.temporal) for b in entry.baselines] == [0, 12, 24, 36, 67]
    assert entry.baselines[0].perpendicular == pytest.approx(0, abs=1e-6)
    # The satellite was moved up by r and to the right, where it looks, by c: r sin + c cos of the look angle, which
    # follows from the sides of the triangle of satellite (7071 km), ground (6372.5 km) and range (868 km).
    cosine = (868.0**2 + 7071.0**2 - 6372.5**2) / (2 * 868.0 * 7071.0)
    sine = (1 - cosine**2) ** 0.5
    for baseline, scene in zip(entry.baselines[1:4], SCENES[1:4], strict=True):
        assert baseline.perpendicular == pytest.approx(scene.radial * sine + scene.across * cosine, abs=0.7)
    other = found.baselines(reference=SCENES[1].name())[0].baselines
    assert other[0].perpendicular == pytest.approx(-(entry.baselines[1].perpendicular or 0), abs=0.05)
    pairs = found.pairs(neighbours=2, max_days=24)
    assert [(round(p.days), p.reference[-4:]) for p in pairs][:3] == [(12, SCENES[0].name()[-4:]),
                                                                     (24, SCENES[0].name()[-4:]),
                                                                     (12, SCENES[1].name()[-4:])]  # fmt: skip
    assert len(pairs) == 5
    path = stacaster.access.write_pairs(pairs, tmp_path / "pairs.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert rows[0]["reference_date"] == "2023-11-20" and rows[0]["secondary_date"] == "2023-12-02"
    assert float(rows[0]["perpendicular"]) == pytest.approx(entry.baselines[1].perpendicular, abs=1e-3)
    assert all(abs(p.perpendicular or 0) < 50 for p in found.pairs(neighbours=4, max_perpendicular=50))
    pytest.importorskip("matplotlib")
    picture = stacaster.access.plot_baselines(found.baselines(), tmp_path / "b.png", pairs=pairs)
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="which was not found"):
        found.baselines(reference="x")
    with pytest.raises(UsageError, match="at least 1"):
        found.pairs(neighbours=0)
    with pytest.raises(NothingFoundError, match="there is no stack"):
        stacaster.access.plot_baselines([], tmp_path / "c.png")


def test_one_question_for_each_value(radar: Radar, twin: Twin) -> None:
    stacaster.sar.find_stacks(relative_orbit=[100, 27], frame=466, max_results=7)
    asked = [request.parameters.get("attribute[]") for request in twin.log if "umm_json" in request.path]
    paths = [next(a for a in attributes if "PATH_NUMBER" in a) for attributes in asked if attributes]
    assert list(dict.fromkeys(paths)) == ["int,PATH_NUMBER,100", "int,PATH_NUMBER,27"]
    assert all("string,PROCESSING_TYPE,SLC" in attributes for attributes in asked if attributes)
