"""Take items out of a catalog: files, JSON, parquet mirror and database in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stacaster import item_table, stac
from stacaster.catalog.commit import as_json, collection_documents, collection_titles, item_places, stage_tables
from stacaster.errors import UsageError
from stacaster.store import CatalogStore

if TYPE_CHECKING:
    import pyarrow as pa

Key = tuple[str, str]
"""Collection and id of an item."""


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
    with store.transaction() as transaction:
        mirrors = {path.parent.name: path for path in store.root.glob("*/items.parquet")}
        old = {name: item_table.read_items_parquet(mirrors[name]) for name in sorted(wanted) if name in mirrors}
        places = {name: item_places(table) for name, table in old.items()}
        found = {name: sorted(wanted[name] & set(places[name])) for name in old}
        there = [(name, item_id) for name, ids in found.items() for item_id in ids]
        if dry_run or not there:
            return there
        emptied = {name for name in old if len(found[name]) == len(places[name])}
        if emptied == set(mirrors):
            raise UsageError("that would leave no item at all; delete the folder of the catalog instead")
        tables: dict[str, pa.Table] = {}
        documents: list[tuple[str, bytes]] = []
        for name, ids in found.items():
            if name in emptied:
                transaction.remove(name)
                continue
            if not ids:
                continue
            tables[name] = item_table.merge_items(old[name], [], removed=ids)
            documents += collection_documents(name, tables[name])
            gone = {places[name][item_id][0] for item_id in ids}
            left = {year for year, _ in item_places(tables[name]).values()}
            for year in sorted(gone - left):
                transaction.remove(f"{name}/{year}")
            for item_id in ids:
                year = places[name][item_id][0]
                if year in left:
                    transaction.remove(f"{name}/{year}/{item_id}")
        stage_tables(store, transaction, tables, dict(documents), dropped=sorted(emptied))
        for target, content in documents:
            transaction.put_file(content, target)
        titles = {key: value for key, value in collection_titles(store, tables).items() if key not in emptied}
        transaction.put_file(as_json(stac.build_root_catalog(titles)), "catalog.json")
    return there
