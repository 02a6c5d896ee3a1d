"""Find granules: the same question to CMR, to a STAC API or to a catalog on disk."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

from stacaster.access.conditions import build_query
from stacaster.access.search.filters import fits, touching
from stacaster.access.search.result import GranuleSearch
from stacaster.analysis.stacks import Selection, choose, parse_selection
from stacaster.errors import UsageError, nearest
from stacaster.geo.areas import box_geometry
from stacaster.instruments.versions import newest_only
from stacaster.model import Granule, Query
from stacaster.model.checked import checked
from stacaster.model.granule_options import SearchOptions
from stacaster.model.names import Names, as_names, check_known, one_of
from stacaster.model.values import plain_word, read_count
from stacaster.network.http import RetryPolicy

_CHOICE = ("latest", "earliest", "min_count", "max_count", "drop_above", "min_coverage")


@checked
def search(product: Names | None = None, **conditions: Unpack[SearchOptions]) -> GranuleSearch:
    """Find granules and return all of them.

    Args:
        product: Short name such as ``AST_L1T``, or several; at a STAC API or catalog the collection.
        **conditions: ``source`` (``cmr``, ``asf``: radar at the Alaska Satellite Facility, ``planetary-computer``,
            ``earth-search``, address of a STAC API, or folder of a catalog), ``limit`` (largest number of granules;
            ``max_items`` is another name), ``all_versions`` (keep older versions of a scene beside the newest);
            ``version``, ``collection``, ``provider``, ``region``, ``bbox``, ``intersects``, ``datetime``, ``start``,
            ``end``, ``months``, ``cloud_cover_max``, ``day_night``, ``orbit``, ``path``, ``frame``, ``direction``,
            ``polarization``, ``name``, ``attributes``, ``ids``; see ``build_query``. What is kept of the result:
            ``group_by`` (``path,frame``), ``latest``, ``earliest``, ``min_count``, ``max_count``, ``min_coverage``; see
            ``stacks.parse_selection``.

    Raises:
        UsageError: A condition cannot be understood, or the service cannot be asked so.
        SearchError: The service refuses or does not answer.

    Example:
        >>> scenes = stacaster.search(
        ...     "aster-l1t-003", source="catalogs/demo", bbox=(138.4, -31.2, 138.7, -30.8), datetime="2003"
        ... )
        >>> len(scenes)
        2
    """
    queries, rules, service = _split(product, conditions)
    found = _merged(queries, rules, **service)
    return GranuleSearch(tuple(found), area_of(queries[0]), rules.group_by)


@checked
def iter_granules(product: Names | None = None, **conditions: Unpack[SearchOptions]) -> Iterator[Granule]:
    """Yield granules one by one, ordered by time; arguments as in ``search``.

    Memory is constant, except that ``group_by`` and ``min_count`` have to see all before the first can be given.
    """
    queries, rules, service = _split(product, conditions)
    return _merged(queries, rules, **service)


def _split(product: Names | None, conditions: Mapping[str, Any]) -> tuple[list[Query], Selection, dict[str, Any]]:
    """Return what is asked, what is kept of the answers, and how the service is asked."""
    check_known("search", conditions, SearchOptions)
    given = dict(conditions)
    keys = as_names(one_of(given, "group_by", "stack_by", "groupby"), "group_by")
    rules = parse_selection(group_by=keys, **{key: given.pop(key, None) for key in _CHOICE})
    limit = one_of(given, "limit", "max_items")
    service = {
        "source": given.pop("source", None) or "cmr",
        "limit": None if limit is None else read_count("limit", limit),
        "all_versions": bool(given.pop("all_versions", False)),
        "policy": given.pop("policy", None),
        "token": given.pop("token", None),
    }
    return _queries(product, given), rules, service


def _queries(product: Names | None, conditions: Mapping[str, Any]) -> list[Query]:
    """Return one question for each product."""
    if product is not None and not product:
        raise UsageError("product is empty, but a short name such as AST_L1T is needed")
    names: Sequence[str | None] = [None] if product is None else as_names(product, "product") or [None]
    return [build_query(name, **conditions) for name in names]


def _merged(queries: Sequence[Query], rules: Selection, *, limit: int | None, **service: Any) -> Iterator[Granule]:
    """Yield what fits any of the questions, ordered by time."""
    if len(queries) == 1:
        return _found(queries[0], rules, limit=limit, **service)
    results = [_found(query, rules, limit=limit, **service) for query in queries]
    return islice(heapq.merge(*results, key=lambda granule: granule.start), limit)


def _with_collections(query: Query) -> Query:
    """Return the question with the collections that a catalog of ours has for a short name such as ``AST_L1T``."""
    from stacaster.products import all_products

    wanted = (query.product or "").lower()
    names = [p.collection_id for p in all_products().values() if wanted in (p.short_name.lower(), p.name)]
    return replace(query, short_names=tuple(names)) if names and query.collection is None else query


def area_of(query: Query) -> Mapping[str, Any] | None:
    """Return the area of a question as GeoJSON."""
    return query.intersects if query.bbox is None else box_geometry(query.bbox)


def _found(
    query: Query,
    rules: Selection,
    *,
    source: str | os.PathLike[str],
    limit: int | None,
    all_versions: bool,
    policy: RetryPolicy | None,
    token: bool | str | None,
) -> Iterator[Granule]:
    found = _ask(query, source=source, limit=limit if rules.is_empty else None, policy=policy, token=token)
    found = (granule for granule in found if fits(granule, query))
    if query.intersects is not None:
        found = touching(found, query.intersects)
    if not all_versions:
        found = newest_only(found)
    return islice(choose(found, rules, area_of(query)), limit)


def _ask(
    query: Query,
    *,
    source: str | os.PathLike[str],
    limit: int | None,
    policy: RetryPolicy | None,
    token: bool | str | None,
) -> Iterator[Granule]:
    from stacaster.access.sources import asf, cmr, stac_api

    if not isinstance(source, str):
        source = os.fspath(source if isinstance(source, os.PathLike) else getattr(source, "root", source))
    names = {plain_word(name): name for name in ("cmr", "asf", *stac_api.SERVICES)}
    source = names.get(plain_word(source), source)
    if source == "asf" or (source == "cmr" and asf.knows(query)):
        return asf.search(query, limit=limit, policy=policy, token=token)
    if source == "cmr":
        return cmr.search(query, limit=limit, policy=policy, token=token)
    if source in stac_api.SERVICES or source.startswith(("https://", "http://")):
        return stac_api.search(query, url=source, limit=limit, policy=policy)
    folder = Path(source).parent if Path(source).name == "catalog.json" else Path(source)
    if folder.is_dir():
        from stacaster.access.sources import local

        return local.search(_with_collections(query), root=folder)
    raise UsageError(
        f"source is {source!r}, but a service, the address of a STAC API or the folder of a catalog is needed; "
        f"{nearest(source, names.values())}"
    )
