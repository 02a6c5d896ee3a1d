"""Areas in every form that people pass: all of them name the same place."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pystac
import pytest
import shapely
from odc.geo.geom import Geometry
from pyproj import Geod

from stacaster.errors import UsageError
from stacaster.geo.area_input import read_geometry, read_place

TRIANGLE = shapely.Polygon([(138.4, -31.1), (138.7, -31.1), (138.7, -30.7), (138.4, -31.1)])
MAPPED = shapely.geometry.mapping(TRIANGLE)
FRAME = geopandas.GeoDataFrame({"name": ["here"]}, geometry=[TRIANGLE], crs=4326)
CORNERS = [(138.4, -31.1), (138.7, -31.1), (138.7, -30.7)]

FORMS: dict[str, Any] = {
    "geometry": MAPPED,
    "text": json.dumps(MAPPED),
    "feature": {"type": "Feature", "geometry": MAPPED, "properties": {}},
    "features": {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": MAPPED, "properties": {}}]},
    "features as text": FRAME.to_json(),
    "geometries": {"type": "GeometryCollection", "geometries": [MAPPED]},
    "WKT": TRIANGLE.wkt,
    "extended WKT": f"SRID=4326;{TRIANGLE.wkt}",
    "shapely": TRIANGLE,
    "several shapely": [TRIANGLE, TRIANGLE],
    "GeoSeries": FRAME.geometry,
    "GeoDataFrame": FRAME,
    "GeoDataFrame in metres": FRAME.to_crs(32754),
    "GeoJSON that says metres": {
        **shapely.geometry.mapping(FRAME.to_crs(32754).geometry[0]),
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32754"}},
    },
    "odc-geo": Geometry(MAPPED, "EPSG:4326"),
    "pairs": CORNERS,
    "pairs as lists": [list(pair) for pair in CORNERS],
    "ring of numbers": np.array(TRIANGLE.exterior.coords),
    "coordinates of a polygon": [CORNERS],
    "lon and lat": [{"lon": lon, "lat": lat} for lon, lat in CORNERS],
    "longitude and latitude": [{"longitude": lon, "latitude": lat} for lon, lat in CORNERS],
    "STAC item": pystac.Item("one", MAPPED, list(TRIANGLE.bounds), dt.datetime(2003, 1, 1), {}),
    "with heights": shapely.force_3d(TRIANGLE, 5.0),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_name_the_same_area(form: str) -> None:
    shape = shapely.geometry.shape(dict(read_geometry(FORMS[form])))
    assert shape.symmetric_difference(TRIANGLE).area < 1e-9
    assert not shape.has_z


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".parquet", ".fgb"])
def test_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"area{suffix}"
    FRAME.to_parquet(path) if suffix == ".parquet" else FRAME.to_file(path)
    for value in (path, str(path)):
        assert shapely.geometry.shape(dict(read_geometry(value))).symmetric_difference(TRIANGLE).area < 1e-9
    assert read_place(intersects=path, region="HERE").bbox == TRIANGLE.bounds


@pytest.mark.parametrize(
    "value",
    [
        "138,-32,139,-31", "138 -32 139 -31", "[138, -32, 139, -31]", (138, -32, 139, -31),
        np.array([138, -32, 139, -31]),
        ["138", "-32", "139", "-31"], [138, -32, 0, 139, -31, 100],
        {"west": 138, "south": -32, "east": 139, "north": -31},
        {"minx": 138, "miny": -32, "maxx": 139, "maxy": -31}, shapely.box(138, -32, 139, -31),
        geopandas.GeoSeries([shapely.box(138, -32, 139, -31)], crs=4326),
    ],
)  # fmt: skip
def test_boxes_in_any_sequence(value: Any) -> None:
    assert read_place(bbox=value) == read_place(bbox=(138.0, -32.0, 139.0, -31.0))
    assert read_place(intersects=value).bbox == (138.0, -32.0, 139.0, -31.0)


@pytest.mark.parametrize("name", ["south_australia", "South Australia", "south-australia", "SouthAustralia"])
def test_regions_by_name_wherever_an_area_is_asked_for(name: str) -> None:
    places = [read_place(region=name), read_place(bbox="south_australia"), read_place(intersects="South Australia")]
    assert {place.bbox for place in places} == {(129.0, -38.1, 141.0, -26.0)}


@pytest.mark.parametrize(
    ("options", "radius"),
    [
        ({"point": (138.5, -31), "radius": 500}, 500), ({"point": "138.5,-31", "radius": "500"}, 500),
        ({"point": {"lon": 138.5, "lat": -31}, "radius": "0.5 km"}, 500),
        ({"point": "POINT (138.5 -31)", "radius": 500}, 500),
        ({"intersects": shapely.Point(138.5, -31), "radius": 2000}, 2000),
        ({"intersects": {"type": "Point", "coordinates": [138.5, -31]}, "radius": 2000}, 2000),
    ],
)  # fmt: skip
def test_circles_around_points(options: dict[str, Any], radius: float) -> None:
    area = read_place(**options, needs_area=True).area
    assert area is not None
    x, y = shapely.geometry.shape(dict(area)).exterior.coords.xy
    _, _, metres = Geod(ellps="WGS84").inv([138.5] * len(x), [-31.0] * len(x), x, y)
    assert np.allclose(metres, radius, rtol=1e-6)


def test_longitudes_beyond_180_are_brought_back() -> None:
    area = shapely.geometry.shape(dict(read_geometry(shapely.box(170, -10, 190, 10))))
    assert area.symmetric_difference(shapely.box(170, -10, 180, 10) | shapely.box(-180, -10, -170, 10)).area < 1e-9
    assert read_place(intersects=shapely.box(170, -10, 190, 10)).bbox == (170.0, -10.0, -170.0, 10.0)
    assert read_place(intersects=shapely.Point(190, 5)).bbox == (-170.0, 5.0, -170.0, 5.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (shapely.box(600000, 6500000, 610000, 6510000), "not in degrees"),
        (shapely.box(-31, 138, -30, 139), "longitude comes first"),
        ([(1, 2), (3, 4)], "two points"), ([], "is empty"), (shapely.Polygon(), "empty geometry"),
        (5, "is 5, but GeoJSON"), (True, "is True, but GeoJSON"), (b"x", "but GeoJSON"), ({}, "needs a GeoJSON"),
        ("nowhere.gpkg", "neither a geometry nor a file"), ("POLYGON ((1 2", "cannot be read as a geometry"),
        ('{"type": "Polygon"}', "needs a GeoJSON"), ('{"type"', "no GeoJSON"), ("1,2,3", "four numbers"),
        ({"type": "Feature", "geometry": None, "properties": {}}, "without a geometry"),
        ({"type": "Polygon", "coordinates": "x"}, "cannot be read"),
        ({"type": "Point", "coordinates": [float("nan"), 1]}, "no numbers|empty"),
        (geopandas.GeoDataFrame(geometry=[], crs=4326), "holds no geometry"),
    ],
)  # fmt: skip
def test_what_is_no_area_is_a_usage_error(value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_place(intersects=value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"point": (1, 2)}, "belong together"), ({"radius": 5}, "belong together"),
        ({"point": (1, 2), "radius": -5}, "radius"), ({"point": "here", "radius": 5}, "longitude and latitude"),
        ({"point": (1,), "radius": 5}, "point"), ({"point": (1, 2, 3, 4), "radius": 5}, "point"),
        ({"intersects": TRIANGLE, "radius": 5}, "around one point"),
        ({"bbox": "1,2,3,4", "region": "asia"}, "one of them"),
        ({"region": "south_austraia"}, "did you mean south_australia"), ({"region": 5}, "a name is needed"),
        ({"region": "here", "intersects": TRIANGLE}, "among the areas"), ({"name_column": "a"}, "name_column"),
        ({"bbox": (138, -31, 139, -32)}, "west, south, east, north"), ({"bbox": [1, 2, 3, True]}, "four numbers"),
        ({"bbox": (5e5, 6e6, 6e5, 7e6)}, "in degrees"), ({"bbox": 7}, "four numbers"),
    ],
)  # fmt: skip
def test_contradictions_and_wrong_values(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_place(**options)


@pytest.mark.parametrize("shape", [shapely.Point(1, 2), shapely.LineString([(1, 2), (3, 4)])])
def test_cubes_need_an_area(shape: Any) -> None:
    assert read_place(intersects=shape).area is not None
    with pytest.raises(UsageError, match="without an area"):
        read_place(intersects=shape, needs_area=True)


def test_a_ring_without_brackets() -> None:
    ring = [138.0, -31.0, 139.0, -31.0, 139.0, -30.0, 138.0, -31.0]
    assert shapely.geometry.shape(read_place(intersects=ring).geometry).equals(
        shapely.Polygon(zip(ring[::2], ring[1::2], strict=True))
    )
