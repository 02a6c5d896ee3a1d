"""The items of one collection, some at a time: rows of the parquet parts, JSON and files compared with each other."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from stacaster.catalog import item_table
from stacaster.catalog.findings import Findings
from stacaster.catalog.item_table import DATABASE
from stacaster.catalog.lost_files import lost_files
from stacaster.catalog.spool import Spool
from stacaster.catalog.store import CatalogStore
from stacaster.config import threads
from stacaster.errors import StacasterError
from stacaster.model import as_json

if TYPE_CHECKING:
    import pyarrow as pa

Item = dict[str, Any]
Look = Callable[[Mapping[str, Mapping[str, Any]]], None]
"""Gets good items by the place of their document, some at a time."""
Mend = Callable[[bytes, str], object]
"""Gets a document that is to be written, and its place."""

_AT_A_TIME = 2_000
_ROWS = "select * replace (st_astext(geometry) as geometry) from items where collection = ? and list_contains(?, id)"


@dataclass
class _Pair:
    """One item as its JSON and its row say it."""

    document: Item | None
    row: Item | None


class ItemInspection:
    """Compares the items of one collection; ``run`` fills the findings.

    Of each item its id and year stay in memory, nothing else.
    """

    def __init__(
        self, store: CatalogStore, name: str, findings: Findings, *, deep: bool, look: Look | None, mend: Mend | None
    ) -> None:
        self._store, self._name, self._findings = store, name, findings
        self._deep, self._look, self._mend = deep, look, mend
        self._spool: Spool = findings.spools[name]
        self._years: dict[str, str | None] = {}
        """Year of each good item, and None for one that was put aside."""
        self._is_readable = True

    def run(self) -> None:
        """Look at all rows, then at the documents without a row, then at what belongs to nothing."""
        folder = self._store.root / self._name
        standing = dict(_documents(folder))
        for part in item_table.list_parts(folder) or [folder / item_table.FIRST_PART]:
            for table, rows in self._batches(part):
                fresh = self._fresh(part, rows)
                documents = [self._document(name, standing.pop(name, None), row) for name, row in fresh.items()]
                self._settle([_Pair(*pair) for pair in zip(documents, fresh.values(), strict=True)], table)
        left = iter(sorted(standing.items()))
        while some := list(islice(left, _AT_A_TIME)):
            found = [self._document(item_id, year) for item_id, year in some]
            self._settle([_Pair(document, None) for document in found if document is not None], None)
        self._find_strays(folder)

    def _batches(self, part: Path) -> Iterator[tuple[pa.Table, list[Item]]]:
        try:
            for table in item_table.iter_rows(part, _AT_A_TIME):
                yield table, list(item_table.table_to_items(table))
        except (StacasterError, KeyError, ValueError, TypeError, ArithmeticError) as error:
            self._is_readable = False
            what = "is missing" if not part.exists() else f"is damaged: {str(error)[:100]}"
            self._findings.say(f"{self._name}/{part.name}", what, "rebuild")

    def _fresh(self, part: Path, rows: Sequence[Item]) -> dict[str, Item]:
        fresh: dict[str, Item] = {}
        for row in rows:
            item_id = str(row["id"])
            if item_id in self._years or item_id in fresh:
                self._findings.say(f"{self._name}/{part.name}", f"has {item_id} a second time", "rebuild")
            else:
                fresh[item_id] = row
        return fresh

    def _document(self, item_id: str, year: str | None, row: Item | None = None) -> Item | None:
        """Return the JSON that stands in a year; what is wrong with it is said."""
        if year is None:
            return None
        place = f"{self._name}/{year}/{item_id}"
        found = self._read(place, row)
        if isinstance(found, dict):
            return found
        if row is not None and place == folder_of(self._name, row):
            self._findings.say(f"{place}/{item_id}.json", found, "rebuild")
        else:
            self._findings.say(place, found, "quarantine")
        return None

    def _read(self, place: str, row: Item | None) -> Item | str:
        """Return the document in an item's folder, or what is wrong with it."""
        item_id = place.rpartition("/")[2]
        try:
            document = orjson.loads((self._store.root / place / f"{item_id}.json").read_bytes())
            if document == row:
                return dict(document)
            item_table.rebase_hrefs(document, "x/", inward=False)
            fits = document["id"] == item_id and folder_of(self._name, document) == place
            fits = fits and document["collection"] == self._name
            if not fits or "stacaster:fingerprint" not in document["properties"]:
                return "is not the item that belongs there"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"is no STAC item: {str(error)[:100]}"
        return dict(document)

    def _settle(self, pairs: Sequence[_Pair], table: pa.Table | None) -> None:
        """Decide what is true of some items, and look at their files."""
        unequal = {str(p.row["id"]) for p in pairs if p.row and p.document and p.row != p.document}
        confirmed = {} if table is None else self._confirmed(table, unequal)
        chosen = [self._choose(pair, confirmed) for pair in pairs]
        places = [folder_of(self._name, item) for item in chosen]
        good: dict[str, Item] = {}
        with ThreadPoolExecutor(threads(4)) as pool:
            folders = (self._store.root / place for place in places)
            lost = pool.map(lambda folder, item: lost_files(folder, item, deep=self._deep), folders, chosen)
            for pair, item, place, problem in zip(pairs, chosen, places, lost, strict=True):
                item_id = str(item["id"])
                self._years[item_id] = None if problem else item_table.year_of(item)
                if problem is not None:
                    self._findings.say(place, problem, "quarantine")
                    continue
                good[f"{place}/{item_id}.json"] = item
                if self._mend is not None and item is not pair.document and item != pair.document:
                    self._mend(as_json(item), f"{place}/{item_id}.json")
                self._find_strays_of(place, item)
        self._spool.add(list(good.values()))
        if self._look is not None and good:
            self._look(good)

    def _choose(self, pair: _Pair, confirmed: Mapping[str, bool]) -> Item:
        """Return the true one of JSON and parquet; where they differ, the database decides."""
        if pair.document is None:
            assert pair.row is not None
            place = f"{folder_of(self._name, pair.row)}/{pair.row['id']}.json"
            if not self._findings.is_named(place):
                self._findings.say(place, "is missing", "rebuild")
            return pair.row
        item_id = str(pair.document["id"])
        if pair.row is None:
            if self._is_readable:
                self._findings.say(f"{self._name}/items.parquet", f"lacks {item_id}", "rebuild")
            return pair.document
        if pair.document == pair.row:
            return pair.document
        if confirmed.get(item_id):
            place = f"{folder_of(self._name, pair.row)}/{item_id}.json"
            self._findings.say(place, "differs from items.parquet and index.duckdb", "rebuild")
            return pair.row
        self._findings.say(f"{self._name}/items.parquet", f"differs from the JSON of {item_id}", "rebuild")
        return pair.document

    def _confirmed(self, table: pa.Table, ids: set[str]) -> dict[str, bool]:
        """Tell of rows whether the database says the same."""
        if not ids:
            return {}
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = table.filter(pc.is_in(table["id"], pa.array(sorted(ids))))
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / DATABASE
            item_table.build_database(fresh, {self._name: rows})
            wanted = self._texts(fresh, ids)
        known = self._texts(self._store.root / DATABASE, ids)
        return {item_id: known.get(item_id) == text for item_id, text in wanted.items()}

    def _texts(self, database: Path, ids: Iterable[str]) -> dict[str, str]:
        try:
            rows = item_table.run_sql(database, _ROWS, parameters=[self._name, sorted(ids)]).to_pylist()
        except StacasterError:
            return {}
        return {str(row["id"]): _row_text(row) for row in rows}

    def _find_strays_of(self, place: str, item: Item) -> None:
        expected = {f"{place}/{item['id']}.json"}
        for asset in item["assets"].values():
            if "://" not in asset["href"]:
                expected.add((Path(place) / str(asset["href"])).as_posix())
        self._say_strays(self._store.root / place, expected)

    def _find_strays(self, folder: Path) -> None:
        """Look at what stands beside the folders of the items."""
        years = {year for year in self._years.values() if year is not None}
        expected = {"collection.json", *(path.name for path in item_table.list_parts(folder))}
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - pathlib costs more than the system
            path = folder / name
            if path.is_file() or path.is_symlink():
                if name not in expected:
                    self._say_stray(path)
                continue
            for inner in sorted(os.listdir(path)):  # noqa: PTH208
                is_item = self._years.get(inner) == name or self._findings.is_aside(f"{self._name}/{name}/{inner}")
                if not is_item and not (inner == "catalog.json" and name in years):
                    self._say_strays(path / inner, set())

    def _say_strays(self, folder: Path, expected: set[str]) -> None:
        for path in _files(folder):
            if path.relative_to(self._store.root).as_posix() not in expected:
                self._say_stray(path)

    def _say_stray(self, path: Path) -> None:
        self._findings.say(path.relative_to(self._store.root).as_posix(), "is no part of the catalog", "quarantine")


def _documents(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield id and year of every document that stands in a folder of its own."""
    for year in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not year.is_dir(follow_symlinks=False):
            continue
        for entry in os.scandir(year.path):
            if entry.is_dir(follow_symlinks=False) and os.path.lexists(f"{entry.path}/{entry.name}.json"):
                yield entry.name, year.name


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or the files and symbolic links in a folder."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for name in sorted(os.listdir(path)):  # noqa: PTH208
        yield from _files(path / name)


def _row_text(row: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in row.items() if value is not None}, sort_keys=True, default=str)


def folder_of(collection: str, item: Mapping[str, Any]) -> str:
    """Return the folder of an item relative to the catalog."""
    return f"{collection}/{item_table.year_of(item)}/{item['id']}"
