"""What ``stacaster serve`` answers: files, STAC API, tiles, map page, over one catalog."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from stacaster.catalog import open_catalog
from stacaster.config import catalog_place
from stacaster.errors import UsageError

if TYPE_CHECKING:
    import uvicorn

__all__ = ["CatalogServer"]

_BACKLOG = 2048


class CatalogServer:
    """Serves a catalog: a STAC API at ``/``, tiles, a map at ``/map/``, its files below ``/catalog/``; read only.

    Args:
        catalog: Folder of the catalog, or address of a published one; default ``STACASTER_CATALOG`` or
            ``catalogs/local``.
        port: Port; 0 takes a free one.
        host: Address to listen at. Another than one of this machine's own needs a ``token``.
        stac_browser: Folder with a build of STAC Browser, served below ``/browser/``.
        cors: Origins whose pages may read, such as ``https://browser.example``; ``*`` lets every page. None by default.
        token: What requests have to bring as ``Authorization: Bearer TOKEN``.
        quiet: Do not print requests.

    Raises:
        CatalogError: The folder holds no catalog.
        UsageError: The folder holds no build of STAC Browser, the port is taken, or packages are missing.

    Example:
        >>> import stacaster
        >>> with stacaster.server.CatalogServer("catalogs/demo", port=0) as server:  # doctest: +SKIP
        ...     print(server.address)
        ...     server.serve_forever()
    """

    def __init__(
        self,
        catalog: str | os.PathLike[str] | None = None,
        *,
        port: int = 8000,
        host: str = "127.0.0.1",
        stac_browser: str | os.PathLike[str] | None = None,
        cors: Sequence[str] = (),
        token: str | None = None,
        quiet: bool = True,
    ) -> None:
        self._catalog = open_catalog(catalog_place(catalog))
        browser = None if stac_browser is None else Path(stac_browser)
        if browser is not None and not (browser / "index.html").is_file():
            text = f"{os.fspath(browser)} holds no build of STAC Browser; 'scripts/stac-browser' makes one"
            raise UsageError(text)
        if token is None and host not in ("127.0.0.1", "localhost", "::1"):
            raise UsageError(f"host={host!r} lets other machines in; give token= as well, which their requests bring")
        origins = _origins(cors)
        self._socket = _bound(host, port)
        self._host = host
        try:
            self._server = self._made(browser, origins, token, quiet=quiet)
        except ImportError as error:
            self._socket.close()
            raise UsageError("serving needs more packages: pip install 'stacaster[serve]'") from error

    def _made(self, browser: Path | None, origins: Sequence[str], token: str | None, *, quiet: bool) -> uvicorn.Server:
        import uvicorn

        from stacaster.server.app import build_app

        app = build_app(self._catalog, stac_browser=browser, cors=origins, token=token)
        return uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning" if quiet else "info",
                access_log=not quiet,
                lifespan="off",
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
                backlog=_BACKLOG,
                proxy_headers=False,
            )
        )

    @property
    def server_port(self) -> int:
        """Port that the server listens at."""
        return int(self._socket.getsockname()[1])

    @property
    def address(self) -> str:
        """Address of the STAC API."""
        return f"{self._base}/"

    @property
    def catalog_address(self) -> str:
        """Address of the static root catalog."""
        return f"{self._base}/catalog/catalog.json"

    @property
    def map_address(self) -> str:
        """Address of the map page."""
        return f"{self._base}/map/"

    @property
    def browser_address(self) -> str:
        """Address of STAC Browser, showing the catalog."""
        return f"{self._base}/browser/"

    @property
    def _base(self) -> str:
        name = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{name}:{self.server_port}"

    def serve_forever(self) -> None:
        """Answer until ``shutdown`` or Ctrl-C."""
        self._server.run(sockets=[self._socket])

    def shutdown(self) -> None:
        """End ``serve_forever`` of another thread."""
        self._server.should_exit = True

    def close(self) -> None:
        """Let go of the port."""
        self.shutdown()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_ORIGIN = re.compile(r"\*|https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


def _origins(names: str | Sequence[str]) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if _ORIGIN.fullmatch(name) is None:
            raise UsageError(f"cors={name!r}: an origin such as https://browser.example, or *, is needed")
    return listed


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Answers of several parts must not wait for the client's delayed acknowledgement.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((host, port))
        # Who asks before the first answer is ready waits, and is not refused.
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise UsageError(f"port {port} of {host} cannot be used: {error.strerror}") from error
    return made
