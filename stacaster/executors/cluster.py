"""Machines that share the work of an ingest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stacaster.errors import UsageError, nearest
from stacaster.executors.array_job import ArrayOptions, run_on_slurm
from stacaster.executors.dask_cluster import run_on_dask
from stacaster.executors.functions import TaskFunction
from stacaster.executors.processes import Task, TaskResult

_EXECUTORS = ("dask", "slurm")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines that share the work of an ingest; all of them see the same files."""

    executor: str = "dask"
    """``dask`` or ``slurm``."""
    workers: int = 2
    """Dask: workers of a cluster of our own, or jobs of a queue."""
    address: str | None = None
    """Dask: scheduler of a cluster that runs, or ``jobqueue:slurm``; None starts a cluster on this machine."""
    folder: Path | None = None
    """Slurm: folder for scripts, lists and logs, which the nodes see; None takes ``slurm`` beside the catalog."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Slurm: options of sbatch, such as ``partition``, ``account``, ``time``."""
    window: int | None = None
    """Slurm: elements of the array job that may run at once."""
    max_array: int = 1000
    """Slurm: largest number of elements; with more granules each takes several."""

    def __post_init__(self) -> None:
        if self.executor not in _EXECUTORS:
            raise UsageError(f"{self.executor!r} is no executor of a cluster; {nearest(self.executor, _EXECUTORS)}")


def run_on_cluster(
    tasks: Iterable[Task], *, function: TaskFunction, cluster: Cluster, folder: Path, memory_limit_mb: int
) -> Iterator[TaskResult]:
    """Run a function over tasks on a cluster and yield results as they finish.

    Args:
        tasks: Granules to work on.
        function: Function of a module, which the workers import.
        cluster: Where.
        folder: Folder for the files of Slurm jobs, unless the cluster names one.
        memory_limit_mb: Memory of the process that works on a task.

    Yields:
        One result a task.

    Raises:
        UsageError: The cluster cannot be reached.
        StacasterError: The cluster went away.
    """
    if cluster.executor == "dask":
        return run_on_dask(
            tasks, function=function, workers=cluster.workers, address=cluster.address, memory_limit_mb=memory_limit_mb
        )
    asked = ArrayOptions(
        options=cluster.options, window=cluster.window, max_array=cluster.max_array, memory_limit_mb=memory_limit_mb
    )
    return run_on_slurm(tasks, function=function, folder=(cluster.folder or folder).absolute(), asked=asked)
