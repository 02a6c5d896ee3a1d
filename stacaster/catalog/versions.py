"""Several productions of one scene, and the links among them (STAC version extension)."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from stacaster.catalog import item_table
from stacaster.catalog.commit import Change
from stacaster.catalog.store import CatalogStore, Transaction
from stacaster.errors import CatalogError
from stacaster.instruments.versions import Rank, version_of
from stacaster.model import as_json

Key = tuple[str, str]
"""Collection and id of an item."""

_RELATIONS = ("predecessor-version", "successor-version", "latest-version")


@dataclass(frozen=True)
class Version:
    """One production of a scene."""

    rank: Rank
    """Its place among the productions."""
    key: Key
    """Collection and id of the item."""
    place: str
    """Folder of the item."""


def find_versions(database: Path, *, without: Collection[Key] = ()) -> list[list[Version]]:
    """Return the versions of each scene that has several, oldest first.

    Args:
        database: Database of the catalog.
        without: Items that are about to go.
    """
    columns = item_table.item_columns(database)
    name = "coalesce(title, id)" if "title" in columns else "id"
    query = f"select collection, id, href, {name} as name from items order by collection, id"  # noqa: S608 - literals
    by_scene: dict[str, list[Version]] = {}
    for row in item_table.run_sql(database, query).to_pylist():
        scene, rank = version_of(row["name"], row["collection"])
        if rank and (row["collection"], row["id"]) not in without:
            version = Version(rank, (row["collection"], row["id"]), posixpath.dirname(row["href"]))
            by_scene.setdefault(scene, []).append(version)
    chains = (sorted(found, key=lambda v: (v.rank, v.key)) for found in by_scene.values())
    return [chain for chain in chains if len(chain) > 1]


def add_links(
    store: CatalogStore,
    transaction: Transaction,
    database: Path,
    changes: dict[str, Change],
    chains: list[list[Version]],
) -> None:
    """Add to the changes of a transaction what items have to say of their versions, and no longer have to say.

    Args:
        store: The catalog's files.
        transaction: The transaction.
        database: Database to ask.
        changes: Changes of the transaction, which go on.
        chains: From ``find_versions``.

    Raises:
        CatalogError: An item cannot be read.
    """
    wanted = dict(_said(chains))
    for key, place in _marked_or_in(database, wanted):
        change = changes.setdefault(key[0], Change())
        if key[1] in change.gone:
            continue
        target = f"{place}/{key[1]}.json"
        item = _read(store, target)
        fresh = _with_links(item, place, wanted.get(key))
        if fresh != item:
            transaction.put_file(as_json(fresh), target)
            change.fresh.append(fresh)
            change.gone[key[1]] = item_table.year_of(item)
    for name in [name for name, change in changes.items() if not change.gone and not change.fresh]:
        del changes[name]


def has_links(database: Path) -> bool:
    """Tell whether items of a catalog say something about their versions."""
    return "deprecated" in item_table.item_columns(database)


def _said(chains: list[list[Version]]) -> Iterator[tuple[Key, dict[str, Version]]]:
    """Yield what each version has to say, by relation."""
    for chain in chains:
        for number, version in enumerate(chain):
            said = {}
            if number:
                said["predecessor-version"] = chain[number - 1]
            if version is not chain[-1]:
                said |= {"successor-version": chain[number + 1], "latest-version": chain[-1]}
            yield version.key, said


def _marked_or_in(database: Path, wanted: dict[Key, dict[str, Version]]) -> Iterator[tuple[Key, str]]:
    """Yield items that have to say something about versions, and those that say so though they should not."""
    marked = "deprecated is not null" if has_links(database) else "false"
    names = [item_id for _, item_id in wanted]
    query = f"select collection, id, href from items where {marked} or list_contains(?, id) order by 1, 2"  # noqa: S608 - literals
    for row in item_table.run_sql(database, query, parameters=[names]).to_pylist():
        key = (row["collection"], row["id"])
        if key in wanted or marked != "false":
            yield key, posixpath.dirname(row["href"])


def _with_links(item: dict[str, Any], place: str, said: dict[str, Version] | None) -> dict[str, Any]:
    links = [link for link in item["links"] if link["rel"] not in _RELATIONS]
    for relation in _RELATIONS:
        if said and relation in said:
            other = said[relation]
            href = posixpath.relpath(f"{other.place}/{other.key[1]}.json", place)
            links.append({"rel": relation, "href": href, "type": "application/geo+json", "title": other.key[1]})
    properties = {key: value for key, value in item["properties"].items() if key != "deprecated"}
    if said is not None:
        # Also said where it is false, so that a later call finds what it has to take back.
        properties["deprecated"] = "successor-version" in said
    return item | {"properties": properties, "links": links}


def _read(store: CatalogStore, target: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = orjson.loads(store.resolve(target).read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogError(f"{target} cannot be read: {error}; 'stacaster doctor --fix' mends it") from error
    return document
