"""Signed addresses of the Planetary Computer: made when a file is read, never stored.

Source: Planetary Computer data authentication API, ``/api/sas/v1/token/<account>/<container>``.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from stacaster.errors import AuthError
from stacaster.network.http import SHORT_PATIENCE, new_session, request

TOKEN_URL = "https://planetarycomputer.microsoft.com/api/sas/v1/token"  # noqa: S105 - an address
"""Where tokens are given out; ``PC_SDK_SAS_URL`` names another."""

_STORAGE = ".blob.core.windows.net"
_BEFORE_EXPIRY = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class _Token:
    query: str
    expires: dt.datetime


class Signer:
    """Signs addresses of Azure storage; tokens are shared by threads and renewed five minutes before they expire."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, str], _Token | None] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Signer: {len(self._tokens)} containers>"

    def sign(self, url: str) -> str:
        """Return an address with its signature; other addresses, and signed ones, come back as they are.

        Raises:
            AuthError: No token is given out.
        """
        place = _container(url)
        if place is None:
            return url
        with self._lock:
            token = self._tokens.get(place)
            if place not in self._tokens or (token is not None and _expires_soon(token)):
                token = self._tokens[place] = _ask(*place)
        return url if token is None else f"{url}{'&' if '?' in url else '?'}{token.query}"

    def forget(self, url: str) -> None:
        """Drop the token of an address after it was refused."""
        place = _container(url)
        if place is not None:
            with self._lock:
                self._tokens.pop(place, None)


def needs_signature(url: str) -> bool:
    """Tell whether an address can be read only with a signature."""
    return _container(url) is not None


def _container(url: str) -> tuple[str, str] | None:
    """Return account and container of an unsigned address of Azure storage."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or not host.endswith(_STORAGE) or "sig=" in parts.query:
        return None
    container = parts.path.lstrip("/").partition("/")[0]
    return (host.removesuffix(_STORAGE), container) if container else None


def _expires_soon(token: _Token) -> bool:
    return dt.datetime.now(dt.UTC) > token.expires - _BEFORE_EXPIRY


def _ask(account: str, container: str) -> _Token | None:
    """Return a token, or None where the Planetary Computer knows no such container: then it is public or foreign."""
    url = f"{os.environ.get('PC_SDK_SAS_URL', TOKEN_URL)}/{account}/{container}"
    key = os.environ.get("PC_SDK_SUBSCRIPTION_KEY")
    headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
    what = "the token service of the Planetary Computer"
    answer = request(
        new_session(), "GET", url, what=what, policy=SHORT_PATIENCE, error=AuthError, passed=(404,), headers=headers
    )
    if answer.status_code == 404:
        return None
    try:
        body = answer.json()
        expires = dt.datetime.fromisoformat(str(body["msft:expiry"]))
        return _Token(str(body["token"]), expires if expires.tzinfo else expires.replace(tzinfo=dt.UTC))
    except (ValueError, KeyError, TypeError):
        raise AuthError(f"{what} answered without a token for {account}/{container}") from None
