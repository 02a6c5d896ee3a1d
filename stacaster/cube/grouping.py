"""Which scenes make one slice of a cube: one definition for every way in which cubes are made."""

from __future__ import annotations

import datetime as dt
import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from stacaster.errors import LoadError, UsageError
from stacaster.geo.longitudes import wrapped

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

GroupBy: TypeAlias = "str | Callable[..., Any] | None"
"""``time``, ``solar_day``, ``id``, the name of a property, or a function that gives the key of an item."""

_DEGREES_AN_HOUR = 15.0
_ODC_ARGUMENTS = 3


def moment_of(item: pystac.Item) -> dt.datetime:
    """Return the time of an item in UTC.

    Raises:
        LoadError: It has none.
    """
    moment: dt.datetime | None = item.datetime or item.common_metadata.start_datetime
    if moment is None:
        raise LoadError(f"{item.id} has neither datetime nor start_datetime")
    return moment.astimezone(dt.UTC) if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def group_items(
    items: Sequence[pystac.Item], groupby: GroupBy, *, geobox: GeoBox | None = None, keep_order: bool = False
) -> list[list[int]]:
    """Return the positions of the items of each slice of a cube, slices in the order of their times.

    Args:
        items: The items.
        groupby: How they are grouped.
        geobox: Grid of the cube, whose centre decides about solar days; None takes the centre of the items.
        keep_order: Items of a slice count in the order in which they are given, not in that of their times.

    Raises:
        LoadError: An item has no time, or for solar days no bbox.
        UsageError: ``groupby`` is a property that no item has.
    """
    key_of = _key_function(items, groupby, geobox)
    order = sorted(range(len(items)), key=lambda n: (moment_of(items[n]), items[n].id))
    slices: dict[Any, list[int]] = {}
    for position in order:
        slices.setdefault(key_of(position), []).append(position)
    groups = list(slices.values())
    return [sorted(group) for group in groups] if keep_order else groups


def solar_day(moment: dt.datetime, longitude: float) -> dt.date:
    """Return the date of a time by the sun at a longitude, in whole hours as ``odc.stac.load`` counts them."""
    return (moment + dt.timedelta(hours=int(longitude / _DEGREES_AN_HOUR))).date()


def _key_function(items: Sequence[pystac.Item], groupby: GroupBy, geobox: GeoBox | None) -> Callable[[int], Any]:
    if groupby is None or groupby == "id":
        return lambda position: position
    if callable(groupby):
        return _own_function(items, groupby)
    if groupby == "time":
        return lambda position: moment_of(items[position])
    if groupby == "solar_day":
        # One longitude for the whole cube: scenes of one pass stay together also where they lie on both sides of 180
        # degrees, whose local times are a day apart.
        longitude = longitude_of(geobox) if geobox is not None else middle_longitude(items)
        return lambda position: solar_day(moment_of(items[position]), longitude)
    if items and not any(groupby in item.properties for item in items):
        names = ", ".join(sorted({str(name) for item in items[:50] for name in item.properties}))
        raise UsageError(
            f"groupby={groupby!r}: time, solar_day, id or a property of the items is needed; they have {names}"
        )
    return lambda position: items[position].properties.get(groupby)


def _own_function(items: Sequence[pystac.Item], groupby: Callable[..., Any]) -> Callable[[int], Any]:
    """Return a function of a position for one of an item, or for one of item, parsed item and position."""
    try:
        parameters = inspect.signature(groupby).parameters.values()
        needed = sum(
            part.default is part.empty and part.kind in {part.POSITIONAL_ONLY, part.POSITIONAL_OR_KEYWORD}
            for part in parameters
        )
    except (TypeError, ValueError):
        needed = 1
    if needed < _ODC_ARGUMENTS:
        return lambda position: groupby(items[position])
    from odc.stac import parse_item

    return lambda position: groupby(items[position], parse_item(items[position]), position)


def longitude_of(geobox: GeoBox) -> float:
    """Return the longitude of the centre of a grid, -180 to 180."""
    ((longitude, _),) = geobox.extent.centroid.to_crs("epsg:4326").points
    return wrapped(longitude) if math.isfinite(longitude) else 0.0


def middle_longitude(items: Sequence[pystac.Item]) -> float:
    """Return the longitude in the middle of what items cover, also where that lies across 180 degrees.

    Raises:
        LoadError: An item has no bbox.
    """
    spans = []
    for item in items:
        if item.bbox is None:
            raise LoadError(f"{item.id} has no bbox, so its solar day is unknown; give geobox=, or groupby='time'")
        west, east = item.bbox[0], item.bbox[len(item.bbox) // 2]
        spans.append((west, east if east >= west else east + 360.0))
    if not spans:
        return 0.0
    # All spans beside the first one, on the side of the Earth that is nearer to it.
    reference = sum(spans[0]) / 2
    turned = []
    for west, east in spans:
        turn = 360.0 * round((reference - (west + east) / 2) / 360.0)
        turned.append((west + turn, east + turn))
    return wrapped((min(west for west, _ in turned) + max(east for _, east in turned)) / 2)
