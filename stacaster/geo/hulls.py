"""The outline of the pixels that hold data, and outlines that metadata state. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stacaster.errors import ReadError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS_PER_BLOCK = 512
_COLUMNS_AT_ONCE = 256
_PRECISION = 1e-7


def valid_hull(pixels: NDArray[Any], nodata: int | float | None) -> NDArray[np.float64]:
    """Return the convex hull of all valid pixels in pixel coordinates.

    Args:
        pixels: Array of shape (rows, cols).
        nodata: Value of invalid pixels; None makes every pixel valid, NaN is understood.

    Returns:
        Hull vertices of shape (n, 2) as (column, row) of outer pixel edges, so that every valid pixel lies wholly
        inside; empty when there is no valid pixel.
    """
    hull = HullOf(nodata)
    hull.add(pixels)
    return hull.result()


class HullOf:
    """The convex hull of the valid pixels of a band that comes in strips from top to bottom; see ``valid_hull``.

    Args:
        nodata: Value of invalid pixels.
    """

    def __init__(self, nodata: int | float | None) -> None:
        self._nodata, self._seen, self._cols = nodata, 0, 0
        self._parts: list[NDArray[np.float64]] = []

    def add(self, strip: NDArray[Any]) -> None:
        """Take the next rows."""
        rows, self._cols = strip.shape
        if self._nodata is not None:
            for start in range(0, rows, _ROWS_PER_BLOCK):
                self._add(strip[start : start + _ROWS_PER_BLOCK], self._seen + start)
        self._seen += rows

    def _add(self, block: NDArray[Any], start: int) -> None:
        import numpy as np

        first = self._first_valid(block)
        has_data = np.flatnonzero(first < self._cols)
        if not has_data.size:
            return
        last = self._cols - self._first_valid(block[:, ::-1])[has_data]
        first = first[has_data]
        row = has_data + start
        self._parts += [np.stack(pair, axis=1).astype(np.float64) for pair in
                        ((first, row), (first, row + 1), (last, row), (last, row + 1))]  # fmt: skip

    def _first_valid(self, block: NDArray[Any]) -> NDArray[np.int64]:
        """Return the column of the first valid pixel of each row, the number of columns where there is none."""
        import numpy as np

        nodata = self._nodata
        is_nan = isinstance(nodata, float) and math.isnan(nodata)
        found = np.full(len(block), self._cols)
        rows = np.arange(len(block))
        # The first valid pixel of most rows lies near the edge of the image: no other column is looked at for them.
        for left in range(0, self._cols, _COLUMNS_AT_ONCE):
            part = block[rows, left : left + _COLUMNS_AT_ONCE]
            valid = ~np.isnan(part) if is_nan else part != nodata
            at = valid.argmax(axis=1)
            is_there = valid[np.arange(len(rows)), at]
            found[rows[is_there]] = left + at[is_there]
            rows = rows[~is_there]
            if not rows.size:
                break
        return found

    def result(self) -> NDArray[np.float64]:
        """Return the vertices."""
        import numpy as np
        import shapely

        rows, cols = self._seen, self._cols
        if self._nodata is None:
            return np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], dtype=np.float64)
        if not self._parts:
            return np.empty((0, 2))
        # A line through all points has their hull, and is made without an object for every point.
        hull = shapely.convex_hull(shapely.linestrings(np.concatenate(self._parts)))
        return np.asarray(shapely.get_coordinates(hull)[:-1], dtype=np.float64)


def outline(rings: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """Return the GeoJSON geometry of outlines in degrees, split at the antimeridian.

    Args:
        rings: Longitudes and latitudes of shape (n, 2), each the outline of a part in either direction; may cross the
            antimeridian. Parts that touch or overlap become one.

    Raises:
        ReadError: They enclose nothing.
    """
    import numpy as np
    import shapely

    parts = []
    for ring in rings:
        # Longitudes go on beyond 180 degrees, all parts near the first one.
        lon = np.unwrap(np.radians(ring[:, 0].astype(np.float64)))
        lon = np.degrees(lon + 2 * np.pi * np.round((np.radians(rings[0][0, 0]) - lon.mean()) / (2 * np.pi)))
        parts.append(shapely.make_valid(shapely.Polygon(np.stack([lon, ring[:, 1]], axis=1))))
    whole: Any = shapely.set_precision(shapely.union_all(parts), _PRECISION)
    polygons = [shapely.geometry.polygon.orient(part) for part in shapely.get_parts(whole) if part.area > 0]
    if not polygons:
        raise ReadError("the outline of the scene encloses nothing")
    shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    west, _, east, _ = shape.bounds
    if west < -180 or east > 180:
        shape = _fixed(shape)
    mapped = shapely.geometry.mapping(shape)
    return {"type": mapped["type"], "coordinates": _listed(mapped["coordinates"])}


def _fixed(shape: Any) -> Any:
    import antimeridian
    import shapely

    if shape.geom_type == "Polygon":
        return antimeridian.fix_polygon(shape, fix_winding=False)
    return antimeridian.fix_multi_polygon(shapely.MultiPolygon(shape), fix_winding=False)


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, (tuple, list)) else round(float(value), 7)
