"""Points of a catalog as files: tables of points, surfaces fitted to photons, grids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stacaster.catalog import open_catalog
from stacaster.config import catalog_place
from stacaster.cube.point_files import check_output as check_points
from stacaster.cube.point_files import write_points as write_table
from stacaster.errors import UsageError
from stacaster.export.writing import check_output, write_cube
from stacaster.lidar import fit_surface, grid_points


def write_points(
    table: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    columns: Sequence[str] | None = None,
    fit: bool = False,
    overwrite: bool = False,
    **conditions: Any,
) -> Path:
    """Write points of a catalog to a file.

    Args:
        table: View of the points, ``atl03_photons``.
        output: File ending in .parquet (GeoParquet), .gpkg or .csv.
        catalog: Folder of the catalog.
        columns: Columns; None takes all.
        fit: Write surface heights fitted to the photons instead of the photons.
        overwrite: Replace a file that exists.
        **conditions: ``where``, ``bbox``, ``intersects``, ``datetime``, ``filter`` as in ``Catalog.points``.

    Raises:
        UsageError: The file exists, or an argument is wrong.
        NothingFoundError: No item fits.
        ExportError: The file cannot be written.
    """
    path = check_points(output)
    if path.exists() and not overwrite:
        raise UsageError(f"{path.name} exists; overwrite=True (--overwrite) replaces it")
    given = {key: value for key, value in conditions.items() if value is not None}
    found = open_catalog(catalog_place(catalog)).points(table, columns=None if fit else columns, **given)
    if fit:
        found = fit_surface(found)
        found = found if columns is None else found[[*columns, "geometry"]]
    if path.suffix.lower() != ".parquet":
        # Other formats have no lists and no structs.
        nested = [name for name in found.columns if name != "geometry" and _is_nested(found[name])]
        found = found.drop(columns=nested)
    return write_table(found, path)


def _is_nested(column: Any) -> bool:
    return column.dtype == object and len(column) > 0 and not isinstance(column.iloc[0], str)


def write_point_grid(
    table: str,
    output: str | os.PathLike[str],
    *,
    value: str,
    crs: Any,
    resolution: float,
    statistics: Sequence[str] = ("count", "mean"),
    overwrite: bool = False,
    **conditions: Any,
) -> Path:
    """Write statistics of the points of each cell of a grid.

    Args:
        table: View of the points, ``atl03_photons``.
        output: As for ``write_cube``: .tif, .nc, .zarr, or a folder, which becomes a catalog of COGs.
        value: Column to grid.
        crs: CRS of the grid.
        resolution: Cell size.
        statistics: As for ``grid_points``.
        overwrite: Replace a file that exists.
        **conditions: ``catalog``, ``where``, ``bbox``, ``intersects``, ``datetime``, ``filter``.

    Raises:
        UsageError: The file exists, or an argument is wrong.
        NothingFoundError: No point lies on the grid.
        ExportError: The file cannot be written.
    """
    check_output(output, overwrite)
    given = {key: part for key, part in conditions.items() if part is not None}
    opened = open_catalog(catalog_place(given.pop("catalog", None)))
    columns = list(dict.fromkeys(["time", "longitude", "latitude", value]))
    found = opened.points(table, columns=columns, **given)
    made = grid_points(found, value, crs=crs, resolution=resolution, statistics=statistics)
    return write_cube(made, output, overwrite=overwrite)
