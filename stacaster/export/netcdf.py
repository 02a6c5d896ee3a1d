"""CF NetCDF-4."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.export.made import Progress
from stacaster.files.atomic import complete_file
from stacaster.files.captured import CapturedFile

if TYPE_CHECKING:
    import xarray as xr

_CHUNK = 512
_COORDINATES = {
    "x": {"standard_name": "projection_x_coordinate", "axis": "X"},
    "y": {"standard_name": "projection_y_coordinate", "axis": "Y"},
    "longitude": {"standard_name": "longitude", "axis": "X"},
    "latitude": {"standard_name": "latitude", "axis": "Y"},
    "time": {"standard_name": "time", "axis": "T"},
}
TIME_ENCODING = {"units": "microseconds since 1970-01-01T00:00:00", "dtype": "int64", "calendar": "standard"}
"""How times are stored."""


def write_netcdf(cube: xr.Dataset, path: Path, *, progress: Progress | None = None) -> Path:
    """Write a cube as CF NetCDF-4, compressed, staged beside the target and then renamed.

    Args:
        cube: Dataset with dimensions (time, y, x) or (y, x), and a CRS.
        path: File to write; replaced when it exists.
        progress: Called while pieces are computed.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        ExportError: The file cannot be written.
    """
    prepared, encoding = described(cube)
    for name, fields in encoding.items():
        if name in prepared.data_vars and prepared[name].ndim >= 2:
            rows, cols = prepared[name].shape[-2:]
            fields |= {"zlib": True, "complevel": 1, "shuffle": True}
            fields["chunksizes"] = (1,) * (prepared[name].ndim - 2) + (min(_CHUNK, rows), min(_CHUNK, cols))
    with complete_file(path) as staged, CapturedFile(staged) as file, watched(file), counted(progress, path.name):
        prepared.to_netcdf(file, engine="h5netcdf", encoding=encoding)
    return path


def described(cube: xr.Dataset) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """Return a cube with the attributes of CF, and the encoding of its variables."""
    prepared = cube.copy()
    encoding: dict[str, dict[str, Any]] = {}
    for name, band in cube.data_vars.items():
        fields: dict[str, Any] = {}
        attrs = dict(band.attrs)
        nodata = attrs.pop("nodata", None)
        if nodata is not None:
            fields["_FillValue"] = np.dtype(band.dtype).type(nodata)
        elif band.dtype.kind == "f":
            fields["_FillValue"] = np.dtype(band.dtype).type(np.nan)
        elif band.dtype.kind == "M":
            fields |= TIME_ENCODING | {"_FillValue": np.iinfo(np.int64).min}
        if "spatial_ref" in cube.coords and band.ndim >= 2:
            attrs["grid_mapping"] = "spatial_ref"
        prepared[name].attrs = attrs
        prepared[name].encoding = {}
        encoding[str(name)] = fields
    for name, texts in _COORDINATES.items():
        if name in prepared.coords:
            prepared[name].attrs = {**prepared[name].attrs, **texts}
    if "time" in prepared.coords:
        encoding["time"] = dict(TIME_ENCODING)
    prepared.attrs = {"Conventions": "CF-1.8", **cube.attrs}
    return prepared, encoding


@contextmanager
def watched(file: CapturedFile) -> Iterator[None]:
    """Stop Dask's local schedulers at the first error of a file, not when all is computed."""
    from dask.callbacks import Callback

    def look(*_: Any) -> None:
        file.check()

    with Callback(posttask=look):
        yield


@contextmanager
def counted(progress: Progress | None, name: str) -> Iterator[None]:
    """Tell how many tasks of Dask's local schedulers are done."""
    if progress is None:
        yield
        return
    from dask.callbacks import Callback

    def tell(_key: Any, _result: Any, _dsk: Any, state: Any, _worker: Any) -> None:
        done = len(state["finished"])
        total = done + sum(len(state[part]) for part in ("ready", "waiting", "running"))
        progress(done, total, name)

    with Callback(posttask=tell):
        yield
