"""Bytes of files, and their headers, which are kept."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from odc.geo import CRS

from stacaster.files.system.disk import open_binary, read_at, read_into
from stacaster.geotiff.driver.codecs import DamagedTileError, scratch, unpack
from stacaster.geotiff.driver.georeference import Georeference
from stacaster.geotiff.driver.levels import Image, Level
from stacaster.geotiff.driver.network import HEAD, ChangedError, RemoteFile, is_remote
from stacaster.geotiff.driver.tiff import read_companion, read_header, with_masks, with_overviews
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.geotiff.opening import open_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT = 4096
_HEAD = 1 << 14
_AUXILIARY, _OVERVIEWS, _MASK = ".aux.xml", ".ovr", ".msk"
# What such a file says of places and fill; the rest are statistics, names and colours.
_SAYS_MORE = (b"<SRS", b"<GeoTransform", b"<NoDataValue", b"<GCPList")
_headers: OrderedDict[str, tuple[Any, Opened]] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Opened:
    """What is known of a file."""

    image: Image
    crs: CRS


class Source(Protocol):
    """Gives blocks of an open file."""

    def blocks(
        self, level: Level, tiles: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], NDArray[Any] | None]]:
        """Yield blocks (row and column of blocks) as ``codecs.restored`` takes them; None for what the file leaves out.

        What was given before is overwritten by the next.
        """


class PackedSource:
    """Blocks of a file whose bytes something else reads."""

    def blocks(
        self, level: Level, tiles: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], NDArray[Any] | None]]:
        """Yield blocks; see ``Source``."""
        numbers = [row * level.across + col for row, col in tiles]
        offsets, counts = level.offsets[numbers].tolist(), level.counts[numbers].tolist()
        packed = self.packed([(offset, count) for offset, count in zip(offsets, counts, strict=True) if count], level)
        for tile, count in zip(tiles, counts, strict=True):
            yield tile, unpack(next(packed), level, level.rows_of(tile[0])) if count else None

    def packed(self, ranges: Sequence[tuple[int, int]], level: Level) -> Iterator[Any]:
        """Yield the bytes of each range (offset, size)."""
        raise NotImplementedError


class _Local(PackedSource):
    def __init__(self, path: str, stack: ExitStack) -> None:
        self.path, self._stack = path, stack
        self._descriptors: dict[str, int] = {}

    def descriptor(self, suffix: str = "") -> int:
        """Return the open file, or one whose path has something added."""
        if suffix not in self._descriptors:
            self._descriptors[suffix] = descriptor = open_binary(self.path + suffix)
            self._stack.callback(os.close, descriptor)
        return self._descriptors[suffix]

    def head(self, offset: int, size: int, suffix: str = "") -> bytes:
        return read_at(self.descriptor(suffix), size, offset)

    def packed(self, ranges: Sequence[tuple[int, int]], level: Level) -> Iterator[Any]:
        descriptor = self.descriptor(level.file)
        for offset, size in ranges:
            target: Any = scratch("packed", size)
            if read_into(descriptor, target, offset) != size:
                raise DamagedTileError("the file ends before a tile does")
            yield target


class _Remote(PackedSource):
    def __init__(self, file: RemoteFile) -> None:
        self._file = file

    def packed(self, ranges: Sequence[tuple[int, int]], level: Level) -> Iterator[Any]:
        del level
        return self._file.tiles(ranges)


@contextmanager
def opened(address: str, env: Mapping[str, Any]) -> Iterator[tuple[Opened, Source]]:
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
    path = path_of(address)
    with ExitStack() as stack:
        local = _Local(path, stack)
        companions = [_mark_of(path + suffix) for suffix in (_AUXILIARY, _OVERVIEWS, _MASK)]
        mark = (_mark(os.fstat(local.descriptor())), *companions)
        with _lock:
            kept = _headers.get(path)
        if kept is None or kept[0] != mark:
            kept = (mark, _opened_local(local, *(companion is not None for companion in companions)))
            keep_header(path, kept)
        yield kept[1], local


def _mark(state: os.stat_result) -> tuple[int, ...]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _mark_of(path: str) -> tuple[int, ...] | None:
    try:
        return _mark(os.stat(path))  # noqa: PTH116 - text is faster here
    except OSError:
        return None


def _opened_local(local: _Local, has_auxiliary: bool, has_overviews: bool, has_mask: bool) -> Opened:
    """Read the header of a file and what lies next to it."""
    image = read_header(_buffered(local.head, _HEAD))
    if has_overviews and len(image.levels) == 1:
        image = with_overviews(image, _companion(local, _OVERVIEWS))
    if has_mask and not image.masks:
        # Of the masks of all bands the first one is that of the file.
        image = with_masks(image, [bands[0] for bands in _companion(local, _MASK)])
    says_more = has_auxiliary and any(word in Path(local.path + _AUXILIARY).read_bytes() for word in _SAYS_MORE)
    given = image.georeference
    if given is not None and given.epsg is not None and not says_more:
        return Opened(image, known_crs(given.epsg))
    return _asked_gdal(image, local.path, takes_nodata=says_more)


def _companion(local: _Local, suffix: str) -> list[tuple[Level, ...]]:
    def head(offset: int, size: int) -> bytes:
        return local.head(offset, size, suffix)

    # A file may be a link, as in stores of data; one next to a plain file that is a link may lead anywhere.
    if Path(local.path + suffix).is_symlink() and not Path(local.path).is_symlink():
        raise UnsupportedError(f"the {suffix} next to it is a link to another file")
    found = read_companion(_buffered(head, _HEAD), suffix)
    if suffix == _MASK and any(len(bands) > 1 for bands in found):
        raise UnsupportedError("each of its bands has a mask")
    return found


def _asked_gdal(image: Image, path: str, *, takes_nodata: bool) -> Opened:
    """Return a file whose place GDAL says: from its tags, or from a file next to it."""
    import rasterio

    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="FALSE"), open_with(path, ["GTiff"]) as dataset:
        if dataset.crs is None:
            raise UnsupportedError("it says no CRS")
        if dataset.transform.is_identity:
            raise UnsupportedError("it says no grid")
        nodata = dataset.nodata if takes_nodata else image.nodata
        georeference = Georeference(dataset.transform, None)
        return Opened(replace(image, georeference=georeference, nodata=nodata), CRS(dataset.crs))


@contextmanager
def _opened_remote(address: str, env: Mapping[str, Any]) -> Iterator[tuple[Opened, Source]]:
    file = RemoteFile(address, env)
    with _lock:
        kept = _headers.get(address)
    if kept is None:
        image = read_header(_buffered(file.head, HEAD))
        if image.georeference is None or image.georeference.epsg is None:
            raise UnsupportedError("its CRS is not said by a code")
        kept = (file.state, Opened(image, known_crs(image.georeference.epsg)))
        keep_header(address, kept)
    else:
        file.state = kept[0]
    try:
        yield kept[1], _Remote(file)
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


def path_of(address: str) -> str:
    """Return the path of a file on this disk.

    Raises:
        UnsupportedError: The address is another one.
    """
    if address.startswith("file://"):
        return unquote(urlsplit(address).path)
    # Addresses, and GDAL's own kinds of names.
    if "://" in address or address.startswith("/vsi") or ":" in address.partition("/")[0]:
        raise UnsupportedError("its address is none of a file on this disk")
    return address


_crs: dict[int, CRS] = {}


def known_crs(code: int) -> CRS:
    """Return a CRS by its code, the same object each time."""
    if code not in _crs:
        _crs[code] = CRS(f"EPSG:{code}")
    return _crs[code]
