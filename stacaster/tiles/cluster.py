"""Tiles on Slurm: an array job whose elements leave a mark for each tile; nodes never open the ledger.

SQLite cannot lock files on every shared file system. A mark is a small file that appears by a rename; ``absorb`` brings
marks into the ledger on the machine where people look.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Timer
from typing import Any

from stacaster.errors import StacasterError, UsageError
from stacaster.executors import slurm
from stacaster.executors.processes import Task, run_isolated
from stacaster.ledger import Ledger, Status
from stacaster.outputs import complete_file
from stacaster.tiles.plan import LEDGER
from stacaster.tiles.run import BASE_MB, FUNCTION, read_payloads

FOLDER = "slurm"
"""Scripts, lists, logs and marks of Slurm jobs, inside the folder of a run."""

_MARKS, _LOGS = "marks", "logs"
_TIMEOUT_S = 7 * 24 * 3600.0


def submit_tiles(
    output: str | os.PathLike[str],
    *,
    options: Mapping[str, str] | None = None,
    window: int | None = None,
    max_array: int = 1000,
    lead_s: int = 120,
    memory_mb: int = 1500,
    submit: bool = True,
) -> str | None:
    """Give the pending and stale tiles of a run to Slurm, as one array job.

    Args:
        output: Folder of the run, on a file system that the nodes share.
        options: Options of sbatch: ``partition``, ``account``, ``qos``, ``time``, ``mem``, ``cpus-per-task`` ...
        window: Elements that may run at once.
        max_array: Largest number of elements (``MaxArraySize`` of the cluster); with more tiles each takes several.
        lead_s: Seconds before the end of an element's time at which it stops and is put back into the queue.
        memory_mb: Memory for the pixels of a tile.
        submit: False writes the script only, for people to look at and to submit.

    Returns:
        Number of the job; None when nothing was submitted.

    Raises:
        UsageError: There is no Slurm, or it refuses the job.
        CatalogError: The folder holds no run.
    """
    folder = Path(output).absolute()
    ledger = Ledger(folder / LEDGER)
    absorb(folder, ledger)
    claimed = ledger.claim_all("slurm:new:0") if submit else ledger.waiting()
    if not claimed:
        return None
    home = folder / FOLDER
    try:
        for name in (_MARKS, _LOGS):
            (home / name).mkdir(parents=True, exist_ok=True)
        for key, _ in claimed if submit else ():
            # A mark of an earlier job would be taken for one of this.
            (home / _MARKS / f"{key}.json").unlink(missing_ok=True)
        number = len(list(home.glob("job-*.tiles"))) + 1
        listed = home / f"job-{number}.tiles"
        count = min(len(claimed), max_array)
        with complete_file(listed) as part:
            part.write_text("".join(f"{key} {mark}\n" for key, mark in claimed), encoding="utf-8")
        numbers = [str(value) for value in (count, memory_mb, lead_s)]
        command = [sys.executable, "-m", "stacaster.tiles.cluster", str(folder), str(listed), *numbers]
        script = slurm.write_array_script(
            home / f"job-{number}.sh", command, count=count, window=window, lead_s=lead_s, logs=home / _LOGS,
            options=options or {},
        )  # fmt: skip
        if not submit:
            return None
        job = slurm.submit(script)
    except BaseException:
        if submit:
            ledger.give_up("slurm:new:0")
        raise
    ledger.hand_over({key: f"slurm:{job}:{place % count}" for place, (key, _) in enumerate(claimed)})
    return job


def absorb(folder: Path, ledger: Ledger) -> None:
    """Bring what elements of Slurm jobs did into the ledger; tiles of elements that ended without a mark are pending.

    Raises:
        StacasterError: Slurm does not answer.
    """
    held = ledger.owned("slurm")
    if not held:
        return
    marks = folder / FOLDER / _MARKS
    # States first: a mark that comes later is not missed.
    known = {job: slurm.states(job) for job in {owner.split(":")[1] for _, _, owner in held} - {"new"}}
    for key, fingerprint, owner in held:
        _, job, index = owner.split(":")
        found = _read_mark(marks / f"{key}.json")
        if found is not None and found["fingerprint"] == fingerprint:
            status: Status = found["status"]
            ledger.finish(key, fingerprint, status, reason=found.get("reason"), result=found.get("result"))
        elif job != "new":
            elements = known[job]
            state = None if elements is None else elements.get(index)
            if state is None or slurm.is_ended(state):
                ledger.give_back(key, fingerprint, f"element {index} of Slurm job {job} ended: {state or 'unknown'}")


def cancel_jobs(ledger: Ledger) -> None:
    """Cancel the Slurm jobs that still hold tiles.

    Raises:
        StacasterError: Slurm does not answer.
    """
    for job in {owner.split(":")[1] for _, _, owner in ledger.owned("slurm")} - {"new"}:
        slurm.cancel(job)


def _read_mark(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


class _Element:
    """One element of an array job."""

    def __init__(self, folder: Path, listed: Path, *, count: int, index: int, lead_s: int) -> None:
        lines = [line.split() for line in listed.read_text(encoding="utf-8").splitlines()]
        self._mine: dict[str, str] = dict(lines[index::count])
        self._folder, self._marks = folder, folder / FOLDER / _MARKS
        self._lead_s, self._stopping = lead_s, False

    def work(self, memory_mb: int) -> None:
        """Compute the tiles that have no mark yet."""
        signal.signal(signal.SIGUSR1, self._on_signal)
        left = [key for key, mark in self._mine.items() if not self._is_marked(key, mark)]
        payloads = read_payloads(self._folder, left, memory_mb)
        results = run_isolated(
            (Task(key=key, payload=payloads[key]) for key in left if not self._stopping and key in payloads),
            function=FUNCTION, workers=1, memory_limit_mb=2 * memory_mb + BASE_MB, timeout_s=_TIMEOUT_S,
        )  # fmt: skip
        for result in results:
            if result.died:
                # Left without a mark: whoever looks at the ledger makes it pending, or failed after some times.
                print(f"{result.key}: {result.error}", file=sys.stderr, flush=True)  # noqa: T201 - the log of the job
                continue
            value = result.value
            status = "failed" if value is None else "empty" if value["status"] == "empty" else "done"
            self._mark(result.key, {"status": status, "reason": result.error, "result": value})
        if self._stopping:
            self._again()

    def _is_marked(self, key: str, mark: str) -> bool:
        found = _read_mark(self._marks / f"{key}.json")
        return found is not None and found["fingerprint"] == mark

    def _mark(self, key: str, found: Mapping[str, Any]) -> None:
        with complete_file(self._marks / f"{key}.json") as part:
            part.write_text(json.dumps({"fingerprint": self._mine[key], **found}, sort_keys=True), encoding="utf-8")

    def _on_signal(self, *_: object) -> None:
        """Take no further tile; a tile that takes too long is begun again after the requeue."""
        self._stopping = True
        timer = Timer(self._lead_s / 2, self._again)
        timer.daemon = True
        timer.start()

    def _again(self) -> None:
        job = os.environ.get("SLURM_JOB_ID")
        if job is not None:
            with contextlib.suppress(StacasterError):
                slurm.requeue(job)


def main(arguments: Sequence[str]) -> None:
    """Body of an element: folder, list, count, memory, lead, index."""
    folder, listed, count, memory_mb, lead_s, index = arguments
    if not index.isdigit():
        raise UsageError(f"{index!r} is no index of an array job")
    element = _Element(Path(folder), Path(listed), count=int(count), index=int(index), lead_s=int(lead_s))
    element.work(int(memory_mb))


if __name__ == "__main__":
    main(sys.argv[1:])
