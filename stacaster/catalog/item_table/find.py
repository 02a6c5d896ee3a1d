"""Which items fit a question: box, time, ids, CQL2."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stacaster.catalog.item_table.connection import Tables
from stacaster.catalog.item_table.connections import ask, ask_rows, kept_open
from stacaster.catalog.item_table.cql2 import column_of, compile_filter, parse_filter
from stacaster.catalog.item_table.footprints import passing
from stacaster.catalog.item_table.unions import quoted
from stacaster.errors import UsageError
from stacaster.geo.areas import bounds_of

BBox = tuple[float, float, float, float]
_HALF_WORLD = 180.0
_TURNS = ("", "+ 360", "- 360")
_ORIGINAL_ID = "stacaster_original_id"
_ORDER = ("start_datetime", "collection", "id")


@dataclass(frozen=True, kw_only=True)
class ItemQuery:
    """A question to the item table; None leaves a condition out."""

    bbox: BBox | None = None
    """West, south, east, north; west > east crosses the antimeridian."""
    datetime: tuple[dt.datetime | None, dt.datetime | None] | None = None
    """First and last moment; an item with a time range fits when the ranges overlap."""
    collections: Sequence[str] | None = None
    """Collection ids."""
    ids: Sequence[str] | None = None
    """Item ids."""
    filter: str | Mapping[str, Any] | None = None
    """CQL2 text or JSON."""
    sortby: Sequence[str] = ()
    """Properties; a ``-`` before one turns the order round. Then follow time, collection and id."""
    limit: int | None = None
    """Largest number."""


@dataclass(frozen=True, kw_only=True)
class FoundItem:
    """An item that a search found."""

    collection: str
    """Collection of the item."""
    id: str
    """Id of the item."""
    href: str
    """Place of its JSON relative to the root of the catalog."""


def find_items(database: Path, query: ItemQuery) -> list[FoundItem]:
    """Find the items whose bounding box, time and properties fit.

    Args:
        database: Database of a catalog.
        query: The question.

    Returns:
        Items in the order asked for, or else by time, collection and id.

    Raises:
        UsageError: The filter or the order cannot be understood.
    """
    opened = kept_open(database)
    tests, values = where(database, query, opened)
    order: Sequence[str] = ()
    if query.sortby:
        order = [*(_ordered(name, opened.columns) for name in query.sortby), *_ORDER]
    text = f"select {', '.join(_ORDER)}, href from {opened.source} where {' and '.join(tests or ['true'])}"  # noqa: S608 - only literals and quoted columns
    if query.limit is not None:
        order = order or _ORDER
        values.append(query.limit)
    if order:
        text += f" order by {', '.join(order)}"
    if query.limit is not None:
        text += " limit ?"
    try:
        rows = ask_rows(database, text, values)
    except UsageError as error:
        if query.filter is None:
            raise
        text = str(error).removeprefix("SQL: ")
        raise UsageError(f"the filter compares what does not go together: {text}") from error
    if not order:
        rows.sort()  # few rows are sorted faster here than by a query
    return [FoundItem(collection=name, id=item_id, href=href) for _, name, item_id, href in rows]


def where(database: Path, query: ItemQuery, opened: Tables) -> tuple[list[str], list[Any]]:
    """Return the conditions of a question as SQL with question marks, and their values.

    Args:
        database: Database of a catalog.
        query: The question; order and limit do not count.
        opened: The database, open.

    Raises:
        UsageError: The filter cannot be understood.
    """
    tree = None if query.filter is None else parse_filter(query.filter)
    tests, values = _touching_plainly(query.bbox, opened)
    tests += _conditions(query, values, opened)
    if tree is not None:
        condition = compile_filter(tree, columns=opened.columns, spatial=partial(_spatial, database))
        tests.append(f"({condition.sql})")
        values += condition.values
    return tests, values


def _conditions(query: ItemQuery, values: list[Any], opened: Tables) -> list[str]:
    """Return the conditions on time, collections and ids; their values are added to ``values``."""
    tests = []
    if query.datetime is not None:
        start, end = (
            None if moment is None else moment.astimezone(dt.UTC).replace(tzinfo=None) for moment in query.datetime
        )
        if start is not None:
            tests.append("end_datetime >= ?")
            values.append(start)
        if end is not None:
            tests.append("start_datetime <= ?")
            values.append(end)
    if query.collections is not None:
        tests.append("list_contains(?, collection)")
        values.append(list(query.collections))
    if query.ids is not None:
        # An id that is no file name was changed when the item was imported; both name the item.
        columns = ["id", *({_ORIGINAL_ID} & set(opened.columns))]
        tests.append(f"({' or '.join(f'list_contains(?, {column})' for column in columns)})")
        values += [list(query.ids)] * len(columns)
    return tests


def _ordered(name: str, columns: Collection[str]) -> str:
    column = column_of(name.lstrip("+-").strip(), columns)
    direction = "desc" if name.startswith("-") else "asc"
    return f"{quoted(column)} {direction} nulls last"


def _touching_plainly(bbox: BBox | None, opened: Tables) -> tuple[list[str], list[Any]]:
    """Return conditions for rows whose boxes touch a box, with their values; the simplest ones that are right."""
    if bbox is None:
        return [], []
    west, south, east, north = bbox
    # Plain comparisons let DuckDB skip blocks of rows, but miss items across the antimeridian. They stand beside the
    # other conditions: to plan a query inside a query costs a fifth of the whole search.
    x0, y0, x1, y1 = opened.crossing
    is_beyond = (x0 < -_HALF_WORLD) | (x1 > _HALF_WORLD)
    may_touch = (y0 <= north) & (y1 >= south) & ((x0 <= east) | (x1 >= west) | is_beyond)
    if west <= east and not bool(may_touch.any()):
        return ["ymin <= ? and ymax >= ? and xmin <= ? and xmax >= ?"], [north, south, east, west]
    text, values = _touching(bbox)
    return [text], values


def _touching(bbox: BBox) -> tuple[str, list[Any]]:
    west, south, east, north = bbox
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    # The box of an item that crosses the antimeridian has xmin > xmax and is two spans itself; other programs write
    # longitudes beyond 180 degrees, a turn away.
    plain = " or ".join(f"(xmin {turn} <= ? and xmax {turn} >= ?)" for turn in _TURNS)
    one = f"((xmin <= xmax and ({plain})) or (xmin > xmax and (xmin <= ? or xmax >= ?)))"
    values = [north, south]
    for left, right in spans:
        values += [right, left] * (len(_TURNS) + 1)
    return f"ymin <= ? and ymax >= ? and ({' or '.join(one for _ in spans)})", values


def _spatial(database: Path, test: str, geometry: Mapping[str, Any]) -> list[str]:
    """Return ``collection/id`` of the items that pass an exact spatial test; their boxes are compared first."""
    import shapely

    if "bbox" in geometry and "coordinates" not in geometry:
        box = [float(value) for value in geometry["bbox"]]
        half = len(box) // 2
        shape: Any = shapely.box(box[0], box[1], box[half], box[half + 1])
    else:
        try:
            shape = shapely.make_valid(shapely.geometry.shape(dict(geometry)))
        except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError) as error:
            raise UsageError(f"the filter has a geometry that is none: {error}") from error
    where, values = ("true", []) if test == "s_disjoint" else _touching(bounds_of(shapely.geometry.mapping(shape)))
    text = f"select collection || '/' || id as key, st_aswkb(geometry) as wkb from items where {where}"  # noqa: S608 - literals
    table = ask(database, text, values)
    passed = passing(table["wkb"].to_pylist(), shape, test=test.removeprefix("s_"))
    return [key for key, fits in zip(table["key"].to_pylist(), passed, strict=True) if fits]
