"""Radar granules that are taken in as they come: Sentinel-1, ALOS PALSAR, NISAR."""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.io import MemoryFile

import stacaster
from stacaster.errors import LoadError, ReadError
from stacaster.ingest.convert import native_files
from stacaster.instruments import radar
from stacaster.model import FileKind, Product, Scene
from stacaster.products import get_product
from stacaster.samples import nisar, nisar_identification, palsar, sentinel1
from tests.certain import certain
from tests.stac_schemas import check

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
SCENE = sentinel1.DEFAULT_SCENES[0]
NAMES = ("SENTINEL-1_SLC", "SENTINEL-1_GRD", "SENTINEL-1_BURSTS", "ALOS_PALSAR", "NISAR_L1_RSLC")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("radar")
    for name in NAMES:
        stacaster.sample_data(found, product=name)
    return found


@pytest.fixture(scope="module")
def root(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("catalog") / "c"
    report = stacaster.ingest([folder], catalog=found, workers=2)
    assert not report.failed and len(report.outcomes) == 17, report.outcomes
    return found


def items(root: Path, collection: str) -> list[Any]:
    return list(stacaster.open_catalog(root).search(collections=collection).items())


def test_items_are_valid_and_files_are_whole(root: Path, folder: Path, shared: Path) -> None:
    sources = {path.name: path for path in folder.iterdir()}
    seen = 0
    for item in stacaster.open_catalog(root).search().items():
        assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == [], item.id
        assert item.properties["sar:polarizations"] and item.properties["stacaster:simulated"]
        for asset in item.assets.values():
            path = Path(asset.href)
            if path.name in sources:
                seen += 1
                assert path.read_bytes() == sources[path.name].read_bytes()
                assert path.stat().st_ino == sources[path.name].stat().st_ino, "linked: it takes no space"
                assert asset.extra_fields["file:size"] == path.stat().st_size
                assert asset.extra_fields["file:checksum"].startswith("1220")
    assert seen == len(sources)
    assert stacaster.catalog.check_catalog(root, deep=True) == []


def test_search_sql_and_publish_know_them(root: Path, tmp_path: Path) -> None:
    catalog = stacaster.open_catalog(root)
    table = catalog.sql(
        "select collection, count(*) as n from items where relative_orbit = 100 group by all order by all"
    ).table
    assert table.to_pylist() == [
        {"collection": "sentinel-1-bursts", "n": 4}, {"collection": "sentinel-1-grd", "n": 4},
        {"collection": "sentinel-1-slc", "n": 4},
    ]  # fmt: skip
    found = catalog.search(filter="sar:instrument_mode = 'IW' and sat:orbit_state = 'ascending'", datetime="2023-12")
    assert len(found) == 9
    stacaster.publish(str(tmp_path / "out"), catalog=root)
    assert len(list((tmp_path / "out").rglob("*.zip"))) == 10
    assert len(stacaster.open_catalog(tmp_path / "out").search()) == len(catalog.search())


def test_ground_range_images_become_cogs_with_control_points(root: Path, folder: Path) -> None:
    item = items(root, "sentinel-1-grd")[0]
    with zipfile.ZipFile(folder / f"{item.id}.zip") as archive:
        for name in ("VV", "VH"):
            place = next(n for n in archive.namelist() if f"-{name.lower()}-" in n and n.endswith(".tiff"))
            with MemoryFile(archive.read(place)) as memory, memory.open() as source:
                pixels, (points, _) = source.read(1), source.gcps
            with rasterio.open(item.assets[name].href) as cog:
                assert np.array_equal(cog.read(1), pixels) and cog.nodata == 0
                own, crs = cog.gcps
            assert crs.to_epsg() == 4326
            # The product counts pixel centres from 0, GDAL from the outer corner.
            assert [(p.row, p.col, p.x, p.y, p.z) for p in own] == [
                pytest.approx((p.row + 0.5, p.col + 0.5, p.x, p.y, p.z)) for p in points
            ]
    fields = item.assets["VV"].extra_fields
    assert fields["stacaster:geocoded"] is False and "proj:transform" not in fields and "proj:code" not in fields
    assert any("not geocoded" in note for note in item.properties["stacaster:notes"])
    with pytest.raises(LoadError, match="not geocoded"):
        stacaster.open_catalog(root).load(collections="sentinel-1-grd")


def test_footprint_is_that_of_the_images(root: Path) -> None:
    """Against the geometry of the orbit, worked out at the corners of the three sub-swaths."""
    item = next(entry for entry in items(root, "sentinel-1-slc") if entry.id == SCENE.name())
    orbit, first = SCENE.orbit()
    shape = shapely.geometry.shape(item.geometry)
    lines = np.array([0.0, 1.0, 1.0, 0.0]) * SCENE.seconds
    ranges = np.array([850e3, 850e3, 886e3, 886e3])
    corners = orbit.ground(first + lines, ranges)
    meant = shapely.Polygon(corners)
    assert shape.geom_type == "Polygon" and shape.exterior.is_ccw
    assert meant.symmetric_difference(shape).area < 0.003 * meant.area
    burst = next(entry for entry in items(root, "sentinel-1-bursts") if entry.id == SCENE.burst_name(2, 1, "VV"))
    part = shapely.geometry.shape(burst.geometry)
    ends = np.array([0.0, 1.0, 1.0, 0.0])
    inner = shapely.Polygon(
        orbit.ground(first + (24 + 24 * ends) / 71 * SCENE.seconds, 862e3 + np.array([0, 0, 12e3, 12e3]))
    )
    assert part.symmetric_difference(inner).area < 0.02 * inner.area
    assert burst.properties[radar.BURST] == "100_213001_IW2"


def test_facts_of_the_annotation(root: Path, folder: Path) -> None:
    item = next(entry for entry in items(root, "sentinel-1-slc") if entry.id == SCENE.name())
    told = item.properties
    assert (told["sar:polarizations"], told["sar:product_type"]) == (["VV", "VH"], "SLC")
    assert told["sat:absolute_orbit"] == SCENE.absolute_orbit and told["sat:relative_orbit"] == 100
    assert told["platform"] == "sentinel-1a" and told["sat:platform_international_designator"] == "2014-016A"
    vectors = radar.vectors_of_json(told[radar.VECTORS])
    with zipfile.ZipFile(folder / f"{item.id}.zip") as archive:
        text = archive.read(next(n for n in archive.namelist() if "/annotation/" in n)).decode()
    times = re.findall(r"<orbit><time>([^<]*)</time>", text)
    assert [v.time.isoformat()[:19] for v in vectors] == [time[:19] for time in times]
    orbit, _ = SCENE.orbit()
    place, speed = orbit.at(np.array([(v.time - orbit.node).total_seconds() for v in vectors]))
    assert np.abs(place - [v.position for v in vectors]).max() < 0.01
    assert np.abs(speed - [v.velocity for v in vectors]).max() < 0.01


def test_across_the_antimeridian(tmp_path: Path) -> None:
    scene = replace(SCENE, place=(179.8, -17.0))
    sentinel1.write_safe(scene, tmp_path)
    stacaster.ingest([tmp_path], catalog=tmp_path / "c")
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    shape = shapely.geometry.shape(item.geometry)
    assert shape.geom_type == "MultiPolygon" and shape.is_valid and certain(item.bbox)[0] > certain(item.bbox)[2]
    assert shape.area < 1 and {part.exterior.is_ccw for part in shape.geoms} == {True}


def test_record_adds_what_files_lack(tmp_path: Path) -> None:
    path = palsar.write_palsar(palsar.DEFAULT_SCENES[0], tmp_path)
    ring = [(138.1, -30.6), (138.1, -31.4), (139.0, -31.4), (139.0, -30.6), (138.1, -30.6)]
    attributes = {"FRAME_NUMBER": "6570", "PATH_NUMBER": "416", "ASCENDING_DESCENDING": "ASCENDING",
                  "BEAM_MODE_TYPE": "FBD", "OFF_NADIR_ANGLE": "34.3"}  # fmt: skip
    for prefix in ("PRE", "POST"):
        attributes[f"SV_POSITION_{prefix}"] = f"1.0,2.0,3.0,2009-07-04T13:35:{'00' if prefix == 'PRE' else '10'}.000000"
        attributes[f"SV_VELOCITY_{prefix}"] = f"4.0,5.0,6.0,2009-07-04T13:35:{'00' if prefix == 'PRE' else '10'}.000000"
    record = {
        "GranuleUR": f"{path.stem}", "CollectionReference": {"ShortName": "ALOS_PSR_L1.1", "Version": "1"},
        "AdditionalAttributes": [{"Name": name, "Values": [value]} for name, value in attributes.items()],
        "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [
            {"Boundary": {"Points": [{"Longitude": x, "Latitude": y} for x, y in ring]}}]}}},
        "DataGranule": {"ArchiveAndDistributionInformation": [{"Name": path.name, "SizeInBytes": path.stat().st_size}]},
    }  # fmt: skip
    sidecar = tmp_path / f"{path.stem}.cmr.json"
    sidecar.write_text(json.dumps(record))
    stacaster.ingest([path], catalog=tmp_path / "c")
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    told = item.properties
    assert (told[radar.FRAME], told["sat:relative_orbit"], told["sar:instrument_mode"]) == (6570, 416, "FBD")
    assert told["sat:orbit_state"] == "ascending" and told["view:off_nadir"] == 34.3
    assert shapely.geometry.shape(item.geometry).equals(shapely.Polygon(ring))
    assert [v.position for v in radar.vectors_of_json(told[radar.VECTORS])] == [(1.0, 2.0, 3.0)] * 2
    record["DataGranule"]["ArchiveAndDistributionInformation"][0]["SizeInBytes"] = 17  # type: ignore[index]
    sidecar.write_text(json.dumps(record))
    (outcome,) = stacaster.ingest([path], catalog=tmp_path / "d").failed
    assert "its .cmr.json sidecar says 17" in (outcome.reason or "")


def test_without_a_record_the_work_report_says_where(root: Path) -> None:
    item = items(root, "alos-palsar")[0]
    corners = shapely.Polygon([(138.3, -30.7), (138.9, -30.8), (138.8, -31.3), (138.2, -31.2)])
    assert (
        shapely.geometry.shape(item.geometry).equals_exact(corners.normalize(), 1e-6)
        or shapely.geometry.shape(item.geometry).symmetric_difference(corners).area < 1e-9
    )
    assert item.properties["sat:absolute_orbit"] == 18304 and item.properties[radar.FRAME] == 6560
    assert item.properties["sar:polarizations"] == ["HH", "HV"]


def test_nisar_of_level_one_and_whole_files_of_level_two(root: Path, tmp_path: Path) -> None:
    item = items(root, "nisar-l1-rslc")[0]
    outline = shapely.Polygon(nisar_identification.OUTLINE)
    assert shapely.geometry.shape(item.geometry).symmetric_difference(outline).area < 1e-9
    assert item.properties["sar:polarizations"] == ["HH", "HV"] and item.properties[radar.FRAME] == 65
    with h5py.File(item.assets["product"].href) as file:
        place = file["science/LSAR/RSLC/metadata/orbit/position"][()]
    vectors = radar.vectors_of_json(item.properties[radar.VECTORS])
    assert np.allclose(place, [v.position for v in vectors], rtol=0, atol=1e-5)
    middle = vectors[6].time - item.datetime
    assert abs(middle.total_seconds()) < 1, "seconds count from the epoch that the file states"
    nisar.write_nisar(nisar.DEFAULT_SCENES[0], tmp_path)
    stacaster.ingest([tmp_path], catalog=tmp_path / "c", keep_files=True)
    stacaster.ingest([tmp_path], catalog=tmp_path / "c")
    found = {
        entry.collection_id: set(entry.assets) for entry in stacaster.open_catalog(tmp_path / "c").search().items()
    }
    assert found["nisar-l2-gcov-whole"] == {"product"} and "HHHH" in found["nisar-l2-gcov"]
    assert get_product("NISAR_L2_GCOV").name == "nisar_l2_gcov"


def test_keep_files_makes_no_images_and_needs_a_product_that_can(root: Path, folder: Path, tmp_path: Path) -> None:
    path = folder / f"{SCENE.name('GRD')}.zip"
    stacaster.ingest([path], catalog=tmp_path / "c", keep_files=True)
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert set(item.assets) == {"product"}
    stacaster.ingest([path], catalog=tmp_path / "c")
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert set(item.assets) == {"product", "VV", "VH", "thumbnail"}, "another setting replaces it"
    (granule, *_) = stacaster.sample_data(tmp_path / "aster", product="AST_08")
    (outcome,) = stacaster.ingest([granule], catalog=tmp_path / "d", keep_files=True).failed
    assert "cannot be kept as it comes" in (outcome.reason or "")


def test_an_area_chooses_scenes_and_cuts_none(folder: Path, tmp_path: Path) -> None:
    path = folder / f"{SCENE.name('GRD')}.zip"
    (far,) = stacaster.ingest([path], catalog=tmp_path / "a", bbox=(10, 10, 11, 11)).outcomes
    assert far.status == "skipped" and "area" in (far.reason or "")
    (near,) = stacaster.ingest([path], catalog=tmp_path / "a", bbox=(138.6, -30.8, 138.7, -30.7)).outcomes
    assert near.status == "ingested"
    (item,) = stacaster.open_catalog(tmp_path / "a").search().items()
    assert item.assets["VV"].extra_fields["proj:shape"] == [90, 120]


def test_a_file_on_another_disk_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a.zip", tmp_path / "item"
    source.write_bytes(b"PK content")
    target.mkdir()
    kind = FileKind(key="product", description="x", media_type="application/zip")
    product = replace(get_product("sentinel1_slc"), files=(kind,))
    scene = Scene(id="a", datetime=SCENE.start, bands=(), files={"product": source})

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    told = [{"name": "a.zip", "size": 10, "checksum": native_files._checksum(source)}]
    found = native_files.keep_files(product, scene, target, told)
    assert found["product"].path.read_bytes() == b"PK content"
    assert found["product"].path.stat().st_ino != source.stat().st_ino
    _changed(product, scene, target, [{**told[0], "checksum": "1220" + "0" * 64}])


def _changed(product: Product, scene: Scene, target: Path, sources: list[dict[str, Any]]) -> None:
    with pytest.raises(ReadError, match="changed while it was read"):
        native_files.keep_files(product, scene, target, sources)


def rewritten(path: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            kept = change(name, source.read(name))
            if kept is not None:
                out.writestr(*kept)
    return target


def reason(path: Path, tmp_path: Path) -> str:
    shutil.rmtree(tmp_path / "bad", ignore_errors=True)
    (outcome,) = stacaster.ingest([path], catalog=tmp_path / "bad").outcomes
    assert outcome.status == "failed", outcome
    return outcome.reason or ""


@pytest.mark.parametrize(
    ("what", "change", "words"),
    [
        ("lost image", lambda n, c: None if n.endswith(".tiff") else (n, c), "which its manifest names"),
        ("short image", lambda n, c: (n, c[:-50] if n.endswith(".tiff") else c), "but the manifest says"),
        ("no annotation", lambda n, c: None if "/annotation/" in n else (n, c), "which its manifest names"),
        ("broken text", lambda n, c: (n, c[:500] if "/annotation/" in n else c), "but the manifest says"),
        ("entities", lambda n, c: (n, b'<!DOCTYPE x [<!ENTITY a "b">]>' + c if n.endswith(".safe") else c), "entities"),
        ("outside", lambda n, c: (n.replace("annotation", "../x") if "-vh-" in n else n, c), "outside of itself"),
        ("no time", lambda n, c: (n, c.replace(b"startTime", b"otherTime") if n.endswith(".safe") else c), "startTime"),
        ("odd time", lambda n, c: (n, c.replace(b">2023-11-20T20:10:05", b">2023-99-20T20:10:05")
                                   if n.endswith(".safe") else c), "is no time"),
        ("other type", lambda n, c: (n, c.replace(b">SLC<", b">OCN<") if n.endswith(".safe") else c), "no table"),
    ],
)  # fmt: skip
def test_damaged_archives(folder: Path, tmp_path: Path, what: str, change: Any, words: str) -> None:
    path = rewritten(folder / f"{SCENE.name()}.zip", tmp_path / f"{SCENE.name()}.zip", change)
    assert words in reason(path, tmp_path), what


def test_damaged_bytes(folder: Path, tmp_path: Path) -> None:
    whole_file = (folder / f"{SCENE.name('GRD')}.zip").read_bytes()
    path = tmp_path / f"{SCENE.name('GRD')}.zip"
    path.write_bytes(whole_file[:-1000])
    assert "damaged" in reason(path, tmp_path)
    at = whole_file.rindex(b"-001.tiff", 0, len(whole_file) // 2 + 15_000) + 3_000
    path.write_bytes(whole_file[:at] + bytes([whole_file[at] ^ 255]) + whole_file[at + 1 :])
    assert "damaged" in reason(path, tmp_path), "one wrong byte of an image"
    image, note = sentinel1.write_burst(SCENE, tmp_path)
    note.unlink()
    assert "without a table" in reason(image, tmp_path)
    scene = palsar.write_palsar(palsar.DEFAULT_SCENES[0], tmp_path)
    plain = rewritten(scene, tmp_path / "x.zip", lambda n, c: None if n.endswith("workreport") else (n, c))
    assert "states its time" in reason(plain, tmp_path)
    blind = rewritten(scene, tmp_path / "y.zip", lambda n, c: (n, c.replace(b"Latitude", b"L")))
    assert "where it lies" in reason(blind, tmp_path)


def test_simulated_granules_are_repeatable(folder: Path, tmp_path: Path) -> None:
    for name in NAMES:
        for path in stacaster.sample_data(tmp_path, product=name):
            assert path.suffix == ".h5" or path.read_bytes() == (folder / path.name).read_bytes()
    with pytest.raises(stacaster.StacasterError, match="overwrite=True"):
        stacaster.sample_data(tmp_path, product="SENTINEL-1_GRD")
    with pytest.raises(stacaster.StacasterError, match="small only"):
        stacaster.sample_data(tmp_path, product="ALOS_PALSAR", full_size=True)
