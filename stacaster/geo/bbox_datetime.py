"""Where and when: bounding boxes and time ranges as people write them. Pure functions."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence

from stacaster.errors import UsageError

Interval = tuple[dt.datetime | None, dt.datetime | None]
"""First and last moment, both included; None is open."""

_PARTIAL = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?")


def parse_bbox(value: str | Sequence[float]) -> tuple[float, float, float, float]:
    """Return west, south, east, north in degrees from four numbers or a text such as ``129,-38.1,141,-26``.

    A west greater than east means that the box crosses the antimeridian.

    Raises:
        UsageError: There are not four finite numbers, a latitude is outside -90 to 90, or south is above north.
    """
    parts: Sequence[object] = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else list(value)
    try:
        numbers = [float(str(part)) for part in parts]
    except ValueError as error:
        raise UsageError(f"bbox is {value!r}, but four numbers west, south, east, north are needed") from error
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise UsageError(f"bbox is {value!r}, but four numbers west, south, east, north are needed")
    west, south, east, north = numbers
    if not -90 <= south <= north <= 90:
        raise UsageError(f"bbox has south {south:g} and north {north:g}, but -90 <= south <= north <= 90 is needed")
    if not (-180 <= west <= 180 and -180 <= east <= 180):
        raise UsageError(f"bbox has west {west:g} and east {east:g}, but both must lie between -180 and 180")
    return west, south, east, north


def parse_datetime(value: str) -> Interval:
    """Return the time range of a text such as ``2001``, ``2001-03``, ``2001-03-01/2001-06-30`` or ``2001/..``.

    A year, month or day stands for the whole of it; times without a zone are UTC.

    Raises:
        UsageError: The text is no time range, or it ends before it begins.
    """
    parts = value.strip().split("/")
    if len(parts) > 2 or not value.strip():
        raise UsageError(f"datetime is {value!r}, but a time or 'start/end' is needed")
    start = None if parts[0] in ("", "..") else _bounds(parts[0], value)[0]
    end = None if parts[-1] in ("", "..") else _bounds(parts[-1], value)[1]
    if start is not None and end is not None and end < start:
        raise UsageError(f"datetime {value!r} ends before it begins")
    return start, end


def _bounds(text: str, whole: str) -> tuple[dt.datetime, dt.datetime]:
    match = _PARTIAL.fullmatch(text.strip())
    try:
        if match is None:
            moment = dt.datetime.fromisoformat(text.strip())
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
    except (ValueError, OverflowError) as error:
        message = f"datetime {whole!r} has {text!r}, which is no date or time such as 2001-03-01T00:00:00Z"
        raise UsageError(message) from error
    return first, following - dt.timedelta(microseconds=1)
