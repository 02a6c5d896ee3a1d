"""A catalog served on loopback: parts of files, CORS, nothing but the catalog; read by GDAL and in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import pytest
import requests

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import CatalogError, UsageError
from tests.browser import Browser


@contextlib.contextmanager
def running(catalog: Catalog, **options: Any) -> Iterator[stacaster.server.CatalogServer]:
    with stacaster.server.CatalogServer(catalog.root, port=0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        token = {"Authorization": f"Bearer {options['token']}"} if options.get("token") else {}
        requests.get(f"{server.address}conformance", headers=token, timeout=300)
        yield server
        server.shutdown()
        thread.join(20)


@pytest.fixture
def server(catalog: Catalog) -> Iterator[stacaster.server.CatalogServer]:
    with running(catalog) as started:
        yield started


def test_parts_of_files(server: stacaster.server.CatalogServer, catalog: Catalog) -> None:
    path = next(catalog.root.glob("*/*/*/B01.tif"))
    content = path.read_bytes()
    address = f"{server.catalog_address.rpartition('/')[0]}/{path.relative_to(catalog.root).as_posix()}"
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(content)),
        ("bytes=-50", len(content) - 50, len(content)),
        (f"bytes=10-{len(content) + 5}", 10, len(content)),
    ):
        answer = requests.get(address, headers={"Range": asked}, timeout=300)
        assert (answer.status_code, answer.content) == (206, content[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(content)}"
    whole = requests.get(address, headers={"Range": "bytes=a-b"}, timeout=300)
    assert (whole.status_code, whole.content) == (200, content), "a range of no known form is none"
    beyond = requests.get(address, headers={"Range": f"bytes={len(content)}-"}, timeout=300)
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(content)}")
    head = requests.head(address, timeout=300)
    assert head.headers["content-type"].startswith("image/tiff") and head.headers["accept-ranges"] == "bytes"
    assert int(head.headers["content-length"]) == len(content)
    # In a process of its own: rasterio may hold the lock of the interpreter while the server here has to answer.
    code = "import sys, rasterio; print([int(rasterio.open(name).read().sum()) for name in sys.argv[1:]])"
    command = [sys.executable, "-c", code, f"/vsicurl/{address}", str(path)]
    far, near = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=600).stdout)
    assert far == near > 0


def test_pages_of_named_origins_may_read(catalog: Catalog) -> None:
    with running(catalog, cors=["https://example.com"]) as server:
        for origin, allowed in (("https://example.com", True), ("https://evil.example", False)):
            answer = requests.get(server.catalog_address, headers={"Origin": origin}, timeout=300)
            assert ("access-control-allow-origin" in answer.headers) == allowed
            assert answer.json()["type"] == "Catalog"
        asked = requests.options(server.catalog_address, headers={"Origin": "https://example.com"}, timeout=300)
        assert asked.status_code == 204 and "Range" in asked.headers["access-control-allow-headers"]
    with running(catalog) as server:
        answer = requests.get(server.address, headers={"Origin": "https://example.com"}, timeout=300)
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("cors", ["", "example.com", "https://example.com/x", "https://a b", "null\r\nX: y"])
def test_what_is_no_origin(catalog: Catalog, cors: str) -> None:
    with pytest.raises(UsageError, match="an origin such as"):
        stacaster.server.CatalogServer(catalog.root, port=0, cors=[cors])


def test_a_client_that_hangs_up_is_no_event(
    server: stacaster.server.CatalogServer, catalog: Catalog, capfd: pytest.CaptureFixture[str]
) -> None:
    path = max(catalog.root.glob("*/*/*/*.tif"), key=lambda file: file.stat().st_size)
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.server_port)) as client:
            # Closed with a reset before the answer is read.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            asked = f"GET /catalog/{path.relative_to(catalog.root).as_posix()} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            client.sendall(asked.encode() * 50)
    assert requests.get(server.address, timeout=300).ok
    assert "Traceback" not in capfd.readouterr().err


def test_media_types(server: stacaster.server.CatalogServer) -> None:
    (item, *_) = pystac.Catalog.from_file(server.catalog_address).get_items(recursive=True)
    document = requests.get(item.get_self_href() or "", timeout=300)
    assert document.headers["content-type"] == "application/geo+json"


@pytest.mark.parametrize(
    "place",
    ["/catalog/../../etc/passwd", "/catalog/%2e%2e/%2e%2e/etc/passwd", "/catalog/.stacaster/lock", "/etc/passwd",
     "/catalog//etc/passwd", "/catalog/nothing.json", "/catalog/", "/browser/index.html", "/catalog/%00",
     "/catalog/..%5c"],
)  # fmt: skip
def test_nothing_but_the_catalog(server: stacaster.server.CatalogServer, place: str) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=300) as connection:
        connection.sendall(f"GET {place} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404"), answer[:80]
    assert requests.post(server.catalog_address, data=b"x", timeout=300).status_code == 405


def test_a_page_elsewhere_cannot_come_in_by_another_name(
    server: stacaster.server.CatalogServer, catalog: Catalog
) -> None:
    answer = requests.get(server.address, headers={"Host": "evil.example.com"}, timeout=300)
    assert (answer.status_code, answer.content) == (403, b"")
    with running(catalog, token="secret") as closed:
        assert requests.get(closed.address, timeout=300).status_code == 401
        headers = {"Authorization": "Bearer secret", "Host": "other.example"}
        assert requests.get(closed.address, headers=headers, timeout=300).status_code == 200
    with pytest.raises(UsageError, match="token="):
        stacaster.server.CatalogServer(catalog.root, port=0, host="0.0.0.0")


def test_a_link_out_of_the_catalog_is_not_followed(catalog: Catalog, tmp_path: Path) -> None:
    shutil.copytree(catalog.root, tmp_path / "c")
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "c" / "x.json").symlink_to(tmp_path / "secret.json")
    with running(stacaster.open_catalog(tmp_path / "c")) as server:
        assert requests.get(f"{server.catalog_address.rpartition('/')[0]}/x.json", timeout=300).status_code == 404


def test_wrong_arguments(catalog: Catalog, tmp_path: Path, server: stacaster.server.CatalogServer) -> None:
    with pytest.raises(CatalogError, match=r"holds no catalog\.json"):
        stacaster.server.CatalogServer(tmp_path, port=0)
    with pytest.raises(UsageError, match="no build of STAC Browser"):
        stacaster.server.CatalogServer(catalog.root, port=0, stac_browser=tmp_path)
    with pytest.raises(UsageError, match="cannot be used"):
        stacaster.server.CatalogServer(catalog.root, port=server.server_port)


def test_the_command_ends_with_ctrl_c(catalog: Catalog) -> None:
    command = [sys.executable, "-m", "stacaster", "serve", "--catalog", str(catalog.root), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert requests.get(address, timeout=300).json()["id"] == "stacaster"
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in words


@pytest.fixture(scope="module")
def stac_browser() -> Path:
    """The local build of STAC Browser."""
    folder = Path(os.environ.get("STAC_BROWSER_BUILD", Path(__file__).parents[2] / ".stac-browser"))
    if not (folder / "index.html").is_file():
        pytest.skip("no build of STAC Browser; scripts/stac-browser makes one")
    return folder


def test_stac_browser_shows_the_catalog(stac_browser: Path, tmp_path: Path) -> None:
    # geotiff.js, which it brings, reads deflate and no zstd.
    stacaster.sample_data(tmp_path / "granules")
    stacaster.ingest([tmp_path / "granules"], catalog=tmp_path / "c", profile="deflate", workers=2)
    catalog = stacaster.open_catalog(tmp_path / "c")
    item = next(iter(catalog.search(datetime="2003").items()))
    place = f"aster-l1t-003/{item.properties['datetime'][:4]}/{item.id}/{item.id}.json"
    with (
        stacaster.server.CatalogServer(catalog.root, port=0, stac_browser=stac_browser) as server,
        Browser(tmp_path) as browser,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = server.browser_address.removesuffix("/browser/")
        browser.open(server.browser_address, until="ASTER L1T V003")
        browser.open(f"{server.browser_address}aster-l1t-003/collection.json", until="2003")
        assert browser.count(".ol-viewport canvas, .ol-layer canvas") > 0, "the map of the collection"
        text = browser.open(f"{server.browser_address}{place}", until="B03N")
        assert "B10" in text and item.id in text
        if target := os.environ.get("BROWSER_SCREENSHOT"):
            browser.picture(Path(target))
        hosts = {address for address in browser.requests() if not address.startswith((origin, "data:", "blob:"))}
        assert not hosts, f"asked of other hosts: {sorted(hosts)[:5]}"
        assert not browser.errors(), [text[:300] for text in browser.errors()[:3]]
        server.shutdown()
