"""Boxes and time ranges as people write them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stacaster.errors import UsageError
from stacaster.geo.bbox_datetime import interval_text, parse_bbox, parse_datetime, time_range


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


DAY = (utc(2003, 8, 21), utc(2003, 8, 21, 23, 59, 59, 999999))
YEARS = (utc(2003, 1, 1), utc(2004, 12, 31, 23, 59, 59, 999999))


@pytest.mark.parametrize(
    "value",
    [
        "2003-08-21", "2003-8-21", "2003/08/21", "20030821", dt.date(2003, 8, 21), dt.datetime(2003, 8, 21),
        pd.Timestamp("2003-08-21"), np.datetime64("2003-08-21"), np.datetime64("2003-08-21", "ns"),
        pd.Period("2003-08-21"), ["2003-08-21"], ("2003-08-21", dt.date(2003, 8, 21)),
        slice("2003-08-21", "2003-08-21"),
    ],
)  # fmt: skip
def test_one_day_in_every_form(value: Any) -> None:
    assert parse_datetime(value) == DAY


@pytest.mark.parametrize(
    "value",
    [
        "2003/2004", "2003-01-01/2004-12-31", "2003 to 2004", "2003-01-01 - 2004-12-31", "2003,2004", ("2003", "2004"),
        [2003, 2004], slice("2003", "2004"), (dt.date(2003, 1, 1), dt.date(2004, 12, 31)),
        (dt.datetime(2003, 1, 1), pd.Timestamp("2004-12-31")), pd.DatetimeIndex(["2003-01-01", "2004-12-31"]),
        (np.datetime64("2003"), np.datetime64("2004")), np.array(["2003-01-01", "2004-12-31"], "M8[D]"),
    ],
)  # fmt: skip
def test_two_years_in_every_form(value: Any) -> None:
    assert parse_datetime(value) == YEARS
    assert parse_datetime(interval_text(YEARS)) == YEARS


def test_open_ends_moments_and_zones() -> None:
    assert parse_datetime(("2003", None)) == parse_datetime("2003/..") == parse_datetime(slice("2003", None))
    assert parse_datetime((None, "2003")) == parse_datetime("../2003")
    assert parse_datetime(pd.Timestamp("2003-08-21T01:02", tz="Australia/Adelaide"))[0] == utc(2003, 8, 20, 15, 32)
    assert parse_datetime(2003) == parse_datetime("2003") == time_range(start="2003", end=2003)
    assert time_range(start=dt.date(2003, 8, 21), end="2003-08-21") == DAY
    assert time_range() is None


@pytest.mark.parametrize(
    "value",
    [pd.NaT, np.datetime64("NaT"), True, {}, ["2003"] * 3, b"2003", 2003.5, [], slice("2003", "2004", 2), object(),
     "2003-08-21T25:00", ("2003/2004", None)],
)  # fmt: skip
def test_what_is_no_time_is_a_usage_error(value: Any) -> None:
    with pytest.raises(UsageError, match="datetime"):
        parse_datetime(value)


def test_start_and_end_are_single_times() -> None:
    with pytest.raises(UsageError, match="start is '2003/2004'"):
        time_range(start="2003/2004")
    with pytest.raises(UsageError, match="give one of them"):
        time_range("2003", start="2003")


def test_days_of_a_year_and_tables_of_two_ends() -> None:
    first, last = parse_datetime(["2024-060", "2024-366"])
    assert (first, last) == parse_datetime("2024-02-29/2024-12-31")
    assert parse_datetime({"start_date": "2022-08-01", "end_date": None}) == parse_datetime("2022-08-01/..")
    for wrong in ("2023-366", "2023-000", {"from": "2022"}, {}):
        with pytest.raises(UsageError):
            parse_datetime(wrong)
