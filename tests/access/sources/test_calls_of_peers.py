"""Calls as users of icepyx, NSIDC's notebooks and asf_search write them: the result, or a usage error, never else."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

import stacaster
from stacaster.errors import UsageError
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.missions import TRACKS, nsidc_collections, serve_tracks
from tests.earthdata_twin.records import nisar_record
from tests.earthdata_twin.server import Twin

WKT = "POLYGON((138.4 -31.3, 138.7 -31.3, 138.7 -31.1, 138.4 -31.1, 138.4 -31.3))"
RING = [(138.4, -31.3), (138.7, -31.3), (138.7, -31.1), (138.4, -31.1), (138.4, -31.3)]
DAY = dt.datetime(2022, 8, 14)
FRAME = dt.datetime(2026, 7, 1, 1, 5, 37)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two passes of ICESat-2, in August and November 2022, and a NISAR frame in two releases."""
    stand_in: Any = SimpleNamespace(routes={})
    passes = serve_tracks(stand_in, Earthdata(stand_in), tmp_path_factory.mktemp("peers") / "tracks")
    return passes + [nisar_record(50 + n, FRAME, TRACKS, crid=crid) for n, crid in enumerate(("X05009", "P05023"))]


@pytest.fixture
def archive(twin: Twin, records: list[dict[str, Any]]) -> Cmr:
    service = Cmr(records)
    service.collections = nsidc_collections()
    twin.routes["cmr.earthdata.nasa.gov"] = service
    return service


@pytest.mark.parametrize(
    ("product", "conditions", "count"),
    [
        ("ATL03", {"bbox": [138.4, -31.3, 138.7, -31.1]}, 2),
        ("ATL03", {"bbox": "138.4,-31.3,138.7,-31.1"}, 2),
        ("ATL06", {"intersects": RING}, 2),
        ("ATL06", {"intersects": [{"lon": x, "lat": y} for x, y in RING]}, 2),
        ("ATL06", {"intersects": WKT}, 2),
        (
            "ATL06",
            {"intersects": {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [RING]}]}},
            2,
        ),
        ("ATL06", {"intersects": "POINT(138.55 -31.2)", "radius": 5000}, 2),
        ("ATL06", {"intersects": "POINT(10 10)", "radius": 5000}, 0),
        ("ATL08", {"datetime": ["2022-08-01", "2022-08-31"]}, 1),
        ("ATL08", {"datetime": [DAY.date(), dt.date(2022, 8, 14)]}, 1),
        ("ATL08", {"datetime": [DAY, dt.datetime(2022, 12, 1)]}, 2),
        ("ATL08", {"start": "2022-09-01", "end": "2022-12-31"}, 1),
        ("ATL08", {"cycle": "16", "track": "1131"}, 1),
        ("ATL08", {"cycle": ["16", "17"], "track": ["1131"]}, 2),
        ("ATL08", {"cycle": [16, 18]}, 1),
        ("ATL08", {"version": "006"}, 2),
        ("ATL08", {"version": 6}, 2),
        ("ATL08", {"version": "007"}, 0),
        ("atl08", {"cycle": 17}, 1),
        (["ATL06", "ATL08"], {"cycle": 17}, 2),
        ("ATL03", {"provider": "NSIDC_CPRD", "bbox": TRACKS}, 2),
        ("ATL03", {"provider": "NSIDC_ECS", "bbox": TRACKS}, 0),
        ("ATL03", {"name": "ATL03_202208*"}, 1),
        ("ATL03", {"limit": 1}, 1),
        ("ATL03", {"months": [8]}, 1),
        ("NISAR_L2_GCOV", {"bbox": TRACKS}, 1),
        ("NISAR_L2_GCOV", {"bbox": TRACKS, "all_versions": True}, 2),
        ("NISAR_L2_GCOV", {"path": 113, "frame": 65, "direction": "DESCENDING"}, 1),
        ("NISAR_L2_GCOV", {"attributes": {"frameCoverage": "F"}}, 1),
        ("NISAR_L2_GCOV", {"polarization": "HHHV"}, 1),
    ],
)
def test_calls_with_a_result(archive: Cmr, product: Any, conditions: dict[str, Any], count: int) -> None:
    assert len(stacaster.search(product, **conditions)) == count


@pytest.mark.parametrize(
    ("product", "conditions"),
    [
        ("ATL03", {"bbox": [138.4, -31.3, 138.7]}),
        ("ATL03", {"bbox": [-31.3, 138.4, -31.1, 138.7]}),
        ("ATL03", {"spatial_extent": [1, 2, 3, 4]}),
        ("ATL03", {"intersects": "POLYGON((1 2, 3"}),
        ("ATL03", {"intersects": [(1, 2)], "radius": "far"}),
        ("ATL03", {"datetime": ["2022-08-31", "2022-08-01"]}),
        ("ATL03", {"date_range": ["2022-08-01", "2022-08-31"]}),
        ("ATL03", {"cycle": "sixteen"}),
        ("ATL03", {"track": 1400}),
        ("AST_L1T", {"track": 5}),
        ("ATL03", {"cycles": 16}),
        ("ATL03", {"limit": -1}),
        ("NISAR_L2_GCOV", {"attributes": {"frameCoverage": "half"}}),
        ("NISAR_L2_GCOV", {"attributes": {"flightDirektion": "ASCENDING"}}),
        ("NISAR_L2_GCOV", {"direction": "up"}),
        ("", {"bbox": TRACKS}),
    ],
)
def test_calls_that_are_refused(archive: Cmr, product: Any, conditions: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        stacaster.search(product, **conditions)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"dataset": "NISAR", "processingLevel": "GCOV"}, 1),
        ({"dataset": ["NISAR_L2_GCOV"], "relativeOrbit": [113], "frame": 65}, 1),
        ({"dataset": "NISAR_L2_GCOV", "intersectsWith": WKT, "frameCoverage": "F"}, 1),
        ({"dataset": "NISAR_L2_GCOV", "intersectsWith": "POINT(138.55 -31.2)", "radius": 1000}, 1),
        ({"dataset": "NISAR_L2_GCOV", "intersectsWith": {"type": "Point", "coordinates": [138.55, -31.2]}}, 1),
        ({"dataset": "NISAR_L2_GCOV", "mainBandPolarization": "HHHV"}, 1),
        ({"dataset": "NISAR_L2_GCOV", "productionConfiguration": "UR"}, 0),
        ({"dataset": "NISAR_L2_GCOV", "start": dt.date(2026, 7, 1), "end": dt.date(2026, 7, 1)}, 1),
        ({"dataset": "NISAR_L2_GCOV", "flightDirection": "DESCENDING", "season": [150, 200]}, 1),
        ({"dataset": "NISAR_L2_GCOV", "season": [1, 100]}, 0),
    ],
)
def test_options_of_asf_search(archive: Cmr, options: dict[str, Any], count: int) -> None:
    assert len(stacaster.sar.find_stacks(**options)) == count
