"""The ledger: each task once, whoever dies; many processes at a time; a million rows."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stacaster.errors import CatalogError, UsageError
from stacaster.tiles.ledger import STATUSES, Ledger, Status

TASKS = [(f"t{number:03d}", "a") for number in range(20)]


def test_a_task_is_claimed_once(tmp_path: Path) -> None:
    ledger, other = Ledger(tmp_path / "l.sqlite"), Ledger(tmp_path / "l.sqlite")
    ledger.plan(TASKS)
    claimed = [claim for _ in range(10) for claim in (ledger.claim(), other.claim())]
    assert sorted(claim for claim in claimed if claim) == TASKS and ledger.claim() is None
    assert ledger.counts()["running"] == 20 and set(ledger.counts()) == set(STATUSES)


def test_results_and_reasons(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.plan(TASKS[:3])
    statuses: tuple[Status, ...] = ("done", "failed", "empty")
    for status in statuses:
        key, mark = ledger.claim() or ("", "")
        ledger.finish(key, mark, status, reason=f"because of {key}", result={"files": {key: 1}})
    (failed,) = ledger.entries("failed")
    assert (failed.key, failed.reason, failed.attempts) == ("t001", "because of t001", 1)
    assert [entry.result for entry in ledger.entries("done")] == [{"files": {"t000": 1}}]
    assert ledger.change(("failed",), "pending") == 1 and ledger.claim() == ("t001", "a")
    with pytest.raises(UsageError, match="is no status"):
        ledger.change(("lost",), "pending")  # type: ignore[arg-type]


def test_a_new_plan_keeps_what_did_not_change(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.plan(TASKS[:4])
    for _ in range(3):
        key, mark = ledger.claim() or ("", "")
        ledger.finish(key, mark, "done")
    ledger.plan([("t000", "a"), ("t001", "b"), ("t003", "b"), ("t009", "a")])
    found = {entry.key: entry.status for entry in ledger.entries()}
    assert found == {"t000": "done", "t001": "stale", "t003": "pending", "t009": "pending"}
    # What a worker made of the old plan does not count.
    assert ledger.claim() == ("t001", "b")
    ledger.finish("t001", "a", "done")
    assert {entry.key: entry.status for entry in ledger.entries()}["t001"] == "running"


def test_a_process_that_dies_again_and_again_fails_its_task(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.plan(TASKS[:1])
    for status in ("pending", "pending", "failed"):
        key, mark = ledger.claim() or ("", "")
        assert ledger.give_back(key, mark, "killed") == status
    (entry,) = ledger.entries()
    assert entry.reason == "killed" and entry.attempts == 3 and ledger.claim() is None


def test_what_a_dead_process_held_is_free(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.plan(TASKS[:2])
    code = (
        "import sys, time; from pathlib import Path; from stacaster.tiles.ledger import Ledger; "
        "print(Ledger(Path(sys.argv[1])).claim(), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "l.sqlite")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and "t000" in process.stdout.readline()
    assert ledger.claim() == ("t001", "a") and ledger.claim() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert ledger.claim() == ("t000", "a")
    ledger.plan([("t000", "a")])
    (entry,) = ledger.entries()
    assert entry.attempts == 2


WORK = """
import sys, os, time
from pathlib import Path
from stacaster.tiles.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
while (claim := ledger.claim()) is not None:
    with open(sys.argv[2], "a") as log:
        log.write(claim[0] + "\\n")
    time.sleep(0.01)
    ledger.finish(*claim, "done")
"""


def test_processes_that_are_killed_share_the_work(tmp_path: Path) -> None:
    ledger, log = Ledger(tmp_path / "l.sqlite"), tmp_path / "log"
    ledger.plan([(f"t{number:03d}", "a") for number in range(150)])
    start = [sys.executable, "-c", WORK, str(tmp_path / "l.sqlite"), str(log)]
    workers = [subprocess.Popen(start) for _ in range(3)]
    deadline = time.monotonic() + 60
    kills = 0
    while ledger.counts()["done"] < 150 and time.monotonic() < deadline:
        time.sleep(0.15)
        if kills < 6:
            workers[kills % 3].kill()
            workers[kills % 3].wait()
            workers[kills % 3] = subprocess.Popen(start)
            kills += 1
    for worker in workers:
        worker.wait(timeout=30)
    assert ledger.counts()["done"] == 150 and kills == 6
    lines = log.read_text().split()
    assert len(set(lines)) == 150 and len(lines) <= 150 + kills
    assert max(lines.count(key) for key in set(lines)) <= 3


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(CatalogError, match=r"ledger l\.sqlite cannot be used"):
        Ledger(tmp_path / "l.sqlite")


def test_a_million_tasks(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.plan((f"t{number:07d}", "a") for number in range(1_000_000))
    key, mark = ledger.claim() or ("", "")
    ledger.finish(key, mark, "done")
    assert ledger.counts() | {"pending": 0, "done": 0} == dict.fromkeys(STATUSES, 0)
    assert ledger.counts()["pending"] == 999_999
    assert (tmp_path / "l.sqlite").stat().st_size < 200 << 20
