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
from stacaster.geo.land import land_within
from stacaster.model.checked import checked
from stacaster.tiles.cluster import absorb, cancel_jobs
from stacaster.tiles.grids import Tile
from stacaster.tiles.ledger import Entry, Ledger, Status
from stacaster.tiles.marks import forget_marks
from stacaster.tiles.plan import LEDGER, read_run, read_tasks
from stacaster.tiles.run import sweep


@checked
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


@checked
def retry_tiles(output: str | os.PathLike[str]) -> int:
    """Make failed and cancelled tiles pending again; return how many there are.

    Raises:
        CatalogError: The folder holds no run.
    """
    ledger = _ledger(output)
    forget_marks(Path(output).absolute(), [entry.key for entry in ledger.entries("failed", "cancelled")])
    return ledger.change(("failed", "cancelled"), "pending")


@checked
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
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 14px sans-serif; margin: 1em }} h1 {{ font-size: 1.3em }}
svg {{ background: #f4f7fa; border: 1px solid #99a; max-width: 100%; height: auto }}
rect {{ stroke: #1d2733; stroke-width: 1; vector-effect: non-scaling-stroke }} rect:hover {{ opacity: .6 }}
polygon {{ fill: #e9e6da; stroke: #b5ae98; vector-effect: non-scaling-stroke }}
{styles}
span {{ display: inline-block; padding: 2px 8px; margin: 0 4px 4px 0; color: #fff }}
</style></head><body><h1>{title}</h1><p>{legend}</p>
<svg viewBox="{view}" width="{width:.0f}" height="{height:.0f}">
{body}
</svg></body></html>
"""


@checked
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
    crs = tiles[0].crs if one_grid else "EPSG:4326"
    drawn = [(known[tile.id], box) for tile in tiles for box in ([tile.bounds] if one_grid else _parts(tile.bbox))]
    with complete_file(path) as part:
        if path.suffix.lower() == ".html":
            part.write_text(_page(Path(output).name, counts, drawn, crs), encoding="utf-8")
        else:
            _figure(Path(output).name, counts, drawn, crs).savefig(part, dpi=110, metadata={"Software": None})
    return path


_Box = tuple[float, float, float, float]


def _parts(box: _Box) -> list[_Box]:
    west, south, east, north = box
    return [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _figure(name: str, counts: Mapping[Status, int], drawn: Sequence[tuple[Entry, _Box]], crs: str) -> Any:
    left, bottom, right, top = _window(drawn)
    figure = new_figure(9, min(max(7.5 * (top - bottom) / (right - left) + 1.2, 3), 9))
    axes = figure.subplots()
    for ring in _land(crs, (left, bottom, right, top)):
        axes.fill(*zip(*ring, strict=True), facecolor="#e9e6da", edgecolor="#b5ae98", linewidth=0.6)
    for entry, (x0, y0, x1, y1) in drawn:
        axes.fill([x0, x1, x1, x0], [y0, y0, y1, y1], facecolor=_COLOURS[entry.status], edgecolor="#1d2733",
                  linewidth=0.6, alpha=0.85)  # fmt: skip
    for status, count in counts.items():
        if count:
            axes.fill([], [], color=_COLOURS[status], label=f"{count} {status}")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    unit = "°" if _is_degrees(crs) else "m"
    axes.set(aspect="equal", title=f"tiles of {name}", xlim=(left, right), ylim=(bottom, top),
             xlabel=f"x [{unit}], {crs}", ylabel=f"y [{unit}]")  # fmt: skip
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.locator_params(nbins=6)
    return figure


def _is_degrees(crs: str) -> bool:
    return crs.upper() == "EPSG:4326"


def _window(drawn: Sequence[tuple[Entry, _Box]]) -> _Box:
    """Return the bounds of all tiles with some room."""
    boxes = [box for _, box in drawn]
    west, south, east, north = (min(box[0] for box in boxes), min(box[1] for box in boxes),
                                max(box[2] for box in boxes), max(box[3] for box in boxes))  # fmt: skip
    room = 0.05 * max(east - west, north - south)
    return west - room, south - room, east + room, north + room


def _land(crs: str, window: _Box) -> list[list[tuple[float, float]]]:
    """Return outlines of countries; only a map in degrees has them."""
    return land_within(window) if _is_degrees(crs) else []


def _page(name: str, counts: Mapping[Status, int], drawn: Sequence[tuple[Entry, _Box]], crs: str) -> str:
    west, south, east, north = _window(drawn)
    body = [
        f'<polygon points="{" ".join(f"{x - west:g},{north - y:g}" for x, y in ring)}"/>'
        for ring in _land(crs, (west, south, east, north))
    ]
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
        view=f"0 0 {east - west:g} {north - south:g}", **_page_size(east - west, north - south),
    )  # fmt: skip


def _page_size(width: float, height: float) -> dict[str, float]:
    """Return width and height on a page, in pixels, neither larger than 900."""
    scale = 900 / max(width, height)
    return {"width": width * scale, "height": height * scale}


def _ledger(output: str | os.PathLike[str]) -> Ledger:
    read_run(Path(output))
    return Ledger(Path(output) / LEDGER)
