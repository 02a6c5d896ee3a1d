"""Put items of a catalog away: into a catalog of their own, as a folder or one tar file."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from stacaster.catalog.check import check_catalog
from stacaster.catalog.commit import StagedItem, commit_items, settle
from stacaster.catalog.remove import remove_items
from stacaster.catalog.store import CatalogStore
from stacaster.catalog.store.files import OWNER
from stacaster.catalog.versions import Key
from stacaster.errors import CatalogError, ExportError, NothingFoundError, SpaceError, UsageError, is_space_error
from stacaster.files.system.disk import sync_file
from stacaster.files.system.locks import Timeout, file_lock
from stacaster.model.values import read_path

if TYPE_CHECKING:
    from stacaster.catalog.search import ItemSearch

_BATCH = 200
_OTHER = frozenset({".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".json", ".nc", ".tif", ".parquet", ".gpkg"})
"""Endings of files that an archive is not."""


def archive_items(
    search: ItemSearch, output: str | os.PathLike[str], *, remove: bool = False, dry_run: bool = False
) -> list[str]:
    """Write items with their files into a catalog of their own; it opens like any other.

    The archive is compared with itself, checksums included, before it gets its name; only then the items are removed.
    When that was interrupted, the same call finds the whole archive and removes what is in it.

    Args:
        search: The items.
        output: Folder, or a name ending in ``.tar``; neither may exist.
        remove: Remove the items from the catalog once the archive is complete.
        dry_run: Write nothing.

    Returns:
        Ids of the items.

    Raises:
        NothingFoundError: The search found nothing.
        UsageError: The output exists.
        ExportError: It cannot be written.
    """
    target = read_path("output", output)
    if target.suffix.lower() in _OTHER:
        raise UsageError(f"output is {target.name!r}, but a folder, or a name ending in .tar, is needed")
    part = target.with_name(f".{target.name}.part")
    keys = [(str(item.collection_id), item.id) for item in search.items()]
    if not keys:
        if remove and not dry_run:
            # The one that took the items may have been killed while their files went.
            CatalogStore(search.root).recover()
        raise NothingFoundError("the search found nothing to archive")
    if target.exists() and remove and _holds(target, search, keys):
        if not dry_run:
            # One that was killed after the archive had its name may have left its working folder.
            shutil.rmtree(part, ignore_errors=True)
            remove_items(CatalogStore(search.root), keys)
        return [item_id for _, item_id in keys]
    if target.exists():
        raise UsageError(f"{target.name} exists; name a new folder or file")
    if dry_run:
        return [item_id for _, item_id in keys]
    try:
        with _working_folder(part, target):
            _fill(search, keys, part / "catalog")
            if target.suffix == ".tar":
                _pack(part / "catalog", part / "packed.tar")
                (part / "packed.tar").replace(target)
            else:
                (part / "catalog").rename(target)
    except OSError as error:
        if is_space_error(error):
            raise SpaceError(f"{target.name} cannot be written: the disk is full") from error
        raise ExportError(f"{target.name} cannot be written: {error.strerror or error}") from error
    if remove:
        remove_items(CatalogStore(search.root), keys)
    return [item_id for _, item_id in keys]


@contextmanager
def _working_folder(part: Path, target: Path) -> Iterator[None]:
    """Make the working folder anew and remove it at the end; one process at a time.

    Raises:
        ExportError: Another process writes the same archive.
        OSError: It cannot be made.
    """
    part.mkdir(parents=True, exist_ok=True)
    owner = file_lock(part / OWNER, 0.0)
    try:
        owner.acquire()
    except Timeout as error:
        raise ExportError(f"another process is writing {target.name}; wait until it is done") from error
    try:
        for left in part.iterdir():
            # One that was killed.
            if not left.name.startswith(OWNER):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield
    finally:
        shutil.rmtree(part, ignore_errors=True)
        owner.release()
        # Windows keeps a file that is open.
        shutil.rmtree(part, ignore_errors=True)


def _holds(target: Path, search: ItemSearch, keys: Sequence[Key]) -> bool:
    """Tell whether a file or folder is a whole archive of exactly these items, as the catalog has them."""
    with tempfile.TemporaryDirectory() as scratch:
        root = target
        if target.is_file():
            try:
                with tarfile.open(target) as archive:
                    # The argument came with Python 3.11.4.
                    safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                    archive.extractall(scratch, **safe)  # noqa: S202 - checked below, and only read
            except (tarfile.TarError, OSError, EOFError):
                return False
            root = Path(scratch)
        try:
            if check_catalog(root):
                return False
        except CatalogError:
            return False
        places = {(entry.collection, entry.id): entry.href for entry in search.found}
        archived = {path.stem for path in root.glob("*/*/*/*.json") if path.stem == path.parent.name}
        try:
            is_same = all(_mark(root / places[key]) == _mark(search.root / places[key]) for key in keys)
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return is_same and archived == {item_id for _, item_id in keys}


def _mark(path: Path) -> str:
    return str(orjson.loads(path.read_bytes())["properties"]["stacaster:fingerprint"])


def _fill(search: ItemSearch, keys: Sequence[Key], root: Path) -> None:
    store = CatalogStore(root)
    store.prepare()
    wanted = set(keys)
    entries = [entry for entry in search.found if (entry.collection, entry.id) in wanted]
    documents = {
        name: orjson.loads((search.root / name / "collection.json").read_bytes()) for name in {name for name, _ in keys}
    }
    for start in range(0, len(entries), _BATCH):
        with store.staging() as staging:
            staged = []
            for entry in entries[start : start + _BATCH]:
                source = (search.root / entry.href).parent
                folder = staging / entry.collection / entry.id
                shutil.copytree(source, folder)
                item = orjson.loads((folder / f"{entry.id}.json").read_bytes())
                staged.append(StagedItem(item=item, folder=folder))
            commit_items(store, staged, documents=documents)
    settle(store)
    problems = check_catalog(root)
    if problems:
        first = problems[0]
        raise ExportError(f"the catalog is damaged: {first.place} {first.text}; 'stacaster doctor' says more")


def _pack(root: Path, target: Path) -> None:
    """Write a tar file; the same catalog gives the same bytes but for the database."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.name != "lock":
                info = archive.gettarinfo(path, arcname=path.relative_to(root).as_posix())
                info.uid = info.gid = info.mtime = 0
                info.uname = info.gname = ""
                with path.open("rb") as file:
                    archive.addfile(info, file)
        for folder in (".stacaster", ".stacaster/staging"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
    sync_file(target)
