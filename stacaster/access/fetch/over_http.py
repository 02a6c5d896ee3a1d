"""Transfers over https, by ranges when something is there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from stacaster.access.fetch.check import Digests
from stacaster.access.fetch.control import Cancelled
from stacaster.access.fetch.partial import Partial, State
from stacaster.errors import FetchError, IntegrityError, is_space_error
from stacaster.network.transport import PassingTrouble

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 17
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def _blocks(answer: requests.Response) -> Iterator[bytes | memoryview]:
    """Yield the body as it arrives; a block must be used before the next is asked for.

    The response of http.client fills one buffer again and again; the way through urllib3 copies each block three times,
    and loses what it had of the last one when the connection breaks.
    """
    source: Any = getattr(answer.raw, "_fp", None)
    if answer.headers.get("Content-Encoding", "identity") != "identity" or not hasattr(source, "readinto"):
        yield from answer.iter_content(_CHUNK)
        return
    buffer = memoryview(bytearray(_CHUNK))
    while size := source.readinto(buffer):
        yield buffer[:size]
    # The connection goes back for the next file instead of being closed.
    answer.raw.release_conn()


class HttpTransfer(Partial):
    """Over https, by ranges when something is there."""

    def _attempt(self, state: State) -> bool:
        offset = self._resume_at(state)
        if state.total is not None and offset == state.total:
            return True
        conditions = {"Range": f"bytes={offset}-", "If-Range": state.etag} if offset else {}
        headers = {key: value for key, value in conditions.items() if value is not None}
        answer = self._answer(headers)
        try:
            if answer.status_code == 416:
                self._discard(state, fresh=False)
                return False
            offset = self._accept(answer, offset, state)
            self._write_state(state)
            self._read_body(answer, offset, state)
        finally:
            self._control.release(answer)
        return state.total is not None and self._size() == state.total

    def _answer(self, headers: dict[str, str]) -> requests.Response:
        try:
            return self._context.transport.get(self._file.href, headers, name=self._file.name)
        except PassingTrouble as error:
            if self._control.stopped.is_set():
                raise Cancelled from error
            raise

    def _accept(self, answer: requests.Response, offset: int, state: State) -> int:
        """Return where the body of an answer begins, and note what the server says of the file."""
        length = answer.headers.get("Content-Length")
        if answer.status_code == 206:
            match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if (
                match is None
                or int(match[1]) != offset
                or (match[3] != "*" and state.total not in (None, int(match[3])))
            ):
                self._discard(state, fresh=False)
                raise PassingTrouble(f"{self._file.name}: the server sent another part than was asked for", {})
            return offset
        total = int(length) if length is not None and length.isdigit() else None
        if total is None and "chunked" not in answer.headers.get("Transfer-Encoding", "") and self._file.size is None:
            text = f"{self._file.name}: the server states no length, so a cut file could not be told from a whole one"
            raise FetchError(text, href=self._file.href)
        if self._file.size is not None and total is not None and total != self._file.size:
            text = f"{self._file.name}: the server sends {total} bytes, but the record says {self._file.size}"
            kind = answer.headers.get("Content-Type", "").split(";")[0]
            hint = "; it is an HTML page, most likely a login page" if kind == "text/html" else ""
            raise IntegrityError(text + hint, href=self._file.href)
        state.total = total if total is not None else self._file.size
        tag = answer.headers.get("ETag")
        state.etag = tag if tag and not tag.startswith("W/") else None
        self._part.unlink(missing_ok=True)
        return 0

    def _read_body(self, answer: requests.Response, offset: int, state: State) -> None:
        import requests

        window_start, window_bytes, size = time.monotonic(), 0, offset
        # What arrives in one go is hashed on the way; after a break the whole file is read again.
        self._digests = Digests(self._file) if offset == 0 else None
        # Unbuffered, so that whatever arrived is there after a kill.
        with self._part.open("ab", buffering=0) as part:
            try:
                for block in _blocks(answer):
                    if self._control.stopped.is_set():
                        raise Cancelled
                    part.write(block)
                    if self._digests is not None:
                        self._digests.update(block)
                    size += len(block)
                    self._progress(size, state.total)
                    window_bytes += len(block)
                    passed = time.monotonic() - window_start
                    if passed > self._rules.slow_s:
                        if window_bytes / passed < self._rules.slow_bytes_per_s:
                            raise PassingTrouble(f"{self._file.name} came at {window_bytes / passed:.0f} bytes/s", {})
                        window_start, window_bytes = time.monotonic(), 0
            except (requests.RequestException, HTTPException, OSError) as error:
                if self._control.stopped.is_set():
                    raise Cancelled from error
                if isinstance(error, OSError) and is_space_error(error):
                    raise
                raise PassingTrouble(f"{self._file.name} broke off at {size} bytes", {}) from error
        if state.total is None:
            state.total = size  # chunked, and its end was there
