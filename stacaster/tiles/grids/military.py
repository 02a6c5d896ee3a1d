"""The squares of the Military Grid Reference System, each in the UTM zone of its name.

Decision: squares are named by the library for a point inside their zone, with the letter of the band of their middle;
each zone is a mosaic of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.tiles.grids.squares import projected, squares_touched
from stacaster.tiles.grids.tile import DEGREES, Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGITS = {100_000.0: 0, 10_000.0: 1}
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_SOUTH, _NORTH = -80.0, 84.0
# Zones that are wider or narrower, or not there: south-west Norway and Svalbard (NGA.STND.0037, section 3).
_WIDE = {(31, 56.0): (0.0, 3.0), (32, 56.0): (3.0, 12.0),
         (31, 72.0): (0.0, 9.0), (32, 72.0): None, (33, 72.0): (9.0, 21.0), (34, 72.0): None,
         (35, 72.0): (21.0, 33.0), (36, 72.0): None, (37, 72.0): (33.0, 42.0)}  # fmt: skip
# Latitudes at which widths change; the equator parts the CRSs.
_STEPS = (_SOUTH, 0.0, 56.0, 64.0, 72.0, _NORTH)


@dataclass(frozen=True)
class MgrsGrid:
    """Squares of 100 or 10 km. Those at the edge of a zone reach into the next one, as the system has it."""

    tile_size: float
    """Side of a tile in metres: 100000 or 10000."""
    resolution: float
    """Side of a pixel in metres."""

    def __post_init__(self) -> None:
        if self.tile_size not in _DIGITS:
            raise UsageError(f"squares of MGRS have 100000 or 10000 m, not {self.tile_size:g}")
        if not (self.resolution > 0 and (self.tile_size / self.resolution).is_integer()):
            raise UsageError(
                f"a square of {self.tile_size:g} m holds no whole number of pixels of {self.resolution:g} m; 10, 20, "
                "25 or 50 fit"
            )

    @property
    def crs(self) -> str:
        """Name of the grid: every zone has its own CRS."""
        return "MGRS"

    @property
    def pixels(self) -> int:
        """Pixels along a side of a tile."""
        return round(self.tile_size / self.resolution)

    def covering(self, area: Mapping[str, Any]) -> list[Tile]:
        """Return the squares that an area reaches into, zone by zone.

        Args:
            area: GeoJSON Polygon or MultiPolygon in degrees, split at the antimeridian.

        Raises:
            UsageError: The area reaches beyond 84 degrees north or 80 degrees south, or needs too many tiles; or the
                package ``mgrs`` is missing.
        """
        try:
            from mgrs import MGRS
        except ImportError as error:
            raise UsageError("the grid mgrs needs the package mgrs: pip install 'stacaster[mgrs]'") from error
        import shapely

        shape = shapely.make_valid(shapely.geometry.shape(dict(area)))
        if shape.bounds[1] < _SOUTH or shape.bounds[3] > _NORTH:
            raise UsageError("the area reaches beyond 84 N or 80 S, where MGRS has no UTM squares; use degree or a CRS")
        names, found = MGRS(), []
        # A square across a step of latitude is met twice.
        known: set[str] = set()
        for zone, south, box in _zones(shape):
            crs = f"EPSG:{(32700 if south else 32600) + zone}"
            inside = shape.intersection(shapely.box(*box))
            if inside.is_empty or inside.area == 0:
                continue
            limits = (0, 0, math.inf, 10_000_000 / self.tile_size if south else math.inf)
            for column, row in squares_touched(projected(inside, crs), self.tile_size, origin=0.0, limits=limits):
                left, bottom = column * self.tile_size, row * self.tile_size
                bounds = (left, bottom, left + self.tile_size, bottom + self.tile_size)
                tile = Tile(self._name(names, crs, bounds, box), crs, bounds, self.pixels)
                if tile.id not in known:
                    known.add(tile.id)
                    found.append(tile)
        return found

    def _name(
        self, names: Any, crs: str, bounds: tuple[float, float, float, float], zone: tuple[float, float, float, float]
    ) -> str:
        """Return the name of a square: of a point of it inside its zone, with the letter of the band of its middle."""
        import shapely
        from pyproj import Transformer

        transformer = Transformer.from_crs(crs, DEGREES, always_xy=True)
        square = shapely.segmentize(shapely.box(*bounds), self.tile_size / 8)
        middle_lon = (zone[0] + zone[2]) / 2

        def around(points: NDArray[np.float64]) -> NDArray[np.float64]:
            lon, lat = transformer.transform(*points.T)
            return np.column_stack([(np.asarray(lon) - middle_lon + 180) % 360 - 180 + middle_lon, lat])

        turned = shapely.transform(square, around)
        point = turned.intersection(shapely.box(*zone)).representative_point()
        found = str(names.toMGRS(point.y, point.x, MGRSPrecision=_DIGITS[self.tile_size]))
        middle = transformer.transform((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)[1]
        return f"MGRS-{found[:2]}{_BANDS[min(int((middle - _SOUTH) // 8), len(_BANDS) - 1)]}{found[3:]}"


def _zones(shape: Any) -> Iterator[tuple[int, bool, tuple[float, float, float, float]]]:
    """Yield number, whether it is a southern one, and box of the parts of zones around a shape."""
    west, south, east, north = shape.bounds
    for zone in range(1, 61):
        for low, high in pairwise(_STEPS):
            span = _WIDE.get((zone, low), (6.0 * zone - 186, 6.0 * zone - 180))
            if span is not None and span[0] <= east and span[1] >= west and low <= north and high >= south:
                yield zone, high <= 0, (span[0], low, span[1], high)
