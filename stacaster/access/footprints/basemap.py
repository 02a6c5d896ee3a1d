"""What lies under footprints, from files on this disk: land or borders as lines, terrain as a shaded picture."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import UsageError
from stacaster.files.vector_files import read_vector_file
from stacaster.geo.land import land_within
from stacaster.geotiff.opening import open_by_user

if TYPE_CHECKING:
    from numpy.typing import NDArray

Bounds = tuple[float, float, float, float]
_RASTERS = (".tif", ".tiff", ".vrt")
_PIXELS = 900
NO_BASEMAP = "none"
"""Word for a map without anything below."""
_SUN = (315.0, 45.0)


@dataclass(frozen=True)
class Basemap:
    """Rings of land, or a shaded picture with its bounds."""

    rings: tuple[list[tuple[float, float]], ...] = ()
    """Outer rings and lines, degrees."""
    shade: NDArray[Any] | None = None
    """Brightness, shape (rows, columns), 0 to 255."""
    bounds: Bounds | None = None
    """West, south, east, north of the picture."""


def read_basemap(path: str | os.PathLike[str] | None, bounds: Bounds) -> Basemap:
    """Return what lies within bounds.

    Args:
        path: File with polygons or lines, or a raster of heights; None for the countries of Natural Earth at
            1:110,000,000, which are part of this package; ``none`` for nothing.
        bounds: West, south, east, north in degrees.

    Raises:
        UsageError: The file cannot be read.
    """
    if path == NO_BASEMAP:
        return Basemap()
    if path is None:
        return Basemap(rings=tuple(land_within(bounds)))
    file = Path(path)
    if not file.exists():
        raise UsageError(f"basemap is {os.fspath(file)!r}, which is no file")
    return _terrain(file, bounds) if file.suffix.lower() in _RASTERS else _land(file, bounds)


def _land(file: Path, bounds: Bounds) -> Basemap:
    import shapely

    frame = read_vector_file(file, what="basemap", kind="polygons")
    if frame.crs is not None:
        frame = frame.to_crs(4326)
    box = shapely.box(*bounds)
    parts = shapely.intersection(shapely.make_valid(frame.geometry.to_numpy()), box)
    return Basemap(rings=tuple(_rings(shapely.get_parts(parts))))


def _rings(parts: Any) -> Iterator[list[tuple[float, float]]]:
    for part in parts:
        if part.is_empty:
            continue
        if part.geom_type == "Polygon":
            yield [(x, y) for x, y, *_ in part.exterior.coords]
        elif part.geom_type == "LineString":
            yield [(x, y) for x, y, *_ in part.coords]
        elif hasattr(part, "geoms"):
            yield from _rings(part.geoms)


def _terrain(file: Path, bounds: Bounds) -> Basemap:
    import numpy as np
    from rasterio.enums import Resampling
    from rasterio.errors import RasterioError
    from rasterio.vrt import WarpedVRT
    from rasterio.windows import from_bounds

    try:
        with open_by_user(file) as source, WarpedVRT(source, crs="EPSG:4326", resampling=Resampling.average) as seen:
            west, south = max(bounds[0], seen.bounds.left), max(bounds[1], seen.bounds.bottom)
            east, north = min(bounds[2], seen.bounds.right), min(bounds[3], seen.bounds.top)
            if west >= east or south >= north:
                return Basemap()
            scale = _PIXELS / max(east - west, north - south)
            shape = max(2, round((north - south) * scale)), max(2, round((east - west) * scale))
            window = from_bounds(west, south, east, north, seen.transform)
            heights = seen.read(1, window=window, out_shape=shape, masked=True).astype(float).filled(0)
    except RasterioError as error:
        raise UsageError(f"basemap {file.name} cannot be read: {error.__cause__ or error}") from error
    metres = 111_320.0
    middle = np.cos(np.radians((south + north) / 2))
    down, across = np.gradient(heights, (north - south) / shape[0] * metres, (east - west) / shape[1] * metres * middle)
    slope, aspect = np.arctan(2 * np.hypot(across, down)), np.arctan2(across, -down)
    azimuth, elevation = np.radians(_SUN)
    light = np.sin(elevation) * np.cos(slope) + np.cos(elevation) * np.sin(slope) * np.cos(azimuth - np.pi - aspect)
    return Basemap(shade=np.clip(120 + 135 * light, 0, 255).astype("uint8"), bounds=(west, south, east, north))


def as_data_url(shade: NDArray[Any]) -> str:
    """Return a picture as an address that holds it, so that a page needs no other file."""
    import warnings

    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    rows, cols = shade.shape
    with warnings.catch_warnings(), MemoryFile(ext=".png") as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(driver="PNG", count=1, height=rows, width=cols, dtype="uint8") as file:
            file.write(shade, 1)
        return "data:image/png;base64," + base64.b64encode(bytes(memory.getbuffer())).decode("ascii")
