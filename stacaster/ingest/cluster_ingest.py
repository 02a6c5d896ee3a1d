"""Ingest on a cluster: a granule a task, all into one catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from stacaster.catalog.store import CatalogStore
from stacaster.config import Settings
from stacaster.executors.cluster import Cluster, run_on_cluster
from stacaster.executors.functions import TaskFunction
from stacaster.executors.processes import Task
from stacaster.ingest.discover import GranuleFiles
from stacaster.model import GranuleFile, Outcome

# What the process of a task needs beside its own worker, which converts.
_BASE_MB = 2048


class JsonTask(Protocol):
    """A task that travels as plain data."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        ...


@dataclass(frozen=True, kw_only=True)
class IngestTask:
    """One granule that a machine of a cluster ingests."""

    files: tuple[str, ...] = ()
    """Paths; empty for a granule at its provider."""
    remote: GranuleFile | None = None
    """The file at its provider."""
    catalog: str
    """Folder of the catalog."""
    options: Mapping[str, Any]
    """Options of ``ingest`` as plain data."""
    tables: str = ""
    """Where the user's tables of products are."""

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        remote = None if self.remote is None else dict(vars(self.remote))
        return {**vars(self), "files": list(self.files), "remote": remote, "options": dict(self.options)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the task that ``to_json`` described."""
        remote = None if data["remote"] is None else GranuleFile(**data["remote"])
        return cls(**{**data, "files": tuple(data["files"]), "remote": remote})


def run_spread(
    tasks: Iterable[tuple[str, JsonTask]], *, function: TaskFunction, cluster: Cluster, store: CatalogStore
) -> Iterator[Outcome]:
    """Run tasks that ingest granules on a cluster and yield what became of every granule.

    Args:
        tasks: Name of the granule and task of each.
        function: Takes the task as plain data, and returns ``outcomes``.
        cluster: Where.
        store: Catalog that all of them write into.

    Raises:
        UsageError: The cluster cannot be reached.
        StacasterError: The cluster went away.
    """
    names: dict[str, str] = {}

    def numbered() -> Iterator[Task]:
        for number, (name, task) in enumerate(tasks):
            key = f"{number:07d}"
            names[key] = name
            yield Task(key=key, payload=task.to_json())

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
        payload: An ``IngestTask``.
    """
    from stacaster.ingest import ingest
    from stacaster.instruments.generic.registry import use_tables

    task = IngestTask.from_json(payload)
    use_tables(task.tables)
    sources = task.files if task.remote is None else [task.remote]
    return plain_outcomes(ingest(sources, catalog=task.catalog, workers=1, **task.options).outcomes)


def collected(outcomes: Iterable[Outcome], count: int, progress: Callable[..., None] | None) -> list[Outcome]:
    """Return outcomes, and tell of each as it comes."""
    found: list[Outcome] = []
    for outcome in outcomes:
        found.append(outcome)
        if progress is not None:
            progress(len(found), max(count, len(found)), outcome)
    return found


def tasks_of(
    granules: Iterable[GranuleFiles], *, catalog: str, options: Mapping[str, Any]
) -> Iterator[tuple[str, IngestTask]]:
    """Yield name and task of each granule."""
    from stacaster.instruments.generic.registry import named_tables

    for granule in granules:
        files = tuple(str(path) for path in granule.files)
        remote = None if granule.remote is None else granule.remote.file
        # Machines that run already do not inherit where the tables of the user are.
        tables = named_tables()
        yield granule.name, IngestTask(files=files, remote=remote, catalog=catalog, options=options, tables=tables)
