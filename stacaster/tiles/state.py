"""What became of a run, and what a person may change about it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from stacaster.analysis.pictures import new_figure
from stacaster.errors import UsageError
from stacaster.files.atomic import complete_file
from stacaster.tiles.cluster import absorb, cancel_jobs
from stacaster.tiles.grids import Tile
from stacaster.tiles.ledger import Entry, Ledger, Status
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


_COLOURS: Mapping[Status, str] = {
    "pending": "#d5dce5", "running": "#f2c14e", "done": "#2f9e44", "empty": "#94a3b8", "failed": "#d9480f",
    "stale": "#9775fa", "cancelled": "#495057",
}  # fmt: skip


_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px sans-serif; margin: 1em }} svg {{ background: #f4f7fa; border: 1px solid #99a }}
rect {{ stroke: #fff; stroke-width: .2; vector-effect: non-scaling-stroke }} rect:hover {{ opacity: .6 }}
{styles}
span {{ display: inline-block; padding: 2px 8px; margin-right: 4px; color: #fff }}
</style></head><body><h1>{title}</h1><p>{legend}</p>
<svg viewBox="{view}" width="900" height="{height:.0f}" preserveAspectRatio="none">
{body}
</svg></body></html>
"""


def draw_tiles(output: str | os.PathLike[str], picture: str | os.PathLike[str]) -> Path:
    """Draw the tiles of a run in the colours of their statuses.

    Args:
        output: Folder of the run.
        picture: ``.html`` (hovering shows name, status and reason; nothing is loaded from elsewhere) or ``.png``.

    Raises:
        CatalogError: The folder holds no run.
        UsageError: The name ends in something else.
        ExportError: matplotlib is missing, or the file cannot be written.
    """
    path = Path(picture)
    if path.suffix.lower() not in (".html", ".png"):
        raise UsageError(f"output is {path.name!r}, but a name ending in .html or .png is needed")
    counts, _ = tiles_status(output)
    known = {entry.key: entry for entry in _ledger(output).entries()}
    tiles = [Tile.from_dict(task["tile"]) for task in read_tasks(Path(output))]
    one_grid = len({tile.crs for tile in tiles}) == 1
    # Tiles of several zones are drawn in degrees.
    drawn = [(known[tile.id], box) for tile in tiles for box in ([tile.bounds] if one_grid else _parts(tile.bbox))]
    with complete_file(path) as part:
        if path.suffix.lower() == ".html":
            part.write_text(_page(Path(output).name, counts, drawn), encoding="utf-8")
        else:
            _figure(Path(output).name, counts, drawn).savefig(part, dpi=110, metadata={"Software": None})
    return path


_Box = tuple[float, float, float, float]


def _parts(box: _Box) -> list[_Box]:
    west, south, east, north = box
    return [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _figure(name: str, counts: Mapping[Status, int], drawn: Sequence[tuple[Entry, _Box]]) -> Any:
    figure = new_figure(9, 6)
    axes = figure.subplots()
    for entry, (left, bottom, right, top) in drawn:
        axes.fill([left, right, right, left], [bottom, bottom, top, top], color=_COLOURS[entry.status], linewidth=0)
    for status, count in counts.items():
        if count:
            axes.fill([], [], color=_COLOURS[status], label=f"{count} {status}")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    axes.set(aspect="equal", title=f"tiles of {name}")
    axes.ticklabel_format(style="plain", useOffset=False)
    return figure


def _page(name: str, counts: Mapping[Status, int], drawn: Sequence[tuple[Entry, _Box]]) -> str:
    west, south = (min(box[n] for _, box in drawn) for n in (0, 1))
    east, north = (max(box[n] for _, box in drawn) for n in (2, 3))
    body = []
    for entry, (left, bottom, right, top) in drawn:
        words = f"{entry.key}: {entry.status}" + (f", {entry.reason}" if entry.reason else "")
        body.append(
            f'<rect class="{entry.status}" x="{left - west:g}" y="{north - top:g}" width="{right - left:g}" '
            f'height="{top - bottom:g}"><title>{escape(words)}</title></rect>'
        )
    legend = "".join(
        f'<span style="background: {_COLOURS[status]}">{count} {status}</span>'
        for status, count in counts.items() if count
    )  # fmt: skip
    return _PAGE.format(
        title=f"tiles of {escape(name)}", legend=legend, body="\n".join(body),
        styles="\n".join(f".{status} {{ fill: {colour} }}" for status, colour in _COLOURS.items()),
        view=f"0 0 {east - west:g} {north - south:g}", height=900 * (north - south) / (east - west),
    )  # fmt: skip


def _ledger(output: str | os.PathLike[str]) -> Ledger:
    read_run(Path(output))
    return Ledger(Path(output) / LEDGER)
