"""From positions of some pixels of a path-oriented image to its grid: a rotated UTM grid, stated with its residual.

Source: level-1B and level-2 images of ASTER are rotated UTM grids; their 11 x 11 positions lie a tenth of the image
apart, the last ones one step beyond the last pixel (ASTER Users Handbook v2; GDAL's HDF4 driver).

Decision: a swath becomes a rotated affine grid of squares of the nominal size, fitted by rotation and shift alone; a
general affine grid only where that leaves more than a twentieth of a pixel. Whether the last positions lie on the last
pixels or one step beyond is known from the size of the pixels, whether latitudes are geocentric from the scene's
centre. An error of half a pixel is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

GEOCENTRIC = 0.99330562
"""tan(geocentric latitude) / tan(geodetic latitude) on the ellipsoid of WGS 84: 1 - e^2."""

MAX_RESIDUAL = 0.5
"""Largest distance of a position from the grid, in pixels."""

_GOOD = 0.05


class SwathError(ValueError):
    """The positions do not describe a grid; the message says what does not fit."""


@dataclass(frozen=True, kw_only=True)
class SwathGrid:
    """The grid of an image, and how well it fits."""

    geobox: GeoBox
    """Outer pixel edges; rotated against the axes of the CRS."""
    residual: float
    """Largest distance of a position from the grid, in pixels."""
    rotation: float
    """Angle of the rows against the eastings, degrees, clockwise on the map."""
    is_rigid: bool
    """Whether pixels are squares of the nominal size; else the grid is a general affine one."""


def geodetic_latitude(geocentric: Any) -> Any:
    """Return geodetic latitudes of geocentric ones, degrees."""
    import numpy as np

    return np.degrees(np.arctan(np.tan(np.radians(geocentric)) / GEOCENTRIC))


def swath_grid(
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    shape: tuple[int, int],
    *,
    resolution: float,
    zone: int | None = None,
) -> SwathGrid:
    """Return the rotated UTM grid that positions of pixel centres describe.

    Args:
        latitude: Geodetic, degrees, shape (rows, columns) of the lattice; evenly spaced over the image.
        longitude: Degrees, of the same shape.
        shape: Rows and columns of the image.
        resolution: Nominal side of a pixel, metres.
        zone: UTM zone; None takes that of the middle.

    Returns:
        The grid, in the southern zone (EPSG:327zz) when the middle lies south of the equator. Positions whose last one
        lies on the last pixel and such whose last one lies one step beyond are told apart by the size of the pixels.

    Raises:
        SwathError: The positions are no numbers, or lie more than half a pixel from any grid.
    """
    import numpy as np
    from pyproj import Transformer

    rows, cols = shape
    if latitude.shape != longitude.shape or latitude.ndim != 2 or min(latitude.shape) < 2 or min(shape) < 2:
        raise SwathError(f"positions of shape {latitude.shape} do not describe an image of {rows} x {cols} pixels")
    if not (np.isfinite(latitude).all() and np.isfinite(longitude).all() and (np.abs(latitude) <= 90).all()):
        raise SwathError("the positions of the pixels are no latitudes and longitudes")
    middle = longitude[tuple(size // 2 for size in longitude.shape)]
    # Around the middle, so that the antimeridian is no jump.
    around = (longitude - middle + 180.0) % 360.0 - 180.0 + middle
    lon, lat = float(around.mean()), float(latitude.mean())
    number = int(((lon + 180.0) % 360.0) // 6.0) + 1 if zone is None else abs(int(zone))
    if not 1 <= number <= 60:
        raise SwathError(f"UTM zone {zone} does not exist; zones run from 1 to 60")
    code = (32600 if lat >= 0 else 32700) + number
    x, y = Transformer.from_crs(4326, code, always_xy=True).transform(around, latitude)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SwathError(f"the positions lie outside of UTM zone {number}")
    found = [_fitted(x, y, shape, beyond=beyond, resolution=resolution) for beyond in (True, False)]
    transform, residual, is_rigid = min(found, key=lambda entry: entry[1])
    if residual > MAX_RESIDUAL:
        raise SwathError(
            f"the positions differ by up to {residual:.2f} pixels from a grid of {resolution:g} m in UTM zone {number}"
        )
    from affine import Affine
    from odc.geo.geobox import GeoBox

    a, b, c, d, e, f = transform
    return SwathGrid(
        geobox=GeoBox((rows, cols), Affine(a, b, c, d, e, f), f"EPSG:{code}"),
        residual=residual,
        rotation=math.degrees(math.atan2(-d, a)),
        is_rigid=is_rigid,
    )


_Affine = tuple[float, float, float, float, float, float]


def _fitted(
    x: NDArray[np.float64], y: NDArray[np.float64], shape: tuple[int, int], *, beyond: bool, resolution: float
) -> tuple[_Affine, float, bool]:
    """Fit square pixels of the nominal size; where that does not do, any affine grid."""
    import numpy as np

    steps = [(size if beyond else size - 1) / (count - 1) for size, count in zip(shape, x.shape, strict=True)]
    row, col = np.meshgrid(*(np.arange(n) * step + 0.5 for n, step in zip(x.shape, steps, strict=True)), indexing="ij")
    # Least squares of a rotation and a shift, as complex numbers: rows run down, northings up.
    image, ground = (col - 1j * row).ravel(), (x + 1j * y).ravel()
    turn = np.angle(np.sum(np.conj(image - image.mean()) * (ground - ground.mean())))
    factor = resolution * np.exp(1j * turn)
    shift = ground.mean() - factor * image.mean()
    residual = float(np.abs(ground - factor * image - shift).max() / resolution)
    cosine, sine = float(factor.real), float(factor.imag)
    rigid = (cosine, sine, float(shift.real), sine, -cosine, float(shift.imag))
    if residual <= _GOOD:
        return rigid, residual, True
    design = np.column_stack([col.ravel(), row.ravel(), np.ones(col.size)])
    across, down = np.linalg.lstsq(design, np.column_stack([x.ravel(), y.ravel()]), rcond=None)[0].T
    loose = (*(float(value) for value in across), *(float(value) for value in down))
    apart = np.hypot(design @ across - x.ravel(), design @ down - y.ravel())
    size = math.sqrt(abs(loose[0] * loose[4] - loose[1] * loose[3]))
    # A grid of another pixel size than the product's is a wrong one, however well it fits.
    other = float(apart.max() / resolution) + abs(size / resolution - 1) * max(shape)
    a, b, c, d, e, f = loose
    return ((a, b, c, d, e, f), other, False) if other < residual / 2 else (rigid, residual, True)
