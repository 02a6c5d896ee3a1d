"""Write simulated path-oriented products of version 003: levels 1B and 2 as HDF4 swaths."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pyhdf.SD import SD, SDC

from stacaster.samples.aster_l1t_003 import FOLDER_LOCK, MARK, write_dataset, write_strips, write_vgroups
from stacaster.samples.aster_metadata import core_metadata, generic_metadata, ground_metadata, subsystem_metadata
from stacaster.samples.odl_text import structure_text
from stacaster.samples.path_images import (
    LATTICE,
    SURFACE,
    PathImage,
    Variant,
    granule_name,
    path_images,
    path_lattice,
    path_positions,
    path_shape,
    path_transform,
    transformed,
)
from stacaster.samples.scene import AsterScene

_FLATTENING = 0.99330562


def write_path_hdf(
    scene: AsterScene, product: str, directory: Path, *, variant: Variant | None = None
) -> tuple[Path, ...]:
    """Write a product of version 003 as HDF4; reflectance and radiance come as two files, one a subsystem.

    Args:
        scene: The scene.
        product: One of ``PATH_PRODUCTS``.
        directory: Folder that exists.
        variant: What the files turn out to be.
    """
    kind = variant or Variant()
    if product not in SURFACE:
        return (_write_hdf(scene, product, directory, path_images(scene, product, kind), kind),)
    found = []
    for number, subsystem in enumerate(name for name in ("VNIR", "SWIR") if name in scene.subsystems):
        # The two files of a delivery differ by a second of production time.
        part = replace(scene, produced=scene.produced + timedelta(seconds=number))
        images = [image for image in path_images(scene, product, kind) if image.subsystem == subsystem]
        found.append(_write_hdf(part, product, directory, images, kind))
    return tuple(found)


def _write_hdf(scene: AsterScene, product: str, directory: Path, images: list[PathImage], variant: Variant) -> Path:
    path = directory / f"{granule_name(scene, product)}.hdf"
    path.unlink(missing_ok=True)
    with FOLDER_LOCK, contextlib.chdir(path.parent):
        file = SD(path.name, SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    latitude = "Latitude" if product == "AST_L1B" else "GeodeticLatitude"
    swaths = {image.swath: image.subsystem for image in images}
    members: dict[str, dict[str, list[int]]] = {}
    try:
        for name, text in _attributes(scene, product, images, latitude):
            file.attr(name).set(SDC.CHAR, text)
        for swath, subsystem in swaths.items():
            lat, lon = path_lattice(scene, subsystem, variant)
            if product == "AST_L1B":
                lat = np.degrees(np.arctan(np.tan(np.radians(lat)) * _FLATTENING))
            places = [] if variant.omit_lattice else [
                write_dataset(file, name, values, swath, ("GeoTrack", "GeoXtrack"))
                for name, values in ((latitude, lat), ("Longitude", lon))
            ]  # fmt: skip
            data = []
            for image in images:
                if image.swath == swath:
                    data.append(
                        write_strips(file, image.field, image.strips(), swath, dimensions=("ImageLine", "ImagePixel"),
                                     shape=image.shape, data_type=image.data_type)
                    )  # fmt: skip
                    _say(file, image, variant)
            members[swath] = {"Geolocation Fields": places, "Data Fields": data, "Swath Attributes": []}
    finally:
        file.end()
    if variant.vgroups:
        write_vgroups(path, members)
    return path


def _say(file: Any, image: PathImage, variant: Variant) -> None:
    """Write attributes of the image that was made last."""
    if image.data_type == "uint8":
        return
    dataset = file.select(file.info()[0] - 1)
    try:
        if variant.fill is not None:
            kind = SDC.INT16 if image.data_type == "int16" else SDC.UINT16
            dataset.attr("_FillValue").set(kind, variant.fill)
        if variant.scale_attribute and image.scale is not None:
            dataset.attr("scale_factor").set(SDC.FLOAT64, image.scale)
    finally:
        dataset.endaccess()


def _attributes(scene: AsterScene, product: str, images: list[PathImage], latitude: str) -> list[tuple[str, str]]:
    kinds = {"uint8": "DFNT_UINT8", "uint16": "DFNT_UINT16", "int16": "DFNT_INT16"}
    swaths = []
    for swath in dict.fromkeys(image.swath for image in images):
        inside = [image for image in images if image.swath == swath]
        swaths.append((swath, *inside[0].shape, [(image.field, kinds[image.data_type]) for image in inside]))
    subsystems = tuple(dict.fromkeys(image.subsystem for image in images))
    part = replace(scene, subsystems=subsystems)
    core = core_metadata(
        part, short_name="ASTL1B" if product == "AST_L1B" else product, granule_id=granule_name(scene, product),
        doi=f"10.5067/ASTER/{product}.003", corners=_corners(scene),
    )  # fmt: skip
    lon, lat = _centre(scene, subsystems[0])
    # Map corners in metres are of level 1T alone.
    ground = ground_metadata(part, ("SCENEFOURCORNERSMETERS",), swap=False)
    generic = generic_metadata(part, (), centre=(lat, lon))
    return [
        ("HDFEOSVersion", "HDFEOS_V2.17"),
        ("StructMetadata.0", structure_text(swaths, LATTICE, latitude=latitude)),
        ("productmetadata.0", generic),
        ("productmetadata.1", ground),
        *((f"productmetadata.{name[0].lower()}", subsystem_metadata(part, name, (), wrong={})) for name in subsystems),
        ("coremetadata.0", core),
        ("simulated_data", MARK),
    ]


def _centre(scene: AsterScene, subsystem: str) -> tuple[float, float]:
    """Return the mean of longitudes and latitudes, taken row by row."""
    rows, _ = path_shape(scene, subsystem)
    means = [[values.mean() for values in path_positions(scene, subsystem, slice(row, row + 1))] for row in range(rows)]
    lon, lat = np.mean(means, axis=0)
    return float(lon), float(lat)


def _corners(scene: AsterScene) -> list[tuple[float, float]]:
    rows, cols = path_shape(scene, "TIR")
    transform = path_transform(scene, "TIR")
    found = []
    for col, row in ((0, 0), (cols, 0), (0, rows), (cols, rows)):
        x, y = transformed(transform, col, row)
        lon, lat = scene.to_lonlat(x, y)
        found.append((float(lat), float(lon)))
    return found
