"""Read a written file and compare it with what it was made from.

Decision: every tile of every written file is decoded and compared with the pixels that came in, bit by bit up to 40 MiB
and by SHA-256 of each level beyond. Directories are read by code that shares nothing with the writer, and each byte has
to lie where a COG has it. What rio-cogeo and GDAL's decoder look at depends on shape, type, tiles and profile alone, so
that they see the first file of each such layout in a process; the tests let GDAL, rio-cogeo and tifffile read
everything.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.errors import RasterioError

from stacaster.errors import WriteError
from stacaster.files.checksums import multihash
from stacaster.files.system.disk import open_binary, read_at
from stacaster.geotiff.cog.layout import LayoutError, Level, read_layout
from stacaster.geotiff.cog.tiff import Spread
from stacaster.model import SceneBand

if TYPE_CHECKING:
    from numpy.typing import NDArray

GDAL_OPTIONS = {"GDAL_NUM_THREADS": "1", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
"""Settings of GDAL for writing and checking: no threads, which hide errors, and no look at neighbours."""

_DIFFER = "the decoded pixels differ from the source"
_known_layouts: set[tuple[Any, ...]] = set()


def pixel_hash(path: Path) -> str:
    """Decode a single-band GeoTIFF with GDAL and return the multihash (sha2-256) of its pixels.

    Raises:
        WriteError: The file cannot be decoded.
    """
    try:
        with rasterio.Env(**GDAL_OPTIONS), rasterio.open(path, driver="GTiff") as dataset:
            return multihash(_digest_by_gdal(dataset))
    except RasterioError as error:
        raise WriteError(f"{path.name} cannot be decoded: {error}", href=path.name) from error


class ExpectedLevel:
    """What a level has to decode to: its rows themselves, or their SHA-256 when they are too many to be kept.

    Args:
        keep: Whether to keep the rows, which must not change until then.
        hashed: Whether to work out the SHA-256.
    """

    def __init__(self, *, keep: bool, hashed: bool) -> None:
        self.kept: list[NDArray[Any]] | None = [] if keep else None
        self._hash = hashlib.sha256() if hashed else None

    @property
    def digest(self) -> str | None:
        """SHA-256 of the pixels, row by row, little endian."""
        return None if self._hash is None else self._hash.hexdigest()

    def add(self, strip: NDArray[Any]) -> None:
        """Take the next row of tiles."""
        if self.kept is not None:
            self.kept.append(strip)
        if self._hash is not None:
            self._hash.update(strip.data.cast("B"))

    def is_in(self, handle: int, level: Level, spread: Spread) -> bool:
        """Decode a level of an open file and tell whether it holds these pixels.

        Raises:
            ValueError: It cannot be decoded.
        """
        if self.kept is None:
            return _digest(handle, level, spread) == self.digest
        codec = level.codec()
        rows = range(0, level.shape[0], level.block)
        if [len(strip) for strip in self.kept] != [min(level.block, level.shape[0] - top) for top in rows]:
            return False
        for number, strip in enumerate(self.kept):
            tiles = _packed(handle, level, number)
            lefts = range(0, level.shape[1], level.block)
            parts = [(tile, strip[:, left : left + level.block]) for tile, left in zip(tiles, lefts, strict=True)]
            if not all(spread(lambda part: codec.holds(*part), parts)):
                return False
        return True

    def is_seen_by_gdal(self, dataset: Any) -> bool:
        """Tell whether GDAL decodes these pixels."""
        if self.kept is None:
            return _digest_by_gdal(dataset) == self.digest
        return all(
            np.ascontiguousarray(part, dtype=strip.dtype).tobytes() == strip.tobytes()
            for part, strip in zip(_strips(dataset), self.kept, strict=True)
        )


def verify_cog(
    path: Path,
    scene_band: SceneBand,
    expected: Sequence[ExpectedLevel],
    *,
    tags: Mapping[str, str] | None = None,
    spread: Spread = map,
) -> None:
    """Check that a file is a valid COG that decodes, bit by bit, to the pixels and fields it was made from.

    All tiles are decoded here. GDAL reads the fields of all files; of the first file of each layout also the smallest
    level, and rio-cogeo looks at it: what it looks at depends on the layout alone.

    Args:
        path: The file.
        scene_band: What the band is and where it lies.
        expected: What the image and its overviews have to be.
        tags: GDAL metadata that the band has to have.
        spread: ``map`` of a pool, when tiles are to be decoded by several threads.

    Raises:
        WriteError: Something differs; the message says what.
        OSError: The file cannot be read.
    """
    handle = open_binary(path)
    try:
        levels = read_layout(handle)
        if len(levels) != len(expected):
            raise LayoutError(f"{len(levels)} levels are there instead of {len(expected)}")
        for number, (level, meant) in enumerate(zip(levels, expected, strict=True)):
            if not meant.is_in(handle, level, spread):
                what = f"the pixels of overview {number - 1} are wrong" if number else _DIFFER
                raise WriteError(f"{path.name}: {what}", href=path.name)
        layout = tuple((level.shape, level.block, level.data_type, level.compress) for level in levels)
        with rasterio.Env(**GDAL_OPTIONS):
            with rasterio.open(path, driver="GTiff") as dataset:
                wrong = _differences(dataset, scene_band, tags or {})
            if not wrong and layout not in _known_layouts:
                wrong = _seen_by_others(path, expected)
    except ValueError as error:
        raise WriteError(f"{path.name} cannot be decoded: {error}", href=path.name) from error
    except RasterioError as error:
        raise WriteError(f"{path.name} cannot be read by GDAL: {error}", href=path.name) from error
    finally:
        os.close(handle)
    if wrong:
        raise WriteError(f"{path.name} is not what was written: {'; '.join(wrong)}", href=path.name)
    _known_layouts.add(layout)


def control_points(scene_band: SceneBand) -> dict[str, Any]:
    """Return the ground control points of a band as GDAL takes them; empty for a band on the grid of a map.

    GDAL counts from the outer corner of the first pixel, so that the centre of a pixel is at half.
    """
    points = [
        GroundControlPoint(
            row=p.line + 0.5, col=p.pixel + 0.5, x=p.longitude, y=p.latitude, z=p.height, id=str(number + 1)
        )
        for number, p in enumerate(scene_band.gcps)
    ]
    return {"gcps": points, "crs": "EPSG:4326"} if points else {}


def _wrong_points(dataset: Any, scene_band: SceneBand) -> list[str]:
    found, crs = dataset.gcps
    read = [(p.row - 0.5, p.col - 0.5, p.x, p.y, p.z) for p in found]
    meant = [tuple(point) for point in scene_band.gcps]
    if crs is None or crs.to_epsg() != 4326 or len(read) != len(meant):
        return [f"{len(read)} ground control points in {crs} instead of {len(meant)} in EPSG:4326"]
    return [] if np.allclose(read, meant, rtol=0, atol=1e-9) else ["ground control points that were moved"]


def _digest(handle: int, level: Level, spread: Spread) -> str:
    """Decode a row of tiles at a time and return the SHA-256 of all pixels."""
    codec = level.codec()
    digest = hashlib.sha256()
    rows, cols = level.shape
    strip = np.empty((min(level.block, rows), cols), dtype=level.data_type)
    for number, top in enumerate(range(0, rows, level.block)):
        part = strip[: min(level.block, rows - top)]
        tiles, lefts = _packed(handle, level, number), range(0, cols, level.block)
        pieces = [(tile, part[:, left : left + level.block]) for tile, left in zip(tiles, lefts, strict=True)]
        for _ in spread(lambda piece: codec.unpack(*piece), pieces):
            pass
        digest.update(part.data.cast("B"))
    return digest.hexdigest()


def _packed(handle: int, level: Level, number: int) -> list[memoryview]:
    """Read a row of tiles at once, and check what stands before and behind each."""
    tiles = range(number * level.across, (number + 1) * level.across)
    start = int(level.offsets[tiles[0]]) - 4
    end = int(level.offsets[tiles[-1]] + level.sizes[tiles[-1]]) + 4
    content = memoryview(read_at(handle, end - start, start))
    found = []
    for tile in tiles:
        size = int(level.sizes[tile])
        place = int(level.offsets[tile]) - start
        packed = content[place : place + size]
        if content[place - 4 : place] != size.to_bytes(4, "little"):
            raise LayoutError(f"the size of tile {tile} does not stand before it")
        if content[place + size : place + size + 4] != packed[-4:]:
            raise LayoutError(f"the last bytes of tile {tile} are not repeated")
        found.append(packed)
    return found


def _seen_by_others(path: Path, expected: Sequence[ExpectedLevel]) -> list[str]:
    """Return what GDAL, reading the smallest level, and rio-cogeo find wrong."""
    from rio_cogeo.cogeo import cog_validate

    smallest = {} if len(expected) == 1 else {"overview_level": len(expected) - 2}
    with rasterio.open(path, driver="GTiff", **smallest) as dataset:
        if not expected[-1].is_seen_by_gdal(dataset):
            return ["GDAL decodes other pixels"]
    is_valid, errors, warnings = cog_validate(str(path), strict=True, quiet=True)
    return [] if is_valid and not errors and not warnings else [*errors, *warnings] or ["it is no valid COG"]


def _digest_by_gdal(dataset: Any) -> str:
    """Decode a row of tiles at a time and return the SHA-256 of all pixels."""
    digest = hashlib.sha256()
    for part in _strips(dataset):
        digest.update(np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<")).data.cast("B"))
    return digest.hexdigest()


def _strips(dataset: Any) -> Iterator[Any]:
    rows = dataset.block_shapes[0][0]
    for top in range(0, dataset.height, rows):
        yield dataset.read(1, window=((top, min(top + rows, dataset.height)), (0, dataset.width)))


def _differences(dataset: Any, scene_band: SceneBand, tags: Mapping[str, str]) -> list[str]:
    """Return what the fields of an open file say otherwise than they should."""
    band, geobox = scene_band.band, scene_band.geobox
    has_crs = bool(scene_band.gcps) or (dataset.crs is not None and _is_same_crs(dataset.crs, str(geobox.crs)))
    # GDAL states the nodata value as a pixel holds it: 1e20 of float32 is not 1e20.
    nodata = None if band.nodata is None else np.dtype(band.data_type).type(band.nodata).item()
    found = {
        "data type": (dataset.dtypes[0], band.data_type),
        "description": (dataset.descriptions[0], band.name),
        "metadata": ({key: dataset.tags(1).get(key) for key in tags}, dict(tags)),
        "CRS": (has_crs, True),
        "scale": (dataset.scales[0], 1.0 if scene_band.scale is None else scene_band.scale),
        "offset": (dataset.offsets[0], 0.0 if scene_band.offset is None else scene_band.offset),
    }
    wrong = [f"{name} {read!r} instead of {meant!r}" for name, (read, meant) in found.items() if read != meant]
    if not _same_number(dataset.nodata, nodata):
        wrong.append(f"nodata {dataset.nodata} instead of {nodata}")
    if scene_band.gcps:
        return wrong + _wrong_points(dataset, scene_band)
    transform, meant = tuple(dataset.transform)[:6], tuple(geobox.transform)[:6]
    if not np.allclose(transform, meant, rtol=0, atol=1e-9):
        wrong.append(f"transform {transform} instead of {meant}")
    return wrong


def _same_number(read: float | None, meant: int | float | None) -> bool:
    if read is None or meant is None:
        return read is None and meant is None
    return bool(read == meant or (np.isnan(read) and np.isnan(meant)))


def _is_same_crs(stored: Any, wanted: str) -> bool:
    """Tell whether two CRSs are one; GeoTIFF keeps the numbers of some projections and not their names."""
    if stored == rasterio.crs.CRS.from_user_input(wanted):
        return True
    from pyproj import CRS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        texts = [CRS.from_user_input(entry).to_proj4() for entry in (stored.to_wkt(), wanted)]
    return bool(texts[0]) and texts[0] == texts[1]
