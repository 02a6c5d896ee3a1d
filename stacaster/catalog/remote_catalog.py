"""A published catalog, read where it lies: tables are kept in the user's cache, items are read when asked."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from stacaster.catalog.item_table import DATABASE, RECENT
from stacaster.catalog.store import CatalogStore
from stacaster.config import cache_folder
from stacaster.errors import CatalogError, NothingFoundError, WriteError
from stacaster.network.objects import Objects

_MARKS = "marks.json"


def keep_tables(objects: Objects) -> Path:
    """Copy the database and the documents of a published catalog into the user's cache, as far as they changed.

    Args:
        objects: Where the catalog was published.

    Returns:
        Folder of the copies.

    Raises:
        CatalogError: There is no catalog of ours, or it names places outside it.
    """
    folder = cache_folder() / "catalogs" / hashlib.sha256(objects.address.encode()).hexdigest()[:20]
    try:
        root = json.loads(objects.read("catalog.json"))
        names = [link["href"].removeprefix(f"{objects.address}/") for link in root["links"] if link["rel"] == "child"]
    except NothingFoundError as error:
        raise CatalogError(f"{objects.address} holds no catalog.json; 'stacaster publish' writes one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"catalog.json of {objects.address} is no STAC catalog: {error}") from error
    # With --base-url the links are addresses, whose ends are the places here.
    collections = ["/".join(name.split("/")[-2:]) for name in names]
    for name in collections:
        # Names come from elsewhere: none may lead out of the cache.
        CatalogStore(folder).resolve(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marks = _marks(folder)
        (folder / "catalog.json").write_bytes(_plain_root(root))
        for name in [DATABASE, RECENT, *collections]:
            _keep(objects, folder, name, marks)
        part = folder / f".{_MARKS}.{os.getpid()}"
        part.write_text(json.dumps(marks), encoding="utf-8")
        part.replace(folder / _MARKS)
    except OSError as error:
        raise WriteError(f"the cache of catalogs cannot be written: {error.strerror or error}") from error
    if not (folder / DATABASE).exists():
        raise CatalogError(f"{objects.address} is a STAC catalog but has no {DATABASE}; it was not made by stacaster")
    return folder


def _marks(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / _MARKS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _plain_root(root: dict[str, Any]) -> bytes:
    """Return the root with places in place of addresses."""
    children = [link for link in root["links"] if link["rel"] == "child"]
    links = [{**link, "href": "./" + "/".join(link["href"].split("/")[-2:])} for link in children]
    return json.dumps({**root, "links": links}).encode()


def _keep(objects: Objects, folder: Path, name: str, marks: dict[str, str]) -> None:
    mark = objects.mark(name)
    path = folder / name
    if mark is None:
        path.unlink(missing_ok=True)
        marks.pop(name, None)
        return
    if marks.get(name) == mark and path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(objects.read(name))
    part.replace(path)
    marks[name] = mark
