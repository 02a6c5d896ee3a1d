"""The item table: all items of a collection as stac-geoparquet, and of a catalog in a DuckDB database."""

from __future__ import annotations

import datetime as dt
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import stac_geoparquet.arrow as stac_arrow

from stacaster.errors import CatalogError
from stacaster.item_table.arrange import arrange, without_nulls
from stacaster.item_table.cql2 import column_of
from stacaster.item_table.database import (
    DATABASE,
    FoundItem,
    build_database,
    count_items,
    refresh_database,
    run_sql,
)
from stacaster.item_table.find import ItemQuery, find_items
from stacaster.model import format_datetime

__all__ = [
    "DATABASE",
    "FoundItem",
    "ItemQuery",
    "TableSummary",
    "build_database",
    "column_of",
    "count_items",
    "find_items",
    "merge_items",
    "read_items_parquet",
    "rebase_hrefs",
    "refresh_database",
    "run_sql",
    "summarise",
    "table_to_items",
    "write_items_parquet",
]

_ROW_GROUP = 50_000
_RANGES = ("eo:cloud_cover", "view:sun_elevation", "view:off_nadir")


def merge_items(old: pa.Table | None, items: Sequence[Mapping[str, Any]], *, removed: Collection[str] = ()) -> pa.Table:
    """Add items to a table; items replace rows of the same id.

    Args:
        old: Table of the collection, or None.
        items: STAC items with hrefs relative to their own file.
        removed: Ids of rows to leave out.

    Returns:
        The same table for the same set of items, whatever their order and history, provided that a property has one
        type in all of them. Relative hrefs are relative to the place of the parquet file, the folder of the collection.

    Raises:
        CatalogError: Items contradict each other in the type of a property.
    """
    try:
        return _merged(old, items, removed)
    except pa.ArrowException as error:
        raise CatalogError(f"items of one collection contradict each other: {error}") from error


def _merged(old: pa.Table | None, items: Sequence[Mapping[str, Any]], removed: Collection[str]) -> pa.Table:
    fresh = [rebase_hrefs(item, f"{_year(item)}/{item['id']}/", inward=False) for item in items]
    if old is None:
        return arrange(_parse(fresh))
    gone = set(removed) | {str(item["id"]) for item in items}
    kept = old.filter(pc.invert(pc.is_in(old["id"], pa.array(sorted(gone), type=old["id"].type))))
    if kept.num_rows < old.num_rows:
        if not kept.num_rows and not fresh:
            return old.slice(0, 0)
        # A column may have lost its only value: infer the columns anew from what is left.
        return arrange(_parse([*_plain_items(kept), *fresh]))
    if not fresh:
        return old
    return arrange(pa.concat_tables([kept, _parse(fresh)], promote_options="permissive"))


def _parse(items: Sequence[Mapping[str, Any]]) -> pa.Table:
    # A null makes a column where no item has a value; only the time may be null by the specification.
    return stac_arrow.parse_stac_items_to_arrow([_with_time(without_nulls(dict(item))) for item in items]).read_all()


def _with_time(item: dict[str, Any]) -> dict[str, Any]:
    item["properties"].setdefault("datetime", None)
    return item


def _year(item: Mapping[str, Any]) -> str:
    properties = item["properties"]
    return str(properties.get("datetime") or properties["start_datetime"])[:4]


def rebase_hrefs(item: Mapping[str, Any], folder: str, *, inward: bool) -> dict[str, Any]:
    """Move the base of relative hrefs, of links and assets, between an item's folder and that of the collection.

    Args:
        item: STAC item.
        folder: Folder of the item relative to the collection, ending in ``/``.
        inward: True from collection to item, False from item to collection.
    """

    def moved(part: Mapping[str, Any]) -> dict[str, Any]:
        href = str(part["href"])
        if not href.startswith(("./", "../")):
            return dict(part)
        place = posixpath.relpath(href, folder) if inward else posixpath.normpath(folder + href)
        return {**part, "href": place if place.startswith("../") else f"./{place}"}

    assets = {key: moved(asset) for key, asset in item["assets"].items()}
    return {**item, "assets": assets, "links": [moved(link) for link in item.get("links", ())]}


def _plain_items(table: pa.Table) -> Iterator[dict[str, Any]]:
    for item in stac_arrow.stac_table_to_items(table):
        yield _with_time(without_nulls(item))


def table_to_items(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield the items of a table as they stand in their JSON files, hrefs relative to their own file."""
    for item in _plain_items(table):
        yield rebase_hrefs(item, f"{_year(item)}/{item['id']}/", inward=True)


def read_items_parquet(path: Path, *, ids: Sequence[str] | None = None) -> pa.Table:
    """Read the table of a collection.

    Args:
        path: The parquet file.
        ids: Only these items; None reads all.

    Raises:
        CatalogError: The file is no parquet file.
    """
    try:
        return pq.read_table(path, filters=None if ids is None else pc.field("id").isin(list(ids)))
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error


def write_items_parquet(table: pa.Table, path: Path, *, collection: Mapping[str, Any]) -> None:
    """Write a table as stac-geoparquet 1.1 with the collection in its metadata."""
    collections = {str(collection["id"]): dict(collection)}
    # One row group is written for each chunk of the table.
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=_ROW_GROUP), schema=table.schema)
    stac_arrow.to_parquet(chunked, path, collections=collections, compression="zstd")


@dataclass(frozen=True, kw_only=True)
class TableSummary:
    """What a collection says of all its items."""

    bboxes: list[list[float]]
    """Overall bounding box; west > east when it crosses the antimeridian."""
    interval: tuple[str, str]
    """First and last time."""
    ranges: dict[str, tuple[float, float]]
    """Smallest and largest value of some numeric properties."""


def summarise(table: pa.Table) -> TableSummary:
    """Summarise a table that is not empty."""
    box = table["bbox"].combine_chunks()
    box = box.chunk(0) if isinstance(box, pa.ChunkedArray) else box
    west, south, east, north = (box.field(name).to_pylist() for name in ("xmin", "ymin", "xmax", "ymax"))
    left, right = _longitudes(list(zip(west, east, strict=True)))
    first = _moments(table, "start_datetime")
    last = _moments(table, "end_datetime")
    ranges = {}
    for name in _RANGES:
        if name in table.column_names and pa.types.is_floating(table[name].type) | pa.types.is_integer(
            table[name].type
        ):
            found = pc.min_max(table[name]).as_py()
            if found["min"] is not None:
                ranges[name] = (float(found["min"]), float(found["max"]))
    return TableSummary(
        bboxes=[[left, min(south), right, max(north)]],
        interval=(format_datetime(min(first)), format_datetime(max(last))),
        ranges=ranges,
    )


def _moments(table: pa.Table, name: str) -> list[dt.datetime]:
    times: Iterable[Any] = table["datetime"].to_pylist()
    others: Iterable[Any] = table[name].to_pylist() if name in table.column_names else [None] * table.num_rows
    return [other or time for time, other in zip(times, others, strict=True)]


def _longitudes(spans: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the smallest range of longitudes that holds all spans; west > east when it crosses the antimeridian."""
    if all(west <= east for west, east in spans):
        return min(west for west, _ in spans), max(east for _, east in spans)
    ordered = sorted((west % 360.0, (east - west) % 360.0) for west, east in spans)
    start, reach = ordered[0][0], ordered[0][0]
    best = (-1.0, start, reach)
    for west, width in ordered:
        if west > reach:
            best = max(best, (west - reach, west, reach))
        reach = max(reach, west + width)
    closing = start + 360.0 - reach
    if closing >= best[0]:
        best = (closing, start, reach)
    if best[0] <= 0:
        return -180.0, 180.0
    return _wrapped(best[1]), _wrapped(best[2])


def _wrapped(longitude: float) -> float:
    return round((longitude + 180.0) % 360.0 - 180.0, 7)
