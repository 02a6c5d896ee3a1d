"""Collections of CMR by ``collections.umm_json``, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacaster.access.sources.cmr_login import cmr_session, cmr_url
from stacaster.errors import SearchError
from stacaster.network.http import RetryPolicy, request

_PAGE_SIZE = 200


def collections(
    conditions: Mapping[str, str], *, limit: int | None, token: bool | str | None, policy: RetryPolicy | None
) -> Iterator[Mapping[str, Any]]:
    """Yield records of collections as CMR gives them.

    Args:
        conditions: Parameters of CMR; short names may have wildcards.
        limit: Largest number.
        token: See ``cmr_session``.
        policy: Attempts and time of each page.

    Raises:
        AuthError: A token was asked for, and there is none.
        SearchError: CMR refuses or does not answer.
    """
    base = cmr_url()
    session = cmr_session(token, url=base)
    url = f"{base}/search/collections.umm_json"
    parameters = [*conditions.items(), ("page_size", str(min(_PAGE_SIZE, limit or _PAGE_SIZE)))]
    if any(letter in conditions.get("short_name", "") for letter in "*?"):
        parameters.append(("options[short_name][pattern]", "true"))
    after, count = None, 0
    while True:
        headers: dict[str, str] = {} if after is None else {"CMR-Search-After": after}
        answer = request(session, "GET", url, what="CMR", policy=policy, params=parameters, headers=headers)
        try:
            items = list(answer.json()["items"])
        except (ValueError, KeyError, TypeError) as error:
            raise SearchError("CMR answered with something that is no list of collections", href=url) from error
        for item in items:
            if limit is not None and count >= limit:
                return
            count += 1
            yield item
        following = answer.headers.get("CMR-Search-After")
        if following is None or following == after or (limit is not None and count >= limit):
            return
        after = following
