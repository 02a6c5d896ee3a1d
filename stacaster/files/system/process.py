"""Processes: limits, memory, what becomes of them without their parent, which one a number means."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from stacaster.files.system.native import c_function, optional_module

MEMORY_EXIT = 87
"""Exit code of a process that ended itself because it needed more memory than it may."""

_PR_SET_PDEATHSIG = 1
_WATCH_S = 0.2


def limit_memory(size: int) -> bool:
    """Bound the address space of this process and write no core files; False where the system does not do it.

    Args:
        size: Bytes.
    """
    resource = optional_module("resource")
    if resource is None:
        return False
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        allowed = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    except (AttributeError, ValueError, OSError):
        return False  # macOS
    return True


def watch_memory(size: int) -> None:
    """End this process with ``MEMORY_EXIT`` once its memory passes a size: the way without a limit of the system."""
    if not peak_memory():
        return

    def watch() -> None:
        while peak_memory() <= size:
            time.sleep(_WATCH_S)
        os._exit(MEMORY_EXIT)

    threading.Thread(target=watch, name="memory", daemon=True).start()


def peak_memory() -> int:
    """Return the most memory that this process ever had, in bytes; 0 when the system does not say."""
    try:
        # getrusage(2) also counts what the parent held when it started this process.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) << 10
    except (OSError, IndexError, ValueError):
        pass
    if sys.platform == "win32":
        return _windows_peak()
    resource = optional_module("resource")
    if resource is None:
        return 0
    # Kilobytes on Linux, bytes on macOS.
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1 << 10)


def trim_heap() -> None:
    """Give freed memory back to the system: glibc keeps what lies between pieces that are in use."""
    trim = c_function("malloc_trim")
    if trim is not None:
        trim(0)


def die_with_parent() -> bool:
    """Ask Linux to kill this process when its parent ends; False elsewhere, where a closed pipe has to tell it."""
    prctl = c_function("prctl")
    kill = getattr(signal, "SIGKILL", None)
    return prctl is not None and kill is not None and prctl(_PR_SET_PDEATHSIG, int(kill)) == 0


def own_group() -> dict[str, Any]:
    """Return arguments of ``subprocess.Popen`` for a process that Ctrl-C of the terminal does not reach."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def process_start(process: int) -> str:
    """Return what tells a living process from a later one with its number; empty when there is none."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _start_without_proc(process)
    # Field 22 of proc(5); a zombie does nothing any more.
    return "" if fields[0] in ("Z", "X") else fields[19]


if sys.platform == "win32":
    from ctypes import wintypes

    _QUERY = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION

    class _MemoryCounters(ctypes.Structure):
        _fields_ = (
            ("cb", wintypes.DWORD), ("PageFaultCount", wintypes.DWORD), ("PeakWorkingSetSize", ctypes.c_size_t),
            *((f"other{number}", ctypes.c_size_t) for number in range(7)),
        )  # fmt: skip

    def _windows_peak() -> int:
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.K32GetProcessMemoryInfo.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
        counters = _MemoryCounters(cb=ctypes.sizeof(_MemoryCounters))
        answer = kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb)
        return int(counters.PeakWorkingSetSize) if answer else 0

    def _start_without_proc(process: int) -> str:
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(_QUERY, False, process)
        if not handle:
            return ""
        times = [wintypes.FILETIME() for _ in range(4)]
        try:
            kernel.GetProcessTimes.argtypes = [wintypes.HANDLE, *[ctypes.c_void_p] * 4]
            known = kernel.GetProcessTimes(handle, *(ctypes.byref(time) for time in times))
        finally:
            kernel.CloseHandle.argtypes = [wintypes.HANDLE]
            kernel.CloseHandle(handle)
        created, ended = times[0], times[1]
        is_over = bool(ended.dwHighDateTime or ended.dwLowDateTime)
        return f"{created.dwHighDateTime << 32 | created.dwLowDateTime}" if known and not is_over else ""

else:

    def _start_without_proc(process: int) -> str:
        command = ["ps", "-o", "stat=,lstart=", "-p", str(process)]
        try:
            said = subprocess.run(
                command, capture_output=True, check=False, text=True, env={**os.environ, "LC_ALL": "C"}
            )
        except OSError:
            return _is_alive(process)
        status, _, started = said.stdout.strip().partition(" ")
        if not status:
            return _is_alive(process)
        return "" if status.startswith("Z") else "-".join(started.split()).replace(":", "")

    def _is_alive(process: int) -> str:
        """Ask for a process by its number alone: a later one with the same number is taken for it."""
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return ""
        except OSError:
            return "alive"
        return "alive"
