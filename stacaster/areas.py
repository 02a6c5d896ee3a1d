"""Areas on Earth as GeoJSON: understood in every form, brought into the form that a service takes. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stacaster.errors import UsageError

_MAX_POINTS = 300
_MAX_PARTS = 20


def as_geometry(value: Any) -> Mapping[str, Any]:
    """Return the GeoJSON geometry of a geometry, feature, feature collection, text or ``__geo_interface__`` object.

    Raises:
        UsageError: The value is none of these.
    """
    geometry = getattr(value, "__geo_interface__", value)
    if isinstance(geometry, str):
        try:
            geometry = json.loads(geometry)
        except ValueError as error:
            raise UsageError(f"intersects is no GeoJSON: {error}") from error
    if isinstance(geometry, Mapping) and geometry.get("type") == "FeatureCollection":
        import shapely

        shapes = [shapely.geometry.shape(feature["geometry"]) for feature in geometry["features"]]
        geometry = shapely.geometry.mapping(shapely.union_all(shapes))
    if isinstance(geometry, Mapping) and geometry.get("type") == "Feature":
        geometry = geometry.get("geometry")
    if not isinstance(geometry, Mapping) or "coordinates" not in geometry:
        raise UsageError("intersects needs a GeoJSON geometry or feature")
    return geometry


def bounds_of(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a GeoJSON geometry."""
    import shapely

    west, south, east, north = shapely.geometry.shape(dict(geometry)).bounds
    return float(west), float(south), float(east), float(north)


def box_shape(bbox: tuple[float, float, float, float]) -> Any:
    """Return the shapely area of a box, in two parts when it crosses the antimeridian (west > east)."""
    import shapely

    west, south, east, north = bbox
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


def box_geometry(bbox: tuple[float, float, float, float]) -> dict[str, Any]:
    """Return a box as GeoJSON, in two parts when it crosses the antimeridian."""
    import shapely

    mapped: dict[str, Any] = shapely.geometry.mapping(box_shape(bbox))
    return mapped


def outer_rings(geometry: Mapping[str, Any]) -> list[list[tuple[float, float]]]:
    """Return rings that together cover a polygon geometry: few, short, counter-clockwise, without holes.

    A service takes only so many points. Rings that are too long are widened and simplified, so that nothing of the area
    is lost; what they find beyond it has to be filtered afterwards.

    Args:
        geometry: GeoJSON Polygon or MultiPolygon in degrees, split at the antimeridian as RFC 7946 asks.

    Returns:
        At most 20 closed rings of at most 300 points.

    Raises:
        UsageError: The geometry is no area.
    """
    import shapely

    shape = shapely.make_valid(shapely.geometry.shape(dict(geometry)))
    parts = [part for part in _polygons(shape) if not part.is_empty]
    if not parts:
        raise UsageError(f"the geometry is a {geometry.get('type')}, but a polygon with an area is needed")
    if len(parts) > _MAX_PARTS:
        parts = list(_polygons(shapely.union_all([shapely.convex_hull(part) for part in parts])))
    if len(parts) > _MAX_PARTS:
        parts = [shapely.convex_hull(shape)]
    return [_ring(shapely.Polygon(part.exterior)) for part in parts]


def _polygons(shape: Any) -> Iterator[Any]:
    if shape.geom_type == "Polygon":
        yield shape
    for part in getattr(shape, "geoms", ()):
        yield from _polygons(part)


def _ring(polygon: Any) -> list[tuple[float, float]]:
    import shapely

    whole, world = polygon, shapely.box(-180, -90, 180, 90)
    west, south, east, north = polygon.bounds
    tolerance = max(east - west, north - south) / 1000
    while len(polygon.exterior.coords) > _MAX_POINTS:
        # Both simplifications together cut off less than the ring is widened, so that it still covers the area.
        coarse = shapely.make_valid(shapely.simplify(whole, tolerance))
        wider = shapely.simplify(shapely.buffer(coarse, 2 * tolerance, quad_segs=2), tolerance / 2)
        polygon = shapely.Polygon(max(_polygons(wider.intersection(world)), key=lambda part: part.area).exterior)
        tolerance *= 2
    oriented = shapely.geometry.polygon.orient(polygon, sign=1.0)
    return [(float(x), float(y)) for x, y, *_ in oriented.exterior.coords]
