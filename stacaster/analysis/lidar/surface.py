"""Surface heights from photons: iterated line fits within a shrinking window.

Source: SlideRule's ATL06-SR (SurfaceFitter.cpp, Atl03Parameters.h), after the ATL06 algorithm (Smith et al. 2019,
doi:10.1016/j.rse.2019.111352). Names of parameters and results are SlideRule's.

Decision: equations, order of tests and flags are SlideRule's; heights are those of the segments' centres, where
SlideRule takes the position of the middle photon.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from stacaster.analysis.lidar.groups import TRACK, by_beam, chosen_confidence, gt_of, kernels, require
from stacaster.analysis.lidar.parameters import DEFAULTS, UNCLASSIFIED, SurfaceFit, SurfaceParameters
from stacaster.errors import UsageError
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

__all__ = ["DEFAULTS", "EMPTY", "fit_surface"]

EMPTY = "stacaster:empty"
"""Attribute of a result without rows: why there are none."""

_LOG = logging.getLogger(__name__)
_HALF_LIGHT = 149_896_229.0
_PULSE_RATE = 10_000.0
_SPEED = 7_000.0
_SHIFTED_LONGITUDES = 150.0


@checked
def fit_surface(photons: pd.DataFrame, **parameters: Unpack[SurfaceParameters]) -> gpd.GeoDataFrame:
    """Fit heights of segments along the track.

    Args:
        photons: Columns ``x_atc``, ``height``, ``longitude``, ``latitude``, ``time``; ``confidence``, ``quality``,
            ``podppd_flag``, ``class``, ``y_atc``, ``background`` (counts a second) and ``speed`` (m/s) count where
            they are there.
        **parameters: ``srt`` and ``cnf`` (surface and least confidence), ``quality_ph``, ``podppd`` and ``atl08_class``
            choose photons, ``len``, ``res``, ``ats`` and ``cnt`` make segments, ``maxi``, ``H_min_win`` and
            ``sigma_r_max`` steer the fit, ``pass_invalid`` keeps what fails, ``fields`` fits further columns;
            ``stacaster.analysis.lidar.parameters.SurfaceParameters`` says what they mean.

    Returns:
        One row a segment: ``h_mean``, ``dh_fit_dx``, ``h_sigma``, ``rms_misfit``, ``n_fit_photons``,
        ``w_surface_window_final``, ``pflags`` (1: too short along the track, 2: too few photons, 4: ``maxi`` was
        reached, 8: no quartiles; added), ``x_atc``, ``y_atc``, ``time``, position, granule and beam, ``photon_count``,
        and what the photons have of ``spot``, ``gt`` (10 to 60), ``rgt``, ``cycle``, ``region`` and ``segment_id`` (of
        the 20 m behind the centre, as ATL06 counts). Heights are those of the centres of segments. Segments with fewer
        than ``cnt`` photons or ``ats`` metres are left out. A result without rows is warned of.

    Raises:
        UsageError: A column is missing, or a parameter is not known or has a value that it cannot have.
    """
    import geopandas
    import pandas as pd

    require(photons, ("x_atc", "height", "longitude", "latitude", "time"), "a surface fit")
    fit = SurfaceFit.build(parameters)
    require(photons, fit.fields, "fields of a surface fit")
    reasons: list[str] = []
    kept = photons[_selected(photons, fit, reasons)]
    parts = _fitted(kept, fit)
    rows = pd.concat(parts, ignore_index=True) if parts else _table(np.empty((0, 15)), kept, fit, {}, start=0)
    points = geopandas.points_from_xy(rows["longitude"], rows["latitude"])
    result = geopandas.GeoDataFrame(rows, geometry=points, crs=getattr(photons, "crs", None))
    if not len(result):
        needed = f"a segment needs {fit.cnt} photons over {fit.ats:g} m within {fit.length:g} m"
        reason = f"no segment could be fitted: of {len(photons)} photons {', '.join(reasons)}; {needed}"
        _LOG.warning("%s", reason)
        result.attrs[EMPTY] = reason
    return result


def _fitted(kept: pd.DataFrame, fit: SurfaceFit) -> list[pd.DataFrame]:
    """Return the segments of each beam."""
    limits = np.array([fit.ats, fit.cnt, fit.length, fit.step, fit.maxi, fit.least_window, fit.most_spread,
                       fit.pass_invalid], dtype=np.float64)  # fmt: skip
    track = kernels().fit_track
    times = kept["time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    columns = {name: _column(kept, name, default) for name, default in
               (("height", np.nan), ("longitude", np.nan), ("latitude", np.nan), ("y_atc", 0.0), ("background", 0.0),
                ("speed", _SPEED), ("x_atc", np.nan), *((name, np.nan) for name in fit.fields))}  # fmt: skip
    parts = []
    for shared, rows in by_beam(kept):
        beam = {name: values[rows] for name, values in columns.items()}
        start = int(times[rows[0]])
        lon = beam["longitude"]
        # Near the antimeridian a mean of longitudes needs the other half of the world.
        shift = np.abs(lon).max() > _SHIFTED_LONGITUDES
        lon = np.where(lon < 0, lon + 360.0, lon) if shift else lon
        fields = [beam[name] for name in fit.fields]
        more = np.stack([beam["x_atc"], lon, beam["latitude"], times[rows] - start, beam["y_atc"], *fields], axis=1)
        # Background photons of a metre of height in the pulses of a segment.
        density = fit.length * _PULSE_RATE / beam["speed"] * beam["background"] / _HALF_LIGHT
        values = track(beam["x_atc"], beam["height"], more, density, limits)
        if len(values):
            parts.append(_table(values, kept.iloc[rows], fit, shared, start=start))
    return parts


def _selected(photons: pd.DataFrame, fit: SurfaceFit, reasons: list[str]) -> Any:
    """Return which photons count; ``reasons`` takes how many each condition leaves."""
    keep = np.isfinite(photons["height"].to_numpy(dtype=np.float64, na_value=np.nan))
    reasons.append(f"{int(keep.sum())} have a height")
    tests: list[tuple[str, Any]] = []
    if "confidence" in photons.columns:
        levels = chosen_confidence(photons, fit.surfaces)
        is_list = isinstance(fit.confidence, tuple)
        fits = np.isin(levels, fit.confidence) if is_list else levels >= fit.confidence
        tests.append((f"cnf {'in' if is_list else '>='} {fit.confidence}", fits))
    for name, column, wanted in (("quality_ph", "quality", fit.quality), ("atl08_class", "class", fit.classes)):
        if wanted is not None and column in photons.columns:
            values = photons[column].to_numpy(dtype=np.float64, na_value=-1 if column == "quality" else UNCLASSIFIED)
            tests.append((f"{name} in {wanted}", np.isin(values, wanted)))
        elif column == "class" and wanted is not None:
            raise UsageError("atl08_class needs the column 'class': photons get it when ATL08 is at hand at the ingest")
    if "podppd_flag" in photons.columns:
        flags = photons["podppd_flag"].to_numpy(dtype=np.float64, na_value=0).astype(np.int64)
        # The mask has a bit for each value of the flag: its bits are not those of the flag.
        fits = (flags >= 0) & (flags < 8) & ((1 << np.clip(flags, 0, 7) & fit.pointing) != 0)
        tests.append((f"podppd {fit.pointing}", fits))
    for words, fits in tests:
        keep &= fits
        reasons.append(f"{int(keep.sum())} also {words}")
    return keep


def _column(photons: pd.DataFrame, name: str, default: float) -> Any:
    if name not in photons.columns:
        return np.full(len(photons), default)
    try:
        values = photons[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name!r} is no column of numbers and cannot be fitted") from error
    return values if math.isnan(default) else np.where(np.isfinite(values), values, default)


_NAMES = ("h_mean", "dh_fit_dx", "h_sigma", "rms_misfit", "n_fit_photons", "w_surface_window_final", "pflags", "x_atc",
          "longitude", "latitude", "microseconds", "y_atc")  # fmt: skip


def _table(values: Any, beam: pd.DataFrame, fit: SurfaceFit, shared: dict[str, Any], *, start: int) -> pd.DataFrame:
    """Return the rows of a beam; ``beam`` are its photons in the order of the track."""
    import pandas as pd

    count = len(_NAMES) + (len(fit.fields) if len(values) else 0)
    table = pd.DataFrame(np.asarray(values)[:, :count], columns=[*_NAMES, *fit.fields][:count])
    begin, end, middle = (np.asarray(values)[:, -place].astype(np.int64) for place in (3, 2, 1))
    times = (start + np.round(table.pop("microseconds").to_numpy())).astype("int64")
    table.insert(0, "time", pd.to_datetime(times, unit="us", utc=True).as_unit("us"))
    for position, (name, value) in enumerate(shared.items()):
        table.insert(position, name, value)
    table["photon_count"] = (end - begin).astype(np.int32)
    for name in TRACK:
        if name in beam.columns and name not in table.columns:
            table[name] = beam[name].iloc[middle].to_numpy()
    if "beam" in table.columns:
        table["gt"] = gt_of(table["beam"])
    # Of longitudes that were moved to the other half of the world.
    table["longitude"] = np.where(table["longitude"] > 180.0, table["longitude"] - 360.0, table["longitude"])
    return table.astype({"n_fit_photons": "int32", "pflags": "int16"})
