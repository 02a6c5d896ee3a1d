"""CQL2 filters over the item table, against a plain evaluation of the same conditions."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from stacaster.catalog import Catalog, item_table
from stacaster.errors import UsageError
from tests.hostile import HOSTILE


def ids(catalog: Catalog, **conditions: Any) -> list[str]:
    return [item.id for item in catalog.search(**conditions).items()]


def expected(catalog: Catalog, test: Any) -> list[str]:
    return [item.id for item in catalog.search().items() if test(item)]


def cloud(item: Any) -> float:
    return float(item.properties["eo:cloud_cover"])


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("eo:cloud_cover < 10", lambda i: cloud(i) < 10),
        ("properties.eo:cloud_cover >= 10 or aster:day_night = 'night'",
         lambda i: cloud(i) >= 10 or i.properties["aster:day_night"] == "night"),
        ("not (eo:cloud_cover between 2 and 11)", lambda i: not 2 <= cloud(i) <= 11),
        ("\"view:sun_elevation\" > 45 and platform in ('terra', 'aqua')",
         lambda i: i.properties["view:sun_elevation"] > 45),
        ("title like 'AST_L1T_0030%'", lambda i: i.id.startswith("AST_L1T_0030")),
        ("casei(title) like casei('ast!_%')", lambda i: False),
        ("casei(title) like casei('ast%')", lambda i: True),
        ("eo:cloud_cover * 2 + 1 > 20", lambda i: cloud(i) * 2 + 1 > 20),
        ("datetime > TIMESTAMP('2005-01-01T00:00:00Z')", lambda i: i.datetime.year >= 2005),
        ("t_during(datetime, INTERVAL('2003-01-01', '2003-12-31'))", lambda i: i.datetime.year == 2003),
        ("t_intersects(datetime, INTERVAL('2003-12-04', '2003-12-04'))",
         lambda i: i.datetime.date() == dt.date(2003, 12, 4)),
        ("t_before(datetime, DATE('2003-08-30'))", lambda i: i.datetime.date() < dt.date(2003, 8, 30)),
        ("t_after(datetime, INTERVAL('..', '2005-06-10'))", lambda i: i.datetime.date() > dt.date(2005, 6, 10)),
        ("end_datetime is not null or created is null", lambda i: True),
        ("true", lambda i: True),
        ("mission is null and gsd is not null", lambda i: "gsd" in i.properties),
        ("mission = 'sentinel'", lambda i: False),
        ("t_after(updated, DATE('1900-01-01'))", lambda i: "updated" in i.properties),
    ],
)  # fmt: skip
def test_against_a_plain_evaluation(catalog: Catalog, text: str, test: Any) -> None:
    assert ids(catalog, filter=text) == expected(catalog, test)


@pytest.mark.parametrize("bounds", [[2, 11], [[2, 11]]])
def test_between_of_the_standard_and_of_its_drafts(catalog: Catalog, bounds: list[Any]) -> None:
    document = {"op": "not", "args": [{"op": "between", "args": [{"property": "eo:cloud_cover"}, *bounds]}]}
    wanted = expected(catalog, lambda i: not 2 <= cloud(i) <= 11)
    assert ids(catalog, filter=document) == ids(catalog, filter=json.dumps(document)) == wanted != []


AREA = {"type": "Polygon", "coordinates": [[[138.4, -31.3], [138.7, -31.0], [138.4, -30.7], [138.4, -31.3]]]}


@pytest.mark.parametrize("operator", ["s_intersects", "s_within", "s_disjoint", "s_contains"])
def test_footprints_are_compared_exactly(catalog: Catalog, operator: str) -> None:
    shape = shapely.geometry.shape(AREA)
    test = getattr(shapely, operator[2:])
    wanted = expected(catalog, lambda i: test(shapely.geometry.shape(i.geometry), shape))
    text = f"{operator}(geometry, {shape.wkt})"
    assert ids(catalog, filter=text) == wanted
    document = {"op": operator, "args": [{"property": "geometry"}, AREA]}
    assert ids(catalog, filter=document) == ids(catalog, filter=json.dumps(document)) == wanted
    either = {"op": "or", "args": [document, {"op": "<", "args": [{"property": "eo:cloud_cover"}, 3]}]}
    low = expected(catalog, lambda i: cloud(i) < 3)
    assert set(ids(catalog, filter=either)) == set(wanted) | set(low)


def test_order_and_limit(catalog: Catalog) -> None:
    found = list(catalog.search(sortby="-eo:cloud_cover,datetime").items())
    covers = [cloud(item) for item in found]
    assert covers == sorted(covers, reverse=True) and len(found) == 8
    assert ids(catalog, sortby=["-eo:cloud_cover"], limit=2) == [item.id for item in found[:2]]


def test_results_as_tables(catalog: Catalog) -> None:
    search = catalog.search(filter="eo:cloud_cover < 10", sortby="-datetime", fields="id,eo:cloud_cover,datetime")
    table = search.to_table()
    assert table.column_names == ["id", "cloud_cover", "datetime", "geometry"]
    assert table["id"].to_pylist() == [item.id for item in search.items()] == [i.id for i in search.item_collection()]
    frame = search.to_geodataframe()
    assert frame.crs.to_epsg() == 4326 and frame.geometry.is_valid.all() and len(frame) == len(table)
    assert catalog.load(bands=["B13"], filter="aster:day_night = 'night'", native=True).sizes["time"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eo:cloud_cover <", "no CQL2.*1:17"),
        ("eo:cloud_cover < 1; drop table items", "no CQL2"),
        ("eo:cloud_covr < 1", "no item has the property 'eo:cloud_covr'; did you mean cloud_cover"),
        ("system('x') = 1", "calls 'system'; there are"),
        ("read_csv('/etc/passwd') = 'x'", "calls 'read_csv'"),
        ("s_intersects(platform, POINT(1 2))", "needs the property geometry first"),
        ("t_after(datetime, 'yesterday')", "no time such as"),
        ("eo:cloud_cover = 'many'", 'compares eo:cloud_cover, a number, with "many", which is text'),
        ("platform = 5", "compares 5, a number, with platform, which is text"),
        ("eo:cloud_cover in (5, 'x')", 'with "x", which is text'),
        ("eo:cloud_cover between 5 and 'x'", 'with "x", which is text'),
        ("eo:cloud_cover like '5%'", "which is text"),
        ("mission = 5", "compares 5, a number, with mission, which is text"),
        ("datetime < 'never'", "does not go together"),
        ("eo:cloud_cover", "needs a condition"),
        ("(" * 300 + "true" + ")" * 300, "nested"),
        ("true and " * 5000 + "true", "longer than"),
    ],
)
def test_filters_that_are_wrong(catalog: Catalog, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        catalog.search(filter=text)


@pytest.mark.parametrize("bad", [{"sortby": "colour"}, {"fields": "colour"}, {"colour": "red"}])
def test_arguments_that_are_wrong(catalog: Catalog, bad: dict) -> None:
    with pytest.raises(UsageError):
        catalog.search(**bad).to_table()


def test_three_hundred_hostile_strings(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened, written or changed, whatever stands in a filter, an id, a name or a value."""
    monkeypatch.chdir(tmp_path)
    before = (catalog.root / "index.duckdb").read_bytes()
    assert len(HOSTILE) >= 300
    for text in HOSTILE:
        quoted = text.replace("'", "''")
        assert ids(catalog, ids=[text]) == []
        assert ids(catalog, filter={"op": "=", "args": [{"property": "title"}, text]}) == []
        tries: list[dict] = [
            {"filter": text}, {"filter": f"title = '{quoted}'"}, {"sortby": [text]}, {"collections": text},
            {"fields": [text]}, {"filter": {"op": text, "args": []}},
            {"filter": {"op": "=", "args": [{"property": text}, 1]}},
        ]  # fmt: skip
        for conditions in tries:
            try:
                found = catalog.search(**conditions)
                if "fields" in conditions or "sortby" in conditions:
                    found.to_table()
            except UsageError:
                continue
            assert len(found) in (0, 8)
    assert list(tmp_path.iterdir()) == [] and (catalog.root / "index.duckdb").read_bytes() == before


def test_columns_of_properties() -> None:
    columns = ["id", "cloud_cover", "aster_path", "eo_snow_cover", "snow_cover"]
    assert item_table.column_of("eo:cloud_cover", columns) == "cloud_cover"
    assert item_table.column_of("aster:path", columns) == "aster_path"
    assert item_table.column_of("eo:snow_cover", columns) == "eo_snow_cover", "the full name goes first"
