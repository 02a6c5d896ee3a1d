"""Named regions: bounding boxes that people ask for by name."""

from __future__ import annotations

import difflib
from typing import Any

from stacaster.errors import UsageError

BBox = tuple[float, float, float, float]

REGIONS: dict[str, BBox] = {
    "africa": (-20.0, -35.0, 55.0, 38.0),
    "asia": (25.0, -10.0, 145.0, 55.0),
    "australia": (112.0, -44.0, 154.0, -10.0),
    "conus": (-125.0, 24.0, -66.0, 50.0),
    "europe": (-25.0, 34.0, 45.0, 72.0),
    "global": (-180.0, -90.0, 180.0, 90.0),
    "north_america": (-170.0, 14.0, -50.0, 72.0),
    "south_america": (-82.0, -56.0, -34.0, 13.0),
    "south_australia": (129.0, -38.1, 141.0, -26.0),
}
"""West, south, east, north in degrees by name."""


def region_key(name: str) -> str:
    """Return a name of a region as ``REGIONS`` writes it."""
    return "_".join(name.strip().lower().replace("-", " ").replace("_", " ").split())


def region_bbox(name: Any) -> BBox:
    """Return the box of a named region; case, blanks and hyphens do not matter.

    Raises:
        UsageError: There is no such region; the message names the nearest and all there are.
    """
    known = f"there are {', '.join(REGIONS)}"
    if not isinstance(name, str):
        raise UsageError(f"region is {name!r}, but a name is needed; {known}; bbox= and intersects= take areas")
    key = region_key(name)
    key = key if key in REGIONS else next((other for other in REGIONS if _plain(other) == _plain(key)), key)
    if key in REGIONS:
        return REGIONS[key]
    near = difflib.get_close_matches(key, REGIONS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"region {name!r} is not known; {hint}{known}; bbox= and intersects= take other areas")


def _plain(key: str) -> str:
    return key.replace("_", "")
