"""Zarr, with the CRS where xarray, rioxarray and GDAL look for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import ExportError, WriteError
from stacaster.export.made import Progress
from stacaster.export.netcdf import counted, described
from stacaster.files.atomic import complete_folder

if TYPE_CHECKING:
    import xarray as xr

_CHUNK = 512
_LEVEL = 4


def write_zarr(cube: xr.Dataset, path: Path, *, progress: Progress | None = None) -> Path:
    """Write a cube as Zarr (format 2, consolidated), staged beside the target and then renamed.

    Args:
        cube: Dataset with dimensions (time, y, x) or (y, x), and a CRS.
        path: Folder to write; replaced when it exists.
        progress: Called while pieces are computed.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        ExportError: zarr is missing, or the folder cannot be written.
    """
    prepared, encoding = _encoded(cube)
    check = partial(_check, prepared)
    with complete_folder(path, check=check) as staged, counted(progress, path.name):
        prepared.to_zarr(staged, encoding=encoding, zarr_format=2, consolidated=True, mode="w")
    return path


def write_template(cube: xr.Dataset, path: Path, *, attrs: Mapping[str, Any]) -> Path:
    """Write a Zarr that holds no pixels yet, into which regions are written.

    Args:
        cube: Dataset of Dask arrays, of which shapes, types, blocks and attributes are taken.
        path: Folder to write; replaced when it exists.
        attrs: Further attributes of the store.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        ExportError: zarr is missing, or the folder cannot be written.
    """
    prepared, encoding = _encoded(cube)
    prepared.attrs.update(attrs)
    with complete_folder(path, check=_open) as staged:
        prepared.to_zarr(staged, encoding=encoding, zarr_format=2, consolidated=True, mode="w", compute=False)
    return path


def _open(path: Path) -> None:
    import zarr

    zarr.open_group(path, mode="r")


def _check(cube: xr.Dataset, path: Path) -> None:
    """Decode every chunk, and compare with it what is in memory."""
    import zarr

    group = zarr.open_group(path, mode="r")
    for name, variable in cube.variables.items():
        array = group[str(name)]
        assert isinstance(array, zarr.Array)
        if array.shape != variable.shape:
            raise WriteError(f"{path}: {name} has the shape {array.shape}, not {variable.shape}")
        is_comparable = str(name) in cube.data_vars and variable.chunks is None and variable.dtype == array.dtype
        step = array.chunks[0] if array.chunks else 1
        for start in range(0, array.shape[0] if array.shape else 0, step):
            part = np.asarray(array[start : start + step])
            expected = variable.values[start : start + step] if is_comparable else part
            if not np.array_equal(part, expected, equal_nan=part.dtype.kind == "f"):
                raise WriteError(f"{path}: {name} is not what was written")


def _encoded(cube: xr.Dataset) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """Return a cube as it is stored, and the encoding of its variables."""
    try:
        import zarr  # noqa: F401
        from numcodecs import Zlib
    except ImportError as error:
        raise ExportError("a .zarr needs zarr: pip install 'stacaster[zarr]'") from error
    from pyproj import CRS

    prepared, encoding = described(cube)
    if "spatial_ref" in cube.coords:
        # GDAL's convention beside that of CF, which it reads in other formats only.
        place = {"wkt": CRS.from_user_input(str(cube.odc.geobox.crs)).to_wkt()}
        for name in prepared.data_vars:
            if prepared[name].ndim >= 2:
                prepared[name].attrs["_CRS"] = place
    for name, fields in encoding.items():
        if name in prepared.data_vars and prepared[name].ndim >= 2:
            band = prepared[name]
            # Which every build of GDAL decodes; the default of older versions is blosc.
            fields["compressors"] = (Zlib(level=_LEVEL),)
            if band.chunks is None:
                tail = tuple(min(_CHUNK, size) for size in band.shape[-2:])
                fields["chunks"] = (1,) * (band.ndim - 2) + tail
            else:
                # Blocks of Dask that end at an edge of the file's blocks can be written at the same time.
                fields["chunks"] = tuple(sizes[0] for sizes in band.chunks)
                even = {str(dim): sizes[0] for dim, sizes in zip(band.dims, band.chunks, strict=True)}
                prepared[name] = band.chunk(even)
    return prepared, encoding
