"""Serve a catalog on this machine, for browsers and for tools that read in parts; beside it a local STAC Browser."""

from __future__ import annotations

import json
import mimetypes
import os
import posixpath
import re
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from stacaster.catalog import stac
from stacaster.config import catalog_path
from stacaster.errors import CatalogError, UsageError

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
_CATALOG, _BROWSER = "catalog", "browser"


class CatalogServer(ThreadingHTTPServer):
    """Serves a catalog under ``/catalog/``, and a build of STAC Browser under ``/browser/``; read only, loopback only.

    Args:
        catalog: Folder of the catalog; default ``STACASTER_CATALOG`` or ``catalogs/local``.
        port: Port on 127.0.0.1; 0 takes a free one.
        stac_browser: Folder with a build of STAC Browser.
        quiet: Do not print requests.
        cors: Origin whose pages may read the catalog, such as ``https://radiantearth.github.io``; ``*`` is any.

    Raises:
        CatalogError: The folder holds no catalog.
        UsageError: The folder holds no build of STAC Browser, or the port is taken.
    """

    daemon_threads = True

    def __init__(
        self,
        catalog: str | os.PathLike[str] | None = None,
        *,
        port: int = 8000,
        stac_browser: str | os.PathLike[str] | None = None,
        quiet: bool = True,
        cors: str | None = None,
    ) -> None:
        root = catalog_path(catalog).resolve()
        if not (root / "catalog.json").is_file():
            raise CatalogError(f"{root.name} holds no catalog.json; 'stacaster ingest' makes a catalog")
        roots = {_CATALOG: root}
        if stac_browser is not None:
            roots[_BROWSER] = Path(stac_browser).resolve()
            if not (roots[_BROWSER] / "index.html").is_file():
                text = f"{os.fspath(stac_browser)} holds no build of STAC Browser; 'scripts/stac-browser' makes one"
                raise UsageError(text)
        try:
            super().__init__(("127.0.0.1", port), partial(_Handler, roots=roots, quiet=quiet, cors=_origin(cors)))
        except OSError as error:
            raise UsageError(f"port {port} of this machine cannot be used: {error.strerror}") from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up; report all else."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """Address of the root catalog."""
        return f"http://127.0.0.1:{self.server_port}/{_CATALOG}/catalog.json"

    @property
    def browser_address(self) -> str:
        """Address of STAC Browser, showing the catalog."""
        return f"http://127.0.0.1:{self.server_port}/{_BROWSER}/"


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stacaster"

    def __init__(self, *arguments: Any, roots: dict[str, Path], quiet: bool, cors: str | None) -> None:
        self._roots, self._quiet, self._cors = roots, quiet, cors
        super().__init__(*arguments)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name in the standard library
        if not self._quiet:
            super().log_message(format, *arguments)

    def end_headers(self) -> None:
        if self._cors is not None:
            self.send_header("Access-Control-Allow-Origin", self._cors)
            self.send_header("Access-Control-Expose-Headers", "Content-Length, Content-Range, Accept-Ranges")
            if self._cors != "*":
                self.send_header("Vary", "Origin")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def do_OPTIONS(self) -> None:
        """Answer what a browser asks before a request with a Range."""
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Allow", "GET, HEAD, OPTIONS")
        if self._cors is not None:
            self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
            self.send_header("Access-Control-Allow-Headers", "Range, If-None-Match")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_head(self) -> Any:
        """Send the headers of a file, or of the part of it that is asked for; return what to copy."""
        # A page elsewhere must not read the catalog through a name that it lets lead here.
        if not _LOCAL.fullmatch(self.headers.get("Host", "")):
            return self._refuse(HTTPStatus.FORBIDDEN)
        place = posixpath.normpath(unquote(urlsplit(self.path).path)).lstrip("/")
        if place in ("", "."):
            return self._lead_on()
        if place == f"{_BROWSER}/config.js" and _BROWSER in self._roots:
            return self._send_text(self._browser_config(), "text/javascript")
        path = self._find(place)
        if path is None:
            # Browsers ask for an icon by themselves; that there is none is no error.
            return self._refuse(HTTPStatus.NO_CONTENT if place == "favicon.ico" else HTTPStatus.NOT_FOUND)
        return self._send_file(path)

    def _refuse(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _lead_on(self) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", f"/{_BROWSER}/" if _BROWSER in self._roots else f"/{_CATALOG}/catalog.json")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _find(self, place: str) -> Path | None:
        top, _, rest = place.partition("/")
        root = self._roots.get(top)
        if root is None or any(part.startswith(".") for part in rest.split("/")) or "\0" in rest:
            return None
        path = (root / rest).resolve()
        if not path.is_relative_to(root):
            return None
        if path.is_file():
            return path
        # STAC Browser shows every path below its own by the same page.
        return root / "index.html" if top == _BROWSER and posixpath.splitext(rest)[1] in ("", ".json") else None

    def _browser_config(self) -> str:
        settings = {
            "catalogUrl": f"http://{self.headers['Host']}/{_CATALOG}/catalog.json",
            "allowExternalAccess": True,
            "pathPrefix": f"/{_BROWSER}/",
            "historyMode": "history",
        }
        return f"window.STAC_BROWSER_CONFIG = {json.dumps(settings)};\n"

    def _send_text(self, text: str, kind: str) -> Any:
        from io import BytesIO

        content = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return BytesIO(content)

    def _send_file(self, path: Path) -> Any:
        file = path.open("rb")
        size = os.fstat(file.fileno()).st_size
        start, end = 0, size - 1
        asked = self.headers.get("Range")
        part = None if asked is None else _part(asked, size)
        if asked is not None and part is None and _RANGE.fullmatch(asked.strip()):
            file.close()
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if part is not None:
            start, end = part
        self.send_response(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT)
        kind = stac.MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        is_item = path.suffix == ".json" and path.stem == path.parent.name
        self.send_header("Content-Type", stac.ITEM_TYPE if is_item else kind)
        self.send_header("Content-Length", str(end - start + 1))
        self.send_header("Accept-Ranges", "bytes")
        if part is not None:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        try:
            self.end_headers()
        except OSError:
            file.close()
            raise
        file.seek(start)
        return _Part(file, end - start + 1)


def _origin(cors: str | None) -> str | None:
    """Return an origin as browsers write it.

    Raises:
        UsageError: It is none.
    """
    if cors is None or cors == "*" or _ORIGIN.fullmatch(cors):
        return cors
    raise UsageError(f"cors={cors!r} (--cors): an origin such as https://example.org or * is needed, without a path")


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a range that can be given, or None (RFC 9110 section 14)."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size - 1
        return (start, end) if int(match[2]) and size else None
    start, end = int(match[1]), min(int(match[2] or size - 1), size - 1)
    return (start, end) if start <= end else None


class _Part:
    """A file that ends after some bytes."""

    def __init__(self, file: IO[bytes], left: int) -> None:
        self._file, self._left = file, left

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        content = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content

    def close(self) -> None:
        """Close the file."""
        self._file.close()
