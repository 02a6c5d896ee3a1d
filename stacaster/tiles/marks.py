"""Marks that jobs leave for each tile, also jobs that people started themselves, brought into the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stacaster.executors.array_job import forget_mark, read_mark
from stacaster.executors.processes import TaskResult
from stacaster.tiles.ledger import Ledger, Status

SLURM = "slurm"
"""Lists, logs and marks of Slurm jobs, and scripts where no other folder is named, inside the folder of a run."""


def status_of(result: TaskResult) -> Status:
    """Return the status of a tile that a task settled."""
    if result.value is None:
        return "failed"
    return "empty" if result.value["status"] == "empty" else "done"


def absorb_mark(folder: Path, ledger: Ledger, key: str, fingerprint: str) -> bool:
    """Bring what the mark of a tile says into the ledger; False when there is none of this fingerprint."""
    found = read_mark(folder / SLURM, key, fingerprint)
    if found is None:
        return False
    ledger.finish(key, fingerprint, status_of(found), reason=found.error, result=found.value)
    return True


def absorb_waiting(folder: Path, ledger: Ledger) -> None:
    """Bring in marks of tiles that nobody holds: of scripts that were written only, and then run by hand."""
    if (folder / SLURM).is_dir():
        for key, fingerprint in ledger.waiting():
            absorb_mark(folder, ledger, key, fingerprint)


def forget_marks(folder: Path, keys: Iterable[str]) -> None:
    """Remove the marks of tiles that will be computed again: a mark tells of the latest work on its tile."""
    if (folder / SLURM).is_dir():
        for key in keys:
            forget_mark(folder / SLURM, key)
