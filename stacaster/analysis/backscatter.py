"""Backscatter: decibels, means and ratios of linear power. Pure functions of arrays, xarray included.

Decibels are a scale for looking: speckle and sums live in power. Means and ratios are therefore taken in power and
expressed in decibels afterwards; the mean of decibels would be too small by some decibels.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import xarray as xr

DECIBELS = "dB"
"""Unit that bands in decibels say they have."""


@checked
def decibels(power: Any) -> Any:
    """Return 10 log10 of linear power; NaN where that is not positive.

    Args:
        power: Number, array, DataArray or Dataset.
    """
    import xarray as xr

    if isinstance(power, (xr.DataArray, xr.Dataset)):
        # Positive numbers only, so that no warning of a logarithm is printed.
        found = 10 * np.log10(power.where(power > 0))
        return _said(found, power, DECIBELS)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(power) > 0, 10 * np.log10(power), np.nan)


@checked
def power(values: Any) -> Any:
    """Return linear power of decibels.

    Args:
        values: Number, array, DataArray or Dataset.
    """
    import xarray as xr

    found = 10 ** (values / 10)
    return _said(found, values, "1") if isinstance(values, (xr.DataArray, xr.Dataset)) else found


@checked
def mean_decibels(power: Any, dim: str | Sequence[Hashable] | None = None) -> Any:
    """Return the mean over dimensions, taken in power, in decibels.

    Args:
        power: DataArray or Dataset with linear power.
        dim: Dimensions such as ``time`` or ``("y", "x")``; None takes all.

    Raises:
        UsageError: The values are decibels already.
    """
    return decibels(_in_power(power).mean(dim, keep_attrs=True))


@checked
def ratio(
    cube: xr.Dataset, numerator: str, denominator: str, *, dim: str | Sequence[Hashable] | None = None
) -> xr.DataArray:
    """Return the ratio of two bands in power: of their means over dimensions, or pixel by pixel.

    Args:
        cube: Dataset with linear power.
        numerator: Name of a band, ``HVHV``.
        denominator: Name of a band, ``HHHH``.
        dim: Dimensions over which the means are taken first.

    Raises:
        UsageError: There is no such band, or it is in decibels.
    """
    missing = [name for name in (numerator, denominator) if name not in cube.data_vars]
    if missing:
        raise UsageError(f"the cube has no band {missing[0]!r}; there are {', '.join(map(str, cube.data_vars))}")
    above, below = (_in_power(cube[name]) for name in (numerator, denominator))
    if dim is not None:
        # Where one has no value, the other must not count either.
        both = above.notnull() & below.notnull()
        above, below = (band.where(both).mean(dim) for band in (above, below))
    found: xr.DataArray = (above / below.where(below > 0)).rename(f"{numerator}_{denominator}")
    found.attrs = {"units": "1", "long_name": f"ratio of {numerator} to {denominator}, in power"}
    return found


def _in_power(values: Any) -> Any:
    bands = values.data_vars.values() if hasattr(values, "data_vars") else [values]
    if any(band.attrs.get("units") == DECIBELS for band in bands):
        raise UsageError("the values are decibels, whose means mean nothing; load linear power (units='gamma0')")
    return values


def _said(found: Any, given: Any, unit: str) -> Any:
    """Return a result with the attributes of what it was made from, and its own unit."""
    import xarray as xr

    if isinstance(found, xr.Dataset):
        for name in found.data_vars:
            found[name].attrs = {**given[name].attrs, "units": unit}
        found.attrs = dict(given.attrs)
    else:
        found.attrs = {**given.attrs, "units": unit}
    return found
