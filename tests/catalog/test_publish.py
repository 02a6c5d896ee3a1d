"""Publishing to a real S3 server, a folder and fsspec; read from there by ours, odc-stac, pystac, DuckDB and GDAL."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pystac
import pytest
import requests

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import AuthError, CatalogError, FetchError, NothingFoundError, UsageError
from stacaster.network.objects import open_objects

pytest.importorskip("obstore")
pytest.importorskip("moto")

BUCKET = "public-data"
# The server believes every signature, so this makes the bucket public.
PUBLIC = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, Signature=0"}


class Proxy:
    """Stands before the S3 server: writes down what is asked, and refuses from some request on."""

    def __init__(self, target: str) -> None:
        self.log: list[tuple[str, str]] = []
        self.refuse_after: int | None = None
        self.refusal = (403, b"<Error><Code>AccessDenied</Code><Message>secret-header</Message></Error>")
        self.check: Any = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Keep the terminal quiet."""

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                proxy.log.append((self.command, self.path))
                writes = [entry for entry in proxy.log if entry[0] in ("PUT", "POST", "DELETE")]
                is_write = self.command in ("PUT", "POST", "DELETE")
                if is_write and proxy.refuse_after is not None and len(writes) > proxy.refuse_after:
                    self._answer(*proxy.refusal, {})
                    return
                headers = PUBLIC | {key: value for key, value in self.headers.items() if key.lower() != "host"}
                found = requests.request(
                    self.command, f"{target}{self.path}", data=body, headers=headers, timeout=30, stream=True
                )
                keep = {k: v for k, v in found.headers.items() if k.lower() not in ("connection", "transfer-encoding")}
                self._answer(found.status_code, found.raw.read(), keep)
                if proxy.check is not None and is_write:
                    proxy.check()

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                length = headers.get("Content-Length") if self.command == "HEAD" else str(len(body))
                for key, value in headers.items():
                    if key.lower() != "content-length":
                        self.send_header(key, value)
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def s3(moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    requests.post(f"{moto}/moto-api/reset", timeout=30)
    requests.put(f"{moto}/{BUCKET}", timeout=30)
    proxy = Proxy(moto)
    settings = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": proxy.address, "STACASTER_CACHE_DIR": str(tmp_path / "cache"),
        # GDAL has names of its own for the same.
        "AWS_S3_ENDPOINT": proxy.address.removeprefix("http://"), "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield proxy
    proxy.server.shutdown()


@pytest.fixture
def copy(catalog: Catalog, tmp_path: Path) -> Catalog:
    shutil.copytree(catalog.root, tmp_path / "c")
    return stacaster.open_catalog(tmp_path / "c")


def target(prefix: str = "aster/v1") -> str:
    return f"s3://{BUCKET}/{prefix}"


def names(s3: Proxy) -> list[str]:
    found = open_objects(target())
    return sorted(name for name, _ in found.sizes() if not name.startswith(".stacaster/"))


def local_names(catalog: Catalog) -> list[str]:
    paths = (path.relative_to(catalog.root) for path in catalog.root.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.parts[0] != ".stacaster")


def test_published_and_read_from_there(s3: Proxy, copy: Catalog) -> None:
    plan = stacaster.publish(target(), catalog=copy.root, dry_run=True)
    assert sorted(plan.uploaded) == local_names(copy) and names(s3) == []
    report = stacaster.publish(target(), catalog=copy.root)
    assert sorted(report.uploaded) == names(s3) == local_names(copy)
    assert report.size == sum((copy.root / name).stat().st_size for name in local_names(copy))
    far = stacaster.open_catalog(target())
    assert far.info()["collections"] == copy.info()["collections"]
    search = far.search(datetime="2003", filter="eo:cloud_cover < 90")
    assert [item.id for item in search.items()] == [item.id for item in copy.search(datetime="2003").items()]
    here = copy.search(datetime="2003").load(bands=["B01", "B02"], native=True)
    there = search.load(bands=["B01", "B02"], native=True)
    for band in ("B01", "B02"):
        np.testing.assert_array_equal(there[band].values, here[band].values)
    rows = far.sql("select id from items where cloud_cover < 5 order by id")
    assert [item.id for item in rows.items()] == rows.table["id"].to_pylist() and len(rows)
    assert far.search(datetime="2003").to_geodataframe().crs.to_epsg() == 4326
    with pytest.raises(UsageError, match="read only"):
        far.remove(datetime="2003")


def test_other_programs_read_from_there(s3: Proxy, copy: Catalog) -> None:
    import odc.stac
    import rasterio

    base = f"{s3.address}/{BUCKET}/aster/v1"
    stacaster.publish(target(), catalog=copy.root, base_url=base)
    tree = pystac.Catalog.from_file(f"{base}/catalog.json")
    items = sorted(tree.get_items(recursive=True), key=lambda item: item.id)
    assert len(items) == 8
    for item in items:
        place = f"{item.collection_id}/{item.properties['datetime'][:4]}/{item.id}/{item.id}.json"
        assert item.get_self_href() == f"{base}/{place}"
    for item in items[:2]:
        href = next(iter(item.assets.values())).href
        head = requests.head(href, timeout=30)
        assert head.headers["content-type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
        with rasterio.open(f"/vsicurl/{href}") as file, rasterio.open(copy.root / href.removeprefix(f"{base}/")) as own:
            np.testing.assert_array_equal(file.read(), own.read())
    assert requests.head(items[0].get_self_href() or "", timeout=30).headers["content-type"] == "application/geo+json"
    cube = odc.stac.load(items[:2], bands=["B10"], crs="EPSG:32754", resolution=900)
    assert int((cube["B10"] > 0).sum()) > 0
    mirror = requests.get(f"{base}/aster-l1t-003/items.parquet", timeout=30).content
    hrefs = pq.read_table(io.BytesIO(mirror))["assets"].combine_chunks().field("B10").field("href").to_pylist()
    found = [href for href in hrefs if href is not None]
    assert found and all(href.startswith(f"{base}/aster-l1t-003/2") for href in found)
    assert requests.head(found[0], timeout=30).status_code == 200
    (copy.root.parent / "mirror.parquet").write_bytes(mirror)
    with duckdb.connect() as connection:
        text = f"select count(*) from read_parquet('{copy.root.parent}/mirror.parquet')"
        assert connection.sql(text).fetchall() == [(8,)]
    far = stacaster.open_catalog(target())
    assert len(far.search()) == 8 and far.collections == ["aster-l1t-003"]


def test_only_what_changed_goes_up_and_what_is_gone_goes(s3: Proxy, copy: Catalog) -> None:
    stacaster.publish(target(), catalog=copy.root)
    open_objects(target()).put("others/readme.txt", b"mine", content_type="text/plain")
    again = stacaster.publish(target(), catalog=copy.root)
    assert (again.uploaded, again.deleted, again.unchanged) == ((), (), len(local_names(copy)))
    gone = copy.remove(datetime="2003")
    report = stacaster.publish(target(), catalog=copy.root)
    assert not any(name.endswith(".tif") for name in report.uploaded) and report.stale and not report.deleted
    done = stacaster.publish(target(), catalog=copy.root, delete=True)
    assert all(any(item_id in name for item_id in gone) or "/2003/" in name for name in done.deleted)
    assert names(s3) == sorted([*local_names(copy), "others/readme.txt"]), "what others put there stays"
    assert len(stacaster.open_catalog(target()).search()) == 6


def test_no_reader_ever_follows_a_link_into_nothing(s3: Proxy, moto: str, copy: Catalog) -> None:
    problems: list[str] = []
    seen = 0

    def walk() -> None:
        nonlocal seen
        base = f"{moto}/{BUCKET}/aster/v1"
        waiting = [f"{base}/catalog.json"]
        while waiting:
            address = waiting.pop()
            answer = requests.get(address, headers=PUBLIC, timeout=30)
            if answer.status_code != 200:
                if address != f"{base}/catalog.json":
                    problems.append(address)
                return
            document = answer.json()
            folder = address.rpartition("/")[0]
            links = [link["href"] for link in document["links"] if link["rel"] in ("child", "item")]
            waiting += [urljoin(f"{folder}/", href) for href in links]
            hrefs = [f"{folder}/{asset['href']}" for asset in document.get("assets", {}).values()]
            problems.extend(h for h in hrefs if requests.head(h, headers=PUBLIC, timeout=30).status_code != 200)
            seen += 1

    s3.check = lambda: walk() if s3.log[-1][1].partition("?")[0].endswith(".json") else None
    stacaster.publish(target(), catalog=copy.root)
    copy.remove(datetime="2003")
    stacaster.publish(target(), catalog=copy.root, delete=True)
    s3.check = None
    walk()
    assert not problems and seen > 20


def test_an_interrupted_run_goes_on(s3: Proxy, copy: Catalog) -> None:
    s3.refuse_after, s3.refusal = 40, (503, b"<Error><Code>SlowDown</Code></Error>")
    process = subprocess.Popen(
        [sys.executable, "-m", "stacaster", "publish", target(), "--catalog", str(copy.root)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while len([entry for entry in s3.log if entry[0] == "PUT"]) < 45:
        assert process.poll() is None
    process.kill()
    process.wait()
    s3.refuse_after = None
    before = set(names(s3))
    assert 20 < len(before) < len(local_names(copy))
    s3.log.clear()
    stacaster.publish(target(), catalog=copy.root)
    assert names(s3) == local_names(copy)
    assert len(stacaster.open_catalog(target()).search()) == 8


def test_the_receipt_is_read_line_by_line_and_in_its_old_form(copy: Catalog, tmp_path: Path) -> None:
    place = tmp_path / "out"
    stacaster.publish(place, catalog=copy.root)
    receipt = place / ".stacaster" / "published.json"
    text = receipt.read_text()
    known = json.loads(text)["objects"]
    assert sorted(known) == local_names(copy) and len(text.splitlines()) == len(known) + 2
    for kept in (json.dumps({"objects": known}), text):
        receipt.write_text(kept)
        (place / "others.txt").write_text("of others")
        again = stacaster.publish(place, catalog=copy.root, delete=True)
        assert (again.uploaded, again.deleted, again.unchanged) == ((), (), len(known))
        assert receipt.read_text() == kept, "nothing changed, so nothing is written"
    for broken in ("", "[]", text[:-5], text.replace(": ", ":: ", 1), '{"objects": [1]}'):
        receipt.write_text(broken)
        plan = stacaster.publish(place, catalog=copy.root, dry_run=True)
        assert sorted(plan.uploaded) == sorted(known) and plan.stale == (), broken
        with pytest.raises(UsageError, match="nothing says"):
            stacaster.publish(place, catalog=copy.root, delete=True, dry_run=True)
    assert (place / "others.txt").exists()


MANY = """
import json, sys
from pathlib import Path
from stacaster.files.system.process import peak_memory
from stacaster.network.objects import open_objects
from stacaster.catalog.publish.contents import Entry
from stacaster.catalog.publish.receipt import RECEIPT, Receipt

root, count = Path(sys.argv[1]), int(sys.argv[2])
objects = open_objects(root / "out")

def names():
    return (f"aster-l1t-003/2003/AST_L1T_{n:09d}/AST_L1T_{n:09d}_B01.tif" for n in range(count))

def entry(name):
    return Entry(name=name, stage=0, size=1, mark="1220" + "a" * 64, content_type="", content=bytes)

receipt, some = Receipt(objects, root), []
for name in names():
    some.append(entry(name))
    if len(some) == 1000:
        assert len(receipt.missing(some)) == len(some)
        receipt.add(some)
        some = []
receipt.save()
receipt.close()
(root / "objects.sqlite").unlink()
objects.sizes = lambda: ((name, 1) for name in names())
again = Receipt(objects, root)
assert again.missing([entry(next(names()))]) == []
stale = again.stale()
assert len(stale) == count - 1 and stale[-1] == stale[count - 2] and f"{count - 1:09d}_B01" in stale[-1]
print(peak_memory())
"""


def test_a_receipt_of_many_objects_needs_little_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 100_000):
        (tmp_path / str(count)).mkdir()
        command = [sys.executable, "-c", MANY, str(tmp_path / str(count)), str(count)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 2**20)
    assert peaks[1] < peaks[0] + 20, f"as Python objects so many entries need 40 MB: {peaks}"


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, b"<Error><Code>AccessDenied</Code><Message>secret-header</Message></Error>"), "do not allow it"),
        ((400, b"<Error><Code>ExpiredToken</Code><Message>secret-header</Message></Error>"), "ExpiredToken"),
        ((403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"), "SignatureDoesNotMatch"),
    ],
)
def test_without_permission_nothing_is_published(
    s3: Proxy, copy: Catalog, refusal: tuple[int, bytes], words: str
) -> None:
    s3.refuse_after, s3.refusal = 0, refusal
    with pytest.raises(AuthError, match=words) as caught:
        stacaster.publish(target(), catalog=copy.root)
    assert "secret" not in str(caught.value) and names(s3) == []
    command = [sys.executable, "-m", "stacaster", "publish", target(), "--catalog", str(copy.root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 5 and "Traceback" not in result.stderr and "secret" not in result.stderr


def test_wrong_places_say_so(s3: Proxy, copy: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="bucket"):
        stacaster.publish("s3://no-such-bucket/x", catalog=copy.root)
    with pytest.raises(CatalogError, match=r"holds no catalog\.json"):
        stacaster.open_catalog(target("nothing/here"))
    with pytest.raises(CatalogError, match="holds no catalog"):
        stacaster.publish(target(), catalog=tmp_path / "none")
    with pytest.raises(UsageError, match="base_url"):
        stacaster.publish(target(), catalog=copy.root, base_url="data.example.com")
    with pytest.raises((UsageError, FetchError)):
        stacaster.publish("nonsense://x/y", catalog=copy.root)
    with pytest.raises(UsageError, match="read only"):
        stacaster.ingest([tmp_path], catalog=target())


def test_a_damaged_catalog_is_not_published(s3: Proxy, copy: Catalog) -> None:
    next(copy.root.glob("*/2003/*/B01.tif")).write_bytes(b"x")
    with pytest.raises(CatalogError, match="bytes instead of"):
        stacaster.publish(target(), catalog=copy.root)
    assert "catalog.json" not in names(s3)


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_folders_and_fsspec(kind: str, copy: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    place = str(tmp_path / "out") if kind == "folder" else f"memory://published/{tmp_path.name}"
    stacaster.publish(place, catalog=copy.root)
    assert stacaster.publish(place, catalog=copy.root).uploaded == ()
    far = stacaster.open_catalog(place)
    assert len(far.search()) == 8
    copy.remove(datetime="2003")
    report = stacaster.publish(place, catalog=copy.root, delete=True)
    assert report.deleted and len(stacaster.open_catalog(place).search()) == 6
    if kind == "folder":
        left = sorted(p.relative_to(place).as_posix() for p in Path(place).rglob("*") if p.is_file())
        assert [name for name in left if not name.startswith(".stacaster")] == local_names(copy)
        assert not list(Path(place).glob("*/2003"))


def test_delete_needs_what_was_published_there(copy: Catalog, tmp_path: Path) -> None:
    target = tmp_path / "user"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="--delete"):
        stacaster.publish(target, catalog=copy.root, delete=True)
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]
    stacaster.publish(target, catalog=copy.root)
    stacaster.publish(target, catalog=copy.root, delete=True)
    assert (target / "thesis.txt").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "catalog.json").write_text('{"type": "Catalog", "id": "mine"}')
    for place, word in ((other, "another program"), (copy.root, "works"), (copy.root / "x", "inside")):
        with pytest.raises(UsageError, match=word):
            stacaster.publish(place, catalog=copy.root)


def test_only_what_the_catalog_made_or_checked_is_published(copy: Catalog, tmp_path: Path) -> None:
    path = next(copy.root.glob("*/2003/*/*.json"))
    document = json.loads(path.read_text())
    (path.parent / "key").write_text("secret")
    for asset in (
        {"href": "./key"}, {"href": "./key", "file:checksum": "1220" + "0" * 64}, {"href": "../../../catalog.json"},
        {"href": "file:///etc/hostname"}, {"href": "../../../../../etc/hostname"},
    ):  # fmt: skip
        path.write_text(json.dumps({**document, "assets": {**document["assets"], "key": asset}}))
        with pytest.raises(CatalogError):
            stacaster.publish(tmp_path / "out", catalog=copy.root)
        assert not any(file.is_file() and b"secret" in file.read_bytes() for file in (tmp_path / "out").rglob("*"))


def test_the_command_line(s3: Proxy, copy: Catalog) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stacaster", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("publish", target(), "--catalog", str(copy.root), "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)["uploaded"]) == len(local_names(copy))
    listed = run("items", "--catalog", target(), "--datetime", "2003", "--json")
    assert len(json.loads(listed.stdout)["features"]) == 2, listed.stderr
    refused = run("remove", "--catalog", target(), "--datetime", "2003")
    assert refused.returncode == 2 and "read only" in refused.stderr


@pytest.mark.parametrize("href", ["../../collection.json", "../x/../../collection.json", "./../collection.json"])
def test_a_hostile_catalog_writes_nothing_outside_the_cache(
    s3: Proxy, copy: Catalog, tmp_path: Path, href: str
) -> None:
    stacaster.publish(target(), catalog=copy.root)
    far = open_objects(target())
    root = json.loads(far.read("catalog.json"))
    root["links"].append({"rel": "child", "href": href})
    far.put("catalog.json", json.dumps(root).encode(), content_type="application/json")
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    with pytest.raises(CatalogError, match="no place inside"):
        stacaster.open_catalog(target())
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before
    assert not list((tmp_path / "cache").rglob("collection.json"))


def test_without_credentials(s3: Proxy, copy: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # Nothing listens there: what a machine outside a cloud finds.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises((AuthError, FetchError)) as caught:
        stacaster.publish(target(), catalog=copy.root)
    assert names_with_keys(monkeypatch, s3) == [] and caught.value.exit_code in (5, 6)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    stacaster.publish(target(), catalog=copy.root)
    assert len(stacaster.open_catalog(target()).search()) == 8, "a public bucket needs none"


def names_with_keys(monkeypatch: pytest.MonkeyPatch, s3: Proxy) -> list[str]:
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        return names(s3)
