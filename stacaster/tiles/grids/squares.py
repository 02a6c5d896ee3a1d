"""Square tiles on the lattice of one CRS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.tiles.grids.tile import DEGREES, Tile

MERCATOR = "EPSG:3857"
"""CRS of the web map."""

MERCATOR_EDGE = 20037508.342789244
"""Half the side of the web map: pi times the radius 6378137 m."""
_STEP = 0.05
_MAX_TILES = 5_000_000
# A share of a tile by which an area has to reach into it: edges that touch do not count.
_TOUCH = 1e-9


@dataclass(frozen=True)
class Grid:
    """Square tiles without gap or overlap, aligned to the origin of a CRS."""

    crs: str
    """Coordinate reference system."""
    tile_size: float
    """Side of a tile in units of the CRS."""
    resolution: float
    """Side of a pixel in units of the CRS."""

    @property
    def pixels(self) -> int:
        """Pixels along a side of a tile."""
        return round(self.tile_size / self.resolution)

    def tile(self, column: int, row: int) -> Tile:
        """Return a tile; columns count eastwards, rows northwards from the origin."""
        size = self.tile_size
        west, south = (-MERCATOR_EDGE, -MERCATOR_EDGE) if self.crs == MERCATOR else (0.0, 0.0)
        bounds = (west + column * size, south + row * size, west + (column + 1) * size, south + (row + 1) * size)
        return Tile(self._name(column, row), self.crs, bounds, self.pixels)

    def _name(self, column: int, row: int) -> str:
        if self.crs == DEGREES:
            lat, lon = row * self.tile_size, column * self.tile_size
            return (
                f"DEG{self.tile_size:g}-{'S' if lat < 0 else 'N'}{_degrees(abs(lat), 2)}"
                f"{'W' if lon < 0 else 'E'}{_degrees(abs(lon), 3)}"
            )
        if self.crs == MERCATOR:
            zoom = round(math.log2(2 * MERCATOR_EDGE / self.tile_size))
            return f"WEB{zoom}-{column}-{2**zoom - 1 - row}"
        code = self.crs.replace(":", "").upper()
        return f"{code}-{self.tile_size / 1000:g}KM-{_whole('E', 'W', column)}{_whole('N', 'S', row)}"

    def covering(self, area: Mapping[str, Any]) -> list[Tile]:
        """Return the tiles that an area reaches into, from south to north and west to east.

        Args:
            area: GeoJSON Polygon or MultiPolygon in degrees, split at the antimeridian.

        Raises:
            UsageError: The area lies outside the CRS, or needs too many tiles.
        """
        shape = self._projected(area)
        if shape.is_empty:
            raise UsageError(f"the area lies outside {self.crs}")
        origin = -MERCATOR_EDGE if self.crs == MERCATOR else 0.0
        places = squares_touched(shape, self.tile_size, origin=origin, limits=self._limits())
        if not places:
            raise UsageError(f"the area lies outside {self.crs}")
        return [self.tile(column, row) for column, row in places]

    def _limits(self) -> tuple[float, float, float, float]:
        """Return first and last columns and rows that lie on Earth."""
        if self.crs == DEGREES:
            return -180 / self.tile_size, -90 / self.tile_size, 180 / self.tile_size, 90 / self.tile_size
        if self.crs == MERCATOR:
            count = 2 * MERCATOR_EDGE / self.tile_size
            return 0, 0, count, count
        return -math.inf, -math.inf, math.inf, math.inf

    def _projected(self, area: Mapping[str, Any]) -> Any:
        """Return an area in the CRS, cut to where that is used."""
        import shapely
        from pyproj import CRS

        shape = shapely.make_valid(shapely.geometry.shape(dict(area)))
        if self.crs == DEGREES:
            return shape
        used = CRS.from_user_input(self.crs).area_of_use
        if used is not None:
            spans = [(used.west, used.east)] if used.west <= used.east else [(used.west, 180.0), (-180.0, used.east)]
            shape = shape.intersection(shapely.union_all([shapely.box(w, used.south, e, used.north) for w, e in spans]))
        return shape if shape.is_empty else projected(shape, self.crs)


def projected(shape: Any, crs: str) -> Any:
    """Return a shape in degrees in a CRS, with edges bent as the CRS bends them."""
    import shapely
    from pyproj import Transformer

    dense = shapely.segmentize(shape, _STEP)
    transformer = Transformer.from_crs(DEGREES, crs, always_xy=True)
    moved = shapely.transform(dense, lambda points: np.column_stack(transformer.transform(*points.T)))
    return shapely.make_valid(moved)


def squares_touched(
    shape: Any, size: float, *, origin: float, limits: tuple[float, float, float, float]
) -> list[tuple[int, int]]:
    """Return column and row of the squares that a shape reaches into, from south to north and west to east.

    Args:
        shape: Geometry in the CRS of the squares.
        size: Side of a square.
        origin: Left and lower edge of square 0, 0.
        limits: First and last columns and rows that there are.

    Raises:
        UsageError: There are too many.
    """
    import shapely

    bounds = (np.asarray(shape.bounds) - origin) / size
    (west, south), (east, north) = np.floor(bounds[:2] + _TOUCH), np.ceil(bounds[2:] - _TOUCH)
    columns = np.arange(max(west, limits[0]), min(east, limits[2]), dtype=np.int64)
    rows = np.arange(max(south, limits[1]), min(north, limits[3]), dtype=np.int64)
    if columns.size * rows.size > _MAX_TILES:
        raise UsageError(f"the area needs {columns.size * rows.size} tiles, more than {_MAX_TILES}; use larger ones")
    down, across = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    inset = _TOUCH * size
    left, bottom = across * size + origin, down * size + origin
    boxes = shapely.box(left + inset, bottom + inset, left + size - inset, bottom + size - inset)
    shapely.prepare(shape)
    inside = shapely.intersects(shape, boxes)
    return [(int(x), int(y)) for x, y in zip(across[inside], down[inside], strict=True)]


def _degrees(value: float, digits: int) -> str:
    whole, _, rest = f"{value:.6f}".rstrip("0").rstrip(".").partition(".")
    return whole.zfill(digits) + (f".{rest}" if rest else "")


def _whole(positive: str, negative: str, value: int) -> str:
    return f"{positive if value >= 0 else negative}{abs(value)}"
