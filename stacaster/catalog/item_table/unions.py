"""One SQL view of several tables: each column has one type, whatever a single table says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import duckdb

_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)")


def quoted(name: str) -> str:
    """Return a name as it is written in SQL."""
    return '"' + name.replace('"', '""') + '"'


def union_of(connection: duckdb.DuckDBPyConnection, sources: Sequence[str], *, exclude: Sequence[str] = ()) -> str:
    """Return a query for the rows of several tables; columns are joined by name.

    DuckDB alone would turn numbers into text where one of many tables has text under the name. Here a column has the
    type that most rows have, of as many the numbers; values of another type are null.

    Args:
        connection: Open connection.
        sources: Tables as they are written in SQL.
        exclude: Columns that are left out.
    """
    columns = {source: _columns(connection, source) for source in sources}
    several: dict[str, list[str]] = {}
    for source in sources:
        for name, kind in columns[source].items():
            several.setdefault(name.lower(), []).append(kind)
    clashing = {name for name, kinds in several.items() if len({_family(kind) for kind in kinds}) > 1}
    types = {name: _most(connection, name, columns) for name in sorted(clashing)}
    left_out = f" exclude ({', '.join(exclude)})" if exclude else ""
    parts = []
    for source in sources:
        casts = [
            f"{_as(name, kind, types[name.lower()])} as {quoted(name)}"
            for name, kind in columns[source].items()
            if name.lower() in types and _family(kind) != _family(types[name.lower()])
        ]
        replaced = f" replace ({', '.join(casts)})" if casts else ""
        parts.append(f"select *{left_out}{replaced} from {source}")  # noqa: S608 - quoted
    return " union all by name ".join(parts)


def _columns(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    relation = connection.execute(f"select * from {source} limit 0")  # noqa: S608 - quoted
    return {str(column[0]): str(column[1]) for column in relation.description or ()}


def _family(kind: str) -> str:
    return "number" if _NUMBER.fullmatch(kind.upper()) else kind.upper()


def _as(name: str, kind: str, wanted: str) -> str:
    """Return a column in another type: numbers can be written as text, nothing else changes its kind."""
    if wanted.upper() == "VARCHAR" and _family(kind) == "number":
        return f"cast({quoted(name)} as varchar)"
    return f"null::{wanted}"


def _most(connection: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, Mapping[str, str]]) -> str:
    """Return the type that most rows have in a column."""
    counts: Counter[str] = Counter()
    types: dict[str, str] = {}
    for source, own in columns.items():
        for column, kind in own.items():
            if column.lower() == name:
                ((number,),) = connection.execute(f"select count({quoted(column)}) from {source}").fetchall()  # noqa: S608 - quoted
                counts[_family(kind)] += number
                types[_family(kind)] = "DOUBLE" if _family(kind) == "number" else kind
    most = max(sorted(counts, key=lambda family: family != "number"), key=lambda family: counts[family])
    return types[most]
