"""What became of a run, and what a person may change about it."""

from __future__ import annotations

import os
from pathlib import Path

from stacaster.errors import UsageError
from stacaster.ledger import Entry, Ledger, Status
from stacaster.outputs import complete_file
from stacaster.pictures import new_figure
from stacaster.tiles.cluster import absorb, cancel_jobs
from stacaster.tiles.plan import LEDGER, read_run, read_tasks
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


_COLOURS = {
    "pending": "#d5dce5", "running": "#f2c14e", "done": "#2f9e44", "empty": "#94a3b8", "failed": "#d9480f",
    "stale": "#9775fa", "cancelled": "#495057",
}  # fmt: skip


def draw_tiles(output: str | os.PathLike[str], picture: str | os.PathLike[str]) -> Path:
    """Draw the tiles of a run in the colours of their statuses to a PNG file.

    Raises:
        CatalogError: The folder holds no run.
        UsageError: The name does not end in ``.png``.
        ExportError: matplotlib is missing, or the file cannot be written.
    """
    path = Path(picture)
    if path.suffix.lower() != ".png":
        raise UsageError(f"output is {path.name!r}, but a name ending in .png is needed")
    counts, _ = tiles_status(output)
    known = {entry.key: entry.status for entry in _ledger(output).entries()}
    figure = new_figure(9, 6)
    axes = figure.subplots()
    for task in read_tasks(Path(output)):
        left, bottom, right, top = task["tile"]["bounds"]
        colour = _COLOURS[known.get(str(task["tile"]["id"]), "pending")]
        axes.fill([left, right, right, left], [bottom, bottom, top, top], color=colour, linewidth=0)
    for status, count in counts.items():
        if count:
            axes.fill([], [], color=_COLOURS[status], label=f"{count} {status}")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(aspect="equal", title=f"tiles of {Path(output).name}")
    axes.ticklabel_format(style="plain", useOffset=False)
    with complete_file(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    return path


def _ledger(output: str | os.PathLike[str]) -> Ledger:
    read_run(Path(output))
    return Ledger(Path(output) / LEDGER)
