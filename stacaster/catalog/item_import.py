"""Take items of other programs into a catalog."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import orjson

from stacaster.catalog.commit import StagedItem, commit_items, settle
from stacaster.catalog.fit_item import fit_item, name_of
from stacaster.catalog.foreign_items import ForeignCatalog, ForeignItem, local_path
from stacaster.catalog.item_table import year_of
from stacaster.catalog.item_values import as_plain
from stacaster.catalog.local_assets import AssetTaker
from stacaster.catalog.stac_parquet import present
from stacaster.catalog.store import CatalogStore
from stacaster.config import catalog_path, threads
from stacaster.cube.band_model import with_item_assets
from stacaster.errors import ReadError, SpaceError, StacasterError, WriteError, is_space_error
from stacaster.files.checksums import multihash
from stacaster.files.names import safe_id
from stacaster.model import Outcome, Report, as_json, many_documents
from stacaster.model.checked import checked
from stacaster.model.values import read_path
from stacaster.products import of_collection

Progress = Callable[[int, int, Outcome], None]
"""Called after each item with the number done, the number known so far, and the outcome."""

_BATCH = 4_000
_TAKEN = {"items", "stacaster_state"}


@checked
def import_items(
    source: str | os.PathLike[str],
    *,
    catalog: str | os.PathLike[str] | None = None,
    collection: str | None = None,
    copy: bool = True,
    allow_outside: bool = False,
    follow: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Take the items of a static catalog, an item collection or stac-geoparquet into a catalog.

    Assets below the folder of the source are copied and get a checksum; assets on the web stay where they are. Items
    that the catalog has already, unchanged, are skipped, so that a run that was interrupted is finished by the same
    call. One bad item costs itself. What was changed on an item stands in its ``stacaster:notes``.

    Args:
        source: Folder or file: ``catalog.json``, ``collection.json``, an item, an item collection, a line of JSON an
            item (``.ndjson``, ``.jsonl``) or stac-geoparquet.
        catalog: Folder of the catalog, made when missing.
        collection: Id of the collection; None keeps what the items say.
        copy: False leaves files on this disk where they are; the items then name them by absolute paths, and an asset
            whose file is missing is left out.
        allow_outside: Take also files, and follow links to documents, outside the folder of the source. An item may
            name any file of this machine: say so only for sources that you trust.
        follow: Read catalogs and items on the web that a catalog on this disk links to; else they are named among the
            failures.
        dry_run: Only say what would be done.
        progress: Called after every item.

    Returns:
        What became of every item.

    Raises:
        CatalogError: The source is nothing of STAC, or the folder is no catalog of ours.

    Example:
        >>> stacaster.import_items("catalogs/demo/catalog.json", catalog="copy").failed
        ()
    """
    foreign = ForeignCatalog(read_path("source", source), follow, allow_outside)
    taker = AssetTaker(foreign.folder, copy=copy, allow_outside=allow_outside)
    run = _Import(foreign, CatalogStore(catalog_path(catalog)), collection, copy, taker)
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
    taker: AssetTaker
    names: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def plan(self, entry: ForeignItem | ReadError) -> Outcome:
        """Say what would be done with one item."""
        if isinstance(entry, ReadError):
            return _failed(entry)
        try:
            item = self._fit(entry)
        except StacasterError as error:
            return _failed(error, name=name_of(entry.document))
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
                yield _failed(error, name=name_of(entry.document))
                continue
            key = (item["collection"], item["id"])
            if key in self.seen:
                yield Outcome(granule=str(entry.document["id"]), status="skipped", collection=key[0],
                              item_id=key[1], reason="it came twice in this run")  # fmt: skip
                continue
            self.seen.add(key)
            fitted.append((entry, item))
        with ThreadPoolExecutor(threads(4)) as pool:
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
        documents = {plain: as_plain(present(known[name])) for name, plain in self.names.items() if name in known}
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
        document = entry.document
        given = document.get("collection") if isinstance(document, dict) else None
        name = self.collection or str(given or "imported")
        described = self.foreign.collections.get(str(given), {})
        try:
            if isinstance(document, dict) and isinstance(document.get("assets"), dict):
                # What only the collection says of an asset belongs to the item: it is read without its collection.
                document = document | {"assets": with_item_assets(document["assets"], described.get("item_assets"))}
            return fit_item(document, collection=self._collection(name), item_id=safe_id(name_of(document, whole=True)))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            # What nobody thought of costs the item, not the others.
            raise ReadError(f"it is no usable STAC item: {error}", granule=name_of(document)) from error

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
        except (StacasterError, OSError, TypeError, ValueError, KeyError, AttributeError) as error:
            return _failed(error, name=name_of(entry.document))

    def _stage(self, entry: ForeignItem, item: dict[str, Any], folder: Path) -> StagedItem:
        properties = item["properties"]
        is_ours = (
            isinstance(properties.get("stacaster:fingerprint"), str) and of_collection(item["collection"]) is not None
        )
        if not is_ours:
            text = _as_text([entry.document, self.copy])
            properties["stacaster:fingerprint"] = multihash(hashlib.sha256(text).hexdigest())
        folder.mkdir(parents=True)
        place = f"{item['collection']}/{year_of(item)}/{item['id']}/{item['id']}.json"
        if not _has(self.store.root / place, properties["stacaster:fingerprint"]):
            self.taker.take(entry, item, folder)
        (folder / f"{item['id']}.json").write_bytes(as_json(item))
        return StagedItem(item=item, folder=folder)


def _as_text(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # An integer of more than 64 bits, or half a character.
        return orjson.dumps(as_plain(value), option=orjson.OPT_SORT_KEYS)


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
