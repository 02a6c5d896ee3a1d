"""Copernicus GLO-30 as tiles: their names, their grids, and which of them there are. Pure functions but for the list.

Tiles are of one degree. Heights stand at whole multiples of the spacing (pixel is point), so that the edge of the
first pixel lies half a pixel outside of the degree; the last row and column of a degree belong to the next tile. The
spacing in longitude widens towards the poles. Source: Copernicus DEM Product Handbook; GDAL on tiles of the bucket.

Decision: ocean is what the list of tiles lacks, never what a server refused. Without the list the bucket is asked for
each tile by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stacaster.errors import SearchError
from stacaster.geo.longitudes import wrapped
from stacaster.network.http import RetryPolicy
from stacaster.sar.buckets import PublicBucket

BUCKET = "copernicus-dem-30m"
"""Public bucket at Amazon."""

REGION = "eu-central-1"
"""Where it lies."""

TILE_LIST = "tileList.txt"
"""Object with the names of all tiles."""

ROWS = 3600
"""Rows of a tile: one second of arc each."""

# Latitude from which on, on either side, a degree has fewer columns.
_COLUMNS = ((85, 360), (80, 720), (70, 1200), (60, 1800), (50, 2400), (0, 3600))
_FEW = 1000
_NAME = re.compile(r"Copernicus_DSM_COG_10_[NS]\d\d_00_[EW]\d{3}_00_DEM")


@dataclass(frozen=True, order=True)
class Tile:
    """One degree, named after its south-western corner."""

    latitude: int
    """Southern edge, degrees."""
    longitude: int
    """Western edge, degrees; may lie beyond 180, where a mosaic crosses the antimeridian."""

    @property
    def columns(self) -> int:
        """Columns of the tile, from its spacing in longitude."""
        # South of the equator the edge that lies nearer to the pole is the southern one.
        edge = self.latitude if self.latitude >= 0 else -self.latitude - 1
        return next(columns for limit, columns in _COLUMNS if edge >= limit)

    @property
    def name(self) -> str:
        """Name of folder and file, without ``.tif``."""
        east = wrapped(self.longitude)
        ns, ew = "N" if self.latitude >= 0 else "S", "E" if east >= 0 else "W"
        return f"Copernicus_DSM_COG_10_{ns}{abs(self.latitude):02d}_00_{ew}{abs(east):03d}_00_DEM"

    @property
    def key(self) -> str:
        """Name of the object in the bucket."""
        return f"{self.name}/{self.name}.tif"


class Listing:
    """Which tiles there are; what is not in the list lies in the ocean.

    Args:
        policy: Attempts and time of each question.
    """

    def __init__(self, policy: RetryPolicy | None = None) -> None:
        self.bucket = PublicBucket(BUCKET, region=REGION, policy=policy)
        self._names: frozenset[str] | None = None

    def size(self, tile: Tile) -> int | None:
        """Return the bytes of a tile, or None where there is only ocean.

        Raises:
            SearchError: The list cannot be had, or names a tile that the bucket does not have.
        """
        if self._names is None:
            self._names = self._read()
        if self._names and tile.name not in self._names:
            return None
        sizes = dict(self.bucket.sizes(f"{tile.name}/"))
        if tile.key in sizes:
            return sizes[tile.key]
        if self._names:
            raise SearchError(f"the list of tiles names {tile.name}, but the bucket {BUCKET} lacks it; try again later")
        return None

    def _read(self) -> frozenset[str]:
        text = self.bucket.text(TILE_LIST)
        if text is None:
            # Without the list, the bucket itself is asked for each tile.
            return frozenset()
        names = frozenset(_NAME.findall(text))
        if len(names) < _FEW:
            raise SearchError(f"the list of tiles names {len(names)} tiles only; it is cut, or of something else")
        return names


def tiles_of(west: float, south: float, east: float, north: float) -> list[Tile]:
    """Return the tiles that hold the heights of a box, from the north-west to the south-east.

    Args:
        west: Degrees.
        south: Degrees.
        east: Degrees, beyond 180 where the box crosses the antimeridian.
        north: Degrees.
    """
    import math

    # The row of a northern edge and the column of an eastern one belong to the next tile.
    rows = range(math.ceil(north) - 1, math.ceil(south - 1) - 1, -1)
    columns = range(math.floor(west), math.floor(east) + 1)
    return [Tile(row, column) for row in rows if -90 <= row < 90 for column in columns]
