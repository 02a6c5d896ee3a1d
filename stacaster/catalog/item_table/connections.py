"""Ask databases that stay open between searches: to open one costs ten times what a search costs.

Decision: databases stay open until their files change; SQL of users gets a connection of its own.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import pyarrow as pa

from stacaster.catalog.item_table.connection import Tables, connect_to, state_of, table_of
from stacaster.errors import UsageError

_KEPT_OPEN = 4
_kept: OrderedDict[str, Tables] = OrderedDict()
_lock = Lock()


def close_databases() -> None:
    """Close the databases that ``ask`` keeps open."""
    with _lock:
        _kept.clear()


def ask(database: Path, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
    """Run a query of our own; the database stays open until its files change.

    The text must be ours: what one query leaves behind, the next one sees.

    Raises:
        UsageError: The query is wrong.
        CatalogError: The database cannot be opened.
    """
    cursor = kept_open(database).raw.cursor()
    try:
        return table_of(cursor, query, parameters)
    finally:
        cursor.close()


def ask_rows(database: Path, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a query of our own that has few rows; faster than ``ask`` by a millisecond.

    Raises:
        UsageError: The query is wrong.
        CatalogError: The database cannot be opened.
    """
    opened = kept_open(database)
    cursor = opened.raw.cursor()
    try:
        rows: list[tuple[Any, ...]] = cursor.execute(opened.statement(query), list(parameters)).fetchall()
    except duckdb.Error as error:
        raise UsageError(f"SQL: {error}") from error
    finally:
        cursor.close()
    return rows


def kept_open(database: Path) -> Tables:
    """Return the open database as its files are now.

    Raises:
        CatalogError: The database cannot be opened.
    """
    key = os.fspath(database)
    with _lock:
        opened = _kept.get(key)
        if opened is None or opened.state != state_of(database):
            _kept.pop(key, None)
            opened = _kept[key] = connect_to(database, {})
            while len(_kept) > _KEPT_OPEN:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return opened
