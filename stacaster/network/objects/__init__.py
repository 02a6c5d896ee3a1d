"""Places that hold objects under names: buckets and web servers, folders, whatever fsspec knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from stacaster.errors import UsageError

__all__ = ["Objects", "is_address", "open_objects"]

_OBSTORE = ("s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://", "http://", "https://")


class Objects(Protocol):
    """A place that holds objects; names use ``/`` and are relative to it.

    Every method raises ``AuthError`` (refused), ``FetchError`` (the service does not answer), ``NothingFoundError``
    (no such object or bucket) or ``WriteError``.
    """

    address: str
    """Address or path, without a ``/`` at its end."""

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every object, a page at a time."""

    def mark(self, name: str) -> str | None:
        """Return what changes when an object changes, or None where there is none."""

    def read(self, name: str) -> bytes:
        """Return the content of an object."""

    def read_to(self, name: str, path: Path) -> None:
        """Write the content of an object into a file, piece by piece."""

    def put(self, name: str, content: bytes | Path, *, content_type: str) -> None:
        """Write an object, whole or not at all."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is no error."""


def is_address(path: str | os.PathLike[str]) -> bool:
    """Tell whether a place is an address, not a path on this disk."""
    text = os.fspath(path)
    return "://" in text and not text.startswith("file://")


def open_objects(path: str | os.PathLike[str]) -> Objects:
    """Open a place: a bucket (``s3://``, ``gs://``, ``az://``), a web server, a folder, or an address of fsspec.

    Args:
        path: Address or path.

    Raises:
        UsageError: The address is not understood, or a package for it is missing.
    """
    text = os.fspath(path)
    if not text.strip("/ "):
        raise UsageError("the address of a place is needed, such as s3://bucket/prefix")
    if not is_address(text):
        from stacaster.network.objects.folder import FolderObjects

        return FolderObjects(Path(text.removeprefix("file://")))
    if text.startswith(_OBSTORE):
        from stacaster.network.objects.buckets import BucketObjects

        return BucketObjects(text)
    from stacaster.network.objects.fsspec_store import FsspecStore

    return FsspecStore(text)
