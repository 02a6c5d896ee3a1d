"""Two-dimensional arrays of latitudes and longitudes: a plain grid, a known projected grid, or a swath. Pure functions.

Sources: EASE-Grid 2.0 (Brodzik and others 2012; EPSG:6931, 6932, 6933) and the polar stereographic grids of NSIDC
(EPSG:3411, 3412, 3413, 3031).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.formats.metadata.cf_axes import Coordinate
from stacaster.formats.metadata.cf_grids import place_axes
from stacaster.formats.metadata.gctp import GridError, PlacedGrid
from stacaster.model.views import Orientation

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PROJECTIONS = (6933, 6931, 6932, 3413, 3031, 3411, 3412, 3410, 3408, 3409)
_EASE2_GLOBAL = (-17367530.4451615, 7314540.8306386, 36032.22084058)
_OFF_GRID = 0.05
_POINTS = 4096
_FEWEST = 6


def place_latlon(
    latitude: NDArray[Any], longitude: NDArray[Any], axes: tuple[int, int], name: str
) -> PlacedGrid | None:
    """Place a field by the positions of its pixels, or return None for a swath.

    Args:
        latitude: Degrees, shape (rows, columns); outside of -90 to 90 where there is none.
        longitude: Degrees, of the same shape.
        axes: Axes of rows and columns of the field.
        name: What holds the positions, for the rule.
    """
    lat, lon = np.asarray(latitude, dtype="float64"), np.asarray(longitude, dtype="float64")
    valid = np.isfinite(lat) & np.isfinite(lon) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    if valid.sum() < _FEWEST or min(lat.shape) < 2:
        return None
    return _plain(lat, lon, valid, axes, name) or _projected(lat, lon, valid, axes, name)


def _plain(
    lat: NDArray[np.float64], lon: NDArray[np.float64], valid: NDArray[np.bool_], axes: tuple[int, int], name: str
) -> PlacedGrid | None:
    """Place rows of one latitude and columns of one longitude each, or the other way round."""
    if not valid.all():
        return None
    slack = 1e-5 * max(1.0, float(np.abs(lon).max()) / 100)
    for turned in (False, True):
        rows, columns = (lat.T, lon.T) if turned else (lat, lon)
        if np.ptp(rows, axis=1).max() <= slack and np.ptp(columns, axis=0).max() <= slack:
            down = Coordinate(name="latitude", size=rows.shape[0], values=rows[:, 0], is_single=True)
            across = Coordinate(name="longitude", size=rows.shape[1], values=columns[0], is_single=True)
            try:
                placed = place_axes([across, down] if turned else [down, across], None)
            except GridError:
                return None
            own = placed.orientation
            return PlacedGrid(
                geobox=placed.geobox,
                orientation=Orientation(
                    rows=axes[own.rows], columns=axes[own.columns], flip_rows=own.flip_rows,
                    flip_columns=own.flip_columns, roll=own.roll,
                ),
                rule=f"{name}: rows have one latitude, columns one longitude",
                notes=placed.notes,
            )  # fmt: skip
    return None


def _projected(
    lat: NDArray[np.float64], lon: NDArray[np.float64], valid: NDArray[np.bool_], axes: tuple[int, int], name: str
) -> PlacedGrid | None:
    """Place positions on the grid of a known projection where x depends on the column and y on the row alone."""
    from pyproj import Transformer

    rows, columns = np.nonzero(valid)
    chosen = np.unique(np.linspace(0, rows.size - 1, min(_POINTS, rows.size)).astype(int))
    rows, columns = rows[chosen], columns[chosen]
    if np.ptp(rows) < 2 or np.ptp(columns) < 2:
        return None
    shape = (int(lat.shape[0]), int(lat.shape[1]))
    for code in _PROJECTIONS:
        forward = Transformer.from_crs(4326, code, always_xy=True)
        x, y = forward.transform(lon[rows, columns], lat[rows, columns])
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            continue
        across, down = _line(columns, x), _line(rows, y)
        if across is None or down is None:
            continue
        edges = _master(code, across, down)
        geobox = GeoBox(shape, edges, f"EPSG:{code}")
        is_up = edges.e < 0
        if not is_up:
            geobox = GeoBox(shape, Affine(edges.a, 0, edges.c, 0, -edges.e, edges.f + edges.e * shape[0]), geobox.crs)
        return PlacedGrid(
            geobox=geobox,
            orientation=Orientation(rows=axes[0], columns=axes[1], flip_rows=not is_up),
            rule=f"{name}: positions of the pixels lie on a grid of EPSG:{code}",
            notes=(f"the file states no grid; {name} fits EPSG:{code}",),
        )
    return None


def _line(numbers: NDArray[Any], values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return edge of the first pixel and step of values that depend on their number alone; None where they do not."""
    step, first = np.polyfit(numbers.astype(float), values, 1)
    if step == 0 or np.abs(first + step * numbers - values).max() > _OFF_GRID * abs(step):
        return None
    return float(first - step / 2), float(step)


def _master(code: int, across: tuple[float, float], down: tuple[float, float]) -> Affine:
    """Return the exact grid of EASE-Grid 2.0 that a fitted one is part of, else the fitted one in millimetres."""
    (left, width), (top, height) = across, down
    if code == 6933 and height < 0:
        x0, y0, coarse = _EASE2_GLOBAL
        for parts in (1, 2, 4, 12, 36):
            size = coarse / parts
            if abs(width - size) < 0.001 * size and abs(height + size) < 0.001 * size:
                return Affine(
                    size, 0, x0 + round((left - x0) / size) * size, 0, -size, y0 - round((y0 - top) / size) * size
                )
    if code in (6931, 6932):
        for size in (36000.0, 25000.0, 12500.0, 9000.0, 3125.0, 3000.0, 1000.0):
            if abs(width - size) < 0.001 * size and abs(abs(height) - size) < 0.001 * size:
                steps = round((left + 9e6) / size), round((top - 9e6) / size)
                return Affine(size, 0, -9e6 + steps[0] * size, 0, np.copysign(size, height), 9e6 + steps[1] * size)
    return Affine(round(width, 3), 0, round(left, 3), 0, round(height, 3), round(top, 3))
