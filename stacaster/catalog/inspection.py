"""What stands in a catalog, compared with each other: files, JSON, parquet mirrors, database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from stacaster.catalog import item_table
from stacaster.catalog.documents import documents_of, known_assets, root_document, with_part_files
from stacaster.catalog.findings import Findings
from stacaster.catalog.item_inspection import ItemInspection, Look, Mend
from stacaster.catalog.item_table import DATABASE, RECENT
from stacaster.catalog.store import CatalogStore
from stacaster.errors import StacasterError
from stacaster.model import as_json
from stacaster.products import of_collection

if TYPE_CHECKING:
    import pyarrow as pa

_TOP = {"catalog.json", DATABASE, RECENT, f"{DATABASE}.wal", "README.md"}
_AT_A_TIME = 20_000


def inspect(
    store: CatalogStore, scratch: Path, *, deep: bool, look: Look | None = None, mend: Mend | None = None
) -> Findings:
    """Compare all that a catalog holds; some items at a time are in memory.

    Args:
        store: The catalog's files.
        scratch: Folder for what waits on disk.
        deep: Decode all pixels as well.
        look: Gets the good items.
        mend: Gets the documents of items that are missing or wrong.
    """
    state = Findings(scratch)
    for folder in sorted(path for path in store.root.iterdir() if path.name not in (".stacaster", "products")):
        name = folder.name
        if folder.is_dir() and not folder.is_symlink() and _is_collection(folder):
            state.add_collection(name)
            ItemInspection(store, name, state, deep=deep, look=look, mend=mend).run()
        elif name not in _TOP:
            state.say(name, "is no part of the catalog", "quarantine")
    spools = {name: spool for name, spool in state.spools.items() if spool.rows}
    if not spools:
        state.say("catalog.json", "there is no item", "none")
        return state
    fresh = scratch / DATABASE
    item_table.build_database(fresh, spools)
    for name in spools:
        parts = [path.name for path in item_table.list_parts(store.root / name)]
        for place, content in documents_of(store, fresh, name, parts=parts or [item_table.FIRST_PART]).items():
            if place.endswith("/collection.json"):
                content = _with_part_files(store, state, name, content)  # noqa: PLW2901
            _compare(store, state, place, content)
    gone = sorted({path.parent.name for path in store.root.glob("*/collection.json")} - set(spools))
    _compare(store, state, "catalog.json", as_json(root_document(store, {}, dropped=gone)))
    _inspect_database(store, state, fresh, rows=sum(spool.rows for spool in spools.values()))
    return state


def _with_part_files(store: CatalogStore, state: Findings, name: str, content: bytes) -> bytes:
    """Return a collection with size and checksum of its parts; of damaged ones with what it said of them."""
    paths = {path.name: path for path in item_table.list_parts(store.root / name)}
    document = with_part_files(
        json.loads(content), {part: path for part, path in paths.items() if not state.is_named(f"{name}/{part}")}
    )
    damaged = {part: store.root / name / part for part in paths or [item_table.FIRST_PART]}
    damaged = {part: path for part, path in damaged.items() if part not in paths or state.is_named(f"{name}/{part}")}
    known = known_assets(store, name)
    told = {part: path for part, path in damaged.items() if part.removesuffix(".parquet") in known}
    return as_json(with_part_files(document, told, known=known))


def _is_collection(folder: Path) -> bool:
    """Tell whether a folder is a collection; one that came from elsewhere says so itself."""
    if of_collection(folder.name) is not None or (folder / item_table.FIRST_PART).is_file():
        return True
    try:
        document = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
        return bool(document["type"] == "Collection" and document["id"] == folder.name)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _compare(store: CatalogStore, state: Findings, place: str, content: bytes) -> None:
    try:
        found = (store.root / place).read_bytes()
    except OSError:
        state.say(place, "is missing", "rebuild")
        return
    if found != content:
        state.say(place, "does not say what the items say", "rebuild")


def _inspect_database(store: CatalogStore, state: Findings, fresh: Path, *, rows: int) -> None:
    path = store.root / DATABASE
    if not path.exists():
        state.say(DATABASE, "is missing", "rebuild")
        return
    pieces = -(-rows // _AT_A_TIME)
    query = (
        "select * replace (st_aswkb(geometry) as geometry) from items where hash(id) % ? = ? order by collection, id"
    )
    try:
        is_same = all(
            _is_same(*(item_table.run_sql(database, query, parameters=[pieces, number]) for database in (path, fresh)))
            for number in range(pieces)
        )
    except StacasterError as error:
        state.say(DATABASE, f"is damaged: {str(error)[:100]}", "rebuild")
        return
    if not is_same:
        state.say(DATABASE, "does not say what the items say", "rebuild")


def _is_same(found: pa.Table, wanted: pa.Table) -> bool:
    # A large database keeps columns that lost their last value.
    extra = [name for name in found.column_names if name not in wanted.column_names]
    return (
        set(wanted.column_names) <= set(found.column_names)
        and all(found[name].null_count == len(found) for name in extra)
        and found.select(wanted.column_names).equals(wanted)
    )
