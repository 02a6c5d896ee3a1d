"""Draw where granules lie: a picture, or a page that opens without the internet."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from stacaster.access.footprints.basemap import Basemap, as_data_url, read_basemap
from stacaster.errors import ExportError, NothingFoundError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.geo.area_input import read_place
from stacaster.geo.land import PAGE_STYLE
from stacaster.geo.small_map import outer_rings
from stacaster.model import Granule
from stacaster.model.checked import checked

_WIDTH = 900
_COLOURS = (
    "#1f77b4", "#e08214", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17a2b8", "#bcbd22", "#4d4d4d", "#005824",
)  # fmt: skip
_PRODUCTS = 3
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
{style}
h1 {{ padding: .8rem 1.2rem; border-bottom: 1px solid var(--line) }}
svg {{ background: var(--sea); border: 1px solid var(--line); height: auto; margin: 1rem 1.2rem;
  max-width: calc(100% - 2.4rem) }}
.granule {{ fill: #1f77b4; fill-opacity: .15; stroke: #1f77b4 }} .granule:hover {{ fill-opacity: .6 }}
.land {{ fill: var(--land); stroke: var(--coast) }} .key {{ font-size: 13px; padding: 0 1.2rem }}
.area {{ fill: none; stroke: var(--hot); stroke-width: 2 }} .grid {{ stroke: var(--line) }}
text {{ font-size: 11px; fill: var(--soft) }}
polygon {{ vector-effect: non-scaling-stroke }} @media (max-width: 600px) {{ text {{ font-size: 24px }} }}
</style></head><body><h1>{title}</h1>
<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">
{body}
</svg>{key}</body></html>
"""


@checked
def draw_footprints(
    granules: Iterable[Granule],
    output: str | os.PathLike[str],
    *,
    area: Any | None = None,
    basemap: str | os.PathLike[str] | None = None,
) -> Path:
    """Draw the footprints of granules in degrees; each stack of a grouped search in a colour of its own, counted.

    Args:
        granules: From ``stacaster.search``; those without footprint are left out.
        output: ``.html`` (hovering shows names; nothing is loaded from elsewhere) or ``.png`` (needs matplotlib).
        area: The area that was asked for, in any form that ``intersects`` of a search takes.
        basemap: File on this disk that is drawn below: land or borders (polygons or lines), or heights, as shaded
            terrain; ``none`` for the graticule alone. Default are the countries of Natural Earth, 1:110,000,000.

    Returns:
        The file.

    Raises:
        NothingFoundError: No granule has a footprint.
        UsageError: The name ends in something else, or the basemap cannot be read.
        ExportError: matplotlib is missing, or the file cannot be written.
    """
    area = None if area is None else read_place(intersects=area).geometry
    path = Path(output)
    if path.suffix.lower() not in (".html", ".png"):
        raise UsageError(f"output is {path.name!r}, but a name ending in .html or .png is needed")
    listed = list(granules)
    drawn = [(granule, granule.geometry) for granule in listed if granule.geometry is not None]
    if not drawn:
        raise NothingFoundError("no granule has a footprint to draw")
    shapes = [geometry for _, geometry in drawn] + ([area] if area is not None else [])
    bounds = _bounds(shapes)
    below = read_basemap(basemap, bounds)
    groups = _groups(granules)
    with complete_file(path) as part:
        if path.suffix.lower() == ".html":
            part.write_text(_page(drawn, area, bounds, groups, below), encoding="utf-8")
        else:
            _picture(drawn, area, bounds, part, groups, below)
    return path


def _groups(granules: Any) -> dict[str, tuple[str, str]]:
    """Return words and colour of the stack of each granule, by its name; empty for granules without stacks."""
    stacks = granules.stacks if getattr(granules, "keys", ()) else ()
    return {
        granule.id: (f"{stack.name}: {len(stack.granules)}", _COLOURS[number % len(_COLOURS)])
        for number, stack in enumerate(stacks)
        for granule in stack.granules
    }


def _bounds(shapes: Iterable[Mapping[str, Any]]) -> tuple[float, float, float, float]:
    points = [point for shape in shapes for ring in outer_rings(shape) for point in ring]
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    margin = max(east - west, north - south, 0.1) * 0.05
    return west - margin, south - margin, east + margin, north + margin


def _lines(low: float, high: float) -> list[float]:
    """Return round degrees for some five lines of a graticule."""
    step = next((step for step in _STEPS if (high - low) / step <= 8), _STEPS[-1])
    first = math.ceil(low / step)
    return [round((first + i) * step, 6) for i in range(int((high - first * step) / step) + 1)]


def _page(
    drawn: list[tuple[Granule, Mapping[str, Any]]],
    area: Mapping[str, Any] | None,
    bounds: tuple[float, float, float, float],
    groups: Mapping[str, tuple[str, str]],
    below: Basemap,
) -> str:
    west, south, east, north = bounds
    # A degree of longitude is drawn as long as it is on Earth in the middle of the picture.
    shrink = max(0.1, math.cos(math.radians((south + north) / 2)))
    scale = _WIDTH / ((east - west) * shrink)
    height = round((north - south) * scale)

    def place(x: float, y: float) -> tuple[float, float]:
        return (x - west) * shrink * scale, (north - y) * scale

    def polygon(ring: list[tuple[float, float]], kind: str, title: str = "", colour: str = "") -> str:
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(x, y) for x, y in ring))
        style = f' style="fill:{colour};stroke:{colour}"' if colour else ""
        return f'<polygon class="{kind}" points="{points}"{style}><title>{escape(title)}</title></polygon>'

    body = [polygon(ring, "land") for ring in below.rings]
    if below.shade is not None and below.bounds is not None:
        (x0, y0), (x1, y1) = place(below.bounds[0], below.bounds[3]), place(below.bounds[2], below.bounds[1])
        size = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
        body.append(f'<image {size} preserveAspectRatio="none" href="{as_data_url(below.shade)}"/>')
    for x in _lines(west, east):
        body.append(f'<line class="grid" x1="{place(x, 0)[0]:.1f}" x2="{place(x, 0)[0]:.1f}" y1="0" y2="{height}"/>')
        body.append(f'<text x="{place(x, 0)[0] + 3:.1f}" y="{height - 4}">{x:g}</text>')
    for y in _lines(south, north):
        body.append(f'<line class="grid" x1="0" x2="{_WIDTH}" y1="{place(0, y)[1]:.1f}" y2="{place(0, y)[1]:.1f}"/>')
        body.append(f'<text x="3" y="{place(0, y)[1] - 3:.1f}">{y:g}</text>')
    for granule, geometry in drawn:
        words, colour = groups.get(granule.id, ("", ""))
        title = f"{granule.id}\n{granule.start:%Y-%m-%d %H:%M:%S}" + (f"\n{words}" if words else "")
        body += [polygon(ring, "granule", title, colour) for ring in outer_rings(geometry)]
    body += [polygon(ring, "area") for ring in (outer_rings(area) if area is not None else ())]
    key = "".join(
        f'<div class="key"><span style="color:{colour}">&#9632;</span> {escape(words)}</div>'
        for words, colour in dict.fromkeys(groups.values())
    )
    title = escape(_title(drawn, groups))
    return _PAGE.format(
        style=PAGE_STYLE.read_text(encoding="utf-8"),
        title=title,
        width=_WIDTH,
        height=height,
        body="\n".join(body),
        key=key,
    )


def _title(drawn: list[tuple[Granule, Mapping[str, Any]]], groups: Mapping[str, tuple[str, str]]) -> str:
    """Return how many granules of which products there are, and their first and last day."""
    stacks = len(set(groups.values()))
    products = sorted({granule.product for granule, _ in drawn})
    days = sorted(f"{granule.start:%Y-%m-%d}" for granule, _ in drawn)
    words = f"{len(drawn)} granules" + (f" in {stacks} stacks" if stacks else "")
    of = f" of {', '.join(products)}" if len(products) <= _PRODUCTS else ""
    return f"{words}{of}, {days[0] if days[0] == days[-1] else f'{days[0]} to {days[-1]}'}"


def _picture(
    drawn: list[tuple[Granule, Mapping[str, Any]]],
    area: Mapping[str, Any] | None,
    bounds: tuple[float, float, float, float],
    path: Path,
    groups: Mapping[str, tuple[str, str]],
    below: Basemap,
) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import PolyCollection
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExportError("a .png needs matplotlib: pip install 'stacaster[plot]'; .html needs nothing") from error
    west, south, east, north = bounds
    shape = (north - south) / ((east - west) * max(0.1, math.cos(math.radians((south + north) / 2))))
    figure = Figure(figsize=(9, min(max(8.4 * shape + 1, 3), 9)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if below.rings:
        axes.add_collection(PolyCollection(list(below.rings), facecolors="#e9e6da", edgecolors="#b5ae98"))
    if below.shade is not None and below.bounds is not None:
        left, bottom, right, top = below.bounds
        axes.imshow(below.shade, extent=(left, right, bottom, top), cmap="gray", vmin=0, vmax=255, aspect="auto")
    default = ("", "#1f77b4")
    for words, colour in dict.fromkeys(groups.get(granule.id, default) for granule, _ in drawn):
        rings = [ring for granule, geometry in drawn if groups.get(granule.id, default) == (words, colour)
                 for ring in outer_rings(geometry)]  # fmt: skip
        faces = (*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 0.15)
        axes.add_collection(PolyCollection(rings, facecolors=faces, edgecolors=colour, label=words or None))
    if groups:
        axes.legend(loc="upper right", fontsize="small")
    if area is not None:
        axes.add_collection(
            PolyCollection(list(outer_rings(area)), facecolors="none", edgecolors="#d62728", linewidths=2)
        )
    west, south, east, north = bounds
    axes.set(
        xlim=(west, east),
        ylim=(south, north),
        xlabel="longitude [°], WGS 84",
        ylabel="latitude [°]",
        title=_title(drawn, groups),
    )
    axes.set_aspect(1 / max(0.1, math.cos(math.radians((south + north) / 2))))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100, metadata={"Software": None})
