"""Tasks as elements of an array job: a list that they read, and a mark that each task leaves.

Elements never open a shared database: SQLite cannot lock files on every shared file system. A mark is a small file that
appears by a rename.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from stacaster.errors import StacasterError, UsageError
from stacaster.executors import slurm
from stacaster.executors.functions import TaskFunction, name_of
from stacaster.executors.processes import Task, TaskResult, run_isolated
from stacaster.files.atomic import complete_file

_MARKS, _LOGS = "marks", "logs"
_TIMEOUT_S = 7 * 24 * 3600.0
_POLL_S = 1.0
_ASK_S = 10.0
_MAX_SILENT = 60


@dataclass(frozen=True, kw_only=True)
class ArrayOptions:
    """How an array job is asked for."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Options of sbatch: ``partition``, ``account``, ``qos``, ``time``, ``mem``, ``cpus-per-task`` ..."""
    window: int | None = None
    """Elements that may run at once; None leaves it to Slurm."""
    max_array: int = 1000
    """Largest number of elements (``MaxArraySize`` of the cluster); with more tasks each takes several."""
    lead_s: int = 120
    """Seconds before the end of an element's time at which it stops and is put back into the queue."""
    memory_limit_mb: int = 4096
    """Address space of the process that works on a task."""
    scripts: Path | None = None
    """Folder of the scripts; None takes the one of the lists, logs and marks."""
    is_one_each: bool = False
    """One script a task, each a job of its own, in place of one array over all."""


def write_job(
    home: Path, tasks: Iterable[tuple[Task, str]], *, function: TaskFunction, asked: ArrayOptions
) -> tuple[list[Path], list[str]]:
    """Write list and scripts of an array job, or of one job a task.

    Args:
        home: Folder for scripts, lists, logs and marks, on a file system that the nodes share.
        tasks: Tasks, each with a fingerprint that its mark repeats. Keys become names of files.
        function: Function of a module, called with the payload of a task at the nodes.
        asked: How the job is asked for.

    Returns:
        The scripts, and the element that has each task, in order.

    Raises:
        UsageError: An option is none.
        ExportError: A file cannot be written.
    """
    folder = home if asked.scripts is None else asked.scripts
    for path in (home / _MARKS, home / _LOGS, folder):
        path.mkdir(parents=True, exist_ok=True)
    number = len(list(home.glob("job-*.tasks"))) + 1
    listed, keys = home / f"job-{number}.tasks", []
    with complete_file(listed) as part, part.open("w", encoding="utf-8") as file:
        for task, fingerprint in tasks:
            file.write(json.dumps([task.key, fingerprint, task.payload], separators=(",", ":")) + "\n")
            keys.append(task.key)
    count = max(1, len(keys) if asked.is_one_each else min(len(keys), asked.max_array))
    parts = {f"job-{number}": range(count)}
    if asked.is_one_each:
        parts = {f"job-{number}-{key}": range(index, index + 1) for index, key in enumerate(keys)}
    # A folder that was named may take the scripts of several runs.
    prefix = "" if asked.scripts is None else f"{home.parent.name}-"
    numbers = [str(value) for value in (count, asked.memory_limit_mb, asked.lead_s)]
    command = [sys.executable, "-m", "stacaster.executors.array_job", str(listed), name_of(function), *numbers]
    scripts = [
        slurm.write_array_script(
            folder / f"{prefix}{name}.sh", command, elements=elements, window=asked.window, lead_s=asked.lead_s,
            logs=home / _LOGS, options=asked.options,
        )
        for name, elements in parts.items()
    ]  # fmt: skip
    return scripts, [str(place % count) for place in range(len(keys))]


def read_mark(home: Path, key: str, fingerprint: str) -> TaskResult | None:
    """Return what the mark of a task says; None when there is none of this fingerprint."""
    try:
        found: dict[str, Any] = json.loads((home / _MARKS / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return TaskResult(**found["result"]) if found.get("fingerprint") == fingerprint else None


def forget_mark(home: Path, key: str) -> None:
    """Remove the mark of a task, which an earlier job left."""
    (home / _MARKS / f"{key}.json").unlink(missing_ok=True)


def run_on_slurm(
    tasks: Iterable[Task], *, function: TaskFunction, folder: Path, asked: ArrayOptions
) -> Iterator[TaskResult]:
    """Run a function over tasks as an array job of Slurm and yield results as they finish.

    Leaving early, also by Ctrl-C, cancels the job.

    Args:
        tasks: Written to a list at once.
        function: Function of a module, which the nodes import.
        folder: On a file system that the nodes share; the files of the job stay there when an element died.
        asked: How the job is asked for.

    Yields:
        One result a task. A task whose element ended without a mark comes back as ``died``.

    Raises:
        UsageError: There is no Slurm, or it refuses the job.
        StacasterError: Slurm does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="slurm-", dir=folder))
    keys: list[str] = []

    def noted() -> Iterator[tuple[Task, str]]:
        for task in tasks:
            keys.append(task.key)
            yield task, home.name

    try:
        scripts, elements = write_job(home, noted(), function=function, asked=asked)
        job = slurm.submit(scripts[0]) if keys else None
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    if job is None:
        shutil.rmtree(home, ignore_errors=True)
        return
    left = dict(zip(keys, elements, strict=True))
    is_whole = True
    try:
        for result in _results(home, job, left):
            is_whole = is_whole and not result.died
            yield result
    finally:
        if left:
            with contextlib.suppress(StacasterError):
                slurm.cancel(job)
        elif is_whole:
            shutil.rmtree(home, ignore_errors=True)


def _results(home: Path, job: str, left: dict[str, str]) -> Iterator[TaskResult]:
    """Yield results as marks appear; tasks leave ``left``."""
    asked, states, silent = time.monotonic(), slurm.states(job), 0
    while left:
        ended = {key for key, index in left.items() if _is_over(states, index)}
        for name in sorted(path.stem for path in (home / _MARKS).glob("*.json")):
            result = read_mark(home, name, home.name) if name in left else None
            if result is not None:
                del left[name]
                ended.discard(name)
                yield result
        # Marks were read after the states: what ended and left none leaves none.
        for key in ended:
            index = left.pop(key)
            state = None if states is None else states.get(index)
            reason = f"element {index} of Slurm job {job} ended: {state or 'unknown'}; see {home.name}"
            yield TaskResult(key=key, value=None, error=reason, error_class="StacasterError", died=True)
        if left:
            time.sleep(_POLL_S)
            if time.monotonic() - asked >= _ASK_S or not _any_runs(states, left):
                asked = time.monotonic()
                try:
                    states, silent = slurm.states(job), 0
                except StacasterError:
                    # A controller that restarts is silent for a while; its jobs go on.
                    silent += 1
                    if silent > _MAX_SILENT:
                        raise


def _any_runs(states: Mapping[str, str] | None, left: Mapping[str, str]) -> bool:
    return any(not _is_over(states, index) for index in set(left.values()))


def _is_over(states: Mapping[str, str] | None, index: str) -> bool:
    state = None if states is None else states.get(index)
    return state is None or slurm.is_ended(state)


class _Element:
    """One element of an array job."""

    def __init__(self, listed: Path, *, count: int, index: int, lead_s: int) -> None:
        self._marks = listed.parent / _MARKS
        self._lead_s, self._stopping = lead_s, False
        self._fingerprints: dict[str, str] = {}
        self._tasks: list[Task] = []
        with listed.open(encoding="utf-8") as file:
            for number, line in enumerate(file):
                if number % count == index:
                    key, self._fingerprints[key], payload = json.loads(line)
                    self._tasks.append(Task(key=key, payload=payload))

    def work(self, function: str, memory_limit_mb: int) -> None:
        """Work on the tasks that have no mark yet."""
        if sys.platform != "win32":
            signal.signal(signal.SIGUSR1, self._on_signal)
        home = self._marks.parent
        tasks = (
            task for task in self._tasks
            if not self._stopping and read_mark(home, task.key, self._fingerprints[task.key]) is None
        )  # fmt: skip
        for result in run_isolated(
            tasks, function=function, workers=1, memory_limit_mb=memory_limit_mb, timeout_s=_TIMEOUT_S
        ):
            if result.died:
                # Left without a mark: whoever looks gives it to another, or up after some times.
                print(f"{result.key}: {result.error}", file=sys.stderr, flush=True)  # noqa: T201 - the log of the job
                continue
            said = {"fingerprint": self._fingerprints[result.key], "result": vars(result)}
            with complete_file(self._marks / f"{result.key}.json") as part:
                part.write_text(json.dumps(said, sort_keys=True), encoding="utf-8")
        if self._stopping:
            self._again()

    def _on_signal(self, *_: object) -> None:
        """Take no further task; one that takes too long is begun again after the requeue."""
        self._stopping = True
        timer = Timer(self._lead_s / 2, self._again)
        timer.daemon = True
        timer.start()

    def _again(self) -> None:
        job = os.environ.get("SLURM_JOB_ID")
        if job is not None:
            with contextlib.suppress(StacasterError):
                slurm.requeue(job)


def main(arguments: Sequence[str]) -> None:
    """Body of an element: list, function, count, memory, lead, index."""
    listed, function, count, memory_limit_mb, lead_s, index = arguments
    if not index.isdigit():
        raise UsageError(f"{index!r} is no index of an array job")
    element = _Element(Path(listed), count=int(count), index=int(index), lead_s=int(lead_s))
    element.work(function, int(memory_limit_mb))


if __name__ == "__main__":
    main(sys.argv[1:])
