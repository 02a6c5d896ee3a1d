"""Mosaics, registered searches, areas: which scene is drawn, with which colours, and what an area says."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import anyio
import numpy as np
import pytest
import rasterio
import requests
import shapely
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import NothingFoundError, UsageError
from stacaster.server.drawing import require_all
from stacaster.server.limits import BusyError, PictureCache, Workers, check_values
from stacaster.server.searches import Searches
from tests.server.test_serve import running
from tests.server.test_tiles import get, tile_of

Server = stacaster.server.CatalogServer
NAME = "aster-l1t-003"


@pytest.fixture(scope="module")
def server(catalog: Catalog) -> Iterator[Server]:
    with running(catalog) as started:
        yield started


@pytest.fixture(scope="module")
def item(catalog: Catalog) -> Any:
    """A scene of the place that was seen most often."""
    items = [item for item in catalog.search(collections=[NAME]).items() if "B01" in item.assets]
    return max(items, key=lambda item: sum(overlap(item, other) for other in items))


def overlap(one: Any, other: Any) -> bool:
    return bool(shapely.geometry.shape(one.geometry).intersects(shapely.geometry.shape(other.geometry)))


def pixels(server: Server, path: str, **parameters: Any) -> tuple[Any, Any]:
    answer = requests.get(f"{server.address}{path}", params=parameters, timeout=60)
    assert answer.status_code == 200, answer.text
    values = np.load(io.BytesIO(answer.content))
    return values[:-1], values[-1] > 0


def test_the_clearest_scene_is_drawn_and_others_fill_what_it_lacks(server: Server, item: Any, catalog: Catalog) -> None:
    z, x, y = tile_of(item, 13)
    tile, options = f"tiles/WebMercatorQuad/{z}/{x}/{y}.npy", {"assets": "B13", "units": "dn"}
    values, valid = pixels(server, f"collections/{NAME}/{tile}", **options)
    expected, filled = np.zeros_like(values), np.zeros_like(valid)
    scenes = catalog.search(collections=[NAME], sortby=["eo:cloud_cover", "datetime"]).items()
    drawn = 0
    for scene in scenes:
        if not overlap(scene, item):
            continue
        answer = get(server, scene, tile, **options)
        if answer.status_code != 200:
            continue
        own = np.load(io.BytesIO(answer.content))
        new = (own[-1] > 0) & ~filled
        drawn += bool(new.any())
        expected[:, new], filled = own[:-1][:, new], filled | new
    assert drawn >= 2 and np.array_equal(valid, filled)
    assert np.array_equal(values[:, valid], expected[:, valid])


def test_tiles_of_a_layer_have_one_range(server: Server, item: Any) -> None:
    z, x, y = tile_of(item, 15)
    shades: dict[float, int] = {}
    seen = 0
    for column in (x, x + 1):
        path = f"tiles/WebMercatorQuad/{z}/{column}/{y}"
        numbers = get(server, item, f"{path}.npy", assets="B03N")
        picture = get(server, item, f"{path}.png", assets="B03N")
        if numbers.status_code != 200:
            continue
        values = np.load(io.BytesIO(numbers.content))
        with rasterio.MemoryFile(picture.content) as memory, memory.open() as file:
            red = file.read(1)
        inside = values[-1] > 0
        seen += bool(inside.any())
        for value, shade in zip(values[0][inside].tolist(), red[inside].tolist(), strict=True):
            assert shades.setdefault(value, shade) == shade
    assert seen == 2 and len(set(shades.values())) > 5


def test_a_scene_without_the_band_is_left_out(server: Server, item: Any, catalog: Catalog) -> None:
    """The clearest scene of the place may be of a night, which has no red."""
    night = next(scene for scene in catalog.search(collections=[NAME]).items() if "B01" not in scene.assets)
    z, x, y = tile_of(night, 14)
    base = f"{server.address}collections/{NAME}"
    for asked in ({"assets": "B01"}, {"index": "ndvi"}, {"assets": "B01", "rescale": "0,100"}):
        answer = requests.get(f"{base}/tiles/WebMercatorQuad/{z}/{x}/{y}.png", params=asked, timeout=60)
        assert answer.status_code == 200, answer.text
    place = shapely.geometry.shape(night.geometry).centroid
    series = requests.get(f"{base}/point/{place.x},{place.y}", params={"assets": "B01"}, timeout=60).json()["series"]
    assert str(night.datetime)[:19].replace(" ", "T") + "Z" not in [entry["datetime"] for entry in series]
    for asked in ({"assets": "B99"}, {"assets": "B99", "rescale": "0,100"}):
        answer = requests.get(f"{base}/tiles/WebMercatorQuad/{z}/{x}/{y}.png", params=asked, timeout=60)
        assert answer.status_code == 400 and "B99" in answer.json()["description"]


def test_a_render_by_name_is_of_stored_numbers(server: Server, item: Any) -> None:
    z, x, y = tile_of(item)
    path = f"tiles/WebMercatorQuad/{z}/{x}/{y}.png"
    named = get(server, item, path, render="false-colour")
    plain = get(server, item, path, assets=["B03N", "B02", "B01"], rescale=["0,255"] * 3, units="dn")
    assert named.status_code == 200 and named.content == plain.content
    wrong = get(server, item, path, render="false-color")
    assert wrong.status_code == 400 and "nearest are false-colour" in wrong.json()["description"]


def test_a_registered_search_keeps_its_name(server: Server, item: Any, catalog: Catalog) -> None:
    body: dict[str, Any] = {
        "collections": [NAME],
        "datetime": "2001-01-01T00:00:00Z/2003-12-31T00:00:00Z",
        "metadata": {"name": "old"},
    }
    made = requests.post(f"{server.address}searches/register", json=body, timeout=60).json()
    again = requests.post(f"{server.address}searches/register", json=dict(reversed(body.items())), timeout=60).json()
    assert made["id"] == again["id"]
    z, x, y = tile_of(item, 13)
    tile = f"tiles/WebMercatorQuad/{z}/{x}/{y}.npy"
    options = {"assets": "B13", "units": "dn"}
    values, valid = pixels(server, f"searches/{made['id']}/{tile}", **options)
    same, also = pixels(server, f"collections/{NAME}/{tile}", **options, datetime=body["datetime"])
    assert np.array_equal(valid, also) and np.array_equal(values[:, valid], same[:, valid])
    links = {link["rel"]: link["href"] for link in made["links"]}
    described = requests.get(links["tilejson"], params=options, timeout=60).json()
    address = described["tiles"][0].format(z=z, x=x, y=y)
    assert requests.get(address, timeout=60).headers["content-type"] == "image/png"
    listed = requests.get(f"{server.address}searches/", timeout=60).json()["searches"]
    assert [entry["search"]["metadata"] for entry in listed] == [{"name": "old"}]
    with running(catalog) as other:
        info = requests.get(f"{other.address}searches/{made['id']}", timeout=60).json()
        assert info["numberMatched"] == len(list(catalog.search(datetime="2001/2003").items()))


@pytest.mark.parametrize("name", ["x", "eJw", "%00", "eJyrrgUAAXUA-Q-", "a" * 5000])
def test_what_is_no_search(server: Server, name: str) -> None:
    assert requests.get(f"{server.address}searches/{name}/tiles/3/1/1.png", timeout=60).status_code == 404


def test_searches_that_cannot_be_registered() -> None:
    searches = Searches()
    for body, words in (({}, "asks nothing"), ({"bbox": [1, 2, 3]}, "bbox"), ({"ids": 7}, "ids")):
        with pytest.raises(UsageError, match=words):
            searches.register(body, [NAME])
    numbers = np.random.default_rng(1).integers(0, 2**62, 2_000)
    with pytest.raises(UsageError, match="too long"):
        searches.register({"ids": [str(number) for number in numbers]}, [NAME])
    with pytest.raises(NothingFoundError):
        searches.get("eJyrVkrKzEtXslJQSlSqBQAeEAQc")


def test_statistics_of_an_area_are_those_of_the_file(server: Server, item: Any) -> None:
    """A polygon far inside of a scene: mean of stored numbers by rasterio, but for the edge."""
    middle = shapely.geometry.shape(item.geometry).centroid
    area = shapely.geometry.mapping(middle.buffer(0.008))
    answer = requests.post(
        f"{server.address}collections/{NAME}/items/{item.id}/statistics",
        json={"type": "Feature", "geometry": area, "properties": {"name": "paddock"}},
        params={"assets": "B03N", "units": "dn", "max_size": "512"}, timeout=60,
    )  # fmt: skip
    properties = answer.json()["properties"]
    with rasterio.open(item.assets["B03N"].href) as file:
        outline = transform_geom("EPSG:4326", file.crs, area)
        inside = geometry_mask([outline], file.shape, file.transform, invert=True)
        stored = file.read(1)
    stated = properties["statistics"]["B03N"]
    assert properties["name"] == "paddock" and stated["valid_percent"] == 100.0
    assert stated["mean"] == pytest.approx(stored[inside].mean(), abs=0.2)
    assert stated["count"] == pytest.approx(inside.sum() * (15 / item.properties["gsd"]) ** 2, rel=0.5)
    (entry,) = properties["series"]
    assert entry["id"] == item.id and entry["values"] == [pytest.approx(stated["mean"])]


def test_an_area_has_a_series_of_all_dates(server: Server, item: Any) -> None:
    area = shapely.geometry.mapping(shapely.geometry.shape(item.geometry).centroid.buffer(0.005))
    address = f"{server.address}collections/{NAME}/statistics"
    series = requests.post(address, json=area, params={"assets": "B13"}, timeout=60).json()["properties"]["series"]
    assert len(series) >= 2 and [e["datetime"] for e in series] == sorted(e["datetime"] for e in series)
    single = next(entry for entry in series if entry["id"] == item.id)
    own = requests.post(f"{server.address}collections/{NAME}/items/{item.id}/statistics", json=area,
                        params={"assets": "B13"}, timeout=60).json()  # fmt: skip
    assert single["values"][0] == pytest.approx(own["properties"]["statistics"]["B13"]["mean"], rel=1e-3)
    empty = requests.post(address, json=shapely.geometry.mapping(shapely.box(0, 0, 1, 1)), timeout=60).json()
    assert empty["properties"]["series"] == [] and empty["properties"]["statistics"] == {}


@pytest.mark.parametrize(
    "body", [{}, [], {"type": "Point", "coordinates": [1, 2]}, {"type": "Feature", "geometry": None},
             {"type": "Polygon", "coordinates": [[[0, 0], [400, 0], [1, 1], [0, 0]]]}]
)  # fmt: skip
def test_what_is_no_area(server: Server, body: Any) -> None:
    answer = requests.post(f"{server.address}collections/{NAME}/statistics", json=body, timeout=60)
    assert answer.status_code == 400 and "the body" in answer.json()["description"]


def test_an_answer_that_the_client_has_is_not_sent_again(server: Server, item: Any) -> None:
    z, x, y = tile_of(item)
    for path, parameters in ((f"tiles/{z}/{x}/{y}.png", {"assets": "B01"}), ("statistics", {"assets": "B01"})):
        address = f"{server.address}collections/{NAME}/items/{item.id}/{path}"
        first = requests.get(address, params=parameters, timeout=60)
        again = requests.get(address, params=parameters, timeout=60, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = requests.get(
            address, params={"assets": "B02"}, timeout=60, headers={"If-None-Match": first.headers["etag"]}
        )
        assert other.status_code == 200 and other.headers["etag"] != first.headers["etag"]


def test_a_request_that_takes_too_long_is_ended() -> None:
    async def ask() -> None:
        workers = Workers(seconds=0.2)
        assert await workers.run(lambda: 7) == 7
        with pytest.raises(BusyError):
            await workers.run(lambda: time.sleep(1))

    anyio.run(ask)


def test_limits_say_what_to_do() -> None:
    check_values(120, 256 * 256, 3)
    with pytest.raises(UsageError, match="fewer dates"):
        check_values(120, 1024 * 1024, 3)
    with pytest.raises(UsageError, match="a series of 501 scenes"):
        require_all(501, 500, "a series")


def test_pictures_in_memory_are_bounded() -> None:
    cache = PictureCache(most=1000)
    for number in range(100):
        cache.put(str(number), bytes(100))
    assert [cache.get(str(number)) is not None for number in range(100)] == [False] * 90 + [True] * 10
    cache.put("large", bytes(999))
    assert cache.get("large") is None and cache.get("99") is not None
