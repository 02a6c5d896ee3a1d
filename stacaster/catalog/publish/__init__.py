"""Publish a catalog: to a bucket, a folder, or whatever fsspec knows.

Decision: one state is published. Tables and documents are copied under the lock; items are read when they are uploaded
and compared with the fingerprint in the copied table, and one that changed meanwhile makes the run begin again. What
was uploaded stands in ``.stacaster/published.json`` at the target with the checksum of each object, because entity tags
are no checksums; only objects named in it are ever deleted. A run keeps its state in SQLite (``receipt.py``), so that
millions of objects need no memory.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.catalog import settle, stac
from stacaster.catalog.publish.contents import ASSETS, ITEMS, CatalogChangedError, Entry, Snapshot, take_snapshot
from stacaster.catalog.publish.receipt import Names, Receipt
from stacaster.catalog.store import CatalogStore
from stacaster.config import catalog_path, requests_at_once
from stacaster.errors import CatalogError, UsageError
from stacaster.model.checked import checked
from stacaster.network.objects import Objects, open_objects

__all__ = ["PublishReport", "publish"]

Progress = Callable[[int, int, str], None]
"""Called now and then with the number of items done, their number, and the place of the last one."""

_ITEMS_AT_A_TIME = 64
_RECEIPT_S = 20.0
_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class PublishReport:
    """What became of the objects of a catalog."""

    target: str
    """Where it was published."""
    uploaded: Sequence[str]
    """Objects that were written, in their order; the names lie on disk, as there may be millions."""
    unchanged: int
    """Objects that were there already."""
    deleted: Sequence[str]
    """Objects that were deleted."""
    stale: Sequence[str]
    """Objects of an earlier catalog that ``delete`` would delete."""
    size: int
    """Bytes that were written."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**vars(self), "uploaded": list(self.uploaded), "deleted": list(self.deleted), "stale": list(self.stale)}

    def __repr__(self) -> str:
        return (
            f"<PublishReport: {len(self.uploaded)} uploaded ({self.size / 1e6:.1f} MB), {self.unchanged} unchanged, "
            f"{len(self.deleted)} deleted>"
        )


@checked
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
        CatalogError: The folder is no catalog of ours, or names files that it did not make or check.
        UsageError: The target holds what no publish put there.
        AuthError: The target refuses the credentials.
        FetchError: The target does not answer.

    Example:
        >>> stacaster.publish("published", catalog="catalogs/demo")
        <PublishReport: ...>
    """
    store = CatalogStore(catalog_path(catalog))
    if not (store.root / "catalog.json").is_file():
        raise CatalogError(f"{store.root.name} holds no catalog; 'stacaster ingest' makes one")
    objects = open_objects(target)
    settle(store)
    for _ in range(_TRIES):
        with store.staging() as staging:
            snapshot = take_snapshot(store, staging, base_url=base_url)
            with closing(Receipt(objects, staging)) as receipt:
                _check_target(objects, store, receipt, delete=delete)
                run = _Run(objects, snapshot, receipt, progress)
                try:
                    return run.plan() if dry_run else run.carry_out(delete=delete)
                except (CatalogChangedError, FileNotFoundError):
                    continue  # publish the state of now
    raise CatalogError(f"{store.root.name} is changed all the time; publish it when nothing is removed or replaced")


def _check_target(objects: Objects, store: CatalogStore, receipt: Receipt, *, delete: bool) -> None:
    """Refuse a target that holds what no publish put there.

    Raises:
        UsageError: The message says what is there.
    """
    folder = Path(objects.address)
    if "://" not in objects.address and (folder / ".stacaster" / "staging").is_dir():
        raise UsageError(
            f"{folder} is a catalog in which stacaster works, not a place to publish to; name another folder"
        )
    if "://" not in objects.address and folder.resolve().is_relative_to(store.root.resolve()):
        raise UsageError(f"{folder} lies inside the catalog; name a folder outside")
    if receipt.is_there:
        return
    if delete and receipt.has_objects():
        text = "holds files, but nothing says that 'stacaster publish' put them there"
        raise UsageError(f"{objects.address} {text}; --delete is for catalogs that were published there before")
    if objects.mark("catalog.json") is not None and not _is_ours(objects.read("catalog.json")):
        raise UsageError(f"{objects.address} holds a catalog.json of another program; name an empty place")


def _is_ours(content: bytes) -> bool:
    try:
        return bool(json.loads(content)["id"] == stac.build_root_catalog({})["id"])
    except (ValueError, KeyError, TypeError):
        return False


class _Run:
    def __init__(self, objects: Objects, snapshot: Snapshot, receipt: Receipt, progress: Progress | None) -> None:
        self._objects, self._snapshot, self._receipt, self._progress = objects, snapshot, receipt, progress
        self._is_saved, self._next_save = True, time.monotonic() + _RECEIPT_S
        self._written = Names()
        self._size = self._unchanged = 0

    def _changed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return what the target lacks."""
        found = self._receipt.missing(entries)
        self._unchanged += len(entries) - len(found)
        return found

    def _steps(self) -> Iterator[list[Entry]]:
        """Yield what may be uploaded side by side, step after step; some items at a time are in memory."""
        total = len(self._snapshot.items)
        for start in range(0, total, _ITEMS_AT_A_TIME):
            places = self._snapshot.items.slice(start, _ITEMS_AT_A_TIME).to_pylist()
            entries = self._changed([entry for row in places for entry in self._snapshot.item_entries(**row)])
            for stage in (ASSETS, ITEMS):
                yield [entry for entry in entries if entry.stage == stage]
            if self._progress is not None:
                self._progress(start + len(places), total, places[-1]["href"])
        entries = self._changed(self._snapshot.fixed)
        for stage in sorted({entry.stage for entry in entries}):
            yield [entry for entry in entries if entry.stage == stage]

    def plan(self) -> PublishReport:
        """Say what would be done."""
        for entries in self._steps():
            self._count(entries)
        return self._report(Names(), self._receipt.stale())

    def carry_out(self, *, delete: bool) -> PublishReport:
        """Upload, then delete."""
        if not self._receipt.is_there:
            # Fails at once where nothing may be written.
            self._save()
        with ThreadPoolExecutor(requests_at_once(8)) as pool:
            for entries in self._steps():
                self._upload(pool, entries)
        self._save_if_needed()
        gone = self._receipt.stale()
        if not delete:
            return self._report(Names(), gone)
        for name in gone:
            self._objects.delete(name)
            self._receipt.drop(name)
            self._is_saved = False
        self._save_if_needed()
        return self._report(gone, Names())

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
        self._receipt.add(entries)
        self._count(entries)
        self._is_saved = self._is_saved and not entries
        if time.monotonic() > self._next_save:
            self._save_if_needed()

    def _put(self, entry: Entry) -> None:
        self._objects.put(entry.name, entry.content(), content_type=entry.content_type)

    def _count(self, entries: Sequence[Entry]) -> None:
        self._written.add(entry.name for entry in entries)
        self._size += sum(entry.size for entry in entries)

    def _save_if_needed(self) -> None:
        if not self._is_saved:
            self._save()

    def _save(self) -> None:
        started = time.monotonic()
        self._receipt.save()
        self._is_saved = True
        # A receipt of millions of objects takes its time: that is kept below a twentieth of the whole.
        ended = time.monotonic()
        self._next_save = ended + max(_RECEIPT_S, 20 * (ended - started))

    def _report(self, gone: Names, stale: Names) -> PublishReport:
        return PublishReport(
            target=self._objects.address,
            uploaded=self._written,
            unchanged=self._unchanged,
            deleted=gone,
            stale=stale,
            size=self._size,
        )
