"""Values of options of stacks: tables in files, alternatives, satellites, areas."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.files.settings import read_settings
from stacaster.model.values import read_path

_PLATFORMS = re.compile(r"(?:SENTINEL-?1|S1?)([A-D])")


def read_table(path: str | os.PathLike[str] | None) -> Mapping[str, Any]:
    """Return the table of a TOML file; empty without one.

    Raises:
        UsageError: It cannot be read.
    """
    if path is None:
        return {}
    table = read_settings(read_path("config", path), what="settings file")
    inner = table.get("stack", table)
    if not isinstance(inner, dict):
        raise UsageError(f"{Path(path).name}: stack is no table")
    return inner


def alternatives(value: Any) -> list[Any]:
    """Return the alternatives of an option; a tuple is a range, and one alternative."""
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return list(value) if isinstance(value, (list, set, frozenset)) else [value]


def platform_of(value: Any) -> str:
    """Return the name of a satellite as CMR has it: ``S1A`` becomes ``SENTINEL-1A``."""
    name = str(value).strip().upper()
    match = _PLATFORMS.fullmatch(name)
    return name if match is None else f"SENTINEL-1{match[1]}"
