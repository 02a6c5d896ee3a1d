"""What datasets a granule holds: path, type, shape, unit, description, without reading any data."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.formats.hdf5.files import failure
from stacaster.formats.readers import open_granule, sniff_format
from stacaster.model import Granule, GranuleFile
from stacaster.network.remote import ErrorCapturingFile, RemoteFile, is_remote, open_remote

if TYPE_CHECKING:
    import h5py

_WORDS = ("long_name", "description", "standard_name")
BLOCK_BYTES = 1 << 16
"""What is moved at least to see the structure of a file."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One dataset of a granule."""

    path: str
    """Groups and name."""
    data_type: str
    """NumPy name of the type."""
    shape: tuple[int, ...]
    """Size of every dimension."""
    unit: str | None
    """Unit as the file states it."""
    description: str | None
    """Description as the file states it."""


def list_variables(
    source: str | os.PathLike[str] | Granule | GranuleFile | RemoteFile,
    pattern: str | None = None,
    *,
    s3: bool = False,
) -> list[Variable]:
    """List the datasets of a granule.

    Args:
        source: HDF5, HDF4 or GeoTIFF file, address of an HDF5 file, granule of a search, or what ``open_remote`` gave:
            its ``bytes_read`` and ``requests`` then say what was moved.
        pattern: With * and ?, of the path or its end: ``canopy/*``, ``*h_ph``.
        s3: Read a granule of a search from its bucket.

    Returns:
        One entry a dataset, ordered by path.

    Raises:
        ReadError: The file is damaged, or of an unknown format.
        AuthError, FetchError: The provider refuses.
    """
    found = sorted(_listed(source, s3=s3), key=lambda entry: entry.path)
    if pattern is None:
        return found
    return [entry for entry in found if any(fnmatch.fnmatch(entry.path, form) for form in (pattern, f"*/{pattern}"))]


def _listed(source: str | os.PathLike[str] | Granule | GranuleFile | RemoteFile, *, s3: bool) -> list[Variable]:
    remote = source if isinstance(source, RemoteFile) else None
    if is_remote(source):
        remote = open_remote(source, s3=s3, block_bytes=BLOCK_BYTES)  # type: ignore[arg-type]
    if remote is not None:
        with _opened(ErrorCapturingFile(remote), remote.name) as file:
            return _of_hdf5(file)
    path = Path(source)  # type: ignore[arg-type]
    if sniff_format(path).startswith("hdf5"):
        with _opened(path, path.name) as file:
            return _of_hdf5(file)
    with open_granule([path]) as granule:
        return [
            Variable(
                path=layer.path, data_type=layer.data_type, shape=layer.shape,
                unit=_text(layer.attributes.get("units")),
                description=next((_text(layer.attributes[name]) for name in _WORDS if name in layer.attributes), None),
            )
            for layer in granule.content.layers.values()
        ]  # fmt: skip


@contextmanager
def _opened(file: Any, name: str) -> Iterator[h5py.File]:
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            yield opened
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        place = (None, file) if isinstance(file, ErrorCapturingFile) else (file, None)
        raise failure("its structure cannot be read", error, name, *place) from error


def _of_hdf5(file: h5py.File) -> list[Variable]:
    import h5py

    found: list[Variable] = []

    def look(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape is not None:
            words = next((_text(node.attrs[key]) for key in _WORDS if key in node.attrs), None)
            found.append(
                Variable(path=name, data_type=_type(node.dtype), shape=tuple(int(size) for size in node.shape),
                         unit=_text(node.attrs.get("units")), description=words)
            )  # fmt: skip

    file.visititems(look)
    return found


def _type(kind: Any) -> str:
    return "text" if kind.kind in "SOU" else str(kind.newbyteorder("=").name)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    plain: Any = value.ravel()[0] if hasattr(value, "ravel") and value.size else value
    text = plain.decode("utf-8", "replace") if isinstance(plain, bytes) else str(plain)
    return text.strip("\0 ") or None
