"""Write a simulated scene as AST_L1T version 004: one GeoTIFF a band and a UMM-G sidecar."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine

from stacaster.samples.aster_l1t_003 import MARK, pixel_size
from stacaster.samples.landscape import BANDS
from stacaster.samples.scene import AsterScene, subsystem_of


def write_aster_l1t_004(
    scene: AsterScene, directory: Path, *, southern_crs: bool = False, sidecar: bool = True
) -> tuple[Path, ...]:
    """Write one granule as a set of files.

    Args:
        scene: The scene.
        directory: Folder that exists.
        southern_crs: Write a southern scene in its southern UTM zone; False writes negative northings of the
            northern zone.
        sidecar: Also write ``<granule>.cmr.json``.

    Returns:
        Paths of all files, the sidecar last.
    """
    paths = [_write_band(scene, band, directory, southern_crs) for band in scene.bands]
    if not sidecar:
        return tuple(paths)
    record = directory / f"{scene.name_004}.cmr.json"
    record.write_text(json.dumps(_record(scene, paths), indent=1) + "\n", encoding="utf-8")
    return (*paths, record)


def _write_band(scene: AsterScene, band: str, directory: Path, southern_crs: bool) -> Path:
    pixels = scene.pixels(band)
    size = pixel_size(band)
    top, left = scene.upper_left
    is_southern = southern_crs and top < 0
    shift = 10_000_000 if is_southern else 0
    path = directory / f"{scene.name_004}_{subsystem_of(band)}_{band}.tif"
    options: dict[str, Any] = {
        "driver": "COG",
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "count": 1,
        "dtype": pixels.dtype.name,
        "crs": f"EPSG:{(32700 if is_southern else 32600) + scene.zone}",
        "transform": Affine(size, 0, left - size / 2, 0, -size, top + size / 2 + shift),
        "blocksize": 256,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **options) as dataset:
        dataset.write(pixels, 1)
        dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION=MARK)
    return path


def _record(scene: AsterScene, paths: list[Path]) -> dict[str, Any]:
    """Return the UMM-G 1.6.6 record of the granule."""
    gains = ", ".join(
        f"{band[1:].lstrip('0').zfill(2)} {scene.gain(band)}" for band in BANDS[:9] if band in scene.bands
    )
    attributes = {
        "ASTERGains": gains,
        "ASTERMapProjection": "Universal Transverse Mercator",
        **{f"ASTER{name}PointingAngle": scene.pointing[name] for name in scene.subsystems},
        "SolarAzimuthAngle": scene.sun_azimuth,
        "SolarElevationAngle": scene.sun_elevation,
        "FlyingDirection": scene.direction,
        "LocalGranuleID": scene.name_004,
        "identifier_product_doi": "10.5067/ASTER/AST_L1T.004",
    }
    files = [
        {
            "Name": path.name,
            "SizeInBytes": path.stat().st_size,
            "Checksum": {"Value": hashlib.sha512(path.read_bytes()).hexdigest(), "Algorithm": "SHA-512"},
        }
        for path in paths
    ]
    return {
        "GranuleUR": scene.name_004,
        "CollectionReference": {"ShortName": "AST_L1T", "Version": "004"},
        "TemporalExtent": {"SingleDateTime": f"{scene.acquired:%Y-%m-%dT%H:%M:%S.%f}Z"},
        "CloudCover": scene.cloud_cover,
        "DataGranule": {
            "DayNightFlag": "Day" if scene.sun_elevation > 0 else "Night",
            "ProductionDateTime": f"{scene.produced:%Y-%m-%dT%H:%M:%S}.000Z",
            "ArchiveAndDistributionInformation": files,
        },
        "AdditionalAttributes": [{"Name": name, "Values": [str(value)]} for name, value in attributes.items()],
        "MetadataSpecification": {
            "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6",
            "Name": "UMM-G",
            "Version": "1.6.6",
        },
    }
