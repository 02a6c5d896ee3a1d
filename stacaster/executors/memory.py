"""Memory of this process: the most it had, and what it can give back."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path


def peak_memory() -> int:
    """Return the most memory that this process ever had, in bytes."""
    try:
        # getrusage(2) also counts what the parent held when it started this process.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) << 10
    except (OSError, IndexError, ValueError):
        if sys.platform == "win32":
            return 0
        import resource

        # Kilobytes on Linux, bytes on macOS.
        scale = 1 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def trim_heap() -> None:
    """Give freed memory back to the system: glibc keeps what lies between pieces that are in use."""
    trim = None if sys.platform == "win32" else getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
