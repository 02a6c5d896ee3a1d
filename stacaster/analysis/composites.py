"""One picture of many: composites over time.

Decision: the datetime of a composite is its first date, with ``start_datetime`` and ``end_datetime``: many tools drop
items whose ``datetime`` is null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.backscatter import DECIBELS, decibels, power
from stacaster.analysis.bands import as_cube, clean_bands, find_band, period_starts, refuse_codes
from stacaster.analysis.geomedian import geometric_median, median_deviations, nan_quantile
from stacaster.errors import LoadError, UsageError, nearest
from stacaster.model.checked import checked
from stacaster.model.values import read_number

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

METHODS = ("first", "mean", "median", "count", "medoid", "geomedian", "bare_earth")
"""Methods by name; ``p10`` and the like are percentiles."""

GREENNESS = 20.0
"""Default of ``greenness``: an observation whose NDVI is 0.1 higher weighs e**-2 as much."""

_CITATIONS = {
    "geomedian": "Roberts, Mueller and McIntyre (2017), doi:10.1109/TGRS.2017.2723896",
    "bare_earth": "Roberts, Wilford and Ghattas (2019), doi:10.1038/s41467-019-13276-1",
    "medoid": "Flood (2013), doi:10.3390/rs5126481",
}
_MADS = ("emad", "smad", "bcmad")
_OF_CODES = ("first", "count")
"""Methods that codes of classes may have."""
_NO_DATE = np.datetime64("NaT", "ns").astype(np.int64)


@dataclass(frozen=True)
class _Wanted:
    """What a composite is made of; travels to Dask workers."""

    method: str
    greenness: float
    mads: bool
    nir: int
    red: int

    @property
    def is_spectral(self) -> bool:
        """Whether bands belong together: an observation counts only where all bands have a value."""
        return self.method in ("first", "medoid", "geomedian", "bare_earth")

    @property
    def has_date(self) -> bool:
        """Whether each pixel is that of one observation."""
        return self.method in ("first", "medoid")


@checked
def composite(
    cube: xr.Dataset | xr.DataArray,
    method: str = "median",
    *,
    period: str | None = None,
    mads: bool = False,
    greenness: float = GREENNESS,
) -> xr.Dataset:
    """Make one picture of the observations of each pixel.

    Masked pixels do not count, nor does ASTER's SWIR from ``SWIR_CUTOFF`` on. The mean of bands in decibels is taken in
    power. Lazy cubes are worked on block by block, and give the same bits as eager ones.

    Args:
        cube: Dataset with variables of dimensions (time, y, x), or a DataArray.
        method: ``mean``, ``median``, ``count`` and percentiles such as ``p10`` look at each band for itself; ``first``,
            ``medoid``, ``geomedian`` and ``bare_earth`` keep the bands of an observation together and leave out
            observations that lack one. ``bare_earth`` is the weighted geometric median of Roberts, Wilford and Ghattas
            (2019), doi:10.1038/s41467-019-13276-1, with weights ``exp(-greenness * max(NDVI, 0))``, which are ours.
        period: ``day``, ``month``, ``season`` (from December on) or ``year``; None takes all dates together.
        mads: Add ``emad``, ``smad`` and ``bcmad``, the scatter about a geometric median (Roberts, Dunn and Mueller
            2018, doi:10.1109/IGARSS.2018.8518312).
        greenness: How strongly green observations are weighed down by ``bare_earth``.

    Returns:
        Float32 bands, ``n_obs`` (observations; the least of the bands where each stands for itself), and ``date``
        (observation that the pixel is of) for ``first`` and ``medoid``. With ``period`` there is a dimension ``time``
        with the first day of each period.

    Raises:
        UsageError: There is no such method or period, or a band holds codes of classes, which only ``first`` and
            ``count`` take.
        LoadError: The cube has no times, or lacks red or near infrared for ``bare_earth``.

    Example:
        >>> cube = stacaster.open_catalog("catalogs/demo").load(bands=["red"], crs="EPSG:32754", resolution=300)
        >>> "time" in stacaster.composite(cube, "median").sizes
        False
    """
    if check_method(method) not in _OF_CODES:
        refuse_codes(as_cube(cube), check_method(method), f"take {' or '.join(_OF_CODES)}")
    ready = clean_bands(cube)
    logarithmic = [name for name in ready.data_vars if ready[name].attrs.get("units") == DECIBELS]
    if logarithmic and check_method(method) == "mean":
        found = composite(ready.assign({name: power(ready[name]) for name in logarithmic}), method, period=period)
        return found.assign({name: decibels(found[name]) for name in logarithmic})
    wanted = _wanted(method, [str(name) for name in ready.data_vars], mads=mads, greenness=greenness)
    if period is None:
        return _described(_combined(ready, wanted), ready, wanted)
    import xarray as xr

    starts = period_starts(ready["time"].values, period)
    parts = []
    for start in np.unique(starts):
        part = _combined(ready.isel(time=np.flatnonzero(starts == start)), wanted)
        parts.append(part.expand_dims(time=[start]))
    return _described(xr.concat(parts, "time"), ready, wanted)


def check_method(method: str) -> str:
    """Return the name of a composite in lower case.

    Raises:
        UsageError: There is no such composite; the message names the nearest.
    """
    if not isinstance(method, str):
        raise UsageError(f"method is {method!r}; {nearest(str(method), METHODS)}, or a percentile such as p10")
    key = method.strip().lower()
    is_percentile = key[:1] == "p" and key[1:].replace(".", "", 1).isdigit()
    if is_percentile and not 0 <= float(key[1:]) <= 100:
        raise UsageError(f"percentile {method!r} is not between p0 and p100")
    if not is_percentile and key not in METHODS:
        raise UsageError(f"{method!r} is no composite; {nearest(key, METHODS)}, or a percentile such as p10")
    return key


def _wanted(method: str, names: Sequence[str], *, mads: bool, greenness: float) -> _Wanted:
    key = check_method(method)
    if mads and key not in ("geomedian", "bare_earth"):
        raise UsageError(f"MADs belong to geomedian and bare_earth, not to {key}")
    greenness = read_number("greenness", greenness, low=0)
    # Landsat's near infrared is nir08.
    found = {"red": find_band(names, "red"), "nir": find_band(names, "nir") or find_band(names, "nir08")}
    places = {role: -1 if name is None else names.index(name) for role, name in found.items()}
    if key == "bare_earth" and min(places.values()) < 0:
        raise LoadError(f"bare_earth needs a red and a near-infrared band (B02, B03N), the cube has {', '.join(names)}")
    return _Wanted(key, greenness, mads, **places)


def _combined(cube: xr.Dataset, wanted: _Wanted) -> xr.Dataset:
    import xarray as xr

    names = [str(name) for name in cube.data_vars]
    extra = [*(_MADS if wanted.mads else ()), "n_obs", *(["date"] if wanted.has_date else [])]
    types = [np.float32] * (len(names) + (len(_MADS) if wanted.mads else 0)) + [np.int16] + [np.int64] * wanted.has_date
    results = xr.apply_ufunc(
        _kernel,
        *(cube[name].chunk({"time": -1}) if cube[name].chunks else cube[name] for name in names),
        input_core_dims=[["time"]] * len(names),
        output_core_dims=[[]] * len(types),
        kwargs={
            "times": cube["time"].values.astype("datetime64[ns]").astype(np.int64),
            "wanted": wanted,
            "threads": 1 if any(band.chunks for band in cube.data_vars.values()) else None,
        },
        dask="parallelized",
        output_dtypes=types,
        keep_attrs=False,
    )
    made = dict(zip([*names, *extra], results if isinstance(results, tuple) else (results,), strict=True))
    if "date" in made:
        made["date"] = made["date"].astype("datetime64[ns]")
    return xr.Dataset(made)


def _kernel(
    *bands: NDArray[Any], times: NDArray[np.int64], wanted: _Wanted, threads: int | None = None
) -> tuple[NDArray[Any], ...]:
    """Combine blocks of shape (y, x, time), one a band; Dask runs many side by side, with a thread each."""
    shape = bands[0].shape[:-1]
    values = np.stack([np.moveaxis(band, -1, 0).reshape(times.size, -1) for band in bands], axis=1)
    valid = np.isfinite(values)
    whole = valid.all(axis=1)
    n_obs = whole.sum(axis=0) if wanted.is_spectral else valid.sum(axis=0).min(axis=0)
    found: list[NDArray[Any]] = []
    if wanted.has_date:
        chosen = whole.argmax(axis=0) if wanted.method == "first" else _medoid(values, whole)
        picked = np.take_along_axis(values, chosen[None, None], axis=0)[0]
        found += [*np.where(n_obs > 0, picked, np.nan)]
        dates = np.where(n_obs > 0, times[chosen], _NO_DATE)
        return tuple(part.reshape(shape) for part in (*_single(found), n_obs.astype(np.int16), dates))
    if wanted.method in ("geomedian", "bare_earth"):
        weights = _weights(values, wanted) if wanted.method == "bare_earth" else None
        median = geometric_median(values, weights, threads=threads)
        found += [*median, *(median_deviations(values, median) if wanted.mads else ())]
    else:
        found += [*_each_band(wanted.method)(values)]
    return tuple(part.reshape(shape) for part in (*_single(found), n_obs.astype(np.int16)))


def _single(found: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return [part.astype(np.float32, copy=False) for part in found]


def _each_band(method: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    if method == "mean":
        return _mean
    if method == "count":
        return lambda values: np.isfinite(values).sum(axis=0)
    share = 0.5 if method == "median" else float(method[1:]) / 100
    return lambda values: nan_quantile(values, share)


def _mean(values: NDArray[Any]) -> NDArray[Any]:
    total, count = np.zeros(values.shape[1:]), np.zeros(values.shape[1:])
    for row in values:
        valid = np.isfinite(row)
        total += np.where(valid, row, 0)
        count += valid
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _weights(values: NDArray[Any], wanted: _Wanted) -> NDArray[np.float32]:
    nir, red = values[:, wanted.nir].astype(np.float64), values[:, wanted.red].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ndvi = (nir - red) / (nir + red)
    # Water, shadow and cloud, whose NDVI is negative, are no barer than bare ground.
    return np.exp(-wanted.greenness * np.clip(np.nan_to_num(ndvi), 0, 1)).astype(np.float32)


def _medoid(values: NDArray[Any], whole: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which observation has the smallest sum of distances to the others; the earliest of equal ones."""
    sums = np.zeros(whole.shape)
    for one in range(len(values)):
        for other in range(one):
            apart = np.sqrt(((values[one].astype(np.float64) - values[other]) ** 2).sum(axis=0))
            apart = np.where(whole[one] & whole[other], apart, 0)
            sums[one] += apart
            sums[other] += apart
    return np.asarray(np.where(whole, sums, np.inf).argmin(axis=0))


def _described(result: xr.Dataset, cube: xr.Dataset, wanted: _Wanted) -> xr.Dataset:
    times = cube["time"].values
    # With their attributes, which say the CRS.
    result = result.assign_coords({name: place for name, place in cube.coords.items() if "time" not in place.dims})
    citation = {"citation": _CITATIONS[wanted.method]} if wanted.method in _CITATIONS else {}
    if wanted.method == "bare_earth":
        citation["weights"] = f"exp(-{wanted.greenness:g} * max(NDVI, 0))"
    for name in result.data_vars:
        kept = cube[name].attrs if name in cube.data_vars else {}
        dropped = ("nodata", "units") if wanted.method == "count" else ("nodata",)
        result[name].attrs = {key: value for key, value in kept.items() if key not in dropped} | {
            "composite": wanted.method, **citation,
        }  # fmt: skip
    result["n_obs"].attrs = {"long_name": "number of observations", "units": "1"}
    titles = {"emad": "Euclidean", "smad": "cosine", "bcmad": "Bray-Curtis"}
    for name in _MADS if wanted.mads else ():
        result[name].attrs |= {"long_name": f"median {titles[name]} distance from the geometric median"}
    if "date" in result:
        result["date"].attrs = {"long_name": "time of the observation"}
    result.attrs = {
        **cube.attrs,
        "composite": wanted.method,
        "time_coverage_start": str(times.min().astype("datetime64[s]")) + "Z",
        "time_coverage_end": str(times.max().astype("datetime64[s]")) + "Z",
    }
    return result
