"""Read files where they lie: a seekable, block-cached file over HTTPS or S3."""

from __future__ import annotations

from stacaster.errors import IntegrityError, UsageError
from stacaster.model import Granule, GranuleFile
from stacaster.network.auth import EarthdataAuth, find_credentials
from stacaster.network.remote.file import Cache, ErrorCapturingFile, RemoteFile
from stacaster.network.remote.ranges import HttpSource, S3Source, Source
from stacaster.network.transport import Signer, Transport
from stacaster.network.transport.s3 import Buckets

__all__ = ["ErrorCapturingFile", "RemoteFile", "choose_file", "is_remote", "open_remote"]

BLOCK_BYTES = 1 << 18
"""Smallest piece that is read and kept."""

CACHE_BYTES = 64 << 20
"""What one file keeps in memory."""


def open_remote(
    granule: Granule | GranuleFile | str,
    *,
    file: str | None = None,
    token: str | None = None,
    s3: bool = False,
    credentials: str | None = None,
    block_bytes: int = BLOCK_BYTES,
    cache_bytes: int = CACHE_BYTES,
) -> RemoteFile:
    """Open a file of a granule where it lies; only the parts that are read are moved.

    The result works with ``h5py.File`` and ``xarray.open_dataset(..., engine="h5netcdf")``, and for COGs with
    ``rasterio.open(remote.name, opener=remote.opener)``.

    Args:
        granule: From ``stacaster.search``, one of its files, or an https or s3 address.
        file: Name of the file, where the granule has several with data.
        token: Earthdata token; default is what ``auth.find_credentials`` finds.
        s3: Read from the bucket; works within us-west-2.
        credentials: Where keys for the bucket are given out, when neither the granule nor the bucket says it.
        block_bytes: Smallest piece that is read and kept; for HDF5 with pages, a multiple of the page size is best.
        cache_bytes: What is kept in memory.

    Raises:
        UsageError: The granule has several files and none is named, or no such file.
        AuthError: The provider wants other or more credentials.
        FetchError: The provider does not give the file, or not in parts.
    """
    if block_bytes < 1 or cache_bytes < block_bytes:
        text = f"block_bytes is {block_bytes} and cache_bytes {cache_bytes}"
        raise UsageError(f"{text}, but 1 <= block_bytes <= cache_bytes is needed")
    chosen, stated = choose_file(granule, file)
    href = (chosen.s3_href or chosen.href) if s3 else chosen.href
    if s3 and not href.startswith("s3://"):
        raise UsageError(f"{chosen.name} has no address in a bucket; leave s3 out")
    auth, signer = EarthdataAuth(find_credentials(token)), Signer()
    source: Source
    if href.startswith("s3://"):
        buckets = Buckets(lambda: Transport(auth, signer))
        source = S3Source(buckets, chosen.name, href, stated or credentials, block_bytes)
    elif href.startswith("https://"):
        source = HttpSource(lambda: Transport(auth, signer), chosen.name, href, block_bytes)
    else:
        raise UsageError(f"{href} is neither an https nor an s3 address")
    cache = Cache(source, block_bytes, cache_bytes)
    if chosen.size not in (None, cache.size):
        text = f"{chosen.name} has {cache.size} bytes, but the catalogue of the provider says {chosen.size}"
        raise IntegrityError(text, href=chosen.href)
    return RemoteFile(chosen.name, cache)


def is_remote(source: object) -> bool:
    """Tell whether something is read at its provider: a granule of a search, one of its files, or an address."""
    return isinstance(source, (Granule, GranuleFile)) or (isinstance(source, str) and "://" in source)


def choose_file(granule: Granule | GranuleFile | str, file: str | None = None) -> tuple[GranuleFile, str | None]:
    """Return the file of a granule with its data, and where keys for its bucket are given out.

    Raises:
        UsageError: The granule has several files and none is named, or no such file.
    """
    if isinstance(granule, str):
        return GranuleFile(name=granule.partition("?")[0].rpartition("/")[2], href=granule), None
    if isinstance(granule, GranuleFile):
        return granule, None
    found = [entry for entry in granule.files if (entry.name == file if file is not None else entry.role == "data")]
    if len(found) != 1:
        names = ", ".join(entry.name for entry in granule.files)
        problem = f"has no file {file!r}" if file is not None else f"has {len(found)} files with data; name one"
        raise UsageError(f"{granule.id} {problem}: {names}")
    return found[0], granule.credentials_href
