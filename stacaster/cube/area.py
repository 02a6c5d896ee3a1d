"""Where a cube lies: polygons, named regions and circles around points, as box and as mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.fusing import COUNT, SOURCE, nothing_of
from stacaster.errors import LoadError, UsageError
from stacaster.geo.area_input import read_geometry
from stacaster.geo.areas import box_around, checked_area, circle
from stacaster.geo.bbox_datetime import parse_bbox
from stacaster.geo.regions import BBox, region_bbox

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

# A hundredth of a millimetre or so beside the antimeridian; two sides of it are apart in the CRS by degrees or metres.
_NEAR = 1e-10
_FAR = 1.0


@dataclass(frozen=True, kw_only=True)
class Place:
    """Box and area of a cube."""

    bbox: BBox | None = None
    """West, south, east, north in degrees."""
    area: Mapping[str, Any] | None = None
    """GeoJSON geometry in degrees; what lies outside is no data."""


def find_place(
    *,
    bbox: str | Sequence[float] | None = None,
    intersects: Any | None = None,
    region: str | None = None,
    name_column: str | None = None,
    point: Sequence[float] | None = None,
    radius: float | None = None,
) -> Place:
    """Return the place that the arguments of ``load`` name.

    Raises:
        UsageError: They contradict each other, or one cannot be understood.
    """
    if (point is None) != (radius is None):
        raise UsageError("point and radius belong together: longitude and latitude in degrees, and metres")
    named = [
        name for name, value in (("bbox", bbox), ("intersects", intersects), ("point", point)) if value is not None
    ]
    if len(named) > 1 or (region is not None and named not in ([], ["intersects"])):
        raise UsageError(f"{', '.join([*named, *(['region'] if region else [])])} each name the area; give one of them")
    if point is not None and radius is not None:
        area = circle(*(float(value) for value in point), radius=float(radius))
        return Place(bbox=box_around(area), area=area)
    if intersects is not None:
        area = checked_area(read_geometry(intersects, region=region, name_column=name_column))
        return Place(bbox=box_around(area), area=area)
    if region is not None:
        return Place(bbox=region_bbox(region))
    return Place(bbox=None if bbox is None else parse_bbox(bbox))


def require_no_edge(bbox: BBox, crs: Any) -> None:
    """Refuse a box across the antimeridian in a CRS that ends there: the cube would go around the whole Earth.

    Raises:
        UsageError: It is so; the message names another CRS.
    """
    west, south, east, north = bbox
    if west <= east or crs is None or str(crs).lower() == "utm":
        return
    from pyproj import Transformer

    transformer = Transformer.from_crs(4326, str(crs), always_xy=True)
    middle = (south + north) / 2
    x, y = transformer.transform([180 - _NEAR, -180 + _NEAR], [middle, middle])
    if abs(x[0] - x[1]) + abs(y[0] - y[1]) > _FAR:
        zone = (32600 if middle >= 0 else 32700) + (60 if 180 - west >= east + 180 else 1)
        raise UsageError(
            f"the box crosses the antimeridian, where {crs} ends: the cube would go around the whole Earth; "
            f"give a CRS that goes on there, such as EPSG:{zone}, or load each side by itself"
        )


def cut_to(cube: xr.Dataset, area: Mapping[str, Any]) -> xr.Dataset:
    """Return a cube without the pixels whose centre lies outside an area.

    Args:
        cube: A cube on a geobox.
        area: GeoJSON geometry in degrees.

    Raises:
        LoadError: The area does not touch the cube, or a band has no value for no data.
    """
    from odc.geo.geom import Geometry

    box: GeoBox = cube.odc.geobox
    shape = Geometry(dict(area), "EPSG:4326").to_crs(box.crs, resolution="auto")
    if not shape.intersects(box.extent):
        raise LoadError("the area lies outside of the selected scenes' grid")
    inside = _inside(shape, box, cube)
    result = {}
    for name, band in cube.data_vars.items():
        nothing = 0 if name == COUNT else -1 if name == SOURCE else False if band.dtype == bool else nothing_of(band)
        if nothing is None:
            raise LoadError(f"{name} has no value for no data, so it cannot be cut to an area; use units, or bbox")
        cut = band.where(inside, band.dtype.type(nothing))
        cut.attrs = band.attrs
        result[name] = cut
    return cube.assign(result)


def _inside(shape: Any, box: GeoBox, cube: xr.Dataset) -> xr.DataArray:
    import xarray as xr

    y, x = box.dimensions
    first = next(iter(cube.data_vars.values()))
    if isinstance(first.data, np.ndarray):
        values: Any = _rasterised(shape.geom, box)
    else:
        import dask.array as da

        rows, columns = (np.cumsum([0, *first.chunksizes[name]]) for name in (y, x))

        def part(block_info: Any = None) -> Any:
            (top, bottom), (left, right) = block_info[None]["array-location"]
            return _rasterised(shape.geom, box[top:bottom, left:right])

        values = da.map_blocks(part, chunks=(tuple(np.diff(rows)), tuple(np.diff(columns))), dtype=bool)
    return xr.DataArray(values, dims=(y, x), coords={y: cube[y], x: cube[x]})


def _rasterised(shape: Any, box: GeoBox) -> Any:
    from rasterio.features import geometry_mask

    return geometry_mask([shape], out_shape=box.shape, transform=box.transform, invert=True)
