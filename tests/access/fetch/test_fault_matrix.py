"""Every fault at every service: search, login, data; no bad file, no leaked credential, a message that helps."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import stacaster
from stacaster.access.fetch import TransferRules
from stacaster.errors import StacasterError
from stacaster.network.http import RetryPolicy
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import CDN_HOST, LOGIN_HOST, PASSWORD, USER, Earthdata
from tests.earthdata_twin.records import DATA_HOST, aster_record
from tests.earthdata_twin.server import Answer, Request, Twin

CMR_HOST = "cmr.earthdata.nasa.gov"
CONTENT = b"\x0e\x03\x13\x01" + bytes(range(256)) * 1500
HOSTS = {"search": CMR_HOST, "login": LOGIN_HOST, "data": DATA_HOST, "network": CDN_HOST}
Fault = Answer | Callable[[Request, Answer], Answer]
PAGE = Answer(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html>Earthdata Login</html>")
FOREIGN = Answer(302, {"Location": "https://evil.example.com/x"})


def cut(at: float, **fields: object) -> Callable[[Request, Answer], Answer]:
    return lambda _, answer: replace(answer, cut_at=int(len(answer.body) * at), **fields)  # type: ignore[arg-type]


def stall(at: float) -> Callable[[Request, Answer], Answer]:
    return lambda _, answer: replace(answer, stall_at=int(len(answer.body) * at))


STATUSES = (400, 401, 403, 404, 408, 500, 502, 503, 504)
BODY = {"cut 0", "cut 50", "cut 99", "reset", "stall 0", "stall 99", "wrong length"}
PASSING = BODY | {"408", "500", "502", "503", "504", "429", "429 seconds", "429 date"}
FAULTS: dict[str, Fault] = {
    "cut 0": cut(0.0),
    "cut 50": cut(0.5),
    "cut 99": cut(0.99),
    "reset": cut(0.5, reset=True),
    "no length": cut(0.5, length=-1),
    "wrong length": lambda _, answer: replace(answer, length=len(answer.body) + 10, cut_at=len(answer.body)),
    "stall 0": stall(0.0),
    "stall 99": stall(0.99),
    "page": PAGE,
    "foreign": FOREIGN,
    "plain http": Answer(302, {"Location": "http://evil.example.com/x"}),
    **{str(status): Answer(status, body=b'{"errors": ["odd"]}') for status in STATUSES},
    "429 seconds": Answer(429, {"Retry-After": "0"}),
    "429 date": Answer(429, {"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}),
    "429": Answer(429),
}  # fmt: skip


class Services:
    """All services with one granule; ``faults`` of a service are used up one a request."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.earthdata = Earthdata(twin)
        record = aster_record(1, datetime(2003, 1, 1), (135.0, -31.0, 136.0, -30.0), content=CONTENT)
        links = record["umm"]["RelatedUrls"]
        record["umm"]["RelatedUrls"] = [row for row in links if "METADATA" not in row["Type"]]
        self.earthdata.files["/" + links[0]["URL"].split("/", 3)[3]] = CONTENT
        cmr = Cmr([record])
        self.search_faults: list[Fault] = []

        def answer(request: Request) -> Answer:
            usual = cmr(request)
            if not self.search_faults:
                return usual
            fault = self.search_faults.pop(0)
            return fault if isinstance(fault, Answer) else fault(request, usual)

        twin.routes[CMR_HOST] = answer
        twin.routes["evil.example.com"] = lambda _: Answer(200, body=CONTENT[:-1] + b"!")

    def break_service(self, service: str, fault: Fault, times: int) -> None:
        if service == "search":
            self.search_faults = [fault] * times
        else:
            self.earthdata.faults[HOSTS[service]] = [fault] * times

    def run(self, cache: Path) -> list[Path]:
        found = stacaster.search("AST_L1T", policy=RetryPolicy(attempts=3, budget_s=30))
        report = stacaster.fetch(
            found, cache_dir=cache, rules=TransferRules(attempts=3, connect_s=5, read_s=0.5, slow_s=1, budget_s=30)
        )
        if report.failed:
            raise StacasterError(report.failed[0].reason or "")
        return list(report.files)


@pytest.fixture
def services(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    monkeypatch.setattr("stacaster.network.http.TIMEOUT", (5.0, 0.5))
    yield Services(twin)
    twin.released.set()


def check_no_harm(services: Services, cache: Path) -> None:
    """What must hold after every fault."""
    for path in cache.rglob("*.hdf"):
        assert path.read_bytes() == CONTENT, "a bad file was accepted"
    for request in services.twin.log:
        if request.host in ("evil.example.com", CDN_HOST, CMR_HOST):
            assert "authorization" not in request.headers and "canary" not in str(request.headers)
    written = "".join(p.read_text(errors="replace") for p in cache.rglob("*") if p.is_file() and p.suffix == ".json")
    assert "canary" not in written


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("service", HOSTS)
def test_once(services: Services, tmp_path: Path, service: str, name: str) -> None:
    """Trouble that passes costs a repetition; other trouble is said, or repaired, but never believed."""
    services.break_service(service, FAULTS[name], 1)
    try:
        (path,) = services.run(tmp_path / "cache")
        assert path.read_bytes() == CONTENT
    except StacasterError as error:
        assert name not in PASSING, f"{service}: {error}"
        assert str(error) and "canary" not in str(error)
    check_no_harm(services, tmp_path / "cache")


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("service", HOSTS)
def test_always(services: Services, tmp_path: Path, service: str, name: str) -> None:
    """A service that is broken for good ends in an error that names it."""
    services.break_service(service, FAULTS[name], 100)
    if service == "data" and name in BODY | {"no length"}:
        # The data host only redirects: nothing of its body is needed.
        assert services.run(tmp_path / "cache")
        return
    with pytest.raises(StacasterError) as caught:
        services.run(tmp_path / "cache")
    text = str(caught.value)
    assert len(text) > 20 and "canary" not in text and "Traceback" not in text
    assert not list((tmp_path / "cache").rglob("*.hdf"))
    check_no_harm(services, tmp_path / "cache")


@pytest.mark.parametrize("service", HOSTS)
def test_another_certificate(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """A server that cannot prove who it is gets nothing: not the question, not the password, not the token."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    with Twin(folder) as stranger:
        for name, value in stranger.environment.items():
            if "proxy" in name.lower():
                monkeypatch.setenv(name, value)
        with pytest.raises(StacasterError, match=r"certificate|cannot be reached|SSL"):
            services.run(tmp_path / "cache")
        assert stranger.log == []


def test_no_server_at_all(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = stacaster.search("AST_L1T")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(StacasterError, match="CMR cannot be reached"):
        services.run(tmp_path / "cache")
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    (failed,) = stacaster.fetch(found, cache_dir=tmp_path / "cache", rules=TransferRules(attempts=2, budget_s=5)).failed
    assert "cannot be reached" in (failed.reason or "") and "canary" not in (failed.reason or "")
