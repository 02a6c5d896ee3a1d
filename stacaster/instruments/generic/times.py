"""When a file was observed: from its metadata, its sidecars, its time axis, and last its name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacaster.formats.metadata import ecs
from stacaster.model import GranuleContent

_START = ("time_coverage_start", "rangebeginningdatetime", "startdatetime", "startgranuledatetime", "start_time",
          "begin_time", "starttime", "beginning_time", "sensing_time", "rangebeginning",
          "observation_date")  # fmt: skip
_END = (
    "time_coverage_end",
    "rangeendingdatetime",
    "enddatetime",
    "stopgranuledatetime",
    "end_time",
    "endtime",
    "rangeending",
)
DAY_OF_YEAR = re.compile(
    r"(?:^|[._-])[AsS]?(?P<year>(?:19|20)\d{2})(?P<day>\d{3})(?:[._T-]?(?P<clock>\d{4,6})\d*)?(?=[._-]|$|T)"
)
CALENDAR = re.compile(
    r"(?:^|[._-])(?P<date>(?:19|20)\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01]))(?:[T_-]?S?(?P<clock>\d{6}|\d{4}))?(?=\D|$)"
)
_ONE_DAY = dt.timedelta(days=1)


class Said:
    """Texts of attributes by their name without groups, lower case; headers of several lines are split."""

    def __init__(self, content: GranuleContent) -> None:
        self._texts: dict[str, str] = {}
        self.time_axis: Mapping[str, Any] | None = content.attributes.get("time_axis")
        for key, value in content.attributes.items():
            name = key.rpartition("/")[2].lower()
            if isinstance(value, (str, int, float)):
                self._texts.setdefault(name, str(value).strip("\0 \n"))
            if isinstance(value, str) and ";\n" in value:
                for line in value.split(";\n"):
                    inner, found, text = line.partition("=")
                    if found:
                        self._texts.setdefault(inner.strip().lower(), text.strip())
        self.layers = content.layers

    def text(self, names: tuple[str, ...]) -> str:
        """Return the first text with one of these names; empty without one."""
        return next(
            (
                self._texts[name]
                for name in names
                if self._texts.get(name, "SET_BY") and "SET_BY" not in self._texts.get(name, "SET_BY")
            ),
            "",
        )


def parsed(text: Any) -> dt.datetime | None:
    """Return a time in UTC; None for what is none."""
    try:
        return ecs.parse_time(str(text).strip())
    except ValueError:
        return None


def times_of(
    content: GranuleContent, said: Said, umm: Mapping[str, Any], base: str
) -> tuple[dt.datetime | None, dt.datetime | None, str]:
    """Return first and last time, and what says so: metadata first, the name of the file last."""
    for source, pair in _stated_times(content, said, umm):
        start, end = (None if value is None else parsed(value) for value in pair)
        if start is not None:
            return start, end if end is not None and end >= start else None, source
    pair_of_axis = _axis_times(said.time_axis)
    if pair_of_axis is not None:
        return pair_of_axis[0], pair_of_axis[1], "time axis"
    named = time_of_name(base)
    return (None, None, "") if named is None else (named, None, "file name")


def _stated_times(content: GranuleContent, said: Said, umm: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    extent = umm.get("TemporalExtent") or {}
    if "RangeDateTime" in extent:
        inner = extent["RangeDateTime"]
        yield "CMR record", (inner.get("BeginningDateTime"), inner.get("EndingDateTime"))
    if extent.get("SingleDateTime"):
        yield "CMR record", (extent["SingleDateTime"], None)
    for first, last in (("RANGEBEGINNING", "RANGEENDING"), ("CALENDAR", "")):
        date = content.find(f"{first}DATE")
        clock = content.find(f"{first}TIME") or content.find("TIMEOFDAY") or "00:00:00"
        if date is not None:
            end = content.find(f"{last}DATE") if last else None
            yield "ECS metadata", (f"{date}T{clock}", end and f"{end}T{content.find(f'{last}TIME') or '23:59:59'}")
    date, end = said.text(("rangebeginningdate",)), said.text(("rangeendingdate",))
    if date:
        clocks = said.text(("rangebeginningtime",)) or "00:00:00", said.text(("rangeendingtime",)) or "23:59:59"
        yield "attributes of the file", (f"{date}T{clocks[0]}", f"{end}T{clocks[1]}" if end else None)
    if said.text(_START):
        yield "attributes of the file", (said.text(_START), said.text(_END) or None)


def _axis_times(axis: Mapping[str, Any] | None) -> tuple[dt.datetime, dt.datetime | None] | None:
    """Return first and last time of a time axis of CF, in calendars whose days are those of the civil one."""
    if axis is None:
        return None
    match = re.match(r"\s*(?P<unit>[a-z]+)s?\s+since\s+(?P<epoch>.+)", str(axis["units"]).strip("\0 "), re.IGNORECASE)
    seconds = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "hr": 3600, "day": 86400}
    unit = None if match is None else seconds.get(match["unit"].lower().rstrip("s"))
    epoch = (
        None if match is None else parsed(re.sub(r"\s*(UTC|Z)?$", "", match["epoch"].strip().replace(" 0:", " 00:")))
    )
    calendar = str(axis.get("calendar", "standard")).strip("\0 ").lower()
    # GPM writes julian and counts civil days since 1970.
    is_civil = calendar in ("standard", "gregorian", "proleptic_gregorian", "julian", "none", "")
    if unit is None or epoch is None:
        return None
    try:
        if is_civil:
            first, last = (epoch + dt.timedelta(seconds=float(axis[key]) * unit) for key in ("first", "last"))
        elif calendar in ("noleap", "365_day"):
            first, last = (_noleap(epoch, float(axis[key]) * unit / 86400) for key in ("first", "last"))
        else:
            return None
    except (OverflowError, ValueError):
        return None
    return first, last if last > first else None


def _noleap(epoch: dt.datetime, days: float) -> dt.datetime:
    """Return the date after a number of days in years of 365 days."""
    plain = epoch.replace(year=2001)
    years, rest = divmod((plain - dt.datetime(2001, 1, 1, tzinfo=dt.UTC)) / _ONE_DAY + days, 365)
    moved = dt.datetime(2001, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=rest)
    return moved.replace(year=epoch.year + int(years))


def time_of_name(base: str) -> dt.datetime | None:
    """Return the first date in the name of a file: ``A2016145``, ``20200101-S120000``, ``2019336.2315``."""
    found: list[tuple[int, dt.datetime]] = []
    for match in DAY_OF_YEAR.finditer(base):
        day = int(match["day"])
        if 1 <= day <= 366:
            begin = dt.datetime(int(match["year"]), 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day - 1)
            found.append((match.start(), begin + _clock(match["clock"])))
    for match in CALENDAR.finditer(base):
        try:
            begin = dt.datetime.strptime(match["date"].replace("-", ""), "%Y%m%d").replace(tzinfo=dt.UTC)
        except ValueError:
            continue
        found.append((match.start(), begin + _clock(match["clock"])))
    return min(found)[1] if found else None


def _clock(text: str | None) -> dt.timedelta:
    digits = text or ""
    hours, minutes, seconds = (int(digits[start : start + 2] or 0) for start in (0, 2, 4))
    if hours > 23 or minutes > 59 or seconds > 60:
        return dt.timedelta()
    return dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)
