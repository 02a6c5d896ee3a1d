"""Granule files in, a truthful catalog out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD
from rio_cogeo.cogeo import cog_validate

import stacaster
from stacaster.errors import CatalogError, NothingFoundError, UsageError
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_003 import Faults, write_aster_l1t_003, write_ecs_sidecar
from stacaster.samples.aster_l1t_004 import write_aster_l1t_004
from tests.conftest import Signature

DAY = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))
NIGHT = replace(DEFAULT_SCENES[4], tir_shape=(4, 5))


def items(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*/*/*.json"))


def bands_of(path: Path) -> dict[str, Any]:
    """Return the assets of an item that hold data, not pictures."""
    assets = json.loads(path.read_text())["assets"]
    return {key: asset for key, asset in assets.items() if asset["roles"] == ["data"]}


@pytest.mark.parametrize(
    ("name", "collection", "fields"),
    [
        ("MOD10A2.A2003017.h16v01.005.2006126104131", "mod10a2-005", 2),
        ("MCD43B2.A2007257.h35v10.005.2007277185619", "mcd43b2-005", 4),
    ],
)
def test_every_pixel_of_real_modis_grids(shared: Path, tmp_path: Path, name: str, collection: str, fields: int) -> None:
    source = shared / "data/hdf4" / f"{name}.hdf"
    report = stacaster.ingest([source], catalog=tmp_path / "c")
    assert [outcome.item_id for outcome in report.ingested] == [name]
    (path,) = items(tmp_path / "c")
    item = json.loads(path.read_text())
    assert item["collection"] == collection and len(bands_of(path)) == fields
    file = SD(str(source))
    for key, asset in bands_of(path).items():
        expected = next(
            file.select(index).get() for index in range(file.info()[0]) if file.select(index).info()[0].lower() == key
        )
        with rasterio.open(path.parent / asset["href"]) as dataset:
            pixels = dataset.read(1)
            assert dataset.dtypes[0] == str(expected.dtype) == asset["data_type"]
            assert tuple(dataset.transform)[:6] == tuple(asset["proj:transform"])
            assert dataset.crs.to_dict()["proj"] == "sinu"
            assert dataset.crs.to_dict()["R"] == 6371007.181
            assert dataset.overviews(1), "categorical bands have overviews"
            overview = dataset.read(1, out_shape=tuple(-(-n // 2) for n in pixels.shape))
            assert set(np.unique(overview)) <= set(np.unique(expected)), "nearest overviews invent no class"
        assert np.array_equal(pixels, expected)
        assert "proj:wkt2" in asset and asset["proj:projjson"]["type"] == "ProjectedCRS"
        assert cog_validate(path.parent / asset["href"], strict=True) == (True, [], [])
    properties = item["properties"]
    assert properties["start_datetime"] == properties["datetime"] < properties["end_datetime"]


def test_real_swath_without_table_is_kept_with_its_outline(shared: Path, tmp_path: Path) -> None:
    source = shared / "data/hdf4/MOD05_L2.A2019336.2315.061.2019337071952.hdf"
    report = stacaster.ingest([source], catalog=tmp_path / "c")
    (outcome,) = report.ingested
    assert outcome.collection == "mod05-l2-061"
    (item,) = (tmp_path / "c").glob("mod05-l2-061/*/*/*.json")
    document = json.loads(item.read_text())
    assert (item.parent / document["assets"]["data"]["href"]).read_bytes() == source.read_bytes()
    # What the file itself states of its bounds.
    west, south, east, north = document["bbox"]
    assert document["geometry"]["type"] == "MultiPolygon" and west > east
    assert (south, north) == pytest.approx((63.2, 88.6), abs=0.1)


def test_every_pixel_of_a_simulated_scene(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    stacaster.ingest([path], catalog=tmp_path / "c")
    (item_path,) = items(tmp_path / "c")
    item = json.loads(item_path.read_text())
    assert list(bands_of(item_path)) == list(DAY.bands)
    for band in DAY.bands:
        with rasterio.open(item_path.parent / f"{band}.tif") as dataset:
            assert np.array_equal(dataset.read(1), DAY.pixels(band))
            assert dataset.nodata == 0
            assert dataset.scales[0] == pytest.approx(DAY.coefficient(band), rel=1e-12)
            assert dataset.offsets[0] == -dataset.scales[0]
            assert dataset.units[0] == "W m-2 sr-1 um-1"
    assert "simulated data, not a measurement" in item["properties"]["stacaster:notes"]


def test_version_004_pixels_are_adopted(tmp_path: Path) -> None:
    paths = write_aster_l1t_004(DAY, tmp_path)
    report = stacaster.ingest([tmp_path], catalog=tmp_path / "c")
    assert [o.item_id for o in report.ingested] == [DAY.name_004]
    (item_path,) = items(tmp_path / "c")
    for source in (path for path in paths if path.suffix == ".tif"):
        band = source.stem.rsplit("_", 1)[1]
        with rasterio.open(source) as old, rasterio.open(item_path.parent / f"{band}.tif") as new:
            assert np.array_equal(old.read(1), new.read(1))
            assert old.nodata is None and new.nodata == 0


def test_same_file_is_skipped_and_changed_file_replaces(tmp_path: Path, signature: Signature) -> None:
    root = tmp_path / "c"
    path = write_aster_l1t_003(DAY, tmp_path)
    assert len(stacaster.ingest([path], catalog=root).ingested) == 1
    before = signature(root)
    again = stacaster.ingest([path], catalog=root)
    assert len(again.skipped) == 1 and signature(root) == before
    write_aster_l1t_003(replace(DAY, cloud_cover=77), tmp_path)
    changed = stacaster.ingest([path], catalog=root)
    assert len(changed.replaced) == 1
    (item_path,) = items(root)
    assert json.loads(item_path.read_text())["properties"]["eo:cloud_cover"] == 77
    fresh = tmp_path / "fresh"
    stacaster.ingest([path], catalog=fresh)
    assert signature(fresh) == signature(root), "a replaced item leaves no trace of the old one"


def test_other_settings_replace(tmp_path: Path) -> None:
    root = tmp_path / "c"
    path = write_aster_l1t_003(DAY, tmp_path)
    stacaster.ingest([path], catalog=root, subsystem=["VNIR"])
    assert list(bands_of(items(root)[0])) == ["B01", "B02", "B03N"]
    assert len(stacaster.ingest([path], catalog=root).added) == 1
    assert len(bands_of(items(root)[0])) == 14
    vnir: dict[str, Any] = {"catalog": root, "subsystem": ["VNIR"], "profile": "deflate"}
    assert len(stacaster.ingest([path], **vnir).replaced) == 1
    assert len(stacaster.ingest([path], **vnir).skipped) == 1
    with rasterio.open(items(root)[0].parent / "B10.tif") as dataset:
        assert dataset.profile["compress"] == "zstd", "bands that nobody asked for stay"
    with rasterio.open(items(root)[0].parent / "B01.tif") as dataset:
        assert dataset.profile["compress"] == "deflate"


def test_order_and_number_of_workers_do_not_matter(granules: Path, tmp_path: Path, signature: Signature) -> None:
    files = sorted(granules.glob("*.hdf"))
    stacaster.ingest(files, catalog=tmp_path / "one")
    stacaster.ingest(reversed(files), catalog=tmp_path / "two", workers=3)
    for path in [files[5], files[0], *files[3:5]]:
        stacaster.ingest([path], catalog=tmp_path / "three")
    stacaster.ingest([granules], catalog=tmp_path / "three", workers=2)
    first = signature(tmp_path / "one")
    assert len(first) > 100
    assert signature(tmp_path / "two") == first
    assert signature(tmp_path / "three") == first


def test_two_files_of_one_granule_have_one_winner_in_any_order(tmp_path: Path, signature: Signature) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, scene in zip(folders, (DAY, replace(DAY, cloud_cover=77)), strict=True):
        folder.mkdir()
        write_aster_l1t_003(scene, folder)
    roots = [tmp_path / "c1", tmp_path / "c2"]
    reports = [
        stacaster.ingest(order, catalog=root) for order, root in zip((folders, folders[::-1]), roots, strict=True)
    ]
    for report in reports:
        # Whether the first is in the catalog already when the other comes depends on the machine.
        assert len(report.outcomes) == 2 and len(report.skipped) + len(report.replaced) == 1
    assert signature(roots[0]) == signature(roots[1])


def test_bad_files_cost_themselves_only(tmp_path: Path, signature: Signature) -> None:
    good = [write_aster_l1t_003(scene, tmp_path) for scene in (DAY, NIGHT)]
    data = good[0].read_bytes()
    bad = {
        "empty.hdf": b"",
        "text.hdf": b"not a granule\n" * 40,
        "login.hdf": b"<!DOCTYPE html><html><body>Earthdata Login</body></html>",
        "noise.hdf": bytes(range(256)) * 8,
        "half.hdf": data[: len(data) // 2],
        "hdf5.hdf": b"\x89HDF\r\n\x1a\n" + b"\0" * 500,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    missing = tmp_path / "missing.hdf"
    report = stacaster.ingest([tmp_path, missing], catalog=tmp_path / "c", workers=2)
    assert len(report.ingested) == 2
    reasons = {outcome.granule: outcome.reason or "" for outcome in report.failed}
    assert set(reasons) == {*bad, "missing.hdf"}
    words = {
        "empty.hdf": "is empty",
        "text.hdf": "is a text file",
        "login.hdf": "is an HTML page, most likely a login page",
        "noise.hdf": "unknown format",
        "half.hdf": "truncated",
        "hdf5.hdf": "it cannot be opened: it is damaged",
        "missing.hdf": "cannot be opened",
    }
    for name, text in words.items():
        assert text in reasons[name], (name, reasons[name])
    clean = tmp_path / "clean"
    stacaster.ingest(good, catalog=clean)
    assert signature(clean) == signature(tmp_path / "c")


@pytest.mark.parametrize("seed", range(20))
def test_truncation_anywhere_is_an_error(tmp_path: Path, seed: int) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    data = path.read_bytes()
    # The last byte lies behind the last data element and carries nothing.
    cut = 1 + (len(data) - 3) * seed // 19
    path.write_bytes(data[:cut])
    from stacaster.errors import ReadError
    from stacaster.ingest.convert import convert

    task = {"files": [str(path)], "catalog": str(tmp_path / "c"), "staging": str(tmp_path / "s"), "subsystems": [],
            "keep_swir": False, "profile": "zstd", "threads": 1, "dry_run": False, "known_only": False}  # fmt: skip
    with pytest.raises(ReadError) as caught:
        convert(task)
    assert caught.value.granule == path.name


@pytest.mark.parametrize(
    "granule_id",
    [
        "../../escape",
        "/etc/passwd",
        "a\x00b",
        "x" * 300,
        "SC:AST_L1T.003:2148860521",
        "..",
        "CON",
        " spaces & <tags> ",
        "ünï",
    ],
)
def test_hostile_granule_ids_stay_inside(tmp_path: Path, granule_id: str) -> None:
    if "\x00" in granule_id:
        granule_id = granule_id.replace("\x00", "\x01")  # ODL text ends at a NUL
    path = write_aster_l1t_003(NIGHT, tmp_path, faults=Faults(granule_id=granule_id))
    path = path.rename(tmp_path / "in.hdf")
    root = tmp_path / "deep/er/c"
    report = stacaster.ingest([path], catalog=root)
    assert len(report.ingested) == 1, report.failed
    everything = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert {p for p in everything if not p.is_relative_to(root)} == {path}
    (item_path,) = items(root)
    assert item_path.parent.name == item_path.stem == report.ingested[0].item_id
    assert item_path.resolve().is_relative_to(root.resolve())
    assert json.loads(item_path.read_text())["properties"]["title"] == granule_id.strip()
    assert len(list(stacaster.open_catalog(root).search().items())) == 1


def test_sidecar_checksum_guards_every_byte(tmp_path: Path) -> None:
    path = write_aster_l1t_003(NIGHT, tmp_path)
    write_ecs_sidecar(NIGHT, path)
    assert len(stacaster.ingest([path], catalog=tmp_path / "ok").ingested) == 1
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)
    (failed,) = stacaster.ingest([path], catalog=tmp_path / "c").failed
    assert "differs from the MD5 checksum" in (failed.reason or "")
    for tif in write_aster_l1t_004(NIGHT, tmp_path)[:1]:
        changed = bytearray(tif.read_bytes())
        changed[-1] ^= 1
        tif.write_bytes(changed)
    (failed,) = stacaster.ingest([tmp_path / f"{NIGHT.name_004}*"], catalog=tmp_path / "c").failed
    assert "SHA-512" in (failed.reason or "")


def test_dry_run_writes_nothing(granules: Path, tmp_path: Path) -> None:
    report = stacaster.ingest([granules], catalog=tmp_path / "c", dry_run=True)
    assert len(report.ingested) == 8 and "would be ingested" in (report.ingested[0].reason or "")
    assert not (tmp_path / "c").exists()


def test_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="no granule was found"):
        stacaster.ingest([tmp_path], catalog=tmp_path / "c")


def test_wrong_arguments(granules: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one of zstd, deflate"):
        stacaster.ingest([granules], catalog=tmp_path / "c", profile="lzw")
    with pytest.raises(UsageError, match="VNIR, SWIR, TIR"):
        stacaster.ingest([granules], catalog=tmp_path / "c", subsystem=["XNIR"])
    with pytest.raises(UsageError, match="at least 1"):
        stacaster.ingest([granules], catalog=tmp_path / "c", workers=0)


def test_a_strangers_folder_is_not_written_into(granules: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(CatalogError, match="holds other files"):
        stacaster.ingest([granules], catalog=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_script_without_main_guard(tmp_path: Path, repository: Path) -> None:
    path = write_aster_l1t_003(NIGHT, tmp_path)
    script = tmp_path / "script.py"
    script.write_text(f"import stacaster\nprint(stacaster.ingest([{str(path)!r}], catalog={str(tmp_path / 'c')!r}))\n")
    env = {"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.strip() == "<Report: 1 ingested, 0 added, 0 replaced, 0 skipped, 0 failed>", done.stderr


def test_catalog_inside_the_source_folder_is_no_source(tmp_path: Path) -> None:
    write_aster_l1t_003(NIGHT, tmp_path)
    root = tmp_path / "catalog"
    stacaster.ingest([tmp_path], catalog=root)
    report = stacaster.ingest([tmp_path], catalog=root)
    assert len(report.outcomes) == len(report.skipped) == 1


def test_catalog_that_was_moved_goes_on(granules: Path, tmp_path: Path, signature: Signature) -> None:
    files = sorted(granules.glob("*.hdf"))
    stacaster.ingest(files[:4], catalog=tmp_path / "old")
    shutil.move(tmp_path / "old", tmp_path / "new")
    report = stacaster.ingest(files, catalog=tmp_path / "new")
    assert len(report.skipped) == 4 and len(report.ingested) == 4
    stacaster.ingest(files, catalog=tmp_path / "whole")
    assert signature(tmp_path / "whole") == signature(tmp_path / "new")


def test_report_is_shown_in_a_notebook() -> None:
    outcome = stacaster.model.Outcome(granule="<b>.hdf", status="failed", reason="a < b")
    html = stacaster.model.Report((outcome,))._repr_html_()
    assert "&lt;b&gt;.hdf" in html and "a &lt; b" in html and "1 failed" in html
