"""Objects of the metadata language ODL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OdlObject:
    """One ``OBJECT`` with a value, or one plain ``KEY=value`` line of a group."""

    name: str
    """Name as written."""
    value: Any
    """str, int, float, or a tuple of these."""
    object_class: str | None = None
    """Value of ``CLASS`` in the object or the nearest container, without quotes."""
    path: tuple[str, ...] = ()
    """Names of the enclosing groups and objects, outermost first."""
    document: str = ""
    """Name of the attribute that holds the text."""
