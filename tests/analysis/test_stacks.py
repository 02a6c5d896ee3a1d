"""What is chosen from granules, with shares of areas worked by hand."""

from __future__ import annotations

import datetime as dt
import math

import pytest
import shapely

from stacaster.analysis.stacks import choose, group, parse_selection
from stacaster.model import Granule


def granule(day: int, box: tuple[float, float, float, float] | None, path: int | None = 1) -> Granule:
    moment = dt.datetime(2003, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day)
    geometry = None if box is None else shapely.geometry.mapping(shapely.box(*box))
    return Granule(id=f"g{day}", source="x", product="P", version="1", collection="C", geometry=geometry, start=moment,
                   end=moment, files=(), path=path)  # fmt: skip


def test_share_of_the_area_on_the_sphere() -> None:
    # Between 0 and 60 degrees north the sphere has sin(60) of a hemisphere; up to 30 degrees it is sin(30).
    area = shapely.geometry.mapping(shapely.box(0, 0, 10, 60))
    share = math.sin(math.radians(30)) / math.sin(math.radians(60))
    half = granule(1, (-5, -10, 20, 30))
    assert list(choose([half], parse_selection(min_coverage=share - 1e-6), area)) == [half]
    assert list(choose([half], parse_selection(min_coverage=share + 1e-6), area)) == []
    whole = granule(2, (0, 0, 10, 60))
    assert list(choose([whole, granule(3, None)], parse_selection(min_coverage=1), area)) == [whole]


def test_stacks_are_ordered_by_number_and_unknown_comes_last() -> None:
    found = group([granule(day, None, path) for day, path in enumerate((100, 9, None, 9))], ["path"])
    assert [(stack.key["path"], len(stack.granules)) for stack in found] == [(9, 2), (100, 1), (None, 1)]


@pytest.mark.parametrize(("rules", "days"), [({"latest": 2}, [2, 3]), ({"earliest": 2}, [0, 1]), ({}, [0, 1, 2, 3])])
def test_latest_and_earliest(rules: dict, days: list[int]) -> None:
    given = [granule(day, None) for day in range(4)]
    assert list(choose(iter(given), parse_selection(**rules), None)) == [given[day] for day in days]
