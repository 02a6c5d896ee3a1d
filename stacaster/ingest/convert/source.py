"""The files that an item is made from: opened, and what the item says of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.files.checksums import digest_file, multihash
from stacaster.model import PARTS, ReadOptions

if TYPE_CHECKING:
    from stacaster.model import OpenGranule, Product

_BLOCK_BYTES = 1 << 17
_LARGE_BYTES = 64 << 20


def options_of(task: Mapping[str, Any]) -> ReadOptions:
    """Return what a task wants of a granule."""
    return ReadOptions(
        subsystems=tuple(task["subsystems"]),
        include_swir_after_cutoff=bool(task.get("keep_swir")),
        bands=tuple(task.get("bands", ())),
        area=task.get("area"),
        split_complex=bool(task.get("split_complex")),
        variables=tuple(task.get("variables", ())),
        keep_files=bool(task.get("keep_files")),
    )


def open_source(task: Mapping[str, Any]) -> OpenGranule:
    """Open what a task converts: files, or a file at its provider, of which only what is read is moved.

    Raises:
        ReadError: It is no granule that can be read.
        AuthError, FetchError: The provider refuses.
    """
    from stacaster.formats import readers

    remote = task.get("remote")
    if remote is None:
        files = tuple(Path(name) for name in task["files"])
        is_whole = task.get("keep_files") and files[0].suffix.lower() == ".h5"
        return readers.open_granule(files, reader="hdf5_whole" if is_whole else None)
    from stacaster.model import GranuleFile
    from stacaster.network.remote import open_remote

    file = GranuleFile(**remote["file"])
    return readers.open_remote_granule(
        open_remote(file, s3=bool(remote["s3"]), credentials=remote.get("credentials"), block_bytes=_block(file.size)),
        groups=_groups(task),
    )


def _block(size: int | None) -> int:
    """Return what is read at once to find out where pixels lie: a request costs as much as many kilobytes."""
    return _BLOCK_BYTES if size is None or size > _LARGE_BYTES else _BLOCK_BYTES // 2


def _groups(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the groups of the file that have to be looked at; empty for all."""
    from stacaster.products import all_products

    wanted = tuple(task.get("subsystems", ()))
    if wanted or not task.get("bands"):
        return wanted
    names = {name.removesuffix(part) for name in task["bands"] for part in ("", *PARTS)}
    return tuple(sorted({band.group for product in all_products().values() for band in product.bands
                         if band.name in names}))  # fmt: skip


def companion(task: Mapping[str, Any], product: Product) -> Path | None:
    """Return the ATL08 granule of the pass of one of ATL03, which gives photons their classes; None without one.

    It has the same time, track and release, and lies in the same folder or below ``classes`` of the task.
    """
    if product.short_name != "ATL03":
        return None
    own = Path(task["files"][0]) if task["files"] else Path(task["remote"]["file"]["name"])
    name = own.name.replace("ATL03", "ATL08")
    if name == own.name:
        return None
    # Revisions of the two need not be the same.
    pattern = re.sub(r"_\d\d(\w*)\.h5$", r"_??\1.h5", name)
    found = sorted(own.parent.glob(pattern)) if task["files"] else []
    if task.get("classes"):
        found += sorted(Path(task["classes"]).rglob(pattern))
    same = [path for path in found if path.name == name]
    return (same or found or [None])[-1]  # type: ignore[list-item]


def describe_sources(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return name, size and checksum of what a task converts; of a file at its provider what the provider states.

    Raises:
        ReadError: A file cannot be read.
    """
    remote = task.get("remote")
    if remote is None:
        return [describe_source(Path(name)) for name in sorted(task["files"])]
    file = remote["file"]
    described = {"name": file["name"], "href": file["href"], "size": file.get("size")}
    if file.get("checksum"):
        described["provider_checksum"] = f"{file.get('checksum_kind')}:{file['checksum']}"
    # Nothing of the whole file was seen: what names this version of it stands for its content.
    named = repr(sorted((key, str(value)) for key, value in described.items()))
    return [described | {"checksum": multihash(hashlib.sha256(named.encode()).hexdigest())}]


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
