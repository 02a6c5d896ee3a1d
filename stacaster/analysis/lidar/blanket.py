"""A blanket over all surfaces: top and ground of segments. Source of the parameters: SlideRule's SurfaceBlanket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stacaster.analysis.lidar.groups import by_beam, require
from stacaster.analysis.lidar.segments import CANOPY, GROUND, TOP, frame_of, place_of, segments_of
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


@checked
def surface_blanket(
    photons: pd.DataFrame, *, length: float = 20.0, step: float | None = None, cnt: int = 1, percentile: float = 98.0
) -> gpd.GeoDataFrame:
    """Return the top of all surfaces and the ground of segments.

    Args:
        photons: Columns ``height`` and ``x_atc``. With ``class`` the top is that of the tops of canopies, else of the
            canopy, else of the ground, whichever has enough photons first; without it, all photons count as surface
            and ground: choose those with a signal before.
        length: Length of segments, metres.
        step: From one segment to the next, metres; None takes ``length``.
        cnt: Least number of photons of a surface.
        percentile: Of the heights of the top, interpolated.

    Returns:
        One row a segment: ``top_of_surface``, ``median_ground`` (NaN with fewer than ``cnt`` photons),
        ``num_photons``, position, time.

    Raises:
        UsageError: A column is missing, or a length is not positive.
    """
    require(photons, ("height", "x_atc"), "a surface blanket")
    heights = photons["height"].to_numpy(dtype=np.float64)
    kinds = photons["class"].to_numpy(dtype=np.float64, na_value=-1) if "class" in photons.columns else None
    found = []
    for said, rows in by_beam(photons):
        for part in segments_of(photons, rows, length=length, step=step):
            values = heights[part]
            surfaces = [values]
            if kinds is not None:
                kind = kinds[part]
                surfaces = [values[kind == TOP], values[(kind == CANOPY) | (kind == TOP)], values[kind == GROUND]]
            top = next((values for values in surfaces if values.size >= max(1, cnt)), None)
            ground = surfaces[-1]
            found.append({
                **said, **place_of(photons, part, "middle"),
                "top_of_surface": np.nan if top is None else float(np.percentile(top, percentile)),
                "median_ground": float(np.median(ground)) if ground.size >= max(1, cnt) else np.nan,
                "num_photons": int(part.size),
            })  # fmt: skip
    return frame_of(found, photons)
