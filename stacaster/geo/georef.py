"""Where pixels lie on Earth: geoboxes from granule metadata, footprints from valid pixels. Pure functions.

Product tables import this module, so it imports its packages where it uses them: a third of a second at every start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

FALSE_NORTHING_SOUTH = 10_000_000.0
"""False northing of southern UTM zones, metres (EPSG:327xx)."""

COORDINATE_DECIMALS = 7
"""Decimals of longitudes and latitudes in footprints: 1e-7 degrees are 1.1 cm."""

_SEGMENT_M = 2500.0
_MAX_SEGMENTS = 128
_AREA_DEGREES = 0.05
_ON_EDGE = 1e-6
_EASTING_RANGE = (-200_000.0, 1_200_000.0)
_NORTHING_RANGE = (-10_000_000.0, 10_000_000.0)


class GeoreferencingError(ValueError):
    """The metadata do not describe a grid; the message says what does not fit."""


def utm_north_geobox(
    upper_left: tuple[float, float],
    lower_right: tuple[float, float],
    shape: tuple[int, int],
    *,
    zone: int,
    resolution: float,
) -> GeoBox:
    """Build the geobox of an ASTER L1T image from the map coordinates of its corner pixels.

    The corners are the centres of the corner pixels in the northern UTM zone, also south of the equator, where
    northings are negative. A grid whose centre lies south of the equator is expressed in the southern zone
    (EPSG:327zz), which adds exactly 10,000,000 m to its northings. The sign of the zone number carries no meaning.

    Args:
        upper_left: (y, x) of the centre of the upper-left pixel, metres.
        lower_right: (y, x) of the centre of the lower-right pixel, metres.
        shape: Rows and columns.
        zone: UTM zone, 1 to 60; a negative sign is ignored.
        resolution: Pixel size that must come out exactly, metres.

    Returns:
        Geobox with outer pixel edges.

    Raises:
        GeoreferencingError: Extent and shape do not give the resolution, or the corners are no UTM coordinates.
    """
    rows, cols = shape
    number = abs(int(zone))
    if not 1 <= number <= 60:
        raise GeoreferencingError(f"UTM zone {zone} does not exist; zones run from 1 to 60")
    (top, left), (bottom, right) = upper_left, lower_right
    if not all(math.isfinite(value) for value in (top, left, bottom, right)):
        raise GeoreferencingError(f"corner coordinates {upper_left} and {lower_right} are not finite")
    if rows < 2 or cols < 2:
        raise GeoreferencingError(f"an image of {rows} x {cols} pixels has no extent between pixel centres")
    found = ((top - bottom) / (rows - 1), (right - left) / (cols - 1))
    if any(abs(value - resolution) > 1e-6 for value in found):
        raise GeoreferencingError(
            f"corners (y, x) {upper_left} and {lower_right} with {rows} x {cols} pixels give a pixel of "
            f"{found[1]:.6f} x {found[0]:.6f} m, but {resolution:g} m is needed; are the corners swapped to (x, y)?"
        )
    if not (_EASTING_RANGE[0] <= left < right <= _EASTING_RANGE[1]):
        raise GeoreferencingError(
            f"eastings {left} to {right} m lie outside a UTM zone; are the corners swapped to (x, y)?"
        )
    if not (_NORTHING_RANGE[0] <= bottom < top <= _NORTHING_RANGE[1]):
        raise GeoreferencingError(f"northings {bottom} to {top} m lie outside a UTM zone")
    half = resolution / 2
    from affine import Affine
    from odc.geo.geobox import GeoBox

    edge = Affine(resolution, 0.0, left - half, 0.0, -resolution, top + half)
    return southern_utm(GeoBox((rows, cols), edge, f"EPSG:{32600 + number}"))


def southern_utm(geobox: GeoBox) -> GeoBox:
    """Express a northern-zone UTM grid whose centre lies south of the equator in the southern zone.

    Args:
        geobox: Any geobox.

    Returns:
        The same pixels in EPSG:327zz when the geobox is in EPSG:326zz with its centre at a negative northing; the
        geobox itself otherwise.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    code = geobox.crs.to_epsg() if geobox.crs is not None else None
    if code is None or not 32601 <= code <= 32660:
        return geobox
    rows, cols = geobox.shape
    _, centre_y = pixel_to_crs(geobox, cols / 2, rows / 2)
    if centre_y >= 0:
        return geobox
    t = geobox.transform
    moved = Affine(t.a, t.b, t.c, t.d, t.e, t.f + FALSE_NORTHING_SOUTH)
    return GeoBox((rows, cols), moved, f"EPSG:{code + 100}")


def pixel_to_crs(geobox: GeoBox, column: Any, row: Any) -> tuple[Any, Any]:
    """Return CRS coordinates of pixel coordinates; (0, 0) is the outer corner of the first pixel."""
    t = geobox.transform
    return t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f


def centre_lonlat(geobox: GeoBox) -> tuple[float, float]:
    """Return longitude and latitude of the centre of a geobox, degrees (WGS 84)."""
    rows, cols = geobox.shape
    x, y = pixel_to_crs(geobox, cols / 2, rows / 2)
    lon, lat = to_wgs84(geobox).transform(x, y)
    return float(lon), float(lat)


def window_around(geobox: GeoBox, area: Mapping[str, Any]) -> tuple[slice, slice] | None:
    """Return the rows and columns of a grid that an area touches, or None when it touches none.

    Args:
        geobox: The grid; may be rotated.
        area: GeoJSON geometry in degrees; its edges are densified before they are projected.
    """
    import numpy as np
    import shapely
    from pyproj import CRS, Transformer

    shape = shapely.segmentize(shapely.geometry.shape(dict(area)), _AREA_DEGREES)
    forward = Transformer.from_crs(CRS.from_epsg(4326), CRS.from_user_input(str(geobox.crs)), always_xy=True)
    rows, cols = (int(size) for size in geobox.shape)
    inverse = ~geobox.transform

    def pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = forward.transform(points[:, 0], points[:, 1])
        return np.stack([inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f], axis=1)

    found: list[tuple[float, ...]] = []
    for part in shapely.get_parts(shape):
        moved: Any = shapely.transform(part, pixels)
        points = shapely.get_coordinates(moved)
        if not np.isfinite(points).all():
            # The CRS does not reach so far: of such a part only what can be projected counts.
            moved = shapely.convex_hull(shapely.multipoints(points[np.isfinite(points).all(axis=1)]))
        inside = shapely.make_valid(moved).intersection(shapely.box(0, 0, cols, rows))
        if inside.area > 0:
            found.append(inside.bounds)
    if not found:
        return None
    left, top = np.min(found, axis=0)[:2]
    right, bottom = np.max(found, axis=0)[2:]
    # A bound that lies on an edge but for rounding takes no further pixel.
    low, high = math.floor(top + _ON_EDGE), math.ceil(bottom - _ON_EDGE)
    first, last = math.floor(left + _ON_EDGE), math.ceil(right - _ON_EDGE)
    return slice(low, max(high, low + 1)), slice(first, max(last, first + 1))


def footprint(parts: Sequence[tuple[GeoBox, NDArray[np.float64]]]) -> tuple[dict[str, Any], list[float]]:
    """Return the GeoJSON geometry and bounding box that enclose the valid pixels of all bands.

    Args:
        parts: Geobox and hull in pixel coordinates (see ``hulls.valid_hull``) of each band; all in one CRS.

    Returns:
        Polygon or MultiPolygon in WGS 84, edges densified before reprojection, split at the antimeridian (RFC 7946),
        and its bounding box west, south, east, north, with west > east when it crosses the antimeridian.

    Raises:
        GeoreferencingError: There is no part, the CRSs differ, or no part lies within the domain of the CRS.
    """
    import numpy as np
    import shapely

    if not parts or len({str(geobox.crs) for geobox, _ in parts}) != 1:
        raise GeoreferencingError("a footprint needs bands that share one coordinate reference system")
    corners = [np.stack(pixel_to_crs(geobox, hull[:, 0], hull[:, 1]), axis=1) for geobox, hull in parts if len(hull)]
    if not corners:
        corners = [outer_corners(geobox) for geobox, _ in parts]
    geobox = parts[0][0]
    polygon: Any = shapely.convex_hull(shapely.multipoints(np.concatenate(corners)))
    domain = _domain(geobox)
    if domain is not None:
        polygon = polygon.intersection(domain)
    if polygon.is_empty or polygon.geom_type != "Polygon":
        raise GeoreferencingError("the grid lies outside the domain of its coordinate reference system")
    dense = shapely.segmentize(
        shapely.geometry.polygon.orient(polygon), max(_SEGMENT_M, polygon.length / _MAX_SEGMENTS)
    )
    x, y = np.asarray(dense.exterior.coords).T
    lon, lat = to_wgs84(geobox).transform(x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise GeoreferencingError("the outer pixel edges cannot be expressed as longitude and latitude")
    return _geojson(np.round(lon, COORDINATE_DECIMALS), np.round(lat, COORDINATE_DECIMALS))


def _geojson(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[dict[str, Any], list[float]]:
    import antimeridian
    import numpy as np
    import shapely

    ring = shapely.Polygon(np.stack([lon, lat], axis=1))
    crosses = np.abs(np.diff(lon)).max() > 180
    fixed = antimeridian.fix_polygon(ring, fix_winding=False) if crosses else ring
    geometry = shapely.geometry.mapping(fixed)
    bounds = antimeridian.bbox(fixed)
    return plain_geometry(geometry), [round(float(value), COORDINATE_DECIMALS) for value in bounds]


def plain_geometry(geometry: Any) -> dict[str, Any]:
    """Return a GeoJSON geometry as lists of rounded numbers."""

    def listed(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [listed(item) for item in value]
        return round(float(value), COORDINATE_DECIMALS)

    return {"type": geometry["type"], "coordinates": listed(geometry["coordinates"])}


def outer_corners(geobox: GeoBox) -> NDArray[np.float64]:
    """Return the four outer corners of a grid in its CRS."""
    import numpy as np

    rows, cols = geobox.shape
    return np.stack(pixel_to_crs(geobox, np.array([0, cols, cols, 0]), np.array([0, 0, rows, rows])), axis=1)


def to_wgs84(geobox: GeoBox) -> Transformer:
    """Return what turns coordinates of a grid into longitude and latitude."""
    from pyproj import CRS, Transformer
    from pyproj.exceptions import ProjError

    try:
        return Transformer.from_crs(CRS.from_user_input(str(geobox.crs)), CRS.from_epsg(4326), always_xy=True)
    except ProjError as error:
        raise GeoreferencingError(f"the projection cannot be related to degrees: {error}") from error


_WORLD_MAPS = (
    "sinusoidal",
    "cylindrical",
    "mercator",
    "mollweide",
    "robinson",
    "miller",
    "eckert",
    "wagner",
    "behrmann",
)
_NO_WORLD_MAP = ("transverse", "oblique", "hotine")


def _domain(geobox: GeoBox) -> Any | None:
    """Return the outline of the world in a map of the whole Earth, whose grids may reach beyond its edges."""
    import numpy as np
    import shapely
    from pyproj import CRS, Transformer

    crs = CRS.from_user_input(str(geobox.crs))
    operation = crs.coordinate_operation
    name = "" if operation is None else operation.method_name.lower().removeprefix("proj ")
    is_world = any(part in name for part in _WORLD_MAPS) and not any(part in name for part in _NO_WORLD_MAP)
    if operation is None or not is_world or crs.geodetic_crs is None:
        return None
    origins = [entry.value for entry in operation.params if "longitude" in entry.name.lower()]
    centre = float(origins[0]) if origins else 0.0
    lat = np.linspace(-90, 90, 1441)[1 if "mercator" in name else 0 : -1 if "mercator" in name else None]
    edge = 180.0 - 1e-9
    forward = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    x_east, y_east = forward.transform(np.full_like(lat, centre + edge), lat)
    x_west, y_west = forward.transform(np.full_like(lat, centre - edge), lat[::-1])
    outline = np.stack([np.concatenate([x_east, x_west]), np.concatenate([y_east, y_west])], axis=1)
    if not np.isfinite(outline).all():
        return None
    return shapely.Polygon(outline).buffer(0)
