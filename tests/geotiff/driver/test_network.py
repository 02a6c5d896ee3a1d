"""Parts of files from a web server and a bucket that are really there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import requests
from odc.geo.geobox import GeoBox
from odc.loader import RasterSource

from stacaster.geotiff.driver.network import RemoteFile
from stacaster.geotiff.driver.reader import Context, Reader
from stacaster.geotiff.driver.unsupported import UnsupportedError
from tests.geotiff.driver.made_rasters import Wanted, config, made_raster, made_values

WANTED = Wanted(shape=(900, 700), block=128, overviews=(2, 4))


@dataclass
class Web:
    folder: Path
    address: str = ""
    ranges: list[str] = field(default_factory=list)
    refuse: bool = False


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    found = Web(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = found.folder / self.path.lstrip("/")
            if found.refuse or not path.is_file():
                self.send_error(403 if found.refuse else 404)
                return
            data, span = path.read_bytes(), self.headers.get("Range")
            start, end = 0, len(data)
            if span:
                found.ranges.append(span)
                first, _, last = span.removeprefix("bytes=").partition("-")
                start, end = int(first), min(len(data), int(last) + 1 if last else len(data))
            if start >= end:
                self.send_error(416)
                return
            self.send_response(206 if span else 200)
            if span:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
            self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}"')
            self.send_header("Last-Modified", "Sat, 30 Aug 2003 00:43:02 GMT")
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data[start:end])

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def _read(address: str, cube: GeoBox) -> tuple[np.ndarray, str | None]:
    reader = Reader(RasterSource(address), Context({"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}, cube))
    _, pixels = reader.read(config(WANTED), cube)
    return pixels.copy(), reader.left_to_rasterio


def test_a_chip_takes_few_requests_and_then_one(web: Web) -> None:
    made_raster(web.folder / "a b.tif", WANTED)
    address = f"{web.address}/a%20b.tif"
    (web.folder / "a%20b.tif").symlink_to(web.folder / "a b.tif")
    cube = WANTED.geobox[300:420, 200:330]
    found, left = _read(address, cube)
    assert left is None and np.array_equal(found, made_values(WANTED)[300:420, 200:330])
    first = len(web.ranges)
    again, _ = _read(address, cube)
    assert np.array_equal(again, found)
    # The header of this file lies in two places, its tiles close together.
    assert (first, len(web.ranges) - first) == (3, 1)


def test_a_file_that_changes_is_not_read_with_its_old_header(web: Web) -> None:
    made_raster(web.folder / "a.tif", WANTED)
    cube = WANTED.geobox[:200, :200]
    _read(f"{web.address}/a.tif", cube)
    other = Wanted(shape=(900, 700), block=64, seed=5, compress="deflate")
    made_raster(web.folder / "a.tif", other)
    found, left = _read(f"{web.address}/a.tif", cube)
    assert "changed" in str(left) and np.array_equal(found, made_values(other)[:200, :200])
    found, left = _read(f"{web.address}/a.tif", cube)
    assert left is None and np.array_equal(found, made_values(other)[:200, :200])


@pytest.mark.parametrize("damage", ["missing", "refused", "cut"])
def test_what_cannot_be_read_is_an_error_of_gdal(web: Web, damage: str) -> None:
    path = made_raster(web.folder / "b.tif", WANTED)
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    web.refuse = damage == "refused"
    with pytest.raises(rasterio.errors.RasterioIOError):
        _read(f"{web.address}/b.tif", WANTED.geobox)


def test_settings_that_only_gdal_knows(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_HTTP_HEADERS", "X-Key: 1")
    with pytest.raises(UnsupportedError, match="GDAL_HTTP_HEADERS"):
        RemoteFile(f"{web.address}/c.tif", {})
    monkeypatch.delenv("GDAL_HTTP_HEADERS")
    with pytest.raises(UnsupportedError, match="signature"):
        RemoteFile(f"{web.address}/c.tif?sig=x", {})


def test_a_bucket(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made_raster(tmp_path / "d.tif", WANTED)
    requests.put(f"{moto}/rasters", timeout=30)
    requests.put(f"{moto}/rasters/x/d.tif", data=path.read_bytes(), timeout=30)
    for name, value in {"AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
                        "AWS_REGION": "us-east-1"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_S3_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    found, left = _read("s3://rasters/x/d.tif", WANTED.geobox)
    assert left is None and np.array_equal(found, made_values(WANTED))
