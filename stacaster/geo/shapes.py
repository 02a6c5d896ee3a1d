"""Geometries as people pass them: GeoJSON, WKT, objects with a geometry, pairs of numbers. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from stacaster.errors import UsageError
from stacaster.geo.bbox_datetime import parse_bbox
from stacaster.geo.longitudes import wrapped
from stacaster.model.values import shortened

_WKT = re.compile(
    r"\s*(?:SRID\s*=\s*(?P<srid>\d+)\s*;)?\s*(?:MULTI)?(?:POINT|LINESTRING|POLYGON|GEOMETRYCOLLECTION|LINEARRING)\b",
    re.IGNORECASE,
)
_PAIRS = (("lon", "lat"), ("lng", "lat"), ("long", "lat"), ("longitude", "latitude"), ("x", "y"))
FORMS = (
    "GeoJSON, WKT, a shapely geometry, a GeoDataFrame, a file with polygons, a list of (lon, lat) pairs, "
    "or four numbers west, south, east, north"
)
"""What an area may be, for messages."""


def read_shape(value: Any, *, name: str = "intersects") -> Any:
    """Return the shapely geometry in degrees that a user names, in two parts where it crosses the antimeridian.

    Args:
        value: GeoJSON (geometry, feature, collection of either) as table or text; WKT, also with ``SRID=...;``; a
            shapely geometry; whatever has ``__geo_interface__`` or a ``geometry``; pairs of longitude and latitude,
            as tuples, as ``{"lon": ..., "lat": ...}``, or as more than six numbers in a row; a box; a list of such.
        name: Name of the argument, for messages.

    Raises:
        UsageError: It is none of these, is empty, or is not in degrees.
    """
    import shapely

    try:
        shape = _shape_of(value, name)
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise UsageError(f"{name} is {shortened(value)}, which cannot be read as a geometry: {error}") from error
    if shape.is_empty:
        raise UsageError(f"{name} is an empty geometry")
    return _in_degrees(shapely.force_2d(shape), name)


def box_shape(bbox: tuple[float, float, float, float]) -> Any:
    """Return the shapely area of a box, in two parts when it crosses the antimeridian (west > east)."""
    import shapely

    west, south, east, north = bbox
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


def is_wkt(text: str) -> bool:
    """Tell whether a text begins as WKT does."""
    return _WKT.match(text) is not None


def _shape_of(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return _of_text(value, name)
    if getattr(value, "crs", None) is not None and hasattr(value, "to_crs"):
        value = value.to_crs(4326)
    if hasattr(value, "geom_type") and not hasattr(value, "geometry"):
        # A shapely geometry; odc-geo holds one inside.
        return value.geom if hasattr(value, "geom") else value
    value = getattr(value, "__geo_interface__", value)
    if isinstance(value, Mapping):
        return _of_table(value, name)
    if isinstance(getattr(value, "geometry", None), Mapping):
        return _of_table(value.geometry, name)  # a STAC item
    if not isinstance(value, Iterable) or isinstance(value, (bytes, set)):
        raise UsageError(f"{name} is {shortened(value)}, but {FORMS} is needed")
    return _of_sequence(list(value), name)


def _of_text(text: str, name: str) -> Any:
    import shapely

    if is_wkt(text):
        match = _WKT.match(text)
        srid = match["srid"] if match is not None else None
        shape = shapely.from_wkt(text.partition(";")[2] if srid else text)
        return shape if srid is None else _moved(shape, f"EPSG:{srid}")
    if text.lstrip()[:1] in ("{", "["):
        try:
            content = json.loads(text)
        except RecursionError as error:
            raise UsageError(f"{name} is GeoJSON that is nested too deeply") from error
        except ValueError as error:
            raise UsageError(f"{name} is no GeoJSON: {error}") from error
        return _shape_of(content, name)
    try:
        return box_shape(parse_bbox(text))
    except UsageError as error:
        if re.fullmatch(r"[-+\d.eE,;\s]+", text):
            raise
        raise UsageError(f"{name} is {shortened(text)}, but {FORMS} is needed") from error


def _of_table(table: Mapping[str, Any], name: str) -> Any:
    import shapely

    lower = {str(key).lower(): entry for key, entry in table.items()}
    kind = table.get("type")
    if kind == "FeatureCollection":
        shape = _union([_shape_of(feature, name) for feature in table["features"]])
    elif kind == "GeometryCollection":
        shape = _union([_of_table(part, name) for part in table["geometries"]])
    elif kind == "Feature" or (kind is None and isinstance(table.get("geometry"), Mapping)):
        if not isinstance(table.get("geometry"), Mapping):
            raise UsageError(f"{name} is a Feature without a geometry")
        shape = _of_table(table["geometry"], name)
    elif "coordinates" in table:
        if not isinstance(kind, str):
            raise UsageError(f"{name} has coordinates but no type, such as Polygon")
        shape = shapely.geometry.shape({"type": kind, "coordinates": table["coordinates"]})
    elif pair := next((names for names in _PAIRS if set(names) <= set(lower)), None):
        return shapely.Point(float(lower[pair[0]]), float(lower[pair[1]]))
    elif {"west", "south"} <= set(lower) or {"minx", "miny"} <= set(lower) or {"xmin", "ymin"} <= set(lower):
        return box_shape(parse_bbox(table))
    else:
        raise UsageError(f"{name} needs a GeoJSON geometry or feature; it is {shortened(dict(table))}")
    stated = table.get("crs")
    if isinstance(stated, Mapping):
        # GeoJSON of 2008; the standard of today knows degrees alone.
        stated = (stated.get("properties") or {}).get("name")
    return shape if not isinstance(stated, str) else _moved(shape, stated)


def _of_sequence(parts: list[Any], name: str) -> Any:
    import shapely

    if not parts:
        raise UsageError(f"{name} is empty, but {FORMS} is needed")
    if len(parts) > 6 and len(parts) % 2 == 0 and all(_is_number(part) for part in parts):
        # A ring without brackets: lon, lat, lon, lat ...
        parts = list(zip(parts[::2], parts[1::2], strict=True))
    if all(_is_number(part) for part in parts):
        if len(parts) == 2:
            return shapely.Point(*(float(part) for part in parts))
        return box_shape(parse_bbox(parts))
    if all(_is_pair(part) for part in parts):
        pairs = [_pair(part) for part in parts]
        if len(pairs) == 1:
            return shapely.Point(pairs[0])
        if len(pairs) == 2:
            raise UsageError(f"{name} has two points, which enclose no area; give a box: west, south, east, north")
        return shapely.make_valid(shapely.Polygon(pairs))
    if all(isinstance(part, (list, tuple)) and part and all(_is_pair(pair) for pair in part) for part in parts):
        # Coordinates of a polygon: its outer ring, then its holes.
        rings = [[_pair(pair) for pair in ring] for ring in parts]
        return shapely.make_valid(shapely.Polygon(rings[0], rings[1:]))
    return _union([_shape_of(part, name) for part in parts])


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    if isinstance(value, Mapping):
        lower = {str(key).lower() for key in value}
        return "type" not in lower and any(set(names) <= lower for names in _PAIRS)
    if isinstance(value, str) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        return False
    return len(value) in (2, 3) and all(_is_number(value[place]) for place in range(len(value)))


def _pair(value: Any) -> tuple[float, float]:
    if isinstance(value, Mapping):
        lower = {str(key).lower(): entry for key, entry in value.items()}
        names = next(names for names in _PAIRS if set(names) <= set(lower))
        return float(lower[names[0]]), float(lower[names[1]])
    return float(value[0]), float(value[1])


def _union(shapes: list[Any]) -> Any:
    import shapely

    if not shapes:
        raise UsageError("the collection holds no geometry")
    return shapes[0] if len(shapes) == 1 else shapely.union_all([shapely.make_valid(shape) for shape in shapes])


def _moved(shape: Any, crs: str) -> Any:
    """Return a geometry in degrees."""
    import numpy as np
    import shapely
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        transformer = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except ProjError as error:
        raise UsageError(f"the geometry says CRS {crs!r}, which is not known") from error
    return shapely.transform(shape, lambda points: np.column_stack(transformer.transform(*points[:, :2].T)))


def _in_degrees(shape: Any, name: str) -> Any:
    import math

    import antimeridian
    import numpy as np
    import shapely

    west, south, east, north = shape.bounds
    if not all(math.isfinite(edge) for edge in (west, south, east, north)):
        raise UsageError(f"{name} has coordinates that are no numbers")
    if west >= -180 and east <= 180 and south >= -90 and north <= 90:
        return shape
    if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):
        swapped = "; longitude comes first, then latitude" if max(map(abs, (west, south, east, north))) <= 180 else ""
        raise UsageError(
            f"{name}: the geometry reaches from {west:g}, {south:g} to {east:g}, {north:g}, which is not in degrees; "
            f"give longitude and latitude (EPSG:4326), or a file or GeoDataFrame that says its CRS{swapped}"
        )
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shapely.geometry.shape(antimeridian.fix_geojson(shapely.geometry.mapping(shape), great_circle=False))
    return shapely.transform(shape, lambda points: np.column_stack([wrapped(points[:, 0]), points[:, 1]]))
