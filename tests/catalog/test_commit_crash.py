"""A commit of three items, with tables and database, that is killed at any rename or fsync: nothing is half there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pystac
import pytest

import stacaster
from stacaster.catalog import commit_items
from stacaster.catalog.store import CatalogStore
from tests.catalog.made_items import made_item, stage
from tests.catalog.test_check import content
from tests.catalog.test_store_crash import environment, usable_strace

EVERY = int(os.environ.get("KILLED_EVERY", "5"))
"""One of so many calls is killed; ``KILLED_EVERY=1`` takes all."""

COMMAND = """
import sys
from pathlib import Path
from tests.catalog.test_commit_crash import commit
commit(Path(sys.argv[1]), [2, 3, 4])
"""
ROWS = "select * exclude geometry from items order by id"


def commit(root: Path, numbers: list[int]) -> None:
    store = CatalogStore(root)
    with store.staging() as staging:
        commit_items(store, [stage(staging / str(number), made_item(number)) for number in numbers])


@pytest.mark.slow
@pytest.mark.parametrize("syscall", ["rename", "renameat2", "fsync"])
def test_killed_at_any_call(syscall: str, tmp_path: Path) -> None:
    strace = usable_strace()
    base, whole = tmp_path / "base", tmp_path / "whole"
    commit(base, [0, 1])
    shutil.copytree(base, whole)
    commit(whole, [2, 3, 4])
    base_ids = {item.id for item in stacaster.open_catalog(base).search().items()}
    truth, rows = content(whole), stacaster.open_catalog(whole).sql(ROWS).table
    trace = [strace, "-qq", "-f", "-e", f"trace={syscall}", "-o"]
    log, counted = tmp_path / "log", tmp_path / "counted"
    shutil.copytree(base, counted)
    command = [sys.executable, "-c", COMMAND]
    subprocess.run([*trace, str(log), *command, str(counted)], env=environment(), check=True, capture_output=True)
    calls = len(re.findall(rf"^\d+ +{syscall}\(", log.read_text(), re.MULTILINE))
    assert calls or syscall == "renameat2"
    seen = set()
    for number in range(1, calls + 1, EVERY):
        root = tmp_path / str(number)
        shutil.copytree(base, root)
        inject = ["-e", f"inject={syscall}:signal=KILL:when={number}"]
        killed = subprocess.run(
            [*trace, "/dev/null", *inject, *command, str(root)], env=environment(), capture_output=True, check=False
        )
        assert killed.returncode != 0, f"{syscall} {number} was not reached"
        ids = [item.id for item in stacaster.open_catalog(root).search().items()]
        assert len(ids) in (2, 5), "a reader sees all or nothing, before anything is mended"
        seen.add(len(ids))
        linked = list(pystac.Catalog.from_file(str(root / "catalog.json")).get_items(recursive=True))
        assert {item.id for item in linked} >= base_ids, "no link leads into nothing"
        assert stacaster.catalog.check_catalog(root) == [], f"{syscall} {number}"
        commit(root, [2, 3, 4])
        assert content(root) == truth and stacaster.open_catalog(root).sql(ROWS).table.equals(rows)
        shutil.rmtree(root)
    print(f"{syscall}: every {EVERY}. of {calls} calls; items before mending: {sorted(seen)}")
