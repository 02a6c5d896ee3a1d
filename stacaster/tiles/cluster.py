"""Tiles on Slurm: an array job whose elements leave marks, which ``absorb`` brings into the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from stacaster.executors import slurm
from stacaster.executors.array_job import ArrayOptions, forget_mark, read_mark, write_job
from stacaster.executors.processes import Task
from stacaster.model.checked import checked
from stacaster.tiles.ledger import Ledger, Status
from stacaster.tiles.plan import LEDGER, read_run
from stacaster.tiles.run import BASE_MB, FUNCTION, Progress, prepare_store, read_payloads, require_fit, status_of, tell

FOLDER = "slurm"
"""Scripts, lists, logs and marks of Slurm jobs, inside the folder of a run."""

_NEW = "slurm:new:0"


@checked
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
    read_run(folder)
    ledger = Ledger(folder / LEDGER)
    require_fit(folder, memory_mb)
    absorb(folder, ledger)
    prepare_store(folder, read_run(folder))
    claimed = ledger.claim_all(_NEW) if submit else ledger.waiting()
    if not claimed:
        return None
    home = folder / FOLDER
    asked = ArrayOptions(
        options=options or {}, window=window, max_array=max_array, lead_s=lead_s,
        memory_limit_mb=2 * memory_mb + BASE_MB,
    )  # fmt: skip
    try:
        for key, _ in claimed if submit else ():
            # A mark of an earlier job would be taken for one of this.
            forget_mark(home, key)
        payloads = read_payloads(folder, [key for key, _ in claimed], memory_mb)
        tasks = ((Task(key=key, payload=payloads[key]), mark) for key, mark in claimed)
        script, elements = write_job(home, tasks, function=FUNCTION, asked=asked)
        if not submit:
            return None
        job = slurm.submit(script)
    except BaseException:
        if submit:
            ledger.give_up(_NEW)
        raise
    ledger.hand_over({key: f"slurm:{job}:{index}" for (key, _), index in zip(claimed, elements, strict=True)})
    return job


@checked
def wait_tiles(
    output: str | os.PathLike[str], *, every_s: float = 10.0, progress: Progress | None = None
) -> dict[Status, int]:
    """Wait until no tile of a run is being computed by Slurm; tiles that lost their element are pending.

    Args:
        output: Folder of the run.
        every_s: Seconds between two looks.
        progress: Called after each look with tiles that are settled, all tiles, and the word ``slurm``.

    Returns:
        How many tiles have each status.

    Raises:
        CatalogError: The folder holds no run.
        StacasterError: Slurm does not answer.
    """
    folder = Path(output).absolute()
    read_run(folder)
    ledger = Ledger(folder / LEDGER)
    while True:
        absorb(folder, ledger)
        counts = ledger.counts()
        if progress is not None:
            tell(progress, counts, "slurm")
        if not ledger.owned("slurm"):
            return counts
        time.sleep(every_s)


def absorb(folder: Path, ledger: Ledger) -> None:
    """Bring what elements of Slurm jobs did into the ledger; tiles of elements that ended without a mark are pending.

    Raises:
        StacasterError: Slurm does not answer.
    """
    held = ledger.owned("slurm")
    if not held:
        return
    # States first: a mark that comes later is not missed.
    known = {job: slurm.states(job) for job in {owner.split(":")[1] for _, _, owner in held} - {"new"}}
    for key, fingerprint, owner in held:
        _, job, index = owner.split(":")
        found = read_mark(folder / FOLDER, key, fingerprint)
        if found is not None:
            ledger.finish(key, fingerprint, status_of(found), reason=found.error, result=found.value)
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
