"""What UMM-G records say of time and place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any


def parse_time(text: str) -> dt.datetime:
    """Return an aware time; providers write none to seven decimals of a second.

    Raises:
        ValueError: The text is no time.
    """
    moment = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.strip()))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def umm_geometry(extent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the footprint of a ``SpatialExtent`` as GeoJSON, split at the antimeridian; None when it has none.

    Polygons of CMR have great-circle edges; where a ring jumps by more than 180 degrees it crosses the antimeridian.
    """
    import antimeridian
    import shapely

    geometry = (extent.get("HorizontalSpatialDomain") or {}).get("Geometry") or {}
    shapes: list[Any] = []
    for polygon in geometry.get("GPolygons", ()):
        ring = [(p["Longitude"], p["Latitude"]) for p in polygon["Boundary"]["Points"]]
        holes = [
            [(p["Longitude"], p["Latitude"]) for p in zone["Points"]]
            for zone in (polygon.get("ExclusiveZone") or {}).get("Boundaries", ())
        ]
        shape = shapely.Polygon(ring, holes)
        jumps = any(abs(a[0] - b[0]) > 180 for a, b in pairwise(ring))
        shapes.append(antimeridian.fix_polygon(shape) if jumps else shapely.make_valid(shape))
    for box in geometry.get("BoundingRectangles", ()):
        west, east = box["WestBoundingCoordinate"], box["EastBoundingCoordinate"]
        south, north = box["SouthBoundingCoordinate"], box["NorthBoundingCoordinate"]
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        shapes += [shapely.box(left, south, right, north) for left, right in spans]
    for line in geometry.get("Lines", ()):
        shapes.append(shapely.LineString([(p["Longitude"], p["Latitude"]) for p in line["Points"]]))
    shapes += [shapely.Point(p["Longitude"], p["Latitude"]) for p in geometry.get("Points", ())]
    if not shapes:
        return None
    mapped: dict[str, Any] = shapely.geometry.mapping(shapely.union_all(shapes))
    return mapped
