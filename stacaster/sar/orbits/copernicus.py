"""The catalogue of the Copernicus Data Space (OData): searched by validity, read with an account."""

from __future__ import annotations

import datetime as dt
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.access.fetch import TransferRules
from stacaster.errors import AuthError, SearchError
from stacaster.formats.metadata.eof import parse_name
from stacaster.model import GranuleFile
from stacaster.network.auth import netrc_entry
from stacaster.network.hosts import is_trusted
from stacaster.network.http import SHORT_PATIENCE, RetryPolicy, error_text, new_session, request
from stacaster.sar.orbits import FoundOrbit
from stacaster.sar.transfers import fetch_file

if TYPE_CHECKING:
    from requests.cookies import RequestsCookieJar

CATALOGUE = "https://catalogue.dataspace.copernicus.eu/odata/v1/Products"
"""Where products are searched."""

DOWNLOAD = "https://download.dataspace.copernicus.eu/odata/v1/Products"
"""Where they are downloaded."""

LOGIN = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token"
"""Where a token is given out; passwords go to it alone."""

HOW_TO = (
    "set CDSE_TOKEN, or CDSE_USERNAME and CDSE_PASSWORD, or put a line for 'machine dataspace.copernicus.eu' into "
    "~/.netrc; an account is free at https://dataspace.copernicus.eu"
)
"""What to do without credentials."""

_TRUSTED = (".dataspace.copernicus.eu",)
_FEW = 50


def open_place(policy: RetryPolicy | None) -> CopernicusOrbits:
    """Return the place."""
    return CopernicusOrbits(policy)


class CopernicusOrbits:
    """The catalogue.

    Args:
        policy: Attempts and time of each question.
    """

    def __init__(self, policy: RetryPolicy | None) -> None:
        self._policy, self._auth = policy, CopernicusAuth()
        self._session = new_session()

    def find(self, mission: str, kind: str, start: dt.datetime, end: dt.datetime) -> list[FoundOrbit]:
        """Return the files that cover an interval; see ``Place``."""
        clauses = (
            "Collection/Name eq 'SENTINEL-1'", f"startswith(Name,'{mission}_OPER_AUX_{kind}_OPOD_')",
            f"ContentDate/Start le {start:%Y-%m-%dT%H:%M:%S}.000Z", f"ContentDate/End ge {end:%Y-%m-%dT%H:%M:%S}.000Z",
        )  # fmt: skip
        what = "the catalogue of the Copernicus Data Space"
        answer = request(
            self._session, "GET", CATALOGUE, what=what, policy=self._policy, allow_redirects=False,
            params={"$filter": " and ".join(clauses), "$top": str(_FEW)},
        )  # fmt: skip
        try:
            return [found for row in answer.json()["value"] if (found := _found(row)) is not None]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SearchError(f"{what} did not answer with a list of products ({type(error).__name__})") from error

    def fetch(self, found: FoundOrbit, target: Path, rules: TransferRules | None) -> None:
        """Download a file; see ``Place``."""
        if not self._auth.is_known:
            raise AuthError(f"{found.orbit.name} needs an account of the Copernicus Data Space; {HOW_TO}")
        fetch_file(found.file, target, auth=self._auth, rules=rules)


def _found(row: Any) -> FoundOrbit | None:
    orbit = parse_name(str(row["Name"]))
    if orbit is None:
        return None
    sums = {str(entry.get("Algorithm")): str(entry.get("Value")) for entry in row.get("Checksum") or ()}
    kind = next((name for name in ("MD5", "SHA-256") if name in sums), None)
    file = GranuleFile(
        name=orbit.name, href=f"{DOWNLOAD}({row['Id']})/$value", checksum_kind=kind,
        size=int(row["ContentLength"]) if row.get("ContentLength") else None,
        checksum=None if kind is None else sums[kind],
    )  # fmt: skip
    return FoundOrbit(orbit, file)


class CopernicusAuth:
    """Gives out the bearer token of the Copernicus Data Space, to its own hosts alone; see ``EarthdataAuth``."""

    def __init__(self) -> None:
        from requests.cookies import RequestsCookieJar

        self._token = os.environ.get("CDSE_TOKEN")
        self._pair = None if self._token else _pair()
        self._lock = threading.Lock()
        self.cookies: RequestsCookieJar = RequestsCookieJar()

    def __repr__(self) -> str:
        return f"<CopernicusAuth: credentials {'known' if self.is_known else 'not known'}>"

    @property
    def is_known(self) -> bool:
        """Whether there are credentials."""
        return self._token is not None or self._pair is not None

    @property
    def origin(self) -> str | None:
        """Where the credentials were found."""
        return "the environment or ~/.netrc" if self.is_known else None

    def headers(self, url: str) -> dict[str, str]:
        """Return the header for an address; nothing for other hosts.

        Raises:
            AuthError: The login refuses the user name and password.
        """
        if not self.is_known or not is_trusted(url, _TRUSTED):
            return {}
        with self._lock:
            if self._token is None:
                self._token = self._login()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self, used: str | None) -> bool:
        """Get a new token after one was refused; False when there is no way to one."""
        if self._pair is None:
            return False
        with self._lock:
            if used == f"Bearer {self._token}":
                self._token = self._login()
        return True

    def _login(self) -> str:
        assert self._pair is not None
        form = {
            "grant_type": "password",
            "client_id": "cdse-public",
            "username": self._pair[0],
            "password": self._pair[1],
        }
        answer = request(
            new_session(), "POST", LOGIN, what="the login of the Copernicus Data Space", policy=SHORT_PATIENCE,
            error=AuthError, passed=(301, 302, 303, 307, 308, 400, 401, 403, 404), data=form, allow_redirects=False,
        )  # fmt: skip
        if answer.status_code != 200:
            text = f"the login of the Copernicus Data Space refused the credentials ({error_text(answer)})"
            raise AuthError(f"{text}; {HOW_TO}")
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise AuthError("the login of the Copernicus Data Space answered without a token") from None


def _pair() -> tuple[str, str] | None:
    user, password = os.environ.get("CDSE_USERNAME"), os.environ.get("CDSE_PASSWORD")
    if user and password:
        return user, password
    entry = netrc_entry("dataspace.copernicus.eu", "identity.dataspace.copernicus.eu")
    return None if entry is None else entry[1:]
