"""Areas on Earth as GeoJSON: understood in every form, brought into the form that a service takes. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacaster.errors import UsageError
from stacaster.geo.shapes import box_shape, read_shape

_MAX_POINTS = 300
_MAX_PARTS = 20
_MAX_RADIUS = 500_000.0


def as_geometry(value: Any, *, name: str = "intersects") -> Mapping[str, Any]:
    """Return the GeoJSON geometry, in degrees, of whatever ``shapes.read_shape`` understands.

    Args:
        value: GeoJSON, WKT, an object with a geometry, pairs of numbers.
        name: Name of the argument, for messages.

    Raises:
        UsageError: The value is none of these.
    """
    import shapely

    mapped: dict[str, Any] = shapely.geometry.mapping(read_shape(value, name=name))
    return mapped


def bounds_of(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a GeoJSON geometry."""
    import shapely

    west, south, east, north = shapely.geometry.shape(dict(geometry)).bounds
    return float(west), float(south), float(east), float(north)


def checked_area(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a geometry in degrees that is valid and has an area: crossed rings are put right.

    Raises:
        UsageError: It has no area, or is not in degrees.
    """
    import shapely

    try:
        shape = shapely.make_valid(read_shape(dict(geometry)))
    except shapely.errors.ShapelyError as error:
        raise UsageError(f"the geometry cannot be read: {error}") from error
    parts = list(_polygons(shape))
    if not parts or not shape.area:
        kind = geometry.get("type")
        raise UsageError(f"the geometry is a {kind} without an area; point= with radius= in metres makes a circle")
    mapped: dict[str, Any] = shapely.geometry.mapping(parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts))
    return mapped


def box_around(geometry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return the smallest box around a geometry; west > east when it lies on both sides of the antimeridian."""
    import antimeridian
    import shapely

    shape = shapely.geometry.shape(dict(geometry))
    west, south, east, north = shape.bounds
    if west > -180 or east < 180:
        return float(west), float(south), float(east), float(north)
    west, south, east, north = antimeridian.bbox(shape)
    return float(west), float(south), float(east), float(north)


def circle(longitude: float, latitude: float, *, radius: float) -> dict[str, Any]:
    """Return a circle on the ground as GeoJSON, split at the antimeridian.

    Args:
        longitude: Degrees.
        latitude: Degrees.
        radius: Metres.

    Raises:
        UsageError: The radius is not positive, or the point is no place.
    """
    import antimeridian
    import shapely
    from pyproj import Geod

    if not 0 < radius <= _MAX_RADIUS:
        raise UsageError(f"radius is {radius:g}, but metres above 0 and up to {_MAX_RADIUS:g} are needed")
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise UsageError(f"point is {longitude:g}, {latitude:g}, but longitude and latitude in degrees are needed")
    count = 72
    bearings = [-360.0 * step / count for step in range(count)]
    lon, lat, _ = Geod(ellps="WGS84").fwd([longitude] * count, [latitude] * count, bearings, [radius] * count)
    ring = [*zip(lon, lat, strict=True), (lon[0], lat[0])]
    if max(lon) - min(lon) < 180:
        mapped: dict[str, Any] = shapely.geometry.mapping(shapely.Polygon(ring))
        return mapped
    fixed: dict[str, Any] = antimeridian.fix_geojson({"type": "Polygon", "coordinates": [ring]})
    return fixed


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
