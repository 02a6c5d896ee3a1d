"""NASA's Common Metadata Repository: granules by ``granules.umm_json``, a page at a time.

Source: CMR Search API documentation (paging by ``CMR-Search-After``, parameters, headers).
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from stacaster.access.sources.cmr_login import cmr_session
from stacaster.access.sources.extent import outside_of_extent
from stacaster.access.sources.umm import parse_umm
from stacaster.errors import SearchError, UsageError
from stacaster.geo.areas import outer_rings
from stacaster.model import Granule, Query
from stacaster.network.http import RetryPolicy, new_session, request

if TYPE_CHECKING:
    import requests

BASE_URL = "https://cmr.earthdata.nasa.gov"
"""The operational CMR; ``STACASTER_CMR_URL`` names another."""

_LOG = logging.getLogger(__name__)
_UMM_VERSION = "1_6_6"
_PAGE_SIZE = 2000
_SMALLEST_PAGE = 10
_LONGEST_QUERY = 6000
_REMEMBERED = 3 * _PAGE_SIZE
_CONCEPT = re.compile(r"C\d+-\w+")
Parameters = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class _Page:
    items: list[Mapping[str, Any]]
    hits: int
    after: str | None
    is_partial: bool


def search(
    query: Query,
    *,
    limit: int | None = None,
    session: requests.Session | None = None,
    policy: RetryPolicy | None = None,
    token: bool | str | None = None,
) -> Iterator[Granule]:
    """Yield granules in order of their first moment; memory holds one page.

    Public metadata need no login, and an expired token would make CMR refuse; so none is sent unless asked for.

    Args:
        query: What to find; it must name product, collection or provider.
        limit: How many will be used, for the size of the pages.
        session: From ``http.new_session``.
        policy: Attempts and time for each page.
        token: True sends the token of the login, for restricted collections; or a token.

    Raises:
        UsageError: The query lacks what CMR needs.
        AuthError: A token was asked for, and there is none.
        SearchError: CMR refuses or does not answer, or gave only part of the results.
    """
    parameters = cmr_parameters(query)
    opened = session or cmr_session(token, url=os.environ.get("STACASTER_CMR_URL", BASE_URL))
    after: str | None = None
    size = _PAGE_SIZE if limit is None else max(_SMALLEST_PAGE, min(_PAGE_SIZE, limit))
    seen: set[str] = set()
    recent: deque[str] = deque()
    count, hits = 0, None
    while True:
        page, size = _whole_page(opened, parameters, after, size, policy)
        hits = page.hits if hits is None else hits
        for entry in page.items:
            meta = entry.get("meta", {})
            key = f"{meta.get('concept-id')}:{meta.get('revision-id')}"
            if key in seen:
                continue
            seen.add(key)
            recent.append(key)
            if len(recent) > _REMEMBERED:
                seen.discard(recent.popleft())
            count += 1
            yield parse_umm(entry, product=query.product or "")
        if page.after is None:
            break
        if page.after == after:
            raise SearchError("CMR gives the same page again and again; try again later", href=BASE_URL)
        after = page.after
    if not hits:
        _say_why_nothing(opened, query)
    if count != hits:
        _LOG.warning(
            "CMR announced %s granules and gave %s; the archive changed meanwhile, or pages were lost", hits, count
        )


def _say_why_nothing(session: requests.Session, query: Query) -> None:
    """Warn when there is no such product, or the question lies outside of what the collection holds at all."""
    names = {"short_name": query.product, "version": query.version, "provider": query.provider,
             "concept_id": query.collection}  # fmt: skip
    asked = {key: value for key, value in names.items() if value is not None} | {"page_size": "10"}
    url = f"{os.environ.get('STACASTER_CMR_URL', BASE_URL)}/search/collections.json"
    try:
        answer = request(session, "GET", url, what="CMR", policy=RetryPolicy(attempts=1), params=asked)
        entries = answer.json()["feed"]["entry"]
    except (SearchError, ValueError, KeyError, TypeError) as error:
        _LOG.debug("no collections: %s", type(error).__name__)
        return
    what = " ".join(value for key, value in asked.items() if key != "page_size")
    if not entries and not query.short_names and not query.platforms:
        _LOG.warning("CMR has no collection %s; names are written like AST_L1T", what)
    if len(entries) == 1:
        span = [entries[0].get("time_start"), entries[0].get("time_end")]
        for text in outside_of_extent({"temporal": {"interval": [span]}}, query):
            _LOG.warning("%s: %s", what, text)


def _whole_page(
    session: requests.Session, parameters: Parameters, after: str | None, size: int, policy: RetryPolicy | None
) -> tuple[_Page, int]:
    """Return a page that CMR had time to make whole, and the page size that worked."""
    while True:
        page = _page(session, parameters, after, size, policy)
        if not page.is_partial:
            return page, size
        if size <= _SMALLEST_PAGE:
            text = "CMR ran out of time and gave only part of the results; ask for a smaller area or time range"
            raise SearchError(text, href=BASE_URL)
        size = max(_SMALLEST_PAGE, size // 8)


def _page(
    session: requests.Session, parameters: Parameters, after: str | None, size: int, policy: RetryPolicy | None
) -> _Page:
    url = f"{os.environ.get('STACASTER_CMR_URL', BASE_URL)}/search/granules.umm_json_v{_UMM_VERSION}"
    pairs = [*parameters, ("page_size", str(size))]
    headers = {} if after is None else {"CMR-Search-After": after}
    if len(urlencode(pairs)) > _LONGEST_QUERY:
        answer = request(session, "POST", url, what="CMR", policy=policy, data=pairs, headers=headers)
    else:
        answer = request(session, "GET", url, what="CMR", policy=policy, params=pairs, headers=headers)
    try:
        body = answer.json()
        items, hits = list(body["items"]), int(answer.headers.get("CMR-Hits", body["hits"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SearchError(f"CMR answered with something that is no list of granules: {error!r}", href=url) from error
    marks = (answer.headers.get("CMR-Timed-Out"), answer.headers.get("CMR-Time-Out"))
    is_partial = any(str(mark).lower() == "true" for mark in marks)
    return _Page(items=items, hits=hits, after=answer.headers.get("CMR-Search-After"), is_partial=is_partial)


def record_url(granule: Granule) -> str | None:
    """Return where CMR gives the UMM-G record of a granule; None when it is not one of CMR's."""
    concept, _, revision = granule.record.partition(":")
    if not re.fullmatch(r"G\d+-\w+", concept):
        return None
    base = os.environ.get("STACASTER_CMR_URL", BASE_URL)
    return f"{base}/search/concepts/{concept}{f'/{revision}' if revision else ''}.umm_json"


def fetch_record(granule: Granule, *, policy: RetryPolicy | None = None) -> dict[str, Any]:
    """Return the UMM-G record of a granule.

    Raises:
        SearchError: CMR does not answer, or has no such record.
    """
    url = record_url(granule)
    if url is None:
        raise SearchError(f"{granule.id} has no record at CMR", href=granule.record)
    answer = request(new_session(), "GET", url, what="CMR", policy=policy)
    try:
        body = answer.json()
    except ValueError as error:
        raise SearchError("CMR answered with something that is no record", href=url) from error
    if not isinstance(body, dict) or "GranuleUR" not in body:
        raise SearchError("CMR answered with something that is no UMM-G record", href=url)
    return body


def cmr_parameters(query: Query) -> Parameters:
    """Return a query as CMR's parameters.

    Raises:
        UsageError: The query names neither product, collection nor provider, or CMR cannot express it.
    """
    if not (query.product or query.collection or query.provider or query.short_names):
        raise UsageError("CMR needs a product, such as AST_L1T, a collection or a provider")
    found: Parameters = [("sort_key[]", "start_date"), ("sort_key[]", "granule_ur")]
    if query.collection is not None and not _CONCEPT.fullmatch(query.collection):
        raise UsageError(
            f"collection is {query.collection!r}, but CMR needs a concept id such as C1000000320-LPDAAC_ECS"
        )
    plain = {
        "short_name": None if query.short_names else query.product,
        "version": query.version,
        "collection_concept_id": query.collection,
        "provider": query.provider,
        "day_night_flag": query.day_night,
        "cloud_cover": None if query.cloud_cover is None else _range(*query.cloud_cover),
        "orbit_number": None if query.orbit is None else f"{query.orbit[0]},{query.orbit[1]}",
        "temporal[]": None if query.datetime is None else _span(*query.datetime),
        "bounding_box[]": None if query.bbox is None else _numbers(query.bbox),
    }
    found += [(key, value) for key, value in plain.items() if value is not None]
    found += [("short_name[]", name) for name in query.short_names]
    found += [("platform[]", name) for name in query.platforms]
    found += [] if query.instrument is None else [("instrument[]", query.instrument)]
    if query.intersects is not None:
        rings = outer_rings(query.intersects)
        found += [("polygon[]", _numbers([value for point in ring for value in point])) for ring in rings]
        found += [("options[polygon][or]", "true")] if len(rings) > 1 else []
    if query.name is not None:
        # Some providers list granules with the extension of their file.
        names = [query.name] if query.name.endswith("*") else [query.name, f"{query.name}.*"]
        found += [("readable_granule_name[]", name) for name in names]
        found.append(("options[readable_granule_name][pattern]", "true"))
    found += [("readable_granule_name[]", name) for name in query.ids]
    found += [("attribute[]", _attribute(name, value)) for name, value in sorted(query.attributes.items())]
    return found


def _numbers(values: Any) -> str:
    # CMR refuses exponents and bare points: 1e-05 is no number there.
    return ",".join(f"{value:.7f}" for value in values)


def _range(low: float | None, high: float | None) -> str:
    return ",".join("" if value is None else f"{value:g}" for value in (low, high))


def _span(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """Return a time range in whole seconds, as CMR wants them, that holds the one that was asked for."""
    if end is not None and end.microsecond:
        end = end.replace(microsecond=0) + dt.timedelta(seconds=1)
    return ",".join(
        "" if value is None else value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for value in (start, end)
    )


def _attribute(name: str, value: str) -> str:
    """Return ``type,NAME,value`` or ``type,NAME,low,high``; the type stands before a colon in the name."""
    kind, _, bare = name.rpartition(":")
    low, dots, high = value.partition("..")
    parts = [kind or "string", bare, low, *([high] if dots else [])]
    return ",".join(part.replace(",", "\\,") for part in parts)
