"""Bytes of files, and their headers, which are kept."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from odc.geo import CRS

from stacaster.geotiff.driver.codecs import DamagedTileError, scratch
from stacaster.geotiff.driver.network import HEAD, ChangedError, RemoteFile, is_remote
from stacaster.geotiff.driver.tiff import Image, UnsupportedError, read_header

_KEPT = 4096
_HEAD = 1 << 14
_SIDECARS = (".aux.xml", ".ovr", ".msk")
_headers: OrderedDict[str, tuple[Any, Opened]] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Opened:
    """What is known of a file."""

    image: Image
    crs: CRS


class Reads(Protocol):
    """Gives packed tiles of an open file."""

    def tiles(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Any]:
        """Yield the bytes of each range (offset, size); what was given before is overwritten by the next."""


class _Local:
    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor, self.path = descriptor, path

    def head(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def tiles(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Any]:
        for offset, size in ranges:
            target: Any = scratch("packed", size)
            if os.preadv(self._descriptor, [target], offset) != size:
                raise DamagedTileError("the file ends before a tile does")
            yield target


@contextmanager
def opened(address: str, env: Mapping[str, Any]) -> Iterator[tuple[Opened, Reads]]:
    """Open a file.

    Args:
        address: Path, or address with ``file://``, ``https://``, ``http://`` or ``s3://``.
        env: Settings of GDAL.

    Raises:
        UnsupportedError: It is nothing that this reader knows.
        OSError: It cannot be opened.
    """
    if is_remote(address):
        with _opened_remote(address, env) as found:
            yield found
        return
    path = _path_of(address)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        reads = _Local(descriptor, path)
        state = os.fstat(descriptor)
        mark = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        with _lock:
            kept = _headers.get(path)
        if kept is None or kept[0] != mark:
            if any(os.path.exists(path + suffix) for suffix in _SIDECARS):  # noqa: PTH110 - text is faster here
                raise UnsupportedError("a file beside it says more")
            image = read_header(_buffered(reads.head, _HEAD))
            kept = (mark, Opened(image, _crs_of(image, path)))
            keep_header(path, kept)
        yield kept[1], reads
    finally:
        os.close(descriptor)


@contextmanager
def _opened_remote(address: str, env: Mapping[str, Any]) -> Iterator[tuple[Opened, Reads]]:
    file = RemoteFile(address, env)
    with _lock:
        kept = _headers.get(address)
    if kept is None:
        image = read_header(_buffered(file.head, HEAD))
        if image.epsg is None:
            raise UnsupportedError("its CRS is not said by a code")
        kept = (file.mark, Opened(image, _known_crs(image.epsg)))
        keep_header(address, kept)
    else:
        file.mark = kept[0]
    try:
        yield kept[1], file
    except ChangedError:
        with _lock:
            _headers.pop(address, None)
        raise UnsupportedError("it changed while it was read") from None


def keep_header(key: str, kept: tuple[Any, Opened]) -> None:
    """Keep a header under a mark that changes when the file does."""
    with _lock:
        _headers[key] = kept
        _headers.move_to_end(key)
        while len(_headers) > _KEPT:
            _headers.popitem(last=False)


def _buffered(read: Any, least: int) -> Any:
    """Return a reader of bytes that reads so many at once, and keeps them."""
    kept: list[tuple[int, bytes]] = []

    def wanted(offset: int, size: int) -> bytes:
        for start, data in kept:
            if start <= offset and offset + size <= start + len(data):
                return data[offset - start : offset - start + size]
        data = read(offset, max(size, least))
        kept.append((offset, data))
        return bytes(data[:size])

    return wanted


def _path_of(address: str) -> str:
    if address.startswith("file://"):
        return unquote(urlsplit(address).path)
    # Addresses, and GDAL's own kinds of names.
    if "://" in address or address.startswith("/vsi") or ":" in address.partition("/")[0]:
        raise UnsupportedError("its address is none of a file on this disk")
    return address


def _crs_of(image: Image, path: str) -> CRS:
    if image.epsg is not None:
        return _known_crs(image.epsg)
    import rasterio

    with rasterio.open(path) as dataset:
        if dataset.crs is None:
            raise UnsupportedError("it says no CRS")
        return CRS(dataset.crs)


_crs: dict[int, CRS] = {}


def _known_crs(code: int) -> CRS:
    if code not in _crs:
        _crs[code] = CRS(f"EPSG:{code}")
    return _crs[code]
