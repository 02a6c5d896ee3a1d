"""Tasks on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stacaster.errors import StacasterError, UsageError, nearest
from stacaster.executors.functions import TaskFunction, name_of
from stacaster.executors.processes import Task, TaskResult
from stacaster.executors.threads import call_task, load_function

_CONNECT_S = 20
_LEAST_WORKERS = 2
_QUEUE = "jobqueue:"
_QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "sge": "SGECluster", "lsf": "LSFCluster",
           "htcondor": "HTCondorCluster", "oar": "OARCluster"}  # fmt: skip


def run_on_dask(
    tasks: Iterable[Task], *, function: TaskFunction, workers: int, address: str | None, memory_limit_mb: int
) -> Iterator[TaskResult]:
    """Run a function over tasks on a Dask cluster and yield results as they finish.

    Args:
        tasks: Drawn one by one; twice as many as there are workers wait at the cluster.
        function: Function of a module, which the workers import.
        workers: Number of processes of a cluster of our own.
        address: Scheduler of a cluster that runs; ``jobqueue:slurm`` (or ``pbs``, ``sge``, ``lsf``, ``htcondor``,
            ``oar``) starts workers as jobs of that queue, with the settings of the user's ``jobqueue.yaml``; None
            starts a cluster on this machine.
        memory_limit_mb: Memory of a worker of a cluster of our own.

    Yields:
        One result a task. A task whose worker died comes back as ``died``.

    Raises:
        StacasterError: The scheduler went away.
        UsageError: ``distributed`` or ``dask_jobqueue`` is missing, or the scheduler does not answer.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError("the executor dask needs distributed: pip install 'stacaster[cluster]'") from error
    cluster = _own_cluster(address, max(1, workers), memory_limit_mb)
    try:
        try:
            client = Client(cluster or address, timeout=_CONNECT_S, set_as_default=False)
        except OSError as error:
            raise UsageError(f"the Dask scheduler {address} does not answer: {error}") from error
        with client:
            yield from _run(client, tasks, name_of(function))
    finally:
        if cluster is not None:
            cluster.close()


def _own_cluster(address: str | None, workers: int, memory_limit_mb: int) -> Any:
    """Start a cluster on this machine, or as jobs of a queue; None when one runs already."""
    if address is None:
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=workers, threads_per_worker=1, memory_limit=memory_limit_mb << 20, dashboard_address=None
        )
    if not address.startswith(_QUEUE):
        return None
    try:
        import dask_jobqueue
    except ImportError as error:
        raise UsageError(f"{address} needs dask-jobqueue: pip install 'stacaster[jobqueue]'") from error
    name = address.removeprefix(_QUEUE)
    if name not in _QUEUES:
        raise UsageError(f"{name!r} is no queue; {nearest(name, list(_QUEUES))}")
    try:
        cluster = getattr(dask_jobqueue, _QUEUES[name])()
        cluster.scale(jobs=workers)
    except (ValueError, OSError, RuntimeError) as error:
        raise UsageError(
            f"workers cannot be started as jobs of {name}: {error}; see jobqueue.yaml of dask-jobqueue"
        ) from error
    return cluster


def _run(client: Any, tasks: Iterable[Task], function: str) -> Iterator[TaskResult]:
    from distributed import as_completed

    pending = iter(tasks)
    keys: dict[str, str] = {}
    running = as_completed(loop=client.loop)

    def submit() -> bool:
        task = next(pending, None)
        if task is None:
            return False
        future = client.submit(_call, function, task.key, dict(task.payload), pure=False, retries=0)
        keys[future.key] = task.key
        running.add(future)
        return True

    # Workers of a queue may come later.
    window = 2 * max(_LEAST_WORKERS, sum(client.nthreads().values()))
    while len(keys) < window and submit():
        pass
    for future in running:
        key = keys.pop(future.key)
        if future.status == "cancelled":
            # What a client makes of its tasks when it lost the scheduler.
            raise StacasterError("the Dask scheduler is gone; run again when there is one, what is done stays done")
        error = future.exception()
        if error is None:
            yield TaskResult(**future.result())
        else:
            yield TaskResult(key=key, value=None, error=f"a Dask worker failed: {error}", error_class="StacasterError",
                             died=True)  # fmt: skip
        submit()


def _call(function: str, key: str, payload: dict[str, Any]) -> dict[str, Any]:
    return vars(call_task(load_function(function), key, payload))
