"""Granules registered in place: the provider's pixels, read over TLS when a cube is loaded; our grid and units."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pystac
import pytest
import rasterio

import stacaster
from stacaster.catalog import Catalog
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import CDN_HOST, Earthdata
from tests.earthdata_twin.planetary import STORAGE_HOST, Planetary
from tests.earthdata_twin.records import BUCKET, DATA_HOST
from tests.earthdata_twin.server import Answer, Twin
from tests.stac_schemas import check

FIELDS = ("proj:code", "proj:transform", "proj:shape", "raster:scale", "raster:offset", "nodata", "unit")

LOAD = """
import json, sys
import numpy as np
import stacaster
options = json.loads(sys.argv[2])
cube = stacaster.open_catalog(sys.argv[1]).search(ids=options.pop("ids")).load(**options)
np.savez(sys.argv[3], **{name: cube[name].values for name in cube.data_vars})
"""


def load(catalog: Path, output: Path, **options: Any) -> Any:
    """Load in a process of its own: GDAL reads where the certificates are when it starts."""
    import os
    import subprocess
    import sys

    line = [sys.executable, "-c", LOAD, str(catalog), json.dumps(options), str(output)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(line, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert "canary" not in done.stdout + done.stderr, "no signature is printed or logged"
    assert done.returncode == 0, done.stderr
    return np.load(output)


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    with Twin(tmp_path) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
        monkeypatch.setattr("stacaster.network.http.random.uniform", lambda low, high: 0.01)
        yield found


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    """Granules of version 004 on disk, and the catalog that their ingest makes."""
    folder = tmp_path_factory.mktemp("v004")
    stacaster.sample_data(folder / "granules", product="AST_L1T_004")
    report = stacaster.ingest([folder / "granules"], catalog=folder / "c")
    assert not report.failed
    return folder / "granules", stacaster.open_catalog(folder / "c")


@pytest.fixture
def lpdaac(twin: Twin, originals: tuple[Path, Catalog]) -> Earthdata:
    """The granules at LP DAAC: records at CMR, files behind login and content network."""
    folder, catalog = originals
    earthdata = Earthdata(twin)
    records = []
    for number, sidecar in enumerate(sorted(folder.rglob("*.cmr.json"))):
        umm = json.loads(sidecar.read_text())
        name = umm["GranuleUR"]
        item = next(item for item in catalog.search().items() if item.id == name)
        ring = (item.geometry or {})["coordinates"][0]
        points = [{"Longitude": x, "Latitude": y} for x, y in ring]
        geometry = {"GPolygons": [{"Boundary": {"Points": points}}]}
        urls = []
        for path in sorted(sidecar.parent.glob(f"{name}*.tif")):
            place = f"/{BUCKET}/AST_L1T.004/{name}/{path.name}"
            earthdata.files[place] = path.read_bytes()
            urls.append({"URL": f"https://{DATA_HOST}{place}", "Type": "GET DATA"})
        umm |= {"RelatedUrls": urls, "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": geometry}}}
        meta = {"concept-id": f"G{number}-LPCLOUD", "revision-id": 3, "provider-id": "LPCLOUD",
                "collection-concept-id": "C1-LPCLOUD"}  # fmt: skip
        records.append({"meta": meta, "umm": umm})
    twin.routes["cmr.earthdata.nasa.gov"] = Cmr(records)
    return earthdata


def test_version_004_in_place(
    lpdaac: Earthdata, twin: Twin, originals: tuple[Path, Catalog], tmp_path: Path, shared: Path
) -> None:
    truth = originals[1]
    options: dict[str, Any] = {"version": "004", "catalog": tmp_path / "c", "no_copy": True}
    report = stacaster.ingest_search("AST_L1T", **options)
    assert len(report.ingested) == len(list(truth.search().items())) and not report.failed, report.failed
    assert not list((tmp_path / "c").rglob("*.tif"))
    moved = sum(len(b) for b in lpdaac.files.values())
    here = stacaster.open_catalog(tmp_path / "c")
    for mine in here.search().items():
        theirs = next(item for item in truth.search().items() if item.id == mine.id)
        known = {key: asset for key, asset in theirs.assets.items() if "thumbnail" not in key}
        assert sorted(key for key in mine.assets if "source" not in key) == sorted(known)
        for key, asset in known.items():
            # The files state no fill value and the northern zone: a virtual raster says both.
            assert mine.assets[key].href.endswith(f"/{key}.vrt")
            for field in FIELDS:
                assert mine.assets[key].extra_fields.get(field) == asset.extra_fields.get(field), (key, field)
            source = mine.assets[f"source-{key}"]
            assert source.href.startswith(f"https://{DATA_HOST}/") and "Signature" not in source.href
            assert source.extra_fields["file:checksum"].startswith("1340"), "sha2-512, as CMR gives it"
        assert "registered in place" in mine.properties["processing:lineage"]
        document = json.loads(next((tmp_path / "c").rglob(f"{mine.id}.json")).read_text())
        assert check(document, shared / "schemas") == []
        assert "canary" not in json.dumps(document)
    lpdaac.cdn_requests.clear()
    bands = ["B02", "B03N"]
    near = truth.search(bbox=[138.3, -31.2, 138.7, -30.8]).items()
    inside = [item for item in near if "B02" in item.assets]
    ids = [item.id for item in inside if item.assets["B02"].extra_fields["proj:code"].endswith("54")]
    mine = load(here.root, tmp_path / "a.npz", ids=ids, bands=bands, native=True, units="radiance")
    other = truth.search(ids=ids).load(bands=bands, native=True, units="radiance")
    for band in bands:
        np.testing.assert_array_equal(mine[band], other[band])
        assert np.isfinite(mine[band]).mean() > 0.3
    assert lpdaac.cdn_requests, "the pixels came from the provider"
    for request in twin.log:
        if request.host == CDN_HOST:
            assert "authorization" not in request.headers
    assert moved > 0
    again = stacaster.ingest_search("AST_L1T", **options)
    assert len(again.skipped) == len(report.ingested)


def test_signed_addresses(lpdaac: Earthdata, tmp_path: Path) -> None:
    """What ``odc.stac.load(..., patch_url=stacaster.network.sign)`` reads."""
    stacaster.ingest_search("AST_L1T", version="004", catalog=tmp_path / "c", no_copy=True, limit=1)
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    href = item.assets["source-B10"].href
    signed = stacaster.network.sign(href)
    assert signed.startswith(f"https://{CDN_HOST}/") and "Signature=" in signed
    lpdaac.faults[DATA_HOST] = [Answer(500)] * 9
    assert stacaster.network.sign(href) == signed, "asked once"
    text = stacaster.network.sign(item.assets["B10"].href)
    assert text.startswith("<VRTDataset") and "Signature=canary-signature" in text and "<NoDataValue>0<" in text
    assert (
        stacaster.network.sign("/a/b.tif") == "/a/b.tif"
        and stacaster.network.sign("https://x.org/a") == "https://x.org/a"
    )


def test_downloads_of_version_004_bring_their_record(lpdaac: Earthdata, tmp_path: Path) -> None:
    report = stacaster.ingest_search(
        "AST_L1T", version="004", catalog=tmp_path / "c", cache_dir=tmp_path / "cache", limit=1
    )
    assert not report.failed, report.failed
    (item,) = stacaster.open_catalog(tmp_path / "c").search().items()
    assert "raster:scale" in item.assets["B02"].extra_fields
    assert not any("no sidecar" in note for note in item.properties.get("stacaster:notes", ()))
    (sidecar,) = (tmp_path / "cache").rglob("*.cmr.json")
    assert json.loads(sidecar.read_text())["GranuleUR"] == item.id


@pytest.fixture
def planetary(twin: Twin, catalog: Catalog, tmp_path: Path) -> tuple[Planetary, list[pystac.Item]]:
    """The Planetary Computer with two day scenes of the session's catalog, as a STAC API."""
    found = Planetary(twin)
    scenes = [item for item in catalog.search(collections=["aster-l1t-003"]).items() if "B04" in item.assets][:2]
    found.serve(scenes, tmp_path)
    return found, scenes


def test_planetary_computer_in_place(
    planetary: tuple[Planetary, list[pystac.Item]], catalog: Catalog, tmp_path: Path, shared: Path
) -> None:
    _, scenes = planetary
    options: dict[str, Any] = {"source": "planetary-computer", "catalog": tmp_path / "c", "no_copy": True}
    report = stacaster.ingest_search("aster-l1t", **options)
    assert not report.failed and len(report.ingested) == 2, report.failed
    here = stacaster.open_catalog(tmp_path / "c")
    for item in here.search().items():
        theirs = next(scene for scene in scenes if scene.id == item.id)
        bands = sorted(key for key in item.assets if key.startswith("B"))
        assert bands == sorted(key for key in theirs.assets if "thumbnail" not in key)
        for key in bands:
            for field in ("proj:code", "proj:transform", "proj:shape"):
                assert item.assets[key].extra_fields[field] == theirs.assets[key].extra_fields[field], (key, field)
        notes = item.properties["stacaster:notes"]
        assert any("takes pixel centres for edges (14.9" in note and "put right to 15 m" in note for note in notes)
        assert item.assets["source-VNIR"].href.startswith(f"https://{STORAGE_HOST}/aster/")
        document = json.loads(next((tmp_path / "c").rglob(f"{item.id}.json")).read_text())
        assert check(document, shared / "schemas") == []
        # ASTER User Handbook: 0.708 for band 2 in high gain.
        assert document["assets"]["B02"]["raster:scale"] == pytest.approx(0.708)
    written = "".join(path.read_text(errors="replace") for path in (tmp_path / "c").rglob("*.*") if path.is_file())
    assert "canary" not in written
    ids = [scene.id for scene in scenes]
    bands = ["B03N", "B04", "B13"]
    wanted: dict[str, Any] = {"bands": bands, "crs": "EPSG:32754", "resolution": 90}
    mine = load(here.root, tmp_path / "a.npz", ids=ids, **wanted)
    other = catalog.search(ids=ids).load(**wanted)
    for band in bands:
        np.testing.assert_array_equal(mine[band], other[band])
        assert other[band].any()
    native = load(here.root, tmp_path / "b.npz", ids=ids[:1], bands=["B01"], native=True)
    np.testing.assert_array_equal(native["B01"], catalog.search(ids=ids[:1]).load(bands=["B01"], native=True).B01)
    again = stacaster.ingest_search("aster-l1t", **options)
    assert len(again.skipped) == 2


def test_what_cannot_be_registered(
    planetary: tuple[Planetary, list[pystac.Item]], twin: Twin, tmp_path: Path, catalog: Catalog
) -> None:
    service, _ = planetary
    broken = next(name for name in service.files if name.endswith(".VNIR.tif"))
    whole, service.files[broken] = service.files[broken], b"II*\0" + bytes(100)
    options: dict[str, Any] = {"source": "planetary-computer", "catalog": tmp_path / "c", "no_copy": True}
    report = stacaster.ingest_search("aster-l1t", **options)
    (failed,) = report.failed
    assert failed.error == "ReadError" and "cannot be opened as GeoTIFF" in (failed.reason or "")
    assert len(report.ingested) == 1
    service.files[broken] = whole
    # The one that failed is done by the next run.
    assert len(stacaster.ingest_search("aster-l1t", **options).ingested) == 1
    hdf = stacaster.search("aster-l1t-003", source=str(catalog.root), limit=1)
    (other,) = stacaster.register(
        [stacaster.model.Granule(**{**vars(hdf[0]), "files": (), "source": "cmr"})], catalog=tmp_path / "d"
    ).failed
    assert "only GeoTIFFs can be registered in place" in (other.reason or "")


def test_virtual_rasters_say_all_that_gdal_needs(
    planetary: tuple[Planetary, list[pystac.Item]], tmp_path: Path
) -> None:
    stacaster.ingest_search("aster-l1t", source="planetary-computer", catalog=tmp_path / "c", no_copy=True, limit=1)
    path = next((tmp_path / "c").rglob("B02.vrt"))
    text = path.read_text()
    assert "pc_url_signing=yes" in text and "pc_collection=aster-l1t" in text
    assert "sig=" not in text and "canary" not in text
    assert quote(f"https://{STORAGE_HOST}/", safe="") in text
    with rasterio.open(path) as dataset:
        assert dataset.res == (15.0, 15.0) and dataset.nodata == 0 and dataset.scales[0] == pytest.approx(0.708)
