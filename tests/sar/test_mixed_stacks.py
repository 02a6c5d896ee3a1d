"""Granules of one place that cannot interfere are stacks of their own; filters by every name that peers use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import stacaster
from stacaster.access import GranuleSearch
from stacaster.errors import UsageError
from stacaster.model import Granule
from tests.earthdata_twin.radar import Radar

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
Change = Callable[[Granule], Granule]


def with_attributes(**values: str) -> Change:
    return lambda granule: replace(granule, attributes={**granule.attributes, **values})


def as_nisar(mode: str, band: str = "L") -> Change:
    name = f"NISAR_{band}2_PR_GSLC_004_113_D_065_{mode}_QPDH_A_20251106T010537_20251106T010600_P05023_N_P_J_001"
    return lambda granule: replace(granule, id=f"{name}_{granule.start:%j}")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda g: replace(g, polarizations=("HH", "HV")), {"copolarization": "HH"}),
        (lambda g: replace(g, polarizations=("HH",)), {"copolarization": "HH"}),
        (with_attributes(BEAM_MODE="EW"), {"beam_mode": "EW"}),
        (with_attributes(LOOK_DIRECTION="LEFT"), {"look_direction": "LEFT"}),
        (with_attributes(PROCESSING_TYPE="GRD_HD"), {"processing_level": "GRD_HD"}),
        (with_attributes(RANGE_BANDWIDTH_CONCAT="77"), {"bandwidth": "77"}),
        (lambda g: replace(g, direction="descending"), {"direction": "descending"}),
    ],
)
def test_what_cannot_interfere_is_apart(radar: Radar, change: Change, key: dict[str, Any]) -> None:
    found = stacaster.sar.find_stacks()
    granules = list(found)
    odd = {granules[1].id, granules[3].id}
    mixed = replace(found, granules=tuple(change(g) if g.id in odd else g for g in granules))
    first, second = sorted(mixed.stacks, key=lambda stack: -len(stack.granules))
    assert len(first.granules) == 3 and {g.id for g in second.granules} == odd
    assert key.items() <= second.key.items() and {"path": 100, "frame": 466}.items() <= first.key.items()
    assert first.name != second.name and first.name.startswith("p100_f466")
    pairs = mixed.pairs(neighbours=4)
    assert len(pairs) == 3 + 1 and all((p.reference in odd) == (p.secondary in odd) for p in pairs)
    assert len(mixed.filter(latest_n=1)) == 2 and len(mixed.filter(min_count=3)) == 3
    everything = GranuleSearch(mixed.granules, None, ())
    with pytest.raises(UsageError, match=f"cannot interfere.*{next(iter(key))}"):
        everything.pairs()


def test_one_channel_of_several_can_interfere(radar: Radar) -> None:
    """VV is measured by VV+VH, too; bursts and NISAR modes of other bandwidths stay apart."""
    found = stacaster.sar.find_stacks()
    single = replace(found, granules=tuple(
        replace(g, polarizations=("VV",)) if n % 2 else g for n, g in enumerate(found)))  # fmt: skip
    assert [stack.name for stack in single.stacks] == ["p100_f466"]
    for changes in ((as_nisar("2005"), as_nisar("4005")), (as_nisar("2005"), as_nisar("2005", "S"))):
        nisar = replace(found, granules=tuple(changes[n % 2](g) for n, g in enumerate(found)))
        assert sorted(len(stack.granules) for stack in nisar.stacks) == [2, 3]
    places = replace(found, granules=tuple(replace(g, frame=466 + n % 2) for n, g in enumerate(found)))
    assert len(places.stacks) == 2
    with pytest.raises(UsageError, match="frame: 466, 467"):
        places.group_by("path").pairs()


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ({"path_frame": (100, 466)}, 5),
        ({"path_frame": [(100, 466), (27, 1)]}, 5),
        ({"pathFrame": [(100, 467)]}, 0),
        ({"season": [11, 12]}, 4),
        ({"season": "11-12"}, 4),
        ({"season": [12, 1]}, 4),
        ({"season": "12-1"}, 4),
        ({"season": [6, 7, 8]}, 0),
        ({"months": [12]}, 3),
        ({"days": [335, 20]}, 3),
        ({"season": [335, 20]}, 3),
        ({"max_count": 2}, 2),
        ({"maxCount": 2, "latestN": 3}, 2),
        ({"drop_above": 4}, 0),
        ({"minCount": 6}, 0),
        ({"latest_n": 2}, 2),
        ({"earliestN": 2}, 2),
        ({"lookDirection": "RIGHT"}, 5),
        ({"look_direction": "left"}, 0),
        ({"processingLevel": "SLC"}, 5),
        ({"processing_level": ["GRD_HD", "slc"]}, 5),
        ({"processingLevel": "GRD_HD"}, 0),
        ({"beamMode": "IW"}, 5),
        ({"beam_mode": "EW,IW"}, 5),
        ({"beamMode": "EW"}, 0),
        ({"flightDirection": "ASCENDING"}, 5),
        ({"relativeOrbit": 100}, 5),
        ({"relative_orbit": [27, 100]}, 5),
        ({"relativeOrbit": 27}, 0),
        ({"frame": [466]}, 5),
        ({"asfFrame": 466}, 5),
        ({"polarization": "VV"}, 5),
        ({"polarization": ["VV", "HH"]}, 5),
        ({"polarization": ["HH", "VV+VH"]}, 5),
        ({"polarization": "VV+HH"}, 0),
        ({"platform": "S1A"}, 5),
        ({"platform": "SENTINEL-1B"}, 0),
        ({"start": "2023-12-01", "end": "2023-12-14"}, 2),
        ({"start": "2023-12-01T00:00:00Z"}, 4),
    ],
)
def test_filters_by_the_names_of_peers(radar: Radar, conditions: dict[str, Any], count: int) -> None:
    found = stacaster.sar.find_stacks(bbox=(138.5, -30.9, 138.6, -30.8))
    assert len(found.filter(**conditions)) == count


@pytest.mark.parametrize(
    "conditions",
    [
        {"path_frame": 100},
        {"path_frame": [(100, 466, 1)]},
        {"path_frame": [100, 466, 467]},
        {"season": [13, 400]},
        {"season": "autumn"},
        {"months": "0"},
        {"days": [5]},
        {"season": "12-2", "months": [1]},
        {"look_direction": "up"},
        {"polarization": "circular"},
        {"flightDirection": "north"},
        {"max_count": 0},
        {"min_count": 3, "drop_above": 2},
        {"latest_n": 1, "earliest_n": 1},
        {"relativeOrbit": 1, "path": 2},
        {"beamModes": "IW"},
        {"start": "yesterday"},
    ],
)
def test_filters_that_make_no_sense(radar: Radar, conditions: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        stacaster.sar.find_stacks().filter(**conditions)
