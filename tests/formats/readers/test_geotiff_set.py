"""GeoTIFF sets: pixels as rasterio reads them, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from stacaster.errors import ReadError, UnknownProductError
from stacaster.formats.readers import open_granule
from stacaster.formats.readers.geotiff_set import open_files
from stacaster.products import recognise
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_004 import write_aster_l1t_004
from tests.certain import certain

SCENE = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [path for path in write_aster_l1t_004(SCENE, tmp_path) if path.suffix == ".tif"]


def test_pixels_and_grid(files: list[Path]) -> None:
    with open_granule(files) as granule:
        assert len(granule.content.layers) == len(files) == 14
        assert granule.content.sidecars["umm"]["GranuleUR"] == SCENE.name_004
        for path in files:
            layer = granule.content.layers[path.name]
            with rasterio.open(path) as dataset:
                assert np.array_equal(granule.read_layer(path.name), dataset.read(1))
                assert layer.geobox is not None and tuple(layer.geobox.transform) == tuple(dataset.transform)
                assert certain(layer.geobox.crs).epsg == dataset.crs.to_epsg()
                assert layer.nodata is None, "version 004 has no nodata tag"


def test_virtual_raster_under_a_false_name(tmp_path: Path, files: list[Path]) -> None:
    false = tmp_path / "x.tif"
    false.write_text(
        f'<VRTDataset rasterXSize="5" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{files[0]}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ReadError, match="a text file"):
        open_granule([false])
    with pytest.raises(ReadError, match="cannot be opened as GeoTIFF"):
        open_files([false])


def test_picture_with_three_bands(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    with rasterio.open(path, "w", driver="GTiff", width=2, height=2, count=3, dtype="uint8") as dataset:
        dataset.write(np.zeros((3, 2, 2), "uint8"))
    with open_granule([path]) as granule:
        assert list(granule.content.layers) == ["x.tif#1", "x.tif#2", "x.tif#3"]
        assert granule.read_layer("x.tif#2").shape == (2, 2)
        with pytest.raises(UnknownProductError, match="no table for this product"):
            recognise(granule.content)


def test_truncated_file(files: list[Path]) -> None:
    data = files[0].read_bytes()
    files[0].write_bytes(data[: len(data) - 40])
    with pytest.raises(ReadError, match=r"has \d+ bytes, but its \.cmr\.json sidecar says \d+"):
        open_granule(files)
    next(files[0].parent.glob("*.cmr.json")).unlink()
    with pytest.raises(ReadError), open_granule(files) as granule:
        granule.read_layer(files[0].name)


def test_formats_must_not_be_mixed(files: list[Path]) -> None:
    (files[0].parent / "x.hdf").write_bytes(b"\x0e\x03\x13\x01")
    with pytest.raises(ReadError, match="several formats: geotiff_set, hdf4_eos"):
        open_granule([files[0], files[0].parent / "x.hdf"])


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "no JSON"), ("[]", "GranuleUR is missing"), ('{"GranuleUR": "x", "DataGranule": []}', "UMM-G form")],
)
def test_damaged_sidecar(files: list[Path], text: str, words: str) -> None:
    next(files[0].parent.glob("*.cmr.json")).write_text(text)
    with pytest.raises(ReadError, match=words):
        open_granule(files)


def test_checksum_of_the_sidecar(files: list[Path]) -> None:
    sidecar = next(files[0].parent.glob("*.cmr.json"))
    record = json.loads(sidecar.read_text())
    for entry in record["DataGranule"]["ArchiveAndDistributionInformation"]:
        if entry["Name"] == files[3].name:
            entry["Checksum"]["Value"] = "0" * 128
    sidecar.write_text(json.dumps(record))
    with pytest.raises(ReadError, match="SHA-512") as caught:
        open_granule(files)
    assert caught.value.granule == files[3].name
