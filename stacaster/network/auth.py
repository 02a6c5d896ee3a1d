"""Earthdata Login: where credentials are looked for, and to whom they are shown."""

from __future__ import annotations

import base64
import logging
import netrc
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack
from urllib.parse import urlsplit

from stacaster.errors import AuthError
from stacaster.network.hosts import is_trusted
from stacaster.network.http import SHORT_PATIENCE, error_text, new_session, request

if TYPE_CHECKING:
    import requests
    from requests.cookies import RequestsCookieJar

LOGIN_HOST = "urs.earthdata.nasa.gov"
"""Host of Earthdata Login; passwords go to it alone."""

HOW_TO = (
    "set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or put a line for "
    f"'machine {LOGIN_HOST}' into ~/.netrc; an account is free at https://{LOGIN_HOST}"
)
"""What to do without credentials."""

_TRUSTED = (
    ".earthdata.nasa.gov",
    ".earthdatacloud.nasa.gov",
    ".asf.alaska.edu",
    ".modaps.eosdis.nasa.gov",
    ".nsidc.org",
)
# CMR refuses an expired token also for public records.
_PUBLIC = ("cmr.earthdata.nasa.gov",)
_REFUSALS = (301, 302, 303, 307, 308, 400, 401, 403, 404)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A token, or a user name with password; neither is ever printed."""

    origin: str
    """Where they were found, for messages."""
    token: str | None = field(default=None, repr=False)
    """Bearer token."""
    username: str | None = field(default=None, repr=False)
    """User name."""
    password: str | None = field(default=None, repr=False)
    """Password."""


def find_credentials(token: str | None = None) -> Credentials | None:
    """Look for credentials: argument, ``EARTHDATA_TOKEN``, user name and password in the environment, netrc.

    Only the entry of ``urs.earthdata.nasa.gov`` of a netrc file is used, never its ``default``.

    Raises:
        AuthError: The netrc file cannot be understood.
    """
    return credentials_of("EARTHDATA", LOGIN_HOST, token=token)


def credentials_of(prefix: str, *hosts: str, token: str | None = None) -> Credentials | None:
    """Look for the credentials of a service.

    Args:
        prefix: Of the environment variables ``<prefix>_TOKEN``, ``<prefix>_USERNAME`` and ``<prefix>_PASSWORD``.
        hosts: Entries of the netrc file, the first that it has counts; never its ``default``.
        token: Token that was given.

    Raises:
        AuthError: The netrc file cannot be understood.
    """
    if token:
        return Credentials(origin="argument", token=token)
    names = [f"{prefix}_{word}" for word in ("TOKEN", "USERNAME", "PASSWORD")]
    bearer, user, password = (os.environ.get(name) for name in names)
    if bearer:
        return Credentials(origin=names[0], token=bearer)
    if user and password:
        return Credentials(origin=f"{names[1]} and {names[2]}", username=user, password=password)
    entry = netrc_entry(*hosts)
    if entry is None:
        return None
    origin, user, password = entry
    return Credentials(origin=origin, username=user, password=password)


def netrc_problem(path: Path | None = None) -> str | None:
    """Return what is wrong with the rights of the netrc file, or None."""
    found = path or next((place for place in netrc_places() if place.is_file()), None)
    if found is not None and os.name == "posix" and found.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return f"{found.name} can be read by others; 'chmod 600' protects the passwords in it"
    return None


def netrc_places() -> list[Path]:
    """Return where a netrc file may lie; the first that is there counts."""
    named = os.environ.get("NETRC")
    return [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]


def netrc_entry(*hosts: str) -> tuple[str, str, str] | None:
    """Return name of the netrc file, user name and password of the first host that has an entry; never ``default``.

    Raises:
        AuthError: The file cannot be understood.
    """
    path = next((place for place in netrc_places() if place.is_file()), None)
    if path is None:
        return None
    problem = netrc_problem(path)
    if problem is not None:
        _LOG.warning(problem)
    try:
        found = netrc.netrc(path).hosts
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        # The parser's own message may quote the line, and with it a password.
        place = f" (line {error.lineno})" if isinstance(error, netrc.NetrcParseError) else ""
        raise AuthError(f"{path.name} cannot be understood{place}") from None
    entry = next((found[host] for host in hosts if host in found), None)
    return None if entry is None else (path.name, entry[0], entry[2] or "")


def may_see_token(url: str) -> bool:
    """Tell whether a token may be sent to an address: https, and a host of NASA's Earthdata that asks for logins."""
    return is_trusted(url, _TRUSTED) and not is_trusted(url, _PUBLIC)


def is_login_page(url: str) -> bool:
    """Tell whether an address is the one to which hosts with the older login redirect."""
    return is_trusted(url, (LOGIN_HOST,)) and urlsplit(url).path.startswith("/oauth/")


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


class BearerAuth:
    """Gives out a bearer token to the hosts of one service; fetches one with user name and password if need be.

    Args:
        credentials: None: then only public data can be had.
        session: For requests to the login.
    """

    def __init__(
        self, credentials: Credentials | None, *, session: Callable[[], requests.Session] = new_session
    ) -> None:
        self._credentials = credentials
        self._session = session
        self._token = None if credentials is None else credentials.token
        self._lock = threading.Lock()
        self._cookies: RequestsCookieJar | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: credentials from {self.origin or 'none'}>"

    @property
    def origin(self) -> str | None:
        """Where the credentials were found."""
        return None if self._credentials is None else self._credentials.origin

    @property
    def cookies(self) -> RequestsCookieJar:
        """Cookies of hosts with the older login; each goes back to its own host alone."""
        from requests.cookies import RequestsCookieJar

        if self._cookies is None:
            self._cookies = RequestsCookieJar()
        return self._cookies

    def headers(self, url: str) -> dict[str, str]:
        """Return the header for an address: a bearer token for trusted hosts, nothing for others.

        Raises:
            AuthError: The login refuses the user name and password.
        """
        if self._credentials is None or not self.is_trusted(url):
            return {}
        with self._lock:
            if self._token is None:
                self._token = self._login(self._credentials)
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self, used: str | None) -> bool:
        """Get a new token after one was refused.

        Args:
            used: The header that was refused; when another thread has renewed it meanwhile, nothing is done.

        Returns:
            False when there is no way to a new token.

        Raises:
            AuthError: The login refuses the user name and password.
        """
        if self._credentials is None or self._credentials.username is None:
            return False
        with self._lock:
            if used == f"Bearer {self._token}":
                self._token = self._login(self._credentials)
        return True

    def is_trusted(self, url: str) -> bool:
        """Tell whether the token may be sent to an address."""
        raise NotImplementedError

    def _login(self, credentials: Credentials) -> str:
        raise NotImplementedError

    def _token_of(self, url: str, credentials: Credentials, *, what: str, how_to: str, **sent: Unpack[Sent]) -> str:
        """Return the token that a login gives for user name and password."""
        # A server that redirects this could be given the password: it is an error like a refusal.
        answer = request(
            self._session(), "POST", url, what=what, policy=SHORT_PATIENCE, error=AuthError, passed=_REFUSALS,
            allow_redirects=False, **sent,
        )  # fmt: skip
        if not 200 <= answer.status_code < 300:
            reply = f"{answer.status_code}: {error_text(answer)}"
            raise AuthError(f"{what} refused the credentials from {credentials.origin} ({reply}); {how_to}")
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise AuthError(f"{what} answered without a token") from None


class Sent(TypedDict, total=False):
    """How a login is given user name and password."""

    auth: tuple[str, str]
    """As basic authentication."""
    data: dict[str, str]
    """As a form."""


class EarthdataAuth(BearerAuth):
    """The bearer token of Earthdata Login."""

    def headers(self, url: str) -> dict[str, str]:
        """Return the header for an address: a bearer token for trusted hosts, nothing for others.

        Raises:
            AuthError: Earthdata Login refuses the user name and password.
        """
        if self._credentials is not None and self._credentials.username is not None and is_login_page(url):
            # Hosts with the older login send one there; it knows user names, and tokens only in part.
            return {"Authorization": _basic(self._credentials)}
        return super().headers(url)

    def is_trusted(self, url: str) -> bool:
        """Tell whether the token may be sent to an address."""
        return may_see_token(url)

    def _login(self, credentials: Credentials) -> str:
        url = f"https://{LOGIN_HOST}/api/users/find_or_create_token"
        pair = (credentials.username or "", credentials.password or "")
        return self._token_of(url, credentials, what="Earthdata Login", how_to=HOW_TO, auth=pair)
