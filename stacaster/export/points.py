"""Points of a catalog as files: tables of points, surfaces fitted to photons, grids."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Unpack

from stacaster.analysis.lidar import fit_surface, grid_points, photon_density, surface_blanket, vegetation_metrics
from stacaster.analysis.lidar.surface import EMPTY
from stacaster.catalog import open_catalog
from stacaster.catalog.points import collection_of
from stacaster.config import catalog_place
from stacaster.cube.point_files import check_output as check_points
from stacaster.cube.point_files import write_points as write_table
from stacaster.errors import NothingFoundError, UsageError, nearest
from stacaster.export.writing import check_output, write_cube
from stacaster.model.checked import checked
from stacaster.model.names import Names, as_names, check_known
from stacaster.model.options import PointOptions


def _with_density(photons: Any, **parameters: Any) -> Any:
    return photons.assign(density=photon_density(photons, **parameters))


PROCESSES: dict[str, Callable[..., Any]] = {
    "surface": fit_surface, "vegetation": vegetation_metrics, "blanket": surface_blanket, "density": _with_density,
}  # fmt: skip
"""What can be made of photons."""


@checked
def write_points(
    table: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    columns: Names | None = None,
    fit: bool = False,
    process: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    **conditions: Unpack[PointOptions],
) -> Path:
    """Write points of a catalog to a file, or what is made of them.

    Args:
        table: View of the points, ``atl03_photons``.
        output: File ending in .parquet (GeoParquet), .gpkg or .csv.
        catalog: Folder of the catalog.
        columns: Columns; None takes all.
        fit: The same as ``process="surface"``.
        process: What is made of photons: ``surface`` (``fit_surface``), ``vegetation`` (``vegetation_metrics``),
            ``blanket`` (``surface_blanket``), ``density`` (photons with a column ``density`` of ``photon_density``).
        parameters: Of that function, such as ``{"len": 100}``; texts are read as JSON where they are.
        overwrite: Replace a file that exists.
        **conditions: ``where``, ``bbox``, ``intersects``, ``datetime``, ``filter`` as in ``Catalog.points``.

    Raises:
        UsageError: The file exists, or an argument is wrong.
        NothingFoundError: No item fits.
        ExportError: The file cannot be written.

    Example:
        >>> tracks = stacaster.sample_data("tracks", product="ICESAT2")
        >>> report = stacaster.ingest(tracks, catalog="catalogs/tracks")
        >>> stacaster.write_points("atl08_segments", "trees.csv", catalog="catalogs/tracks").name
        'trees.csv'
    """
    check_known(
        "write_points", conditions, PointOptions, also=("catalog", "columns", "process", "parameters", "overwrite")
    )
    columns = as_names(columns, "columns")
    path = check_points(output)
    if path.exists() and not overwrite:
        raise UsageError(f"{path.name} exists; overwrite=True (--overwrite) replaces it")
    name = "surface" if fit and process is None else process
    make = None if name is None else _made_by(name, dict(parameters or {}))
    if make is None and parameters:
        raise UsageError("parameters are of what is made of photons; process= (--process) says what")
    given: dict[str, Any] = {key: value for key, value in conditions.items() if value is not None}
    found = open_catalog(catalog_place(catalog)).points(table, columns=None if make else columns, **given)
    if not len(found):
        raise NothingFoundError(f"no point of {table} fits the conditions; nothing was written")
    if make is not None:
        found = make(found)
        if not len(found):
            raise NothingFoundError(f"{found.attrs.get(EMPTY, f'{name} gives no row')}; nothing was written")
        if columns is not None:
            lacking = [column for column in columns if column not in found.columns]
            if lacking:
                raise UsageError(f"there is no column {lacking[0]!r}; {nearest(lacking[0], list(found.columns))}")
            found = found[[*columns, "geometry"]]
    if path.suffix.lower() != ".parquet":
        # Other formats have no lists and no structs.
        nested = [name for name in found.columns if name != "geometry" and _is_nested(found[name])]
        found = found.drop(columns=nested)
    return write_table(found, path)


def _made_by(name: str, parameters: dict[str, Any]) -> Callable[[Any], Any]:
    """Return what turns photons into the result, its parameters checked before anything is read."""
    if name not in PROCESSES:
        raise UsageError(f"process is {name!r}; {nearest(name, sorted(PROCESSES))}")
    known = {key: _value(value) for key, value in parameters.items()}
    function = photon_density if name == "density" else PROCESSES[name]
    accepted = inspect.signature(function).parameters
    takes_any = any(entry.kind is entry.VAR_KEYWORD for entry in accepted.values())
    for key in () if takes_any else known:
        if key not in accepted or key == "photons":
            raise UsageError(f"{name} has no parameter {key!r}; {nearest(key, sorted(set(accepted) - {'photons'}))}")
    return lambda photons: PROCESSES[name](photons, **known)


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _is_nested(column: Any) -> bool:
    return column.dtype == object and len(column) > 0 and not isinstance(column.iloc[0], str)


@checked
def write_point_grid(
    table: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    value: str,
    crs: Any,
    resolution: float,
    statistics: Names = ("count", "mean"),
    overwrite: bool = False,
    **conditions: Unpack[PointOptions],
) -> Path:
    """Write statistics of the points of each cell of a grid.

    Args:
        table: View of the points, ``atl03_photons``.
        output: As for ``write_cube``: .tif, .nc, .zarr, or a folder, which becomes a catalog of COGs whose items name
            those of the points as sources.
        catalog: Folder of the catalog.
        value: Column to grid.
        crs: CRS of the grid.
        resolution: Cell size.
        statistics: As for ``grid_points``.
        overwrite: Replace a file that exists.
        **conditions: ``where``, ``bbox``, ``intersects``, ``datetime``, ``filter`` as in ``Catalog.points``.

    Raises:
        UsageError: The file exists, or an argument is wrong.
        NothingFoundError: No point lies on the grid.
        ExportError: The file cannot be written.

    Example:
        >>> tracks = stacaster.sample_data("tracks", product="ICESAT2")
        >>> report = stacaster.ingest(tracks, catalog="catalogs/tracks")
        >>> stacaster.write_point_grid(
        ...     "atl03_photons", "terrain.tif", catalog="catalogs/tracks", value="height", where="class = 1",
        ...     crs="EPSG:32754", resolution=100,
        ... ).name
        'terrain.tif'
    """
    check_known("write_point_grid", conditions, PointOptions, also=("catalog", "statistics", "overwrite"))
    check_output(output, overwrite)
    given: dict[str, Any] = {key: part for key, part in conditions.items() if part is not None}
    opened = open_catalog(catalog_place(catalog))
    columns = list(dict.fromkeys(["time", "longitude", "latitude", "item_id", value]))
    found = opened.points(table, columns=columns, **given)
    made = grid_points(
        found, value, crs=crs, resolution=resolution, statistics=as_names(statistics, "statistics") or ()
    )
    collection = collection_of(opened, table)
    items = list(opened.search(collections=collection, ids=sorted(found["item_id"].unique())).items())
    return write_cube(made, output, items=items, name=f"{table}-{value}".replace("_", "-"), overwrite=overwrite)
