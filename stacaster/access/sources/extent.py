"""Whether a question lies outside of all that a collection holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from stacaster.formats.metadata.umm import parse_time
from stacaster.geo.areas import bounds_of
from stacaster.geo.shapes import box_shape
from stacaster.model import Query


def outside_of_extent(extent: Mapping[str, Any], query: Query) -> list[str]:
    """Return what of a question cannot be answered by a collection, in words.

    Args:
        extent: ``{"temporal": {"interval": [[first, last]]}, "spatial": {"bbox": [[...]]}}`` as in STAC; parts may
            lack.
        query: The question.
    """
    found = []
    span = _span(extent)
    if span is not None and query.datetime is not None:
        (first, last), (start, end) = span, query.datetime
        if (last is not None and start is not None and start > last) or (
            first is not None and end is not None and end < first
        ):
            found.append(f"it holds data from {_day(first)} to {_day(last)}; asked was {_day(start)} to {_day(end)}")
    boxes = [box for box in (extent.get("spatial") or {}).get("bbox", ()) if len(box) == 4]
    area = query.bbox or (bounds_of(query.intersects) if query.intersects is not None else None)
    if boxes and area is not None and not any(box_shape(tuple(box)).intersects(box_shape(area)) for box in boxes):
        found.append(f"it holds data within {boxes[0]}; asked was {list(area)}")
    return found


def _span(extent: Mapping[str, Any]) -> tuple[dt.datetime | None, dt.datetime | None] | None:
    intervals = (extent.get("temporal") or {}).get("interval") or ()
    try:
        spans = [tuple(None if text is None else parse_time(str(text)) for text in pair) for pair in intervals]
    except ValueError:
        return None
    return (spans[0][0], spans[0][1]) if spans and len(spans[0]) == 2 else None


def _day(moment: dt.datetime | None) -> str:
    return "today" if moment is None else moment.date().isoformat()
