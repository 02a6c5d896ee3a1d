"""Surface heights from photons: iterated line fits within a shrinking window.

Source: SlideRule's ATL06-SR (SurfaceFitter.cpp, Atl03Parameters.h), after the ATL06 algorithm (Smith et al. 2019,
doi:10.1016/j.rse.2019.111352). Names of parameters and results are SlideRule's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.lidar.groups import by_beam, chosen_confidence, kernels, require
from stacaster.errors import UsageError, nearest

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

DEFAULTS = {
    "srt": -1, "cnf": 2, "quality": 0, "ats": 20.0, "cnt": 10, "len": 40.0, "res": 20.0, "maxi": 5, "H_min_win": 3.0,
    "sigma_r_max": 5.0, "podppd_mask": 1,
}  # fmt: skip
"""SlideRule's defaults: surface (0 land, 1 ocean, 2 sea ice, 3 land ice, 4 inland water, several of them, -1: the most
confident), confidence (at least; or several), quality (one or several), least along-track span in metres, least number
of photons, length and step of segments in metres, iterations, least window in metres, largest robust spread in metres,
bits of ``podppd_flag`` that leave photons out (degraded pointing or orbit)."""

_SURFACES = 5

_HALF_LIGHT = 149_896_229.0
_PULSE_RATE = 10_000.0
_SPEED = 7_000.0
_SHIFTED_LONGITUDES = 150.0


def fit_surface(photons: pd.DataFrame, **parameters: Any) -> gpd.GeoDataFrame:
    """Fit heights of segments along the track.

    Args:
        photons: Columns ``x_atc``, ``height``, ``longitude``, ``latitude``, ``time``; ``confidence``, ``quality``,
            ``podppd_flag``, ``y_atc``, ``background`` (counts a second) and ``speed`` (m/s) count where they are there.
        **parameters: ``srt``, ``cnf``, ``quality``, ``ats``, ``cnt``, ``len``, ``res``, ``maxi``, ``H_min_win``,
            ``sigma_r_max``, ``podppd_mask``; ``stacaster.analysis.lidar.surface.DEFAULTS`` says what they mean.

    Returns:
        One row a segment: ``h_mean``, ``dh_fit_dx``, ``h_sigma``, ``rms_misfit``, ``n_fit_photons``,
        ``w_surface_window_final``, ``pflags`` (1: too short along the track, 2: too few photons, 4: ``maxi`` was
        reached, 8: no quartiles; added), ``x_atc``, ``y_atc``, ``time``, position, and granule and beam. Heights are
        those of the centres of segments. Segments with fewer than ``cnt`` photons or ``ats`` metres are left out.

    Raises:
        UsageError: A column is missing, or a parameter is not known.
    """
    import geopandas
    import pandas as pd

    require(photons, ("x_atc", "height", "longitude", "latitude", "time"), "a surface fit")
    wanted = _parameters(parameters)
    kept = photons[_is_good(photons, wanted)]
    length = np.array([wanted[name] for name in ("ats", "cnt", "len", "res", "maxi", "H_min_win", "sigma_r_max")])
    track = kernels().fit_track
    parts = []
    times = kept["time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    columns = {name: _column(kept, name, default) for name, default in
               (("height", np.nan), ("longitude", np.nan), ("latitude", np.nan), ("y_atc", 0.0), ("background", 0.0),
                ("speed", _SPEED), ("x_atc", np.nan))}  # fmt: skip
    for said, rows in by_beam(kept):
        beam = {name: values[rows] for name, values in columns.items()}
        start = times[rows[0]]
        lon = beam["longitude"]
        # Near the antimeridian a mean of longitudes needs the other half of the world.
        shift = np.abs(lon).max() > _SHIFTED_LONGITUDES
        lon = np.where(lon < 0, lon + 360.0, lon) if shift else lon
        more = np.stack([beam["x_atc"], lon, beam["latitude"], times[rows] - start, beam["y_atc"]], axis=1)
        # Background photons of a metre of height in the pulses of a segment.
        density = wanted["len"] * _PULSE_RATE / beam["speed"] * beam["background"] / _HALF_LIGHT
        found = track(beam["x_atc"], beam["height"], more, density, length)
        if len(found):
            parts.append(_table(found, start, said, shifted=bool(shift)))
    made = pd.concat(parts, ignore_index=True) if parts else _table(np.empty((0, 12)), 0, {}, shifted=False)
    points = geopandas.points_from_xy(made["longitude"], made["latitude"])
    return geopandas.GeoDataFrame(made, geometry=points, crs=getattr(photons, "crs", None))


def _parameters(given: dict[str, Any]) -> dict[str, float]:
    for name in given:
        if name not in DEFAULTS:
            raise UsageError(f"a surface fit has no parameter {name!r}; {nearest(name, sorted(DEFAULTS))}")
    found: dict[str, Any] = {**DEFAULTS, **given}
    surfaces = np.ravel(found["srt"])
    if found["srt"] != -1 and not np.isin(surfaces, np.arange(_SURFACES)).all():
        raise UsageError(f"srt is {found['srt']!r}, but -1 or some of 0 to {_SURFACES - 1} are needed")
    if found["len"] <= 0 or found["res"] <= 0 or found["cnt"] < 2 or found["maxi"] < 1:
        raise UsageError("len and res have to be more than 0 metres, cnt at least 2, maxi at least 1")
    return found


def _is_good(photons: pd.DataFrame, wanted: dict[str, Any]) -> Any:
    keep = np.isfinite(photons["height"].to_numpy(dtype=np.float64))
    if "confidence" in photons.columns:
        found = chosen_confidence(photons, None if wanted["srt"] == -1 else wanted["srt"])
        keep &= found >= wanted["cnf"] if np.ndim(wanted["cnf"]) == 0 else np.isin(found, wanted["cnf"])
    if "quality" in photons.columns:
        keep &= np.isin(photons["quality"].to_numpy(dtype=np.float64, na_value=-1), wanted["quality"])
    if "podppd_flag" in photons.columns:
        flags = photons["podppd_flag"].to_numpy(dtype=np.float64, na_value=0).astype(np.int64)
        keep &= (flags & int(wanted["podppd_mask"])) == 0
    return keep


def _column(photons: pd.DataFrame, name: str, default: float) -> Any:
    if name not in photons.columns:
        return np.full(len(photons), default)
    values = photons[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values if math.isnan(default) else np.where(np.isfinite(values), values, default)


_NAMES = ("h_mean", "dh_fit_dx", "h_sigma", "rms_misfit", "n_fit_photons", "w_surface_window_final", "pflags", "x_atc",
          "longitude", "latitude", "microseconds", "y_atc")  # fmt: skip


def _table(found: Any, start: int, said: dict[str, Any], *, shifted: bool) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(np.asarray(found), columns=list(_NAMES))
    moments = (start + np.round(table.pop("microseconds").to_numpy())).astype("int64")
    table.insert(0, "time", pd.to_datetime(moments, unit="us", utc=True).as_unit("us"))
    for place, (name, value) in enumerate(said.items()):
        table.insert(place, name, value)
    if shifted:
        table["longitude"] = (table["longitude"] + 180.0) % 360.0 - 180.0
    return table.astype({"n_fit_photons": "int32", "pflags": "int16"})
