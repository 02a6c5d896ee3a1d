"""Ingest on a cluster: a granule a task, all into one catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stacaster.catalog.store import CatalogStore
from stacaster.config import Settings
from stacaster.executors.cluster import Cluster, run_on_cluster
from stacaster.executors.processes import Task
from stacaster.ingest.discover import GranuleFiles
from stacaster.model import GranuleFile, Outcome

# What the process of a task needs beside its own worker, which converts.
_BASE_MB = 2048


def run_spread(
    tasks: Iterable[tuple[str, Mapping[str, Any]]], *, function: str, cluster: Cluster, store: CatalogStore
) -> Iterator[Outcome]:
    """Run tasks that ingest granules on a cluster and yield what became of every granule.

    Args:
        tasks: Name of the granule and payload of each task.
        function: ``package.module:name``; takes the payload and returns ``outcomes``.
        cluster: Where.
        store: Catalog that all of them write into.

    Raises:
        UsageError: The cluster cannot be reached.
        StacasterError: The cluster went away.
    """
    names: dict[str, str] = {}

    def numbered() -> Iterator[Task]:
        for number, (name, payload) in enumerate(tasks):
            key = f"{number:07d}"
            names[key] = name
            yield Task(key=key, payload=payload)

    store.prepare()
    limit = 2 * Settings.build().memory_limit_mb + _BASE_MB
    folder = store.root.with_name(f"{store.root.name}-slurm")
    results = run_on_cluster(numbered(), function=function, cluster=cluster, folder=folder, memory_limit_mb=limit)
    for result in results:
        name = names.pop(result.key)
        if result.value is None:
            yield Outcome(granule=name, status="failed", reason=result.error, error=result.error_class)
        else:
            yield from (Outcome(**{**said, "notes": tuple(said["notes"])}) for said in result.value["outcomes"])
    if store.is_interrupted():
        # A worker was killed while it put items in place.
        store.recover()


def plain_outcomes(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return outcomes as the value of a task."""
    return {"outcomes": [vars(outcome) for outcome in outcomes]}


def ingest_one(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Ingest the files of one granule; runs at a worker.

    Args:
        payload: ``files``, ``catalog``, and the options of ``ingest``.
    """
    from stacaster.ingest import ingest
    from stacaster.instruments.generic.registry import use_tables

    given = dict(payload)
    use_tables(given.pop("tables", ""))
    files = given.pop("files")
    remote = given.pop("remote", None)
    sources = files if remote is None else [GranuleFile(**remote)]
    return plain_outcomes(ingest(sources, workers=1, **given).outcomes)


def collected(outcomes: Iterable[Outcome], count: int, progress: Callable[..., None] | None) -> list[Outcome]:
    """Return outcomes, and tell of each as it comes."""
    found: list[Outcome] = []
    for outcome in outcomes:
        found.append(outcome)
        if progress is not None:
            progress(len(found), max(count, len(found)), outcome)
    return found


def tasks_of(granules: Iterable[GranuleFiles], options: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and task of each granule."""
    from stacaster.instruments.generic.registry import named_tables

    for granule in granules:
        payload = {"files": [str(path) for path in granule.files], **options}
        if named_tables():
            # Machines that run already do not inherit where the tables of the user are.
            payload["tables"] = named_tables()
        if granule.remote is not None:
            payload["remote"] = granule.remote["file"]
        yield granule.name, payload
