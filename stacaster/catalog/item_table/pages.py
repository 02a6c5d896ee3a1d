"""Items page by page, in an order that stays while items are added: what a server of searches asks for."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.catalog.item_table.connections import ask_rows, kept_open
from stacaster.catalog.item_table.cql2 import column_of
from stacaster.catalog.item_table.find import FoundItem, ItemQuery, where
from stacaster.catalog.item_table.footprints import passing
from stacaster.catalog.item_table.unions import quoted
from stacaster.errors import UsageError

_MARGIN = 64
"""Rows beyond a page that are read at once, as some footprints miss what their boxes meet."""

_KEYS = ("start_datetime", "collection", "id")
"""What decides between items that are alike in what they are sorted by."""


@dataclass(frozen=True, kw_only=True)
class ItemPage:
    """Some items of a search, and how to go on."""

    items: tuple[FoundItem, ...]
    """Items in order."""
    token: str | None
    """Gives the next page; None on the last one."""


def item_page(
    database: Path, query: ItemQuery, *, area: Mapping[str, Any] | None = None, limit: int, token: str | None = None
) -> ItemPage:
    """Return a page of items whose footprints fit; items that come or go meanwhile move no other one to another page.

    Args:
        database: Database of a catalog.
        query: The question; its box is that of ``area`` where there is one.
        area: GeoJSON geometry that footprints have to meet; None compares with the box of the query.
        limit: Largest number of items.
        token: From the page before; None for the first.

    Raises:
        UsageError: The filter, the order or the token cannot be understood.
    """
    opened = kept_open(database)
    tests, values = where(database, query, opened)
    order = _order(query.sortby, opened.columns)
    last = None if token is None else _decoded(token, order)
    items: list[FoundItem] = []
    while True:
        more, bound = ([], []) if last is None else _after(order, last)
        rows = _rows(database, opened.source, [*tests, *more], [*values, *bound], order, limit + _MARGIN, query, area)
        for row in rows:
            if not row["fits"]:
                continue
            if len(items) == limit:
                return ItemPage(items=tuple(items), token=_encoded(last))
            last = row["keys"]
            items.append(FoundItem(collection=row["collection"], id=row["id"], href=row["href"]))
        if len(rows) < limit + _MARGIN:
            return ItemPage(items=tuple(items), token=None)
        if len(items) < limit:
            last = rows[-1]["keys"]


def count_matches(database: Path, query: ItemQuery, *, area: Mapping[str, Any] | None = None) -> int:
    """Return how many items of a search there are on all pages.

    Args:
        database: Database of a catalog.
        query: The question.
        area: As for ``item_page``.
    """
    import numpy as np

    opened = kept_open(database)
    tests, values = where(database, query, opened)
    text = " and ".join(tests or ["true"])
    shape = _shape(query, area)
    if shape is None:
        return int(ask_rows(database, f"select count(*) from {opened.source} where {text}", values)[0][0])  # noqa: S608 - conditions of ``where``
    inside, bound = "false", list[float]()
    if area is None and query.bbox is not None and query.bbox[0] <= query.bbox[2]:
        # A footprint whose box lies inside needs no look at its geometry.
        west, south, east, north = query.bbox
        inside, bound = (
            "(xmin >= ? and xmax <= ? and ymin >= ? and ymax <= ? and xmin <= xmax)",
            [west, east, south, north],
        )
    # One look at the table: rows whose box lies inside are one group, each of the others has its outline.
    grouped = (
        f"select case when {inside} then null else st_aswkb(geometry) end as wkb, count(*) as n "  # noqa: S608 - conditions of ``where``
        f"from {opened.source} where {text} group by wkb"
    )
    rows = ask_rows(database, grouped, [*bound, *values])
    whole = sum(int(count) for wkb, count in rows if wkb is None)
    edges = [(bytes(wkb), int(count)) for wkb, count in rows if wkb is not None]
    if not edges:
        return whole
    counts = np.array([count for _, count in edges])
    return whole + int(counts[passing((wkb for wkb, _ in edges), shape)].sum())


def _rows(
    database: Path,
    source: str,
    tests: Sequence[str],
    values: Sequence[Any],
    order: Sequence[tuple[str, bool]],
    count: int,
    query: ItemQuery,
    area: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    import numpy as np

    shape = _shape(query, area)
    names = ", ".join(f"{quoted(column)} as key{number}" for number, (column, _) in enumerate(order))
    wkb = "" if shape is None else ", st_aswkb(geometry) as wkb"
    if shape is None and order[0][0] not in _KEYS:
        more, bound = _no_later_than(database, source, tests, values, order[0], count)
        tests, values = [*tests, *more], [*values, *bound]
    sorting = ", ".join(f"{quoted(column)} {'desc' if down else 'asc'} nulls last" for column, down in order)
    text = f"select collection, id, href, {names}{wkb} from {source}"  # noqa: S608 - quoted
    text += f" where {' and '.join(tests or ['true'])} order by {sorting} limit {int(count)}"
    found = ask_rows(database, text, list(values))
    fits: Any = np.ones(len(found), bool)
    if shape is not None and found:
        fits = passing((bytes(row[-1]) for row in found), shape)
    return [
        {
            "collection": row[0],
            "id": row[1],
            "href": row[2],
            "keys": list(row[3 : 3 + len(order)]),
            "fits": bool(is_fitting),
        }
        for row, is_fitting in zip(found, fits, strict=True)
    ]


def _no_later_than(
    database: Path, source: str, tests: Sequence[str], values: Sequence[Any], first: tuple[str, bool], count: int
) -> tuple[list[str], list[Any]]:
    """Return a condition that leaves the rows a page needs: to sort a table by one column is cheap, by all not."""
    column, down = quoted(first[0]), first[1]
    text = f"select {column} from {source} where {' and '.join(tests or ['true'])}"  # noqa: S608 - quoted
    text += f" order by {column} {'desc' if down else 'asc'} nulls last limit 1 offset {int(count) - 1}"
    found = ask_rows(database, text, list(values))
    if not found or found[0][0] is None:
        return [], []
    return [f"{column} {'>=' if down else '<='} ?"], [found[0][0]]


def _shape(query: ItemQuery, area: Mapping[str, Any] | None) -> Any:
    import shapely

    from stacaster.geo.shapes import box_shape

    if area is not None:
        return shapely.make_valid(shapely.geometry.shape(dict(area)))
    return None if query.bbox is None else box_shape(query.bbox)


def _order(sortby: Sequence[str], columns: Mapping[str, str]) -> list[tuple[str, bool]]:
    """Return columns and whether they go down; every item has a place of its own in the order."""
    order = [(column_of(name.lstrip("+-").strip(), columns), name.startswith("-")) for name in sortby]
    named = {column for column, _ in order}
    return [*order, *((key, False) for key in _KEYS if key not in named)]


def _after(order: Sequence[tuple[str, bool]], last: Sequence[Any]) -> tuple[list[str], list[Any]]:
    """Return a condition for what comes after an item; nulls come last in either direction."""
    alternatives: list[str] = []
    equal: list[str] = []
    values: list[Any] = []
    bound: list[Any] = []
    for (column, down), value in zip(order, last, strict=True):
        name = quoted(column)
        if value is not None:
            alternatives.append(" and ".join([*equal, f"({name} {'<' if down else '>'} ? or {name} is null)"]))
            values += [*bound, value]
        equal.append(f"{name} is not distinct from ?")
        bound.append(value)
    return ["(" + " or ".join(f"({text})" for text in alternatives) + ")"], values


def _encoded(keys: Sequence[Any] | None) -> str:
    text = json.dumps(keys, default=lambda value: value.isoformat())
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(token: str, order: Sequence[tuple[str, bool]]) -> list[Any]:
    try:
        keys = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise UsageError("token: it is none that a page of this search gave") from error
    if not isinstance(keys, list) or len(keys) != len(order) or any(isinstance(key, (list, dict)) for key in keys):
        raise UsageError("token: it is none that a page of this search gave")
    return keys
