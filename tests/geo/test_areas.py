"""Polygons in the form that a service takes: they cover all of the area."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import shapely

from stacaster.errors import UsageError
from stacaster.geo.areas import as_geometry, bounds_of, outer_rings
from stacaster.geo.regions import REGIONS, region_bbox
from stacaster.geo.shapes import box_shape


def coast(points: int, roughness: float, seed: int = 3) -> Any:
    chance = random.Random(seed)
    ring = []
    for step in range(points):
        angle = 2 * math.pi * step / points
        radius = 5 * (1 + roughness * chance.uniform(-1, 1))
        ring.append((130 + radius * math.cos(angle), -30 + radius * math.sin(angle)))
    return shapely.make_valid(shapely.Polygon(ring))


@pytest.mark.parametrize("roughness", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("points", [100, 3_000, 20_000])
def test_rings_cover_the_area(points: int, roughness: float) -> None:
    area = coast(points, roughness)
    rings = outer_rings(shapely.geometry.mapping(area))
    assert all(len(ring) <= 301 and ring[0] == ring[-1] and shapely.LinearRing(ring).is_ccw for ring in rings)
    covered = shapely.union_all([shapely.Polygon(ring) for ring in rings])
    assert covered.buffer(1e-9).covers(area)
    assert covered.area < 1.35 * shapely.Polygon(area.convex_hull.exterior).area


def test_short_rings_stay_as_they_are() -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}
    (ring,) = outer_rings(square)
    assert sorted(ring[:-1]) == [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]


def test_many_islands() -> None:
    islands = shapely.MultiPolygon([shapely.Point(i, j).buffer(0.2) for i in range(12) for j in range(12)])
    rings = outer_rings(shapely.geometry.mapping(islands))
    assert len(rings) <= 20
    assert shapely.union_all([shapely.Polygon(ring) for ring in rings]).buffer(1e-9).covers(islands)


def test_holes_are_left_out_and_crossings_mended() -> None:
    holed = shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (2, 1), (2, 2), (1, 2)]])
    (ring,) = outer_rings(shapely.geometry.mapping(holed))
    assert shapely.Polygon(ring).area == 16
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    assert len(outer_rings(bow)) == 2


def test_what_is_no_area() -> None:
    with pytest.raises(UsageError, match="Point"):
        outer_rings({"type": "Point", "coordinates": [1, 2]})


def test_geometries_in_every_form() -> None:
    point = {"type": "Point", "coordinates": (1.0, 2.0)}
    feature = {"type": "Feature", "geometry": point, "properties": {}}
    assert as_geometry(point) == as_geometry(feature) == point
    assert bounds_of(as_geometry({"type": "FeatureCollection", "features": [feature]})) == (1, 2, 1, 2)
    assert as_geometry('{"type": "Point", "coordinates": [1, 2]}')["type"] == "Point"
    assert as_geometry(shapely.Point(1, 2))["type"] == "Point"


def test_boxes() -> None:
    assert box_shape((170, -10, -170, 10)).area == 400
    assert region_bbox("South Australia") == region_bbox("south-australia") == (129.0, -38.1, 141.0, -26.0)
    assert len(REGIONS) == 9
    for west, south, east, north in REGIONS.values():
        assert west < east and south < north
