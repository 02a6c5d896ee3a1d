"""Write cubes, indices, composites and time series to files that other programs open."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.composites import GREENNESS, composite
from stacaster.errors import UsageError
from stacaster.export.geotiff import write_geotiff
from stacaster.export.made import Made, Progress, find_indices, load_made, with_indices
from stacaster.export.netcdf import write_netcdf
from stacaster.export.results import write_results
from stacaster.export.tables import write_pixels
from stacaster.export.zarr_store import write_zarr
from stacaster.pictures import write_picture
from stacaster.timeseries import anomalies, linear_trend, plot_series, resample_series, time_series, write_series
from stacaster.timeseries.tables import check_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["export", "export_composite", "export_index", "export_timeseries", "write_cube", "write_netcdf"]


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
    """Load bands of a catalog, without ``crs`` on the scenes' own grid, and write them.

    Args:
        output: ``.nc`` (CF NetCDF), ``.zarr``, ``.tif`` (GeoTIFF), ``.csv`` or ``.parquet`` (one row a pixel),
            ``.png`` (picture with legend; three bands as colours), or a folder: a catalog with one COG a
            band and time, whose items name the scenes they derive from.
        catalog: Folder of the catalog.
        bands: Asset keys or common names; empty takes every band.
        bbox: West, south, east, north in degrees.
        datetime: Time or range, such as ``2001`` or ``2001-01-01/2001-06-30``.
        collection: Collection; not needed when the catalog has one.
        overwrite: Replace a file that exists.
        **options: ``units``, ``mask``, ``intersects`` and the other arguments of ``Catalog.load``; ``progress``.

    Returns:
        Path of the file or folder.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, or an argument is wrong.
        LoadError: The items do not share one grid.
        ExportError: The file cannot be written.
    """
    progress = options.pop("progress", None)
    _check(output, overwrite)
    place: dict[str, Any] = {"bbox": bbox, "datetime": datetime, "collection": collection}
    made = load_made(catalog, bands=tuple(bands) or None, **place, **options)
    return _write(made, output, name="bands", title="Bands", progress=progress)


def export_index(
    name: str | Sequence[str],
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bbox: str | None = None,
    datetime: str | None = None,
    collection: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Compute spectral indices over items of a catalog and write them; each band is read once.

    Scenes that lack all bands of the indices, such as night scenes, are left out.

    Args:
        name: Names of indices, such as ``ndvi``, or formulas such as ``(B05 + B07) / B06`` of reflectances.
        output: As for ``export``.
        catalog: Folder of the catalog.
        bbox: West, south, east, north in degrees.
        datetime: Time or range.
        collection: Collection; not needed when the catalog has one.
        overwrite: Replace a file that exists.
        **options: ``mask``, ``intersects`` and the other arguments of ``Catalog.load``; ``progress``.

    Returns:
        Path of the file or folder.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, an argument is wrong, or the indices need different units.
        LoadError: The items do not share one grid.
        ExportError: The file cannot be written.
    """
    progress = options.pop("progress", None)
    indices = find_indices(name)
    _check(output, overwrite)
    place: dict[str, Any] = {"bbox": bbox, "datetime": datetime, "collection": collection}
    made = load_made(catalog, bands=None, indices=indices, **place, **options)
    cube = with_indices(made.cube, indices)
    named = {"name": "-".join(index.name for index in indices[:3]), "title": "; ".join(i.title for i in indices)}
    recipe = {**made.recipe, "index": [index.expression for index in indices]}
    return _write(Made(cube=cube, scenes=made.scenes, recipe=recipe), output, **named, progress=progress)


def export_composite(
    method: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bands: Sequence[str] = (),
    index: Sequence[str] = (),
    period: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Make composites of a catalog's scenes and write them.

    Args:
        method: As for ``composite``: ``median``, ``geomedian``, ``bare_earth``, ``p10`` ...
        output: As for ``export``.
        catalog: Folder of the catalog.
        bands: Asset keys or common names; empty takes those of the indices, or every band.
        index: Indices of the composite to write in place of its bands.
        period: ``day``, ``month``, ``season`` or ``year``: one composite each; None makes one of all dates.
        overwrite: Replace a file that exists.
        **options: ``mads`` and ``greenness`` of ``composite``; ``bbox``, ``datetime``, ``collection``, ``units``,
            ``mask`` and the other arguments of ``Catalog.load``; ``progress``.

    Returns:
        Path of the file or folder.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, or an argument is wrong.
        LoadError: The items do not share one grid, or lack a band that is needed.
        ExportError: The file cannot be written.
    """
    progress = options.pop("progress", None)
    mads, greenness = bool(options.pop("mads", False)), float(options.pop("greenness", None) or GREENNESS)
    indices = find_indices(index) if index else []
    _check(output, overwrite)
    wanted = list(bands)
    if method == "bare_earth" and indices:
        wanted += ["red", "nir"]
    made = load_made(catalog, bands=wanted or None, indices=indices, **options)
    cube = composite(made.cube, method, period=period, mads=mads, greenness=greenness)
    recipe = {**made.recipe, "composite": method, "period": period, "mads": mads}
    if method == "bare_earth":
        recipe["greenness"] = greenness
    title = method
    if indices:
        cube = with_indices(cube, indices)
        recipe["index"] = [entry.expression for entry in indices]
        title = f"{'; '.join(entry.title for entry in indices)} of {method}"
    found = Made(cube=made.cube, scenes=made.scenes, recipe=recipe).only_times(cube, period)
    return _write(
        found, output, name=method if period is None else f"{method}-{period}", title=title, progress=progress
    )


def export_timeseries(
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    areas: Any | None = None,
    bands: Sequence[str] = (),
    index: Sequence[str] = (),
    period: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Write means of areas over time.

    Args:
        output: ``.csv`` or ``.parquet``.
        catalog: Folder of the catalog.
        areas: Polygons, as for ``time_series``; None takes the place of the cube as a whole.
        bands: Asset keys or common names; empty takes those of the indices, or every band.
        index: Indices to look at in place of the bands.
        period: ``day``, ``month``, ``season`` or ``year``; None keeps the dates.
        overwrite: Replace files that exist.
        **options: ``area_column`` (of the names), ``anomaly`` (``month``, ``season`` or ``year``: adds normal and
            anomaly), ``trend`` (second file, ``.csv`` or ``.parquet``), ``plot`` (``.png``); ``bbox``, ``datetime``,
            ``collection``, ``units``, ``mask`` and the other arguments of ``Catalog.load``; ``progress``.

    Returns:
        The table.

    Raises:
        NothingFoundError: No item fits.
        UsageError: A file exists, or an argument is wrong.
        LoadError: The items do not share one grid.
        ExportError: A file cannot be written.
    """
    progress = options.pop("progress", None)
    column, anomaly, trend, plot = (options.pop(key, None) for key in ("area_column", "anomaly", "trend", "plot"))
    indices = find_indices(index) if index else []
    for path in (output, trend):
        if path is not None:
            check_table(path)
    for path in (output, trend, plot):
        if path is not None:
            _free(Path(path), overwrite)
    if areas is not None and not {"bbox", "intersects", "region", "point"} & set(options):
        options["bbox"] = _box_of(areas)
    made = load_made(catalog, bands=tuple(bands) or None, indices=indices, **options)
    cube = with_indices(made.cube, indices) if indices else made.cube
    name = Path(output).name
    table = time_series(
        cube, areas, name_column=column,
        progress=None if progress is None else lambda done, total: progress(done, total, name),
    )  # fmt: skip
    if period is not None:
        table = resample_series(table, period)
    if anomaly is not None:
        table = anomalies(table, anomaly)
    write_series(table, output)
    if trend is not None:
        write_series(linear_trend(table, "mean" if anomaly is None else "anomaly"), trend)
    if plot is not None:
        plot_series(table, plot)
    return table


def write_cube(
    cube: xr.Dataset,
    output: str | os.PathLike[str],
    *,
    items: Sequence[Any] = (),
    name: str = "cube",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Write a cube of one's own.

    Args:
        cube: Dataset with dimensions (time, y, x) or (y, x), and a CRS.
        output: As for ``export``.
        items: Items that the cube was made of; a catalog of COGs names them as sources of all its items.
        name: Id of the collection of a catalog of COGs.
        overwrite: Replace a file that exists.
        progress: Called with steps done, steps there are, and what is worked on.

    Returns:
        Path of the file or folder.

    Raises:
        UsageError: The file exists, or its name ends in something unknown.
        ExportError: The file cannot be written.
    """
    _check(output, overwrite)
    made = Made(cube=cube, scenes=(tuple(items),) * cube.sizes.get("time", 1), recipe={"name": name})
    return _write(made, output, name=name, title=name, progress=progress)


def _write(made: Made, output: str | os.PathLike[str], *, name: str, title: str, progress: Progress | None) -> Path:
    path = Path(output)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is not None:
        return writer(made.cube, path, progress=progress)
    return write_results(made, path, name=name, title=title, progress=progress)


def _check(output: str | os.PathLike[str], overwrite: bool) -> None:
    """Refuse a place that cannot be written, before anything is computed.

    Raises:
        UsageError: The name says no known format, the file exists, or its folder does not.
    """
    path = Path(output)
    is_known = path.suffix.lower() in _WRITERS
    if not is_known and path.suffix and not path.is_dir():
        known = ", ".join(_WRITERS)
        raise UsageError(f"output is {path.name!r}, but a name ending in {known} or a folder is needed")
    if is_known:
        _free(path, overwrite)


def _free(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise UsageError(f"{path.name} exists; --overwrite replaces it")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder of {os.fspath(path)} does not exist")


def _box_of(areas: Any) -> str | None:
    """Return the box of polygons, so that only what they need is read; None across the antimeridian."""
    from stacaster.timeseries.areas import read_frame

    west, south, east, north = (float(value) for value in read_frame(areas).to_crs(4326).total_bounds)
    return None if east - west > 180 else f"{west},{south},{east},{north}"


def _draw(cube: xr.Dataset, path: Path, *, progress: Progress | None = None) -> Path:
    """Draw the variables with a legend, or three bands without a published range as red, green and blue."""
    del progress
    bands = [str(name) for name, band in cube.data_vars.items() if name not in ("n_obs", "source", "date")]
    is_colour = len(bands) == 3 and not any("display_range" in cube[name].attrs for name in bands)
    return write_picture(cube[bands], path, composite=bands if is_colour else None)


_WRITERS: dict[str, Callable[..., Path]] = {
    ".nc": write_netcdf,
    ".zarr": write_zarr,
    ".tif": write_geotiff,
    ".csv": write_pixels,
    ".parquet": write_pixels,
    ".png": _draw,
}
