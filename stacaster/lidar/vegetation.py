"""Vegetation and terrain of segments, densities around photons, and a blanket over all surfaces.

Sources: ATL08 product (percentiles are those of the nearest rank, canopy statistics of classes 2 and 3, scatter of the
population), verified on a real granule; SlideRule's PhoReal, YAPC version 3 and SurfaceBlanket for parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.lidar.groups import by_beam, kernels, require

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

GROUND, CANOPY, TOP = 1, 2, 3
"""Classes of ATL08."""

PERCENTILES = tuple(range(10, 100, 5))
"""Those of ``canopy_h_metrics``, per cent."""

_SEGMENTS = 5


def vegetation_metrics(
    photons: pd.DataFrame, *, length: float = 100.0, first_segments: Sequence[int] | None = None
) -> pd.DataFrame:
    """Return terrain and canopy of segments from classified photons.

    Args:
        photons: Columns ``class``, ``height``, ``height_above_ground``, ``x_atc``, ``longitude``, ``latitude``,
            ``time``; ``segment_id`` with ``first_segments``.
        length: Length of segments along the track, metres.
        first_segments: First 20 m segment of each segment of five (``segment_id_beg`` of ATL08) in place of ``length``.

    Returns:
        One row a segment with a classified photon: ``n_te_photons``, ``n_ca_photons``, ``n_toc_photons``,
        ``n_seg_ph`` (classified), ``h_te_median``, ``h_te_mean``, ``h_te_min``, ``h_te_max``, ``h_te_std``,
        ``h_canopy`` (98 %), ``h_max_canopy``, ``h_mean_canopy``, ``h_min_canopy``, ``canopy_openness``,
        ``canopy_h_metrics`` (10 to 95 %), position and time.

    Raises:
        UsageError: A column is missing; photons have classes when ATL08 lay beside ATL03 at the ingest.
    """
    import pandas as pd

    require(photons, ("class", "height", "height_above_ground", "x_atc"), "vegetation")
    if first_segments is not None:
        require(photons, ("segment_id",), "vegetation by segments")
    rows_found = []
    kinds = photons["class"].to_numpy(dtype=np.float64, na_value=-1)
    for said, track in by_beam(photons):
        group = _segments(photons, track, length, first_segments)
        rows, group = track[group >= 0], group[group >= 0]
        order = np.argsort(group, kind="stable")
        for part in np.split(rows[order], np.flatnonzero(np.diff(group[order])) + 1):
            kept = part[kinds[part] >= 0]
            if kept.size:
                rows_found.append({**said, **_place(photons, kept), **_metrics(photons, kept, kinds[kept])})
    return pd.DataFrame(rows_found)


def _segments(
    photons: pd.DataFrame, rows: NDArray[Any], length: float, first_segments: Sequence[int] | None
) -> NDArray[np.int64]:
    if first_segments is None:
        along = photons["x_atc"].to_numpy(dtype=np.float64)[rows]
        return np.floor((along - along[0]) / length).astype(np.int64) if along.size else np.empty(0, np.int64)
    starts = np.sort(np.asarray(first_segments, dtype=np.int64))
    ids = photons["segment_id"].to_numpy(dtype=np.float64, na_value=-1)[rows].astype(np.int64)
    place = np.searchsorted(starts, ids, side="right") - 1
    return np.where((place >= 0) & (ids - starts[np.maximum(place, 0)] < _SEGMENTS), place, -1)


def _place(photons: pd.DataFrame, rows: NDArray[Any]) -> dict[str, Any]:
    middle = rows[rows.size // 2]
    names = [name for name in ("time", "longitude", "latitude", "x_atc", "segment_id") if name in photons.columns]
    return {name: photons[name].iloc[middle] for name in names}


def _metrics(photons: pd.DataFrame, rows: NDArray[Any], kinds: NDArray[Any]) -> dict[str, Any]:
    height = photons["height"].to_numpy(dtype=np.float64)[rows]
    above = photons["height_above_ground"].to_numpy(dtype=np.float64, na_value=np.nan)[rows]
    ground = height[kinds == GROUND]
    canopy = above[(kinds == CANOPY) | (kinds == TOP)]
    found: dict[str, Any] = {
        "n_te_photons": int((kinds == GROUND).sum()), "n_ca_photons": int((kinds == CANOPY).sum()),
        "n_toc_photons": int((kinds == TOP).sum()), "n_seg_ph": int(rows.size),
    }  # fmt: skip
    for name, value in (("median", np.median), ("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std)):
        found[f"h_te_{name}"] = float(value(ground)) if ground.size else np.nan
    for name, value in (("max", np.max), ("mean", np.mean), ("min", np.min)):
        found[f"h_{name}_canopy"] = float(value(canopy)) if canopy.size else np.nan
    found["canopy_openness"] = float(np.std(canopy)) if canopy.size else np.nan
    ranks = np.percentile(canopy, [98, *PERCENTILES], method="inverted_cdf") if canopy.size else np.full(19, np.nan)
    return found | {"h_canopy": float(ranks[0]), "canopy_h_metrics": ranks[1:]}


def surface_blanket(photons: pd.DataFrame, *, length: float = 20.0) -> pd.DataFrame:
    """Return the top of all surfaces and the ground of segments, without classes.

    Args:
        photons: Columns ``height`` and ``x_atc``; choose those with a signal before.
        length: Length of segments, metres.

    Returns:
        One row a segment: ``top_of_surface`` (98 %, interpolated), ``median_ground``, ``num_photons``, position, time.

    Raises:
        UsageError: A column is missing.
    """
    import pandas as pd

    require(photons, ("height", "x_atc"), "a surface blanket")
    height = photons["height"].to_numpy(dtype=np.float64)
    found = []
    for said, rows in by_beam(photons):
        group = _segments(photons, rows, length, None)
        for part in np.split(rows, np.flatnonzero(np.diff(group)) + 1):
            values = height[part]
            found.append({
                **said, **_place(photons, part), "top_of_surface": float(np.percentile(values, 98)),
                "median_ground": float(np.median(values)), "num_photons": int(part.size),
            })  # fmt: skip
    return pd.DataFrame(found)


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
