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
from typing import TYPE_CHECKING
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
    if token:
        return Credentials(origin="argument", token=token)
    if os.environ.get("EARTHDATA_TOKEN"):
        return Credentials(origin="EARTHDATA_TOKEN", token=os.environ["EARTHDATA_TOKEN"])
    user, password = os.environ.get("EARTHDATA_USERNAME"), os.environ.get("EARTHDATA_PASSWORD")
    if user and password:
        return Credentials(origin="EARTHDATA_USERNAME and EARTHDATA_PASSWORD", username=user, password=password)
    entry = netrc_entry(LOGIN_HOST)
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


class EarthdataAuth:
    """Gives out the bearer token; fetches one with user name and password when there is none.

    Args:
        credentials: What was found, or None: then only public data can be had.
        session: For requests to Earthdata Login.
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
        origin = "none" if self._credentials is None else self._credentials.origin
        return f"<EarthdataAuth: credentials from {origin}>"

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
            AuthError: Earthdata Login refuses the user name and password.
        """
        if self._credentials is None or not may_see_token(url):
            return {}
        if is_login_page(url) and self._credentials.username is not None:
            # Hosts with the older login send one there; it knows user names, and tokens only in part.
            return {"Authorization": _basic(self._credentials)}
        with self._lock:
            if self._token is None:
                self._token = self._login()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self, used: str | None) -> bool:
        """Get a new token after one was refused.

        Args:
            used: The header that was refused; when another thread has renewed it meanwhile, nothing is done.

        Returns:
            False when there is no way to a new token.

        Raises:
            AuthError: Earthdata Login refuses the user name and password.
        """
        if self._credentials is None or self._credentials.username is None:
            return False
        with self._lock:
            if used == f"Bearer {self._token}":
                self._token = self._login()
        return True

    def _login(self) -> str:
        found = self._credentials
        assert found is not None and found.username is not None and found.password is not None
        url = f"https://{LOGIN_HOST}/api/users/find_or_create_token"
        # A server that redirects this could be given the password: it is an error like a refusal.
        answer = request(
            self._session(), "POST", url, what="Earthdata Login", policy=SHORT_PATIENCE, error=AuthError,
            passed=_REFUSALS, auth=(found.username, found.password), allow_redirects=False,
        )  # fmt: skip
        if not 200 <= answer.status_code < 300:
            said = f"{answer.status_code}: {error_text(answer)}"
            raise AuthError(f"Earthdata Login refused the credentials from {found.origin} ({said}); {HOW_TO}")
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise AuthError("Earthdata Login answered without a token") from None
