"""Places of pixels: hand-worked numbers of real scenes, and properties that must hold anywhere."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from stacaster.geo import georef
from stacaster.geo.hulls import valid_hull
from tests.certain import certain

# A real AST_L1T scene in zone 12 (granule 00305192005181928): corner centres and its bounding coordinates.
UPPER_LEFT = (4281570.0, 491040.0)
LOWER_RIGHT = (4205970.0, 576000.0)
NORTH, SOUTH, EAST = 38.682686887734, 37.9982112531324, -110.126254249257


@pytest.mark.parametrize(
    ("resolution", "shape"),
    [(15.0, (5041, 5665)), (30.0, (2521, 2833)), (90.0, (841, 945))],
    ids=["VNIR", "SWIR", "TIR"],
)
def test_corners_are_pixel_centres_for_all_subsystems(resolution: float, shape: tuple[int, int]) -> None:
    box = georef.utm_north_geobox(UPPER_LEFT, LOWER_RIGHT, shape, zone=12, resolution=resolution)
    assert certain(box.crs).to_epsg() == 32612
    assert box.transform.c == UPPER_LEFT[1] - resolution / 2
    assert box.transform.f == UPPER_LEFT[0] + resolution / 2
    assert (box.transform.a, box.transform.e) == (resolution, -resolution)
    to_lonlat = Transformer.from_crs(32612, 4326, always_xy=True)
    rows, cols = shape
    _, north = to_lonlat.transform(*georef.pixel_to_crs(box, 0.5, 0.5))
    east, south = to_lonlat.transform(*georef.pixel_to_crs(box, cols - 0.5, rows - 0.5))
    assert north == pytest.approx(NORTH, abs=1e-8)
    assert south == pytest.approx(SOUTH, abs=1e-8)
    right, _ = to_lonlat.transform(*georef.pixel_to_crs(box, cols - 0.5, 0.5))
    assert right == pytest.approx(EAST, abs=1e-8)
    assert east != right


def test_dividing_by_the_number_of_pixels_would_be_wrong() -> None:
    assert (UPPER_LEFT[0] - LOWER_RIGHT[0]) / 5041 != 15.0
    assert (UPPER_LEFT[0] - LOWER_RIGHT[0]) / (5041 - 1) == 15.0


def test_southern_scene_is_moved_by_ten_million_metres() -> None:
    box = georef.utm_north_geobox(
        (-3420000.0, 255600.0), (-3420000.0 - 90 * 60, 255600.0 + 90 * 70), (61, 71), zone=54, resolution=90
    )
    assert certain(box.crs).to_epsg() == 32754
    assert box.transform.f == -3420000.0 + 45.0 + 10_000_000.0
    lon, lat = georef.centre_lonlat(box)
    north = Transformer.from_crs(32654, 4326, always_xy=True)
    x, y = georef.pixel_to_crs(box, 35.5, 30.5)
    expected = north.transform(x, y - 10_000_000.0)
    assert (lon, lat) == pytest.approx(expected, abs=1e-9)
    assert lat < 0


@pytest.mark.parametrize(("top", "code"), [(54270.0, 32631), (18810.0, 32731)])
def test_scene_across_the_equator_follows_its_centre(top: float, code: int) -> None:
    box = georef.utm_north_geobox(
        (top, 300060.0), (top - 90 * 812, 300060.0 + 90 * 900), (813, 901), zone=31, resolution=90
    )
    assert certain(box.crs).to_epsg() == code
    _, lat = georef.centre_lonlat(box)
    assert (lat < 0) == (code == 32731)


@pytest.mark.parametrize("zone", [1, -1, 60, -60])
def test_sign_of_the_zone_means_nothing(zone: int) -> None:
    box = georef.utm_north_geobox(UPPER_LEFT, LOWER_RIGHT, (841, 945), zone=zone, resolution=90)
    assert certain(box.crs).to_epsg() == 32600 + abs(zone)


@pytest.mark.parametrize(
    ("upper_left", "lower_right", "zone", "words"),
    [
        ((491040.0, 4281570.0), (576000.0, 4205970.0), 12, "swapped"),
        (UPPER_LEFT, (4205970.0, 575985.0), 12, "pixel of"),
        (UPPER_LEFT, LOWER_RIGHT, 61, "zone 61"),
        (UPPER_LEFT, LOWER_RIGHT, 0, "zone 0"),
        ((float("nan"), 491040.0), LOWER_RIGHT, 12, "finite"),
        (LOWER_RIGHT, UPPER_LEFT, 12, "pixel of"),
    ],
)
def test_wrong_corners_are_refused(
    upper_left: tuple[float, float], lower_right: tuple[float, float], zone: int, words: str
) -> None:
    with pytest.raises(georef.GeoreferencingError, match=words):
        georef.utm_north_geobox(upper_left, lower_right, (5041, 5665), zone=zone, resolution=15)


def test_swapped_corners_of_a_square_scene_are_refused() -> None:
    with pytest.raises(georef.GeoreferencingError, match="swapped"):
        georef.utm_north_geobox((576000.0, 4205970.0), (491040.0, 4290930.0), (945, 945), zone=12, resolution=90)


@pytest.mark.parametrize("nodata", [0, float("nan")])
def test_hull_holds_every_valid_pixel_whole(nodata: float) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        pixels = np.full((37, 53), nodata, dtype="float32" if np.isnan(nodata) else "uint8")
        rows, cols = rng.integers(0, 37, 9), rng.integers(0, 53, 9)
        pixels[rows, cols] = 7
        hull = shapely.Polygon(valid_hull(pixels, nodata))
        for row, col in zip(rows, cols, strict=True):
            assert hull.covers(shapely.box(col, row, col + 1, row + 1))
        assert hull.bounds == (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1)


def test_hull_without_valid_pixels_is_empty() -> None:
    assert len(valid_hull(np.zeros((5, 5), "uint8"), 0)) == 0
    assert len(valid_hull(np.zeros((5, 5), "uint8"), None)) == 4


def whole(box: GeoBox) -> tuple[GeoBox, np.ndarray]:
    return box, valid_hull(np.ones(box.shape, "uint8"), None)


def test_footprint_follows_the_outer_pixel_edges() -> None:
    boxes = [
        georef.utm_north_geobox(UPPER_LEFT, LOWER_RIGHT, shape, zone=12, resolution=size)
        for size, shape in ((15.0, (5041, 5665)), (90.0, (841, 945)))
    ]
    geometry, bbox = georef.footprint([whole(box) for box in boxes])
    polygon: Any = shapely.geometry.shape(geometry)
    assert polygon.is_valid and polygon.exterior.is_ccw
    assert bbox == pytest.approx(polygon.bounds, abs=1e-9)
    # The TIR edge lies 45 m outside the common corner centres, so the footprint does.
    x, y = np.meshgrid([491040 - 44.9, 576000 + 44.9], [4281570 + 44.9, 4205970 - 44.9])
    lon, lat = Transformer.from_crs(32612, 4326, always_xy=True).transform(x.ravel(), y.ravel())
    assert all(polygon.covers(shapely.Point(point)) for point in zip(lon, lat, strict=True))
    lon, lat = Transformer.from_crs(32612, 4326, always_xy=True).transform([491040 - 46], [4281570 + 46])
    assert not polygon.covers(shapely.Point(lon[0], lat[0]))
    # Straight segments between the vertices stay within half a metre of the true edge.
    geod = Geod(ellps="WGS84")
    lengths = [geod.inv(*a, *b)[2] for a, b in pairwise(polygon.exterior.coords)]
    assert max(lengths) < 2600


@pytest.mark.parametrize(("zone", "easting"), [(1, 166020.0), (60, 800010.0)])
def test_footprint_across_the_antimeridian_is_split(zone: int, easting: float) -> None:
    box = georef.utm_north_geobox(
        (-1697850.0, easting), (-1697850.0 - 90 * 700, easting + 90 * 800), (701, 801), zone=zone, resolution=90
    )
    geometry, bbox = georef.footprint([whole(box)])
    assert geometry["type"] == "MultiPolygon"
    west, _, east, _ = bbox
    assert west > 0 > east
    shape: Any = shapely.geometry.shape(geometry)
    assert shape.is_valid
    assert all(-180 <= x <= 180 for part in shape.geoms for x, _ in part.exterior.coords)
    assert shape.covers(shapely.Point(179.9999, -15.6)) and shape.covers(shapely.Point(-179.9999, -15.6))
    geod = Geod(ellps="WGS84")
    area = sum(abs(geod.geometry_area_perimeter(part)[0]) for part in shape.geoms)
    assert area == pytest.approx(801 * 701 * 90 * 90, rel=3e-3)


def test_sinusoidal_grid_beyond_the_world_is_cut() -> None:
    tile = 1111950.519667
    size = tile / 1200
    crs = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
    box = GeoBox((1200, 1200), Affine(size, 0, 17 * tile, 0, -size, -tile), crs)  # h35v10
    geometry, bbox = georef.footprint([whole(box)])
    polygon: Any = shapely.geometry.shape(geometry)
    assert polygon.is_valid
    assert bbox[0] == pytest.approx(np.degrees(17 * tile / 6371007.181 / np.cos(np.radians(10))), abs=1e-6)
    assert bbox[1] > -20 and bbox[2] == pytest.approx(180) and bbox[3] == pytest.approx(-10, abs=1e-6)


def test_footprint_needs_one_crs() -> None:
    one = georef.utm_north_geobox(UPPER_LEFT, LOWER_RIGHT, (841, 945), zone=12, resolution=90)
    other = georef.utm_north_geobox(UPPER_LEFT, LOWER_RIGHT, (841, 945), zone=13, resolution=90)
    with pytest.raises(georef.GeoreferencingError, match="one coordinate reference system"):
        georef.footprint([whole(one), whole(other)])
