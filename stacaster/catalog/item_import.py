"""Take items of other programs into a catalog."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import orjson

from stacaster.catalog.commit import StagedItem, commit_items, settle
from stacaster.catalog.foreign_items import ForeignCatalog, ForeignItem, fit_item, local_path
from stacaster.catalog.item_table import year_of
from stacaster.catalog.store import CatalogStore
from stacaster.config import catalog_path
from stacaster.errors import ReadError, SpaceError, StacasterError, WriteError, is_space_error
from stacaster.files.checksums import digest_file, multihash
from stacaster.files.names import safe_id
from stacaster.model import Outcome, Report, as_json, many_documents
from stacaster.products import of_collection

Progress = Callable[[int, int, Outcome], None]
"""Called after each item with the number done, the number known so far, and the outcome."""

_BATCH = 4_000
_THREADS = 2
_TAKEN = {"items", "stacaster_state"}


def import_items(
    source: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    collection: str | None = None,
    copy: bool = True,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Take the items of a static catalog, an item collection or stac-geoparquet into a catalog.

    Assets on this disk are copied, wherever the source says they lie, and get a checksum; assets elsewhere stay where
    they are. Items that are there
    already, unchanged, are skipped, so that a run that was interrupted is finished by the same call.

    Args:
        source: Folder or file.
        catalog: Folder of the catalog, made when missing.
        collection: Id of the collection; None keeps what the items say.
        copy: False leaves files on this disk where they are; the items then name them by absolute paths.
        dry_run: Only say what would be done.
        progress: Called after every item.

    Returns:
        What became of every item.

    Raises:
        CatalogError: The source is nothing of STAC, or the folder is no catalog of ours.
    """
    run = _Import(ForeignCatalog(Path(source)), CatalogStore(catalog_path(catalog)), collection, copy)
    outcomes: list[Outcome] = []

    def say(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if progress is not None:
            progress(len(outcomes), len(outcomes), outcome)

    found = run.foreign.items()
    first = list(islice(found, 1))
    if dry_run:
        for entry in chain(first, found):
            say(run.plan(entry))
        return Report(tuple(outcomes))
    run.store.prepare()
    waiting = chain(first, found)
    while batch := list(islice(waiting, _BATCH)):
        with run.store.staging() as staging:
            with many_documents():
                made = list(run.commit(batch, staging))
            for outcome in made:
                say(outcome)
    settle(run.store)
    return Report(tuple(sorted(outcomes, key=lambda item: (item.collection or "", item.granule, item.item_id or ""))))


@dataclass
class _Import:
    foreign: ForeignCatalog
    store: CatalogStore
    collection: str | None
    copy: bool
    names: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def plan(self, entry: ForeignItem | ReadError) -> Outcome:
        """Say what would be done with one item."""
        if isinstance(entry, ReadError):
            return _failed(entry)
        try:
            item = self._fit(entry)
        except StacasterError as error:
            return _failed(error)
        known = {"granule": str(entry.document["id"]), "collection": item["collection"], "item_id": item["id"]}
        return Outcome(**known, status="ingested", reason="would be imported")

    def commit(self, batch: list[ForeignItem | ReadError], staging: Path) -> Iterator[Outcome]:
        """Stage and commit some items."""
        staged: list[tuple[ForeignItem, StagedItem]] = []
        fitted: list[tuple[ForeignItem, dict[str, Any]]] = []
        for entry in batch:
            if isinstance(entry, ReadError):
                yield _failed(entry)
                continue
            try:
                item = self._fit(entry)
            except StacasterError as error:
                yield _failed(error, name=str(entry.document.get("id")))
                continue
            key = (item["collection"], item["id"])
            if key in self.seen:
                yield Outcome(granule=str(entry.document["id"]), status="skipped", collection=key[0],
                              item_id=key[1], reason="it came twice in this run")  # fmt: skip
                continue
            self.seen.add(key)
            fitted.append((entry, item))
        with ThreadPoolExecutor(_THREADS) as pool:
            # Files to be copied are worth threads, documents alone are not.
            is_copied = any(local_path(a["href"]) for _, item in fitted for a in item["assets"].values())
            places = (staging / str(number) for number in range(len(fitted)))
            each = pool.map if self.copy and is_copied else map
            made = each(lambda pair, place: self._try_to_stage(pair[0], pair[1], place), fitted, places)
            for (entry, _), found in zip(fitted, made, strict=True):
                if isinstance(found, StagedItem):
                    staged.append((entry, found))
                else:
                    yield found
        known = self.foreign.collections
        documents = {plain: known[name] for name, plain in self.names.items() if name in known}
        statuses: list[Any] = []
        problem: StacasterError | None = None
        try:
            statuses = list(commit_items(self.store, [part for _, part in staged], documents=documents))
        except StacasterError as error:
            statuses, problem = ["failed"] * len(staged), error
        for (entry, part), status in zip(staged, statuses, strict=True):
            reason = "the catalog has it" if status == "skipped" else None if problem is None else str(problem)
            yield Outcome(
                granule=str(entry.document["id"]), status=status, collection=part.item["collection"],
                item_id=part.item["id"], reason=reason, error=None if problem is None else type(problem).__name__,
            )  # fmt: skip

    def _fit(self, entry: ForeignItem) -> dict[str, Any]:
        name = self.collection or str((entry.document or {}).get("collection") or "imported")
        return fit_item(entry, collection=self._collection(name), item_id=safe_id(str(entry.document.get("id"))))

    def _collection(self, name: str) -> str:
        """Return the id under which a collection is kept: a folder name that no other collection has."""
        if name not in self.names:
            plain = safe_id(name)
            others = [path.parent.name for path in self.store.root.glob("*/collection.json")] + [*self.names.values()]
            # SQL and some file systems do not tell capitals from small letters.
            known = {other.lower(): other for other in others} | dict.fromkeys(_TAKEN, "")
            names = chain((plain, f"{plain}-imported"), (f"{plain}-imported-{number}" for number in count(2)))
            self.names[name] = next(free for free in names if known.get(free.lower(), free) == free)
        return self.names[name]

    def _try_to_stage(self, entry: ForeignItem, item: dict[str, Any], folder: Path) -> StagedItem | Outcome:
        try:
            return self._stage(entry, item, folder)
        except (StacasterError, OSError) as error:
            return _failed(error, name=str(entry.document.get("id")))

    def _stage(self, entry: ForeignItem, item: dict[str, Any], folder: Path) -> StagedItem:
        properties = item["properties"]
        is_ours = "stacaster:fingerprint" in properties and of_collection(item["collection"]) is not None
        if not is_ours:
            text = orjson.dumps([entry.document, self.copy], option=orjson.OPT_SORT_KEYS)
            properties["stacaster:fingerprint"] = multihash(hashlib.sha256(text).hexdigest())
        folder.mkdir(parents=True)
        place = f"{item['collection']}/{year_of(item)}/{item['id']}/{item['id']}.json"
        if not _has(self.store.root / place, properties["stacaster:fingerprint"]):
            self._take_assets(entry, item, folder)
        (folder / f"{item['id']}.json").write_bytes(as_json(item))
        return StagedItem(item=item, folder=folder)

    def _take_assets(self, entry: ForeignItem, item: dict[str, Any], folder: Path) -> None:
        used = {f"{item['id']}.json".lower()}
        for key, asset in item["assets"].items():
            local = local_path(asset["href"])
            if local is None:
                continue
            path = entry.base / local
            if not path.is_file():
                raise ReadError(f"{item['id']}: the file of asset {key}, {path.name}, is missing", granule=item["id"])
            if not self.copy:
                asset["href"] = path.resolve().as_uri()
                continue
            name = safe_id(path.name)
            if name.lower() in used:
                name = safe_id(f"{key}-{path.name}")
            used.add(name.lower())
            shutil.copyfile(path, folder / name)
            digest = hashlib.sha256()
            digest_file(folder / name, digest)
            checksum = multihash(digest.hexdigest())
            if asset.get("file:checksum", checksum) != checksum and str(asset["file:checksum"]).startswith("1220"):
                raise ReadError(f"{item['id']}: {path.name} differs from its checksum", granule=item["id"])
            asset |= {"href": f"./{name}", "file:size": (folder / name).stat().st_size, "file:checksum": checksum}


def _has(path: Path, mark: str) -> bool:
    try:
        document: Mapping[str, Any] = orjson.loads(path.read_bytes())
        return bool(document["properties"]["stacaster:fingerprint"] == mark)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _failed(error: Exception, *, name: str | None = None) -> Outcome:
    granule = name or str(getattr(error, "granule", None) or "?")
    if isinstance(error, OSError) and not isinstance(error, StacasterError):
        kind = SpaceError if is_space_error(error) else WriteError
        error = kind(f"{granule} cannot be copied: {error.strerror or error}")
    return Outcome(granule=granule, status="failed", reason=str(error), error=type(error).__name__)
