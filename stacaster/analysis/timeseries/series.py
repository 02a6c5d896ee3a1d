"""Means over areas, date by date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.backscatter import DECIBELS, power
from stacaster.analysis.bands import as_cube, clean_bands, code_bands
from stacaster.analysis.timeseries.areas import Zones, read_zones
from stacaster.analysis.timeseries.shares import class_shares, with_shares
from stacaster.errors import LoadError
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

# Values that are read at once.
_SLAB = 1 << 25
# Entries of polygons that are looked at together.
_PIECE = 1 << 21

ALL = "all"
"""Name of the area without polygons: the whole cube."""


@checked
def time_series(
    cube: xr.Dataset | xr.DataArray,
    areas: Any | None = None,
    *,
    name_column: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return mean, scatter and number of valid pixels of areas, date by date and band by band.

    Pixels on the edge of a polygon weigh as much as the share that lies inside. Lazy cubes are read in pieces; the
    memory does not grow with the number of dates. Bands in decibels are averaged in power: their mean is the mean power
    in decibels, their scatter that of the power, as decibels above the mean.

    Args:
        cube: Dataset with variables of dimensions (time, y, x), or a DataArray such as ``compute_index`` gives.
        areas: Polygons: GeoDataFrame, file, GeoJSON; None takes the cube as a whole.
        name_column: Column with the names of the polygons.
        progress: Called with pieces done and pieces there are.

    Returns:
        One row for each area, band and date: ``area``, ``time``, ``band``, ``mean``, ``std`` (of the population),
        ``count`` (valid pixels, shares added up) and ``valid_fraction`` (of the area of the polygon). An area without a
        valid pixel has ``count`` 0 and no mean. Bands of classes have no mean: one row for each ``class`` with its
        ``share`` of the valid pixels.

    Raises:
        LoadError: The cube has no times or no CRS.
        UsageError: The areas cannot be understood.

    Example:
        >>> search = stacaster.open_catalog("catalogs/demo").search(datetime="2003-12")
        >>> cube = search.load(bands=["B13"], units="brightness_temperature", native=True)
        >>> len(stacaster.time_series(cube))
        1
    """
    import odc.geo.xr  # noqa: F401 - cubes say their grid by it
    import pandas as pd
    import xarray as xr

    whole = as_cube(cube)
    shares = class_shares(whole)
    plain = whole.drop_vars(code_bands(whole))
    ready = xr.Dataset(shares) if not plain.data_vars else clean_bands(plain).assign(shares)
    ready = ready.transpose("time", ...)
    zones = None
    if areas is not None:
        geobox = getattr(as_cube(cube).odc, "geobox", None)
        if geobox is None:
            raise LoadError("the cube says no CRS, so that no polygon can be laid on it")
        zones = read_zones(areas, geobox, name_column=name_column)
    sums = _Sums(ready, zones)
    slabs = list(_slabs(ready))
    for done, (dates, rows) in enumerate(slabs, start=1):
        sums.add(ready, dates, rows)
        if progress is not None:
            progress(done, len(slabs))
    mean, std, count, fraction = sums.result()
    for number, band in enumerate(ready.data_vars.values()):
        if band.attrs.get("units") == DECIBELS:
            with np.errstate(divide="ignore", invalid="ignore"):
                std[:, number] = 10 * np.log10(1 + std[:, number] / mean[:, number])
                mean[:, number] = 10 * np.log10(mean[:, number])
    names = (ALL,) if zones is None else zones.names
    times = pd.DatetimeIndex(ready["time"].values)
    bands = [str(name) for name in ready.data_vars]
    index = pd.MultiIndex.from_product([names, bands, times], names=["area", "band", "time"])
    columns = {"mean": mean, "std": std, "count": count, "valid_fraction": fraction}
    table = pd.DataFrame({key: value.ravel() for key, value in columns.items()}, index=index).reset_index()
    table = table[["area", "time", "band", *columns]]
    return with_shares(table, shares) if shares else table


def _slabs(cube: xr.Dataset) -> Iterator[tuple[slice, slice]]:
    """Yield dates and rows that are read together."""
    rows, cols = _plane(cube)
    high = max(1, min(rows, _SLAB // max(cols * len(cube.data_vars), 1)))
    deep = max(1, _SLAB // max(rows * cols * len(cube.data_vars), 1))
    for first in range(0, cube.sizes["time"], deep):
        for top in range(0, rows, high):
            yield slice(first, first + deep), slice(top, min(top + high, rows))


def _plane(cube: xr.Dataset) -> tuple[int, int]:
    band = next(iter(cube.data_vars.values()))
    return band.shape[-2], band.shape[-1]


class _Sums:
    """Sums of the values of areas: shape (3, areas, bands, dates): shares, values, squares."""

    def __init__(self, cube: xr.Dataset, zones: Zones | None) -> None:
        self._zones = zones
        self._rows, self._cols = _plane(cube)
        bands, dates = len(cube.data_vars), cube.sizes["time"]
        self._sums = np.zeros((3, 1 if zones is None else len(zones.names), bands, dates))
        # Squares of differences from a value of the band keep their digits where the band varies little.
        self._shift = np.full(bands, np.nan)

    def add(self, cube: xr.Dataset, dates: slice, rows: slice) -> None:
        from dask.base import compute

        dimensions = next(iter(cube.data_vars.values())).dims
        part = cube.isel({"time": dates, dimensions[-2]: rows})
        (part,) = compute(part)
        picks = [slice(None)] if self._zones is None else list(self._pieces(rows))
        for number, band in enumerate(part.data_vars.values()):
            for date, plane in enumerate(band.values, start=dates.start):
                values = plane.ravel()
                if band.attrs.get("units") == DECIBELS:
                    values = power(values.astype(np.float64))
                self._begin(number, values)
                for pick in picks:
                    self._add(number, date, values, pick, rows)

    def _begin(self, number: int, values: NDArray[Any]) -> None:
        if np.isnan(self._shift[number]):
            valid = values[np.isfinite(values)]
            self._shift[number] = valid[0] if valid.size else np.nan

    def _pieces(self, rows: slice) -> Iterator[Any]:
        """Yield which entries of the polygons are looked at together."""
        assert self._zones is not None
        cell = self._zones.cell
        for start in range(0, cell.size, _PIECE):
            part = slice(start, start + _PIECE)
            if rows.start == 0 and rows.stop == self._rows:
                yield part
                continue
            here = (cell[part] >= rows.start * self._cols) & (cell[part] < rows.stop * self._cols)
            if here.any():
                yield start + np.flatnonzero(here)

    def _add(self, number: int, date: int, values: NDArray[Any], pick: Any, rows: slice) -> None:
        zones = self._zones
        if zones is not None:
            values = values[zones.cell[pick] - rows.start * self._cols]
        valid = np.isfinite(values)
        shift = np.nan_to_num(self._shift[number])
        differences = np.where(valid, values.astype(np.float64) - shift, 0)
        if zones is None:
            self._sums[:, 0, number, date] += (valid.sum(), differences.sum(), (differences**2).sum())
            return
        zone, share = zones.zone[pick], zones.share[pick]
        for row, weights in enumerate((share * valid, share * differences, share * differences**2)):
            self._sums[row, :, number, date] += np.bincount(zone, weights, len(zones.names))

    def result(self) -> tuple[NDArray[Any], ...]:
        count, total, squares = self._sums
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / count
            std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        sizes = np.array([self._rows * self._cols]) if self._zones is None else self._zones.sizes
        fraction = count / np.where(sizes > 0, sizes, np.inf)[:, None, None]
        return mean + np.nan_to_num(self._shift)[:, None], std, count, fraction
