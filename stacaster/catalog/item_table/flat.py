"""Flat columns of items, as people ask for them in SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stacaster.catalog.item_table.canonical_order import curve_positions
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
    rest = sorted(set(table.column_names) - ITEM_FIELDS - set(columns))
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
    """Return SQL names without prefix where that is unambiguous: ``eo:cloud_cover`` becomes ``cloud_cover``."""
    short: dict[str, list[str]] = {}
    for name in names:
        prefix, _, rest = name.partition(":")
        plain = plain_name(rest if rest and prefix in _DROPPED_PREFIXES else name).lower()
        short.setdefault(plain, []).append(name)
    found = {}
    for plain, originals in short.items():
        is_free = len(originals) == 1 and plain not in taken
        for original in originals:
            found[original] = plain if is_free else plain_name(original).lower()
    return found


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
