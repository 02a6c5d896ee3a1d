"""Photons worked on here: surface heights, vegetation, densities, grids. Pure functions of tables of photons.

Tables come from ``Catalog.points("atl03_photons")``: a row a photon, with ``item_id``, ``beam``, ``x_atc``, ``height``.
Loops over photons are compiled.
"""

from __future__ import annotations

from stacaster.analysis.lidar.blanket import surface_blanket
from stacaster.analysis.lidar.density import photon_density
from stacaster.analysis.lidar.gridding import grid_points
from stacaster.analysis.lidar.surface import fit_surface
from stacaster.analysis.lidar.trees import read_tracks
from stacaster.analysis.lidar.vegetation import vegetation_metrics
from stacaster.analysis.lidar.views import plot_map, plot_profile

__all__ = [
    "fit_surface",
    "grid_points",
    "photon_density",
    "plot_map",
    "plot_profile",
    "read_tracks",
    "surface_blanket",
    "vegetation_metrics",
]
