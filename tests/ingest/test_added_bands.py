"""Bands that are asked for later are added; what the catalog has of a granule stays as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.ingest.fingerprint import Origin, plan_bands
from stacaster.model import ReadOptions
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_003 import write_aster_l1t_003
from stacaster.samples.nisar import DEFAULT_SCENES as NISAR
from stacaster.samples.nisar import write_nisar
from tests.conftest import Signature

DAY = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))


def item_of(root: Path) -> dict[str, Any]:
    (path,) = root.glob("*/*/*/*.json")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@pytest.mark.parametrize(
    "steps",
    [
        [{"subsystem": ["VNIR"]}, {"subsystem": ["TIR"]}, {"subsystem": ["SWIR"]}],
        [{"bands": ["B13"]}, {"bands": ["B01", "B13"]}, {}],
        [{"subsystem": ["TIR"]}, {}, {"bands": ["B02"]}],
    ],
)
def test_steps_give_the_catalog_of_one_ingest(
    steps: list[dict[str, Any]], tmp_path: Path, signature: Signature
) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    reports = [stacaster.ingest([path], catalog=tmp_path / "c", **step) for step in steps]
    assert [len(report.ingested) for report in reports] == [1, *[0] * (len(steps) - 1)]
    assert not any(report.replaced or report.failed for report in reports)
    assert sum(len(report.added) + len(report.skipped) for report in reports) == len(steps) - 1
    stacaster.ingest([path], catalog=tmp_path / "once")
    assert signature(tmp_path / "c") == signature(tmp_path / "once")
    assert stacaster.catalog.check_catalog(tmp_path / "c", deep=True) == []


def test_bands_that_stay_are_not_written_again(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    stacaster.ingest([path], catalog=tmp_path / "c", subsystem=["VNIR"])
    (before,) = (tmp_path / "c").glob("*/*/*/B01.tif")
    known, node = item_of(tmp_path / "c")["assets"]["B01"], before.stat()
    stacaster.ingest([path], catalog=tmp_path / "c", subsystem=["TIR"])
    assert item_of(tmp_path / "c")["assets"]["B01"] == known
    assert (before.stat().st_ino, before.stat().st_mtime_ns) == (node.st_ino, node.st_mtime_ns)
    assert list(stacaster.open_catalog(tmp_path / "c").load(native=True, bands=["B01"]).data_vars) == ["B01"]


def test_another_area_makes_all_bands_anew(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    root = tmp_path / "c"
    stacaster.ingest([path], catalog=root, subsystem=["VNIR"])
    west, south, east, north = item_of(root)["bbox"]
    half = (west, south, (west + east) / 2, north)
    report = stacaster.ingest([path], catalog=root, subsystem=["TIR"], bbox=half)
    assert len(report.replaced) == 1
    item = item_of(root)
    assert {"B01", "B10"} <= set(item["assets"]) and "stacaster:cut_to" in item["properties"]
    whole = tmp_path / "whole"
    stacaster.ingest([path], catalog=whole, bands=["B01"])
    assert item["assets"]["B01"]["proj:shape"] != item_of(whole)["assets"]["B01"]["proj:shape"], "one area an item"


def test_a_damaged_band_is_made_anew(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    root = tmp_path / "c"
    stacaster.ingest([path], catalog=root, subsystem=["VNIR"])
    (band,) = root.glob("*/*/*/B02.tif")
    content = band.read_bytes()
    band.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert len(stacaster.ingest([path], catalog=root, subsystem=["TIR"]).replaced) == 1
    assert band.read_bytes() == content


def test_frequencies_of_nisar_are_added(tmp_path: Path, signature: Signature) -> None:
    path = write_nisar(NISAR[0], tmp_path)
    for frequency in ("B", "A"):
        stacaster.ingest([path], catalog=tmp_path / "c", frequency=frequency)
    stacaster.ingest([path], catalog=tmp_path / "once")
    assert signature(tmp_path / "c") == signature(tmp_path / "once")


def test_update_adds_nothing(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    stacaster.ingest([path], catalog=tmp_path / "c", bands=["B01"])
    assert len(stacaster.update([path], catalog=tmp_path / "c").skipped) == 1
    assert "B02" not in item_of(tmp_path / "c")["assets"]
    assert len(stacaster.update([path], catalog=tmp_path / "c", profile="deflate").replaced) == 1


def test_bands_of_several_processes_are_all_kept(tmp_path: Path, signature: Signature) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    program = "import sys, stacaster; r = stacaster.ingest([sys.argv[1]], catalog=sys.argv[2], bands=sys.argv[3:]); "
    program += "assert not r.failed, r"
    groups = (["B01", "B02"], ["B10"], ["B14", "B04"])
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), str(tmp_path / "c"), *names])
               for names in groups]  # fmt: skip
    assert [process.wait() for process in running] == [0, 0, 0]
    stacaster.ingest([path], catalog=tmp_path / "once", bands=[name for names in groups for name in names])
    assert signature(tmp_path / "c") == signature(tmp_path / "once")


def test_plan_of_bands() -> None:
    origin = Origin(product="p", sources=("1",))
    item = {"assets": {name: {"stacaster:fingerprint": origin.band(name, "zstd")} for name in ("a", "b")}}
    options: dict[str, Any] = {"profile": "zstd", "profiles": ("zstd", "deflate")}

    def plan(asked: str, **more: Any) -> tuple[str, str, str]:
        made = plan_bands(item, more.pop("origin", origin), asked, **options | more)
        return "".join(sorted(made.make)), "".join(sorted(made.keep)), made.change

    assert plan("ab") == ("", "ab", "skipped") == plan("a")
    assert plan("bc") == ("c", "ab", "added")
    assert plan("c", usable=lambda: ["a"]) == ("bc", "a", "replaced"), "a lost file is made anew"
    assert plan("ab", usable=lambda: pytest.fail("files are looked at where nothing is written"))[2] == "skipped"
    assert plan("a", profile="deflate") == ("a", "b", "replaced")
    assert plan("c", profile="deflate") == ("c", "ab", "added")
    assert plan("c", origin=replace(origin, sources=("2",))) == ("abc", "", "replaced"), "one delivery an item"
    assert plan_bands(None, origin, "ab", **options).change == "ingested"


def test_a_changed_table_makes_bands_anew() -> None:
    """Tables of products outside of the package change without a new version of it."""
    product = next(product for product in stacaster.products.all_products().values() if product.is_generic)
    sources = [{"checksum": "1"}]
    other = replace(product, bands=(replace(product.bands[0], nodata=7), *product.bands[1:]))
    name = product.bands[0].name
    every = ReadOptions()
    assert Origin.of(product, sources, every).band(name, "zstd") != Origin.of(other, sources, every).band(name, "zstd")
    assert Origin.of(product, sources, every) == Origin.of(replace(product, title="x"), sources, every)
