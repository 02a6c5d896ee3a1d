"""Buckets and web servers, through obstore, with the credentials of the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stacaster.errors import AuthError, FetchError, NothingFoundError, StacasterError, UsageError

_LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")
_RETRIES = {"max_retries": 4, "retry_timeout": {"seconds": 60}}


class BucketObjects:
    """Objects of a bucket below a prefix, or of a web server; see ``Objects``."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        from obstore.store import from_url

        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        is_local = (self.address if self._scheme == "http" else endpoint).startswith(_LOOPBACK)
        options: dict[str, Any] = {"client_options": {"allow_http": True}} if is_local else {}
        try:
            self._store = from_url(self.address, **options)
        except Exception as error:
            raise UsageError(f"{self.address} cannot be opened: {_short(error)}") from error

    @property
    def _scheme(self) -> str:
        return self.address.partition("://")[0]

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every object, a page at a time."""
        import obstore

        with self._understood(""):
            for chunk in obstore.list(self._store):
                for entry in chunk:
                    yield entry["path"], int(entry["size"])

    def mark(self, name: str) -> str | None:
        """Return the entity tag of an object, or its time and size."""
        import obstore

        try:
            with self._understood(name):
                meta = obstore.head(self._store, name)
        except NothingFoundError:
            return None
        return str(meta.get("e_tag") or f"{meta['last_modified']} {meta['size']}")

    def read(self, name: str) -> bytes:
        """Return the content of an object."""
        import obstore

        with self._understood(name):
            return bytes(obstore.get(self._store, name).bytes())

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
        """Delete an object; one that is not there is no error."""
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
        except Exception as error:
            raise self._meaning(error, name) from error

    def _meaning(self, error: Exception, name: str) -> StacasterError:
        """Return what an error of obstore means; its text may quote signed headers, so only the code goes on."""
        kind, text = type(error).__name__, str(error)
        place = f"{self.address}/{name}".rstrip("/")
        if "169.254.169.254" in text or "metadata.google" in text:
            # Without keys obstore asks the machine, as if it stood in a cloud.
            return AuthError(
                f"no credentials for {self.address} are in the environment: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket"
            )
        if "NoSuchBucket" in text:
            return NothingFoundError(f"the bucket of {self.address} does not exist")
        for code in ("ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"):
            if code in text:
                return AuthError(f"{self.address} refuses the credentials of the environment: {code}")
        if kind in ("PermissionDeniedError", "UnauthenticatedError") or "AccessDenied" in text:
            return AuthError(f"{place} is refused: the credentials of the environment (AWS_...) do not allow it")
        if kind == "NotFoundError" or isinstance(error, FileNotFoundError):
            return NothingFoundError(f"there is no {place}")
        return FetchError(f"{place}: {kind}: {_short(error)}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
