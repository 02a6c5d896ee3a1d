"""Stacks: granules of one place seen again and again, what is chosen from them, and their geometry. Pure functions."""

from __future__ import annotations

from stacaster.analysis.stacks.baselines import Baseline, Scene, baselines_of, middle_of, perpendicular_baseline
from stacaster.analysis.stacks.filtering import FILTERS, keep, split_conditions
from stacaster.analysis.stacks.grouping import KEYS, Stack, differences, group
from stacaster.analysis.stacks.pairs import Pair, nearest_pairs
from stacaster.analysis.stacks.season import Season, days_season, months_season, parse_season
from stacaster.analysis.stacks.selection import Selection, choose, parse_selection

__all__ = [
    "FILTERS",
    "KEYS",
    "Baseline",
    "Pair",
    "Scene",
    "Season",
    "Selection",
    "Stack",
    "baselines_of",
    "choose",
    "days_season",
    "differences",
    "group",
    "keep",
    "middle_of",
    "months_season",
    "nearest_pairs",
    "parse_season",
    "parse_selection",
    "perpendicular_baseline",
    "split_conditions",
]
