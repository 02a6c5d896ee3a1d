"""Body of a worker process: ``python -m stacaster.executors.worker FUNCTION MEGABYTES HIDDEN_PACKAGES``."""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from stacaster.errors import SpaceError, StacasterError, is_space_error
from stacaster.executors.messages import needs_more, read_message, write_message
from stacaster.files.system.process import die_with_parent, limit_memory, trim_heap, watch_memory

_LOG = logging.getLogger(__name__)
_MEGABYTE = 1 << 20


def _own(standard: int, flags: int) -> int:
    """Take standard input or output for the messages alone: libraries find it empty."""
    own, nothing = os.dup(standard), os.open(os.devnull, flags)
    os.dup2(nothing, standard)
    os.close(nothing)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(own, os.O_BINARY)
    return own


def _receive(source: int, tasks: queue.SimpleQueue[bytes]) -> None:
    """Hand on tasks; a closed pipe says that the parent is gone, and with it who would want a result."""
    while (body := read_message(source)) is not None:
        tasks.put(body)
    os._exit(0)


def _serve(arguments: list[str]) -> None:
    """Body of a worker: take tasks from one pipe and answer on the other until the parent is gone."""
    name, limit, hidden = arguments[0], int(arguments[1]), arguments[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    source, target = _own(0, os.O_RDONLY), _own(1, os.O_WRONLY)
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(source, tasks), name="tasks", daemon=True).start()
    # Importing makes many objects that stay: fewer collections save a tenth of the start.
    gc.set_threshold(100_000, 20, 20)
    if not limit_memory(limit * _MEGABYTE):
        watch_memory(limit * _MEGABYTE)
    for package in filter(None, hidden.split(",")):
        sys.modules[package] = None  # type: ignore[assignment]
    module, _, attribute = name.partition(":")
    function: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    while True:
        body = tasks.get()
        try:
            if function is None:
                function = getattr(importlib.import_module(module), attribute)
            answer: dict[str, Any] = {"value": function(json.loads(body)["payload"])}
        except MemoryError:
            answer = {"value": None, "error": needs_more(limit), "error_class": SpaceError.__name__}
        except StacasterError as error:
            answer = {"value": None, "error": error.message, "error_class": type(error).__name__}
        except Exception as error:  # noqa: BLE001 - the border of the process: reported with its class
            _LOG.debug("task failed", exc_info=True)
            kind = SpaceError.__name__ if is_space_error(error) else type(error).__name__
            answer = {"value": None, "error": f"{type(error).__name__}: {error}", "error_class": kind}
        trim_heap()
        message = json.dumps(answer).encode()
        try:
            write_message(target, message)
        except OSError:
            # The parent is gone.
            return


if __name__ == "__main__":
    _serve(sys.argv[1:])
