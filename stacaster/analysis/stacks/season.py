"""A part of every year: months, days of the year, or dates; also over the turn of the year."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from stacaster.errors import UsageError

_DATES = re.compile(r"(\d{1,2})-(\d{1,2})(?:/|\.\.)(\d{1,2})-(\d{1,2})")
_PARTS = re.compile(r"\d{1,3}(?:-\d{1,3})?(?:,\d{1,3}(?:-\d{1,3})?)*")
_MONTHS, _DAYS = 12, 366
_HELP = (
    "months such as 12-2, 6,7,8 or [6, 7, 8], dates such as 11-15/02-20, or first and last day of the year such as "
    "[335, 60] are needed; months= and days= say which of both numbers are"
)


@dataclass(frozen=True)
class Season:
    """A part of every year; ends belong to it."""

    months: tuple[int, ...]
    """Months that it touches."""
    dates: tuple[tuple[int, int], tuple[int, int]] | None = None
    """First and last date as (month, day)."""
    days: tuple[int, int] | None = None
    """First and last day of the year, as ``season`` of asf_search."""

    def holds(self, time: dt.datetime) -> bool:
        """Tell whether a time lies in it."""
        if self.dates is not None:
            return _between((time.month, time.day), *self.dates)
        if self.days is not None:
            return _between((time.timetuple().tm_yday,), (self.days[0],), (self.days[1],))
        return time.month in self.months


def _between(value: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...]) -> bool:
    # A season that begins late and ends early goes over the turn of the year.
    return first <= value <= last if first <= last else value >= first or value <= last


def parse_season(value: str | int | Sequence[int]) -> Season:
    """Return a season; numbers up to 12 are months, as for InSARHub, others days of the year, as for asf_search.

    Args:
        value: ``12-2`` or ``6,7,8`` (months; a text with a hyphen is a range), ``[6, 7, 8]`` or ``[12, 1]`` (these
            months), ``11-15/02-20`` (dates), ``[335, 60]`` (first and last day of the year).

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(value, str):
        return _of_dates(value) or months_season(value, name="season")
    numbers = _whole(value, "season")
    if all(1 <= number <= _MONTHS for number in numbers):
        return months_season(numbers, name="season")
    return days_season(numbers, name="season")


def months_season(value: str | int | Sequence[int], *, name: str = "months") -> Season:
    """Return a season of months: ``12-2``, ``6,7,8`` or a list.

    Raises:
        UsageError: A month is not 1 to 12.
    """
    months: list[int] = []
    for first, last in _ranges(value, name):
        if not (1 <= first <= _MONTHS and 1 <= last <= _MONTHS):
            raise UsageError(f"{name} is {value!r}, but {_HELP}")
        months += _months(first, last)
    return Season(tuple(dict.fromkeys(months)))


def days_season(value: str | int | Sequence[int], *, name: str = "days") -> Season:
    """Return a season from first and last day of the year: ``335-60``, ``335,60`` or a list of two.

    Raises:
        UsageError: These are not two days of a year.
    """
    days = _whole(re.split("[-,/]", value) if isinstance(value, str) else value, name)
    if len(days) != 2 or not all(1 <= day <= _DAYS for day in days):
        raise UsageError(f"{name} is {value!r}, but {_HELP}")
    first, last = (
        dt.date(2023, 12, 31) if day >= _DAYS else dt.date(2023, 1, 1) + dt.timedelta(day - 1) for day in days
    )
    return Season(_months(first.month, last.month), days=(days[0], days[1]))


def _of_dates(text: str) -> Season | None:
    match = _DATES.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    numbers = [int(part) for part in match.groups()]
    try:
        for month, day in (numbers[:2], numbers[2:]):
            dt.date(2024, month, day)
    except ValueError as error:
        raise UsageError(f"season is {text!r}, which holds a date that does not exist") from error
    return Season(_months(numbers[0], numbers[2]), dates=((numbers[0], numbers[1]), (numbers[2], numbers[3])))


def _ranges(value: str | int | Sequence[int], name: str) -> list[tuple[int, int]]:
    """Return first and last of each part; single numbers are both."""
    if not isinstance(value, str):
        return [(number, number) for number in _whole(value, name)]
    text = value.replace(" ", "")
    if not _PARTS.fullmatch(text):
        raise UsageError(f"{name} is {value!r}, but {_HELP}")
    parts = [part.partition("-") for part in text.split(",")]
    return [(int(first), int(last or first)) for first, _, last in parts]


def _whole(value: str | int | Sequence[int | str], name: str) -> list[int]:
    values = [value] if isinstance(value, (int, float)) else value
    try:
        numbers = [int(part) for part in values]
        exact = all(not isinstance(part, bool) and float(part) == int(part) for part in values)
    except (TypeError, ValueError):
        numbers, exact = [], False
    if not numbers or not exact:
        raise UsageError(f"{name} is {value!r}, but {_HELP}")
    return numbers


def _months(first: int, last: int) -> tuple[int, ...]:
    return tuple((first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1))
