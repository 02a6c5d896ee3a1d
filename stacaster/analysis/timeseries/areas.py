"""Polygons on the pixels of a cube: which share of which pixel each covers.

Decision: polygons become lists of pixels once. exactextract gives the shares in pixel coordinates, so that rotated
grids work; sums over dates are then plain NumPy. xvec and flox would do the same through more layers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.files.vector_files import read_vector_file
from stacaster.geo.area_input import read_place
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

# Edges that are straight in one CRS are curved in another; so many pieces a side follow them.
_PIECES = 200
_SLIVER = 1e-7


@dataclass(frozen=True)
class Zones:
    """Polygons on a pixel grid, as lists of pixels."""

    names: tuple[str, ...]
    """One a polygon."""
    sizes: NDArray[np.float64]
    """Area of each polygon in pixels, also where it lies beside the grid."""
    zone: NDArray[np.int64]
    """Number of the polygon, one entry for each pixel that it touches; ascending."""
    cell: NDArray[np.int64]
    """Number of the pixel, row by row."""
    share: NDArray[np.float64]
    """Share of the pixel that the polygon covers."""


@checked
def read_zones(areas: Any, geobox: GeoBox, *, name_column: str | None = None) -> Zones:
    """Return which share of which pixel each polygon covers.

    Args:
        areas: GeoDataFrame, GeoSeries, file with polygons, or GeoJSON; without a CRS they are in degrees.
        geobox: Grid of the cube.
        name_column: Column with the names; without it one that is called ``name``, or else the number of the row.

    Raises:
        UsageError: There is no such file or column, or it holds no polygons.
    """
    import shapely

    frame = read_frame(areas)
    names = _names(frame, name_column)
    shapes = shapely.make_valid(np.asarray(frame.geometry.array))
    shapes = _on_pixels(shapes, frame.crs, geobox)
    rows, cols = (int(size) for size in geobox.shape)
    zone, cell, share = _coverage(shapes, rows, cols)
    return Zones(names, shapely.area(shapes), zone, cell, share)


def read_frame(areas: Any) -> gpd.GeoDataFrame:
    """Return polygons with a CRS.

    Raises:
        UsageError: There is no such file, or it holds something else than polygons.
    """
    import geopandas

    if hasattr(areas, "to_crs"):
        frame = areas if isinstance(areas, geopandas.GeoDataFrame) else areas.to_frame("geometry")
    elif isinstance(areas, os.PathLike) or (isinstance(areas, str) and Path(areas).is_file()):
        frame = read_vector_file(Path(areas), what="areas", kind="polygons")
    elif isinstance(areas, dict) and areas.get("type") == "FeatureCollection":
        frame = geopandas.GeoDataFrame.from_features(areas["features"])
    else:
        frame = geopandas.GeoDataFrame(geometry=_geometries(areas))
    kinds = set(frame.geometry.geom_type.dropna()) - {"Polygon", "MultiPolygon"}
    if not len(frame) or kinds or frame.geometry.isna().any():
        there = ", ".join(sorted(kinds)) or "empty geometries"
        raise UsageError(f"areas have to be polygons, but there are {there if len(frame) else 'none'}")
    return frame if frame.crs is not None else frame.set_crs(4326)


def _geometries(areas: Any) -> list[Any]:
    """Return the polygons of what is no file and no table: each of a list for itself."""
    import shapely

    if isinstance(areas, (list, tuple)) and areas and all(hasattr(part, "geom_type") for part in areas):
        return [part for area in areas for part in _geometries(area)]
    try:
        place = read_place(intersects=areas)
    except UsageError as error:
        raise UsageError(error.message.replace("intersects", "areas")) from error
    return [shapely.geometry.shape(dict(place.geometry or {}))]


def _names(frame: gpd.GeoDataFrame, column: str | None) -> tuple[str, ...]:
    columns = {str(name): name for name in frame.columns if name != frame.geometry.name}
    if column is not None and column not in columns:
        raise UsageError(f"the areas have no column {column!r}; there are {', '.join(columns) or 'none'}")
    found = column or next((name for name in columns if name.lower() == "name"), None)
    values = range(1, len(frame) + 1) if found is None else frame[columns[found]]
    names = tuple(str(value) for value in values)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"several areas are called {twice!r}; name a column with names that differ")
    return names


def _on_pixels(shapes: Any, crs: Any, geobox: GeoBox) -> Any:
    """Return polygons in columns and rows upwards from the lower edge of the grid."""
    import shapely
    from pyproj import CRS, Transformer

    target = CRS.from_user_input(str(geobox.crs))
    if CRS.from_user_input(crs) != target:
        transformer = Transformer.from_crs(crs, target, always_xy=True)
        bounds = shapely.bounds(shapes)
        sides = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
        shapes = shapely.segmentize(shapes, np.where(sides > 0, sides, 1) / _PIECES)
        shapes = shapely.transform(shapes, lambda points: np.column_stack(transformer.transform(*points.T)))
        shapes = shapely.make_valid(shapes)
    inverse = ~geobox.transform
    height = geobox.shape[0]

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        columns = inverse.a * x + inverse.b * y + inverse.c
        return np.column_stack([columns, height - (inverse.d * x + inverse.e * y + inverse.f)])

    return shapely.transform(shapes, place)


def _coverage(shapes: Any, rows: int, cols: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    import geopandas
    import shapely
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource
    from pyproj import CRS

    inside = np.flatnonzero(shapely.intersects(shapes, shapely.box(0, 0, cols, rows)))
    if not inside.size:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    # One byte that stands for all pixels: only the place of the pixels matters.
    grid = np.broadcast_to(np.uint8(1), (rows, cols))
    plane = CRS.from_epsg(3857).to_wkt()
    raster = NumPyRasterSource(grid, xmin=0, ymin=0, xmax=cols, ymax=rows, srs_wkt=plane)
    # The library asks for a CRS; which one does not matter, as both sides are in pixels.
    parts = geopandas.GeoDataFrame(geometry=[_polygonal(shape) for shape in shapes[inside]], crs=raster.srs_wkt())
    found = exact_extract(raster, parts, ["cell_id", "coverage"], output="pandas")
    counts = [len(cells) for cells in found["cell_id"]]
    cell = np.concatenate(found["cell_id"].tolist()).astype(np.int64)
    share = np.concatenate(found["coverage"].tolist()).astype(np.float64)
    zone = np.repeat(inside, counts)
    # What rounding lays on a pixel beside the edge.
    keep = share > _SLIVER
    return zone[keep], cell[keep], share[keep]


def _polygonal(shape: Any) -> Any:
    """Return the polygons of what making a shape valid left."""
    import shapely

    parts = [part for part in shapely.get_parts(shape) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts)
