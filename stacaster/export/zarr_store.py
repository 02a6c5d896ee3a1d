"""Zarr, with the CRS where xarray, rioxarray and GDAL look for it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import ExportError, UsageError, WriteError
from stacaster.export.geozarr import coarser_grids, grid_attributes, halved, scale_attributes
from stacaster.export.made import Progress
from stacaster.export.netcdf import counted, described
from stacaster.files.atomic import complete_folder

if TYPE_CHECKING:
    import xarray as xr

_CHUNK = 512
_LEVEL = 4


@dataclass(frozen=True, kw_only=True)
class ZarrForm:
    """How a Zarr is written."""

    zarr_format: int = 2
    """2, which every program reads, or 3, which also follows the conventions of GeoZarr."""
    multiscales: bool = False
    """With format 3: coarser copies, each half as fine as the one before, in the groups ``0``, ``1`` ..."""


def read_zarr_form(output: Path, zarr_format: int | None, *, multiscales: bool) -> ZarrForm:
    """Return how a Zarr is written, where the arguments fit the output and each other.

    Args:
        output: File or folder that is to be written.
        zarr_format: 2 or 3; None takes 2, or 3 with ``multiscales``.
        multiscales: Whether coarser copies are written.

    Raises:
        UsageError: They do not fit.
    """
    if not isinstance(multiscales, bool):
        raise UsageError(f"multiscales={multiscales!r}: True or False is needed")
    if zarr_format is not None and (isinstance(zarr_format, bool) or zarr_format not in (2, 3)):
        raise UsageError(f"zarr_format={zarr_format!r}: 2 or 3 is needed")
    if output.suffix.lower() != ".zarr" and (zarr_format is not None or multiscales):
        name = "multiscales" if zarr_format is None else "zarr_format"
        raise UsageError(f"{name} is of Zarr, but output is {output.name!r}; name a .zarr")
    if multiscales and zarr_format == 2:
        raise UsageError("multiscales=True needs zarr_format=3; Zarr 2 has no convention for coarser copies")
    return ZarrForm(zarr_format=zarr_format or (3 if multiscales else 2), multiscales=multiscales)


def write_zarr(cube: xr.Dataset, path: Path, *, progress: Progress | None = None, form: ZarrForm | None = None) -> Path:
    """Write a cube as Zarr, consolidated, staged beside the target and then renamed.

    Args:
        cube: Dataset with dimensions (time, y, x) or (y, x), and a CRS.
        path: Folder to write; replaced when it exists.
        progress: Called while pieces are computed.
        form: How it is written; Zarr 2 without it.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        ExportError: zarr is missing, the cube has no grid for coarser copies, or the folder cannot be written.
    """
    form = form or ZarrForm()
    prepared, encoding = _encoded(cube, form.zarr_format)
    if form.multiscales and not cube.odc.geobox:
        raise ExportError("multiscales=True: the cube says no CRS and grid")
    finest = _finest(form)
    with (
        complete_folder(path, check=partial(_check, prepared, finest)) as staged,
        counted(progress, path.name),
        _without_notes(),
    ):
        prepared.to_zarr(staged, group=finest, encoding=encoding, zarr_format=form.zarr_format,
                         consolidated=True, mode="w")  # fmt: skip
        if form.multiscales:
            _write_coarser(cube, staged)
    return path


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keep quiet that consolidated metadata are no part of Zarr 3 yet: xarray looks for them, and warns without."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        yield


def _finest(form: ZarrForm) -> str | None:
    return "0" if form.multiscales else None


def _write_coarser(cube: xr.Dataset, store: Path) -> None:
    """Write groups ``1``, ``2`` ... of a store from its group ``0``, and what ties them together."""
    import xarray as xr
    import zarr

    rows, cols = cube.odc.spatial_dims
    dims, grids = (str(rows), str(cols)), coarser_grids(cube.odc.geobox)
    nodata = {str(name): band.attrs.get("nodata") for name, band in cube.data_vars.items()}
    for number, grid in list(enumerate(grids))[1:]:
        with xr.open_zarr(store, group=str(number - 1), mask_and_scale=False, decode_times=False) as finer:
            stored = finer.drop_vars("spatial_ref", errors="ignore")
            coarse = halved(_decoded_times(stored, cube), dims, grid, nodata)
            for name in coarse.data_vars:
                # As in a cube that was loaded, from which attributes and encoding of the store follow.
                coarse[name].attrs = dict(cube[name].attrs)
            prepared, encoding = _encoded(coarse.chunk({dims[0]: _CHUNK, dims[1]: _CHUNK}), 3)
            prepared.to_zarr(store, group=str(number), encoding=encoding, zarr_format=3, consolidated=True, mode="a")
    group = zarr.open_group(store, mode="a")
    group.attrs.update(scale_attributes(grids, dims))
    zarr.consolidate_metadata(store)


def _decoded_times(stored: xr.Dataset, cube: xr.Dataset) -> xr.Dataset:
    """Return stored numbers with the times of the cube, which are written as they were."""
    times = {name: cube.coords[name] for name in stored.coords if name in cube.coords and cube[name].dtype.kind == "M"}
    dates = {
        str(name): band.astype("datetime64[us]")
        for name, band in stored.data_vars.items()
        if cube[name].dtype.kind == "M"
    }
    return stored.assign_coords(times).assign(dates)


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
    prepared, encoding = _encoded(cube, 2)
    prepared.attrs.update(attrs)
    with complete_folder(path, check=_open) as staged:
        prepared.to_zarr(staged, encoding=encoding, zarr_format=2, consolidated=True, mode="w", compute=False)
    return path


def _open(path: Path) -> None:
    import zarr

    zarr.open_group(path, mode="r")


def _check(cube: xr.Dataset, finest: str | None, path: Path) -> None:
    """Decode every chunk, and compare with it what is in memory; of coarser copies, decode all."""
    import zarr

    root = zarr.open_group(path, mode="r")
    group = root if finest is None else root[finest]
    assert isinstance(group, zarr.Group)
    for level, coarser in [] if finest is None else root.groups():
        for _, copy in coarser.arrays() if level != finest else ():
            _ = copy[...]
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


def _encoded(cube: xr.Dataset, zarr_format: int) -> tuple[xr.Dataset, dict[str, dict[str, Any]]]:
    """Return a cube as it is stored, and the encoding of its variables."""
    try:
        from numcodecs import Zlib
        from zarr.codecs import GzipCodec
    except ImportError as error:
        raise ExportError("a .zarr needs zarr: pip install 'stacaster[zarr]'") from error
    from pyproj import CRS

    prepared, encoding = described(cube)
    if "spatial_ref" in cube.coords:
        # GDAL's convention beside that of CF, which it reads in other formats only.
        own: dict[str, Any] = {"_CRS": {"wkt": CRS.from_user_input(str(cube.odc.geobox.crs)).to_wkt()}}
        if zarr_format == 3:
            rows, cols = cube.odc.spatial_dims
            grid = grid_attributes(cube.odc.geobox, (str(rows), str(cols)))
            own |= grid
            prepared.attrs = {**prepared.attrs, **grid}
        for name in prepared.data_vars:
            if set(cube.odc.spatial_dims) <= set(prepared[name].dims):
                prepared[name].attrs |= own
    for name, fields in encoding.items():
        if name in prepared.data_vars and prepared[name].ndim >= 2:
            band = prepared[name]
            # Which every build of GDAL decodes; the default of older versions is blosc.
            fields["compressors"] = (Zlib(level=_LEVEL),) if zarr_format == 2 else (GzipCodec(level=_LEVEL),)
            if band.chunks is None:
                tail = tuple(min(_CHUNK, size) for size in band.shape[-2:])
                fields["chunks"] = (1,) * (band.ndim - 2) + tail
            else:
                # Blocks of Dask that end at an edge of the file's blocks can be written at the same time.
                fields["chunks"] = tuple(sizes[0] for sizes in band.chunks)
                even = {str(dim): sizes[0] for dim, sizes in zip(band.dims, band.chunks, strict=True)}
                prepared[name] = band.chunk(even)
    return prepared, encoding
