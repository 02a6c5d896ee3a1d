"""What a catalog holds, in words and numbers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from stacaster.catalog import item_table
from stacaster.catalog.item_table import DATABASE

if TYPE_CHECKING:
    from stacaster.catalog import Catalog


def collection_rows(catalog: Catalog) -> list[dict[str, Any]]:
    """Return one row a collection: id, title, number of items, box, time."""
    rows = []
    for name in catalog.collections:
        document = catalog.collection(name)
        extent = document["extent"]
        rows.append(
            {
                "collection": name,
                "title": document["title"],
                "items": item_table.count_items(catalog.root / DATABASE, name),
                "bbox": extent["spatial"]["bbox"][0],
                "interval": extent["temporal"]["interval"][0],
            }
        )
    return rows


def as_html(catalog: Catalog) -> str:
    """Return the catalog as a notebook shows it."""
    rows = "".join(
        f"<tr><td>{escape(row['collection'])}</td><td>{row['items']}</td><td>{escape(row['title'])}</td>"
        f"<td>{escape(' to '.join(row['interval']))}</td></tr>"
        for row in collection_rows(catalog)
    )
    head = "<tr><th>collection</th><th>items</th><th>title</th><th>time</th></tr>"
    return f"<b>{escape(catalog.name)}</b><table>{head}{rows}</table>"
