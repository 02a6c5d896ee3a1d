"""A program that holds the database open for writing costs nothing: readers and writers go on, and say who it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import stacaster
from stacaster.catalog import check_catalog, item_table
from stacaster.catalog.store import CatalogStore
from stacaster.errors import StacasterWarning
from tests.catalog.made_items import commit

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture(params=["another process", "this process"])
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[CatalogStore, str]]:
    store = CatalogStore(tmp_path / "c")
    commit(store, [1, 2, 3])
    item_table.close_databases()
    path = str(store.root / "index.duckdb")
    if request.param == "this process":
        with duckdb.connect(path):
            yield store, ""
        return
    shell = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert shell.stdout is not None
    assert shell.stdout.readline().strip() == b"held"
    with shell:
        yield store, str(shell.pid)
        item_table.close_databases()
        shell.communicate()


@pytest.mark.filterwarnings("ignore::stacaster.errors.StacasterWarning")
def test_searches_and_commits_go_on(held: tuple[CatalogStore, str]) -> None:
    store, pid = held
    catalog = stacaster.open_catalog(store.root)
    assert len(catalog.search()) == 3
    assert catalog.sql("select count(*) as n from items").table["n"].to_pylist() == [3]
    assert commit(store, [4, 5]) == ["ingested"] * 2
    assert len(catalog.search()) == 5
    assert catalog.remove(ids=["item-00004"]) == ["item-00004"]
    assert check_catalog(store.root) == []
    assert catalog.info()["collections"][0]["items"] == 4
    if pid:
        # The file that is there now is not the one that the shell holds; one is held anew.
        shell = subprocess.run(
            [sys.executable, "-m", "stacaster", "items", "--catalog", str(store.root)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert shell.returncode == 0, shell.stderr


def test_the_message_says_who_holds_it(tmp_path: Path) -> None:
    store = CatalogStore(tmp_path / "c")
    commit(store, [1])
    item_table.close_databases()
    path = str(store.root / "index.duckdb")
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        with pytest.warns(StacasterWarning, match=rf"process {shell.pid}\).*-readonly"):
            assert len(stacaster.open_catalog(store.root).search()) == 1
        command = [sys.executable, "-m", "stacaster", "items", "--catalog", str(store.root)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (result.returncode, str(shell.pid) in result.stderr) == (0, True)
        item_table.close_databases()
        shell.communicate()
