"""Write a simulated scene as AST_L1T version 003: HDF-EOS2 swaths in HDF4, with metadata in real ODL form."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from pyhdf.HDF import HC, HDF
from pyhdf.SD import SD, SDC

# Importing the V interface registers HDF.vgstart.
from pyhdf.V import V  # noqa: F401

from stacaster.samples.aster_metadata import core_metadata, generic_metadata, ground_metadata, subsystem_metadata
from stacaster.samples.odl_text import structure_text
from stacaster.samples.scene import RESOLUTION, SUBSYSTEM_BANDS, AsterScene

MARK = "Simulated by stacaster; not a measurement"
"""What every simulated file says of itself."""

FOLDER_LOCK = threading.Lock()
_LATTICE = 11
_FIELD_TYPES = {"VNIR": "DFNT_UINT8", "SWIR": "DFNT_UINT8", "TIR": "DFNT_UINT16"}


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with a granule, for tests."""

    omit_objects: tuple[str, ...] = ()
    """Names of ODL objects to leave out, such as ``UTMZONENUMBER``."""
    swap_corners: bool = False
    """Write map corners as (x, y)."""
    omit_attributes: tuple[str, ...] = ()
    """Names of metadata attributes to leave out, such as ``productmetadata.v``."""
    omit_bands: tuple[str, ...] = ()
    """Bands whose image is missing."""
    coefficients: tuple[tuple[str, float], ...] = ()
    """Wrong INCL by band."""
    short_name: str = "AST_L1T"
    """Value of SHORTNAME; empty leaves it out."""
    granule_id: str | None = None
    """Value of LOCALGRANULEID instead of the true one."""
    omit_vgroups: bool = False
    """Leave out the vgroups of the swaths."""


def field_name(band: str) -> str:
    """Return the image field of a band: ``ImageData3N``."""
    return f"ImageData{band[1:].lstrip('0')}"


def write_aster_l1t_003(
    scene: AsterScene, directory: Path, *, faults: Faults | None = None, overwrite: bool = True
) -> Path:
    """Write one granule; the same scene gives the same bytes in any folder.

    The HDF4 library stores the path that a file is made with. So the file is made by its bare name, and the working
    directory of the process is changed for that moment: other threads must not use relative paths meanwhile.

    Args:
        scene: The scene.
        directory: Folder that exists.
        faults: What is to be wrong with it.
        overwrite: False keeps a file that exists.

    Returns:
        Path of the ``.hdf`` file.
    """
    path = directory / f"{scene.name}.hdf"
    if path.exists() and not overwrite:
        return path
    wrong = faults or Faults()
    path.unlink(missing_ok=True)
    members = _write_datasets(scene, path, wrong)
    if not wrong.omit_vgroups:
        write_vgroups(path, members)
    return path


def _write_datasets(scene: AsterScene, path: Path, faults: Faults) -> dict[str, dict[str, list[int]]]:
    """Write attributes and data sets; return the references of each swath's fields."""
    with FOLDER_LOCK, contextlib.chdir(path.parent):
        file = SD(path.name, SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    members: dict[str, dict[str, list[int]]] = {}
    try:
        for name, text in _attributes(scene, faults):
            file.attr(name).set(SDC.CHAR, text)
        for subsystem in scene.subsystems:
            swath = f"{subsystem}_Swath"
            lat, lon = _lattice(scene)
            places = [
                write_dataset(file, name, values, swath, ("GeoTrack", "GeoXtrack"))
                for name, values in (("Latitude", lat), ("Longitude", lon))
            ]
            images = [
                write_dataset(file, field_name(band), scene.pixels(band), swath, ("ImageLine", "ImagePixel"))
                for band in SUBSYSTEM_BANDS[subsystem]
                if band not in faults.omit_bands
            ]
            members[swath] = {"Geolocation Fields": places, "Data Fields": images, "Swath Attributes": []}
    finally:
        file.end()
    return members


def _attributes(scene: AsterScene, faults: Faults) -> list[tuple[str, str]]:
    swaths = [
        (
            f"{name}_Swath",
            *scene.shape(name),
            [(field_name(band), _FIELD_TYPES[name]) for band in SUBSYSTEM_BANDS[name] if band not in faults.omit_bands],
        )
        for name in scene.subsystems
    ]
    omit, wrong = faults.omit_objects, dict(faults.coefficients)
    texts = [
        ("HDFEOSVersion", "HDFEOS_V2.17"),
        ("StructMetadata.0", structure_text(swaths, _LATTICE)),
        ("productmetadata.0", generic_metadata(scene, omit)),
        ("productmetadata.1", ground_metadata(scene, omit, swap=faults.swap_corners)),
    ]
    texts += [
        (f"productmetadata.{n[0].lower()}", subsystem_metadata(scene, n, omit, wrong=wrong)) for n in scene.subsystems
    ]
    core = core_metadata(scene, short_name=faults.short_name, granule_id=faults.granule_id, omit=faults.omit_objects)
    texts += [("coremetadata.0", core), ("simulated_data", MARK)]
    return [(name, text) for name, text in texts if name not in faults.omit_attributes]


def _lattice(scene: AsterScene) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return geodetic latitude and longitude of 11 x 11 pixel centres from corner to corner."""
    (top, left), (bottom, right) = scene.upper_left, scene.lower_right
    x, y = np.meshgrid(np.linspace(left, right, _LATTICE), np.linspace(top, bottom, _LATTICE))
    lon, lat = scene.to_lonlat(x, y)
    return lat, lon


def write_dataset(file: Any, name: str, values: np.ndarray[Any, Any], swath: str, dimensions: tuple[str, str]) -> int:
    """Write a field of a swath and return its reference."""
    return write_strips(
        file, name, [(0, values)], swath, dimensions=dimensions, shape=values.shape, data_type=values.dtype.name
    )


def write_strips(
    file: Any,
    name: str,
    strips: Iterable[tuple[int, np.ndarray[Any, Any]]],
    swath: str,
    *,
    dimensions: tuple[str, str],
    shape: tuple[int, ...],
    data_type: str,
) -> int:
    """Write a field of a swath, some rows at a time, each with the number of the first, and return its reference."""
    kinds = {"uint8": SDC.UINT8, "uint16": SDC.UINT16, "int16": SDC.INT16, "float64": SDC.FLOAT64}
    dataset = file.create(name, kinds[data_type], shape)
    try:
        for index, dimension in enumerate(dimensions):
            dataset.dim(index).setname(f"{dimension}:{swath}")
        for start, values in strips:
            dataset[start : start + len(values)] = values
        return int(dataset.ref())
    finally:
        dataset.endaccess()


def write_vgroups(path: Path, members: dict[str, dict[str, list[int]]]) -> None:
    """Add the groups of swaths to a file: references of fields by part and swath."""
    file = HDF(str(path), HC.WRITE)
    try:
        interface = file.vgstart()
        try:
            for swath, parts in members.items():
                group = interface.create(swath)
                group._class = "SWATH"
                for name, references in parts.items():
                    child = interface.create(name)
                    child._class = "SWATH Vgroup"
                    for reference in references:
                        child.add(HC.DFTAG_NDG, reference)
                    group.insert(child)
                    child.detach()
                group.detach()
        finally:
            interface.end()
    finally:
        file.close()


def write_ecs_sidecar(scene: AsterScene, granule: Path) -> Path:
    """Write the provider's XML beside a granule, with its true size and MD5."""
    digest = hashlib.md5(granule.read_bytes(), usedforsecurity=False).hexdigest()
    files = (
        f"<DistributedFileName>{escape(granule.name)}</DistributedFileName>"
        f"<FileSize>{granule.stat().st_size}</FileSize>"
        f"<ChecksumType>MD5</ChecksumType><Checksum>{digest}</Checksum>"
    )
    pairs = {
        "ASTERMapProjection": "Universal Transverse Mercator",
        "SceneCloudCoverage": scene.cloud_cover,
        "Solar_Azimuth_Angle": scene.sun_azimuth,
        "Solar_Elevation_Angle": scene.sun_elevation,
        "UTMZoneNumber": scene.zone,
        "DataOrigin": "SIMULATED",
    }
    attributes = "".join(
        f"<PSA><PSAName>{name}</PSAName><PSAValue>{value}</PSAValue></PSA>" for name, value in pairs.items()
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<GranuleMetaDataFile><DTDVersion>1.0</DTDVersion><GranuleURMetaData>'
        f"<DataFiles><DataFileContainer>{files}</DataFileContainer></DataFiles>"
        f"<ECSDataGranule><LocalGranuleID>{scene.name}</LocalGranuleID></ECSDataGranule>"
        f"<PSAs>{attributes}</PSAs></GranuleURMetaData></GranuleMetaDataFile>\n"
    )
    path = granule.with_name(granule.name + ".xml")
    path.write_text(text, encoding="utf-8")
    return path


def pixel_size(band: str) -> int:
    """Return the pixel size of a band in metres."""
    return next(RESOLUTION[name] for name, bands in SUBSYSTEM_BANDS.items() if band in bands)
