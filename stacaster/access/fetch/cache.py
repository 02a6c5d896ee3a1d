"""The folder of downloads: what lies there, and what may go."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.access.fetch.check import is_receipt
from stacaster.config import cache_folder
from stacaster.errors import UsageError
from stacaster.files.system.locks import Timeout, file_lock
from stacaster.model.checked import checked

_LEFT = (".part", ".part.json", ".lock", ".receipt.json")


@dataclass(frozen=True, kw_only=True)
class CachedGranule:
    """One granule in the folder of downloads."""

    product: str
    """Short name and version, ``AST_L1T.003``."""
    granule: str
    """Name of the granule."""
    folder: Path
    """Where its files lie."""
    files: int
    """Number of complete files."""
    size: int
    """Bytes of all files, unfinished ones too."""
    used: dt.datetime
    """When a file was last written or read, as far as the file system says."""
    is_partial: bool
    """Whether a download is unfinished."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**vars(self), "folder": str(self.folder), "used": self.used.isoformat(timespec="seconds")}


@checked
def list_cache(cache_dir: str | os.PathLike[str] | None = None, *, product: str | None = None) -> list[CachedGranule]:
    """Return the granules in the folder of downloads, those not used for longest first.

    Only folders that ``fetch`` filled are listed: they hold receipts or unfinished downloads.

    Args:
        cache_dir: Folder; default ``STACASTER_CACHE_DIR`` or the user's cache folder.
        product: Short name, with or without version.
    """
    found = list(_granules(cache_folder(cache_dir), product))
    return sorted(found, key=lambda entry: (entry.used, entry.product, entry.granule))


@checked
def prune_cache(
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    product: str | None = None,
    older_than_days: float | None = None,
    keep_bytes: int | None = None,
    partial: bool = False,
    everything: bool = False,
    dry_run: bool = False,
) -> list[CachedGranule]:
    """Delete downloads; a granule that another process is fetching stays.

    Args:
        cache_dir: Folder; default ``STACASTER_CACHE_DIR`` or the user's cache folder.
        product: Only this product.
        older_than_days: Only what was not used for so many days.
        keep_bytes: Delete what was not used for longest, until no more than this is left.
        partial: Only unfinished downloads.
        everything: All that the other conditions leave.
        dry_run: Delete nothing.

    Returns:
        What was deleted.

    Raises:
        UsageError: No condition says what may go, or a number is negative.
    """
    if older_than_days is None and keep_bytes is None and not partial and not everything:
        raise UsageError("say what may go: older_than_days, keep_bytes, partial or everything")
    if (older_than_days or 0) < 0 or (keep_bytes or 0) < 0:
        raise UsageError("older_than_days and keep_bytes must not be negative")
    entries = list_cache(cache_dir, product=product)
    chosen = _chosen(entries, older_than_days=older_than_days, keep_bytes=keep_bytes, partial=partial)
    return [entry for entry in chosen if dry_run or _delete(entry)]


def _chosen(
    entries: Sequence[CachedGranule], *, older_than_days: float | None, keep_bytes: int | None, partial: bool
) -> list[CachedGranule]:
    chosen = [entry for entry in entries if entry.is_partial or not partial]
    if older_than_days is not None:
        limit = dt.datetime.now(dt.UTC) - dt.timedelta(days=older_than_days)
        chosen = [entry for entry in chosen if entry.used < limit]
    if keep_bytes is not None:
        left, kept = sum(entry.size for entry in entries), []
        for entry in chosen:
            if left > keep_bytes:
                kept.append(entry)
                left -= entry.size
        chosen = kept
    return chosen


def _granules(root: Path, product: str | None) -> Iterator[CachedGranule]:
    if not root.is_dir():
        return
    for folder in sorted(path for path in root.glob("*/*") if path.is_dir() and not path.is_symlink()):
        name = folder.parent.name
        if product is not None and product not in (name, name.rpartition(".")[0]):
            continue
        files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
        is_partial = any(path.name.endswith(".part") for path in files)
        if not is_partial and not any(is_receipt(path) for path in files):
            continue
        stats = [path.stat() for path in files]
        yield CachedGranule(
            product=name,
            granule=folder.name,
            folder=folder,
            files=sum(not path.name.endswith(_LEFT) for path in files),
            size=sum(stat.st_size for stat in stats),
            used=dt.datetime.fromtimestamp(max(max(stat.st_mtime, stat.st_atime) for stat in stats), dt.UTC),
            is_partial=is_partial,
        )


def _delete(entry: CachedGranule) -> bool:
    """Delete a granule unless a download of it is under way; tell whether it is gone."""
    for lock in entry.folder.glob(".*.lock"):
        try:
            with file_lock(lock, 0.0):
                pass
        except Timeout:
            return False
    shutil.rmtree(entry.folder)
    # The folder of the product goes with its last granule.
    if not any(entry.folder.parent.iterdir()):
        entry.folder.parent.rmdir()
    return True
