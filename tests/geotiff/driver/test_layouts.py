"""Every layout of a GeoTIFF that GDAL or tifffile writes, read natively and compared bit by bit with rasterio."""

from __future__ import annotations

import contextlib
import itertools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from odc.geo import CRS
from odc.geo.geobox import GeoBox
from odc.loader import RasterLoadParams, RasterSource
from rasterio.enums import MaskFlags, Resampling

from stacaster.errors import ReadError
from stacaster.geotiff.driver.reader import Context, Reader
from tests.certain import certain

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
GRID = Affine(30, 0, 300_000, 0, -30, 6_500_000)
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tiled": True, "blockxsize": 16, "blockysize": 32}, "strips of a row": {"blockysize": 1},
    "strips of seven rows": {"blockysize": 7}, "one strip": {"blockysize": 4096},
}  # fmt: skip


def made_pixels(dtype: str, bands: int, shape: tuple[int, int] = (26, 37), *, most: int | None = None) -> np.ndarray:
    chance = np.random.default_rng(5)
    if dtype.startswith("float"):
        return chance.normal(0, 100, (bands, *shape)).astype(dtype)
    limits = np.iinfo(dtype)
    found = chance.integers(limits.min, limits.max, (bands, *shape), dtype=dtype, endpoint=True)
    return found if most is None else (found % (most + 1)).astype(dtype)


def written(path: Path, pixels: np.ndarray, **more: Any) -> Path:
    profile = {"driver": "GTiff", "crs": "EPSG:32754", "transform": GRID} | more
    path.unlink(missing_ok=True)
    with rasterio.open(
        path, "w", count=len(pixels), dtype=pixels.dtype, height=pixels.shape[1], width=pixels.shape[2], **profile
    ) as dataset:
        dataset.write(pixels)
    return path


def read_band(path: Path, band: int = 1, *, box: GeoBox | None = None, **cfg: Any) -> tuple[np.ndarray, str | None]:
    """Return a band on the pixels of the file as our driver reads it, and why it did not read it itself."""
    with rasterio.open(path) as dataset:
        box = box or GeoBox((dataset.height, dataset.width), dataset.transform, dataset.crs.to_wkt())
        dtype = dataset.dtypes[band - 1]
    reader = Reader(RasterSource(str(path), band=band), Context({}, box))
    _, pixels = reader.read(RasterLoadParams(**({"dtype": dtype} | cfg)), box)
    return pixels.copy(), reader.left_to_rasterio


def assert_same(path: Path, what: Any) -> None:
    """Compare all bands of a file, as they are stored and with everything that says where there is no data."""
    with rasterio.open(path) as dataset:
        for band in dataset.indexes:
            stored, is_value = dataset.read(band), dataset.read_masks(band) != 0
            has_mask = MaskFlags.per_dataset in dataset.mask_flag_enums[band - 1]
            found, left = read_band(path, band)
            assert left is None, (what, left)
            expected = stored if not has_mask else np.where(is_value, stored, dataset.nodatavals[band - 1] or 0)
            assert found.dtype == stored.dtype and found.tobytes() == expected.astype(stored.dtype).tobytes(), what
            if stored.dtype.itemsize < 8 and band == dataset.count:
                wide, _ = read_band(path, band, dtype="float64", fill_value=np.nan)
                assert np.array_equal(wide, np.where(is_value, stored, np.nan), equal_nan=True), what


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, dtype: str, layout: str) -> None:
    codecs = [("none", 1), ("lzw", 1), ("lzw", 2), ("deflate", 2), ("zstd", 1), ("zstd", 2), ("packbits", 1),
              ("lzma", 1)]  # fmt: skip
    codecs += [("deflate", 3), ("zstd", 3)] if dtype.startswith("float") else []
    for (bands, interleave), (compress, predictor), order, big in itertools.product(
        [(1, "band"), (3, "pixel"), (3, "band")], codecs, ["LITTLE", "BIG"], ["NO", "YES"]
    ):
        if big == "YES" and (compress not in {"none", "deflate"} or order == "BIG"):
            continue
        more: dict[str, Any] = {} if predictor == 1 else {"predictor": predictor}
        path = written(
            tmp_path / "a.tif", made_pixels(dtype, bands), interleave=interleave, compress=compress,
            ENDIANNESS=order, BIGTIFF=big, **LAYOUTS[layout], **more,
        )  # fmt: skip
        assert_same(path, (bands, interleave, compress, predictor, order, big))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compress", ["lerc", "lerc_deflate", "lerc_zstd", "jpeg", "webp", "jxl"])
def test_codecs_of_pictures(tmp_path: Path, layout: str, compress: str) -> None:
    dtypes = ["uint8", "int16", "float32", "float64"] if "lerc" in compress else ["uint8"]
    for dtype, (bands, interleave) in itertools.product(dtypes, [(1, "band"), (3, "pixel"), (3, "band"), (4, "pixel")]):
        if compress == "webp" and interleave == "band":
            continue
        options: dict[str, dict[str, Any]] = {"webp": {"WEBP_LOSSLESS": True}, "jxl": {"JXL_LOSSLESS": "YES"}}
        lossless = options.get(compress, {})
        try:
            path = written(tmp_path / "a.tif", made_pixels(dtype, bands), interleave=interleave, compress=compress,
                           **LAYOUTS[layout], **lossless)  # fmt: skip
        except rasterio.errors.RasterioError:
            continue  # not a layout that GDAL writes with this codec
        assert_same(path, (dtype, bands, interleave))


def test_lerc_with_numbers_that_are_none(tmp_path: Path) -> None:
    pixels = made_pixels("float32", 1)
    pixels[0, 5:9, 3:40] = np.nan
    assert_same(written(tmp_path / "a.tif", pixels, compress="lerc", nodata=np.nan), "lerc")


def test_jpeg_of_fewer_colours_is_unpacked_by_gdal(tmp_path: Path) -> None:
    """Libraries differ in how they make pixels of it, and rasterio's are what people have elsewhere."""
    path = written(
        tmp_path / "a.tif", made_pixels("uint8", 3), compress="jpeg", photometric="YCBCR", interleave="pixel",
        **LAYOUTS["tiles"],
    )  # fmt: skip
    with rasterio.open(path) as dataset:
        for band in dataset.indexes:
            found, left = read_band(path, band)
            assert np.array_equal(found, dataset.read(band)) and left is not None and "JPEG" in left


@pytest.mark.parametrize(("dtype", "bits"), [("uint8", 1), ("uint8", 2), ("uint8", 4), ("uint16", 12), ("uint16", 9),
                                             ("uint32", 31), ("uint32", 17), ("float32", 16)])  # fmt: skip
def test_numbers_of_few_bits(tmp_path: Path, dtype: str, bits: int) -> None:
    pixels = made_pixels(dtype, 3, most=None if dtype == "float32" else 2**bits - 1)
    for layout, interleave, order in itertools.product(LAYOUTS, ["band", "pixel"], ["LITTLE", "BIG"]):
        for compress in ("none", "deflate"):
            path = written(tmp_path / "a.tif", pixels, NBITS=bits, interleave=interleave, ENDIANNESS=order,
                           compress=compress, **LAYOUTS[layout])  # fmt: skip
            assert_same(path, (layout, interleave, order, compress))


@pytest.mark.parametrize("kind", ["internal", "file", "alpha", "alpha of five", "nodata and alpha", "nodata and mask"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_masks(tmp_path: Path, kind: str, dtype: str) -> None:
    pixels = made_pixels(dtype, 5 if kind == "alpha of five" else 4, most=None if dtype == "float32" else 200)
    is_value = np.random.default_rng(2).random(pixels.shape[1:]) < 0.7
    more: dict[str, Any] = {"nodata": 3} if "nodata" in kind else {}
    path = tmp_path / "a.tif"
    if "alpha" in kind:
        pixels[-1] = np.where(is_value, np.iinfo(dtype).max if dtype != "float32" else 1, 0)
        tifffile.imwrite(
            path, np.moveaxis(pixels, 0, -1), photometric="minisblack", planarconfig="contig",
            extrasamples=[*["unspecified"] * (len(pixels) - 2), "unassalpha"], metadata=None, rowsperstrip=11,
            extratags=[*_place(), *([(42113, "s", 0, "3", True)] if more else [])],
        )  # fmt: skip
    else:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=kind != "file"):
            written(path, pixels, **more)
            with rasterio.open(path, "r+") as dataset:
                dataset.write_mask(is_value)
        assert (tmp_path / "a.tif.msk").exists() == (kind == "file")
    if kind in {"nodata and alpha", "nodata and mask"}:
        is_value = (is_value if kind == "nodata and mask" else np.ones_like(is_value)) & (pixels[0] != 3)
    found, left = read_band(path, dtype="float64", fill_value=np.nan)
    assert left is None and np.array_equal(found, np.where(is_value, pixels[0], np.nan), equal_nan=True)
    stored, _ = read_band(path, fill_value=7)
    assert np.array_equal(stored, np.where(is_value, pixels[0], 7).astype(dtype))
    if kind != "alpha of five" and not ("alpha" in kind and dtype == "float32"):
        assert_same_mask(path, is_value)


def _place() -> list[tuple[Any, ...]]:
    """Return tags that say where pixels lie: scale, corner, EPSG:32754."""
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32754)
    return [(33550, "d", 3, (30.0, 30.0, 0.0), True), (33922, "d", 6, (0, 0, 0, 300_000.0, 6_500_000.0, 0), True),
            (34735, "H", len(keys), keys, True)]  # fmt: skip


def assert_same_mask(path: Path, is_value: np.ndarray) -> None:
    """GDAL leaves the fill value to the mask where there are both; otherwise it says the same."""
    with rasterio.open(path) as dataset:
        seen = dataset.read_masks(1) != 0
        if dataset.nodata is not None:
            seen &= dataset.read(1) != dataset.nodata
        assert np.array_equal(seen, is_value)


def test_masks_of_overviews(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pixels = made_pixels("uint8", 3, (256, 256), most=200)
    is_value = np.random.default_rng(2).random(pixels.shape[1:]) < 0.7
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        written(path, pixels, interleave="pixel", tiled=True, blockxsize=64, blockysize=64)
        with rasterio.open(path, "r+") as dataset:
            dataset.write_mask(is_value)
            dataset.build_overviews([2, 4], Resampling.nearest)
    for level, factor in enumerate((2, 4)):
        with rasterio.open(path, overview_level=level) as dataset:
            expected = np.where(dataset.read_masks(2), dataset.read(2), np.nan)
            box = GeoBox(dataset.shape, GRID * Affine.scale(factor), "EPSG:32754")
        found, left = read_band(path, 2, box=box, dtype="float32", fill_value=np.nan)
        assert left is None and np.array_equal(found, expected, equal_nan=True)


def test_overviews_in_a_file_of_their_own(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", made_pixels("int16", 3, (128, 128)), interleave="pixel")
    with rasterio.Env(TIFF_USE_OVR="YES"), rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2], Resampling.nearest)
    assert (tmp_path / "a.tif.ovr").exists()
    with rasterio.open(path, overview_level=0) as dataset:
        expected = dataset.read(3)
    box = GeoBox(expected.shape, GRID * Affine.scale(2), "EPSG:32754")
    found, left = read_band(path, 3, box=box)
    assert left is None and np.array_equal(found, expected)


def test_a_mask_that_comes_later_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", made_pixels("uint8", 1, most=200) + np.uint8(1))
    before, _ = read_band(path)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(np.zeros(dataset.shape, dtype=bool))
    assert before.all() and not read_band(path)[0].any()


@pytest.mark.parametrize("area_or_point", ["Area", "Point"])
def test_pixels_that_are_points(tmp_path: Path, area_or_point: str) -> None:
    path = written(tmp_path / "a.tif", made_pixels("uint8", 1))
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(AREA_OR_POINT=area_or_point)
    with rasterio.open(path) as dataset:
        assert dataset.tags()["AREA_OR_POINT"] == area_or_point
    assert_same(path, area_or_point)
    box = GeoBox((40, 60), GRID * Affine.translation(5, 4) * Affine.scale(0.5), "EPSG:32754")
    found, left = read_band(path, box=box)
    with rasterio.open(path) as dataset:
        col, row = ~dataset.transform * (box.transform * (0.5, 0.5))
        assert left is None and found[0, 0] == dataset.read(1)[int(row), int(col)]


def test_what_lies_next_to_a_file(tmp_path: Path) -> None:
    """Statistics are harmless; a place or a fill value counts."""
    path = written(tmp_path / "a.tif", made_pixels("uint8", 1, most=9))
    side = tmp_path / "a.tif.aux.xml"
    side.write_text("<PAMDataset><PAMRasterBand band='1'><Metadata><MDI key='STATISTICS_MEAN'>4</MDI></Metadata>"
                    "</PAMRasterBand></PAMDataset>")  # fmt: skip
    assert_same(path, "statistics")
    side.write_text("<PAMDataset><PAMRasterBand band='1'><NoDataValue>4</NoDataValue></PAMRasterBand></PAMDataset>")
    assert_same(path, "fill value")
    assert np.isnan(read_band(path, dtype="float32")[0]).any()
    side.write_text("<PAMDataset><GeoTransform>600000, 60, 0, 7000000, 0, -60</GeoTransform></PAMDataset>")
    with rasterio.open(path) as dataset:
        assert dataset.transform.c == 600_000
    assert_same(path, "place")


def test_a_place_in_a_file_of_its_own(tmp_path: Path) -> None:
    pixels = made_pixels("uint8", 1)
    path = tmp_path / "a.tif"
    keys = _place()[2]
    tifffile.imwrite(path, pixels[0], metadata=None, extratags=[keys])
    (tmp_path / "a.tfw").write_text("30\n0\n0\n-30\n300015\n6499985\n")
    with rasterio.open(path) as dataset:
        assert dataset.transform == GRID
    assert_same(path, "world file")


def test_rotated_grids(tmp_path: Path) -> None:
    """Each pixel is the one that its exact position falls into."""
    pixels = made_pixels("int16", 1)
    turned = Affine.translation(300_000, 6_500_000) * Affine.rotation(20) * Affine.scale(30, -30)
    path = written(tmp_path / "a.tif", pixels, transform=turned)
    utm = CRS("EPSG:32754")
    for crs in ("EPSG:32754", "EPSG:32755", "EPSG:3577"):
        middle = turned * (18, 13)
        x, y = middle if crs == "EPSG:32754" else utm.transformer_to_crs(CRS(crs))(*middle)
        box = GeoBox((60, 60), Affine(20, 0, x - 600, 0, -20, y + 600), crs)
        x, y = box.transform * tuple(np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5))
        if crs != "EPSG:32754":
            x, y = certain(box.crs).transformer_to_crs(utm)(x, y)
        col, row = ~turned * (np.asarray(x), np.asarray(y))
        inside = (col >= 0) & (row >= 0) & (col < 37) & (row < 26)
        expected = np.zeros((60, 60), dtype="int16")
        expected[inside] = pixels[0][row[inside].astype(int), col[inside].astype(int)]
        clear = (np.abs(col - np.rint(col)) > 0.01) & (np.abs(row - np.rint(row)) > 0.01)
        found, left = read_band(path, box=box)
        assert left is None and inside.any() and np.array_equal(found[clear], expected[clear])


@pytest.mark.parametrize("count", [0, 5])
def test_blocks_that_are_left_out(tmp_path: Path, count: int) -> None:
    pixels = np.full((2, 64, 64), count, dtype="uint8")
    pixels[1, :20, :20] = 9
    for interleave, layout in itertools.product(["band", "pixel"], ["tiles", "strips of seven rows"]):
        path = written(tmp_path / "a.tif", pixels, SPARSE_OK=True, nodata=count, interleave=interleave,
                       **LAYOUTS[layout])  # fmt: skip
        assert_same(path, (interleave, layout))


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_what_tifffile_writes(tmp_path: Path, byte_order: Any, bigtiff: bool) -> None:
    for dtype, compression, predictor, tile in itertools.product(
        ["uint8", "float32"], [None, "zlib", "lzw"], [False, True], [None, (16, 32)]
    ):
        pixels = made_pixels(dtype, 3)
        for planar in ("contig", "separate"):
            tifffile.imwrite(
                tmp_path / "a.tif", pixels if planar == "separate" else np.moveaxis(pixels, 0, -1), tile=tile,
                photometric="rgb", planarconfig=planar, compression=compression, byteorder=byte_order,
                predictor=predictor if compression else None, bigtiff=bigtiff, metadata=None, rowsperstrip=None if tile
                else 10, extratags=_place(),
            )  # fmt: skip
            assert_same(tmp_path / "a.tif", (dtype, compression, predictor, tile, planar))


def test_what_is_no_data_type_of_a_fill_value(tmp_path: Path) -> None:
    """A fill value that no pixel can have hides none."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, made_pixels("uint8", 1)[0], metadata=None, extratags=[*_place(), (42113, "s", 0, "-9999", True)]
    )
    assert_same(path, "fill")


def test_damaged_headers_are_no_crash(tmp_path: Path) -> None:
    """Any byte of a header may be wrong: either pixels, or an error that says so."""
    whole = written(tmp_path / "a.tif", made_pixels("uint8", 3), tiled=True, blockxsize=16, blockysize=16).read_bytes()
    box = GeoBox((26, 37), GRID, "EPSG:32754")
    start = struct.unpack_from("<I", whole, 4)[0]
    for at in range(0, 250, 3):
        bad = bytearray(whole)
        bad[(start + at) if at >= 8 else at] ^= 0xFF
        path = tmp_path / "b.tif"
        path.write_bytes(bad)
        reader = Reader(RasterSource(str(path), band=1), Context({}, box))
        with contextlib.suppress(rasterio.errors.RasterioError, ReadError, OSError, ValueError):
            reader.read(RasterLoadParams(dtype="uint8"), box)
