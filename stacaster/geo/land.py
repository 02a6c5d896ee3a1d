"""Land of the Earth, coarse: Natural Earth, 1:110,000,000, public domain. A coast may be some kilometres off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LAND = Path(__file__).with_name("land.geojson")
"""File of the polygons, degrees."""

PAGE_STYLE = Path(__file__).with_name("page.css")
"""Colours and letters of all pages with maps, by day and by night."""


def land_rings() -> list[NDArray[np.float64]]:
    """Return the outer rings of all land, longitudes and latitudes, shape (points, 2)."""
    import shapely

    features = json.loads(LAND.read_text(encoding="utf-8"))["features"]
    parts = shapely.get_parts([shapely.geometry.shape(feature["geometry"]) for feature in features])
    polygons = [part for part in parts if part.geom_type == "Polygon"]
    return [shapely.get_coordinates(part.exterior) for part in polygons]


def land_within(bounds: tuple[float, float, float, float]) -> list[list[tuple[float, float]]]:
    """Return the outlines of countries within bounds: outer rings, cut to the box.

    Args:
        bounds: West, south, east, north in degrees.
    """
    import shapely

    features = json.loads(LAND.read_text(encoding="utf-8"))["features"]
    shapes = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
    box = shapely.box(*bounds)
    near = shapes[shapely.intersects(shapes, box)]
    parts = shapely.get_parts(shapely.intersection(shapely.make_valid(near), box))
    polygons = shapely.get_parts(parts[shapely.get_dimensions(parts) == 2])
    return [[(float(x), float(y)) for x, y in part.exterior.coords] for part in polygons]
