"""Temperature and emissivity of the surface from the radiance that leaves it: TES, and comparison of cubes.

Source: Gillespie, Rokugawa, Matsunaga, Cothern, Hook and Kahle (1998), doi:10.1109/36.700995: the modules NEM
(normalised emissivity), RATIO and MMD (largest minus smallest ratio), with the regression of 86 laboratory spectra.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import BESIDE, as_cube
from stacaster.errors import LoadError
from stacaster.instruments.radiometry import WAVELENGTHS, planck_radiance, planck_temperature
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

TIR = tuple(WAVELENGTHS)
"""Bands, B10 to B14."""

MMD_COEFFICIENTS = (0.994, 0.687, 0.737)
"""Smallest emissivity = a - b * MMD ** c (Gillespie et al. 1998)."""

FIRST_EMISSIVITY = 0.99
"""Largest emissivity that NEM assumes first: vegetation, water, snow."""

ROCK_EMISSIVITY = 0.96
"""Largest emissivity of rocks and soils, whose spectra vary more than ``_VARIANCE``."""

_WIDTHS = (0.01, 0.002, 0.0005)
_TRIED = (0.92, 0.95, 0.97, 0.99)
_VARIANCE = 1.7e-4
_TOLERANCE = 1e-6
_MAX_ITERATIONS = 12
_REFINEMENTS = 4
_GREY = 0.001

_NAMES = {"temperature": "SKT"}


def separate(
    radiance: NDArray[Any], sky_irradiance: NDArray[Any], *, wavelengths: NDArray[Any] | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Separate temperature and emissivity.

    Args:
        radiance: That leaves the surface, W m-2 sr-1 um-1, shape (bands, ...).
        sky_irradiance: From the sky, W m-2 um-1, of the same shape.
        wavelengths: Of the bands, micrometres; None takes those of ASTER.

    Returns:
        Temperature in kelvin, shape (...); emissivity, shape (bands, ...); MMD, shape (...). NaN where a band is
        missing, and where no emissivity between 0 and 1 explains the radiance.
    """
    lengths = np.array(list(WAVELENGTHS.values())) if wavelengths is None else np.asarray(wavelengths)
    shape = (-1,) + (1,) * (radiance.ndim - 1)
    wave = lengths.reshape(shape)
    leaving, sky = np.asarray(radiance, dtype="float64"), np.asarray(sky_irradiance, dtype="float64") / math.pi
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        emissivity, variance = _normalised(leaving, sky, wave, FIRST_EMISSIVITY)
        # Flat spectra: the assumed emissivity that makes them flattest, on a parabola through four of them.
        is_rock = variance > _VARIANCE
        best = np.where(is_rock, ROCK_EMISSIVITY, _flattest(leaving, sky, wave))
        emissivity, _ = _normalised(leaving, sky, wave, best)
        emissivity, mmd = _scaled(emissivity)
        kelvin = _temperature(leaving - (1 - emissivity) * sky, emissivity, wave)
        for _ in range(_REFINEMENTS):
            # The sky is removed once more with what is known now, as section IV-C of the paper has it.
            again, contrast = _scaled((leaving - (1 - emissivity) * sky) / planck_radiance(kelvin, wavelength=wave))
            # The slope of the regression is infinite at 0: there a step would lead away from a grey body.
            is_varied = mmd > _GREY
            emissivity, mmd = np.where(is_varied, again, emissivity), np.where(is_varied, contrast, mmd)
            kelvin = _temperature(leaving - (1 - emissivity) * sky, emissivity, wave)
        is_real = np.isfinite(kelvin) & (emissivity.min(axis=0) > 0) & (emissivity.max(axis=0) <= 1 + 0.05)
    return (
        np.where(is_real, kelvin, np.nan),
        np.where(is_real, emissivity, np.nan),
        np.where(is_real, mmd, np.nan),
    )


def _scaled(emissivity: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return emissivities whose smallest is that of the regression, and MMD."""
    ratio = emissivity / emissivity.mean(axis=0)
    mmd = ratio.max(axis=0) - ratio.min(axis=0)
    a, b, c = MMD_COEFFICIENTS
    return ratio * (a - b * mmd**c) / ratio.min(axis=0), mmd


def _temperature(emitted: NDArray[Any], emissivity: Any, wave: NDArray[Any]) -> NDArray[Any]:
    """Return the temperature in the band of the largest emissivity, where the sky matters least."""
    each = planck_temperature(emitted / emissivity, wavelength=wave)
    place = np.where(np.isfinite(emissivity), emissivity, -1.0).argmax(axis=0)
    return np.asarray(np.take_along_axis(each, place[None], axis=0)[0])


def _normalised(
    leaving: NDArray[Any], sky: NDArray[Any], wave: NDArray[Any], largest: Any
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return emissivities of NEM and their variance over the bands, the reflected sky removed step by step."""
    emissivity = np.broadcast_to(np.asarray(largest, dtype="float64"), leaving.shape)
    found = emissivity
    for _ in range(_MAX_ITERATIONS):
        emitted = leaving - (1 - found) * sky
        kelvin = planck_temperature(emitted / emissivity, wavelength=wave).max(axis=0)
        new = emitted / planck_radiance(kelvin, wavelength=wave)
        change = np.nanmax(np.abs(new - found)) if np.isfinite(new).any() else 0.0
        found = new
        if change < _TOLERANCE:
            break
    return found, found.var(axis=0)


def _flattest(leaving: NDArray[Any], sky: NDArray[Any], wave: NDArray[Any]) -> NDArray[Any]:
    """Return the assumed emissivity at which the variance over the bands is smallest.

    A parabola through the four values of the paper finds it; narrower ones correct it, as the variance is no parabola.
    """
    tried = np.array(_TRIED)
    # By least squares: v = p e^2 + q e + r, smallest at -q / 2p.
    variances = np.stack([_normalised(leaving, sky, wave, value)[1] for value in tried])
    p, q, _ = np.tensordot(np.linalg.pinv(np.vander(tried, 3)), variances, axes=1)
    lowest = _lowest(p, q, 0.0)
    for width in _WIDTHS:
        near = np.array([-width, 0.0, width])
        variances = np.stack([_normalised(leaving, sky, wave, lowest + step)[1] for step in near])
        p, q, _ = np.tensordot(np.linalg.inv(np.vander(near, 3)), variances, axes=1)
        lowest = _lowest(p, q, lowest)
    return lowest


def _lowest(p: NDArray[Any], q: NDArray[Any], middle: Any) -> NDArray[Any]:
    place = middle + np.where(p > 0, -q / (2 * np.where(p > 0, p, 1.0)), 0.0)
    is_inside = (p > 0) & (place >= _TRIED[0]) & (place <= 1.0)
    return np.where(is_inside, place, FIRST_EMISSIVITY)


@checked
def separate_temperature(cube: xr.Dataset) -> xr.Dataset:
    """Make temperature and emissivity of a cube of AST_09T; lazy cubes stay lazy.

    Args:
        cube: Radiance that leaves the surface in ``B10`` to ``B14`` and irradiance from the sky in ``SIR_B10`` to
            ``SIR_B14``, as ``load(..., units="physical")`` gives them.

    Returns:
        ``temperature`` in kelvin, ``B10`` to ``B14`` (emissivity), and ``mmd``; float32.

    Raises:
        LoadError: A band is missing, or the cube holds stored numbers.
    """
    import xarray as xr

    cube = as_cube(cube)
    names = [*TIR, *(f"SIR_{name}" for name in TIR)]
    missing = [name for name in names if name not in cube]
    if missing:
        raise LoadError(f"temperature and emissivity need {', '.join(missing)}, which the cube has not; load AST_09T")
    if any(cube[name].dtype.kind != "f" for name in names):
        raise LoadError("the cube holds stored numbers; load it with units='physical'")

    def kernel(*bands: NDArray[Any]) -> NDArray[Any]:
        values = np.stack(bands).astype("float64")
        kelvin, emissivity, mmd = separate(values[: len(TIR)], values[len(TIR) :])
        return np.moveaxis(np.stack([kelvin, *emissivity, mmd]), 0, -1).astype("float32")

    made = xr.apply_ufunc(
        kernel, *(cube[name] for name in names), output_core_dims=[["made"]], dask="parallelized",
        output_dtypes=["float32"], dask_gufunc_kwargs={"output_sizes": {"made": len(TIR) + 2}}, keep_attrs=False,
    )  # fmt: skip
    result = xr.Dataset(
        {name: made.isel(made=place, drop=True) for place, name in enumerate(("temperature", *TIR, "mmd"))},
        coords=cube.coords,
        attrs=dict(cube.attrs),
    )
    source = "Gillespie et al. (1998), doi:10.1109/36.700995"
    result["temperature"].attrs = {"units": "K", "long_name": "temperature of the surface", "citation": source}
    for name in TIR:
        result[name].attrs = {"units": "1", "long_name": "emissivity", "citation": source}
    result["mmd"].attrs = {"units": "1", "long_name": "largest minus smallest emissivity ratio", "citation": source}
    return result


@checked
def compare(ours: xr.Dataset, reference: xr.Dataset, names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Compare two cubes of the same pixels, such as ``separate_temperature`` with AST_08 and AST_05.

    Args:
        ours: Cube.
        reference: Cube on the same grid.
        names: Name in ``reference`` by name in ``ours``; None takes the same names, and ``SKT`` for ``temperature``.

    Returns:
        One row a variable: ``n`` (pixels with both), ``bias`` (ours minus reference), ``stddev`` and ``rmse`` of the
        difference, ``largest`` absolute difference, and correlation ``r``.

    Raises:
        LoadError: The cubes share no variable, or lie on different grids.
    """
    import pandas as pd

    pairs = dict(names or {name: _NAMES.get(str(name), str(name)) for name in map(str, ours.data_vars)})
    known = {mine: other for mine, other in pairs.items() if mine in ours and other in reference and mine not in BESIDE}
    if not known:
        raise LoadError(
            f"the cubes share no variable: {', '.join(map(str, ours))} and {', '.join(map(str, reference))}"
        )
    rows = []
    for mine, other in known.items():
        left, right = ours[mine], reference[other]
        if left.shape != right.shape:
            raise LoadError(f"{mine} is of shape {left.shape}, {other} of {right.shape}: load both on one grid")
        a, b = (np.asarray(part.values, dtype="float64").ravel() for part in (left, right))
        valid = np.isfinite(a) & np.isfinite(b)
        apart = a[valid] - b[valid]
        has_any = bool(valid.any())
        is_varied = has_any and a[valid].std() > 0 and b[valid].std() > 0
        rows.append({
            "variable": mine, "reference": other, "n": int(valid.sum()),
            "bias": float(apart.mean()) if has_any else np.nan,
            "stddev": float(apart.std()) if has_any else np.nan,
            "rmse": float(np.sqrt((apart**2).mean())) if has_any else np.nan,
            "largest": float(np.abs(apart).max()) if has_any else np.nan,
            "r": float(np.corrcoef(a[valid], b[valid])[0, 1]) if is_varied else np.nan,
        })  # fmt: skip
    return pd.DataFrame(rows)
