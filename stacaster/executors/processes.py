"""Worker processes that may die: a task that kills its process costs that task only.

Workers are started as ``python -m stacaster.executors.worker`` and speak length-prefixed JSON over their standard
input and output, which nothing else in them sees: Windows hands no other pipe to a child. They are not forked or
spawned by ``multiprocessing``, which would run the user's script again in every worker.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.config import cpus
from stacaster.errors import SpaceError
from stacaster.executors.functions import TaskFunction, name_of
from stacaster.executors.messages import needs_more, read_message, write_message
from stacaster.files.system.process import (
    MEMORY_EXIT,
    own_group,
)

_LOG = logging.getLogger(__name__)
_WORKER = "stacaster.executors.worker"
_LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One call of the function."""

    key: str
    """Name that comes back with the result."""
    payload: Mapping[str, Any]
    """The only argument, plain data."""


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What became of one task."""

    key: str
    """Name of the task."""
    value: dict[str, Any] | None
    """What the function returned; None when it failed."""
    error: str | None = None
    """Message for the user."""
    error_class: str | None = None
    """Name of the error class."""
    seconds: float = 0.0
    """Time from start to end."""
    died: bool = False
    """Whether the process that worked on it died, or was stopped."""


def run_isolated(
    tasks: Iterable[Task],
    *,
    function: TaskFunction | str,
    workers: int,
    memory_limit_mb: int,
    timeout_s: float,
    hidden: Sequence[str] = (),
) -> Iterator[TaskResult]:
    """Run a function over tasks in worker processes and yield results as they finish.

    Args:
        tasks: Drawn one by one, when a worker is free.
        function: Function of a module, or its name as it was sent to this machine; only the workers need it.
        workers: Number of processes.
        memory_limit_mb: Address space of a worker.
        timeout_s: Longest time that a task may take.
        hidden: Optional packages that the function does not need; the workers cannot import them, which makes their
            start shorter.

    Yields:
        One result a task. A worker that dies, hangs or runs out of memory gives a result with an error; a new worker
        takes its place.
    """
    name = function if isinstance(function, str) else name_of(function)
    pool = _Pool((name, str(memory_limit_mb), ",".join(hidden)), timeout_s, max(1, cpus() // max(1, workers)))
    pending = iter(tasks)
    exhausted = False
    try:
        while True:
            while not exhausted and len(pool.busy) < max(1, workers):
                task = next(pending, None)
                if task is None:
                    exhausted = True
                else:
                    pool.submit(task)
            if not pool.busy:
                return
            yield from pool.wait()
    finally:
        pool.close()


class _Worker:
    """One process; what it answers goes into a queue, and None when it is gone."""

    def __init__(self, start: Sequence[str], processors: int, answers: _Answers) -> None:
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # Without this glibc keeps an arena of address space for every thread, and freed bands stay resident; and GDAL
        # keeps blocks up to a twentieth of the machine's memory, in every worker.
        heap = {"MALLOC_ARENA_MAX": "2", "GDAL_CACHEMAX": os.environ.get("GDAL_CACHEMAX", "64")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", _WORKER, *start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **single, **heap, "PYTHONPATH": path, "STACASTER_CPUS": str(processors)},
            # Ctrl-C goes to the group of the terminal: the parent alone decides, also while a worker still starts.
            **own_group(),
        )
        self.task: Task | None = None
        self.started = 0.0
        self._answers = answers
        self._reader = threading.Thread(target=self._read, name="worker", daemon=True)
        self._reader.start()

    def submit(self, task: Task) -> None:
        self.task, self.started = task, time.monotonic()
        message = json.dumps({"payload": dict(task.payload)}).encode()
        assert self.process.stdin is not None
        try:
            write_message(self.process.stdin.fileno(), message)
        except OSError:
            _LOG.debug("worker %s was gone before task %s", self.process.pid, task.key)

    def _read(self) -> None:
        assert self.process.stdout is not None
        answer: dict[str, Any] | None = {}
        while answer is not None:
            try:
                body = read_message(self.process.stdout.fileno())
                answer = None if body is None else json.loads(body)
            except (OSError, ValueError):
                answer = None
            self._answers.put((self, answer))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


_Answers = queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]]


class _Pool:
    def __init__(self, start: Sequence[str], timeout_s: float, processors: int) -> None:
        self._start, self._processors = start, processors
        self._timeout_s = timeout_s
        self._idle: list[_Worker] = []
        self.busy: list[_Worker] = []
        self._answers: _Answers = queue.SimpleQueue()

    def submit(self, task: Task) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self._start, self._processors, self._answers)
        self.busy.append(worker)
        worker.submit(task)

    def wait(self) -> list[TaskResult]:
        """Wait until at least one task has ended, or its time is over."""
        left = min(worker.started + self._timeout_s for worker in self.busy) - time.monotonic()
        results = []
        try:
            answer = self._answers.get(timeout=min(max(0.0, left), _LONGEST_WAIT_S))
            while True:
                results += self._finish(*answer)
                answer = self._answers.get_nowait()
        except queue.Empty:
            pass
        late = [worker for worker in self.busy if time.monotonic() - worker.started >= self._timeout_s]
        return results + [self._give_up(worker) for worker in late]

    def _finish(self, worker: _Worker, answer: dict[str, Any] | None) -> list[TaskResult]:
        if worker not in self.busy:
            # It was given up, or died without work.
            if worker in self._idle:
                self._idle.remove(worker)
                worker.close()
            return []
        assert worker.task is not None
        key, seconds = worker.task.key, time.monotonic() - worker.started
        self.busy.remove(worker)
        if answer is None:
            code = worker.process.wait()
            worker.close()
            if code == MEMORY_EXIT:
                error = needs_more(self._start[1])
                return [TaskResult(key=key, value=None, error=error, error_class=SpaceError.__name__, seconds=seconds)]
            error = _describe_end(code)
            return [TaskResult(key=key, value=None, error=error, error_class="ReadError", seconds=seconds, died=True)]
        self._idle.append(worker)
        return [TaskResult(key=key, seconds=seconds, **answer)]

    def _give_up(self, worker: _Worker) -> TaskResult:
        assert worker.task is not None
        self.busy.remove(worker)
        worker.close()
        text = f"took longer than {self._timeout_s:g} s and was stopped"
        seconds = time.monotonic() - worker.started
        return TaskResult(
            key=worker.task.key, value=None, error=text, error_class="ReadError", seconds=seconds, died=True
        )

    def close(self) -> None:
        for worker in self.busy + self._idle:
            worker.close()
        self.busy, self._idle = [], []


def _describe_end(code: int) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        return f"the worker process was killed by signal {name}; a file is damaged, or memory ran out"
    return f"the worker process ended with code {code}"
