"""What became of the granules of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

STATUSES = ("ingested", "added", "replaced", "skipped", "failed")
"""What may become of a granule."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one granule."""

    granule: str
    """File name, or name of the file set."""
    status: Literal["ingested", "added", "replaced", "skipped", "failed"]
    """Result."""
    collection: str | None = None
    """Collection of the item, when it is known."""
    item_id: str | None = None
    """Id of the item, when it is known."""
    reason: str | None = None
    """Why it failed or was skipped."""
    error: str | None = None
    """Name of the error class, when it failed."""
    notes: tuple[str, ...] = ()
    """What the item says of itself that a user has to know."""


@dataclass(frozen=True)
class Report:
    """What became of every granule of a run, sorted by name."""

    outcomes: tuple[Outcome, ...]
    """One entry a granule."""

    def _of(self, status: str) -> tuple[Outcome, ...]:
        return tuple(item for item in self.outcomes if item.status == status)

    @property
    def ingested(self) -> tuple[Outcome, ...]:
        """Granules that are new in the catalog."""
        return self._of("ingested")

    @property
    def added(self) -> tuple[Outcome, ...]:
        """Granules whose item got further bands; those that it had stay as they were."""
        return self._of("added")

    @property
    def replaced(self) -> tuple[Outcome, ...]:
        """Granules whose item was replaced because the source or the settings changed."""
        return self._of("replaced")

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """Granules that the catalog already has."""
        return self._of("skipped")

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Granules that could not be ingested, with the reason."""
        return self._of("failed")

    def to_dict(self) -> dict[str, Any]:
        """Return counts and outcomes as plain data for JSON."""
        counts = {name: len(self._of(name)) for name in STATUSES}
        rows = [{key: value for key, value in vars(item).items() if value not in (None, ())} for item in self.outcomes]
        return {"counts": counts, "granules": rows}

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self._of(name))} {name}" for name in STATUSES)
        return f"<Report: {counts}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(item.granule)}</td><td>{item.status}</td><td>{escape(item.item_id or '')}</td>"
            f"<td>{escape(item.reason or '')}</td></tr>"
            for item in self.outcomes
        )
        head = "<tr><th>granule</th><th>status</th><th>item</th><th>reason</th></tr>"
        return f"<p>{escape(repr(self))}</p><table>{head}{rows}</table>"
