"""Grids of HDF-EOS (GCTP projections) as geoboxes. Pure functions.

Source: HDF-EOS Library User's Guide, volume 1 (grid structure, ``UpperLeftPointMtrs``, packed degrees, grid origin,
pixel registration). HDF-EOS5 writes the same with names that begin with ``HE5_``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.formats.metadata.gctp_crs import (
    SPHEROIDS,
    GridError,
    as_parameters,
    projection_crs,
    unpack_degrees,
)
from stacaster.model.metadata import OdlObject
from stacaster.model.views import Orientation

__all__ = ["GridError", "PlacedGrid", "grid_geobox", "place_grid"]

_MAX_PIXELS = 1 << 34
_ORIGINS = {"UL": (False, False), "UR": (False, True), "LL": (True, False), "LR": (True, True)}


@dataclass(frozen=True, kw_only=True)
class PlacedGrid:
    """Where the image of a field lies, north up and west to the left."""

    geobox: GeoBox
    """Outer pixel edges."""
    orientation: Orientation
    """How stored rows and columns become those of ``geobox``."""
    rule: str
    """What in the file says so."""
    notes: tuple[str, ...] = ()
    """Assumptions."""


def grid_geobox(name: str, structure: Sequence[OdlObject], shape: tuple[int, ...]) -> GeoBox:
    """Return the geobox of a grid, north up.

    Args:
        name: Name of the grid.
        structure: Objects of the attribute ``StructMetadata``.
        shape: Shape of a field of the grid; its last two sizes are rows and columns.

    Raises:
        GridError: The grid is not described, its projection is not known, or its size does not fit the field.
    """
    return place_grid(name, structure, shape).geobox


def place_grid(
    name: str, structure: Sequence[OdlObject], shape: tuple[int, ...], dims: Sequence[str] = ()
) -> PlacedGrid:
    """Place a field of a grid.

    Args:
        name: Name of the grid.
        structure: Objects of the attribute ``StructMetadata``.
        shape: Shape of the field.
        dims: Names of its dimensions; without ``YDim`` and ``XDim`` among them rows and columns are found by size.

    Raises:
        GridError: The grid is not described, its projection is not known, or its size does not fit the field.
    """
    fields = _fields(name, structure)
    cols, rows = (_whole(fields, key) for key in ("XDim", "YDim"))
    row_axis, column_axis = _axes(shape, tuple(dims) or _stated_dims(name, structure, shape), rows, cols)
    left, first = _pair(fields, "UpperLeftPointMtrs")
    right, last = _pair(fields, "LowerRightMtrs")
    projection = _plain(fields.get("Projection", "")).removeprefix("GCTP_")
    notes: list[str] = []
    if projection == "GEO":
        left, first, right, last = _degrees((left, first, right, last), rows, cols, notes)
    crs = _crs(projection, fields, notes)
    if projection == "BCEA":
        left, first, right, last = _projected((left, first, right, last), crs)
    flip_rows, flip_columns = _origin(fields, notes)
    if first < last:
        # The corner that is called the upper left one is in the south: row 0 is what lies there.
        flip_rows, first, last = True, last, first
    if not right > left or not first > last:
        raise GridError(f"the corners ({left}, {first}) and ({right}, {last}) enclose no area")
    if _plain(fields.get("PixelRegistration", "")).endswith("CORNER"):
        notes.append("PixelRegistration is CORNER: values hold at a corner of each pixel, not at its centre")
    transform = Affine((right - left) / cols, 0.0, left, 0.0, (last - first) / rows, first)
    return PlacedGrid(
        geobox=_geobox((rows, cols), transform, crs),
        orientation=Orientation(
            rows=row_axis, columns=column_axis, flip_rows=flip_rows, flip_columns=flip_columns
        ),
        rule=f"StructMetadata: grid {name}, GCTP projection {projection}",
        notes=tuple(notes),
    )  # fmt: skip


def _geobox(shape: tuple[int, int], transform: Affine, crs: str) -> GeoBox:
    from pyproj.exceptions import CRSError

    try:
        return GeoBox(shape, transform, crs)
    except CRSError as error:
        raise GridError(f"the projection parameters are no CRS: {crs}") from error


def _plain(value: Any) -> str:
    return str(value).strip().removeprefix("HE5_").removeprefix("HDFE_")


def _fields(name: str, structure: Sequence[OdlObject]) -> dict[str, Any]:
    for item in structure:
        if item.name == "GridName" and str(item.value) == name:
            return {other.name: other.value for other in structure if other.path == item.path}
    raise GridError(f"StructMetadata does not describe the grid {name}")


def _stated_dims(name: str, structure: Sequence[OdlObject], shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the dimensions that all fields of this rank have, where they agree on rows and columns."""
    path = next((item.path for item in structure if item.name == "GridName" and str(item.value) == name), None)
    if path is None:
        return ()
    lists = {
        item.value for item in structure
        if item.name == "DimList" and item.path[: len(path)] == path and isinstance(item.value, tuple)
        and len(item.value) == len(shape)
    }  # fmt: skip
    places = {(dims.index("YDim"), dims.index("XDim")) for dims in lists if {"YDim", "XDim"} <= set(dims)}
    return next(iter(lists)) if len(places) == 1 else ()


def _axes(shape: tuple[int, ...], dims: tuple[str, ...], rows: int, cols: int) -> tuple[int, int]:
    """Return the axes of rows and columns: by the names of dimensions, else the last two that have the right size."""
    names = [dim.partition(":")[0] for dim in dims]
    if len(names) == len(shape) and names.count("YDim") == 1 and names.count("XDim") == 1:
        found = names.index("YDim"), names.index("XDim")
        # An array may be larger than its grid only along a dimension that can grow.
        if (shape[found[0]], shape[found[1]]) == (rows, cols):
            return found
    for last in range(len(shape) - 1, 0, -1):
        if (shape[last - 1], shape[last]) == (rows, cols):
            return last - 1, last
    raise GridError(f"the grid has {rows} x {cols} pixels, but the field has shape {shape}")


def _whole(fields: Mapping[str, Any], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or not 0 < value < _MAX_PIXELS:
        raise GridError(f"{key} of the grid is {value!r}, but a positive whole number is needed")
    return value


def _pair(fields: Mapping[str, Any], key: str) -> tuple[float, float]:
    value = fields.get(key)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value):
        first, second = float(value[0]), float(value[1])
        if math.isfinite(first) and math.isfinite(second):
            return first, second
    if "DEFAULT" in str(value).upper():
        raise GridError(f"{key} of the grid is DEFAULT: the file does not say where the grid lies")
    raise GridError(f"{key} of the grid is {value!r}, but two finite numbers are needed")


def _degrees(
    corners: tuple[float, float, float, float], rows: int, cols: int, notes: list[str]
) -> tuple[float, float, float, float]:
    """Return corners in degrees: some files write plain degrees where the format wants packed ones.

    All four numbers decide at once: what fits on the Earth as it is are degrees.
    """
    left, first, right, last = corners
    if max(abs(left), abs(right)) <= 360 and max(abs(first), abs(last)) <= 90:
        notes.append("the corners of the grid are plain degrees, not the packed ones of the format")
        return _from_nodes(corners, rows, cols, notes)
    left, first, right, last = (unpack_degrees(value) for value in corners)
    if max(abs(left), abs(right)) > 360 or max(abs(first), abs(last)) > 90:
        raise GridError(f"the corners ({left:g}, {first:g}) and ({right:g}, {last:g}) degrees are not on the Earth")
    return left, first, right, last


def _from_nodes(
    corners: tuple[float, float, float, float], rows: int, cols: int, notes: list[str]
) -> tuple[float, float, float, float]:
    """Return outer edges of a grid whose corners are the centres of its first and last pixels, as its steps show."""
    left, first, right, last = corners

    def is_round(step: float) -> bool:
        return abs(step * 3600 - round(step * 3600)) < 1e-6

    width, height = right - left, last - first
    has_nodes = cols > 1 and rows > 1 and is_round(width / (cols - 1)) and is_round(height / (rows - 1))
    if not has_nodes or is_round(width / cols) or is_round(height / rows):
        return corners
    half_x, half_y = width / (cols - 1) / 2, height / (rows - 1) / 2
    notes.append("the corners of the grid are centres of pixels, as only their steps are whole numbers of arc seconds")
    return left - half_x, first - half_y, right + half_x, last + half_y


def _projected(corners: tuple[float, float, float, float], crs: str) -> tuple[float, float, float, float]:
    """Return corners in metres that are given as packed degrees."""
    from pyproj import CRS, Transformer

    own = CRS.from_user_input(crs)
    assert own.geodetic_crs is not None
    forward = Transformer.from_crs(own.geodetic_crs, own, always_xy=True)
    left, first, right, last = (unpack_degrees(value) for value in corners)
    x, y = forward.transform([left, right], [first, last])
    if not all(map(math.isfinite, (*x, *y))):
        raise GridError(f"the corners ({left:g}, {first:g}) and ({right:g}, {last:g}) degrees are not on the Earth")
    return float(x[0]), float(y[0]), float(x[1]), float(y[1])


def _origin(fields: Mapping[str, Any], notes: list[str]) -> tuple[bool, bool]:
    """Return whether the first stored row is in the south, and the first stored column in the east."""
    stated = _plain(fields.get("GridOrigin", "GD_UL")).removeprefix("GD_")
    if stated not in _ORIGINS:
        raise GridError(f"the grid origin is {fields['GridOrigin']}, but one of {', '.join(_ORIGINS)} is needed")
    flips = _ORIGINS[stated]
    if any(flips):
        notes.append(f"GridOrigin is {stated}: the first stored pixel is the one at that corner")
    return flips


def _crs(projection: str, fields: Mapping[str, Any], notes: list[str]) -> str:
    stated = fields.get("SphereCode")
    sphere = stated if isinstance(stated, int) and stated >= 0 else None
    if projection == "GEO":
        if sphere not in (None, 8, 12):
            name = SPHEROIDS[sphere][0] if sphere in SPHEROIDS else f"code {sphere}"
            notes.append(f"longitudes and latitudes are taken for WGS 84; the file states the spheroid {name}")
        return "EPSG:4326"
    zone = fields.get("ZoneCode", 0)
    if projection == "UTM" and sphere is None:
        notes.append("the file states no spheroid for the UTM zone: WGS 84 is taken")
    number = int(zone) if isinstance(zone, (int, float)) else 0
    return projection_crs(projection, as_parameters(fields.get("ProjParams")), zone=number, sphere=sphere)
