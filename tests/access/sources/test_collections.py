"""Collections by words, provider and bucket; a token only where one is asked for."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import stacaster
from stacaster.cli import cli
from stacaster.errors import AuthError, UsageError
from tests.earthdata_twin.cmr import Cmr, collection_record
from tests.earthdata_twin.records import aster_record, icesat2_record
from tests.earthdata_twin.server import Answer, Twin

HERE = (138.0, -32.0, 139.0, -31.0)
HOST = "https://data.nsidc.earthdatacloud.nasa.gov/s3credentials"


@pytest.fixture
def archive(twin: Twin, home: Path, monkeypatch: pytest.MonkeyPatch) -> Cmr:
    for name in ("EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    names = ("ATL03_20220814031005_11311608_006_01", "ATL08_20220814031005_11311608_006_01")
    records = [icesat2_record(n, name, HERE) for n, name in enumerate(names)]
    records.append(aster_record(9, datetime(2003, 1, 5), HERE))
    service = Cmr(records)
    service.collections = [
        collection_record("ATL03", "007", "NSIDC_CPRD", start="2018-10-13T00:00:00Z", credentials=HOST),
        collection_record("ATL03", "006", "NSIDC_ECS", start="2018-10-13T00:00:00Z", title="ICESat-2 photons"),
        collection_record("SECRET_L2", "1", "NSIDC_CPRD", start="2025-01-01T00:00:00Z", restricted=True),
        *(collection_record(f"MANY_{n:03d}", "1", "OTHER", start="2020-01-01T00:00:00Z") for n in range(250)),
    ]
    service.tokens = {"canary-token-1"}
    twin.routes["cmr.earthdata.nasa.gov"] = service
    return service


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"word": "photons"}, ["ATL03.006"]),
        ({"short_name": "ATL03"}, ["ATL03.006", "ATL03.007", "ATL03.006"]),
        ({"short_name": "ATL0*", "provider": "NSIDC_CPRD"}, ["ATL03.006", "ATL08.006", "ATL03.007"]),
        ({"short_name": "ATL03", "cloud_hosted": False}, ["ATL03.006"]),
        ({"short_name": "ATL03", "cloud_hosted": True, "version": "007"}, ["ATL03.007"]),
        ({"doi": "10.0000/AST_L1T.003"}, ["AST_L1T.003"]),
        ({"word": "atl*", "limit": 2}, ["ATL03.006", "ATL08.006"]),
        ({"word": "no such thing"}, []),
    ],
)
def test_conditions(archive: Cmr, conditions: dict[str, Any], expected: list[str]) -> None:
    found = stacaster.access.find_collections(**conditions)
    assert [f"{record.short_name}.{record.version}" for record in found] == expected


def test_what_a_record_says(archive: Cmr, twin: Twin) -> None:
    (record,) = stacaster.access.find_collections(short_name="ATL03", version="007")
    assert record.cloud_hosted and record.provider == "NSIDC_CPRD" and record.credentials_href == HOST
    assert record.start == datetime.fromisoformat("2018-10-13T00:00:00Z") and record.end is None
    (counted,) = stacaster.access.find_collections(short_name="ATL08")
    assert counted.granules == 1 and counted.abstract.startswith("Simulated")
    assert [g.id for g in stacaster.search(collection="C2-X", product=None, provider="NSIDC_CPRD")] == []
    assert len(stacaster.search("ATL08", version=counted.version)) == 1
    assert len(stacaster.access.find_collections(provider="OTHER", limit=None)) == 250, "all pages"
    assert len(stacaster.access.find_collections(provider="OTHER", limit=220)) == 220
    assert not any("authorization" in request.headers for request in twin.log)


def test_a_token_only_where_it_is_asked_for(archive: Cmr, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    assert stacaster.access.find_collections("secret") == []
    stacaster.search("ATL03")
    assert not any("authorization" in request.headers for request in twin.log), "never by default"
    assert [r.short_name for r in stacaster.access.find_collections("secret", token=True)] == ["SECRET_L2"]
    assert len(stacaster.search("ATL03", token=True)) == 1
    assert twin.log[-1].headers["authorization"] == "Bearer canary-token-1"
    monkeypatch.delenv("EARTHDATA_TOKEN")
    with pytest.raises(AuthError, match="there is no login"):
        stacaster.search("ATL03", token=True)
    assert len(stacaster.search("ATL03", token="canary-token-1")) == 1
    monkeypatch.setenv("STACASTER_CMR_URL", "https://evil.example.com")
    seen: list[Any] = []
    twin.routes["evil.example.com"] = lambda request: seen.append(request) or Answer(404)  # type: ignore[func-returns-value]
    with pytest.raises(AuthError, match=r"earthdata\.nasa\.gov alone"):
        stacaster.search("ATL03", token="canary-token-1")
    assert not seen


@pytest.mark.parametrize(
    "wrong",
    [{}, {"word": ""}, {"word": 5}, {"cloud_hosted": "yes"}, {"limit": 0}, {"word": "x", "token": "a\nb"}],
)
def test_wrong_arguments(archive: Cmr, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        stacaster.access.find_collections(**{"word": "x", **wrong} if "limit" in wrong else wrong)


def test_command(archive: Cmr) -> None:
    done = CliRunner().invoke(cli, ["collections", "atl03", "--provider", "NSIDC_CPRD", "--json"])
    assert [row["version"] for row in json.loads(done.stdout)] == ["006", "007"]
    table = CliRunner().invoke(cli, ["collections", "--short-name", "ATL0*", "--not-cloud-hosted"])
    assert "NSIDC_ECS" in table.stdout and "NSIDC_CPRD" not in table.stdout
    assert CliRunner().invoke(cli, ["collections", "nothing"], standalone_mode=False).return_value == 3


def test_recorded_collections(shared: Path, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of a real provider."""
    recorded = json.loads((shared / "data" / "cmr" / "ea_collections_20of834.json").read_text())
    body = recorded["interactions"][0]["body"]["json"] if "body" in recorded["interactions"][0] else (
        recorded["interactions"][0]["response"]["body"]["json"])  # fmt: skip
    twin.routes["cmr.earthdata.nasa.gov"] = lambda _: Answer(body=json.dumps(body).encode())
    found = stacaster.access.find_collections(provider="POCLOUD", cloud_hosted=True)
    assert len(found) == len(body["items"]) == 20
    assert all(r.cloud_hosted and r.id.startswith("C") and r.title and r.start for r in found)
    assert found[0].granules == 1698 and "s3credentials" in str(found[0].credentials_href)
