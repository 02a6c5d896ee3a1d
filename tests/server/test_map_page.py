"""The map page in a real Chromium: what is drawn, what is read, what the code on the page gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely

import stacaster
from stacaster.catalog import Catalog
from tests.browser import Browser
from tests.server.test_serve import running

Server = stacaster.server.CatalogServer
PIXELS = """(() => { const tile = [...document.querySelectorAll('.leaflet-tile-loaded')].map((image) => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 64;
  const context = canvas.getContext('2d'); context.drawImage(image, 0, 0, 64, 64);
  return context.getImageData(0, 0, 64, 64).data.filter((value, number) => number % 4 === 3 && value > 0).length; });
  return Math.max(0, ...tile); })()"""


@pytest.fixture(scope="module")
def server(catalog: Catalog) -> Iterator[Server]:
    with running(catalog) as started:
        yield started


@pytest.fixture(scope="module")
def page(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.open(server.map_address, until="of 8 scenes", seconds=120)
        yield browser


def until(page: Browser, expression: str, fits: Callable[[Any], bool] = bool) -> Any:
    end = time.monotonic() + 120
    while True:
        value = page.run(expression)
        if fits(value):
            return value
        assert time.monotonic() < end, (expression, value, page.run("byId('status').textContent"), page.errors())
        time.sleep(0.2)


def choose(page: Browser, element: str, value: Any) -> None:
    page.run(f"byId('{element}').value = {json.dumps(value)}; byId('{element}').dispatchEvent(new Event('change')); 1")


def middle(catalog: Catalog, name: str = "B03N") -> Any:
    items = [item for item in catalog.search().items() if name in item.assets]
    return items, shapely.geometry.shape(items[0].geometry).centroid


def test_footprints_and_pixels_are_drawn(page: Browser) -> None:
    widths = page.run(
        "[...document.querySelectorAll('.leaflet-overlay-pane path')].map((p) => p.getBoundingClientRect().width)"
    )
    assert sum(width > 5 for width in widths) >= 8, "one outline a scene"
    until(page, PIXELS, lambda count: count > 20)
    assert page.run("byId('counts').querySelectorAll('rect').length") == 6, "years with scenes"
    bounds = json.loads(page.run("JSON.stringify(byId('panel').getBoundingClientRect())"))
    right = page.run("map.latLngToContainerPoint(footprints.getBounds().getNorthEast()).x")
    assert right <= bounds["x"], "nothing lies behind the panel"


def test_two_dates_side_by_side(page: Browser) -> None:
    page.run("byId('compare').checked = true; 1")
    choose(page, "time", 2)
    choose(page, "other", 3)
    until(page, "map.getPane('right').querySelectorAll('.leaflet-tile-loaded').length")
    clips = [page.run(f"map.getPane('{pane}').style.clip") for pane in ("tilePane", "right")]
    edges = [[float(part.strip(" px")) for part in clip[5:-1].split(",")] for clip in clips]
    assert edges[0][1] == edges[1][3] == pytest.approx(page.run("map.getSize().x") / 2, abs=2)
    page.run("byId('swipe').value = 25; byId('swipe').dispatchEvent(new Event('input')); 1")
    moved = page.run("map.getPane('right').style.clip")
    assert float(moved[5:-1].split(",")[3].strip(" px")) == pytest.approx(page.run("map.getSize().x") / 4, abs=2)
    page.run("byId('compare').checked = false; 1")
    choose(page, "time", 0)


def test_a_point_and_an_area_have_a_series(page: Browser, catalog: Catalog) -> None:
    items, place = middle(catalog)
    choose(page, "layer", "asset:B03N")
    page.run(f"inspect(L.latLng({place.y}, {place.x})); 1")
    text = until(page, "byId('status').textContent", lambda text: "of B03N" in text)
    seen = sum(shapely.geometry.shape(item.geometry).contains(place) for item in items)
    assert f": {seen} dates of B03N" in text
    assert page.run("byId('chart').querySelectorAll('circle').length") == seen
    page.run(f"drawing(true); map.setView([{place.y}, {place.x}], 14, {{animate: false}}); 1")
    for dx, dy in ((-40, -40), (40, -40), (40, 40)):
        page.run(
            f"map.panBy([{dx}, {dy}], {{animate: false}}); document.getElementById('map').focus(); "
            "document.getElementById('map').dispatchEvent(new KeyboardEvent('keydown', {key: ' ', bubbles: true})); 1"
        )
    page.run(
        "document.getElementById('map').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true})); 1"
    )
    until(page, "byId('status').textContent", lambda text: "mean of the area" in text)
    table = page.run("seriesText(series.rows, series.names)").splitlines()
    assert table[0] == "datetime,B03N" and len(table) == 1 + page.run("series.rows.length") > 1


def test_a_season_narrows_scenes_and_picture(page: Browser, catalog: Catalog) -> None:
    choose(page, "season", "9,10,11")
    expected = sum(item.datetime.month in (9, 10, 11) for item in catalog.search().items() if item.datetime)
    assert page.run("items.length") == expected < 8
    until(page, "layers.length && layers[0]._url.includes('/searches/')")
    choose(page, "season", "")
    until(page, "layers.length && !layers[0]._url.includes('/searches/')")


def test_the_code_on_the_page_gives_what_is_on_the_screen(page: Browser, catalog: Catalog) -> None:
    items, place = middle(catalog)
    page.run(f"map.setView([{place.y}, {place.x}], 14, {{animate: false}}); 1")
    position = 1 + page.run("items.map((item) => item.id)").index(items[0].id)
    choose(page, "time", position)
    choose(page, "layer", "index:ndvi")
    code = until(page, "byId('code').textContent", lambda text: "ndvi" in text)
    names: dict[str, Any] = {}
    exec(code.replace('"CATALOG"', repr(str(catalog.root))), names)
    assert list(names["index"].data_vars) == ["ndvi"] and names["index"].sizes["time"] == 1
    assert "# stacaster index compute ndvi -o result.tif --catalog CATALOG" in code
    choose(page, "time", 0)


def test_nothing_is_asked_of_another_host_and_nothing_fails(page: Browser, server: Server) -> None:
    assert page.errors() == []
    assert {
        address for address in page.requests() if not address.startswith((server.address, "data:", "about:"))
    } == set()


def test_a_phone_at_night(page: Browser, tmp_path: Path) -> None:
    page._ask("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    page._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    panel = until(page, "byId('panel').getBoundingClientRect().top", lambda top: top > 300)
    assert panel >= 844 / 2 - 5, "half of the screen is map"
    assert page.run("document.documentElement.scrollWidth") <= 390, "nothing has to be moved sideways"
    assert page.run("getComputedStyle(byId('panel')).backgroundColor") == "rgb(24, 33, 43)"
    page.run("byId('fold').click(); 1")
    assert page.run("byId('panel').getBoundingClientRect().height") < 90
    page.picture(tmp_path / "phone.png")
