"""Zip archives of granules, read where they lie: nothing is unpacked, so nothing can be written anywhere.

Decision: GDAL reads archives in place, after every member was read through once for its checksum.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from stacaster.errors import ReadError
from stacaster.model import Lattice

_MAX_MEMBERS = 1000
_MAX_BYTES = 32 << 30
_MAX_TEXT = 1 << 20
_CHUNK = 1 << 20
_LATTICE = 11 * 11
_ENCRYPTED = 1


def is_archive(path: Path) -> bool:
    """Tell from the first bytes whether a file is a zip archive; False when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def open_archive(path: Path, *, max_bytes: int) -> tuple[dict[str, str], dict[str, str]]:
    """Check a zip archive and say what is in it.

    Args:
        path: The archive.
        max_bytes: Largest member that is taken.

    Returns:
        GDAL's address of every GeoTIFF, and the text of every ``.txt``, by name.

    Raises:
        ReadError: The archive is damaged or encrypted, names places outside of itself, or holds too much.
    """
    images: dict[str, str] = {}
    texts: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [entry for entry in archive.infolist() if not entry.is_dir()]
            check_members(members, path.name, max_bytes)
            for entry in members:
                name = PurePosixPath(entry.filename).name
                is_image = name.lower().endswith((".tif", ".tiff"))
                if is_image and name in images:
                    raise ReadError(f"holds two files {name}", granule=path.name)
                if is_image:
                    verify_member(archive, entry, path.name)
                    images[name] = f"/vsizip/{{{path}}}/{entry.filename}"
                elif name.lower().endswith(".txt") and entry.file_size <= _MAX_TEXT:
                    texts[name] = archive.read(entry).decode("utf-8", "replace")
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise ReadError(f"is a damaged zip archive: {error}; download it again", granule=path.name) from error
    if not images:
        raise ReadError("is a zip archive without any GeoTIFF", granule=path.name)
    return images, texts


def check_members(members: list[zipfile.ZipInfo], name: str, max_bytes: int) -> None:
    """Check what an archive declares: places outside of itself, encryption, numbers and sizes.

    Raises:
        ReadError: It is damaged or hostile.
    """
    if len(members) > _MAX_MEMBERS or sum(entry.file_size for entry in members) > _MAX_BYTES:
        raise ReadError(f"declares {len(members)} files, more than {_MAX_MEMBERS} or too large", granule=name)
    for entry in members:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if entry.filename.startswith("/") or ".." in parts or (parts and ":" in parts[0]):
            raise ReadError(f"names a place outside of itself: {entry.filename!r}", granule=name)
        if entry.flag_bits & _ENCRYPTED:
            raise ReadError(f"{entry.filename} is encrypted", granule=name)
        if entry.file_size > max_bytes:
            raise ReadError(f"{entry.filename} declares {entry.file_size / 2**30:.1f} GiB, too many", granule=name)


def verify_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> None:
    """Read a member through: its checksum is compared, and it may not hold more than it declares.

    Raises:
        ReadError: It does.
        zipfile.BadZipFile: Its checksum differs.
    """
    size = 0
    with archive.open(entry) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > entry.file_size:
                raise ReadError(f"{entry.filename} holds more than it declares", granule=name)


def text_lattices(texts: Mapping[str, str], granule: str) -> dict[str, Lattice]:
    """Return the positions that text files beside GeoTIFFs give (``NAME.GeodeticLatitude.txt``), by swath.

    Raises:
        ReadError: A file does not hold a lattice.
    """
    found = {}
    for name, text in texts.items():
        stem, _, kind = name.removesuffix(".txt").rpartition(".")
        if kind not in ("GeodeticLatitude", "Latitude"):
            continue
        other = texts.get(f"{stem}.Longitude.txt")
        if other is not None:
            latitude, longitude = (_numbers(part, name, granule) for part in (text, other))
            group = stem.rpartition(".")[2] if "." in stem else ""
            found[group] = Lattice(latitude=latitude, longitude=longitude, latitude_field=kind)
    return found


def _numbers(text: str, name: str, granule: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    try:
        values = np.array([float(word) for word in text.replace(",", " ").split()])
    except ValueError as error:
        raise ReadError(f"{name} holds more than numbers: {error}", granule=granule) from error
    if values.size != _LATTICE:
        raise ReadError(f"{name} holds {values.size} numbers, but {_LATTICE} are needed", granule=granule)
    return values.reshape(11, 11)
