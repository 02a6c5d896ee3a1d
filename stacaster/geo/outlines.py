"""Footprints of bands in one or several coordinate reference systems, also where these end before the image does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stacaster.geo import georef

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_STEPS = 129
_WORLD = 360.0
_EDGE_SHARE = 1e-6


def footprint_of(parts: Sequence[tuple[GeoBox, NDArray[np.float64]]]) -> tuple[dict[str, Any], list[float]]:
    """Return the GeoJSON geometry and bounding box that enclose the valid pixels of all bands.

    Args:
        parts: Geobox and hull in pixel coordinates of each band.

    Raises:
        GeoreferencingError: There is no part, or none lies on the Earth.
    """
    groups: dict[str, list[tuple[GeoBox, NDArray[np.float64]]]] = {}
    for geobox, hull in parts:
        groups.setdefault(str(geobox.crs), []).append((geobox, hull))
    valid = {key: group for key, group in groups.items() if any(len(hull) for _, hull in group)} or groups
    shapes = [_outline(group) for group in valid.values()]
    if not shapes:
        raise georef.GeoreferencingError("a footprint needs at least one band")
    if len(shapes) == 1:
        return shapes[0]
    import shapely

    joined: Any = shapely.union_all([shapely.geometry.shape(geometry) for geometry, _ in shapes])
    return _described(joined)


def _outline(group: Sequence[tuple[GeoBox, NDArray[np.float64]]]) -> tuple[dict[str, Any], list[float]]:
    geobox = group[0][0]
    if geobox.crs is not None and geobox.crs.geographic:
        return _of_degrees(group)
    try:
        return georef.footprint(group)
    except georef.GeoreferencingError:
        return _of_points(group)


def _of_degrees(group: Sequence[tuple[GeoBox, NDArray[np.float64]]]) -> tuple[dict[str, Any], list[float]]:
    """Return the outline of a grid of longitudes, which may go on beyond 180 degrees."""
    import numpy as np
    import shapely

    corners = [np.stack(georef.pixel_to_crs(box, hull[:, 0], hull[:, 1]), axis=1) for box, hull in group if len(hull)]
    if not corners:
        corners = [georef.outer_corners(box) for box, _ in group]
    points = np.concatenate(corners)
    points[:, 1] = np.clip(points[:, 1], -90, 90)
    shape: Any = shapely.convex_hull(shapely.multipoints(points))
    west, south, east, north = shape.bounds
    if east - west >= _WORLD * (1 - _EDGE_SHARE):
        return _described(shapely.box(-180, south, 180, north))
    return _split(shape)


def ring_footprint(longitude: NDArray[Any], latitude: NDArray[Any]) -> tuple[dict[str, Any], list[float]]:
    """Return the outline of a swath from the positions along its edge.

    Args:
        longitude: Degrees, around the swath.
        latitude: Degrees, likewise.

    Raises:
        GeoreferencingError: They enclose nothing.
    """
    import numpy as np
    import shapely

    lon = np.unwrap(np.asarray(longitude, dtype="float64"), period=_WORLD)
    lat = np.asarray(latitude, dtype="float64")
    if lon.size < 3:
        raise georef.GeoreferencingError("the edge of the swath has fewer than three positions")
    turn = float(np.unwrap(np.append(lon, lon[0]), period=_WORLD)[-1] - lon[0])
    if abs(turn) > _WORLD / 2:
        # The edge runs around a pole, which the swath holds.
        pole = 90.0 if lat.mean() > 0 else -90.0
        low, high = sorted((pole, float(lat.min() if pole > 0 else lat.max())))
        return _described(shapely.box(-180, low, 180, high))
    shape: Any = shapely.make_valid(shapely.Polygon(np.stack([lon, lat], axis=1)))
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    if not parts or shape.area == 0:
        raise georef.GeoreferencingError("the edge of the swath encloses nothing")
    return _split(max(parts, key=lambda part: part.area))


def _split(shape: Any) -> tuple[dict[str, Any], list[float]]:
    """Return an outline whose longitudes may go on beyond 180 degrees, split at the antimeridian."""
    import shapely

    world = shapely.box(-180, -90, 180, 90)
    pieces = [shapely.affinity.translate(shape, xoff=turn).intersection(world) for turn in (-_WORLD, 0.0, _WORLD)]
    kept = [piece for piece in pieces if piece.area > 0]
    if not kept:
        raise georef.GeoreferencingError("the outline lies beside the Earth")
    return _described(kept[0] if len(kept) == 1 else shapely.multipolygons(kept))


def _described(shape: Any) -> tuple[dict[str, Any], list[float]]:
    """Return GeoJSON and bounding box, whose west is greater than its east where the shape crosses the antimeridian."""
    import antimeridian
    import shapely

    parts = [shapely.geometry.polygon.orient(part) for part in shapely.get_parts(shape)]
    fixed = parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
    west, south, east, north = fixed.bounds
    box = antimeridian.bbox(fixed) if len(parts) > 1 else (west, south, east, north)
    return georef.plain_geometry(shapely.geometry.mapping(fixed)), [
        round(float(value), georef.COORDINATE_DECIMALS) for value in box
    ]


def _of_points(group: Sequence[tuple[GeoBox, NDArray[np.float64]]]) -> tuple[dict[str, Any], list[float]]:
    """Return the outline of the part of an image that is on the Earth: a disc, or a map without its corners."""
    import numpy as np
    import shapely

    boxes = []
    for geobox, hull in group:
        rows, cols = geobox.shape
        corners = hull if len(hull) else np.array([[0.0, 0.0], [cols, rows]])
        columns = np.linspace(corners[:, 0].min(), corners[:, 0].max(), _STEPS)
        lines = np.linspace(corners[:, 1].min(), corners[:, 1].max(), _STEPS)
        grid = np.meshgrid(columns, lines)
        x, y = georef.pixel_to_crs(geobox, grid[0].ravel(), grid[1].ravel())
        lon, lat = georef.to_wgs84(geobox).transform(x, y)
        seen = np.isfinite(lon) & np.isfinite(lat)
        if seen.sum() > 2:
            boxes.append(np.stack([lon[seen], lat[seen]], axis=1))
    if not boxes:
        raise georef.GeoreferencingError("no pixel of the grid lies on the Earth")
    points = np.concatenate(boxes)
    lon, lat = np.sort(points[:, 0] % _WORLD), points[:, 1]
    gaps = np.diff(np.append(lon, lon[0] + _WORLD))
    widest = int(gaps.argmax())
    low, high = float(lat.min()), float(lat.max())
    if gaps[widest] < 5 or high > 89.9 or low < -89.9:
        # Around a pole there is every longitude.
        return _described(shapely.box(-180, low, 180, high))
    west = (lon[(widest + 1) % lon.size] + 180) % _WORLD - 180
    turned = (points[:, 0] - west) % _WORLD + west
    shape: Any = shapely.convex_hull(shapely.multipoints(np.stack([turned, lat], axis=1)))
    return _split(shape)
