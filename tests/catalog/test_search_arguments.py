"""A search of a catalog takes times, areas and names in every form, and refuses what it cannot understand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import UsageError


def ids(catalog: Catalog, **conditions: Any) -> list[str]:
    return [item.id for item in catalog.search(**conditions).items()]


@pytest.mark.parametrize(
    "value",
    [
        2003, "2003", ("2003-01-01", "2003-12-31"), slice("2003", "2003"), (dt.date(2003, 1, 1), dt.date(2003, 12, 31)),
        [pd.Timestamp("2003-01-01"), pd.Timestamp("2003-12-31")], np.datetime64("2003"), pd.Period("2003"),
    ],
)  # fmt: skip
def test_times(catalog: Catalog, value: Any) -> None:
    expected = [
        item.id for item in catalog.search().items() if item.datetime is not None and item.datetime.year == 2003
    ]
    assert expected
    assert ids(catalog, datetime=value) == expected


def test_start_and_end(catalog: Catalog) -> None:
    assert ids(catalog, start="2003", end="2005") == ids(catalog, datetime="2003/2005")
    assert ids(catalog, start=dt.date(2004, 1, 1)) == ids(catalog, datetime="2004/..")


def test_areas(catalog: Catalog) -> None:
    corners = [(138.4, -31.1), (138.7, -31.1), (138.7, -30.7)]
    expected = ids(catalog, intersects=shapely.Polygon(corners))
    assert expected
    assert ids(catalog, intersects=corners) == expected
    assert ids(catalog, intersects=shapely.Polygon(corners).wkt) == expected
    assert ids(catalog, intersects=[{"lon": x, "lat": y} for x, y in corners]) == expected
    assert ids(catalog, region="south australia") == ids(catalog)
    assert ids(catalog, region="europe") == []
    assert ids(catalog, point=(138.53, -31.0), radius="100 m") == ids(catalog, intersects=shapely.Point(138.53, -31.0))


def test_the_options_of_search(catalog: Catalog) -> None:
    covers = {item.id: item.properties.get("eo:cloud_cover") for item in catalog.search().items()}
    clear = [name for name, cover in covers.items() if cover is not None and cover <= 10]
    assert 0 < len(clear) < len(covers)
    assert ids(catalog, cloud_cover_max=10) == ids(catalog, cloud_cover_max="10%") == clear
    assert ids(catalog, cloud_cover_max=10, filter={"op": "=", "args": [{"property": "platform"}, "terra"]}) == clear
    assert ids(catalog, cloud_cover_max=10, filter="platform = 'nobody'") == []
    assert ids(catalog, max_items="2") == ids(catalog, limit=2) == ids(catalog)[:2]
    assert ids(catalog, ids=ids(catalog)[0]) == ids(catalog)[:1]


@pytest.mark.parametrize("name", ["AST_L1T", "ast_l1t", "aster-l1t-003", "aster_l1t_003", ["AST_L1T"]])
def test_collections_by_id_and_by_product(catalog: Catalog, name: Any) -> None:
    assert ids(catalog, collections=name) == ids(catalog, collection=name) == ids(catalog)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"regio": "x"}, "nearest are region"), ({"collections": "aster-l2"}, "nearest are aster-l1t-003"),
        ({"limit": 0}, "at least 1"), ({"limit": 2.5}, "whole number"), ({"limit": 2, "max_items": 2}, "one of them"),
        ({"cloud_cover_max": 200}, "from 0 to 100 percent"), ({"cloud_cover_max": "few"}, "percent"),
        ({"datetime": "soon"}, "no date or time"), ({"datetime": "2003", "start": "2003"}, "one of them"),
        ({"bbox": "x"}, "four numbers"), ({"intersects": "nowhere.gpkg"}, "neither a geometry nor a file"),
        ({"region": "austria"}, "did you mean australia"), ({"ids": 5}, "ids"), ({"filter": 5}, "filter"),
    ],
)  # fmt: skip
def test_wrong_conditions(catalog: Catalog, conditions: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        catalog.search(**conditions)


def test_a_catalog_opens_by_its_document(catalog: Catalog) -> None:
    assert stacaster.open_catalog(catalog.root / "catalog.json") == catalog
    assert stacaster.open_catalog(str(catalog.root / "catalog.json")) == catalog
    assert stacaster.open_catalog(catalog) is catalog


def test_a_search_of_a_catalog_on_disk(catalog: Catalog) -> None:
    expected = [granule.id for granule in stacaster.search("AST_L1T", source=catalog.root, datetime=2003)]
    assert expected
    for options in (
        {"source": catalog, "datetime": ("2003", "2003")},
        {"source": str(catalog.root / "catalog.json"), "start": "2003", "end": "2003"},
    ):
        assert [granule.id for granule in stacaster.search("ast_l1t", **options)] == expected
    assert len(stacaster.search(["AST_L1T", "AST_07"], source=catalog.root, max_items="3")) == 3  # type: ignore[arg-type]
