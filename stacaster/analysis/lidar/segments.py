"""Segments of a track: their photons, where they lie, and what is said of them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stacaster.analysis.lidar.groups import gt_of
from stacaster.errors import UsageError, nearest

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

GROUND, CANOPY, TOP = 1, 2, 3
"""Classes of ATL08."""

SEGMENTS = 5
"""Segments of 20 m in one of ATL08."""

Geolocation = Literal["middle", "mean", "median", "center"]
"""Where a segment lies: at its middle photon, at means or medians, or halfway between its outermost photons."""

PLACES = ("time", "longitude", "latitude", "x_atc", "y_atc")
"""Columns that say where a segment lies."""

_OF_MIDDLE = ("segment_id", "spot", "rgt", "cycle", "region")


def segments_of(
    photons: pd.DataFrame,
    rows: NDArray[Any],
    *,
    length: float,
    step: float | None = None,
    first_segments: Sequence[int] | None = None,
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each segment with a photon; ``rows`` are those of a beam in the order of the track."""
    if first_segments is not None:
        ids = photons["segment_id"].to_numpy(dtype=np.float64, na_value=-1)[rows].astype(np.int64)
        order = np.argsort(ids, kind="stable")
        rows, ids = rows[order], ids[order]
        starts = np.sort(np.asarray(first_segments, dtype=np.int64))
        edges = np.searchsorted(ids, starts), np.searchsorted(ids, starts + SEGMENTS)
    else:
        wide = length if step is None else step
        if not (length > 0 and wide > 0):
            raise UsageError("length and step have to be more than 0 metres")
        along = photons["x_atc"].to_numpy(dtype=np.float64)[rows]
        away = along - along[0]
        begin = wide * np.arange(int(away[-1] / wide) + 1)
        edges = np.searchsorted(away, begin), np.searchsorted(away, begin + length)
    for first, last in zip(*edges, strict=True):
        if last > first:
            yield rows[first:last]


def place_of(photons: pd.DataFrame, rows: NDArray[Any], geoloc: Geolocation) -> dict[str, Any]:
    """Return where the photons of a segment lie, and the track that they share.

    Raises:
        UsageError: ``geoloc`` is none of its values.
    """
    names = [name for name in (*PLACES, *_OF_MIDDLE) if name in photons.columns]
    middle = {name: photons[name].iloc[rows[rows.size // 2]] for name in names}
    if geoloc == "middle":
        return middle
    if geoloc not in ("mean", "median", "center"):
        raise UsageError(f"geoloc is {geoloc!r}; {nearest(geoloc, ('middle', 'mean', 'median', 'center'))}")
    for name in PLACES:
        if name not in middle:
            continue
        values = photons[name].iloc[rows]
        if name == "longitude" and values.max() - values.min() > 180:
            values = values % 360.0
        found = (values.min() + (values.max() - values.min()) / 2) if geoloc == "center" else getattr(values, geoloc)()
        middle[name] = (found + 180.0) % 360.0 - 180.0 if name == "longitude" else found
    return middle


def frame_of(rows: Sequence[Mapping[str, Any]], photons: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return rows as points, where they have a place."""
    import geopandas
    import pandas as pd

    table = pd.DataFrame(list(rows))
    if "beam" in table.columns:
        table["gt"] = gt_of(table["beam"])
    has_place = {"longitude", "latitude"} <= set(table.columns)
    points = geopandas.points_from_xy(table["longitude"], table["latitude"]) if has_place else [None] * len(table)
    return geopandas.GeoDataFrame(table, geometry=points, crs=getattr(photons, "crs", None))
