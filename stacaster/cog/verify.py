"""Read a written file with GDAL and compare it with what it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.errors import RasterioError

from stacaster.checksums import multihash
from stacaster.errors import WriteError
from stacaster.model import SceneBand

GDAL_OPTIONS = {"GDAL_NUM_THREADS": "1", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
"""Settings of GDAL for writing and checking: no threads, which hide errors, and no look at neighbours."""


def pixel_hash(path: Path) -> str:
    """Decode a single-band GeoTIFF with GDAL and return the multihash (sha2-256) of its pixels.

    Raises:
        WriteError: The file cannot be decoded.
    """
    try:
        with rasterio.Env(**GDAL_OPTIONS), rasterio.open(path, driver="GTiff") as dataset:
            return multihash(_digest(dataset))
    except RasterioError as error:
        raise WriteError(f"{path.name} cannot be decoded: {error}", href=path.name) from error


def verify_cog(path: Path, scene_band: SceneBand, digests: Sequence[str]) -> str:
    """Check that a file is a valid COG that decodes, bit by bit, to the pixels and fields it was made from.

    Args:
        path: The file.
        scene_band: What the band is and where it lies.
        digests: SHA-256 of the pixels of the image and of every overview, row by row, little endian.

    Returns:
        Multihash (sha2-256) of the decoded pixels.

    Raises:
        WriteError: Something differs; the message says what.
    """
    from rio_cogeo import cog_validate

    try:
        with rasterio.Env(**GDAL_OPTIONS):
            with rasterio.open(path, driver="GTiff") as dataset:
                if _digest(dataset) != digests[0]:
                    raise WriteError(f"{path.name}: the decoded pixels differ from the source", href=path.name)
                wrong = _differences(dataset, scene_band)
            for number, digest in enumerate(digests[1:]):
                with rasterio.open(path, driver="GTiff", overview_level=number) as dataset:
                    if _digest(dataset) != digest:
                        raise WriteError(f"{path.name}: the pixels of overview {number} are wrong", href=path.name)
            is_valid, errors, warnings = cog_validate(str(path), strict=True, quiet=True)
    except RasterioError as error:
        raise WriteError(f"{path.name} cannot be decoded: {error}", href=path.name) from error
    wrong += [] if is_valid and not errors and not warnings else [*errors, *warnings]
    if wrong:
        raise WriteError(f"{path.name} is not what was written: {'; '.join(wrong)}", href=path.name)
    return multihash(digests[0])


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


def _digest(dataset: Any) -> str:
    """Decode a row of tiles at a time and return the SHA-256 of all pixels."""
    digest = hashlib.sha256()
    rows = dataset.block_shapes[0][0]
    for top in range(0, dataset.height, rows):
        part = dataset.read(1, window=((top, min(top + rows, dataset.height)), (0, dataset.width)))
        digest.update(np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<")).data.cast("B"))
    return digest.hexdigest()


def _differences(dataset: Any, scene_band: SceneBand) -> list[str]:
    """Return what the fields of an open file say otherwise than they should."""
    band, geobox = scene_band.band, scene_band.geobox
    has_crs = bool(scene_band.gcps) or (
        dataset.crs is not None and dataset.crs == rasterio.crs.CRS.from_user_input(str(geobox.crs))
    )
    # GDAL states the nodata value as a pixel holds it: 1e20 of float32 is not 1e20.
    nodata = None if band.nodata is None else np.dtype(band.data_type).type(band.nodata).item()
    found = {
        "data type": (dataset.dtypes[0], band.data_type),
        "description": (dataset.descriptions[0], band.name),
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
