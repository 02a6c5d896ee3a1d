"""The page of a catalog in a real browser: filters work, nothing leaves the machine, no error in the console."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.catalog import Catalog, ItemSearch
from stacaster.errors import NothingFoundError, UsageError
from tests.browser import Browser


def data_of(page: str) -> list[dict[str, Any]]:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    found: list[dict[str, Any]] = json.loads(text.group(1))
    return found


def test_the_page_shows_the_land_around(catalog: Catalog, tmp_path: Path) -> None:
    page = stacaster.catalog.write_report(tmp_path / "page.html", catalog=catalog.root).read_text()
    text = re.search(r'id="land">(.*?)</script>', page)
    assert text is not None
    (ring,) = json.loads(text.group(1))
    # South Australia all around; footprints of one degree have nearly two on each side.
    assert min(x for x, _ in ring) < 137 and max(x for x, _ in ring) > 140


def test_the_page_in_a_browser(catalog: Catalog, tmp_path: Path) -> None:
    path = stacaster.catalog.write_report(tmp_path / "page.html", catalog=catalog.root, title="Twelve <scenes>")
    items = list(catalog.search().items())
    with Browser(tmp_path) as browser:
        text = browser.open(path.as_uri(), until=f"{len(items)} of {len(items)} items")
        assert "Twelve <scenes>" in text
        assert browser.count(".card") == len(items)
        pictures = sum("thumbnail" in item.assets for item in items)
        assert browser.count(".card img") == pictures > 0
        assert browser.run("[...document.images].every(image => image.complete && image.naturalWidth > 20)")

        def found(script: str) -> int:
            browser.run(script)
            shown = re.match(r"(\d+) of", str(browser.run("document.getElementById('found').textContent")))
            assert shown is not None
            assert browser.count(".card") == int(shown.group(1))
            return int(shown.group(1))

        def put(name: str, value: str) -> str:
            return (
                f"{{ const part = document.getElementById('{name}'); part.value = '{value}';"
                " part.dispatchEvent(new Event('input', {bubbles: true})); }"
            )

        in_2003 = [item for item in items if item.datetime is not None and item.datetime.year == 2003]
        assert found(put("from", "2003-01-01") + put("to", "2003-12-31")) == len(in_2003)
        assert found(put("from", "") + put("to", "")) == len(items)
        clear = [item for item in items if item.properties.get("eo:cloud_cover", 0) <= 10]
        assert 0 < found(put("cloud", "10")) == len(clear) < len(items)
        known = [item for item in clear if "eo:cloud_cover" in item.properties]
        assert found("document.getElementById('unknown').click()") == len(known)
        assert found("document.getElementById('unknown').click(); " + put("cloud", "100")) == len(items)
        first = items[0].collection_id
        of_others = [item for item in items if item.collection_id != first]
        assert found(f"document.querySelector('[value=\"{first}\"]').click()") == len(of_others)
        assert found(f"document.querySelector('[value=\"{first}\"]').click(); " + put("text", items[3].id.lower())) == 1
        assert found(put("text", "")) == len(items)
        # A click on the map chooses what lies there.
        browser.run(
            "{ const place = document.getElementById('map').getBoundingClientRect();"
            " const ring = items[0].rings[0], x = ring.reduce((sum, p) => sum + p[0], 0) / ring.length,"
            " y = ring.reduce((sum, p) => sum + p[1], 0) / ring.length;"
            " const at = {clientX: place.left + view.x(x), clientY: place.top + view.y(y), bubbles: true};"
            " document.getElementById('map').dispatchEvent(new MouseEvent('mousemove', at));"
            " document.getElementById('map').dispatchEvent(new MouseEvent('click', at)); }"
        )
        assert browser.count(".card.on") == 1
        assert items[0].id[:4] in str(browser.run("document.getElementById('tip').textContent"))
        outside = [address for address in browser.requests() if not address.startswith(("file://", "data:", "about:"))]
        assert not outside and not browser.errors(), (outside, browser.errors())
        picture = tmp_path / "page.png"
        browser.picture(picture)
        assert picture.stat().st_size > 10_000


def test_a_page_says_what_the_items_say(catalog: Catalog, tmp_path: Path) -> None:
    path = stacaster.catalog.write_report(tmp_path / "page.html", catalog=catalog.root, datetime="2003", thumbnails=1)
    page = path.read_text()
    rows = data_of(page)
    items = {item.id: item for item in catalog.search(datetime="2003").items()}
    assert {row["id"] for row in rows} == set(items)
    for row in rows:
        assert row["cloud"] == items[row["id"]].properties.get("eo:cloud_cover")
        assert row["start"][:10] == str(items[row["id"]].properties["datetime"])[:10]
    assert sum("picture" in row for row in rows) == 1
    assert "pictures of the first 1" in page
    assert not re.search(r"https?://", page.replace("http-equiv", ""))
    assert str(catalog.root) not in page
    again = stacaster.catalog.write_report(tmp_path / "again.html", catalog=catalog.root, datetime="2003", thumbnails=1)
    assert again.read_bytes() == path.read_bytes()


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    hostile = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>"
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": hostile, "bbox": [0, 0, 1, 1], "links": [], "assets": {},
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]},
        "properties": {"datetime": "2003-01-01T00:00:00Z", "title": hostile}, "collection": hostile,
    }  # fmt: skip
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    stacaster.import_items(tmp_path / "items.json", catalog=tmp_path / "c")
    path = stacaster.catalog.write_report(tmp_path / "page.html", catalog=tmp_path / "c", title=hostile)
    assert len(data_of(path.read_text())) == 1
    with Browser(tmp_path) as browser:
        text = browser.open(path.as_uri(), until="1 of 1 items")
        assert "<img src=x" in text
        assert browser.run("document.title") != "broken"
        assert browser.count("img") == 0 and not browser.errors()


def test_pages_that_cannot_be_made(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ending in \.html"):
        stacaster.catalog.write_report(tmp_path / "page.pdf", catalog=catalog.root)
    with pytest.raises(NothingFoundError, match="no item of"):
        stacaster.catalog.write_report(tmp_path / "page.html", catalog=catalog.root, datetime="1980")
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(UsageError, match=r"page\.html exists"):
        stacaster.catalog.write_report(tmp_path / "page.html", catalog=catalog.root)
    assert (tmp_path / "page.html").read_text() == "mine"


def test_progress_reads_no_item_twice(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[ItemSearch] = []
    items = ItemSearch.items

    def counted(search: ItemSearch) -> Any:
        passes.append(search)
        return items(search)

    monkeypatch.setattr(ItemSearch, "items", counted)
    told: list[tuple[int, int, str]] = []
    stacaster.catalog.write_report(tmp_path / "r.html", catalog=catalog.root, progress=lambda *said: told.append(said))
    assert [said[:2] for said in told] == [(number, 8) for number in range(1, 9)] and len(passes) == 1
