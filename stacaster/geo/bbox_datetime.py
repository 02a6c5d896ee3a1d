"""Where and when: bounding boxes and time ranges as people write them. Pure functions."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stacaster.errors import StacasterWarning, UsageError
from stacaster.model.values import shortened

Interval = tuple[dt.datetime | None, dt.datetime | None]
"""First and last moment, both included; None is open."""

_PARTIAL = re.compile(r"(?P<year>\d{4})(?:(?P<mark>[-/])(?P<month>\d{1,2})(?:(?P=mark)(?P<day>\d{1,2}))?)?")
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")
_MOMENT = re.compile(r"\d{4}(?:-\d{2}-\d{2}|\d{4})[Tt ]")
_DAY_OF_YEAR = re.compile(r"(?P<year>\d{4})-(?P<number>\d{3})")
_WEEK = re.compile(r"\d{4}-?W\d{2}", re.IGNORECASE)
_DAY = re.compile(r"\d{4}/\d{1,2}/\d{1,2}")
_FORMS = "such as 2003, 2003-08, 2003-08-21, 2003-08-21T00:49:00Z, or two of them as start/end (2001/2005, 2005/..)"
_ENDS = (("start", "end"), ("start_date", "end_date"), ("start_datetime", "end_datetime"), ("start_time", "end_time"))
_OPEN = ("", "..", "none", "null")
_SIDES = (
    ("west", "south", "east", "north"), ("minx", "miny", "maxx", "maxy"), ("xmin", "ymin", "xmax", "ymax"),
    ("left", "bottom", "right", "top"), ("lon_min", "lat_min", "lon_max", "lat_max"),
)  # fmt: skip


def parse_bbox(value: Any) -> tuple[float, float, float, float]:
    """Return west, south, east, north in degrees.

    A west greater than east means that the box crosses the antimeridian.

    Args:
        value: Four numbers in any sequence, text such as ``129,-38.1,141,-26`` or ``129 -38.1 141 -26``, six numbers
            with heights, a table with ``west`` ... or ``minx`` ..., or anything with ``total_bounds``.

    Raises:
        UsageError: There are not four finite numbers, a latitude is outside -90 to 90, or south is above north.
    """
    from stacaster.model.values import read_number

    parts = _numbers_of(value)
    try:
        numbers = [read_number("bbox", part) for part in parts]
    except UsageError as error:
        raise UsageError(_no_box(value)) from error
    if len(numbers) == 6:
        # With heights, as GeoJSON writes it.
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4:
        raise UsageError(_no_box(value))
    west, south, east, north = numbers
    order = "; the order is west, south, east, north" if -180 <= south <= 180 and -180 <= north <= 180 else ""
    if not -90 <= south <= north <= 90:
        raise UsageError(
            f"bbox has south {south:g} and north {north:g}, but -90 <= south <= north <= 90 in degrees is needed{order}"
        )
    if not (-180 <= west <= 180 and -180 <= east <= 180):
        raise UsageError(
            f"bbox has west {west:g} and east {east:g}, but both must lie between -180 and 180 degrees; "
            "a box across the antimeridian has a west greater than its east, such as 170,-20,-170,-10"
        )
    if 0 < west - east < 180:
        warnings.warn(
            f"bbox goes from west {west:g} eastwards over 180 degrees to {east:g}, more than half around the Earth; "
            f"give {east:g},{south:g},{west:g},{north:g} when west and east were swapped",
            StacasterWarning,
            stacklevel=3,
        )
    return west, south, east, north


def _no_box(value: Any) -> str:
    return f"bbox is {shortened(value)}, but four numbers west, south, east, north in degrees are needed"


def _numbers_of(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [part for part in re.split(r"[,;\s]+", value.strip().strip("[]()").strip()) if part]
    if isinstance(value, Mapping):
        lower = {str(key).lower(): entry for key, entry in value.items()}
        names = next((names for names in _SIDES if set(names) <= set(lower)), None)
        if names is None:
            raise UsageError(f"bbox is {shortened(value)}, but west, south, east and north are needed")
        return [lower[name] for name in names]
    if hasattr(value, "total_bounds"):
        frame = value if getattr(value, "crs", None) is None else value.to_crs(4326)
        return list(frame.total_bounds)
    if getattr(value, "crs", None) is not None and hasattr(value, "to_crs"):
        # A bounding box or geometry of odc-geo.
        value = value.to_crs("EPSG:4326")
        value = getattr(value, "boundingbox", value)
    if hasattr(value, "geom_type"):
        return list(value.bounds)
    if not isinstance(value, Iterable):
        raise UsageError(_no_box(value))
    return list(value)


def parse_datetime(value: Any) -> Interval:
    """Return the time range that a user names.

    A year, month, week or day stands for the whole of it, and so does a date or a time at midnight; other times are
    moments. Times without a zone are UTC.

    Args:
        value: ``2001``, ``2001-03``, ``2001-03-01/2001-06-30``, ``2001/..``; a date, datetime, or time of pandas or
            NumPy; a day of a year as ``2022-213``; a period of pandas; a pair, list, slice or table of start and end,
            each of these or None.

    Raises:
        UsageError: It is no time range, or it ends before it begins.
    """
    first, last = _ends_of(value)
    start = None if _is_open(first) else _bounds(first, value)[0]
    end = None if _is_open(last) else _bounds(last, value)[1]
    if start is not None and end is not None and end < start:
        raise UsageError(f"datetime {shortened(value)} ends before it begins")
    return start, end


def time_range(datetime: Any = None, start: Any = None, end: Any = None) -> Interval | None:
    """Return the time range of ``datetime``, or of ``start`` and ``end``; None when none is given.

    Raises:
        UsageError: Both ways are used, or one cannot be understood.
    """
    if start is None and end is None:
        return None if datetime is None else parse_datetime(datetime)
    if datetime is not None:
        raise UsageError("datetime and start or end each name the time; give one of them")
    for name, value in (("start", start), ("end", end)):
        first, last = _ends_of(value)
        if first is not last:
            raise UsageError(f"{name} is {shortened(value)}, but one time is needed; datetime= takes start/end")
    return parse_datetime((start, end))


def interval_text(interval: Interval) -> str:
    """Return a time range as the text ``start/end`` of STAC, from which ``parse_datetime`` makes the same."""
    return "/".join(".." if end is None else end.isoformat() for end in interval)


def _is_open(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _OPEN)


def _ends_of(value: Any) -> tuple[Any, Any]:
    """Return first and last time of a range; one time stands for both."""
    if isinstance(value, str):
        return _ends_of_text(value)
    if isinstance(value, slice):
        if value.step is not None:
            raise UsageError(f"datetime is {shortened(value)}, but a slice of start and end without a step is needed")
        return value.start, value.stop
    if isinstance(value, Mapping):
        return _ends_of_table(value)
    for first, last in (("start_time", "end_time"), ("left", "right")):
        if hasattr(value, first) and hasattr(value, last):  # a period or interval of pandas
            return getattr(value, first), getattr(value, last)
    is_list = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    is_list = is_list or bool(getattr(value, "shape", None))
    return _of_list(list(value), value) if is_list else (value, value)


def _ends_of_table(value: Mapping[Any, Any]) -> tuple[Any, Any]:
    for ends in _ENDS:
        if set(value) == set(ends):
            return value[ends[0]], value[ends[1]]
    raise UsageError(f"datetime is {shortened(dict(value))}, but start and end are needed in a table")


def _ends_of_text(value: str) -> tuple[str, str]:
    text = value.strip()
    if text and _DAY.fullmatch(text):
        return text, text
    text = re.sub(r"\s+(?:to|until)\s+|\s+[-–/]\s+|(?<=\d)\s*\.\.\s*(?=\d)", "/", text)
    parts = text.split("/") if "/" in text else re.split(r"\s*,\s*", text)
    if not text or len(parts) > 2:
        raise UsageError(f"datetime is {value!r}, but a time {_FORMS} is needed")
    return parts[0], parts[-1]


def _of_list(parts: list[Any], value: Any) -> tuple[Any, Any]:
    if not 1 <= len(parts) <= 2:
        raise UsageError(f"datetime is {shortened(value)}, but one time, or start and end, is needed")
    return parts[0], parts[-1]


def _bounds(value: Any, whole: Any) -> tuple[dt.datetime, dt.datetime]:
    """Return first and last moment of one time."""
    try:
        text = _as_text(value)
        if isinstance(text, str):
            return _text_bounds(text.strip())
        # Midnight where the time is from: a day of Adelaide begins at half past two in the afternoon of the day before.
        is_day = text.time() == dt.time()
        first = text if text.tzinfo is not None else text.replace(tzinfo=dt.UTC)
        first = first.astimezone(dt.UTC)
        if is_day:
            return first, first + dt.timedelta(days=1, microseconds=-1)
    except (ValueError, OverflowError, TypeError) as error:
        raise UsageError(
            f"datetime {shortened(whole)} has {shortened(value)}, which is no date or time; write one {_FORMS}"
        ) from error
    return first, first


def _as_text(value: Any) -> str | dt.datetime:
    """Return a time as text where it stands for a whole day, month or year, else as a datetime."""
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, (str, int)):
        return str(value)
    if hasattr(value, "dtype") and str(value.dtype).startswith("datetime64"):
        import numpy as np

        stamp = np.asarray(value).reshape(())[()]
        unit = np.datetime_data(stamp.dtype)[0]
        if np.isnat(stamp):
            raise ValueError
        return str(stamp) if unit in ("Y", "M", "D") else _of_stamp(stamp.astype("datetime64[us]").item())
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return _as_text(value.item())
    if isinstance(value, dt.datetime):
        return _of_stamp(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError


def _of_stamp(value: Any) -> dt.datetime:
    if not isinstance(value, dt.datetime) or value != value:  # noqa: PLR0124 - NaT of pandas differs from itself
        raise ValueError
    plain: dt.datetime = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
    return plain


def _text_bounds(text: str) -> tuple[dt.datetime, dt.datetime]:
    if _WEEK.fullmatch(text):
        first = dt.datetime.fromisoformat(text.upper()).replace(tzinfo=dt.UTC)
        return first, first + dt.timedelta(days=7, microseconds=-1)
    if numbered := _DAY_OF_YEAR.fullmatch(text):
        first = dt.datetime(int(numbered["year"]), 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=int(numbered["number"]) - 1)
        if first.year != int(numbered["year"]):
            raise ValueError
        return first, first + dt.timedelta(days=1, microseconds=-1)
    match = _PARTIAL.fullmatch(text) or _COMPACT.fullmatch(text)
    if match is None:
        if not _MOMENT.match(text):
            raise ValueError
        moment = dt.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
        return moment, moment
    year, month, day = (int(part) if part else None for part in match.group("year", "month", "day"))
    assert year is not None
    first = dt.datetime(year, month or 1, day or 1, tzinfo=dt.UTC)
    if day is not None:
        following = first + dt.timedelta(days=1)
    elif month is not None:
        following = dt.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC)
    else:
        following = dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC)
    return first, following - dt.timedelta(microseconds=1)
