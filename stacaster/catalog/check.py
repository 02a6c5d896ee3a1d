"""Whether a catalog is true, and how it is made true again.

Items stand in three places: their JSON files, the parquet mirror of their collection, and the database. Each can be
made again from the others. Pixels stand in one place only: an item whose files are lost or altered is put aside.

Decision: two of three decide. Where JSON and parquet differ, the database is asked; where that agrees with neither,
JSON is believed. Pixels are never rebuilt. Items are looked at 2,000 at a time, good ones wait on disk
(``catalog/spool.py``), and the database is compared piece by piece, so that 100,000 items need 0.8 GB.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stacaster.catalog import item_table
from stacaster.catalog.commit import changing
from stacaster.catalog.documents import documents_of, root_document, with_part_files
from stacaster.catalog.file_grids import wrong_grids
from stacaster.catalog.findings import Problem
from stacaster.catalog.inspection import inspect
from stacaster.catalog.item_inspection import Look
from stacaster.catalog.item_table import DATABASE, RECENT
from stacaster.catalog.link_check import lost_addresses, schema_problem
from stacaster.catalog.spool import Spool
from stacaster.catalog.store import CatalogStore, Transaction
from stacaster.errors import CatalogError
from stacaster.model import as_json
from stacaster.model.checked import checked

Progress = Callable[[int, int, str], None]

QUARANTINE = ".stacaster/quarantine"
"""Where files are put aside."""


@checked
def check_catalog(
    path: str | os.PathLike[str],
    *,
    deep: bool = False,
    network: bool = False,
    schemas: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> list[Problem]:
    """Compare files, JSON, parquet mirrors and database of a catalog with each other.

    Args:
        path: Folder of the catalog.
        deep: Decode all pixels as well, compare grids of items with those of their files, validate each file as Cloud
            Optimized GeoTIFF and each document by the schemas of STAC, which come with pystac.
        network: Ask also whether files elsewhere are there; no login is sent.
        schemas: Folder with JSON schemas of extensions, for ``deep``.
        progress: Called with items looked at, items there are, and the last one.

    Returns:
        What is wrong; empty when all is well.

    Raises:
        CatalogError: The folder is no catalog of ours.
    """
    store = _store(path)
    if store.is_interrupted():
        store.recover()
    folder = None if schemas is None else Path(schemas)
    found: list[tuple[str, str]] = []

    tell = _counting(store, progress)

    def look(items: Mapping[str, Mapping[str, Any]]) -> None:
        if tell is not None:
            tell(items)
        if deep:
            found.extend(_schema_problems(items, folder))
            found.extend(wrong_grids(store.root, items))
        if network:
            found.extend(lost_addresses(items))

    try:
        with tempfile.TemporaryDirectory() as scratch:
            state = inspect(store, Path(scratch), deep=deep, look=look)
        if deep:
            places = ["catalog.json", *(f"{name}/collection.json" for name in state.spools)]
            sound = (place for place in places if not state.is_named(place))
            documents = {place: json.loads((store.root / place).read_bytes()) for place in sound}
            found.extend(_schema_problems(documents, folder))
        for place, text in found:
            state.say(place, text, "none")
        return state.problems
    finally:
        item_table.close_databases()


def _counting(store: CatalogStore, progress: Progress | None) -> Look | None:
    """Return what is called with items as they are looked at, and tells how many there were."""
    if progress is None:
        return None
    total, seen = sum(1 for _ in store.root.glob("*/*/*/*.json")), 0

    def tell(items: Mapping[str, Mapping[str, Any]]) -> None:
        nonlocal seen
        for place in items:
            seen += 1
            progress(seen, max(seen, total), Path(place).stem)

    return tell


def _schema_problems(documents: Mapping[str, Mapping[str, Any]], schemas: Path | None) -> Iterator[tuple[str, str]]:
    for place, document in documents.items():
        problem = schema_problem(document, schemas)
        if problem is not None:
            yield place, f"does not fit the schema {problem}"


@checked
def fix_catalog(path: str | os.PathLike[str], *, deep: bool = False, progress: Progress | None = None) -> list[Problem]:
    """Make a catalog true again, in one transaction: rebuild what follows from the rest, put aside what does not.

    Args:
        path: Folder of the catalog.
        deep: Decode all pixels as well.
        progress: As for ``check_catalog``.

    Returns:
        What was wrong.

    Raises:
        CatalogError: The folder is no catalog of ours, or no item is left.
        WriteError: Something cannot be written.
    """
    store = _store(path)
    with changing(store) as transaction:
        scratch = transaction.folder / "inspection"
        scratch.mkdir()
        state = inspect(store, scratch, deep=deep, look=_counting(store, progress), mend=transaction.put_file)
        if not state.problems:
            return []
        kept = {name: spool for name, spool in state.spools.items() if spool.rows}
        if not kept:
            raise CatalogError(f"no item of {store.root.name} is left to build a catalog from; ingest again")
        _put_aside(store, state.aside)
        for place in state.aside:
            transaction.remove(place)
        _rebuild(store, transaction, kept, scratch / DATABASE)
        dropped = sorted({path.parent.name for path in store.root.glob("*/collection.json")} - set(kept))
        transaction.put_file(as_json(root_document(store, {}, dropped=dropped)), "catalog.json")
        for name in sorted({*dropped, *state.spools} - set(kept)):
            if (store.root / name).exists():
                transaction.remove(name)
    return state.problems


def _rebuild(store: CatalogStore, transaction: Transaction, spools: Mapping[str, Spool], database: Path) -> None:
    """Put tables, database and documents that follow from the items into a transaction."""
    database = transaction.put_file(database, DATABASE)
    if (store.root / RECENT).exists():
        transaction.remove(RECENT)
    for name, spool in spools.items():
        parts = item_table.part_names(spool.rows)
        documents = documents_of(store, database, name, parts=parts)
        folder = transaction.folder / f"parts-{name}"
        folder.mkdir()
        item_table.write_parts(folder, spool, collection=json.loads(documents[f"{name}/collection.json"]))
        place = f"{name}/collection.json"
        files = {part: transaction.put_file(folder / part, f"{name}/{part}") for part in parts}
        documents[place] = as_json(with_part_files(json.loads(documents[place]), files))
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
