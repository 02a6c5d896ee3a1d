"""NISAR read where it lies: the pixels of an area in few bytes and requests, versions, stacks, failures midway."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyproj
import pytest
import rasterio
import xarray as xr

import stacaster
from stacaster import backscatter
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, UsageError
from stacaster.model import GranuleFile
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from stacaster.samples.nisar import DEFAULT_SCENES, write_nisar
from tests.certain import certain
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import CDN_HOST, Earthdata, Fault
from tests.earthdata_twin.records import DATA_HOST, nisar_record
from tests.earthdata_twin.server import Answer, Request, Twin

NISAR_HOST = "nisar.asf.earthdatacloud.nasa.gov"
BASE = replace(DEFAULT_SCENES[0], shape=(2100, 2600), terms=("HHHH", "HVHV"), page_bytes=1 << 16)
BOX = (138.4, -31.4, 139.1, -30.9)
AREA = (138.62, -31.15, 138.66, -31.12)
DATES = 5


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write five dates, one of them in three productions, and a beta one that sorts behind all."""
    folder = tmp_path_factory.mktemp("nisar")
    scenes = [replace(BASE, start=BASE.start.replace(day=1 + number), cycle=4 + number) for number in range(DATES)]
    small = replace(scenes[0], shape=(60, 60), terms=("HHHH",))
    old = [replace(small, crid=crid) for crid in ("X05013", "P05022", "X99999")]
    return [write_nisar(scene, folder) for scene in [*scenes, *old]]


@pytest.fixture
def earthdata(twin: Twin, granules: list[Path], monkeypatch: pytest.MonkeyPatch) -> Earthdata:
    monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
    found = Earthdata(twin)
    twin.routes[NISAR_HOST] = twin.routes[DATA_HOST]
    records = []
    for number, path in enumerate(granules):
        match = re.search(r"_(\d{8}T\d{6})_\d{8}T\d{6}_(\w\d{5})_", path.name)
        assert match is not None
        start = BASE.start.strptime(match[1], "%Y%m%dT%H%M%S")
        content = path.read_bytes()
        record = nisar_record(number, start, BOX, content=content, name=path.stem, crid=match[2])
        address = next(row["URL"] for row in record["umm"]["RelatedUrls"] if row["URL"].endswith(f"{path.stem}.h5"))
        found.files["/" + address.split("/", 3)[3]] = content
        records.append(record)
    twin.routes["cmr.earthdata.nasa.gov"] = Cmr(records)
    return found


def moved(requests: list[Request]) -> int:
    found = 0
    for request in requests:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"])
        assert match is not None
        found += int(match[2]) - int(match[1]) + 1
    return found


def window(path: Path, area: tuple[float, float, float, float], catalog: Catalog) -> tuple[slice, slice]:
    """Return where the pixels of an item lie in the granule."""
    (item,) = [item for item in catalog.search().items() if item.properties["title"] == path.stem]
    asset = item.assets["HHHH"].extra_fields
    with h5py.File(path) as file:
        grid = file["science/LSAR/GCOV/grids/frequencyA"]
        left, top = (asset["proj:transform"][place] for place in (2, 5))
        col = int(np.argmin(np.abs(grid["xCoordinates"][()] - 10 - left)))
        row = int(np.argmin(np.abs(grid["yCoordinates"][()] + 10 - top)))
    rows, cols = asset["proj:shape"]
    return slice(row, row + rows), slice(col, col + cols)


def stored_bytes(path: Path, part: tuple[slice, slice]) -> int:
    """Return the bytes of the chunks that a window touches."""
    with h5py.File(path) as file:
        image = file["science/LSAR/GCOV/grids/frequencyA/HHHH"]
        return sum(
            image.id.get_chunk_info_by_coord((row, col)).size
            for row in range(part[0].start // 512 * 512, part[0].stop, 512)
            for col in range(part[1].start // 512 * 512, part[1].stop, 512)
        )


def test_an_area_over_the_network(earthdata: Earthdata, granules: list[Path], tmp_path: Path) -> None:
    report = stacaster.ingest_search("NISAR_L2_GCOV", bbox=AREA, remote=True, bands="HHHH", catalog=tmp_path / "c")
    assert [outcome.status for outcome in report.outcomes] == ["ingested"] * DATES, report.outcomes
    catalog = stacaster.open_catalog(tmp_path / "c")
    titles = {item.properties["title"] for item in catalog.search().items()}
    assert titles == {path.stem for path in granules[:DATES]}, "the newest production of each date, by meaning"
    total = 0
    for path in granules[:DATES]:
        part = window(path, AREA, catalog)
        total += stored_bytes(path, part)
        (item,) = [item for item in catalog.search().items() if item.properties["title"] == path.stem]
        with h5py.File(path) as file, rasterio.open(item.assets["HHHH"].href) as cog:
            stored = file["science/LSAR/GCOV/grids/frequencyA/HHHH"][part]
            assert np.array_equal(cog.read(1), stored, equal_nan=True)
        source = item.properties["stacaster:sources"][0]
        assert source["href"].endswith(path.name) and source["size"] == path.stat().st_size
    assert moved(earthdata.cdn_requests) <= 1.5 * total
    assert len(earthdata.cdn_requests) <= 8 * DATES
    assert sum(path.stat().st_size for path in granules[:DATES]) > 8 * total, "nothing is downloaded whole"
    earthdata.cdn_requests.clear()
    again = stacaster.ingest_search("NISAR_L2_GCOV", bbox=AREA, remote=True, bands="HHHH", catalog=tmp_path / "c")
    assert [outcome.status for outcome in again.outcomes] == ["skipped"] * DATES


def test_one_chunk_of_a_file_with_large_pages(earthdata: Earthdata, tmp_path: Path) -> None:
    """Structure and long axes lie in pages of their own, as in real files; both axes come in one request."""
    path = write_nisar(replace(BASE, shape=(1100, 9500), terms=("HHHH",), page_bytes=4 << 20), tmp_path)
    earthdata.files[f"/x/{path.name}"] = path.read_bytes()
    with h5py.File(path) as file:
        grid = file["science/LSAR/GCOV/grids/frequencyA"]
        x, y = grid["xCoordinates"][4700], grid["yCoordinates"][300]
        size = grid["HHHH"].id.get_chunk_info_by_coord((0, 4608)).size
        stored = grid["HHHH"][295:306, 4695:4706]
    lon, lat = pyproj.Transformer.from_crs(32754, 4326, always_xy=True).transform(x, y)
    remote = f"https://{NISAR_HOST}/x/{path.name}"
    found = stacaster.read_area(remote, "HHHH", bbox=(lon - 1e-5, lat - 1e-5, lon + 1e-5, lat + 1e-5)).HHHH
    assert np.isin(found.values, stored).all() and 0 < found.size <= stored.size
    assert moved(earthdata.cdn_requests) <= 1.5 * size and len(earthdata.cdn_requests) <= 4


def test_the_steps_of_the_page(earthdata: Earthdata, granules: list[Path], tmp_path: Path, repository: Path) -> None:
    """Run the Python of the NISAR page as it stands there on an area read over the network."""
    text = (repository / "docs" / "how-to" / "nisar.md").read_text("utf-8")
    block = next(part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "mean_decibels" in part)
    assert "catalogs/nisar" in block
    bands = ["HHHH", "HVHV"]
    report = stacaster.ingest_search("NISAR_L2_GCOV", bbox=AREA, remote=True, bands=bands, catalog=tmp_path / "c")
    assert [outcome.status for outcome in report.outcomes] == ["ingested"] * DATES, report.outcomes
    found: dict[str, Any] = {}
    exec(block.replace("catalogs/nisar", str(tmp_path / "c")), found)
    series, means = found["series"], found["mean"]
    assert series.sizes["time"] == DATES and isinstance(series, xr.Dataset)
    catalog = stacaster.open_catalog(tmp_path / "c")
    for number, path in enumerate(granules[:DATES]):
        part = window(path, AREA, catalog)
        with h5py.File(path) as file:
            stored = file["science/LSAR/GCOV/grids/frequencyA/HHHH"][part]
        assert np.array_equal(series.HHHH.isel(time=number).values, stored, equal_nan=True), "bit by bit"
        assert float(means.HHHH[number]) == pytest.approx(10 * np.log10(np.nanmean(stored.astype("float64"))), abs=1e-4)


def test_a_whole_file_by_its_address(earthdata: Earthdata, granules: list[Path], tmp_path: Path) -> None:
    path = granules[-1]
    address = next(key for key in earthdata.files if key.endswith(path.name))
    report = stacaster.ingest([f"https://{NISAR_HOST}{address}"], catalog=tmp_path / "c")
    assert not report.failed, report.failed
    local = stacaster.ingest([path], catalog=tmp_path / "d")
    assert not local.failed
    one, two = (next(iter(stacaster.open_catalog(tmp_path / name).search().items())) for name in "cd")
    for name, asset in one.assets.items():
        if "data" in certain(asset.roles):
            theirs = two.assets[name].extra_fields["stacaster:pixel_checksum"]
            assert asset.extra_fields["stacaster:pixel_checksum"] == theirs


@pytest.mark.parametrize("wanted", [{"bands": ["HHHH"]}, {}], ids=["pixels", "structure"])
@pytest.mark.parametrize("fault", ["expired", "gone", "cut"])
def test_a_failure_in_the_midst(
    earthdata: Earthdata, granules: list[Path], tmp_path: Path, fault: str, wanted: dict[str, Any]
) -> None:
    """The head of the file comes, then the provider refuses, while pixels are read or inside of the HDF5 library."""
    first = stacaster.ingest([granules[-1]], catalog=tmp_path / "c")
    assert not first.failed
    answers: dict[str, Fault] = {
        "expired": lambda _, answer: Answer(401, {"WWW-Authenticate": "Bearer"}, b'{"error": "expired_token"}'),
        "gone": lambda _, answer: Answer(404, body=b"no"),
        "cut": lambda _, answer: replace(answer, cut_at=100),
    }
    good: list[Fault] = [lambda _, answer: answer]
    earthdata.faults[CDN_HOST] = [*good, *[answers[fault]] * 60]
    earthdata.faults[DATA_HOST] = [*good, *[answers[fault]] * 60]
    address = next(key for key in earthdata.files if key.endswith(granules[0].name))
    report = stacaster.ingest([f"https://{NISAR_HOST}{address}"], catalog=tmp_path / "c", bbox=AREA, **wanted)
    (failed,) = report.failed
    words = {"expired": "earthdata", "gone": "404", "cut": "broke off"}
    errors = {"expired": "AuthError", "gone": "FetchError", "cut": "FetchError"}
    assert failed.error == errors[fault] and words[fault] in str(failed.reason), failed
    assert "canary" not in str(failed)
    assert stacaster.catalog.check_catalog(tmp_path / "c") == []
    assert len(list(stacaster.open_catalog(tmp_path / "c").search().items())) == 1


def test_stacks_of_a_catalog(granules: list[Path], tmp_path: Path) -> None:
    other = write_nisar(replace(BASE, shape=(80, 90), cycle=30,
                                start=BASE.start.replace(day=20)), tmp_path)  # fmt: skip
    beta = write_nisar(replace(BASE, shape=(80, 90), cycle=30, crid="X99999",
                               start=BASE.start.replace(day=20)), tmp_path)  # fmt: skip
    root = tmp_path / "c"
    report = stacaster.ingest([*granules[:2], other, beta], catalog=root, bands=["HHHH", "mask"], frequency="A")
    assert not report.failed
    catalog = stacaster.open_catalog(root)
    assert [len(stack) for stack in catalog.search().stacks("nisar:track", all_versions=True)] == [4]
    (stack,) = catalog.search().stacks()
    assert len(stack) == 3 and stack.key["nisar:frame"] == 65 and stack.lattices == ("HHHH", "mask")
    with pytest.raises(LoadError, match="lie on several grids"):
        stack.load("HHHH")
    (even,) = catalog.search(filter='"nisar:cycle" < 20').stacks()
    cube = even.load(["HHHH"])
    assert even.lattices == () and cube.sizes["time"] == 2 and cube.HHHH.chunks is not None
    with h5py.File(granules[1]) as file:
        stored = file["science/LSAR/GCOV/grids/frequencyA/HHHH"][()]
    assert np.array_equal(cube.HHHH[1].values, stored, equal_nan=True)


def test_means_and_ratios_are_taken_in_power() -> None:
    values = np.array([[1.0, 100.0], [np.nan, 10.0]], dtype="float32")
    cube = xr.Dataset({"HHHH": (("time", "x"), values), "HVHV": (("time", "x"), values / 2)},
                      coords={"time": np.array(["2026-01-01", "2026-01-13"], "datetime64[ns]")})  # fmt: skip
    assert np.allclose(backscatter.decibels(cube).HHHH.values, np.array([[0, 20], [np.nan, 10]]), equal_nan=True)
    mean = backscatter.mean_decibels(cube, "time")
    assert mean.HHHH.values == pytest.approx([0.0, 10 * np.log10(55)]) and mean.HHHH.attrs["units"] == "dB"
    assert np.isnan(backscatter.decibels(np.array([0.0, -1.0]))).all() and backscatter.decibels(10.0) == 10
    with pytest.raises(UsageError, match="decibels"):
        backscatter.mean_decibels(backscatter.decibels(cube), "time")
    assert backscatter.ratio(cube, "HVHV", "HHHH").values == pytest.approx(np.where(np.isnan(values), np.nan, 0.5),
                                                                         nan_ok=True)  # fmt: skip
    uneven = cube.assign(HVHV=cube.HVHV.where(cube.HHHH < 50))
    both = backscatter.ratio(uneven, "HVHV", "HHHH", dim="time")
    assert both.values == pytest.approx([0.5, 0.5]), "only where both have a value"
    with pytest.raises(UsageError, match="no band 'VVVV'"):
        backscatter.ratio(cube, "VVVV", "HHHH")
    logarithmic = backscatter.decibels(cube).expand_dims(y=1).transpose("time", "y", "x")
    table = stacaster.time_series(logarithmic)
    first = table[(table.band == "HHHH")].iloc[0]
    assert first["mean"] == pytest.approx(10 * np.log10(50.5), abs=1e-5)
    assert first["std"] == pytest.approx(10 * np.log10(1 + 49.5 / 50.5), abs=1e-5)
    picture = stacaster.composite(logarithmic, "mean")
    assert picture.HHHH.values.ravel() == pytest.approx([0.0, 10 * np.log10(55)], abs=1e-5)
    assert picture.HHHH.attrs["units"] == "dB"


def test_photons_of_an_area_over_the_network(earthdata: Earthdata, tmp_path: Path) -> None:
    """Of a granule of tracks at its provider only what is needed is moved, and the table is that of the file."""
    path = write_icesat2(TrackScene(segments=6000, photons=200), tmp_path)[0]
    earthdata.files[f"/x/{path.name}"] = path.read_bytes()
    address = f"https://{NISAR_HOST}/x/{path.name}"
    listed = stacaster.formats.list_variables(address, "heights/*")
    assert {entry.path for entry in listed} >= {"gt1l/heights/h_ph", "gt3r/heights/lat_ph"}
    assert moved(earthdata.cdn_requests) < 0.2 * path.stat().st_size
    earthdata.cdn_requests.clear()
    remote_file = stacaster.network.open_remote(address, block_bytes=1 << 16)
    assert stacaster.formats.list_variables(remote_file, "heights/*") == listed
    assert 0 < remote_file.bytes_read < 0.2 * path.stat().st_size and remote_file.requests < 100
    before, many = remote_file.bytes_read, ["heights/h_ph", "heights/delta_time", "geolocation/segment_id"]
    part = stacaster.icesat2.read_tracks(remote_file, many, beams=["gt2l"], rows=slice(2000, 3000))
    whole = stacaster.icesat2.read_tracks(path, many, beams=["gt2l"])
    some, all_rows = part["gt2l"].to_dataset(), whole["gt2l"].to_dataset()
    for name in some.data_vars:
        assert np.array_equal(some[name].values, all_rows[name].values[2000:3000]), name
    assert set(part.children) == {"gt2l"} and part["gt2l"].heights_h_ph.size == 1000
    assert remote_file.bytes_read - before < 400_000, "a chunk a dataset"
    assert moved(earthdata.cdn_requests) == remote_file.bytes_read, "what it counts is what was moved"
    with pytest.raises(UsageError, match="no beam 'gt4l'"):
        stacaster.icesat2.read_tracks(path, beams=["gt4l"])
    earthdata.cdn_requests.clear()
    box = (138.0, -31.2, 139.0, -31.15)
    tables = []
    remote = GranuleFile(name=path.name, href=address, size=path.stat().st_size)
    sources: tuple[Any, ...] = (remote, path)
    for number, source in enumerate(sources):
        # Photons get the classes of a granule on this disk wherever they come from themselves.
        report = stacaster.ingest([source], catalog=tmp_path / str(number), bbox=box, classes=tmp_path)
        assert not report.failed, report.failed
        tables.append(stacaster.open_catalog(tmp_path / str(number)).points("photons"))
    columns = ["time", "longitude", "latitude", "height", "x_atc", "beam", "segment_id", "class"]
    assert len(tables[0]) > 1000 and tables[0][columns].equals(tables[1][columns])
    assert moved(earthdata.cdn_requests) < 0.8 * path.stat().st_size
