"""Publish a catalog: to a bucket, a folder, or whatever fsspec knows."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stacaster.catalog import settle
from stacaster.config import catalog_path
from stacaster.errors import CatalogError, NothingFoundError
from stacaster.objects import Objects, open_objects
from stacaster.publish.contents import ASSETS, ITEMS, CatalogChangedError, Entry, Snapshot, take_snapshot
from stacaster.store import CatalogStore

__all__ = ["PublishReport", "publish"]

Progress = Callable[[int, int, str], None]
"""Called now and then with the number of items done, their number, and the place of the last one."""

RECEIPT = ".stacaster/published.json"
"""Object that says what was published, for the next time; readers do not need it."""

_THREADS = 8
_ITEMS_AT_A_TIME = 64
_RECEIPT_S = 20.0
_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class PublishReport:
    """What became of the objects of a catalog."""

    target: str
    """Where it was published."""
    uploaded: tuple[str, ...]
    """Objects that were written, in their order."""
    unchanged: int
    """Objects that were there already."""
    deleted: tuple[str, ...]
    """Objects that were deleted."""
    stale: tuple[str, ...]
    """Objects of an earlier catalog that ``delete`` would delete."""
    size: int
    """Bytes that were written."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))

    def __repr__(self) -> str:
        return (
            f"<PublishReport: {len(self.uploaded)} uploaded ({self.size / 1e6:.1f} MB), {self.unchanged} unchanged, "
            f"{len(self.deleted)} deleted>"
        )


def publish(
    target: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    delete: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> PublishReport:
    """Upload what changed of a catalog, so that a reader at the target never follows a link into nothing.

    Pixels go first, then items, then tables, year catalogs and collections, the root last; what is no longer part of
    the catalog is deleted after that. A run that was interrupted goes on with what is missing. While it runs, the
    catalog may be read and added to: one state of it is published.

    Args:
        target: ``s3://bucket/prefix`` (also gs, az; credentials of the environment), a folder, or an address of fsspec.
        catalog: Folder of the catalog; default ``STACASTER_CATALOG`` or ``catalogs/local``.
        base_url: Address under which readers see the target; links and assets then name it in full.
        delete: Delete objects that are gone from the catalog; others that were never part of it stay.
        dry_run: Only say what would be done.
        progress: Called after every object.

    Returns:
        What was done.

    Raises:
        CatalogError: The folder is no catalog of ours, or names files on this machine outside it.
        AuthError: The target refuses the credentials.
        FetchError: The target does not answer.
    """
    store = CatalogStore(catalog_path(catalog))
    if not (store.root / "catalog.json").is_file():
        raise CatalogError(f"{store.root.name} holds no catalog; 'stacaster ingest' makes one")
    objects = open_objects(target)
    settle(store)
    for _ in range(_TRIES):
        with store.staging() as staging:
            run = _Run(objects, take_snapshot(store, staging, base_url=base_url), progress)
            try:
                return run.plan() if dry_run else run.carry_out(delete=delete)
            except (CatalogChangedError, FileNotFoundError):
                continue  # publish the state of now
    raise CatalogError(f"{store.root.name} is changed all the time; publish it when nothing is removed or replaced")


class _Run:
    def __init__(self, objects: Objects, snapshot: Snapshot, progress: Progress | None) -> None:
        self._objects, self._snapshot, self._progress = objects, snapshot, progress
        self._there = objects.sizes()
        self._known: dict[str, str] = self._receipt()
        # What is left of these at the end is no longer part of the catalog.
        self._stale = set(self._known) & set(self._there)
        self._lock = threading.Lock()
        self._saved = time.monotonic()
        self._written: list[str] = []
        self._size = self._unchanged = 0

    def _receipt(self) -> dict[str, str]:
        try:
            known = json.loads(self._objects.read(RECEIPT))
            return {str(name): str(mark) for name, mark in known["objects"].items()}
        except (NothingFoundError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _changed(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return what the target lacks."""
        found = []
        for entry in entries:
            self._stale.discard(entry.name)
            if self._known.get(entry.name) == entry.mark and self._there.get(entry.name) == entry.size:
                self._unchanged += 1
            else:
                found.append(entry)
        return found

    def _steps(self) -> Iterator[list[Entry]]:
        """Yield what may be uploaded side by side, step after step; some items at a time are in memory."""
        total = len(self._snapshot.items)
        for start in range(0, total, _ITEMS_AT_A_TIME):
            numbers = range(start, min(start + _ITEMS_AT_A_TIME, total))
            entries = self._changed(entry for number in numbers for entry in self._snapshot.item_entries(number))
            for stage in (ASSETS, ITEMS):
                yield [entry for entry in entries if entry.stage == stage]
            if self._progress is not None:
                self._progress(numbers[-1] + 1, total, self._snapshot.items[numbers[-1]][0])
        entries = self._changed(self._snapshot.fixed)
        for stage in sorted({entry.stage for entry in entries}):
            yield [entry for entry in entries if entry.stage == stage]

    def plan(self) -> PublishReport:
        """Say what would be done."""
        for entries in self._steps():
            self._count(entries)
        return self._report(())

    def carry_out(self, *, delete: bool) -> PublishReport:
        """Upload, then delete."""
        # Fails at once where nothing may be written.
        self._save()
        with ThreadPoolExecutor(_THREADS) as pool:
            for entries in self._steps():
                self._upload(pool, entries)
        self._save()
        gone = sorted(self._stale, key=lambda name: (not name.endswith(".json"), name.count("/"), name))
        for name in gone if delete else ():
            # Documents go before what they lead to.
            self._objects.delete(name)
            self._known.pop(name, None)
        if delete and gone:
            self._save()
        return self._report(gone if delete else ())

    def _upload(self, pool: ThreadPoolExecutor, entries: Sequence[Entry]) -> None:
        waiting = [pool.submit(self._put, entry) for entry in entries]
        try:
            for future in waiting:
                future.result()
        except BaseException:
            # The first error ends the run; what has not begun is not begun.
            for future in waiting:
                future.cancel()
            raise
        self._count(entries)
        if time.monotonic() - self._saved > _RECEIPT_S:
            self._save()

    def _put(self, entry: Entry) -> None:
        self._objects.put(entry.name, entry.content(), content_type=entry.content_type)
        with self._lock:
            self._known[entry.name] = entry.mark

    def _count(self, entries: Sequence[Entry]) -> None:
        self._written += [entry.name for entry in entries]
        self._size += sum(entry.size for entry in entries)

    def _save(self) -> None:
        self._saved = time.monotonic()
        with self._lock:
            text = json.dumps({"objects": self._known})
        self._objects.put(RECEIPT, text.encode(), content_type="application/json")

    def _report(self, gone: Sequence[str]) -> PublishReport:
        return PublishReport(
            target=self._objects.address,
            uploaded=tuple(self._written),
            unchanged=self._unchanged,
            deleted=tuple(gone),
            stale=tuple(sorted(self._stale - set(gone))),
            size=self._size,
        )
