"""What the columns of an item table cannot say of an item: split off as JSON, and put back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from stacaster.catalog.item_table.column_types import REMAINDER, TIMES

_NOTHING: Any = object()


def fit_rows(rows: Sequence[Mapping[str, Any]], kind: pa.StructType) -> list[dict[str, Any]]:
    """Return rows of which every value has the type of its column; the rest of a row is text in ``REMAINDER``.

    Args:
        rows: Plain data.
        kind: Types of the columns.
    """
    fitted = []
    for row in rows:
        plain, rest = _fit(dict(row), kind)
        if rest is not _NOTHING:
            more = json.loads(plain.get(REMAINDER) or "{}")
            plain[REMAINDER] = as_text(_merge(more, rest))
        fitted.append(plain)
    return fitted


def as_text(rest: Mapping[str, Any]) -> str:
    """Return what is left of an item as it stands in its column."""
    return orjson.dumps(rest, option=orjson.OPT_SORT_KEYS).decode()


def put_back(row: dict[str, Any]) -> dict[str, Any]:
    """Return an item's row, of properties and fields of the item, with what its column ``REMAINDER`` says."""
    text = row.pop(REMAINDER, None)
    merged: dict[str, Any] = row if text is None else _merge(row, orjson.loads(text))
    return merged


def _merge(value: Any, rest: Any) -> Any:
    if isinstance(value, dict) and isinstance(rest, dict):
        return {**value, **{key: _merge(value.get(key), part) for key, part in rest.items()}}
    return rest


def _fit(value: Any, kind: pa.DataType, name: str = "") -> tuple[Any, Any]:
    """Return what of a value has a type, and what is left."""
    if value is None:
        return None, _NOTHING
    if pa.types.is_struct(kind) and isinstance(value, dict):
        return _fit_fields(value, kind)
    if pa.types.is_list(kind) and isinstance(value, (list, tuple)):
        parts = [_fit(part, kind.value_type) for part in value]
        fits = all(rest is _NOTHING for _, rest in parts)
        return ([part for part, _ in parts], _NOTHING) if fits else (None, value)
    return (value, _NOTHING) if _is_scalar_of(value, kind, name) else (None, value)


def _fit_fields(value: dict[str, Any], kind: pa.StructType) -> tuple[dict[str, Any], Any]:
    types = {part.name: part.type for part in kind}
    fitted, rest = {}, {}
    for name, part in value.items():
        plain, left = _fit(part, types.get(name, pa.null()), name)
        if plain is not None:
            fitted[name] = plain
        if left is not _NOTHING:
            rest[name] = left
    return fitted, rest or _NOTHING


def _is_scalar_of(value: Any, kind: pa.DataType, name: str) -> bool:
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if pa.types.is_integer(kind):
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if pa.types.is_floating(kind):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and _is_exact(value)
    if pa.types.is_timestamp(kind) or (name in TIMES and pa.types.is_string(kind)):
        return isinstance(value, str) and _is_time(value)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return isinstance(value, str)
    return pa.types.is_binary(kind) and isinstance(value, bytes)


def _is_exact(value: float) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def _is_time(text: str) -> bool:
    try:
        return dt.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
