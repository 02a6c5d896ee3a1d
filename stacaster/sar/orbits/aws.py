"""The public bucket ``s1-orbits`` at Amazon: listed by the beginning of names, read without a login."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from stacaster.access.fetch import TransferRules
from stacaster.formats.metadata.eof import parse_name
from stacaster.model import GranuleFile
from stacaster.network.http import RetryPolicy
from stacaster.sar.buckets import PublicBucket
from stacaster.sar.orbits import FoundOrbit
from stacaster.sar.transfers import fetch_file

BUCKET = "s1-orbits"
"""Name of the bucket."""

# Restituted orbits are made within hours, and there are thousands: only those of these days are listed.
_DAYS = 3


def open_place(policy: RetryPolicy | None) -> AwsOrbits:
    """Return the place."""
    return AwsOrbits(policy)


class AwsOrbits:
    """The bucket; lists are kept for the run.

    Args:
        policy: Attempts and time of each question.
    """

    def __init__(self, policy: RetryPolicy | None) -> None:
        self._bucket = PublicBucket(BUCKET, policy=policy)
        self._lists: dict[str, tuple[str, list[FoundOrbit]]] = {}

    def find(self, mission: str, kind: str, start: dt.datetime, end: dt.datetime) -> list[FoundOrbit]:
        """Return the files that may cover an interval; see ``Place``."""
        stem = f"AUX_{kind}/{mission}_OPER_AUX_{kind}_OPOD_"
        if kind == "POEORB":
            # Precise orbits may be made anew years later: all that were made since are looked at.
            return self._listed(stem, after=f"{stem}{start:%Y%m%d}")
        days = [end + dt.timedelta(days=number) for number in range(_DAYS)]
        return [found for day in days for found in self._listed(f"{stem}{day:%Y%m%d}")]

    def fetch(self, found: FoundOrbit, target: Path, rules: TransferRules | None) -> None:
        """Download a file; see ``Place``."""
        fetch_file(found.file, target, rules=rules)

    def _listed(self, prefix: str, after: str = "") -> list[FoundOrbit]:
        known = self._lists.get(prefix)
        if known is None or known[0] > after:
            orbits = (
                (key, size, parse_name(key.rpartition("/")[2])) for key, size in self._bucket.sizes(prefix, after=after)
            )
            rows = [
                FoundOrbit(orbit, GranuleFile(name=orbit.name, href=self._bucket.address(key), size=size))
                for key, size, orbit in orbits
                if orbit is not None
            ]
            known = self._lists[prefix] = (after, rows)
        return known[1]
