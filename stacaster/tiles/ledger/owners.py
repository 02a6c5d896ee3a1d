"""Who holds a task: a run in a process of a machine, or an element of a Slurm job."""

from __future__ import annotations

import itertools
import os
import socket
import time

from stacaster.files.system.process import process_start

AT_WORK: set[str] = set()
"""Owners of this process whose run goes on; a process outlives a run that failed."""

# Several runs may be at work in one process.
_NUMBERS = itertools.count()
# An owner on another machine that was not heard of for so long is gone.
_SILENCE_S = 300.0


def new() -> str:
    """Return a new owner in this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{process_start(os.getpid())}.{next(_NUMBERS)}"


def is_alive(owner: str, seen: float) -> bool:
    """Tell whether an owner may still work; ``seen`` is when it was last heard of."""
    host, process, started = owner.rsplit(":", 2)
    if host == "slurm" and process != "new":
        return True  # Slurm says what became of its jobs; see ``tiles.cluster.absorb``
    if host == socket.gethostname():
        if int(process) == os.getpid() and owner not in AT_WORK:
            return False
        return process_start(int(process)) == started.partition(".")[0]
    return time.time() - seen < _SILENCE_S
