"""ICESat-2: every photon, its time, its place and its segment; fills as nulls; classes; areas of several parts."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

import stacaster
from stacaster.access.sources.umm import parse_umm
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, NothingFoundError, UsageError
from stacaster.instruments import icesat2, icesat2_orbit
from stacaster.model import GranuleContent
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from stacaster.samples.nisar import DEFAULT_SCENES, write_nisar
from tests.certain import certain
from tests.stac_schemas import check

SCENE = TrackScene(segments=40, photons=30)
STEM = "20220401221822_01501506_006_01"


def ingested(files: Any, root: Path, **options: Any) -> Catalog:
    report = stacaster.ingest([str(path) for path in files], catalog=root, **options)
    assert not report.failed, report.failed
    return stacaster.open_catalog(root)


def table(catalog: Catalog, product: str, name: str) -> gpd.GeoDataFrame:
    (item,) = catalog.search(collections=f"icesat2-{product}").items()
    return gpd.read_parquet(item.assets[name].href)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    folder = tmp_path_factory.mktemp("icesat2")
    return folder, ingested(write_icesat2(SCENE, folder), folder / "c")


def test_every_photon_is_there(made: tuple[Path, Catalog], shared: Path) -> None:
    folder, catalog = made
    photons = table(catalog, "atl03", "photons")
    (item,) = catalog.search(collections="icesat2-atl03").items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert item.properties["icesat2:rgt"] == 1131 and item.properties["icesat2:cycle"] == 16
    assert item.properties["icesat2:strong_beams"] == ["gt1l", "gt2l", "gt3l"] and item.properties["version"] == "006"
    assert item.assets["photons"].extra_fields["table:row_count"] == len(photons)
    assert photons.crs.to_epsg() == 7912
    shape = shapely.geometry.shape(item.geometry)
    assert shapely.covers(shape.buffer(1e-4), shapely.points(photons.longitude, photons.latitude)).all()
    with h5py.File(folder / f"{SCENE.name('ATL03')}.h5") as file:
        for beam in SCENE.beams:
            part = photons[photons.beam == beam]
            heights = file[f"{beam}/heights"]
            assert np.array_equal(part.height, heights["h_ph"][()])
            assert np.array_equal(part.longitude, heights["lon_ph"][()]) and np.array_equal(
                part.geometry.y, heights["lat_ph"][()])  # fmt: skip
            assert np.array_equal(np.stack(list(part.confidence)), heights["signal_conf_ph"][()])
            where = file[f"{beam}/geolocation"]
            # Photon by photon, without cumulative counts.
            counts, along = where["segment_ph_cnt"][()], heights["dist_ph_along"][()]
            place = [number for number, count in enumerate(counts) for _ in range(count)]
            assert np.array_equal(part.segment_id, where["segment_id"][()][place])
            assert np.allclose(part.x_atc, where["segment_dist_x"][()][place] + along, rtol=0, atol=1e-6)
            geoid = file[f"{beam}/geophys_corr/geoid"][()][place]
            assert np.array_equal(part.geoid.isna(), geoid > 1e38)
            moments = [dt.datetime(2018, 1, 1) + dt.timedelta(seconds=value) for value in heights["delta_time"][()]]
            apart = np.abs(part.time.dt.tz_localize(None) - np.array(moments, "datetime64[us]"))
            assert apart.max() <= np.timedelta64(1, "us")
            assert set(part.spot) == {SCENE.beams.index(beam) + 1}


def test_times_are_right_to_the_microsecond() -> None:
    """Start and end of a real ATL06 granule, which states both forms."""
    seconds = np.array([45_689_762.72026634, 45_690_045.17497301])
    found = icesat2.microseconds(seconds, icesat2.EPOCH)
    assert [str(moment) for moment in found] == ["2019-06-13T19:36:02.720266", "2019-06-13T19:40:45.174973"]
    content = GranuleContent(reader="x", files=(Path("x"),), layers={},
                                     attributes={"ancillary_data/atlas_sdp_gps_epoch": 1_198_800_018.0})  # fmt: skip
    assert icesat2.epoch_of(content) == icesat2.EPOCH


def test_spots_and_frames() -> None:
    backward = [icesat2.spot_of(beam, 0) for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")]
    forward = [icesat2.spot_of(beam, 1) for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")]
    assert backward == [1, 2, 3, 4, 5, 6] and forward == [6, 5, 4, 3, 2, 1]
    assert icesat2.spot_of("gt1l", 2) is None and icesat2.spot_of("gt1l", None) is None
    assert [icesat2.crs_of(name) for name in ("005", "006", "007", None)] == [7912, 7912, 9989, 7912]


def test_fills_become_nulls_of_every_type(made: tuple[Path, Catalog]) -> None:
    _, catalog = made
    segments = table(catalog, "atl06", "segments")
    assert segments.h_li.isna().sum() == segments.n_fit_photons.isna().sum() > 0
    assert segments.w_surface_window_final.max() < 100, "no 3.4e38 slips through"
    assert segments.segment_id.notna().all()
    (item,) = catalog.search(collections="icesat2-atl06").items()
    kinds = {field.name: str(field.type) for field in pq.read_schema(item.assets["segments"].href)}
    assert kinds["n_fit_photons"] == "int32" and kinds["h_li"] == "float"
    trees = table(catalog, "atl08", "segments")
    assert trees.segment_cover.isna().sum() > 0 and trees.segment_landcover.isna().sum() > 0
    assert len(trees.canopy_h_metrics.iloc[0]) == 18
    cells = table(catalog, "atl08", "cells")
    with h5py.File(made[0] / f"{SCENE.name('ATL08')}.h5") as file:
        there = sum(int((file[f"{beam}/land_segments/latitude_20m"][()] < 90).sum()) for beam in SCENE.beams)
        gt2l = file["gt2l/land_segments"]
        part = cells[cells.beam == "gt2l"]
        here = gt2l["latitude_20m"][()] < 90
        assert np.array_equal(part.h_te_best_fit_20m, gt2l["terrain/h_te_best_fit_20m"][()][here])
        assert np.array_equal(part.cell, np.nonzero(here)[1])
    assert len(cells) == there


def test_variables_on_request(made: tuple[Path, Catalog], tmp_path: Path) -> None:
    path = made[0] / f"{SCENE.name('ATL03')}.h5"
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(path, alone)
    catalog = ingested([alone], tmp_path / "c", variables=["geolocation/ref*lat", "velocity_sc", "nothing_*"])
    photons = table(catalog, "atl03", "photons")
    assert "class" not in photons.columns, "no ATL08 lies beside"
    with h5py.File(path) as file:
        part, where = photons[photons.beam == "gt1l"], file["gt1l/geolocation"]
        place = np.repeat(np.arange(SCENE.segments), where["segment_ph_cnt"][()])
        assert np.array_equal(part.reference_photon_lat, where["reference_photon_lat"][()][place])
        assert np.array_equal(np.stack(list(part.velocity_sc)), where["velocity_sc"][()][place])
        assert set(part.speed) == {7100.0} and set(part.background) == {20_000.0}
    again = stacaster.ingest([alone], catalog=tmp_path / "c", variables=["velocity_sc"], classes=made[0])
    assert again.outcomes[0].status == "replaced"
    classified = table(catalog, "atl03", "photons")
    assert classified["class"].notna().sum() > 0
    (item,) = catalog.search().items()
    assert [source["name"][:5] for source in item.properties["stacaster:sources"]] == ["ATL03", "ATL08"]
    (alone / f"{SCENE.name('ATL08')}.h5").symlink_to(made[0] / f"{SCENE.name('ATL08')}.h5")
    with pytest.raises(UsageError, match="a folder with ATL08"):
        stacaster.ingest([alone], catalog=tmp_path / "c", classes=path)
    stacaster.ingest([path], catalog=tmp_path / "d", variables=["nothing_*"])
    (item,) = stacaster.open_catalog(tmp_path / "d").search().items()
    assert any("nothing_*" in note for note in item.properties["stacaster:notes"])


def test_counts_are_trusted_before_first_rows(tmp_path: Path) -> None:
    """Files state first rows that are off by one; counts that do not add up are not used."""
    scene = replace(SCENE, beams=("gt2l",))
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        write_icesat2(scene, folder)
        for other in ("ATL06", "ATL08"):
            (folder / f"{scene.name(other)}.h5").unlink()
    good = table(ingested([first], tmp_path / "c"), "atl03", "photons")
    with h5py.File(first / f"{scene.name('ATL03')}.h5", "r+") as file:
        place = file["gt2l/geolocation/ph_index_beg"]
        place[...] = np.where(place[()] > 0, place[()] + 1, 0)
    again = table(ingested([first], tmp_path / "d"), "atl03", "photons")
    assert np.array_equal(good.segment_id, again.segment_id)
    with h5py.File(second / f"{scene.name('ATL03')}.h5", "r+") as file:
        # A subsetter kept more segments than photons: only the first rows still fit.
        count = file["gt2l/geolocation/segment_ph_cnt"]
        values = count[()]
        empty = int(np.flatnonzero(values == 0)[0]) if (values == 0).any() else 5
        values[empty] += 7
        count[...] = values
        begin = file["gt2l/geolocation/ph_index_beg"]
        starts = begin[()]
        starts[empty] = 0
        begin[...] = starts
    found = table(ingested([second], tmp_path / "e"), "atl03", "photons")
    kept = (good.segment_id != 771_200 + empty).to_numpy()
    assert np.array_equal(found.segment_id[kept], good.segment_id[kept])


def test_an_area_of_two_parts(made: tuple[Path, Catalog], tmp_path: Path) -> None:
    photons = table(made[1], "atl03", "photons")
    low, high = np.quantile(photons.latitude, [0.2, 0.8])
    parts = [shapely.box(138, -32, 139, low), shapely.box(138, high, 139, -30)]
    area = shapely.geometry.mapping(shapely.MultiPolygon(parts))
    catalog = ingested([made[0] / f"{SCENE.name('ATL03')}.h5"], tmp_path / "c", intersects=area)
    found = table(catalog, "atl03", "photons")
    assert len(found) == int(((photons.latitude <= low) | (photons.latitude >= high)).sum())
    empty = write_icesat2(replace(SCENE, beams=("gt1r",), segments=5, photons=40), tmp_path)[0]
    with h5py.File(empty, "r+") as file:
        for name in ("lat_ph", "lon_ph"):
            file[f"gt1r/heights/{name}"][...] = 1.7976931348623157e308
    nothing = stacaster.ingest([empty], catalog=tmp_path / "e").outcomes[0]
    assert nothing.status == "skipped" and nothing.reason == "it holds no point"
    away = stacaster.ingest([str(made[0] / f"{SCENE.name('ATL03')}.h5")], catalog=tmp_path / "d", bbox=(0, 0, 1, 1))
    assert away.outcomes[0].status == "skipped" and "no point" in str(away.outcomes[0].reason)


def test_a_real_pair(shared: Path, tmp_path: Path) -> None:
    """Clips of real granules: no fill attributes, one weak beam, first rows off by one, classes from ATL08."""
    for product, name in (("ATL03", "atl03_clip.h5"), ("ATL08", "atl08_clip.h5")):
        shutil.copy(shared / "data" / "icesat2" / name, tmp_path / f"{product}_{STEM}.h5")
    catalog = ingested(tmp_path.glob("*.h5"), tmp_path / "c")
    photons = table(catalog, "atl03", "photons")
    (item,) = catalog.search(collections="icesat2-atl03").items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert item.properties["icesat2:rgt"] == 150 and item.properties["icesat2:cycle"] == 15
    assert item.properties["icesat2:beams"] == ["gt1r"] and item.properties["icesat2:strong_beams"] == []
    assert len(photons) == 6809 and set(photons.spot) == {2}
    with h5py.File(tmp_path / f"ATL08_{STEM}.h5") as file:
        signal = file["gt1r/signal_photons"]
        kinds = np.bincount(signal["classed_pc_flag"][()], minlength=4)
        segments = file["gt1r/land_segments"]
        starts = segments["segment_id_beg"][()][:8]
        # Every photon of ATL08 whose segment is in the clip of ATL03.
        inside = np.isin(signal["ph_segment_id"][()], photons.segment_id)
        assert photons["class"].notna().sum() == inside.sum()
        assert (np.bincount(photons["class"].dropna().astype(int), minlength=4) <= kinds).all()
        metrics = stacaster.icesat2.vegetation_metrics(photons, first_segments=starts)
        assert len(metrics) == 8
        truth = {name: segments[name][()][:8] for name in (
            "terrain/n_te_photons", "canopy/n_ca_photons", "canopy/n_toc_photons", "terrain/h_te_median",
            "terrain/h_te_mean", "terrain/h_te_min", "terrain/h_te_max", "terrain/h_te_std", "canopy/h_max_canopy",
            "canopy/h_mean_canopy", "canopy/canopy_openness", "canopy/h_canopy",
            "canopy/canopy_h_metrics")}  # fmt: skip
    for name, values in truth.items():
        mine = np.array(list(metrics[name.split("/")[1]]), dtype=float)
        good = np.abs(values) < 1e30
        # What is left is the rounding of float32.
        assert np.allclose(mine[good], values[good], rtol=3e-7, atol=2e-5), name
        assert good.any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("beams", "none of the beams"),
        ("heights", "no beam has heights/h_ph"),
        ("cut", "it is truncated"),
    ],
)
def test_what_is_damaged(tmp_path: Path, change: str, words: str) -> None:
    path = write_icesat2(replace(SCENE, beams=("gt1l",)), tmp_path)[0]
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-9000])
    else:
        with h5py.File(path, "r+") as file:
            if change == "beams":
                file.move("gt1l", "other")
            else:
                del file["gt1l/heights/h_ph"]
    report = stacaster.ingest([str(path)], catalog=tmp_path / "c")
    reason = str(report.failed[0].reason)
    assert words in reason or (change == "beams" and "no table for this product" in reason), reason


def test_transition_and_missing_beams_are_said(tmp_path: Path) -> None:
    scene = replace(SCENE, beams=("gt1l", "gt3r"), orientation=2, segments=10)
    paths = write_icesat2(scene, tmp_path)
    with h5py.File(paths[0], "r+") as file:
        del file["gt3r/heights"]
    catalog = ingested(paths[:1], tmp_path / "c")
    (item,) = catalog.search().items()
    notes = " ".join(item.properties["stacaster:notes"])
    assert "which beams are strong is not known" in notes and "no photons of gt3r" in notes
    assert item.properties["icesat2:strong_beams"] == []
    assert gpd.read_parquet(item.assets["photons"].href).spot.isna().all()


def test_sql_over_points(made: tuple[Path, Catalog], tmp_path: Path) -> None:
    folder, _ = made
    other = tmp_path / "other"
    other.mkdir()
    later = replace(SCENE, cycle=17, release="007", start=dt.datetime(2022, 11, 13, 22, 50, 1, tzinfo=dt.UTC))
    write_icesat2(later, other)
    catalog = ingested([folder / f"{SCENE.name('ATL03')}.h5", other / f"{later.name('ATL03')}.h5"], tmp_path / "c")
    counts = catalog.sql("select item_id, count(*) n from photons group by 1 order by 1").to_dataframe()
    assert counts.item_id.tolist() == [SCENE.name("ATL03"), later.name("ATL03")] and (counts.n > 1000).all()
    joined = catalog.sql('select i.icesat2_cycle c, avg(p.height) h from atl03_photons p join items i '
                         "on i.id = p.item_id group by 1 order by 1").to_dataframe()  # fmt: skip
    assert joined.c.tolist() == [16, 17]
    area = gpd.GeoDataFrame({"name": ["field"]}, geometry=[shapely.box(138.5, -31.199, 138.6, -31.196)], crs=4326)
    text = "select count(*) n from photons p, areas a where latitude between -31.199 and -31.196 and longitude > 138.5"
    inside = catalog.sql(text, tables={"areas": area}).to_dataframe().n[0]
    frame = catalog.points("photons", bbox=(138.5, -31.199, 138.6, -31.196))
    assert len(frame) == inside > 0
    assert len(catalog.points("photons", intersects=area, columns=["height"])) == inside
    exact = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[
        shapely.Polygon([(138.5, -31.2), (138.57, -31.2), (138.5, -31.19)]), shapely.box(138.58, -31.2, 138.6, -31.19)],
        crs=4326)  # fmt: skip
    text = "select p.*, a.name from photons p, areas a where p.strong and st_intersects(p.geometry, a.geometry)"
    within = catalog.sql(text, tables={"areas": exact}).to_geodataframe()
    every = catalog.points("photons", where="strong")
    for name, shape in zip(exact.name, exact.geometry, strict=True):
        inside_shape = int(shapely.intersects_xy(shape, every.longitude, every.latitude).sum())
        assert (within.name == name).sum() == inside_shape > 0
    faster = text.replace("and st_int", "and in_box(longitude, latitude, a.bbox) and st_int")
    assert len(catalog.sql(faster, tables={"areas": exact}).to_dataframe()) == len(within)
    alone = catalog.sql("select * from photons where item_id = '" + SCENE.name("ATL03") + "'").to_geodataframe()
    assert alone.crs is None, "points of two reference frames were asked"
    ground = catalog.points("photons", where="spot % 2 = 1", datetime="2022-08", columns=["spot", "height"], limit=10)
    assert len(ground) == 10 and set(ground.spot) <= {1, 3, 5} and ground.crs.to_epsg() == 7912
    for bad in ("select * from photons, read_csv('/etc/hostname')", "select * from read_parquet('/etc/hostname')"):
        with pytest.raises(UsageError, match=r"disabled by configuration|Permission"):
            catalog.sql(bad)
    with pytest.raises(UsageError, match="no table 'fotons'"):
        catalog.points("fotons")
    with pytest.raises(NothingFoundError):
        catalog.points("photons", datetime="1999")
    # Others read the files as they are.
    (first, *_) = catalog.search().items()
    count = certain(duckdb.sql(f"select count(*) from '{first.assets['photons'].href}'")).fetchall()
    assert count == [(counts.n[0],)]
    href = first.assets["photons"].href
    box = (138.5, -31.199, 138.6, -31.196)
    cut, whole = gpd.read_parquet(href, bbox=box), gpd.read_parquet(href)
    exact_count = int(shapely.intersects(whole.geometry, shapely.box(*box)).sum())
    assert 0 < exact_count <= len(cut) <= exact_count + 5 < len(whole), "bounds are rounded outwards"
    kinds = dict(
        certain(duckdb.sql(f"describe select * from '{href}'")).df()[["column_name", "column_type"]].to_numpy()
    )
    assert kinds["geometry"].startswith("GEOMETRY") and kinds["confidence"].startswith("TINYINT[")
    inside_box = "bbox.xmax >= 138.5 and bbox.xmin <= 138.6 and bbox.ymax >= -31.199 and bbox.ymin <= -31.196"
    found = certain(duckdb.sql(f"select count(*) from '{href}' where {inside_box}")).fetchall()[0][0]
    assert exact_count <= found <= exact_count + 10
    assert stacaster.catalog.check_catalog(tmp_path / "c") == []


def test_row_groups_have_bounds(tmp_path: Path) -> None:
    path = write_icesat2(replace(SCENE, beams=("gt2l",), segments=4000, photons=120), tmp_path)[0]
    (item,) = ingested([path], tmp_path / "c").search().items()
    file = pq.ParquetFile(item.assets["photons"].href)
    assert file.num_row_groups > 1
    geo = json.loads(file.metadata.metadata[b"geo"])["columns"]["geometry"]
    assert geo["covering"]["bbox"]["xmin"] == ["bbox", "xmin"] and geo["crs"]["id"]["code"] == 7912
    names = [file.schema.column(number).path for number in range(len(file.schema))]
    previous = -np.inf
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        low, high = (getattr(group.column(names.index(f"bbox.{name}")).statistics, side)
                     for name, side in (("ymin", "min"), ("ymax", "max")))  # fmt: skip
        lat = file.read_row_group(number, ["latitude"])["latitude"].to_numpy()
        assert low <= lat.min() and lat.max() <= high and low >= previous
        previous = low


def test_a_footprint_from_the_orbit(shared: Path) -> None:
    """Of a recorded ATL03 granule: what it says of its orbit fits what it says of its times."""
    first = json.loads((shared / "data" / "cmr" / "ea_atl03_umm.json").read_text())["interactions"][0]
    entry = first["response"]["body"]["json"]["items"][0] if "response" in first else first["body"]["json"]["items"][0]
    granule = parse_umm(entry)
    crossing = dt.datetime.fromisoformat(entry["umm"]["OrbitCalculatedSpatialDomains"][0]["EquatorCrossingDateTime"])
    for latitude, moment in ((80.0, granule.start), (59.5, granule.end)):
        argument = icesat2_orbit.argument_of(latitude, "D")
        seconds = argument / (2 * np.pi) * icesat2_orbit.PERIOD_S
        assert abs((crossing + dt.timedelta(seconds=seconds) - moment).total_seconds()) < 8
        assert icesat2_orbit.place_at(argument, 31.0)[1] == pytest.approx(latitude, abs=1e-9)
    shape = shapely.geometry.shape(dict(granule.geometry or {}))
    assert shape.is_valid and shape.bounds[1] == pytest.approx(59.5, abs=0.1)
    assert shape.bounds[3] == pytest.approx(80.0, abs=0.1) and granule.attributes["approximate_footprint"]
    # Of a real clip: the track of another orbit, whose node the file says.
    with h5py.File(shared / "data" / "icesat2" / "atl03_clip.h5") as file:
        node = float(file["orbit_info/lan"][0])
        lat, lon = (float(np.median(file[f"gt1r/heights/{name}_ph"][()])) for name in ("lat", "lon"))
    for way in "AD":
        x, y = icesat2_orbit.place_at(icesat2_orbit.argument_of(lat, way), node)
        if abs(x - lon) < 1:
            break
    assert abs(x - lon) < 0.3 and y == pytest.approx(lat, abs=1e-6)


def test_points_beside_pixels_in_one_catalog(made: tuple[Path, Catalog], tmp_path: Path) -> None:
    """Cubes are made of the scenes, whatever points are there; points alone make no cube."""
    path = write_nisar(replace(DEFAULT_SCENES[0], shape=(60, 80)), tmp_path)
    catalog = ingested([made[0] / f"{SCENE.name('ATL03')}.h5", path], tmp_path / "c", variables=[])
    cube = catalog.load(bands=["HHHH"], native=True)
    assert cube.HHHH.shape == (1, 60, 80)
    with pytest.raises(LoadError, match="hold points, not pixels"):
        catalog.load(collections="icesat2-atl03")
    assert stacaster.catalog.check_catalog(tmp_path / "c") == []
    assert len(catalog.points("photons", limit=5)) == 5
