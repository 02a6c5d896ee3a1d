"""The server of the Alaska Satellite Facility: pages with all names, files behind Earthdata Login."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from stacaster.access.fetch import TransferRules
from stacaster.errors import SearchError
from stacaster.formats.metadata.eof import parse_name
from stacaster.model import GranuleFile
from stacaster.network.auth import EarthdataAuth, find_credentials
from stacaster.network.http import RetryPolicy, new_session, request
from stacaster.sar.orbits import FoundOrbit
from stacaster.sar.transfers import fetch_file

BASE = "https://s1qc.asf.alaska.edu"
"""The server; ``aux_poeorb/`` and ``aux_resorb/`` hold the files."""

_LINK = re.compile(r'href="(?:[^"]*/)?(S1[A-D]_OPER_AUX_(?:POE|RES)ORB_OPOD_\w+\.EOF)"')


def open_place(policy: RetryPolicy | None) -> AsfOrbits:
    """Return the place."""
    return AsfOrbits(policy)


class AsfOrbits:
    """The server; pages are kept for the run.

    Args:
        policy: Attempts and time of each question.
    """

    def __init__(self, policy: RetryPolicy | None) -> None:
        self._policy, self._session = policy, new_session()
        self._pages: dict[str, list[FoundOrbit]] = {}

    def find(self, mission: str, kind: str, start: dt.datetime, end: dt.datetime) -> list[FoundOrbit]:
        """Return the files that cover an interval; see ``Place``."""
        listed = self._pages[kind] if kind in self._pages else self._pages.setdefault(kind, self._page(kind))
        return [found for found in listed if found.orbit.mission == mission and found.orbit.covers(start, end)]

    def fetch(self, found: FoundOrbit, target: Path, rules: TransferRules | None) -> None:
        """Download a file; see ``Place``."""
        fetch_file(found.file, target, auth=EarthdataAuth(find_credentials()), rules=rules)

    def _page(self, kind: str) -> list[FoundOrbit]:
        url = f"{BASE}/aux_{kind.lower()}/"
        what = f"the list of {kind} files at ASF"
        answer = request(self._session, "GET", url, what=what, policy=self._policy, allow_redirects=False)
        names = dict.fromkeys(_LINK.findall(answer.text))
        if answer.status_code != 200 or not names:
            raise SearchError(f"{what} names no orbit file (status {answer.status_code})", href=url)
        found = []
        for name in names:
            orbit = parse_name(name)
            if orbit is not None:
                found.append(FoundOrbit(orbit, GranuleFile(name=name, href=url + name)))
        return found
