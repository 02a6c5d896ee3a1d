"""Flat columns of items, as people ask for them in SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stacaster.catalog.item_table.canonical_order import curve_positions
from stacaster.catalog.item_table.column_types import REMAINDER
from stacaster.model import ITEM_FIELDS

_DROPPED_PREFIXES = ("eo", "view", "sat", "proj", "sci", "processing")
_PLAIN = re.compile(r"[^0-9A-Za-z_]")
_FIXED = ("xmin", "ymin", "xmax", "ymax", "assets", "href", "geometry", "curve")


def flatten(table: pa.Table) -> pa.Table:
    """Return one row an item with plain scalar columns under plain names.

    Args:
        table: stac-geoparquet table of one collection.

    Returns:
        Scalar properties, the sides of the box, the keys of the assets, the place of the JSON, the footprint as WKB,
        and ``curve``, the position along the Hilbert curve of ``arrange``.
    """
    ids, collections, times = table["id"], table["collection"], _utc(table["datetime"])
    columns: dict[str, Any] = {"collection": collections, "id": ids, "datetime": times, "year": None}
    for name in ("start_datetime", "end_datetime"):
        columns[name] = pc.coalesce(_utc(table[name]), times) if name in table.column_names else times
    columns["year"] = pc.cast(pc.year(pc.coalesce(times, columns["start_datetime"])), pa.int32())
    year = pc.utf8_lpad(pc.cast(columns["year"], pa.string()), 4, "0")
    href = pc.binary_join_element_wise(collections, year, ids, pc.binary_join_element_wise(ids, "json", "."), "/")
    rest = sorted(set(table.column_names) - ITEM_FIELDS - {"datetime", "start_datetime", "end_datetime", REMAINDER})
    names = plain_names(rest, taken={*columns, *_FIXED})
    for name in rest:
        kind = table[name].type
        if pa.types.is_timestamp(kind):
            columns[names[name]] = _utc(table[name])
        elif not pa.types.is_nested(kind) or (pa.types.is_list(kind) and not pa.types.is_nested(kind.value_type)):
            columns[names[name]] = table[name]
    box = one_chunk(table["bbox"])
    columns |= {name: box.field(name) for name in ("xmin", "ymin", "xmax", "ymax")}
    has_assets = "assets" in table.column_names
    columns["assets"] = (
        _asset_keys(one_chunk(table["assets"])) if has_assets else pa.array([[]] * len(table), pa.list_(pa.string()))
    )
    columns["href"] = href
    columns["geometry"] = table["geometry"].cast(pa.binary())
    columns["curve"] = pa.array(curve_positions(table).astype(np.uint32))
    return pa.table(columns)


def one_chunk(column: pa.ChunkedArray) -> Any:
    """Return a column as one array."""
    joined = column.combine_chunks()
    return joined if not isinstance(joined, pa.ChunkedArray) else joined.chunk(0)


def _utc(column: Any) -> Any:
    """Return times as UTC without a zone, so that they print the same everywhere."""
    return pc.cast(column, pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))


def plain_name(text: str) -> str:
    """Return a name that needs no quotes in SQL."""
    return _PLAIN.sub("_", text)


def plain_names(names: Sequence[str], *, taken: set[str]) -> dict[str, str]:
    """Return SQL names, each once: ``eo:cloud_cover`` becomes ``cloud_cover``.

    Where several properties would have one short name, the extension that comes first in the list of prefixes has it,
    whatever else an item says; SQL does not tell capitals from small letters, so that of names that differ in
    nothing else all but one get a number.

    Args:
        names: Properties.
        taken: Names that other columns have.
    """
    used = {name.lower() for name in taken}
    columns = {}
    for name in sorted(names, key=_rank):
        prefix, _, rest = name.partition(":")
        whole = plain_name(name)
        short = plain_name(rest) if rest and prefix in _DROPPED_PREFIXES else whole
        numbered = (f"{whole}_{number}" for number in count(2))
        column = next(text for text in chain((short.lower(), whole.lower()), numbered) if text.lower() not in used)
        used.add(column.lower())
        columns[name] = column
    return columns


def _rank(name: str) -> tuple[int, bool, str]:
    prefix = name.partition(":")[0]
    place = _DROPPED_PREFIXES.index(prefix) if prefix in _DROPPED_PREFIXES else len(_DROPPED_PREFIXES)
    return place, name != name.lower(), name


def _asset_keys(assets: pa.StructArray) -> pa.Array:
    """Return the keys of the assets that every item has, sorted."""
    names = sorted(field.name for field in assets.type)
    present = np.empty((len(assets), len(names)), dtype=bool)
    for number, name in enumerate(names):
        present[:, number] = assets.field(name).is_valid().to_numpy(zero_copy_only=False)
    # Few combinations of assets occur: each list is made once.
    packed = np.packbits(present, axis=1) if names else np.zeros((len(assets), 1), dtype=np.uint8)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    kinds = [[name for name, is_there in zip(names, present[row], strict=True) if is_there] for row in first]
    return pa.array(kinds, type=pa.list_(pa.string())).take(pa.array(which.reshape(-1)))
