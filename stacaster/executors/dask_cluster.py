"""Tasks on the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from stacaster.errors import UsageError
from stacaster.executors.processes import Task, TaskResult
from stacaster.executors.threads import call_task, load_function

_CONNECT_S = 20


def run_on_dask(
    tasks: Iterable[Task], *, function: str, workers: int, address: str | None, memory_limit_mb: int
) -> Iterator[TaskResult]:
    """Run a function over tasks on a Dask cluster and yield results as they finish.

    Args:
        tasks: Drawn one by one; twice as many as there are workers wait at the cluster.
        function: ``package.module:name``, imported at the workers.
        workers: Number of processes of a cluster of our own.
        address: Scheduler of a cluster that runs; None starts one on this machine.
        memory_limit_mb: Memory of a worker of a cluster of our own.

    Yields:
        One result a task. A task whose worker died comes back as ``died``.

    Raises:
        UsageError: ``distributed`` is missing, or the scheduler does not answer.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise UsageError("the executor dask needs distributed: pip install 'stacaster[cluster]'") from error
    cluster = None
    if address is None:
        cluster = LocalCluster(
            n_workers=max(1, workers), threads_per_worker=1, memory_limit=memory_limit_mb << 20, dashboard_address=None,
        )  # fmt: skip
    try:
        try:
            client = Client(cluster or address, timeout=_CONNECT_S, set_as_default=False)
        except OSError as error:
            raise UsageError(f"the Dask scheduler {address} does not answer: {error}") from error
        with client:
            yield from _run(client, tasks, function)
    finally:
        if cluster is not None:
            cluster.close()


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

    window = 2 * max(1, sum(client.nthreads().values()))
    while len(keys) < window and submit():
        pass
    for future in running:
        key = keys.pop(future.key)
        error = future.exception()
        if error is None:
            yield TaskResult(**future.result())
        else:
            yield TaskResult(key=key, value=None, error=f"a Dask worker failed: {error}", error_class="StacasterError",
                             died=True)  # fmt: skip
        submit()


def _call(function: str, key: str, payload: dict[str, Any]) -> dict[str, Any]:
    return vars(call_task(load_function(function), key, payload))
