"""Everything in one call: search, fetch, ingest, and a cube or tiles of what was found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from stacaster.analysis.composites import check_method
from stacaster.catalog import ItemSearch, open_catalog
from stacaster.catalog.conditions import with_cloud_cover
from stacaster.config import catalog_path
from stacaster.cube.grid_options import checked_grid
from stacaster.errors import NothingFoundError, UsageError, nearest
from stacaster.executors.cluster import Cluster
from stacaster.export import export, export_composite, export_index
from stacaster.export.made import find_indices
from stacaster.export.writing import check_output
from stacaster.geo.area_input import read_place
from stacaster.geo.bbox_datetime import interval_text, time_range
from stacaster.ingest.acquire import ingest_search
from stacaster.model import Report
from stacaster.model.checked import checked
from stacaster.model.names import Names, as_names, check_known, one_of
from stacaster.model.run_options import CubeRunOptions, GlobalRunOptions
from stacaster.model.values import read_count
from stacaster.products import all_products
from stacaster.tiles import collect_tiles, plan_tiles, read_recipe, run_tiles, submit_tiles, tiles_status, wait_tiles
from stacaster.tiles.ledger import Status

EXECUTORS = ("processes", "threads", "dask", "slurm")
"""Where ``global_run`` may work."""

_CUBE = (
    "units", "mask", "groupby", "crs", "resolution", "resampling", "esun", "thermal", "emissivity", "mads", "greenness",
)  # fmt: skip
_PLACE = ("bbox", "region", "intersects")


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What became of a run."""

    report: Report
    """Every granule that was found."""
    path: Path | None
    """File, folder or catalog that was written; None after a dry run, or when no tile is done."""
    counts: Mapping[Status, int] | None = None
    """Of tiles: how many have each status."""


@checked
def run(
    product: str,
    output: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    bands: Names | None = None,
    index: str | Sequence[str] = (),
    composite: str | None = None,
    overwrite: bool = False,
    **options: Unpack[CubeRunOptions],
) -> RunResult:
    """Search, download, ingest, and write a cube of the scenes that were found; the same call goes on when interrupted.

    Args:
        product: Short name such as ``AST_L1T``.
        output: As for ``export``: ``.nc``, ``.zarr``, ``.tif``, ``.png`` ..., or a folder.
        catalog: Folder of the catalog, made when missing.
        bands: Asset keys or common names; empty takes those of ``subsystem``, or every band.
        index: Indices to write in place of the bands.
        composite: ``median``, ``geomedian`` ...; None keeps the dates.
        overwrite: Replace a file that exists.
        **options: ``units``, ``mask``, ``groupby``, ``crs``, ``resolution``, ``resampling`` and ``period`` of the cube;
            ``progress`` of the ingest, ``export_progress`` of the cube; all others are those of ``ingest_search``,
            where stacks of granules are made by ``stack_by``.

    Returns:
        What became of the granules, and the path that was written.

    Raises:
        NothingFoundError: No granule fits, or none could be ingested.
        UsageError: The file exists, or an argument is wrong.
        SearchError: The search service refuses or does not answer.
        LoadError: The scenes do not share one grid: name ``crs`` and ``resolution``.
        ExportError: The file cannot be written.

    Example:
        >>> stacaster.run(  # doctest: +SKIP
        ...     "AST_L1T", "vnir.nc", region="south_australia", datetime="2003", subsystem=["VNIR"], resolution=90
        ... )
    """
    check_known("run", options, CubeRunOptions, also=("catalog", "bands", "index", "composite", "overwrite"))
    asked = dict[str, Any](options)
    asked["groupby"] = one_of(asked, "groupby", "group_by")
    check_output(output, overwrite)
    shape = checked_grid({key: asked.pop(key) for key in _CUBE if key in asked})
    if composite is not None:
        check_method(composite)
    find_indices(index)
    period, progress = asked.pop("period", None), asked.pop("export_progress", None)
    report = ingest_search(product, catalog=catalog, **asked)
    if asked.get("dry_run"):
        return RunResult(report=report, path=None)
    collection, ids = _found(catalog, report, product)
    place = _place(asked, open_catalog(catalog_path(catalog)).search(ids=ids))
    if not bands and not index:
        bands = _bands(collection, as_names(asked.get("subsystem"), "subsystem") or ())
    given: dict[str, Any] = {
        "catalog": catalog, "collection": collection, "ids": ids, "overwrite": overwrite, "progress": progress, **place,
        **{key: value for key, value in shape.items() if value not in (None, (), [])},
    }  # fmt: skip
    if composite is not None:
        path = export_composite(composite, output, bands=bands, index=index, period=period, **given)
    elif index:
        path = export_index(index, output, **given)
    else:
        path = export(output, bands=bands, **given)
    return RunResult(report=report, path=path)


@checked
def global_run(  # noqa: PLR0913 - as many as a user can choose
    product: str,
    output: str | os.PathLike[str],
    *,
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    catalog: str | os.PathLike[str] | None = None,
    executor: str = "processes",
    workers: int = 1,
    memory_mb: int = 1500,
    address: str | None = None,
    sbatch: Mapping[str, str] | None = None,
    window: int | None = None,
    max_array: int | None = None,
    scripts: str = "array",
    script_dir: str | os.PathLike[str] | None = None,
    script_only: bool = False,
    **options: Unpack[GlobalRunOptions],
) -> RunResult:
    """Search, download, ingest, and compute tiles of the scenes that were found; the same call goes on after a stop.

    On ``dask`` and ``slurm`` the machines of the cluster download and ingest too, all into one catalog.

    Args:
        product: Short name such as ``AST_L1T``.
        output: Folder of the run.
        recipe: What is computed of each tile: file, or mapping; as for ``read_recipe``.
        catalog: Folder of the catalog, made when missing.
        executor: ``processes``, ``threads``, ``dask`` or ``slurm``.
        workers: Granules and tiles at a time.
        memory_mb: Memory that the pixels of a tile may take in a worker.
        address: Scheduler of ``dask``.
        sbatch: Options of sbatch, of ``slurm``.
        window: Elements of ``slurm`` that may run at once.
        max_array: Largest number of elements of ``slurm``.
        scripts: Of ``slurm``: ``array``, one script over all tiles, or ``tile``, one a tile.
        script_dir: Of ``slurm``: folder of the scripts; None takes ``slurm`` in the folder of the run.
        script_only: Of ``slurm``: download and ingest here, write the scripts and submit nothing; needs no Slurm.
        **options: ``grid``, ``tile_size``, ``resolution``, ``bands``, ``index``, ``units``, ``mask``, ``groupby``,
            ``composite``, ``period``, ``resampling``, ``format``, and ``result_name`` of the recipe; ``progress`` of
            the ingest, ``tile_progress`` of the tiles; all others are those of ``ingest_search``, where stacks of
            granules are made by ``stack_by``.

    Returns:
        What became of granules and tiles, and the catalog of results (``netcdf``: the folder of tiles).

    Raises:
        NothingFoundError: No granule fits, or none could be ingested.
        UsageError: An argument is wrong, or the cluster cannot be reached.
        SearchError: The search service refuses or does not answer.
        CatalogError: The folder holds something else, or tiles of another recipe.

    Example:
        >>> stacaster.global_run(  # doctest: +SKIP
        ...     "AST_L1T", "run", region="south_australia", index=["ga_kaolin"], composite="median", tile_size=1
        ... )
    """
    if executor not in EXECUTORS:
        raise UsageError(f"{executor!r} is no executor; {nearest(executor, EXECUTORS)}")
    if script_only and executor != "slurm":
        raise UsageError(f"script_only writes scripts of Slurm, but executor is {executor!r}; give executor='slurm'")
    check_known("global_run", options, GlobalRunOptions, also=("recipe", "catalog", "executor", "workers", "memory_mb"))
    asked = dict[str, Any](options)
    asked["groupby"] = one_of(asked, "groupby", "group_by")
    array: dict[str, Any] = {"options": dict(sbatch or {}), "window": window, "max_array": max_array}
    array = {key: value for key, value in array.items() if value is not None}
    progress = asked.pop("tile_progress", None)
    workers, memory_mb = read_count("workers", workers), read_count("memory_mb", memory_mb, low=64)
    given = {key: asked.pop(key) for key in _OF_RECIPE if key in asked} | {"name": asked.pop("result_name", None)}
    wanted = read_recipe(recipe, **given)
    machines: int | Cluster = workers
    if executor in ("dask", "slurm") and not script_only:
        machines = Cluster(executor=executor, workers=workers, address=address, **array)
    report = ingest_search(product, catalog=catalog, workers=machines, **asked)
    if asked.get("dry_run"):
        return RunResult(report=report, path=None)
    collection, _ = _found(catalog, report, product)
    found = {**wanted.to_dict(), "collection": collection, **_conditions(wanted.to_dict(), asked)}
    if not wanted.bands and not wanted.index:
        found["bands"] = _bands(collection, as_names(asked.get("subsystem"), "subsystem") or ())
    place = {key: asked[key] for key in _PLACE if asked.get(key) is not None}
    plan_tiles(read_recipe(found), catalog=catalog, **place).write(output)
    if executor == "slurm":
        written = {"memory_mb": memory_mb, "scripts": scripts, "script_dir": script_dir, "submit": not script_only}
        counts = _on_slurm(output, progress=progress, array=array | written)
    else:
        counts = run_tiles(
            output, executor=executor, workers=workers, memory_mb=memory_mb, address=address, progress=progress
        )
    path = None
    if counts["done"]:
        path = Path(output) / "tiles" if wanted.format == "netcdf" else collect_tiles(output)
    return RunResult(report=report, path=path, counts=counts)


_OF_RECIPE = (
    "grid", "tile_size", "resolution", "bands", "index", "units", "mask", "groupby", "composite", "period",
    "resampling", "format",
)  # fmt: skip


def _on_slurm(output: str | os.PathLike[str], *, progress: Any, array: Mapping[str, Any]) -> dict[Status, int]:
    """Submit until nothing is pending; a tile whose element dies again and again ends as failed.

    Where scripts are only written, nothing is waited for.
    """
    if not array["submit"]:
        submit_tiles(output, **array)
        return tiles_status(output)[0]
    counts: dict[Status, int] = {}
    while submit_tiles(output, **array) is not None:
        counts = wait_tiles(output, progress=progress)
    return counts or wait_tiles(output, progress=progress)


def _found(catalog: str | os.PathLike[str] | None, report: Report, product: str) -> tuple[str, list[str]]:
    """Return collection and ids of the scenes of a search that the catalog has."""
    wanted = sorted({outcome.item_id for outcome in report.outcomes if outcome.item_id is not None})
    if not report.outcomes:
        raise NothingFoundError(f"no granule of {product} fits")
    if not wanted:
        first = report.failed[0]
        raise NothingFoundError(
            f"none of {len(report.outcomes)} granules could be ingested; {first.granule}: {first.reason}"
        )
    opened = open_catalog(catalog_path(catalog))
    names = {str(item.collection_id) for item in opened.search(ids=wanted).items()}
    if len(names) != 1:
        raise UsageError(f"the scenes are of several collections: {', '.join(sorted(names))}; name one product")
    return names.pop(), wanted


def _place(options: Mapping[str, Any], scenes: ItemSearch) -> dict[str, Any]:
    """Return the place of the cube: polygons as they were asked for, boxes as far as there are scenes."""
    if options.get("intersects") is not None:
        names = ("intersects", "region", "name_column")
        return {key: options[key] for key in names if options.get(key) is not None}
    if options.get("point") is not None:
        return {key: options[key] for key in ("point", "radius") if options.get(key) is not None}
    asked = read_place(bbox=options.get("bbox"), region=options.get("region")).bbox
    if asked is None:
        return {}
    boxes = [item.bbox for item in scenes.items() if item.bbox is not None]
    if asked[0] > asked[2] or any(box[0] > box[2] for box in boxes):
        # Across the antimeridian: the area as it was asked for.
        return {"bbox": ",".join(repr(float(value)) for value in asked)}
    whole = [min(box[0] for box in boxes), min(box[1] for box in boxes),
             max(box[2] for box in boxes), max(box[3] for box in boxes)]  # fmt: skip
    cut = [max(asked[0], whole[0]), max(asked[1], whole[1]), min(asked[2], whole[2]), min(asked[3], whole[3])]
    return {} if cut == whole else {"bbox": ",".join(repr(float(value)) for value in cut)}


def _bands(collection: str, subsystems: Sequence[str]) -> list[str]:
    """Return the bands of subsystems; empty for all."""
    known = [product for product in all_products().values() if product.collection_id == collection]
    groups = {name.upper() for name in subsystems}
    return [band.name for product in known for band in product.bands if band.group.upper() in groups]


def _conditions(recipe: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    """Return the conditions of a search that hold for the scenes of a catalog as well."""
    found: dict[str, str] = {}
    interval = time_range(*(options.get(key) for key in ("datetime", "start", "end")))
    if interval is not None and "datetime" not in recipe:
        found["datetime"] = interval_text(interval)
    cloud = options.get("cloud_cover_max")
    if cloud is not None and "filter" not in recipe:
        found["filter"] = str(with_cloud_cover(None, cloud))
    return found
