"""A token for CMR, where someone asks for restricted records; public ones are searched without any."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stacaster.errors import AuthError, UsageError
from stacaster.network.auth import LOGIN_HOST, EarthdataAuth, find_credentials
from stacaster.network.hosts import is_trusted
from stacaster.network.http import new_session

if TYPE_CHECKING:
    import requests

CMR = (".earthdata.nasa.gov",)
"""Hosts that may see a token that was asked for."""


def cmr_session(token: bool | str | None, *, url: str) -> requests.Session:
    """Return a session for CMR, with a token only where one was asked for.

    Args:
        token: True for the token of the login (``EARTHDATA_TOKEN``, user name and password, netrc), or a token.
        url: Address of CMR.

    Raises:
        AuthError: There are no credentials, Earthdata Login refuses them, or the address may not see a token.
        UsageError: ``token`` is neither.
    """
    session = new_session()
    if token is None or token is False:
        return session
    if token is not True and not (isinstance(token, str) and token.strip() and token.isascii() and token.isprintable()):
        raise UsageError("token is no token of Earthdata Login; give True for that of your login, or the text of one")
    if not is_trusted(url, CMR):
        raise AuthError(f"a token is sent to hosts of earthdata.nasa.gov alone, not to {url}", href=url)
    credentials = find_credentials(token.strip() if isinstance(token, str) else None)
    if credentials is None:
        raise AuthError(
            "a token was asked for, but there is no login; set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and "
            f"EARTHDATA_PASSWORD, or add {LOGIN_HOST} to the netrc file"
        )
    # Asked for the data host that every login knows: CMR itself is public, and gets none by itself.
    session.headers.update(EarthdataAuth(credentials).headers("https://data.nsidc.earthdatacloud.nasa.gov/"))
    return session


def cmr_url() -> str:
    """Return the address of CMR: ``STACASTER_CMR_URL``, or the operational one."""
    return os.environ.get("STACASTER_CMR_URL", "https://cmr.earthdata.nasa.gov")
