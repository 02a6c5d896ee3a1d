"""A file whose blocks are read when they are needed, and kept."""

from __future__ import annotations

import io
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stacaster.errors import StacasterError
from stacaster.network.remote.ranges import Source

_GAP = 1 << 15
_LONGEST = 16 << 20
# Providers ask for few connections from one machine.
_REQUESTS = 4
_WORTH_A_CONNECTION = 4 << 20


class Cache:
    """Blocks of one file; used by all views of it and by several threads."""

    def __init__(self, source: Source, block_bytes: int, cache_bytes: int) -> None:
        self._source, self._block, self._kept = source, block_bytes, max(1, cache_bytes // block_bytes)
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.RLock()
        self.size, first = source.open()
        self.requests, self.bytes_read = 1, len(first)
        if first:
            self._blocks[0] = first

    def read(self, start: int, end: int) -> bytes:
        """Return bytes from ``start`` up to ``end`` (excluded), both within the file."""
        with self._lock:
            first, last = start // self._block, (end - 1) // self._block
            found = self._gather(first, last)
            return found[start - first * self._block : end - first * self._block]

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return pieces of the file that are not kept; near ones come in one request, several requests at once."""
        spans = _merged(ranges)
        # A new connection costs several round trips: as long as some megabytes take on one that is there.
        count = min(_REQUESTS, len(spans), sum(end - start for start, end in spans) // _WORTH_A_CONNECTION)
        if count <= 1:
            contents = [self._source.read(*span) for span in spans]
        else:
            with ThreadPoolExecutor(count) as pool:
                contents = list(pool.map(lambda span: self._source.read(*span), spans))
        with self._lock:
            self.requests += len(spans)
            self.bytes_read += sum(len(content) for content in contents)
        starts = [start for start, _ in spans]
        found = []
        for start, end in ranges:
            number = bisect_right(starts, start) - 1
            found.append(contents[number][start - starts[number] : end - starts[number]])
        return found

    def _gather(self, first: int, last: int) -> bytes:
        """Return whole blocks; runs of blocks that are missing come in one request."""
        parts: list[bytes] = []
        number = first
        while number <= last:
            if number in self._blocks:
                self._blocks.move_to_end(number)
                parts.append(self._blocks[number])
                number += 1
                continue
            stop = number
            while stop <= last and stop not in self._blocks:
                stop += 1
            content = self._source.read(number * self._block, min(stop * self._block, self.size))
            self.requests += 1
            self.bytes_read += len(content)
            parts.append(content)
            self._keep(number, content)
            number = stop
        return b"".join(parts)

    def _keep(self, number: int, content: bytes) -> None:
        count = -(-len(content) // self._block)
        for i in range(max(0, count - self._kept), count):
            self._blocks[number + i] = content[i * self._block : (i + 1) * self._block]
        while len(self._blocks) > self._kept:
            self._blocks.popitem(last=False)


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return few ranges that hold all of these: a small gap costs less than a request."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start - found[-1][1] <= _GAP and end - found[-1][0] <= _LONGEST:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


class RemoteFile(io.RawIOBase):
    """A file read in blocks that are kept; from ``open_remote``.

    Args:
        name: Name of the file.
        cache: Its blocks.
    """

    mode = "rb"

    def __init__(self, name: str, cache: Cache) -> None:
        super().__init__()
        self.name = name
        self._cache = cache
        self._position = 0

    def __repr__(self) -> str:
        return f"<RemoteFile {self.name}: {self.bytes_read} of {self.size} bytes in {self.requests} requests>"

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self._cache.size

    @property
    def requests(self) -> int:
        """Requests that were made so far."""
        return self._cache.requests

    @property
    def bytes_read(self) -> int:
        """Bytes that were moved so far."""
        return self._cache.bytes_read

    def opener(self, path: str, mode: str = "rb", **_: Any) -> RemoteFile:
        """Open the file for GDAL: ``rasterio.open(remote.name, opener=remote.opener)`` reads only what it needs.

        Raises:
            FileNotFoundError: GDAL looks for other files beside it.
        """
        if path.rpartition("/")[2] != self.name or "r" not in mode:
            raise FileNotFoundError(path)
        return RemoteFile(self.name, self._cache)

    def readable(self) -> bool:
        """Tell that the file can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that any place can be read."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on."""
        view = memoryview(buffer).cast("B")
        content = self.read_at(self._position, self._position + len(view))
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def read_many(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes from the first up to the second number (excluded) of each pair; they are not kept.

        Raises:
            AuthError: The provider refuses.
            FetchError: The provider cannot be reached.
            IntegrityError: The file changed meanwhile.
        """
        return self._cache.read_many([(start, min(end, self.size)) for start, end in ranges])

    def read_at(self, start: int, end: int) -> bytes:
        """Return bytes from ``start`` up to ``end`` (excluded), fewer at the end of the file; for several threads.

        Raises:
            AuthError: The provider refuses.
            FetchError: The provider cannot be reached.
            IntegrityError: The file changed meanwhile.
        """
        end = min(end, self.size)
        return self._cache.read(start, end) if start < end else b""


class ErrorCapturingFile(io.RawIOBase):
    """A remote file for libraries that hide the errors of what they read from.

    Args:
        remote: The file.
    """

    def __init__(self, remote: RemoteFile) -> None:
        super().__init__()
        self._remote = remote
        self.error: StacasterError | None = None

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self._remote.size

    def head(self, count: int) -> bytes:
        """Return the first bytes."""
        return self._remote.read_at(0, count)

    def readable(self) -> bool:
        """Tell that the file can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that any place can be read."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._remote.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        return self._remote.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, and keep the error when that fails."""
        try:
            return self._remote.readinto(buffer)
        except StacasterError as error:
            self.error = error
            raise OSError(str(error)) from error
