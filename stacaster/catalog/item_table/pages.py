"""Items page by page, in an order that stays while items are added: what a server of searches asks for."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.catalog.item_table.connections import ask, kept_open
from stacaster.catalog.item_table.cql2 import column_of
from stacaster.catalog.item_table.find import FoundItem, ItemQuery, where
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
    import shapely

    opened = kept_open(database)
    tests, values = where(database, query, opened)
    text = " and ".join(tests or ["true"])
    shape = _shape(query, area)
    if shape is None:
        return int(ask(database, f"select count(*) as n from {opened.source} where {text}", values)["n"][0].as_py())  # noqa: S608 - conditions of ``where``
    inside, bound = "false", list[float]()
    if area is None and query.bbox is not None and query.bbox[0] <= query.bbox[2]:
        # A footprint whose box lies inside needs no look at its geometry.
        west, south, east, north = query.bbox
        inside, bound = (
            "(xmin >= ? and xmax <= ? and ymin >= ? and ymax <= ? and xmin <= xmax)",
            [west, east, south, north],
        )
    counted = f"select count(*) as n from {opened.source} where {text} and {inside}"  # noqa: S608 - conditions of ``where``
    whole = int(ask(database, counted, [*values, *bound])["n"][0].as_py())
    tested = f"select st_aswkb(geometry) as wkb from {opened.source} where {text} and not {inside}"  # noqa: S608 - conditions of ``where``
    shapes = shapely.from_wkb(np.asarray(ask(database, tested, [*values, *bound])["wkb"].to_pylist(), dtype=object))
    return whole + int(np.count_nonzero(shapely.intersects(shapes, shape)))


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
    import shapely

    shape = _shape(query, area)
    names = ", ".join(f"{quoted(column)} as key{number}" for number, (column, _) in enumerate(order))
    wkb = "" if shape is None else ", st_aswkb(geometry) as wkb"
    sorting = ", ".join(f"{quoted(column)} {'desc' if down else 'asc'} nulls last" for column, down in order)
    text = f"select collection, id, href, {names}{wkb} from {source}"  # noqa: S608 - quoted
    text += f" where {' and '.join(tests or ['true'])} order by {sorting} limit {int(count)}"
    table = ask(database, text, list(values))
    fits: Any = np.ones(table.num_rows, bool)
    if shape is not None and table.num_rows:
        shapes = shapely.from_wkb(np.asarray(table["wkb"].to_pylist(), dtype=object))
        fits = shapely.intersects(shapes, shape)
        table = table.drop_columns(["wkb"])
    rows: list[dict[str, Any]] = table.to_pylist()
    for row, is_fitting in zip(rows, fits, strict=True):
        row["keys"] = [row[f"key{number}"] for number in range(len(order))]
        row["fits"] = bool(is_fitting)
    return rows


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
