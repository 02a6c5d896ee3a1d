"""Pixels of HDF4 read without the HDF4 library, against the library: all layouts that are known, and others."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pyhdf
import pytest
from pyhdf.SD import SD, SDC

from stacaster.errors import ReadError
from stacaster.formats.readers import open_granule
from stacaster.formats.readers.hdf4_eos.direct import DirectFile
from stacaster.formats.readers.hdf4_eos.layout import check_layout

KINDS = {"uint8": SDC.UINT8, "int8": SDC.INT8, "uint16": SDC.UINT16, "int16": SDC.INT16, "uint32": SDC.UINT32,
         "int32": SDC.INT32, "float32": SDC.FLOAT32, "float64": SDC.FLOAT64}  # fmt: skip
CHUNK, COMPRESSED = 1, 3


class ChunkDefinition(ctypes.Structure):
    """HDF_CHUNK_DEF of mfhdf.h, of which pyhdf knows nothing; larger than there, as it is passed on the stack."""

    _fields_ = (
        ("lengths", ctypes.c_int32 * 32),
        ("coder", ctypes.c_int32),
        ("model", ctypes.c_int32),
        ("level", ctypes.c_int32),
        ("rest", ctypes.c_int32 * 20),
    )


def set_chunks(dataset: Any, lengths: tuple[int, ...], *, deflate: bool) -> None:
    found = next((Path(pyhdf.__file__).parents[1] / "pyhdf.libs").glob("libmfhdf*"), None)
    if found is None:
        pytest.skip("the HDF4 library of pyhdf is not beside it")
    definition = ChunkDefinition()
    definition.lengths[: len(lengths)] = list(lengths)
    definition.coder, definition.level = (4, 6) if deflate else (0, 0)
    library = ctypes.CDLL(str(found))
    assert library.SDsetchunk(dataset._id, definition, CHUNK | (COMPRESSED if deflate else 0)) == 0


def smooth(shape: tuple[int, ...], data_type: str) -> np.ndarray:
    chance = np.random.default_rng(sum(shape))
    return (np.cumsum(chance.integers(0, 3, shape), axis=-1) % 120).astype(data_type)


def written(path: Path, pixels: np.ndarray, layout: str, chunks: tuple[int, ...] = ()) -> np.ndarray:
    """Write a data set in a layout, and return what pyhdf reads of it."""
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    other = file.create("before", SDC.INT16, (3, 4))
    other[:] = np.ones((3, 4), "int16")
    other.endaccess()
    dataset = file.create("pixels", KINDS[str(pixels.dtype)], pixels.shape)
    if layout in ("deflate", "rle"):
        dataset.setcompress(*((SDC.COMP_DEFLATE, 6) if layout == "deflate" else (SDC.COMP_RLE,)))
    elif layout.startswith("chunks"):
        set_chunks(dataset, chunks or tuple(max(1, size // 3) for size in pixels.shape), deflate="deflate" in layout)
    elif layout == "elsewhere":
        dataset.setexternalfile(str(path.with_suffix(".raw")), 0)
    if layout == "chunks, some missing":
        dataset.setfillvalue(7)
        half = pixels.shape[0] // 3
        dataset[:half] = pixels[:half]
    elif layout != "empty":
        dataset[:] = pixels
    dataset.endaccess()
    file.end()
    file = SD(str(path), SDC.READ)
    found = np.asarray(file.select("pixels").get())
    file.end()
    return found


def direct(path: Path, shape: tuple[int, ...], data_type: str) -> np.ndarray | None:
    file = SD(str(path), SDC.READ)
    reference = file.select("pixels").ref()
    file.end()
    opened = DirectFile(path, check_layout(path))
    try:
        return opened.read(reference, shape, data_type)
    finally:
        opened.close()


@pytest.mark.parametrize("data_type", KINDS)
@pytest.mark.parametrize("layout", ["flat", "deflate", "chunks", "chunks, deflate"])
@pytest.mark.parametrize("shape", [(97, 131), (5, 33, 21)], ids=str)
def test_known_layouts(tmp_path: Path, data_type: str, layout: str, shape: tuple[int, ...]) -> None:
    expected = written(tmp_path / "x.hdf", smooth(shape, data_type), layout)
    assert np.array_equal(expected, smooth(shape, data_type))
    found = direct(tmp_path / "x.hdf", shape, data_type)
    assert found is not None and found.dtype == data_type
    assert np.array_equal(found, expected)
    with open_granule([tmp_path / "x.hdf"]) as granule:
        assert np.array_equal(granule.read_layer("pixels"), expected)


@pytest.mark.parametrize("chunks", [(1, 131), (97, 1), (97, 131), (40, 200), (13, 17)], ids=str)
def test_chunks_of_any_form(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    pixels = smooth((97, 131), "uint16")
    written(tmp_path / "x.hdf", pixels, "chunks, deflate", chunks)
    found = direct(tmp_path / "x.hdf", pixels.shape, "uint16")
    assert found is not None and np.array_equal(found, pixels)


@pytest.mark.parametrize("layout", ["rle", "elsewhere", "empty", "chunks, some missing"])
def test_the_rest_is_left_to_the_library(tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = written(Path("x.hdf"), smooth((90, 60), "int16"), layout)
    assert direct(Path("x.hdf"), (90, 60), "int16") is None
    with open_granule([Path("x.hdf")]) as granule:
        assert np.array_equal(granule.read_layer("pixels"), expected)


def test_what_the_library_says_otherwise_is_not_read(tmp_path: Path) -> None:
    written(tmp_path / "x.hdf", smooth((90, 60), "int16"), "flat")
    assert direct(tmp_path / "x.hdf", (90, 60), "int16") is not None
    assert direct(tmp_path / "x.hdf", (60, 90), "int16") is None
    assert direct(tmp_path / "x.hdf", (90, 60), "uint16") is None


@pytest.mark.parametrize("layout", ["deflate", "chunks, deflate"])
def test_damaged_bytes_never_become_pixels_unseen(tmp_path: Path, layout: str) -> None:
    """Whatever is damaged, the answer is an error or that of the library."""
    path = tmp_path / "x.hdf"
    pixels = smooth((120, 100), "uint8")
    written(path, pixels, layout)
    whole = path.read_bytes()
    elements = check_layout(path)
    raised = 0
    for (tag, _), (start, length) in elements.items():
        if tag not in (40, 61, 1963, 702, 702 | 0x4000, 61 | 0x4000):
            continue
        for place in {start, start + length // 2, start + length - 1}:
            content = bytearray(whole)
            content[place] ^= 0xFF
            path.write_bytes(content)
            found = direct(path, pixels.shape, "uint8")
            if found is None:
                raised += 1
            else:
                assert np.array_equal(found, pixels), (tag, place - start, length)
    assert raised > 3


def test_a_file_that_shrinks_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf"
    pixels = smooth((300, 200), "uint8")
    written(path, pixels, "flat")
    with open_granule([path]) as granule:
        with path.open("r+b") as file:
            file.truncate(20_000)
        with pytest.raises(ReadError):
            granule.read_layer("pixels")
