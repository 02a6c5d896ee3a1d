"""HDF-EOS2 files: every layer of real and simulated files against readers that are not ours."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyhdf.SD import SD, SDC

from stacaster.errors import ReadError
from stacaster.formats.readers import open_granule, sniff_format
from stacaster.formats.readers.hdf4_eos.layout import LayoutError, check_layout
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_003 import Faults, write_aster_l1t_003
from tests.certain import certain

SNOW = "MOD10A2.A2003017.h16v01.005.2006126104131.hdf"
ALBEDO = "MCD43B2.A2007257.h35v10.005.2007277185619.hdf"
VAPOUR = "MOD05_L2.A2019336.2315.061.2019337071952.hdf"
TWINS = "swath_3_3d_dimmap.hdf"
DAY = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))


@pytest.fixture(scope="module")
def real(shared: Path) -> Path:
    return shared / "data" / "hdf4"


def data_sets(path: Path) -> list[tuple[str, np.ndarray]]:
    """Return name and pixels of every data set that is no coordinate variable, in file order, straight from pyhdf."""
    file = SD(str(path), SDC.READ)
    found = []
    for index in range(file.info()[0]):
        dataset = file.select(index)
        if not dataset.iscoordvar():
            found.append((dataset.info()[0], np.asarray(dataset.get())))
        dataset.endaccess()
    file.end()
    return found


@pytest.mark.parametrize("name", [SNOW, ALBEDO, VAPOUR, TWINS])
def test_every_layer_of_a_real_file(real: Path, name: str) -> None:
    expected = data_sets(real / name)
    with open_granule([real / name]) as granule:
        layers = granule.content.layers
        assert [layer.name for layer in layers.values()] == [name for name, _ in expected]
        for layer, (_, pixels) in zip(layers.values(), expected, strict=True):
            read = granule.read_layer(layer.path)
            assert read.dtype == layer.data_type
            assert read.shape == layer.shape == pixels.shape
            assert read.tobytes() == pixels.tobytes()


def test_same_name_in_several_swaths(real: Path) -> None:
    with open_granule([real / TWINS]) as granule:
        paths = list(granule.content.layers)
        names = [layer.name for layer in granule.content.layers.values()]
        assert len(set(names)) < len(names) == len(set(paths))
        assert set(granule.content.groups.values()) == {"swath"}


def test_pixels_of_the_snow_grid_without_the_hdf_library(real: Path) -> None:
    """Decompress the data element oneself: HDF4 specification, sections on special elements and compression."""

    def linked_blocks(elements: dict[tuple[int, int], bytes], head: bytes) -> bytes:
        kind, length, _, _, table = struct.unpack(">HIIIH", head[:16])
        assert kind == 1
        joined = b""
        while table:
            table, *blocks = struct.unpack(f">{len(elements[20, table]) // 2}H", elements[20, table])
            joined += b"".join(elements[20, block] for block in blocks if block)
        return joined[:length]

    data = (real / SNOW).read_bytes()
    offset = 4
    elements: dict[tuple[int, int], bytes] = {}
    special: list[bytes] = []
    while offset:
        count, following = struct.unpack(">HI", data[offset : offset + 6])
        for number in range(count):
            tag, ref, start, length = struct.unpack(">HHII", data[offset + 6 + 12 * number :][:12])
            elements[tag, ref] = data[start : start + length]
            if tag == 702 | 0x4000:
                special.append(elements[tag, ref])
        offset = following
    raw = []
    for head in special:
        code, _, size, ref, _, coder = struct.unpack(">HHIHHH", head[:14])
        assert (code, size, coder) == (3, 2400 * 2400, 4), "compressed, of this size, with deflate"
        raw.append(zlib.decompress(linked_blocks(elements, elements[40 | 0x4000, ref])))
    with open_granule([real / SNOW]) as granule:
        read = [granule.read_layer(path).tobytes() for path in granule.content.layers]
    assert sorted(read) == sorted(raw) and len(read) == 2


@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="the gdal_translate of the system is another reader")
@pytest.mark.parametrize("name", [SNOW, ALBEDO])
def test_grids_as_gdal_reads_them(real: Path, name: str, tmp_path: Path) -> None:
    formats = subprocess.run(["gdal_translate", "--formats"], capture_output=True, text=True, check=True).stdout
    if "HDF4Image" not in formats:
        pytest.skip("this GDAL has no HDF4 driver")
    with open_granule([real / name]) as granule:
        for layer in granule.content.layers.values():
            target = tmp_path / f"{layer.name}.tif"
            source = f'HDF4_EOS:EOS_GRID:"{real / name}":{layer.group}:{layer.name}'
            subprocess.run(["gdal_translate", "-q", source, str(target)], check=True)
            with rasterio.open(target) as dataset:
                pixels = dataset.read()
                assert layer.geobox is not None
                assert tuple(dataset.transform)[:6] == pytest.approx(tuple(layer.geobox.transform)[:6], abs=1e-6)
            read = granule.read_layer(layer.path)
            assert np.array_equal(read if read.ndim == 2 else np.moveaxis(read, -1, 0), np.squeeze(pixels))


def test_grid_of_a_tile_by_hand(real: Path) -> None:
    # MODIS sinusoidal grid: 36 x 18 tiles on a sphere of 6371007.181 m, so that a tile is 1111950.5197 m wide.
    side = 6371007.181 * np.pi / 18
    with open_granule([real / SNOW]) as granule:
        for layer in granule.content.layers.values():
            box = layer.geobox
            assert box is not None and box.shape == (2400, 2400)
            assert box.transform.c == pytest.approx((16 - 18) * side, abs=0.01)
            assert box.transform.f == pytest.approx((9 - 1) * side, abs=0.01)
            assert box.transform.a == pytest.approx(side / 2400, abs=1e-5) == -box.transform.e
            assert "6371007.181" in str(certain(box.crs).to_wkt())


def test_swaths_of_a_scene(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    with open_granule([path]) as granule:
        content = granule.content
        assert {"VNIR_Swath", "SWIR_Swath", "TIR_Swath"} <= set(content.groups)
        assert {"VNIR_Swath/Latitude", "SWIR_Swath/Latitude", "TIR_Swath/Latitude"} <= set(content.layers)
        for band in ("B01", "B10"):
            group = "VNIR_Swath" if band == "B01" else "TIR_Swath"
            field = f"{group}/ImageData{int(band[1:])}"
            assert np.array_equal(granule.read_layer(field), DAY.pixels(band))


def test_swaths_without_vgroups_are_told_apart_by_their_dimensions(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    whole = write_aster_l1t_003(DAY, tmp_path / "a")
    bare = write_aster_l1t_003(DAY, tmp_path / "b", faults=Faults(omit_vgroups=True))
    with open_granule([whole]) as first, open_granule([bare]) as second:
        assert set(first.content.layers) == set(second.content.layers)
        for path in first.content.layers:
            assert np.array_equal(first.read_layer(path), second.read_layer(path))


def test_objects_are_found_by_name_whatever_their_attribute(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    with open_granule([path]) as granule:
        found = {item.name: item.document for item in granule.content.objects}
    assert found["LOCALGRANULEID"] == "coremetadata"
    assert found["SwathName"].lower() == "structmetadata"
    assert {"productmetadata", "productmetadata.v"} <= {item.lower() for item in found.values()}


@pytest.mark.parametrize("cut", [0, 3, 4, 7, 100])
def test_short_files(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01"[:cut] + b"\0" * max(0, cut - 4))
    with pytest.raises(ReadError) as caught:
        open_granule([path])
    assert caught.value.granule == "x.hdf"


def test_descriptors_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + struct.pack(">HI", 1, 4) + struct.pack(">HHII", 1, 0, 0, 0))
    with pytest.raises(LayoutError, match="circle"):
        check_layout(path)


def test_element_beyond_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf"
    path.write_bytes(b"\x0e\x03\x13\x01" + struct.pack(">HI", 1, 0) + struct.pack(">HHII", 702, 2, 20, 1000))
    with pytest.raises(LayoutError, match="22 bytes are there, 1020 are needed"):
        check_layout(path)


def test_more_than_one_file_is_refused(tmp_path: Path) -> None:
    paths = [write_aster_l1t_003(scene, tmp_path) for scene in (DAY, replace(DEFAULT_SCENES[4], tir_shape=(4, 5)))]
    with pytest.raises(ReadError, match="one file, but 2 were given"):
        open_granule(paths)


def test_formats_are_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path).rename(tmp_path / "x.tif")
    assert sniff_format(path) == "hdf4_eos"
    samples: dict[str, tuple[bytes, str]] = {
        "gz": (b"\x1f\x8brest", "gzip"),
        "xml": (b"<?xml version='1.0'?><a/>", "XML"),
        "nc": (b"CDF\x01", "netCDF-3, .* nccopy -k nc4"),
        "bin": (bytes(range(200, 256)), "unknown format"),
    }
    for name, (content, words) in samples.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReadError, match=words):
            sniff_format(tmp_path / name)
    with pytest.raises(ReadError, match="cannot be opened"):
        sniff_format(tmp_path / "nothing")


def test_a_damaged_metadata_attribute_is_named(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    data = path.read_bytes()
    at = data.index(b"END_GROUP", data.index(b"SwathStructure"))
    path.write_bytes(data[:at] + b"END_GROPU" + data[at + 9 :])
    with pytest.raises(ReadError, match="StructMetadata"):
        open_granule([path])


def test_damaged_metadata_that_place_nothing_are_kept_as_text(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    data = path.read_bytes()
    at = data.index(b"END_GROUP", data.index(b"INVENTORYMETADATA"))
    path.write_bytes(data[:at] + b"END_GROPU" + data[at + 9 :])
    with open_granule([path]) as granule:
        assert any("INVENTORYMETADATA" in str(text) for text in granule.content.attributes.values())


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    granule: Any = open_granule([write_aster_l1t_003(DAY, tmp_path)])
    granule.close()
    granule.close()
