"""The area that a user names, in every form, for every function: box, region, polygons, file, circle around a point."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.files.vector_files import read_vector_file
from stacaster.geo.areas import as_geometry, box_around, box_geometry, checked_area, circle
from stacaster.geo.bbox_datetime import parse_bbox
from stacaster.geo.regions import REGIONS, BBox, region_bbox, region_key
from stacaster.geo.shapes import FORMS, is_wkt, read_shape
from stacaster.model.values import read_number

_UNITS = {"": 1.0, "m": 1.0, "km": 1000.0}
_LENGTH = re.compile(r"\s*(?P<number>[-+\d.eE]+)\s*(?P<unit>k?m|)\s*")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Box and area that a user named; both None for everywhere."""

    bbox: BBox | None = None
    """West, south, east, north in degrees; west > east crosses the antimeridian."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry in degrees, where more than a box was named."""

    @property
    def geometry(self) -> Mapping[str, Any] | None:
        """The area as GeoJSON, also where it is a box."""
        return self.area if self.area is not None or self.bbox is None else box_geometry(self.bbox)


def read_place(
    *,
    bbox: Any = None,
    intersects: Any = None,
    region: Any = None,
    name_column: str | None = None,
    point: Any = None,
    radius: Any = None,
    needs_area: bool = False,
) -> Place:
    """Return the place that the arguments of a function name.

    Args:
        bbox: West, south, east, north, in whatever ``parse_bbox`` takes; or the name of a region.
        intersects: Polygons, in whatever ``read_geometry`` takes; with ``radius`` a point.
        region: Name of a region, or of one of the areas of the file or frame of ``intersects``.
        name_column: Column of that file with the names of areas.
        point: Longitude and latitude; with ``radius``.
        radius: Metres, or text such as ``2 km``.
        needs_area: Lines and points are refused.

    Raises:
        UsageError: They contradict each other, or one cannot be understood.
    """
    named = {"bbox": bbox, "intersects": intersects, "point": point}
    given = [name for name, value in named.items() if value is not None]
    if len(given) > 1 or (region is not None and given not in ([], ["intersects"])):
        listed = ", ".join([*given, *(["region"] if region is not None else [])])
        raise UsageError(f"{listed} each name the area; give one of them")
    if radius is not None or point is not None:
        return _around(point if point is not None else intersects, radius)
    if intersects is not None:
        if region is None and isinstance(intersects, str) and region_key(intersects) in REGIONS:
            return Place(bbox=region_bbox(intersects))
        area = read_geometry(intersects, region=region, name_column=name_column)
        area = checked_area(area) if needs_area else area
        return Place(bbox=box_around(area), area=area)
    if name_column is not None:
        raise UsageError("name_column chooses among the areas of the file or GeoDataFrame of intersects; give that too")
    if region is not None:
        return Place(bbox=region_bbox(region))
    if isinstance(bbox, str) and region_key(bbox) in REGIONS:
        return Place(bbox=region_bbox(bbox))
    return Place(bbox=None if bbox is None else parse_bbox(bbox))


def _around(centre: Any, radius: Any) -> Place:
    if centre is None or radius is None:
        raise UsageError("point and radius belong together: longitude and latitude in degrees, and metres")
    shape = read_shape(_as_pair(centre), name="point")
    if shape.geom_type == "MultiPoint" and len(shape.geoms) == 1:
        shape = shape.geoms[0]
    if shape.geom_type != "Point":
        raise UsageError(f"radius makes a circle around one point, but there is a {shape.geom_type}; leave radius out")
    area = circle(float(shape.x), float(shape.y), radius=_metres(radius))
    return Place(bbox=box_around(area), area=area)


def _as_pair(centre: Any) -> Any:
    """Return a text ``LON,LAT`` as two numbers; anything else as it is."""
    if isinstance(centre, str) and not is_wkt(centre) and centre.lstrip()[:1] not in ("{", "["):
        parts = [part for part in re.split(r"[,;\s]+", centre.strip().strip("()")) if part]
        if len(parts) != 2:
            raise UsageError(
                f"point is {centre!r}, but longitude and latitude in degrees, such as 138.5,-31, are needed"
            )
        return [read_number("point", part, unit="of degrees") for part in parts]
    if isinstance(centre, (list, tuple)) and len(centre) == 1:
        return _as_pair(centre[0])
    if isinstance(centre, (list, tuple)) and len(centre) != 2:
        raise UsageError(f"point is {centre!r}, but longitude and latitude in degrees are needed")
    return centre


def _metres(radius: Any) -> float:
    match = _LENGTH.fullmatch(radius) if isinstance(radius, str) else None
    if match is not None:
        return read_number("radius", match["number"], unit="of metres") * _UNITS[match["unit"]]
    return read_number("radius", radius, low=0, is_open=True, unit="of metres")


def read_geometry(
    value: Any, *, region: str | None = None, name_column: str | None = None, name: str = "intersects"
) -> Mapping[str, Any]:
    """Return the geometry of whatever names an area, in degrees.

    Args:
        value: GeoJSON, WKT, a geometry, pairs of numbers (see ``shapes.read_shape``), a file that GDAL reads, a
            GeoDataFrame or GeoSeries.
        region: Name of the areas that are meant, where the file or frame has several.
        name_column: Column with the names; without it, the column called ``name``, or else any of text.
        name: Name of the argument, for messages.

    Raises:
        UsageError: There is no such file, it holds no geometry, or no area has that name.
    """
    import shapely

    frame, origin = _frame_of(value, name)
    if frame is None:
        if region is not None or name_column is not None:
            raise UsageError("region and name_column choose among the areas of a file or GeoDataFrame")
        return as_geometry(value, name=name)
    if not len(frame):
        raise UsageError(f"{origin} holds no geometry")
    if region is not None:
        frame = _named(frame, region, name_column, origin)
    if getattr(frame, "crs", None) is not None:
        frame = frame.to_crs(4326)
    shapes = shapely.make_valid(frame.geometry.dropna().array)
    return as_geometry(shapely.union_all(shapes) if len(shapes) != 1 else shapes[0], name=name)


def _frame_of(value: Any, name: str) -> tuple[Any, str]:
    """Return a table of areas and where it comes from; None of what is a geometry itself."""
    if isinstance(value, os.PathLike) or (isinstance(value, str) and _is_file_name(value, name)):
        path = Path(value)
        return read_vector_file(path, what=name, kind="polygons"), str(path)
    if hasattr(value, "to_crs") and hasattr(value, "geometry"):
        return value, "the GeoDataFrame"
    if isinstance(value, Mapping) and value.get("type") == "FeatureCollection" and value.get("features"):
        has_names = any(feature.get("properties") for feature in value["features"])
        if has_names and "crs" not in value:
            import geopandas

            return geopandas.GeoDataFrame.from_features(value["features"]), "the FeatureCollection"
    return None, ""


def _is_file_name(text: str, name: str) -> bool:
    """Tell whether a text names a file rather than being a geometry or numbers."""
    if is_wkt(text) or text.lstrip()[:1] in ("{", "[") or re.fullmatch(r"[-+\d.eE,;\s()]+", text):
        return False
    if not Path(text).exists():
        known = f"region={text!r} names a region" if region_key(text) in REGIONS else f"{FORMS} is needed"
        raise UsageError(f"{name} is {text!r}, which is neither a geometry nor a file; {known}")
    return True


def _named(frame: Any, region: str, name_column: str | None, origin: str) -> Any:
    """Return the rows of a name; case and blanks at the ends do not matter."""
    columns = [str(column) for column in getattr(frame, "columns", ()) if column != frame.geometry.name]
    if name_column is not None and name_column not in columns:
        raise UsageError(f"{origin} has no column {name_column!r}; there are {', '.join(columns) or 'none'}")
    plain = [column for column in columns if column.lower() == "name"]
    wanted = str(region).strip().lower()
    searched: Sequence[str] = [name_column] if name_column is not None else plain or columns
    for column in searched:
        names = frame[column].astype(str).str.strip()
        rows = frame[names.str.lower() == wanted]
        if len(rows):
            return rows
    known = sorted({str(entry) for column in searched for entry in frame[column]})
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    raise UsageError(f"{origin} has no area called {region!r}; there are {', '.join(known[:20])}{more}")
