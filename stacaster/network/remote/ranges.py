"""Where the bytes of a remote file come from: ranges over https, or parts of an object in a bucket."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from stacaster.errors import FetchError, IntegrityError
from stacaster.network.transport import PassingTrouble, Transport, persist
from stacaster.network.transport.s3 import Buckets

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Source(Protocol):
    """Where the bytes of one file come from."""

    def open(self) -> tuple[int, bytes]:
        """Return the size of the file and its first bytes."""

    def read(self, start: int, end: int) -> bytes:
        """Return bytes from ``start`` up to ``end`` (excluded)."""


class HttpSource:
    """Ranges over https, for several threads. The address at the end of redirects is used until it is refused."""

    def __init__(self, connect: Callable[[], Transport], name: str, href: str, first_bytes: int) -> None:
        self._connect, self._name, self._href, self._first = connect, name, href, first_bytes
        self._free: list[Transport] = []
        self._place = href
        self._tag: str | None = None
        self._size: int | None = None

    def open(self) -> tuple[int, bytes]:
        """Return the size of the file and its first bytes."""
        first = self._persist(0, self._first)
        assert self._size is not None
        return self._size, first

    def read(self, start: int, end: int) -> bytes:
        """Return bytes from ``start`` up to ``end`` (excluded)."""
        return self._persist(start, end)

    def _persist(self, start: int, end: int) -> bytes:
        return persist(lambda: self._attempt(start, end), self._href)

    def _attempt(self, start: int, end: int) -> bytes:
        place = self._place
        try:
            return self._get(place, start, end)
        except (PassingTrouble, FetchError):
            if place == self._href:
                raise
            # A signed address expires; the first one leads to a new one.
            self._place = self._href
            return self._get(self._href, start, end)

    def _get(self, place: str, start: int, end: int) -> bytes:
        # A transport serves one thread at a time.
        transport = self._free.pop() if self._free else self._connect()
        try:
            return self._read(transport, place, start, end)
        finally:
            self._free.append(transport)

    def _read(self, transport: Transport, place: str, start: int, end: int) -> bytes:
        import requests

        answer = transport.get(place, {"Range": f"bytes={start}-{end - 1}"}, name=self._name)
        with answer:
            if answer.status_code == 416 and start == 0:
                self._size = 0
                return b""
            match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status_code != 206 or match is None or int(match[1]) != start:
                raise FetchError(f"{self._name}: the server does not give parts of files; fetch it", href=self._href)
            tag = answer.headers.get("ETag")
            if self._size not in (None, int(match[3])) or (self._tag is not None and tag != self._tag):
                raise IntegrityError(f"{self._name} changed while it was read; open it again", href=self._href)
            self._size, self._tag = int(match[3]), tag
            try:
                content = answer.content
            except requests.RequestException as error:
                raise PassingTrouble(f"{self._name} broke off ({type(error).__name__})", {}) from error
            self._place = answer.url.partition("#")[0]
        if len(content) != min(end, self._size) - start:
            raise PassingTrouble(f"{self._name}: {len(content)} bytes came of {end - start}", {})
        return content


class S3Source:
    """Ranges out of a bucket."""

    def __init__(self, buckets: Buckets, name: str, href: str, credentials: str | None, first_bytes: int) -> None:
        self._object = buckets.open(href, credentials_href=credentials)
        self._name, self._first = name, first_bytes

    def open(self) -> tuple[int, bytes]:
        """Return the size of the object and its first bytes."""
        size, _ = persist(self._object.head, self._object.href)
        return size, self.read(0, min(size, self._first)) if size else b""

    def read(self, start: int, end: int) -> bytes:
        """Return bytes from ``start`` up to ``end`` (excluded)."""
        return persist(lambda: self._object.read(start, end), self._object.href)
