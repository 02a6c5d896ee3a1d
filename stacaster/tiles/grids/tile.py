"""One tile of a grid: its name, its pixels, where it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

DEGREES = "EPSG:4326"
"""CRS of tiles in degrees."""


@dataclass(frozen=True)
class Tile:
    """One tile of a grid."""

    id: str
    """Name, the same for ever; letters, digits, ``-`` and ``.``, as ``grid:code`` wants it."""
    crs: str
    """Coordinate reference system."""
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top in the CRS."""
    pixels: int
    """Width and height in pixels."""

    @property
    def geobox(self) -> GeoBox:
        """Pixel grid of the tile."""
        from affine import Affine
        from odc.geo.geobox import GeoBox

        left, bottom, right, top = self.bounds
        across, down = (right - left) / self.pixels, (top - bottom) / self.pixels
        return GeoBox((self.pixels, self.pixels), Affine(across, 0, left, 0, -down, top), self.crs)

    @cached_property
    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees, west > east across the antimeridian."""
        return lonlat_box(self.crs, self.bounds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"id": self.id, "crs": self.crs, "bounds": list(self.bounds), "pixels": self.pixels}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tile:
        """Return the tile that ``to_dict`` described."""
        west, south, east, north = (float(value) for value in data["bounds"])
        return cls(str(data["id"]), str(data["crs"]), (west, south, east, north), int(data["pixels"]))


def lonlat_box(crs: str, bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return the box in degrees around a rectangle of a CRS; west > east when it crosses the antimeridian."""
    west, south, east, north = bounds
    if crs == DEGREES:
        return bounds
    from pyproj import Transformer

    transformer = Transformer.from_crs(crs, DEGREES, always_xy=True)
    # An edge of the densified rectangle; poles inside are found and give all longitudes.
    found = transformer.transform_bounds(west, south, east, north, densify_pts=21)
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])
