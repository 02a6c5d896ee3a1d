"""COGs as GDAL and rio-cogeo see them."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.loader import RasterLoadParams, RasterSource
from rasterio.enums import Resampling
from rio_cogeo.cogeo import cog_info, cog_validate

from stacaster.errors import SpaceError, UsageError, WriteError
from stacaster.geotiff import cog
from stacaster.geotiff.cog import CogJob, tiff, write_cog, write_cogs
from stacaster.geotiff.cog.layout import read_layout
from stacaster.geotiff.cog.overviews import halve
from stacaster.geotiff.cog.verify import ExpectedLevel, verify_cog
from stacaster.geotiff.driver.codecs import DamagedTileError
from stacaster.geotiff.driver.reader import Context, Reader
from stacaster.model import Band, BandKind, SceneBand

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "complex64")
PREDICTORS = {"f": "3", "c": None}


def scene_band(
    shape: tuple[int, int],
    data_type: str = "uint8",
    *,
    nodata: float | None = 0,
    kind: BandKind = "continuous",
    crs: str = "EPSG:32754",
    transform: Affine | None = None,
    **fields: Any,
) -> SceneBand:
    rest: dict[str, Any] = {"kind": kind, "unit": fields.pop("unit", None)}
    band = Band(name="B01", description="Test.", data_type=data_type, nodata=nodata, group="G", resolution=15.0, **rest)
    geobox = GeoBox(shape, transform or Affine(15.0, 0, 261352.5, 0, -15.0, 6571097.5), crs)
    return SceneBand(band=band, layer="x", geobox=geobox, **fields)


def noise(shape: tuple[int, int], data_type: str, seed: int = 7) -> np.ndarray:
    chance = np.random.default_rng(seed)
    kind = np.dtype(data_type)
    if kind.kind == "c":
        return (chance.normal(0, 1e3, shape) + 1j * chance.normal(0, 1e3, shape)).astype(kind)
    if kind.kind == "f":
        return chance.normal(0, 1e3, shape).astype(kind)
    limits = np.iinfo(kind)
    return chance.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


def in_strips(pixels: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    for start in range(0, len(pixels), rows):
        strip = pixels[start : start + rows].copy()
        yield strip
        # A reader may use its memory again.
        strip[:] = 0


@pytest.mark.parametrize("profile", ["zstd", "deflate"])
@pytest.mark.parametrize("data_type", TYPES)
def test_every_type_and_profile(tmp_path: Path, data_type: str, profile: str) -> None:
    pixels = noise((700, 1100), data_type)
    nodata = None if data_type.startswith("u") else -1
    path = tmp_path / "B01.tif"
    asset = write_cog(pixels, path, scene_band=scene_band(pixels.shape, data_type, nodata=nodata), profile=profile)
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), pixels)
        assert dataset.dtypes == (data_type,) and dataset.nodata == nodata
        assert dataset.compression.value.lower() == profile
        assert dataset.overviews(1) == [2, 4] and dataset.block_shapes == [(512, 512)]
        assert dataset.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR") == PREDICTORS.get(data_type[0], "2")
    valid, errors, warnings = cog_validate(path, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    assert asset.size == path.stat().st_size
    assert asset.checksum == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert asset.pixel_checksum == "1220" + hashlib.sha256(pixels.tobytes()).hexdigest()
    assert cog.pixel_hash(path) == asset.pixel_checksum


SHAPES = [
    (1, 1),
    (1, 900),
    (900, 2),
    (255, 257),
    (511, 513),
    (512, 512),
    (513, 512),
    (2100, 512),
    (40000, 512),
    (3000, 1024),
    (2000, 496),
    (512, 2100),
    (1025, 40),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = noise(shape, "int16")
    path = tmp_path / "x.tif"
    write_cog(pixels, path, scene_band=scene_band(shape, "int16", nodata=None))
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), pixels)
        smallest = dataset.overviews(1)[-1] if dataset.overviews(1) else 1
        assert max(shape) / smallest <= 512
    assert cog_validate(path, strict=True)[0]


def averaged(pixels: np.ndarray, nodata: float | None) -> np.ndarray:
    """Average of the valid pixels of each 2 x 2 block, one by one, halves away from zero."""
    rows, cols = (pixels.shape[0] + 1) // 2, (pixels.shape[1] + 1) // 2
    result = np.empty((rows, cols), pixels.dtype)
    for row in range(rows):
        for col in range(cols):
            block = [v.item() for v in pixels[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].ravel()]
            valid = [v for v in block if nodata is None or v != nodata]
            if not valid:
                result[row, col] = nodata
            else:
                mean = sum(valid) / len(valid)
                value = np.floor(abs(mean) + 0.5) * (1 if mean >= 0 else -1)
                value = mean if pixels.dtype.kind == "f" else value
                if nodata is not None and value == nodata != 0:
                    value += 1
                result[row, col] = value
    return result


@pytest.mark.parametrize(
    ("data_type", "nodata"), [("uint8", 0), ("uint8", None), ("int16", -9), ("uint16", 0), ("float32", -5.0)]
)
def test_overviews_of_continuous_bands_are_averages_of_valid_pixels(
    tmp_path: Path, data_type: str, nodata: float | None
) -> None:
    pixels = noise((601, 527), data_type)
    chance = np.random.default_rng(3)
    if nodata is not None:
        pixels[chance.random(pixels.shape) < 0.4] = nodata
        pixels[100:140, 60:90] = nodata
    path = tmp_path / "x.tif"
    write_cog(pixels, path, scene_band=scene_band(pixels.shape, data_type, nodata=nodata))
    with rasterio.open(path, overview_level=0) as dataset:
        read = dataset.read(1)
    expected = averaged(pixels, nodata)
    assert read.shape == expected.shape
    if data_type == "float32":
        np.testing.assert_allclose(read, expected, rtol=1e-5, atol=1e-3)
    else:
        assert np.array_equal(read, expected)


@pytest.mark.parametrize("kind", ["categorical", "bitfield"])
def test_overviews_of_classes_hold_only_values_that_are_there(tmp_path: Path, kind: BandKind) -> None:
    pixels = np.random.default_rng(1).choice(np.array([1, 25, 200], "uint8"), (1300, 900))
    path = tmp_path / "x.tif"
    write_cog(pixels, path, scene_band=scene_band(pixels.shape, nodata=255, kind=kind))
    for level, step in enumerate((2, 4)):
        with rasterio.open(path, overview_level=level) as dataset:
            assert np.array_equal(dataset.read(1), pixels[::step, ::step])


@pytest.mark.parametrize("crs", ["EPSG:32753", "EPSG:4326", "EPSG:3031", SINUSOIDAL])
@pytest.mark.parametrize("rotated", [False, True])
def test_place(tmp_path: Path, crs: str, rotated: bool) -> None:
    transform = Affine(14.9, 1.25, -3000.125, 1.25, -14.9, 8_000_123.0625) if rotated else None
    described = scene_band((600, 520), crs=crs, transform=transform)
    path = tmp_path / "x.tif"
    write_cog(noise((600, 520), "uint8"), path, scene_band=described)
    with rasterio.open(path) as dataset:
        assert tuple(dataset.transform)[:6] == tuple(described.geobox.transform)[:6]
        assert dataset.crs == rasterio.crs.CRS.from_user_input(crs)
        assert dataset.tags()["AREA_OR_POINT"] == "Area"


def test_scale_offset_unit_and_description_stand_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    described = scene_band((40, 30), "uint16", scale=0.006822, offset=-0.006822, unit="W m-2 sr-1 um-1")
    write_cog(noise((40, 30), "uint16"), path, scene_band=described, tags={"WHO": "a & b < c"})
    with rasterio.open(path) as dataset:
        assert (dataset.scales, dataset.offsets) == ((0.006822,), (-0.006822,))
        assert dataset.units == ("W m-2 sr-1 um-1",) and dataset.descriptions == ("B01",)
        assert dataset.tags()["WHO"] == "a & b < c"
    assert cog_info(path).COG


@pytest.mark.parametrize("data_type", ["uint8", "int8", "int16", "uint16", "int32", "float32", "float64"])
def test_statistics_are_those_of_the_valid_pixels(tmp_path: Path, data_type: str) -> None:
    pixels = noise((333, 257), data_type)
    nodata = pixels[3, 4].item()
    pixels[:40] = nodata
    if data_type.startswith("f"):
        pixels[50, :5] = np.nan
    asset = write_cog(pixels, tmp_path / "x.tif", scene_band=scene_band(pixels.shape, data_type, nodata=nodata))
    valid = pixels[(pixels != np.dtype(data_type).type(nodata)) & ~np.isnan(pixels.astype("f8"))].astype("f8")
    found = asset.statistics
    assert found is not None
    assert (found.minimum, found.maximum) == (valid.min(), valid.max())
    assert found.mean == pytest.approx(valid.mean(), rel=1e-12)
    assert found.stddev == pytest.approx(valid.std(), rel=1e-9)
    assert found.valid_percent == pytest.approx(100 * valid.size / pixels.size)


def test_statistics_of_nothing_and_of_a_constant(tmp_path: Path) -> None:
    empty = write_cog(np.zeros((9, 9), "uint8"), tmp_path / "x.tif", scene_band=scene_band((9, 9)))
    assert empty.statistics is None
    pixels = np.full((64, 64), 1e8 + 1, "float64")
    constant = write_cog(pixels, tmp_path / "y.tif", scene_band=scene_band((64, 64), "float64", nodata=None)).statistics
    assert constant is not None and constant.stddev == 0


def test_same_input_same_bytes(tmp_path: Path) -> None:
    pixels = noise((900, 900), "uint16")
    for name in ("a", "b"):
        write_cog(pixels, tmp_path / name, scene_band=scene_band(pixels.shape, "uint16"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_several_bands_at_once_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    def jobs(folder: Path) -> list[CogJob]:
        folder.mkdir()
        return [
            CogJob(
                read=partial(in_strips, noise((600, 700), "uint8", i), 37 * i + 1),
                path=folder / f"{i}.tif",
                scene_band=scene_band((600, 700)),
            )
            for i in range(5)
        ]

    one = write_cogs(jobs(tmp_path / "a"), threads=1)
    two = write_cogs(jobs(tmp_path / "b"), threads=3)
    assert [asset.checksum for asset in one] == [asset.checksum for asset in two]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_band_that_cannot_be_read_ends_the_call(tmp_path: Path, threads: int) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield np.zeros((2, 5), "uint8")
        raise WriteError("no pixels")

    job = CogJob(read=broken, path=tmp_path / "x.tif", scene_band=scene_band((5, 5)))
    with pytest.raises(WriteError, match="no pixels"):
        write_cogs([job, job, job], threads=threads)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_changes_on_its_way_is_never_put_into_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: float
) -> None:
    """Flip bits between writing and reading back: pixels, overviews, directories."""
    write = tiff.TiffSpool.finish

    def corrupted(spool: tiff.TiffSpool, file: Any, tags: Any) -> int:
        size = write(spool, file, tags)
        file.flush()
        position = int(size * where)
        with Path(file.name).open("r+b") as again:
            again.seek(position)
            byte = again.read(1)
            again.seek(position)
            again.write(bytes([byte[0] ^ 0xFF]))
        return size

    monkeypatch.setattr(tiff.TiffSpool, "finish", corrupted)
    with pytest.raises(WriteError):
        write_cog(noise((1100, 1300), "uint16"), tmp_path / "x.tif", scene_band=scene_band((1100, 1300), "uint16"))
    assert list(tmp_path.iterdir()) == []


def test_a_short_file_is_never_put_into_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = tiff.TiffSpool.finish

    def shortened(spool: tiff.TiffSpool, file: Any, tags: Any) -> int:
        size = write(spool, file, tags)
        file.truncate(size - 4)
        return size

    monkeypatch.setattr(tiff.TiffSpool, "finish", shortened)
    with pytest.raises(WriteError):
        write_cog(noise((600, 600), "uint8"), tmp_path / "x.tif", scene_band=scene_band((600, 600)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": (5, 6)}, "shape"),
        ({"data_type": "int16"}, "pixels are uint8, but the band is int16"),
        ({"nodata": 256}, "nodata is 256"),
        ({"nodata": 0.5}, "nodata is 0.5"),
    ],
)
def test_pixels_that_do_not_fit_the_band(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    shape = change.pop("shape", (5, 5))
    with pytest.raises(WriteError, match=words):
        write_cog(np.zeros((5, 5), "uint8"), tmp_path / "x.tif", scene_band=scene_band(shape, **change))


def test_unknown_profile(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="zstd, deflate"):
        write_cog(np.zeros((5, 5), "uint8"), tmp_path / "x.tif", scene_band=scene_band((5, 5)), profile="lzw")


def test_large_files_are_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "_BIG_BYTES", 1000)
    path = tmp_path / "x.tif"
    pixels = noise((1200, 700), "uint16")
    write_cog(pixels, path, scene_band=scene_band(pixels.shape, "uint16"))
    assert struct.unpack("<2sH", path.read_bytes()[:4]) == (b"II", 43)
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), pixels)


def test_memory_stays_near_one_band(tmp_path: Path) -> None:
    pixels = noise((4200, 4900), "uint8")
    tracemalloc.start()
    write_cog(pixels, tmp_path / "x.tif", scene_band=scene_band(pixels.shape))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * pixels.nbytes


def expected(pixels: np.ndarray, *, keep: bool) -> list[ExpectedLevel]:
    level = ExpectedLevel(keep=keep, hashed=not keep)
    level.add(pixels)
    return [level]


@pytest.mark.parametrize("keep", [True, False])
def test_file_with_replaced_fields_differs(tmp_path: Path, keep: bool) -> None:
    """The check of scale and place can fail: a file that was verified for one band is wrong for another."""
    described = scene_band((40, 40), scale=2.0, offset=1.0)
    path = tmp_path / "x.tif"
    pixels = noise((40, 40), "uint8")
    write_cog(pixels, path, scene_band=described)
    verify_cog(path, described, expected(pixels, keep=keep))
    other = pixels.copy()
    other[39, 39] += 1
    with pytest.raises(WriteError, match="differ from the source"):
        verify_cog(path, described, expected(other, keep=keep))
    moved = described.geobox.translate_pix(1, 0)
    for wrong, words in [
        (dataclasses.replace(described, scale=2.5), "scale"),
        (dataclasses.replace(described, offset=0.0), "offset"),
        (dataclasses.replace(described, geobox=moved), "transform"),
        (scene_band((40, 40), crs="EPSG:32753", scale=2.0, offset=1.0), "CRS"),
        (scene_band((40, 40), nodata=7, scale=2.0, offset=1.0), "nodata"),
    ]:
        with pytest.raises(WriteError, match=words):
            verify_cog(path, wrong, expected(pixels, keep=keep))


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy as np
from tests.geotiff.cog.test_write_cog import noise, scene_band
from stacaster.geotiff.cog import write_cog
from stacaster.errors import SpaceError
folder = Path(sys.argv[1])
pixels = noise((900, 800), "uint8")
whole = write_cog(pixels, folder / "whole.tif", scene_band=scene_band(pixels.shape)).size
raised = 0
for level in range(40):
    limit = 1 + (whole - 2) * level // 39
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_cog(pixels, folder / "x.tif", scene_band=scene_band(pixels.shape))
    except SpaceError:
        raised += 1
    assert [path.name for path in folder.iterdir()] == ["whole.tif"], list(folder.iterdir())
print(raised)
"""


def test_full_disk_at_forty_levels(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "40", done.stderr


def test_a_file_system_without_space(tmp_path: Path, mount: Callable[..., None]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", at=disk)
    with pytest.raises(SpaceError):
        write_cog(noise((900, 800), "uint8"), disk / "x.tif", scene_band=scene_band((900, 800)))
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("data_type", TYPES)
def test_wide_bands_are_packed_and_checked_by_several_threads_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data_type: str
) -> None:
    """Bands that are kept in memory, and bands that are not."""
    pixels = noise((1301, 1127), data_type)
    described = scene_band(pixels.shape, data_type, nodata=pixels[0, 0].item() if data_type[0] != "c" else None)
    kept = write_cog(pixels, tmp_path / "kept.tif", scene_band=described)
    monkeypatch.setattr("stacaster.geotiff.cog.strips._KEPT_BYTES", 0)
    with ThreadPoolExecutor(3) as pool:
        flowing = write_cog(in_strips(pixels, 100), tmp_path / "flowing.tif", scene_band=described, pool=pool)
    assert dataclasses.replace(flowing, path=kept.path) == kept
    assert (tmp_path / "kept.tif").read_bytes() == (tmp_path / "flowing.tif").read_bytes()


@pytest.mark.parametrize("data_type", TYPES)
@pytest.mark.parametrize("profile", ["zstd", "deflate"])
def test_tifffile_reads_all_levels_as_gdal_does(tmp_path: Path, data_type: str, profile: str) -> None:
    pixels = noise((1100, 700), data_type)
    path = tmp_path / "x.tif"
    write_cog(pixels, path, scene_band=scene_band(pixels.shape, data_type, nodata=None), profile=profile)
    with tifffile.TiffFile(path) as file:
        levels = [page.asarray() for page in file.pages]
    assert np.array_equal(levels[0], pixels) and len(levels) == 3
    for number, level in enumerate(levels[1:]):
        with rasterio.open(path, overview_level=number) as dataset:
            assert np.array_equal(dataset.read(1), level)


@pytest.mark.parametrize("data_type", ["uint8", "uint16", "int16", "uint32", "int32", "float32"])
@pytest.mark.parametrize("has_nodata", [False, True])
def test_overviews_are_those_of_gdal_where_sizes_agree(tmp_path: Path, data_type: str, has_nodata: bool) -> None:
    pixels = np.random.default_rng(5).integers(1, 100, (1024, 2048)).astype(data_type)
    nodata = 0 if has_nodata else None
    if has_nodata:
        pixels[np.random.default_rng(6).random(pixels.shape) < 0.3] = 0
        pixels[200:300, 100:400] = 0
    path = tmp_path / "x.tif"
    write_cog(pixels, path, scene_band=scene_band(pixels.shape, data_type, nodata=nodata))
    plain = tmp_path / "gdal.tif"
    fields = {"driver": "GTiff", "count": 1, "dtype": data_type, "height": 1024, "width": 2048, "nodata": nodata}
    with rasterio.open(plain, "w", crs="EPSG:32754", transform=Affine(15, 0, 0, 0, -15, 0), **fields) as dataset:
        dataset.write(pixels, 1)
        dataset.build_overviews([2, 4], Resampling.average)
    for number in range(2):
        with (
            rasterio.open(path, overview_level=number) as ours,
            rasterio.open(plain, overview_level=number) as theirs,
        ):
            assert np.array_equal(ours.read(1), theirs.read(1))


@pytest.mark.parametrize(
    ("place", "words"), [("leader", "does not stand before"), ("trailer", "not repeated"), ("ghost", "statements")]
)
def test_what_readers_may_rely_on_in_a_cog_is_checked(tmp_path: Path, place: str, words: str) -> None:
    """GDAL and rio-cogeo let most of these pass."""
    pixels = noise((700, 900), "uint8")
    path = tmp_path / "x.tif"
    described = scene_band(pixels.shape)
    write_cog(pixels, path, scene_band=described)
    with path.open("rb") as file:
        level = read_layout(file.fileno())[0]
    offset, size = int(level.offsets[1]), int(level.sizes[1])
    where = {"leader": offset - 4, "trailer": offset + size, "ghost": 60}[place]
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    levels = [ExpectedLevel(keep=True, hashed=True), ExpectedLevel(keep=True, hashed=False)]
    for top in range(0, 700, 512):
        levels[0].add(pixels[top : top + 512])
    levels[1].add(halve(pixels, kind="continuous", nodata=0))
    with pytest.raises(WriteError, match=words):
        verify_cog(path, described, levels)


@pytest.mark.parametrize("data_type", ["uint8", "int16", "float32"])
def test_a_flipped_byte_is_found_when_it_is_read(tmp_path: Path, data_type: str) -> None:
    """Frames have checksums. GDAL does not look at them, so what does not match them is never left to GDAL."""
    path = tmp_path / "a.tif"
    band = scene_band((300, 300), data_type)
    write_cog(noise((300, 300), data_type), path, scene_band=band)
    whole = path.read_bytes()
    with path.open("rb") as file:
        level = read_layout(file.fileno())[0]
    start, size = int(level.offsets[0]), int(level.sizes[0])
    chance, cfg = np.random.default_rng(1), RasterLoadParams(dtype=data_type, fill_value=0)
    for at in chance.integers(start, start + size, 20):
        broken = bytearray(whole)
        broken[at] ^= 1 << int(chance.integers(8))
        path.write_bytes(broken)
        with pytest.raises(ValueError):
            level.codec().unpack(bytes(broken[start : start + size]), np.empty((level.block,) * 2, level.data_type))
        reader = Reader(RasterSource(str(path)), Context({}, band.geobox))
        with pytest.raises(OSError):
            reader.read(cfg, band.geobox)
        with pytest.raises((OSError, DamagedTileError)):
            reader.fill(cfg, np.empty((300, 300), data_type), slice(0, 300), table=None, keep=False, by_rasterio=False)


def test_statistics_stand_in_the_file(tmp_path: Path) -> None:
    pixels = noise((300, 270), "int16")
    written = write_cog(pixels, tmp_path / "a.tif", scene_band=scene_band((300, 270), "int16", scale=2.0, offset=1.0))
    assert written.statistics is not None
    with rasterio.open(tmp_path / "a.tif") as dataset:
        tags = {key: float(value) for key, value in dataset.tags(1).items() if key.startswith("STATISTICS_")}
        assert dataset.scales == (2.0,) and dataset.descriptions == ("B01",)
    valid = pixels[pixels != 0].astype("float64")
    assert tags["STATISTICS_MINIMUM"] == valid.min() and tags["STATISTICS_MAXIMUM"] == valid.max()
    assert tags["STATISTICS_MEAN"] == pytest.approx(valid.mean())
    assert tags["STATISTICS_STDDEV"] == pytest.approx(valid.std())
    assert tags["STATISTICS_VALID_PERCENT"] == pytest.approx(100 * valid.size / pixels.size)
    assert not (tmp_path / "a.tif.aux.xml").exists()
