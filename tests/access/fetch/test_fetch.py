"""Downloads over real sockets and TLS, with everything that goes wrong on the way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.access.fetch import FetchReport, TransferRules
from stacaster.access.sources.umm import parse_umm
from stacaster.model import Granule, GranuleFile
from tests.earthdata_twin.earthdata import CDN_HOST, LOGIN_HOST, PASSWORD, USER, Earthdata
from tests.earthdata_twin.records import DATA_HOST, aster_record
from tests.earthdata_twin.server import Answer, Request, Twin

CONTENT = b"\x0e\x03\x13\x01" + random.Random(1).randbytes(900_000)
QUICK = TransferRules(attempts=3, connect_s=5, read_s=2, slow_s=0.5, budget_s=60)
PAGE = Answer(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><body>Earthdata Login</body></html>")


@pytest.fixture
def earthdata(twin: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Earthdata:
    home = tmp_path / "home"
    (home / ".netrc").write_text("default login canary-default password canary-secret\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    return Earthdata(twin)


def granule(earthdata: Earthdata, number: int = 1, content: bytes = CONTENT) -> Granule:
    record = aster_record(number, datetime(2003, 1, 1, 0, 0, number), (135.0, -31.0, 136.0, -30.0), content=content)
    found = parse_umm(record)
    data = replace(found, files=found.data_files)
    earthdata.files["/" + data.files[0].href.split("/", 3)[3]] = content
    return data


def nameless(found: Granule) -> Granule:
    """The same granule without size and checksum."""
    return replace(found, files=tuple(replace(f, size=None, checksum=None, checksum_kind=None) for f in found.files))


def get(cache: Path, *granules: Granule, **options: Any) -> FetchReport:
    return stacaster.fetch(granules, cache_dir=cache, **{"rules": QUICK, **options})


def leftovers(cache: Path) -> list[str]:
    return [p.name for p in cache.rglob("*") if p.is_file() and p.name.endswith((".part", ".part.json", ".lock"))]


def test_a_granule(earthdata: Earthdata, servers: Twin, tmp_path: Path) -> None:
    wanted = granule(earthdata)
    report = get(tmp_path / "cache", wanted)
    (path,) = report.files
    assert path.read_bytes() == CONTENT and not report.failed
    assert path.relative_to(tmp_path / "cache").parts == ("AST_L1T.003", wanted.id, f"{wanted.id}.hdf")
    assert leftovers(tmp_path / "cache") == []
    again = get(tmp_path / "cache", wanted)
    assert [outcome.status for outcome in again.outcomes] == ["present"] and len(earthdata.cdn_requests) == 1
    # The file is used as a source like any other.
    assert stacaster.ingest([tmp_path / "cache"], catalog=tmp_path / "c", dry_run=True).outcomes[0].granule == path.name


def test_token_goes_to_trusted_hosts_alone(earthdata: Earthdata, servers: Twin, tmp_path: Path) -> None:
    get(tmp_path / "cache", granule(earthdata))
    for request in servers.log:
        has_token = request.headers.get("authorization") == "Bearer canary-token-1"
        assert has_token == (request.host == DATA_HOST), request.host
        assert "canary-secret" not in str(request.headers) and "cookie" not in request.headers


def test_user_name_and_password(
    earthdata: Earthdata, servers: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EARTHDATA_TOKEN")
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    report = get(tmp_path / "cache", *[granule(earthdata, n) for n in range(1, 6)])
    assert not report.failed
    assert sum(request.host == LOGIN_HOST for request in servers.log) == 1, "one token for all"
    monkeypatch.setenv("EARTHDATA_PASSWORD", "wrong")
    (failed,) = get(tmp_path / "other", granule(earthdata)).failed
    assert failed.error == "AuthError" and "Invalid user credentials" in (failed.reason or "")
    assert "wrong" not in (failed.reason or "")


def test_netrc_entry_of_the_login_host(
    earthdata: Earthdata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("EARTHDATA_TOKEN")
    (missing,) = get(tmp_path / "cache", granule(earthdata)).failed
    assert missing.error == "AuthError" and "needs a login; set EARTHDATA_TOKEN" in (missing.reason or "")
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine {LOGIN_HOST} login {USER} password {PASSWORD}\ndefault login a password canary-secret\n")
    netrc.chmod(0o644)
    assert not get(tmp_path / "cache", granule(earthdata)).failed
    assert ".netrc can be read by others" in caplog.text
    netrc.write_text("machine x login canary-secret passwort y\n")
    with pytest.raises(stacaster.StacasterError, match=r"\.netrc cannot be understood \(line 1\)") as caught:
        get(tmp_path / "other", granule(earthdata))
    assert "canary" not in str(caught.value)


def test_a_token_that_expires_is_renewed_once(
    earthdata: Earthdata, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EARTHDATA_TOKEN")
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    earthdata.faults[DATA_HOST] = [Answer(401, body=b'{"error": "invalid_token"}')]
    assert not get(tmp_path / "cache", granule(earthdata)).failed
    monkeypatch.delenv("EARTHDATA_USERNAME")
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-expired")
    (failed,) = get(tmp_path / "other", granule(earthdata)).failed
    assert "refused the credentials from EARTHDATA_TOKEN" in (failed.reason or "") and "canary" not in str(failed)


def cut(at: float, **fields: Any) -> Any:
    def fault(_: Request, answer: Answer) -> Answer:
        return replace(answer, cut_at=int(len(answer.body) * at), **fields)

    return fault


@pytest.mark.parametrize(
    "faults",
    [
        [cut(0.0)],
        [cut(0.5)],
        [cut(0.99)],
        [cut(0.5, reset=True)],
        [cut(0.3), cut(0.3), cut(0.3), cut(0.3), cut(0.3)],
        [cut(0.5, length=-1)],
        [Answer(500, body=b"<html>"), Answer(503, {"Retry-After": "0"})],
        [Answer(429, {"Retry-After": "0"})],
        [Answer(403, body=b"<Error><Message>Request has expired</Message></Error>")],
        [lambda _, answer: replace(answer, body=answer.body[:1000] + b"?" + answer.body[1001:])],
        [PAGE],
        [lambda _, answer: replace(answer, stall_at=len(answer.body) // 2)],
    ],
    ids=["cut 0", "cut half", "cut 99", "reset", "cut again and again", "cut without length", "5xx", "429", "expired",
         "flipped byte", "login page", "stall"],
)  # fmt: skip
def test_trouble_of_the_content_network_passes(earthdata: Earthdata, tmp_path: Path, faults: list[Any]) -> None:
    earthdata.faults[CDN_HOST] = list(faults)
    report = get(tmp_path / "cache", granule(earthdata))
    assert not report.failed, report.failed
    assert report.files[0].read_bytes() == CONTENT and leftovers(tmp_path / "cache") == []


def test_a_cut_transfer_goes_on_where_it_stopped(earthdata: Earthdata, tmp_path: Path) -> None:
    earthdata.faults[CDN_HOST] = [cut(0.5), cut(0.5)]
    assert not get(tmp_path / "cache", granule(earthdata)).failed
    first = [int(request.headers.get("range", "bytes=0-")[6:-1]) for request in earthdata.cdn_requests]
    assert first == sorted(first) and first[0] == 0
    # What was sent is asked for again by at most one chunk.
    assert first[1] >= len(CONTENT) * 0.5 - (1 << 18) and first[1] > 0
    assert all("if-range" in request.headers for request in earthdata.cdn_requests[1:])


def test_a_later_run_goes_on_where_the_first_stopped(earthdata: Earthdata, tmp_path: Path) -> None:
    wanted = granule(earthdata)
    earthdata.faults[CDN_HOST] = [cut(0.7), *[Answer(503, {"Retry-After": "0"})] * 5]
    (failed,) = get(tmp_path / "cache", wanted).failed
    assert "the same command goes on there" in (failed.reason or "") and failed.error == "FetchError"
    earthdata.faults.clear()
    assert get(tmp_path / "cache", wanted).files[0].read_bytes() == CONTENT
    assert int(earthdata.cdn_requests[-1].headers["range"][6:-1]) > 300_000


def test_a_file_that_changed_meanwhile_starts_again(earthdata: Earthdata, tmp_path: Path) -> None:
    wanted = nameless(granule(earthdata))
    earthdata.faults[CDN_HOST] = [cut(0.7), *[Answer(503, {"Retry-After": "0"})] * 5]
    assert get(tmp_path / "cache", wanted).failed
    earthdata.faults.clear()
    other = CONTENT[:4] + random.Random(2).randbytes(len(CONTENT) - 4)
    earthdata.files = dict.fromkeys(earthdata.files, other)
    assert get(tmp_path / "cache", wanted).files[0].read_bytes() == other


def wrong_range(_: Request, answer: Answer) -> Answer:
    return replace(answer, headers={**answer.headers, "Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"})


@pytest.mark.parametrize("second", [wrong_range, Answer(416), lambda r, a: Answer(200, a.headers, CONTENT)])
def test_a_server_that_does_not_resume(earthdata: Earthdata, tmp_path: Path, second: Any) -> None:
    earthdata.faults[CDN_HOST] = [cut(0.5), second]
    assert get(tmp_path / "cache", granule(earthdata)).files[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("host", "answer", "error", "words", "requests"),
    [
        (DATA_HOST, Answer(404, body=b"<html>gone</html>"), "FetchError", "answered 404", 1),
        (DATA_HOST, Answer(400, body=b'{"message": "odd"}'), "FetchError", "answered 400: odd", 1),
        (DATA_HOST, Answer(403, body=b'{"error_description": "EULA Acceptance Failure", '
                           b'"resolution_url": "https://urs.earthdata.nasa.gov/approve"}'),
         "AuthError", "EULA Acceptance Failure; agree at https://urs.earthdata.nasa.gov/approve", 1),
        (DATA_HOST, Answer(403, body=b"<html>denied</html>"), "AuthError", "refuses access", 1),
        (DATA_HOST, Answer(302, {"Location": f"https://{DATA_HOST}/a"}), "FetchError", "redirects in a circle", 2),
        (DATA_HOST, Answer(302, {"Location": f"http://{CDN_HOST}/a"}), "FetchError", "without https", 1),
        (DATA_HOST, PAGE, "IntegrityError", "login page", 2),
        (CDN_HOST, Answer(503, {"Retry-After": "0"}), "FetchError", "tried 3 times", 3),
        (CDN_HOST, cut(0.0), "FetchError", "tried 3 times", 3),
        (CDN_HOST, lambda _, a: replace(a, body=a.body[:-1] + b"?"), "IntegrityError", "SHA-512 checksum", 2),
        (CDN_HOST, lambda _, a: replace(a, body=a.body + b"more"), "IntegrityError", "but the record says", 2),
    ],
)  # fmt: skip
def test_trouble_that_stays(
    earthdata: Earthdata, servers: Twin, tmp_path: Path, host: str, answer: Any, error: str, words: str, requests: int
) -> None:
    earthdata.faults[host] = [answer] * 20
    if isinstance(answer, Answer) and "Location" in answer.headers:
        earthdata.files["/a"] = CONTENT
    (failed,) = get(tmp_path / "cache", granule(earthdata)).failed
    assert failed.error == error and words in (failed.reason or ""), failed
    assert sum(request.host == host for request in servers.log) == requests
    assert not list((tmp_path / "cache").rglob("*.hdf"))


@pytest.mark.parametrize("fault", [cut(0.5, length=-1), cut(1.0, length=-1)])
def test_a_length_that_nobody_knows(earthdata: Earthdata, tmp_path: Path, fault: Any) -> None:
    earthdata.faults[CDN_HOST] = [fault] * 9
    (failed,) = get(tmp_path / "cache", nameless(granule(earthdata))).failed
    assert "states no length" in (failed.reason or "")


def test_pages_are_no_data_even_when_nothing_is_known(earthdata: Earthdata, tmp_path: Path) -> None:
    earthdata.faults[CDN_HOST] = [PAGE] * 9
    (failed,) = get(tmp_path / "cache", nameless(granule(earthdata))).failed
    assert failed.error == "IntegrityError" and "HTML page, most likely a login page" in (failed.reason or "")


def test_a_foreign_host_sees_no_credentials(earthdata: Earthdata, servers: Twin, tmp_path: Path) -> None:
    servers.routes["evil.example.com"] = lambda _: Answer(200, body=CONTENT)
    earthdata.faults[DATA_HOST] = [Answer(302, {"Location": "https://evil.example.com/x"})] * 3
    get(tmp_path / "cache", granule(earthdata))
    seen = [request for request in servers.log if request.host == "evil.example.com"]
    assert seen and all("canary" not in str(request.headers) for request in seen)


def test_existing_files_are_trusted_by_receipt_or_checksum_only(earthdata: Earthdata, tmp_path: Path) -> None:
    wanted = granule(earthdata)
    path = get(tmp_path / "cache", wanted).files[0]
    for receipt in path.parent.glob(".*.receipt.json"):
        receipt.unlink()
    assert get(tmp_path / "cache", wanted).outcomes[0].status == "present", "by its checksum"
    path.write_bytes(b"short")
    assert get(tmp_path / "cache", wanted).outcomes[0].status == "fetched"
    assert path.read_bytes() == CONTENT
    other = nameless(granule(earthdata, 2))
    target = tmp_path / "cache" / "AST_L1T.003" / other.id / f"{other.id}.hdf"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"x")
    assert get(tmp_path / "cache", other).outcomes[0].status == "fetched" and target.read_bytes() == CONTENT


@pytest.mark.parametrize("change", [{"checksum": "0" * 32}, {"checksum_kind": "SHA-1"}, {"size": 900_005}])
def test_a_receipt_of_another_record_is_not_trusted(
    earthdata: Earthdata, tmp_path: Path, change: dict[str, Any]
) -> None:
    wanted = granule(earthdata)
    assert not get(tmp_path / "cache", wanted).failed
    other = replace(wanted, files=(replace(wanted.files[0], **change),))
    (failed,) = get(tmp_path / "cache", other).failed
    assert len(earthdata.cdn_requests) > 1 and failed.error == "IntegrityError"


def test_a_checksum_of_an_unknown_kind_is_said(
    earthdata: Earthdata, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = granule(earthdata)
    files = tuple(replace(file, checksum="1f", checksum_kind="Fletcher-32") for file in wanted.files)
    report = get(tmp_path / "cache", replace(wanted, files=files))
    assert not report.failed
    (outcome,) = report.outcomes
    assert "Fletcher-32" in outcome.notes[0] and "was not checked" in outcome.notes[0]
    assert "Fletcher-32" in str(report.to_dict())
    assert "states a checksum of the kind 'Fletcher-32', which is not known" in caplog.text


def test_one_bad_granule_stops_no_other(earthdata: Earthdata, tmp_path: Path) -> None:
    wanted = [granule(earthdata, number) for number in range(1, 7)]
    earthdata.files.pop("/" + wanted[2].files[0].href.split("/", 3)[3])
    report = get(tmp_path / "cache", *wanted)
    assert [outcome.status for outcome in report.outcomes] == ["fetched"] * 2 + ["failed"] + ["fetched"] * 3
    assert repr(report) == "<FetchReport: 5 fetched, 0 present, 1 failed>"


def test_hostile_names_stay_in_the_cache(earthdata: Earthdata, tmp_path: Path) -> None:
    wanted = granule(earthdata)
    hostile = replace(wanted, id="../../escape", files=(replace(wanted.files[0], name="../../x.hdf"),))
    report = get(tmp_path / "cache", hostile)
    assert not report.failed
    assert all(path.resolve().is_relative_to((tmp_path / "cache").resolve()) for path in report.files)


def test_disk_that_is_too_small(earthdata: Earthdata, tmp_path: Path) -> None:
    wanted = granule(earthdata)
    huge = replace(wanted, files=(replace(wanted.files[0], size=1 << 60),))
    (failed,) = get(tmp_path / "cache", huge).failed
    assert failed.error == "SpaceError" and "are free" in (failed.reason or "")


SCRIPT = """
import json, sys
import stacaster
from stacaster.access.fetch import TransferRules
from stacaster.model import Granule, GranuleFile
import datetime as dt
files = tuple(GranuleFile(**row) for row in json.loads(sys.argv[1]))
moment = dt.datetime(2003, 1, 1, tzinfo=dt.UTC)
granules = [Granule(id=f.name, source="x", product="P", version="1", collection="C", geometry=None, start=moment,
                    end=moment, files=(f,)) for f in files]
print("ready", flush=True)
report = stacaster.fetch(granules, cache_dir=sys.argv[2], rules=TransferRules(attempts=3, read_s=30))
print(report, [o.reason for o in report.failed])
"""


def command(wanted: list[Granule], cache: Path) -> list[str]:
    rows = [{k: v for k, v in vars(g.files[0]).items() if v is not None} for g in wanted]
    return [sys.executable, "-c", SCRIPT, json.dumps(rows), str(cache)]


def child_env(repository: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(repository)}


def test_two_processes_want_the_same_file(earthdata: Earthdata, tmp_path: Path, repository: Path) -> None:
    wanted = [granule(earthdata, number) for number in range(1, 5)]
    running = [
        subprocess.Popen(
            command(wanted, tmp_path / "cache"), env=child_env(repository), stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in running:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0 and "0 failed" in output
    assert len(earthdata.cdn_requests) == 4, "each file came once"
    assert all(path.read_bytes() == CONTENT for path in (tmp_path / "cache").rglob("*.hdf") if path.is_file())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stop_in_the_middle(
    earthdata: Earthdata, servers: Twin, tmp_path: Path, repository: Path, how: signal.Signals
) -> None:
    wanted = [granule(earthdata, 1)]
    earthdata.faults[CDN_HOST] = [lambda _, answer: replace(answer, stall_at=600_000)]
    with subprocess.Popen(
        command(wanted, tmp_path / "cache"), env=child_env(repository), stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        while not any(p.stat().st_size >= 500_000 for p in (tmp_path / "cache").rglob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        start = time.monotonic()
        process.send_signal(how)
        process.wait(timeout=30)
        # About half a second; without cutting the connections it would be the thirty of the read time-out.
        assert time.monotonic() - start < 5
    servers.released.set()
    report = get(tmp_path / "cache", replace(wanted[0], id=wanted[0].files[0].name, product="P", version="1"))
    assert report.files[0].read_bytes() == CONTENT
    assert int(earthdata.cdn_requests[-1].headers["range"][6:-1]) >= 500_000
    assert leftovers(tmp_path / "cache") == []


def test_no_secret_is_left_anywhere(earthdata: Earthdata, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    earthdata.faults[CDN_HOST] = [cut(0.5), Answer(503, {"Retry-After": "0"})]
    report = get(tmp_path / "cache", granule(earthdata))
    written = "".join(p.read_text(errors="replace") for p in (tmp_path / "cache").rglob("*") if p.is_file())
    shown = repr(report) + repr(report.outcomes) + caplog.text
    from stacaster.network.auth import EarthdataAuth, find_credentials

    shown += repr(find_credentials()) + repr(EarthdataAuth(find_credentials()))
    assert "canary-token" not in written + shown and "canary-signature" not in written + shown


def test_a_receipt_written_by_several_at_once(tmp_path: Path) -> None:
    from stacaster.access.fetch.check import is_trusted, write_receipt

    target = tmp_path / "a.hdf"
    target.write_bytes(CONTENT)
    file = GranuleFile(name="a.hdf", href="https://example.com/a.hdf")
    problems: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(100):
                write_receipt(target, file, "ab")
        except OSError as error:
            problems.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not problems and is_trusted(target, file)
    assert len(list(tmp_path.iterdir())) == 2, "the file and its receipt"
