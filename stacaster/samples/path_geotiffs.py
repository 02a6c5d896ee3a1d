"""Write simulated path-oriented products as GeoTIFFs: version 004, and version 003 as it was delivered on demand."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import rasterio
from rasterio.windows import Window

from stacaster.samples.aster_l1t_003 import MARK
from stacaster.samples.path_images import Variant, granule_name, path_images, path_lattice, path_transform
from stacaster.samples.scene import AsterScene


def write_path_geotiffs(
    scene: AsterScene,
    product: str,
    directory: Path,
    *,
    version: str = "004",
    variant: Variant | None = None,
    archive: bool = False,
    with_crs: bool = True,
) -> tuple[Path, ...]:
    """Write a product as GeoTIFFs on its rotated grid.

    Args:
        scene: The scene.
        product: One of ``PATH_PRODUCTS``.
        directory: Folder that exists.
        version: ``003`` (as delivered on demand) or ``004``.
        variant: What the files turn out to be.
        archive: Put them into one zip archive, with the positions as text.
        with_crs: False leaves out CRS and geotransform, so that only the positions tell the place.

    Returns:
        Paths of the files, or of the archive.
    """
    kind = variant or Variant()
    stem = granule_name(scene, product, version)
    paths = []
    images = path_images(scene, product, kind)
    for image in images:
        name = f"{stem}_{image.file}.tif" if version == "004" else f"{stem}.{image.swath}.{image.field}.tif"
        options: dict[str, Any] = {"driver": "GTiff", "height": image.shape[0], "width": image.shape[1],
                                   "count": 1, "dtype": image.data_type, "compress": "deflate"}  # fmt: skip
        if with_crs:
            options |= {"crs": f"EPSG:{32600 + scene.zone}", "transform": path_transform(scene, image.subsystem)}
        if kind.fill is not None and image.data_type != "uint8":
            options["nodata"] = kind.fill
        path = directory / name
        with rasterio.open(path, "w", **options) as dataset:
            for start, values in image.strips():
                dataset.write(values, 1, window=Window(0, start, image.shape[1], len(values)))
            dataset.update_tags(TIFFTAG_IMAGEDESCRIPTION=MARK)
        paths.append(path)
    if not archive:
        return tuple(paths)
    target = directory / f"{stem}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in paths:
            packed.write(path, path.name)
            path.unlink()
        for swath, subsystem in {image.swath: image.subsystem for image in images}.items():
            for name, values in zip(
                ("GeodeticLatitude", "Longitude"), path_lattice(scene, subsystem, kind), strict=True
            ):
                text = "\n".join(" ".join(f"{value:.9f}" for value in line) for line in values)
                packed.writestr(f"{stem}.{swath}.{name}.txt", text)
    return (target,)
