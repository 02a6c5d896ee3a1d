"""A web server on loopback that gives each path a status."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers:
    """Serves statuses; entering gives the address.

    Args:
        statuses: Status by path.
    """

    def __init__(self, statuses: dict[str, int]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Keep the terminal quiet."""

            def do_HEAD(self) -> None:
                self.send_response(statuses.get(self.path.partition("?")[0], 404))
                self.send_header("Content-Length", "0")
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
