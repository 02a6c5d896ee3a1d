"""The conditions of a search as people write them, checked and brought into one form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from stacaster.errors import UsageError
from stacaster.geo import bbox_datetime as parsing
from stacaster.geo.area_input import read_geometry
from stacaster.geo.regions import region_bbox
from stacaster.model import Query

_MONTHS = range(1, 13)
_PLAIN = {
    "months", "orbit", "path", "frame", "direction", "polarization", "version", "collection", "provider", "name",
    "attributes", "ids", "platforms",
}  # fmt: skip
_DIRECTIONS = {"a": "ascending", "d": "descending"}


def build_query(
    product: str | None = None,
    *,
    region: str | None = None,
    bbox: str | Sequence[float] | None = None,
    intersects: Any | None = None,
    datetime: str | None = None,
    cloud_cover_max: float | None = None,
    day_night: str | None = None,
    **plain: Any,
) -> Query:
    """Check the conditions of a search.

    Args:
        product: Short name.
        region: Name of a region such as ``south_australia``; with a file as ``intersects``, name of one of its areas.
        bbox: West, south, east, north in degrees; west > east crosses the antimeridian.
        intersects: GeoJSON geometry, a file with polygons, or anything with ``__geo_interface__``.
        datetime: ``2001``, ``2001-03``, ``2001-01-01/2001-06-30``, ``2001/..``.
        cloud_cover_max: Percent.
        day_night: ``day`` or ``night``.
        **plain: ``start`` and ``end`` (instead of ``datetime``), ``months`` (``11-2`` or a list: a season of every
            year), ``orbit`` (absolute orbit, or first and last), ``path`` (relative orbit) and ``frame`` likewise,
            ``direction`` (``ascending`` or ``descending``), ``polarization``, ``version``, ``collection``,
            ``provider``, ``name``, ``track`` and ``cycle`` of ICESat-2 (``5``,
            ``5,9``, ``5-8``), ``name_column`` (column with the names of
            areas), ``attributes``, ``ids``, ``platforms`` (as CMR names them, ``SENTINEL-1A``).

    Raises:
        UsageError: A condition cannot be understood, or two contradict each other.
    """
    if bbox is not None and (region is not None or intersects is not None):
        raise UsageError("region, bbox and intersects each name the area; give one of them")
    datetime = _time_range(datetime, plain.pop("start", None), plain.pop("end", None))
    name_column = plain.pop("name_column", None)
    flights = _flights(product, plain.pop("track", None), plain.pop("cycle", None), plain.get("name"))
    area = None if intersects is None else read_geometry(intersects, region=region, name_column=name_column)
    unknown = set(plain) - _PLAIN
    if unknown:
        raise UsageError(f"{', '.join(sorted(unknown))} is no condition of a search")
    if day_night is not None and day_night.lower() not in ("day", "night"):
        raise UsageError(f"day_night is {day_night!r}, but day or night is needed")
    if cloud_cover_max is not None and not 0 <= cloud_cover_max <= 100:
        raise UsageError(f"cloud_cover_max is {cloud_cover_max}, but a percentage from 0 to 100 is needed")
    box = None if bbox is None else parsing.parse_bbox(bbox)
    if region is not None and intersects is None:
        box = region_bbox(region)
    given = {key: value for key, value in (plain | flights).items() if value is not None}
    for key in {"ids", "platforms"} & set(given):
        given[key] = tuple(given[key])
    if "months" in given:
        given["months"] = parse_months(given["months"])
    for key in {"orbit", "path", "frame"} & set(given):
        given[key] = parse_numbers(key, given[key])
    if "direction" in given:
        given["direction"] = _direction(str(given["direction"]))
    return Query(
        product=product,
        bbox=box,
        intersects=area,
        datetime=None if datetime is None else parsing.parse_datetime(datetime),
        cloud_cover=None if cloud_cover_max is None else (None, float(cloud_cover_max)),
        day_night=None if day_night is None else day_night.lower(),
        **given,
    )


def _flights(product: str | None, track: Any, cycle: Any, name: Any) -> dict[str, Any]:
    """Return the pattern of the names of ICESat-2 granules of tracks or cycles: CMR knows them by their names alone.

    A pattern has room for one number; several are left to a look at the names that were found.
    """
    if track is None and cycle is None:
        return {}
    if product is None or not re.fullmatch(r"ATL\d\d", product):
        raise UsageError("track and cycle are of ICESat-2 products such as ATL03; others have path and frame")
    if name is not None:
        raise UsageError("name, and track or cycle, each say how granules are called; give one of them")
    found: dict[str, Any] = {}
    parts = []
    for word, value, digits, most in (("track", track, 4, 1387), ("cycle", cycle, 2, 99)):
        numbers = () if value is None else _several(word, value, most)
        parts.append(f"{numbers[0]:0{digits}d}" if len(numbers) == 1 else "?" * digits)
        if len(numbers) > 1:
            found[f"{word}s"] = numbers
    return found | {"name": f"{product}_{'?' * 14}_{parts[0]}{parts[1]}??_*"}


def _several(word: str, value: Any, most: int) -> tuple[int, ...]:
    """Return numbers from ``5``, ``5,9``, ``5-8`` or a list."""
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
    found: set[int] = set()
    for part in parts:
        first, last = parse_numbers(word, part)
        found |= set(range(first, min(last, most + 1) + 1))
    if not found or min(found) < 1 or max(found) > most:
        raise UsageError(f"{word} is {value!r}, but numbers from 1 to {most} are needed, such as 5, 5,9 or 5-8")
    return tuple(sorted(found))


def _time_range(datetime: str | None, start: str | None, end: str | None) -> str | None:
    if start is None and end is None:
        return datetime
    if datetime is not None:
        raise UsageError("datetime and start or end each name the time; give one of them")
    return f"{start or '..'}/{end or '..'}"


def parse_months(value: str | Sequence[int]) -> tuple[int, ...]:
    """Return months from ``6``, ``6,7,8``, ``11-2`` (over the turn of the year) or a list.

    Raises:
        UsageError: A month is not 1 to 12.
    """
    found: list[int] = []
    try:
        for part in value.split(",") if isinstance(value, str) else [str(month) for month in value]:
            first, _, last = part.strip().partition("-")
            start, end = _MONTHS.index(int(first)), _MONTHS.index(int(last or first))
            found += [(start + step) % 12 + 1 for step in range((end - start) % 12 + 1)]
    except ValueError as error:
        raise UsageError(f"months is {value!r}, but months from 1 to 12 such as 6,7,8 or 11-2 are needed") from error
    return tuple(dict.fromkeys(found))


def parse_numbers(name: str, value: int | str | Sequence[int]) -> tuple[int, int]:
    """Return first and last of ``98``, ``98-100`` or a list.

    Raises:
        UsageError: These are no whole numbers.
    """
    parts = value.split("-") if isinstance(value, str) else [value] if isinstance(value, int) else list(value)
    try:
        first, last = int(parts[0]), int(parts[-1])
    except (ValueError, TypeError, IndexError):
        first, last = 1, 0
    if len(parts) > 2 or not 0 <= first <= last:
        raise UsageError(f"{name} is {value!r}, but a number such as 98, or a range such as 98-100, is needed")
    return first, last


def _direction(text: str) -> str:
    found = _DIRECTIONS.get(text.strip().lower()[:1])
    if found is None or not found.startswith(text.strip().lower()):
        raise UsageError(f"direction is {text!r}, but ascending or descending is needed")
    return found
