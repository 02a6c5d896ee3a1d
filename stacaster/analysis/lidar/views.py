"""A look along a track, and from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_COLOURS = {0: "#b0b0b0", 1: "#8c5a2b", 2: "#3a9a3a", 3: "#0f5f0f"}
_LABELS = {0: "noise", 1: "ground", 2: "canopy", 3: "top of canopy"}


@checked
def plot_map(points: gpd.GeoDataFrame, value: str = "height", *, ax: Any | None = None, pole: str | None = None) -> Any:
    """Draw points on a map, coloured by a value; ``points.explore(value)`` is the same to move around in.

    Args:
        points: From ``Catalog.points`` or ``fit_surface``.
        value: Column that colours them.
        ax: Axes of matplotlib to draw on.
        pole: ``north`` or ``south`` draws them around that pole with land, polar stereographic; ``none`` never. By
            default points that all lie beyond 60 degrees are drawn so.

    Returns:
        The axes.

    Raises:
        UsageError: The column or matplotlib is missing, or the pole is none.
    """
    from stacaster.analysis.lidar.groups import require
    from stacaster.analysis.lidar.polar import draw_land, polar_xy, pole_of

    require(points, (value,), "a map")
    around = pole_of(points.geometry.y.to_numpy(), pole)
    axes = ax if ax is not None else _figure((6, 6))
    values = points[value].to_numpy(dtype=np.float64, na_value=np.nan)
    if around is not None:
        draw_land(axes, around)
        x, y = polar_xy(around, points.geometry.x.to_numpy(), points.geometry.y.to_numpy())
        shown = axes.scatter(x, y, c=values, s=2, cmap="viridis", zorder=2)
        axes.figure.colorbar(shown, ax=axes, label=value)
        axes.set_aspect("equal")
        axes.set_xlabel(f"km from the {around} pole, to the right")
        axes.set_ylabel("km upwards")
        return axes
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


@checked
def plot_profile(
    points: pd.DataFrame,
    *,
    ax: Any | None = None,
    height: str = "height",
    rolling: float | None = None,
    inset: bool | str = False,
) -> Any:
    """Draw heights along the track, photons coloured by class where they have one.

    Args:
        points: Columns ``x_atc`` and the height; ``class`` is used when it is there.
        ax: Axes of matplotlib to draw on.
        height: Column of heights, ``h_mean`` of fitted segments.
        rolling: Metres along the track: draws the mean of what lies within, beam by beam.
        inset: True draws a small map around the pole of the track with land; ``north`` or ``south`` says which.

    Returns:
        The axes.

    Raises:
        UsageError: A column or matplotlib is missing, or ``rolling`` is not positive.
    """
    from stacaster.analysis.lidar.groups import require

    require(points, ("x_atc", height, *(("longitude", "latitude") if inset else ())), "a profile")
    if rolling is not None and not rolling > 0:
        raise UsageError(f"rolling is {rolling!r}, but metres above 0 are needed")
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
    if rolling is not None:
        _draw_means(axes, points, height, rolling)
    if inset:
        _draw_inset(axes, points, None if inset is True else str(inset))
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.set_xlabel("along the track (km)")
    axes.set_ylabel("height above the ellipsoid (m)")
    return axes


def rolling_means(along: Any, values: Any, width: float) -> Any:
    """Return the mean of the values that lie within half a width of each along a track; ``along`` is ascending."""
    good = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(good, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(good)])
    first = np.searchsorted(along, along - width / 2, side="left")
    last = np.searchsorted(along, along + width / 2, side="right")
    number = counts[last] - counts[first]
    return np.where(number > 0, (sums[last] - sums[first]) / np.maximum(number, 1), np.nan)


def _draw_means(axes: Any, points: pd.DataFrame, height: str, width: float) -> None:
    from stacaster.analysis.lidar.groups import by_beam

    values = points[height].to_numpy(dtype=np.float64, na_value=np.nan)
    along = points["x_atc"].to_numpy(dtype=np.float64)
    for _, rows in by_beam(points):
        axes.plot(along[rows] / 1000, rolling_means(along[rows], values[rows], width), color="#c0392b", linewidth=1,
                  label=f"mean of {width:g} m")  # fmt: skip
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys(), loc="upper right", markerscale=4)


def _draw_inset(axes: Any, points: pd.DataFrame, asked: str | None) -> None:
    """Draw where the track lies, around the nearer pole."""
    from stacaster.analysis.lidar.polar import draw_land, polar_xy, pole_of

    latitude = points["latitude"].to_numpy(dtype=np.float64)
    nearer = "south" if np.nanmean(latitude) < 0 else "north"
    around = pole_of(latitude, asked or nearer)
    if around is None:
        return
    small = axes.inset_axes([0.01, 0.62, 0.2, 0.36])
    draw_land(small, around)
    x, y = polar_xy(around, points["longitude"].to_numpy(dtype=np.float64), latitude)
    small.plot(x, y, ".", markersize=2, color="#c0392b")
    small.set_aspect("equal")
    small.set_xticks([])
    small.set_yticks([])
