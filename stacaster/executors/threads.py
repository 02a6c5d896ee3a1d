"""Tasks in threads of this process: nothing to start, nothing to be killed alone."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from stacaster.errors import StacasterError
from stacaster.executors.functions import TaskFunction
from stacaster.executors.processes import Task, TaskResult


def run_in_threads(tasks: Iterable[Task], *, function: TaskFunction, workers: int) -> Iterator[TaskResult]:
    """Run a function over tasks in threads and yield results as they finish.

    Args:
        tasks: Drawn one by one, when a thread is free.
        function: Takes the payload of a task, and returns plain data.
        workers: Number of threads.

    Yields:
        One result a task; an exception gives a result with an error.
    """
    pending = iter(tasks)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        running: dict[Future[TaskResult], Task] = {}
        exhausted = False
        while True:
            while not exhausted and len(running) < max(1, workers):
                task = next(pending, None)
                if task is None:
                    exhausted = True
                else:
                    running[pool.submit(call_task, function, task.key, dict(task.payload))] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                del running[future]
                yield future.result()


def load_function(name: str) -> TaskFunction:
    """Return the function that ``package.module:name`` names."""
    module, _, attribute = name.partition(":")
    found: TaskFunction = getattr(importlib.import_module(module), attribute)
    return found


def call_task(call: TaskFunction, key: str, payload: dict[str, Any]) -> TaskResult:
    """Call a function; errors become part of the result."""
    started = time.monotonic()
    try:
        return TaskResult(key=key, value=call(payload), seconds=time.monotonic() - started)
    except StacasterError as error:
        text, name = error.message, type(error).__name__
    except Exception as error:  # noqa: BLE001 - the border of a task: reported with its class
        text, name = f"{type(error).__name__}: {error}", type(error).__name__
    return TaskResult(key=key, value=None, error=text, error_class=name, seconds=time.monotonic() - started)
