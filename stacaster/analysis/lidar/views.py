"""Granules of tracks as xarray, beam by beam without padding; and a look along a track."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.config import requests_at_once
from stacaster.errors import UsageError, nearest
from stacaster.instruments import icesat2

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

    from stacaster.model import Granule, GranuleFile, OpenTracks
    from stacaster.network.remote import RemoteFile

_COLOURS = {0: "#b0b0b0", 1: "#8c5a2b", 2: "#3a9a3a", 3: "#0f5f0f"}
_LABELS = {0: "noise", 1: "ground", 2: "canopy", 3: "top of canopy"}


def read_tracks(
    source: str | os.PathLike[str] | Granule | GranuleFile | RemoteFile,
    variables: Sequence[str] = (),
    *,
    beams: Sequence[str] = (),
    rows: slice | None = None,
) -> xr.DataTree:
    """Read datasets of a granule of tracks: one node a beam, each as long as its beam.

    Args:
        source: HDF5 file of ICESat-2, its address, granule of a search, or what ``open_remote`` gave: then only the
            chunks that are needed are moved, several at once.
        variables: Patterns of paths below a beam, such as ``heights/h_ph`` or ``land_segments/canopy/*``; empty takes
            the columns of the product's tables.
        beams: ``gt1l`` ...; empty takes all.
        rows: First and last + 1 of every dataset; None takes all.

    Returns:
        Tree with the beams as nodes. Datasets of one length share a dimension; missing values are NaN (of whole numbers
        too, which become float64), times are UTC.

    Raises:
        ReadError: The file cannot be read, or is none of tracks.
        UsageError: No dataset fits a pattern, or there is no such beam.
        AuthError, FetchError: The provider refuses.
    """
    from concurrent.futures import ThreadPoolExecutor

    import xarray as xr

    from stacaster import products
    from stacaster.formats import readers
    from stacaster.network.remote import RemoteFile, is_remote, open_remote

    known: Any = source
    remote = known if isinstance(known, RemoteFile) else open_remote(known) if is_remote(known) else None
    nodes: dict[str, xr.Dataset] = {}
    with readers.open_tracks(Path(known)) if remote is None else readers.open_remote_tracks(remote) as opened:
        product = products.recognise(opened.content)
        usual = [name for table in product.tables for name in
                 (table.time, table.longitude, table.latitude, *(column.path for column in table.columns))]  # fmt: skip
        for beam in beams:
            if beam not in opened.content.groups:
                raise UsageError(f"there is no beam {beam!r}; {nearest(beam, list(opened.content.groups))}")
        with ThreadPoolExecutor(1 if remote is None else requests_at_once(4)) as pool:
            for beam in beams or opened.content.groups:
                there = opened.variables(beam)
                wanted = [name for name in there if any(fnmatch.fnmatch(name, form) for form in variables or usual)]
                if not wanted:
                    raise UsageError(f"no dataset of {beam} is called {', '.join(variables)}")
                jobs = {name: pool.submit(_variable, opened, beam, name, rows) for name in wanted}
                found = {name.replace("/", "_"): job.result() for name, job in jobs.items()}
                nodes[beam] = xr.Dataset(found, attrs={"beam": beam, "granule": opened.content.name})
    tree: xr.DataTree = xr.DataTree.from_dict(nodes)
    return tree


def _variable(
    opened: OpenTracks, beam: str, name: str, rows: slice | None
) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    """Return dimensions, values and attributes of a dataset."""
    length = opened.variables(beam)[name][0][0]
    start, stop, step = (rows or slice(None)).indices(length)
    if step != 1:
        raise UsageError("rows has a step, but whole runs of rows are read")
    values, none = opened.read(beam, name, slice(start, max(start, stop)))
    if none is not None:
        values = np.where(none, np.nan, values.astype("f4" if values.dtype == "f4" else "f8"))
    is_time = name.endswith("delta_time")
    if is_time:
        moments = icesat2.microseconds(np.nan_to_num(values), icesat2.epoch_of(opened.content))
        values = np.where(np.isnan(values), np.datetime64("NaT"), moments).astype("datetime64[ns]")
    # Datasets of one length share a dimension, also where rows were chosen.
    across = f"{name.split('/', maxsplit=1)[0]}_{length}" if "/" in name else f"rows_{length}"
    words, unit = opened.text(beam, name)
    said = {key: value for key, value in (("long_name", words), ("units", unit)) if value}
    return (across, *(f"column_{size}" for size in values.shape[1:])), values, {} if is_time else said


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
