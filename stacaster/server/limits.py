"""What a request may cost: pictures at once, time, pixels; and pictures that are kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import anyio
from anyio import to_thread

from stacaster import config
from stacaster.errors import UsageError

_Result = TypeVar("_Result")

_AT_ONCE = 8
_SECONDS = 30.0
_CACHE_BYTES = 64 << 20
_MOST_VALUES = 50_000_000


class BusyError(Exception):
    """The server has more to do than it can in the time of a request."""


class Workers:
    """Threads that read pixels: a few at once, the others wait, and none longer than a request may take.

    Args:
        seconds: Longest time of a request, with its wait.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, function: Callable[[], _Result]) -> _Result:
        """Return what a function returns.

        Raises:
            BusyError: It took too long, or its turn did not come in time.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(max(2, config.threads(_AT_ONCE)))
        try:
            with anyio.fail_after(self._seconds):
                return await to_thread.run_sync(function, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError as error:
            raise BusyError from error


def check_values(items: int, pixels: int, bands: int) -> None:
    """Refuse what needs too much memory.

    Args:
        items: Scenes that are in memory together.
        pixels: Pixels of each.
        bands: Bands of each.

    Raises:
        UsageError: It is so.
    """
    if items * pixels * bands > _MOST_VALUES:
        raise UsageError(
            f"{items} scenes of {pixels} pixels and {bands} bands are too much at once; "
            "choose fewer dates (datetime=), a smaller size or fewer bands"
        )


class PictureCache:
    """Encoded pictures that were drawn lately, up to a number of bytes."""

    def __init__(self, most: int = _CACHE_BYTES) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return a picture, or None."""
        with self._lock:
            content = self._kept.get(key)
            if content is not None:
                self._kept.move_to_end(key)
            return content

    def put(self, key: str, content: bytes) -> None:
        """Keep a picture."""
        if len(content) > self._most // 8:
            return
        with self._lock:
            self._bytes += len(content) - len(self._kept.pop(key, b""))
            self._kept[key] = content
            while self._bytes > self._most:
                _, old = self._kept.popitem(last=False)
                self._bytes -= len(old)
