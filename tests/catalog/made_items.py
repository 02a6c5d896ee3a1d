"""Items without pixels, committed as an ingest commits them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stacaster.catalog import StagedItem, commit_items, item_table
from stacaster.catalog.store import CatalogStore
from tests.catalog.test_item_table import make_item

COLLECTION = "aster-l1t-003"


def made_item(number: int, *, version: int = 1, **properties: Any) -> dict[str, Any]:
    """Return an item whose assets are small files."""
    item = make_item(number, **{"stacaster:fingerprint": f"1220{number:04d}{version}", **properties})
    item["links"].append({"rel": "collection", "href": "../../collection.json", "type": "application/json"})
    for name, asset in item["assets"].items():
        content = f"{number} {version} {name}".encode()
        asset |= {"file:size": len(content), "file:checksum": "1220" + hashlib.sha256(content).hexdigest()}
    return item


def stage(folder: Path, item: dict[str, Any], *, version: int = 1, only: Sequence[str] | None = None) -> StagedItem:
    """Write the folder of an item, with the files of all its assets or only of some."""
    folder.mkdir(parents=True)
    (folder / f"{item['id']}.json").write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    number = int(item["id"].split("-")[1])
    for name in item["assets"] if only is None else only:
        (folder / f"{name}.tif").write_bytes(f"{number} {version} {name}".encode())
    return StagedItem(item=item, folder=folder)


def commit(store: CatalogStore, numbers: list[int], *, version: int = 1, **properties: Any) -> list[str]:
    """Commit items; return what became of them."""
    with store.staging() as staging:
        items = [made_item(number, version=version, **properties) for number in numbers]
        staged = [stage(staging / item["id"], item, version=version) for item in items]
        return list(commit_items(store, staged))


def content_of(root: Path) -> dict[str, bytes]:
    """Return every file of a catalog but the database, whose bytes hold a random mark."""
    skip = {item_table.DATABASE, item_table.RECENT}
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".stacaster" not in path.parts and path.name not in skip
    }
