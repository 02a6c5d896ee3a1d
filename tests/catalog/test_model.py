"""A model of a catalog and the catalog itself, step by step: they say the same, whatever happens in between.

The longer form is run by hand: ``MODEL_RUNS_STEPS=200x30 pytest tests/catalog/test_model.py --hypothesis-seed=1``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import stacaster
from stacaster.catalog import check_catalog, item_table, settle
from stacaster.catalog.remove import remove_items
from stacaster.catalog.store import CatalogStore
from tests.catalog.made_items import COLLECTION, commit

RUNS, STEPS = (int(text) for text in os.environ.get("MODEL_RUNS_STEPS", "6x10").split("x"))
NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=5, unique=True)


class Killed(BaseException):
    """The process ends here."""


class CatalogMachine(RuleBasedStateMachine):
    """Ingests, replaces, removes, is killed, publishes and is mended."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = CatalogStore(self.folder / "c")
        self.model: dict[int, int] = {}
        self.version = 1

    def teardown(self) -> None:
        item_table.close_databases()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    @rule(numbers=NUMBERS)
    def ingest(self, numbers: list[int]) -> None:
        for number, status in zip(numbers, commit(self.store, numbers, version=1), strict=True):
            known = self.model.get(number)
            assert status == ("ingested" if known is None else "skipped" if known == 1 else "replaced")
            self.model[number] = 1

    @rule(numbers=NUMBERS)
    def reprocess(self, numbers: list[int]) -> None:
        self.version += 1
        commit(self.store, numbers, version=self.version)
        self.model |= dict.fromkeys(numbers, self.version)

    @rule(numbers=NUMBERS, step=st.integers(0, 14))
    def ingest_and_be_killed(self, numbers: list[int], step: int) -> None:
        """The journal is written; after some renames the process dies. Who comes next finishes the commit."""
        self.version += 1
        self._kill_after(step, lambda: commit(self.store, numbers, version=self.version))
        self.store.recover()
        self.model |= dict.fromkeys(numbers, self.version)

    def _kill_after(self, step: int, action: Any) -> bool:
        left = step

        def spoiled(path: Path, target: Any) -> Path:
            nonlocal left
            if ".stacaster" in str(path) and ".stacaster" not in str(target):
                left -= 1
                if left < 0:
                    raise Killed
            return Path(original(path, target))

        original = Path.replace
        patch = pytest.MonkeyPatch()
        patch.setattr(Path, "replace", spoiled)
        try:
            action()
        except Killed:
            return True
        finally:
            patch.undo()
        return False

    @precondition(lambda self: len(self.model) > 3)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        gone = data.draw(st.lists(st.sampled_from(sorted(self.model)), min_size=1, max_size=3, unique=True))
        remove_items(self.store, [(COLLECTION, f"item-{number:05d}") for number in gone])
        remove_items(self.store, [(COLLECTION, f"item-{number:05d}") for number in gone])
        for number in gone:
            del self.model[number]

    @precondition(lambda self: self.model)
    @rule()
    def settle(self) -> None:
        settle(self.store)

    @precondition(lambda self: self.model)
    @rule()
    def publish(self) -> None:
        stacaster.publish(self.folder / "out", catalog=self.store.root, delete=True)
        assert self._content(self.folder / "out") == self.model
        assert stacaster.publish(self.folder / "out", catalog=self.store.root, delete=True).uploaded == ()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def damage_and_mend(self, data: st.DataObject) -> None:
        mirrors = sorted(self.store.root.glob("*/items*.parquet"))
        documents = sorted(self.store.root.glob("*/*/*/*.json"))
        others = [self.store.root / item_table.DATABASE, *self.store.root.glob("**/catalog.json")]
        path = data.draw(st.sampled_from([*mirrors, *documents, *others]))
        path.unlink()
        assert stacaster.catalog.fix_catalog(self.store.root)

    @invariant()
    def says_the_same(self) -> None:
        if not getattr(self, "model", None):
            return
        assert self._content(self.store.root) == self.model
        assert check_catalog(self.store.root) == []

    def _content(self, root: Path) -> dict[int, int]:
        catalog = stacaster.open_catalog(root)
        rows = catalog.sql("select id, stacaster_fingerprint as mark from items").table.to_pylist()
        table = {int(row["id"][5:]): int(row["mark"][8:]) for row in rows}
        assert len(rows) == len(table)
        files = [json.loads(path.read_text()) for path in root.glob("*/*/*/*.json")]
        assert {int(f["id"][5:]): int(f["properties"]["stacaster:fingerprint"][8:]) for f in files} == table
        parquet = [i for path in root.glob("*/items*.parquet") for i in pq.read_table(path)["id"].to_pylist()]
        assert sorted(parquet) == sorted(row["id"] for row in rows)
        linked = [
            link["title"]
            for path in root.glob("*/*/catalog.json")
            for link in json.loads(path.read_text())["links"]
            if link["rel"] == "item"
        ]
        assert sorted(linked) == sorted(row["id"] for row in rows)
        return table


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (("parts", "PART_ROWS", 12), ("compaction", "PART_ROWS", 12), ("compaction", "SMALL_ROWS", 4),  # noqa: E501
                                ("database", "_LARGE_ROWS", 8), ("database", "_RECENT_ROWS", 6)):  # fmt: skip
        monkeypatch.setattr(sys.modules[f"stacaster.catalog.item_table.{module}"], name, value)


def test_model_and_catalog_agree(small_parts: None) -> None:
    machine: Any = CatalogMachine.TestCase
    machine.settings = settings(
        max_examples=RUNS, stateful_step_count=STEPS, deadline=None, derandomize="MODEL_RUNS_STEPS" not in os.environ,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    machine("runTest").runTest()
