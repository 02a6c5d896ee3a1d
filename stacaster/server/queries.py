"""What a request for items asks: parameters of GET, bodies of POST, as one question to the item table."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stacaster.catalog.item_table import ItemQuery
from stacaster.errors import UsageError

DEFAULT_LIMIT, MAXIMUM_LIMIT = 10, 1_000
"""Items of a page when none are asked for, and at most."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, kw_only=True)
class ItemRequest:
    """A request for a page of items."""

    query: ItemQuery
    """What is asked of the item table."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry that footprints have to meet."""
    limit: int = DEFAULT_LIMIT
    """Items of a page."""
    token: str | None = None
    """From the page before."""
    include: tuple[str, ...] = ()
    """Fields that are asked for; empty takes all."""
    exclude: tuple[str, ...] = ()
    """Fields that are not wanted."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The parameters as they came, for the link to the next page."""


def read_request(given: Mapping[str, Any], *, collections: Sequence[str], is_body: bool) -> ItemRequest:
    """Read the parameters of a search.

    Args:
        given: Parameters of GET as text, or the body of POST.
        collections: Ids of the collections there are.
        is_body: Whether they come from a body, where lists are lists and numbers are numbers.

    Raises:
        UsageError: A parameter cannot be understood.
    """
    names = _texts(given.get("collections"), "collections", is_body=is_body)
    box, area = _box(given.get("bbox"), is_body=is_body), _area(given.get("intersects"), is_body=is_body)
    if box is not None and area is not None:
        raise UsageError("bbox and intersects are both given; give one of them")
    include, exclude = _fields(given.get("fields"), is_body=is_body)
    known = None if names is None else [name for name in names if name in collections]
    query = ItemQuery(
        bbox=box if area is None else _bounds(area),
        datetime=read_interval(given.get("datetime")),
        collections=known,
        ids=_texts(given.get("ids"), "ids", is_body=is_body),
        filter=_filter(given, is_body=is_body),
        sortby=_sorting(given.get("sortby"), is_body=is_body),
    )
    token = given.get("token")
    if token is not None and not isinstance(token, str):
        raise UsageError("token: it is none that a page of this search gave")
    return ItemRequest(
        query=query,
        area=area,
        limit=_limit(given.get("limit")),
        token=token,
        include=include,
        exclude=exclude,
        given=dict(given),
    )


def _texts(value: Any, name: str, *, is_body: bool) -> list[str] | None:
    if value is None or value in ("", []):
        return None
    if isinstance(value, str) and not is_body:
        return [part for part in value.split(",") if part]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return value
    raise UsageError(f"{name}: a list of texts is needed, not {str(value)[:80]!r}")


def _box(value: Any, *, is_body: bool) -> tuple[float, float, float, float] | None:
    if value is None or value == "":
        return None
    parts = value.split(",") if isinstance(value, str) and not is_body else value
    try:
        numbers = [float(part) for part in parts] if isinstance(parts, list) else []
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) == 6:  # heights are no part of a footprint
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    is_number = all(abs(number) < 1e4 for number in numbers)
    if len(numbers) != 4 or not is_number or numbers[1] > numbers[3] or max(map(abs, numbers[1::2])) > 90:
        raise UsageError(f"bbox: four or six numbers are needed, west,south,east,north, not {str(value)[:80]!r}")
    if max(map(abs, numbers[::2])) > 360:
        raise UsageError(f"bbox: longitudes lie between -180 and 180, not {str(value)[:80]!r}")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _area(value: Any, *, is_body: bool) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    try:
        area = json.loads(value) if isinstance(value, str) and not is_body else value
    except (ValueError, RecursionError) as error:
        raise UsageError("intersects: GeoJSON is needed") from error
    if not isinstance(area, dict):
        raise UsageError("intersects: a GeoJSON geometry is needed")
    import shapely

    try:
        shape = shapely.make_valid(shapely.geometry.shape(area))
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UsageError(f"intersects: it is no GeoJSON geometry: {error}") from error
    if shape.is_empty:
        raise UsageError("intersects: the geometry is empty")
    return area


def _bounds(area: Mapping[str, Any]) -> tuple[float, float, float, float]:
    import shapely

    west, south, east, north = shapely.geometry.shape(dict(area)).bounds
    return float(west), float(south), float(east), float(north)


def read_interval(value: Any) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    """Read a moment or an interval of RFC 3339; ``..`` or nothing leaves an end open.

    Raises:
        UsageError: It is none, or ends before it starts.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.count("/") > 1:
        raise UsageError(f"datetime: 2003-01-01T00:00:00Z or START/END is needed, not {str(value)[:80]!r}")
    parts = value.split("/")
    ends = [None if part in ("", "..") else _moment(part, value) for part in parts]
    if len(parts) == 1:
        ends *= 2
    start, end = ends
    if start is None and end is None:
        raise UsageError(f"datetime: {value!r} leaves both ends open; leave datetime out")
    if start is not None and end is not None and end < start:
        raise UsageError(f"datetime: {value!r} ends before it starts")
    return start, end


def _moment(text: str, whole: str) -> dt.datetime:
    if _TIME.fullmatch(text.strip()) is None:
        raise UsageError(f"datetime: times are written as 2003-01-01T00:00:00Z, not {whole[:80]!r}")
    try:
        return dt.datetime.fromisoformat(text.strip().upper().replace(" ", "T"))
    except ValueError as error:
        raise UsageError(f"datetime: {text[:80]!r} is no time") from error


def _limit(value: Any) -> int:
    if value is None or value == "":
        return DEFAULT_LIMIT
    try:
        number = int(value) if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"limit: a whole number from 1 is needed, not {str(value)[:80]!r}")
    return min(number, MAXIMUM_LIMIT)


def _filter(given: Mapping[str, Any], *, is_body: bool) -> Any:
    value = given.get("filter")
    language = given.get("filter-lang") or ("cql2-json" if is_body else "cql2-text")
    if language not in ("cql2-text", "cql2-json"):
        raise UsageError(f"filter-lang: cql2-text or cql2-json is needed, not {str(language)[:80]!r}")
    if given.get("filter-crs") not in (None, "", "http://www.opengis.net/def/crs/OGC/1.3/CRS84"):
        raise UsageError("filter-crs: geometries of filters are in degrees (CRS84)")
    if value is None or value == "":
        return None
    if isinstance(value, str) and language == "cql2-json":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise UsageError("filter: it is no JSON") from error
    if not isinstance(value, (str, dict)):
        raise UsageError("filter: CQL2 as text or JSON is needed")
    return value


def _sorting(value: Any, *, is_body: bool) -> tuple[str, ...]:
    if value is None or value in ("", []):
        return ()
    if isinstance(value, str) and not is_body:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("field"), str) for part in value):
        return tuple(("-" if part.get("direction", "asc") == "desc" else "") + part["field"] for part in value)
    raise UsageError(f"sortby: a list of field and direction is needed, not {str(value)[:80]!r}")


def _fields(value: Any, *, is_body: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if value is None or value == "":
        return (), ()
    if isinstance(value, str) and not is_body:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        return tuple(part.lstrip("+") for part in parts if part[0] != "-"), tuple(
            part[1:] for part in parts if part[0] == "-"
        )
    if isinstance(value, dict):
        lists = [value.get(key) or [] for key in ("include", "exclude")]
        if all(isinstance(part, list) and all(isinstance(name, str) for name in part) for part in lists):
            return tuple(lists[0]), tuple(lists[1])
    raise UsageError("fields: lists include and exclude are needed")
