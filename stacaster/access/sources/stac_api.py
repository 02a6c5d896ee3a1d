"""STAC APIs (Planetary Computer, Earth Search, CMR-STAC and others) through pystac-client."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacaster.access.sources.extent import outside_of_extent
from stacaster.access.sources.umm import file_name
from stacaster.errors import SearchError, UsageError
from stacaster.formats.metadata.umm import parse_time
from stacaster.model import FileRole, Granule, GranuleFile, Query
from stacaster.network.http import RETRIED, TIMEOUT, RetryPolicy, new_session

SERVICES = {
    "planetary-computer": "https://planetarycomputer.microsoft.com/api/stac/v1",
    "earth-search": "https://earth-search.aws.element84.com/v1",
}
"""Addresses by name."""

COLLECTIONS = {"planetary-computer": {"AST_L1T": "aster-l1t"}}
"""What a service calls the products that have another name at NASA."""

_LOG = logging.getLogger(__name__)
_PAGE_SIZE = 250
_NUMBERLESS = re.compile(r"AST_L1T_\d{17}_\d{14}")


def search(query: Query, *, url: str, limit: int | None = None, policy: RetryPolicy | None = None) -> Iterator[Granule]:
    """Yield granules of a STAC API, a page at a time.

    Args:
        query: What to find; ``collection``, or else ``product``, is the collection of the API.
        url: Address of the API, or a name of ``SERVICES``.
        limit: How many will be used, for the size of the pages.
        policy: Number of attempts for each request.

    Raises:
        UsageError: The query has no collection.
        SearchError: The service refuses or does not answer.
    """
    import pystac_client
    import requests
    from pystac_client.exceptions import APIError

    product = query.product and COLLECTIONS.get(url, {}).get(query.product.upper(), query.product)
    collection = query.collection or product
    if collection is None:
        raise UsageError("a STAC API needs a collection, such as aster-l1t")
    address = SERVICES.get(url, url)
    arguments = _arguments(query, collection) | {"limit": _PAGE_SIZE if limit is None else min(_PAGE_SIZE, limit)}
    try:
        client = pystac_client.Client.open(address, stac_io=_reader(policy or RetryPolicy()))
        count = 0
        for document in client.search(**arguments).items_as_dicts():
            count += 1
            yield item_to_granule(document, source="stac")
        if not count:
            _say_why_nothing(client, collection, query)
    except (APIError, requests.RequestException) as error:
        raise SearchError(f"the STAC API at {address} failed: {str(error)[:300]}", href=address) from error


def _say_why_nothing(client: Any, collection: str, query: Query) -> None:
    """Warn when the question lies outside of what the collection holds at all."""
    from pystac_client.exceptions import APIError

    try:
        extent = client.get_collection(collection).extent.to_dict()
    except (APIError, KeyError, ValueError, AttributeError) as error:
        _LOG.debug("no extent of %s: %s", collection, type(error).__name__)
        return
    for text in outside_of_extent(extent, query):
        _LOG.warning("%s: %s", collection, text)


def _reader(policy: RetryPolicy) -> Any:
    """Return a reader that retries POST too, which pystac-client's default does not, and that uses no netrc file."""
    from pystac_client.stac_api_io import StacApiIO
    from urllib3.util.retry import Retry

    retry = Retry(
        total=policy.attempts - 1,
        backoff_factor=1,
        status_forcelist=sorted(RETRIED),
        allowed_methods=None,
        respect_retry_after_header=True,
    )
    reader = StacApiIO(max_retries=retry, timeout=TIMEOUT)
    ours = new_session()
    fixed = {"proxies": ours.proxies, "verify": ours.verify, "stream": False, "cert": None}
    # Without trust_env no netrc entry goes out, also not after a redirect; pystac-client asks for the rest here.
    session: Any = reader.session
    session.trust_env = False
    session.merge_environment_settings = lambda *_, **__: dict(fixed)
    return reader


def _arguments(query: Query, collection: str) -> dict[str, Any]:
    found: dict[str, Any] = {"collections": [collection], "method": "POST"}
    if query.bbox is not None:
        found["bbox"] = query.bbox
    if query.intersects is not None:
        found |= {"intersects": query.intersects, "bbox": None}
    if query.datetime is not None:
        found["datetime"] = tuple(query.datetime)
    if query.ids:
        found["ids"] = list(query.ids)
    asked: dict[str, Any] = {}
    if query.cloud_cover is not None:
        low, high = query.cloud_cover
        limits = {"gte": low, "lte": high}
        asked["eo:cloud_cover"] = {key: value for key, value in limits.items() if value is not None}
    if query.direction is not None:
        asked["sat:orbit_state"] = {"eq": query.direction}
    if query.path is not None:
        asked["sat:relative_orbit"] = {"gte": query.path[0], "lte": query.path[1]}
    return found | ({"query": asked} if asked else {})


def item_to_granule(item: Mapping[str, Any], *, source: str) -> Granule:
    """Return a STAC item as a granule.

    Raises:
        SearchError: The item has no id or time.
    """
    try:
        properties = item["properties"]
        start = parse_time(properties.get("start_datetime") or properties["datetime"])
        end = parse_time(properties.get("end_datetime") or properties["datetime"])
        name = _granule_name(str(item["id"]), properties)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SearchError(f"an entry of the answer is no STAC item with id and time: {error!r}") from error
    cloud = properties.get("eo:cloud_cover")
    return Granule(
        id=name,
        source=source,
        product=str(item.get("collection") or ""),
        version=str(properties.get("version") or ""),
        collection=str(item.get("collection") or ""),
        geometry=item.get("geometry"),
        start=start,
        end=end,
        files=tuple(_file(asset) for asset in item.get("assets", {}).values()),
        record=next((link["href"] for link in item.get("links", ()) if link.get("rel") == "self"), name),
        produced=_optional_time(properties.get("created")),
        cloud_cover=None if cloud is None else float(cloud),
        day_night=properties.get("aster:day_night"),
        orbit=properties.get("sat:absolute_orbit"),
        path=properties.get("sat:relative_orbit"),
        frame=properties.get("nisar:frame", properties.get("s1:frame")),
        direction=properties.get("sat:orbit_state"),
        polarizations=tuple(properties.get("sar:polarizations") or ()),
        attributes={key: value for key, value in properties.items() if isinstance(value, (str, int, float))},
    )


def _granule_name(name: str, properties: Mapping[str, Any]) -> str:
    """Return the producer's name; the Planetary Computer leaves the processing number of ASTER granules out of ids."""
    number = properties.get("aster:processing_number")
    return f"{name}_{number}" if number is not None and _NUMBERLESS.fullmatch(name) else name


def _optional_time(text: Any) -> dt.datetime | None:
    try:
        return None if text is None else parse_time(str(text))
    except ValueError:
        return None


def _file(asset: Mapping[str, Any]) -> GranuleFile:
    roles = set(asset.get("roles") or ())
    role: FileRole = "data" if "data" in roles else "metadata"
    if roles & {"thumbnail", "overview"}:
        role = "browse"
    checksum = asset.get("file:checksum")
    is_sha256 = isinstance(checksum, str) and checksum.startswith("1220") and len(checksum) == 68
    return GranuleFile(
        name=file_name(asset["href"]),
        href=asset["href"],
        size=asset.get("file:size"),
        checksum_kind="SHA-256" if is_sha256 else None,
        checksum=str(checksum)[4:] if is_sha256 else None,
        role=role,
    )
