"""Whether the files of an item are there and unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacaster.errors import WriteError
from stacaster.files.checksums import digest_file, multihash


def lost_files(folder: Path, item: Mapping[str, Any], *, deep: bool) -> str | None:
    """Return which file of an item is missing or altered, or None."""
    for key, asset in item["assets"].items():
        href = str(asset["href"])
        if "://" in href:
            continue
        path = folder / href
        if not path.is_file() or path.is_symlink():
            return f"{path.name} is missing"
        if "file:size" in asset and path.stat().st_size != asset["file:size"]:
            return f"{path.name} has {path.stat().st_size} bytes instead of {asset['file:size']}"
        if str(asset.get("file:checksum", "")).startswith("1220"):
            digest = hashlib.sha256()
            digest_file(path, digest)
            if multihash(digest.hexdigest()) != asset["file:checksum"]:
                return f"{path.name} differs from its checksum"
        if deep and "stacaster:pixel_checksum" in asset:
            problem = _wrong_pixels(path, str(asset["stacaster:pixel_checksum"]))
            if problem is not None:
                return f"{key}: {problem}"
    return None


def _wrong_pixels(path: Path, expected: str) -> str | None:
    from rio_cogeo.cogeo import cog_validate

    from stacaster.geotiff.cog import pixel_hash

    try:
        if pixel_hash(path) != expected:
            return "the decoded pixels differ from their checksum"
    except WriteError as error:
        return str(error)
    is_valid, errors, _ = cog_validate(str(path), strict=True, quiet=True)
    return None if is_valid else "; ".join(errors)
