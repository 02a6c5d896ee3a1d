"""Whether a catalog is true, and how it is made true again.

Items stand in three places: their JSON files, the parquet mirror of their collection, and the database. Each can be
made again from the others. Pixels stand in one place only: an item whose files are lost or altered is put aside.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stacaster import item_table
from stacaster.catalog.commit import changing
from stacaster.catalog.documents import documents_of, root_document
from stacaster.catalog.far_files import lost_addresses, schema_problem
from stacaster.catalog.inspection import Findings, Problem, folder_of, inspect
from stacaster.errors import CatalogError
from stacaster.item_table import DATABASE, RECENT
from stacaster.model import as_json
from stacaster.store import CatalogStore, Transaction

if TYPE_CHECKING:
    import pyarrow as pa

QUARANTINE = ".stacaster/quarantine"
"""Where files are put aside."""


def check_catalog(
    path: str | os.PathLike[str],
    *,
    deep: bool = False,
    network: bool = False,
    schemas: str | os.PathLike[str] | None = None,
) -> list[Problem]:
    """Compare files, JSON, parquet mirrors and database of a catalog with each other.

    Args:
        path: Folder of the catalog.
        deep: Decode all pixels as well, validate each file as Cloud Optimized GeoTIFF and each document by the schemas
            of STAC, which come with pystac.
        network: Ask also whether files elsewhere are there; no login is sent.
        schemas: Folder with JSON schemas of extensions, for ``deep``.

    Returns:
        What is wrong; empty when all is well.

    Raises:
        CatalogError: The folder is no catalog of ours.
    """
    store = _store(path)
    if store.is_interrupted():
        store.recover()
    try:
        state = inspect(store, deep=deep)
        if deep:
            _check_schemas(store, state, None if schemas is None else Path(schemas))
        if network:
            items = {
                f"{folder_of(name, item)}/{item_id}.json": item
                for name, found in state.items.items()
                for item_id, item in found.items()
            }
            for place, text in lost_addresses(items):
                state.say(place, text, "none")
        return state.problems
    finally:
        item_table.close_databases()


def _check_schemas(store: CatalogStore, state: Findings, schemas: Path | None) -> None:
    documents = ["catalog.json", *(f"{name}/collection.json" for name in state.items)]
    named = [(place, json.loads((store.root / place).read_bytes())) for place in documents if _is_sound(state, place)]
    items = [(f"{folder_of(name, i)}/{i['id']}.json", i) for name, found in state.items.items() for i in found.values()]
    for place, document in [*named, *items]:
        problem = schema_problem(document, schemas)
        if problem is not None:
            state.say(place, f"does not fit the schema {problem}", "none")


def _is_sound(state: Findings, place: str) -> bool:
    return not any(problem.place == place for problem in state.problems)


def fix_catalog(path: str | os.PathLike[str], *, deep: bool = False) -> list[Problem]:
    """Make a catalog true again, in one transaction: rebuild what follows from the rest, put aside what does not.

    Args:
        path: Folder of the catalog.
        deep: Decode all pixels as well.

    Returns:
        What was wrong.

    Raises:
        CatalogError: The folder is no catalog of ours, or no item is left.
        WriteError: Something cannot be written.
    """
    store = _store(path)
    with changing(store) as transaction:
        state = inspect(store, deep=deep)
        if not state.problems:
            return []
        kept = {name: items for name, items in state.items.items() if items}
        if not kept:
            raise CatalogError(f"no item of {store.root.name} is left to build a catalog from; ingest again")
        tables = {name: item_table.merge_items(None, list(items.values())) for name, items in kept.items()}
        _put_aside(store, state.aside)
        for place in state.aside:
            transaction.remove(place)
        for name, items in kept.items():
            for document in items.values():
                transaction.put_file(as_json(document), f"{folder_of(name, document)}/{document['id']}.json")
        _rebuild(store, transaction, tables)
        dropped = sorted({path.parent.name for path in store.root.glob("*/collection.json")} - set(tables))
        transaction.put_file(as_json(root_document(store, {}, dropped=dropped)), "catalog.json")
        for name in sorted({*dropped, *state.items} - set(kept)):
            if (store.root / name).exists():
                transaction.remove(name)
    return state.problems


def _rebuild(store: CatalogStore, transaction: Transaction, tables: Mapping[str, pa.Table]) -> None:
    """Put tables, database and documents that follow from the items into a transaction."""
    database = transaction.folder / DATABASE
    item_table.build_database(database, tables)
    database = transaction.put_file(database, DATABASE)
    if (store.root / RECENT).exists():
        transaction.remove(RECENT)
    for name, table in tables.items():
        parts = item_table.make_parts(table)
        documents = documents_of(store, database, name, parts=list(parts))
        collection = json.loads(documents[f"{name}/collection.json"])
        for part, rows in parts.items():
            path = transaction.folder / f"{name}-{part}"
            item_table.write_items_parquet(rows, path, collection=collection)
            transaction.put_file(path, f"{name}/{part}")
        for path in item_table.list_parts(store.root / name):
            if path.name not in parts:
                transaction.remove(f"{name}/{path.name}")
        for target, content in documents.items():
            transaction.put_file(content, target)


def _store(path: str | os.PathLike[str]) -> CatalogStore:
    store = CatalogStore(Path(path))
    if not (store.root / ".stacaster").is_dir():
        raise CatalogError(f"{os.fspath(path)} is no catalog that stacaster made")
    return store


def _put_aside(store: CatalogStore, places: Sequence[str]) -> None:
    """Copy what will be removed; the copies stay until the user deletes them."""
    if not places:
        return
    folder = store.root / QUARANTINE / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    for place in places:
        source, target = store.root / place, folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, target)
