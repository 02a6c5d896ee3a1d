"""Buckets and web servers, through obstore: opened in one way, with errors that mean the same everywhere.

No other module uses obstore. Decision: errors are raised without their cause, because texts of obstore may quote
signed headers.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack
from urllib.parse import urlsplit

from stacaster.errors import AuthError, FetchError, NothingFoundError, StacasterError, UsageError
from stacaster.network import http

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REFUSED_KEYS = ("ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed")
_RETRIES = 4
# A whole answer; a part of a large upload, over a slow line.
_LONGEST = dt.timedelta(minutes=10)

Reason = Literal["no credentials", "no bucket", "refused credentials", "refused", "missing", "other"]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What an error of a store means."""

    reason: Reason
    """What is wrong."""
    code: str
    """Code of the service, or class of the error."""
    text: str
    """Beginning of its text; it may quote headers, so that it goes only where no secret was sent."""


@dataclass(frozen=True, kw_only=True)
class ObjectState:
    """What changes when an object does."""

    size: int
    """Bytes."""
    tag: str | None
    """Entity tag."""
    modified: dt.datetime
    """Time of the last change."""


class Access(TypedDict, total=False):
    """How a bucket is accessed where the environment does not say it."""

    region: str
    """Region of the bucket."""
    endpoint: str
    """Address of the service."""
    virtual_hosted_style_request: bool
    """Whether ``endpoint`` names the bucket already."""
    skip_signature: bool
    """Ask without credentials."""
    credential_provider: Any
    """Gives out keys, as obstore wants it."""


class BucketObjects:
    """Objects of a bucket below a prefix, or of a web server; see ``Objects``.

    Args:
        address: ``s3://``, ``gs://``, ``az://``, ``https://`` or ``http://``.
        allow_http: Ask without TLS; None allows it on this machine only.
        is_retried: Whether a failure that may pass is tried again here; False where the caller does so.
        explain: Returns the error for what is wrong with an object of some name.
        **access: How the bucket is accessed where the environment does not say it.

    Raises:
        UsageError: The address is not understood.
    """

    def __init__(
        self,
        address: str,
        *,
        allow_http: bool | None = None,
        is_retried: bool = True,
        explain: Callable[[Trouble, str], Exception] | None = None,
        **access: Unpack[Access],
    ) -> None:
        self.address = address.rstrip("/")
        from obstore.store import from_url

        retries: RetryConfig = {
            "max_retries": _RETRIES if is_retried else 0,
            "retry_timeout": dt.timedelta(seconds=60),
        }
        options = _client_options(self.address, access.get("endpoint"), allow_http)
        try:
            self._store = from_url(self.address, client_options=options, retry_config=retries, **access)
        except Exception as error:
            raise UsageError(f"{self.address} cannot be opened: {_short(error)}") from error
        self._explain = explain or self._meaning

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every object, a page at a time."""
        import obstore

        with self._understood(""):
            for page in obstore.list(self._store):
                for entry in page:
                    yield entry["path"], int(entry["size"])

    def sizes_below(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of the objects of an S3 bucket whose names begin so, in order, a page at a time.

        Args:
            prefix: Beginning of the names, to its last letter.
            after: Names up to this one are left out.
        """
        import obstore

        # obstore lists whole folders: the rest of the beginning is compared here, and ends the list.
        folder, last = prefix.rpartition("/")[0], max(after, prefix)
        with self._understood(prefix):
            for page in obstore.list(self._store, folder or None, offset=last):
                for entry in page:
                    name = str(entry["path"])
                    if not name.startswith(prefix):
                        return
                    if name <= last:
                        raise FetchError(f"{self.address} lists the same objects again and again; try again later")
                    last = name
                    yield name, int(entry["size"])

    def head(self, name: str) -> ObjectState:
        """Return what changes when an object does."""
        import obstore

        with self._understood(name):
            return _state(obstore.head(self._store, name))

    def mark(self, name: str) -> str | None:
        """Return the entity tag of an object, or its time and size."""
        try:
            state = self.head(name)
        except NothingFoundError:
            return None
        return state.tag or f"{state.modified} {state.size}"

    def read(self, name: str) -> bytes:
        """Return the content of an object."""
        import obstore

        with self._understood(name):
            return bytes(obstore.get(self._store, name).bytes())

    def read_range(self, name: str, start: int, end: int) -> tuple[memoryview, ObjectState]:
        """Return bytes from ``start`` up to ``end`` (excluded), fewer at the end of the object, and its state."""
        import obstore

        with self._understood(name):
            answer = obstore.get(self._store, name, options={"range": (start, end)})
            return memoryview(answer.bytes()), _state(answer.meta)

    def read_to(self, name: str, path: Path) -> None:
        """Write the content of an object into a file, piece by piece."""
        import obstore

        with self._understood(name):
            content = obstore.get(self._store, name).stream()
            with path.open("wb") as file:
                for piece in content:
                    file.write(piece)

    def put(self, name: str, content: bytes | Path, *, content_type: str) -> None:
        """Write an object; large files go up in parts, and appear when the last one has arrived."""
        import obstore

        with self._understood(name):
            obstore.put(self._store, name, content, attributes={"Content-Type": content_type})

    def delete(self, name: str) -> None:
        """Delete an object; one that does not exist is no error."""
        import obstore

        try:
            with self._understood(name):
                obstore.delete(self._store, name)
        except NothingFoundError:
            return

    @contextmanager
    def _understood(self, name: str) -> Iterator[None]:
        try:
            yield
        except StacasterError:
            raise
        except Exception as error:  # noqa: BLE001 - obstore raises classes of its own; each is translated
            raise self._explain(_trouble(error), name) from None

    def _meaning(self, trouble: Trouble, name: str) -> StacasterError:
        path = f"{self.address}/{name}".rstrip("/")
        match trouble.reason:
            case "no credentials":
                return AuthError(
                    f"no credentials for {self.address} are in the environment: set AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket"
                )
            case "no bucket":
                return NothingFoundError(f"the bucket of {self.address} does not exist")
            case "refused credentials":
                return AuthError(f"{self.address} refuses the credentials of the environment: {trouble.code}")
            case "refused":
                return AuthError(f"{path} is refused: the credentials of the environment (AWS_...) do not allow it")
            case "missing":
                return NothingFoundError(f"there is no {path}")
        return FetchError(f"{path}: {trouble.code}: {trouble.text}")


def _state(meta: Any) -> ObjectState:
    return ObjectState(size=int(meta["size"]), tag=meta.get("e_tag"), modified=meta["last_modified"])


def _client_options(address: str, endpoint: str | None, allow_http: bool | None) -> ClientConfig:
    connect_s, between_packets_s = http.TIMEOUT
    options: ClientConfig = {
        "connect_timeout": dt.timedelta(seconds=connect_s),
        "read_timeout": dt.timedelta(seconds=between_packets_s),
        "timeout": _LONGEST,
    }
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    asked = urlsplit(address if address.startswith("http") else endpoint or named)
    is_here = asked.hostname in _LOOPBACK
    if is_here if allow_http is None else allow_http:
        options["allow_http"] = True
    if asked.scheme == "http":
        return options
    proxy, bundle = None if is_here else http.proxy_of("https"), http.ca_bundle()
    if proxy:
        options["proxy_url"] = proxy
    if bundle:
        with open(bundle, "rb") as stream:  # noqa: PTH123 - a path out of the environment
            options["root_certificate"] = stream.read()
    return options


def _trouble(error: Exception) -> Trouble:
    name, text = type(error).__name__, str(error)
    code = next((word for word in _REFUSED_KEYS if word in text), name)
    reason: Reason = "other"
    if "169.254.169.254" in text or "metadata.google" in text:
        # Without keys obstore asks the machine, as if it stood in a cloud.
        reason = "no credentials"
    elif "NoSuchBucket" in text:
        reason = "no bucket"
    elif code != name:
        reason = "refused credentials"
    elif name in ("PermissionDeniedError", "UnauthenticatedError") or "AccessDenied" in text or "403 Forbidden" in text:
        reason = "refused"
    elif name == "NotFoundError" or isinstance(error, FileNotFoundError):
        reason = "missing"
    return Trouble(reason=reason, code=code, text=_short(error))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
