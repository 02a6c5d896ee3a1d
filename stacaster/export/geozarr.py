"""Conventions of GeoZarr for Zarr 3: where the pixels lie (``spatial:``), in which CRS (``proj:``), and coarser copies.

Sources: github.com/zarr-conventions (spatial, geo-proj, multiscales). Names have the colon of their first form, the one
that rioxarray reads; other readers go by the UUIDs, which are the same in every form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.bands import code_bands
from stacaster.catalog.stac import crs_fields

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

_RAW = "https://raw.githubusercontent.com/zarr-conventions"
_PAGES = "https://github.com/zarr-conventions"
_SMALLEST = 256
"""Coarser copies end where both sides are no longer than this."""


def _convention(uuid: str, repository: str, tag: str, name: str, description: str) -> dict[str, str]:
    return {
        "uuid": uuid,
        "schema_url": f"{_RAW}/{repository}/refs/tags/{tag}/schema.json",
        "spec_url": f"{_PAGES}/{repository}/blob/{tag}/README.md",
        "name": name,
        "description": description,
    }


_SPATIAL = _convention(
    "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4", "spatial", "v1", "spatial:", "Spatial coordinate information"
)
_PROJ = _convention(
    "f17cb550-5864-4468-aeb7-f3180cfb622f", "geo-proj", "v1", "proj:",
    "Coordinate reference system information for geospatial data",
)  # fmt: skip
_MULTISCALES = _convention(
    "d35379db-88df-4056-af3a-620245f8e347", "multiscales", "v1", "multiscales", "Multiscale layout of zarr datasets"
)


def grid_attributes(geobox: GeoBox, dims: tuple[str, str]) -> dict[str, Any]:
    """Return the attributes of an array, or of a group of arrays, on a grid.

    Args:
        geobox: The grid.
        dims: Names of its dimensions, rows first.
    """
    t = geobox.transform
    corners = [t * (col, row) for col in (0, geobox.shape[1]) for row in (0, geobox.shape[0])]
    x, y = ([float(corner[axis]) for corner in corners] for axis in (0, 1))
    crs = {key.replace("proj:code", "proj:code"): value for key, value in crs_fields(geobox.crs).items()}
    return {
        "zarr_conventions": [_SPATIAL, _PROJ],
        "spatial:dimensions": list(dims),
        "spatial:transform": [float(value) for value in (t.a, t.b, t.c, t.d, t.e, t.f)],
        "spatial:transform_type": "affine",
        "spatial:shape": [int(size) for size in geobox.shape],
        "spatial:bbox": [min(x), min(y), max(x), max(y)],
        "spatial:registration": "pixel",
        **crs,
    }


def scale_attributes(grids: list[GeoBox], dims: tuple[str, str]) -> dict[str, Any]:
    """Return the attributes of a group whose groups ``0``, ``1`` ... hold a cube, each half as fine as the one before.

    Args:
        grids: Their grids, finest first.
        dims: Names of the dimensions.
    """
    layout: list[dict[str, Any]] = []
    for number, grid in enumerate(grids):
        level: dict[str, Any] = {"asset": str(number)}
        if number:
            level |= {
                "derived_from": str(number - 1),
                "transform": {"scale": [2.0, 2.0], "translation": [0.0, 0.0]},
            }
        own = grid_attributes(grid, dims)
        layout.append(level | {key: own[key] for key in ("spatial:shape", "spatial:transform")})
    whole = grid_attributes(grids[0], dims)
    return {
        **{key: value for key, value in whole.items() if key not in ("spatial:shape", "spatial:transform")},
        "zarr_conventions": [_SPATIAL, _PROJ, _MULTISCALES],
        "multiscales": {"layout": layout, "resampling_method": "average"},
    }


def coarser_grids(geobox: GeoBox) -> list[GeoBox]:
    """Return a grid and those of its coarser copies; the last row and column may reach beyond the pixels."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    grids = [geobox]
    while max(grids[-1].shape) > _SMALLEST:
        last = grids[-1]
        shape = (-(-last.shape[0] // 2), -(-last.shape[1] // 2))
        grids.append(GeoBox(shape, last.transform * Affine.scale(2), last.crs))
    return grids


def halved(cube: xr.Dataset, dims: tuple[str, str], geobox: GeoBox, nodata: Mapping[str, Any]) -> xr.Dataset:
    """Return a cube half as fine: means of the values there are; of codes and other whole things the first pixel.

    Args:
        cube: Cube of stored numbers.
        dims: Names of its dimensions of space, rows first.
        geobox: Grid of the result.
        nodata: Number of pixels without data by variable; NaN needs none.
    """
    import xarray as xr
    from odc.geo.xr import xr_coords

    codes = {*code_bands(cube), "source", "date"}
    variables = {}
    for key, band in cube.data_vars.items():
        name = str(key)
        if not set(dims) <= set(band.dims):
            variables[name] = band
        elif name in codes or band.dtype.kind not in "fiuc":
            variables[name] = band.isel({dim: slice(None, None, 2) for dim in dims})
        else:
            variables[name] = _mean(band, dims, nodata.get(name))
    known = {name: cube.coords[name] for name in cube.coords if not set(dims) & set(cube[name].dims)}
    made = xr.Dataset({name: band.drop_vars(list(band.coords)) for name, band in variables.items()}, attrs=cube.attrs)
    return made.assign_coords({**known, **xr_coords(geobox, dims=dims)})


def _mean(band: xr.DataArray, dims: tuple[str, str], nodata: Any) -> xr.DataArray:
    """Return means of two by two pixels, without those that have no data."""
    is_whole = band.dtype.kind in "iu"
    values = band.astype(np.float64) if is_whole else band
    if nodata is not None and np.isfinite(nodata):
        values = values.where(band != nodata)
    coarse = values.coarsen(dict.fromkeys(dims, 2), boundary="pad")
    means = coarse.mean()
    if is_whole:
        # A mean that rounds to the number for no data would make data of none.
        rounded = means.round()
        if nodata is not None:
            rounded = rounded.where(means.isnull() | (rounded != nodata), nodata + (1 if nodata <= 0 else -1))
            rounded = rounded.fillna(nodata)
        means = rounded
    return means.astype(band.dtype).assign_attrs(band.attrs)
