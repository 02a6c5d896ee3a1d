"""Recorded answers of the real CMR, and records with every oddity that was seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from stacaster.access.sources.umm import file_name, parse_umm
from stacaster.errors import SearchError
from stacaster.formats.metadata.umm import parse_time, umm_geometry
from stacaster.instruments.versions import newest_only, scene_and_rank


def entries(shared: Path, name: str) -> list[dict[str, Any]]:
    recorded = json.loads((shared / "data" / "cmr" / name).read_text())
    bodies = [interaction["body"] for interaction in recorded["interactions"]]
    return [item for body in bodies for item in (body.get("json") or body).get("items", ())]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("pc_searchafter_chain_10x2.json", 20),
        ("ea_daymet_daily_v4r1_2129_umm.json", 10),
        ("tc_hls_2_a.json", 2),
        ("ea_atl03_umm.json", 1),
        ("ea_atl08_umm.json", 1),
        ("ea_gpm_3imerghh_umm.json", 1),
        ("ea_g1593453400-laads_umm.json", 1),
    ],
)
def test_every_recorded_granule(shared: Path, name: str, count: int) -> None:
    found = [parse_umm(entry) for entry in entries(shared, name)]
    assert len(found) == count
    for granule in found:
        assert granule.id and granule.start <= granule.end and granule.start.tzinfo is not None
        assert granule.data_files
        assert not any(file.name.endswith((".md5", ".sha256", ".jpg", ".html")) for file in granule.data_files)
        assert all(file.href.startswith(("https://", "s3://")) for file in granule.files)
        if granule.geometry is not None:
            shape = shapely.geometry.shape(dict(granule.geometry))
            assert shape.is_valid and -180 <= shape.bounds[0] <= shape.bounds[2] <= 180
        json.dumps(granule.to_feature())


def test_sizes_and_checksums_of_recorded_granules(shared: Path) -> None:
    modis = parse_umm(entries(shared, "pc_searchafter_chain_10x2.json")[0])
    (data,) = modis.data_files
    assert (data.size, data.checksum_kind) == (27984421, "MD5")
    assert modis.id == "MOD02QKM.A2000055.0005.061.2017171194850" and modis.day_night == "both"
    hls = parse_umm(entries(shared, "tc_hls_2_a.json")[0])
    assert len(hls.data_files) == 15 and hls.size is not None
    assert all(file.size is None for file in hls.data_files), "the record states the sum only"
    assert hls.cloud_cover == 100.0, "from an additional attribute"
    icesat = parse_umm(entries(shared, "ea_atl08_umm.json")[0])
    assert icesat.size is None, "a size without exact unit is no size"
    assert icesat.attributes["approximate_footprint"] and icesat.orbit == 2429


def test_rings_that_cross_the_antimeridian(shared: Path) -> None:
    crossing = 0
    for entry in entries(shared, "pc_searchafter_chain_10x2.json"):
        geometry = parse_umm(entry).geometry
        assert geometry is not None
        shape = shapely.geometry.shape(dict(geometry))
        crossing += geometry["type"] == "MultiPolygon" or shape.bounds[2] - shape.bounds[0] > 300
    assert crossing >= 5


def extent(**geometry: Any) -> dict[str, Any]:
    return {"HorizontalSpatialDomain": {"Geometry": geometry}}


def test_geometries() -> None:
    box = {"WestBoundingCoordinate": 170.0, "EastBoundingCoordinate": -170.0, "SouthBoundingCoordinate": -10.0,
           "NorthBoundingCoordinate": 10.0}  # fmt: skip
    split = umm_geometry(extent(BoundingRectangles=[box]))
    assert split is not None and shapely.geometry.shape(split).area == pytest.approx(400)
    point = umm_geometry(extent(Points=[{"Longitude": 1.0, "Latitude": 2.0}]))
    assert point == {"type": "Point", "coordinates": (1.0, 2.0)}
    assert umm_geometry({}) is None and umm_geometry({"HorizontalSpatialDomain": {"Orbit": {}}}) is None
    outer = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0)]
    hole = [(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)]
    rings = [[{"Longitude": x, "Latitude": y} for x, y in ring] for ring in (outer, hole)]
    polygon = {"Boundary": {"Points": rings[0]}, "ExclusiveZone": {"Boundaries": [{"Points": rings[1]}]}}
    holed = umm_geometry(extent(GPolygons=[polygon]))
    assert holed is not None and shapely.geometry.shape(holed).area == 15


@pytest.mark.parametrize("text", ["2000-01-01T00:00:49Z", "2000-01-01T00:00:49.1504700Z", "2000-01-01T00:00:49+00:00"])
def test_times_of_every_precision(text: str) -> None:
    moment = parse_time(text)
    assert (moment.second, moment.utcoffset()) == (49, parse_time("2000-01-01").utcoffset())


def test_names_of_files() -> None:
    assert file_name("https://h/a/b%20c.hdf?sig=1") == "b c.hdf"
    assert file_name("https://h/a/..%2f..%2fetc%2fpasswd") == "passwd"
    assert file_name("https://h/") == ""


@pytest.mark.parametrize("umm", [{}, {"GranuleUR": "x"}, {"GranuleUR": "x", "TemporalExtent": {"SingleDateTime": "?"}}])
def test_what_is_no_record(umm: dict[str, Any]) -> None:
    with pytest.raises(SearchError, match="G7 of the answer"):
        parse_umm({"meta": {"concept-id": "G7"}, "umm": umm})


def named(name: str) -> Any:
    umm = {"GranuleUR": name, "TemporalExtent": {"SingleDateTime": "2025-11-06T01:05:37Z"}}
    return parse_umm({"meta": {"concept-id": name}, "umm": umm})


def test_order_of_nisar_releases() -> None:
    """Production P05023 supersedes beta X05013, though X sorts behind P; then the product counter decides."""
    stem = "NISAR_L2_PR_GCOV_004_113_D_065_2005_QPDH_A_20251106T010537_20251106T010600"
    ends = ("X05013 001", "P05023 001", "X05009 002", "P05023 002", "X05007 001")
    names = [f"{stem}_{end.split()[0]}_N_P_J_{end.split()[1]}" for end in ends]
    assert [granule.id for granule in newest_only(named(name) for name in names)] == [f"{stem}_P05023_N_P_J_002"]
    ranks = [scene_and_rank(named(f"{stem}_{crid}_N_P_J_001"))[1] for crid in ("X05007", "X05009", "X05013", "P05023")]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("AST_L1T_00308302003004302_20160101000000_1", "AST_L1T_00408302003004302_20150101000000"),
        ("AST_L1T_00308302003004302_20150101000000_1", "AST_L1T_00308302003004302_20160101000000_2"),
        ("MOD10A2.A2003017.h16v01.005.2006126104131", "MOD10A2.A2003017.h16v01.061.2005126104131"),
        ("ATL03_20190221121851_08410203_005_01", "ATL03_20190221121851_08410203_006_01"),
    ],
)
def test_versions_of_one_scene(older: str, newer: str) -> None:
    for order in ((older, newer), (newer, older)):
        assert [granule.id for granule in newest_only(named(name) for name in order)] == [newer]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MOD10A2.A2003017.h16v01.005.2006126104131", "MOD10A2.A2003017.h16v02.005.2006126104131"),
        ("ATL03_20190221121851_08410203_005_01", "ATL08_20190221121851_08410203_005_01"),
        ("something", "something else"),
    ],
)
def test_different_scenes_stay(one: str, other: str) -> None:
    assert len(list(newest_only([named(one), named(other)]))) == 2
