"""Files read where they lie: few bytes, right bytes, and what a server may do meanwhile."""

from __future__ import annotations

import io
import os
import random
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr

import stacaster
from stacaster.access.sources.umm import parse_umm
from stacaster.errors import AuthError, FetchError, IntegrityError, UsageError
from stacaster.model import Granule, GranuleFile
from tests.earthdata_twin.earthdata import CDN_HOST, PASSWORD, USER, Earthdata
from tests.earthdata_twin.legacy import LEGACY_HOST, Legacy
from tests.earthdata_twin.planetary import API_HOST, STORAGE_HOST, Planetary
from tests.earthdata_twin.records import DATA_HOST, nisar_record
from tests.earthdata_twin.server import Answer, Twin

CONTENT = random.Random(3).randbytes(3_000_000)


@pytest.fixture
def twin(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> Twin:
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    return twin


@pytest.fixture
def earthdata(twin: Twin) -> Earthdata:
    return Earthdata(twin)


def put(earthdata: Earthdata, name: str, content: bytes) -> GranuleFile:
    earthdata.files[f"/x/{name}"] = content
    return GranuleFile(name=name, href=f"https://{DATA_HOST}/x/{name}", size=len(content))


def test_any_place_of_a_file(earthdata: Earthdata) -> None:
    remote = stacaster.network.open_remote(put(earthdata, "a.bin", CONTENT), block_bytes=10_000, cache_bytes=200_000)
    assert remote.size == len(CONTENT) and remote.readable() and remote.seekable()
    chance = random.Random(1)
    for _ in range(200):
        start = chance.randrange(len(CONTENT))
        end = start + chance.choice([1, 100, 9_999, 10_001, 150_000, 500_000])
        assert remote.read_at(start, end) == CONTENT[start:end]
    remote.seek(-10, io.SEEK_END)
    assert remote.read() == CONTENT[-10:] and remote.read() == b"" and remote.tell() == len(CONTENT)
    with pytest.raises(ValueError, match="before the beginning"):
        remote.seek(-1)


def test_only_what_is_read_is_moved(earthdata: Earthdata, twin: Twin) -> None:
    remote = stacaster.network.open_remote(put(earthdata, "a.bin", CONTENT), block_bytes=1000)
    assert remote.bytes_read == 1000
    remote.read_at(500_000, 503_000)
    assert remote.bytes_read == 4000 and remote.requests == 2, "neighbouring blocks come in one request"
    remote.read_at(500_500, 502_500)
    assert remote.requests == 2, "and are kept"
    moved = sum(int(r.headers["range"][6:].split("-")[1]) - int(r.headers["range"][6:].split("-")[0]) + 1
                for r in twin.log if r.host == CDN_HOST)  # fmt: skip
    assert moved == remote.bytes_read == 4000
    # The signed address is used again: the login host of the data is asked once.
    assert sum(request.host == DATA_HOST for request in twin.log) == 1
    assert repr(remote) == "<RemoteFile a.bin: 4000 of 3000000 bytes in 2 requests>"


def test_hdf5_without_a_download(earthdata: Earthdata, tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 60_000, (2048, 2048), dtype="uint16")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("grids/HHHH", data=data, chunks=(256, 256), compression="gzip")
    remote = stacaster.network.open_remote(put(earthdata, "a.h5", path.read_bytes()), block_bytes=1 << 14)
    with h5py.File(remote, "r") as file:
        assert np.array_equal(file["grids/HHHH"][512:768, 512:768], data[512:768, 512:768])
    assert remote.bytes_read < 0.05 * remote.size
    remote = stacaster.network.open_remote(put(earthdata, "a.h5", path.read_bytes()))
    with xr.open_dataset(remote, engine="h5netcdf", group="grids", phony_dims="sort") as cube:
        assert np.array_equal(cube["HHHH"][:256, -256:], data[:256, -256:])


def test_cog_without_a_download(earthdata: Earthdata, tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(1, 255, (4096, 4096), dtype="uint8")
    path = tmp_path / "a.tif"
    profile = {"driver": "COG", "width": 4096, "height": 4096, "count": 1, "dtype": "uint8", "crs": "EPSG:32754",
               "transform": rasterio.Affine(15, 0, 300_000, 0, -15, 6_600_000)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(data, 1)
    remote = stacaster.network.open_remote(put(earthdata, "a.tif", path.read_bytes()), block_bytes=1 << 14)
    with rasterio.open(remote.name, opener=remote.opener) as file:
        window = rasterio.windows.Window(1000, 2000, 300, 300)
        assert np.array_equal(file.read(1, window=window), data[2000:2300, 1000:1300])
    assert remote.bytes_read < 0.06 * remote.size, "four of 64 tiles"
    with rasterio.open(remote.name, opener=remote.opener) as file:
        assert file.crs.to_epsg() == 32754, "a second time, with what is kept"


def test_threads_share_a_file(earthdata: Earthdata) -> None:
    remote = stacaster.network.open_remote(put(earthdata, "a.bin", CONTENT), block_bytes=5000, cache_bytes=50_000)
    wrong: list[int] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(50):
            start = chance.randrange(len(CONTENT))
            if remote.read_at(start, start + 7000) != CONTENT[start : start + 7000]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "faults",
    [
        [Answer(503, {"Retry-After": "0"}), Answer(429, {"Retry-After": "0"})],
        [lambda _, a: replace(a, cut_at=10)],
        [lambda _, a: replace(a, cut_at=10, reset=True)],
        [Answer(403, body=b"<Error><Message>Request has expired</Message></Error>")] * 2,
        [lambda _, a: replace(a, body=a.body[:50])],
    ],
    ids=["busy", "cut", "reset", "expired", "short"],
)
def test_trouble_that_passes(earthdata: Earthdata, faults: list) -> None:
    remote = stacaster.network.open_remote(put(earthdata, "a.bin", CONTENT), block_bytes=1000)
    earthdata.faults[CDN_HOST] = list(faults)
    assert remote.read_at(70_000, 72_000) == CONTENT[70_000:72_000]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (lambda r, a: Answer(200, a.headers, CONTENT), FetchError, "does not give parts of files"),
        (lambda r, a: replace(a, headers={**a.headers, "Content-Range": "bytes 0-999/3000000"}), FetchError, "parts"),
        (
            lambda r, a: replace(a, headers={**a.headers, "ETag": '"other"'}),
            IntegrityError,
            "changed while it was read",
        ),
        (Answer(404), FetchError, "answered 404"),
    ],
)
def test_trouble_that_stays(earthdata: Earthdata, fault: object, error: type[Exception], words: str) -> None:
    remote = stacaster.network.open_remote(put(earthdata, "a.bin", CONTENT), block_bytes=1000)
    earthdata.faults[CDN_HOST] = [fault] * 20  # type: ignore[list-item]
    with pytest.raises(error, match=words):
        remote.read_at(70_000, 72_000)


def test_a_size_that_the_record_denies(earthdata: Earthdata) -> None:
    with pytest.raises(IntegrityError, match="but the catalogue of the provider says 5"):
        stacaster.network.open_remote(replace(put(earthdata, "a.bin", CONTENT), size=5))
    assert stacaster.network.open_remote(put(earthdata, "empty.bin", b"")).read() == b""


def test_which_file_of_a_granule(earthdata: Earthdata, twin: Twin) -> None:
    granule = parse_umm(nisar_record(1, datetime(2025, 11, 6), (138.0, -32.0, 139.0, -31.0), content=CONTENT))
    twin.routes["nisar.asf.earthdatacloud.nasa.gov"] = twin.routes[DATA_HOST]
    earthdata.files["/" + granule.data_files[0].href.split("/", 3)[3]] = CONTENT
    assert stacaster.network.open_remote(granule).read_at(5, 9) == CONTENT[5:9]
    with pytest.raises(UsageError, match=r"has no file 'x.h5': NISAR_.*\.h5, NISAR_.*QA_STATS\.h5"):
        stacaster.network.open_remote(granule, file="x.h5")
    two: Granule = replace(granule, files=granule.data_files * 2)
    with pytest.raises(UsageError, match="has 2 files with data; name one"):
        stacaster.network.open_remote(two)
    with pytest.raises(UsageError, match="neither an https nor an s3 address"):
        stacaster.network.open_remote("http://example.com/a.h5")
    with pytest.raises(UsageError, match="1 <= block_bytes"):
        stacaster.network.open_remote(granule, block_bytes=0)


def test_planetary_computer_is_signed_when_read(twin: Twin, tmp_path: Path) -> None:
    planetary = Planetary(twin)
    planetary.files["/aster/a.tif"] = CONTENT
    url = f"https://{STORAGE_HOST}/aster/a.tif"
    remote = stacaster.network.open_remote(url, block_bytes=1000)
    assert remote.read_at(50_000, 50_100) == CONTENT[50_000:50_100] and planetary.made == 1
    # A signature that expired meanwhile is replaced.
    planetary.valid = set()
    assert remote.read_at(90_000, 90_100) == CONTENT[90_000:90_100] and planetary.made == 2
    assert all("authorization" not in request.headers for request in twin.log)
    assert "canary" not in repr(remote) + repr(vars(remote).get("name"))
    # One that will expire soon is not used at all.
    planetary.lifetime = timedelta(minutes=1)
    soon = stacaster.network.open_remote(url, block_bytes=1000)
    assert soon.read_at(5, 9) == CONTENT[5:9]


def test_downloads_are_signed_and_leave_no_signature(twin: Twin, tmp_path: Path) -> None:
    planetary = Planetary(twin)
    content = b"II*\0" + CONTENT
    planetary.files["/aster/a.tif"] = content
    planetary.script = [Answer(503, {"Retry-After": "0"})]
    moment = datetime.fromisoformat("2003-01-01T00:00:00Z")
    file = GranuleFile(name="a.tif", href=f"https://{STORAGE_HOST}/aster/a.tif")
    granule = Granule(id="a", source="stac", product="aster-l1t", version="", collection="aster-l1t", geometry=None,
                      start=moment, end=moment, files=(file,))  # fmt: skip
    report = stacaster.fetch([granule], cache_dir=tmp_path / "cache")
    assert not report.failed and report.files[0].read_bytes() == content
    written = "".join(p.read_text(errors="replace") for p in (tmp_path / "cache").rglob("*.json"))
    assert "sig" not in written and "a.tif" in written


def test_storage_that_is_not_of_the_planetary_computer(twin: Twin) -> None:
    planetary = Planetary(twin)
    planetary.files["/open/a.bin"] = CONTENT
    assert stacaster.network.open_remote(f"https://{STORAGE_HOST}/open/a.bin").read_at(3, 5) == CONTENT[3:5]
    planetary.script = [Answer(400, body=b'{"detail": "odd"}')]
    with pytest.raises(AuthError, match="token service of the Planetary Computer answered 400: odd"):
        stacaster.network.open_remote(f"https://{STORAGE_HOST}/aster/a.bin")
    assert {request.host for request in twin.log} == {API_HOST, STORAGE_HOST}


def test_a_host_with_the_older_login(twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    legacy = Legacy(twin)
    monkeypatch.delenv("EARTHDATA_TOKEN")
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    moment = datetime.fromisoformat("2003-01-01T00:00:00Z")
    granules = []
    for number in range(3):
        legacy.files[f"/{number}.h5"] = b"\x89HDF\r\n\x1a\n" + CONTENT
        file = GranuleFile(name=f"{number}.h5", href=f"https://{LEGACY_HOST}/{number}.h5")
        granules.append(Granule(id=f"g{number}", source="cmr", product="ATL03", version="006", collection="C",
                                geometry=None, start=moment, end=moment, files=(file,)))  # fmt: skip
    report = stacaster.fetch(granules, cache_dir=tmp_path / "cache", workers=1)
    assert not report.failed, report.failed
    assert legacy.logins == 1, "the cookie of one login serves all"
    for request in twin.log:
        if request.host == LEGACY_HOST:
            assert "Basic" not in request.headers.get("authorization", ""), "the password goes to the login host alone"
            assert "canary-session" not in request.headers.get("cookie", "")
    monkeypatch.setenv("EARTHDATA_PASSWORD", "wrong")
    (failed, *_) = stacaster.fetch(granules, cache_dir=tmp_path / "other", workers=1).failed
    assert failed.error == "AuthError" and "refused the credentials from EARTHDATA_USERNAME" in (failed.reason or "")
    written = "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*.json"))
    assert "canary" not in written and os.environ["EARTHDATA_PASSWORD"] not in (failed.reason or "")
