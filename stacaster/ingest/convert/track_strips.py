"""Footprints of tracks: narrow strips around their points, split at the antimeridian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import ReadError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BIN_DEGREES = 0.02
_GAP_DEGREES = 0.2
_HALF_WIDTH = 0.0005
# ICESat-2 turns at 88 degrees.
_LEAST_COSINE = 0.01


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points that a strip needs: one every two kilometres, both ends, both sides of every gap.

    Args:
        x: Longitudes along a track, degrees.
        y: Latitudes, degrees.

    Returns:
        Longitudes and latitudes, shape (points, 2), in their order.
    """
    across = np.floor(x * np.cos(np.radians(y)) / _BIN_DEGREES)
    up = np.floor(y / _BIN_DEGREES)
    changes = np.flatnonzero((np.diff(across) != 0) | (np.diff(up) != 0))
    kept = np.unique(np.concatenate([[0], changes, changes + 1, [x.size - 1]]))
    return np.stack([x[kept], y[kept]], axis=1)


def footprint(lines: Mapping[str, Sequence[NDArray[Any]]]) -> tuple[dict[str, Any], list[float]]:
    """Return a narrow strip around the points of each beam, and its box; split at the antimeridian.

    Args:
        lines: Longitudes and latitudes of the points of each beam that ``thinned`` kept, in their order.

    Returns:
        GeoJSON geometry, and west, south, east and north; west is larger than east across the antimeridian.

    Raises:
        ReadError: No point lies on Earth.
    """
    import antimeridian
    import shapely

    pieces = [piece for parts in lines.values() for piece in _pieces(np.concatenate(parts))]
    whole = _wrapped(shapely.union_all([quad for piece in pieces for quad in _quads(piece)]))
    if not whole:
        raise ReadError("no point lies on Earth")
    # Rounding may turn rings round: they are made counterclockwise afterwards.
    parts = shapely.get_parts(shapely.set_precision(shapely.MultiPolygon(whole), 1e-7))
    polygons = [shapely.geometry.polygon.orient(part) for part in parts if part.geom_type == "Polygon"]
    rounded = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    mapped = shapely.geometry.mapping(rounded)
    box = [round(float(value), 7) for value in antimeridian.bbox(rounded)]
    return {"type": mapped["type"], "coordinates": _listed(mapped["coordinates"])}, box


def _pieces(points: NDArray[Any]) -> list[NDArray[Any]]:
    """Return runs of points without a gap; longitudes go on beyond 180 degrees."""
    x, y = np.unwrap((points[:, 0] + 180) % 360 - 180, period=360), points[:, 1]
    wide = np.diff(x) * np.cos(np.radians((y[1:] + y[:-1]) / 2))
    gaps = np.flatnonzero(np.hypot(wide, np.diff(y)) > _GAP_DEGREES) + 1
    return np.split(np.stack([x, y], axis=1), gaps)


def _quads(piece: NDArray[Any]) -> Any:
    """Return a rectangle around each step of a line, a little longer than the step."""
    import shapely

    line = np.concatenate([piece, piece[-1:]]) if len(piece) == 1 else piece
    line = shapely.get_coordinates(shapely.LineString(line).simplify(_HALF_WIDTH / 4, preserve_topology=False))
    line = np.concatenate([line, line[-1:]]) if len(line) == 1 else line
    begin, end = line[:-1], line[1:]
    narrow = [np.maximum(np.cos(np.radians(part[:, 1])), _LEAST_COSINE) for part in (begin, end)]
    way = end - begin
    way[:, 0] *= (narrow[0] + narrow[1]) / 2
    length = np.hypot(way[:, 0], way[:, 1])
    way[length == 0] = (0.0, 1.0)
    way *= (_HALF_WIDTH / np.where(length == 0, 1.0, length))[:, None]
    side = np.stack([-way[:, 1], way[:, 0]], axis=1)
    corners = []
    for point, cosine, moved in ((begin, narrow[0], -way - side), (begin, narrow[0], -way + side),
                                 (end, narrow[1], way + side), (end, narrow[1], way - side)):  # fmt: skip
        corners.append(point + moved / np.stack([cosine, np.ones(cosine.size)], axis=1))
    return shapely.polygons(np.stack(corners, axis=1))


def _wrapped(shape: Any) -> list[Any]:
    """Return the polygons of a shape whose longitudes go on beyond 180 degrees, each moved to where it lies."""
    import shapely

    if shape.is_empty:
        return []
    west, _, east, _ = shape.bounds
    found = []
    for turn in range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1):
        left = -180.0 + 360.0 * turn
        part = shapely.intersection(shape, shapely.box(left, -90, left + 360, 90))
        found.append(shapely.transform(part, lambda xy, turn=turn: xy - (360.0 * turn, 0.0)))
    whole = shapely.union_all(found)
    return [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, (tuple, list)) else round(float(value), 7)
