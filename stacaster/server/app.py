"""The application that answers: files of the catalog, STAC API, pictures, the map page; read only."""

from __future__ import annotations

import json
import mimetypes
import posixpath
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stacaster.catalog import Catalog, stac
from stacaster.errors import NothingFoundError
from stacaster.geo.land import LAND, PAGE_STYLE
from stacaster.server.api import EXPECTED, StacApi, failure
from stacaster.server.fresh import JSONResponse
from stacaster.server.layers import Layers
from stacaster.server.limits import BusyError, Workers
from stacaster.server.numbers import Numbers
from stacaster.server.scenes import Scenes
from stacaster.server.searches import Searches
from stacaster.server.tiles import Tiles

_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
_RANGE = re.compile(r"bytes=\s*(\d+-\d*|-\d+)(\s*,\s*(\d+-\d*|-\d+)){0,9}")
_PICTURE = re.compile(r"\.(png|webp|jpe?g|npy)$|/preview$|/tiles/WebMercatorQuad/\d+/\d+/\d+$")
_PAGE = Path(__file__).parent / "page"
_REQUEST_HEADERS = b"Range, If-None-Match, Content-Type, Accept, Accept-Language, Authorization"
_SECURITY = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-cache",
    b"content-security-policy": (
        b"default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
        b"base-uri 'none'; form-action 'none'"
    ),
}


def build_app(
    catalog: Catalog, *, stac_browser: Path | None = None, cors: Sequence[str] = (), token: str | None = None
) -> Starlette:
    """Return the application over a catalog.

    Args:
        catalog: The catalog.
        stac_browser: Folder with a build of STAC Browser.
        cors: Origins whose pages may read; ``*`` lets every page.
        token: What a request has to bring as ``Authorization: Bearer`` or ``?access_token=``; None asks for none, and
            answers requests to this machine by its own names alone.
    """
    api = StacApi(catalog)
    files = _Files(catalog.root if catalog.objects is None else None, stac_browser)
    searches, workers = Searches(), Workers()
    scenes = Scenes(catalog, searches)
    layers = Layers(catalog, scenes)
    tiles, numbers = Tiles(catalog, searches, scenes, layers, workers), Numbers(catalog, scenes, layers, workers)
    pictures = [*tiles.routes(), *numbers.routes()]
    routes = [*api.routes(), *pictures, *files.routes()]
    middleware = [Middleware(_Gate, cors=tuple(cors), token=token), Middleware(_Zipped)]
    return Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={EXPECTED: failure(catalog.root), BusyError: _busy, Exception: _unexpected},
    )


async def _busy(_: Request, __: Exception) -> Response:
    text = "the server has more to do than it can in the time of a request; ask again, or for less"
    return JSONResponse({"code": "Busy", "description": text}, 503, headers={"retry-after": "5"})


async def _unexpected(_: Request, __: Exception) -> Response:
    # What went wrong inside is no business of the client; the log of the server has it.
    return Response(
        '{"code": "ServerError", "description": "the request could not be answered"}',
        500,
        media_type="application/json",
    )


class _Zipped:
    """Packs JSON for clients of other machines; on this one packing takes longer than sending."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._packing = app, GZipMiddleware(app, minimum_size=2000, compresslevel=4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_near = scope["type"] != "http" or (scope.get("client") or ("127.",))[0].startswith(("127.", "::1"))
        is_file = is_near or scope["path"].startswith(("/catalog/", "/browser/")) or _PICTURE.search(scope["path"])
        await (self._app if is_file else self._packing)(scope, receive, send)


class _Gate:
    """Lets requests in, and gives answers their headers.

    A page elsewhere must not read the catalog through a name that it lets lead here, so that without a token only
    requests to names of this machine are answered.
    """

    def __init__(self, app: ASGIApp, *, cors: Sequence[str], token: str | None) -> None:
        self._app, self._cors, self._token = app, cors, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        allowed = self._allowed(origin)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(key, value) for key, value in _SECURITY.items() if key not in dict(message["headers"])]
                message = {**message, "headers": [*message["headers"], *extra, *allowed]}
            await send(message)

        if not self._may_enter(headers, scope):
            await Response(status_code=403 if self._token is None else 401)(scope, receive, with_headers)
        elif scope["method"] == "OPTIONS":
            await Response(status_code=204, headers={"allow": "GET, HEAD, POST, OPTIONS"})(scope, receive, with_headers)
        else:
            await self._app(scope, receive, with_headers)

    def _may_enter(self, headers: dict[bytes, bytes], scope: Scope) -> bool:
        if self._token is None:
            return _LOCAL.fullmatch(headers.get(b"host", b"").decode("latin-1")) is not None
        given = headers.get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")
        query = re.search(r"(?:^|&)access_token=([^&]*)", scope["query_string"].decode("latin-1"))
        return any(
            secrets.compare_digest(text.encode(), self._token.encode()) for text in (given, query[1] if query else "")
        )

    def _allowed(self, origin: str) -> list[tuple[bytes, bytes]]:
        if not origin or not ("*" in self._cors or origin in self._cors):
            return []
        return [
            (b"access-control-allow-origin", b"*" if "*" in self._cors else origin.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS"),
            (
                b"access-control-allow-headers",
                b"Range, If-None-Match, Content-Type, Accept, Accept-Language, Authorization",
            ),
            (b"access-control-expose-headers", b"Content-Length, Content-Range, Accept-Ranges, ETag"),
            (b"vary", b"Origin"),
        ]


class _Files:
    """Files of the catalog, of STAC Browser and of the map page."""

    def __init__(self, catalog: Path | None, browser: Path | None) -> None:
        self._catalog = None if catalog is None else catalog.resolve()
        self._browser = None if browser is None else browser.resolve()

    def routes(self) -> list[Route]:
        return [
            Route("/catalog/{path:path}", self._of_catalog),
            Route("/browser/config.js", self._browser_config),
            Route("/browser/{path:path}", self._of_browser),
            Route("/map", self._to_map),
            Route("/map/{path:path}", self._of_page),
            Route("/favicon.ico", self._no_icon),
        ]

    async def _no_icon(self, _: Request) -> Response:
        # Browsers ask for it by themselves; that there is none is no error.
        return Response(status_code=204)

    async def _to_map(self, _: Request) -> Response:
        return RedirectResponse("/map/", 302)

    async def _of_catalog(self, request: Request) -> Response:
        path = _inside(self._catalog, request.path_params["path"])
        if path is None or not path.is_file():
            raise NothingFoundError("there is no such file")
        if _RANGE.fullmatch(request.headers.get("range", "bytes=0-").strip()) is None:
            # A range of no known form is none (RFC 9110 section 14.2).
            request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
        return FileResponse(path, media_type=_media_type(path))

    async def _of_browser(self, request: Request) -> Response:
        name = request.path_params["path"]
        path = _inside(self._browser, name)
        if path is None:
            raise NothingFoundError("there is no such file")
        if not path.is_file():
            # STAC Browser shows every path below its own by the same page.
            if self._browser is None or posixpath.splitext(name)[1] not in ("", ".json"):
                raise NothingFoundError("there is no such file")
            path = self._browser / "index.html"
        return FileResponse(path, headers={"content-security-policy": "default-src 'self' 'unsafe-inline' data: blob:"})

    async def _browser_config(self, request: Request) -> Response:
        if self._browser is None:
            raise NothingFoundError("there is no such file")
        base = str(request.base_url).rstrip("/")
        settings = {
            "catalogUrl": f"{base}/catalog/catalog.json",
            "allowExternalAccess": True,
            "pathPrefix": "/browser/",
            "historyMode": "history",
        }
        return Response(f"window.STAC_BROWSER_CONFIG = {json.dumps(settings)};\n", media_type="text/javascript")

    async def _of_page(self, request: Request) -> Response:
        name = request.path_params["path"] or "index.html"
        path = {"land.geojson": LAND, "page.css": PAGE_STYLE}.get(name) or _inside(_PAGE, name)
        if path is None or not path.is_file():
            raise NothingFoundError("there is no such file")
        return FileResponse(path)


def _inside(root: Path | None, name: str) -> Path | None:
    """Return a file below a folder; None for what lies outside, is hidden, or is led out by a link."""
    if root is None or "\0" in name or "\\" in name or any(part.startswith(".") for part in name.split("/")):
        return None
    if name.startswith("/") or not name:
        return None
    path = (root / name).resolve()
    return path if path.is_relative_to(root) else None


def _media_type(path: Path) -> str:
    if path.suffix == ".json" and path.stem == path.parent.name:
        return stac.ITEM_TYPE
    known: Any = stac.MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return str(known or "application/octet-stream")
