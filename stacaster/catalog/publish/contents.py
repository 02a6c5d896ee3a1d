"""What is published of a catalog: one state of it, document by document, file by file."""

from __future__ import annotations

import hashlib
import posixpath
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow as pa

from stacaster.catalog import item_table, stac
from stacaster.catalog.documents import with_part_files
from stacaster.catalog.item_table import DATABASE, RECENT
from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError, UsageError
from stacaster.files.checksums import digest_file, multihash
from stacaster.model import as_json

ASSETS, ITEMS, _TABLES, _YEARS, _COLLECTIONS, _ROOT = range(6)
"""Order of the upload: what is linked comes before what links."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One object to be published."""

    name: str
    """Its name at the target."""
    stage: int
    """Its place in the order."""
    size: int
    """Bytes."""
    mark: str
    """What changes when the content changes."""
    content_type: str
    """Media type."""
    content: Callable[[], bytes | Path]
    """Gives the content, as bytes or as a file."""


class CatalogChangedError(Exception):
    """An item was replaced or removed while it was published."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One state of a catalog: its tables and documents are copies, its items are read when they are needed."""

    store: CatalogStore
    """The catalog's files."""
    fixed: list[Entry]
    """Tables and documents."""
    items: pa.Table
    """Place of the document (``href``) and fingerprint (``mark``) of each item."""
    address: str | None
    """Address that links and assets name, or None."""

    def item_entries(self, href: str, mark: str | None) -> list[Entry]:
        """Return the files of an item, then its document.

        Args:
            href: Place of the document.
            mark: Fingerprint of the item.

        Raises:
            CatalogChangedError: It was replaced or removed.
            CatalogError: A file is missing or damaged, or lies outside the catalog.
        """
        try:
            text = (self.store.root / href).read_bytes()
            document = orjson.loads(text)
            own_mark = document["properties"].get("stacaster:fingerprint")
        except FileNotFoundError as error:
            raise CatalogChangedError(href) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogError(f"{href} cannot be read; 'stacaster doctor --fix' mends the catalog") from error
        if own_mark != mark:
            raise CatalogChangedError(href)
        return list(_item_entries(self.store, href, text, document, self.address))


def take_snapshot(store: CatalogStore, staging: Path, *, base_url: str | None) -> Snapshot:
    """Copy tables and documents of a catalog while nobody changes it.

    Args:
        store: The catalog's files.
        staging: Folder for the copies.
        base_url: Address that links and assets name; None keeps them relative.

    Raises:
        UsageError: The address is none.
        CatalogError: The catalog is damaged.
    """
    if base_url is not None and "://" not in base_url:
        raise UsageError(f"base_url is {base_url!r}, but an address such as https://example.com/catalog is needed")
    address = None if base_url is None else base_url.rstrip("/")
    folder = staging / "snapshot"
    with store.transaction():
        places = _documents(store)
        for place in [*places, DATABASE, RECENT]:
            source = store.root / place
            if source.exists():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / place)
    columns = item_table.item_columns(folder / DATABASE)
    mark = "stacaster_fingerprint" if "stacaster_fingerprint" in columns else "null"
    rows = item_table.run_sql(folder / DATABASE, f"select href, {mark} as mark from items order by href")  # noqa: S608 - literals
    for place in places:
        if place.endswith(".parquet") and address is not None:
            item_table.name_addresses(folder / place, f"{address}/{posixpath.dirname(place)}")
    for place in places if address is not None else ():
        if place.endswith("/collection.json"):
            # The tables were changed above.
            parts = item_table.list_parts((folder / place).parent)
            document = with_part_files(orjson.loads((folder / place).read_bytes()), {path.name: path for path in parts})
            (folder / place).write_bytes(as_json(document))
    names = [*places, *(name for name in (DATABASE, RECENT) if (folder / name).exists())]
    return Snapshot(
        store=store,
        fixed=[_fixed(folder, name, address) for name in names],
        items=rows,
        address=address,
    )


def _documents(store: CatalogStore) -> list[str]:
    patterns = ("catalog.json", "*/collection.json", "*/items*.parquet", "*/*/catalog.json")
    found = [path for pattern in patterns for path in store.root.glob(pattern)]
    return sorted(path.relative_to(store.root).as_posix() for path in found)


def _fixed(folder: Path, place: str, address: str | None) -> Entry:
    path = folder / place
    name = posixpath.basename(place)
    if name.endswith(".json"):
        text = path.read_bytes() if address is None else _rewritten(path.read_bytes(), place, address)
        path.write_bytes(text)
    stage = {"collection.json": _COLLECTIONS, DATABASE: _ROOT, RECENT: _ROOT}.get(name, _TABLES)
    if name == "catalog.json":
        stage = _YEARS if "/" in place else _ROOT
    digest = hashlib.sha256()
    digest_file(path, digest)
    return Entry(
        name=place, stage=stage, size=path.stat().st_size, mark=digest.hexdigest(),
        content_type=stac.MEDIA_TYPES.get(path.suffix, "application/octet-stream"), content=lambda: path,
    )  # fmt: skip


def _item_entries(
    store: CatalogStore, href: str, text: bytes, document: dict[str, Any], address: str | None
) -> Iterator[Entry]:
    folder = posixpath.dirname(href)
    for key, asset in document["assets"].items():
        if asset["href"].startswith("file://"):
            raise CatalogError(
                f"asset {key} of {document['id']} is a file on this machine outside the catalog; import it with --copy"
            )
        if "://" in asset["href"]:
            continue
        place = posixpath.normpath(posixpath.join(folder, asset["href"]))
        path = store.resolve(place)
        try:
            size = path.stat().st_size
        except OSError as error:
            raise CatalogError(f"{place} is missing; 'stacaster doctor' says what is wrong") from error
        if "file:size" in asset and size != asset["file:size"]:
            raise CatalogError(f"{place} has {size} bytes instead of {asset['file:size']}; see 'stacaster doctor'")
        mark = str(asset.get("file:checksum"))
        if posixpath.dirname(place) != folder or not mark.startswith("1220"):
            raise CatalogError(
                f"asset {key} of {document['id']}, {place}, was not made or checked by this catalog (no file:checksum, "
                "or outside the folder of its item), so it is not published; 'stacaster doctor' says more"
            )
        yield Entry(
            name=place, stage=ASSETS, size=size, mark=mark, content=partial(_verified, path, place, mark),
            content_type=stac.MEDIA_TYPES.get(path.suffix, str(asset.get("type") or "application/octet-stream")),
        )  # fmt: skip
    final = text if address is None else _rewritten(text, href, address)
    yield Entry(
        name=href, stage=ITEMS, size=len(final), mark=hashlib.sha256(final).hexdigest(),
        content_type=stac.ITEM_TYPE, content=lambda: final,
    )  # fmt: skip


def _verified(path: Path, place: str, checksum: str) -> Path:
    """Return a file that is what its item says.

    Raises:
        CatalogError: It is not.
    """
    digest = hashlib.sha256()
    digest_file(path, digest)
    if multihash(digest.hexdigest()) != checksum:
        raise CatalogError(f"{place} differs from its checksum and is not published; see 'stacaster doctor'")
    return path


def _rewritten(text: bytes, place: str, address: str) -> bytes:
    """Return a document whose links and assets are addresses, with a link to itself."""
    document = orjson.loads(text)
    folder = posixpath.dirname(place)

    def absolute(part: Mapping[str, Any]) -> dict[str, Any]:
        if "://" in part["href"]:
            return dict(part)
        target = posixpath.normpath(posixpath.join(folder, part["href"]))
        return {**part, "href": f"{address}/{quote(target)}"}

    kind = stac.ITEM_TYPE if document.get("type") == "Feature" else "application/json"
    own = {"rel": "self", "href": f"{address}/{quote(place)}", "type": kind}
    document["links"] = [own, *(absolute(link) for link in document["links"] if link["rel"] != "self")]
    if "assets" in document:
        document["assets"] = {key: absolute(asset) for key, asset in document["assets"].items()}
    return as_json(document)
