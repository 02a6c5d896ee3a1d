"""Simulated GeoTIFF sets, read back with rasterio."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from stacaster.samples.aster_l1t_004 import write_aster_l1t_004
from stacaster.samples.scene import AsterScene

SCENE = AsterScene(
    acquired=dt.datetime(2001, 10, 14, 0, 58, 12, 45678, tzinfo=dt.UTC),
    produced=dt.datetime(2015, 4, 9, 13, 53, 50, tzinfo=dt.UTC),
    zone=54,
    upper_left=(-3_428_910, 261_360),
    tir_shape=(46, 48),
)
STEM = "AST_L1T_00410142001005812_20150409135350"
FILES = [
    *(f"{STEM}_VNIR_{band}.tif" for band in ("B01", "B02", "B03N")),
    *(f"{STEM}_SWIR_B{number:02d}.tif" for number in range(4, 10)),
    *(f"{STEM}_TIR_B{number}.tif" for number in range(10, 15)),
]
SIZES = {"VNIR": (15, (271, 283), "uint8"), "SWIR": (30, (136, 142), "uint8"), "TIR": (90, (46, 48), "uint16")}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return write_aster_l1t_004(SCENE, tmp_path_factory.mktemp("granule"))


def test_names(paths: tuple[Path, ...]) -> None:
    assert [path.name for path in paths] == [*FILES, f"{STEM}.cmr.json"]
    assert {path.name for path in paths[0].parent.iterdir()} == {path.name for path in paths}


def test_place_and_form(paths: tuple[Path, ...]) -> None:
    """The pixel EDGE lies half a pixel outside the corner centre, so the three sensors have three outer edges."""
    edges = set()
    for path in paths[:-1]:
        size, shape, dtype = SIZES[path.name.split("_")[4]]
        with rasterio.open(path) as file:
            transform = file.transform
            assert file.crs.to_epsg() == 32654
            assert (file.shape, file.count, file.dtypes, file.nodata) == (shape, 1, (dtype,), None)
            assert (transform.a, transform.b, transform.d, transform.e) == (size, 0, 0, -size)
            assert transform @ (0.5, 0.5) == (261_360.0, -3_428_910.0)
            assert transform @ (shape[1] - 0.5, shape[0] - 0.5) == (265_590.0, -3_432_960.0)
            assert file.profile["tiled"]
            assert file.profile["compress"] == "deflate"
            assert file.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "Simulated by stacaster; not a measurement"
            edges.add(tuple(file.bounds))
        assert cog_validate(path, quiet=True)[0]
    assert len(edges) == 3


def test_pixels(paths: tuple[Path, ...]) -> None:
    for path in paths[:-1]:
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), SCENE.pixels(path.stem.rsplit("_", 1)[1]))


def test_southern_zone_adds_ten_million_metres(paths: tuple[Path, ...], tmp_path: Path) -> None:
    for northern, southern in zip(
        paths[:-1], write_aster_l1t_004(SCENE, tmp_path, southern_crs=True)[:-1], strict=True
    ):
        with rasterio.open(northern) as one, rasterio.open(southern) as other:
            assert other.crs.to_epsg() == 32754
            assert other.transform.f - one.transform.f == 10_000_000
            assert other.transform.c == one.transform.c
            np.testing.assert_array_equal(one.read(1), other.read(1))


def test_record(paths: tuple[Path, ...]) -> None:
    record = json.loads(paths[-1].read_text())
    assert record["GranuleUR"] == STEM
    assert record["CollectionReference"] == {"ShortName": "AST_L1T", "Version": "004"}
    assert record["TemporalExtent"] == {"SingleDateTime": "2001-10-14T00:58:12.045678Z"}
    assert record["DataGranule"]["DayNightFlag"] == "Day"
    assert record["MetadataSpecification"]["Version"] == "1.6.6"
    listed = {item["Name"]: item for item in record["DataGranule"]["ArchiveAndDistributionInformation"]}
    assert list(listed) == FILES
    for path in paths[:-1]:
        entry = listed[path.name]
        assert entry["SizeInBytes"] == path.stat().st_size
        assert entry["Checksum"] == {"Value": hashlib.sha512(path.read_bytes()).hexdigest(), "Algorithm": "SHA-512"}
    extra = {item["Name"]: item["Values"] for item in record["AdditionalAttributes"]}
    assert extra["ASTERGains"] == ["01 HGH, 02 HGH, 3N NOR, 04 NOR, 05 NOR, 06 NOR, 07 NOR, 08 NOR, 09 NOR"]
    assert extra["SolarElevationAngle"] == ["50.0"]
    assert extra["ASTERTIRPointingAngle"] == ["5.709"]


def test_night_granule_has_thermal_bands_only(tmp_path: Path) -> None:
    scene = replace(SCENE, subsystems=("TIR",), gains=("OFF",) * 9, sun_elevation=-40.0)
    paths = write_aster_l1t_004(scene, tmp_path)
    assert [path.name for path in paths] == [*FILES[9:], f"{STEM}.cmr.json"]
    record = json.loads(paths[-1].read_text())
    assert record["DataGranule"]["DayNightFlag"] == "Night"


def test_same_bytes_twice(paths: tuple[Path, ...], tmp_path: Path) -> None:
    again = write_aster_l1t_004(SCENE, tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]
