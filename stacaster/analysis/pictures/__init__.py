"""Cubes as pictures: colour composites, values with a legend."""

from stacaster.analysis.pictures.canvas import new_figure
from stacaster.analysis.pictures.colours import (
    COMPOSITES,
    PERCENT,
    ColourComposite,
    find_composite,
    limits_of,
    possible_composite,
    stretch,
    to_rgb,
)
from stacaster.analysis.pictures.figures import draw, write_picture

__all__ = [
    "COMPOSITES",
    "PERCENT",
    "ColourComposite",
    "draw",
    "find_composite",
    "limits_of",
    "new_figure",
    "possible_composite",
    "stretch",
    "to_rgb",
    "write_picture",
]
