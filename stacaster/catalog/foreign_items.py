"""Items of other programs: read from a static catalog, an item collection, lines of JSON or stac-geoparquet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import orjson

from stacaster.catalog.stac_parquet import read_stac_parquet
from stacaster.errors import CatalogError, FetchError, ReadError
from stacaster.model import many_documents
from stacaster.network.http import TIMEOUT, new_session, reason_of, without_queries

Document = dict[str, Any]

_WINDOWS = re.compile(r"(file:/*)?[A-Za-z]:[\\/]|\\\\")
_LONG_NUMBER = re.compile(rb"\d{19}")
_VSI = {"/vsicurl/": "", "/vsis3/": "s3://", "/vsigs/": "gs://"}
_LARGEST_DOCUMENT = 256 << 20
_LINES = (".ndjson", ".jsonl", ".geojsonl", ".geojsons", ".jsonlines")


@dataclass(frozen=True)
class ForeignItem:
    """An item as its program wrote it."""

    document: Document
    """The item."""
    base: Path | str
    """Folder, or address of the document, against which its relative hrefs are meant."""


@dataclass
class ForeignCatalog:
    """What a file or folder of another program holds; items are read one after the other."""

    path: Path
    """Catalog, collection, item, item collection, lines of JSON or stac-geoparquet."""
    follow: bool = False
    """Whether links to the web are followed."""
    allow_outside: bool = False
    """Whether links may lead out of the folder of the source."""
    collections: dict[str, Document] = field(default_factory=dict)
    """Documents of collections that were met so far, by id."""

    @property
    def folder(self) -> Path:
        """Folder of the source, links resolved."""
        return (self.path if self.path.is_dir() else self.path.parent).resolve()

    def items(self) -> Iterator[ForeignItem | ReadError]:
        """Yield items, and in place of those that cannot be read the error.

        Raises:
            CatalogError: The path is nothing of STAC.
        """
        path = self.path / "catalog.json" if (self.path / "catalog.json").is_file() else self.path
        if path.is_dir():
            path = path / "collection.json"
        if not path.is_file():
            raise CatalogError(f"{self.path.name} is no file, and no folder with a catalog.json or collection.json")
        if path.suffix.lower() in (".parquet", ".geoparquet"):
            rows = read_stac_parquet(path, self.collections)
            yield from (row if isinstance(row, ReadError) else ForeignItem(row, path.parent) for row in rows)
            return
        if path.suffix.lower() in _LINES:
            yield from self._of_lines(path)
            return
        document = read_json(path)
        if isinstance(document, list):
            document = {"type": "FeatureCollection", "features": document}
        kind = document.get("type")
        if kind == "FeatureCollection":
            for entry in document.get("features") or ():
                yield ForeignItem(entry, path.parent)
        elif kind in ("Catalog", "Collection", "Feature") or ("links" in document and "id" in document):
            yield from self._walk(path, document)
        else:
            raise CatalogError(f"{path.name} is no STAC: its type is {kind!r}")

    def _of_lines(self, path: Path) -> Iterator[ForeignItem | ReadError]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line.strip(b"\x1e\r\n\t \xef\xbb\xbf")
                if not text:
                    continue
                try:
                    document = parse_json(text)
                except ValueError as error:
                    yield ReadError(f"line {number} is no JSON: {error}", granule=path.name)
                    continue
                is_several = isinstance(document, dict) and document.get("type") == "FeatureCollection"
                for entry in document.get("features") or () if is_several else (document,):
                    yield ForeignItem(entry, path.parent)

    def _walk(self, path: Path, document: Document) -> Iterator[ForeignItem | ReadError]:
        waiting: list[tuple[Path | str, Document | None]] = [(path.resolve(), document)]
        seen: set[Path | str] = set()
        while waiting:
            place, known = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            try:
                found = self._read(place) if known is None else known
            except (CatalogError, FetchError) as error:
                yield ReadError(f"linked, but {error}", granule=_name(place))
                continue
            if found.get("type") == "Feature" or ("geometry" in found and "assets" in found):
                base = place if isinstance(place, str) else place.parent
                self._learn_collection(place, found)
                yield ForeignItem({"type": "Feature", **found}, base)
                continue
            if found.get("type") == "Collection" or "extent" in found:
                self.collections[str(found.get("id"))] = found
            links = [link for link in found.get("links") or () if isinstance(link, dict)]
            linked = [self._linked(place, link) for link in links if link.get("rel") in ("child", "item")]
            for target in reversed(linked):
                if isinstance(target, ReadError):
                    yield target
                else:
                    waiting.append((target, None))

    def _learn_collection(self, place: Path | str, item: Document) -> None:
        """Read the collection of an item that was not met on the way, where it lies in the folder of the source."""
        links = [link for link in item.get("links") or () if isinstance(link, dict) and link.get("rel") == "collection"]
        if isinstance(place, str) or not links or str(item.get("collection")) in self.collections:
            return
        target = self._linked(place, links[0])
        if isinstance(target, Path):
            with suppress(CatalogError):
                document = self._read(target)
                if document.get("id") == item.get("collection"):
                    self.collections[str(document["id"])] = document

    def _linked(self, place: Path | str, link: Document) -> Path | str | ReadError:
        """Return where a link leads, or the error that says why it is not followed."""
        href = link.get("href")
        if not isinstance(href, str) or not href:
            return ReadError("a link has no href", granule=_name(place))
        if isinstance(place, str):
            href = urljoin(place, href)
        local = local_path(href)
        if local is None:
            if not href.startswith(("http://", "https://")) or not self.follow:
                hint = "--follow (follow=True) reads it" if href.startswith("http") else "only http and https are read"
                return ReadError(
                    f"{without_queries(href)} lies elsewhere and was not read; {hint}", granule=_name(href)
                )
            return href
        if isinstance(place, str):
            return ReadError(f"a document of the web links {href}, a file of this machine", granule=_name(href))
        path = find_file(place.parent, local) or place.parent / local
        if not self.allow_outside and not path.resolve().is_relative_to(self.folder):
            return ReadError(f"{href} {OUTSIDE}", granule=_name(path))
        return path.resolve()

    def _read(self, place: Path | str) -> Document:
        document = read_json(place) if isinstance(place, Path) else _fetched(place)
        if not isinstance(document, dict):
            raise CatalogError(f"{_name(place)} is no STAC document")
        return document


OUTSIDE = "lies outside the folder of the source; --allow-outside (allow_outside=True) takes it nevertheless"
"""Why a file of this machine is not taken."""


def _name(place: Path | str) -> str:
    return place.stem if isinstance(place, Path) else without_queries(place)


def read_json(path: Path) -> Any:
    """Return what a file says, also with numbers that strict JSON does not know.

    Raises:
        CatalogError: It cannot be read, or is neither an object nor a list of them.
    """
    try:
        with many_documents():
            document = parse_json(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path.name} cannot be read: {error}") from error
    is_list = isinstance(document, list) and all(isinstance(part, dict) for part in document)
    if not isinstance(document, dict) and not is_list:
        raise CatalogError(f"{path.name} is no STAC document")
    return document


def parse_json(content: bytes) -> Any:
    """Return what JSON says; integers keep all their digits, ``NaN`` and ``Infinity`` are numbers.

    Raises:
        ValueError: It is no JSON.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    if _LONG_NUMBER.search(content) is None:
        with suppress(ValueError):
            return orjson.loads(content)
    return _of_characters(json.loads(content))


def _of_characters(value: Any) -> Any:
    """Return plain data whose text can be written: half a pair of surrogates is no character."""
    if isinstance(value, dict):
        return {_of_characters(key): _of_characters(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_of_characters(part) for part in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _fetched(address: str) -> Any:
    """Return a document of the web; no login is sent.

    Raises:
        FetchError: It does not come, or is no JSON.
    """
    import requests

    name = without_queries(address)
    try:
        with new_session().get(address, timeout=TIMEOUT, stream=True) as answer:
            answer.raise_for_status()
            content = answer.raw.read(_LARGEST_DOCUMENT, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise FetchError(f"{name} does not come: {reason_of(error)}", href=name) from error
    try:
        return parse_json(content)
    except ValueError as error:
        raise FetchError(f"{name} is no JSON: {error}", href=name) from error


def local_path(href: str) -> str | None:
    """Return the path of an href on this machine, or None for one elsewhere."""
    if href.startswith("file:"):
        return unquote(urlsplit(href).path)
    return None if "://" in href else href


def is_of_windows(href: str) -> bool:
    """Tell whether an href is a path with a drive or a share of Windows."""
    return _WINDOWS.match(href) is not None


def plain_href(href: str, base: Path | str) -> str:
    """Return an href as others understand it: GDAL's names for addresses as addresses, made whole on the web."""
    for prefix, scheme in _VSI.items():
        if href.startswith(prefix):
            return scheme + href.removeprefix(prefix)
    is_relative = isinstance(base, str) and "://" not in href and not is_of_windows(href)
    return urljoin(str(base), href) if is_relative else href


def find_file(folder: Path, href: str) -> Path | None:
    """Return the file that a relative href names as it stands, unquoted, or with the separators of Windows."""
    for text in dict.fromkeys((href, unquote(href), href.replace("\\", "/"), unquote(href).replace("\\", "/"))):
        try:
            if "\0" not in text and (folder / text).exists():
                return folder / text
        except OSError:
            continue
    return None
