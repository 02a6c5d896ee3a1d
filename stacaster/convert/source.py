"""What an item says of the files that it was made from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from stacaster.checksums import digest_file, multihash
from stacaster.errors import ReadError


def describe_source(path: Path) -> dict[str, Any]:
    """Return name, size and checksum (multihash, sha2-256) of a file.

    Raises:
        ReadError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        size = digest_file(path, digest)
    except OSError as error:
        raise ReadError(f"cannot be opened: {error.strerror or error}", granule=path.name) from error
    return {"name": path.name, "size": size, "checksum": multihash(digest.hexdigest())}
