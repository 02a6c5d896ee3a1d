"""Write cubes, indices, composites and time series to files that other programs open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from stacaster.analysis.composites import GREENNESS, check_method, composite
from stacaster.analysis.timeseries import (
    anomalies,
    linear_trend,
    plot_series,
    resample_series,
    time_series,
    write_series,
)
from stacaster.analysis.timeseries.tables import check_table
from stacaster.export.made import Progress, ProvenancedCube, find_indices, load_made, with_indices
from stacaster.export.netcdf import write_netcdf
from stacaster.export.writing import check_output, require_free, write_cube, write_made
from stacaster.export.zarr_store import read_zarr_form
from stacaster.model.checked import checked
from stacaster.model.names import Names, as_names, check_known
from stacaster.model.options import ExportOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["export", "export_composite", "export_index", "export_timeseries", "write_cube", "write_netcdf"]

_EXPORT = ("catalog", "bands", "overwrite", "progress")
_ZARR = ("zarr_format", "multiscales")
_SERIES = ("areas", "index", "period", "area_column", "anomaly", "trend", "plot")


@checked
def export(
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bands: Names | None = None,
    zarr_format: int | None = None,
    multiscales: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ExportOptions],
) -> Path:
    """Load bands of a catalog, without ``crs`` on the scenes' own grid, and write them.

    Args:
        output: ``.nc`` (CF NetCDF), ``.zarr``, ``.tif`` (GeoTIFF), ``.csv`` or ``.parquet`` (one row a pixel),
            ``.png`` (picture with legend; three bands as colours), or a folder: a catalog with one COG a
            band and time, whose items name the scenes they derive from.
        catalog: Folder of the catalog.
        bands: Asset keys or common names; empty takes every band.
        zarr_format: Of a ``.zarr``: 2, which every program reads, or 3 with the conventions of GeoZarr; None takes 2,
            or 3 with ``multiscales``.
        multiscales: Of a ``.zarr``: add coarser copies, each half as fine as the one before; the cube is in group
            ``0``.
        overwrite: Replace a file that exists.
        progress: Called with steps done, steps there are, and what is worked on.
        **options: ``bbox``, ``datetime``, ``collection`` (not needed when the catalog has one), ``units``, ``mask`` and
            the other arguments of ``Catalog.load``.

    Returns:
        Path of the file or folder.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, or an argument is wrong.
        LoadError: The items do not share one grid.
        ExportError: The file cannot be written.

    Example:
        >>> stacaster.export("red.nc", catalog="catalogs/demo", bands=["red"], datetime="2003-12").name
        'red.nc'
    """
    check_known("export", options, ExportOptions, also=(*_EXPORT, *_ZARR))
    check_output(output, overwrite)
    form = read_zarr_form(Path(output), zarr_format, multiscales=multiscales)
    made = load_made(catalog, bands=bands, **options)
    return write_made(made, output, name="bands", title="Bands", form=form, progress=progress)


@checked
def export_index(
    name: str | Sequence[str],
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    zarr_format: int | None = None,
    multiscales: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ExportOptions],
) -> Path:
    """Compute spectral indices over items of a catalog and write them; each band is read once.

    Scenes that lack all bands of the indices, such as night scenes, are left out.

    Args:
        name: Names of indices, such as ``ndvi``, or formulas such as ``(B05 + B07) / B06`` of reflectances.
        output: As for ``export``.
        catalog: Folder of the catalog.
        zarr_format: As for ``export``.
        multiscales: As for ``export``.
        overwrite: Replace a file that exists.
        progress: Called with steps done, steps there are, and what is worked on.
        **options: ``bbox``, ``datetime``, ``collection`` (not needed when the catalog has one), ``mask`` and the other
            arguments of ``Catalog.load``.

    Returns:
        Path of the file or folder.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, an argument is wrong, or the indices need different units.
        LoadError: The items do not share one grid.
        ExportError: The file cannot be written.

    Example:
        >>> stacaster.export_index("ndvi", "ndvi.nc", catalog="catalogs/demo", datetime="2003-12").name
        'ndvi.nc'
    """
    check_known("export_index", options, ExportOptions, also=(*_EXPORT, *_ZARR))
    indices = find_indices(name)
    check_output(output, overwrite)
    form = read_zarr_form(Path(output), zarr_format, multiscales=multiscales)
    made = load_made(catalog, bands=None, indices=indices, **options)
    cube = with_indices(made.cube, indices)
    named = {"name": "-".join(index.name for index in indices[:3]), "title": "; ".join(i.title for i in indices)}
    recipe = {**made.recipe, "index": [index.expression for index in indices]}
    return write_made(
        ProvenancedCube(cube=cube, scenes=made.scenes, recipe=recipe), output, **named, form=form, progress=progress
    )


@checked
def export_composite(  # noqa: PLR0913 - as many as a user can choose
    method: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bands: Names | None = None,
    index: str | Sequence[str] = (),
    period: str | None = None,
    mads: bool = False,
    greenness: float | None = None,
    zarr_format: int | None = None,
    multiscales: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ExportOptions],
) -> Path:
    """Make composites of a catalog's scenes and write them.

    Args:
        method: As for ``composite``: ``median``, ``geomedian``, ``bare_earth``, ``p10`` ...
        output: As for ``export``.
        catalog: Folder of the catalog.
        bands: Asset keys or common names; empty takes those of the indices, or every band.
        index: Indices of the composite to write in place of its bands.
        period: ``day``, ``month``, ``season`` or ``year``: one composite each; None makes one of all dates.
        mads: As for ``composite``.
        greenness: As for ``composite``.
        zarr_format: As for ``export``.
        multiscales: As for ``export``.
        overwrite: Replace a file that exists.
        progress: Called with steps done, steps there are, and what is worked on.
        **options: ``bbox``, ``datetime``, ``collection``, ``units``, ``mask`` and the other arguments of
            ``Catalog.load``.

    Returns:
        Path of the file or folder.

    Raises:
        NothingFoundError: No item fits.
        UsageError: The file exists, or an argument is wrong.
        LoadError: The items do not share one grid, or lack a band that is needed.
        ExportError: The file cannot be written.

    Example:
        >>> stacaster.export_composite(
        ...     "median", "median.tif", catalog="catalogs/demo", bands=["red"], crs="EPSG:32754", resolution=300
        ... ).name
        'median.tif'
    """
    check_known(
        "export_composite", options, ExportOptions, also=(*_EXPORT, *_ZARR, "index", "period", "mads", "greenness")
    )
    weight = GREENNESS if greenness is None else float(greenness)
    method = check_method(method)
    indices = find_indices(index)
    check_output(output, overwrite)
    form = read_zarr_form(Path(output), zarr_format, multiscales=multiscales)
    wanted = as_names(bands, "bands") or []
    if method == "bare_earth" and indices:
        wanted += ["red", "nir"]
    made = load_made(catalog, bands=wanted or None, indices=indices, **options)
    cube = composite(made.cube, method, period=period, mads=mads, greenness=weight)
    recipe = {**made.recipe, "composite": method, "period": period, "mads": mads}
    if method == "bare_earth":
        recipe["greenness"] = weight
    title = method
    if indices:
        cube = with_indices(cube, indices)
        recipe["index"] = [entry.expression for entry in indices]
        title = f"{'; '.join(entry.title for entry in indices)} of {method}"
    found = ProvenancedCube(cube=made.cube, scenes=made.scenes, recipe=recipe).only_times(cube, period)
    name = method if period is None else f"{method}-{period}"
    return write_made(found, output, name=name, title=title, form=form, progress=progress)


@checked
def export_timeseries(  # noqa: PLR0913 - as many as a user can choose
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    areas: Any | None = None,
    bands: Names | None = None,
    index: str | Sequence[str] = (),
    period: str | None = None,
    area_column: str | None = None,
    anomaly: str | None = None,
    trend: str | os.PathLike[str] | None = None,
    plot: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ExportOptions],
) -> pd.DataFrame:
    """Write means of areas over time.

    Args:
        output: ``.csv`` or ``.parquet``.
        catalog: Folder of the catalog.
        areas: Polygons, as for ``time_series``; None takes the place of the cube as a whole.
        bands: Asset keys or common names; empty takes those of the indices, or every band.
        index: Indices to look at in place of the bands.
        period: ``day``, ``month``, ``season`` or ``year``; None keeps the dates.
        area_column: Column with the names of the areas.
        anomaly: ``month``, ``season`` or ``year``: adds normal and anomaly.
        trend: Second file, ``.csv`` or ``.parquet``, with the trend of each area.
        plot: Picture of the series, ``.png``.
        overwrite: Replace files that exist.
        progress: Called with steps done, steps there are, and what is worked on.
        **options: ``bbox``, ``datetime``, ``collection``, ``units``, ``mask`` and the other arguments of
            ``Catalog.load``.

    Returns:
        The table.

    Raises:
        NothingFoundError: No item fits.
        UsageError: A file exists, or an argument is wrong.
        LoadError: The items do not share one grid.
        ExportError: A file cannot be written.

    Example:
        >>> table = stacaster.export_timeseries("ndvi.csv", catalog="catalogs/demo", index=["ndvi"], datetime="2003-12")
        >>> len(table)
        1
    """
    check_known("export_timeseries", options, ExportOptions, also=(*_EXPORT, *_SERIES))
    indices = find_indices(index)
    for path in (output, trend):
        if path is not None:
            check_table(path)
    for path in (output, trend, plot):
        if path is not None:
            require_free(Path(path), overwrite)
    if areas is not None and not {"bbox", "intersects", "region", "point"} & set(options):
        options["bbox"] = _box_of(areas)
    made = load_made(catalog, bands=bands, indices=indices, **options)
    cube = with_indices(made.cube, indices) if indices else made.cube
    name = Path(output).name
    table = time_series(
        cube, areas, name_column=area_column,
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


def _box_of(areas: Any) -> str | None:
    """Return the box of polygons, so that only what they need is read; None across the antimeridian."""
    from stacaster.analysis.timeseries.areas import read_frame

    west, south, east, north = (float(value) for value in read_frame(areas).to_crs(4326).total_bounds)
    return None if east - west > 180 else f"{west},{south},{east},{north}"
