"""Points as they come and go: files, frames, pairs of numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError, nearest
from stacaster.files.atomic import complete_file
from stacaster.files.csv_files import write_csv
from stacaster.files.vector_files import read_vector_file, write_geopackage

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

    if isinstance(points, (str, os.PathLike)):
        frame = read_vector_file(Path(points), what="points", kind="points")
    elif hasattr(points, "to_crs"):
        frame = points
    else:
        pairs = np.asarray(points, dtype="float64").reshape(-1, 2)
        frame = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(pairs[:, 0], pairs[:, 1]), crs="EPSG:4326")
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
