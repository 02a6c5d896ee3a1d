"""Conditions that are checked here, because not every service knows them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacaster.access.sources.umm import APPROXIMATE
from stacaster.instruments import icesat2
from stacaster.model import Granule, Query


def fits(granule: Granule, query: Query) -> bool:
    """Tell whether a granule fits the conditions that a service may not know or not do."""
    if query.datetime is not None:
        first, last = query.datetime
        if (first is not None and granule.end < first) or (last is not None and granule.start > last):
            return False
    if query.months and granule.start.month not in query.months:
        return False
    if query.name is not None and not fnmatch.fnmatchcase(granule.id, query.name):
        return False
    if query.cloud_cover is not None:
        low, high = query.cloud_cover
        cover = granule.cloud_cover
        if cover is None or (low is not None and cover < low) or (high is not None and cover > high):
            return False
    if query.day_night is not None and granule.day_night not in (query.day_night, "both"):
        return False
    is_there = all(_between(getattr(granule, name), getattr(query, name)) for name in ("orbit", "path", "frame"))
    return is_there and _flown(granule, query) and _of_tracks(granule, query)


def _of_tracks(granule: Granule, query: Query) -> bool:
    if not query.tracks and not query.cycles:
        return True
    named = icesat2.NAME.fullmatch(granule.id)
    return named is not None and all(
        not wanted or int(named[word]) in wanted for word, wanted in (("rgt", query.tracks), ("cycle", query.cycles))
    )


def _between(number: int | None, limits: tuple[int, int] | None) -> bool:
    return limits is None or (number is not None and limits[0] <= number <= limits[1])


def _flown(granule: Granule, query: Query) -> bool:
    if query.direction is not None and granule.direction != query.direction:
        return False
    wanted = set(re.findall("[HV][HV]", (query.polarization or "").upper()))
    return wanted <= set(granule.polarizations)


def touching(granules: Iterator[Granule], area: Mapping[str, Any]) -> Iterator[Granule]:
    """Leave out what only the widened polygon of the question found; one without exact footprint stays."""
    import shapely

    shape = shapely.make_valid(shapely.geometry.shape(dict(area)))
    shapely.prepare(shape)
    for granule in granules:
        is_vague = granule.geometry is None or granule.attributes.get(APPROXIMATE)
        if is_vague or shape.intersects(shapely.geometry.shape(dict(granule.geometry or {}))):
            yield granule
