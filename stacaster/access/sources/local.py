"""Our own catalog on disk as a search service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from stacaster.access.sources.stac_api import item_to_granule
from stacaster.catalog import item_table
from stacaster.errors import CatalogError
from stacaster.model import Granule, Query


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
    wanted = query.collection or query.product
    collections = list(query.short_names) or (None if wanted is None else [wanted])
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
        yield item_to_granule(document, source="local")
