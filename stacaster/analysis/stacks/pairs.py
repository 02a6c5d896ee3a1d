"""Pairs of acquisitions for interferograms: each with its next neighbours in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stacaster.analysis.stacks.baselines import Baseline
from stacaster.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two acquisitions, the earlier first."""

    reference: str
    """Name of the earlier one."""
    secondary: str
    """Name of the later one."""
    first: dt.datetime
    """First moment of the earlier one."""
    second: dt.datetime
    """First moment of the later one."""
    days: float
    """Days between them."""
    perpendicular: float | None
    """Metres; None when it cannot be known."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "reference": self.reference, "secondary": self.secondary, "reference_date": self.first.date().isoformat(),
            "secondary_date": self.second.date().isoformat(), "days": round(self.days, 3),
            "perpendicular": None if self.perpendicular is None else round(self.perpendicular, 3),
        }  # fmt: skip


def nearest_pairs(
    scenes: Sequence[Baseline],
    *,
    neighbours: int = 2,
    max_days: float | None = None,
    max_perpendicular: float | None = None,
) -> list[Pair]:
    """Return each acquisition with those that follow it next, ordered by time.

    Args:
        scenes: Baselines of one stack, all against one reference.
        neighbours: How many of the following acquisitions each is paired with.
        max_days: Longest time between two, in whole days.
        max_perpendicular: Largest perpendicular baseline, metres; pairs where it is not known are left out then.

    Raises:
        UsageError: A number is not positive.
    """
    if neighbours < 1:
        raise UsageError(f"neighbours is {neighbours}, but at least 1 is needed")
    for name, value in (("max_days", max_days), ("max_perpendicular", max_perpendicular)):
        if value is not None and value <= 0:
            raise UsageError(f"{name} is {value}, but a positive number is needed")
    ordered = sorted(scenes, key=lambda scene: (scene.start, scene.id))
    found = []
    for index, first in enumerate(ordered):
        for second in ordered[index + 1 : index + 1 + neighbours]:
            days = (second.start - first.start).total_seconds() / 86_400
            known = first.perpendicular is not None and second.perpendicular is not None
            # Baselines against one reference add up, but for some centimetres.
            across = (second.perpendicular or 0.0) - (first.perpendicular or 0.0) if known else None
            is_far = max_perpendicular is not None and (across is None or abs(across) > max_perpendicular)
            if (max_days is None or round(days) <= max_days) and not is_far:
                found.append(Pair(reference=first.id, secondary=second.id, first=first.start, second=second.start,
                                  days=days, perpendicular=across))  # fmt: skip
    return found
