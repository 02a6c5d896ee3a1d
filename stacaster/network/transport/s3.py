"""S3 buckets of NASA with temporary credentials."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from stacaster.errors import AuthError, FetchError, StacasterError
from stacaster.network.hosts import is_bucket_name
from stacaster.network.http import SHORT_PATIENCE
from stacaster.network.objects.buckets import Access, BucketObjects, Trouble
from stacaster.network.transport.refusal import PassingTrouble, persist

if TYPE_CHECKING:
    from stacaster.network.transport import Transport

_T = TypeVar("_T")

REGION = "us-west-2"
"""Where NASA's buckets lie; elsewhere the temporary credentials are refused."""

ENDPOINTS = {
    "lp-": "https://data.lpdaac.earthdatacloud.nasa.gov/s3credentials",
    "nsidc-": "https://data.nsidc.earthdatacloud.nasa.gov/s3credentials",
    "podaac-": "https://archive.podaac.earthdata.nasa.gov/s3credentials",
    "sds-n-cumulus-prod-nisar": "https://nisar.asf.earthdatacloud.nasa.gov/s3credentials",
    "asf-cumulus-prod-opera": "https://cumulus.asf.alaska.edu/s3credentials",
    "asf-": "https://sentinel1.asf.alaska.edu/s3credentials",
    "ornl-": "https://data.ornldaac.earthdata.nasa.gov/s3credentials",
    "gesdisc-": "https://data.gesdisc.earthdata.nasa.gov/s3credentials",
    "ghrc": "https://data.ghrc.earthdata.nasa.gov/s3credentials",
    "ob-": "https://obdaac-tea.earthdatacloud.nasa.gov/s3credentials",
    "prod-lads": "https://data.laadsdaac.earthdatacloud.nasa.gov/s3credentials",
    "asdc-": "https://data.asdc.earthdata.nasa.gov/s3credentials",
}
"""Where credentials are given out, by the beginning of the bucket's name; for records that do not say it."""

_BEFORE_EXPIRY = dt.timedelta(minutes=5)


def credentials_endpoint(href: str, stated: str | None) -> str | None:
    """Return where the credentials of a bucket are given out: what the granule states, else by the bucket's name."""
    bucket = urlsplit(href).netloc.lower()
    return stated or next((url for prefix, url in ENDPOINTS.items() if bucket.startswith(prefix)), None)


@dataclass(frozen=True, kw_only=True)
class _Keys:
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    token: str = field(repr=False)
    expires: dt.datetime

    def as_obstore(self) -> dict[str, Any]:
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "token": self.token,
            # obstore asks again only when this has come.
            "expires_at": self.expires - _BEFORE_EXPIRY,
        }


class Buckets:
    """Opens objects of buckets; credentials are shared by threads and renewed five minutes before they expire.

    Args:
        transport: Makes the transport over which credentials are asked.
    """

    def __init__(self, transport: Callable[[], Transport]) -> None:
        self._transport = transport
        self._keys: dict[str, _Keys] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Buckets: credentials from {len(self._keys)} endpoints>"

    def open(self, href: str, *, credentials_href: str | None = None) -> S3Object:
        """Return an object that can be read in parts.

        Args:
            href: ``s3://bucket/key``.
            credentials_href: Where the credentials of the bucket are given out.

        Raises:
            FetchError: The address is none of S3.
        """
        parts = urlsplit(href)
        if parts.scheme != "s3" or not is_bucket_name(parts.netloc) or not parts.path.strip("/"):
            raise FetchError("the address is no s3://bucket/key", href=href)
        return S3Object(self, href, credentials_endpoint(href, credentials_href))

    def keys(self, endpoint: str, *, used: _Keys | None = None) -> _Keys:
        """Return valid credentials; new ones when those that were used have been refused.

        Raises:
            AuthError: None are given out.
        """
        with self._lock:
            known = self._keys.get(endpoint)
            if known is None or known is used or dt.datetime.now(dt.UTC) > known.expires - _BEFORE_EXPIRY:
                known = self._keys[endpoint] = _ask(self._transport(), endpoint)
            return known


def _ask(transport: Transport, endpoint: str) -> _Keys:
    host = urlsplit(endpoint).hostname

    def ask() -> _Keys:
        with transport.get(endpoint, {}, name="S3 credentials") as answer:
            try:
                body = answer.json()
                # The expiry is written with a blank instead of a T.
                expires = dt.datetime.fromisoformat(str(body["expiration"]))
                return _Keys(
                    access_key_id=str(body["accessKeyId"]),
                    secret_access_key=str(body["secretAccessKey"]),
                    token=str(body["sessionToken"]),
                    expires=expires if expires.tzinfo else expires.replace(tzinfo=dt.UTC),
                )
            except (ValueError, KeyError, TypeError):
                raise AuthError(f"{host} answered without S3 credentials; is the account known there?") from None

    return persist(ask, endpoint, policy=SHORT_PATIENCE)


class S3Object:
    """One object of a bucket, read in parts."""

    def __init__(self, buckets: Buckets, href: str, endpoint: str | None) -> None:
        self.href, self._endpoint, self._buckets = href, endpoint, buckets
        parts = urlsplit(href)
        self._bucket, self._key = parts.netloc, parts.path.lstrip("/")
        self._used: _Keys | None = None
        self._objects: BucketObjects | None = None
        self._problem: StacasterError | None = None

    def head(self) -> tuple[int, str | None]:
        """Return size in bytes and entity tag; errors as in ``read``."""
        state = self._try(lambda objects: objects.head(self._key))
        return state.size, state.tag

    def read(self, start: int, end: int) -> bytes:
        """Return bytes from ``start`` up to ``end`` (excluded).

        Raises:
            PassingTrouble: Another try may help.
            AuthError: The bucket refuses the credentials.
            FetchError: There is no such object.
        """
        return bytes(self._try(lambda objects: objects.read_range(self._key, start, end))[0])

    def _try(self, act: Callable[[BucketObjects], _T]) -> _T:
        """Act once more with new credentials when the first were refused as expired."""
        try:
            return act(self._opened())
        except _ExpiredKeysError as error:
            if self._endpoint is None:
                raise error.refusal from None
            self._buckets.keys(self._endpoint, used=self._used)
            self._objects = None
        try:
            return act(self._opened())
        except _ExpiredKeysError as error:
            raise error.refusal from None

    def _opened(self) -> BucketObjects:
        if self._objects is None:
            # What may pass is tried again by ``persist``, which callers of ``read`` use.
            self._objects = BucketObjects(
                f"s3://{self._bucket}", allow_http=True, is_retried=False, explain=self._meaning, **self._access()
            )
        return self._objects

    def _access(self) -> Access:
        if self._endpoint is None:
            own = any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
            return {} if own else {"skip_signature": True, "region": os.environ.get("AWS_REGION", REGION)}
        endpoint = self._endpoint

        def provide() -> Any:
            try:
                self._used = self._buckets.keys(endpoint)
            except StacasterError as problem:
                # obstore would wrap it in an error of its own.
                self._problem = problem
                raise
            return self._used.as_obstore()

        return {"region": REGION, "credential_provider": provide}

    def _meaning(self, trouble: Trouble, key: str) -> Exception:
        if self._problem is not None:
            return self._problem
        name = key.rpartition("/")[2]
        hint = f"NASA's buckets are open only from within {REGION}; leave --s3 out elsewhere"
        refusal = AuthError(f"{name}: the bucket {self._bucket} refuses access; {hint}", href=self.href)
        if trouble.code == "ExpiredToken":
            return _ExpiredKeysError(refusal)
        if trouble.reason in ("no credentials", "refused credentials", "refused"):
            return refusal
        if trouble.reason in ("missing", "no bucket"):
            return FetchError(f"{name}: there is no such object in the bucket {self._bucket}", href=self.href)
        return PassingTrouble(f"{name}: the bucket {self._bucket} cannot be read ({trouble.code})", {})


class _ExpiredKeysError(Exception):
    """The keys were refused as expired; ``refusal`` is the error where there are no others."""

    def __init__(self, refusal: AuthError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
