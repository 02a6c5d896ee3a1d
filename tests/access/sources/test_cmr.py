"""Searching CMR over real sockets: conditions, paging, and what a service may do to a client."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

import stacaster
from stacaster.access.sources import cmr as source
from stacaster.errors import SearchError, UsageError
from stacaster.model import Query
from stacaster.network.http import RetryPolicy
from tests.access.sources.conftest import sixty_records
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.records import aster_record
from tests.earthdata_twin.server import Answer, Twin

AREA = {"type": "Polygon", "coordinates": [[[130, -31], [133.5, -31], [133.5, -30], [130, -30], [130, -31]]]}


class Waits(list[float]):
    """Stands in for the clock and remembers the waits."""

    def policy(self, **fields: Any) -> RetryPolicy:
        return RetryPolicy(sleep=self.append, **fields)


def numbers(found: Any) -> list[int]:
    return [int(granule.id.rpartition("_")[2]) for granule in found]


def test_all_granules_in_order_of_time(cmr: Cmr) -> None:
    found = stacaster.search("AST_L1T")
    assert numbers(found) == list(range(60))
    first = found[0]
    assert (first.product, first.version, first.source, first.collection) == ("AST_L1T", "003", "cmr", "C1-003")
    assert first.record == "G0-LPCLOUD:1" and first.orbit == 10_000 and first.day_night == "day"
    (data,) = first.data_files
    assert data.name == f"{first.id}.hdf" and data.size == 14 and data.checksum_kind == "SHA-512"
    assert data.href.startswith("https://data.lpdaac.") and (data.s3_href or "").startswith("s3://lp-prod-protected/")
    assert first.credentials_href == "https://data.lpdaac.earthdatacloud.nasa.gov/s3credentials"
    assert [file.role for file in first.files] == ["data", "metadata"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"bbox": [130, -31, 130.5, -30.5]}, [0, 10, 20, 30, 40, 50]),
        ({"bbox": "139,-31,-170,-30"}, [9, 19, 29, 39, 49, 59]),
        ({"region": "south australia", "datetime": "2003-01"}, [0, 1, 2]),
        ({"region": "europe"}, []),
        ({"cloud_cover_max": 10, "datetime": "2003-01/2003-04"}, [1, 2, 4, 5, 7, 8, 10, 11]),
        ({"months": "12-1", "datetime": "2003"}, [0, 1, 2, 33, 34, 35, 36]),
        ({"intersects": AREA, "datetime": "2003-01/2003-02"}, [0, 1, 2, 3]),
        ({"version": "004"}, []),
        ({"start": "2003-02-01", "end": "2003-02"}, [3, 4, 5]),
        ({"end": "2003-01-15T00:43:02.6Z"}, [0, 1]),
        ({"end": "2003-01-15T00:43:02.5Z"}, [0]),
        ({"day_night": "night"}, []),
        ({"orbit": [10_005, 10_007]}, [5, 6, 7]),
        ({"limit": 4}, [0, 1, 2, 3]),
    ],
)
def test_conditions(cmr: Cmr, conditions: dict[str, Any], expected: list[int]) -> None:
    assert numbers(stacaster.search("AST_L1T", **conditions)) == expected


def test_pages_are_followed_until_the_mark_is_gone(cmr: Cmr, twin: Twin) -> None:
    found = list(source.search(Query(product="AST_L1T"), limit=7))
    assert len(found) == 60
    sizes = {request.parameters["page_size"][0] for request in twin.log}
    assert sizes == {"10"} and len(twin.log) == 7, "six full pages and the empty one"
    assert [("cmr-search-after" in request.headers) for request in twin.log] == [False] + [True] * 6


def test_a_granule_that_two_pages_hold_comes_once(cmr: Cmr) -> None:
    cmr.repeated = True
    assert numbers(source.search(Query(product="AST_L1T"), limit=7)) == list(range(60))


def test_lost_granules_are_said(cmr: Cmr, caplog: pytest.LogCaptureFixture) -> None:
    cmr.lost = {"G3-LPCLOUD", "G4-LPCLOUD"}
    with caplog.at_level(logging.WARNING):
        assert len(list(source.search(Query(product="AST_L1T"), limit=7))) == 58
    assert "announced 60 granules and gave 58" in caplog.text


def test_partial_pages_are_asked_again_in_smaller_pieces(cmr: Cmr, twin: Twin) -> None:
    cmr.largest_in_time = 40
    assert len(list(source.search(Query(product="AST_L1T")))) == 60
    assert [request.parameters["page_size"][0] for request in twin.log][:3] == ["2000", "250", "31"]
    cmr.largest_in_time = 1
    with pytest.raises(SearchError, match="only part of the results"):
        list(source.search(Query(product="AST_L1T")))


def test_long_polygons_go_by_post_and_are_filtered_exactly(cmr: Cmr, twin: Twin) -> None:
    """A coast of ten thousand points: CMR gets at most 300, the answer is that of the true area."""

    def island(x: float, y: float, radius: float) -> Any:
        ring = shapely.Point(x, y).buffer(radius, quad_segs=2500).exterior.coords
        return shapely.Polygon([(a + (0.01 if i % 2 else -0.01), b) for i, (a, b) in enumerate(ring)])

    jagged = shapely.MultiPolygon([island(130.3 + 0.3 * i, -30.1 - 0.2 * (i % 2), 0.12) for i in range(18)])
    found = stacaster.search("AST_L1T", intersects=jagged)
    request = twin.log[0]
    assert request.method == "POST"
    rings = request.parameters["polygon[]"]
    assert len(rings) == 18 and request.parameters["options[polygon][or]"] == ["true"]
    assert all(10 < ring.count(",") // 2 <= 300 and "e" not in ring for ring in rings)
    truth = [n for n, record in enumerate(sixty_records()) if jagged.intersects(_shape(record))]
    assert numbers(found) == truth and 0 < len(truth) < 60


def _shape(record: dict[str, Any]) -> Any:
    points = record["umm"]["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"][0]["Boundary"]["Points"]
    return shapely.Polygon([(p["Longitude"], p["Latitude"]) for p in points])


def test_files_with_polygons(cmr: Cmr, tmp_path: Path) -> None:
    import geopandas

    frame = geopandas.GeoDataFrame(geometry=[shapely.geometry.shape(AREA)], crs=4326).to_crs(3577)
    frame.to_file(tmp_path / "area.gpkg")
    expected = numbers(stacaster.search("AST_L1T", intersects=AREA))
    assert numbers(stacaster.search("AST_L1T", intersects=str(tmp_path / "area.gpkg"))) == expected
    assert numbers(stacaster.search("AST_L1T", intersects=json.dumps(AREA))) == expected
    assert numbers(stacaster.search("AST_L1T", intersects=frame.to_crs(4326).geometry.iloc[0])) == expected


def test_newest_version_of_a_scene(cmr: Cmr) -> None:
    moment = datetime(2005, 5, 5, 0, 43, 2)
    box = (135.0, -31.0, 135.9, -30.2)
    cmr.records = sorted(
        [
            aster_record(1, moment, box, version="003", produced=datetime(2015, 1, 1)),
            aster_record(2, moment, box, version="004", produced=datetime(2014, 1, 1)),
            aster_record(3, moment, box, version="003", produced=datetime(2016, 1, 1)),
            aster_record(4, moment + timedelta(seconds=9), box, version="003"),
        ],
        key=lambda record: record["umm"]["TemporalExtent"]["SingleDateTime"],
    )
    assert numbers(stacaster.search("AST_L1T")) == [2, 4]
    assert sorted(numbers(stacaster.search("AST_L1T", all_versions=True))) == [1, 2, 3, 4]
    assert numbers(stacaster.search("AST_L1T", version="003")) == [3, 4]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_trouble_is_waited_out(cmr: Cmr, status: int) -> None:
    waits = Waits()
    cmr.script = [Answer(status, body=b"<html>trouble</html>")] * 3
    assert len(list(source.search(Query(product="AST_L1T"), policy=waits.policy()))) == 60
    assert len(waits) == 3 and all(0 <= wait <= 4 for wait in waits)


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("7", 7, 7), ("86400", 60, 60), (None, 0, 1), ("soon", 0, 1)],
)
def test_waits_are_those_the_server_asks_for(cmr: Cmr, header: str | None, low: float, high: float) -> None:
    waits = Waits()
    cmr.script = [Answer(429, {} if header is None else {"Retry-After": header})]
    list(source.search(Query(product="AST_L1T"), policy=waits.policy()))
    assert low <= waits[0] <= high


def test_wait_until_a_date(cmr: Cmr) -> None:
    waits = Waits()
    moment = format_datetime(datetime.fromtimestamp(time.time() + 20).astimezone())
    cmr.script = [Answer(503, {"Retry-After": moment})]
    list(source.search(Query(product="AST_L1T"), policy=waits.policy()))
    assert 15 <= waits[0] <= 20


def test_trouble_that_stays(cmr: Cmr) -> None:
    waits = Waits()
    cmr.script = [Answer(503, body=b"down for maintenance")] * 20
    with pytest.raises(SearchError, match=r"CMR answered 503: down for maintenance \(tried 4 times\)"):
        list(source.search(Query(product="AST_L1T"), policy=waits.policy(attempts=4)))
    assert len(waits) == 3


def test_a_body_that_is_cut_is_asked_for_again(cmr: Cmr) -> None:
    waits = Waits()
    cmr.script = [Answer(body=b'{"hits": 60, "items": [', cut_at=10, headers={"CMR-Hits": "60"})]
    assert len(list(source.search(Query(product="AST_L1T"), policy=waits.policy()))) == 60
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(400, body=b'{"errors": ["Parameter [x] was not recognized."]}'), r"400: Parameter \[x\] was not"),
        (
            Answer(400, body=b'{"errors": [{"path": ["Spatial", 0], "errors": ["crosses itself"]}]}'),
            "Spatial/0: crosses itself",
        ),
        (Answer(401, body=b'{"errors": ["Token does not exist"]}'), "401: Token does not exist"),
        (Answer(413, body=b"<html><body>Too Large</body></html>"), "413: <html><body>Too Large"),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>login</html>"), "no list of granules"),
        (
            Answer(200, body=b'{"hits": 1, "items": [{"meta": {"concept-id": "G1"}, "umm": {}}]}'),
            "G1 of the answer is no",
        ),
    ],
)
def test_refusals_are_not_repeated(cmr: Cmr, twin: Twin, answer: Answer, words: str) -> None:
    cmr.script = [answer]
    with pytest.raises(SearchError, match=words):
        list(source.search(Query(product="AST_L1T"), policy=Waits().policy()))
    assert len(twin.log) == 1


def test_no_service_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(SearchError, match=r"CMR cannot be reached.*tried 2 times"):
        list(source.search(Query(product="AST_L1T"), policy=Waits().policy(attempts=2)))


def test_no_credentials_go_to_a_search(cmr: Cmr, twin: Twin, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token")
    stacaster.search("AST_L1T", limit=1)
    for request in twin.log:
        assert "authorization" not in request.headers and "cookie" not in request.headers
        assert request.headers["client-id"].startswith("stacaster/")


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"product": None}, "CMR needs a product"),
        ({"collection": "AST_L1T"}, "concept id such as"),
        ({"region": "atlantis"}, "'atlantis' is not known"),
        ({"region": "europ"}, "did you mean europe"),
        ({"region": "europe", "bbox": [1, 2, 3, 4]}, "give one of them"),
        ({"cloud_cover_max": 101}, "from 0 to 100 percent"),
        ({"day_night": "dusk"}, "all are day, night"),
        ({"months": "13"}, "months from 1 to 12"),
        ({"datetime": "2003", "start": "2003"}, "give one of them"),
        ({"clouds": 5}, "search has no option 'clouds'; nearest are cloud_cover_max"),
        ({"intersects": "missing.gpkg"}, "neither a geometry nor a file"),
        ({"intersects": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}, "polygon with an area"),
        ({"source": "landsatlook"}, "source is 'landsatlook'"),
    ],
)
def test_wrong_questions(conditions: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        stacaster.search(**{"product": "AST_L1T", **conditions})


def test_large_results_stream(cmr: Cmr) -> None:
    """Ten thousand granules one by one: memory does not grow with them."""
    import tracemalloc

    template = json.dumps(aster_record(123_456_789, datetime(2003, 1, 1), (130.0, -31.0, 131.0, -30.0)))
    cmr.records = [json.loads(template.replace("123456789", str(n))) for n in range(10_000)]
    peaks = []
    for limit in (3_000, 10_000):
        tracemalloc.start()
        count = sum(1 for _ in stacaster.access.iter_granules("AST_L1T", all_versions=True, limit=limit))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == limit
    assert peaks[1] < 1.5 * peaks[0]


def test_results_as_tables(cmr: Cmr) -> None:
    found = stacaster.search("AST_L1T", limit=25)
    frame = found.to_geodataframe()
    assert len(frame) == 25 and frame.crs.to_epsg() == 4326 and frame.geometry.is_valid.all()
    assert "25 granules" in found._repr_html_() and "and 5 more" in found._repr_html_()
    json.dumps(found.to_geojson())


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        (
            {"datetime": "2018"},
            "AST_L1T: it holds data from 2003-01-05 to 2004-08-17; asked was 2018-01-01",
        ),
        ({"product": "AST_L1X"}, "CMR has no collection AST_L1X"),
        ({"region": "europe"}, None),
    ],
)
def test_why_nothing_was_found(
    cmr: Cmr, caplog: pytest.LogCaptureFixture, conditions: dict[str, Any], words: str | None
) -> None:
    assert len(stacaster.search(**{"product": "AST_L1T", **conditions})) == 0
    assert (words in caplog.text) if words else not caplog.text, caplog.text
