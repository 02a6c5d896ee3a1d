"""Grids: no gap, no overlap, names that stay, areas across the antimeridian and around a pole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.gridspec import GridSpec

from stacaster.errors import UsageError
from stacaster.geo.areas import box_geometry
from stacaster.geo.regions import REGIONS
from stacaster.tiles.grids import Grid, Tile, make_grid


def squares(name: str, **options: Any) -> Grid:
    grid = make_grid(name, **options)
    assert isinstance(grid, Grid)
    return grid


def test_degree_tiles_fill_the_world_once() -> None:
    grid = make_grid("degree", tile_size=10, resolution=0.01)
    tiles = grid.covering(box_geometry(REGIONS["global"]))
    assert len(tiles) == 36 * 18 == len({tile.id for tile in tiles})
    shapes = [shapely.box(*tile.bounds) for tile in tiles]
    assert sum(shape.area for shape in shapes) == 360 * 180
    assert shapely.union_all(shapes).equals(shapely.box(-180, -90, 180, 90))
    assert {tile.pixels for tile in tiles} == {1000}


def test_names_stay_what_they_are() -> None:
    # Names of files of earlier runs: a change would orphan them.
    degree = squares("degree", tile_size=10, resolution=0.01)
    assert degree.tile(13, -4).id == "DEG10-S40E130" and degree.tile(-18, 8).id == "DEG10-N80W180"
    half = squares("degree", tile_size=0.5, resolution=0.001)
    assert half.tile(277, -62).id == "DEG0.5-S31E138.5"
    metric = squares("EPSG:32754", tile_size=100_000, resolution=30 * 100_000 / 99_990)
    assert metric.tile(2, 65).id == "EPSG32754-100KM-E2N65"
    albers = squares("epsg:3577", tile_size=96_000, resolution=30)
    assert albers.tile(-3, -12).id == "EPSG3577-96KM-W3S12"
    web = squares("mercator", tile_size=8, resolution=300)
    assert web.tile(0, 255).id == "WEB8-0-0" and web.tile(255, 0).id == "WEB8-255-255"
    for tile in (degree.tile(1, 1), half.tile(277, -62), albers.tile(-3, -12), web.tile(0, 0)):
        assert Tile.from_dict(tile.to_dict()) == tile


def test_metric_tiles_are_those_of_odc_geo() -> None:
    grid = squares("EPSG:3577", tile_size=96_000, resolution=30)
    theirs = GridSpec("EPSG:3577", (3200, 3200), 30)
    area = box_geometry((138, -32, 140, -30))
    found = {tuple(round(value, 3) for value in tile.geobox.boundingbox) for tile in grid.covering(area)}
    from odc.geo.geom import box

    expected = {
        tuple(round(value, 3) for value in geobox.boundingbox)
        for _, geobox in theirs.tiles_from_geopolygon(box(138, -32, 140, -30, "EPSG:4326"))
    }
    assert found == expected
    assert grid.tile(0, 0).geobox.shape == (3200, 3200)


def test_web_tiles_are_those_of_the_web() -> None:
    grid = make_grid("mercator", tile_size=10, resolution=150)
    # Adelaide: zoom 10 is tile 906, 618 in every web map.
    (tile,) = grid.covering(box_geometry((138.59, -34.93, 138.60, -34.92)))
    assert tile.id == "WEB10-906-618"
    n = 2**10
    assert int((138.59 + 180) / 360 * n) == 906
    assert int((1 - np.arcsinh(np.tan(np.radians(-34.93))) / np.pi) / 2 * n) == 618
    assert tile.pixels == 261 and grid.resolution <= 150


def test_areas_across_the_antimeridian() -> None:
    grid = make_grid("degree", tile_size=10, resolution=0.1)
    found = {tile.id for tile in grid.covering(box_geometry((175, -20, -175, -10)))}
    assert found == {"DEG10-S20E170", "DEG10-S20W180"}
    # UTM zone 1 lies east of it, its tiles reach across.
    utm = make_grid("EPSG:32701", tile_size=100_000, resolution=100)
    tiles = utm.covering(box_geometry((179, -18, -179, -17)))
    assert tiles
    crossing = [tile for tile in tiles if tile.bbox[0] > tile.bbox[2]]
    assert all(west > 170 and east < -170 for west, _, east, _ in (tile.bbox for tile in crossing))


def test_a_pole_inside_a_tile() -> None:
    grid = make_grid("EPSG:3031", tile_size=500_000, resolution=500)
    tiles = grid.covering(box_geometry((-180, -90, 180, -85)))
    middle = [tile for tile in tiles if tile.bounds[0] in (-500_000, 0) and tile.bounds[1] in (-500_000, 0)]
    assert len(middle) == 4
    assert all(tile.bbox[1] <= -89.99 for tile in middle)
    reach = 5.2 * 111_000
    assert len(tiles) <= (2 * np.ceil(reach / 500_000)) ** 2


def test_edges_that_touch_do_not_count() -> None:
    grid = make_grid("degree", tile_size=1, resolution=0.01)
    assert [tile.id for tile in grid.covering(box_geometry((138, -32, 139, -31)))] == ["DEG1-S32E138"]
    triangle = {"type": "Polygon", "coordinates": [[[138, -32], [140, -32], [138, -30], [138, -32]]]}
    assert {tile.id for tile in grid.covering(triangle)} == {"DEG1-S32E138", "DEG1-S32E139", "DEG1-S31E138"}


@settings(max_examples=50, deadline=None)
@given(st.floats(129, 141), st.floats(-38, -26), st.floats(0.01, 3), st.floats(0.01, 3))
def test_every_place_of_an_area_is_in_one_tile(west: float, south: float, width: float, height: float) -> None:
    area = (west, south, west + width, south + height)
    for grid in (
        make_grid("degree", tile_size=0.5, resolution=0.001),
        make_grid("EPSG:3577", tile_size=60_000, resolution=30),
    ):
        tiles = grid.covering(box_geometry(area))
        boxes = np.array([tile.bounds for tile in tiles])
        from pyproj import Transformer

        transformer = Transformer.from_crs(4326, grid.crs, always_xy=True)
        for a in (0.001, 0.5, 0.999):
            for b in (0.001, 0.5, 0.999):
                x, y = transformer.transform(west + a * width, south + b * height)
                inside = (boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])
                assert inside.sum() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "degree", "tile_size": 7, "resolution": 0.01}, "do not fill 180 degrees"),
        ({"name": "degree", "tile_size": 1, "resolution": 0.03}, "whole number is needed"),
        ({"name": "degree", "tile_size": -1, "resolution": 0.01}, "have to be positive"),
        ({"name": "degree", "tile_size": float("nan"), "resolution": 0.01}, "have to be positive"),
        ({"name": "mercator", "tile_size": 8.5, "resolution": 30}, "zoom level from 1 to 24"),
        ({"name": "utm", "tile_size": 9000, "resolution": 30}, "needs an area"),
        ({"name": "hexagons", "tile_size": 1, "resolution": 1}, "none of degree, mercator, utm and mgrs, and no CRS"),
        ({"name": "EPSG:4283", "tile_size": 1, "resolution": 1}, "is not projected; use the grid 'degree'"),
    ],
)
def test_grids_that_are_none(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_grid(**arguments)


def test_areas_that_cannot_be_covered() -> None:
    with pytest.raises(UsageError, match=r"lies outside EPSG:3577"):
        make_grid("EPSG:3577", tile_size=96_000, resolution=30).covering(box_geometry((0, 40, 10, 50)))
    with pytest.raises(UsageError, match="use larger ones"):
        make_grid("degree", tile_size=0.01, resolution=0.001).covering(box_geometry(REGIONS["global"]))


def test_the_zone_is_that_of_the_middle() -> None:
    zones = {(138, -32, 139, -31): "EPSG:32754", (8, 60, 9, 61): "EPSG:32632", (179, 1, 180, 2): "EPSG:32660"}
    for area, crs in zones.items():
        assert make_grid("utm", tile_size=9000, resolution=30, area=box_geometry(area)).crs == crs


@pytest.mark.parametrize(
    ("place", "name", "crs"),
    [
        ((138.6, -34.93), "54HTG", 32754),  # Adelaide, as Sentinel-2 names its tile
        ((2.35, 48.86), "31UDQ", 32631),  # Paris
        ((5.32, 60.39), "32VKN", 32632),  # Bergen: in the widened zone 32
        ((15.6, 78.2), "33XWG", 32633),  # Longyearbyen: there is no zone 32 so far north
        ((-179.99, -16.8), "01KAB", 32701),
    ],
)
def test_squares_of_known_places(place: tuple[float, float], name: str, crs: int) -> None:
    mgrs = pytest.importorskip("mgrs")
    lon, lat = place
    assert mgrs.MGRS().toMGRS(lat, lon, MGRSPrecision=0) == name
    grid = make_grid("mgrs", tile_size=100_000, resolution=20)
    (tile,) = grid.covering(box_geometry((lon, lat, lon + 1e-4, lat + 1e-4)))
    assert (tile.id, tile.crs, tile.pixels) == (f"MGRS-{name}", f"EPSG:{crs}", 5000)
    assert all(value % 100_000 == 0 for value in tile.bounds)


@settings(max_examples=15, deadline=None)
@given(st.floats(-179, 175), st.floats(-79, 82), st.integers(0, 2**32))
def test_every_point_lies_in_the_square_of_its_name(west: float, south: float, seed: int) -> None:
    mgrs = pytest.importorskip("mgrs").MGRS()
    from pyproj import Transformer

    grid = make_grid("mgrs", tile_size=100_000, resolution=50)
    box = (west, south, west + 3, south + 1.5)
    tiles = {tile.id[5:7] + tile.id[8:]: tile for tile in grid.covering(box_geometry(box))}
    random = np.random.default_rng(seed)
    for lon, lat in zip(random.uniform(box[0], box[2], 40), random.uniform(box[1], box[3], 40), strict=True):
        name = mgrs.toMGRS(lat, lon, MGRSPrecision=0)
        # The letter of the band is that of the middle of the square.
        tile = tiles[name[:2] + name[3:]]
        x, y = Transformer.from_crs(4326, tile.crs, always_xy=True).transform(lon, lat)
        assert tile.bounds[0] <= x < tile.bounds[2] and tile.bounds[1] <= y < tile.bounds[3]


def test_squares_that_are_none() -> None:
    pytest.importorskip("mgrs")
    for size, resolution, words in ((50_000, 10, "100000 or 10000 m"), (100_000, 30, "no whole number of pixels")):
        with pytest.raises(UsageError, match=words):
            make_grid("mgrs", tile_size=size, resolution=resolution)
    grid = make_grid("mgrs", tile_size=10_000, resolution=10)
    with pytest.raises(UsageError, match="beyond 84 N or 80 S"):
        grid.covering(box_geometry((0, 83, 1, 85)))
    tiles = grid.covering(box_geometry((138.5, -31.01, 138.6, -31.0)))
    assert all(len(tile.id) == len("MGRS-54JTL00") and tile.pixels == 1000 for tile in tiles) and tiles
