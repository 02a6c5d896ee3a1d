"""What became of a run, and what a person may change about it."""

from __future__ import annotations

import os
from pathlib import Path

from stacaster.ledger import Entry, Ledger, Status
from stacaster.tiles.cluster import absorb, cancel_jobs
from stacaster.tiles.plan import LEDGER, read_run
from stacaster.tiles.run import sweep


def tiles_status(output: str | os.PathLike[str]) -> tuple[dict[Status, int], list[Entry]]:
    """Return how many tiles have each status, and the tiles that failed; jobs of Slurm are asked.

    Raises:
        CatalogError: The folder holds no run.
        StacasterError: Slurm does not answer.
    """
    ledger = _ledger(output)
    absorb(Path(output).absolute(), ledger)
    sweep(Path(output).absolute(), ledger)
    return ledger.counts(), list(ledger.entries("failed"))


def retry_tiles(output: str | os.PathLike[str]) -> int:
    """Make failed and cancelled tiles pending again; return how many there are.

    Raises:
        CatalogError: The folder holds no run.
    """
    return _ledger(output).change(("failed", "cancelled"), "pending")


def cancel_tiles(output: str | os.PathLike[str]) -> int:
    """Let no run take up what is pending, and cancel jobs of Slurm; return how many tiles there are.

    Tiles that are being computed on this machine are finished.

    Raises:
        CatalogError: The folder holds no run.
        StacasterError: Slurm does not answer.
    """
    ledger = _ledger(output)
    absorb(Path(output).absolute(), ledger)
    cancel_jobs(ledger)
    count = len(ledger.owned("slurm"))
    ledger.cancel_owned("slurm")
    return count + ledger.change(("pending", "stale"), "cancelled")


def _ledger(output: str | os.PathLike[str]) -> Ledger:
    read_run(Path(output))
    return Ledger(Path(output) / LEDGER)
