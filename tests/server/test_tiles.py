"""Tiles, previews, values and statistics: the pixels are those of the files, by rasterio and by hand."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rasterio
import requests
from pyproj import Transformer
from rasterio.io import MemoryFile

import stacaster
from stacaster.catalog import Catalog
from tests.server.test_serve import running

Server = stacaster.server.CatalogServer


@pytest.fixture(scope="module")
def server(catalog: Catalog) -> Iterator[Server]:
    with running(catalog) as started:
        yield started


@pytest.fixture(scope="module")
def item(catalog: Catalog) -> Any:
    return next(
        item
        for item in catalog.search(collections=["aster-l1t-003"]).items()
        if {"B01", "B02", "B03N"} <= set(item.assets)
    )


def tile_of(item: Any, z: int = 14) -> tuple[int, int, int]:
    lon, lat = (item.bbox[0] + item.bbox[2]) / 2, (item.bbox[1] + item.bbox[3]) / 2
    count = 2**z
    y = (1 - math.log(math.tan(math.radians(lat)) + 1 / math.cos(math.radians(lat))) / math.pi) / 2
    return z, int((lon + 180) / 360 * count), int(y * count)


def get(server: Server, item: Any, path: str, **parameters: Any) -> Any:
    return requests.get(
        f"{server.address}collections/{item.collection_id}/items/{item.id}/{path}", params=parameters, timeout=60
    )


def test_numbers_of_a_tile_are_those_of_rasterio(server: Server, item: Any) -> None:
    z, x, y = tile_of(item)
    answer = get(server, item, f"tiles/WebMercatorQuad/{z}/{x}/{y}.npy", assets="B01", units="dn")
    values, mask = np.load(io.BytesIO(answer.content))
    half = math.pi * 6378137.0
    step = 2 * half / 2**z / 256
    rows, cols = np.mgrid[0:256, 0:256]
    with rasterio.open(item.assets["B01"].href) as file:
        stored = file.read(1)
        there = Transformer.from_crs(3857, file.crs, always_xy=True)
        left, top = there.transform(-half + (x * 256 + cols + 0.5) * step, half - (y * 256 + rows + 0.5) * step)
        column, row = ~file.transform * (left, top)
    inside = (column >= 0) & (column < stored.shape[1]) & (row >= 0) & (row < stored.shape[0])
    expected = np.zeros((256, 256))
    expected[inside] = stored[row[inside].astype(int), column[inside].astype(int)]
    assert mask.any() and np.mean((mask > 0) == (expected > 0)) > 0.999
    both = (mask > 0) & (expected > 0)
    assert np.mean(values[both] == expected[both]) > 0.999, "nearest pixels, but for ties"


def test_pictures_can_be_read(server: Server, item: Any) -> None:
    z, x, y = tile_of(item)
    for form in ("png", "webp", "jpg"):
        answer = (
            get(server, item, f"tiles/WebMercatorQuad/{z}/{x}/{y}.{form}", assets="B02,B01", rescale="0,100")
            if form == "none"
            else get(server, item, f"tiles/WebMercatorQuad/{z}/{x}/{y}.{form}", assets="B01", rescale="0,200")
        )
        assert answer.status_code == 200
        with MemoryFile(answer.content) as memory, memory.open() as file:
            assert file.shape == (256, 256)
    answer = get(server, item, f"tiles/WebMercatorQuad/{z}/{x}/{y}@2x.png", assets=["B03N", "B02", "B01"])
    with MemoryFile(answer.content) as memory, memory.open() as file:
        assert (file.count, file.shape) == (4, (512, 512)) and set(np.unique(file.read(4))) <= {0, 255}
    with (
        MemoryFile(get(server, item, "tiles/WebMercatorQuad/5/0/0.png", assets="B01").content) as memory,
        memory.open() as file,
    ):
        assert not file.read(4).any(), "nothing is no error"
    assert get(server, item, "tiles/WebMercatorQuad/5/0/0.npy", assets="B01").status_code == 204
    assert get(server, item, "preview.png").status_code == 200


def test_an_index_is_in_physical_units(server: Server, item: Any, catalog: Catalog) -> None:
    lon, lat = (item.bbox[0] + item.bbox[2]) / 2, (item.bbox[1] + item.bbox[3]) / 2
    physical = {}
    for band in ("B02", "B03N"):
        asset = item.assets[band].extra_fields
        with rasterio.open(item.assets[band].href) as file:
            x, y = Transformer.from_crs(4326, file.crs, always_xy=True).transform(lon, lat)
            physical[band] = next(file.sample([(x, y)]))[0] * asset["raster:scale"] + asset["raster:offset"]
    answer = get(server, item, f"point/{lon},{lat}", assets=["B02", "B03N"], expression="(b2-b1)/(b2+b1)").json()
    expected = (physical["B03N"] - physical["B02"]) / (physical["B03N"] + physical["B02"])
    assert answer["values"][0] == pytest.approx(expected, abs=0.02), "neighbours take part in bilinear values"
    values = get(server, item, f"point/{lon},{lat}", assets="B02", units="dn").json()["values"]
    assert values[0] == round(values[0])
    named = get(server, item, f"point/{lon},{lat}", index="ndvi").json()
    assert named["band_names"] == ["ndvi"] and -1 <= named["values"][0] <= 1


def test_mosaics_of_a_collection(server: Server, item: Any, catalog: Catalog) -> None:
    z, x, y = tile_of(item)
    base = f"{server.address}collections/{item.collection_id}"
    for more in ({}, {"composite": "median"}, {"datetime": "2001-01-01T00:00:00Z/2007-01-01T00:00:00Z"}):
        answer = requests.get(
            f"{base}/tiles/WebMercatorQuad/{z}/{x}/{y}.png", params={"assets": "B13", **more}, timeout=60
        )
        assert answer.status_code == 200, answer.text
    lon, lat = (item.bbox[0] + item.bbox[2]) / 2, (item.bbox[1] + item.bbox[3]) / 2
    series = requests.get(f"{base}/point/{lon},{lat}", params={"assets": "B13"}, timeout=600).json()["series"]
    assert len(series) >= 2 and [entry["datetime"] for entry in series] == sorted(entry["datetime"] for entry in series)
    description = requests.get(f"{base}/tilejson.json", params={"assets": "B13"}, timeout=600).json()
    address = description["tiles"][0].format(z=z, x=x, y=y)
    assert requests.get(address, timeout=600).status_code == 200
    assert "TileMatrixSet" in requests.get(f"{base}/WMTSCapabilities.xml", timeout=600).text


def test_statistics(server: Server, item: Any) -> None:
    stated = get(server, item, "statistics", assets="B01", units="dn", max_size=64).json()["B01"]
    assert 0 < stated["min"] <= stated["median"] <= stated["max"] and 0 < stated["valid_percent"] <= 100


@pytest.mark.parametrize(
    "parameters",
    [{"assets": "nothing"}, {"index": "nothing"}, {"rescale": "a"}, {"rescale": "1"}, {"assets": ["B01", "B02"]},
     {"expression": "b9"}, {"expression": "__import__('os')"}, {"units": "furlongs"}, {"colormap_name": "nothing"},
     {"mask": "nothing"}, {"composite": "nothing"}],
)  # fmt: skip
def test_wrong_parameters(server: Server, item: Any, parameters: dict[str, Any]) -> None:
    z, x, y = tile_of(item)
    asked = {"assets": "B01"} | parameters if "index" not in parameters else parameters
    path = f"tiles/WebMercatorQuad/{z}/{x}/{y}.png"
    base = f"{server.address}collections/{item.collection_id}/" if "composite" in parameters else None
    answer = get(server, item, path, **asked) if base is None else requests.get(base + path, params=asked, timeout=600)
    assert answer.status_code in (400, 500) and answer.json()["description"], answer.text
    assert "Traceback" not in answer.text
    assert get(server, item, "tiles/WebMercatorQuad/3/9/0.png").status_code == 404


def test_the_map_page_asks_no_other_host(server: Server) -> None:
    answer = requests.get(f"{server.address}map/", timeout=300)
    assert answer.status_code == 200 and "default-src 'self'" in answer.headers["content-security-policy"]
    for name in ("map.js", "map.css", "leaflet.js", "leaflet.css"):
        assert requests.get(f"{server.address}map/{name}", timeout=300).status_code == 200
    assert "ndvi" in requests.get(f"{server.address}indices", timeout=300).json()
