"""Find out what is wrong before it costs a night: whether the login works."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import os
from dataclasses import dataclass
from typing import Any, Literal

from stacaster.access.sources.cmr import BASE_URL
from stacaster.errors import AuthError, SearchError
from stacaster.model.checked import checked
from stacaster.network.auth import HOW_TO, LOGIN_HOST, Credentials, EarthdataAuth, find_credentials, netrc_problem
from stacaster.network.http import RetryPolicy, new_session, request

_PATIENCE = RetryPolicy(attempts=3, budget_s=30.0)
_SOON = dt.timedelta(days=3)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    status: Literal["ok", "warning", "error"]
    """How it is."""
    text: str
    """What was found, and what to do."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(vars(self))


@checked
def check_login(token: str | None = None) -> list[Finding]:
    """Look for Earthdata credentials and try them; no secret is ever part of the answer.

    A token is tried at CMR, which refuses bad ones; a user name with password at Earthdata Login.

    Args:
        token: Earthdata token; default is what ``auth.find_credentials`` finds.

    Returns:
        What was found, in the order in which it was looked at.
    """
    try:
        found = find_credentials(token)
    except AuthError as error:
        return [Finding("error", str(error))]
    if found is None:
        return [Finding("error", f"no credentials were found; {HOW_TO}")]
    findings = [Finding("ok", f"credentials come from {found.origin}")]
    problem = netrc_problem()
    if problem is not None and found.origin.endswith("netrc"):
        findings.append(Finding("warning", problem))
    both = os.environ.get("EARTHDATA_TOKEN") and os.environ.get("EARTHDATA_USERNAME")
    if both:
        findings.append(Finding("warning", "EARTHDATA_TOKEN is used, not EARTHDATA_USERNAME; unset one of them"))
    try:
        return [*findings, *_try(found)]
    except (AuthError, SearchError) as error:
        return [*findings, Finding("error", str(error))]


def _try(found: Credentials) -> list[Finding]:
    findings: list[Finding] = []
    if found.token is None:
        header = EarthdataAuth(found).headers(f"https://{LOGIN_HOST}/")["Authorization"]
        findings.append(Finding("ok", "Earthdata Login accepts user name and password"))
    else:
        header = f"Bearer {found.token}"
    expires = _expiry(header.removeprefix("Bearer "))
    now = dt.datetime.now(dt.UTC)
    if expires is not None and expires <= now:
        return [*findings, Finding("error", f"the token expired on {expires:%Y-%m-%d %H:%M} UTC; {HOW_TO}")]
    if expires is not None and expires - now < _SOON:
        findings.append(Finding("warning", f"the token expires on {expires:%Y-%m-%d %H:%M} UTC"))
    url = f"{os.environ.get('STACASTER_CMR_URL', BASE_URL)}/search/collections.json"
    answer = request(
        new_session(), "GET", url, what="CMR", policy=_PATIENCE, passed=(401, 403), params={"page_size": "0"},
        headers={"Authorization": header}, allow_redirects=False,
    )  # fmt: skip
    if answer.status_code in (401, 403):
        return [*findings, Finding("error", f"CMR refuses the token from {found.origin}; {HOW_TO}")]
    return [*findings, Finding("ok", "CMR accepts the token")]


def _expiry(token: str) -> dt.datetime | None:
    """Return when a token expires, if it says so; tokens of Earthdata Login are JSON Web Tokens (RFC 7519)."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return dt.datetime.fromtimestamp(int(claims["exp"]), dt.UTC)
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError):
        return None
