"""Ingest: granule files in, verified COGs and catalog items out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any, Unpack

from stacaster.catalog.store import CatalogStore
from stacaster.config import Settings, catalog_path, cpus
from stacaster.errors import CatalogError
from stacaster.executors.cluster import Cluster
from stacaster.executors.processes import Task, run_isolated
from stacaster.ingest.batch import Batch
from stacaster.ingest.cluster_ingest import collected, ingest_one, run_spread, tasks_of
from stacaster.ingest.convert import convert
from stacaster.ingest.convert.ingest_options import OPTIONS, parse_wanted
from stacaster.ingest.convert.task import ConvertTask
from stacaster.ingest.discover import GranuleFiles, discover
from stacaster.ingest.sources import merged, split_sources
from stacaster.model import Granule, GranuleFile, Outcome, Report
from stacaster.model.checked import checked
from stacaster.model.granule_options import IngestOptions
from stacaster.model.names import Names, as_names
from stacaster.products import use_catalog

Progress = Callable[[int, int, Outcome], None]
"""Called after each granule with the number done, the total and the outcome."""


@checked
def ingest(
    files: Iterable[str | os.PathLike[str] | Granule | GranuleFile],
    *,
    catalog: str | os.PathLike[str] | None = None,
    workers: int | Cluster | None = None,
    subsystem: Names = (),
    keep_swir: bool = False,
    profile: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    **options: Unpack[IngestOptions],
) -> Report:
    """Turn granule files into one verified COG per band and register them in a catalog.

    Granules are converted in worker processes, so that a file that kills the HDF library costs one granule. A
    band that the catalog already has, made from the same bytes with the same settings, stays as it is; bands that are
    asked for later are added to the item, and a band whose bytes or settings changed is replaced.
    A run that was killed is finished by the same call.

    Args:
        files: Files, folders and patterns; also granules of a search and https or s3 addresses of HDF5 files, of which
            only what is wanted is read, where it lies.
        catalog: Folder of the catalog, made when missing; default ``STACASTER_CATALOG`` or ``catalogs/local``.
        workers: Worker processes (default ``STACASTER_WORKERS``, else as many as processors and memory allow), or a
            ``Cluster`` whose machines share the work.
        subsystem: Keep only these parts, such as ``VNIR``; empty keeps all.
        keep_swir: Make ASTER SWIR assets also after 2008-04-01, when the detectors are unusable.
        profile: COG profile, ``zstd`` (default) or ``deflate`` for old readers.
        dry_run: Only say what would be done.
        progress: Called after every granule.
        **options: ``bands`` (names of assets) and ``frequency`` (``A`` or ``B``, of NISAR) keep only these;
            ``bbox``, ``intersects`` (with ``name_column``) and ``region`` cut every band to the pixels of its own
            lattice that the area touches; ``split_complex`` makes amplitude and phase of complex layers;
            ``variables`` adds columns to tables of tracks (patterns of paths such as ``canopy/*``), ``classes`` is a
            folder with the ATL08 granules that classify photons of ATL03; ``s3`` reads granules of a search from their
            bucket; ``keep_files`` takes radar granules in as they come, without COGs; ``grid`` and ``resolution``
            put swaths on a grid (``average``: means in place of the nearest cell; ``max_distance`` in metres).

    Returns:
        What became of every granule.

    Raises:
        NothingFoundError: No file was found.
        UsageError: An argument is wrong.
        CatalogError: The folder is not a catalog of ours.

    Example:
        >>> stacaster.ingest(["granules"], catalog="mine", bands=["B01"])
        <Report: ... ingested, 0 added, 0 replaced, 0 skipped, ...>
    """
    if isinstance(workers, Cluster):
        if not dry_run:
            given = {
                "subsystem": as_names(subsystem, "subsystem"),
                "keep_swir": keep_swir,
                "profile": profile,
                **options,
            }
            return _ingest_on(workers, files, CatalogStore(catalog_path(catalog)), given, progress)
        workers = 1
    chosen = _chosen(subsystem, options) | {"keep_swir": keep_swir, "dry_run": dry_run, "known_only": False}
    return _ingest(files, catalog, Settings.build(workers=workers, profile=profile), chosen, progress)


@checked
def update(
    files: Iterable[str | os.PathLike[str] | Granule | GranuleFile],
    *,
    catalog: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    subsystem: Names = (),
    keep_swir: bool = False,
    profile: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    **options: Unpack[IngestOptions],
) -> Report:
    """Ingest again those granules of a catalog whose files, settings or software changed; take no new ones in.

    Args:
        files: Files, folders and patterns; granules that the catalog does not have are skipped.
        catalog: Folder of the catalog; default ``STACASTER_CATALOG`` or ``catalogs/local``.
        workers: Worker processes; default ``STACASTER_WORKERS``, else as many as processors and memory allow.
        subsystem: Keep only these parts, as when the granules were ingested.
        keep_swir: As when the granules were ingested.
        profile: As when the granules were ingested.
        dry_run: Only say what would be done.
        progress: Called after every granule.
        **options: ``bands`` (names of assets) and ``frequency`` (``A`` or ``B``, of NISAR) keep only these;
            ``bbox``, ``intersects`` (with ``name_column``) and ``region`` cut every band to the pixels of its own
            lattice that the area touches; ``split_complex`` makes amplitude and phase of complex layers;
            ``variables`` adds columns to tables of tracks (patterns of paths such as ``canopy/*``), ``classes`` is a
            folder with the ATL08 granules that classify photons of ATL03; ``s3`` reads granules of a search from their
            bucket; ``keep_files`` takes radar granules in as they come, without COGs; ``grid`` and ``resolution``
            put swaths on a grid (``average``: means in place of the nearest cell; ``max_distance`` in metres).

    Returns:
        What became of every granule.

    Raises:
        NothingFoundError: No file was found.
        UsageError: An argument is wrong.
        CatalogError: The folder is not a catalog of ours.

    Example:
        >>> stacaster.update(["granules"], catalog="catalogs/demo")
        <Report: 0 ingested, 0 added, 0 replaced, ... skipped, ...>
    """
    chosen = _chosen(subsystem, options) | {"keep_swir": keep_swir, "dry_run": dry_run, "known_only": True}
    root = catalog_path(catalog)
    if not (root / "catalog.json").is_file():
        raise CatalogError(f"{root.name} holds no catalog that could be updated; 'stacaster ingest' makes one")
    return _ingest(files, root, Settings.build(workers=workers, profile=profile), chosen, progress)


def _chosen(subsystem: Names, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"s3": bool(options.get("s3")), **parse_wanted(subsystem, **options)}


def _ingest_on(
    cluster: Cluster, files: Iterable[Any], store: CatalogStore, options: dict[str, Any], progress: Progress | None
) -> Report:
    use_catalog(str(store.root))
    wanted = parse_wanted(options["subsystem"], **{key: options[key] for key in options if key in OPTIONS})
    local, remote = split_sources(files)
    granules = [*(discover(local, exclude=store.root) if local or not remote else ()), *remote]
    # The area is read here: a file with polygons need not be where the machines are.
    plain = {key: value for key, value in options.items() if key not in ("bbox", "region", "name_column")}
    tasks = tasks_of(granules, catalog=str(store.root.absolute()), options=plain | {"intersects": wanted["area"]})
    outcomes = run_spread(tasks, function=ingest_one, cluster=cluster, store=store)
    return _report(collected(outcomes, len(granules), progress))


def _report(outcomes: Iterable[Outcome]) -> Report:
    return Report(tuple(sorted(outcomes, key=lambda item: (item.granule, item.item_id or "", item.reason or ""))))


def _ingest(
    files: Iterable[Any],
    catalog: str | os.PathLike[str] | None,
    settings: Settings,
    chosen: dict[str, Any],
    progress: Progress | None,
) -> Report:
    if settings.profile != Settings.profile:
        from stacaster.geotiff.cog.profiles import get_profile

        get_profile(settings.profile)
    store = CatalogStore(catalog_path(catalog))
    use_catalog(str(store.root))
    local, remote = split_sources(files)
    granules = [*(discover(local, exclude=store.root) if local or not remote else ()), *remote]
    options = {"profile": settings.profile, **chosen}
    if chosen["dry_run"]:
        outcomes = list(_run(granules, store, settings, options, staging=None, progress=progress))
    else:
        store.prepare()
        with store.staging() as staging:
            outcomes = list(_run(granules, store, settings, options, staging=staging, progress=progress))
        if store.is_interrupted():
            # Another process was killed while it put items in place that this run skipped.
            store.recover()
        _settle(store)
    return _report(outcomes)


def _settle(store: CatalogStore) -> None:
    from stacaster.catalog import settle

    settle(store)


_ROUNDS = 8
"""How often a granule is converted when other processes keep changing its item."""


def _run(
    granules: list[GranuleFiles],
    store: CatalogStore,
    settings: Settings,
    options: dict[str, Any],
    *,
    staging: Path | None,
    progress: Progress | None,
) -> Iterator[Outcome]:
    """Convert all granules and commit the finished ones in batches."""
    batch, done, waiting = Batch(store), 0, granules
    for number in range(_ROUNDS):
        for outcome in _round(waiting, batch, settings, options, staging=staging, number=number):
            done += 1
            if progress is not None:
                progress(done, len(granules), outcome)
            yield outcome
        waiting, batch.overtaken = batch.overtaken, []
        if not waiting:
            return
    for granule in waiting:
        reason = "other processes kept changing its item; run the same command again"
        yield Outcome(granule=granule.name, status="failed", reason=reason, error=CatalogError.__name__)


def _round(
    granules: list[GranuleFiles],
    batch: Batch,
    settings: Settings,
    options: dict[str, Any],
    *,
    staging: Path | None,
    number: int,
) -> Iterator[Outcome]:
    workers = min(settings.workers, len(granules))
    # Processors that workers leave write several bands at once.
    threads = max(1, min(4, cpus() // max(1, workers)))
    wanted = {key: value for key, value in options.items() if key != "s3"}
    asked = ConvertTask.from_json({"catalog": str(batch.store.root), "threads": threads, **wanted})
    folders = (None if staging is None else staging / f"{number}-{key}" for key in range(len(granules)))
    tasks = (
        Task(key=str(key), payload=replace(task, staging="" if folder is None else str(folder)).to_json())
        for key, (task, folder) in enumerate(zip(merged(granules, asked, s3=options["s3"]), folders, strict=True))
    )
    results = run_isolated(
        tasks,
        function=convert,
        workers=workers,
        memory_limit_mb=settings.memory_limit_mb,
        timeout_s=settings.timeout_s,
        # odc-geo imports dask to recognise its arrays, rasterio boto3 for buckets; no worker has any of them.
        hidden=["dask", "boto3"],
    )
    # The packages of a commit are imported while the workers import theirs.
    preload = Thread(target=_preload, daemon=True)
    preload.start()
    for result in results:
        # Two threads that import packages with circular imports see half of them.
        preload.join()
        yield from batch.add(granules[int(result.key)], result, None if staging is None else staging / str(number))
    yield from batch.flush()


def _preload() -> None:
    import stacaster.catalog  # noqa: F401
