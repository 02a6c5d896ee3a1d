"""Settings of a run: one frozen object, built at the border and passed on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError

DEFAULT_CATALOG = "catalogs/local"
"""Folder of the catalog when the user names none."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits and places. For each field an argument beats ``STACASTER_<NAME>``, which beats the default."""

    workers: int = 1
    """Worker processes of an ingest."""
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
        for name, default in ((f, getattr(cls, f)) for f in cls.__dataclass_fields__):
            raw: Any = overrides.get(name)
            origin = name
            if raw is None:
                origin = f"STACASTER_{name.upper()}"
                raw = os.environ.get(origin)
            values[name] = default if raw is None else _convert(origin, raw, type(default))
        return cls(**values)


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
    text = os.fspath(value if value is not None else os.environ.get("STACASTER_CATALOG", DEFAULT_CATALOG))
    return text if "://" in text else Path(text)


def cache_folder(value: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of downloads: argument, ``STACASTER_CACHE_DIR``, then the user's cache folder."""
    if value is not None:
        return Path(value)
    import platformdirs

    return Path(os.environ.get("STACASTER_CACHE_DIR") or platformdirs.user_cache_dir("stacaster"))
