"""What stands in a catalog, compared with each other: files, JSON, parquet mirrors, database."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stacaster import item_table
from stacaster.catalog.documents import documents_of, root_document
from stacaster.catalog.lost_files import lost_files
from stacaster.errors import StacasterError
from stacaster.item_table import DATABASE, RECENT
from stacaster.model import as_json
from stacaster.products import of_collection
from stacaster.store import CatalogStore

_ROWS = "select * replace (st_astext(geometry) as geometry) from items"
_TOP = {"catalog.json", DATABASE, RECENT, f"{DATABASE}.wal", "README.md"}


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    place: str
    """File or folder relative to the catalog."""
    text: str
    """What is wrong."""
    remedy: str
    """``rebuild``: made again from the rest; ``quarantine``: put aside, to be ingested again; ``none``."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))


@dataclass
class Findings:
    """What was found: problems, and what the catalog should be."""

    problems: list[Problem] = field(default_factory=list)
    items: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Good items by collection and id."""
    aside: list[str] = field(default_factory=list)
    """Places to be put aside."""

    def say(self, place: str, text: str, remedy: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(place, text, remedy))
        if remedy == "quarantine":
            self.aside.append(place)


def inspect(store: CatalogStore, *, deep: bool) -> Findings:
    """Compare all that a catalog holds.

    Args:
        store: The catalog's files.
        deep: Decode all pixels as well.
    """
    state = Findings()
    for folder in sorted(path for path in store.root.iterdir() if path.name != ".stacaster"):
        name = folder.name
        if folder.is_dir() and not folder.is_symlink() and _is_collection(folder):
            _inspect_collection(store, state, folder, deep=deep)
        elif name not in _TOP:
            state.say(name, "is no part of the catalog", "quarantine")
    tables = {name: item_table.merge_items(None, list(items.values())) for name, items in state.items.items() if items}
    if not tables:
        state.say("catalog.json", "there is no item", "none")
        return state
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / DATABASE
        item_table.build_database(fresh, tables)
        for name in tables:
            parts = [path.name for path in item_table.list_parts(store.root / name)]
            for place, content in documents_of(store, fresh, name, parts=parts or [item_table.FIRST_PART]).items():
                _compare(store, state, place, content)
        gone = sorted({path.parent.name for path in store.root.glob("*/collection.json")} - set(tables))
        _compare(store, state, "catalog.json", as_json(root_document(store, {}, dropped=gone)))
        _inspect_database(store, state, fresh)
    return state


def _is_collection(folder: Path) -> bool:
    """Tell whether a folder is a collection; one that came from elsewhere says so itself."""
    if of_collection(folder.name) is not None or (folder / item_table.FIRST_PART).is_file():
        return True
    try:
        document = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
        return bool(document["type"] == "Collection" and document["id"] == folder.name)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _inspect_collection(store: CatalogStore, state: Findings, folder: Path, *, deep: bool) -> None:
    name = folder.name
    rows: dict[str, dict[str, Any]] = {}
    is_readable = True
    for part in item_table.list_parts(folder) or [folder / item_table.FIRST_PART]:
        try:
            for item in item_table.table_to_items(item_table.read_items_parquet(part)):
                if str(item["id"]) in rows:
                    state.say(f"{name}/{part.name}", f"has {item['id']} a second time", "rebuild")
                rows[str(item["id"])] = item
        except (StacasterError, KeyError, ValueError, TypeError, ArithmeticError) as error:
            is_readable = False
            what = "is missing" if not part.exists() else f"is damaged: {str(error)[:100]}"
            state.say(f"{name}/{part.name}", what, "rebuild")
    documents, damaged = _documents(folder)
    for place, text in damaged.items():
        item_id = Path(place).parent.name
        is_known = item_id in rows and place == f"{folder_of(name, rows[item_id])}/{item_id}.json"
        state.say(place if is_known else str(Path(place).parent), text, "rebuild" if is_known else "quarantine")
    known = _database_rows(store, name)
    good: dict[str, dict[str, Any]] = {}
    for item_id in sorted(documents.keys() | rows.keys()):
        chosen = _choose(state, name, documents.get(item_id), rows.get(item_id), known, is_readable=is_readable)
        place = folder_of(name, chosen)
        lost = lost_files(store.root / place, chosen, deep=deep)
        if lost is not None:
            state.say(place, lost, "quarantine")
            continue
        good[item_id] = chosen
    state.items[name] = good
    _find_strays(store, state, name, good)


def _documents(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return item documents by id, and what is wrong with those that cannot be read, by place."""
    found: dict[str, dict[str, Any]] = {}
    damaged: dict[str, str] = {}
    for path in sorted(folder.glob("*/*/*.json")):
        if path.stem != path.parent.name:
            continue
        place = path.relative_to(folder.parent).as_posix()
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            item_table.rebase_hrefs(document, "x/", inward=False)
            fits = document["id"] == path.stem and folder_of(folder.name, document) == str(Path(place).parent)
            if (
                not fits
                or document["collection"] != folder.name
                or "stacaster:fingerprint" not in document["properties"]
            ):
                damaged[place] = "is not the item that belongs there"
            else:
                found[path.stem] = document
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged[place] = f"is no STAC item: {str(error)[:100]}"
    return found, damaged


def _choose(
    state: Findings,
    name: str,
    document: dict[str, Any] | None,
    row: dict[str, Any] | None,
    known: Mapping[str, Any],
    *,
    is_readable: bool,
) -> dict[str, Any]:
    """Return the true one of JSON and parquet; where they differ, the database decides."""
    if document is None:
        assert row is not None
        place = f"{folder_of(name, row)}/{row['id']}.json"
        if not any(problem.place == place for problem in state.problems):
            state.say(place, "is missing", "rebuild")
        return row
    if row is None:
        if is_readable:
            state.say(f"{name}/items.parquet", f"lacks {document['id']}", "rebuild")
        return document
    if document == row:
        return document
    if known.get(row["id"]) == _mark(row):
        state.say(f"{folder_of(name, row)}/{row['id']}.json", "differs from items.parquet and index.duckdb", "rebuild")
        return row
    state.say(f"{name}/items.parquet", f"differs from the JSON of {document['id']}", "rebuild")
    return document


def _mark(item: Mapping[str, Any]) -> str:
    """Return the row of the database for an item, as text."""
    table = item_table.merge_items(None, [item])
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / DATABASE
        item_table.build_database(database, {str(item["collection"]): table})
        (row,) = item_table.run_sql(database, _ROWS).to_pylist()
    return _row_text(row)


def _row_text(row: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in row.items() if value is not None}, sort_keys=True, default=str)


def _database_rows(store: CatalogStore, name: str) -> dict[str, str]:
    query = f"{_ROWS} where collection = ?"
    try:
        rows = item_table.run_sql(store.root / DATABASE, query, parameters=[name]).to_pylist()
    except StacasterError:
        return {}
    return {str(row["id"]): _row_text(row) for row in rows}


def _find_strays(store: CatalogStore, state: Findings, name: str, good: Mapping[str, Mapping[str, Any]]) -> None:
    root = store.root
    expected = {f"{name}/collection.json", *(f"{name}/{path.name}" for path in item_table.list_parts(root / name))}
    for item in good.values():
        folder = folder_of(name, item)
        expected |= {f"{Path(folder).parent.as_posix()}/catalog.json", f"{folder}/{item['id']}.json"}
        expected |= {
            (Path(folder) / str(a["href"])).as_posix() for a in item["assets"].values() if "://" not in a["href"]
        }
    aside = [f"{place}/" for place in state.aside]
    for path in _files(root / name):
        place = path.relative_to(root).as_posix()
        if place not in expected and not any(place.startswith(folder) for folder in aside):
            state.say(place, "is no part of the catalog", "quarantine")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() or path.is_symlink():
            yield path


def _compare(store: CatalogStore, state: Findings, place: str, content: bytes) -> None:
    try:
        found = (store.root / place).read_bytes()
    except OSError:
        state.say(place, "is missing", "rebuild")
        return
    if found != content:
        state.say(place, "does not say what the items say", "rebuild")


def _inspect_database(store: CatalogStore, state: Findings, fresh: Path) -> None:
    query = "select * replace (st_aswkb(geometry) as geometry) from items order by collection, id"
    wanted = item_table.run_sql(fresh, query)
    path = store.root / DATABASE
    if not path.exists():
        state.say(DATABASE, "is missing", "rebuild")
        return
    try:
        found = item_table.run_sql(path, query)
        # A large database keeps columns that lost their last value.
        extra = [name for name in found.column_names if name not in wanted.column_names]
        is_same = (
            set(wanted.column_names) <= set(found.column_names)
            and all(found[name].null_count == len(found) for name in extra)
            and found.select(wanted.column_names).equals(wanted)
        )
    except StacasterError as error:
        state.say(DATABASE, f"is damaged: {str(error)[:100]}", "rebuild")
        return
    if not is_same:
        state.say(DATABASE, "does not say what the items say", "rebuild")


def folder_of(collection: str, item: Mapping[str, Any]) -> str:
    """Return the folder of an item relative to the catalog."""
    return f"{collection}/{item_table.year_of(item)}/{item['id']}"
