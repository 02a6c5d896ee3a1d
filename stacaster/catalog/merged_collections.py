"""Collections of products without a table: each granule says which bands it has, the collection has them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stacaster.catalog import stac
from stacaster.model import Product

GENERIC = "stacaster:generic"
"""Field of collections whose documents are joined from those of their granules."""

_LISTS = ("keywords", "stac_extensions")


def granule_collection(product: Product) -> dict[str, Any]:
    """Return what a granule of a product without a table says of its collection."""
    document = stac.build_collection(product, bboxes=[], interval=("", ""), years=[], ranges={})
    kept = {key: value for key, value in document.items() if key not in ("assets", "extent")}
    links = [link for link in document["links"] if link["rel"] in ("license", "cite-as")]
    return {**kept, "links": links, GENERIC: True}


def merged_collection(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return a collection with what two documents of it say; the order of the two does not matter.

    Args:
        first: A document; empty for none.
        second: Another one.
    """
    if not first or not second:
        return dict(first or second)
    found: dict[str, Any] = {key: _least(first.get(key), second.get(key)) for key in sorted({*first, *second})}
    for key in _LISTS:
        found[key] = sorted({*first.get(key, ()), *second.get(key, ())})
    assets = [document.get("item_assets", {}) for document in (first, second)]
    names = sorted({*assets[0], *assets[1]})
    found["item_assets"] = {name: _least(assets[0].get(name), assets[1].get(name)) for name in names}
    summaries = [document.get("summaries", {}) for document in (first, second)]
    found["summaries"] = {
        key: _joined(summaries[0].get(key), summaries[1].get(key)) for key in sorted({*summaries[0], *summaries[1]})
    }
    return found


def _least(first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    return min((first, second), key=_text)


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, list) and isinstance(second, list):
        known = {_text(entry): entry for entry in (*first, *second)}
        return [known[key] for key in sorted(known)]
    return _least(first, second)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
