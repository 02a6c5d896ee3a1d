"""Worker processes that may die: a task that kills its process costs that task only.

Workers are started as ``python -m stacaster.executors.processes`` and speak length-prefixed JSON over a private pair of
pipes. They are not forked or spawned by ``multiprocessing``, which would run the user's script again in every worker.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.config import cpus
from stacaster.errors import SpaceError, StacasterError, is_space_error
from stacaster.executors.functions import TaskFunction, name_of
from stacaster.executors.memory import trim_heap

_LOG = logging.getLogger(__name__)
_HEADER = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1
_MEGABYTE = 1 << 20


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
    """One process with the pipe to it and the pipe from it."""

    def __init__(self, start: Sequence[str], processors: int) -> None:
        task_read, self._task_write = os.pipe()
        self.result_read, result_write = os.pipe()
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (package, os.environ.get("PYTHONPATH", "")) if part)
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        # Without this glibc keeps an arena of address space for every thread, and freed bands stay resident; and GDAL
        # keeps blocks up to a twentieth of the machine's memory, in every worker.
        heap = {"MALLOC_ARENA_MAX": "2", "GDAL_CACHEMAX": os.environ.get("GDAL_CACHEMAX", "64")}
        command = [sys.executable, "-m", __name__, str(task_read), str(result_write), *start]
        try:
            self.process = subprocess.Popen(
                command,
                pass_fds=(task_read, result_write),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # Ctrl-C goes to the group of the terminal: the parent alone decides, also while a worker still starts.
                process_group=0,
                env={**os.environ, **single, **heap, "PYTHONPATH": path, "STACASTER_CPUS": str(processors)},
            )
        except BaseException:
            os.close(self._task_write)
            os.close(self.result_read)
            raise
        finally:
            os.close(task_read)
            os.close(result_write)
        self.task: Task | None = None
        self.started = 0.0

    def submit(self, task: Task) -> None:
        self.task, self.started = task, time.monotonic()
        message = json.dumps({"payload": dict(task.payload)}).encode()
        try:
            _write_all(self._task_write, _HEADER.pack(len(message)) + message)
        except BrokenPipeError:
            _LOG.debug("worker %s was gone before task %s", self.process.pid, task.key)

    def receive(self) -> dict[str, Any] | None:
        """Return the result message, or None when the process is gone."""
        header = _read_exactly(self.result_read, _HEADER.size)
        body = None if header is None else _read_exactly(self.result_read, _HEADER.unpack(header)[0])
        return None if body is None else json.loads(body)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._task_write)
        os.close(self.result_read)


class _Pool:
    def __init__(self, start: Sequence[str], timeout_s: float, processors: int) -> None:
        self._start, self._processors = start, processors
        self._timeout_s = timeout_s
        self._idle: list[_Worker] = []
        self.busy: list[_Worker] = []

    def submit(self, task: Task) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self._start, self._processors)
        self.busy.append(worker)
        worker.submit(task)

    def wait(self) -> list[TaskResult]:
        """Wait until at least one task has ended, or its time is over."""
        with selectors.DefaultSelector() as selector:
            for worker in self.busy:
                selector.register(worker.result_read, selectors.EVENT_READ, worker)
            left = min(worker.started + self._timeout_s for worker in self.busy) - time.monotonic()
            ready = [key.data for key, _ in selector.select(max(0.0, left))]
        late = [w for w in self.busy if w not in ready and time.monotonic() - w.started >= self._timeout_s]
        return [self._finish(worker) for worker in ready] + [self._give_up(worker) for worker in late]

    def _finish(self, worker: _Worker) -> TaskResult:
        message = worker.receive()
        assert worker.task is not None
        key, seconds = worker.task.key, time.monotonic() - worker.started
        self.busy.remove(worker)
        if message is None:
            reason = _describe_end(worker.process.wait())
            worker.close()
            return TaskResult(key=key, value=None, error=reason, error_class="ReadError", seconds=seconds, died=True)
        self._idle.append(worker)
        return TaskResult(key=key, seconds=seconds, **message)

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


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    parts = []
    while size > 0:
        part = os.read(descriptor, min(size, _MEGABYTE))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _serve(arguments: list[str]) -> None:
    """Body of a worker: take tasks from one pipe and answer on the other until the parent is gone."""
    task_read, result_write, limit = int(arguments[0]), int(arguments[1]), int(arguments[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    # Importing makes many objects that stay: fewer collections save a tenth of the start.
    gc.set_threshold(100_000, 20, 20)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (limit * _MEGABYTE, limit * _MEGABYTE))
    for package in filter(None, arguments[4].split(",")):
        sys.modules[package] = None  # type: ignore[assignment]
    module, _, name = arguments[2].partition(":")
    function: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    while True:
        header = _read_exactly(task_read, _HEADER.size)
        body = None if header is None else _read_exactly(task_read, _HEADER.unpack(header)[0])
        if body is None:
            return
        try:
            if function is None:
                function = getattr(importlib.import_module(module), name)
            answer: dict[str, Any] = {"value": function(json.loads(body)["payload"])}
        except MemoryError:
            answer = {"value": None, "error": f"needs more than {limit} MB of memory", "error_class": "SpaceError"}
        except StacasterError as error:
            answer = {"value": None, "error": error.message, "error_class": type(error).__name__}
        except Exception as error:  # noqa: BLE001 - the border of the process: reported with its class
            _LOG.debug("task failed", exc_info=True)
            name = SpaceError.__name__ if is_space_error(error) else type(error).__name__
            answer = {"value": None, "error": f"{type(error).__name__}: {error}", "error_class": name}
        trim_heap()
        message = json.dumps(answer).encode()
        try:
            _write_all(result_write, _HEADER.pack(len(message)) + message)
        except BrokenPipeError:
            # The parent is gone, and with it who would want the result or a word about it.
            return


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends; elsewhere the closed pipe ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    _serve(sys.argv[1:])
