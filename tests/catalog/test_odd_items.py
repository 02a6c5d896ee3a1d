"""Items that say what no column can: nothing is lost, and nothing changes for the other items."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacaster.catalog import item_table
from tests.catalog.made_items import made_item

DEEP: dict[str, Any] = {"end": 1}
for _ in range(150):
    DEEP = {"a": DEEP}

ODD: list[dict[str, Any]] = [
    {"eo:cloud_cover": "abc"},
    {"eo:cloud_cover": [1]},
    {"gsd": True},
    {"version": 3},
    {"created": "yesterday"},
    {"type": "text", "id": 5, "geometry": {"a": 1}, "links": [1], "bbox": "west", "collection": None, "assets": {}},
    {"properties": {"properties": 1}},
    {"stacaster:remainder": "mine"},
    {"Title": "capitals", "TITLE": "more", "eo:Cloud_Cover": "text"},
    {"big": 2**63, "small": -(2**63)},
    {"mixed": [1, "a", None, {"b": [2]}]},
    {"deep": {"a": {"b": "text"}}},
    {"deep": {"a": {"b": 5, "c": [1.5]}}},
    {"deep": {"a": "text"}},
    {"proj:geometry": {"type": "Polygon", "coordinates": "none"}},
    {"deepest": DEEP},
    {"bare": [{}], "barer": {"a": {}}, "mixed": [[], [{}]]},
    {"": "empty name", "a.b": 1, 'quo"te': 2, "ünïcode": 3, "a b": 4},
    {"year": "x", "href": 1, "xmin": "x", "curve": 2, "assets_": 3},
]


def odd_items() -> list[dict[str, Any]]:
    items = [made_item(number) for number in range(len(ODD))]
    for item, more in zip(items, ODD, strict=True):
        item["properties"] |= copy.deepcopy(more)
    items[1]["assets"]["B01"]["file:size"] = "large"
    items[2]["assets"]["B01"]["bands"] = "none"
    items[3]["links"] = [{"rel": "via", "href": "https://example.com/x", "type": 5}]
    return items


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(part) for key, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def by_id(items: Any) -> dict[str, Any]:
    return {item["id"]: item for item in items}


@settings(max_examples=15, deadline=None, derandomize=True)
@given(order=st.permutations(range(len(ODD))), cut=st.integers(0, len(ODD) - 1))
def test_whatever_items_say_comes_back(tmp_path_factory: pytest.TempPathFactory, order: list[int], cut: int) -> None:
    items = [odd_items()[number] for number in order]
    table = None
    for part in (items[:cut], items[cut:]):
        table = item_table.merge_items(table, part) if part else table
    assert table is not None
    path = tmp_path_factory.mktemp("odd") / "items.parquet"
    item_table.write_items_parquet(table, path)
    assert by_id(item_table.table_to_items(item_table.read_items_parquet(path))) == by_id(
        map(without_nulls, odd_items())
    )
    assert by_id(item_table.table_to_items(table)) == by_id(map(without_nulls, odd_items()))


def test_stac_types_of_columns_stay(tmp_path: Path) -> None:
    items = odd_items()
    items[0]["properties"] |= {"view:sun_elevation": "high", "platform": 7, "instruments": "aster"}
    table = item_table.merge_items(None, items)
    types = {name: str(table.schema.field(name).type) for name in ("eo:cloud_cover", "gsd", "version", "created")}
    assert types["eo:cloud_cover"] == "double"
    assert types["gsd"] in ("double", "int64")
    assert (types["version"], types["created"]) == ("string", "timestamp[us, tz=UTC]")
    only = item_table.merge_items(None, items[:1])
    assert [str(only.schema.field(name).type) for name in ("eo:cloud_cover", "platform")] == ["double", "string"]


@pytest.mark.parametrize("number_of_good", [1, 5])
def test_one_text_does_not_turn_the_numbers_of_all_into_text(tmp_path: Path, number_of_good: int) -> None:
    good = [made_item(number) for number in range(number_of_good)]
    for number, item in enumerate(good):
        item["properties"] |= {"eo:cloud_cover": 10.0 * number, "own": number}
    bad = made_item(99) | {"collection": "zz"}
    bad["properties"] |= {"eo:cloud_cover": "abc", "own": "text"}
    path = tmp_path / "index.duckdb"
    tables = {good[0]["collection"]: item_table.merge_items(None, good), "zz": item_table.merge_items(None, [bad])}
    item_table.build_database(path, tables)
    rows = item_table.run_sql(path, "select typeof(cloud_cover) as a, typeof(own) as b from items").to_pylist()
    assert {row["a"] for row in rows} == {"DOUBLE"}
    assert {row["b"] for row in rows} == {"DOUBLE"}
    low = item_table.find_items(path, item_table.ItemQuery(filter="eo:cloud_cover < 5"))
    assert [entry.id for entry in low] == [good[0]["id"]]
    ordered = item_table.find_items(path, item_table.ItemQuery(sortby=["-own"]))
    assert [entry.id for entry in ordered] == [item["id"] for item in reversed(good)] + [bad["id"]]
    text = item_table.run_sql(path, "select own from zz")["own"].to_pylist()
    assert text == ["text"], "the view of the collection has what its items say"


def test_names_that_sql_cannot_tell_apart_have_columns_of_their_own(tmp_path: Path) -> None:
    item = made_item(1)
    item["properties"] |= {"foo": 1, "Foo": 2, "FOO": 3, "cloud_cover": 4, "Datetime": "x", "xmin": 5}
    item["properties"]["eo:cloud_cover"] = 6
    path = tmp_path / "index.duckdb"
    item_table.build_database(path, {item["collection"]: item_table.merge_items(None, [item])})
    (row,) = item_table.run_sql(path, "select * from items").to_pylist()
    assert (row["foo"], {row[name] for name in row if name.lower().startswith("foo_")}) == (1, {2, 3})
    assert row["cloud_cover"] == 6
    assert row["xmin"] == item["bbox"][0]
    for text, fits in (("foo = 1", True), ("eo:cloud_cover = 6", True), ('"foo" = 2', False)):
        assert bool(item_table.find_items(path, item_table.ItemQuery(filter=text))) is fits


def test_shells_of_duckdb_1_can_read_the_database(tmp_path: Path) -> None:
    path = tmp_path / "index.duckdb"
    item_table.build_database(path, {"c": item_table.merge_items(None, [made_item(1)])})
    # The version of the storage stands at byte 12 of the header; 64 is that of DuckDB 0.10 to 1.1.
    assert int.from_bytes(path.read_bytes()[12:20], "little") == 64
