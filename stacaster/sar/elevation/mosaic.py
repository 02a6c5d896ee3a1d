"""Tiles of heights as one grid, band of latitude by band of latitude."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from stacaster.errors import IntegrityError
from stacaster.geo.longitudes import wrapped
from stacaster.sar.elevation.geoid import Geoid
from stacaster.sar.elevation.tiles import ROWS, Tile, tiles_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRIP = 600


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The grid of a mosaic: heights stand at whole multiples of the spacing, at the centres of its pixels."""

    first_row: int
    """Seconds of arc of the northernmost row, positive to the north."""
    rows: int
    """Number of rows."""
    first_column: int
    """Steps of the westernmost column."""
    columns: int
    """Number of columns."""
    per_degree: int
    """Columns of a degree."""

    @property
    def transform(self) -> Affine:
        """From pixels to degrees; outer edges lie half a pixel outside of the centres."""
        x, y = 1 / self.per_degree, 1 / ROWS
        return Affine(x, 0, (self.first_column - 0.5) * x, 0, -y, (self.first_row + 0.5) * y)

    @property
    def longitudes(self) -> NDArray[np.float64]:
        """Of the columns, degrees; may go beyond 180."""
        return (self.first_column + np.arange(self.columns)) / self.per_degree

    @property
    def latitudes(self) -> NDArray[np.float64]:
        """Of the rows, degrees."""
        return (self.first_row - np.arange(self.rows)) / ROWS

    @property
    def tiles(self) -> list[Tile]:
        """The tiles that hold its heights, and those beside them that interpolation looks at."""
        lon, lat = self.longitudes, self.latitudes
        west, east = float(lon[0]) + 0.25 / self.per_degree, float(lon[-1]) + 0.25 / self.per_degree
        found = tiles_of(west, float(lat[-1]), east, float(lat[0]))
        coarsest = min(tile.columns for tile in found)
        if coarsest < self.per_degree:
            found = tiles_of(west, float(lat[-1]), float(lon[-1]) + 1 / coarsest, float(lat[0]))
        return found


def grid_around(west: float, south: float, east: float, north: float) -> Grid:
    """Return the grid of a box, with the finest spacing of the tiles that it touches.

    Args:
        west: Degrees.
        south: Degrees.
        east: Degrees, beyond 180 where the box crosses the antimeridian.
        north: Degrees.
    """
    per_degree = max(tile.columns for tile in tiles_of(west, south, east, north))
    top, bottom = math.ceil(north * ROWS), math.floor(south * ROWS)
    top, bottom = min(top, 90 * ROWS), max(bottom, -90 * ROWS + 1)
    first, last = math.floor(west * per_degree), math.ceil(east * per_degree)
    return Grid(
        first_row=top, rows=top - bottom + 1, first_column=first, columns=last - first + 1, per_degree=per_degree
    )


def strips(grid: Grid, files: Mapping[Tile, Path | None], geoid: Geoid | None) -> Iterator[NDArray[np.float32]]:
    """Yield rows of the mosaic from north to south, metres; where there is no tile it is ocean, 0.

    Args:
        grid: Of the mosaic.
        files: File of each tile; None in the ocean.
        geoid: Adds its height, so that heights are above the ellipsoid.

    Raises:
        IntegrityError: A tile is not what its name says.
        ExportError: The geoid has no height somewhere.
    """
    done = 0
    while done < grid.rows:
        row = grid.first_row - done
        # A tile holds the rows below its northern edge and that edge itself, down to above its southern one.
        latitude = math.ceil(row / ROWS) - 1
        below = row - latitude * ROWS
        height = min(_STRIP, below, grid.rows - done)
        part = _strip(grid, files, latitude, ROWS - below, height)
        if geoid is not None:
            part = part + geoid.undulation(grid.longitudes, grid.latitudes[done : done + height])
        yield np.asarray(part, dtype=np.float32)
        done += height


def _strip(grid: Grid, files: Mapping[Tile, Path | None], latitude: int, top: int, height: int) -> NDArray[np.float64]:
    """Return rows of one band of latitude on the columns of the grid."""
    lon = grid.longitudes
    columns = Tile(latitude, 0).columns
    first, last = math.floor(lon[0] * columns + 1e-6), math.ceil(lon[-1] * columns - 1e-6)
    values = np.zeros((height, last - first + 1))
    for degree in range(first // columns, last // columns + 1):
        path = files.get(Tile(latitude, degree))
        if path is None:
            continue
        left, right = max(first, degree * columns), min(last, (degree + 1) * columns - 1)
        window = Window(left - degree * columns, top, right - left + 1, height)
        values[:, left - first : right - first + 1] = _read(path, Tile(latitude, degree), window)
    if columns == grid.per_degree:
        return values
    # Between two heights of a coarser band: linear along the parallel.
    place = lon * columns - first
    index = np.clip(np.floor(place + 1e-9).astype(int), 0, values.shape[1] - 1)
    share = np.clip(place - index, 0, 1)
    following = np.minimum(index + 1, values.shape[1] - 1)
    return np.asarray(values[:, index] * (1 - share) + values[:, following] * share)


def _read(path: Path, tile: Tile, window: Any) -> NDArray[np.float64]:
    try:
        with rasterio.open(path, driver="GTiff") as file:
            check_tile(file, tile, path.name)
            pixels: NDArray[np.float64] = file.read(1, window=window).astype(np.float64)
            if file.nodata is not None:
                pixels[pixels == file.nodata] = 0
    except RasterioError as error:
        raise IntegrityError(f"{path.name} cannot be read: {error.__cause__ or error}") from error
    if not np.isfinite(pixels).all() or np.abs(pixels).max(initial=0) > 12_000:
        raise IntegrityError(f"{path.name} holds numbers that are no heights")
    return pixels


def check_tile(file: Any, tile: Tile, name: str) -> None:
    """Check that an open file is the tile that its name says.

    Raises:
        IntegrityError: It is not.
    """
    t = file.transform
    x, y = 1 / tile.columns, 1 / ROWS
    east = wrapped(tile.longitude)
    meant = (x, 0.0, east - x / 2, 0.0, -y, tile.latitude + 1 + y / 2)
    fits = file.shape == (ROWS, tile.columns) and np.allclose(tuple(t)[:6], meant, rtol=0, atol=1e-9)
    if not fits:
        text = f"{name} has {file.shape[0]} x {file.shape[1]} pixels from {t.c:.6f}, {t.f:.6f} on"
        raise IntegrityError(f"{text}, but {ROWS} x {tile.columns} from {meant[2]:.6f}, {meant[5]:.6f} on are needed")
