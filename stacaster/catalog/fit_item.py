"""An item of another program made fit for ours: STAC 1.1, plain ids, footprint, times, types of properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from stacaster.catalog.item_footprint import footprint_of
from stacaster.catalog.item_values import as_plain, notes_on, settle_properties, time_of
from stacaster.catalog.stac import OUR_LINKS, STAC_VERSION
from stacaster.catalog.stac_parquet import present
from stacaster.errors import ReadError
from stacaster.products import of_collection

Document = dict[str, Any]

_MOMENTS = ("datetime", "start_datetime", "end_datetime")
_SHOWN = 100


def name_of(document: Any, *, whole: bool = False) -> str:
    """Return the id of an item, for messages or whole."""
    name = str(document.get("id")) if isinstance(document, Mapping) else "?"
    return name if whole else name[:_SHOWN]


def fit_item(document: Any, *, collection: str, item_id: str) -> Document:
    """Return an item as ours; assets stay as they were. What was changed stands in ``stacaster:notes``.

    What does not fit is kept as JSON text in ``stacaster:original``; an id that is no file name in
    ``stacaster:original_id``, under which searches find the item as well.

    Args:
        document: The item, as its program wrote it.
        collection: Id of its collection in our catalog.
        item_id: Its id there.

    Raises:
        ReadError: It is no STAC item, or lies at no place or no time.
    """
    name = name_of(document)
    try:
        _check_parts(document)
        if document.get("stac_version") != STAC_VERSION:
            document = _migrated(document, name)
        footprint = footprint_of(document.get("geometry"), document.get("bbox"))
        properties, original = settle_properties({**document["properties"], **_times(document["properties"])})
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ReadError(f"{name} is no usable STAC item: {error}", granule=name) from error
    properties = present(properties)
    if not isinstance(properties.get("stacaster:notes", []), list):
        del properties["stacaster:notes"]
    properties.setdefault("datetime", None)
    notes = [*_texts(document["properties"].get("stacaster:notes")), *footprint.notes, *notes_on(original)]
    kept: Document = {"properties": original} if original else {}
    if footprint.geometry != document.get("geometry"):
        kept["geometry"] = document.get("geometry")
    if document.get("bbox") not in (None, footprint.bbox) and footprint.notes:
        kept["bbox"] = document["bbox"]
    if kept and not isinstance(properties.get("stacaster:original"), str):
        properties["stacaster:original"] = orjson.dumps(as_plain(kept)).decode()
    if notes:
        properties["stacaster:notes"] = list(dict.fromkeys(notes))
    own_name = str(document["properties"].get("stacaster:original_id") or document["id"])
    if own_name != item_id:
        properties["stacaster:original_id"] = own_name
    properties.setdefault("title", own_name)
    product = of_collection(collection)
    titled = {} if product is None else {"title": product.title}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": sorted(_texts(document.get("stac_extensions"))),
        "id": item_id,
        "geometry": footprint.geometry,
        "bbox": footprint.bbox,
        "properties": properties,
        "links": [
            {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
            {"rel": "collection", "href": "../../collection.json", "type": "application/json"} | titled,
            *_links(document),
        ],
        "assets": _assets(document["assets"]),
        "collection": collection,
    }


def _check_parts(document: Any) -> None:
    """Look at the parts that every item needs.

    Raises:
        ValueError: One is missing; the text says which.
    """
    if not isinstance(document, dict) or document.get("type") != "Feature":
        raise ValueError("it is no GeoJSON feature")
    if not isinstance(document.get("id"), (str, int)) or document["id"] == "":
        raise ValueError("it has no id")
    for key in ("properties", "assets"):
        if not isinstance(document.get(key), dict):
            raise ValueError(f"its {key} are missing")  # noqa: TRY004 - what a caller expects
    for key, asset in document["assets"].items():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str) or not asset["href"]:
            raise ValueError(f"its asset {key} has no href")


def _times(properties: Mapping[str, Any]) -> Document:
    """Return the times by which an item is found.

    Raises:
        ValueError: It has none, or one cannot be read.
    """
    times: Document = {}
    for key in _MOMENTS:
        value = properties.get(key)
        try:
            times |= {} if value is None else {key: time_of(value)}
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            raise ValueError(f"its time cannot be read: {key} is {str(value)[:40]!r}") from error
    if "datetime" not in times and len(times) < len(_MOMENTS) - 1:
        raise ValueError("it has no time: neither datetime nor start_datetime and end_datetime")
    return times


def _texts(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def _links(document: Document) -> list[Document]:
    """Return the links that lead somewhere from our catalog, too."""
    given = document.get("links")
    links = [link for link in given if isinstance(link, dict)] if isinstance(given, list) else []
    return [
        present(as_plain(link))
        for link in links
        if isinstance(link.get("rel"), str)
        and link["rel"] not in OUR_LINKS
        and isinstance(link.get("href"), str)
        and "://" in link["href"]
    ]


def _assets(assets: Document) -> Document:
    """Return assets as JSON and parquet can say them: ``nan`` and ``inf`` are texts in STAC, nulls say nothing."""
    try:
        text = orjson.dumps(assets)
    except TypeError:
        text = b"null"
    if b"null" in text or b"{}" in text:
        assets = as_plain(present(assets))
    return {str(key): dict(asset) for key, asset in assets.items()}


def _migrated(document: Document, name: str) -> Document:
    import pystac

    version = str(document.get("stac_version") or "1.0.0")
    plain = {"links": [], "stac_version": version, **document}
    plain["id"] = str(document["id"])
    try:
        # Place and links need no migration, and pystac fails where they are odd.
        bare = {**plain, "geometry": None, "bbox": None, "links": []} | _plain_times(plain)
        item = pystac.Item.from_dict(bare, migrate=True)
        migrated = dict(item.to_dict(include_self_link=False, transform_hrefs=False))
    except Exception as error:
        if version.startswith("1."):
            return document
        raise ReadError(f"{name} of STAC {version} cannot be migrated: {error}", granule=name) from error
    return {**migrated, **{key: document.get(key) for key in ("geometry", "bbox", "links", "collection")}}


def _plain_times(document: Document) -> Document:
    """Return properties whose times pystac can read; an item without any gets none from it."""
    properties = dict(document["properties"])
    return {"properties": properties | _times(properties)}
