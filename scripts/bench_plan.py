"""Plan a hundred thousand tiles against a million items; print time, peak memory and sizes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from stacaster.files.system.process import peak_memory


def main(root: Path) -> None:
    if not root.exists():
        # In a process of its own, so that its memory does not count.
        command = [sys.executable, "-m", "scripts.bench_plan", "make", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    import stacaster
    from stacaster.tiles import plan_tiles, read_recipe

    recipe = read_recipe(index=["ndvi"], composite="median", grid="degree", tile_size=0.75, resolution=0.00025)
    started = time.perf_counter()
    plan = plan_tiles(recipe, catalog=root, bbox=(-180, -90, 180, 90))
    plan.write(root.with_name("run"))
    taken = time.perf_counter() - started
    peak = peak_memory() / 2**30
    (row,) = stacaster.open_catalog(root).sql("select count(*) as n from items").table.to_pylist()
    tiles = len(plan.tasks) + plan.without
    print(json.dumps({"seconds": taken, "peak": peak, "tiles": tiles, "items": row["n"], **plan.estimates}))


def make(root: Path) -> None:
    """Make a catalog of a million simulated items, tables only."""
    from scripts.bench_item_table import load
    from scripts.bench_items import COLLECTION
    from stacaster.catalog import stac
    from stacaster.model import as_json
    from stacaster.products import all_products

    load(root)
    product = next(entry for entry in all_products().values() if entry.name == "aster_l1t_003")
    document = stac.build_collection(
        product,
        bboxes=[[-180, -90, 180, 90]],
        interval=("2000-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        years=[],
        ranges={},
    )
    (root / COLLECTION / "collection.json").write_bytes(as_json({**document, "id": COLLECTION}))
    (root / "catalog.json").write_bytes(as_json({
        "type": "Catalog", "id": "stacaster", "stac_version": "1.1.0", "description": "Simulated",
        "links": [{"rel": "child", "href": f"./{COLLECTION}/collection.json", "type": "application/json"}],
    }))  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
