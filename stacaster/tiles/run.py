"""Carry out a plan of tiles, share it with others, go on after an interruption."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

from stacaster.errors import StacasterError, UsageError, nearest
from stacaster.executors.dask_cluster import run_on_dask
from stacaster.executors.processes import Task, TaskResult, run_isolated
from stacaster.executors.threads import run_in_threads
from stacaster.model.checked import checked
from stacaster.tiles.grids import Tile
from stacaster.tiles.ledger import Ledger, Status
from stacaster.tiles.marks import absorb_waiting, forget_marks, status_of
from stacaster.tiles.plan import LEDGER, OUTPUTS, read_run, read_tasks
from stacaster.tiles.task import BYTES, SMALLEST, TileTask, make_region_store, run_tile
from stacaster.tiles.zarr_region import STORE

EXECUTORS = ("processes", "threads", "dask")
"""Where tiles may be computed."""

CATALOG = "catalog"
"""Folder of the catalog of results, inside the folder of a run."""

FUNCTION = run_tile

_SMALL_MB = 256
_BEAT_S = 20.0
_TIMEOUT_S = 24 * 3600.0
BASE_MB = 3000
"""What the interpreter and its packages take beside the pixels, as address space."""

Progress = Callable[[int, int, str], None]


@checked
def run_tiles(
    output: str | os.PathLike[str],
    *,
    executor: str = "processes",
    workers: int = 1,
    memory_mb: int = 1500,
    address: str | None = None,
    progress: Progress | None = None,
) -> dict[Status, int]:
    """Compute the tiles of a run that are pending or stale.

    Any number of runs may work on one folder: each takes tiles that no other has. What a killed run left behind is
    taken up by the next one, or by one that is still at work.

    Args:
        output: Folder of the run.
        executor: ``processes``, ``threads`` or ``dask``.
        workers: Tiles at a time.
        memory_mb: Memory that the pixels of a tile may take in a worker; larger tiles are computed in pieces.
        address: Scheduler for ``dask``; None starts one on this machine.
        progress: Called after every tile with tiles that are settled, all tiles, and the last one.

    Returns:
        How many tiles have each status.

    Raises:
        CatalogError: The folder holds no run.
        UsageError: There is no such executor, or it cannot be reached.
    """
    if executor not in EXECUTORS:
        raise UsageError(f"{executor!r} is no executor; {nearest(executor, EXECUTORS)}")
    folder = Path(output).absolute()
    run = read_run(folder)
    ledger = Ledger(folder / LEDGER)
    require_fit(folder, memory_mb)
    absorb_waiting(folder, ledger)
    marks: dict[str, str] = {}
    results = _results(
        executor, _tasks(folder, run, ledger, marks, memory_mb), workers=workers, memory_mb=memory_mb, address=address
    )
    sweep(folder, ledger)
    prepare_store(folder, run)
    try:
        with _beating(ledger):
            for result in results:
                _settle(ledger, marks.pop(result.key), result)
                if progress is not None:
                    tell(progress, ledger.counts(), result.key)
    except BaseException:
        # This process goes on, perhaps with another run; the error that ended this one is the one to tell.
        with contextlib.suppress(StacasterError):
            ledger.leave()
        raise
    ledger.leave()
    # A cluster gives the task of a worker that died to another one; what the first left half written is nobody's.
    sweep(folder, ledger)
    return ledger.counts()


def require_fit(folder: Path, memory_mb: int) -> None:
    """Refuse tiles that cannot be worked on in the memory of a worker, before anything is computed.

    Scenes are worked on in pieces, and a result that is larger than the memory waits on disk; the smallest pieces of
    all scenes have to fit, and of a Zarr one time of a tile.

    Args:
        folder: Folder of the run.
        memory_mb: Memory for the pixels of a tile.

    Raises:
        UsageError: There is such a tile; the message says what it needs.
    """
    recipe = read_run(folder)["recipe"]
    worst = max(read_tasks(folder), key=lambda task: _needed_bytes(task, recipe), default=None)
    needed = 0 if worst is None else math.ceil(_needed_bytes(worst, recipe) / 1e6)
    if worst is not None and needed > memory_mb:
        side = int(worst["tile"]["pixels"])
        raise UsageError(
            f"tile {worst['tile']['id']}, {side} x {side} pixels of {len(worst['items'])} scenes, needs {needed} MB "
            f"even in the smallest pieces, more than memory_mb={memory_mb}; give memory_mb={needed} or fewer scenes"
        )


def _needed_bytes(task: Mapping[str, Any], recipe: Mapping[str, Any]) -> float:
    """Return what a tile needs at least."""
    area = int(task["tile"]["pixels"]) ** 2
    pieces = 4 * int(task["pixels"]) / area * BYTES * min(SMALLEST**2, area)
    if recipe.get("format") != "zarr":
        return pieces
    times = 1 if recipe.get("composite") and not recipe.get("period") else len(task["items"])
    return max(pieces, int(task["bytes"]) / times)


def tell(progress: Progress, counts: Mapping[Status, int], last: str) -> None:
    """Say how far a run is."""
    settled = sum(counts[status] for status in ("done", "empty", "failed", "cancelled"))
    progress(settled, sum(counts.values()), last)


def _results(
    executor: str, tasks: Iterator[Task], *, workers: int, memory_mb: int, address: str | None
) -> Iterator[TaskResult]:
    if executor == "threads":
        return run_in_threads(tasks, function=FUNCTION, workers=workers)
    if executor == "dask":
        limit = memory_mb + BASE_MB
        return run_on_dask(tasks, function=FUNCTION, workers=workers, address=address, memory_limit_mb=limit)
    return run_isolated(
        tasks, function=FUNCTION, workers=workers, memory_limit_mb=2 * memory_mb + BASE_MB, timeout_s=_TIMEOUT_S
    )


def _tasks(folder: Path, run: dict[str, Any], ledger: Ledger, marks: dict[str, str], memory_mb: int) -> Iterator[Task]:
    """Yield tasks as workers ask for them, each claimed in the ledger."""
    known = {str(task["tile"]["id"]): task for task in read_tasks(folder)}
    while (claimed := ledger.claim()) is not None:
        key, mark = claimed
        if key not in known or known[key]["fingerprint"] != mark:
            # Planned anew while this run was at work.
            known = {str(entry["tile"]["id"]): entry for entry in read_tasks(folder)}
            run = read_run(folder)
        marks[key] = mark
        forget_marks(folder, [key])
        yield Task(key=key, payload=task_of(folder, run, known[key], memory_mb).to_json())


def task_of(folder: Path, run: Mapping[str, Any], task: Mapping[str, Any], memory_mb: int) -> TileTask:
    """Return the task of ``tiles.task.run_tile``."""
    catalog = str(run["catalog"])
    return TileTask(
        catalog=catalog if "://" in catalog else os.path.normpath(folder / catalog), output=str(folder / OUTPUTS),
        home=str(folder / CATALOG), recipe=run["recipe"], tile=Tile.from_dict(task["tile"]),
        items=tuple((str(collection), str(name)) for collection, name in task["items"]), memory=memory_mb << 20,
        layout=run.get("layout"), store=str(folder / STORE) if "layout" in run else None,
    )  # fmt: skip


def prepare_store(folder: Path, run: Mapping[str, Any]) -> None:
    """Make the Zarr of a run whose tiles are regions of one, unless it is there.

    Raises:
        ExportError: It cannot be written.
        LoadError: A scene of the plan is gone.
    """
    if "layout" not in run:
        return
    first = next(read_tasks(folder), None)
    if first is not None:
        make_region_store(task_of(folder, run, first, memory_mb=_SMALL_MB))


def read_payloads(folder: Path, keys: Sequence[str], memory_mb: int) -> dict[str, dict[str, Any]]:
    """Return the arguments of some tiles by key, from the present plan."""
    run, wanted = read_run(folder), set(keys)
    tasks = (task for task in read_tasks(folder) if task["tile"]["id"] in wanted)
    return {str(task["tile"]["id"]): task_of(folder, run, task, memory_mb).to_json() for task in tasks}


def _settle(ledger: Ledger, mark: str, result: TaskResult) -> None:
    if result.died:
        ledger.give_back(result.key, mark, result.error or "the worker died")
    else:
        ledger.finish(result.key, mark, status_of(result), reason=result.error, result=result.value)


def sweep(folder: Path, ledger: Ledger) -> None:
    """Remove what workers that died left half written."""
    # First the list: what is on it and belongs to nobody afterwards is no work in progress.
    found = list((folder / OUTPUTS).glob(".*"))
    if found and not ledger.counts()["running"]:
        for left in found:
            shutil.rmtree(left, ignore_errors=True)


class _beating:  # noqa: N801 - reads as a word
    """Say from time to time that this process is at work."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._stop = ledger, Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_S):
            self._ledger.beat()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
