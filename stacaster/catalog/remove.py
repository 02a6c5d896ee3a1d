"""Take items out of a catalog: files, JSON, parquet mirror and database in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from stacaster.catalog import item_table
from stacaster.catalog.commit import Change, changing, ready_database, stage_changes
from stacaster.catalog.store import CatalogStore
from stacaster.catalog.versions import Key, add_links, find_versions, has_links


def remove_items(store: CatalogStore, keys: Sequence[Key], *, dry_run: bool = False) -> list[Key]:
    """Remove items; those that are gone already are no error, so that the same call may be repeated.

    Args:
        store: The catalog's files.
        keys: Collection and id of each item.
        dry_run: Change nothing.

    Returns:
        The items that were there.

    Raises:
        UsageError: Nothing would be left; a catalog without a single item is no catalog.
        CatalogError: The catalog is damaged or locked for too long.
        WriteError: Something cannot be written.
    """
    wanted: dict[str, set[str]] = {}
    for collection, item_id in keys:
        wanted.setdefault(collection, set()).add(item_id)
    with changing(store) as transaction:
        database = ready_database(store, transaction)
        if database is None:
            return []
        there: list[Key] = []
        changes: dict[str, Change] = {}
        for name in sorted(wanted):
            known = item_table.known_items(database, name, sorted(wanted[name]))
            there += [(name, item_id) for item_id in sorted(known)]
            if known:
                changes[name] = Change(gone={item_id: year for item_id, (year, _) in known.items()})
        if dry_run:
            return there
        if there and has_links(database):
            # Items that are left must not name those that go.
            add_links(store, transaction, database, changes, find_versions(database, without=set(there)))
        if there:
            stage_changes(store, transaction, changes)
    return there
