"""A catalog as people use it: search, SQL, pystac, DuckDB, pyarrow, QGIS-like readers."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import geopandas
import numpy as np
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio
import shapely
import stac_geoparquet.arrow

import stacaster
from stacaster.catalog import Catalog, item_table
from stacaster.errors import CatalogError, UsageError
from stacaster.geotiff.cog import pixel_hash
from tests.certain import certain
from tests.stac_schemas import check

COLLECTION = "aster-l1t-003"


def documents(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.json") if ".stacaster" not in path.parts)


def test_every_document_is_valid(catalog: Catalog, shared: Path) -> None:
    paths = documents(catalog.root)
    assert len(paths) == 8 + 6 + 2
    for path in paths:
        assert check(json.loads(path.read_text()), shared / "schemas") == [], path.name


def test_pystac_walks_the_whole_tree(catalog: Catalog) -> None:
    tree = pystac.Catalog.from_file(str(catalog.root / "catalog.json"))
    items = list(tree.get_items(recursive=True))
    assert len(items) == 8
    for item in items:
        assert certain(item.get_collection()).id == COLLECTION
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href() or "").is_file()
    collection = tree.get_child(COLLECTION)
    assert isinstance(collection, pystac.Collection)
    assert Path(collection.assets["items"].get_absolute_href() or "").name == "items.parquet"


def test_links_and_hrefs_are_relative_and_lead_somewhere(catalog: Catalog) -> None:
    for path in documents(catalog.root):
        document = json.loads(path.read_text())
        hrefs = [link["href"] for link in document["links"]] + [a["href"] for a in document.get("assets", {}).values()]
        for href in hrefs:
            if "://" not in href:
                assert not href.startswith("/")
                assert (path.parent / href).resolve().is_file(), f"{path.name}: {href}"


def test_assets_are_what_the_items_say(catalog: Catalog) -> None:
    for item in catalog.search().items():
        for asset in item.assets.values():
            path = Path(asset.href)
            fields = asset.extra_fields
            assert fields["file:size"] == path.stat().st_size
            assert fields["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
            if asset.media_type == "image/png":
                continue
            assert fields["stacaster:pixel_checksum"] == pixel_hash(path)
            with rasterio.open(path) as dataset:
                assert list(dataset.transform)[:6] == fields["proj:transform"]
                assert list(dataset.shape) == fields["proj:shape"]
                assert f"EPSG:{dataset.crs.to_epsg()}" == fields["proj:code"]


def test_geometry_encloses_the_valid_pixels_and_the_box_is_its_own(catalog: Catalog) -> None:
    for item in catalog.search().items():
        shape = shapely.geometry.shape(item.geometry or {})
        assert shape.is_valid
        assert item.bbox == pytest.approx(shape.bounds, abs=1e-9)


def test_parquet_mirror_says_what_the_json_says(catalog: Catalog) -> None:
    path = catalog.root / COLLECTION / "items.parquet"
    from_table = {item["id"]: item for item in item_table.table_to_items(item_table.read_items_parquet(path))}
    from_json = {}
    for file in documents(catalog.root / COLLECTION):
        document = json.loads(file.read_text())
        if document["type"] == "Feature":
            from_json[document["id"]] = document
    assert from_table == from_json and len(from_json) == 8
    foreign = {item["id"] for item in stac_geoparquet.arrow.stac_table_to_items(pq.read_table(path))}
    assert foreign == set(from_json)
    frame = geopandas.read_parquet(path)
    assert (len(frame) == 8 and frame.crs.to_epsg() == 4326) or frame.crs.to_authority() == ("OGC", "CRS84")


def test_sql(catalog: Catalog) -> None:
    result = catalog.sql("select id, cloud_cover from items where sun_elevation > 45 order by datetime")
    frame = result.to_dataframe()
    assert list(frame.columns) == ["id", "cloud_cover"] and len(result) == 5
    assert "<table" in result._repr_html_()
    with pytest.raises(UsageError, match="nothing"):
        catalog.sql("select nothing from items")
    with pytest.raises(UsageError):
        catalog.sql("create table items2 as select 1; drop view items")


def test_database_with_the_duckdb_of_the_user_after_a_move(catalog: Catalog, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "cat"
    shutil.copytree(catalog.root, moved)
    query = "select count(*), min(year), min(typeof(geometry)) from items"
    script = "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).fetchall())"
    command = [sys.executable, "-c", script, str(moved / "index.duckdb"), query]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[(8, 2001")
    opened = stacaster.open_catalog(moved)
    assert len(opened.search()) == 8
    assert all(str(item.assets["B10"].href).startswith(str(moved)) for item in opened.search().items())


def test_sql_beside_the_users_own_connection(catalog: Catalog) -> None:
    with duckdb.connect(str(catalog.root / "index.duckdb"), read_only=True) as own:
        assert own.sql("select count(*) from items").fetchall() == [(8,)]
        assert len(catalog.sql("select 1 from items")) == 8


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 8),
        ({"datetime": "2003"}, 2),
        ({"datetime": "2003-12"}, 1),
        ({"datetime": "2006/.."}, 3),
        ({"datetime": "../2001-12-31"}, 1),
        ({"bbox": [138.50, -31.02, 138.57, -30.97]}, 6),
        ({"bbox": "138.50,-31.02,138.57,-30.97", "datetime": "2001/2004"}, 4),
        ({"bbox": [0, 0, 1, 1]}, 0),
        ({"collections": COLLECTION}, 8),
        ({"limit": 3}, 3),
        ({"bbox": [138.50, -31.02, 138.57, -30.97], "limit": 2}, 2),
        ({"ids": ["nobody"]}, 0),
        ({"intersects": {"type": "Point", "coordinates": [138.53, -31.0]}}, 6),
        ({"intersects": shapely.box(138.50, -31.02, 138.57, -30.97)}, 6),
    ],
)
def test_search(catalog: Catalog, query: dict, count: int) -> None:
    search = catalog.search(**query)
    found = list(search.items())
    assert len(found) == len(search) == len(search.item_collection()) == count
    times = [certain(item.datetime) for item in found]
    assert times == sorted(times)


def test_search_uses_the_footprint_not_the_box(catalog: Catalog) -> None:
    """A corner of the box of a scene lies outside its footprint when the scene is turned against the meridian."""
    for item in catalog.search().items():
        shape = shapely.geometry.shape(item.geometry or {})
        corner = shapely.Point(certain(item.bbox)[0], certain(item.bbox)[1])
        hits = [found.id for found in catalog.search(intersects=corner).items()]
        assert (item.id in hits) == bool(shape.intersects(corner))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"collections": "landsat"}, "collection 'landsat' is not in the catalog; nearest are .*aster-l1t-003"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"bbox": "a,b,c,d"}, "bbox"),
        ({"datetime": "yesterday"}, "yesterday"),
        ({"intersects": "{"}, "GeoJSON"),
        ({"intersects": 5}, "GeoJSON"),
    ],
)
def test_wrong_queries(catalog: Catalog, query: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        catalog.search(**query)


def test_search_across_the_antimeridian_finds_nothing_here(catalog: Catalog) -> None:
    assert len(catalog.search(bbox=[139, -40, 138, -20])) == 0 or all(
        certain(item.bbox)[0] < 138 or certain(item.bbox)[2] > 139
        for item in catalog.search(bbox=[139, -40, 138, -20]).items()
    )


def test_read_only_catalog(catalog: Catalog, tmp_path: Path, mount: Callable[..., None]) -> None:
    """A catalog on a file system that cannot be written, as it is for a colleague."""
    view = tmp_path / "view"
    view.mkdir()
    mount("--bind", str(catalog.root), at=view)
    mount("-o", "remount,ro,bind", at=view)
    with pytest.raises(OSError, match="Read-only"):
        (view / "x").touch()
    opened = stacaster.open_catalog(view)
    assert (len(opened.search()), len(opened.sql("select 1 from items"))) == (8, 8)
    assert opened.info()["collections"][0]["items"] == 8
    assert opened.load(bands=["B01"], native=True, datetime="2003").sizes["time"] == 2
    opened.close()  # or the file system cannot be unmounted
    words = [sys.executable, "-m", "stacaster", "ingest", str(tmp_path / "x.hdf"), "--catalog", str(view)]
    failed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert failed.returncode == 7 and "Read-only file system" in failed.stderr


def test_configuration_for_odc_stac(catalog: Catalog) -> None:
    config = catalog.stac_cfg()[COLLECTION]
    assert config["assets"]["B10"] == {"data_type": "uint16", "nodata": 0, "unit": "1"}
    assert config["aliases"]["nir"] == "B03N" and config["aliases"]["red"] == "B02"


def test_collection_says_what_it_holds(catalog: Catalog) -> None:
    document = catalog.collection(COLLECTION)
    assert set(document["item_assets"]) == {f"B{n:02d}" for n in (1, 2, *range(4, 15))} | {"B03N"}
    boxes = [certain(item.bbox) for item in catalog.search().items()]
    west, south, east, north = document["extent"]["spatial"]["bbox"][0]
    assert (west, south) == (min(b[0] for b in boxes), min(b[1] for b in boxes))
    assert (east, north) == (max(b[2] for b in boxes), max(b[3] for b in boxes))
    start, end = document["extent"]["temporal"]["interval"][0]
    assert start.startswith("2001-03-14T00:50:21.114") and end.startswith("2009-10-02T00:49:58.64")
    assert document["providers"] and document["license"] and document["summaries"]
    with pytest.raises(UsageError, match="landsat"):
        catalog.collection("landsat")


def test_notebook_views(catalog: Catalog) -> None:
    assert COLLECTION in catalog._repr_html_() and "<table>" in catalog._repr_html_()
    assert "8 candidates" in repr(catalog.search())
    page = catalog._repr_html_()
    assert "2001-03-14 to 2009-10-02" in page and "B03N" in page and page.count("<svg") == 1
    search = catalog.search(datetime="2003")
    shown = search._repr_html_()
    assert "2003-08-30 00:43:02" in shown and "EPSG:32754" in shown and "B03N" in shown and "thumbnail" not in shown
    # Land, and a circle round each of two footprints that are smaller than six pixels.
    assert shown.count("<circle") == 2 and shown.count("<polygon") >= 3
    cube, report = search.load(bands=["nir"], native=True, units="reflectance", report=True)
    for text in (
        report._repr_html_(),
        cube.stacaster._repr_html_(),
        search.plan(bands="nir", native=True)._repr_html_(),
    ):
        assert "2003-08-30" in text and "2003-12-04" in text and "EPSG:32754" in text
        assert "<svg" in text
    assert "421 x 361, of 15 x 15" in cube.stacaster._repr_html_()


def test_what_is_no_catalog(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"holds no catalog\.json"):
        stacaster.open_catalog(tmp_path)
    (tmp_path / "catalog.json").write_text("{}")
    with pytest.raises(CatalogError, match=r"no index\.duckdb; it was not made by stacaster, and 'stacaster import'"):
        stacaster.open_catalog(tmp_path)
    (tmp_path / "index.duckdb").write_bytes(b"no database")
    with pytest.raises(CatalogError, match=r"cannot be opened.*doctor --fix"):
        stacaster.open_catalog(tmp_path).search()
    copy = tmp_path / "copy"
    shutil.copytree(catalog.root, copy)
    (copy / "index.duckdb").rename(tmp_path / "kept")
    with pytest.raises(CatalogError, match=r"no index\.duckdb; 'stacaster doctor --fix' makes it anew"):
        stacaster.open_catalog(copy)
    (tmp_path / "kept").rename(copy / "index.duckdb")
    (copy / "catalog.json").write_text("{")
    with pytest.raises(CatalogError, match=r"catalog\.json of the catalog cannot be read"):
        _ = stacaster.open_catalog(copy).collections


def test_real_modis_grids(shared: Path, tmp_path: Path) -> None:
    """Real files end to end: pixels as pyhdf reads them, documents as the schemas want them."""
    from pyhdf.SD import SD

    files = sorted((shared / "data" / "hdf4").glob("M[OC]D[14]*.hdf"))
    report = stacaster.ingest([shared / "data" / "hdf4"], catalog=tmp_path / "c")
    assert len(report.ingested) == len(files) + 1 == 3
    assert [outcome.granule for outcome in report.failed] == ["swath_3_3d_dimmap.hdf"]
    opened = stacaster.open_catalog(tmp_path / "c")
    assert len(opened.collections) == 3
    for path in documents(opened.root):
        assert check(json.loads(path.read_text()), shared / "schemas") == []
    checked = 0
    for item in opened.search(collections=["mod10a2-005", "mcd43b2-005"]).items():
        source = next(path for path in files if path.name == item.properties["stacaster:sources"][0]["name"])
        file = SD(str(source))
        layers = [file.select(name).get() for name in file.datasets()]
        file.end()
        planes = [plane for layer in layers for plane in ([layer] if layer.ndim == 2 else layer.transpose(2, 0, 1))]
        for asset in item.assets.values():
            if asset.media_type == "image/png":
                continue
            with rasterio.open(asset.href) as dataset:
                read = dataset.read(1)
            assert any(np.array_equal(read, plane) for plane in planes)
            checked += 1
    assert checked >= 4
    assert opened.sql("select count(distinct collection) as n from items").table["n"].to_pylist() == [3]
