"""Cells of a swath and pixels of a grid: the cell that is nearest to a pixel, the pixel that a cell falls into.

Distances are straight lines between points on the ellipsoid of WGS 84, so that neither the antimeridian nor a pole is
a seam. Lines of neighbouring scans may overlap (bow-tie): every cell counts, and of two at one position the first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

MAX_PIXELS = 1 << 28
"""Largest grid that a swath is put on."""

_SEMI_MAJOR, _FLATTENING = 6378137.0, 1 / 298.257223563
_METRES_PER_DEGREE = 111_319.490793
_CELLS_A_TREE = 1 << 20
_WORLD = 360.0
_SEAM_SHARE = 1e-6


class SwathGridError(ValueError):
    """A swath cannot be put on a grid; the message says why."""


def are_positions(latitude: NDArray[Any], longitude: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where latitudes and longitudes are positions on the Earth."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(latitude) <= 90) & (np.abs(longitude) <= 360))


def earth_points(latitude: NDArray[Any], longitude: NDArray[Any]) -> NDArray[np.float64]:
    """Return points on the ellipsoid of WGS 84, metres from the centre of the Earth, shape (..., 3)."""
    lat, lon = np.radians(np.asarray(latitude, "float64")), np.radians(np.asarray(longitude, "float64"))
    squared = _FLATTENING * (2 - _FLATTENING)
    normal = _SEMI_MAJOR / np.sqrt(1 - squared * np.sin(lat) ** 2)
    return np.stack(
        [normal * np.cos(lat) * np.cos(lon), normal * np.cos(lat) * np.sin(lon), normal * (1 - squared) * np.sin(lat)],
        axis=-1,
    )


def cell_reach(latitude: NDArray[Any], longitude: NDArray[Any]) -> float:
    """Return half the diagonal of the widest cells of a swath, metres: what a pixel inside it is from a cell at most.

    Of each column the usual distance to the next one and to the next line counts, so that gaps do not widen it.

    Raises:
        SwathGridError: There are not two cells with positions side by side.
    """
    points = earth_points(latitude, longitude)
    points[~are_positions(latitude, longitude)] = np.nan
    with np.errstate(invalid="ignore"):
        steps = [np.sqrt((np.diff(points, axis=axis) ** 2).sum(axis=-1)) for axis in (0, 1)]
    widths = [_usual(step) for step in steps]
    if not any(widths):
        raise SwathGridError("no two cells of the swath that lie side by side have positions")
    return math.hypot(*widths) / 2


def _usual(steps: NDArray[np.float64]) -> float:
    """Return the largest of the medians of columns."""
    known = steps[:, np.isfinite(steps).any(axis=0)] if steps.size else steps
    return float(np.nanmedian(known, axis=0).max()) if known.size else 0.0


def covering_grid(
    latitude: NDArray[Any], longitude: NDArray[Any], *, crs: str, resolution: float, reach: float
) -> GeoBox:
    """Return the grid that covers a swath; its edges are multiples of the pixel size.

    Args:
        latitude: Degrees.
        longitude: Degrees.
        crs: Coordinate reference system of the grid.
        resolution: Side of a pixel in units of ``crs``.
        reach: Metres that pixels may lie outside the outermost positions.

    Returns:
        North up. In degrees, a swath across the antimeridian goes on beyond 180, and one around a pole is all around.

    Raises:
        SwathGridError: No cell has a position in ``crs``, or the grid would be too large.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from pyproj import CRS, Transformer

    system = CRS.from_user_input(crs)
    valid = are_positions(latitude, longitude)
    x, y = Transformer.from_crs(4326, system, always_xy=True).transform(longitude[valid], latitude[valid])
    x, y = (np.asarray(value, "float64") for value in (x, y))
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if not x.size:
        raise SwathGridError(f"no cell of the swath has a position in {crs}")
    low, high = float(y.min()), float(y.max())
    if system.is_geographic:
        margin = reach / _METRES_PER_DEGREE
        low, high = max(-90.0, low - margin), min(90.0, high + margin)
        left, right = _longitudes(x, margin / max(math.cos(math.radians(max(abs(low), abs(high)))), 1e-9))
    else:
        margin = reach / system.axis_info[0].unit_conversion_factor
        left, right, low, high = float(x.min()) - margin, float(x.max()) + margin, low - margin, high + margin
    first_column, last_column = math.floor(left / resolution), math.ceil(right / resolution)
    first_row, last_row = math.ceil(high / resolution), math.floor(low / resolution)
    rows, columns = max(1, first_row - last_row), max(1, last_column - first_column)
    if rows * columns > MAX_PIXELS:
        raise SwathGridError(
            f"the grid would have {rows} x {columns} pixels of {resolution:g} in {crs}; "
            "take larger pixels or another CRS"
        )
    transform = Affine(resolution, 0.0, first_column * resolution, 0.0, -resolution, first_row * resolution)
    return GeoBox((rows, columns), transform, crs)


def _longitudes(lon: NDArray[np.float64], margin: float) -> tuple[float, float]:
    """Return the shortest interval that holds longitudes, from -180 on; all of them where no gap is left."""
    turned = np.sort(np.mod(lon, _WORLD))
    gaps = np.diff(np.append(turned, turned[0] + _WORLD))
    widest = int(gaps.argmax())
    if gaps[widest] <= 2 * margin:
        return -180.0, 180.0
    left = float(turned[(widest + 1) % turned.size])
    right = left + _WORLD - float(gaps[widest])
    turn = _WORLD * math.floor((left + 180.0) / _WORLD)
    return left - turn - margin, right - turn + margin


def nearest_cells(latitude: NDArray[Any], longitude: NDArray[Any], geobox: GeoBox, reach: float) -> NDArray[np.int64]:
    """Return for each pixel the flat index of the nearest cell of a swath; -1 where none is within reach.

    Args:
        latitude: Degrees, shape (lines, columns) of the swath.
        longitude: Degrees, likewise.
        geobox: The grid.
        reach: Largest distance between the centres of pixel and cell, metres.
    """
    from scipy.spatial import cKDTree

    lat, lon = (np.asarray(values, "float64").ravel() for values in (latitude, longitude))
    cells = np.flatnonzero(are_positions(lat, lon))
    points, seen = _pixel_points(geobox)
    best = np.full(len(points), np.inf)
    found = np.full(len(points), -1, dtype="int64")
    bound = np.nextafter(reach, np.inf)
    for start in range(0, cells.size, _CELLS_A_TREE):
        part = cells[start : start + _CELLS_A_TREE]
        # Of cells at one position the first counts; equal ones would also make a tree without branches.
        part = np.sort(part[np.unique(lon[part] + 1j * lat[part], return_index=True)[1]])
        own = earth_points(lat[part], lon[part])
        inside = ((points >= own.min(axis=0) - bound) & (points <= own.max(axis=0) + bound)).all(axis=1)
        near = np.flatnonzero(inside)
        if not near.size:
            continue
        distance, index = cKDTree(own).query(points[near], distance_upper_bound=bound)
        closer = distance < best[near]
        best[near[closer]] = distance[closer]
        found[near[closer]] = part[index[closer]]
    pixels = np.full(geobox.shape[0] * geobox.shape[1], -1, dtype="int64")
    pixels[seen] = found
    return pixels.reshape(tuple(geobox.shape))


def _pixel_points(geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the centres of pixels on the ellipsoid, and the flat indices of the pixels that lie on the Earth."""
    from pyproj import Transformer

    rows, columns = geobox.shape
    left, step_x, top, step_y = (getattr(geobox.transform, name) for name in ("c", "a", "f", "e"))
    x = np.broadcast_to(left + step_x * (np.arange(columns) + 0.5), (rows, columns))
    y = np.broadcast_to((top + step_y * (np.arange(rows) + 0.5))[:, None], (rows, columns))
    lon, lat = Transformer.from_crs(str(geobox.crs), 4326, always_xy=True).transform(x.ravel(), y.ravel())
    seen = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90))
    return earth_points(np.asarray(lat)[seen], np.asarray(lon)[seen]), seen


def pixels_of_cells(latitude: NDArray[Any], longitude: NDArray[Any], geobox: GeoBox) -> NDArray[np.int64]:
    """Return for each cell of a swath the flat index of the pixel that its centre falls into; -1 outside of the grid.

    Args:
        latitude: Degrees.
        longitude: Degrees, of the same shape.
        geobox: The grid, north up.
    """
    from pyproj import CRS, Transformer

    rows, columns = geobox.shape
    system = CRS.from_user_input(str(geobox.crs))
    lat, lon = (np.asarray(values, "float64").ravel() for values in (latitude, longitude))
    found = np.full(lat.size, -1, dtype="int64")
    cells = np.flatnonzero(are_positions(lat, lon))
    x, y = Transformer.from_crs(4326, system, always_xy=True).transform(lon[cells], lat[cells])
    left, step_x, top, step_y = (getattr(geobox.transform, name) for name in ("c", "a", "f", "e"))
    if system.is_geographic:
        x = left + np.mod(np.asarray(x) - left, _WORLD)
    with np.errstate(invalid="ignore"):
        column, row = np.floor((x - left) / step_x), np.floor((y - top) / step_y)
        # The pole lies on the edge of the last row, not beyond it.
        row = np.where((row == rows) & (y == top + step_y * rows), rows - 1, row)
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    found[cells[inside]] = (row[inside] * columns + column[inside]).astype("int64")
    return found


def bucket_means(
    values: NDArray[Any], valid: NDArray[np.bool_], pixels: NDArray[np.int64], size: int
) -> NDArray[np.float64]:
    """Return the mean of the values that fall into each pixel; NaN where none does.

    Args:
        values: Numbers of cells.
        valid: Where they are values.
        pixels: From ``pixels_of_cells``.
        size: Number of pixels.
    """
    used = valid.ravel() & (pixels >= 0)
    where = pixels[used]
    total = np.bincount(where, weights=values.ravel()[used].astype("float64"), minlength=size)
    count = np.bincount(where, minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.where(count, count, np.nan))


Step = tuple[int, int]
"""Offset and increment of a dimension map: position of a geolocation cell along an axis of the data."""


def expanded_positions(
    latitude: NDArray[Any],
    longitude: NDArray[Any],
    shape: tuple[int, int],
    steps: tuple[Step, Step],
    *,
    lines_a_scan: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positions of all cells of a swath from those of some, by straight lines between these.

    Args:
        latitude: Degrees, of every ``increment``-th cell.
        longitude: Degrees, likewise.
        shape: Lines and columns of the data.
        steps: Offset and increment along lines and columns; an increment below 0 says that several geolocation cells
            belong to one of the data.
        lines_a_scan: Lines of the data that are seen at once; positions are not interpolated between scans, which
            overlap.
    """
    if tuple(latitude.shape) == shape and steps == ((0, 1), (0, 1)):
        return np.asarray(latitude, "float64"), np.asarray(longitude, "float64")
    lat, lon = np.radians(np.asarray(latitude, "float64")), np.radians(np.asarray(longitude, "float64"))
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    points[~are_positions(latitude, longitude)] = np.nan
    for axis, (offset, increment) in enumerate(steps):
        points = _along(points, axis, shape[axis], offset, increment, None if axis else lines_a_scan)
    x, y, z = np.moveaxis(points, -1, 0)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


def _along(
    points: NDArray[np.float64], axis: int, size: int, offset: int, increment: int, scan: int | None
) -> NDArray[np.float64]:
    count = points.shape[axis]
    index = np.arange(size)
    if increment < 0:
        return _taken(points, offset - increment * index, axis)
    position = (index - offset) / increment
    if count == 1 or increment == 1:
        return _taken(points, np.rint(position).astype(int), axis)
    lower = np.clip(np.floor(position).astype(int), 0, count - 2)
    if scan and scan % increment == 0 and scan // increment > 1:
        held = scan // increment
        first = np.minimum(index // scan * held, count - held)
        lower = np.clip(lower, first, first + held - 2)
    share = np.expand_dims(position - lower, tuple(other for other in range(points.ndim) if other != axis))
    between: NDArray[np.float64] = np.take(points, lower, axis=axis) * (1 - share)
    between += np.take(points, lower + 1, axis=axis) * share
    return between


def _taken(points: NDArray[np.float64], index: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.take(points, np.clip(index, 0, points.shape[axis] - 1), axis=axis)
    return found
