"""Change what a catalog holds: files, JSON, parquet mirror and database in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stacaster.catalog import item_table, stac
from stacaster.catalog.documents import collection_document, known_assets, root_document, with_part_files
from stacaster.catalog.item_table import DATABASE, RECENT
from stacaster.catalog.store import CatalogStore, Transaction
from stacaster.errors import UsageError
from stacaster.files.system.disk import refer
from stacaster.model import as_json

ANY_BASE = "any"
"""See ``StagedItem.base``."""


@dataclass(frozen=True, kw_only=True)
class StagedItem:
    """A converted granule that waits for its commit."""

    item: Mapping[str, Any]
    """The STAC item."""
    folder: Path
    """Staged folder with the item's JSON and its assets."""
    base: str | None = ANY_BASE
    """Fingerprint of the item that this one goes on from, None where the catalog had none; a catalog that has another
    one by now refuses it. ``ANY_BASE`` replaces whatever there is."""
    change: Literal["added", "replaced"] = "replaced"
    """What becomes of the item that the catalog has."""


CommitStatus = Literal["ingested", "added", "replaced", "skipped", "overtaken"]
"""What a commit did with one item; ``overtaken`` when another process changed the item meanwhile."""

_UNCHANGED = ("skipped", "overtaken")


@dataclass(kw_only=True)
class Change:
    """What changes in the table of one collection."""

    fresh: list[Mapping[str, Any]] = field(default_factory=list)
    """Items that come."""
    gone: dict[str, str] = field(default_factory=dict)
    """Year by id of items that go, also of those that are replaced."""
    document: Mapping[str, Any] | None = None
    """What a collection that is no product of ours says; None keeps what stands in the catalog."""


@contextmanager
def changing(store: CatalogStore) -> Iterator[Transaction]:
    """Give a transaction; databases that were asked meanwhile are closed at its end, or they would keep their space.

    Raises:
        CatalogError: The catalog is damaged or locked for too long.
        WriteError: Something cannot be written.
    """
    with store.transaction() as transaction:
        try:
            yield transaction
        finally:
            item_table.close_databases()


def commit_items(
    store: CatalogStore, staged: Sequence[StagedItem], *, documents: Mapping[str, Mapping[str, Any]] | None = None
) -> list[CommitStatus]:
    """Register staged items in one transaction: files, JSON, parquet mirror and database together.

    Args:
        store: The catalog's files.
        staged: Items with distinct ids.
        documents: Documents of collections that are no products of ours, by id.

    Returns:
        For every item whether it is new, adds bands to one, replaces one, or was registered or changed by another
        process meanwhile.

    Raises:
        CatalogError: The catalog is damaged or locked for too long.
        WriteError: Something cannot be written.
    """
    statuses: list[CommitStatus] = []
    with changing(store) as transaction:
        database = ready_database(store, transaction)
        transaction.expect(len(staged))
        by_collection: dict[str, list[str]] = {}
        for entry in staged:
            by_collection.setdefault(str(entry.item["collection"]), []).append(str(entry.item["id"]))
        known = {
            name: {} if database is None else item_table.known_items(database, name, ids)
            for name, ids in by_collection.items()
        }
        changes: dict[str, Change] = {}
        for entry in staged:
            name = str(entry.item["collection"])
            status = _status(entry, known[name])
            statuses.append(status)
            if status not in _UNCHANGED:
                change = changes.setdefault(name, Change(document=(documents or {}).get(name)))
                change.fresh.append(entry.item)
            if status in ("added", "replaced"):
                change.gone[str(entry.item["id"])] = known[name][str(entry.item["id"])][0]
        # First the tables: items that contradict the others are an error before anything is moved.
        stage_changes(store, transaction, changes)
        for entry, status in zip(staged, statuses, strict=True):
            if status not in _UNCHANGED:
                place = f"{entry.item['collection']}/{item_table.year_of(entry.item)}/{entry.item['id']}"
                transaction.put_directory(entry.folder, place)
    return statuses


def _status(entry: StagedItem, known: Mapping[str, tuple[str, str | None]]) -> CommitStatus:
    old = known.get(str(entry.item["id"]))
    if old is not None and old[1] == entry.item["properties"]["stacaster:fingerprint"]:
        return "skipped"
    if entry.base != ANY_BASE and entry.base != (None if old is None else old[1]):
        return "overtaken"
    return "ingested" if old is None else entry.change


def ready_database(store: CatalogStore, transaction: Transaction) -> Path | None:
    """Return the database of a catalog, made again from the parquet where it is missing, or None without items."""
    current = store.root / DATABASE
    if current.exists():
        return current
    made = transaction.folder / "remade" / DATABASE
    if made.exists():
        return made
    parts = {path.parent.name: item_table.iter_parts(path.parent) for path in first_parts(store)}
    if not parts:
        return None
    made.parent.mkdir()
    item_table.build_database(made, parts)
    return made


def first_parts(store: CatalogStore) -> list[Path]:
    """Return the first parquet part of every collection."""
    return sorted(store.root.glob(f"*/{item_table.FIRST_PART}"))


def stage_changes(
    store: CatalogStore, transaction: Transaction, changes: Mapping[str, Change], *, settle: bool = False
) -> None:
    """Put everything that follows from changed items into a transaction: tables, collections, year catalogs, root.

    Args:
        store: The catalog's files.
        transaction: The transaction; the folders of items that come are in it already.
        changes: What changes, by collection.
        settle: Join small parts, and recent rows with the database.

    Raises:
        UsageError: Nothing would be left.
        CatalogError: Items contradict each other, or the catalog is damaged.
        WriteError: Something cannot be written.
    """
    if not changes:
        return
    parts = {
        name: item_table.change_parts(store.root / name, change.fresh, removed=change.gone, settle=settle)
        for name, change in changes.items()
    }
    dropped = sorted(name for name, found in parts.items() if not found.names)
    if {path.parent.name for path in first_parts(store)} | set(parts) == set(dropped):
        raise UsageError("that would leave no item at all; delete the folder of the catalog instead")
    database = _stage_database(store, transaction, changes, parts, dropped=dropped, settle=settle)
    titles: dict[str, str] = {}
    for name, found in parts.items():
        change = changes[name]
        if name in dropped:
            transaction.remove(name)
            continue
        summary = item_table.summarise(database, name)
        document = collection_document(store, name, summary, parts=found.names, document=change.document)
        titles[name] = str(document.get("title") or name)
        files = {part: store.root / name / part for part in found.names if part not in found.written}
        final = with_part_files(document, files, known=known_assets(store, name))
        for part, table in found.written.items():
            path = transaction.folder / f"{name}-{part}"
            item_table.write_items_parquet(table, path, collection=document)
            final = with_part_files(final, {part: transaction.put_file(path, f"{name}/{part}")})
        touched = {item_table.year_of(item) for item in change.fresh} | set(change.gone.values())
        for year in sorted(touched & set(summary.years)):
            ids = item_table.ids_of_year(database, name, year)
            transaction.put_file(as_json(stac.build_year_catalog(name, year, ids)), f"{name}/{year}/catalog.json")
        transaction.put_file(as_json(final), f"{name}/collection.json")
        _remove_folders(transaction, name, change, years=summary.years)
        for part in found.removed:
            transaction.remove(f"{name}/{part}")
    transaction.put_file(as_json(root_document(store, titles, dropped=dropped)), "catalog.json")


def _remove_folders(transaction: Transaction, name: str, change: Change, *, years: Sequence[str]) -> None:
    kept = {(str(item["id"]), item_table.year_of(item)) for item in change.fresh}
    for year in sorted(set(change.gone.values()) - set(years)):
        transaction.remove(f"{name}/{year}")
    for item_id, year in sorted(change.gone.items()):
        if year in years and (item_id, year) not in kept:
            transaction.remove(f"{name}/{year}/{item_id}")


def _stage_database(
    store: CatalogStore,
    transaction: Transaction,
    changes: Mapping[str, Change],
    parts: Mapping[str, item_table.PartChanges],
    *,
    dropped: Sequence[str],
    settle: bool,
) -> Path:
    """Put the changed database into a transaction; return where it can be asked before the commit."""
    whole = {name: found.whole for name, found in parts.items() if found.whole is not None}
    fresh = {name: found.fresh for name, found in parts.items() if found.fresh is not None}
    current, folder = store.root / DATABASE, transaction.folder / "tables"
    folder.mkdir()
    new = folder / DATABASE
    is_addition = not settle and not any(change.gone for change in changes.values())
    if is_addition and current.exists() and item_table.append_recent(current, folder / RECENT, fresh):
        # The large database beside its new recent rows, for the questions of this commit.
        refer(folder / RECENT, transaction.put_file(folder / RECENT, RECENT))
        refer(new, current)
        return new
    (folder / RECENT).unlink(missing_ok=True)
    old = ready_database(store, transaction)
    if old is None:
        item_table.build_database(new, {**fresh, **whole})
    else:
        item_table.refresh_database(
            old,
            new,
            replaced=whole,
            added={name: table for name, table in fresh.items() if name not in whole},
            gone={name: sorted(change.gone) for name, change in changes.items()},
            dropped=dropped,
        )
    if (store.root / RECENT).exists():
        # What the recent rows say stands in the new database.
        transaction.remove(RECENT)
    return transaction.put_file(new, DATABASE)


def settle(store: CatalogStore) -> None:
    """Finish a commit that was killed, and join small parquet parts and recent rows with the database where that pays.

    A command that finds all its work done ends with this, so that a killed one leaves nothing behind.

    Raises:
        CatalogError: The catalog is damaged or locked for too long.
        WriteError: Something cannot be written.
    """
    if store.is_interrupted() or any(store.root.glob(".stacaster/staging/*")):
        store.recover()
    has_recent = (store.root / RECENT).exists()
    if has_recent and not item_table.is_unsettled(store.root / DATABASE):
        return
    if not has_recent and not any(item_table.has_small_parts(path.parent) for path in first_parts(store)):
        return
    with changing(store) as transaction:
        stage_changes(store, transaction, {path.parent.name: Change() for path in first_parts(store)}, settle=True)
