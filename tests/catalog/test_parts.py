"""A table in parts: rows are added without a rewrite, seen at once, and joined later; no history shows in the end."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import geopandas
import pyarrow.parquet as pq
import pytest

import stacaster
from stacaster.catalog import check_catalog, item_table, settle
from stacaster.catalog.remove import remove_items
from stacaster.catalog.store import CatalogStore
from tests.catalog.made_items import COLLECTION, commit, content_of, made_item

SEED = 20261121


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make everything that is large small, so that a few items go through all of it."""
    import sys

    parts = sys.modules["stacaster.catalog.item_table.parts"]
    compaction = sys.modules["stacaster.catalog.item_table.compaction"]
    database = sys.modules["stacaster.catalog.item_table.database"]
    monkeypatch.setattr(parts, "PART_ROWS", 12)
    monkeypatch.setattr(compaction, "PART_ROWS", 12)
    monkeypatch.setattr(compaction, "SMALL_ROWS", 4)
    monkeypatch.setattr(database, "_LARGE_ROWS", 8)
    monkeypatch.setattr(database, "_RECENT_ROWS", 6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CatalogStore]:
    yield CatalogStore(tmp_path / "c")
    item_table.close_databases()


def ids_everywhere(root: Path) -> list[str]:
    """Return the ids of a catalog, which files, links, parquet and SQL agree on."""
    catalog = stacaster.open_catalog(root)
    files = sorted(path.stem for path in root.glob("*/*/*/*.json"))
    rows = sorted(catalog.sql("select id from items").table["id"].to_pylist())
    parquet = sorted(i for path in root.glob("*/items*.parquet") for i in pq.read_table(path)["id"].to_pylist())
    counted = item_table.count_items(root / item_table.DATABASE, COLLECTION)
    assert files == rows == parquet and counted == len(files)
    named = {asset["href"][2:] for asset in catalog.collection(COLLECTION)["assets"].values()}
    assert named == {path.name for path in root.glob("*/items*.parquet")}
    return files


def test_any_history_gives_the_same_rows(small_parts: None, store: CatalogStore, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    model: dict[int, int] = {}
    layouts = set()
    for step in range(40):
        if model and chance.random() < 0.3:
            gone = chance.sample(sorted(model), min(len(model) - 1, chance.randint(1, 3)))
            remove_items(store, [(COLLECTION, f"item-{number:05d}") for number in gone])
            model = {key: value for key, value in model.items() if key not in gone}
        elif chance.random() < 0.15:
            settle(store)
        else:
            numbers = chance.sample(range(80), chance.randint(1, 5))
            commit(store, numbers, version=step)
            model |= dict.fromkeys(numbers, step)
        assert ids_everywhere(store.root) == sorted(f"item-{number:05d}" for number in model)
        layouts.add((len(list(store.root.glob("*/items*.parquet"))), (store.root / item_table.RECENT).exists()))
    assert len(layouts) > 4 and any(recent for _, recent in layouts), "the parts and the recent rows were used"
    assert check_catalog(store.root) == []
    stacaster.catalog.fix_catalog(store.root)
    other = CatalogStore(tmp_path / "other")
    for number, version in model.items():
        commit(other, [number], version=version)
    stacaster.catalog.fix_catalog(other.root)
    settle(store)
    settle(other)
    first, second = (stacaster.open_catalog(s.root).sql("select * from items order by id") for s in (store, other))
    assert first.to_dataframe().drop(columns="geometry").equals(second.to_dataframe().drop(columns="geometry"))


def test_an_addition_writes_nothing_large_again(small_parts: None, store: CatalogStore) -> None:
    commit(store, list(range(30)))
    before = {path.name: path.stat().st_ino for path in store.root.glob("*/items*.parquet")}
    database = (store.root / item_table.DATABASE).stat().st_ino
    commit(store, [30, 31])
    after = {path.name: path.stat().st_ino for path in store.root.glob("*/items*.parquet")}
    full = [name for name in before if pq.read_metadata(store.root / COLLECTION / name).num_rows == 12]
    assert len(full) == 2 and all(after[name] == before[name] for name in full)
    assert (store.root / item_table.DATABASE).stat().st_ino == database, "the rows that came stand beside it"
    assert len(ids_everywhere(store.root)) == 32
    commit(store, list(range(32, 40)))
    assert not (store.root / item_table.RECENT).exists(), "many recent rows are joined with the others"
    assert len(ids_everywhere(store.root)) == 40


def test_recent_rows_of_another_state_are_not_seen(small_parts: None, store: CatalogStore) -> None:
    commit(store, list(range(20)))
    commit(store, [20])
    recent = (store.root / item_table.RECENT).read_bytes()
    settle(store)
    commit(store, [21])
    (store.root / item_table.RECENT).write_bytes(recent)
    rows = stacaster.open_catalog(store.root).sql("select id from items").table["id"].to_pylist()
    assert sorted(rows) == [f"item-{number:05d}" for number in range(21)], "20 once, though it stands in both"


def test_readers_see_each_row_once_while_rows_come_and_are_joined(small_parts: None, store: CatalogStore) -> None:
    commit(store, list(range(10)))
    seen: list[int] = []
    problems: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                ids = stacaster.open_catalog(store.root).sql("select id from items").table["id"].to_pylist()
                found = stacaster.open_catalog(store.root).search().found
            except Exception as error:  # noqa: BLE001 - any error of a reader is a failure
                problems.append(repr(error))
                return
            if len(set(ids)) != len(ids) or len(found) < len(ids):
                problems.append(f"{len(ids)} rows, {len(set(ids))} ids, {len(found)} found later")
            seen.append(len(ids))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(10, 60):
        commit(store, [number])
    done.set()
    reader.join()
    assert not problems and seen == sorted(seen) and len(set(seen)) > 5


def test_other_programs_read_the_parts(small_parts: None, store: CatalogStore) -> None:
    commit(store, list(range(40)))
    pattern = f"{store.root}/{COLLECTION}/items*.parquet"
    with duckdb.connect() as connection:
        assert connection.sql(f"select count(*) from read_parquet('{pattern}')").fetchall() == [(40,)]
    frames = [geopandas.read_parquet(path) for path in sorted(store.root.glob("*/items*.parquet"))]
    assert sum(map(len, frames)) == 40 and all(frame.crs.to_epsg() == 4326 for frame in frames)
    rows = stacaster.open_catalog(store.root).sql("select id from items where id in ('item-00003', 'item-00033')")
    assert {item.id: item.properties["title"] for item in rows.items()} == {
        f"item-{n:05d}": made_item(n)["properties"]["title"] for n in (3, 33)
    }


def test_a_small_collection_is_one_file_whatever_its_history(store: CatalogStore, tmp_path: Path) -> None:
    for number in (5, 3, 9, 1):
        commit(store, [number])
    remove_items(store, [(COLLECTION, "item-00003")])
    other = CatalogStore(tmp_path / "other")
    commit(other, [1, 5, 9])
    assert content_of(store.root) == content_of(other.root)


def test_a_commit_makes_a_lost_database_again(store: CatalogStore, tmp_path: Path) -> None:
    commit(store, [1, 2, 3])
    (store.root / item_table.DATABASE).unlink()
    assert commit(store, [3, 4]) == ["skipped", "ingested"]
    assert ids_everywhere(store.root) == [f"item-{number:05d}" for number in (1, 2, 3, 4)]
    (store.root / item_table.DATABASE).unlink()
    remove_items(store, [(COLLECTION, "item-00002")])
    assert check_catalog(store.root) == [] and len(ids_everywhere(store.root)) == 3
