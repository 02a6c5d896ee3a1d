"""The files that an item is made from: opened, and what the item says of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.files.checksums import digest_file, multihash
from stacaster.ingest.convert.task import ConvertTask
from stacaster.model import PARTS

if TYPE_CHECKING:
    from stacaster.model import OpenGranule

_BLOCK_BYTES = 1 << 17
_LARGE_BYTES = 64 << 20


def open_source(task: ConvertTask) -> OpenGranule:
    """Open what a task converts: files, or a file at its provider, of which only what is read is moved.

    Swaths lie on the grid that is asked for.

    Raises:
        ReadError: It is no granule that can be read.
        UnknownProductError: A swath has no positions.
        UsageError: The grid is too large.
        AuthError, FetchError: The provider refuses.
    """
    from stacaster.ingest.convert.swath_granule import on_grid

    return on_grid(_opened(task), task.grid)


def _opened(task: ConvertTask) -> OpenGranule:
    from stacaster.formats import readers

    remote = task.remote
    if remote is None:
        files = tuple(Path(name) for name in task.files)
        is_whole = task.keep_files and files[0].suffix.lower() == ".h5"
        return readers.open_granule(files, reader="hdf5_whole" if is_whole else None)
    from stacaster.network.remote import open_remote

    file = remote.file
    return readers.open_remote_granule(
        open_remote(file, s3=remote.s3, credentials=remote.credentials, block_bytes=_block(file.size)),
        groups=_groups(task),
    )


def _block(size: int | None) -> int:
    """Return what is read at once to find out where pixels lie: a request costs as much as many kilobytes."""
    return _BLOCK_BYTES if size is None or size > _LARGE_BYTES else _BLOCK_BYTES // 2


def _groups(task: ConvertTask) -> tuple[str, ...]:
    """Return the groups of the file that have to be looked at; empty for all."""
    from stacaster.products import all_products

    wanted = task.subsystems
    if wanted or not task.bands:
        return wanted
    names = {name.removesuffix(part) for name in task.bands for part in ("", *PARTS)}
    return tuple(sorted({band.group for product in all_products().values() for band in product.bands
                         if band.name in names}))  # fmt: skip


def describe_sources(task: ConvertTask) -> list[dict[str, Any]]:
    """Return name, size and checksum of what a task converts; of a file at its provider what the provider states.

    Raises:
        ReadError: A file cannot be read.
    """
    if task.remote is None:
        return [describe_source(Path(name)) for name in sorted(task.files)]
    file = task.remote.file
    described = {"name": file.name, "href": file.href, "size": file.size}
    if file.checksum:
        described["provider_checksum"] = f"{file.checksum_kind}:{file.checksum}"
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
