"""Find collections: what an archive holds, by words, provider, and whether it lies in the cloud."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacaster.access.sources import cmr_collections
from stacaster.errors import UsageError
from stacaster.formats.metadata.umm import parse_time
from stacaster.model.checked import checked
from stacaster.model.values import read_count
from stacaster.network.http import RetryPolicy


@dataclass(frozen=True, kw_only=True)
class CollectionRecord:
    """One collection of an archive."""

    id: str
    """Concept id: what ``collection`` of a search takes."""
    short_name: str
    """Short name: the product of a search."""
    version: str
    """Version, ``006``."""
    title: str
    """Title."""
    abstract: str
    """What it holds."""
    provider: str
    """Provider at CMR, ``NSIDC_CPRD``."""
    cloud_hosted: bool
    """Whether its files lie in a bucket."""
    granules: int | None
    """Number of granules, where it is stated."""
    doi: str | None
    """Digital object identifier."""
    start: dt.datetime | None
    """First moment."""
    end: dt.datetime | None
    """Last moment; None while it grows."""
    credentials_href: str | None
    """Where temporary S3 credentials for its buckets are given out."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        times = {name: None if value is None else value.isoformat() for name, value in
                 (("start", self.start), ("end", self.end))}  # fmt: skip
        return {**vars(self), **times}


@checked
def find_collections(  # noqa: PLR0913 - as many as a user can choose
    word: str | None = None,
    *,
    short_name: str | None = None,
    version: str | None = None,
    provider: str | None = None,
    doi: str | None = None,
    cloud_hosted: bool | None = None,
    limit: int | None = 100,
    token: bool | str | None = None,
    policy: RetryPolicy | None = None,
) -> list[CollectionRecord]:
    """Find collections at CMR.

    Args:
        word: Words that title, abstract, short name, platform or instrument have; ``*`` and ``?`` are wildcards.
        short_name: Short name, with ``*`` and ``?``.
        version: Version.
        provider: Provider, ``NSIDC_CPRD`` or ``LPCLOUD``.
        doi: Digital object identifier.
        cloud_hosted: Only those in a bucket (True), or only others (False).
        limit: Largest number; None for all.
        token: True sends the token of the login, so that restricted collections are found, too; or a token.
        policy: Attempts and time of each question.

    Returns:
        Collections in CMR's order.

    Raises:
        UsageError: Nothing says what is meant, or an argument cannot be understood.
        AuthError: A token was asked for, and there is none.
        SearchError: CMR refuses or does not answer.
    """
    conditions: dict[str, str | None] = {"keyword": word, "short_name": short_name, "version": version,
                                         "provider": provider, "doi": doi}  # fmt: skip
    for name, value in conditions.items():
        if value is not None and (not isinstance(value, str) or not value.strip()):
            shown = "word" if name == "keyword" else name
            raise UsageError(f"{shown} is {value!r}, but a text is needed")
    if cloud_hosted is not None and not isinstance(cloud_hosted, bool):
        raise UsageError(f"cloud_hosted is {cloud_hosted!r}, but True or False is needed")
    known = {key: value.strip() for key, value in conditions.items() if value is not None}
    if not known:
        raise UsageError("say which collections: a word, short_name, provider or doi")
    if cloud_hosted is not None:
        known["cloud_hosted"] = str(cloud_hosted).lower()
    most = None if limit is None else read_count("limit", limit)
    entries = cmr_collections.collections(known, limit=most, token=token, policy=policy)
    return list(_records(entries))


def _records(entries: Iterator[Mapping[str, Any]]) -> Iterator[CollectionRecord]:
    for entry in entries:
        meta, umm = entry.get("meta", {}), entry.get("umm", {})
        direct = umm.get("DirectDistributionInformation") or {}
        start, end = _span(umm)
        yield CollectionRecord(
            id=str(meta.get("concept-id", "")),
            short_name=str(umm.get("ShortName", "")),
            version=str(umm.get("Version", "")),
            title=str(umm.get("EntryTitle", "")),
            abstract=str(umm.get("Abstract", "")),
            provider=str(meta.get("provider-id", "")),
            cloud_hosted=bool(direct),
            granules=meta.get("granule-count"),
            doi=(umm.get("DOI") or {}).get("DOI"),
            start=start,
            end=end,
            credentials_href=direct.get("S3CredentialsAPIEndpoint"),
        )


def _span(umm: Mapping[str, Any]) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return first and last moment of all times that a record states."""
    ranges = [row for extent in umm.get("TemporalExtents") or () for row in extent.get("RangeDateTimes") or ()]
    singles = [text for extent in umm.get("TemporalExtents") or () for text in extent.get("SingleDateTimes") or ()]
    starts = [parse_time(text) for text in (*(row.get("BeginningDateTime") for row in ranges), *singles) if text]
    ends = [row.get("EndingDateTime") for row in ranges]
    if not starts:
        return None, None
    if not all(ends):
        return min(starts), None
    return min(starts), max(parse_time(text) for text in (*ends, *singles) if text)
