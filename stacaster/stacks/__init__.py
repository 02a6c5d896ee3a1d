"""Stacks: granules of one place seen again and again, what is chosen from them, and their geometry. Pure functions."""

from __future__ import annotations

from stacaster.stacks.baselines import Baseline, Scene, baselines_of, middle_of, perpendicular_baseline
from stacaster.stacks.filtering import FILTERS, keep, split_conditions
from stacaster.stacks.grouping import KEYS, Stack, group
from stacaster.stacks.pairs import Pair, nearest_pairs
from stacaster.stacks.season import Season, parse_season
from stacaster.stacks.selection import Selection, choose, parse_selection

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
    "group",
    "keep",
    "middle_of",
    "nearest_pairs",
    "parse_season",
    "parse_selection",
    "perpendicular_baseline",
    "split_conditions",
]
