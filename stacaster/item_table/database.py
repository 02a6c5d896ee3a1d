"""``index.duckdb``: flat columns of all items for SQL. It is made from the parquet tables and can be made again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from stacaster.errors import CatalogError, SpaceError, UsageError, WriteError, is_space_error

DATABASE = "index.duckdb"
"""Name of the database in a catalog."""

_DROPPED_PREFIXES = ("eo", "view", "sat", "proj", "sci", "processing")
_PLAIN = re.compile(r"[^0-9A-Za-z_]")
_NOT_PROPERTIES = {"id", "collection", "geometry", "bbox", "links", "assets", "stac_version", "stac_extensions", "type"}
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "2GB",
    "temp_directory": "",
}
_LOCKED = {"enable_external_access": "false", "lock_configuration": "true"}


@dataclass(frozen=True, kw_only=True)
class FoundItem:
    """An item that a search found."""

    collection: str
    """Collection of the item."""
    id: str
    """Id of the item."""
    href: str
    """Place of its JSON relative to the root of the catalog."""


def build_database(path: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write a new database.

    Args:
        path: File that does not exist.
        tables: Table of each collection by id.
    """
    with _writing(path) as connection:
        _fill(connection, tables)


def refresh_database(old: Path, new: Path, changed: Mapping[str, pa.Table], *, dropped: Sequence[str] = ()) -> None:
    """Write a copy of a database in which some collections are replaced.

    Args:
        old: Database of the catalog.
        new: File that does not exist.
        changed: Table of each changed collection by id.
        dropped: Collections that go.
    """
    shutil.copyfile(old, new)
    with _writing(new) as connection:
        for name in dropped:
            for view in sorted({name, _PLAIN.sub("_", name)}):
                connection.execute(f"drop view if exists {_quoted(view)}")
            connection.execute(f"drop table if exists {_quoted(f'table {name}')}")
        _fill(connection, changed)


@contextmanager
def _writing(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        connection = duckdb.connect(str(path))
        try:
            yield connection
        finally:
            connection.close()
    except duckdb.Error as error:
        kind = SpaceError if is_space_error(error) else WriteError
        raise kind(f"{path.name} cannot be written: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _fill(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    for name in sorted(tables):
        connection.register("fresh", _flat(tables[name]))
        base = _quoted(f"table {name}")
        columns = "* replace (st_geomfromwkb(geometry) as geometry)"
        connection.execute(f"create or replace table {base} as select {columns} from fresh")  # noqa: S608 - quoted
        connection.unregister("fresh")
    known = [row[0] for row in connection.execute("select table_name from duckdb_tables() order by 1").fetchall()]
    union = " union all by name ".join(f"select * from {_quoted(table)}" for table in known)  # noqa: S608 - quoted
    collections = {table.removeprefix("table "): table for table in known}
    # A name that needs no quotes in SQL stands beside the true one, unless it is the true name of another.
    views = {_PLAIN.sub("_", name): table for name, table in collections.items()} | collections
    for view, table in views.items():
        connection.execute(f"create or replace view {_quoted(view)} as select * from {_quoted(table)}")  # noqa: S608 - quoted
    connection.execute(f"create or replace view items as {union}")
    connection.execute("checkpoint")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _flat(table: pa.Table) -> pa.Table:
    """Return one row an item with plain scalar columns under plain names."""
    ids, collections = table["id"], table["collection"]
    times = table["datetime"]
    if "start_datetime" in table.column_names:
        years = pc.year(pc.coalesce(times, table["start_datetime"].cast(times.type)))
    else:
        years = pc.year(times)
    years = pc.cast(years, pa.int32())
    year_text = pc.cast(years, pa.string())
    href = pc.binary_join_element_wise(collections, year_text, ids, pc.binary_join_element_wise(ids, "json", "."), "/")
    box = table["bbox"].combine_chunks()
    box = box.chunk(0) if isinstance(box, pa.ChunkedArray) else box
    columns: dict[str, Any] = {"collection": collections, "id": ids, "datetime": _utc(times), "year": years}
    for name in ("start_datetime", "end_datetime"):
        columns[name] = _utc(table[name]) if name in table.column_names else _utc(times)
    rest = sorted(set(table.column_names) - _NOT_PROPERTIES - set(columns))
    names = _plain_names(rest, taken={*columns, "xmin", "ymin", "xmax", "ymax", "assets", "href", "geometry"})
    for name in rest:
        kind = table[name].type
        if pa.types.is_timestamp(kind):
            columns[names[name]] = _utc(table[name])
        elif not pa.types.is_nested(kind) or (pa.types.is_list(kind) and not pa.types.is_nested(kind.value_type)):
            columns[names[name]] = table[name]
    columns |= {name: box.field(name) for name in ("xmin", "ymin", "xmax", "ymax")}
    columns["assets"] = _asset_keys(table)
    columns["href"] = href
    columns["geometry"] = table["geometry"].cast(pa.binary())
    return pa.table(columns)


def _utc(column: Any) -> Any:
    """Return times as UTC without a zone, so that they print the same everywhere."""
    return pc.cast(column, pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))


def _plain_names(names: Sequence[str], *, taken: set[str]) -> dict[str, str]:
    """Return SQL names without prefix where that is unambiguous: ``eo:cloud_cover`` becomes ``cloud_cover``."""
    short: dict[str, list[str]] = {}
    for name in names:
        prefix, _, rest = name.partition(":")
        plain = _PLAIN.sub("_", rest if rest and prefix in _DROPPED_PREFIXES else name).lower()
        short.setdefault(plain, []).append(name)
    found = {}
    for plain, originals in short.items():
        is_free = len(originals) == 1 and plain not in taken
        for original in originals:
            found[original] = plain if is_free else _PLAIN.sub("_", original).lower()
    return found


def _asset_keys(table: pa.Table) -> pa.Array:
    column = table["assets"].combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    names = sorted(field.name for field in column.type)
    present = {name: column.field(name).is_valid().to_pylist() for name in names}
    keys = [[name for name in names if present[name][row]] for row in range(table.num_rows)]
    return pa.array(keys, type=pa.list_(pa.string()))


def _connect(database: Path, tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """Open a database beside any connection that the user's own code has to the same file."""
    # DuckDB refuses a second set of settings for a file that the process has open, but not a second instance of it.
    connection = duckdb.connect(":memory:", config=dict(_SETTINGS))
    try:
        path = str(database).replace("'", "''")
        connection.execute(f"attach '{path}' as catalog (read_only)")
        for name, table in tables.items():
            _lay_beside(connection, name, table)
        connection.execute("use catalog")
        for name, value in _LOCKED.items():
            connection.execute(f"set {name} = {value}")
    except duckdb.Error as error:
        connection.close()
        raise CatalogError(f"{database.name} cannot be opened: {error}") from error
    return connection


def _lay_beside(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Put a table of the user's beside those of the catalog, under a name of its own."""
    columns = "* replace (st_geomfromwkb(geometry) as geometry)" if "geometry" in table.column_names else "*"
    connection.register("fresh", table)
    connection.execute(f"create temp table {_quoted(name)} as select {columns} from fresh")  # noqa: S608 - quoted
    connection.unregister("fresh")
    if "geometry" in table.column_names:
        with suppress(duckdb.CatalogException, duckdb.NotImplementedException):
            connection.create_function("exact_intersects", _intersect, ["BLOB", "BLOB"], "BOOLEAN", type="arrow")
        # Boxes first: the exact test is asked for few pairs.
        text = "st_intersects_extent(a, b) and exact_intersects(st_aswkb(a), st_aswkb(b))"
        connection.execute(f"create or replace temp macro st_intersects(a, b) as ({text})")


def _intersect(left: pa.Array, right: pa.Array) -> pa.Array:
    import numpy as np
    import shapely

    one, other = (shapely.from_wkb(np.asarray(part.to_pylist(), dtype=object)) for part in (left, right))
    return pa.array(shapely.intersects(one, other))


def run_sql(
    database: Path, query: str, *, parameters: Sequence[Any] = (), tables: Mapping[str, pa.Table] | None = None
) -> pa.Table:
    """Run a query, read only, without files, network, extensions or settings.

    Args:
        database: Database of a catalog.
        query: One SQL statement.
        parameters: Values for ``?`` in the query.
        tables: Further tables by name; a column ``geometry`` holds WKB. With them comes ``st_intersects(a, b)``.

    Returns:
        The rows.

    Raises:
        UsageError: The query is wrong or does what is not allowed; the message is DuckDB's.
        CatalogError: The database cannot be opened.
    """
    connection = _connect(database, tables or {})
    try:
        relation = connection.sql(query, params=list(parameters) or None)
        if relation is None:
            raise UsageError("SQL: the statement gives no rows; only queries are allowed")
        return relation.to_arrow_table()
    except (duckdb.Error, pa.ArrowException) as error:
        raise UsageError(f"SQL: {error}") from error
    finally:
        connection.close()


def count_items(database: Path, collection: str) -> int:
    """Return the number of items of a collection."""
    query = "select count(*) as n from items where collection = ?"
    return int(run_sql(database, query, parameters=[collection])["n"].to_pylist()[0])
