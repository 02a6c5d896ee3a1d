"""Grids of tiles on one lattice: which there are, where they lie, what they are called. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

_DEGREES = "EPSG:4326"
_MERCATOR = "EPSG:3857"
_MERCATOR_EDGE = 20037508.342789244
"""Half the side of the web map: pi times the radius 6378137 m."""
_STEP = 0.05
_MAX_TILES = 5_000_000
# A share of a tile by which an area has to reach into it: edges that touch do not count.
_TOUCH = 1e-9


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
        west, south = (-_MERCATOR_EDGE, -_MERCATOR_EDGE) if self.crs == _MERCATOR else (0.0, 0.0)
        bounds = (west + column * size, south + row * size, west + (column + 1) * size, south + (row + 1) * size)
        return Tile(self._name(column, row), self.crs, bounds, self.pixels)

    def _name(self, column: int, row: int) -> str:
        if self.crs == _DEGREES:
            lat, lon = row * self.tile_size, column * self.tile_size
            return (
                f"DEG{self.tile_size:g}-{'S' if lat < 0 else 'N'}{_degrees(abs(lat), 2)}"
                f"{'W' if lon < 0 else 'E'}{_degrees(abs(lon), 3)}"
            )
        if self.crs == _MERCATOR:
            zoom = round(math.log2(2 * _MERCATOR_EDGE / self.tile_size))
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
        import shapely

        shape = self._projected(area)
        if shape.is_empty:
            raise UsageError(f"the area lies outside {self.crs}")
        origin = -_MERCATOR_EDGE if self.crs == _MERCATOR else 0.0
        bounds = (np.asarray(shape.bounds) - origin) / self.tile_size
        (west, south), (east, north) = np.floor(bounds[:2] + _TOUCH), np.ceil(bounds[2:] - _TOUCH)
        limits = self._limits()
        columns = np.arange(max(west, limits[0]), min(east, limits[2]), dtype=np.int64)
        rows = np.arange(max(south, limits[1]), min(north, limits[3]), dtype=np.int64)
        if columns.size * rows.size > _MAX_TILES:
            raise UsageError(
                f"the area needs {columns.size * rows.size} tiles, more than {_MAX_TILES}; use larger ones"
            )
        if not columns.size or not rows.size:
            raise UsageError(f"the area lies outside {self.crs}")
        down, across = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
        size, inset = self.tile_size, _TOUCH * self.tile_size
        left, bottom = across * size + origin, down * size + origin
        boxes = shapely.box(left + inset, bottom + inset, left + size - inset, bottom + size - inset)
        shapely.prepare(shape)
        inside = shapely.intersects(shape, boxes)
        return [self.tile(int(x), int(y)) for x, y in zip(across[inside], down[inside], strict=True)]

    def _limits(self) -> tuple[float, float, float, float]:
        """Return first and last columns and rows that lie on Earth."""
        if self.crs == _DEGREES:
            return -180 / self.tile_size, -90 / self.tile_size, 180 / self.tile_size, 90 / self.tile_size
        if self.crs == _MERCATOR:
            count = 2 * _MERCATOR_EDGE / self.tile_size
            return 0, 0, count, count
        return -math.inf, -math.inf, math.inf, math.inf

    def _projected(self, area: Mapping[str, Any]) -> Any:
        """Return an area in the CRS, cut to where that is used."""
        import shapely
        from pyproj import CRS, Transformer

        shape = shapely.make_valid(shapely.geometry.shape(dict(area)))
        if self.crs == _DEGREES:
            return shape
        used = CRS.from_user_input(self.crs).area_of_use
        if used is not None:
            spans = [(used.west, used.east)] if used.west <= used.east else [(used.west, 180.0), (-180.0, used.east)]
            shape = shape.intersection(shapely.union_all([shapely.box(w, used.south, e, used.north) for w, e in spans]))
        if shape.is_empty:
            return shape
        dense = shapely.segmentize(shape, _STEP)
        transformer = Transformer.from_crs(_DEGREES, self.crs, always_xy=True)
        moved = shapely.transform(dense, lambda points: np.column_stack(transformer.transform(*points.T)))
        return shapely.make_valid(moved)


def make_grid(name: str, *, tile_size: float, resolution: float, area: Mapping[str, Any] | None = None) -> Grid:
    """Return a grid.

    Args:
        name: ``degree``, ``mercator``, ``utm`` (the zone of the middle of the area), or a projected CRS such as
            ``EPSG:32754`` or ``EPSG:3577``.
        tile_size: Side of a tile, in degrees or metres; for ``mercator`` the zoom level.
        resolution: Side of a pixel, in degrees or metres.
        area: GeoJSON geometry in degrees, which ``utm`` needs.

    Raises:
        UsageError: The tiles do not fit together, or hold no whole number of pixels.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if not (tile_size > 0 and resolution > 0 and math.isfinite(tile_size) and math.isfinite(resolution)):
        raise UsageError(f"tile size {tile_size:g} and resolution {resolution:g} have to be positive")
    key = name.strip().lower()
    if key == "degree":
        crs = _DEGREES
        if not (180 / tile_size).is_integer():
            raise UsageError(f"tiles of {tile_size:g} degrees do not fill 180 degrees; 10, 5, 1 or 0.5 do")
    elif key == "mercator":
        crs = _MERCATOR
        if not (float(tile_size).is_integer() and tile_size <= 24):
            raise UsageError(f"the tile size of mercator is a zoom level from 1 to 24, not {tile_size:g}")
        tile_size = 2 * _MERCATOR_EDGE / 2 ** int(tile_size)
        # Web maps have pixels of a whole number a tile; the nearest one that is not coarser.
        resolution = tile_size / math.ceil(tile_size / resolution - 1e-6)
    else:
        crs = _zone(area) if key == "utm" else name.strip()
        try:
            parsed = CRS.from_user_input(crs)
        except CRSError as error:
            raise UsageError(f"grid {name!r} is none of degree, mercator and utm, and no CRS") from error
        if not parsed.is_projected:
            raise UsageError(f"{crs} is not projected; use the grid 'degree'")
        code = parsed.to_epsg()
        crs = crs if code is None else f"EPSG:{code}"
    pixels = tile_size / resolution
    if abs(pixels - round(pixels)) > 1e-6 * pixels or round(pixels) < 1:
        raise UsageError(f"a tile of {tile_size:g} holds {pixels:g} pixels of {resolution:g}; a whole number is needed")
    return Grid(crs, float(tile_size), float(tile_size) / round(pixels))


def _zone(area: Mapping[str, Any] | None) -> str:
    import shapely

    if area is None:
        raise UsageError("the grid utm needs an area, whose middle says the zone")
    middle = shapely.geometry.shape(dict(area)).representative_point()
    zone = min(60, int((middle.x + 180) // 6) + 1)
    return f"EPSG:{(32600 if middle.y >= 0 else 32700) + zone}"


def _degrees(value: float, digits: int) -> str:
    whole, _, rest = f"{value:.6f}".rstrip("0").rstrip(".").partition(".")
    return whole.zfill(digits) + (f".{rest}" if rest else "")


def _whole(positive: str, negative: str, value: int) -> str:
    return f"{positive if value >= 0 else negative}{abs(value)}"


def lonlat_box(crs: str, bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return the box in degrees around a rectangle of a CRS; west > east when it crosses the antimeridian."""
    west, south, east, north = bounds
    if crs == _DEGREES:
        return bounds
    from pyproj import Transformer

    transformer = Transformer.from_crs(crs, _DEGREES, always_xy=True)
    # An edge of the densified rectangle; poles inside are found and give all longitudes.
    found = transformer.transform_bounds(west, south, east, north, densify_pts=21)
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])
