"""``index.duckdb``: flat columns of all items for SQL. It is made from the parquet parts and can be made again.

Rows that come to a large catalog go into a second, small database beside it, until it is worth while to write the large
one again. That one says which state of the large one it belongs to, so that readers need no lock.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import duckdb
import pyarrow as pa

from stacaster.catalog.item_table.connection import DATABASE, RECENT, attached, open_tables
from stacaster.catalog.item_table.flat import flatten, plain_name
from stacaster.catalog.item_table.points import in_text
from stacaster.catalog.item_table.unions import quoted, union_of
from stacaster.errors import SpaceError, WriteError, is_space_error

_LARGE_ROWS = 20_000
_RECENT_ROWS = 10_000
_STATE = "stacaster_state"
_PREFIX = "table "
# Shells of DuckDB from 1.0 on read this form.
_FORM = "storage_version 'v1.0.0'"
# What DuckDB does not get is left to the sorting of a large catalog, which then uses the disk.
_WRITER = {"memory_limit": "2GB", "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}

Rows: TypeAlias = "pa.Table | Iterable[pa.Table]"
"""stac-geoparquet rows of one collection, in one piece or several."""


def build_database(path: Path, tables: Mapping[str, Rows]) -> None:
    """Write a new database.

    Args:
        path: File that does not exist.
        tables: Rows of each collection by id.

    Raises:
        WriteError: It cannot be written.
    """
    with _writing(path) as connection:
        for name in sorted(tables):
            _write_table(connection, name, pieces=tables[name])
        _finish(connection)


def refresh_database(
    old: Path,
    new: Path,
    *,
    replaced: Mapping[str, pa.Table] | None = None,
    added: Mapping[str, pa.Table] | None = None,
    gone: Mapping[str, Sequence[str]] | None = None,
    dropped: Sequence[str] = (),
) -> None:
    """Write a database anew from an old one and its recent rows.

    Args:
        old: Database of the catalog.
        new: File that does not exist.
        replaced: All rows of some collections.
        added: Rows that come to other collections.
        gone: Ids of rows that go.
        dropped: Collections that go.

    Raises:
        WriteError: It cannot be written.
    """
    replaced, added, gone = replaced or {}, added or {}, gone or {}
    with _writing(new) as connection:
        sources = attached(connection, old)
        known = {name for source in sources for name in _collections(connection, source)}
        for name in sorted((known | set(replaced) | set(added)) - set(dropped)):
            if name in replaced:
                _write_table(connection, name, pieces=replaced[name])
            else:
                _write_table(connection, name, sources=sources, gone=gone.get(name, ()), pieces=added.get(name, ()))
        _finish(connection)
        for source in sources:
            connection.execute(f"detach {source}")


def append_recent(old: Path, new: Path, added: Mapping[str, pa.Table]) -> bool:
    """Write the recent rows of a large database anew, with more rows.

    Args:
        old: Database of the catalog.
        new: File that does not exist, for the recent rows.
        added: Rows that come.

    Returns:
        False when the database is small, or the recent rows are many: then it is better to write the database anew.

    Raises:
        WriteError: It cannot be written.
    """
    with _writing_soon(new) as connection:
        sources = attached(connection, old)
        if _count(connection, sources[:1]) < _LARGE_ROWS:
            return False
        coming = sum(table.num_rows for table in added.values())
        if _count(connection, sources[1:]) + coming > _RECENT_ROWS:
            return False
        known = {name for source in sources[1:] for name in _collections(connection, source)}
        for name in sorted(known | set(added)):
            _write_table(connection, name, sources=sources[1:], pieces=added.get(name, ()), is_sorted=False)
        ((generation,),) = connection.execute(f"select generation from {sources[0]}.{_STATE}").fetchall()  # noqa: S608 - names of ours
        _finish(connection, base=generation)
    return True


def is_unsettled(database: Path) -> bool:
    """Tell whether recent rows wait beside a database, enough of them to write it anew."""
    recent = database.with_name(RECENT)
    if not recent.exists():
        return False
    with open_tables(database) as connection:
        sources = ["catalog", "recent"] if connection.has_recent else ["catalog"]
        rows, waiting = _count(connection.raw, sources[:1]), _count(connection.raw, sources[1:])
    return not connection.has_recent or rows < 10 * _LARGE_ROWS or waiting * 50 > rows


@contextmanager
def _writing(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with _failing_as_ours(path):
        connection = duckdb.connect(":memory:", config=dict(_WRITER))
        try:
            connection.execute(f"attach '{in_text(path)}' as written ({_FORM})")
            connection.execute("use written")
            yield connection
        finally:
            connection.close()


@contextmanager
def _failing_as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        kind = SpaceError if is_space_error(error) else WriteError
        raise kind(f"{path.name} cannot be written: {str(error).partition(chr(10))[0]}") from error


_engine_lock = Lock()
_engines: dict[int, duckdb.DuckDBPyConnection] = {}
"""An open DuckDB by process: to start one costs more than a thousand rows."""


@contextmanager
def _writing_soon(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Like ``_writing``, for few rows: nothing goes to the disk in between."""
    with _engine_lock, _failing_as_ours(path):
        own = os.getpid()
        if own not in _engines:
            _engines[own] = duckdb.connect(
                ":memory:", config={**_WRITER, "temp_directory": "", "force_compression": "uncompressed"}
            )
        connection = _engines[own]
        try:
            # The file is new and nobody's before it is whole: no log of writes, no search for the best compression.
            connection.execute(f"attach '{in_text(path)}' as written ({_FORM}, recovery_mode no_wal_writes)")
            connection.execute("use written")
            yield connection
            connection.execute("use memory")
            query = "select database_name from duckdb_databases() where not internal and database_name <> 'memory'"
            for (name,) in connection.execute(query).fetchall():
                connection.execute(f"detach {quoted(name)}")
        except BaseException:
            # What it holds open after an error is not known.
            _engines.pop(own).close()
            raise


def _collections(connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    query = "select table_name from duckdb_tables() where database_name = ? and table_name like ? order by 1"
    rows = connection.execute(query, [source, f"{_PREFIX}%"]).fetchall()
    return [str(row[0]).removeprefix(_PREFIX) for row in rows]


def _count(connection: duckdb.DuckDBPyConnection, sources: Sequence[str]) -> int:
    query = "select coalesce(sum(estimated_size), 0)::bigint from duckdb_tables() where list_contains(?, database_name)"
    ((number,),) = connection.execute(query, [list(sources)]).fetchall()
    return int(number)


def _write_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    *,
    pieces: Rows = (),
    sources: Sequence[str] = (),
    gone: Sequence[str] = (),
    is_sorted: bool = True,
) -> None:
    """Write the table of one collection from rows and from databases, in the order of the curve or as they come."""
    table = quoted(f"{_PREFIX}{name}")
    selects = [
        f"select * from {source}.{table} where not list_contains(?, id)"  # noqa: S608 - quoted
        for source in sources
        if name in _collections(connection, source)
    ]
    values = [list(gone)] * len(selects)
    columns = "* replace (st_geomfromwkb(geometry) as geometry)"
    staged = []
    if isinstance(pieces, pa.Table):
        connection.register("fresh", flatten(pieces))
        selects.append(f"select {columns} from fresh")  # noqa: S608 - literals
    else:
        # One piece at a time is in memory.
        for number, piece in enumerate(pieces):
            connection.register("fresh", flatten(piece))
            staged.append(f"piece_{number}")
            connection.execute(f"create temp table piece_{number} as select {columns} from fresh")  # noqa: S608 - literals
            connection.unregister("fresh")
            selects.append(f"select * from piece_{number}")  # noqa: S608 - literals
    # One piece lies in its order already.
    order = " order by curve, datetime, id" if is_sorted and len(selects) > 1 else ""
    if selects:
        text = " union all by name ".join(selects)
        connection.execute(f"create table {table} as select * from ({text}){order}", values)  # noqa: S608 - quoted
    for piece_name in staged:
        connection.execute(f"drop table {piece_name}")
    if not staged:
        connection.unregister("fresh")


def _finish(connection: duckdb.DuckDBPyConnection, *, base: str | None = None) -> None:
    """Add the views, and which state this is or belongs to."""
    ((own,),) = connection.execute("select current_database()").fetchall()
    known = _collections(connection, own)
    if not known:
        raise WriteError("there is no item to write into the database")
    tables = {name: quoted(f"{_PREFIX}{name}") for name in known}
    # A name that needs no quotes in SQL stands beside the true one, unless it is the true name of another.
    views = {plain_name(name): table for name, table in tables.items()} | tables
    for view, table in views.items():
        connection.execute(f"create view {quoted(view)} as select * exclude (curve) from {table}")  # noqa: S608 - quoted
    union = union_of(connection, list(tables.values()), exclude=["curve"])
    connection.execute(f"create view items as {union}")
    connection.execute(f"create table {_STATE} as select ? as generation, ? as base", [secrets.token_hex(8), base])
    connection.execute("checkpoint")


__all__ = ["DATABASE", "RECENT", "append_recent", "build_database", "is_unsettled", "refresh_database"]
