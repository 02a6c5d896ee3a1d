"""Import, versions, archive, diff: idempotent, with a dry run, and true afterwards."""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pystac
import pytest
import stac_geoparquet.arrow

import stacaster
from stacaster.catalog import Catalog, check_catalog, item_table
from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError, NothingFoundError, UsageError
from tests.catalog.made_items import commit, content_of
from tests.stac_schemas import check


@pytest.fixture
def copy(catalog: Catalog, tmp_path: Path) -> Catalog:
    """A copy of the session's catalog that may be changed."""
    shutil.copytree(catalog.root, tmp_path / "c")
    return stacaster.open_catalog(tmp_path / "c")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stacaster", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def foreign_item(number: int, folder: Path, **properties: Any) -> pystac.Item:
    """Return an item as another program writes it, with a file of its own."""
    west = 10.0 * number
    ring = [[west, 1.0], [west + 1, 1.0], [west + 1, 2.0], [west, 2.0], [west, 1.0]]
    item = pystac.Item(
        f"scene {number}/ü", {"type": "Polygon", "coordinates": [ring]}, [west, 1.0, west + 1, 2.0],
        dt.datetime(2000 + number, 5, 6, 7, 8, 9, tzinfo=dt.UTC), {"eo:cloud_cover": number, "empty": {}, **properties},
    )  # fmt: skip
    (folder / f"scene{number}.tif").write_bytes(b"pixels %d" % number)
    item.add_asset("image", pystac.Asset(str(folder / f"scene{number}.tif"), roles=["data"]))
    item.add_asset("far", pystac.Asset(f"https://example.com/{number}.tif"))
    item.add_link(pystac.Link("license", "https://example.com/license"))
    return item


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A static catalog that pystac wrote, nested, with relative links."""
    files = tmp_path / "files"
    files.mkdir()
    root = pystac.Catalog("other", "By another program")
    extent = pystac.Extent(pystac.SpatialExtent([0, 0, 1, 1]), pystac.TemporalExtent([None, None]))
    collection = pystac.Collection("A b/c", "Some scenes", extent, title="Scenes of another", license="CC-BY-4.0")
    collection.add_link(pystac.Link("about", "https://example.com/about"))
    root.add_child(collection)
    for number in range(1, 5):
        collection.add_item(foreign_item(number, files))
    root.normalize_and_save(str(tmp_path / "other"), pystac.CatalogType.SELF_CONTAINED)
    return tmp_path / "other" / "catalog.json"


def test_a_foreign_catalog_becomes_one_of_ours(foreign: Path, tmp_path: Path, shared: Path) -> None:
    plan = stacaster.import_items(foreign, catalog=tmp_path / "c", dry_run=True, allow_outside=True)
    assert len(plan.ingested) == 4 and not (tmp_path / "c").exists()
    report = stacaster.import_items(foreign, catalog=tmp_path / "c", allow_outside=True)
    assert len(report.ingested) == 4, report.to_dict()
    assert check_catalog(tmp_path / "c") == []
    before = content_of(tmp_path / "c")
    assert len(stacaster.import_items(foreign.parent, catalog=tmp_path / "c", allow_outside=True).skipped) == 4
    assert content_of(tmp_path / "c") == before
    catalog = stacaster.open_catalog(tmp_path / "c")
    document = catalog.collection(catalog.collections[0])
    assert (document["title"], document["license"]) == ("Scenes of another", "CC-BY-4.0")
    assert document["extent"]["spatial"]["bbox"] == [[10.0, 1.0, 41.0, 2.0]], "of the items, not as it was said"
    assert any(link["rel"] == "about" for link in document["links"])
    (found,) = catalog.search(bbox=[20, 0, 22, 3], filter="eo:cloud_cover = 2").items()
    assert found.properties["title"] == "scene 2/ü" and "empty" not in found.properties
    assert Path(found.assets["image"].href).read_bytes() == b"pixels 2"
    assert found.assets["image"].extra_fields["file:checksum"].startswith("1220")
    assert found.assets["far"].href == "https://example.com/2.tif"
    for path in (tmp_path / "c").rglob("*.json"):
        if ".stacaster" not in path.parts:
            assert check(json.loads(path.read_text()), shared / "schemas") == [], path
    tree = pystac.Catalog.from_file(str(tmp_path / "c" / "catalog.json"))
    assert len(list(tree.get_items(recursive=True))) == 4


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_what_a_search_wrote_comes_in_again(copy: Catalog, form: str, tmp_path: Path) -> None:
    copy.search(datetime="2003").write(tmp_path / f"some.{form}")
    report = stacaster.import_items(tmp_path / f"some.{form}", catalog=tmp_path / "new", allow_outside=True)
    assert len(report.ingested) == len(copy.search(datetime="2003")) > 0, report.to_dict()
    assert check_catalog(tmp_path / "new", deep=True) == []
    for item in stacaster.open_catalog(tmp_path / "new").search().items():
        (original,) = copy.search(ids=[item.id]).items()
        for key, asset in item.assets.items():
            assert Path(asset.href).read_bytes() == Path(original.assets[key].href).read_bytes()
    (difference, *_) = stacaster.catalog.diff_catalogs(copy.root, tmp_path / "new")
    assert difference.status == "removed"
    assert not [
        found for found in stacaster.catalog.diff_catalogs(copy.root, tmp_path / "new") if found.status == "changed"
    ]


def test_bad_items_cost_themselves_only(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    good = [foreign_item(number, files).to_dict(include_self_link=False) for number in (1, 2)]
    for document in good:
        document["collection"] = "x"
    missing = foreign_item(3, files).to_dict(include_self_link=False)
    (files / "scene3.tif").unlink()
    contrary = foreign_item(4, files, **{"eo:cloud_cover": "many"}).to_dict(include_self_link=False)
    bad: list[Any] = [
        missing | {"collection": "x"},
        contrary | {"collection": "x"},
        good[0] | {"id": "a", "geometry": None},
        good[0] | {"id": "b", "geometry": {"type": "Polygon", "coordinates": "?"}},
        good[0] | {"id": "c", "properties": {"datetime": None}},
        good[0] | {"id": "d", "properties": {"datetime": "yesterday"}},
        good[0] | {"id": "e", "assets": {"x": {}}},
        good[0] | {"id": ""},
        {"type": "Feature"},
        good[1],
    ]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [*good, *bad]}))
    report = stacaster.import_items(tmp_path / "items.json", catalog=tmp_path / "c")
    assert (len(report.ingested), len(report.skipped), len(report.failed)) == (4, 1, 7), report.to_dict()
    assert check_catalog(tmp_path / "c") == []
    result = run("import", tmp_path / "items.json", "--catalog", tmp_path / "c")
    assert result.returncode == 4 and "is missing" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("content", "words"), [("[1]", "no STAC"), ("{", "cannot be read"), ('{"type": "Topology"}', "no STAC")]
)
def test_what_is_no_stac_says_so(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(CatalogError, match=words):
        stacaster.import_items(tmp_path / "x.json", catalog=tmp_path / "c")
    assert not (tmp_path / "c").exists()
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CatalogError, match="no stac-geoparquet"):
        stacaster.import_items(tmp_path / "x.parquet", catalog=tmp_path / "c")
    with pytest.raises(CatalogError, match="is no file"):
        stacaster.import_items(tmp_path / "nowhere", catalog=tmp_path / "c")


def test_hostile_names_stay_inside_and_apart(tmp_path: Path) -> None:
    names = [
        "../../../etc/x",
        "..",
        "a\\b",
        "CON",
        "ÄÖ/../..",
        "x" * 300,
        "a\nb",
        "items",
        "ITEMS",
        "*",
        " ",
        "a/b",
        "a-b",
    ]
    chance = random.Random(20261121)
    names += ["".join(chr(chance.randint(1, 0x2FFF)) for _ in range(chance.randint(1, 30))) for _ in range(7)]
    files = tmp_path / "files"
    files.mkdir()
    features = [
        foreign_item(1, files).to_dict(include_self_link=False) | {"id": name, "collection": other}
        for name in names
        for other in names
    ]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    before = {path for path in tmp_path.rglob("*") if "c" not in path.parts}
    report = stacaster.import_items(tmp_path / "items.json", catalog=tmp_path / "c")
    assert len(report.ingested) == len(features), report.failed[:2]
    assert {path for path in tmp_path.rglob("*") if tmp_path / "c" not in (path, *path.parents)} >= before
    places = {(entry.collection, entry.item_id) for entry in report.ingested}
    assert len(places) == len(features), "no two names fall on one place"
    assert check_catalog(tmp_path / "c") == []


def named(number: int, produced: str) -> dict[str, Any]:
    return {"title": f"AST_L1T_0030{number}2220{number:02d}005021_{produced}090332_70441"}


def test_productions_of_a_scene_are_linked(tmp_path: Path, shared: Path) -> None:
    store = CatalogStore(tmp_path / "c")
    for number, produced in ((1, "20150510"), (2, "20160510"), (3, "20170510")):
        commit(store, [number], **named(5, produced))
    commit(store, [7], **named(6, "20150510"))
    assert stacaster.catalog.dedupe(store.root, dry_run=True) and "deprecated" not in columns(store)
    older = stacaster.catalog.dedupe(store.root)
    assert [(entry.item_id, entry.newest[1]) for entry in older] == [
        ("item-00001", "item-00003"),
        ("item-00002", "item-00003"),
    ]
    assert links(store, 1) == {"successor-version": "item-00002", "latest-version": "item-00003"}
    assert links(store, 2) == {
        "predecessor-version": "item-00001", "successor-version": "item-00003", "latest-version": "item-00003",
    }  # fmt: skip
    assert links(store, 3) == {"predecessor-version": "item-00002"} and links(store, 7) == {}
    flags = stacaster.open_catalog(store.root).sql("select id, deprecated from items order by id").table.to_pydict()
    assert flags["deprecated"] == [True, True, False, None]
    before = content_of(store.root)
    stacaster.catalog.dedupe(store.root)
    assert content_of(store.root) == before and check_catalog(store.root) == []
    stacaster.open_catalog(store.root).remove(ids=["item-00002"])
    assert links(store, 1) == {"successor-version": "item-00003", "latest-version": "item-00003"}, "no link dangles"
    assert stacaster.catalog.dedupe(store.root, remove=True)[0].item_id == "item-00001"
    assert links(store, 3) == {} and check_catalog(store.root) == []
    assert stacaster.catalog.dedupe(store.root, remove=True) == []


def columns(store: CatalogStore) -> list[str]:
    table = stacaster.open_catalog(store.root).sql("select * from items limit 0").table
    return list(table.column_names)


def links(store: CatalogStore, number: int) -> dict[str, str]:
    (path,) = store.root.glob(f"*/*/*/item-{number:05d}.json")
    found = {link["rel"]: link for link in json.loads(path.read_text())["links"] if link["rel"].endswith("-version")}
    for link in found.values():
        assert (path.parent / link["href"]).is_file()
    return {rel: link["title"] for rel, link in found.items()}


def test_archive_and_back(copy: Catalog, tmp_path: Path) -> None:
    gone = [item.id for item in copy.search(datetime="2003").items()]
    assert copy.archive(tmp_path / "2003.tar", dry_run=True, datetime="2003") == gone
    assert not (tmp_path / "2003.tar").exists()
    before = content_of(copy.root)
    assert copy.archive(tmp_path / "2003.tar", remove=True, datetime="2003") == gone and len(gone) == 2
    assert len(copy.search()) == 6 and check_catalog(copy.root) == []
    with pytest.raises(UsageError, match="exists"):
        copy.archive(tmp_path / "2003.tar")
    with pytest.raises(NothingFoundError):
        copy.archive(tmp_path / "again.tar", datetime="2003")
    with tarfile.open(tmp_path / "2003.tar") as file:
        # The argument came with Python 3.11.4.
        safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        file.extractall(tmp_path / "out", **safe)
    assert check_catalog(tmp_path / "out", deep=True) == []
    assert len(stacaster.open_catalog(tmp_path / "out").search().load(bands=["B01"], native=True).time) == 2
    assert len(stacaster.import_items(tmp_path / "out", catalog=copy.root).ingested) == 2
    assert content_of(copy.root) == before, "as if nothing had happened"
    assert copy.archive(tmp_path / "folder", ids=gone) == gone and check_catalog(tmp_path / "folder") == []


@pytest.mark.parametrize("name", ["2003.tar", "2003"])
def test_an_archive_that_was_interrupted_before_the_removal_is_finished(
    copy: Catalog, name: str, tmp_path: Path
) -> None:
    gone = copy.archive(tmp_path / name, datetime="2003")
    with pytest.raises(UsageError, match="exists"):
        copy.archive(tmp_path / name, remove=True, datetime="2004")
    assert len(copy.search()) == 8, "it holds other items"
    (tmp_path / f".{name}.part/catalog").mkdir(parents=True)
    assert copy.archive(tmp_path / name, remove=True, datetime="2003") == gone
    assert len(copy.search()) == 6 and check_catalog(copy.root) == []
    assert not list(tmp_path.glob(".*.part")), "what a killed one left is taken away"


def test_an_archive_of_damaged_items_is_none(copy: Catalog, tmp_path: Path) -> None:
    next(copy.root.glob("*/2003/*/B01.tif")).write_bytes(b"x")
    result = run("archive", "-o", tmp_path / "a.tar", "--datetime", "2003", "--remove", "--catalog", copy.root)
    assert result.returncode == 1 and "damaged" in result.stderr and not (tmp_path / "a.tar").exists()
    assert len(copy.search()) == 8, "nothing was removed"


def test_diff(copy: Catalog, tmp_path: Path) -> None:
    shutil.copytree(copy.root, tmp_path / "d")
    assert stacaster.catalog.diff_catalogs(copy.root, tmp_path / "d") == []
    other = stacaster.open_catalog(tmp_path / "d")
    removed = other.remove(datetime="2003")
    (path, *_) = sorted((tmp_path / "d").glob("*/*/*/*.json"))
    document = json.loads(path.read_text())
    document["assets"]["B01"]["gsd"] = 16.0
    path.write_text(json.dumps(document))
    result = run("diff", copy.root, tmp_path / "d", "--json")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert sorted(entry["item_id"] for entry in found if entry["status"] == "removed") == sorted(removed)
    (changed,) = [entry for entry in found if entry["status"] == "changed"]
    assert (changed["item_id"], changed["fields"]) == (path.stem, ["assets.B01.gsd"])
    assert run("diff", copy.root, copy.root).returncode == 0
    assert run("diff", copy.root, tmp_path).returncode == 7


def test_update_takes_no_new_ones_in(tmp_path: Path) -> None:
    granules = sorted(stacaster.sample_data(tmp_path / "g"))
    root = tmp_path / "c"
    stacaster.ingest(granules[1:2], catalog=root)
    report = stacaster.update([tmp_path / "g"], catalog=root)
    assert not report.ingested and len(stacaster.open_catalog(root).search()) == 1
    assert {entry.reason for entry in report.skipped} == {"the catalog has it", "the catalog has no such item"}
    (before,) = stacaster.open_catalog(root).search().items()
    asked: dict[str, Any] = {"catalog": root, "subsystem": ["VNIR"], "profile": "deflate"}
    assert len(stacaster.update([tmp_path / "g"], **asked, dry_run=True).replaced) == 1
    assert len(stacaster.update([tmp_path / "g"], **asked).replaced) == 1
    (item,) = stacaster.open_catalog(root).search().items()
    assert set(item.assets) == set(before.assets) and check_catalog(root) == []
    changed = {name for name, asset in item.assets.items() if asset.extra_fields != before.assets[name].extra_fields}
    assert changed == {"B01", "B02", "B03N"}, "bands that nobody asked for stay"
    with pytest.raises(CatalogError, match="no catalog that could be updated"):
        stacaster.update(granules, catalog=tmp_path / "none")


def test_parquet_of_other_programs(foreign: Path, tmp_path: Path) -> None:
    items = [item.to_dict() for item in pystac.Catalog.from_file(str(foreign)).get_items(recursive=True)]
    table = stac_geoparquet.arrow.parse_stac_items_to_arrow(items).read_all()
    stac_geoparquet.arrow.to_parquet(table, tmp_path / "x.parquet", collections={"A b/c": {"title": "T"}})
    report = stacaster.import_items(tmp_path / "x.parquet", catalog=tmp_path / "c", copy=False, allow_outside=True)
    assert len(report.ingested) == 4, report.to_dict()
    catalog = stacaster.open_catalog(tmp_path / "c")
    assert catalog.collection(catalog.collections[0])["title"] == "T"
    hrefs = [item.assets["image"].href for item in catalog.search().items()]
    assert all(href.startswith("file://") for href in hrefs), "left where they are"
    item_table.close_databases()


def test_items_without_assets(tmp_path: Path) -> None:
    """STAC allows them; parquet knows no struct without fields."""

    def item(name: str, assets: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "Feature", "stac_version": "1.1.0", "id": name, "bbox": [0, 0, 1, 1], "links": [], "assets": assets,
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]},
            "properties": {"datetime": "2003-01-01T00:00:00Z"}, "collection": "bare",
        }  # fmt: skip

    far = {"far": {"href": "https://example.com/1.tif", "roles": ["data"]}}
    for number, features in enumerate(([item("a", {})], [item("a", {}), item("b", far)], [item("c", {})])):
        (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        report = stacaster.import_items(tmp_path / "items.json", catalog=tmp_path / "c")
        assert not report.failed, (number, report.failed)
        assert check_catalog(tmp_path / "c") == []
    found = {entry.id: set(entry.assets) for entry in stacaster.open_catalog(tmp_path / "c").search().items()}
    assert found == {"a": set(), "b": {"far"}, "c": set()}
    rows = stacaster.open_catalog(tmp_path / "c").sql("select id, assets from items order by id").table.to_pylist()
    assert [row["assets"] for row in rows] == [[], ["far"], []]
