"""Our own catalog on disk as a search service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from stacaster.access.sources.stac_api import item_to_granule
from stacaster.catalog import item_table, open_catalog
from stacaster.catalog.conditions import known_collection
from stacaster.errors import CatalogError, UsageError, nearest
from stacaster.model import Granule, Query
from stacaster.model.values import plain_word
from stacaster.products import all_products


def _collections(query: Query, known: list[str]) -> list[str] | None:
    """Return the collections of a question; None for all.

    Raises:
        UsageError: The catalog has no such collection, or nobody knows the product.
    """
    if query.collection is not None:
        return [known_collection(query.collection, known)]
    if query.short_names or query.product is None:
        return list(query.short_names) or None
    wanted = plain_word(query.product)
    found = [name for name in known if plain_word(name) == wanted]
    if not found:
        names = [*known, *(product.short_name for product in all_products().values())]
        raise UsageError(
            f"product is {query.product!r}, which is not known; {nearest(query.product, dict.fromkeys(names))}"
        )
    return found


def search(query: Query, *, root: Path) -> Iterator[Granule]:
    """Yield the granules of a catalog that ``stacaster ingest`` made.

    Args:
        query: What to find; ``collection`` or ``product`` is a collection of the catalog, ``short_names`` several.
        root: Folder of the catalog.

    Raises:
        CatalogError: There is no catalog.
    """
    database = root / item_table.DATABASE
    if not database.is_file():
        raise CatalogError(f"{root.name} holds no {item_table.DATABASE}; 'stacaster ingest' makes a catalog")
    collections = _collections(query, open_catalog(root).collections)
    found = item_table.find_items(
        database,
        item_table.ItemQuery(bbox=query.bbox, datetime=query.datetime, collections=collections, ids=query.ids or None),
    )
    for entry in found:
        path = root / entry.href
        document = json.loads(path.read_text(encoding="utf-8"))
        for asset in document["assets"].values():
            if "://" not in asset["href"]:
                asset["href"] = str(path.parent / asset["href"])
        granule = item_to_granule(document, source="local")
        if query.version is None or not granule.version or _number(granule.version) == _number(query.version):
            yield granule


def _number(version: str) -> str:
    """Return a version without what providers write in front: 3 is 003 and v003."""
    return version.lower().lstrip("v").lstrip("0")
