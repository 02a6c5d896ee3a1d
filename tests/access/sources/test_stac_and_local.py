"""The same question to a STAC API over real sockets, and to a catalog on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import CatalogError, SearchError, UsageError
from stacaster.network.http import RetryPolicy
from tests.earthdata_twin.server import Answer, Request, Twin

HOST = "planetarycomputer.microsoft.com"
ROOT = f"https://{HOST}/api/stac/v1"


class Api:
    """A STAC API with items of one collection, two a page."""

    def __init__(self, count: int) -> None:
        self.items = [stac_item(number) for number in range(count)]
        self.script: list[Answer] = []
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == "/api/stac/v1":
            links = [{"rel": "self", "href": ROOT}, {"rel": "search", "href": f"{ROOT}/search", "method": "POST"}]
            conforms = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search",
                        "https://api.stacspec.org/v1.0.0/item-search#query"]  # fmt: skip
            root: dict[str, Any] = {"type": "Catalog", "id": "pc", "description": "x", "stac_version": "1.0.0"}
            root |= {"links": links, "conformsTo": conforms}
            return Answer(body=json.dumps(root).encode(), headers={"Content-Type": "application/json"})
        if self.script:
            return self.script.pop(0)
        body = json.loads(request.body)
        self.bodies.append(body)
        first = int(body.get("token", 0))
        page = self.items[first : first + 2]
        following: list[dict[str, Any]] = []
        if first + 2 < len(self.items):
            merged = {"token": str(first + 2)}
            following = [{"rel": "next", "href": f"{ROOT}/search", "method": "POST", "body": merged, "merge": True}]
        answer = {"type": "FeatureCollection", "features": page, "links": following}
        return Answer(body=json.dumps(answer).encode(), headers={"Content-Type": "application/geo+json"})


def stac_item(number: int) -> dict[str, Any]:
    ring = [[138, -31], [139, -31], [139, -30], [138, -30], [138, -31]]
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": f"AST_L1T_{number}", "collection": "aster-l1t",
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": [138, -31, 139, -30],
        "properties": {"datetime": f"2003-01-{number + 1:02d}T00:43:02Z", "eo:cloud_cover": 10.0 * number},
        "links": [{"rel": "self", "href": f"{ROOT}/collections/aster-l1t/items/AST_L1T_{number}"}],
        "assets": {
            "VNIR": {"href": f"https://astersa.blob.core.windows.net/aster/{number}.VNIR.tif", "roles": ["data"]},
            "browse": {"href": f"https://astersa.blob.core.windows.net/aster/{number}.jpg", "roles": ["thumbnail"]},
        },
    }  # fmt: skip


@pytest.fixture
def api(twin: Twin) -> Api:
    service = Api(5)
    twin.routes[HOST] = service
    return service


def test_pages_of_a_stac_api(api: Api, twin: Twin, home: Path) -> None:
    found = stacaster.search("aster-l1t", source="planetary-computer", bbox=[138, -31, 139, -30], datetime="2003")
    assert [granule.id for granule in found] == [f"AST_L1T_{number}" for number in range(5)]
    assert api.bodies[0]["bbox"] == [138, -31, 139, -30] and api.bodies[0]["collections"] == ["aster-l1t"]
    assert [file.role for file in found[0].files] == ["data", "browse"]
    assert found[0].record.startswith(ROOT) and found[0].product == "aster-l1t"
    assert all("authorization" not in request.headers for request in twin.log), "no netrc entry goes out"


def test_conditions_go_to_the_service_and_are_checked_here(api: Api) -> None:
    found = stacaster.search("aster-l1t", source=ROOT, cloud_cover_max=20)
    assert [granule.cloud_cover for granule in found] == [0.0, 10.0, 20.0]
    assert api.bodies[0]["query"] == {"eo:cloud_cover": {"lte": 20.0}}


def test_post_is_repeated_after_passing_trouble(api: Api) -> None:
    api.script = [Answer(502, body=b"bad gateway"), Answer(503, {"Retry-After": "0"})]
    assert len(stacaster.search("aster-l1t", source=ROOT)) == 5


def test_trouble_that_stays(api: Api) -> None:
    api.script = [Answer(400, body=b'{"description": "bad bbox"}')]
    with pytest.raises(SearchError, match=r"failed: .*bad bbox"):
        stacaster.search("aster-l1t", source=ROOT)
    api.script = [Answer(503, {"Retry-After": "0"})] * 9
    with pytest.raises(SearchError, match="failed"):
        list(stacaster.access.iter_granules("aster-l1t", source=ROOT, policy=RetryPolicy(attempts=2)))


def test_a_collection_is_needed() -> None:
    with pytest.raises(UsageError, match="needs a collection"):
        stacaster.search(source=ROOT)


def test_the_catalog_on_disk_answers_like_a_service(catalog: Catalog, tmp_path: Path) -> None:
    found = stacaster.search("aster-l1t-003", source=str(catalog.root), datetime="2003", cloud_cover_max=5)
    assert [granule.id for granule in found] == ["AST_L1T_00312042003004247_20150510090334_70443"]
    (granule,) = found
    assert len(granule.data_files) == 14 and granule.size == sum(
        Path(f.href).stat().st_size for f in granule.data_files
    )
    assert all(file.checksum_kind == "SHA-256" for file in granule.data_files)
    assert granule.day_night == "day" and granule.orbit
    everything = stacaster.search(source=str(catalog.root))
    assert len(everything) == 8
    assert len(stacaster.search(source=str(catalog.root), region="south_australia", day_night="night")) == 1
    assert len(stacaster.search(source=str(catalog.root), region="europe")) == 0
    with pytest.raises(CatalogError, match=r"no index\.duckdb"):
        stacaster.search(source=str(tmp_path))


def test_recorded_items_of_real_services(shared: Path) -> None:
    from stacaster.access.sources.stac_api import item_to_granule

    count = 0
    for path in sorted((shared / "data" / "stac").glob("*.json")):
        for item in features(json.loads(path.read_text())):
            granule = item_to_granule(item, source="stac")
            assert granule.files and granule.start <= granule.end
            json.dumps(granule.to_feature())
            count += 1
    assert count > 20


def features(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, dict) and document.get("type") == "Feature" and "assets" in document:
        return [document]
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [item for part in parts for item in features(part)]


def test_the_same_words_for_every_source(api: Api, catalog: Catalog) -> None:
    """``stacaster search AST_L1T`` with another ``--source`` asks the same."""
    here = stacaster.search("AST_L1T", source=str(catalog.root), datetime="2003")
    named = stacaster.search("aster-l1t-003", source=str(catalog.root), datetime="2003")
    assert [granule.id for granule in here] == [granule.id for granule in named] and len(here)
    stacaster.search("AST_L1T", source="planetary-computer", limit=1)
    assert api.bodies[-1]["collections"] == ["aster-l1t"]


def test_a_question_outside_of_the_collection(shared: Path, twin: Twin, caplog: pytest.LogCaptureFixture) -> None:
    """The Planetary Computer holds ASTER of 2000 to 2006 only, as its recorded collection says."""
    recorded = json.loads((shared / "data" / "stac" / "ps_aster_items.json").read_text())["interactions"]
    collection = next(entry for entry in recorded if entry["request"]["url"].endswith("/collections/aster-l1t"))

    def answer(request: Request) -> Answer:
        found = collection if request.path.endswith("aster-l1t") else recorded[0]
        body = (
            {"type": "FeatureCollection", "features": [], "links": []}
            if request.method == "POST"
            else found["body"]["json"]
        )
        return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())

    twin.routes[HOST] = answer
    assert len(stacaster.search("AST_L1T", source="planetary-computer", datetime="2018")) == 0
    assert "aster-l1t: it holds data from 2000-03-04 to 2006-12-31; asked was 2018-01-01 to 2018-12-31" in caplog.text
