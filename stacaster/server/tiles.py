"""Pictures of items, collections and searches: map tiles, previews, and what describes them; in titiler's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stacaster.catalog import Catalog
from stacaster.errors import NothingFoundError, UsageError
from stacaster.server.api import base_of, body_of
from stacaster.server.drawing import as_picture, mosaic, require_all
from stacaster.server.fresh import JSONResponse, etag_of, fresh
from stacaster.server.layers import Layers, usable
from stacaster.server.limits import PictureCache, Workers
from stacaster.server.pictures import encode, read_picture, renders_of
from stacaster.server.scenes import MOST_SCENES, Scenes
from stacaster.server.searches import Searches
from stacaster.server.tile_grid import DEEPEST, preview_geobox, tile_area, tile_geobox, wmts

BASES = ("/collections/{collection}/items/{item}", "/collections/{collection}", "/searches/{search}")
"""What pictures are of: an item, the scenes of a collection, those of a registered search."""

_MOSAIC_SCENES = 120
_TYPES = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg", "jpeg": "image/jpeg",
          "npy": "application/x-binary"}  # fmt: skip


class Tiles:
    """Pictures of the scenes of a catalog.

    Args:
        catalog: The catalog.
        searches: Registered searches.
        scenes: Finds the scenes of requests.
        layers: Settles what is drawn.
        workers: Threads that read pixels.
    """

    def __init__(self, catalog: Catalog, searches: Searches, scenes: Scenes, layers: Layers, workers: Workers) -> None:
        self._catalog, self._searches, self._scenes, self._workers = catalog, searches, scenes, workers
        self._layers, self._cache = layers, PictureCache()

    def routes(self) -> list[Route]:
        """Return the paths of pictures."""
        listed = [
            Route("/searches/register", self._register, methods=["POST"]),
            Route("/searches", self._listed),
            Route("/searches/", self._listed),
            Route("/searches/list", self._listed),
            Route("/searches/{search}", fresh(self._catalog, self._search)),
            Route("/searches/{search}/info", fresh(self._catalog, self._search)),
            Route("/indices", self._indices),
        ]
        for base in BASES:
            listed += [
                Route(base + "/tiles/WebMercatorQuad/{z:int}/{x:int}/{y:int}.{form}", self._tile),
                Route(base + "/tiles/WebMercatorQuad/{z:int}/{x:int}/{y:int}@{scale:int}x.{form}", self._tile),
                Route(base + "/tiles/WebMercatorQuad/{z:int}/{x:int}/{y:int}", self._tile),
                Route(base + "/tiles/{z:int}/{x:int}/{y:int}.{form}", self._tile),
                Route(base + "/WebMercatorQuad/tilejson.json", fresh(self._catalog, self._tilejson)),
                Route(base + "/tilejson.json", fresh(self._catalog, self._tilejson)),
                Route(base + "/WMTSCapabilities.xml", fresh(self._catalog, self._wmts)),
                Route(base + "/WebMercatorQuad/WMTSCapabilities.xml", fresh(self._catalog, self._wmts)),
                Route(base + "/renders", fresh(self._catalog, self._renders)),
            ]
        listed += [Route(BASES[0] + path, self._preview) for path in ("/preview.{form}", "/preview")]
        listed += [Route(BASES[0] + "/assets", fresh(self._catalog, self._assets))]
        return listed

    async def _tile(self, request: Request) -> Response:
        path = request.path_params
        form, scale = _form(request), min(max(int(path.get("scale", 1)), 1), 4)
        z, x, y = path["z"], path["x"], path["y"]
        if not 0 <= z <= DEEPEST or not (0 <= x < 2**z and 0 <= y < 2**z):
            raise NothingFoundError(f"there is no tile {z}/{x}/{y}")
        picture = read_picture(request.query_params)

        def draw() -> bytes | None:
            area = tile_area(z, x, y)
            limit = 1 if "item" in path else _MOSAIC_SCENES
            items = self._scenes.find(request, None if "item" in path else area, limit=limit)
            if not items:
                return None
            if picture.composite != "first" and "item" not in path:
                require_all(self._scenes.count(request, area), _MOSAIC_SCENES, f"composite={picture.composite}")
            settled = self._layers.settle(request, picture, needs_range=form != "npy")
            drawable = [] if settled is None else usable(items, settled)
            if settled is None or not drawable:
                return None
            return as_picture(mosaic(drawable, tile_geobox(z, x, y, scale), settled), settled, form)

        return await self._drawn(request, draw, form, is_tile=True)

    async def _preview(self, request: Request) -> Response:
        form = _form(request)
        picture, largest = read_picture(request.query_params), number_of(request, "max_size", 1024, 4096)

        def draw() -> bytes | None:
            items = self._scenes.find(request, limit=1)
            settled = self._layers.settle(request, picture, needs_range=form != "npy")
            assert settled is not None, "there is the item"
            return as_picture(mosaic(items, preview_geobox(items[0], largest), settled), settled, form)

        return await self._drawn(request, draw, form, is_tile=False)

    async def _drawn(self, request: Request, draw: Any, form: str, *, is_tile: bool) -> Response:
        """Answer with a picture: from memory, or as it is drawn."""
        etag = etag_of(request, self._catalog)
        content = self._cache.get(etag)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
        if content is None:
            content = await self._workers.run(draw)
            if content is None and is_tile and form in ("png", "webp"):
                # Maps take an answer without content for an error; a transparent tile is none.
                content = encode(np.zeros((1, 1, 4), np.uint8), form)
            if content is not None:
                self._cache.put(etag, content)
        if content is None:
            return Response(status_code=204)
        return Response(content, media_type=_TYPES[form], headers={"etag": etag})

    async def _renders(self, request: Request) -> Response:
        items = await run_in_threadpool(lambda: self._scenes.find(request, limit=1))
        return JSONResponse({"renders": renders_of(items, self._catalog) if items else {}})

    async def _assets(self, request: Request) -> Response:
        (item,) = await run_in_threadpool(lambda: self._scenes.find(request, limit=1))
        return JSONResponse([name for name, asset in item.assets.items() if "data" in (asset.roles or ())])

    async def _indices(self, _: Request) -> Response:
        from stacaster.analysis.indices.table import all_indices

        shown = {
            name: {
                "title": index.title,
                "expression": index.expression,
                "citation": index.citation,
                "bands": list(index.bands),
                "units": index.units,
                "range": index.display_range or index.valid_range,
            }
            for name, index in all_indices().items()
        }
        return JSONResponse(shown)

    async def _tilejson(self, request: Request) -> Response:
        base = _own_address(request, "/tilejson.json")
        box = await run_in_threadpool(self._bounds, request)
        tiles = f"{base}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png{_query(request)}"
        return JSONResponse(
            {"tilejson": "3.0.0", "version": "1.0.0", "scheme": "xyz", "tiles": [tiles], "minzoom": 0, "maxzoom": 18,
             "bounds": box, "center": [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 9]}
        )  # fmt: skip

    def _bounds(self, request: Request) -> list[float]:
        if "item" in request.path_params:
            (item,) = self._scenes.find(request, limit=1)
            return list(item.bbox or (-180, -85, 180, 85))
        if "search" in request.path_params:
            given = self._searches.get(request.path_params["search"])
            if isinstance(given.get("bbox"), list) and len(given["bbox"]) == 4:
                return [float(value) for value in given["bbox"]]
            return [-180.0, -85.0, 180.0, 85.0]
        name = self._scenes.collection(request)
        box: list[float] = self._catalog.collection(str(name))["extent"]["spatial"]["bbox"][0]
        return box

    async def _wmts(self, request: Request) -> Response:
        from xml.sax.saxutils import escape

        await run_in_threadpool(self._bounds, request)
        base = _own_address(request, "/WMTSCapabilities.xml")
        template = escape(
            f"{base}/tiles/WebMercatorQuad/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png{_query(request)}",
            {'"': "&quot;"},
        )
        path = request.path_params
        title = escape(str(path.get("item") or path.get("collection") or "search"))
        return Response(wmts(title, template), media_type="application/xml")

    async def _register(self, request: Request) -> Response:
        body = await body_of(request)
        name = self._searches.register(body, self._catalog.collections)
        return JSONResponse({"id": name, "links": _search_links(base_of(request), name)})

    async def _listed(self, request: Request) -> Response:
        base = base_of(request)
        shown = [{"search": entry, "links": _search_links(base, entry["id"])} for entry in self._searches.listed()]
        counts = {"matched": len(shown), "returned": len(shown)}
        return JSONResponse({"searches": shown, "links": [], "context": counts})

    async def _search(self, request: Request) -> Response:
        name = request.path_params["search"]
        search: Mapping[str, Any] = self._searches.get(name)
        matched = await run_in_threadpool(self._scenes.count, request)
        shown = {"search": {"id": name, "search": search}, "numberMatched": matched}
        return JSONResponse(shown | {"links": _search_links(base_of(request), name)})


def _search_links(base: str, name: str) -> list[dict[str, str]]:
    address = f"{base}/searches/{name}"
    return [
        {"rel": "metadata", "href": f"{address}/info", "type": "application/json"},
        {"rel": "tilejson", "href": f"{address}/WebMercatorQuad/tilejson.json", "type": "application/json"},
        {"rel": "wmts", "href": f"{address}/WMTSCapabilities.xml", "type": "application/xml"},
    ]


def _own_address(request: Request, end: str) -> str:
    return str(request.url).split("?", 1)[0].removesuffix(end).removesuffix("/WebMercatorQuad")


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _form(request: Request) -> str:
    form = str(request.path_params.get("form") or request.query_params.get("format") or "png")
    if form not in _TYPES:
        raise UsageError(f"format: one of {', '.join(_TYPES)} is needed, not {form[:20]!r}")
    return form


def number_of(request: Request, name: str, default: int, largest: int) -> int:
    """Return a whole number that a request gives.

    Raises:
        UsageError: It is none, or too large.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= largest:
        raise UsageError(f"{name}: a whole number from 1 to {largest} is needed, not {text[:80]!r}")
    return int(text)


__all__ = ["BASES", "MOST_SCENES", "Tiles", "number_of"]
