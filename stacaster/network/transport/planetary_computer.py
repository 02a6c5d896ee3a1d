"""Signed addresses of the Planetary Computer: made when a file is read, never stored.

Source: Planetary Computer data authentication API, ``/api/sas/v1/token/<account>/<container>``.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from stacaster.errors import AuthError
from stacaster.network.hosts import trusted_host
from stacaster.network.http import SHORT_PATIENCE, new_session, request

TOKEN_URL = "https://planetarycomputer.microsoft.com/api/sas/v1/token"  # noqa: S105 - an address
"""Where tokens are given out; ``PC_SDK_SAS_URL`` names another."""

_STORAGE = ".blob.core.windows.net"
# Both become part of an address that is asked with the subscription key.
_ACCOUNT, _CONTAINER = re.compile(r"[a-z0-9]{3,24}"), re.compile(r"[$a-z0-9-]{1,63}")
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
    host = None if "sig=" in parts.query else trusted_host(url, (_STORAGE,))
    if host is None:
        return None
    account, container = host.removesuffix(_STORAGE), parts.path.lstrip("/").partition("/")[0]
    return (account, container) if _ACCOUNT.fullmatch(account) and _CONTAINER.fullmatch(container) else None


def _expires_soon(token: _Token) -> bool:
    return dt.datetime.now(dt.UTC) > token.expires - _BEFORE_EXPIRY


def _ask(account: str, container: str) -> _Token | None:
    """Return a token, or None where the Planetary Computer knows no such container: then it is public or foreign."""
    url = f"{os.environ.get('PC_SDK_SAS_URL', TOKEN_URL)}/{account}/{container}"
    key = os.environ.get("PC_SDK_SUBSCRIPTION_KEY")
    headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
    what = "the token service of the Planetary Computer"
    answer = request(
        new_session(), "GET", url, what=what, policy=SHORT_PATIENCE, error=AuthError, passed=(404,), headers=headers,
        allow_redirects=False,  # the key would go along
    )  # fmt: skip
    if answer.status_code == 404:
        return None
    try:
        body = answer.json()
        expires = dt.datetime.fromisoformat(str(body["msft:expiry"]))
        return _Token(str(body["token"]), expires if expires.tzinfo else expires.replace(tzinfo=dt.UTC))
    except (ValueError, KeyError, TypeError):
        raise AuthError(f"{what} answered without a token for {account}/{container}") from None
