"""Carry out a plan of tiles, share it with others, go on after an interruption."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

from stacaster.errors import UsageError, nearest
from stacaster.executors.dask_cluster import run_on_dask
from stacaster.executors.processes import Task, TaskResult, run_isolated
from stacaster.executors.threads import run_in_threads
from stacaster.ledger import Entry, Ledger, Status
from stacaster.tiles.plan import LEDGER, OUTPUTS, read_run, read_tasks

EXECUTORS = ("processes", "threads", "dask")
"""Where tiles may be computed."""

CATALOG = "catalog"
"""Folder of the catalog of results, inside the folder of a run."""

FUNCTION = "stacaster.tiles.task:run_tile"

_BEAT_S = 20.0
_TIMEOUT_S = 24 * 3600.0
# What the interpreter and its packages take beside the pixels, as address space.
_BASE_MB = 3000

Progress = Callable[[int, int, str], None]


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
    marks: dict[str, str] = {}
    results = _results(
        executor, _tasks(folder, run, ledger, marks, memory_mb), workers=workers, memory_mb=memory_mb, address=address
    )
    _sweep(folder, ledger)
    with _beating(ledger):
        for result in results:
            _settle(ledger, marks.pop(result.key), result)
            if progress is not None:
                counts = ledger.counts()
                settled = sum(counts[status] for status in ("done", "empty", "failed", "cancelled"))
                progress(settled, sum(counts.values()), result.key)
    return ledger.counts()


def _results(
    executor: str, tasks: Iterator[Task], *, workers: int, memory_mb: int, address: str | None
) -> Iterator[TaskResult]:
    if executor == "threads":
        return run_in_threads(tasks, function=FUNCTION, workers=workers)
    if executor == "dask":
        limit = memory_mb + _BASE_MB
        return run_on_dask(tasks, function=FUNCTION, workers=workers, address=address, memory_limit_mb=limit)
    return run_isolated(
        tasks, function=FUNCTION, workers=workers, memory_limit_mb=2 * memory_mb + _BASE_MB, timeout_s=_TIMEOUT_S
    )


def _tasks(folder: Path, run: dict[str, Any], ledger: Ledger, marks: dict[str, str], memory_mb: int) -> Iterator[Task]:
    """Yield tasks as workers ask for them, each claimed in the ledger."""
    catalog = str(run["catalog"])
    place = catalog if "://" in catalog else os.path.normpath(folder / catalog)
    known = {str(task["tile"]["id"]): task for task in read_tasks(folder)}
    while (claimed := ledger.claim()) is not None:
        key, mark = claimed
        task = known.get(key)
        if task is None or task["fingerprint"] != mark:
            # Planned anew while this run was at work.
            known = {str(entry["tile"]["id"]): entry for entry in read_tasks(folder)}
            task = known[key]
        marks[key] = mark
        yield Task(key=key, payload={
            "catalog": place, "output": str(folder / OUTPUTS), "home": str(folder / CATALOG), "recipe": run["recipe"],
            "tile": task["tile"], "items": task["items"], "memory": memory_mb << 20,
        })  # fmt: skip


def _settle(ledger: Ledger, mark: str, result: TaskResult) -> None:
    if result.value is not None:
        status: Status = "empty" if result.value["status"] == "empty" else "done"
        ledger.finish(result.key, mark, status, result=result.value)
    elif result.died:
        ledger.give_back(result.key, mark, result.error or "the worker died")
    else:
        ledger.finish(result.key, mark, "failed", reason=result.error)


def _sweep(folder: Path, ledger: Ledger) -> None:
    """Remove what workers that died left half written."""
    if ledger.counts()["running"]:
        return
    for left in (folder / OUTPUTS).glob(".*"):
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


def tiles_status(output: str | os.PathLike[str]) -> tuple[dict[Status, int], list[Entry]]:
    """Return how many tiles have each status, and the tiles that failed.

    Raises:
        CatalogError: The folder holds no run.
    """
    folder = Path(output)
    read_run(folder)
    ledger = Ledger(folder / LEDGER)
    return ledger.counts(), list(ledger.entries("failed"))


def retry_tiles(output: str | os.PathLike[str]) -> int:
    """Make failed and cancelled tiles pending again; return how many there are.

    Raises:
        CatalogError: The folder holds no run.
    """
    read_run(Path(output))
    return Ledger(Path(output) / LEDGER).change(("failed", "cancelled"), "pending")


def cancel_tiles(output: str | os.PathLike[str]) -> int:
    """Let no run take up what is pending; tiles that are being computed are finished. Return how many there are.

    Raises:
        CatalogError: The folder holds no run.
    """
    read_run(Path(output))
    return Ledger(Path(output) / LEDGER).change(("pending", "stale"), "cancelled")
