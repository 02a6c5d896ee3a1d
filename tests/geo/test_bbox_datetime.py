"""Boxes and time ranges as people write them."""

from __future__ import annotations

import datetime as dt

import pytest

from stacaster.errors import UsageError
from stacaster.geo.bbox_datetime import parse_bbox, parse_datetime


@pytest.mark.parametrize(
    "text", ["129,-38.1,141,-26", "129 -38.1 141 -26", " 129, -38.1, 141, -26 ", [129, -38.1, 141, -26]]
)
def test_bbox_in_all_spellings(text: str | list[float]) -> None:
    assert parse_bbox(text) == (129.0, -38.1, 141.0, -26.0)


def test_bbox_across_the_antimeridian_is_kept() -> None:
    assert parse_bbox("170,-20,-170,-10") == (170.0, -20.0, -170.0, -10.0)


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1,nan,2,3", "0,10,1,5", "0,-91,1,0", "181,0,182,1"]
)
def test_wrong_boxes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="bbox"):
        parse_bbox(text)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2003", utc(2003, 1, 1), utc(2003, 12, 31, 23, 59, 59, 999999)),
        ("2004-02", utc(2004, 2, 1), utc(2004, 2, 29, 23, 59, 59, 999999)),
        ("2003-12", utc(2003, 12, 1), utc(2003, 12, 31, 23, 59, 59, 999999)),
        ("2003-05-06", utc(2003, 5, 6), utc(2003, 5, 6, 23, 59, 59, 999999)),
        ("2003-05-06/2003-05-07", utc(2003, 5, 6), utc(2003, 5, 7, 23, 59, 59, 999999)),
        ("2003/..", utc(2003, 1, 1), None),
        ("../2003-05", None, utc(2003, 5, 31, 23, 59, 59, 999999)),
        ("2003-05-06T01:02:03Z", utc(2003, 5, 6, 1, 2, 3), utc(2003, 5, 6, 1, 2, 3)),
        ("2003-05-06T01:02:03+09:30", utc(2003, 5, 5, 15, 32, 3), utc(2003, 5, 5, 15, 32, 3)),
    ],
)
def test_time_ranges(text: str, start: dt.datetime | None, end: dt.datetime | None) -> None:
    assert parse_datetime(text) == (start, end)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2003-13", "2003-02-30", "2004/2003", "2003/2004/2005", "03-2004", "9999"]
)
def test_wrong_times_are_refused(text: str) -> None:
    if text == "9999":
        with pytest.raises(UsageError, match="9999"):
            parse_datetime(text)
        return
    with pytest.raises(UsageError, match="datetime"):
        parse_datetime(text)
