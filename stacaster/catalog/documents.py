"""What collections, year catalogs and the root of a catalog should say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stacaster.catalog import item_table, stac
from stacaster.catalog.merged_collections import GENERIC, merged_collection
from stacaster.catalog.store import CatalogStore
from stacaster.files.checksums import digest_file, multihash
from stacaster.model import as_json
from stacaster.products import all_products, of_collection


def collection_document(
    store: CatalogStore,
    name: str,
    summary: item_table.TableSummary,
    *,
    parts: Sequence[str],
    document: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what ``collection.json`` should say.

    Args:
        store: The catalog's files.
        name: Id of the collection.
        summary: What its items say.
        parts: Names of its parquet parts.
        document: What a collection that is no product of ours says; None takes what stands in the catalog.
    """
    product = of_collection(name)
    if product is not None:
        return stac.build_collection(
            product,
            bboxes=summary.bboxes,
            interval=summary.interval,
            years=summary.years,
            ranges=summary.ranges,
            parts=parts,
        )
    known = document or _read_document(store.root / name / "collection.json")
    if document and GENERIC in document:
        known = merged_collection(_read_document(store.root / name / "collection.json"), document)
    return stac.adapt_collection(
        known, name=name, bboxes=summary.bboxes, interval=summary.interval, years=summary.years, parts=parts
    )


def with_part_files(
    document: Mapping[str, Any], files: Mapping[str, Path], *, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a collection that says size and checksum of its parquet parts.

    Args:
        document: The collection.
        files: Where each part lies now, by name; others are left as they are.
        known: Earlier assets of the collection: what they say of a part is taken over where it has not changed.
    """
    assets = {key: dict(asset) for key, asset in document["assets"].items()}
    for part, path in files.items():
        key = part.removesuffix(".parquet")
        earlier = (known or {}).get(key)
        if isinstance(earlier, Mapping) and {"file:size", "file:checksum"} <= set(earlier):
            assets[key] |= {name: earlier[name] for name in ("file:size", "file:checksum")}
            continue
        digest = hashlib.sha256()
        digest_file(path, digest)
        assets[key] |= {"file:size": path.stat().st_size, "file:checksum": multihash(digest.hexdigest())}
    extensions = {*document.get("stac_extensions", ()), *stac.extension_uris(["file"])}
    order = {key: value for key, value in document.items() if key != "assets"}
    return {**order, "stac_extensions": sorted(extensions), "assets": assets}


def documents_of(store: CatalogStore, database: Path, name: str, *, parts: Sequence[str]) -> dict[str, bytes]:
    """Return what the year catalogs and the collection should say, by place.

    Args:
        store: The catalog's files.
        database: Database to ask.
        name: Id of the collection.
        parts: Names of its parquet parts.
    """
    summary = item_table.summarise(database, name)
    found = {
        f"{name}/{year}/catalog.json": as_json(
            stac.build_year_catalog(name, year, item_table.ids_of_year(database, name, year))
        )
        for year in summary.years
    }
    return found | {f"{name}/collection.json": as_json(collection_document(store, name, summary, parts=parts))}


def known_assets(store: CatalogStore, name: str) -> dict[str, Any]:
    """Return the assets that ``collection.json`` names now."""
    assets = _read_document(store.root / name / "collection.json").get("assets")
    return assets if isinstance(assets, dict) else {}


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return document if isinstance(document, dict) else {}
    except (OSError, ValueError):
        return {}


def root_document(store: CatalogStore, titles: Mapping[str, str], *, dropped: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``catalog.json`` should say.

    Args:
        store: The catalog's files.
        titles: Titles of collections that come or change, by id.
        dropped: Collections that go.
    """
    known = {product.collection_id: product.title for product in all_products().values()}
    found = dict(titles)
    for path in store.root.glob("*/collection.json"):
        name = path.parent.name
        if name not in found and name not in dropped:
            found[name] = known.get(name) or str(_read_document(path).get("title") or name)
    return stac.build_root_catalog(found)
