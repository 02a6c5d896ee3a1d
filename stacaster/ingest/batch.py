"""Finished granules that wait for a commit."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError, SpaceError, WriteError, is_space_error
from stacaster.executors.processes import TaskResult
from stacaster.ingest.discover import GranuleFiles
from stacaster.ingest.fingerprint import HAS_IT
from stacaster.model import Outcome

if TYPE_CHECKING:
    from stacaster.catalog import StagedItem

_BATCH_ITEMS = 32
_BATCH_SECONDS = 2.0
_BEATEN = "another file of this run describes the same item"


class Batch:
    """Finished granules that wait for a commit; a commit takes the catalog's lock once for all of them."""

    def __init__(self, store: CatalogStore) -> None:
        self.store = store
        self._staged: list[tuple[GranuleFiles, StagedItem]] = []
        self._winners: dict[tuple[str, str], tuple[str, str]] = {}
        self._documents: dict[str, dict[str, Any]] = {}
        self._last = time.monotonic()
        self.overtaken: list[GranuleFiles] = []
        """Granules whose item another process changed meanwhile; they have to be converted again."""

    def add(self, granule: GranuleFiles, result: TaskResult, staging: Path | None) -> list[Outcome]:
        """Take one result; return the outcomes that are now known."""
        if result.value is None:
            if staging is not None:
                shutil.rmtree(staging.with_name(f"{staging.name}-{result.key}"), ignore_errors=True)
            return [Outcome(granule=granule.name, status="failed", reason=result.error, error=result.error_class)]
        value = result.value
        known = {"granule": granule.name, "collection": value["collection"], "item_id": value["item_id"]}
        notes = tuple(value["notes"])
        if value["status"] == "skipped":
            return [Outcome(**known, status="skipped", reason=value["reason"], notes=notes)]
        if value["status"] == "planned":
            reason = f"would be {value['change']}: {', '.join(value['bands'])}"
            return [Outcome(**known, status=value["change"], reason=reason, notes=notes)]
        from stacaster.catalog import StagedItem

        staged = StagedItem(
            item=value["item"],
            folder=Path(value["folder"]),
            base=value["base"],
            change="added" if value["change"] == "added" else "replaced",
        )
        if not self._wins(staged):
            shutil.rmtree(staged.folder, ignore_errors=True)
            return [Outcome(**known, status="skipped", reason=_BEATEN, notes=notes)]
        if "document" in value:
            from stacaster.catalog.merged_collections import merged_collection

            name = str(value["collection"])
            self._documents[name] = merged_collection(self._documents.get(name, {}), value["document"])
        beaten = self._drop_same(staged)
        self._staged.append((granule, staged))
        is_due = len(self._staged) >= _BATCH_ITEMS or time.monotonic() - self._last > _BATCH_SECONDS
        return beaten + (self.flush() if is_due else [])

    def _wins(self, staged: StagedItem) -> bool:
        """Decide between two files of one run that describe the same item, whatever their order."""
        properties = staged.item["properties"]
        key = (staged.item["collection"], staged.item["id"])
        rank = (str(properties.get("created", "")), str(properties["stacaster:fingerprint"]))
        if key in self._winners and self._winners[key] >= rank:
            return False
        self._winners[key] = rank
        return True

    def _drop_same(self, staged: StagedItem) -> list[Outcome]:
        """Take a waiting granule that describes the same item out of the batch."""
        key = (staged.item["collection"], staged.item["id"])
        same = [pair for pair in self._staged if (pair[1].item["collection"], pair[1].item["id"]) == key]
        self._staged = [pair for pair in self._staged if pair not in same]
        for _, entry in same:
            shutil.rmtree(entry.folder, ignore_errors=True)
        return [_outcome(granule, entry, "skipped", reason=_BEATEN) for granule, entry in same]

    def flush(self) -> list[Outcome]:
        """Commit what waits and return its outcomes."""
        staged, self._staged = self._staged, []
        self._last = time.monotonic()
        if not staged:
            return []
        from stacaster.catalog import commit_items

        try:
            statuses = commit_items(self.store, [entry for _, entry in staged], documents=self._documents)
        except (WriteError, CatalogError, OSError) as error:
            name = SpaceError.__name__ if is_space_error(error) else type(error).__name__
            reason = str(error)
            return [_outcome(granule, entry, "failed", reason=reason, error=name) for granule, entry in staged]
        outcomes = []
        for (granule, entry), status in zip(staged, statuses, strict=True):
            if status == "overtaken":
                self.overtaken.append(granule)
                self._winners.pop((entry.item["collection"], entry.item["id"]), None)
                shutil.rmtree(entry.folder, ignore_errors=True)
            else:
                outcomes.append(_outcome(granule, entry, status))
        return outcomes


def _outcome(granule: GranuleFiles, entry: StagedItem, status: Any, **rest: Any) -> Outcome:
    notes = tuple(entry.item["properties"].get("stacaster:notes", ()))
    reason = HAS_IT if status == "skipped" else None
    fields = {"reason": reason, "notes": notes, **rest}
    return Outcome(
        granule=granule.name, status=status, collection=entry.item["collection"], item_id=entry.item["id"], **fields
    )
