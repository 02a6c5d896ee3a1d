"""What two catalogs do not have in common."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from stacaster.catalog import item_table
from stacaster.errors import CatalogError
from stacaster.model.checked import checked


@dataclass(frozen=True)
class Difference:
    """An item that is not the same in two catalogs."""

    status: Literal["added", "removed", "changed"]
    """Seen from the first catalog."""
    collection: str
    """Collection of the item."""
    item_id: str
    """Its id."""
    fields: tuple[str, ...] = ()
    """What changed, such as ``assets.B01.file:checksum``."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**vars(self), "fields": list(self.fields)}


@checked
def diff_catalogs(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> list[Difference]:
    """Compare the items of two catalogs by collection and id, and the content of those in both.

    Args:
        first: Folder of a catalog.
        second: Folder of another one.

    Returns:
        Items that only one has, or that differ, by collection and id.

    Raises:
        CatalogError: One of them is no catalog of ours, or is damaged.
    """
    roots = Path(first), Path(second)
    old, new = (_places(root) for root in roots)
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            found.append(Difference("added" if key in new else "removed", *key))
            continue
        documents = [_read(root, places[key]) for root, places in zip(roots, (old, new), strict=True)]
        if documents[0] != documents[1]:
            one, other = (orjson.loads(text) for text in documents)
            if fields := tuple(sorted(set(_changed(one, other, "")))):
                found.append(Difference("changed", *key, fields))
    return found


def _places(root: Path) -> dict[tuple[str, str], str]:
    if not (root / item_table.DATABASE).is_file():
        raise CatalogError(f"{root.name} is no catalog that stacaster made: it has no {item_table.DATABASE}")
    rows = item_table.run_sql(root / item_table.DATABASE, "select collection, id, href from items").to_pylist()
    return {(row["collection"], row["id"]): row["href"] for row in rows}


def _read(root: Path, place: str) -> bytes:
    try:
        return (root / place).read_bytes()
    except OSError as error:
        raise CatalogError(f"{place} of {root.name} cannot be read; 'stacaster doctor' says what is wrong") from error


def _changed(one: Any, other: Any, name: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _changed(one.get(key), other.get(key), f"{name}.{key}" if name else key)
    elif one != other:
        yield name
