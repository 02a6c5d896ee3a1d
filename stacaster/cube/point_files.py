"""Points as they come and go: files, frames, pairs of numbers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError, nearest
from stacaster.files.atomic import complete_file
from stacaster.files.csv_files import write_csv
from stacaster.files.vector_files import read_vector_file, write_geopackage
from stacaster.geo.shapes import is_wkt, read_shape

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

_WRITERS = (".parquet", ".gpkg", ".csv")


def read_points(points: Any) -> gpd.GeoDataFrame:
    """Return points in degrees.

    Args:
        points: GeoDataFrame, file, or pairs of longitude and latitude.

    Raises:
        UsageError: It holds none, or something else than points.
    """
    import geopandas

    if isinstance(points, os.PathLike) or (isinstance(points, str) and _is_file(points)):
        frame = read_vector_file(Path(points), what="points", kind="points")
    elif hasattr(points, "to_crs") and hasattr(points, "geometry"):
        frame = points if hasattr(points, "columns") else points.to_frame("geometry")
    elif hasattr(points, "columns"):
        frame = _of_columns(points)
    else:
        frame = geopandas.GeoDataFrame(geometry=_shapes(points), crs="EPSG:4326")
    if not len(frame):
        raise UsageError("there is no point to sample at")
    if not (frame.geometry.geom_type == "Point").all():
        kinds = ", ".join(sorted(set(frame.geometry.geom_type.dropna()) - {"Point"})) or "empty geometries"
        raise UsageError(f"points are needed, but there are {kinds}")
    if frame.crs is None:
        frame = frame.set_crs(4326)
    found: gpd.GeoDataFrame = frame.to_crs(4326)
    if not np.isfinite(found.geometry.x).all() or (found.geometry.y.abs() > 90).any():
        raise UsageError("some points are no places on Earth; say the CRS of the points")
    return found


_LONGITUDES, _LATITUDES = ("lon", "longitude", "lng", "long", "x"), ("lat", "latitude", "y")


def _is_file(text: str) -> bool:
    """Tell whether a text names a file rather than being points itself."""
    return not (is_wkt(text) or text.lstrip()[:1] in ("{", "[") or re.fullmatch(r"[-+\d.eE,;\s]+", text))


def _of_columns(table: Any) -> gpd.GeoDataFrame:
    """Return a table of pandas with columns of longitude and latitude as points."""
    import geopandas

    columns = {str(name).lower(): name for name in table.columns}
    lon = next((columns[name] for name in _LONGITUDES if name in columns), None)
    lat = next((columns[name] for name in _LATITUDES if name in columns), None)
    if lon is None or lat is None:
        raise UsageError(f"points has the columns {', '.join(columns)}, but longitude and latitude are needed")
    return geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(table[lon], table[lat]), crs="EPSG:4326")


def _shapes(points: Any) -> list[Any]:
    """Return shapely points of pairs, geometries, GeoJSON, WKT, or ``{"lon":, "lat":}``, or lists of these.

    Raises:
        UsageError: They are none.
    """
    import shapely

    if isinstance(points, str) and re.fullmatch(r"[-+\d.eE,;\s]+", points):
        points = [float(part) for part in re.split(r"[,;\s]+", points.strip()) if part]
    is_list = isinstance(points, (list, tuple, np.ndarray, set)) and len(points) > 0
    if is_list and not all(np.isscalar(part) for part in points):
        return [shape for part in points for shape in _shapes(part)]
    if is_list and len(points) != 2:
        raise UsageError(f"points has {points!r}, but pairs of longitude and latitude are needed")
    if points is None or (isinstance(points, (list, tuple)) and not points):
        raise UsageError(f"points is {points!r}, but points are needed: pairs, a file, a GeoDataFrame, GeoJSON or WKT")
    if is_list:
        longitude, latitude = (float(part) for part in points)
        return [shapely.Point(longitude, latitude)]
    shape = read_shape(points, name="points")
    return list(shapely.get_parts(shape)) if shape.geom_type == "MultiPoint" else [shape]


def moments_of(places: gpd.GeoDataFrame, column: str) -> NDArray[np.datetime64]:
    """Return the times of points in UTC.

    Raises:
        UsageError: There is no such column, or it holds no times.
    """
    import pandas as pd

    if column not in places.columns:
        raise UsageError(f"the points have no column {column!r}; {nearest(column, places.columns)}")
    try:
        found = pd.to_datetime(places[column], utc=True)
    except (ValueError, TypeError) as error:
        raise UsageError(f"column {column!r} holds no times: {error}") from error
    moments: NDArray[np.datetime64] = found.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
    return moments


def check_output(output: str | os.PathLike[str]) -> Path:
    """Return the path of a file that ``write_points`` can write.

    Raises:
        UsageError: The name ends in something else.
    """
    path = Path(output)
    if path.suffix.lower() not in _WRITERS:
        raise UsageError(f"output is {path.name!r}, but a name ending in {', '.join(_WRITERS)} is needed")
    return path


def write_points(frame: gpd.GeoDataFrame, output: str | os.PathLike[str]) -> Path:
    """Write points to ``.parquet`` (GeoParquet), ``.gpkg`` or ``.csv`` (longitude and latitude as columns).

    Raises:
        UsageError: The name ends in something else.
        ExportError: The file cannot be written.
    """
    path = check_output(output)
    kind = path.suffix.lower()
    with complete_file(path) as part:
        if kind == ".parquet":
            frame.to_parquet(part, write_page_checksum=True)
        elif kind == ".gpkg":
            write_geopackage(frame, part, layer="points")
        else:
            places = {"longitude": frame.geometry.x, "latitude": frame.geometry.y}
            write_csv(frame.drop(columns=frame.geometry.name).assign(**places), part)
    return path
