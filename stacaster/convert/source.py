"""What an item says of the files that it was made from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from stacaster.errors import ReadError

_BLOCK = 1 << 20


def describe_source(path: Path) -> dict[str, Any]:
    """Return name, size and checksum (multihash, sha2-256) of a file.

    Raises:
        ReadError: The file cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror or error}", granule=path.name) from error
    return {"name": path.name, "size": size, "checksum": f"1220{digest.hexdigest()}"}
