"""Granules of tracks as xarray, beam by beam without padding; and a look along a track."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

_COLOURS = {0: "#b0b0b0", 1: "#8c5a2b", 2: "#3a9a3a", 3: "#0f5f0f"}
_LABELS = {0: "noise", 1: "ground", 2: "canopy", 3: "top of canopy"}


def read_tracks(path: str | os.PathLike[str], variables: Sequence[str] = ()) -> xr.DataTree:
    """Read datasets of a granule of tracks: one node a beam, each as long as its beam.

    Args:
        path: HDF5 file of ICESat-2.
        variables: Patterns of paths below a beam, such as ``heights/h_ph`` or ``land_segments/canopy/*``; empty takes
            the columns of the product's tables.

    Returns:
        Tree with the beams as nodes. Datasets of one length share a dimension; missing values are NaN (of whole numbers
        too, which become float64), times are UTC.

    Raises:
        ReadError: The file cannot be read, or is none of tracks.
        UsageError: No dataset fits a pattern.
    """
    import fnmatch

    import xarray as xr

    from stacaster import products, readers
    from stacaster.instruments import icesat2

    nodes: dict[str, xr.Dataset] = {}
    with readers.open_tracks(Path(path)) as opened:
        product = products.recognise(opened.content)
        usual = [name for table in product.tables for name in
                 (table.time, table.longitude, table.latitude, *(column.path for column in table.columns))]  # fmt: skip
        epoch = icesat2.epoch_of(opened.content)
        for beam in opened.content.groups:
            there = opened.variables(beam)
            wanted = [name for name in there if any(fnmatch.fnmatch(name, pattern) for pattern in variables or usual)]
            if not wanted:
                raise UsageError(f"no dataset of {beam} is called {', '.join(variables)}")
            found = {}
            for name in wanted:
                values, none = opened.read(beam, name)
                if none is not None:
                    values = np.where(none, np.nan, values.astype("f4" if values.dtype == "f4" else "f8"))
                if name.endswith("delta_time"):
                    values = icesat2.microseconds(np.nan_to_num(values), epoch).astype("datetime64[ns]")
                rows = f"{name.split('/')[0]}_{values.shape[0]}" if "/" in name else f"rows_{values.shape[0]}"
                extra = [f"column_{size}" for size in values.shape[1:]]
                words, unit = opened.text(beam, name)
                said = {key: value for key, value in (("long_name", words), ("units", unit)) if value}
                said = {} if name.endswith("delta_time") else said
                found[name.replace("/", "_")] = ((rows, *extra), values, said)
            nodes[beam] = xr.Dataset(found, attrs={"beam": beam, "granule": opened.content.name})
    tree: xr.DataTree = xr.DataTree.from_dict(nodes)
    return tree


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
    from stacaster.lidar.groups import require

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
    from stacaster.lidar.groups import require

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
