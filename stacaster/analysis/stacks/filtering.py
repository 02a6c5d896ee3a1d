"""Granules that fit conditions, of those that were found."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from stacaster.analysis.stacks.grouping import value_of
from stacaster.analysis.stacks.season import parse_season
from stacaster.errors import UsageError, nearest
from stacaster.geo import bbox_datetime as query
from stacaster.model import Granule
from stacaster.model.granule_options import GranuleFilterOptions

FILTERS = ("start", "end", "path", "frame", "asf_frame", "direction", "orbits", "polarization", "season", "ids")
"""Conditions on single granules."""

_ALIASES = {
    "asfFrame": "asf_frame", "polarisation": "polarization", "orbit": "orbits", "absolute_orbit": "orbits",
    "relative_orbit": "path", "flight_direction": "direction", "latest_n": "latest", "earliest_n": "earliest",
}  # fmt: skip
_SELECTION = ("min_coverage", "min_count", "max_count", "latest", "earliest")
Test = Callable[[Granule], bool]


def split_conditions(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return conditions on single granules, and those on stacks, by the names that this module has for them.

    Raises:
        UsageError: A name is not known, or one is given twice.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = _ALIASES.get(name, name)
        if own not in (*FILTERS, *_SELECTION):
            raise UsageError(f"filter has no condition {name!r}; {nearest(name, [*FILTERS, *_SELECTION])}")
        if own in found:
            raise UsageError(f"{name} and another name of {own} are given; give one of them")
        if value is not None:
            found[own] = value
    return {key: found[key] for key in FILTERS if key in found}, {key: found[key] for key in _SELECTION if key in found}


def keep(granules: Iterable[Granule], **conditions: Unpack[GranuleFilterOptions]) -> list[Granule]:
    """Return the granules that fit all conditions.

    Args:
        granules: What was found.
        **conditions: ``start`` and ``end`` (dates or moments; a whole last day counts), ``path``, ``frame`` (one or
            more; of bursts the full burst id), ``asf_frame`` (as the facility counts), ``direction``, ``orbits``
            (absolute), ``polarization`` (those that must be there, ``VV+VH``), ``season`` (``12-2``, ``11-15/02-20``,
            two days of the year), ``ids``.

    Raises:
        UsageError: A condition is not known or cannot be understood.
    """
    unknown = [name for name in conditions if name not in FILTERS]
    if unknown:
        raise UsageError(f"filter has no condition {unknown[0]!r}; {nearest(unknown[0], FILTERS)}")
    tests = [_test(name, value) for name, value in conditions.items() if value is not None]
    return [granule for granule in granules if all(test(granule) for test in tests)]


def _test(name: str, value: Any) -> Test:
    return _TESTS.get(name, _one_of(name))(value)


def _since(value: Any) -> Test:
    first = _moment(value, last=False)
    return lambda granule: granule.end >= first


def _until(value: Any) -> Test:
    last = _moment(value, last=True)
    return lambda granule: granule.start <= last


def _in_season(value: Any) -> Test:
    season = parse_season(value)
    return lambda granule: season.holds(granule.start)


def _flown(value: Any) -> Test:
    wanted = str(value).strip().lower()
    if not wanted or not any(word.startswith(wanted) for word in ("ascending", "descending")):
        raise UsageError(f"direction is {value!r}, but ascending or descending is needed")
    return lambda granule: (granule.direction or "").startswith(wanted)


def _with_polarizations(value: Any) -> Test:
    parts = set(re.findall("[HVLR][HV]", str(value).upper()))
    if not parts:
        raise UsageError(f"polarization is {value!r}, but some such as VV+VH are needed")
    return lambda granule: parts <= set(granule.polarizations)


def _one_of(name: str) -> Callable[[Any], Test]:
    def test(value: Any) -> Test:
        listed = {str(part).strip() for part in (value if isinstance(value, (list, tuple, set)) else [value])}
        return lambda granule: str(_plain(granule, name)) in listed

    return test


def _plain(granule: Granule, name: str) -> Any:
    if name == "asf_frame":
        return granule.attributes.get("FRAME_NUMBER", granule.frame)
    return value_of(granule, {"orbits": "orbit", "ids": "id"}.get(name, name))


_TESTS: Mapping[str, Callable[[Any], Test]] = {
    "start": _since, "end": _until, "season": _in_season, "direction": _flown, "polarization": _with_polarizations,
}  # fmt: skip


def _moment(value: Any, *, last: bool) -> dt.datetime:
    limit = query.parse_datetime(value)[1 if last else 0]
    if limit is None:
        raise UsageError(f"{'end' if last else 'start'} is {value!r}, but a time is needed")
    return limit
