"""Radar stacks: found, downloaded, with orbits and elevation, for chains that make interferograms."""

from __future__ import annotations

from stacaster.sar.config import StackConfig
from stacaster.sar.download import StackFiles, download_stacks
from stacaster.sar.elevation import Dem, make_dem
from stacaster.sar.find import find_stacks
from stacaster.sar.orbits import OrbitOutcome, fetch_orbits, orbit_vectors
from stacaster.sar.run import StackResult, stack

__all__ = [
    "Dem",
    "OrbitOutcome",
    "StackConfig",
    "StackFiles",
    "StackResult",
    "download_stacks",
    "fetch_orbits",
    "find_stacks",
    "make_dem",
    "orbit_vectors",
    "stack",
]
