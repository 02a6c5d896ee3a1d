"""A look along a track, and from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_COLOURS = {0: "#b0b0b0", 1: "#8c5a2b", 2: "#3a9a3a", 3: "#0f5f0f"}
_LABELS = {0: "noise", 1: "ground", 2: "canopy", 3: "top of canopy"}


def plot_map(points: gpd.GeoDataFrame, value: str = "height", *, ax: Any | None = None) -> Any:
    """Draw points on a map, coloured by a value; ``points.explore(value)`` is the same to move around in.

    Args:
        points: From ``Catalog.points`` or ``fit_surface``.
        value: Column that colours them.
        ax: Axes of matplotlib to draw on.

    Returns:
        The axes.

    Raises:
        UsageError: The column or matplotlib is missing.
    """
    from stacaster.analysis.lidar.groups import require

    require(points, (value,), "a map")
    axes = ax if ax is not None else _figure((6, 6))
    values = points[value].to_numpy(dtype=np.float64, na_value=np.nan)
    shown = axes.scatter(points.geometry.x, points.geometry.y, c=values, s=2, cmap="viridis")
    axes.figure.colorbar(shown, ax=axes, label=value)
    # A degree of longitude is as long as the cosine of the latitude.
    axes.set_aspect(1 / max(0.05, float(np.cos(np.radians(points.geometry.y.mean())))))
    axes.set_xlabel("longitude")
    axes.set_ylabel("latitude")
    return axes


def _figure(size: tuple[float, float]) -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise UsageError("this needs matplotlib; pip install 'stacaster[plot]'") from error
    return plt.subplots(figsize=size)[1]


def plot_profile(points: pd.DataFrame, *, ax: Any | None = None, height: str = "height") -> Any:
    """Draw heights along the track, photons coloured by class where they have one.

    Args:
        points: Columns ``x_atc`` and the height; ``class`` is used when it is there.
        ax: Axes of matplotlib to draw on.
        height: Column of heights, ``h_mean`` of fitted segments.

    Returns:
        The axes.

    Raises:
        UsageError: A column or matplotlib is missing.
    """
    from stacaster.analysis.lidar.groups import require

    require(points, ("x_atc", height), "a profile")
    axes = ax if ax is not None else _figure((10, 3.5))
    along = points["x_atc"].to_numpy(dtype=np.float64) / 1000
    values = points[height].to_numpy(dtype=np.float64, na_value=np.nan)
    kinds = points["class"].to_numpy(dtype=np.float64, na_value=0) if "class" in points.columns else None
    if kinds is None:
        axes.plot(along, values, ".", markersize=2, color="#1f4e79")
    else:
        for kind, colour in _COLOURS.items():
            here = kinds == kind
            if here.any():
                axes.plot(along[here], values[here], ".", markersize=2, color=colour, label=_LABELS[kind])
        axes.legend(loc="upper right", markerscale=4)
    axes.set_xlabel("along the track (km)")
    axes.set_ylabel("height above the ellipsoid (m)")
    return axes
