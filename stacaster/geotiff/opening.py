"""Open rasters that items name: only formats that hold their own pixels, only addresses that are files.

GDAL opens far more than files. A virtual raster under any name, an XML text, ``vrt://``, ``/vsi...``, ``WMS:`` and the
like read other files of this machine or ask other hosts. An item may come from anywhere, so that none of this is opened
for it. Virtual rasters are opened when they say what ours say, and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from stacaster.errors import ReadError
from stacaster.files.hdf5_links import require_own_links
from stacaster.network.transport.own_vrt import is_own_vrt

if TYPE_CHECKING:
    import rasterio

DRIVERS = ("GTiff", "COG", "JP2OpenJPEG", "PNG", "JPEG", "GIF", "WEBP", "netCDF", "HDF5")
"""GDAL's drivers for files that hold their own pixels."""

SCHEMES = ("file", "http", "https", "s3", "gs", "az", "abfs", "abfss")
"""Schemes of addresses that are files."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+._\-]*):")
_HEAD = 4096
_OWN = ["VRT"]
# Headers of which GDAL cannot see a text behind them: a zero byte follows before anything that a writer may choose.
_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SAFE_HEADS = (*_TIFF_HEADS, b"\0\0\0\x0cjP", b"\x89PNG\r\n\x1a\n\0\0\0", b"\x89HDF\r\n\x1a\n")
_OTHER_HEADS = (b"\xff\xd8\xff", b"GIF8", b"RIFF", b"CDF", b"\xff\x4f\xff\x51")
_TEXTS = (b"<VRT", b"<GDAL", b"<WMS", b"<wms", b"<OGR")
_HDF5_HEAD = b"\x89HDF\r\n\x1a\n"
_COMPANIONS = (".ovr", ".msk")


def require_file(href: str) -> None:
    """Make sure that a text is a path or address of a file, before anything is opened.

    Raises:
        ReadError: It is something else that GDAL would open.
    """
    scheme = _SCHEME.match(href)
    if scheme is not None and scheme[1].lower() not in SCHEMES:
        raise _refused(href, f"{scheme[1]}: is none of the schemes {', '.join(SCHEMES)}")
    if href.lstrip()[:1] in ("<", "{", "["):
        raise _refused(href, "it is a document, not a file")
    if href.startswith("/vsi"):
        raise _refused(href, "names of GDAL's file systems are not opened; name the address itself")


def _refused(href: str, reason: str) -> ReadError:
    shown = href if len(href) < 200 else f"{href[:200]}..."
    return ReadError(f"{shown.partition('?')[0]} is not opened: {reason}", href=href)


def local_path(href: str) -> Path | None:
    """Return the path of a file on this machine, or None for one elsewhere."""
    if href.startswith("file:"):
        return Path(unquote(urlsplit(href).path))
    return None if "://" in href else Path(href)


def require_raster(href: str) -> None:
    """Make sure that what GDAL would open under a name is a file that holds its own pixels.

    For readers that open the file themselves afterwards; else use ``open_raster``.

    Args:
        href: Path or address, or the text of a virtual raster of ours with signed addresses.

    Raises:
        ReadError: It is something else, or leads to other files.
    """
    if href.startswith("<VRTDataset") and is_own_vrt(href):
        return
    require_file(href)
    path = local_path(href)
    if path is None:
        with open_raster(href) as dataset:
            if dataset.driver not in ("GTiff", "COG", "JP2OpenJPEG", "PNG", "HDF5", "netCDF"):
                raise _refused(href, f"{dataset.driver} is not read over the network")
        return
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, ValueError):
        return  # Whoever opens it says what is wrong, in the words that people search for.
    if not _is_of_pixels(head) and not _is_own_file(path, head):
        raise _refused(href, "it is no raster that holds its own pixels (GeoTIFF, JPEG 2000, JPEG, PNG, netCDF)")
    from rasterio.errors import RasterioError

    with suppress(RasterioError), open_raster(href):
        pass  # Refuses what leads to other files; whoever reads it says what else is wrong.


def _is_of_pixels(head: bytes) -> bool:
    is_other = head.startswith(_OTHER_HEADS) and not any(text in head for text in _TEXTS)
    return head.startswith(_SAFE_HEADS) or is_other


def _is_own_file(path: Path, head: bytes) -> bool:
    if path.suffix.lower() != ".vrt" or not head.lstrip().startswith(b"<VRTDataset"):
        return False
    try:
        return is_own_vrt(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def drivers_for(href: str) -> list[str]:
    """Return the drivers of GDAL that may open what an item names: of virtual rasters only ours have one."""
    path = None if href.startswith("<") else local_path(href)
    is_own = is_own_vrt(href) if path is None else _is_own_file(path, _head(path))
    return _OWN if is_own else list(DRIVERS)


def open_with(name: str, drivers: list[str] | None, **options: Any) -> rasterio.DatasetReader:
    """Open a raster by some of GDAL's drivers; ``rasterio.open`` takes one driver or all.

    Args:
        name: Path or address.
        drivers: Names of drivers; None for all, where the user of this machine names the file.
        **options: Those of ``rasterio.open`` for reading.

    Raises:
        ReadError: It leads to other files: by a file next to it, by its metadata, by links of HDF5.
        rasterio.errors.RasterioError: It cannot be opened.
    """
    from rasterio._path import _parse_path
    from rasterio.env import ensure_env_with_credentials
    from rasterio.io import DatasetReader

    @ensure_env_with_credentials  # type: ignore[untyped-decorator]
    def opened(fp: str) -> rasterio.DatasetReader:
        return DatasetReader(_parse_path(fp), driver=drivers, sharing=False, **options)

    if drivers is None or drivers == _OWN:
        return opened(name)
    if "://" not in name:
        _require_own_companions(Path(name))
    dataset = opened(name)
    try:
        _require_own_metadata(dataset, name)
    except ReadError:
        dataset.close()
        raise
    return dataset


def _require_own_companions(path: Path) -> None:
    """Make sure that what GDAL would open along with a file holds pixels too: it takes any format for it."""
    head = _head(path)
    if head.startswith(_HDF5_HEAD):
        import h5py

        with suppress(OSError), h5py.File(path, "r") as file:
            require_own_links(file, path.name)
    try:
        # GDAL does not tell capitals from small letters here.
        entries = os.listdir(path.parent)  # noqa: PTH208 - text is faster here
        names = [name for name in entries if name.lower().startswith(f"{path.name.lower()}.")]
    except OSError:
        return
    for name in names:
        companion = path.with_name(name)
        if not name.lower().endswith(_COMPANIONS) or not companion.is_file():
            continue
        if not _head(companion).startswith(_TIFF_HEADS):
            raise _refused(str(path), f"{name} next to it is no GeoTIFF, and GDAL would open it along with the file")
        if companion.is_symlink() and not path.is_symlink():
            raise _refused(str(path), f"{name} next to it is a link to another file")


def _require_own_metadata(dataset: rasterio.DatasetReader, name: str) -> None:
    # A TIFF, or the .aux.xml next to any file, may name a file of anyone's as overviews or as positions of pixels.
    if dataset.tags(ns="OVERVIEWS"):
        raise _refused(name, "it names another file as its overviews")
    is_tree = dataset.driver in ("netCDF", "HDF5")  # whose positions are datasets of the same file
    if not is_tree and {"X_DATASET", "Y_DATASET"} & set(dataset.tags(ns="GEOLOCATION")):
        raise _refused(name, "it names another file as the positions of its pixels")


def open_by_user(path: str | os.PathLike[str]) -> rasterio.DatasetReader:
    """Open a raster that the user of this machine names, such as a height model: of any format, virtual ones too.

    Raises:
        rasterio.errors.RasterioError: It cannot be opened.
    """
    return open_with(os.fspath(path), None)


@contextmanager
def open_raster(href: str, **options: Any) -> Iterator[rasterio.DatasetReader]:
    """Open a raster that an item names.

    Args:
        href: Path or address, or the text of a virtual raster of ours with signed addresses.
        **options: Those of ``rasterio.open`` for reading.

    Raises:
        ReadError: It is nothing that is opened for an item.
        rasterio.errors.RasterioError: It cannot be opened.
    """
    drivers = drivers_for(href)
    if drivers != _OWN:
        require_file(href)
    path = None if href.startswith("<") else local_path(href)
    with open_with(href if path is None else str(path), drivers, **options) as dataset:
        yield dataset


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError):
        return b""
