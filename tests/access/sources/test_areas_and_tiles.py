"""Areas out of files by name, and large areas cut into tiles."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import geopandas
import pytest
import shapely

import stacaster
from stacaster.errors import UsageError
from stacaster.geo.area_input import read_geometry
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.records import aster_record
from tests.earthdata_twin.server import Twin


@pytest.fixture
def ranges(tmp_path: Path) -> Path:
    """Two ranges in a projected CRS, with their names."""
    shapes = [shapely.box(130, -31, 130.5, -30.5), shapely.box(133, -31, 133.5, -30.5)]
    frame = geopandas.GeoDataFrame({"code": ["a", "b"], "NAME": ["Flinders", "Gawler"]}, geometry=shapes, crs=4326)
    path = tmp_path / "ranges.gpkg"
    frame.to_crs(3577).to_file(path)
    return path


@pytest.mark.parametrize("ending", ["gpkg", "shp", "geojson"])
def test_one_area_of_a_file_by_its_name(cmr: Cmr, ranges: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"areas.{ending}"
    geopandas.read_file(ranges).to_crs(4326 if ending == "geojson" else 3577).to_file(path)
    assert len(stacaster.search("AST_L1T", intersects=path)) == 12
    assert len(stacaster.search("AST_L1T", intersects=path, region="flinders")) == 6
    assert len(stacaster.search("AST_L1T", intersects=path, region="b", name_column="code")) == 6


def test_a_geodataframe_is_taken_in_its_own_crs(ranges: Path) -> None:
    frame = geopandas.read_file(ranges)
    found = shapely.geometry.shape(dict(read_geometry(frame, region="Gawler")))
    assert found.bounds == pytest.approx((133, -31, 133.5, -30.5), abs=1e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"region": "Nowhere"}, "has no area called 'Nowhere'; there are Flinders, Gawler"),
        ({"region": "a", "name_column": "colour"}, "has no column 'colour'; there are code, NAME"),
    ],
)
def test_names_that_are_not_there(ranges: Path, options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_geometry(ranges, **options)


def test_region_with_plain_geojson() -> None:
    with pytest.raises(UsageError, match="choose among the areas of a file"):
        read_geometry({"type": "Point", "coordinates": [0, 0]}, region="x")


@pytest.fixture
def scattered(twin: Twin) -> Cmr:
    """Scenes every half degree over ten by six degrees; two versions of each, the newer shifted a little."""
    records: list[dict] = []
    for row in range(12):
        for column in range(20):
            west, south = 130 + column / 2, -36 + row / 2
            start = datetime(2003, 1, 1) + timedelta(hours=len(records))
            name = f"{start:%m%d%Y%H%M%S}_20150509132931_{len(records)}"
            box = (west, south, west + 0.7, south + 0.7)
            records.append(aster_record(len(records), start, box, name=f"AST_L1T_003{name}"))
            shifted = (west + 0.02, south, west + 0.72, south + 0.7)
            newer = aster_record(10_000 + len(records), start, shifted, version="004", name=f"AST_L1T_004{name[:-4]}")
            records.append(newer | {"umm": newer["umm"]})
    for record in records:
        identifier = record["umm"]["DataGranule"]["Identifiers"][0]
        identifier["Identifier"] = identifier["Identifier"].replace(".hdf", "")
    service = Cmr(records)
    twin.routes["cmr.earthdata.nasa.gov"] = service
    return service


@pytest.mark.parametrize("options", [{}, {"all_versions": True}])
def test_tiles_find_each_granule_once(scattered: Cmr, options: dict) -> None:
    area: dict = {"bbox": [130.1, -35.9, 139.8, -30.2]}
    whole = [granule.id for granule in stacaster.search("AST_L1T", **area, **options)]
    tiles = list(stacaster.access.search_tiles("AST_L1T", tile_size=2, **area, **options))
    assert [tile for tile, _ in tiles][:2] == [(130, -36, 132, -34), (132, -36, 134, -34)] and len(tiles) == 15
    if not options:
        found = [granule.id for _, search in tiles for granule in search]
        assert len(found) == len(set(found)) and sorted(found) == sorted(whole)
    for tile, search in tiles:
        box = shapely.box(*tile)
        assert all(box.intersects(shapely.geometry.shape(dict(granule.geometry or {}))) for granule in search)


def test_tiles_of_a_polygon_leave_out_what_it_does_not_touch(scattered: Cmr, twin: Twin) -> None:
    triangle = {"type": "Polygon", "coordinates": [[[130.1, -35.9], [137, -35.9], [130.1, -31], [130.1, -35.9]]]}
    # One version: of a scene whose newest version just misses the triangle, the whole search gives the older one.
    whole = sorted(granule.id for granule in stacaster.search("AST_L1T", version="004", intersects=triangle))
    tiles = list(stacaster.access.search_tiles("AST_L1T", version="004", tile_size=2, intersects=triangle))
    assert sorted(granule.id for _, search in tiles for granule in search) == whole and len(tiles) < 12


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, "needs an area"), ({"region": "global", "tile_size": 0}, "tile_size is 0"),
     ({"region": "global", "limit": 5}, "on a whole search")],
)  # fmt: skip
def test_tiles_that_cannot_be_asked(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        list(stacaster.access.search_tiles("AST_L1T", **options))
