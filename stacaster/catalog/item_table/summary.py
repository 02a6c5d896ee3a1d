"""What a collection says of all its items, asked of the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stacaster.catalog.item_table.connections import ask
from stacaster.catalog.item_table.cql2 import column_of
from stacaster.catalog.item_table.unions import quoted
from stacaster.errors import UsageError
from stacaster.geo.longitudes import wrapped
from stacaster.model import format_datetime

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RANGES = ("eo:cloud_cover", "view:sun_elevation", "view:off_nadir")


@dataclass(frozen=True, kw_only=True)
class TableSummary:
    """What a collection says of all its items."""

    bboxes: list[list[float]]
    """Overall bounding box; west > east when it crosses the antimeridian."""
    interval: tuple[str, str]
    """First and last time."""
    ranges: dict[str, tuple[float, float]]
    """Smallest and largest value of some numeric properties."""
    years: list[str]
    """Years of acquisition, sorted."""


def summarise(database: Path, collection: str) -> TableSummary:
    """Summarise a collection that has items."""
    view = f"(select * from {quoted(collection)})"  # noqa: S608 - quoted
    columns = _numeric(database, view)
    chosen = "".join(f", min({quoted(name)}), max({quoted(name)})" for name in columns.values())
    text = (
        "select min(xmin), min(ymin), max(xmax), max(ymax), min(start_datetime), max(end_datetime), "  # noqa: S608 - quoted
        f"bool_or(xmin > xmax) {chosen} from {view}"
    )
    west, south, east, north, first, last, is_crossing, *numbers = _only_row(database, text)
    if is_crossing:
        spans = ask(database, f"select xmin, xmax from {view}")  # noqa: S608 - quoted
        west, east = _longitudes(spans["xmin"].to_numpy(), spans["xmax"].to_numpy())
    ranges = {}
    for number, name in enumerate(columns):
        low, high = numbers[2 * number : 2 * number + 2]
        if low is not None:
            ranges[name] = (float(low), float(high))
    years = ask(database, f"select distinct year from {view} order by 1")["year"].to_pylist()  # noqa: S608 - quoted
    return TableSummary(
        bboxes=[[west, south, east, north]],
        interval=(_moment(first), _moment(last)),
        ranges=ranges,
        years=[f"{year:04d}" for year in years],
    )


def _only_row(database: Path, text: str) -> list[Any]:
    return [column[0].as_py() for column in ask(database, text).columns]


def _moment(value: dt.datetime) -> str:
    return format_datetime(value.replace(tzinfo=dt.UTC))


def _numeric(database: Path, view: str) -> dict[str, str]:
    """Return the columns of numeric properties that are summarised, by property."""
    schema = ask(database, f"select * from {view} limit 0").schema  # noqa: S608 - quoted
    found = {}
    for name in _RANGES:
        try:
            column = column_of(name, schema.names)
        except UsageError:
            continue
        kind = schema.field(column).type
        if pa.types.is_floating(kind) or pa.types.is_integer(kind):
            found[name] = column
    return found


def known_items(database: Path, collection: str, ids: Sequence[str] | None = None) -> dict[str, tuple[str, str | None]]:
    """Return year and fingerprint of items of a collection; those that it does not have are left out.

    Args:
        database: Database of a catalog.
        collection: Its id.
        ids: Only these items; None takes all.
    """
    views = ask(database, "select view_name as name from duckdb_views() where database_name = 'memory'")
    if collection not in views["name"].to_pylist():
        return {}
    view = f"(select * from {quoted(collection)})"  # noqa: S608 - quoted
    columns = ask(database, f"select * from {view} limit 0").column_names  # noqa: S608 - quoted
    mark = "stacaster_fingerprint" if "stacaster_fingerprint" in columns else "null"
    text = f"select id, year, {mark} as mark from {view}"  # noqa: S608 - literals
    table = ask(database, text) if ids is None else ask(database, f"{text} where list_contains(?, id)", [list(ids)])
    years = (f"{year:04d}" for year in table["year"].to_pylist())
    return dict(zip(table["id"].to_pylist(), zip(years, table["mark"].to_pylist(), strict=True), strict=True))


def ids_of_year(database: Path, collection: str, year: str) -> list[str]:
    """Return the ids of a collection's items of one year, sorted."""
    text = f"select id from {quoted(collection)} where year = ? order by id"  # noqa: S608 - quoted
    ids: list[str] = ask(database, text, [int(year)])["id"].to_pylist()
    return ids


def count_items(database: Path, collection: str) -> int:
    """Return the number of items of a collection."""
    query = "select count(*) as n from items where collection = ?"
    return int(ask(database, query, [collection])["n"].to_pylist()[0])


def _longitudes(west: NDArray[np.float64], east: NDArray[np.float64]) -> tuple[float, float]:
    """Return the smallest range of longitudes that holds all spans; west > east when it crosses the antimeridian."""
    starts, widths = west % 360.0, (east - west) % 360.0
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], (starts + widths)[order]
    reach = np.maximum.accumulate(ends)
    gaps = starts[1:] - reach[:-1]
    closing = starts[0] + 360.0 - reach[-1]
    widest = int(np.argmax(gaps)) if len(gaps) else -1
    if widest >= 0 and gaps[widest] > max(closing, 0.0):
        return _wrapped(float(starts[widest + 1])), _wrapped(float(reach[widest]))
    if closing <= 0:
        return -180.0, 180.0
    return _wrapped(float(starts[0])), _wrapped(float(reach[-1]))


def _wrapped(longitude: float) -> float:
    return round(wrapped(longitude), 7)
