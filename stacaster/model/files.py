"""Files of granules that items hold as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class FileKind:
    """One file that granules of a product have, kept whole."""

    key: str
    """Asset key."""
    description: str
    """One phrase."""
    media_type: str
    """Media type."""
    roles: tuple[str, ...] = ("data",)
    """Roles of the asset."""


@dataclass(frozen=True, kw_only=True)
class FileAsset:
    """A file that lies beside the item, byte by byte as it came."""

    path: Path
    """Where the file lies."""
    size: int
    """Bytes."""
    checksum: str
    """Multihash (sha2-256) of the file, hexadecimal."""
    kind: FileKind
    """What it is."""
