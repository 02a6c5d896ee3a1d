"""Ingest: granule files in, verified COGs and catalog items out."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from stacaster.config import Settings, catalog_path
from stacaster.errors import CatalogError, SpaceError, UsageError, WriteError, is_space_error
from stacaster.executors.processes import Task, TaskResult, run_isolated
from stacaster.ingest.discover import GranuleFiles, discover
from stacaster.model import Outcome, Report
from stacaster.products import all_products
from stacaster.store import CatalogStore

if TYPE_CHECKING:
    from stacaster.catalog import StagedItem

Progress = Callable[[int, int, Outcome], None]
"""Called after each granule with the number done, the total and the outcome."""

_BATCH_ITEMS = 32
_BATCH_SECONDS = 2.0
_BEATEN = "another file of this run describes the same item"


def ingest(
    files: Iterable[str | os.PathLike[str]],
    *,
    catalog: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    subsystem: Sequence[str] = (),
    keep_swir: bool = False,
    profile: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Turn granule files into one verified COG per band and register them in a catalog.

    Granules are converted in worker processes, so that a file that kills the HDF library costs one granule. A
    granule that the catalog already has, made from the same bytes with the same settings, is skipped; one whose bytes
    or settings changed replaces its item. A run that was killed is finished by the same call.

    Args:
        files: Files, folders and patterns.
        catalog: Folder of the catalog, made when missing; default ``STACASTER_CATALOG`` or ``catalogs/local``.
        workers: Worker processes; default ``STACASTER_WORKERS`` or 1.
        subsystem: Keep only these parts, such as ``VNIR``; empty keeps all.
        keep_swir: Make ASTER SWIR assets also after 2008-04-01, when the detectors are unusable.
        profile: COG profile, ``zstd`` (default) or ``deflate`` for old readers.
        dry_run: Only say what would be done.
        progress: Called after every granule.

    Returns:
        What became of every granule.

    Raises:
        NothingFoundError: No file was found.
        UsageError: An argument is wrong.
        CatalogError: The folder is not a catalog of ours.
    """
    chosen = {"subsystem": subsystem, "keep_swir": keep_swir, "dry_run": dry_run, "known_only": False}
    return _ingest(files, catalog, Settings.build(workers=workers, profile=profile), chosen, progress)


def update(
    files: Iterable[str | os.PathLike[str]],
    *,
    catalog: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    subsystem: Sequence[str] = (),
    keep_swir: bool = False,
    profile: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Ingest again those granules of a catalog whose files, settings or software changed; take no new ones in.

    Args:
        files: Files, folders and patterns; granules that the catalog does not have are skipped.
        catalog: Folder of the catalog; default ``STACASTER_CATALOG`` or ``catalogs/local``.
        workers: Worker processes; default ``STACASTER_WORKERS`` or 1.
        subsystem: Keep only these parts, as when the granules were ingested.
        keep_swir: As when the granules were ingested.
        profile: As when the granules were ingested.
        dry_run: Only say what would be done.
        progress: Called after every granule.

    Returns:
        What became of every granule.

    Raises:
        NothingFoundError: No file was found.
        UsageError: An argument is wrong.
        CatalogError: The folder is not a catalog of ours.
    """
    root = catalog_path(catalog)
    if not (root / "catalog.json").is_file():
        raise CatalogError(f"{root.name} holds no catalog that could be updated; 'stacaster ingest' makes one")
    chosen = {"subsystem": subsystem, "keep_swir": keep_swir, "dry_run": dry_run, "known_only": True}
    return _ingest(files, root, Settings.build(workers=workers, profile=profile), chosen, progress)


def _ingest(
    files: Iterable[str | os.PathLike[str]],
    catalog: str | os.PathLike[str] | None,
    settings: Settings,
    chosen: dict[str, Any],
    progress: Progress | None,
) -> Report:
    if settings.profile != Settings.profile:
        from stacaster.cog.profiles import get_profile

        get_profile(settings.profile)
    subsystems = _subsystems(chosen.pop("subsystem"))
    store = CatalogStore(catalog_path(catalog))
    granules = discover(files, exclude=store.root)
    options = {"subsystems": subsystems, "profile": settings.profile, **chosen}
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
    return Report(tuple(sorted(outcomes, key=lambda item: (item.granule, item.item_id or "", item.reason or ""))))


def _settle(store: CatalogStore) -> None:
    from stacaster.catalog import settle

    settle(store)


def _subsystems(names: Sequence[str]) -> list[str]:
    known = {band.group.upper(): band.group for product in all_products().values() for band in product.bands}
    for name in names:
        if name.upper() not in known:
            raise UsageError(f"subsystem is {name!r}, but one of {', '.join(known.values())} is needed")
    return sorted({known[name.upper()] for name in names})


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
    # One worker may use both cores by writing two bands at once; several workers already do.
    threads = 2 if settings.workers == 1 else 1
    tasks = (
        Task(
            key=str(number),
            payload={
                "files": [str(path) for path in granule.files],
                "catalog": str(store.root),
                "staging": str(staging / str(number)) if staging is not None else "",
                "threads": threads,
                **options,
            },
        )
        for number, granule in enumerate(granules)
    )
    results = run_isolated(
        tasks,
        function="stacaster.convert:convert",
        workers=min(settings.workers, len(granules)),
        memory_limit_mb=settings.memory_limit_mb,
        timeout_s=settings.timeout_s,
        # odc-geo imports it to recognise its arrays; no worker has any.
        hidden=["dask"],
    )
    # The packages of a commit are imported while the workers import theirs.
    preload = Thread(target=_preload, daemon=True)
    preload.start()
    batch = _Batch(store)
    done = 0
    for result in results:
        # Two threads that import packages with circular imports see half of them.
        preload.join()
        granule = granules[int(result.key)]
        for outcome in batch.add(granule, result, staging):
            done += 1
            if progress is not None:
                progress(done, len(granules), outcome)
            yield outcome
    for outcome in batch.flush():
        done += 1
        if progress is not None:
            progress(done, len(granules), outcome)
        yield outcome


def _preload() -> None:
    import stacaster.catalog  # noqa: F401


class _Batch:
    """Finished granules that wait for a commit; a commit takes the catalog's lock once for all of them."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._staged: list[tuple[GranuleFiles, StagedItem]] = []
        self._winners: dict[tuple[str, str], tuple[str, str]] = {}
        self._last = time.monotonic()

    def add(self, granule: GranuleFiles, result: TaskResult, staging: Path | None) -> list[Outcome]:
        """Take one result; return the outcomes that are now known."""
        if result.value is None:
            if staging is not None:
                shutil.rmtree(staging / result.key, ignore_errors=True)
            return [Outcome(granule=granule.name, status="failed", reason=result.error, error=result.error_class)]
        value = result.value
        known = {"granule": granule.name, "collection": value["collection"], "item_id": value["item_id"]}
        notes = tuple(value["notes"])
        if value["status"] == "skipped":
            return [Outcome(**known, status="skipped", reason=value["reason"], notes=notes)]
        if value["status"] == "planned":
            bands = ", ".join(value["bands"])
            return [Outcome(**known, status="ingested", reason=f"would be ingested: {bands}", notes=notes)]
        from stacaster.catalog import StagedItem

        staged = StagedItem(item=value["item"], folder=Path(value["folder"]))
        if not self._wins(staged):
            shutil.rmtree(staged.folder, ignore_errors=True)
            return [Outcome(**known, status="skipped", reason=_BEATEN, notes=notes)]
        beaten = self._drop_same(staged)
        self._staged.append((granule, staged))
        is_due = len(self._staged) >= _BATCH_ITEMS or time.monotonic() - self._last > _BATCH_SECONDS
        return beaten + (self.flush() if is_due else [])

    def _wins(self, staged: StagedItem) -> bool:
        """Decide between two files of one run that describe the same item, whatever their order."""
        properties = staged.item["properties"]
        key = (staged.item["collection"], staged.item["id"])
        rank = (str(properties.get("created", "")), str(properties["stacaster:fingerprint"]))
        if key in self._winners and self._winners[key] >= rank:
            return False
        self._winners[key] = rank
        return True

    def _drop_same(self, staged: StagedItem) -> list[Outcome]:
        """Take a waiting granule that describes the same item out of the batch."""
        key = (staged.item["collection"], staged.item["id"])
        same = [pair for pair in self._staged if (pair[1].item["collection"], pair[1].item["id"]) == key]
        self._staged = [pair for pair in self._staged if pair not in same]
        for _, entry in same:
            shutil.rmtree(entry.folder, ignore_errors=True)
        return [_outcome(granule, entry, "skipped", reason=_BEATEN) for granule, entry in same]

    def flush(self) -> list[Outcome]:
        """Commit what waits and return its outcomes."""
        staged, self._staged = self._staged, []
        self._last = time.monotonic()
        if not staged:
            return []
        from stacaster.catalog import commit_items

        try:
            statuses = commit_items(self._store, [entry for _, entry in staged])
        except (WriteError, CatalogError, OSError) as error:
            name = SpaceError.__name__ if is_space_error(error) else type(error).__name__
            reason = str(error)
            return [_outcome(granule, entry, "failed", reason=reason, error=name) for granule, entry in staged]
        return [_outcome(granule, entry, status) for (granule, entry), status in zip(staged, statuses, strict=True)]


def _outcome(granule: GranuleFiles, entry: StagedItem, status: Any, **rest: Any) -> Outcome:
    notes = tuple(entry.item["properties"].get("stacaster:notes", ()))
    reason = "the catalog has it" if status == "skipped" else None
    fields = {"reason": reason, "notes": notes, **rest}
    return Outcome(
        granule=granule.name, status=status, collection=entry.item["collection"], item_id=entry.item["id"], **fields
    )
