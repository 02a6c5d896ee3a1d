"""Worker processes: a task that kills its process costs that task only."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stacaster.errors import UsageError
from stacaster.executors.functions import name_of
from stacaster.executors.processes import Task, TaskResult, run_isolated
from stacaster.executors.threads import load_function
from stacaster.ingest.acquire import AcquireTask
from stacaster.ingest.cluster_ingest import IngestTask
from stacaster.ingest.convert.task import ConvertTask, RemoteSource
from stacaster.model import Granule, GranuleFile
from stacaster.tiles.grids import Tile
from stacaster.tiles.task import TileTask
from tests.executors.tasks import run


@pytest.fixture(autouse=True)
def _importable(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repository))


def results(*payloads: dict[str, Any], workers: int = 1, **limits: Any) -> dict[str, TaskResult]:
    tasks = [Task(key=str(number), payload=payload) for number, payload in enumerate(payloads)]
    options = {"memory_limit_mb": 2048, "timeout_s": 60.0} | limits
    return {found.key: found for found in run_isolated(tasks, function=run, workers=workers, **options)}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("kind", "words"), [("abort", "SIGABRT"), ("segfault", "SIGSEGV"), ("exit", "ended with code 3")]
)
def test_a_task_that_kills_its_process(kind: str, words: str, workers: int) -> None:
    found = results({"kind": "ok"}, {"kind": kind}, {"kind": "ok"}, {"kind": kind}, {"kind": "ok"}, workers=workers)
    assert sorted(found) == ["0", "1", "2", "3", "4"]
    for key in "13":
        assert found[key].value is None and words in (found[key].error or "")
    for key in "024":
        assert found[key].value is not None and found[key].error is None


def test_errors_come_back_with_their_class() -> None:
    found = results({"kind": "raise"}, {"kind": "bug"}, {"kind": "ok"})
    assert (found["0"].error, found["0"].error_class) == ("is damaged", "ReadError")
    assert (found["1"].error, found["1"].error_class) == ("KeyError: 'unexpected'", "KeyError")
    assert found["2"].value is not None and found["2"].value["kind"] == "ok"


def test_hidden_packages_cannot_be_imported() -> None:
    found = results({"kind": "import", "name": "xml"}, {"kind": "import", "name": "json"}, hidden=["xml"])
    assert found["0"].error_class == "ModuleNotFoundError" and found["1"].value == {"name": "json"}


def test_one_process_serves_many_tasks() -> None:
    found = results(*[{"kind": "ok"}] * 5)
    assert len({entry.value["pid"] for entry in found.values() if entry.value}) == 1
    assert os.getpid() not in {entry.value["pid"] for entry in found.values() if entry.value}


def test_memory_limit() -> None:
    found = results({"kind": "memory", "size": 3 << 30}, {"kind": "memory", "size": 1 << 20}, memory_limit_mb=1024)
    assert found["0"].error_class == "SpaceError" and "1024 MB" in (found["0"].error or "")
    assert found["1"].value == {"size": 1 << 20}


def test_time_limit() -> None:
    start = time.monotonic()
    found = results({"kind": "sleep", "seconds": 600}, {"kind": "ok"}, timeout_s=1.0)
    assert time.monotonic() - start < 30
    assert "longer than 1 s" in (found["0"].error or "")
    assert found["1"].value is not None


def test_noise_on_standard_output_does_no_harm() -> None:
    found = results({"kind": "noise"}, {"kind": "large", "size": 5_000_000})
    assert found["0"].value is not None
    assert found["1"].value == {"text": "x" * 5_000_000}


def test_tasks_are_drawn_when_a_worker_is_free() -> None:
    drawn = 0

    def many() -> Any:
        nonlocal drawn
        for number in range(100):
            drawn += 1
            yield Task(key=str(number), payload={"kind": "ok"})

    running: Any = run_isolated(many(), function=run, workers=2, memory_limit_mb=2048, timeout_s=60)
    next(running)
    assert drawn <= 4
    running.close()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, repository: Path, how: signal.Signals) -> None:
    mark = tmp_path / "pid"
    script = (
        "from stacaster.executors.processes import Task, run_isolated\n"
        "from tests.executors.tasks import run\n"
        f"task = Task(key='a', payload={{'kind': 'sleep', 'seconds': 600, 'file': {str(mark)!r}}})\n"
        f"list(run_isolated([task], function=run, workers=1, memory_limit_mb=2048, timeout_s=600))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=repository, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        worker = int(mark.read_text())
        assert is_running(worker)
        process.send_signal(how)
        process.wait(timeout=30)
    deadline = time.monotonic() + 30
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(worker)


def test_a_worker_that_loses_its_parent_says_nothing(tmp_path: Path, repository: Path) -> None:
    words = [sys.executable, "-m", "stacaster.executors.worker", name_of(run), "2048", ""]
    with subprocess.Popen(
        words, env={**os.environ, "PYTHONPATH": str(repository)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as worker:  # fmt: skip
        assert worker.stdin is not None and worker.stdout is not None and worker.stderr is not None
        started = tmp_path / "started"
        body = json.dumps({"payload": {"kind": "sleep", "seconds": 0.3, "file": str(started)}}).encode()
        worker.stdin.write(struct.pack(">Q", len(body)) + body)
        worker.stdin.flush()
        while not started.exists():
            time.sleep(0.01)
        # Nobody reads the result any more.
        worker.stdout.close()
        errors = worker.stderr.read().decode()
        worker.wait(timeout=60)
    assert (worker.returncode, errors) == (0, "")


def test_ctrl_c_does_not_reach_workers() -> None:
    """Not even while they start, when Python would print a traceback."""
    (found,) = results({"kind": "ok"}).values()
    assert found.value is not None and found.value["group"] != os.getpgid(0)


def test_functions_travel_by_their_names() -> None:
    assert name_of(run) == "tests.executors.tasks:run" and load_function(name_of(run)) is run

    def inner(payload: Any) -> dict[str, Any]:
        return dict(payload)

    for wrong in (inner, lambda payload: payload, json.dumps({}).join):
        with pytest.raises(UsageError, match="cannot be sent to another process"):
            name_of(wrong)  # type: ignore[arg-type]


FILE = GranuleFile(name="a.h5", href="https://x/a.h5", size=3, checksum="00", checksum_kind="MD5")
GRANULE = Granule(
    id="a", source="cmr", product="ATL03", version="006", collection="C1", geometry=None, files=(FILE,),
    start=dt.datetime(2022, 1, 1, tzinfo=dt.UTC), end=dt.datetime(2022, 1, 2, tzinfo=dt.UTC),
)  # fmt: skip
AREA = {"type": "Point", "coordinates": [1.5, -2.0]}
TASKS: list[Any] = [
    ConvertTask(files=("a", "b"), catalog="c", staging="s", subsystems=("VNIR",), bands=("B01",), area=AREA, threads=2,
                split_complex=True, variables=("canopy/*",), classes=(), pool=("p",), keep_swir=True, known_only=True),
    ConvertTask(remote=RemoteSource(file=FILE, credentials="https://x/s3", s3=True), profile="deflate", dry_run=True),
    IngestTask(files=("a",), catalog="c", options={"bands": ["B01"], "intersects": AREA}),
    IngestTask(remote=FILE, catalog="c", options={}),
    AcquireTask(granule=GRANULE, catalog="c", cache_dir=None, discard_source=True, options={"subsystem": []}),
    TileTask(catalog="c", output="o", home="h", recipe={"grid": "degree"}, items=(("a", "b"),), memory=5,
             tile=Tile("t", "EPSG:4326", (1.0, 2.0, 3.0, 4.0), 8), layout={"x": 1}, store="z"),
]  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_tasks_are_the_same_after_the_way(task: Any) -> None:
    assert type(task).from_json(json.loads(json.dumps(task.to_json()))) == task
    with pytest.raises((AttributeError, TypeError)):
        task.catalog = "other"
    with pytest.raises(TypeError):
        type(task).from_json({**task.to_json(), "of_another_version": 1})
