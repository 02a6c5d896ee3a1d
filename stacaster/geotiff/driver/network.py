"""Parts of files on web servers and in buckets: few requests, side by side.

Decision: one request for the header, which is kept, and one for tiles that lie close together, several at once. The
entity tag, size and time of an answer must be those of the header's, else rasterio reads. Signed addresses, and
settings that only GDAL knows, are left to rasterio.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from stacaster.config import requests_at_once
from stacaster.geotiff.driver.codecs import DamagedTileError
from stacaster.geotiff.driver.unsupported import UnsupportedError
from stacaster.network.hosts import is_bucket_name
from stacaster.network.objects.buckets import Access, BucketObjects, ObjectState, Trouble

HEAD = 1 << 15
"""Bytes that are read first: the header of most files."""

_GAP = 1 << 16
_LARGEST = 8 << 20
_IN_HAND = 32 << 20
# What these settings say is known to GDAL only.
_OF_GDAL = ("GDAL_HTTP_", "AWS_S3_ENDPOINT", "AWS_PROFILE", "AWS_ROLE_ARN", "VSICURL_")
_HARMLESS = {
    "GDAL_HTTP_MAX_RETRY", "GDAL_HTTP_RETRY_DELAY", "GDAL_HTTP_MULTIPLEX", "GDAL_HTTP_VERSION",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES",
}  # fmt: skip
_OF_STORES = (
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
)  # fmt: skip


def is_remote(address: str) -> bool:
    """Tell whether a file is read over the network."""
    return address.startswith(("https://", "http://", "s3://"))


class RemoteFile:
    """One file on a server.

    Args:
        address: ``https://``, ``http://`` or ``s3://``.
        env: Settings of GDAL.

    Raises:
        UnsupportedError: GDAL has to read it.
    """

    def __init__(self, address: str, env: Mapping[str, Any]) -> None:
        if address.startswith("https://") and "CURL_CA_BUNDLE" in os.environ:
            raise UnsupportedError("certificates are named for GDAL")
        unknown = sorted(
            name for name in {*env, *os.environ}
            if name.startswith(_OF_GDAL) and name not in _HARMLESS and not _is_same_endpoint(name, env)
        )  # fmt: skip
        if unknown or env.get("_aws") is not None:
            raise UnsupportedError(f"the settings of GDAL have {', '.join(unknown) or 'credentials'}")
        parts = urlsplit(address)
        if parts.query or parts.username:
            raise UnsupportedError("its address has a signature")
        if parts.scheme == "s3" and not is_bucket_name(parts.netloc):
            raise UnsupportedError("its address names no bucket")
        environment = tuple(os.environ.get(name) for name in _OF_STORES)
        self._objects = _objects_of(parts.scheme, parts.netloc, _is_unsigned(env), environment)
        self._name, self.path = unquote(parts.path).lstrip("/"), address
        self.state: ObjectState | None = None
        """What changes when the file does; known after the first request."""

    def head(self, offset: int, size: int) -> bytes:
        """Return so many bytes from an offset on, fewer at the end of the file."""
        return bytes(self._get(offset, offset + size))

    def tiles(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Any]:
        """Yield the bytes of each range (offset, size)."""
        for batch in _batches(ranges):
            spans = _merged(batch)
            if len(spans) == 1:
                contents = [self._get(*spans[0])]
            else:
                contents = list(_pool().map(lambda span: self._get(*span), spans))
            for offset, size in batch:
                number = next(n for n, (start, end) in enumerate(spans) if start <= offset and offset + size <= end)
                start = offset - spans[number][0]
                part = contents[number][start : start + size]
                if len(part) != size:
                    raise DamagedTileError("the file ends before a tile does")
                yield part

    def _get(self, start: int, end: int) -> memoryview:
        data, state = self._objects.read_range(self._name, start, end)
        if self.state is not None and state != self.state:
            raise ChangedError
        self.state = state
        return data


class ChangedError(Exception):
    """The file is not the one whose header is known."""


def _is_same_endpoint(name: str, env: Mapping[str, Any]) -> bool:
    """Tell whether GDAL's setting of an endpoint says what the one that everyone else reads does."""
    other = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    value = str(env.get(name) or os.environ.get(name))
    return name == "AWS_S3_ENDPOINT" and bool(other) and urlsplit(other).netloc == value


def _batches(ranges: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    batch: list[tuple[int, int]] = []
    held = 0
    for offset, size in ranges:
        if batch and held + size > _IN_HAND:
            yield batch
            batch, held = [], 0
        batch.append((offset, size))
        held += size
    if batch:
        yield batch


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans (start, end) that are asked for: what lies close together in one request."""
    spans: list[tuple[int, int]] = []
    for offset, size in sorted(ranges):
        if spans and offset - spans[-1][1] <= _GAP and offset + size - spans[-1][0] <= _LARGEST:
            spans[-1] = (spans[-1][0], max(spans[-1][1], offset + size))
        else:
            spans.append((offset, offset + size))
    return spans


def _is_unsigned(env: Mapping[str, Any]) -> bool:
    values = (env.get("AWS_NO_SIGN_REQUEST"), os.environ.get("AWS_NO_SIGN_REQUEST"),
              os.environ.get("AWS_SKIP_SIGNATURE"))  # fmt: skip
    return any(str(value).lower() in {"yes", "true", "1", "on"} for value in values)


@lru_cache(maxsize=64)
def _objects_of(scheme: str, host: str, is_unsigned: bool, environment: tuple[str | None, ...]) -> BucketObjects:
    del environment  # another environment is another store
    access: Access = {}
    if scheme == "s3" and is_unsigned:
        access = {"skip_signature": True}
    elif scheme == "s3" and "AWS_ACCESS_KEY_ID" not in os.environ:
        raise UnsupportedError("credentials for the bucket are not in the environment")
    return BucketObjects(f"{scheme}://{host}", allow_http=True, explain=_unsupported, **access)


def _unsupported(trouble: Trouble, name: str) -> UnsupportedError:
    del name
    return UnsupportedError(f"it cannot be read: {trouble.text}")


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(requests_at_once(16), thread_name_prefix="stacaster-ranges")


# Threads do not come along into a forked process.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
