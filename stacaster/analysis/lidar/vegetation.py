"""Vegetation and terrain of segments, densities around photons, and a blanket over all surfaces.

Sources: ATL08 product (percentiles are those of the nearest rank, canopy statistics of classes 2 and 3, scatter of the
population), verified on a real granule; SlideRule's PhoReal, YAPC version 3 and SurfaceBlanket for parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stacaster.analysis.lidar.groups import by_beam, kernels, require
from stacaster.errors import UsageError, nearest

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

GROUND, CANOPY, TOP = 1, 2, 3
"""Classes of ATL08."""

PERCENTILES = tuple(range(10, 100, 5))
"""Those of ``canopy_h_metrics``, per cent."""

_SEGMENTS = 5
_H_CANOPY = 98

Geolocation = Literal["middle", "mean", "median", "center"]
"""Where a segment lies: at its middle photon, at means or medians, or halfway between its outermost photons."""

_PLACES = ("time", "longitude", "latitude", "x_atc", "y_atc")


def vegetation_metrics(
    photons: pd.DataFrame,
    *,
    length: float = 100.0,
    step: float | None = None,
    first_segments: Sequence[int] | None = None,
    geoloc: Geolocation = "middle",
    use_abs_h: bool = False,
    binsize: float | None = None,
) -> gpd.GeoDataFrame:
    """Return terrain and canopy of segments from classified photons.

    Args:
        photons: Columns ``class``, ``height``, ``height_above_ground``, ``x_atc``, ``longitude``, ``latitude``,
            ``time``; ``segment_id`` with ``first_segments``.
        length: Length of segments along the track, metres.
        step: From one segment to the next, metres; None takes ``length``.
        first_segments: First 20 m segment of each segment of five (``segment_id_beg`` of ATL08) in place of ``length``.
        geoloc: Place and time of a segment: ``middle`` (its middle photon), ``mean``, ``median``, ``center``.
        use_abs_h: Heights of the canopy above the ellipsoid instead of above the ground.
        binsize: Percentiles from a histogram of so many metres, as PhoREAL does; None takes them from the photons, as
            ATL08 does.

    Returns:
        One row a segment with a classified photon: ``n_te_photons``, ``n_ca_photons``, ``n_toc_photons``,
        ``n_seg_ph`` (classified), ``h_te_median``, ``h_te_mean``, ``h_te_min``, ``h_te_max``, ``h_te_std``,
        ``h_canopy`` (98 %), ``h_max_canopy``, ``h_mean_canopy``, ``h_min_canopy``, ``canopy_openness``,
        ``canopy_h_metrics`` (10 to 95 %), position and time; NaN where there is no such photon.

    Raises:
        UsageError: A column is missing (photons have classes when ATL08 lay beside ATL03 at the ingest), or an argument
            is wrong.
    """
    require(photons, ("class", "height", "height_above_ground", "x_atc"), "vegetation")
    if first_segments is not None:
        require(photons, ("segment_id",), "vegetation by segments")
    if binsize is not None and not binsize > 0:
        raise UsageError(f"binsize is {binsize:g}, but metres above 0 are needed")
    found = []
    kinds = photons["class"].to_numpy(dtype=np.float64, na_value=-1)
    heights = photons["height"].to_numpy(dtype=np.float64, na_value=np.nan)
    above = heights if use_abs_h else photons["height_above_ground"].to_numpy(dtype=np.float64, na_value=np.nan)
    for said, track in by_beam(photons):
        for part in _segments(photons, track, length=length, step=step, first_segments=first_segments):
            kept = part[kinds[part] >= 0]
            if kept.size:
                made = _metrics(heights[kept], above[kept], kinds[kept], binsize)
                found.append({**said, **_place(photons, kept, geoloc), **made})
    return _frame(found, photons)


def _segments(
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
        edges = np.searchsorted(ids, starts), np.searchsorted(ids, starts + _SEGMENTS)
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


def _place(photons: pd.DataFrame, rows: NDArray[Any], geoloc: Geolocation) -> dict[str, Any]:
    names = [name for name in (*_PLACES, "segment_id") if name in photons.columns]
    middle = {name: photons[name].iloc[rows[rows.size // 2]] for name in names}
    if geoloc == "middle":
        return middle
    if geoloc not in ("mean", "median", "center"):
        raise UsageError(f"geoloc is {geoloc!r}; {nearest(geoloc, ('middle', 'mean', 'median', 'center'))}")
    for name in _PLACES:
        if name not in middle:
            continue
        values = photons[name].iloc[rows]
        if name == "longitude" and values.max() - values.min() > 180:
            values = values % 360.0
        found = (values.min() + (values.max() - values.min()) / 2) if geoloc == "center" else getattr(values, geoloc)()
        middle[name] = (found + 180.0) % 360.0 - 180.0 if name == "longitude" else found
    return middle


def _metrics(height: NDArray[Any], above: NDArray[Any], kinds: NDArray[Any], binsize: float | None) -> dict[str, Any]:
    ground = height[kinds == GROUND]
    canopy = above[(kinds == CANOPY) | (kinds == TOP)]
    canopy = canopy[np.isfinite(canopy)]
    found: dict[str, Any] = {
        "n_te_photons": int((kinds == GROUND).sum()), "n_ca_photons": int((kinds == CANOPY).sum()),
        "n_toc_photons": int((kinds == TOP).sum()), "n_seg_ph": int(kinds.size),
    }  # fmt: skip
    for name, value in (("median", np.median), ("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std)):
        found[f"h_te_{name}"] = float(value(ground)) if ground.size else np.nan
    for name, value in (("max", np.max), ("mean", np.mean), ("min", np.min)):
        found[f"h_{name}_canopy"] = float(value(canopy)) if canopy.size else np.nan
    found["canopy_openness"] = float(np.std(canopy)) if canopy.size else np.nan
    shares = [*PERCENTILES, _H_CANOPY]
    if not canopy.size:
        ranks = np.full(len(shares), np.nan)
    elif binsize is None:
        ranks = np.percentile(canopy, shares, method="inverted_cdf")
    else:
        ranks = _binned(np.sort(canopy), shares, binsize)
    return found | {"h_canopy": float(ranks[-1]), "canopy_h_metrics": np.asarray(ranks[:-1])}


def _binned(canopy: NDArray[Any], shares: Sequence[float], binsize: float) -> NDArray[np.float64]:
    """Return the highest photon of the first bin at which a share of the ordered photons is reached."""
    bins = max(1, int(np.ceil((canopy[-1] - canopy[0]) / binsize)))
    place = np.minimum(((canopy - canopy[0]) / binsize).astype(np.int64), bins - 1)
    reached = np.cumsum(np.bincount(place, minlength=bins))
    first = [int(np.flatnonzero(reached / canopy.size * 100.0 >= share)[0]) for share in shares]
    return np.asarray(canopy[reached[first] - 1], dtype=np.float64)


def _frame(rows: Sequence[Mapping[str, Any]], photons: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return rows as points, where they have a place."""
    import geopandas
    import pandas as pd

    table = pd.DataFrame(list(rows))
    has_place = {"longitude", "latitude"} <= set(table.columns)
    points = geopandas.points_from_xy(table["longitude"], table["latitude"]) if has_place else [None] * len(table)
    return geopandas.GeoDataFrame(table, geometry=points, crs=getattr(photons, "crs", None))


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
        for part in _segments(photons, rows, length=length, step=step):
            values = heights[part]
            surfaces = [values]
            if kinds is not None:
                kind = kinds[part]
                surfaces = [values[kind == TOP], values[(kind == CANOPY) | (kind == TOP)], values[kind == GROUND]]
            top = next((values for values in surfaces if values.size >= max(1, cnt)), None)
            ground = surfaces[-1]
            found.append({
                **said, **_place(photons, part, "middle"),
                "top_of_surface": np.nan if top is None else float(np.percentile(top, percentile)),
                "median_ground": float(np.median(ground)) if ground.size >= max(1, cnt) else np.nan,
                "num_photons": int(part.size),
            })  # fmt: skip
    return _frame(found, photons)


def photon_density(
    photons: pd.DataFrame, *, win_x: float = 15.0, win_h: float = 6.0, min_knn: int = 5, segment: float = 20.0
) -> NDArray[np.uint8]:
    """Return a score from 0 to 255 of how many photons lie close to each: YAPC, version 3.

    Args:
        photons: Columns ``height`` and ``x_atc``.
        win_x: Width of the window, metres along the track.
        win_h: Height of the window, metres.
        min_knn: Least number of neighbours that count.
        segment: Length of segments that scores are relative to, metres.

    Returns:
        One score a photon, in the order of the table.

    Raises:
        UsageError: A column is missing, or a window is not positive.
    """
    require(photons, ("height", "x_atc"), "a density")
    if min(win_x, win_h, segment) <= 0 or min_knn < 1:
        raise UsageError("windows and segments have to be more than 0 metres, min_knn at least 1")
    along, height = (photons[name].to_numpy(dtype=np.float64) for name in ("x_atc", "height"))
    scores = np.zeros(len(photons), dtype=np.uint8)
    score = kernels().score_track
    for _, rows in by_beam(photons):
        scores[rows] = score(along[rows], height[rows], win_x, win_h, min_knn, segment)
    return scores
