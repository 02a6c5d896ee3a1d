"""Items of any maker come in, or are refused by name; what was changed is said; no file that was not named is read."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

import stacaster
from stacaster.catalog import Catalog, check_catalog, item_table

BOX = [[138.0, -32.0], [139.0, -32.0], [139.0, -31.0], [138.0, -31.0], [138.0, -32.0]]


def polygon(ring: Any = BOX) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring]}


def foreign(name: str, *, properties: Any = None, **more: Any) -> dict[str, Any]:
    document = {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": name, "geometry": polygon(),
        "bbox": [138, -32, 139, -31], "properties": {"datetime": "2003-01-01T00:00:00Z", **(properties or {})},
        "links": [], "assets": {"B": {"href": "https://example.com/x.tif"}}, "collection": "c",
    }  # fmt: skip
    return document | more


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    item_table.close_databases()


def take(folder: Path, documents: Any, name: str = "items.json", **options: Any) -> tuple[Any, Catalog]:
    folder.mkdir(exist_ok=True)
    text = documents if isinstance(documents, str) else json.dumps({"type": "FeatureCollection", "features": documents})
    (folder / name).write_text(text)
    report = stacaster.import_items(folder / name, catalog=folder.parent / "catalog", **options)
    return report, stacaster.open_catalog(folder.parent / "catalog")


# Values.


def test_values_that_no_column_can_hold(tmp_path: Path) -> None:
    odd = [
        {"big": 2**63, "huge": -(2**70)}, {"type": "t", "id": 7, "geometry": 1, "links": [1], "bbox": "w"},
        {"Title": 1, "TITLE": "x", "Datetime": 5}, {"mixed": [1, "a"]}, {"mixed": 5}, {"null": None, "empty": {}},
        {"gsd": "15.0", "created": "never", "updated": "2020-02-03"}, {"a": {"b": {"c": [1, {"d": "x"}]}}}, {"a": 1},
    ]  # fmt: skip
    text = json.dumps(
        {"type": "FeatureCollection", "features": [foreign(f"i{n}", properties=p) for n, p in enumerate(odd)]}
    )
    text = text.replace('"x": "nan"', '"x": NaN')
    report, catalog = take(tmp_path / "in", text)
    assert len(report.ingested) == len(odd), report.failed
    assert check_catalog(catalog.root) == []
    items = {item.id: item.properties for item in catalog.search().items()}
    assert items["i0"]["big"] == 2**63
    assert json.loads(items["i0"]["stacaster:original"])["properties"]["huge"] == str(-(2**70))
    assert (items["i1"]["type"], items["i1"]["id"], items["i1"]["bbox"]) == ("t", 7, "w")
    assert items["i3"]["mixed"] == [1, "a"]
    assert (items["i6"]["gsd"], items["i6"]["updated"]) == (15.0, "2020-02-03T00:00:00.000000Z")
    assert any("created" in note for note in items["i6"]["stacaster:notes"])
    assert (items["i7"]["a"]["b"]["c"], items["i8"]["a"]) == ([1, {"d": "x"}], 1)
    assert catalog.info()["collections"][0]["items"] == len(odd)
    assert catalog.stac_cfg().keys() == {"c"}
    assert catalog.sql("select * from items").table.num_rows == len(odd)


def test_numbers_that_strict_json_does_not_know(tmp_path: Path) -> None:
    text = json.dumps(
        {"type": "FeatureCollection", "features": [foreign("a", properties={"x": "@", "eo:cloud_cover": "@"})]}
    )
    report, catalog = take(tmp_path / "in", "\ufeff" + text.replace('"@"', "NaN"))
    assert len(report.ingested) == 1, report.failed
    (item,) = catalog.search().items()
    assert "eo:cloud_cover" not in item.properties
    assert json.loads(item.properties["stacaster:original"])["properties"] == {"x": "nan", "eo:cloud_cover": "nan"}


def test_whatever_stands_in_place_of_an_item_costs_itself(tmp_path: Path) -> None:
    deep: dict[str, Any] = {"end": 1}
    for _ in range(150):
        deep = {"a": deep}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.tif").write_bytes(b"x")
    fine = [
        foreign("a", collection=5), foreign("b", links={"a": 1}), foreign("c", links=[None, 5, {"rel": "via"}]),
        foreign("d", stac_extensions=5), foreign("e", properties={"deep": deep, "k" * 3000: 1, "a\0b": "x\0y"}),
        foreign("f", properties={"datetime": "0001-01-01T00:00:00Z"}), foreign("g", stac_version="9.9"),
        foreign("h", properties={"datetime": "2020-01-01T05:30:00.123456789+05:30", "t": "\ud800"}),
        foreign("i", properties={"title": {"en": "x"}, "stacaster:notes": "mine", "stacaster:fingerprint": 5}),
        foreign("j", assets={"a/b": {"href": "x.tif"}, "A/B": {"href": "./x.tif"}, "": {"href": "x.tif"}}),
        foreign("k", collection="../../x"), foreign("l", collection="CON"), foreign(7),  # type: ignore[arg-type]
        foreign("m", geometry=polygon([[1, 2, 3], [2, 2, 3], [2, 3, 3], [1, 3, 3]]), bbox=None),
    ]  # fmt: skip
    bad: list[Any] = [None, 5, "x", [], {}, foreign("y", properties={"datetime": 1577836800})]
    report, catalog = take(tmp_path / "in", [*fine, *bad])
    assert (len(report.ingested), len(report.failed)) == (len(fine), len(bad)), report.failed
    assert check_catalog(catalog.root) == []
    assert len(list(catalog.search().items())) == len(fine) == catalog.sql("select * from items").table.num_rows
    (item,) = catalog.search(ids=["e"]).items()
    assert item.properties["deep"] == deep


def test_poison_costs_itself(tmp_path: Path) -> None:
    good = [foreign(f"g{n}", properties={"eo:cloud_cover": n, "view:sun_elevation": 40.5}) for n in (10, 9, 100)]
    bad = foreign(
        "bad", collection="zz", properties={"eo:cloud_cover": "abc", "view:sun_elevation": "high", "gsd": "x"}
    )
    report, catalog = take(tmp_path / "in", [*good, bad])
    assert len(report.ingested) == 4
    assert [item.id for item in catalog.search(sortby="eo:cloud_cover", limit=3).items()] == ["g9", "g10", "g100"]
    assert [item.id for item in catalog.search(filter="eo:cloud_cover < 50 and view:sun_elevation > 9").items()] == [
        "g10",
        "g9",
    ]
    (found,) = catalog.search(ids=["bad"]).items()
    assert "eo:cloud_cover" not in found.properties
    assert len(found.properties["stacaster:notes"]) == 3
    stacaster.catalog.write_report(tmp_path / "x.html", catalog=catalog.root)


def test_ids_that_are_no_file_names_are_found_as_they_were(tmp_path: Path) -> None:
    names = ["a/b", "..", "S2/2020/x", "</script>", "plain"]
    report, catalog = take(tmp_path / "in", [foreign(name) for name in names])
    assert len(report.ingested) == len(names)
    for name in names:
        (item,) = catalog.search(ids=[name]).items()
        assert item.properties.get("stacaster:original_id", item.id) == name


# Places.


@pytest.mark.parametrize(
    ("geometry", "bbox", "expected", "word"),
    [
        (polygon([[-178.5, -16.7], [-178.9, -18.4], [-180.7, -18.0], [-180.3, -16.3], [-178.5, -16.7]]),
         [-180.7, -18.4, -178.5, -16.3], [179.3, -18.4, -178.5, -16.3], "RFC 7946"),
        (polygon([[170, 0], [190, 0], [190, 1], [170, 1], [170, 0]]), None, [170, 0, -170, 1], "RFC 7946"),
        (polygon([[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]), [-179, 0, 179, 1], [179, 0, -179, 1],
         "RFC 7946"),
        (polygon([[190, 0], [195, 0], [195, 1], [190, 1], [190, 0]]), None, [-170, 0, -165, 1], "RFC 7946"),
        ({"type": "Point", "coordinates": [190, 5]}, [190, 5, 190, 5], [-170, 5, -170, 5], "RFC 7946"),
        (polygon([[-180, -60], [180, -60], [180, 60], [-180, 60], [-180, -60]]), [-180, -60, 180, 60],
         [-180, -60, 180, 60], "belt"),
        ({"type": "MultiPolygon", "coordinates": [[[[-180, -19], [-179, -19], [-179, -17], [-180, -17], [-180, -19]]],
         [[[179, -19], [180, -19], [180, -17], [179, -17], [179, -19]]]]}, [-180, -19, 180, -17],
         [179, -19, -179, -17], "made anew"),
        (None, [138, -32, 139, -31], [138, -32, 139, -31], "no geometry"),
        (polygon(), [138, -32, 0, 139, -31, 9], [138, -32, 139, -31], None),
        (polygon(), None, [138, -32, 139, -31], None),
        (polygon(), ["a", 1], [138, -32, 139, -31], None),
    ],
)  # fmt: skip
def test_footprints_become_those_of_rfc_7946(
    geometry: Any, bbox: Any, expected: list[float], word: str | None, tmp_path: Path
) -> None:
    document = foreign("a", geometry=geometry, bbox=bbox)
    report, catalog = take(tmp_path / "in", [document])
    assert len(report.ingested) == 1, report.failed
    assert check_catalog(catalog.root) == []
    (item,) = catalog.search().items()
    assert item.bbox == pytest.approx(expected, abs=0.05)
    notes = " ".join(item.properties.get("stacaster:notes", ()))
    assert (word or "") in notes and bool(word) == bool(notes)
    west, _, east, _ = shapely.geometry.shape(item.geometry).bounds
    assert -180 <= west <= east <= 180
    if word == "RFC 7946":
        assert json.loads(item.properties["stacaster:original"])["geometry"] == geometry
    # A box on either side of the antimeridian, a little inside of the footprint.
    for x in (expected[0] + 0.01, expected[2] - 0.01):
        box = [x, expected[1] - 1, x + 0.005, expected[3] + 1]
        assert (word == "RFC 7946" and geometry["type"] == "Point") or len(list(catalog.search(bbox=box).items())) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"geometry": None, "bbox": None}, "neither geometry nor bbox"),
        ({"geometry": polygon([[-32, 138], [-31, 138], [-31, 139], [-32, 138]])}, "latitude seems to come before"),
        ({"geometry": polygon([[6e5, 6e6], [7e5, 6e6], [7e5, 7e6], [6e5, 6e6]])}, "in degrees"),
        ({"geometry": {"type": "Polygon", "coordinates": []}}, "empty"),
        ({"geometry": "POINT(1 2)"}, "no GeoJSON"),
        ({"properties": {"datetime": None}}, "no time"),
        ({"properties": {"datetime": "then"}}, "cannot be read"),
        ({"properties": 5}, "properties"), ({"assets": None}, "assets"), ({"assets": {"x": {"href": 5}}}, "no href"),
        ({"id": None}, "no id"), ({"type": "Collection"}, "no GeoJSON feature"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_by_name(change: dict[str, Any], word: str, tmp_path: Path) -> None:
    report, catalog = take(tmp_path / "in", [foreign("good"), {**foreign("bad"), **change}])
    assert [outcome.granule for outcome in report.ingested] == ["good"]
    assert word in str(report.failed[0].reason)
    assert len(catalog.search()) == 1


# Forms.


def test_lines_of_json(tmp_path: Path) -> None:
    lines = [json.dumps(foreign("a")), "", "\x1e" + json.dumps(foreign("b")), "{broken", "5"]
    report, catalog = take(tmp_path / "in", "\n".join(lines), "items.ndjson")
    assert (len(report.ingested), len(report.failed)) == (2, 2)
    assert {item.id for item in catalog.search().items()} == {"a", "b"}


@pytest.mark.parametrize("version", ["0.8.1", "0.9.0", "1.0.0-rc.1", "1.0.0", None])
def test_older_stac_is_migrated(version: str | None, tmp_path: Path) -> None:
    document = foreign("a", stac_version=version, properties={"eo:cloud_cover": 5, "proj:epsg": 32754})
    document["stac_extensions"] = ["eo", "projection"] if version and version < "1" else []
    report, catalog = take(tmp_path / "in", [{key: value for key, value in document.items() if value is not None}])
    assert len(report.ingested) == 1, report.failed
    assert check_catalog(catalog.root) == []
    assert next(catalog.search(filter="eo:cloud_cover = 5").items()).to_dict()["stac_version"] == "1.1.0"


@pytest.mark.parametrize("form", ["geopandas", "json_text", "map", "ours"])
def test_stac_geoparquet_of_other_makers(form: str, tmp_path: Path) -> None:
    shapes = [
        shapely.geometry.shape(polygon()),
        shapely.Point(138, -32),
        shapely.MultiPolygon([shapely.box(1, 2, 3, 4)]),
    ]
    assets: list[dict[str, Any]] = [
        {"B": {"href": "https://example.com/x.tif", "gsd": 15}},
        {},
        {"C": {"href": "https://example.com/y.tif"}},
    ]
    rows: dict[str, Any] = {
        "id": ["a", "b", "c"],
        "geometry": [shape.wkb for shape in shapes],
        "bbox": [list(shape.bounds) for shape in shapes],
        "datetime": [f"2003-01-0{day} 00:00:00+00:00" for day in (1, 2, 3)],
        "eo:cloud_cover": ["1.5", None, "7"],
        "collection": ["c"] * 3,
        "assets": assets,
        "links": [[], [{"rel": "via", "href": "https://example.com/b"}], None],
    }
    if form == "json_text":
        rows |= {"assets": [json.dumps(part) for part in assets], "links": ["[]"] * 3}
        rows["properties"] = [json.dumps({"gsd": 15, "datetime": text}) for text in rows.pop("datetime")]
    if form == "map":
        rows["assets"] = pa.array(
            [[(key, {"href": part["href"]}) for key, part in asset.items()] for asset in assets],
            pa.map_(pa.string(), pa.struct([("href", pa.string())])),
        )
        rows["datetime"] = [dt.datetime(2003, 1, day) for day in (1, 2, 3)]
        rows["bbox"] = [dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)) for box in rows["bbox"]]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "items.parquet"
    pq.write_table(pa.table(rows), path)
    if form == "ours":
        first, _ = take(
            tmp_path / "first",
            [foreign("a", properties={"mixed": [1, "a"], "eo:cloud_cover": 1.5}), foreign("b"), foreign("c")],
        )
        assert len(first.ingested) == 3
        path = tmp_path / "catalog" / "c" / "items.parquet"
    report = stacaster.import_items(path, catalog=tmp_path / "second")
    assert len(report.ingested) == 3, report.failed
    assert check_catalog(tmp_path / "second") == []
    catalog = stacaster.open_catalog(tmp_path / "second")
    (item,) = catalog.search(filter="eo:cloud_cover = 1.5").items()
    assert (item.id, item.datetime.year if item.datetime else None) == ("a", 2003)
    assert item.assets["B"].href == "https://example.com/x.tif"
    assert form != "ours" or item.properties["mixed"] == [1, "a"]


def test_what_a_search_writes_comes_in_again_whatever_it_says(tmp_path: Path) -> None:
    odd: list[Any] = [{"mixed": [1, "a"], "type": "t"}, {"mixed": 5}, {"Mixed": {"a": [{}]}}, {}]
    documents = [foreign(f"i{n}", properties=p, collection=f"c{n % 2}") for n, p in enumerate(odd)]
    documents[1] |= {"geometry": {"type": "Point", "coordinates": [138.5, -31.5]}, "assets": {}}
    documents[2]["geometry"] = {"type": "GeometryCollection", "geometries": [polygon(), documents[1]["geometry"]]}
    _, catalog = take(tmp_path / "in", documents)
    for form in ("parquet", "json"):
        catalog.search().write(tmp_path / f"out.{form}")
        report = stacaster.import_items(tmp_path / f"out.{form}", catalog=tmp_path / form)
        assert len(report.ingested) == 4, report.failed
        again = {item.id: item for item in stacaster.open_catalog(tmp_path / form).search().items()}
        for item in catalog.search().items():
            other = again[item.id]
            assert (other.geometry, other.bbox) == (item.geometry, item.bbox)
            own = {key: value for key, value in item.properties.items() if key != "stacaster:fingerprint"}
            assert {key: other.properties.get(key) for key in own} == own


# Files and links.


def test_only_files_below_the_source_are_taken(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "own file.tif").write_bytes(b"own")
    (source / "sub" / "own file.tif").chmod(0o600)
    (source / "link").symlink_to(tmp_path / "key")
    (source / "inner").symlink_to(source / "sub")
    hrefs = [f"file://{tmp_path}/key", "../key", "./sub/../../key", "./link", "/proc/self/environ", "file:///etc/hostname",
             "%2e%2e/key", "./sub", "./missing.tif", "C:\\data\\x.tif"]  # fmt: skip
    bad = [foreign(f"bad{n}", assets={"x": {"href": href}}) for n, href in enumerate(hrefs)]
    good = [
        "./sub/own%20file.tif",
        ".\\sub\\own file.tif",
        "inner/own file.tif",
        (source / "sub/own file.tif").as_uri(),
    ]
    fine = [foreign(f"good{n}", assets={"x": {"href": href}}) for n, href in enumerate(good)]
    report, catalog = take(source, [*bad, *fine])
    assert sorted(outcome.granule for outcome in report.ingested) == [f"good{n}" for n in range(len(good))]
    assert len(report.failed) == len(bad)
    assert all(
        "outside" in str(o.reason) or "missing" in str(o.reason) or "no file" in str(o.reason) for o in report.failed
    )
    assert not any(path.is_file() and b"secret" in path.read_bytes() for path in (tmp_path / "catalog").rglob("*"))
    for item in catalog.search().items():
        path = Path(item.assets["x"].href)
        assert path.read_bytes() == b"own"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    trusted, _ = take(source, bad[:1], allow_outside=True)
    assert len(trusted.ingested) == 1


def test_without_copies_a_missing_file_costs_its_asset(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a b.tif").write_bytes(b"x")
    assets = {"x": {"href": "a%20b.tif"}, "y": {"href": "gone.tif"},
              "z": {"href": "gone.tif", "alternate": {"s3": {"href": "s3://b/z.tif"}}},
              "v": {"href": "/vsicurl/https://example.com/v.tif"}}  # fmt: skip
    report, catalog = take(tmp_path / "in", [foreign("a", assets=assets)], copy=False)
    assert len(report.ingested) == 1, report.failed
    (item,) = catalog.search().items()
    assert {key: asset.href for key, asset in item.assets.items()} == {
        "x": (tmp_path / "in" / "a b.tif").as_uri(), "z": "s3://b/z.tif", "v": "https://example.com/v.tif",
    }  # fmt: skip
    assert "asset y was left out" in item.properties["stacaster:notes"][0]
    assert check_catalog(catalog.root) == []


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_links_to_the_web_are_named_or_followed(web: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = web
    (folder / "far.json").write_text(json.dumps(foreign("far", assets={"x": {"href": "./x.tif"}})))
    secret = foreign("thief", assets={"x": {"href": "file:///etc/hostname"}})
    (folder / "thief.json").write_text(json.dumps(secret))
    links = [{"rel": "item", "href": href} for href in ("./far.json", "thief.json", "file:///etc/passwd", "gone.json")]
    (folder / "child.json").write_text(json.dumps({"type": "Catalog", "id": "child", "links": links}))
    source = tmp_path / "in"
    source.mkdir()
    (source / "local item.json").write_text(json.dumps(foreign("local")))
    (tmp_path / "outside.json").write_text(json.dumps(foreign("outside")))
    links = [{"rel": "item", "href": "./local%20item.json"}, {"rel": "child", "href": f"{address}/child.json"},
             {"rel": "item", "href": "../outside.json"}, {"rel": "item"},
             {"rel": "child", "href": "catalog.json"}]  # fmt: skip
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "m", "description": "x", "links": links}
    (source / "catalog.json").write_text(json.dumps(root))
    report = stacaster.import_items(source, catalog=tmp_path / "catalog")
    assert [outcome.granule for outcome in report.ingested] == ["local"]
    assert len(report.failed) == 3
    assert any("--follow" in str(outcome.reason) and "child.json" in str(outcome.reason) for outcome in report.failed)
    followed = stacaster.import_items(source, catalog=tmp_path / "catalog", follow=True)
    assert [outcome.granule for outcome in followed.ingested] == ["far"]
    assert len(followed.failed) == 5, followed.failed
    (item,) = stacaster.open_catalog(tmp_path / "catalog").search(ids=["far"]).items()
    assert item.assets["x"].href == f"{address}/x.tif"


def test_odd_collections(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "item.json").write_text(json.dumps(foreign("a")))
    odd = {"type": "Collection", "id": "c", "title": 5, "description": None,
           "links": [{"rel": "item", "href": "item.json"}, {"rel": "x"}],
           "item_assets": None, "assets": [], "summaries": {"n": None}, "extent": None, "license": ["a"]}  # fmt: skip
    (source / "collection.json").write_text(json.dumps(odd))
    report = stacaster.import_items(source, catalog=tmp_path / "catalog")
    assert len(report.ingested) == 1, report.failed
    catalog = stacaster.open_catalog(tmp_path / "catalog")
    assert check_catalog(catalog.root) == []
    assert (catalog.info()["problems"], list(catalog.stac_cfg())) == ([], ["c"])
    assert "<table>" in catalog._repr_html_()
