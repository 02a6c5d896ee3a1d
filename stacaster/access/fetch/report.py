"""What became of downloads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class FetchOutcome:
    """What became of one granule."""

    granule: str
    """Name of the granule."""
    status: str
    """``fetched``, ``present`` or ``failed``."""
    files: tuple[Path, ...] = ()
    """Its files on disk."""
    reason: str | None = None
    """Why it failed."""
    error: str | None = None
    """Name of the error class."""
    notes: tuple[str, ...] = ()
    """What else to know, such as a checksum of a kind that is not known, which was not checked."""


@dataclass(frozen=True)
class FetchReport:
    """What became of all granules."""

    outcomes: tuple[FetchOutcome, ...]
    """One entry a granule, in the order of the granules."""

    @property
    def failed(self) -> tuple[FetchOutcome, ...]:
        """Granules that are not there."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are there."""
        return tuple(path for outcome in self.outcomes for path in outcome.files)

    def __iter__(self) -> Iterator[Path]:
        return iter(self.files)

    def to_dict(self) -> dict[str, Any]:
        """Return the outcomes as plain data for JSON."""
        rows = []
        for outcome in self.outcomes:
            row = {key: value for key, value in vars(outcome).items() if value not in (None, ())}
            rows.append(row | {"files": [str(path) for path in outcome.files]})
        return {"granules": rows}

    def __repr__(self) -> str:
        counts = {name: sum(o.status == name for o in self.outcomes) for name in ("fetched", "present", "failed")}
        return f"<FetchReport: {', '.join(f'{number} {name}' for name, number in counts.items())}>"
