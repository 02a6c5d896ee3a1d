"""Where a cube lies: polygons, named regions and circles around points, as box and as mask.

Decision: polygons are cut by pixel centres, block by block in lazy cubes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.cube.fusing import COUNT, SOURCE, nothing_of
from stacaster.errors import LoadError, UsageError
from stacaster.geo.area_input import Place, read_place
from stacaster.geo.regions import BBox

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

# A hundredth of a millimetre or so beside the antimeridian; two sides of it are apart in the CRS by degrees or metres.
_NEAR = 1e-10
_FAR = 1.0


def find_place(**asked: Any) -> Place:
    """Return the place that the arguments of ``load`` name; see ``read_place``.

    Raises:
        UsageError: They contradict each other, one cannot be understood, or the area is a line or point.
    """
    return read_place(**asked, needs_area=True)


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
    if box.crs is None:
        raise LoadError("the cube says no CRS, so that no area can be laid on it")
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
