"""Parts of files as HTTP gives them (RFC 9110 section 14)."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from tests.earthdata_twin.server import Answer, Request


@lru_cache(maxsize=64)
def _tag(content: bytes) -> str:
    return '"' + hashlib.md5(content, usedforsecurity=False).hexdigest() + '"'


def ranged(request: Request, content: bytes) -> Answer:
    """Answer a request for a file, whole or in part."""
    tag = _tag(content)
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", tag) != tag:
        return Answer(200, headers, content)
    first = int(match[1])
    if first >= len(content):
        return Answer(416, {"Content-Range": f"bytes */{len(content)}"})
    last = min(int(match[2] or len(content)), len(content) - 1)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(206, headers, content[first : last + 1])
