"""Cubes as single pictures, one variable at one time, read one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import ExportError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

_STRIP = 2048
_NO_DAY = np.iinfo(np.int32).min
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One variable at one time."""

    name: str
    """Of the variable."""
    time: np.datetime64 | None
    """None for a variable without times."""
    position: int
    """Of the time."""
    values: xr.DataArray
    """Shape (y, x)."""

    @property
    def data_type(self) -> str:
        """Type of the pixels; times become whole days."""
        return "int32" if self.values.dtype.kind == "M" else np.dtype(self.values.dtype).name

    @property
    def nodata(self) -> int | float | None:
        """Value of pixels without data; None where every value counts."""
        if self.values.dtype.kind == "M":
            return _NO_DAY
        if self.values.dtype.kind == "f":
            return float("nan")
        stated = self.values.attrs.get("nodata")
        return None if stated is None else int(stated)

    @property
    def unit(self) -> str | None:
        """Unit of the values."""
        if self.values.dtype.kind == "M":
            return "days since 1970-01-01"
        unit = self.values.attrs.get("units")
        return None if unit in (None, "1", "dn") else str(unit)

    def read(self, rows: slice | None = None) -> NDArray[Any]:
        """Return the pixels, or some rows of them."""
        pixels = (self.values if rows is None else self.values[rows]).values
        if pixels.dtype.kind == "M":
            days = (pixels.astype("datetime64[D]") - np.datetime64("1970-01-01")) / _DAY
            return np.where(np.isnat(pixels), _NO_DAY, np.nan_to_num(days)).astype(np.int32)
        return np.asarray(pixels)


def planes_of(cube: xr.Dataset) -> Iterator[Plane]:
    """Yield the pictures of a cube, time by time."""
    named = [name for name, band in cube.data_vars.items() if band.dtype.kind in "fiuM" and band.ndim >= 2]
    for position in range(cube.sizes.get("time", 1)):
        for name in named:
            band = cube[name]
            has_time = "time" in band.dims
            if not has_time and position and "time" in cube.sizes:
                continue
            values = band.isel(time=position) if has_time else band
            moment = cube["time"].values[position] if has_time else None
            yield Plane(name=str(name), time=moment, position=position, values=values)


def strips_of(values: xr.DataArray) -> Iterator[slice]:
    """Yield rows that are read together: those of one row of blocks of a lazy array."""
    rows = values.shape[-2]
    even = tuple(min(_STRIP, rows - top) for top in range(0, rows, _STRIP))
    heights = values.chunks[-2] if values.chunks else even
    top = 0
    for height in heights:
        yield slice(top, top + height)
        top += height


def grid_of(cube: xr.Dataset) -> Any:
    """Return the grid of a cube.

    Raises:
        ExportError: It has none.
    """
    grid = getattr(cube.odc, "geobox", None)
    if grid is None or grid.crs is None:
        raise ExportError("the cube says no CRS and grid; load it with stacaster or odc-stac")
    return grid


def time_text(moment: np.datetime64) -> str:
    """Return a time as ISO text in UTC."""
    return f"{np.datetime_as_string(moment, unit='s')}Z"


def dimensions_of(cube: xr.Dataset) -> Sequence[str]:
    """Return the names of the two dimensions of space."""
    return [str(name) for name in next(plane for plane in planes_of(cube)).values.dims]
