"""What an inspection of a catalog found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.catalog.spool import Spool


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    place: str
    """File or folder relative to the catalog."""
    text: str
    """What is wrong."""
    remedy: str
    """``rebuild``: made again from the rest; ``quarantine``: put aside, to be ingested again; ``none``."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))


class Findings:
    """Problems, and the good items of each collection on disk."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.problems: list[Problem] = []
        self.spools: dict[str, Spool] = {}
        """Good items by collection."""
        self._named: set[str] = set()
        self._aside: dict[str, None] = {}

    @property
    def aside(self) -> list[str]:
        """Places to be put aside."""
        return list(self._aside)

    def add_collection(self, name: str) -> None:
        """Begin with a collection."""
        self.spools[name] = Spool(self._scratch / f"rows-{len(self.spools)}")

    def say(self, place: str, text: str, remedy: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(place, text, remedy))
        self._named.add(place)
        if remedy == "quarantine":
            self._aside[place] = None

    def is_named(self, place: str) -> bool:
        """Tell whether there is a problem with a place."""
        return place in self._named

    def is_aside(self, place: str) -> bool:
        """Tell whether a place is put aside."""
        return place in self._aside
