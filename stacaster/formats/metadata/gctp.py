"""Grids of HDF-EOS2 (GCTP projections) as geoboxes. Pure functions.

Sources: HDF-EOS Library User's Guide, volume 1 (grid structure, ``UpperLeftPointMtrs``, packed degrees), and the GCTP
parameter table (projection parameters of each projection code).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from affine import Affine
from odc.geo.geobox import GeoBox

from stacaster.model.metadata import OdlObject

_MAX_PIXELS = 1 << 34
_ORIGIN = "HDFE_GD_UL"


class GridError(ValueError):
    """The structure metadata do not describe a grid that can be placed; the message says why."""


def grid_geobox(name: str, structure: Sequence[OdlObject], shape: tuple[int, ...]) -> GeoBox:
    """Return the geobox of a grid.

    Args:
        name: Name of the grid.
        structure: Objects of the attribute ``StructMetadata``.
        shape: Shape of a field of the grid; its last two sizes are rows and columns.

    Raises:
        GridError: The grid is not described, its projection or origin is not known, or its size does not fit the field.
    """
    fields = _fields(name, structure)
    cols, rows = (_whole(fields, key) for key in ("XDim", "YDim"))
    if tuple(shape[-2:]) != (rows, cols):
        raise GridError(f"the grid has {rows} x {cols} pixels, but the field has shape {shape}")
    if fields.get("GridOrigin", _ORIGIN) != _ORIGIN:
        raise GridError(f"the grid origin is {fields['GridOrigin']}, but only {_ORIGIN} is known")
    left, top = _pair(fields, "UpperLeftPointMtrs")
    right, bottom = _pair(fields, "LowerRightMtrs")
    projection = str(fields.get("Projection", "")).removeprefix("GCTP_")
    if projection == "GEO":
        left, top, right, bottom = (_unpack_degrees(value) for value in (left, top, right, bottom))
    if not right > left or not top > bottom:
        raise GridError(f"the corners ({left}, {top}) and ({right}, {bottom}) enclose no area")
    crs = _crs(projection, fields)
    return GeoBox((rows, cols), Affine((right - left) / cols, 0.0, left, 0.0, (bottom - top) / rows, top), crs)


def _fields(name: str, structure: Sequence[OdlObject]) -> dict[str, Any]:
    for item in structure:
        if item.name == "GridName" and item.value == name:
            return {other.name: other.value for other in structure if other.path == item.path}
    raise GridError(f"StructMetadata does not describe the grid {name}")


def _whole(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or not 0 < value < _MAX_PIXELS:
        raise GridError(f"{key} of the grid is {value!r}, but a positive whole number is needed")
    return value


def _pair(fields: dict[str, Any], key: str) -> tuple[float, float]:
    value = fields.get(key)
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, (int, float)) for v in value):
        first, second = float(value[0]), float(value[1])
        if math.isfinite(first) and math.isfinite(second):
            return first, second
    raise GridError(f"{key} of the grid is {value!r}, but two finite numbers are needed")


def _unpack_degrees(value: float) -> float:
    """Return degrees of a packed DDDMMMSSS.SS number."""
    size = abs(value)
    degrees, rest = divmod(size, 1_000_000)
    minutes, seconds = divmod(rest, 1_000)
    return math.copysign(degrees + minutes / 60 + seconds / 3600, value)


def _crs(projection: str, fields: dict[str, Any]) -> str:
    raw = fields.get("ProjParams")
    listed = raw if isinstance(raw, tuple) else ()
    parameters = [float(v) if isinstance(v, (int, float)) else 0.0 for v in listed] + [0.0] * 13
    radius = parameters[0]
    if projection == "GEO":
        return "EPSG:4326"
    if projection == "UTM":
        zone = int(fields.get("ZoneCode", 0))
        if not 1 <= abs(zone) <= 60:
            raise GridError(f"the UTM zone of the grid is {zone}")
        return f"EPSG:{(32600 if zone > 0 else 32700) + abs(zone)}"
    if radius <= 0:
        raise GridError(f"projection {projection} gives no sphere radius in its parameters")
    centre = _unpack_degrees(parameters[4])
    east, north = parameters[6], parameters[7]
    if projection in ("SNSOID", "SINSOID"):
        return f"+proj=sinu +lon_0={centre:g} +x_0={east:g} +y_0={north:g} +R={radius!r} +units=m +no_defs"
    if projection == "LAMAZ":
        latitude = _unpack_degrees(parameters[5])
        place = f"+lat_0={latitude:g} +lon_0={centre:g} +x_0={east:g} +y_0={north:g}"
        return f"+proj=laea {place} +R={radius!r} +units=m +no_defs"
    raise GridError(f"the projection {projection or 'not stated'} is not known")
