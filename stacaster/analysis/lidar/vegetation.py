"""Vegetation and terrain of segments, from classified photons.

Sources: ATL08 product (percentiles are those of the nearest rank, canopy statistics of classes 2 and 3, scatter of the
population), verified on a real granule; SlideRule's PhoREAL for parameters and names.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from stacaster.analysis.lidar.groups import by_beam, require
from stacaster.analysis.lidar.segments import CANOPY, GROUND, TOP, Geolocation, frame_of, place_of, segments_of
from stacaster.analysis.lidar.surface import EMPTY
from stacaster.errors import UsageError, nearest
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

PERCENTILES = tuple(range(10, 100, 5))
"""Those of ``canopy_h_metrics``, per cent."""

FIELDS = ("landcover", "snowcover", "solar_elevation")
"""Columns of photons that segments get without asking: the value that most of their photons have."""

_LOG = logging.getLogger(__name__)
_H_CANOPY = 98


class VegetationParameters(TypedDict, total=False):
    """Options of ``vegetation_metrics``."""

    length: float
    """Length of segments along the track, m (default 100)."""
    len: float
    """The same as ``length``, as SlideRule calls it."""
    step: float | None
    """From one segment to the next, m (default ``length``)."""
    res: float | None
    """The same as ``step``, as SlideRule calls it."""
    first_segments: Sequence[int] | None
    """First 20 m segment of each segment of five (``segment_id_beg`` of ATL08) in place of ``length``."""
    geoloc: Geolocation
    """Place and time of a segment: ``middle`` (its middle photon, default), ``mean``, ``median``, ``center``."""
    use_abs_h: bool
    """Heights of the canopy above the ellipsoid instead of above the ground."""
    binsize: float | None
    """Percentiles from a histogram of so many metres, as PhoREAL does; by default from the photons, as ATL08 does."""
    fields: Sequence[str]
    """Further columns of the photons: the value that most photons of a segment have; with ``%`` behind the name, their
    mean."""


_DEFAULTS: Mapping[str, Any] = {
    "length": 100.0, "step": None, "first_segments": None, "geoloc": "middle", "use_abs_h": False, "binsize": None,
    "fields": (),
}  # fmt: skip
_ALIASES = {"len": "length", "res": "step"}


@checked
def vegetation_metrics(photons: pd.DataFrame, **parameters: Unpack[VegetationParameters]) -> gpd.GeoDataFrame:
    """Return terrain and canopy of segments from classified photons.

    Args:
        photons: Columns ``class``, ``height``, ``height_above_ground``, ``x_atc``, ``longitude``, ``latitude``,
            ``time``; ``segment_id`` with ``first_segments``.
        **parameters: ``length`` (``len``) and ``step`` (``res``) of segments in metres or ``first_segments``;
            ``geoloc``, ``use_abs_h``, ``binsize``, and ``fields``, further columns; ``VegetationParameters`` says what
            they mean.

    Returns:
        One row a segment with a classified photon: ``n_te_photons``, ``n_ca_photons``, ``n_toc_photons``,
        ``n_seg_ph`` (classified), ``ground_photon_count``, ``vegetation_photon_count`` (canopy and its top),
        ``h_te_median``, ``h_te_mean``, ``h_te_min``, ``h_te_max``, ``h_te_std``, ``h_canopy`` (98 %),
        ``h_max_canopy``, ``h_mean_canopy``, ``h_min_canopy``, ``canopy_openness``, ``canopy_h_metrics`` (10 to 95 %),
        position and time; NaN where there is no such photon. ``spot``, ``gt``, ``rgt``, ``cycle``, ``region``,
        ``segment_id``, ``landcover``, ``snowcover`` and ``solar_elevation`` where the photons have them. A result
        without rows is warned of.

    Raises:
        UsageError: A column is missing (photons have classes when ATL08 lay beside ATL03 at the ingest), or an argument
            is wrong.
    """
    given = _checked(parameters)
    require(photons, ("class", "height", "height_above_ground", "x_atc"), "vegetation")
    if given["first_segments"] is not None:
        require(photons, ("segment_id",), "vegetation by segments")
    wanted = [name for name in given["fields"] if name not in FIELDS]
    require(photons, [name.removesuffix("%") for name in wanted], "fields of vegetation")
    wanted = [*(name for name in FIELDS if name in photons.columns), *wanted]
    segments = {name: given[name] for name in ("length", "step", "first_segments")}
    rows = []
    kinds = photons["class"].to_numpy(dtype=np.float64, na_value=-1)
    heights = photons["height"].to_numpy(dtype=np.float64, na_value=np.nan)
    column = "height" if given["use_abs_h"] else "height_above_ground"
    above = photons[column].to_numpy(dtype=np.float64, na_value=np.nan)
    for shared, track in by_beam(photons):
        for part in segments_of(photons, track, **segments):
            kept = part[kinds[part] >= 0]
            if kept.size:
                metrics = _metrics(heights[kept], above[kept], kinds[kept], given["binsize"])
                fields = {name: _field(photons, name, kept) for name in wanted}
                rows.append({**shared, **place_of(photons, kept, given["geoloc"]), **metrics, **fields})
    result = frame_of(rows, photons)
    if not rows:
        reason = f"none of {len(photons)} photons has a class of ATL08"
        _LOG.warning("%s", reason)
        result.attrs[EMPTY] = reason
    return result


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for name, value in given.items():
        key = _ALIASES.get(name, name)
        if key not in _DEFAULTS:
            raise UsageError(f"vegetation has no parameter {name!r}; {nearest(name, sorted(_DEFAULTS))}")
        if key in own:
            raise UsageError(f"{name} and another name of {key} are given; give one of them")
        own[key] = value
    found = {**_DEFAULTS, **own}
    for name in ("length", "step", "binsize"):
        value = found[name]
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if value is not None and not (is_number and value > 0):
            raise UsageError(f"{name} is {value!r}, but metres above 0 are needed")
    if isinstance(found["fields"], str):
        found["fields"] = (found["fields"],)
    return found


def _field(photons: pd.DataFrame, name: str, rows: NDArray[Any]) -> Any:
    """Return the value that most photons have, of several the smallest; with % the mean of those that have one."""
    values = photons[name.removesuffix("%")].iloc[rows].dropna()
    if not len(values):
        return np.nan
    if name.endswith("%"):
        return float(values.astype(np.float64).mean())
    return values.mode().iloc[0]


def _metrics(height: NDArray[Any], above: NDArray[Any], kinds: NDArray[Any], binsize: float | None) -> dict[str, Any]:
    ground = height[kinds == GROUND]
    canopy = above[(kinds == CANOPY) | (kinds == TOP)]
    canopy = canopy[np.isfinite(canopy)]
    metrics: dict[str, Any] = {
        "n_te_photons": int((kinds == GROUND).sum()), "n_ca_photons": int((kinds == CANOPY).sum()),
        "n_toc_photons": int((kinds == TOP).sum()), "n_seg_ph": int(kinds.size),
        "ground_photon_count": int((kinds == GROUND).sum()),
        "vegetation_photon_count": int(((kinds == CANOPY) | (kinds == TOP)).sum()),
    }  # fmt: skip
    for name, value in (("median", np.median), ("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std)):
        metrics[f"h_te_{name}"] = float(value(ground)) if ground.size else np.nan
    for name, value in (("max", np.max), ("mean", np.mean), ("min", np.min)):
        metrics[f"h_{name}_canopy"] = float(value(canopy)) if canopy.size else np.nan
    metrics["canopy_openness"] = float(np.std(canopy)) if canopy.size else np.nan
    shares = [*PERCENTILES, _H_CANOPY]
    if not canopy.size:
        ranks = np.full(len(shares), np.nan)
    elif binsize is None:
        ranks = np.percentile(canopy, shares, method="inverted_cdf")
    else:
        ranks = _binned(np.sort(canopy), shares, binsize)
    return metrics | {"h_canopy": float(ranks[-1]), "canopy_h_metrics": np.asarray(ranks[:-1])}


def _binned(canopy: NDArray[Any], shares: Sequence[float], binsize: float) -> NDArray[np.float64]:
    """Return the highest photon of the first bin at which a share of the ordered photons is reached."""
    bins = max(1, int(np.ceil((canopy[-1] - canopy[0]) / binsize)))
    place = np.minimum(((canopy - canopy[0]) / binsize).astype(np.int64), bins - 1)
    reached = np.cumsum(np.bincount(place, minlength=bins))
    first = [int(np.flatnonzero(reached / canopy.size * 100.0 >= share)[0]) for share in shares]
    return np.asarray(canopy[reached[first] - 1], dtype=np.float64)
