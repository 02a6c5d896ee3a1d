"""Recorded answers of the real services, replayed over TLS to the real client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import stacaster
from tests.earthdata_twin.server import Answer, Request, Twin


class Replay:
    """Gives recorded answers in their order; each is checked to be the right one for the request."""

    def __init__(self, interactions: list[dict[str, Any]]) -> None:
        self.interactions = interactions
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        if request.path.endswith("/collections.json"):
            return Answer(body=b'{"feed": {"entry": []}}')
        self.asked.append(request)
        entry = self.interactions[len(self.asked) - 1]
        if len(self.asked) > 1 and request.host.startswith("cmr."):
            previous = self.interactions[len(self.asked) - 2]["headers"]
            assert request.headers["cmr-search-after"] == previous["cmr-search-after"]
        kept = {key: value for key, value in entry["headers"].items() if key.startswith("cmr-")}
        headers = {"Content-Type": "application/json", **kept}
        return Answer(entry["status"], headers, json.dumps(entry["body"]["json"]).encode())


def replay(shared: Path, twin: Twin, name: str, *, first: int = 0, last: int | None = None) -> Replay:
    document = json.loads((shared / "data" / name).read_text())
    found = Replay(document["interactions"][first:last])
    twin.routes["cmr.earthdata.nasa.gov"] = found
    return found


def test_a_chain_of_ten_pages(shared: Path, twin: Twin, caplog: pytest.LogCaptureFixture) -> None:
    service = replay(shared, twin, "cmr/pc_searchafter_chain_10x2.json")
    found = []
    for granule in stacaster.access.iter_granules("MOD02QKM", all_versions=True):
        found.append(granule)
        if len(found) == 20:
            break
    expected = [item["umm"]["GranuleUR"] for entry in service.interactions for item in entry["body"]["json"]["items"]]
    assert len({granule.id for granule in found}) == 20 == len(set(expected)) and len(service.asked) == 10
    # Rings across the antimeridian come out split, not as a belt around the world.
    import shapely

    shapes = [shapely.geometry.shape(dict(granule.geometry or {})) for granule in found]
    assert all(shape.is_valid and shape.area < 5000 for shape in shapes)


@pytest.mark.parametrize(("first", "last", "count"), [(0, 2, 1), (2, 4, 8), (4, 5, 0)])
def test_pages_that_end_with_an_empty_one(shared: Path, twin: Twin, first: int, last: int, count: int) -> None:
    service = replay(shared, twin, "cmr/tc_gesdisc_8_paging.json", first=first, last=last)
    found = stacaster.search("x", all_versions=True)
    assert len(found) == count and len(service.asked) == last - first


def test_granules_of_fifteen_cogs(shared: Path, twin: Twin) -> None:
    service = replay(shared, twin, "cmr/tc_hls_2_a.json")
    service.interactions.append(
        {"status": 200, "headers": {"cmr-hits": "2"}, "body": {"json": {"hits": 2, "items": []}}}
    )
    found = stacaster.search("HLSL30")
    assert [len(granule.data_files) for granule in found] == [15, 15]
    assert all(granule.credentials_href and granule.cloud_cover is not None for granule in found)


def test_nothing(shared: Path, twin: Twin) -> None:
    service = replay(shared, twin, "cmr/ea_zero_hits.json", last=1)
    assert len(stacaster.search("OPERA_L3_DSWX-HLS_V1_1.0", bbox=[-95.19, 30.59, -94.99, 30.79])) == 0
    assert len(service.asked) == 1


def test_pages_of_the_planetary_computer(shared: Path, twin: Twin) -> None:
    pages = json.loads((shared / "data" / "stac" / "ps_pc_paging.json").read_text())["interactions"]
    root = json.loads((shared / "data" / "stac" / "ps_aster_items.json").read_text())["interactions"][0]
    posts = iter(pages)

    def answer(request: Request) -> Answer:
        entry = next(posts) if request.method == "POST" else root
        return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(entry["body"]["json"]).encode())

    twin.routes["planetarycomputer.microsoft.com"] = answer
    expected = [item["id"] for entry in pages for item in entry["body"]["json"]["features"]]
    # The recording ends before the pages do.
    found = stacaster.access.iter_granules("naip", source="planetary-computer", all_versions=True)
    assert [next(found).id for _ in expected[: len(expected) - 1]] == expected[:-1]
