"""Scenes that a catalog has in several productions: linked with each other, or only the newest kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stacaster.catalog.commit import Change, changing, stage_changes
from stacaster.catalog.item_table import DATABASE
from stacaster.catalog.remove import remove_items
from stacaster.catalog.store import CatalogStore
from stacaster.catalog.versions import Key, Version, add_links, find_versions
from stacaster.errors import CatalogError
from stacaster.model.checked import checked


@dataclass(frozen=True)
class Superseded:
    """An item of which the catalog has a newer production."""

    collection: str
    """Collection of the item."""
    item_id: str
    """Its id."""
    newest: Key
    """Collection and id of the newest production."""

    def to_dict(self) -> dict[str, str]:
        """Return plain data for JSON."""
        return {"collection": self.collection, "id": self.item_id, "newest": "/".join(self.newest)}


@checked
def dedupe(path: str | os.PathLike[str], *, remove: bool = False, dry_run: bool = False) -> list[Superseded]:
    """Find scenes that were produced several times, and say on the items which production follows which.

    Older items get ``deprecated`` and a link ``successor-version``, newer ones ``predecessor-version``, all but the
    newest ``latest-version`` (STAC version extension). The same call may be repeated.

    Args:
        path: Folder of the catalog.
        remove: Remove the older items, with their files, instead.
        dry_run: Change nothing.

    Returns:
        The older items.

    Raises:
        CatalogError: The catalog is damaged or locked for too long.
        WriteError: Something cannot be written.
    """
    store = CatalogStore(Path(path))
    if not (store.root / DATABASE).is_file():
        raise CatalogError(f"{os.fspath(path)} is no catalog that stacaster made")
    if dry_run or remove:
        older = _older(find_versions(store.root / DATABASE))
        if remove and not dry_run:
            # Also where none is older: a removal that was killed is finished.
            remove_items(store, [(entry.collection, entry.item_id) for entry in older])
        return older
    with changing(store) as transaction:
        database = store.root / DATABASE
        chains = find_versions(database)
        changes: dict[str, Change] = {}
        add_links(store, transaction, database, changes, chains)
        stage_changes(store, transaction, changes)
    return _older(chains)


def _older(chains: list[list[Version]]) -> list[Superseded]:
    return [Superseded(*version.key, chain[-1].key) for chain in chains for version in chain[:-1]]
