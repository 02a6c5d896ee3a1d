"""File formats to content and pixels: one file a format, never a sensor."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError, UnknownProductError
from stacaster.model import BEAMS, GEDI_BEAMS
from stacaster.model.packages import read_packages

if TYPE_CHECKING:
    from stacaster.model import OpenGranule, OpenTracks
    from stacaster.network.remote import RemoteFile


@dataclass(frozen=True, kw_only=True)
class ReaderRow:
    """One reader of the registry."""

    module: str
    """Module with a function ``open_files(files) -> OpenGranule``."""
    magics: tuple[bytes, ...]
    """First bytes of such files."""
    groups: tuple[str, ...] = ()
    """HDF5: groups of which such files have at least one at the top; empty takes what no other reader does."""
    members: str | None = None
    """Zip: pattern of the names of which such archives have at least one; None takes what no other reader does."""


_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"

READERS = {
    "geotiff_set": ReaderRow(
        module="stacaster.formats.readers.geotiff_set",
        # A zip archive of GeoTIFFs is read where it lies.
        magics=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", _ZIP),
    ),
    "safe_archive": ReaderRow(
        module="stacaster.formats.readers.safe_archive", magics=(_ZIP,), members=r"[^/]+\.SAFE/manifest\.safe"
    ),
    "ceos_archive": ReaderRow(
        module="stacaster.formats.readers.ceos_archive", magics=(_ZIP,), members=r"(?:[^/]+/)?(?:LED|VOL)-\w.*"
    ),
    "hdf5_whole": ReaderRow(module="stacaster.formats.readers.hdf5_whole", magics=()),
    "hdf5_grids": ReaderRow(module="stacaster.formats.readers.hdf5_grids", magics=(_HDF5,)),
    "netcdf_fields": ReaderRow(module="stacaster.formats.readers.netcdf_fields", magics=(_HDF5,)),
    "hdf5_tracks": ReaderRow(
        module="stacaster.formats.readers.hdf5_tracks", magics=(_HDF5,), groups=(*BEAMS, *GEDI_BEAMS)
    ),
    "hdf4_eos": ReaderRow(module="stacaster.formats.readers.hdf4_eos", magics=(b"\x0e\x03\x13\x01",)),
}
"""Readers by name; a module is imported when a file of its format is opened."""

GROUP = "stacaster.readers"
"""Entry points whose module has ``ROW``, a `ReaderRow`; ``ROW.module`` names the module with ``open_files``."""


@cache
def all_readers() -> Mapping[str, ReaderRow]:
    """Return the readers of stacaster and, after them, those of installed packages.

    One that cannot be imported, or has a name that is taken, is a warning and costs no other.

    Example:
        >>> list(all_readers())[: len(READERS)] == list(READERS)
        True
    """
    found = dict(READERS)

    def read(point: metadata.EntryPoint, _: str) -> None:
        row = point.load().ROW
        if not isinstance(row, ReaderRow):
            raise TypeError(f"ROW of {point.value} is a {type(row).__name__}, not a ReaderRow")
        if point.name in found:
            raise ValueError(f"a reader {point.name} exists already")
        found[point.name] = row

    read_packages(GROUP, "the reader {name} of {package} is", read)
    return found


_STRANGERS = (
    (b"CDF", "is netCDF-3, for which there is no reader; convert it first: nccopy -k nc4 IN.nc OUT.nc"),
    (b"\x1f\x8b", "is gzip-compressed; unpack it first"),
)

_HEAD = 1024


def sniff_format(path: Path) -> str:
    """Return the name of the reader for a file, judged by its first bytes.

    Raises:
        ReadError: The file is missing or empty, or no reader knows its format; the message says what the file is.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror or error}", granule=path.name) from error
    if head.startswith(_HDF5):
        return _of_groups(path)
    if head.startswith(_ZIP):
        return _of_members(path)
    for name, row in all_readers().items():
        if head.startswith(row.magics):
            return name
    raise _refusal(head, path.name)


def _refusal(head: bytes, name: str) -> ReadError:
    """Return the error for a file that no reader takes: damaged downloads are told from formats without a reader."""
    text = _what_it_is(head)
    is_damaged = "download it again" in text
    return ReadError(text, granule=name) if is_damaged else UnknownProductError(text, granule=name)


def _of_members(path: Path) -> str:
    """Return the reader for a zip archive, judged by the names in it; the usual one says what is wrong with it."""
    import re
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "geotiff_set"
    rows = ((name, row.members) for name, row in all_readers().items() if row.members is not None)
    return next((name for name, part in rows if any(re.fullmatch(part, n) for n in names)), "geotiff_set")


def _of_groups(file: Any) -> str:
    """Return the reader for an HDF5 file, judged by its groups; the usual one says what is wrong with a damaged one."""
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            there = set(opened)
            if _has_swaths(opened):
                return "hdf5_whole"
    except (OSError, RuntimeError, KeyError):
        return "hdf5_grids"
    usual = "hdf5_grids" if "science" in there else "netcdf_fields"
    return next((key for key, row in all_readers().items() if there & set(row.groups)), usual)


def _has_swaths(file: Any) -> bool:
    """Tell whether images lie in the geometry of the radar, on no grid."""
    import h5py

    science = file.get("science")
    bands = science.values() if isinstance(science, h5py.Group) else ()
    inner = [part for band in bands if isinstance(band, h5py.Group) for part in band.values()]
    groups = [part for part in inner if isinstance(part, h5py.Group)]
    return any("swaths" in part for part in groups) and not any("grids" in part for part in groups)


def _what_it_is(head: bytes) -> str:
    if not head:
        return "is empty; download it again"
    for magic, words in _STRANGERS:
        if head.startswith(magic):
            return words
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "is an HTML page, most likely a login page; log in and download it again"
    if text.startswith(b"<?xml"):
        return "is an XML document, not a granule"
    if all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head):
        return "is a text file, not a granule"
    return f"is of an unknown format (first bytes {head[:8].hex(' ')})"


def open_granule(files: Sequence[Path], *, reader: str | None = None) -> OpenGranule:
    """Open the files of one granule.

    Args:
        files: Files of the granule; all of one format.
        reader: Name of the reader; None looks into the files.

    Returns:
        The open granule; use it as a context manager.

    Raises:
        ReadError: A file is damaged, of an unknown format, or of another format than the others.
    """
    if not files:
        raise ReadError("a granule without files cannot be opened")
    ordered = sorted(Path(path) for path in files)
    # Metadata beside images say nothing about the format of the images.
    images = [path for path in ordered if path.suffix.lower() != ".xml"] or ordered
    names = {path: reader or sniff_format(path) for path in images}
    if len(set(names.values())) != 1:
        raise ReadError(f"the files are of several formats: {', '.join(sorted(set(names.values())))}")
    module = importlib.import_module(all_readers()[names[images[0]]].module)
    granule: OpenGranule = module.open_files(ordered)
    return granule


def open_tracks(path: Path) -> OpenTracks:
    """Open a granule along a track.

    Raises:
        ReadError: It is damaged, or holds no beams.
    """
    name = sniff_format(path)
    if name != "hdf5_tracks":
        raise ReadError("has none of the beams of a track", granule=path.name)
    module = importlib.import_module(READERS[name].module)
    opened: OpenTracks = module.open_files([path])
    return opened


def open_any_tracks(path: Path) -> OpenTracks:
    """Open an HDF5 file as groups of datasets, whether it holds beams of a track or not.

    Raises:
        ReadError: It is damaged, or no HDF5 file.
    """
    name = sniff_format(path)
    if _HDF5 not in all_readers()[name].magics and name != "hdf5_whole":
        raise ReadError("is no HDF5 file", granule=path.name)
    module = importlib.import_module(READERS["hdf5_tracks"].module)
    opened: OpenTracks = module.open_files([path])
    return opened


def open_remote_tracks(remote: RemoteFile) -> OpenTracks:
    """Open an HDF5 file as groups of datasets where it lies; only what is read is moved.

    Raises:
        ReadError: It is damaged, or no HDF5 file.
        AuthError, FetchError: The provider refuses.
    """
    head = remote.read_at(0, _HEAD)
    if not head.startswith(_HDF5):
        is_known = any(head.startswith(row.magics) for row in all_readers().values())
        raise ReadError("is no HDF5 file", granule=remote.name) if is_known else _refusal(head, remote.name)
    opened: OpenTracks = importlib.import_module(READERS["hdf5_tracks"].module).open_remote(remote)
    return opened


def open_remote_granule(remote: RemoteFile, *, groups: Sequence[str] = ()) -> OpenGranule:
    """Open a granule of one file where it lies; only what is read is moved.

    Args:
        remote: The file.
        groups: Names of the groups below ``grids`` that are wanted; others are not even looked at. Empty for all.

    Raises:
        ReadError: The file is of a format that has to be downloaded first, damaged, or unknown.
        AuthError, FetchError: The provider refuses.
    """
    head = remote.read_at(0, _HEAD)
    found = [name for name, row in all_readers().items() if head.startswith(row.magics)]
    if not found:
        raise _refusal(head, remote.name)
    name = _of_groups(remote) if head.startswith(_HDF5) else found[0]
    module = importlib.import_module(all_readers()[name].module)
    if not hasattr(module, "open_remote"):
        raise ReadError("is of a format that has to be downloaded first", granule=remote.name)
    granule: OpenGranule = module.open_remote(remote, groups)
    return granule
