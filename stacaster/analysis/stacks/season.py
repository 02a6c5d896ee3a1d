"""A part of every year: months, days of the year, or dates; also over the turn of the year."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from stacaster.errors import UsageError

_DATES = re.compile(r"(\d{1,2})-(\d{1,2})(?:/|\.\.)(\d{1,2})-(\d{1,2})")
_MONTHS = re.compile(r"\d{1,2}(?:-\d{1,2})?(?:,\d{1,2}(?:-\d{1,2})?)*")
_HELP = "months such as 12-2 or 6,7,8, dates such as 11-15/02-20, or two days of the year such as [335, 60] are needed"


@dataclass(frozen=True)
class Season:
    """A part of every year; ends belong to it."""

    months: tuple[int, ...]
    """Months that it touches."""
    dates: tuple[tuple[int, int], tuple[int, int]] | None = None
    """First and last date as (month, day)."""
    days: tuple[int, int] | None = None
    """First and last day of the year, as ``season`` of asf_search."""

    def holds(self, moment: dt.datetime) -> bool:
        """Tell whether a moment lies in it."""
        if self.dates is not None:
            return _between((moment.month, moment.day), *self.dates)
        if self.days is not None:
            return _between((moment.timetuple().tm_yday,), (self.days[0],), (self.days[1],))
        return moment.month in self.months


def _between(value: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...]) -> bool:
    # A season that begins late and ends early goes over the turn of the year.
    return first <= value <= last if first <= last else value >= first or value <= last


def parse_season(value: str | Sequence[int]) -> Season:
    """Return a season from text or from two days of the year.

    Args:
        value: ``12-2`` or ``6,7,8`` (months), ``11-15/02-20`` (dates), or first and last day of the year.

    Raises:
        UsageError: It is none of these.
    """
    if not isinstance(value, str):
        days = [int(day) for day in value]
        if len(days) != 2 or not all(1 <= day <= 366 for day in days):
            raise UsageError(f"season is {value!r}, but {_HELP}")
        first, last = (
            dt.date(2023, 12, 31) if day > 365 else dt.date(2023, 1, 1) + dt.timedelta(day - 1) for day in days
        )
        return Season(_months(first.month, last.month), days=(days[0], days[1]))
    text = value.replace(" ", "")
    match = _DATES.fullmatch(text)
    if match is not None:
        numbers = [int(part) for part in match.groups()]
        try:
            for month, day in (numbers[:2], numbers[2:]):
                dt.date(2024, month, day)
        except ValueError as error:
            raise UsageError(f"season is {value!r}, which holds a date that does not exist") from error
        ends = (numbers[0], numbers[1]), (numbers[2], numbers[3])
        return Season(_months(numbers[0], numbers[2]), dates=ends)
    found: list[int] = []
    for part in text.split(",") if _MONTHS.fullmatch(text) else ["0"]:
        first_month, _, last_month = part.partition("-")
        ends_at = int(first_month), int(last_month or first_month)
        if not all(1 <= month <= 12 for month in ends_at):
            raise UsageError(f"season is {value!r}, but {_HELP}")
        found += _months(*ends_at)
    return Season(tuple(dict.fromkeys(found)))


def _months(first: int, last: int) -> tuple[int, ...]:
    return tuple((first - 1 + step) % 12 + 1 for step in range((last - first) % 12 + 1))
