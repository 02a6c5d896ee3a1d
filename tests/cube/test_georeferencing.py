"""Where a cube lies: polygons, circles, regions, grids, the antimeridian, the equator, several zones."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, NothingFoundError, UsageError
from stacaster.geo.areas import box_around, checked_area, circle
from tests.cube.made_scenes import START, full, made_scene

CHUNKS = [None, {"x": 7, "y": 5}]


def in_degrees(box: GeoBox, corners: list[tuple[float, float]]) -> dict[str, Any]:
    """A polygon given in pixels of a geobox, as GeoJSON in degrees."""
    transformer = pyproj.Transformer.from_crs(str(box.crs), 4326, always_xy=True)
    ring = [transformer.transform(*(box.transform * corner)) for corner in corners]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("units", ["dn", "radiance"])
def test_a_polygon_cuts_by_the_centres_of_pixels(tmp_path: Path, chunks: Any, units: Any) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(9)})
    box = GeoBox((16, 16), Affine(30, 0, 300000, 0, -30, 6500000), "EPSG:32754")
    # Columns 2.6 to 9.4 and rows 3.4 to 7.6 hold the centres 3.5 to 8.5 and 3.5 to 7.5.
    area = in_degrees(box, [(2.6, 3.4), (9.4, 3.4), (9.4, 7.6), (2.6, 7.6)])
    cube = stacaster.load([item], native=True, units=units, intersects=area, chunks=chunks, n_obs=True, source=True)
    assert cube.sizes["y"] <= 7 and cube.sizes["x"] <= 9, "the cube is the box around the area"
    columns, rows = (cube.x.values - 300015) / 30, (6499985 - cube.y.values) / 30
    inside = np.outer((rows >= 3) & (rows <= 7), (columns >= 3) & (columns <= 8))
    assert inside.sum() == 30
    valid = np.isfinite(cube.B01.values[0]) if units != "dn" else cube.B01.values[0] != 0
    assert np.array_equal(valid, inside)
    assert np.array_equal(cube.n_obs.values[0], inside) and np.array_equal(cube.source.values[0] == 0, inside)


def test_a_file_with_named_areas_and_another_crs(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(9)})
    shapes = [shapely.box(300060, 6499700, 300180, 6499880), shapely.box(300300, 6499700, 300420, 6499880)]
    frame = gpd.GeoDataFrame({"name": ["west", "east"]}, geometry=shapes, crs="EPSG:32754")
    path = tmp_path / "areas.gpkg"
    frame.to_file(path)
    for value in (path, frame):
        cube = stacaster.load([item], native=True, intersects=value, region="west")
        rows, columns = np.nonzero(cube.B01.values[0])
        # 120 m by 180 m of 30 m pixels.
        assert len(set(columns)) == 4 and len(set(rows)) == 6 and len(rows) == 24
    with pytest.raises(UsageError, match="no area called 'north'; there are east, west"):
        stacaster.load([item], native=True, intersects=path, region="north")


def test_a_circle_around_a_point(tmp_path: Path) -> None:
    item = made_scene(tmp_path, "a", {"B01": full(9, (64, 64))})
    transformer = pyproj.Transformer.from_crs("EPSG:32754", 4326, always_xy=True)
    point = transformer.transform(300000 + 960, 6500000 - 960)
    cube = stacaster.load([item], native=True, point=point, radius=500)
    x, y = np.meshgrid(cube.x, cube.y)
    distance = np.hypot(x - 300960, y - (6500000 - 960))
    values = cube.B01.values[0]
    # The scale of UTM at 2.1 degrees from its centre is off by a thousandth at most; a polygon of 72 sides by 0.5 m.
    assert (values[distance < 498] == 9).all() and (values[distance > 502] == 0).all()
    with pytest.raises(UsageError, match="radius is -1"):
        stacaster.load([item], native=True, point=point, radius=-1)
    with pytest.raises(UsageError, match="belong together"):
        stacaster.load([item], native=True, point=point)


def test_circles_over_the_antimeridian() -> None:
    found: Any = shapely.geometry.shape(circle(179.99, -17.0, radius=5000))
    assert found.geom_type == "MultiPolygon"
    west, _, east, _ = box_around(shapely.geometry.mapping(found))
    assert west > 179.9 and east < -179.9
    area = abs(sum(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(part)[0] for part in found.geoms))
    assert area == pytest.approx(np.pi * 5000**2, rel=0.002)


def test_areas_are_repaired_or_refused(tmp_path: Path) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    assert shapely.geometry.shape(checked_area(bow)).area == pytest.approx(0.5)
    with pytest.raises(UsageError, match="not in degrees; give longitude and latitude"):
        checked_area({"type": "Polygon", "coordinates": [[[3e5, 6e6], [4e5, 6e6], [4e5, 7e6], [3e5, 6e6]]]})
    with pytest.raises(UsageError, match="LineString without an area"):
        checked_area({"type": "LineString", "coordinates": [[0, 0], [1, 1]]})
    item = made_scene(tmp_path, "a", {"B01": full(9)})
    with pytest.raises(LoadError, match="outside of the selected"):
        stacaster.load([item], geobox=GeoBox((4, 4), Affine(30, 0, 300000, 0, -30, 6500000), 32754), intersects=bow)
    with pytest.raises(UsageError, match="bbox, intersects each name the area"):
        stacaster.load([item], bbox=(0, 0, 1, 1), intersects=bow)
    with pytest.raises(UsageError, match="region 'austrlia' is not known; did you mean australia"):
        stacaster.load([item], region="austrlia")


# Grid of a scene, and the number of a pixel in it whose place is worked out by pyproj alone.
PLACES = {
    "antimeridian, zone 60": ("EPSG:32760", 833000.0, 8100000.0),
    "antimeridian, zone 1": ("EPSG:32701", 166000.0, 8100000.0),
    "equator, north": ("EPSG:32636", 400000.0, 300.0),
    "equator, south": ("EPSG:32736", 400000.0, 10000300.0),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("crs", ["native", "EPSG:4326", "EPSG:6933"])
def test_pixels_stay_in_their_place(tmp_path: Path, name: str, crs: str) -> None:
    code, left, top = PLACES[name]
    shape = (24, 24)
    values = (np.arange(24 * 24).reshape(shape) % 251 + 1).astype("uint8")
    box = GeoBox(shape, Affine(30, 0, left, 0, -30, top), code)
    item = made_scene(tmp_path, "a", {"B01": values}, geobox=box)
    there = pyproj.Transformer.from_crs(code, 4326, always_xy=True)
    options: dict[str, Any] = {"native": True} if crs == "native" else {
        "crs": crs, "resolution": 0.00005 if crs == "EPSG:4326" else 5.0, "resampling": "nearest"}  # fmt: skip
    middle = there.transform(left + 12 * 30, top - 12 * 30)
    west, east = ((value + 180.0) % 360.0 - 180.0 for value in (middle[0] - 0.002, middle[0] + 0.002))
    if crs != "native" and west > east:
        pytest.skip("a cube in degrees or on the whole world has its edge at the antimeridian")
    cube = stacaster.load([item], bbox=(west, middle[1] - 0.002, east, middle[1] + 0.002), **options)
    out = str(cube.odc.geobox.crs)
    forward = pyproj.Transformer.from_crs(4326, out, always_xy=True)
    checked = 0
    for row, column in [(10, 10), (12, 9), (13, 14), (11, 12)]:
        x, y = forward.transform(*there.transform(left + (column + 0.5) * 30, top - (row + 0.5) * 30))
        found = cube.B01.isel(time=0).sel(x=x, y=y, method="nearest") if "x" in cube.dims else cube.B01.isel(
            time=0).sel(longitude=x, latitude=y, method="nearest")  # fmt: skip
        assert int(found) == values[row, column], (row, column)
        checked += 1
    assert checked == 4


def test_two_zones_on_one_grid(tmp_path: Path) -> None:
    """Scenes of neighbouring zones, over one place, on one geobox: each pixel is that of its scene."""
    there = pyproj.Transformer.from_crs("EPSG:32753", "EPSG:32754", always_xy=True)
    easting, northing = there.transform(787000.0, 6500000.0)
    one = made_scene(tmp_path, "z53", {"B01": full(53)},
                     geobox=GeoBox((16, 16), Affine(30, 0, 787000, 0, -30, 6500000), "EPSG:32753"))  # fmt: skip
    snapped = (round(easting / 30) * 30, round(northing / 30) * 30)
    two = made_scene(tmp_path, "z54", {"B01": full(54)}, moment=START + dt.timedelta(seconds=9),
                     geobox=GeoBox((16, 16), Affine(30, 0, snapped[0], 0, -30, snapped[1]), "EPSG:32754"))  # fmt: skip
    box = GeoBox((12, 12), Affine(30, 0, snapped[0] + 60, 0, -30, snapped[1] - 60), "EPSG:32754")
    cube = stacaster.load([one, two], geobox=box)
    assert (cube.B01.values[1] == 54).all() and set(np.unique(cube.B01.values[0])) <= {0, 53}
    assert (cube.B01.values[0] == 53).mean() > 0.8
    with pytest.raises(LoadError, match=r"EPSG:32753 \(1\), EPSG:32754 \(1\)"):
        stacaster.load([one, two], native=True)
    (checked,) = stacaster.cube.check_grid([one, two])
    assert not checked.is_one_grid and checked.crs == {"EPSG:32753": 1, "EPSG:32754": 1}


@pytest.mark.parametrize("crs", ["EPSG:6933", "EPSG:3857"])
def test_a_crs_that_ends_at_the_antimeridian_is_refused_across_it(tmp_path: Path, crs: str) -> None:
    box = GeoBox((24, 24), Affine(30, 0, 819000, 0, -30, 8100000), "EPSG:32760")
    item = made_scene(tmp_path, "a", {"B01": full(5, (24, 24))}, geobox=box)
    across = (179.95, -17.2, -179.95, -17.1)
    with pytest.raises(UsageError, match=f"where {crs} ends.*such as EPSG:32760"):
        stacaster.load([item], crs=crs, resolution=100, bbox=across)
    for other in ("EPSG:32760", "EPSG:32701", "EPSG:3832"):
        cube = stacaster.load([item], crs=other, resolution=30, bbox=across)
        assert (cube.B01 == 5).sum() > 500 and cube.sizes["x"] < 1000
    degrees = stacaster.load([item], crs="EPSG:4326", resolution=0.001, bbox=across)
    assert degrees.sizes["longitude"] == 100 and float(degrees.longitude[-1]) == pytest.approx(180.0495)


def test_groups_by_a_function(tmp_path: Path) -> None:
    items = [
        made_scene(tmp_path, f"s{n}", {"B01": full(n + 1)}, moment=START + dt.timedelta(days=10 * n)) for n in range(5)
    ]
    items[2].assets["B01"].href = items[0].assets["B01"].href  # the same pixels as the first
    cube = stacaster.load(items, native=True, groupby=lambda item: item.datetime.month, n_obs=True)
    assert cube.sizes["time"] == 3
    assert cube.n_obs.values[:, 0, 0].tolist() == [1, 3, 1] and cube.B01.values[:, 0, 0].tolist() == [1, 2, 5]


def test_a_grid_that_differs_is_told(tmp_path: Path) -> None:
    base = Affine(15, 0, 300000, 0, -15, 6500000)
    scenes = [
        ("same", base * Affine.translation(100, 50)),
        ("shifted", base * Affine.translation(0.25, 0)),
        # What stactools-aster writes: corners of the outermost centres as the edges.
        ("shrunk", Affine(14.9973, 0, 300000, 0, -14.9970, 6500000)),
    ]
    items = [made_scene(tmp_path, "first", {"B01": full(1)}, geobox=GeoBox((16, 16), base, "EPSG:32754"))]
    items += [made_scene(tmp_path, name, {"B01": full(1)}, geobox=GeoBox((16, 16), transform, "EPSG:32754"))
              for name, transform in scenes]  # fmt: skip
    (alone,) = stacaster.cube.check_grid(items[:2])
    assert alone.is_one_grid and alone.largest_shift == 0
    (found,) = stacaster.cube.check_grid(items)
    assert found.shifted == ("shifted", "shrunk") and found.largest_shift == pytest.approx(0.25)
    assert found.largest_drift == pytest.approx(16 * 0.003 / 15, rel=1e-3)
    with pytest.raises(LoadError):
        stacaster.load(items, native=True)


def test_the_plan_says_what_the_load_then_is(catalog: Catalog) -> None:
    search = catalog.search(datetime="2003-08-30")
    plan = search.plan(bands=["B01", "B13"], crs="EPSG:32754", resolution=90, units="radiance")
    cube = search.load(bands=["B01", "B13"], crs="EPSG:32754", resolution=90, units="radiance")
    assert plan.bands == ("B01", "B13") and plan.shape == cube.B01.shape and plan.files == 2
    assert plan.bytes_of_cube == sum(band.nbytes for band in cube.data_vars.values())
    (item,) = search.items()
    sizes = {band: item.assets[band].extra_fields["file:size"] for band in ("B01", "B13")}
    whole = search.plan(bands=["B01", "B13"], geobox=catalog.geobox(datetime="2003-08-30", bands="B01"))
    assert whole.bytes_to_read == pytest.approx(sum(sizes.values()), rel=0.01)
    assert plan.bytes_to_read < whole.bytes_to_read, "overviews are smaller"
    assert "to read from 2 files" in repr(plan) and "<table>" in plan._repr_html_()
    assert json.loads(json.dumps(plan.to_dict()))["items"] == 1


def test_the_grid_of_a_catalog(catalog: Catalog) -> None:
    asked: dict[str, Any] = {"datetime": "2003-08-30"}
    box = catalog.geobox((138.52, -31.005, 138.53, -30.995), **asked)
    assert box.resolution.x == 15
    cube = catalog.load(bands=["B01"], geobox=box, **asked)
    native = catalog.load(bands=["B01"], bbox=(138.52, -31.005, 138.53, -30.995), native=True, **asked)
    assert cube.B01.identical(native.B01)
    assert catalog.geobox(bands="B13", **asked).resolution.x == 90
    with pytest.raises(NothingFoundError):
        catalog.geobox(datetime="1999")


def test_each_part_of_the_instrument_on_its_own_grid(catalog: Catalog) -> None:
    search = catalog.search(datetime="2003-08-30")
    tree = stacaster.cube.load_tree(search.items(), units="radiance", bbox=(138.52, -31.005, 138.53, -30.995))
    assert set(tree.children) == {"VNIR", "SWIR", "TIR"}
    for part, size in (("VNIR", 15.0), ("SWIR", 30.0), ("TIR", 90.0)):
        assert float(np.diff(tree[part].x)[0]) == size
    alone = search.load(bands=["B13"], native=True, units="radiance", bbox=(138.52, -31.005, 138.53, -30.995))
    assert tree["TIR"]["B13"].equals(alone.B13)


def test_a_catalog_loads_an_area(catalog: Catalog) -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.box(138.52, -31.005, 138.53, -30.995)], crs=4326).to_crs(3577)
    box = catalog.load(bands=["B01"], intersects=frame, datetime="2003-08-30", native=True)
    assert 0.9 < float((box.B01 != 0).mean()) <= 1
    area = shapely.geometry.mapping(shapely.Polygon([(138.52, -31.005), (138.53, -31.005), (138.525, -30.995)]))
    cube = catalog.load(bands=["B01"], intersects=area, datetime="2003-08-30", native=True)
    share = float((cube.B01 != 0).mean())
    assert 0.4 < share < 0.55, "half of the box around a triangle"
    with pytest.raises(NothingFoundError, match=r"point \(139.9, 10.0\), radius 500"):
        catalog.load(bands=["B01"], point=(139.9, 10.0), radius=500, datetime="2003")
