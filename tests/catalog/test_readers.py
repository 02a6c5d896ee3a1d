"""Readers that never stop while items come: every snapshot is whole, and snapshots only grow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from stacaster.catalog import Catalog, StagedItem, check_catalog, commit_items
from stacaster.catalog.store import CatalogStore
from stacaster.model import as_json

SECONDS = float(os.environ.get("READERS_SECONDS", "8"))

READER = """
import json, random, sys, time
from pathlib import Path
import rasterio, stacaster

root, end = Path(sys.argv[1]), time.time() + float(sys.argv[2])
chance, rounds, known = random.Random(int(sys.argv[3])), 0, set()

def walk():
    found, waiting = set(), [root / "catalog.json"]
    while waiting:
        path = waiting.pop()
        document = json.loads(path.read_text())
        waiting += [path.parent / link["href"] for link in document["links"] if link["rel"] in ("child", "item")]
        if document["type"] == "Feature":
            found.add(document["id"])
            for asset in document["assets"].values():
                assert (path.parent / asset["href"]).stat().st_size == asset["file:size"], asset["href"]
    return found

while time.time() < end:
    catalog = stacaster.open_catalog(root)
    rows = catalog.sql("select id from items").table["id"].to_pylist()
    assert len(rows) == len(set(rows)) and known <= set(rows), f"{len(known - set(rows))} rows are gone"
    known = set(rows)
    linked = walk()
    found = {entry.id for entry in catalog.search().found}
    assert known <= found
    item = next(iter(catalog.search(ids=[chance.choice(rows)]).items()))
    with rasterio.open(item.assets["B10"].href) as file:
        assert file.read(1).any()
    later = set(catalog.sql("select id from items").table["id"].to_pylist())
    assert linked <= later or len(linked - later) <= 4, "what is linked comes into the table by the same commit"
    rounds += 1
print(json.dumps([rounds, len(known)]))
"""


def test_readers_while_items_come(catalog: Catalog, tmp_path: Path) -> None:
    root = tmp_path / "c"
    shutil.copytree(catalog.root, root)
    store = CatalogStore(root)
    source = next(iter(catalog.search(datetime="2003").items()))
    folder = Path(source.get_self_href() or "").parent
    document = json.loads((folder / f"{source.id}.json").read_text())
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(root), str(SECONDS), str(seed)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed in (1, 2)
    ]  # fmt: skip
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        with store.staging() as staging:
            staged = []
            for _ in range(3):
                number += 1
                item = json.loads(json.dumps(document)) | {"id": f"copy-{number:05d}"}
                item["properties"]["stacaster:fingerprint"] = f"1220{number:064d}"
                shutil.copytree(folder, staging / item["id"])
                (staging / item["id"] / f"{source.id}.json").unlink()
                (staging / item["id"] / f"{item['id']}.json").write_bytes(as_json(item))
                staged.append(StagedItem(item=item, folder=staging / item["id"]))
            commit_items(store, staged)
    rounds = []
    for reader in readers:
        out, error = reader.communicate(timeout=60)
        assert reader.returncode == 0, error[-1500:]
        rounds.append(json.loads(out))
    assert all(count > 2 for count, _ in rounds) and number > 6, (rounds, number)
    assert check_catalog(root) == []
