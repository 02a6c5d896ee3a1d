"""Write cubes and indices to files that other programs open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.catalog import open_catalog
from stacaster.config import catalog_place
from stacaster.errors import UsageError
from stacaster.indices import compute_index, get_index, own_index
from stacaster.outputs import complete_file

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


def export(
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bands: Sequence[str] = (),
    bbox: str | None = None,
    datetime: str | None = None,
    collection: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Load bands of a catalog, without ``crs`` on the scenes' own grid, and write them to a NetCDF file.

    Args:
        output: File to write, ending in ``.nc``.
        catalog: Folder of the catalog.
        bands: Asset keys or common names; empty takes every band.
        bbox: West, south, east, north in degrees.
        datetime: Time or range, such as ``2001`` or ``2001-01-01/2001-06-30``.
        collection: Collection; not needed when the catalog has one.
        overwrite: Replace a file that exists.
        **options: ``units``, ``mask``, ``intersects`` and the other arguments of ``Catalog.load``.

    Returns:
        Path of the file.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, or an argument is wrong.
        LoadError: The items do not share one grid.
        ExportError: The file cannot be written.
    """
    target = _target(output, overwrite)
    place = {"bbox": bbox, "datetime": datetime, "collection": collection}
    return write_netcdf(_load(catalog, bands=tuple(bands) or None, **place, **options), target)


def export_index(
    name: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bbox: str | None = None,
    datetime: str | None = None,
    collection: str | None = None,
    mask: Sequence[str] = (),
    overwrite: bool = False,
) -> Path:
    """Compute a spectral index over items of a catalog and write it to a NetCDF file.

    Scenes that lack a band of the index, such as night scenes, are left out.

    Args:
        name: Name of the index, such as ``ndvi``, or a formula such as ``(B05 + B07) / B06`` of reflectances.
        output: File to write, ending in ``.nc``.
        catalog: Folder of the catalog.
        bbox: West, south, east, north in degrees.
        datetime: Time or range.
        collection: Collection; not needed when the catalog has one.
        mask: Masks as for ``load``.
        overwrite: Replace a file that exists.

    Returns:
        Path of the file.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, or an argument is wrong.
        LoadError: The items do not share one grid.
        ExportError: The file cannot be written.
    """
    index = get_index(name) if name.strip().isidentifier() else own_index(name)
    target = _target(output, overwrite)
    place = {"bbox": bbox, "datetime": datetime, "collection": collection}
    cube = _load(catalog, bands=index.bands, units=index.units, mask=list(mask), **place)
    return write_netcdf(compute_index(cube, index).to_dataset(), target)


def _load(
    catalog: str | os.PathLike[str] | None, *, bands: Sequence[str] | None, collection: str | None, **options: Any
) -> xr.Dataset:
    from stacaster.catalog.cubes import select, shaped
    from stacaster.cube import load

    opened = open_catalog(catalog_place(catalog))
    asked = {"datetime": options.pop("datetime"), "filter": options.pop("filter", None)}
    search = select(opened, asked | {"collections": _one(opened.collections, collection)}, options)
    items = list(search.items())
    if bands is not None:
        # When no scene has any of the bands, loading says which there are.
        items = [item for item in items if any(_has(item, name) for name in bands)] or items
    cube: xr.Dataset = load(items, bands=bands, **shaped(search, options))
    return cube


def _has(item: Any, name: str) -> bool:
    if name in item.assets:
        return True
    return any(asset.extra_fields.get("eo:common_name") == name for asset in item.assets.values())


def _one(names: Sequence[str], wanted: str | None) -> str:
    if wanted is not None:
        return wanted
    if len(names) != 1:
        raise UsageError(f"the catalog has several collections, name one: {', '.join(names)}")
    return names[0]


def _target(output: str | os.PathLike[str], overwrite: bool) -> Path:
    path = Path(output)
    if path.suffix.lower() != ".nc":
        raise UsageError(f"output is {path.name!r}, but a name ending in .nc is needed")
    if path.exists() and not overwrite:
        raise UsageError(f"{path.name} exists; --overwrite replaces it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of {os.fspath(output)} does not exist")
    return path


def write_netcdf(cube: xr.Dataset, path: Path) -> Path:
    """Write a cube as CF NetCDF-4, compressed, staged beside the target and then renamed.

    Args:
        cube: Dataset with dimensions (time, y, x) and a CRS.
        path: File to write; replaced when it exists.

    Returns:
        The path.

    Raises:
        SpaceError: The disk is full.
        ExportError: The file cannot be written.
    """
    prepared = cube.copy()
    encoding: dict[str, dict[str, Any]] = {}
    for name, band in cube.data_vars.items():
        rows, cols = band.shape[-2:]
        encoding[str(name)] = {"zlib": True, "complevel": 1, "shuffle": True}
        encoding[str(name)]["chunksizes"] = (1, min(_CHUNK, rows), min(_CHUNK, cols))
        attrs = dict(band.attrs)
        nodata = attrs.pop("nodata", None)
        if nodata is not None:
            encoding[str(name)]["_FillValue"] = np_scalar(nodata, str(band.dtype))
        elif band.dtype.kind == "f":
            encoding[str(name)]["_FillValue"] = np_scalar(float("nan"), str(band.dtype))
        if "spatial_ref" in cube.coords:
            attrs["grid_mapping"] = "spatial_ref"
        prepared[name].attrs = attrs
        prepared[name].encoding = {}
    for name, fields in _COORDINATES.items():
        if name in prepared.coords:
            prepared[name].attrs = {**prepared[name].attrs, **fields}
    encoding["time"] = {"units": "microseconds since 1970-01-01T00:00:00", "dtype": "int64", "calendar": "standard"}
    prepared.attrs = {"Conventions": "CF-1.8", **cube.attrs}
    with complete_file(path) as staged:
        prepared.to_netcdf(staged, engine="h5netcdf", encoding=encoding)
    return path


def np_scalar(value: float, data_type: str) -> Any:
    """Return a number as a NumPy scalar of a type."""
    import numpy as np

    return np.dtype(data_type).type(value)
