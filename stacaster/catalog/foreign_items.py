"""Items of other programs: read from a static catalog, an item collection or stac-geoparquet, made fit for ours."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import orjson

from stacaster.catalog.item_table import shapes_of
from stacaster.catalog.stac import OUR_LINKS, STAC_VERSION
from stacaster.errors import CatalogError, ReadError
from stacaster.model import ITEM_FIELDS, format_datetime, many_documents
from stacaster.products import of_collection

Document = dict[str, Any]

_BATCH = 1_000
_KEPT = {"datetime", "assets", "properties"}


@dataclass(frozen=True)
class ForeignItem:
    """An item as its program wrote it."""

    document: Document
    """The item."""
    base: Path
    """Folder against which its relative hrefs are meant."""


@dataclass
class ForeignCatalog:
    """What a file or folder of another program holds; items are read one after the other."""

    path: Path
    """Catalog, collection, item, item collection or stac-geoparquet."""
    collections: dict[str, Document] = field(default_factory=dict)
    """Documents of collections that were met so far, by id."""

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
            yield from self._of_parquet(path)
            return
        document = _read(path)
        kind = document.get("type")
        if kind == "FeatureCollection":
            for entry in document.get("features", ()):
                yield ForeignItem(entry, path.parent)
        elif kind in ("Catalog", "Collection", "Feature"):
            yield from self._walk(path, document)
        else:
            raise CatalogError(f"{path.name} is no STAC: its type is {kind!r}")

    def _of_parquet(self, path: Path) -> Iterator[ForeignItem]:
        import pyarrow as pa
        import pyarrow.parquet as pq
        import stac_geoparquet.arrow as stac_arrow

        try:
            file = pq.ParquetFile(path)
            known = json.loads((file.schema_arrow.metadata or {}).get(b"stac-geoparquet", b"{}"))
            self.collections |= known.get("collections", {})
            for batch in file.iter_batches(_BATCH):
                for document in stac_arrow.stac_table_to_items(pa.Table.from_batches([batch])):
                    yield ForeignItem(_present(document), path.parent)
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise CatalogError(f"{path.name} is no stac-geoparquet: {error}") from error

    def _walk(self, path: Path, document: Document) -> Iterator[ForeignItem | ReadError]:
        waiting: list[tuple[Path, Document | None]] = [(path, document)]
        seen: set[Path] = set()
        while waiting:
            place, known = waiting.pop()
            place = place.resolve()
            if place in seen:
                continue
            seen.add(place)
            try:
                found = _read(place) if known is None else known
            except CatalogError as error:
                yield ReadError(f"linked, but {error}", granule=place.stem)
                continue
            if found.get("type") == "Feature":
                yield ForeignItem(found, place.parent)
                continue
            if found.get("type") == "Collection":
                self.collections[str(found.get("id"))] = found
            links = [link for link in found.get("links", ()) if link.get("rel") in ("child", "item")]
            waiting += [(place.parent / local, None) for link in reversed(links) if (local := local_path(link["href"]))]


def _read(path: Path) -> Document:
    try:
        with many_documents():
            document = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise CatalogError(f"{path.name} is no STAC document")
    return document


def local_path(href: str) -> str | None:
    """Return the path of an href on this machine, or None for one elsewhere."""
    if href.startswith("file://"):
        return unquote(urlparse(href).path)
    return None if "://" in href else href


def _present(value: Any) -> Any:
    """Return plain data without nulls, which a table has where another row has a value."""
    if isinstance(value, dict):
        # An object without fields says nothing either, and parquet has no type for it.
        return {key: _present(part) for key, part in value.items() if (part is not None and part != {}) or key in _KEPT}
    return [_present(part) for part in value] if isinstance(value, list) else value


def fit_item(found: ForeignItem, *, collection: str, item_id: str) -> Document:
    """Return an item as ours: STAC 1.1, plain ids, a box in two dimensions, links of our own; assets as they were.

    Raises:
        ReadError: It is no STAC item, or has neither place nor time.
    """
    document = found.document
    name = str(document.get("id"))[:100] if isinstance(document, Mapping) else "?"
    problem = _problem(document)
    if problem is not None:
        raise ReadError(f"{name} is no usable STAC item: {problem}", granule=name)
    if document.get("stac_version") != STAC_VERSION:
        document = _migrated(document, name)
    text = orjson.dumps(document)
    if b"null" in text or b"{}" in text:
        document = _present(document)
    properties = {key: value for key, value in document["properties"].items() if key not in ITEM_FIELDS}
    for key in _TIMES & set(properties):
        properties[key] = None if properties[key] is None else _in_form(properties[key])
    properties.setdefault("datetime", None)
    properties.setdefault("title", name)
    others = [link for link in document.get("links", ()) if link.get("rel") not in OUR_LINKS and "://" in link["href"]]
    product = of_collection(collection)
    titled = {} if product is None else {"title": product.title}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": sorted(document.get("stac_extensions") or ()),
        "id": item_id,
        "geometry": document["geometry"],
        "bbox": _box(document),
        "properties": properties,
        "links": [
            {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
            {"rel": "collection", "href": "../../collection.json", "type": "application/json"} | titled,
            *others,
        ],
        "assets": {str(key): dict(asset) for key, asset in document["assets"].items()},
        "collection": collection,
    }


_TIMES = {"datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"}
_MOMENTS = ("datetime", "start_datetime", "end_datetime")


def _problem(document: Any) -> str | None:
    """Return why a document is no item that can be placed in space and time, or None."""
    if not isinstance(document, dict) or document.get("type") != "Feature":
        return "it is no GeoJSON feature"
    if not isinstance(document.get("id"), str) or not document["id"]:
        return "it has no id"
    properties, assets = document.get("properties"), document.get("assets")
    if not isinstance(properties, dict) or not isinstance(assets, dict):
        return "properties or assets are missing"
    parts = [*assets.values(), *(document.get("links") or ())]
    if any(not isinstance(part, dict) or not isinstance(part.get("href"), str) for part in parts):
        return "an asset or link has no href"
    return _place_problem(document) or _time_problem(properties)


def _place_problem(document: Document) -> str | None:
    import shapely

    try:
        (shape,) = shapes_of([document["geometry"]])
        empty = shape.is_empty
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        return f"it has no geometry ({error})"
    return "its geometry is empty" if empty else None


def _in_form(text: str) -> str:
    moment = dt.datetime.fromisoformat(text)
    return format_datetime(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC))


def _time_problem(properties: Mapping[str, Any]) -> str | None:
    moments = [properties[name] for name in _MOMENTS if properties.get(name) is not None]
    try:
        _ = [_in_form(properties[name]) for name in _TIMES & set(properties) if properties[name] is not None]
    except (ValueError, TypeError, OverflowError) as error:
        return f"its time cannot be read ({error})"
    if properties.get("datetime") is None and len(moments) < len(_MOMENTS) - 1:
        return "it has no time"
    return None


def _migrated(document: Document, name: str) -> Document:
    import pystac

    try:
        item = pystac.Item.from_dict(document, migrate=True)
        return dict(item.to_dict(include_self_link=False, transform_hrefs=False))
    except Exception as error:
        raise ReadError(
            f"{name} of STAC {document.get('stac_version')} cannot be migrated: {error}", granule=name
        ) from error


def _box(document: Document) -> list[float]:
    box = document.get("bbox")
    if isinstance(box, Sequence) and len(box) in (4, 6):
        half = len(box) // 2
        return [float(value) for value in (box[0], box[1], box[half], box[half + 1])]
    import antimeridian
    import shapely

    return [float(value) for value in antimeridian.bbox(shapely.geometry.shape(document["geometry"]))]
