"""The catalogue of the Copernicus Data Space (OData): searched by validity, read with an account."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from stacaster.access.fetch import TransferRules
from stacaster.errors import AuthError, SearchError
from stacaster.formats.metadata.eof import parse_name
from stacaster.model import GranuleFile
from stacaster.network.auth import BearerAuth, Credentials, credentials_of
from stacaster.network.hosts import is_trusted
from stacaster.network.http import RetryPolicy, new_session, request
from stacaster.sar.orbits import FoundOrbit
from stacaster.sar.transfers import fetch_file

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

_NETRC_HOSTS = ("dataspace.copernicus.eu", "identity.dataspace.copernicus.eu")
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
        self._policy, self._auth = policy, CopernicusAuth(credentials_of("CDSE", *_NETRC_HOSTS))
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
        if self._auth.origin is None:
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


class CopernicusAuth(BearerAuth):
    """The bearer token of the Copernicus Data Space, for its own hosts alone."""

    def is_trusted(self, url: str) -> bool:
        """Tell whether the token may be sent to an address."""
        return is_trusted(url, _TRUSTED)

    def _login(self, credentials: Credentials) -> str:
        form = {
            "grant_type": "password",
            "client_id": "cdse-public",
            "username": credentials.username or "",
            "password": credentials.password or "",
        }
        what = "the login of the Copernicus Data Space"
        return self._token_of(LOGIN, credentials, what=what, how_to=HOW_TO, data=form)
