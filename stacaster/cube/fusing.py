"""Scenes of one group to one slice: first valid value first, with the source of each pixel where it is asked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from numpy.typing import NDArray

SOURCE, COUNT = "source", "n_obs"
FIRST_VALID = "stacaster.cube.fusing.first_valid"
"""Name of the function that joins complex bands, as odc-stac takes it."""

# Pieces that stay in the cache, of which many lie within a scene; on smaller ones threads wait for each other.
_ROWS_AT_A_TIME, _COLUMNS_AT_A_TIME = 512, 1024
_THREADS = min(4, os.cpu_count() or 1)


def first_valid(target: NDArray[Any], source: NDArray[Any]) -> None:
    """Fill what is NaN: the ``fuse_func`` of complex bands, of which odc-stac knows no missing pixels."""
    np.copyto(target, source, where=np.isnan(target))


def complex_fusers(types: Mapping[str, str]) -> dict[str, str]:
    """Return the ``fuse_func`` of complex bands: odc-stac looks for NaN in real numbers only.

    Args:
        types: NumPy names of types by band.
    """
    found = {key: FIRST_VALID for key, name in types.items() if name.startswith("complex")}
    if found:
        # It compares fill values as real numbers, and NumPy says so for each file; of NaN nothing is lost.
        warnings.filterwarnings("ignore", message="Casting complex", module=r"odc\.loader\._reader")
    return found


def is_valid(band: xr.DataArray) -> xr.DataArray:
    """Return where a band has a value."""
    if band.dtype.kind in "fc":
        return band.notnull()
    nodata = band.attrs.get("nodata")
    return (band == band) if nodata is None else band != nodata  # noqa: PLR0124 - true everywhere


def nothing_of(band: xr.DataArray) -> Any:
    """Return the value that means no data in a band; None when it has none."""
    return np.nan if band.dtype.kind in "fc" else band.attrs.get("nodata")


def fuse(
    cube: xr.Dataset, groups: Sequence[Sequence[int]], items: Sequence[pystac.Item], *, source: bool, n_obs: bool
) -> xr.Dataset:
    """Join the slices of each group.

    Args:
        cube: One slice an item; booleans are masks and are true where one of the scenes is.
        groups: Positions of the items of each group, in the order in which they count.
        items: The items.
        source: Add ``source``, the position of the scene that a pixel comes from in the coordinate ``item``: the first
            with a value in any band; -1 where there is none.
        n_obs: Add ``n_obs``, the number of scenes with a value in any band.

    Returns:
        One slice a group, ordered by time.
    """
    import xarray as xr

    bands = [name for name, band in cube.data_vars.items() if band.dtype != bool]
    if source or n_obs:
        valid = _any_valid([cube[name] for name in bands])
        if n_obs:
            is_deep = max(len(group) for group in groups) > np.iinfo("uint8").max
            cube = cube.assign({COUNT: valid.astype("uint16") if is_deep else valid})
        if source:
            places = xr.DataArray(np.arange(1, len(items) + 1, dtype="int32"), dims=("time",))
            cube = cube.assign({SOURCE: valid * places - np.int32(1)})
            cube[SOURCE].attrs = {"nodata": -1}
    if any(len(group) > 1 for group in groups):
        attrs = {name: band.attrs for name, band in cube.data_vars.items()}
        cube = xr.concat([_joined(cube, group) for group in groups], dim="time").sortby("time")
        for name, kept in attrs.items():
            cube[name].attrs = kept
    if source:
        cube = cube.assign_coords(item=("item", [item.id for item in items]))
        cube[SOURCE].attrs |= {"long_name": "scene of the pixel, as a position in the coordinate item"}
    if n_obs:
        cube[COUNT].attrs = {"long_name": "number of scenes with a value", "units": "1"}
    return cube


def _any_valid(bands: Sequence[xr.DataArray]) -> xr.DataArray:
    """Return 1 where one of the bands has a value, else 0."""
    import xarray as xr

    nothing = [nothing_of(band) for band in bands]
    threads = _THREADS if isinstance(bands[0].data, np.ndarray) else 1
    found: xr.DataArray = xr.apply_ufunc(
        _any_but,
        *bands,
        kwargs={"nothing": nothing, "threads": threads},
        dask="parallelized",
        output_dtypes=["uint8"],
        keep_attrs=False,
    )
    return found


def _any_but(*bands: NDArray[Any], nothing: Sequence[Any], threads: int) -> NDArray[np.uint8]:
    times, rows, columns = bands[0].shape
    found = np.empty((times, rows, columns), dtype=bool)
    # Memory that is touched for the first time takes longest, which several threads do side by side.
    share = -(-rows // threads)
    parts = [(time, start, min(start + share, rows)) for time in range(times) for start in range(0, rows, share)]

    def work(part: tuple[int, int, int]) -> None:
        time, first, last = part
        for top in range(first, last, _ROWS_AT_A_TIME):
            for left in range(0, columns, _COLUMNS_AT_A_TIME):
                here = np.s_[time, top : min(top + _ROWS_AT_A_TIME, last), left : left + _COLUMNS_AT_A_TIME]
                _note_valid(found[here], [band[here] for band in bands], nothing)

    if threads == 1 or len(parts) == 1:
        for part in parts:
            work(part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, parts))
    return found.view("uint8")


def _note_valid(found: NDArray[np.bool_], bands: Sequence[NDArray[Any]], nothing: Sequence[Any]) -> None:
    """Write where one of the bands has a value; where all have one in one band, no other is looked at."""
    for number, (values, empty) in enumerate(zip(bands, nothing, strict=True)):
        if empty is None:
            found[...] = True
            return
        # NaN is not itself.
        other = values if empty != empty else empty  # noqa: PLR0124
        compare = np.equal if empty != empty else np.not_equal  # noqa: PLR0124
        if number == 0:
            compare(values, other, out=found)
        else:
            found |= compare(values, other)
        if found.all():
            return


def _joined(cube: xr.Dataset, group: Sequence[int]) -> xr.Dataset:
    first = cube.isel(time=[group[0]])
    for index in group[1:]:
        other = cube.isel(time=[index]).assign_coords(time=first["time"])
        first = first.assign({name: _over(str(name), first[name], other[name]) for name in first.data_vars})
    return first


def _over(name: str, first: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    if first.dtype == bool:
        return first | other
    if name == COUNT:
        return first + other
    joined = first.where(is_valid(first), other)
    joined.attrs = first.attrs
    return joined
