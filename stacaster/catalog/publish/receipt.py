"""What lies at a target and what was published there, in a database on disk: there may be millions of objects."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, overload

from stacaster.catalog.publish.contents import Entry
from stacaster.errors import NothingFoundError
from stacaster.network.objects import Objects

RECEIPT = ".stacaster/published.json"
"""Object that says what was published, for the next time; readers do not need it."""

_TABLE = """create table objects (name text primary key, size integer, mark text, seen integer not null default 0)
without rowid"""
# What is neither at the target nor in the catalog needs no deletion.
_STALE = "mark is not null and size is not null and not seen"
_DOCUMENTS_FIRST = "name not like '%.json', length(name) - length(replace(name, '/', '')), name"
_ROWS = 10_000


class Names(Sequence[str]):
    """Names in their order, on disk: there may be more than memory holds."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        # Open for as long as the names are needed, and gone afterwards.
        self._file = tempfile.TemporaryFile("w+b")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._count = 0
        self.add(names)

    def add(self, names: Iterable[str]) -> None:
        """Add names at the end."""
        self._file.seek(0, os.SEEK_END)
        for name in names:
            self._file.write(json.dumps(name).encode() + b"\n")
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        place = 0
        while True:
            # Others may read or add in between.
            self._file.seek(place)
            lines = list(islice(self._file, _ROWS))
            if not lines:
                return
            place += sum(map(len, lines))
            yield from (json.loads(line) for line in lines)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._count)
            return tuple(islice(self, start, stop, step)) if step > 0 else tuple(self)[index]
        number = range(self._count)[index]
        return next(islice(self, number, None))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<Names: {self._count}>"


class Receipt:
    """Name, size at the target and mark of every object."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        """Read the receipt of a target and list what lies there.

        Args:
            objects: The target.
            folder: Where the database may lie.
        """
        self._objects, self._folder = objects, folder
        self._rows = self._opened()
        self.is_there = self._read()
        sizes = "insert into objects (name, size) values (?, ?) on conflict do update set size = excluded.size"
        self._write(sizes, objects.sizes())

    def _opened(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self._folder / "objects.sqlite", isolation_level=None)
        # Nothing here outlives the run.
        rows.executescript(f"pragma journal_mode = off; pragma synchronous = off; {_TABLE}")
        return rows

    def close(self) -> None:
        """Let go of the database."""
        self._rows.close()

    def _write(self, text: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows.execute("begin")
        self._rows.executemany(text, rows)
        self._rows.execute("commit")

    def _read(self) -> bool:
        path = self._folder / "receipt.json"
        try:
            self._objects.read_to(RECEIPT, path)
        except NothingFoundError:
            return False
        try:
            self._write("insert or replace into objects (name, mark) values (?, ?)", _entries(path))
        except (ValueError, KeyError, TypeError, AttributeError):
            # A receipt that cannot be read is none: what lies there is uploaded again, and never deleted.
            self._rows.close()
            (self._folder / "objects.sqlite").unlink()
            self._rows = self._opened()
            return False
        finally:
            path.unlink()
        return True

    def has_objects(self) -> bool:
        """Tell whether anything lies at the target."""
        return self._rows.execute("select 1 from objects where size is not null limit 1").fetchone() is not None

    def missing(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return what the target lacks; all of the entries are part of the catalog from now on."""
        found, seen = [], []
        for entry in entries:
            row = self._rows.execute("select size, mark from objects where name = ?", (entry.name,)).fetchone()
            if row is not None:
                seen.append((entry.name,))
            if row != (entry.size, entry.mark):
                found.append(entry)
        self._write("update objects set seen = 1 where name = ?", seen)
        return found

    def add(self, entries: Iterable[Entry]) -> None:
        """Note what was uploaded."""
        text = "insert or replace into objects (name, size, mark, seen) values (?, ?, ?, 1)"
        self._write(text, ((entry.name, entry.size, entry.mark) for entry in entries))

    def drop(self, name: str) -> None:
        """Note what was deleted."""
        self._rows.execute("delete from objects where name = ?", (name,))

    def stale(self) -> Names:
        """Return what was published and is no longer part of the catalog; documents before what they lead to."""
        return Names(
            name
            for (name,) in self._rows.execute(
                f"select name from objects where {_STALE} order by {_DOCUMENTS_FIRST}"  # noqa: S608 - literals
            )
        )

    def save(self) -> None:
        """Write the receipt at the target: JSON with an object a line, so that it can be read line by line."""
        path = self._folder / "receipt.json"
        with path.open("w", encoding="utf-8") as file:
            file.write('{"objects": {')
            end = "\n"
            for name, mark in self._rows.execute("select name, mark from objects where mark is not null order by name"):
                file.write(f"{end}{json.dumps(name)}: {json.dumps(mark)}")
                end = ",\n"
            file.write("\n}}\n")
        self._objects.put(RECEIPT, path, content_type="application/json")
        path.unlink()


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and mark of each object of a receipt."""
    with path.open(encoding="utf-8") as file:
        first = next(file, "").strip()
        if first != '{"objects": {':
            # Earlier versions wrote one line.
            known = json.loads(first + file.read())["objects"].items()
            yield from ((str(name), str(mark)) for name, mark in known)
            return
        for line in file:
            text = line.strip()
            if text == "}}":
                return
            for name, mark in json.loads("{" + text.removesuffix(",") + "}").items():
                yield str(name), str(mark)
        raise ValueError("the receipt ends too early")
