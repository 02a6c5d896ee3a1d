"""The item table: one canonical form for a set of items, parquet that others read, SQL that reads and does no more."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacaster.catalog import item_table
from stacaster.errors import StacasterError, UsageError
from stacaster.model import format_datetime

SEED = 20030117
COLLECTION = {"type": "Collection", "id": "aster-l1t-003", "description": "ünïcode"}
TIMES = {"datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"}


def make_item(number: int, **properties: Any) -> dict[str, Any]:
    """Return an item; numbers differ in place, time and content."""
    west, south = -179.0 + number * 7.3 % 350, -80.0 + number * 3.1 % 150
    return place(
        {
            "type": "Feature",
            "stac_version": "1.1.0",
            "stac_extensions": ["https://stac-extensions.github.io/eo/v2.0.0/schema.json"],
            "id": f"item-{number:05d}",
            "collection": "aster-l1t-003",
            "properties": {
                "datetime": f"{2000 + number % 9}-01-17T00:00:{number % 60:02d}.534000Z",
                "created": "2010-01-01T00:00:00.000000Z",
                "title": f"Ténèbre {number}",
                "instruments": ["aster"],
                "gsd": 15.0,
                "eo:cloud_cover": number % 100 + 0.5,
                "view:sun_elevation": 40.25,
                "processing:software": {"stacaster": "0.1"},
                **properties,
            },
            "links": [
                {"rel": "root", "href": "../../../catalog.json", "type": "application/json"},
                {"rel": "derived_from", "href": "https://example.com/granule"},
            ],
            "assets": {name: make_asset(name, number) for name in ("B01", "B02")},
        },
        [west, south, west + 0.7, south + 0.7],
    )


def make_asset(name: str, number: int) -> dict[str, Any]:
    statistics = {"minimum": 1.0, "maximum": 254.0, "mean": number + 0.5}
    return {
        "href": f"./{name}.tif",
        "roles": ["data"],
        "proj:shape": [4200, 4980],
        "proj:transform": [15.0, 0.0, 300000.0, 0.0, -15.0, 4000000.0],
        "file:size": 1000 + number,
        "bands": [{"name": name, "nodata": 0, "statistics": statistics}],
    }


def place(item: dict[str, Any], bbox: list[float]) -> dict[str, Any]:
    west, south, east, north = bbox
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [[[a, south], [b, south], [b, north], [a, north], [a, south]] for a, b in spans]
    geometry = {"type": "Polygon", "coordinates": rings[:1]}
    if len(rings) == 2:
        geometry = {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}
    return item | {"bbox": bbox, "geometry": geometry}


def mixed_items() -> list[dict[str, Any]]:
    """Return items that differ in everything that may differ within a collection."""
    items = [make_item(number) for number in range(9)]
    del items[1]["assets"]["B02"]
    items[2]["assets"]["B10"] = make_asset("B10", 2) | {"eo:center_wavelength": 8.3, "proj:code": "EPSG:32653"}
    items[3]["assets"]["B01"]["bands"] = [{"name": "x", "eo:common_name": "red"}, {"name": "y", "unit": "W"}]
    items[4]["properties"] |= {"start_datetime": "2004-01-01T00:00:00.000000Z", "sat:orbit": 7}
    items[5] = place(items[5], [170.0, -20.0, -170.0, -10.0])
    items[6]["properties"]["processing:software"] = {"gdal": "3.10"}
    items[7]["properties"]["stacaster:notes"] = []
    items[8]["properties"]["stacaster:notes"] = ["日本", "a\nb"]
    return items


def cleaned(value: Any, key: str = "") -> Any:
    """Return plain data without null values and with times in one form."""
    if isinstance(value, dict):
        return {name: cleaned(part, name) for name, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [cleaned(part) for part in value]
    return format_datetime(dt.datetime.fromisoformat(value)) if key in TIMES and isinstance(value, str) else value


def assert_same(first: pa.Table, second: pa.Table) -> None:
    assert first.schema.equals(second.schema, check_metadata=True)
    assert first.equals(second)


def content(path: Path) -> dict[str, Any]:
    """Return everything that a database says: definitions of the views, columns and rows in their order."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute("select table_name, table_type from information_schema.tables order by 1").fetchall()
        views = connection.execute("select view_name, sql from duckdb_views() where not internal order by 1").fetchall()
        rows = {}
        # Every database has a random mark of its own.
        for name in sorted({name for name, _ in names} - {"stacaster_state"}):
            relation = connection.sql(f'select * from "{name}"')
            rows[name] = (relation.columns, [str(kind) for kind in relation.types], relation.fetchall())
    return {"names": names, "views": views, "rows": rows}


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return item_table.merge_items(None, mixed_items())


@pytest.fixture(scope="module")
def database(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "index.duckdb"
    item_table.build_database(path, {"aster-l1t-003": table})
    return path


# One form for one set of items.


@settings(max_examples=40, deadline=None, derandomize=True)
@given(order=st.permutations(range(9)), cuts=st.sets(st.integers(1, 8), max_size=4), again=st.integers(0, 8))
def test_order_batches_and_replacement_do_not_matter(order: list[int], cuts: set[int], again: int) -> None:
    items = mixed_items()
    edges = [0, *sorted(cuts), 9]
    table = None
    for start, end in itertools.pairwise(edges):
        table = item_table.merge_items(table, [items[number] for number in order[start:end]])
    table = item_table.merge_items(table, [items[again]])
    assert_same(table, item_table.merge_items(None, items))


@pytest.mark.parametrize("gone", range(9))
def test_removal_leaves_no_trace(gone: int, table: pa.Table) -> None:
    items = mixed_items()
    rest = [item for number, item in enumerate(items) if number != gone]
    assert_same(item_table.merge_items(table, [], removed=[items[gone]["id"]]), item_table.merge_items(None, rest))


def test_a_replaced_item_is_the_new_one(table: pa.Table) -> None:
    changed = copy.deepcopy(mixed_items()[2])
    changed["properties"]["title"] = "new"
    back = {item["id"]: item for item in item_table.table_to_items(item_table.merge_items(table, [changed]))}
    assert len(back) == 9
    assert back[changed["id"]]["properties"]["title"] == "new"


def test_removal_of_the_only_fraction_leaves_no_trace() -> None:
    items = [make_item(1, k=1.0), make_item(2, k=1.5)]
    removed = item_table.merge_items(item_table.merge_items(None, items), [], removed=[items[1]["id"]])
    assert_same(removed, item_table.merge_items(None, items[:1]))


def test_a_null_property_leaves_no_column() -> None:
    table = item_table.merge_items(None, [make_item(1, nothing=None)])
    assert "nothing" not in table.column_names


def test_the_last_item_can_be_removed() -> None:
    table = item_table.merge_items(None, [make_item(1)])
    assert item_table.merge_items(table, [], removed=["item-00001"]).num_rows == 0


def test_a_property_of_two_types_keeps_that_of_the_items_that_came_first() -> None:
    items = [make_item(1, k="text"), make_item(2, k=5)]
    table = item_table.merge_items(item_table.merge_items(None, items[:1]), items[1:])
    assert dict(zip(table["id"].to_pylist(), table["k"].to_pylist(), strict=True)) == {
        "item-00001": "text",
        "item-00002": None,
    }
    assert sorted(item_table.table_to_items(table), key=lambda item: str(item["id"])) == items


def test_rows_lie_along_a_hilbert_curve() -> None:
    chance = random.Random(SEED)
    items = []
    for number in range(400):
        west, south = chance.uniform(-180, 179), chance.uniform(-90, 89)
        items.append(place(make_item(number), [west, south, west + 1, south + 1]))
    boxes = [item["bbox"] for item in item_table.table_to_items(item_table.merge_items(None, items))]
    steps = [abs(a[0] - b[0]) / 360 + abs(a[1] - b[1]) / 180 for a, b in itertools.pairwise(boxes)]
    # Random order has a mean step of 2/3.
    assert sum(steps) / len(steps) < 0.1


# Round trip.


def test_round_trip(table: pa.Table) -> None:
    back = {item["id"]: item for item in item_table.table_to_items(table)}
    for item in mixed_items():
        assert back[item["id"]] == item


def test_round_trip_of_an_item_without_nominal_time() -> None:
    times = {"start_datetime": "2003-01-01T00:00:00.000000Z", "end_datetime": "2003-01-08T00:00:00.000000Z"}
    items = [make_item(1, datetime=None, **times), make_item(2)]
    back = {item["id"]: item for item in item_table.table_to_items(item_table.merge_items(None, items))}
    assert back["item-00001"] == items[0]


def test_hrefs_in_the_table_are_relative_to_the_parquet_file(table: pa.Table) -> None:
    row = next(row for row in table.to_pylist() if row["id"] == "item-00001")
    assert row["assets"]["B01"]["href"] == "./2001/item-00001/B01.tif"


def test_links_in_the_table_are_relative_to_the_parquet_file(table: pa.Table) -> None:
    links = {link["rel"]: link["href"] for link in table.to_pylist()[0]["links"]}
    assert links["root"] == "../catalog.json"
    assert links["derived_from"] == "https://example.com/granule"


def test_real_items_round_trip(shared: Path) -> None:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in sorted((shared / "data" / "stac").glob("*.json")):
        for item in find_features(json.loads(path.read_text(encoding="utf-8"))):
            groups.setdefault((path.name, item["collection"]), []).append(item)
    assert groups
    for items in groups.values():
        unique = {item["id"]: item for item in items}
        back = {
            item["id"]: item for item in item_table.table_to_items(item_table.merge_items(None, [*unique.values()]))
        }
        assert {key: cleaned(item) for key, item in back.items()} == {key: cleaned(i) for key, i in unique.items()}


def find_features(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, dict) and document.get("type") == "Feature" and "assets" in document:
        return [document]
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [item for part in parts for item in find_features(part)]


# Parquet.


def test_parquet_opens_everywhere(table: pa.Table, tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    import stac_geoparquet.arrow as oracle

    path = tmp_path / "items.parquet"
    item_table.write_items_parquet(table, path, collection=COLLECTION)
    assert item_table.read_items_parquet(path).equals(table)
    frame = geopandas.read_parquet(path, bbox=(171, -19, 172, -18))
    assert len(geopandas.read_parquet(path)) == 9
    assert frame.crs.to_epsg() == 4326
    ids = {item["id"] for item in oracle.stac_table_to_items(pq.read_table(path))}
    assert ids == {item["id"] for item in mixed_items()}
    with duckdb.connect() as connection:
        query = "select count(*), count(distinct st_astext(geometry)) from read_parquet(?)"
        assert connection.execute(query, [str(path)]).fetchall() == [(9, 9)]
    metadata = pq.read_metadata(path).metadata
    geo = json.loads(metadata[b"geo"])
    assert geo["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    assert json.loads(metadata[b"stac-geoparquet"])["collections"]["aster-l1t-003"] == COLLECTION


def test_parquet_has_the_same_bytes_whatever_the_history(table: pa.Table, tmp_path: Path) -> None:
    items = mixed_items()
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    item_table.write_items_parquet(table, first, collection=COLLECTION)
    item_table.write_items_parquet(item_table.merge_items(None, items[5:]), second, collection=COLLECTION)
    later = item_table.merge_items(item_table.read_items_parquet(second), items[4::-1])
    item_table.write_items_parquet(later, third, collection=COLLECTION)
    assert third.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("data", [b"", b"PAR1", b"text" * 100])
def test_damaged_parquet_is_an_error_of_ours(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "items.parquet").write_bytes(data)
    with pytest.raises(StacasterError):
        item_table.read_items_parquet(tmp_path / "items.parquet")


# Database.


def test_refreshed_database_says_what_a_new_one_says(tmp_path: Path) -> None:
    items = mixed_items()
    other = [item | {"collection": "other"} for item in items[:2]]
    first, old = item_table.merge_items(None, items[:5]), item_table.merge_items(None, other)
    last = item_table.merge_items(first, items[5:])
    item_table.build_database(tmp_path / "a", {"aster-l1t-003": first, "other": old})
    item_table.refresh_database(tmp_path / "a", tmp_path / "b", replaced={"aster-l1t-003": last})
    item_table.build_database(tmp_path / "c", {"aster-l1t-003": last, "other": old})
    assert content(tmp_path / "b") == content(tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_an_alias_never_hides_a_collection(tmp_path: Path) -> None:
    tables = {
        name: item_table.merge_items(None, [make_item(number) | {"collection": name}])
        for number, name in enumerate(("a-b", "a_b"))
    }
    item_table.build_database(tmp_path / "a", tables)
    item_table.refresh_database(tmp_path / "a", tmp_path / "b", replaced={"a-b": tables["a-b"]})
    assert content(tmp_path / "b") == content(tmp_path / "a")


def test_views_have_plain_columns(database: Path) -> None:
    query = 'select cloud_cover, sun_elevation, assets, year, href from "aster-l1t-003" where id = ?'
    rows = item_table.run_sql(database, query, parameters=["item-00001"]).to_pylist()
    assert (
        rows
        == item_table.run_sql(
            database, query.replace('"aster-l1t-003"', "aster_l1t_003"), parameters=["item-00001"]
        ).to_pylist()
    )
    href = "aster-l1t-003/2001/item-00001/item-00001.json"
    assert rows == [{"cloud_cover": 1.5, "sun_elevation": 40.25, "assets": ["B01"], "year": 2001, "href": href}]
    times = item_table.run_sql(database, "select datetime from items where datetime < '2001-01-01' order by 1")
    assert times["datetime"].to_pylist()[0] == dt.datetime(2000, 1, 17, 0, 0, 0, 534000)
    assert str(item_table.run_sql(database, "select typeof(geometry) as t from items")["t"][0]).startswith("GEOMETRY")


def test_database_works_after_a_move_from_any_folder(database: Path, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    shutil.copyfile(database, tmp_path / "moved" / "renamed.duckdb")
    (tmp_path / "moved" / "renamed.duckdb").chmod(0o444)
    query = "connect(sys.argv[1], read_only=True).sql('select count(*) from items').fetchall()"
    script = f"import duckdb, sys; print(duckdb.{query})"
    command = [sys.executable, "-c", script, str(tmp_path / "moved" / "renamed.duckdb")]
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[(9,)]"
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["renamed.duckdb"]


def test_sql_works_beside_a_connection_of_the_user(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True):
        assert item_table.count_items(database, "aster-l1t-003") == 9


def test_sql_sees_a_file_that_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "index.duckdb"
    for count in (2, 5):
        fresh = tmp_path / "fresh"
        item_table.build_database(fresh, {"aster-l1t-003": item_table.merge_items(None, mixed_items()[:count])})
        fresh.replace(path)
        assert item_table.count_items(path, "aster-l1t-003") == count


PAYLOADS = [
    "select * from read_text('{secret}')",
    "select * from read_blob('{secret}')",
    "select * from read_csv('{secret}')",
    "select * from read_json('{secret}')",
    "select * from read_parquet('{secret}')",
    "select * from '{secret}'",
    "select * from glob('{folder}/*')",
    "select * from parquet_metadata('{secret}')",
    "copy items to '{target}'",
    "copy (select 1) to '{target}' (format parquet)",
    "export database '{target}'",
    "attach '{target}' as other",
    "attach '{target}' as other; create table other.t as select 1",
    "create table t as select 1",
    "create or replace view items as select 1",
    "drop view items",
    "insert into \"table aster-l1t-003\" (id) values ('x')",
    'delete from "table aster-l1t-003"',
    "update \"table aster-l1t-003\" set id = 'x'",
    "install httpfs",
    "load httpfs",
    "select * from read_csv('http://127.0.0.1:9/x')",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "set memory_limit = '100GB'",
    "set temp_directory = '{target}'",
    "pragma enable_profiling; set profiling_output = '{target}'; select 1",
    "create secret (type s3, key_id 'a')",
    "select * from query('select * from read_text(''{secret}'')')",
    "select 1; select * from read_text('{secret}')",
    "explain analyze copy items to '{target}'",
    "import database '{folder}'",
    "select * from secret_frame",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_sql_reads_items_and_does_no_more(payload: str, database: Path, tmp_path: Path) -> None:
    secret_frame = pa.table({"word": ["canary"]})  # DuckDB looks for tables among the variables of the caller
    (tmp_path / "secret").write_text("canary")
    before = content(database)
    text = payload.format(secret=tmp_path / "secret", folder=tmp_path, target=tmp_path / "target")
    with pytest.raises(UsageError):
        item_table.run_sql(database, text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]
    assert content(database) == before
    assert secret_frame.num_rows == 1


def test_wrong_sql_says_where(database: Path) -> None:
    with pytest.raises(UsageError, match="cloud_covr") as caught:
        item_table.run_sql(database, "select cloud_covr from items")
    assert caught.value.exit_code == 2


# Search.


def overlaps(item: Mapping[str, Any], bbox: tuple[float, float, float, float]) -> bool:
    def spans(box: Any) -> list[tuple[float, float]]:
        return [(box[0], box[2])] if box[0] <= box[2] else [(box[0], 180.0), (-180.0, box[2])]

    touches = any(a <= d and c <= b for a, b in spans(item["bbox"]) for c, d in spans(bbox))
    return touches and item["bbox"][1] <= bbox[3] and item["bbox"][3] >= bbox[1]


def moment(item: Mapping[str, Any], *names: str) -> dt.datetime:
    return dt.datetime.fromisoformat(next(item["properties"][name] for name in names if name in item["properties"]))


def test_search_equals_brute_force(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    items = []
    for number in range(150):
        item = make_item(number)
        west, south = chance.uniform(-180, 180), chance.uniform(-90, 80)
        east = west + chance.uniform(0.1, 30)
        item = place(item, [west, south, east if east <= 180 else east - 360, south + chance.uniform(0.1, 10)])
        day = dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=chance.randrange(3000))
        item["properties"]["datetime"] = format_datetime(day)
        if number % 3 == 0:
            end = format_datetime(day + dt.timedelta(days=16))
            item["properties"] |= {"start_datetime": format_datetime(day), "end_datetime": end}
        items.append(item)
    assert sum(item["bbox"][0] > item["bbox"][2] for item in items) >= 3
    path = tmp_path / "index.duckdb"
    item_table.build_database(path, {"aster-l1t-003": item_table.merge_items(None, items)})
    hits = 0
    for _ in range(60):
        bbox = (chance.uniform(-180, 180), *sorted(chance.uniform(-90, 90) for _ in range(2)))
        box = (bbox[0], bbox[1], chance.uniform(-180, 180), bbox[2])
        first = dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=chance.randrange(3000))
        earliest = chance.choice([None, first])
        latest = chance.choice([None, first + dt.timedelta(days=chance.randrange(2000))])
        expected = [
            item
            for item in items
            if overlaps(item, box)
            and (earliest is None or moment(item, "end_datetime", "datetime") >= earliest)
            and (latest is None or moment(item, "start_datetime", "datetime") <= latest)
        ]
        expected.sort(key=lambda item: (item["properties"]["datetime"], item["id"]))
        found = item_table.find_items(path, item_table.ItemQuery(bbox=box, datetime=(earliest, latest)))
        assert [entry.id for entry in found] == [item["id"] for item in expected]
        assert [
            e.id
            for e in item_table.find_items(path, item_table.ItemQuery(bbox=box, datetime=(earliest, latest), limit=3))
        ] == [item["id"] for item in expected[:3]]
        hits += len(found)
    assert hits > 200


def test_search_by_id_and_collection_takes_any_text(database: Path) -> None:
    assert [
        entry.id for entry in item_table.find_items(database, item_table.ItemQuery(ids=["item-00003", "nobody"]))
    ] == ["item-00003"]
    for hostile in ("' or 1=1 --", '"', "item-00003'; drop view items; --", "%"):
        assert item_table.find_items(database, item_table.ItemQuery(ids=[hostile])) == []
        assert item_table.find_items(database, item_table.ItemQuery(collections=[hostile])) == []
    assert item_table.count_items(database, "aster-l1t-003") == 9
    assert database.exists()


def test_search_finds_an_item_without_nominal_time(tmp_path: Path) -> None:
    times = {"start_datetime": "2003-01-01T00:00:00.000000Z", "end_datetime": "2003-01-08T00:00:00.000000Z"}
    items = [make_item(1, datetime=None, **times), make_item(2)]
    item_table.build_database(tmp_path / "a", {"aster-l1t-003": item_table.merge_items(None, items)})
    found = item_table.find_items(tmp_path / "a", item_table.ItemQuery(ids=["item-00001"]))
    assert [entry.href for entry in found] == ["aster-l1t-003/2003/item-00001/item-00001.json"]


# Summary.


def test_summary_of_a_collection(database: Path) -> None:
    summary = item_table.summarise(database, "aster-l1t-003")
    assert summary.years == [str(year) for year in range(2000, 2009)]
    assert summary.interval == ("2000-01-17T00:00:00.534000Z", "2008-01-17T00:00:08.534000Z")
    assert summary.ranges["eo:cloud_cover"] == (0.5, 8.5)
    assert (summary.bboxes[0][1], summary.bboxes[0][3]) == (-80.0, -10.0)


def test_summary_over_the_antimeridian(tmp_path: Path) -> None:
    items = [place(make_item(1), [178.0, 0.0, -179.0, 1.0]), place(make_item(2), [-178.5, 2.0, -177.0, 3.0])]
    item_table.build_database(tmp_path / "a", {"aster-l1t-003": item_table.merge_items(None, items)})
    assert item_table.summarise(tmp_path / "a", "aster-l1t-003").bboxes[0] == [178.0, 0.0, -177.0, 3.0]


def test_items_written_beyond_180_degrees_are_found(tmp_path: Path) -> None:
    items = [
        place(make_item(1), [-181.0, 0.0, -179.0, 1.0]),
        place(make_item(2), [179.5, 2.0, 181.0, 3.0]),
        make_item(3),
    ]
    for item, box in zip(items[:2], ([-181.0, 0.0, -179.0, 1.0], [179.5, 2.0, 181.0, 3.0]), strict=True):
        west, south, east, north = box
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        item["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    item_table.build_database(tmp_path / "a", {"aster-l1t-003": item_table.merge_items(None, items)})
    cases: list[tuple[tuple[float, float, float, float], list[str]]] = [
        ((179.2, 0.1, 179.9, 0.9), ["item-00001"]), ((-179.9, 0.1, -179.2, 0.9), ["item-00001"]),
        ((-179.9, 2.1, -179.2, 2.9), ["item-00002"]), ((179.2, 0.1, -179.2, 2.9), ["item-00001", "item-00002"]),
        ((178.0, 0.1, 178.9, 2.9), []),
    ]  # fmt: skip
    for asked, wanted in cases:
        found = item_table.find_items(tmp_path / "a", item_table.ItemQuery(bbox=asked))
        assert sorted(entry.id for entry in found) == wanted, asked


def test_parquet_is_valid_geoparquet(tmp_path: Path) -> None:
    items = [make_item(1), make_item(2), make_item(3), place(make_item(4), [170.0, 0.0, -170.0, 1.0])]
    items[1]["geometry"] = {"type": "Point", "coordinates": [1.0, 2.0]}
    items[2]["geometry"] = {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": [1.0, 2.0, 3.0]}, items[0]["geometry"]],
    }
    path = tmp_path / "items.parquet"
    table = item_table.merge_items(None, items)
    item_table.write_items_parquet(table, path, collection=COLLECTION)
    schema = pq.read_schema(path)
    assert [field.name for field in schema.field("bbox").type] == ["xmin", "ymin", "xmax", "ymax"]
    column = json.loads(schema.metadata[b"geo"])["columns"]["geometry"]
    # GeoParquet 1.1 names the types that occur.
    assert set(column["geometry_types"]) >= {"Polygon", "Point", "MultiPolygon"}
    assert column["covering"]["bbox"]["ymax"] == ["bbox", "ymax"]
    back = {item["id"]: item for item in item_table.table_to_items(pq.read_table(path))}
    assert back["item-00002"] == items[1]
