"""Search, fetch and ingest in one go: the next granules are downloaded while the last ones are converted."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Self, Unpack

from stacaster.access.fetch import FetchReport, fetch
from stacaster.access.search import iter_granules
from stacaster.catalog.item_table import DATABASE, run_sql
from stacaster.catalog.store import CatalogStore
from stacaster.config import Settings, catalog_path
from stacaster.executors.cluster import Cluster
from stacaster.files.names import safe_id
from stacaster.geotiff.cog.profiles import PROFILES
from stacaster.ingest import ingest
from stacaster.ingest.class_download import with_class_granules
from stacaster.ingest.cluster_ingest import plain_outcomes, run_spread
from stacaster.ingest.convert.existing_item import read_item
from stacaster.ingest.convert.ingest_options import AREA, OPTIONS, parse_area, parse_wanted
from stacaster.ingest.convert.task import ConvertTask
from stacaster.ingest.fingerprint import HAS_IT, has_all
from stacaster.ingest.register import register
from stacaster.model import Granule, Outcome, Report
from stacaster.model.checked import checked
from stacaster.model.granule_options import IngestSearchOptions
from stacaster.model.names import as_names, check_known
from stacaster.model.values import read_count
from stacaster.products import all_products

Progress = Callable[[int, int, Outcome], None]
"""Called after each granule with the number done, the number known so far, and the outcome."""

_BATCH = 4
_CONVERSION = ("workers", "subsystem", "keep_swir", "profile", "with_classes", *(OPTIONS - AREA))
_OWN = ("catalog", "cache_dir", "discard_source", "no_copy", "dry_run", "progress")


@checked
def ingest_search(
    product: str | None = None,
    *,
    catalog: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    discard_source: bool = False,
    no_copy: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    **options: Unpack[IngestSearchOptions],
) -> Report:
    """Search for granules, download those that the catalog lacks, and ingest them.

    Four granules are downloaded while four others are converted. The same call after an interruption goes on: what
    the catalog has is skipped, what was downloaded is used again, a broken transfer goes on where it stopped.

    Args:
        product: Short name such as ``AST_L1T``.
        catalog: Folder of the catalog, made when missing.
        cache_dir: Folder for the downloads.
        discard_source: Delete the files of a granule once the catalog has it.
        no_copy: Download nothing: register the provider's Cloud Optimized GeoTIFFs in place; see ``register``.
        dry_run: Only say what would be done.
        progress: Called after every granule.
        **options: ``with_classes`` downloads the ATL08 granule of each ATL03 granule, which classifies its photons;
            ``clip`` cuts the granules to the area of the search; ``remote`` does so too, and reads HDF5 granules
            where they lie instead of downloading them (``s3``: from their bucket). ``workers`` (also a ``Cluster``,
            whose machines download and ingest a granule a task), ``subsystem``, ``keep_swir``, ``profile``, ``bands``,
            ``frequency``, ``split_complex``, ``grid`` as in ``ingest``; all others are those of ``search``.

    Returns:
        What became of every granule.

    Raises:
        UsageError: An option cannot be understood.
        SearchError: The search service refuses or does not answer.
        CatalogError: The folder is not a catalog of ours.

    Example:
        >>> stacaster.ingest_search(  # doctest: +SKIP
        ...     "AST_L1T", region="south_australia", datetime="2003", catalog="catalogs/sa", limit=5
        ... )
    """
    check_known("ingest_search", options, IngestSearchOptions, also=_OWN)
    asked = dict[str, Any](options)
    if asked.get("workers") is not None and not isinstance(asked["workers"], Cluster):
        asked["workers"] = read_count("workers", asked["workers"])
    conversion = {key: asked.pop(key) for key in _CONVERSION if key in asked}
    is_remote, is_cut = bool(asked.pop("remote", False)), bool(asked.pop("clip", False))
    root = catalog_path(catalog)
    if is_remote or is_cut:
        # Of which area and bands an item is, is known only when its granule was opened.
        existing = None
        area = parse_area(**{key: asked.get(key) for key in AREA})
        conversion |= {} if area is None else {"intersects": area}
    else:
        existing = _Existing(root, conversion)
    counter = _Counter(progress)
    missing = _missing(iter_granules(product, **asked), existing, counter)
    if dry_run:
        for granule in missing:
            reason = "would be registered in place" if no_copy else "would be fetched and ingested"
            counter.add(Outcome(granule=granule.id, status="ingested", reason=reason))
        return counter.report()
    if no_copy:
        kept = {key: conversion[key] for key in ("subsystem", "keep_swir") if key in conversion}
        register(missing, catalog=root, progress=lambda _, __, outcome: counter.add(outcome), **kept)
        return counter.report()
    if is_remote:
        granules = list(missing)
        for outcome in ingest(granules, catalog=root, **with_class_granules(granules, conversion, cache_dir)).outcomes:
            counter.add(outcome)
        return counter.report()
    if isinstance(conversion.get("workers"), Cluster):
        _on_cluster(missing, root, {**conversion, "discard_source": discard_source, "cache_dir": cache_dir}, counter)
        return counter.report()
    following = _Fetching(list(islice(missing, _BATCH)), cache_dir)
    while following.granules:
        current, report = following, following.result()
        following = _Fetching(list(islice(missing, _BATCH)), cache_dir)
        wanted = with_class_granules(current.granules, conversion, cache_dir)
        _ingest_batch(current.granules, report, root, wanted, counter, discard_source=discard_source)
    return counter.report()


def _on_cluster(missing: Iterable[Granule], root: Path, options: dict[str, Any], counter: _Counter) -> None:
    """Let the machines of a cluster download and ingest, a granule a task."""
    cluster, discard = options.pop("workers"), bool(options.pop("discard_source"))
    cache = options.pop("cache_dir")
    cache_dir = None if cache is None else str(Path(cache).absolute())
    options["subsystem"] = as_names(options.get("subsystem"), "subsystem") or []
    tasks = (
        (
            granule.id,
            AcquireTask(
                granule=granule, catalog=str(root.absolute()), cache_dir=cache_dir, discard_source=discard,
                options=options,
            ),
        )
        for granule in missing
    )  # fmt: skip
    outcomes = run_spread(tasks, function=acquire_one, cluster=cluster, store=CatalogStore(root))
    for outcome in outcomes:
        counter.add(outcome)


@dataclass(frozen=True, kw_only=True)
class AcquireTask:
    """One granule that a machine of a cluster downloads and ingests."""

    granule: Granule
    """What is downloaded."""
    catalog: str
    """Folder of the catalog."""
    cache_dir: str | None
    """Folder for the downloads."""
    discard_source: bool
    """Delete the files once the catalog has the granule."""
    options: Mapping[str, Any]
    """Options of the conversion as plain data."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "granule": self.granule.to_dict(), "options": dict(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the task that ``to_json`` described."""
        return cls(**{**data, "granule": Granule.from_dict(data["granule"])})


def acquire_one(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Download and ingest one granule; runs at a worker of a cluster.

    Args:
        payload: An ``AcquireTask``.
    """
    task, counter = AcquireTask.from_json(payload), _Counter(None)
    report = fetch([task.granule], cache_dir=task.cache_dir)
    given = {**with_class_granules([task.granule], dict(task.options), task.cache_dir), "workers": 1}
    _ingest_batch([task.granule], report, Path(task.catalog), given, counter, discard_source=task.discard_source)
    return plain_outcomes(counter.outcomes)


class _Existing:
    """Which granules the catalog has with all that is asked of them.

    Args:
        root: Folder of the catalog.
        conversion: Options of ``ingest``.
    """

    def __init__(self, root: Path, conversion: Mapping[str, Any]) -> None:
        asked = {key: conversion[key] for key in conversion if key in OPTIONS}
        wanted = parse_wanted(conversion.get("subsystem") or (), **asked)
        self._root = root
        self._options = ConvertTask.from_json(wanted | {"keep_swir": bool(conversion.get("keep_swir"))}).options
        self._profile = Settings.build(profile=conversion.get("profile")).profile
        self._opened = wanted["classes"] is not None or bool(conversion.get("with_classes"))
        self._products = {product.collection_id: product for product in all_products().values()}
        self._items: dict[str, list[tuple[str, str]]] = {}
        if (root / DATABASE).is_file():
            rows = run_sql(root / DATABASE, "select id, collection, year from items").to_pylist()
            for row in rows:
                path = f"{row['collection']}/{row['year']:04d}/{row['id']}/{row['id']}.json"
                self._items.setdefault(row["id"], []).append((row["collection"], path))

    def has(self, item_id: str) -> bool:
        """Tell whether nothing of a granule has to be fetched."""
        return any(self._has_all(collection, path) for collection, path in self._items.get(item_id, ()))

    def _has_all(self, collection: str, path: str) -> bool:
        item = read_item(self._root / path)
        if item is None or self._opened:
            # Which granule gives photons their classes is known only when both are there.
            return False
        product = self._products.get(collection)
        return has_all(item, product, self._options, profile=self._profile, profiles=tuple(PROFILES))


def _missing(granules: Iterable[Granule], existing: _Existing | None, counter: _Counter) -> Iterator[Granule]:
    for granule in granules:
        name = safe_id(granule.id)
        if existing is not None and existing.has(name):
            counter.add(Outcome(granule=granule.id, status="skipped", item_id=name, reason=HAS_IT))
        else:
            yield granule


def _ingest_batch(
    granules: Sequence[Granule],
    report: FetchReport,
    root: Path,
    conversion: dict[str, Any],
    counter: _Counter,
    *,
    discard_source: bool,
) -> None:
    folders: list[Path] = []
    for granule, fetched in zip(granules, report.outcomes, strict=True):
        if fetched.status == "failed":
            counter.add(Outcome(granule=granule.id, status="failed", reason=fetched.reason, error=fetched.error))
        else:
            folders.append(fetched.files[0].parent)
    if not folders:
        return
    outcomes = ingest(folders, catalog=root, **conversion).outcomes
    for outcome in outcomes:
        counter.add(outcome)
    if discard_source:
        failed = {outcome.granule for outcome in outcomes if outcome.status == "failed"}
        for folder in folders:
            if not any((folder / name).exists() or folder.name == name for name in failed):
                shutil.rmtree(folder)


class _Fetching:
    """A download in the background. A daemon thread: it must not keep the program from ending after Ctrl-C."""

    def __init__(self, granules: list[Granule], cache_dir: str | os.PathLike[str] | None) -> None:
        self.granules = granules
        self._report = FetchReport(())
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(cache_dir,), daemon=True)
        if granules:
            self._thread.start()

    def _run(self, cache_dir: str | os.PathLike[str] | None) -> None:
        try:
            self._report = fetch(self.granules, cache_dir=cache_dir)
        except BaseException as error:  # noqa: BLE001 - raised again by result()
            self._problem = error

    def result(self) -> FetchReport:
        """Wait for the end."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        return self._report


@dataclass
class _Counter:
    progress: Progress | None
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self.progress is not None:
            self.progress(len(self.outcomes), len(self.outcomes), outcome)

    def report(self) -> Report:
        return Report(tuple(sorted(self.outcomes, key=lambda item: (item.granule, item.item_id or ""))))
