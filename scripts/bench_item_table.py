"""The item table against stac-geoparquet, DuckDB, rustac and pystac, on the same simulated items in one run."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scripts.bench_items import COLLECTION, make_rows
from stacaster.files.system.process import peak_memory

COUNT = int(os.environ.get("STACASTER_BENCH_ITEMS", "1000000"))
SAMPLE = 3_000
_TIME = "%Y-%m-%dT%H:%M:%SZ"
DOCUMENT = {"type": "Collection", "id": COLLECTION, "description": "Simulated", "license": "proprietary"}

RUSTAC = """
import json, os, sys, time, rustac, rustac_duckdb_extensions
os.environ.setdefault("HOME", os.getcwd())
client = rustac.DuckdbClient(extension_directory=str(rustac_duckdb_extensions.extension_directory()))
for line in sys.stdin:
    asked = json.loads(line)
    started = time.perf_counter()
    found = client.search(sys.argv[1], bbox=asked["bbox"], datetime=asked["datetime"], filter=asked["filter"])
    print(json.dumps([time.perf_counter() - started, len(found)]), flush=True)
"""

Question = dict[str, Any]
Row = Callable[[str, str, str, float, str], None]


def bench_item_table(folder: Path, row: Row, peers: Path) -> None:
    """Load, ask and append; the load runs in a process of its own, so that its memory can be told."""
    root = folder / "table"
    command = [sys.executable, "-m", "scripts.bench_item_table", "load", str(root)]
    loaded = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    peer = stac_geoparquet_rate(folder)
    name = f"load {COUNT:,} rows / stac_geoparquet's parser"
    row(name, f"{loaded['rate']:.0f} /s", f"{peer:.0f} /s", loaded["rate"] / peer, ">= 8")
    row("peak memory of the load / 4 GB", f"{loaded['memory']:.2f} GB", "4 GB", loaded["memory"] / 4, "<= 1")
    naive = write_unsorted(folder / "unsorted.parquet")
    for kind, side, days, cloud in (("small", 0.5, 365, 20), ("wide", 10.0, 90, 50)):
        bench_queries(root, naive, row, peers, kind=kind, questions=make_questions(side, days, cloud))
    bench_append(root, row)
    bench_documents(folder, row)


def load(root: Path) -> None:
    """Load rows from Arrow into parquet parts and database; print rate and peak memory."""
    from stacaster.catalog import item_table

    (root / COLLECTION).mkdir(parents=True)
    waited = 0.0

    def batches() -> Iterator[pa.Table]:
        nonlocal waited
        source = make_rows(COUNT)
        while True:
            started = time.perf_counter()
            batch = next(source, None)
            waited += time.perf_counter() - started
            if batch is None:
                return
            yield batch

    started = time.perf_counter()
    item_table.write_parts(root / COLLECTION, batches(), collection=DOCUMENT)
    item_table.build_database(root / item_table.DATABASE, {COLLECTION: item_table.iter_parts(root / COLLECTION)})
    taken = time.perf_counter() - started - waited
    memory = peak_memory() / 1e9
    print(json.dumps({"rate": COUNT / taken, "memory": memory}))


def sample_items(count: int) -> list[dict[str, Any]]:
    from stacaster.catalog import item_table

    return list(item_table.table_to_items(next(make_rows(count, seed=11, batch=count))))


def stac_geoparquet_rate(folder: Path) -> float:
    """Return items a second of stac_geoparquet's way from items to a parquet file."""
    import stac_geoparquet.arrow as stac_arrow

    items = sample_items(SAMPLE)
    started = time.perf_counter()
    stac_arrow.to_parquet(stac_arrow.parse_stac_items_to_arrow(items), folder / "peer.parquet")
    return SAMPLE / (time.perf_counter() - started)


def write_unsorted(path: Path) -> Path:
    """Write the same rows as others do: one file in the order in which they came."""
    writer: pq.ParquetWriter | None = None
    import stac_geoparquet.arrow as stac_arrow

    first = folder_schema(path, stac_arrow)
    for batch in make_rows(COUNT):
        writer = writer or pq.ParquetWriter(path, first, compression="zstd")
        writer.write_table(batch.cast(first), row_group_size=50_000)
    assert writer is not None
    writer.close()
    return path


def folder_schema(path: Path, stac_arrow: Any) -> pa.Schema:
    """Return the schema of the rows with the metadata of GeoParquet."""
    small = path.with_name("schema.parquet")
    stac_arrow.to_parquet(next(make_rows(10, batch=10)), small)
    return pq.read_schema(small)


def make_questions(side: float, days: int, cloud: int, *, count: int = 60) -> list[dict[str, Any]]:
    chance = random.Random(5)
    found = []
    for _ in range(count):
        west, south = chance.uniform(-179, 179 - side), chance.uniform(-60, 60 - side)
        start = dt.datetime(chance.randint(2001, 2023), chance.randint(1, 9), 1, tzinfo=dt.UTC)
        found.append({"bbox": [west, south, west + side, south + side], "start": start, "cloud": cloud,
                      "end": start + dt.timedelta(days=days)})  # fmt: skip
    return found


def bench_queries(
    root: Path, naive: Path, row: Row, peers: Path, *, kind: str, questions: list[dict[str, Any]]
) -> None:
    import duckdb

    from stacaster.catalog import item_table

    database = root / item_table.DATABASE
    flat = duckdb.connect(str(database), read_only=True)
    columns = "collection, id, href"
    where = ("xmin <= ? and xmax >= ? and ymin <= ? and ymax >= ? and datetime <= ? and datetime >= ? "
             "and cloud_cover < ? order by datetime")  # fmt: skip
    loose = duckdb.connect()

    def values(asked: dict[str, Any]) -> list[Any]:
        west, south, east, north = asked["bbox"]
        times = [asked[name].replace(tzinfo=None) for name in ("end", "start")]
        return [east, west, north, south, *times, asked["cloud"]]

    def ours(asked: dict[str, Any]) -> int:
        text = {"op": "<", "args": [{"property": "eo:cloud_cover"}, asked["cloud"]]}
        query = item_table.ItemQuery(bbox=tuple(asked["bbox"]), datetime=(asked["start"], asked["end"]), filter=text)
        return len(item_table.find_items(database, query))

    def native(asked: dict[str, Any]) -> int:
        return len(flat.execute(f'select {columns} from "table {COLLECTION}" where {where}', values(asked)).fetchall())

    def unsorted(asked: dict[str, Any]) -> int:
        text = (f"select collection, id from read_parquet('{naive}') where bbox.xmin <= ? and bbox.xmax >= ? and "
                "bbox.ymin <= ? and bbox.ymax >= ? and datetime <= ?::timestamptz and datetime >= ?::timestamptz "
                'and "eo:cloud_cover" < ? order by datetime')  # fmt: skip
        return len(loose.execute(text, values(asked)).fetchall())

    mine, counts = measured(ours, questions)
    for name, function, asked, goal in (
        ("DuckDB, flat and ordered", native, questions, "<= 1.3"),
        ("DuckDB, unsorted parquet", unsorted, questions[:10], ">= 5"),
    ):
        other, others = measured(function, asked)
        assert all(a >= b for a, b in zip(counts, others, strict=False)), "boxes across the antimeridian are ours alone"
        ratio = mine[0] / other[0] if goal.startswith("<") else other[0] / mine[0]
        row(f"{kind} query p50 / {name}", f"{1e3 * mine[0]:.1f} ms", f"{1e3 * other[0]:.1f} ms", ratio, goal)
        print(f"    p95 {1e3 * mine[1]:.1f} ms, {1e3 * other[1]:.1f} ms; {sum(counts)} hits", flush=True)
    times = rustac_times(naive, questions[:6], peers)
    if times:
        other_p50 = statistics.median(times)
        row(f"{kind} query p50 / rustac search", f"{1e3 * mine[0]:.1f} ms", f"{1e3 * other_p50:.1f} ms",
            other_p50 / mine[0], ">= 20")  # fmt: skip


def measured(ask: Callable[[Question], int], questions: list[Question]) -> tuple[tuple[float, float], list[int]]:
    """Return p50 and p95 of the seconds, and the numbers of hits; the first question is asked once more."""
    ask(questions[0])
    times, counts = [], []
    for asked in questions:
        started = time.perf_counter()
        counts.append(ask(asked))
        times.append(time.perf_counter() - started)
    times.sort()
    return (times[len(times) // 2], times[int(len(times) * 0.95)]), counts


def rustac_times(path: Path, questions: list[dict[str, Any]], peers: Path) -> list[float]:
    lines = [
        json.dumps({"bbox": asked["bbox"], "datetime": f"{asked['start']:{_TIME}}/{asked['end']:{_TIME}}",
                    "filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, asked["cloud"]]}})
        for asked in [questions[0], *questions]
    ]  # fmt: skip
    command = [str(peers), "-c", RUSTAC, str(path)]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"rustac: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return []
    return [json.loads(line)[0] for line in done.stdout.split("\n")[1:] if line]


def bench_append(root: Path, row: Row) -> None:
    """A thousand rows that come: a new part and the recent rows, as a commit writes them."""
    from stacaster.catalog import item_table

    large = {path: path.stat().st_ino for path in root.rglob("*") if path.is_file()}
    times = []
    for turn in range(5):
        rows = next(make_rows(1000, seed=100 + turn, batch=1000))
        started = time.perf_counter()
        item_table.write_items_parquet(rows, root / f"appended-{turn}.parquet", collection=DOCUMENT)
        item_table.append_recent(root / item_table.DATABASE, root / "fresh.duckdb", {COLLECTION: rows})
        (root / "fresh.duckdb").replace(root / item_table.RECENT)
        times.append(time.perf_counter() - started)
        assert item_table.count_items(root / item_table.DATABASE, COLLECTION) == COUNT + 1000 * (turn + 1)
    assert all(path.stat().st_ino == number for path, number in large.items())
    mine = statistics.median(times)
    row("append 1,000 rows / 0.1 s", f"{mine:.3f} s", "0.1 s", mine / 0.1, "<= 1")
    (root / item_table.RECENT).unlink()


def bench_documents(folder: Path, row: Row) -> None:
    """Items as JSON and table: time against their number, and against pystac's save."""
    import pystac

    import stacaster

    times = {}
    for count in (1_000, 10_000):
        items = sample_items(count)
        for item in items:
            item["assets"] = {
                key: asset | {"href": f"https://example.com/{key}.tif"} for key, asset in item["assets"].items()
            }
        source = folder / f"{count}.json"
        source.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        os.sync()
        started = time.perf_counter()
        report = stacaster.import_items(source, catalog=folder / f"made-{count}")
        times[count] = time.perf_counter() - started
        assert len(report.ingested) == count, report
        if count == 10_000:
            os.sync()
            started = time.perf_counter()
            catalog = pystac.Catalog("peer", "peer")
            for document in json.loads(source.read_text())["features"]:
                catalog.add_item(pystac.Item.from_dict(document | {"links": []}))
            catalog.normalize_and_save(str(folder / "pystac"), pystac.CatalogType.SELF_CONTAINED)
            peer = time.perf_counter() - started
            row("10,000 items: JSON and table / pystac's JSON", f"{times[count]:.1f} s", f"{peer:.1f} s",
                peer / times[count], ">= 5")  # fmt: skip
        shutil.rmtree(folder / "pystac", ignore_errors=True)
    row(
        "10,000 items / 1,000 items",
        f"{times[10_000]:.1f} s",
        f"{times[1_000]:.1f} s",
        times[10_000] / times[1_000],
        "<= 12",
    )


if __name__ == "__main__":
    assert sys.argv[1] == "load"
    load(Path(sys.argv[2]))
