"""One TLS server that answers for all hosts, and a proxy that leads every host name to it."""

from __future__ import annotations

import queue
import select
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOSTS = (
    "cmr.earthdata.nasa.gov",
    "urs.earthdata.nasa.gov",
    "data.lpdaac.earthdatacloud.nasa.gov",
    "d1nklfio7vscoe.cloudfront.net",
    "planetarycomputer.microsoft.com",
    "astersa.blob.core.windows.net",
    "nisar.asf.earthdatacloud.nasa.gov",
    "data.nsidc.earthdatacloud.nasa.gov",
    "n5eil01u.ecs.nsidc.org",
    "sentinel1.asf.alaska.edu",
    "sentinel1-burst.asf.alaska.edu",
    "s1qc.asf.alaska.edu",
    "s1-orbits.s3.amazonaws.com",
    "copernicus-dem-30m.s3.eu-central-1.amazonaws.com",
    "catalogue.dataspace.copernicus.eu",
    "download.dataspace.copernicus.eu",
    "identity.dataspace.copernicus.eu",
    "evil.example.com",
)


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    host: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Parameters of the address and of a form, by name."""
        pairs = [*self.query, *parse_qsl(self.body.decode(), keep_blank_values=True)]
        found: dict[str, list[str]] = {}
        for key, value in pairs:
            found.setdefault(key, []).append(value)
        return found


@dataclass
class Answer:
    """What is sent back, and what goes wrong on the way."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_at: int | None = None
    """Send only so many bytes of the body, then close."""
    reset: bool = False
    """Close with a reset instead of an orderly end."""
    stall_at: int | None = None
    """Send so many bytes, then nothing until the test ends."""
    length: int | None = None
    """``Content-Length`` to state; -1 states none."""


Route = Callable[[Request], Answer]


class Twin:
    """The servers; a context manager. ``routes`` maps host names to what answers for them.

    ``latency_s`` is the time from a question to the first byte of its answer, as on a long line that is as wide.
    """

    def __init__(self, folder: Path, *, latency_s: float = 0.0) -> None:
        import trustme

        authority = trustme.CA()
        certificate = authority.issue_cert(*HOSTS)
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        # A host that is on no list has a valid certificate, too: only our own rules keep a secret from it.
        context.sni_callback = _Certificates(authority)
        self.routes: dict[str, Route] = {}
        self.log: list[Request] = []
        self.released = threading.Event()
        twin = self

        class Handler(_Handler):
            owner = twin

        self._web = _TlsServer(("127.0.0.1", 0), Handler, context)
        target = self._web.server_address[1]
        self._proxy = _Proxy(("127.0.0.1", 0), target, latency_s)
        self._threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in (self._web, self._proxy)]

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a process to the twin."""
        proxy = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": "", "no_proxy": "",
                "REQUESTS_CA_BUNDLE": str(self.ca_file), "SSL_CERT_FILE": str(self.ca_file),
                "GDAL_CURL_CA_BUNDLE": str(self.ca_file)}  # fmt: skip

    def __enter__(self) -> Twin:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        for server in (self._web, self._proxy):
            server.shutdown()
            server.server_close()


class _Certificates:
    """Shows a certificate for whatever host a client asks for."""

    def __init__(self, authority: Any) -> None:
        self._authority = authority
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def __call__(self, connection: Any, name: str | None, _: ssl.SSLContext) -> None:
        if name is None or name in HOSTS:
            return
        with self._lock:
            if name not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._authority.issue_cert(name).configure_cert(context)
                self._contexts[name] = context
        connection.context = self._contexts[name]


class _TlsServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: Any, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(address, handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = self.socket.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no event here."""


class _Handler(BaseHTTPRequestHandler):
    owner: Twin
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            host=self.headers.get("Host", "").partition(":")[0],
            path=parts.path,
            query=parse_qsl(parts.query, keep_blank_values=True),
            headers={key.lower(): value for key, value in self.headers.items()},
            body=self.rfile.read(size) if size else b"",
        )
        self.owner.log.append(request)
        route = self.owner.routes.get(request.host)
        self._send(Answer(404, body=b"no such host") if route is None else route(request))

    do_GET = do_POST = do_HEAD = _serve

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        stated = len(answer.body) if answer.length is None else answer.length
        if stated >= 0:
            self.send_header("Content-Length", str(stated))
        broken = answer.cut_at is not None or answer.stall_at is not None or stated < 0
        if broken:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        end = answer.cut_at if answer.cut_at is not None else answer.stall_at
        if self.command != "HEAD":
            self.wfile.write(answer.body if end is None else answer.body[:end])
        self.wfile.flush()
        if answer.stall_at is not None:
            self.owner.released.wait(60)
        if answer.reset:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()


class _Proxy(socketserver.ThreadingTCPServer):
    """Answers CONNECT for any host and leads the bytes to one port."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], target: int, latency_s: float) -> None:
        self.target, self.latency_s = target, latency_s
        super().__init__(address, _Tunnel)


class _Tunnel(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Read the CONNECT request, then pass bytes both ways."""
        while self.rfile.readline().strip():
            pass
        server: Any = self.server
        with socket.create_connection(("127.0.0.1", server.target)) as upstream:
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.wfile.flush()
            if server.latency_s:
                back = threading.Thread(
                    target=_carry, args=(upstream, self.connection, server.latency_s / 2), daemon=True
                )
                back.start()
                _carry(self.connection, upstream, server.latency_s / 2)
                back.join(120)
                return
            pair = {self.connection: upstream, upstream: self.connection}
            while True:
                ready, _, _ = select.select(list(pair), [], [], 120)
                if not ready:
                    return
                for side in ready:
                    try:
                        data = side.recv(1 << 20)
                        if not data:
                            return
                        pair[side].sendall(data)
                    except OSError:
                        return


def _carry(source: socket.socket, target: socket.socket, delay_s: float) -> None:
    """Pass bytes on after a while; what is under way does not hold up what follows."""
    line: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def deliver() -> None:
        while True:
            moment, data = line.get()
            time.sleep(max(0.0, moment - time.monotonic()))
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                return

    thread = threading.Thread(target=deliver, daemon=True)
    thread.start()
    data = b"?"
    while data:
        try:
            data = source.recv(1 << 20)
        except OSError:
            data = b""
        line.put((time.monotonic() + delay_s, data))
    thread.join(120)
