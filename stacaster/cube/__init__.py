"""Cubes of items: pixels in the right place, in physical units, with no silent hole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from stacaster.cube.grids import GridCheck, check_grid, load_tree
    from stacaster.cube.heights import compare_heights
    from stacaster.cube.lattice import native_geobox
    from stacaster.cube.loading import load
    from stacaster.cube.planning import LoadPlan, plan
    from stacaster.cube.points import sample
    from stacaster.cube.report import LoadReport
    from stacaster.cube.selection import collection_config

__all__ = [
    "GridCheck",
    "LoadPlan",
    "LoadReport",
    "check_grid",
    "collection_config",
    "compare_heights",
    "load",
    "load_tree",
    "native_geobox",
    "plan",
    "sample",
]

if not TYPE_CHECKING:  # importing the package registers the accessor, and must cost next to nothing
    __getattr__, _, _ = lazy_loader.attach(
        __name__,
        submod_attrs={
            "grids": ["GridCheck", "check_grid", "load_tree"],
            "heights": ["compare_heights"],
            "lattice": ["native_geobox"],
            "loading": ["load"],
            "planning": ["LoadPlan", "plan"],
            "points": ["sample"],
            "report": ["LoadReport"],
            "selection": ["collection_config"],
        },
    )
