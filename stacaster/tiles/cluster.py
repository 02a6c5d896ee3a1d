"""Tiles on Slurm: an array job whose elements leave marks, which ``absorb`` brings into the ledger."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stacaster.errors import UsageError, nearest
from stacaster.executors import slurm
from stacaster.executors.array_job import ArrayOptions, write_job
from stacaster.executors.processes import Task
from stacaster.model.checked import checked
from stacaster.tiles.ledger import Ledger, Status
from stacaster.tiles.marks import SLURM, absorb_mark, absorb_waiting, forget_marks
from stacaster.tiles.plan import LEDGER, read_run
from stacaster.tiles.run import BASE_MB, FUNCTION, Progress, prepare_store, read_payloads, require_fit, tell

SCRIPTS = ("array", "tile")
"""One script for all tiles, or one a tile."""

_NEW = "slurm:new:0"


@checked
def submit_tiles(  # noqa: PLR0913 - as many as a user can choose
    output: str | os.PathLike[str],
    *,
    options: Mapping[str, str] | None = None,
    window: int | None = None,
    max_array: int = 1000,
    lead_s: int = 120,
    memory_mb: int = 1500,
    scripts: str = "array",
    script_dir: str | os.PathLike[str] | None = None,
    submit: bool = True,
) -> str | None:
    """Give the pending and stale tiles of a run to Slurm, as one array job or as one job a tile.

    Args:
        output: Folder of the run, on a file system that the nodes share.
        options: Options of sbatch: ``partition``, ``account``, ``qos``, ``time``, ``mem``, ``cpus-per-task`` ...
        window: Elements that may run at once.
        max_array: Largest number of elements (``MaxArraySize`` of the cluster); with more tiles each takes several.
        lead_s: Seconds before the end of an element's time at which it stops and is put back into the queue.
        memory_mb: Memory for the pixels of a tile.
        scripts: ``array``, one script over all tiles; or ``tile``, one script a tile, each of which also runs without
            Slurm.
        script_dir: Folder of the scripts; None takes ``slurm`` in the folder of the run.
        submit: False writes the scripts only, for people to look at and to submit; no Slurm is needed. What their
            jobs do is part of the run as if it had submitted them.

    Returns:
        Number of the job, or numbers with commas between; None when nothing was submitted.

    Raises:
        UsageError: There is no Slurm, or it refuses the job.
        CatalogError: The folder holds no run.
    """
    if scripts not in SCRIPTS:
        raise UsageError(f"scripts is {scripts!r}, which is not known; {nearest(scripts, SCRIPTS)}")
    folder = Path(output).absolute()
    run = read_run(folder)
    ledger = Ledger(folder / LEDGER)
    require_fit(folder, memory_mb)
    absorb(folder, ledger)
    prepare_store(folder, run)
    asked = ArrayOptions(
        options=options or {}, window=window, max_array=max_array, lead_s=lead_s,
        memory_limit_mb=2 * memory_mb + BASE_MB, is_one_each=scripts == "tile",
        scripts=None if script_dir is None else Path(script_dir).absolute(),
    )  # fmt: skip
    claimed = ledger.claim_all(_NEW) if submit else ledger.waiting()
    if not claimed:
        return None
    try:
        return _hand_out(folder, ledger, claimed, asked, memory_mb=memory_mb, submit=submit)
    except BaseException:
        if submit:
            ledger.give_up(_NEW)
        raise


def _hand_out(
    folder: Path,
    ledger: Ledger,
    claimed: Sequence[tuple[str, str]],
    asked: ArrayOptions,
    *,
    memory_mb: int,
    submit: bool,
) -> str | None:
    """Write scripts of claimed tiles and submit them; return the numbers of the jobs."""
    # A mark of an earlier job would be taken for one of this.
    forget_marks(folder, [key for key, _ in claimed])
    payloads = read_payloads(folder, [key for key, _ in claimed], memory_mb)
    tasks = ((Task(key=key, payload=payloads[key]), mark) for key, mark in claimed)
    scripts, elements = write_job(folder / SLURM, tasks, function=FUNCTION, asked=asked)
    if not submit:
        return None
    jobs: list[str] = []
    held = [(key, index) for (key, _), index in zip(claimed, elements, strict=True)]
    for script, part in zip(scripts, [[one] for one in held] if asked.is_one_each else [held], strict=True):
        jobs.append(slurm.submit(script))
        ledger.hand_over({key: f"slurm:{jobs[-1]}:{index}" for key, index in part})
    return ",".join(jobs)


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
    absorb_waiting(folder, ledger)
    held = ledger.owned("slurm")
    if not held:
        return
    # States first: a mark that comes later is not missed.
    known = {job: slurm.states(job) for job in {owner.split(":")[1] for _, _, owner in held} - {"new"}}
    for key, fingerprint, owner in held:
        _, job, index = owner.split(":")
        if not absorb_mark(folder, ledger, key, fingerprint) and job != "new":
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
