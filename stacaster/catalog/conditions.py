"""Conditions of a search of a catalog that are brought into the form of the item table. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stacaster.errors import UsageError, nearest
from stacaster.model.values import plain_word, read_number
from stacaster.products import all_products


def known_collection(name: str, collections: Sequence[str]) -> str:
    """Return the id of a collection of a catalog; the short name of a product stands for its only collection.

    Args:
        name: Id or short name; case, hyphens and underscores do not matter.
        collections: Ids of the catalog.

    Raises:
        UsageError: The catalog has no such collection, or several of that product.
    """
    if not isinstance(name, str):
        raise UsageError(f"collection is {name!r}, but a name is needed; there are {', '.join(collections)}")
    if name in collections:
        return name
    word = plain_word(name)
    same = [entry for entry in collections if plain_word(entry) == word]
    products = all_products().values()
    same = same or [entry.collection_id for entry in products
                    if plain_word(entry.short_name) == word and entry.collection_id in collections]  # fmt: skip
    if len(set(same)) == 1:
        return same[0]
    if same:
        raise UsageError(f"{name} has several collections in the catalog, name one: {', '.join(sorted(set(same)))}")
    hint = nearest(name, collections) if collections else "it has none"
    raise UsageError(f"collection {name!r} is not in the catalog; {hint}")


def with_cloud_cover(cql2: str | Mapping[str, Any] | None, most: Any) -> str | Mapping[str, Any] | None:
    """Return a filter that also leaves out what is cloudier, or has no figure.

    Args:
        cql2: CQL2 text or JSON, or None.
        most: Largest cloud cover in percent, or None.

    Raises:
        UsageError: It is no percentage.
    """
    if most is None:
        return cql2
    text = most.strip().removesuffix("%") if isinstance(most, str) else most
    percent = read_number("cloud_cover_max", text, low=0, high=100, unit="percent")
    if isinstance(cql2, Mapping):
        rule = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, percent]}
        return {"op": "and", "args": [dict(cql2), rule]}
    rule_text = f"eo:cloud_cover <= {percent:g}"
    return rule_text if cql2 is None else f"({cql2}) and {rule_text}"
