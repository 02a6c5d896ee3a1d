"""Where images of path-oriented products lie: from positions, or from the grid that a GeoTIFF states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.geo.swaths import SwathError, SwathGrid, geodetic_latitude, swath_grid
from stacaster.instruments.aster_hdf import utm_zone
from stacaster.model import Band, GranuleContent, Lattice, Layer

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_SQUARE = 0.01


def lattice_grid(content: GranuleContent, layer: Layer, band: Band, lattice: Lattice | None) -> SwathGrid:
    """Return the grid that the positions of a swath give an image.

    Raises:
        ReadError: There are none, or they do not describe a grid.
    """
    if lattice is None:
        raise ReadError(f"{layer.path} has no positions: its place on Earth is unknown", granule=content.name)
    if len(layer.shape) != 2:
        raise ReadError(f"{layer.path} is of shape {layer.shape}, but an image is needed", granule=content.name)
    try:
        return swath_grid(
            _geodetic(content, lattice),
            lattice.longitude,
            (layer.shape[0], layer.shape[1]),
            resolution=band.resolution,
            zone=utm_zone(content),
        )
    except SwathError as error:
        raise ReadError(f"{layer.path}: {error}", granule=content.name) from error


def _geodetic(content: GranuleContent, lattice: Lattice) -> Any:
    """Return geodetic latitudes: level 1B stores geocentric ones under the bare name (Users Handbook v2)."""
    if lattice.latitude_field != "Latitude":
        return lattice.latitude
    turned = geodetic_latitude(lattice.latitude)
    stated = content.find("SCENECENTER")
    centre = ecs.number(stated[0]) if isinstance(stated, tuple) else None
    if centre is None:
        return turned
    # The scene's centre is geodetic in every product; 45 degrees from the equator the two differ by 21 km.
    is_geodetic = abs(float(lattice.latitude.mean()) - centre) < abs(float(turned.mean()) - centre)
    return lattice.latitude if is_geodetic else turned


def grid_fields(grid: SwathGrid) -> dict[str, Any]:
    """Return the fields of an asset that say how its grid was found."""
    return {
        "stacaster:georeferencing_residual": round(grid.residual, 6),
        "stacaster:rotation": round(grid.rotation, 6),
    }


def checked_geobox(layer: Layer, band: Band, granule: str) -> GeoBox:
    """Return the grid that a GeoTIFF states.

    Raises:
        ReadError: Its pixels are of another size than the product's.
    """
    assert layer.geobox is not None
    t = layer.geobox.transform
    sizes = ((t.a**2 + t.d**2) ** 0.5, (t.b**2 + t.e**2) ** 0.5)
    if any(abs(size - band.resolution) > _SQUARE * band.resolution for size in sizes):
        raise ReadError(
            f"{layer.name} has pixels of {sizes[0]:g} x {sizes[1]:g}, but {band.resolution:g} m are needed",
            granule=granule,
        )
    return layer.geobox
