"""Baselines of the stacks of a search, as tables and pictures."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.analysis.stacks import Baseline, Pair, Scene, Stack, baselines_of, middle_of
from stacaster.errors import ExportError, NothingFoundError, UsageError
from stacaster.files.atomic import complete_file
from stacaster.files.csv_files import safe_cell
from stacaster.instruments import radar
from stacaster.model import Granule, StateVector
from stacaster.model.checked import checked

_COLUMNS = ("reference", "secondary", "reference_date", "secondary_date", "days", "perpendicular")


@dataclass(frozen=True)
class StackBaselines:
    """Baselines of the granules of one stack."""

    name: str
    """Of the stack, ``p100_f466``."""
    baselines: tuple[Baseline, ...]
    """One a granule, ordered by time."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"stack": self.name, "baselines": [baseline.to_dict() for baseline in self.baselines]}


def stack_baselines(
    stacks: Iterable[Stack], *, reference: str | None, vectors: Mapping[str, Sequence[StateVector]]
) -> list[StackBaselines]:
    """Return the baselines of each stack.

    Args:
        stacks: The stacks.
        reference: Name of the reference of its stack; the others take their first granule.
        vectors: State vectors by name of a granule; others are those of the records.

    Raises:
        UsageError: No granule has that name.
    """
    listed = list(stacks)
    ids = {granule.id for stack in listed for granule in stack.granules}
    if reference is not None and reference not in ids:
        raise UsageError(f"reference is {reference!r}, which was not found; there are {', '.join(sorted(ids)[:20])}")
    found = []
    for stack in listed:
        scenes = [_scene(granule, vectors.get(granule.id)) for granule in stack.granules]
        mine = reference if reference in {scene.id for scene in scenes} else None
        found.append(StackBaselines(stack.name, tuple(baselines_of(scenes, reference=mine))))
    return found


def _scene(granule: Granule, vectors: Sequence[StateVector] | None) -> Scene:
    known = tuple(vectors) if vectors else radar.vectors_of_record(granule.attributes)
    return Scene(id=granule.id, start=granule.start, vectors=known, place=middle_of(granule.geometry))


@checked
def write_pairs(pairs: Iterable[Pair], output: str | os.PathLike[str]) -> Path:
    """Write pairs as CSV: names, dates, days and perpendicular baseline (metres; empty where it is not known).

    Args:
        pairs: From ``GranuleSearch.pairs``.
        output: The file.

    Raises:
        ExportError: The file cannot be written.
    """
    path = Path(output)
    with complete_file(path) as staged, staged.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        for pair in pairs:
            writer.writerow({key: "" if value is None else safe_cell(value) for key, value in pair.to_dict().items()})
    return path


@checked
def plot_baselines(
    stacks: Sequence[StackBaselines], output: str | os.PathLike[str], *, pairs: Iterable[Pair] = ()
) -> Path:
    """Draw time against perpendicular baseline, a picture a stack below each other; pairs are lines.

    Args:
        stacks: From ``GranuleSearch.baselines``.
        output: ``.png`` or what else matplotlib writes.
        pairs: Lines between acquisitions.

    Raises:
        NothingFoundError: No perpendicular baseline is known.
        ExportError: matplotlib is missing, or the file cannot be written.
    """
    drawn = [stack for stack in stacks if any(b.perpendicular is not None for b in stack.baselines)]
    if not drawn:
        reasons = sorted({b.reason for stack in stacks for b in stack.baselines if b.reason})
        raise NothingFoundError(f"no perpendicular baseline is known: {'; '.join(reasons) or 'there is no stack'}")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExportError("a picture needs matplotlib: pip install 'stacaster[plot]'") from error
    figure = Figure(figsize=(9, 4 * len(drawn)), layout="constrained")
    FigureCanvasAgg(figure)
    lines = list(pairs)
    for axes, stack in zip(figure.subplots(len(drawn), squeeze=False)[:, 0], drawn, strict=True):
        places = {b.id: (b.start, b.perpendicular) for b in stack.baselines if b.perpendicular is not None}
        for pair in lines:
            if pair.reference in places and pair.secondary in places:
                ends = (places[pair.reference], places[pair.secondary])
                axes.plot([end[0] for end in ends], [end[1] for end in ends], color="#8899aa", linewidth=0.8)
        axes.scatter([p[0] for p in places.values()], [p[1] for p in places.values()], color="#1f77b4", zorder=3)
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set(title=f"{stack.name}: {len(places)} acquisitions", ylabel="perpendicular baseline (m)")
        axes.grid(alpha=0.3)
    path = Path(output)
    with complete_file(path) as staged:
        figure.savefig(staged, dpi=100, metadata={"Software": None} if path.suffix == ".png" else None)
    return path
