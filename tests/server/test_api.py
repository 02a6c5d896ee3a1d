"""The STAC API: the real clients search it; it pages, counts and refuses as the specification says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pystac_client
import pytest
import requests
import shapely

import stacaster
from stacaster.catalog import Catalog
from tests.server.test_serve import running

Server = stacaster.server.CatalogServer


@pytest.fixture(scope="module")
def server(catalog: Catalog) -> Iterator[Server]:
    with running(catalog) as started:
        yield started


def get(server: Server, path: str, **parameters: Any) -> Any:
    return requests.get(f"{server.address}{path}", params=parameters, timeout=300)


def ids(page: Any) -> list[str]:
    return [feature["id"] for feature in page["features"]]


def test_pystac_client_finds_what_the_catalog_has(server: Server, catalog: Catalog) -> None:
    client = pystac_client.Client.open(server.address)
    assert sorted(entry.id for entry in client.get_collections()) == catalog.collections
    everything = list(client.search(limit=2).items())
    assert sorted(item.id for item in everything) == sorted(item.id for item in catalog.search().items())
    search = client.search(filter="eo:cloud_cover < 50", sortby="-properties.datetime", datetime="2001/2007")
    expected = [
        item.id
        for item in catalog.search(filter="eo:cloud_cover < 50", sortby="-datetime", datetime="2001/2007").items()
    ]
    assert [item.id for item in search.items()] == expected and search.matched() == len(expected) > 0
    box = everything[0].bbox
    assert {item.id for item in client.search(bbox=box).items()} == {
        item.id for item in catalog.search(bbox=box).items()
    }


def test_pixels_load_from_what_a_search_gives(server: Server, catalog: Catalog) -> None:
    item = next(pystac_client.Client.open(server.address).search(max_items=1).items())
    name = next(key for key, asset in item.assets.items() if "data" in (asset.roles or ()))
    assert item.assets[name].href.startswith(f"{server.address}catalog/")
    content = requests.get(item.assets[name].href, timeout=300).content
    (path,) = catalog.root.glob(f"*/*/{item.id}/{name}.tif")
    assert content == path.read_bytes()


@pytest.mark.parametrize("sortby", ["", "-eo:cloud_cover", "+platform,-datetime", "-view:sun_elevation"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_hold_every_item_once(server: Server, catalog: Catalog, sortby: str, limit: int) -> None:
    whole = get(server, "search", limit=1000, sortby=sortby).json()
    seen, page = [], get(server, "search", limit=limit, sortby=sortby).json()
    while True:
        seen += ids(page)
        following = [link for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        page = requests.get(following[0]["href"], timeout=300).json()
    assert seen == ids(whole) and len(seen) == whole["numberMatched"] == len(list(catalog.search().items()))
    body: dict[str, Any] = {"limit": limit}
    posted = requests.post(f"{server.address}search", json=body, timeout=300).json()
    (following, *_) = [link for link in posted["links"] if link["rel"] == "next"]
    again = requests.post(following["href"], json=following["body"], timeout=300).json()
    assert ids(again) == ids(get(server, "search", limit=1000).json())[limit : 2 * limit]


def test_footprints_decide_and_are_counted(server: Server, catalog: Catalog) -> None:
    item = next(catalog.search().items())
    shape = shapely.geometry.shape(item.geometry)
    corner = shapely.box(*shape.bounds).difference(shape).representative_point().buffer(1e-6)
    for area in (shape.centroid, shape.buffer(0.001), corner, shapely.LineString(shape.exterior.coords[:2])):
        answer = get(server, "search", intersects=json.dumps(shapely.geometry.mapping(area)), limit=100).json()
        expected = [one.id for one in catalog.search().items() if shapely.geometry.shape(one.geometry).intersects(area)]
        assert sorted(ids(answer)) == sorted(expected) and answer["numberMatched"] == len(expected)
    outlines = [shapely.geometry.shape(one.geometry) for one in catalog.search().items()]
    away = [outline.centroid.buffer(1e-6) for outline in outlines if not outline.intersects(shape)]
    area = shapely.union_all([corner, *away])
    expected_count = sum(outline.intersects(area) for outline in outlines)
    answer = get(server, "search", intersects=json.dumps(shapely.geometry.mapping(area)), limit=1).json()
    assert 1 < expected_count < len(outlines) and answer["numberMatched"] == expected_count, "of all pages"
    west, south, east, north = shape.bounds
    middle = (west, south, (west + east) / 2, (south + north) / 2)
    answer = get(server, "search", bbox=",".join(map(str, middle)), limit=100).json()
    assert answer["numberMatched"] == len(answer["features"])


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": "0,10,1,5"}, "bbox"),
        ({"bbox": "a,b,c,d"}, "bbox"),
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"datetime": "2003"}, "datetime"),
        ({"datetime": "../.."}, "datetime"),
        ({"datetime": "1985-04-12T23:20:50,52Z"}, "datetime"),
        ({"datetime": "2004-01-01T00:00:00Z/2003-01-01T00:00:00Z"}, "datetime"),
        ({"filter": "nonsense <"}, "filter"),
        ({"filter": "no_such = 1"}, "no_such"),
        ({"token": "x"}, "token"),
        ({"filter-lang": "sql"}, "filter-lang"),
        ({"intersects": "{}"}, "intersects"),
        ({"intersects": "[1"}, "intersects"),
        ({"sortby": "nothing_of_that"}, "nothing_of_that"),
        ({"bbox": "0,0,1,1", "intersects": '{"type":"Point","coordinates":[0,0]}'}, "intersects"),
    ],
)
def test_wrong_parameters_are_400_in_words(server: Server, parameters: dict[str, str], word: str) -> None:
    answer = get(server, "search", **parameters)
    assert answer.status_code == 400 and word in answer.json()["description"]


def test_wrong_bodies(server: Server) -> None:
    body: dict[str, Any]
    for body in (
        {"bbox": "0,0,1,1"},
        {"limit": "a"},
        {"collections": "x"},
        {"ids": 3},
        {"sortby": 5},
        {"fields": []},
        {"filter": 1},
    ):
        answer = requests.post(f"{server.address}search", json=body, timeout=300)
        assert answer.status_code == 400, (body, answer.text)
    for text in ("{", "[]", "1", '{"a":' * 5000):
        assert requests.post(f"{server.address}search", data=text, timeout=300).status_code == 400
    assert get(server, "collections/none").status_code == get(server, "collections/none/items").status_code == 404
    assert requests.delete(f"{server.address}search", timeout=300).status_code == 405


def test_documents_have_the_links_that_clients_need(server: Server, catalog: Catalog) -> None:
    landing = get(server, "").json()
    rels = {link["rel"] for link in landing["links"]}
    assert {"self", "root", "service-desc", "service-doc", "conformance", "data", "search", "child"} <= rels
    description = next(link for link in landing["links"] if link["rel"] == "service-desc")
    assert requests.get(description["href"], timeout=300).headers["content-type"] == description["type"]
    (name, *_) = catalog.collections
    collection = get(server, f"collections/{name}").json()
    assert {"items", "license", "root", "self", "parent"} <= {link["rel"] for link in collection["links"]}
    asked = get(server, f"collections/{name}/queryables").json()
    assert asked["properties"]["eo:cloud_cover"]["type"] == "number" and asked["additionalProperties"] is False
    page = get(server, f"collections/{name}/items", limit=1).json()
    (item,) = page["features"]
    own = next(link for link in item["links"] if link["rel"] == "self")
    assert requests.get(own["href"], timeout=300).json()["id"] == item["id"]
    assert "/catalog/" not in own["href"] and str(catalog.root) not in json.dumps([landing, collection, item])


def test_fields(server: Server) -> None:
    (item,) = get(server, "search", limit=1, fields="id,properties.datetime,-links").json()["features"]
    assert set(item) == {"type", "id", "collection", "properties"} and set(item["properties"]) == {"datetime"}
    (item,) = get(server, "search", limit=1, fields="-assets,-properties.datetime").json()["features"]
    assert "assets" not in item and "datetime" not in item["properties"] and "platform" in item["properties"]


def test_bits_of_requests_break_nothing(server: Server) -> None:
    """A few hundred odd requests: every answer is one of ours."""
    odd = [
        "",
        "%00",
        "..",
        "/etc/passwd",
        "\\",
        "é",
        "a" * 3000,
        "null",
        "[]",
        "{}",
        "-1",
        "1e400",
        "nan",
        "'",
        '"',
        "<b>",
    ]
    for name in (
        "bbox",
        "datetime",
        "limit",
        "ids",
        "collections",
        "filter",
        "sortby",
        "fields",
        "token",
        "intersects",
    ):
        for value in odd:
            answer = get(server, "search", **{name: value})
            assert answer.status_code in (200, 400), (name, value, answer.text)
            assert "Traceback" not in answer.text
    for value in odd[1:]:
        assert get(server, f"collections/{value}/items").status_code in (404, 200, 307)
