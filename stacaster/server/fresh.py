"""Answers that are asked for again: by ETag, and from memory."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import starlette.responses
from starlette.requests import Request
from starlette.responses import Response

from stacaster.catalog import Catalog, item_table
from stacaster.catalog.item_table.connection import state_of
from stacaster.config import __version__


class JSONResponse(starlette.responses.JSONResponse):
    """JSON, written ten times as fast as by the standard library; what is no number in JSON becomes null."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def etag_of(request: Request, catalog: Catalog) -> str:
    """Return what stands for the answer of a GET as long as the catalog stays as it is."""
    state = state_of(catalog.root / item_table.DATABASE)[1:]
    parts = (__version__, str(request.url), state)
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client has the answer already."""
    given = request.headers.get("if-none-match", "")
    return request.method in ("GET", "HEAD") and etag in (part.strip().removeprefix("W/") for part in given.split(","))


def fresh(
    catalog: Catalog, answer: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Give an answer to GET an ETag, and say 304 to a client that has it."""

    async def answered(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return await answer(request)
        etag = etag_of(request, catalog)
        if is_known(request, etag):
            return Response(status_code=304, headers={"etag": etag})
        response = await answer(request)
        if response.status_code == 200:
            response.headers["etag"] = etag
        return response

    return answered
