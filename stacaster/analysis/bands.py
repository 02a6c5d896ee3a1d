"""What indices, composites and time series share: which variables are bands, dead SWIR, periods of time.

Decision: dead SWIR is dropped where bands are combined (indices, composites, series), by asset key and time, whatever
loaded the cube.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import LoadError, UsageError
from stacaster.instruments.aster import BANDS, SWIR_CUTOFF
from stacaster.model.values import read_choice

if TYPE_CHECKING:
    from collections.abc import Container

    import xarray as xr
    from numpy.typing import NDArray

SWIR_BANDS = frozenset(band.name for band in BANDS if band.group == "SWIR")
"""Asset keys of ASTER's SWIR bands."""

# ASTER's bands under the common names of STAC, both ways.
_COMMON = {"green": "B01", "red": "B02", "nir": "B03N", "swir16": "B04"}
_SAME = _COMMON | {key: name for name, key in _COMMON.items()}

BESIDE = ("n_obs", "source", "date")
"""Variables that stand beside the bands of a cube."""

_PERIODS = {"day": "D", "month": "M", "season": "Q-NOV", "year": "Y"}
_OTHER_PERIODS = {"daily": "day", "monthly": "month", "seasonal": "season", "yearly": "year", "annual": "year"}


def find_band(names: Container[Any], band: str) -> str | None:
    """Return the name under which a cube has a band, its asset key or its common name; None where it has none."""
    return next((name for name in (band, _SAME.get(band, band)) if name in names), None)


def as_cube(value: Any, name: str = "cube") -> xr.Dataset:
    """Return a cube as a Dataset: of a DataArray its only variable, or one a band where it has such a dimension.

    Args:
        value: Dataset, or DataArray such as ``compute_index`` gives.
        name: Name of the argument, for messages.

    Raises:
        UsageError: It is neither.
    """
    import xarray as xr

    if isinstance(value, xr.Dataset):
        return value
    if isinstance(value, xr.DataArray):
        for dimension in ("band", "variable"):
            if dimension in value.dims and dimension in value.coords:
                names = [str(entry) for entry in value[dimension].values]
                if len(set(names)) == len(names):
                    parts = {entry: value.isel({dimension: place}, drop=True) for place, entry in enumerate(names)}
                    return xr.Dataset(parts)
        return value.to_dataset(name=str(value.name or "values"))
    raise UsageError(
        f"{name} is a {type(value).__name__}, but a cube (xarray Dataset or DataArray), as load gives it, is needed"
    )


def band_variables(cube: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the bands of a cube, without what stands beside them (``source``, ``n_obs``).

    Raises:
        LoadError: There is none with a dimension ``time``.
    """
    found = {
        str(name): band
        for name, band in cube.data_vars.items()
        if name not in (*BESIDE, "spatial_ref") and band.dtype.kind in "fiu"
    }
    if not found or any("time" not in band.dims for band in found.values()):
        raise LoadError("a cube with bands of dimensions (time, y, x) is needed")
    return found


def code_bands(cube: xr.Dataset) -> list[str]:
    """Return the bands that hold codes of classes or bits, as ``load`` notes it in ``kind``, or as CF flags say it."""
    return [
        str(name) for name, band in cube.data_vars.items()
        if band.attrs.get("kind") in ("class", "bitfield") or "flag_values" in band.attrs
    ]  # fmt: skip


def refuse_codes(cube: xr.Dataset, what: str, instead: str) -> None:
    """Refuse to average codes.

    Args:
        cube: The cube.
        what: What was asked for.
        instead: What can be done with codes.

    Raises:
        UsageError: A band holds codes.
    """
    codes = code_bands(cube)
    if codes:
        raise UsageError(f"{', '.join(codes)}: codes of classes have no {what}; {instead}, or leave these bands out")


def is_aster_swir(name: str, band: xr.DataArray) -> bool:
    """Tell whether a band is one of ASTER's SWIR: by the asset and sensor that ``load`` notes, else by its name."""
    sensor = band.attrs.get("sensor")
    return band.attrs.get("asset", name) in SWIR_BANDS and (sensor is None or "aster" in str(sensor))


def drop_dead_swir(band: xr.DataArray) -> xr.DataArray:
    """Return a float array with NaN from ``SWIR_CUTOFF`` on, when ASTER's SWIR detectors were too warm."""
    if "time" not in band.dims:
        return band
    is_alive = band["time"] < np.datetime64(SWIR_CUTOFF.replace(tzinfo=None))
    if bool(is_alive.all()):
        return band
    if "sensor" not in band.attrs:
        warnings.warn(
            f"{band.name} is taken for SWIR of ASTER, which is left out from {SWIR_CUTOFF:%Y-%m-%d} on; "
            "if it is of another sensor, say so: cube[band].attrs['sensor'] = 'msi'",
            stacklevel=3,
        )
    return band.where(is_alive)


def clean_bands(cube: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Return the bands of a cube as float32, with NaN for no data and for ASTER's SWIR from ``SWIR_CUTOFF`` on.

    Raises:
        LoadError: There is no band with a dimension ``time``.
        UsageError: It is no cube.
    """
    cube = as_cube(cube)
    changed = {}
    for name, band in band_variables(cube).items():
        attrs = dict(band.attrs)
        nodata = attrs.pop("nodata", None)
        values = band.astype(np.float32)
        if nodata is not None and not np.isnan(nodata):
            values = values.where(band != nodata)
        values.attrs = attrs
        values = drop_dead_swir(values) if is_aster_swir(name, band) else values
        values.attrs = attrs
        changed[name] = values
    return cube[list(changed)].assign(changed)


def period_starts(times: NDArray[Any], period: str) -> NDArray[Any]:
    """Return the first moment of the period of each time.

    Args:
        times: Times.
        period: ``day``, ``month``, ``season`` (from December on) or ``year``.

    Raises:
        UsageError: There is no such period.
    """
    import pandas as pd

    period = read_choice("period", period, _PERIODS, aliases=_OTHER_PERIODS)
    return np.asarray(pd.DatetimeIndex(times).to_period(_PERIODS[period]).start_time.values)
