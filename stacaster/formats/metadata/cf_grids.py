"""Fields with one-dimensional axes as geoboxes, and CRSs of grid mappings. Pure functions.

Source: CF Conventions 1.11, appendix F (grid mappings).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.formats.metadata.cf_axes import AxisError, Coordinate, Edges, edges_of, is_radians, metres_of
from stacaster.formats.metadata.gctp import GridError, PlacedGrid
from stacaster.model.views import Orientation

if TYPE_CHECKING:
    from pyproj import CRS

_MAX_PIXELS = 1 << 34
_SAME_PLACE = 0.01


@dataclass(frozen=True, kw_only=True)
class GridMapping:
    """What a grid mapping variable says."""

    name: str
    """Path of the variable."""
    attributes: Mapping[str, Any]
    """Its attributes."""


def axes_of(axes: Sequence[Coordinate]) -> tuple[int, int] | None:
    """Return the axes of rows and columns; None when a field has not one of each."""
    roles = [axis.role for axis in axes]
    rows = [number for number, role in enumerate(roles) if role in ("y", "lat")]
    columns = [number for number, role in enumerate(roles) if role in ("x", "lon")]
    return (rows[0], columns[0]) if len(rows) == 1 and len(columns) == 1 else None


def place_axes(axes: Sequence[Coordinate], mapping: GridMapping | None) -> PlacedGrid:
    """Place a field by its axes.

    Args:
        axes: All axes of the field.
        mapping: Its grid mapping; None for longitudes and latitudes without one.

    Raises:
        GridError: There is no regular grid; the message says why.
    """
    found = axes_of(axes)
    if found is None:
        listed = ", ".join(axis.name or "unnamed" for axis in axes)
        raise GridError(f"its axes ({listed}) are not one of rows and one of columns")
    y, x = axes[found[0]], axes[found[1]]
    is_degrees = (y.role, x.role) == ("lat", "lon")
    notes: list[str] = []
    crs = _crs(mapping, is_degrees=is_degrees, notes=notes)
    factor = _factor(x, mapping, crs)
    try:
        across = edges_of(x, factor=factor, is_cyclic=is_degrees)
        down = edges_of(y, factor=factor)
    except AxisError as error:
        raise GridError(str(error)) from error
    if across.size * down.size > _MAX_PIXELS:
        raise GridError(f"its axes have {down.size} x {across.size} positions, too many")
    if mapping is not None:
        _compare_transform(mapping.attributes, across, down, notes)
    across, flip_columns, roll = _eastward(across, is_degrees=is_degrees, notes=notes)
    flip_rows = down.step > 0
    if flip_rows:
        notes.append("stored from south to north; rows are turned so that the first one is in the north")
        down = Edges(first=down.last, step=-down.step, size=down.size)
    if found[0] > found[1]:
        notes.append("stored with columns before rows; the image is transposed")
    return PlacedGrid(
        geobox=GeoBox(
            (down.size, across.size), Affine(across.step, 0, across.first, 0, down.step, down.first), crs.to_wkt()
            if crs.to_epsg() is None else f"EPSG:{crs.to_epsg()}",
        ),
        orientation=Orientation(
            rows=found[0], columns=found[1], flip_rows=flip_rows, flip_columns=flip_columns, roll=roll
        ),
        rule=f"axes {y.name} and {x.name}" + ("" if mapping is None else f", grid mapping {mapping.name}"),
        notes=tuple(notes),
    )  # fmt: skip


def _crs(mapping: GridMapping | None, *, is_degrees: bool, notes: list[str]) -> CRS:
    from pyproj import CRS

    if mapping is None:
        if not is_degrees:
            raise GridError("its axes are map coordinates, but the file states no grid mapping")
        notes.append("longitudes and latitudes are taken for WGS 84: the file states no grid mapping")
        return CRS.from_epsg(4326)
    return mapping_crs(mapping, notes)


def mapping_crs(mapping: GridMapping, notes: list[str]) -> CRS:
    """Return the CRS of a grid mapping: its WKT, else its code, else its parameters.

    Raises:
        GridError: It is none that PROJ knows.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    attributes = {key: _scalar(value) for key, value in mapping.attributes.items()}
    texts = [str(attributes[key]) for key in ("crs_wkt", "spatial_ref", "esri_pe_string") if attributes.get(key)]
    code = re.search(r"\d{4,6}$", str(attributes.get("epsg_code", attributes.get("EPSG", ""))))
    numbers = {key: value for key, value in attributes.items() if key not in ("crs_wkt", "spatial_ref")}
    try:
        if texts:
            crs = CRS.from_user_input(texts[0])
            if _contradicts(crs, numbers):
                notes.append(f"the numbers of {mapping.name} are not those of its WKT, which is taken")
        elif code is not None:
            crs = CRS.from_epsg(int(code[0]))
        else:
            crs = CRS.from_cf(numbers)
    except (CRSError, KeyError, ValueError, TypeError) as error:
        stated = attributes.get("grid_mapping_name") or "its text"
        raise GridError(f"the grid mapping {mapping.name} ({stated}) is no CRS that PROJ knows") from error
    return _with_code(crs)


def _with_code(crs: CRS) -> CRS:
    """Return the CRS of the EPSG registry that has the same numbers; the CRS itself without one."""
    import warnings

    from pyproj import CRS

    code = crs.to_epsg(min_confidence=20)
    if code is None:
        return crs
    known = CRS.from_epsg(code)
    with warnings.catch_warnings():
        # What a PROJ string leaves out is names and axes.
        warnings.simplefilter("ignore", UserWarning)
        return known if known.to_proj4() == crs.to_proj4() else crs


def _scalar(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    return value


def _contradicts(crs: CRS, numbers: Mapping[str, Any]) -> bool:
    stated, ellipsoid = numbers.get("semi_major_axis"), crs.ellipsoid
    if ellipsoid is None or not isinstance(stated, (int, float)):
        return False
    return abs(stated - ellipsoid.semi_major_metre) > 1.0


def _factor(x: Coordinate, mapping: GridMapping | None, crs: CRS) -> float:
    """Return what coordinates are multiplied by to count in the unit of the CRS."""
    if is_radians(x) and mapping is not None:
        height = _scalar(mapping.attributes.get("perspective_point_height"))
        if not isinstance(height, (int, float)):
            raise GridError("its axes are angles, but the grid mapping states no height of the satellite")
        return float(height)
    if crs.is_geographic:
        return 1.0
    metres = metres_of(x)
    own = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
    return 1.0 if metres is None or not own else metres / own


def _eastward(across: Edges, *, is_degrees: bool, notes: list[str]) -> tuple[Edges, bool, int]:
    """Return an axis from west to east between -180 and 180 degrees, whether it was turned, and columns to move."""
    flip = across.step < 0
    if flip:
        notes.append("stored from east to west; columns are turned so that the first one is in the west")
        across = Edges(first=across.last, step=-across.step, size=across.size)
    if not is_degrees:
        return across, flip, 0
    step, size, first = across.step, across.size, across.first
    width = step * size
    if width > 360 + step:
        raise GridError(f"its longitudes span {width:g} degrees")
    is_global = abs(width - 360) < step / 2
    if is_global and first + width > 180 + step:
        # The first column whose centre is at 180 degrees or beyond begins the image.
        begin = int(np.ceil((180 - first) / step - 0.5 - 1e-6))
        notes.append("longitudes from 0 to 360 degrees; columns are moved so that the image begins at 180 degrees west")
        return Edges(first=_clean(first + begin * step - 360), step=step, size=size), flip, size - begin
    turns = 360 * round((first + width / 2) / 360)
    if turns:
        notes.append(f"longitudes are moved by {-turns:g} degrees")
    return Edges(first=_clean(first - turns), step=step, size=size), flip, 0


def _clean(value: float) -> float:
    """Return a sum of degrees without the rounding of its last digits."""
    return round(value, 12)


def _compare_transform(attributes: Mapping[str, Any], across: Edges, down: Edges, notes: list[str]) -> None:
    """Note a ``GeoTransform`` that says something else than the axes, which are right."""
    stated = attributes.get("GeoTransform")
    if stated is None:
        return
    parts = stated.split() if isinstance(stated, str) else list(np.ravel(stated))
    try:
        left, top = float(parts[0]), float(parts[3])
    except (ValueError, IndexError):
        return
    north = max(down.first, down.last)
    west = min(across.first, across.last)
    shift = max(abs(left - west) / abs(across.step), abs(top - north) / abs(down.step))
    if shift > _SAME_PLACE:
        notes.append(f"the attribute GeoTransform is {shift:.2g} of a pixel beside the axes, which are taken")
