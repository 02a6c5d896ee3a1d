"""Write one band as a verified Cloud Optimized GeoTIFF."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from stacaster.errors import SpaceError, WriteError, is_space_error
from stacaster.files.checksums import digest_file, multihash
from stacaster.geotiff.cog.overviews import level_shapes
from stacaster.geotiff.cog.profiles import PROFILES, CogProfile, get_profile
from stacaster.geotiff.cog.strips import BandWriter
from stacaster.geotiff.cog.tiff import copied_tags
from stacaster.geotiff.cog.verify import GDAL_OPTIONS, control_points, pixel_hash, verify_cog
from stacaster.model import BandStatistics, CogAsset, SceneBand

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PROFILES", "CogJob", "CogProfile", "Strips", "get_profile", "pixel_hash", "write_cog", "write_cogs"]

_DATA_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "complex64")
_STRIP_LIMIT = 512
# Wider bands are written one by one.
_WIDE_BYTES = 48 << 20


Strips = Iterator["NDArray[Any]"]
"""Rows of a band from top to bottom, some at a time."""


@dataclass(frozen=True, kw_only=True)
class CogJob:
    """One band to write."""

    read: Callable[[], Strips]
    """Gives the pixels; called when the band's turn has come."""
    path: Path
    """File to write."""
    scene_band: SceneBand
    """What the band is and where it lies."""


def write_cogs(
    jobs: Sequence[CogJob],
    *,
    threads: int = 1,
    profile: str = "zstd",
    done: Callable[[str, Path], None] | None = None,
) -> list[CogAsset]:
    """Write several bands; of at most ``threads`` of them something is in memory.

    Args:
        jobs: Bands; reading happens one band at a time.
        threads: Bands that are packed and verified at once.
        profile: Name of the profile.
        done: Told name and path of each band as soon as its file is there, by the thread that wrote it.

    Returns:
        One asset a job, in order.

    Raises:
        WriteError: A band could not be written or is not what was read back.
        StacasterError: Whatever a job's ``read`` raises.
    """
    # HDF4 is not safe to call from two threads at once.
    lock = Lock()

    def run(job: CogJob, pool: Executor | None = None) -> CogAsset:
        pixels = _locked(job.read, lock)
        asset = write_cog(pixels, job.path, scene_band=job.scene_band, profile=profile, pool=pool)
        if done is not None:
            done(job.scene_band.band.name, asset.path)
        return asset

    if threads <= 1:
        return [run(job) for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        # Largest first, so that no thread is left with one at the end.
        order = sorted(range(len(jobs)), key=lambda number: -_size(jobs[number].scene_band))
        if len(jobs) < threads or any(_is_wide(job.scene_band, profile) for job in jobs):
            return [run(job, pool) for job in jobs]
        futures = {number: pool.submit(run, jobs[number]) for number in order}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            return [futures[number].result() for number in range(len(jobs))]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _size(scene_band: SceneBand) -> int:
    rows, cols = scene_band.geobox.shape
    return int(rows) * int(cols) * np.dtype(scene_band.band.data_type).itemsize


def _is_wide(scene_band: SceneBand, profile: str) -> bool:
    """Tell whether a row of tiles, of which a few are in memory for each band that is written, is large."""
    _, cols = scene_band.geobox.shape
    return int(cols) * get_profile(profile).block * np.dtype(scene_band.band.data_type).itemsize > _WIDE_BYTES


def _locked(read: Callable[[], Strips], lock: Lock) -> Strips:
    with lock:
        strips = iter(read())
    while True:
        with lock:
            strip = next(strips, None)
        if strip is None:
            return
        yield strip


def write_cog(
    pixels: NDArray[Any] | Strips,
    path: Path,
    *,
    scene_band: SceneBand,
    profile: str = "zstd",
    tags: Mapping[str, str] | None = None,
    pool: Executor | None = None,
) -> CogAsset:
    """Write a band, read it back, compare, validate, and only then put it into place.

    Args:
        pixels: Array of shape (rows, cols), or its rows from top to bottom, some at a time.
        path: File to write; replaced when it exists.
        scene_band: What the band is and where it lies.
        profile: Name of the profile.
        tags: Further GDAL metadata of the file.
        pool: Threads that pack and decode one row of tiles together.

    Returns:
        The file with size, hashes and statistics.

    Raises:
        WriteError: The pixels do not fit the band, or the file is not what it should be. Nothing stays behind.
        SpaceError: The disk is full.
    """
    chosen = get_profile(profile)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        shapes = _checked(scene_band, path, chosen.block)
        chosen = replace(chosen, block=_block(shapes, chosen.block))
        raw = copied_tags(_template(scene_band, tags or {}))
        writer = BandWriter(shapes, scene_band, chosen, raw=raw, path=path, pool=pool)
        with closing(writer), staged.open("wb") as file, ThreadPoolExecutor(1) as beside:
            writer.take(iter((pixels,)) if isinstance(pixels, np.ndarray) else pixels)
            # Python reports a full disk; GDAL's own writer can leave a damaged file without an error.
            statistics = writer.statistics.result()
            of_band = {} if statistics is None else _statistics_tags(statistics)
            written = writer.spool.finish(file, copied_tags(_template(scene_band, tags or {}, of_band)))
            file.flush()
            # The disk takes its time: meanwhile the file is read again.
            synced = beside.submit(os.fsync, file.fileno())
            digest = hashlib.sha256()
            size = digest_file(staged, digest)
            if size != written:
                raise WriteError(f"{path.name} has {size} bytes instead of {written}", href=path.name)
            spread = map if pool is None else pool.map
            verify_cog(staged, scene_band, writer.levels, tags=of_band, spread=spread)
            synced.result()
        staged.replace(path)
    except (OSError, MemoryError, RasterioError) as error:
        kind = SpaceError if is_space_error(error) else WriteError
        raise kind(f"{path.name} cannot be written: {error}", href=path.name) from error
    finally:
        staged.unlink(missing_ok=True)
    return CogAsset(
        path=path,
        size=size,
        checksum=multihash(digest.hexdigest()),
        pixel_checksum=multihash(writer.levels[0].digest or ""),
        statistics=statistics,
    )


def _checked(scene_band: SceneBand, path: Path, largest: int) -> list[tuple[int, int]]:
    """Return the shapes of all levels after a check of what a band is said to be."""
    band = scene_band.band
    if band.data_type not in _DATA_TYPES:
        raise WriteError(f"{path.name}: the band is {band.data_type} (possible types: {', '.join(_DATA_TYPES)})")
    if scene_band.geobox.crs is None and not scene_band.gcps:
        raise WriteError(f"{path.name}: the grid has no coordinate reference system")
    if not _can_hold(np.dtype(band.data_type), band.nodata):
        raise WriteError(f"{path.name}: nodata is {band.nodata}, which no pixel of type {band.data_type} can be")
    rows, cols = scene_band.geobox.shape
    return level_shapes((int(rows), int(cols)), largest=largest)


def _block(shapes: Sequence[tuple[int, int]], wanted: int) -> int:
    """Return a tile size that no level has as its width: rio-cogeo takes such a level for one in strips."""
    widths = {shape[1] for shape in shapes if max(shape) > _STRIP_LIMIT}
    # Halving leads from a width to 512 or to 496, never to both.
    return next(size for size in (wanted, wanted // 2, 496) if size not in widths)


def _can_hold(data_type: np.dtype[Any], nodata: int | float | None) -> bool:
    if nodata is None:
        return True
    if data_type.kind in "fc":
        return not np.isfinite(nodata) or abs(nodata) <= np.finfo(data_type).max
    limits = np.iinfo(data_type)
    return float(nodata).is_integer() and limits.min <= nodata <= limits.max


def _template(scene_band: SceneBand, tags: Mapping[str, str], of_band: Mapping[str, str] | None = None) -> bytes:
    """Return a GeoTIFF of one pixel with the georeferencing and metadata of the band, written by GDAL."""
    band, geobox = scene_band.band, scene_band.geobox
    fields = {
        "driver": "GTiff",
        "width": 1,
        "height": 1,
        "count": 1,
        "dtype": band.data_type,
        "nodata": band.nodata,
        "ENDIANNESS": "LITTLE",
    }
    fields |= control_points(scene_band) or {"crs": str(geobox.crs), "transform": geobox.transform}
    with rasterio.Env(**GDAL_OPTIONS), MemoryFile() as memory:
        with memory.open(**fields) as dataset:
            dataset.set_band_description(1, band.name)
            if scene_band.scale is not None or scene_band.offset is not None:
                dataset.scales = (1.0 if scene_band.scale is None else scene_band.scale,)
                dataset.offsets = (0.0 if scene_band.offset is None else scene_band.offset,)
                if band.unit is not None:
                    dataset.units = (band.unit,)
            if tags:
                dataset.update_tags(**tags)
            if of_band:
                dataset.update_tags(1, **of_band)
        return bytes(memory.read())


def _statistics_tags(statistics: BandStatistics) -> dict[str, str]:
    """Return exact statistics under the names by which GDAL and QGIS look for them."""
    return {
        "STATISTICS_MINIMUM": repr(statistics.minimum),
        "STATISTICS_MAXIMUM": repr(statistics.maximum),
        "STATISTICS_MEAN": repr(statistics.mean),
        "STATISTICS_STDDEV": repr(statistics.stddev),
        "STATISTICS_VALID_PERCENT": repr(statistics.valid_percent),
    }
