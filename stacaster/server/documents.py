"""The documents of the STAC API: landing page, collections, items, queryables, OpenAPI."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from stacaster.catalog import stac
from stacaster.server.queries import ItemRequest
from stacaster.server.service import CONFORMANCE

GEOJSON, JSON, SCHEMA = "application/geo+json", "application/json", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
_EMPTY_FIELDS = ("type", "stac_version", "id", "geometry", "bbox", "links", "assets", "properties.datetime")
_HREF = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_TITLES = {
    "root": "stacaster catalog",
    "self": "This document",
    "parent": "Parent",
    "items": "Items",
    "collection": "Collection",
    "service-desc": "OpenAPI document",
    "service-doc": "Documentation",
    "conformance": "Conformance classes",
    "data": "Collections",
    "search": "Search of items",
    "next": "Next page",
    _QUERYABLES: "Queryables",
}


def link(rel: str, href: str, media_type: str = JSON, **rest: Any) -> dict[str, Any]:
    """Return a link, with a title."""
    title = {"title": _TITLES[rel]} if rel in _TITLES else {}
    return {"rel": rel, "href": href, "type": media_type, **title, **rest}


def landing(base: str, titles: Mapping[str, str]) -> dict[str, Any]:
    """Return the landing page.

    Args:
        base: Address of the server, without a slash at its end.
        titles: Title of each collection by id.
    """
    links = [
        link("root", f"{base}/"),
        link("self", f"{base}/"),
        link("service-desc", f"{base}/api", OPENAPI),
        link("service-doc", f"{base}/api.html", "text/html"),
        link("conformance", f"{base}/conformance"),
        link("data", f"{base}/collections"),
        link("search", f"{base}/search", GEOJSON, method="GET"),
        link("search", f"{base}/search", GEOJSON, method="POST"),
        link(_QUERYABLES, f"{base}/queryables", SCHEMA),
        link("preview", f"{base}/map/", "text/html", title="Map"),
        *(link("child", f"{base}/collections/{quote(name)}", title=title) for name, title in titles.items()),
    ]
    return {
        "type": "Catalog",
        "stac_version": stac.STAC_VERSION,
        "id": "stacaster",
        "title": "stacaster catalog",
        "description": "Earth-observation scenes of a local catalog",
        "conformsTo": list(CONFORMANCE),
        "links": links,
    }


def collection(document: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Return a collection as the API shows it: its items are behind a link, not one link each."""
    name = quote(str(document["id"]))
    address = f"{base}/collections/{name}"
    kept = [
        entry
        for entry in document.get("links", ())
        if entry.get("rel") not in ("root", "self", "parent", "item", "items", "child") and _is_web(entry.get("href"))
    ]
    if not any(entry.get("rel") == "license" for entry in kept):
        kept.append(link("license", f"{base}/catalog/{name}/collection.json", title="Licence"))
    links = [
        link("root", f"{base}/"),
        link("parent", f"{base}/"),
        link("self", address),
        link("items", f"{address}/items", GEOJSON),
        link(_QUERYABLES, f"{address}/queryables", SCHEMA),
        *kept,
    ]
    assets = _assets(document.get("assets", {}), f"{base}/catalog/{name}/collection.json")
    return {**document, "assets": assets, "links": links} if assets else {**document, "links": links}


def item(document: Mapping[str, Any], href: str, base: str) -> dict[str, Any]:
    """Return an item as the API shows it: assets by addresses of this server.

    Args:
        document: The item as its file says it.
        href: Path of its file relative to the root of the catalog.
        base: Address of the server.
    """
    name = quote(str(document["collection"]))
    address = f"{base}/collections/{name}/items/{quote(str(document['id']))}"
    kept = [
        entry
        for entry in document.get("links", ())
        if entry.get("rel") not in ("root", "self", "parent", "collection") and _is_web(entry.get("href"))
    ]
    links = [
        link("root", f"{base}/"),
        link("self", address, GEOJSON),
        link("parent", f"{base}/collections/{name}"),
        link("collection", f"{base}/collections/{name}"),
        *kept,
    ]
    return {**document, "assets": _assets(document.get("assets", {}), f"{base}/catalog/{href}"), "links": links}


def _assets(assets: Mapping[str, Any], own: str) -> dict[str, Any]:
    """Return assets with absolute addresses; files of this machine outside of the catalog are no assets of the API."""
    shown = {}
    for key, asset in assets.items():
        href = str(asset.get("href", ""))
        if _is_web(href) or href.startswith("s3://"):
            shown[key] = dict(asset)
        elif not _HREF.match(href) and not href.startswith(("/", "\\")):
            folder, _, _ = own.rpartition("/")
            scheme, _, rest = folder.partition("://")
            path = posixpath.normpath(posixpath.join(rest, quote(href, safe="/%:@")))
            root = own.partition("://")[2].partition("/catalog/")[0]
            if path.startswith(f"{root}/catalog/"):
                shown[key] = {**asset, "href": f"{scheme}://{path}"}
    return shown


def _is_web(href: Any) -> bool:
    return isinstance(href, str) and href.startswith(("http://", "https://"))


def with_fields(document: dict[str, Any], request: ItemRequest) -> dict[str, Any]:
    """Return an item with the fields that a request asks for."""
    if not request.include and not request.exclude:
        return document
    include = request.include or (_EMPTY_FIELDS if not request.exclude else ())
    shown: dict[str, Any] = {} if include else {**document, "properties": dict(document["properties"])}
    for name in include:
        _take(document, shown, _path(name, document))
    for name in request.exclude:
        if name not in request.include:
            _drop(shown, _path(name, document))
    return {**shown, "type": "Feature", "id": document["id"], "collection": document["collection"]}


def _path(name: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    head, _, rest = name.partition(".")
    if head in ("properties", "assets") and rest:
        return head, rest
    return (name,) if name in document else ("properties", name)


def _take(source: Mapping[str, Any], target: dict[str, Any], path: tuple[str, ...]) -> None:
    head, *rest = path
    if head in source:
        if rest:
            inner = target.setdefault(head, {})
            if isinstance(inner, dict):
                _take(source[head], inner, tuple(rest))
        else:
            target[head] = source[head]


def _drop(target: dict[str, Any], path: tuple[str, ...]) -> None:
    head, *rest = path
    if not rest:
        target.pop(head, None)
    elif isinstance(target.get(head), dict):
        target[head] = dict(target[head])
        _drop(target[head], tuple(rest))


def features(
    items: Sequence[Mapping[str, Any]],
    *,
    matched: int,
    token: str | None,
    request: ItemRequest,
    address: str,
    base: str,
    is_body: bool,
) -> dict[str, Any]:
    """Return a page of items as a FeatureCollection, with the link to the next one."""
    links = [link("root", f"{base}/"), link("self", address, GEOJSON)]
    if token is not None and is_body:
        body = {**request.given, "token": token}
        links.append(link("next", address, GEOJSON, method="POST", merge=False, body=body))
    elif token is not None:
        query = urlencode({**{key: value for key, value in request.given.items() if key != "token"}, "token": token})
        links.append(link("next", f"{address}?{query}", GEOJSON, method="GET"))
    return {
        "type": "FeatureCollection",
        "features": list(items),
        "links": links,
        "numberMatched": matched,
        "numberReturned": len(items),
    }
