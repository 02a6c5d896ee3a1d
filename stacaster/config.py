"""The version, settings of a run, and how much of the machine it uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError

__version__ = "0.2.0"

DEFAULT_CATALOG = "catalogs/local"
"""Folder of the catalog when the user names none."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits and places. For each field an argument beats ``STACASTER_<NAME>``, which beats the default."""

    workers: int = field(default_factory=lambda: worker_processes())  # noqa: PLW0108 - it is defined below
    """Worker processes of an ingest; as many as processors and memory allow."""
    memory_limit_mb: int = 4096
    """Address space of one worker; a file that asks for more costs one granule."""
    timeout_s: float = 900.0
    """Longest time that one granule may take."""
    profile: str = "zstd"
    """Name of the COG profile."""

    @classmethod
    def build(
        cls,
        *,
        workers: int | str | None = None,
        memory_limit_mb: int | str | None = None,
        timeout_s: float | str | None = None,
        profile: str | None = None,
    ) -> Settings:
        """Return the settings from arguments, environment and defaults, in this order.

        Args:
            workers: Worker processes of an ingest; None means not given, as for the others.
            memory_limit_mb: Address space of one worker.
            timeout_s: Longest time that one granule may take.
            profile: Name of the COG profile.

        Raises:
            UsageError: A value is not of the field's type or not positive.
        """
        overrides = {
            "workers": workers, "memory_limit_mb": memory_limit_mb, "timeout_s": timeout_s, "profile": profile,
        }  # fmt: skip
        values: dict[str, Any] = {}
        for name, kind in ((f.name, _KINDS[str(f.type)]) for f in fields(cls)):
            raw: Any = overrides.get(name)
            origin = name
            if raw is None:
                origin = f"STACASTER_{name.upper()}"
                raw = os.environ.get(origin)
            if raw is not None:
                values[name] = _convert(origin, raw, kind)
        return cls(**values)


_KINDS: dict[str, type] = {"int": int, "float": float, "str": str}


def _convert(origin: str, raw: Any, kind: type) -> Any:
    try:
        value = kind(raw)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{origin} is {raw!r}, but a value of type {kind.__name__} is needed") from error
    if kind in (int, float) and not value > 0:
        raise UsageError(f"{origin} is {raw!r}, but a number greater than 0 is needed")
    return value


def catalog_path(value: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the catalog: argument, then ``STACASTER_CATALOG``, then ``catalogs/local``.

    Raises:
        UsageError: It is an address; only a catalog on this disk can be changed.
    """
    place = catalog_place(value)
    if isinstance(place, str):
        raise UsageError(f"{place} is read only; this needs a catalog on this disk, which 'stacaster publish' uploads")
    return place


def catalog_place(value: str | os.PathLike[str] | None = None) -> Path | str:
    """Return the folder of the catalog, or the address of a published one, which can only be read."""
    given: Any = value if value is not None else os.environ.get("STACASTER_CATALOG", DEFAULT_CATALOG)
    # An opened catalog stands for its folder or address.
    opened = getattr(given, "objects", None)
    given = getattr(opened, "address", None) or (getattr(given, "root", given) if hasattr(given, "objects") else given)
    if not isinstance(given, (str, os.PathLike)):
        raise UsageError(f"catalog is {given!r}, but a folder or an address is needed")
    text = os.fspath(given)
    return text if "://" in text else Path(text)


def cache_folder(value: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of downloads: argument, ``STACASTER_CACHE_DIR``, then the user's cache folder."""
    if value is not None:
        return Path(value)
    import platformdirs

    return Path(os.environ.get("STACASTER_CACHE_DIR") or platformdirs.user_cache_dir("stacaster"))


_WORKER_BYTES = 1 << 30
"""Memory that a worker of an ingest needs for the largest granules of most products."""

_MOST_REQUESTS = 64


def cpus() -> int:
    """Return how many processors this process may use: ``STACASTER_CPUS``, else affinity and quota of the container.

    All numbers of threads and processes are made from this one.

    Raises:
        UsageError: ``STACASTER_CPUS`` is no number of at least 1.
    """
    return _stated("STACASTER_CPUS") or _machine_cpus()


def threads(most: int) -> int:
    """Return a number of threads: as many as are useful, but no more than processors.

    Args:
        most: More than these gain nothing where they are used.
    """
    return max(1, min(most, cpus()))


def worker_processes(tasks: int | None = None, *, each_bytes: int = _WORKER_BYTES) -> int:
    """Return a number of worker processes that processors and free memory allow.

    Args:
        tasks: No more workers than tasks; None where the number is not known.
        each_bytes: Memory that one worker needs.
    """
    by_memory = max(1, free_memory() // each_bytes)
    return max(1, min(cpus(), by_memory, cpus() if tasks is None else tasks))


def requests_at_once(most: int) -> int:
    """Return how many requests are on their way at once: ``STACASTER_REQUESTS``, else ``most``.

    They wait for others, so that processors do not limit them.

    Raises:
        UsageError: ``STACASTER_REQUESTS`` is no number of at least 1.
    """
    return min(_stated("STACASTER_REQUESTS") or most, _MOST_REQUESTS)


def free_memory() -> int:
    """Return the bytes of memory that this process may still take, by the machine and by its container."""
    known = [_machine_memory()]
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        for folder in _control_groups(Path("/"), "memory"):
            try:
                known.append(int((folder / limit).read_text()) - int((folder / used).read_text()))
            except (OSError, ValueError):
                continue
    return max(0, min(known))


def system_report() -> dict[str, int | float | None]:
    """Return what this process may use of the machine, and what is used by default."""
    quota = cpu_quota(Path("/"))
    return {
        "processors of the machine": os.cpu_count(),
        "processors of this process": _machine_cpus(),
        "quota of the container": None if quota is None else round(quota, 2),
        "STACASTER_CPUS": _stated("STACASTER_CPUS"),
        "processors used": cpus(),
        "worker processes of an ingest": Settings.build().workers,
        "threads of a load": threads(4),
        "requests at once": requests_at_once(16),
        "free memory (MB)": free_memory() >> 20,
    }


def _machine_memory() -> int:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return int(text.partition("MemAvailable:")[2].split()[0]) << 10
    except (OSError, IndexError, ValueError):
        return _half_of_memory()


if sys.platform == "win32":
    import ctypes

    def _half_of_memory() -> int:
        kilobytes = ctypes.c_ulonglong()
        known = ctypes.WinDLL("kernel32").GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return kilobytes.value << 9 if known else 4 << 30

else:

    def _half_of_memory() -> int:
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (AttributeError, OSError, ValueError):
            return 4 << 30


def _stated(name: str) -> int | None:
    raw = os.environ.get(name)
    return None if raw is None or not raw.strip() else int(_convert(name, raw, int))


@cache
def _machine_cpus() -> int:
    affinity: Callable[[int], Any] | None = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = cpu_quota(Path("/"))
    return max(1, allowed if quota is None else min(allowed, -int(-quota // 1)))


def cpu_quota(root: Path) -> float | None:
    """Return the processors that the container may use, by its control groups (versions 1 and 2); None without a limit.

    Args:
        root: Root of the file system.
    """
    known = []
    for folder in _control_groups(root, "cpu"):
        try:
            if (folder / "cpu.max").is_file():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            if quota != "max" and int(quota) > 0:
                known.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return min(known, default=None)


def _control_groups(root: Path, controller: str) -> list[Path]:
    """Return the folders of the control groups of this process, with all above them."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if names and controller not in names.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if names else "")
        inner = top / path.lstrip("/")
        # In a container the path may be that of the host; its own limits lie at the top.
        folders += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(top)]
    return folders
