"""Granules that fit conditions, of those that were found."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from stacaster.analysis.stacks.grouping import BURST, value_of
from stacaster.analysis.stacks.season import Season, days_season, months_season, parse_season
from stacaster.errors import UsageError, nearest
from stacaster.geo import bbox_datetime as query
from stacaster.model import Granule
from stacaster.model.granule_options import GranuleFilterOptions

FILTERS = (
    "start", "end", "path", "frame", "path_frame", "asf_frame", "direction", "orbits", "polarization", "season",
    "months", "days", "ids", "look_direction", "processing_level", "beam_mode", "beam_swath", "platform", "burst_id",
)  # fmt: skip
"""Conditions on single granules."""

_ALIASES = {
    "polarisation": "polarization", "orbit": "orbits", "absolute_orbit": "orbits", "relative_orbit": "path",
    "path_number": "path", "track": "path", "flight_direction": "direction", "latest_n": "latest",
    "earliest_n": "earliest", "granule_list": "ids", "granule_names": "ids", "product_list": "ids",
    "full_burst_id": "burst_id", "month": "months",
}  # fmt: skip
_SELECTION = ("min_coverage", "min_count", "max_count", "drop_above", "latest", "earliest")
_SEASONS = ("season", "months", "days")
Test = Callable[[Granule], bool]


def snake(name: str) -> str:
    """Return ``relativeOrbit`` as ``relative_orbit``, ``fullBurstID`` as ``full_burst_id``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def split_conditions(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return conditions on single granules, and those on stacks, by the names that this module has for them.

    Args:
        given: By these names, or those of asf_search and InSARHub, in small letters or as ``relativeOrbit``.

    Raises:
        UsageError: A name is not known, one is given twice, or two say which part of the year is meant.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = _ALIASES.get(snake(name), snake(name))
        if own not in (*FILTERS, *_SELECTION):
            raise UsageError(f"filter has no condition {name!r}; {nearest(name, [*FILTERS, *_SELECTION])}")
        if own in found:
            raise UsageError(f"{name} and another name of {own} are given; give one of them")
        if value is not None:
            found[own] = value
    seasons = [name for name in _SEASONS if name in found]
    if len(seasons) > 1:
        raise UsageError(f"{' and '.join(seasons)} each say which part of the year is meant; give one of them")
    return {key: found[key] for key in FILTERS if key in found}, {key: found[key] for key in _SELECTION if key in found}


def keep(granules: Iterable[Granule], **conditions: Unpack[GranuleFilterOptions]) -> list[Granule]:
    """Return the granules that fit all conditions.

    Args:
        granules: What was found.
        **conditions: ``start`` and ``end`` (dates or moments; a whole last day counts), ``path``, ``frame`` (one or
            more; of bursts the full burst id), ``path_frame`` (a pair, or several), ``asf_frame`` (as the facility
            counts), ``direction``, ``look_direction``, ``orbits`` (absolute), ``polarization`` (those that must be
            there, ``VV+VH``; a list means any of these), ``beam_mode``, ``beam_swath``, ``processing_level``,
            ``platform``, ``burst_id``, ``ids``; ``months`` (``12-2``, ``[6, 7, 8]``), ``days`` (first and last day of
            the year), or ``season`` (either, or dates such as ``11-15/02-20``).

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


def _in_season(parse: Callable[[Any], Season]) -> Callable[[Any], Test]:
    def test(value: Any) -> Test:
        season = parse(value)
        return lambda granule: season.holds(granule.start)

    return test


def _at_place(value: Any) -> Test:
    """Return a test of pairs of path and frame."""
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2 and not isinstance(value[0], (list, tuple))
    pairs: list[Any] = [value] if is_pair else list(value) if isinstance(value, (list, tuple, set)) else [None]
    if not pairs or not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
        raise UsageError(f"path_frame is {value!r}, but a pair such as (100, 466), or a list of pairs, is needed")
    wanted = {(str(path), str(frame)) for path, frame in pairs}
    return lambda granule: (str(granule.path), str(value_of(granule, "frame"))) in wanted


def _stated(name: str) -> Callable[[Any], Test]:
    """Return a test of what the facility states: one value or several, in any case."""

    def test(value: Any) -> Test:
        wanted = {part.upper() for part in _several(value)}
        if not wanted:
            raise UsageError(f"{name} is {value!r}, but a value, or several, is needed")
        return lambda granule: (value_of(granule, name) or "").upper() in wanted

    return test


def _looking(value: Any) -> Test:
    wanted = str(value).strip().upper()
    if wanted not in ("LEFT", "RIGHT", "L", "R"):
        raise UsageError(f"look_direction is {value!r}, but left or right is needed")
    return lambda granule: (value_of(granule, "look_direction") or " ")[0] == wanted[0]


def _of_platform(value: Any) -> Test:
    wanted = {_unit(part) for part in _several(value)}
    return lambda granule: bool({_unit(str(text)) for text in _platforms(granule)} & wanted)


def _platforms(granule: Granule) -> list[str]:
    stated = [str(granule.attributes[name]) for name in ("ASF_PLATFORM", "PLATFORM") if granule.attributes.get(name)]
    return [*stated, granule.id[:3], *([f"SENTINEL-1{granule.id[2]}"] if granule.id.startswith("S1") else [])]


def _unit(text: str) -> str:
    return re.sub(r"SENTINEL-?1", "S1", text.strip().upper())


def _several(value: Any) -> list[str]:
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, (list, tuple, set)) else [value]
    return [str(part).strip() for part in listed if str(part).strip()]


def _flown(value: Any) -> Test:
    wanted = str(value).strip().lower()
    if not wanted or not any(word.startswith(wanted) for word in ("ascending", "descending")):
        raise UsageError(f"direction is {value!r}, but ascending or descending is needed")
    return lambda granule: (granule.direction or "").startswith(wanted)


def _with_polarizations(value: Any) -> Test:
    # VV+VH: both. A list, or a text with commas: any of these.
    choices = [set(re.findall("[HVLR][HV]", part.upper())) for part in _several(value)]
    if not choices or not all(choices):
        raise UsageError(f"polarization is {value!r}, but some such as VV+VH are needed")
    return lambda granule: any(parts <= set(granule.polarizations) for parts in choices)


def _one_of(name: str) -> Callable[[Any], Test]:
    def test(value: Any) -> Test:
        listed = set(_several(value))
        return lambda granule: str(_plain(granule, name)) in listed

    return test


def _plain(granule: Granule, name: str) -> Any:
    if name == "asf_frame":
        return granule.attributes.get("FRAME_NUMBER", granule.frame)
    if name == "burst_id":
        return granule.attributes.get(BURST)
    return value_of(granule, {"orbits": "orbit", "ids": "id"}.get(name, name))


_TESTS: Mapping[str, Callable[[Any], Test]] = {
    "start": _since, "end": _until, "season": _in_season(parse_season), "months": _in_season(months_season),
    "days": _in_season(days_season), "direction": _flown, "polarization": _with_polarizations,
    "path_frame": _at_place, "look_direction": _looking, "beam_mode": _stated("beam_mode"),
    "processing_level": _stated("processing_level"), "beam_swath": _stated("beam_swath"), "platform": _of_platform,
}  # fmt: skip


def _moment(value: Any, *, last: bool) -> dt.datetime:
    limit = query.parse_datetime(value)[1 if last else 0]
    if limit is None:
        raise UsageError(f"{'end' if last else 'start'} is {value!r}, but a time is needed")
    return limit
