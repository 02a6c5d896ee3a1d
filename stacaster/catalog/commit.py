"""Register staged items: files, JSON, parquet mirror and database in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stacaster import item_table, stac
from stacaster.item_table import DATABASE
from stacaster.products import all_products, get_product
from stacaster.store import CatalogStore, Transaction

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class StagedItem:
    """A converted granule that waits for its commit."""

    item: Mapping[str, Any]
    """The STAC item."""
    folder: Path
    """Staged folder with the item's JSON and its assets."""
    product: str
    """Name of the product."""


CommitStatus = Literal["ingested", "replaced", "skipped"]
"""What a commit did with one item."""


def commit_items(store: CatalogStore, staged: Sequence[StagedItem]) -> list[CommitStatus]:
    """Register staged items in one transaction: files, JSON, parquet mirror and database together.

    Args:
        store: The catalog's files.
        staged: Items with distinct ids.

    Returns:
        For every item whether it is new, replaces one, or was registered by another process meanwhile.

    Raises:
        CatalogError: The catalog is damaged or locked for too long.
        WriteError: Something cannot be written.
    """
    statuses: dict[int, CommitStatus] = {}
    with store.transaction() as transaction:
        by_product: dict[str, list[tuple[int, StagedItem]]] = {}
        for number, entry in enumerate(staged):
            by_product.setdefault(entry.product, []).append((number, entry))
        documents: list[tuple[str, bytes]] = []
        tables: dict[str, pa.Table] = {}
        for name in sorted(by_product):
            product = get_product(name)
            mirror = store.root / product.collection_id / "items.parquet"
            old = item_table.read_items_parquet(mirror) if mirror.exists() else None
            known = {} if old is None else item_places(old)
            fresh = []
            for number, entry in by_product[name]:
                statuses[number] = _place(transaction, entry, known)
                if statuses[number] != "skipped":
                    fresh.append(dict(entry.item))
            if fresh:
                table = item_table.merge_items(old, fresh)
                tables[product.collection_id] = table
                years = {place[0] for place in known.values()} | {_year(item) for item in fresh}
                documents += collection_documents(product.name, table, years=years)
        if tables:
            stage_tables(store, transaction, tables, dict(documents))
            for target, content in documents:
                transaction.put_file(content, target)
            transaction.put_file(as_json(stac.build_root_catalog(collection_titles(store, tables))), "catalog.json")
    return [statuses[number] for number in range(len(staged))]


def _place(transaction: Transaction, entry: StagedItem, known: Mapping[str, tuple[str, str]]) -> CommitStatus:
    """Put one item folder into place unless the same item is there."""
    collection, item_id, year = entry.item["collection"], entry.item["id"], _year(entry.item)
    old = known.get(item_id)
    if old is not None and old[1] == entry.item["properties"]["stacaster:fingerprint"]:
        return "skipped"
    transaction.put_directory(entry.folder, f"{collection}/{year}/{item_id}")
    if old is not None and old[0] != year:
        transaction.remove(f"{collection}/{old[0]}/{item_id}")
    return "ingested" if old is None else "replaced"


def _year(item: Mapping[str, Any]) -> str:
    return str(item["properties"]["datetime"])[:4]


def item_places(table: pa.Table) -> dict[str, tuple[str, str]]:
    """Return year and fingerprint of every item of a table."""
    ids = table["id"].to_pylist()
    times = table["datetime"].to_pylist()
    marks = table["stacaster:fingerprint"].to_pylist()
    return {key: (f"{time.year:04d}", mark) for key, time, mark in zip(ids, times, marks, strict=True)}


def collection_documents(name: str, table: pa.Table, *, years: Iterable[str] | None = None) -> list[tuple[str, bytes]]:
    """Return place and JSON of the year catalogs, then of the collection.

    Args:
        name: Product or collection.
        table: Table of the collection.
        years: Years whose catalogs may have changed; None takes all that have items.
    """
    product = get_product(name)
    by_year: dict[str, list[str]] = {}
    for item_id, (year, _) in item_places(table).items():
        by_year.setdefault(year, []).append(item_id)
    root = product.collection_id
    documents = [
        (f"{root}/{year}/catalog.json", as_json(stac.build_year_catalog(root, year, by_year[year])))
        for year in sorted(by_year if years is None else set(years) & set(by_year))
    ]
    summary = item_table.summarise(table)
    collection = stac.build_collection(
        product,
        bboxes=summary.bboxes,
        interval=summary.interval,
        years=sorted(by_year),
        ranges=summary.ranges,
    )
    return [*documents, (f"{root}/collection.json", as_json(collection))]


def stage_tables(
    store: CatalogStore,
    transaction: Transaction,
    tables: Mapping[str, pa.Table],
    documents: Mapping[str, bytes],
    *,
    dropped: Sequence[str] = (),
    rebuild: bool = False,
) -> None:
    """Put parquet mirrors and the database into a transaction.

    Args:
        store: The catalog's files.
        transaction: The transaction.
        tables: New table of each changed collection.
        documents: Their documents by place.
        dropped: Collections that go.
        rebuild: Make the database anew from ``tables`` alone.
    """
    for name, table in tables.items():
        path = transaction.folder / f"{name}.parquet"
        collection = json.loads(documents[f"{name}/collection.json"])
        item_table.write_items_parquet(table, path, collection=collection)
        transaction.put_file(path, f"{name}/items.parquet")
    database = transaction.folder / DATABASE
    current = store.root / DATABASE
    if rebuild:
        item_table.build_database(database, tables)
    elif current.exists():
        item_table.refresh_database(current, database, tables, dropped=dropped)
    else:
        everything = dict(tables)
        for mirror in sorted(store.root.glob("*/items.parquet")):
            if mirror.parent.name not in dropped:
                everything.setdefault(mirror.parent.name, item_table.read_items_parquet(mirror))
        item_table.build_database(database, everything)
    transaction.put_file(database, DATABASE)


def collection_titles(store: CatalogStore, tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """Return the title of every collection, those of ``tables`` included."""
    present = {path.parent.name for path in store.root.glob("*/collection.json")} | set(tables)
    titles = {product.collection_id: product.title for product in all_products().values()}
    return {name: titles.get(name, name) for name in present}


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return a document as it stands in a file."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
