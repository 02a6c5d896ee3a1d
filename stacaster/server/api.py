"""Answers of the STAC API, from the item table of a catalog; an ingest may run meanwhile."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow.parquet as pq
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from stacaster.catalog import Catalog, item_table
from stacaster.catalog.item_table.pages import count_matches, item_page
from stacaster.catalog.search import read_item
from stacaster.errors import NothingFoundError, StacasterError, UsageError
from stacaster.model import ITEM_FIELDS
from stacaster.server import documents, service
from stacaster.server.fresh import JSONResponse, fresh
from stacaster.server.queries import ItemRequest, read_request

_LARGEST_BODY = 1 << 20


class StacApi:
    """The STAC API of a catalog.

    Args:
        catalog: The catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def routes(self) -> list[Route]:
        """Return the paths of the API."""
        answers = {
            "/conformance": self._conformance,
            "/api": self._openapi,
            "/api.html": self._service_doc,
            "/queryables": self._queryables,
            "/collections": self._collections,
            "/collections/{collection}": self._collection,
            "/collections/{collection}/queryables": self._queryables,
            "/collections/{collection}/items": self._items,
            "/collections/{collection}/items/{item}": self._item,
        }
        # What / answers depends on what the client accepts, which no ETag says.
        return [
            Route("/", self._landing),
            Route("/search", fresh(self._catalog, self._search), methods=["GET", "POST"]),
            *(Route(path, fresh(self._catalog, answer)) for path, answer in answers.items()),
        ]

    async def _landing(self, request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("map/", 302)
        titles = await run_in_threadpool(self._titles)
        return JSONResponse(documents.landing(base_of(request), titles))

    def _titles(self) -> dict[str, str]:
        return {name: str(self._catalog.collection(name).get("title") or name) for name in self._catalog.collections}

    async def _conformance(self, _: Request) -> Response:
        return JSONResponse({"conformsTo": list(service.CONFORMANCE)})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(service.openapi(base_of(request)), media_type=documents.OPENAPI)

    async def _service_doc(self, _: Request) -> Response:
        return HTMLResponse(_SERVICE_DOC)

    async def _collections(self, request: Request) -> Response:
        base = base_of(request)
        shown = await run_in_threadpool(
            lambda: [documents.collection(self._catalog.collection(name), base) for name in self._catalog.collections]
        )
        links = [documents.link("root", f"{base}/"), documents.link("self", f"{base}/collections")]
        counts = {"numberMatched": len(shown), "numberReturned": len(shown)}
        return JSONResponse({"collections": shown, "links": links, **counts})

    async def _collection(self, request: Request) -> Response:
        name = self._known(request)
        document = await run_in_threadpool(self._catalog.collection, name)
        return JSONResponse(documents.collection(document, base_of(request)))

    def _known(self, request: Request) -> str:
        name: str = request.path_params["collection"]
        if name not in self._catalog.collections:
            raise NothingFoundError(f"the catalog has no collection {name!r}")
        return name

    async def _items(self, request: Request) -> Response:
        name = self._known(request)
        given = dict(request.query_params) | {"collections": name}
        address = f"{base_of(request)}/collections/{quote(name)}/items"
        return await self._page(given, address, base_of(request), is_body=False)

    async def _search(self, request: Request) -> Response:
        base = base_of(request)
        if request.method == "GET":
            return await self._page(dict(request.query_params), f"{base}/search", base, is_body=False)
        return await self._page(await body_of(request), f"{base}/search", base, is_body=True)

    async def _page(self, given: Mapping[str, Any], address: str, base: str, *, is_body: bool) -> Response:
        def answer() -> dict[str, Any]:
            asked = read_request(given, collections=self._catalog.collections, is_body=is_body)
            items, matched, token = self._matches(asked, base)
            return documents.features(
                items, matched=matched, token=token, request=asked, address=address, base=base, is_body=is_body
            )

        return JSONResponse(await run_in_threadpool(answer), media_type=documents.GEOJSON)

    def _matches(self, asked: ItemRequest, base: str) -> tuple[list[dict[str, Any]], int, str | None]:
        database = self._catalog.root / item_table.DATABASE
        page = item_page(database, asked.query, area=asked.area, limit=asked.limit, token=asked.token)
        is_whole = asked.token is None and page.token is None
        matched = len(page.items) if is_whole else count_matches(database, asked.query, area=asked.area)
        shown = []
        for entry in page.items:
            document = self.document(entry.href)
            if document is not None:
                shown.append(documents.with_fields(documents.item(document, entry.href, base), asked))
        return shown, matched, page.token

    def document(self, href: str) -> dict[str, Any] | None:
        """Return an item as its file says it; None when it is gone or damaged.

        Args:
            href: Path of its file relative to the root of the catalog.
        """
        if self._catalog.objects is not None:
            return read_item(self._catalog.root, self._catalog.objects, href)
        try:
            document = orjson.loads((self._catalog.root / href).read_bytes())
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def href(self, collection: str, item: str) -> str:
        """Return the path of an item's file relative to the root of the catalog.

        Raises:
            NothingFoundError: There is no such item.
        """
        query = item_table.ItemQuery(collections=[collection], ids=[item], limit=1)
        entries = item_table.find_items(self._catalog.root / item_table.DATABASE, query)
        if not entries:
            raise NothingFoundError(f"collection {collection!r} has no item {item!r}")
        return entries[0].href

    async def _item(self, request: Request) -> Response:
        name = self._known(request)

        def answer() -> dict[str, Any]:
            href = self.href(name, request.path_params["item"])
            document = self.document(href)
            if document is None:
                raise NothingFoundError(f"the file of item {request.path_params['item']!r} cannot be read")
            return documents.item(document, href, base_of(request))

        return JSONResponse(await run_in_threadpool(answer), media_type=documents.GEOJSON)

    async def _queryables(self, request: Request) -> Response:
        name = self._known(request) if "collection" in request.path_params else None
        columns, names = await run_in_threadpool(self._columns, name)
        address = f"{base_of(request)}{request.url.path}"
        return JSONResponse(service.queryables(columns, names, address), media_type=documents.SCHEMA)

    def _columns(self, collection: str | None) -> tuple[dict[str, str], dict[str, str]]:
        """Return the types of columns, and the STAC name of each."""
        from stacaster.catalog.item_table.connections import kept_open

        columns = dict(kept_open(self._catalog.root / item_table.DATABASE).columns)
        names: dict[str, str] = {}
        for entry in [collection] if collection is not None else self._catalog.collections:
            for name in _stac_names(self._catalog, entry):
                try:
                    names.setdefault(item_table.column_of(name, columns), name)
                except UsageError:
                    continue
        fixed = ("id", "collection", "datetime", "start_datetime", "end_datetime")
        return {key: kind for key, kind in columns.items() if key in names or key in fixed}, names


def _stac_names(catalog: Catalog, collection: str) -> list[str]:
    parts = item_table.list_parts(catalog.root / collection)
    return sorted(set(pq.read_schema(parts[0]).names) - ITEM_FIELDS) if parts else []


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        UsageError: It is none, or larger than a search needs.
    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _LARGEST_BODY:
            raise UsageError(f"the body is larger than {_LARGEST_BODY} bytes")
    try:
        body = json.loads(content or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is no JSON") from error
    if not isinstance(body, dict):
        raise UsageError("the body: a JSON object is needed")
    return body


def base_of(request: Request) -> str:
    """Return the address of the server as the client knows it, without a slash at its end."""
    return str(request.base_url).rstrip("/")


def failure(root: Path) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what answers an expected error in words: 404 for what is missing, 400 for a wrong request, 500 otherwise.

    Args:
        root: Folder of the catalog, whose place on this machine is not said.
    """

    async def answer(_: Request, error: Exception) -> Response:
        status = 404 if isinstance(error, NothingFoundError) else 400 if isinstance(error, UsageError) else 500
        code = {400: "InvalidParameterValue", 404: "NotFound"}.get(status, "ServerError")
        text = str(error)
        for place in {str(root), str(root.resolve()), str(Path.home())}:
            text = text.replace(place, root.name if place != str(Path.home()) else "~")
        return JSONResponse({"code": code, "description": text}, status)

    return answer


EXPECTED = StacasterError
"""Errors that ``failure`` answers."""

_SERVICE_DOC = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>stacaster API</title>
<body><h1>stacaster API</h1><p>A STAC API 1.0.0 over a catalog, with tiles. <a href="api">OpenAPI document</a>,
<a href="conformance">conformance</a>, <a href="collections">collections</a>, <a href="map/">map</a>.</p></body></html>
"""
