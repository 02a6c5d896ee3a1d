"""Buckets with temporary credentials: a real S3 server, in front of it one that knows expired keys."""

from __future__ import annotations

import datetime as dt
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

import stacaster
from stacaster.access.fetch import TransferRules
from stacaster.access.sources.umm import parse_umm
from stacaster.errors import AuthError, FetchError, UsageError
from stacaster.model import Granule, GranuleFile
from stacaster.network.transport.s3 import credentials_endpoint
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.records import BUCKET, DATA_HOST, aster_record
from tests.earthdata_twin.server import Answer, Request, Twin

pytest.importorskip("obstore")

CONTENT = b"\x0e\x03\x13\x01" + random.Random(5).randbytes(20_000_000)
QUICK = TransferRules(attempts=3, budget_s=60)


class Guard:
    """Lets requests through to the S3 server when their session token is valid."""

    def __init__(self, target: str) -> None:
        self.valid: set[str] = set()
        self.refused = 0
        self.log: list[tuple[str, str]] = []
        self.broken_after: int | None = None
        self.expire_after: int | None = None
        self.on_expiry: Callable[[], None] = lambda: None
        guard = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Keep the terminal quiet."""

            def do_GET(self) -> None:
                token = self.headers.get("x-amz-security-token", "")
                guard.log.append((self.command, self.headers.get("range", "")))
                if guard.expire_after is not None and len(guard.log) > guard.expire_after:
                    guard.valid = set()
                    guard.on_expiry()
                if token not in guard.valid:
                    guard.refused += 1
                    body = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
                    self._send(400, {}, body)
                    return
                if guard.broken_after is not None and len(guard.log) > guard.broken_after:
                    self._send(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
                    return
                sent = {key: value for key, value in self.headers.items() if key.lower() in ("range", "if-match")}
                # The S3 server behind wants a signature, but does not check it.
                sent["Authorization"] = "AWS4-HMAC-SHA256 Credential=x/20260101/us-west-2/s3/aws4_request, Signature=x"
                answer = requests.request(self.command, target + self.path, headers=sent, timeout=30)
                kept = {k: v for k, v in answer.headers.items() if k.lower() in
                        ("etag", "content-range", "last-modified", "content-length")}  # fmt: skip
                self._send(answer.status_code, kept, answer.content)

            do_HEAD = do_GET

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                if not any(key.lower() == "content-length" for key in headers):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def guard(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    for name in (BUCKET, "open-data"):
        place = "<LocationConstraint>us-west-2</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
        requests.put(f"{moto}/{name}", data=body.encode(), timeout=30)
    found = Guard(moto)
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    yield found
    found.server.shutdown()
    found.server.server_close()


class Keys:
    """The endpoint that gives out credentials, as NASA's hosts do."""

    def __init__(self, earthdata: Earthdata, guard: Guard) -> None:
        self.made, self.lifetime, self.guard, self.earthdata = 0, dt.timedelta(hours=1), guard, earthdata

    def __call__(self, request: Request) -> Answer:
        if request.path != "/s3credentials":
            return self.earthdata._data(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.earthdata.tokens:
            return Answer(401, body=b'{"error": "invalid_token"}')
        self.made += 1
        self.guard.valid = {f"canary-session-{self.made}"}
        expires = dt.datetime.now(dt.UTC) + self.lifetime
        body = {"accessKeyId": "canary-key", "secretAccessKey": "canary-secret",
                "sessionToken": f"canary-session-{self.made}",
                "expiration": expires.strftime("%Y-%m-%d %H:%M:%S+00:00")}  # fmt: skip
        return Answer(body=json.dumps(body).encode())


@pytest.fixture
def keys(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    with Twin(tmp_path) as twin:
        for name, value in twin.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
        monkeypatch.setattr("stacaster.network.http.random.uniform", lambda low, high: 0.01)
        found = Keys(Earthdata(twin), guard)
        twin.routes[DATA_HOST] = found
        yield found


def granule(moto: str, number: int = 1) -> Granule:
    found = parse_umm(aster_record(number, dt.datetime(2003, 1, number), (135.0, -31.0, 136.0, -30.0), content=CONTENT))
    (data,) = found.data_files
    requests.put(f"{moto}/{(data.s3_href or '')[5:]}", data=CONTENT, timeout=60)
    return replace(found, files=(data,))


def test_download_from_a_bucket(keys: Keys, moto: str, tmp_path: Path) -> None:
    wanted = [granule(moto, number) for number in (1, 2, 3)]
    report = stacaster.fetch(wanted, cache_dir=tmp_path / "cache", s3=True, rules=QUICK)
    assert not report.failed, report.failed
    assert [path.read_bytes() == CONTENT for path in report.files] == [True] * 3
    assert keys.made == 1, "one set of credentials for all"
    again = stacaster.fetch(wanted, cache_dir=tmp_path / "cache", s3=True)
    assert [outcome.status for outcome in again.outcomes] == ["present"] * 3
    written = "".join(p.read_text(errors="replace") for p in (tmp_path / "cache").rglob(".*") if p.is_file())
    assert "canary" not in written + repr(report)


def test_a_broken_download_goes_on(keys: Keys, moto: str, tmp_path: Path) -> None:
    wanted = granule(moto)
    keys.guard.broken_after = 2
    (failed,) = stacaster.fetch([wanted], cache_dir=tmp_path / "cache", s3=True, rules=QUICK).failed
    assert failed.error == "AuthError" and "leave --s3 out elsewhere" in (failed.reason or "")
    assert "canary" not in (failed.reason or "")
    (part,) = (tmp_path / "cache").rglob("*.part")
    had = part.stat().st_size
    assert 0 < had < len(CONTENT)
    keys.guard.broken_after = None
    keys.guard.log.clear()
    report = stacaster.fetch([wanted], cache_dir=tmp_path / "cache", s3=True, rules=QUICK)
    assert report.files[0].read_bytes() == CONTENT
    asked = [entry for kind, entry in keys.guard.log if kind == "GET"]
    assert asked[0].startswith(f"bytes={had}-"), asked


def test_keys_that_expire_are_renewed(keys: Keys, moto: str) -> None:
    wanted = granule(moto)
    remote = stacaster.network.open_remote(wanted, s3=True, block_bytes=1000)
    keys.guard.valid = {"canary-other"}
    assert remote.read_at(500_000, 500_100) == CONTENT[500_000:500_100]
    assert keys.made == 2 and keys.guard.refused >= 1
    # Keys that are about to expire are not used for long.
    keys.lifetime = dt.timedelta(minutes=2)
    other = stacaster.network.open_remote(wanted, s3=True, block_bytes=1000)
    made = keys.made
    assert other.read_at(900_000, 900_100) == CONTENT[900_000:900_100] and keys.made > made


def test_a_bucket_without_login(moto: str, guard: Guard, tmp_path: Path) -> None:
    guard.valid = {""}
    requests.put(f"{moto}/open-data/a.bin", data=CONTENT[:5000], timeout=30)
    assert stacaster.network.open_remote("s3://open-data/a.bin").read() == CONTENT[:5000]
    with pytest.raises(FetchError, match="there is no such object in the bucket open-data"):
        stacaster.network.open_remote("s3://open-data/b.bin")


def test_credentials_that_are_not_given_out(keys: Keys, moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = granule(moto)
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-expired")
    with pytest.raises(AuthError, match="refused the credentials from EARTHDATA_TOKEN") as caught:
        stacaster.network.open_remote(wanted, s3=True)
    assert "canary" not in str(caught.value)
    with pytest.raises(UsageError, match="has no address in a bucket"):
        stacaster.network.open_remote(GranuleFile(name="a", href="https://x/a"), s3=True)


@pytest.mark.parametrize(
    ("href", "stated", "expected"),
    [
        ("s3://lp-prod-protected/a", None, "https://data.lpdaac.earthdatacloud.nasa.gov/s3credentials"),
        ("s3://lp-prod-protected/a", "https://x/s3credentials", "https://x/s3credentials"),
        ("s3://sds-n-cumulus-prod-nisar-products/a", None, "https://nisar.asf.earthdatacloud.nasa.gov/s3credentials"),
        ("s3://podaac-ops-cumulus-protected/a", None, "https://archive.podaac.earthdata.nasa.gov/s3credentials"),
        ("s3://copernicus-dem-30m/a", None, None),
    ],
)
def test_where_credentials_are_given_out(href: str, stated: str | None, expected: Any) -> None:
    assert credentials_endpoint(href, stated) == expected


def nisar_in_bucket(moto: str, folder: Path) -> tuple[Path, Granule]:
    """Write a granule, put it into the bucket, and return it as a search would."""
    from stacaster.samples.nisar import DEFAULT_SCENES, write_nisar

    path = write_nisar(replace(DEFAULT_SCENES[0], shape=(1100, 1200), page_bytes=1 << 16), folder)
    requests.put(f"{moto}/{BUCKET}/{path.name}", data=path.read_bytes(), timeout=60)
    record = parse_umm(
        aster_record(1, dt.datetime(2026, 7, 1), (138.0, -32.0, 139.0, -30.0), content=path.read_bytes())
    )
    data = replace(
        record.data_files[0], name=path.name, s3_href=f"s3://{BUCKET}/{path.name}", href="https://x.nasa.gov/x"
    )
    return path, replace(record, files=(data,))


NISAR_AREA = (138.50, -31.01, 138.53, -31.0)


def test_an_area_of_a_granule_in_a_bucket(keys: Keys, moto: str, tmp_path: Path) -> None:
    import h5py

    path, found = nisar_in_bucket(moto, tmp_path)
    keys.guard.log.clear()
    report = stacaster.ingest([found], catalog=tmp_path / "c", s3=True, bands=["HHHH"], bbox=NISAR_AREA)
    assert not report.failed, report.failed
    moved = [int(last) - int(first) + 1 for kind, entry in keys.guard.log if kind == "GET"
             for first, _, last in [entry.removeprefix("bytes=").partition("-")]]  # fmt: skip
    local = stacaster.ingest([path], catalog=tmp_path / "d", bands=["HHHH"], bbox=NISAR_AREA)
    assert not local.failed
    one, two = (next(iter(stacaster.open_catalog(tmp_path / name).search().items())) for name in "cd")
    theirs = two.assets["HHHH"].extra_fields["stacaster:pixel_checksum"]
    assert one.assets["HHHH"].extra_fields["stacaster:pixel_checksum"] == theirs
    assert "canary" not in (tmp_path / "c" / one.self_href).read_text()
    transform, shape = (one.assets["HHHH"].extra_fields[key] for key in ("proj:transform", "proj:shape"))
    with h5py.File(path) as file:
        grid = file["science/LSAR/GCOV/grids/frequencyA"]
        top = round((grid["yCoordinates"][0] + 10 - transform[5]) / 20)
        left = round((transform[2] - grid["xCoordinates"][0] + 10) / 20)
        chunks = [grid["HHHH"].id.get_chunk_info_by_coord((row, col)).size
                  for row in range(top // 512 * 512, top + shape[0], 512)
                  for col in range(left // 512 * 512, left + shape[1], 512)]  # fmt: skip
    assert 0 < sum(moved) <= 1.5 * sum(chunks), (sum(moved), chunks)


@pytest.mark.parametrize("ends", ["refused", "login"])
def test_an_ingest_whose_keys_end_in_the_midst(keys: Keys, moto: str, tmp_path: Path, ends: str) -> None:
    """The bucket refuses after the first answers; or keys expire and the login gives no new ones any more."""
    path, found = nisar_in_bucket(moto, tmp_path)
    (tmp_path / "other").mkdir()
    path.rename(tmp_path / "other" / path.name)
    assert not stacaster.ingest([tmp_path / "other"], catalog=tmp_path / "c", bands=["mask"]).failed
    keys.guard.log.clear()
    keys.guard.broken_after = 3
    if ends == "login":
        keys.guard.broken_after = None
        keys.guard.expire_after, keys.guard.on_expiry = 3, keys.earthdata.tokens.clear
    report = stacaster.ingest([found], catalog=tmp_path / "c", s3=True, bands=["HHHH"], bbox=NISAR_AREA)
    (failed,) = report.failed
    assert failed.error == "AuthError" and len(keys.guard.log) > 3, failed
    assert "refuse" in str(failed.reason) and "canary" not in str(failed), failed
    assert stacaster.catalog.check_catalog(tmp_path / "c") == []
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert "mask" in item.assets and "HHHH" not in item.assets, "what was there stays"
