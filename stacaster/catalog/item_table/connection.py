"""Ask the database: read only, locked down, the recent rows included."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW

from stacaster.catalog.item_table.points import IN_BOX, PointView, in_text, lay_points, with_bounds
from stacaster.catalog.item_table.time_limit import time_limit
from stacaster.catalog.item_table.unions import quoted, union_of
from stacaster.errors import CatalogError, StacasterWarning, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATABASE = "index.duckdb"
"""Name of the database in a catalog."""

RECENT = "index.recent.duckdb"
"""Rows that came since the large database was written."""

_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "2GB",
    "temp_directory": "",
}
_LOCKED = {"enable_external_access": "false", "lock_configuration": "true"}
_HELD = ("Could not set lock", "Conflicting lock", "already attached", "different configuration")
_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")
_PATIENCE, _KEPT_STATEMENTS = 50, 200


@dataclass(frozen=True)
class Tables:
    """An open database."""

    raw: duckdb.DuckDBPyConnection
    """The connection; ``catalog`` is the database, ``recent`` its recent rows."""
    has_recent: bool
    """Whether there are recent rows."""
    state: tuple[Any, ...]
    """What tells this state of the files from another."""
    columns: Mapping[str, str]
    """Types of the columns of the view ``items``, as SQL names them, by name."""
    source: str
    """What the items are read from: the view ``items``, or its only table, which is faster."""
    statements: dict[str, duckdb.Statement] = field(default_factory=dict)
    """Queries of ours by their text: to parse one costs a tenth of a search."""

    def statement(self, query: str) -> duckdb.Statement:
        """Return a query of ours as a statement that can be executed again and again.

        Raises:
            duckdb.Error: The text is no query.
        """
        found = self.statements.get(query)
        if found is None:
            (found,) = self.raw.cursor().extract_statements(query)
            if len(self.statements) >= _KEPT_STATEMENTS:
                self.statements.clear()
            self.statements[query] = found
        return found

    @cached_property
    def crossing(self) -> NDArray[np.float64]:
        """West, south, east, north of items across or beyond the antimeridian, a row each side of the boxes."""
        boxes = (
            f"select distinct xmin, ymin, xmax, ymax from {self.source} where xmin > xmax or xmin < -180 or xmax > 180"  # noqa: S608 - quoted
        )
        return np.array(self.raw.cursor().execute(boxes).fetchall(), dtype="float64").reshape(-1, 4).T


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def state_of(database: Path) -> tuple[Any, ...]:
    """Return what tells this state of the files of a database from another."""
    return os.fspath(database), _mark(database), _mark(database.with_name(RECENT))


def attached(connection: duckdb.DuckDBPyConnection, database: Path) -> list[str]:
    """Attach a database and the recent rows that belong to it, read only; return the names.

    Writers replace the large database first and remove the recent rows afterwards. So recent rows belong to it
    when they say so and the large database is still the same after they were opened.
    """
    for _ in range(_PATIENCE):
        before = _mark(database)
        _attach(connection, database, "catalog")
        with suppress(duckdb.IOException):
            _attach(connection, database.with_name(RECENT), "recent")
            pair = "select (select generation from catalog.stacaster_state) = (select base from recent.stacaster_state)"
            if connection.execute(pair).fetchall() == [(True,)]:
                return ["catalog", "recent"]
            connection.execute("detach recent")
        if _mark(database) == before:
            return ["catalog"]
        connection.execute("detach catalog")
    raise CatalogError(f"{database.name} is replaced all the time; try again later")


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    try:
        connection.execute(f"attach '{in_text(path)}' as {name} (read_only)")
    except duckdb.Error as error:
        if not any(words in str(error) for words in _HELD):
            raise
        _attach_copy(connection, path, name, error)


def _attach_copy(connection: duckdb.DuckDBPyConnection, path: Path, name: str, error: duckdb.Error) -> None:
    """Attach a copy of a file that another program holds open for writing."""
    holder = _HOLDER.search(str(error))
    who = "a connection of this program" if holder is None else f"{holder[1]} (process {holder[2]})"
    text = f"{path} is held open by {who}; a copy of it was read. Shells need not hold it: duckdb -readonly {path.name}"
    warnings.warn(text, StacasterWarning, stacklevel=2)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        # What is open can be read when its name is gone.
        connection.execute(f"attach '{in_text(copy)}' as {name} (read_only)")


def connect_to(database: Path, tables: Mapping[str, pa.Table], points: Mapping[str, PointView] | None = None) -> Tables:
    """Open a database, locked down, beside any connection that the user's own code has to the same file.

    Raises:
        CatalogError: It cannot be opened.
    """
    state = state_of(database)
    # DuckDB refuses a second set of settings for a file that the process has open, but not a second instance of it.
    connection = duckdb.connect(":memory:", config=dict(_SETTINGS))
    try:
        sources = attached(connection, database)
        _join_views(connection)
        items = connection.sql("select * from items limit 0")
        columns = dict(zip(items.columns, map(str, items.types), strict=True))
        source = _only_table(connection) or "items"
        for name, table in tables.items():
            _lay_beside(connection, name, with_bounds(table) if points else table)
        lay_points(connection, points or {})
        for name, value in _LOCKED.items():
            connection.execute(f"set {name} = {value}")
    except duckdb.Error as error:
        connection.close()
        reason = str(error).partition("\n")[0]
        text = f"{database.name} cannot be opened: {reason}; 'stacaster doctor --fix' makes it anew"
        raise CatalogError(text) from error
    return Tables(connection, len(sources) > 1, state, columns, source)


def _join_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Lay each view of the databases over what is there of them."""
    query = "select database_name, view_name from duckdb_views() where database_name in ('catalog', 'recent')"
    views: dict[str, list[str]] = {}
    for source, view in connection.execute(f"{query} and not internal order by database_name").fetchall():
        views.setdefault(view, []).append(f"{source}.{quoted(view)}")
    for view, sources in views.items():
        query = union_of(connection, sources) if len(sources) > 1 else f"select * from {sources[0]}"  # noqa: S608 - quoted
        connection.execute(f"create view {quoted(view)} as {query}")


def _only_table(connection: duckdb.DuckDBPyConnection) -> str | None:
    query = "select database_name, table_name from duckdb_tables() where table_name like 'table %'"
    found = connection.execute(query).fetchall()
    return f"{found[0][0]}.{quoted(found[0][1])}" if len(found) == 1 else None


def _lay_beside(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Put a table of the user's beside those of the catalog, under a name of its own."""
    columns = "* replace (st_geomfromwkb(geometry) as geometry)" if "geometry" in table.column_names else "*"
    connection.register("fresh", table)
    connection.execute(f"create temp table {quoted(name)} as select {columns} from fresh")  # noqa: S608 - quoted
    connection.unregister("fresh")
    if "geometry" in table.column_names:
        with suppress(duckdb.CatalogException, duckdb.NotImplementedException):
            connection.create_function("exact_intersects", _intersect, ["BLOB", "BLOB"], "BOOLEAN", type=ARROW)
        # Boxes first: the exact test is asked for few pairs.
        text = "st_intersects_extent(a, b) and exact_intersects(st_aswkb(a), st_aswkb(b))"
        connection.execute(f"create or replace temp macro st_intersects(a, b) as ({text})")
        connection.execute(f"create or replace temp macro in_box(x, y, box) as ({IN_BOX})")


def _intersect(left: pa.Array, right: pa.Array) -> pa.Array:
    import shapely

    one, other = (shapely.from_wkb(np.asarray(part.to_pylist(), dtype=object)) for part in (left, right))
    return pa.array(shapely.intersects(one, other))


@contextmanager
def open_tables(
    database: Path, *, tables: Mapping[str, pa.Table] | None = None, points: Mapping[str, PointView] | None = None
) -> Iterator[Tables]:
    """Open a database for questions of others.

    Raises:
        CatalogError: The database cannot be opened.
    """
    opened = connect_to(database, tables or {}, points)
    try:
        yield opened
    finally:
        opened.raw.close()


def run_sql(
    database: Path,
    query: str,
    *,
    parameters: Sequence[Any] = (),
    tables: Mapping[str, pa.Table] | None = None,
    points: Mapping[str, PointView] | None = None,
    timeout_s: float | None = None,
) -> pa.Table:
    """Run a query, read only, without files, network, extensions or settings.

    Args:
        database: Database of a catalog.
        query: One SQL statement.
        parameters: Values for ``?`` in the query.
        tables: Further tables by name; a column ``geometry`` holds WKB. With them comes ``st_intersects(a, b)``, with
            points ``bbox`` and ``in_box(x, y, bbox)``.
        points: Files of points by the name of their view; nothing else on the disk can be read.
        timeout_s: Longest time; None sets no limit.

    Returns:
        The rows.

    Raises:
        UsageError: The query is wrong or does what is not allowed; the message is DuckDB's.
        QueryTimeoutError: It takes longer than ``timeout_s``.
        CatalogError: The database cannot be opened.
    """
    with open_tables(database, tables=tables, points=points) as opened:
        try:
            kinds = [statement.type for statement in opened.raw.extract_statements(query)]
        except duckdb.Error as error:
            raise UsageError(f"SQL: {error}") from error
        if len(kinds) > 1:
            raise UsageError(f"SQL: there are {len(kinds)} queries, but one is needed")
        if not set(kinds) <= _QUERIES:
            raise UsageError("SQL: only queries are allowed, nothing that makes, changes or sets something")
        with time_limit(opened.raw, timeout_s):
            return table_of(opened.raw, query, parameters)


_QUERIES = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def item_columns(database: Path) -> list[str]:
    """Return the columns of the view ``items``.

    Raises:
        CatalogError: The database cannot be opened.
    """
    with open_tables(database) as opened:
        return list(opened.columns)


def table_of(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any]) -> pa.Table:
    """Run a query.

    Raises:
        UsageError: The query is wrong; the message is DuckDB's.
    """
    try:
        relation = connection.sql(query, params=list(parameters) or None)
        if relation is None:
            raise UsageError("SQL: the statement gives no rows; only queries are allowed")
        return relation.to_arrow_table()
    except (duckdb.Error, pa.ArrowException) as error:
        raise UsageError(f"SQL: {error}") from error
