"""What a catalog holds, in words and numbers; a damaged one is described as far as it can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from stacaster.catalog import item_table
from stacaster.catalog.item_table import DATABASE
from stacaster.errors import StacasterError
from stacaster.geo.small_map import box_geometry, small_map

if TYPE_CHECKING:
    from stacaster.catalog import Catalog

_MENDED = "'stacaster doctor' says more"


def describe(catalog: Catalog) -> dict[str, Any]:
    """Return collections with number of items, extent and time as plain data, and ``problems`` in words.

    Nothing that is wrong with the catalog is an error here.
    """
    problems: list[str] = []
    rows = [_row(catalog, name, problems) for name in _collections(catalog, problems)]
    return {"collections": rows, "problems": problems}


def _collections(catalog: Catalog, problems: list[str]) -> list[str]:
    try:
        return catalog.collections
    except (StacasterError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        problems.append(f"catalog.json: {_reason(error)}; {_MENDED}")
    return sorted(path.parent.name for path in catalog.root.glob("*/collection.json"))


def _row(catalog: Catalog, name: str, problems: list[str]) -> dict[str, Any]:
    document: Any = {}
    try:
        document = json.loads((catalog.root / name / "collection.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{name}/collection.json: {_reason(error)}; {_MENDED}")
    document = document if isinstance(document, dict) else {}
    count: int | None = None
    try:
        count = item_table.count_items(catalog.root / DATABASE, name)
    except StacasterError as error:
        problems.append(f"{name}: its items cannot be counted ({_reason(error)})")
    return {
        "collection": name,
        "title": str(document.get("title") or name),
        "items": count,
        "bbox": _first(document, "spatial", "bbox"),
        "interval": _first(document, "temporal", "interval"),
        "bands": _bands(document),
    }


def _bands(document: dict[str, Any]) -> list[str]:
    known = document.get("item_assets")
    return [name for name in known if name not in ("thumbnail", "metadata")] if isinstance(known, dict) else []


def _first(document: dict[str, Any], part: str, key: str) -> list[Any] | None:
    try:
        return list(document["extent"][part][key][0])
    except (KeyError, TypeError, IndexError):
        return None


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).partition("\n")[0][:200]


def as_html(catalog: Catalog) -> str:
    """Return the catalog as a notebook shows it."""
    found = describe(catalog)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in found["collections"]
    )
    head = "<tr><th>collection</th><th>items</th><th>title</th><th>time</th><th>bands</th></tr>"
    problems = "".join(f"<p>{escape(text)}</p>" for text in found["problems"])
    return f"<b>{escape(catalog.name)}</b><table>{head}{rows}</table>{_map(found['collections'])}{problems}"


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield str(row["collection"])
    yield "?" if row["items"] is None else str(row["items"])
    yield str(row["title"])
    yield " to ".join(".." if end is None else str(end)[:10] for end in row["interval"] or ())
    yield " ".join(str(name) for name in row["bands"])


def _map(rows: list[dict[str, Any]]) -> str:
    """Return the boxes of the collections on a map; what is damaged is left out."""
    boxes = [row["bbox"] for row in rows if row["bbox"] is not None]
    try:
        return small_map([box_geometry([float(edge) for edge in box]) for box in boxes])
    except (TypeError, ValueError, IndexError):
        return ""
