"""The area that a user names: GeoJSON, a file with polygons, a GeoDataFrame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stacaster.errors import UsageError
from stacaster.files.vector_files import read_vector_file
from stacaster.geo.areas import as_geometry


def read_geometry(value: Any, *, region: str | None = None, name_column: str | None = None) -> Mapping[str, Any]:
    """Return the geometry of GeoJSON, of an object with ``__geo_interface__``, or of a file with polygons, in degrees.

    Args:
        value: The area, a file, or a GeoDataFrame.
        region: Name of the areas that are meant, where the file has several.
        name_column: Column with the names; without it, the column called ``name``, or else any of text.

    Raises:
        UsageError: There is no such file, it holds no geometry, or no area has that name.
    """
    is_file = isinstance(value, (str, os.PathLike)) and not str(value).lstrip().startswith("{")
    if not is_file and not hasattr(value, "to_crs"):
        if region is not None or name_column is not None:
            raise UsageError("region and name_column choose among the areas of a file or GeoDataFrame")
        return as_geometry(value)
    import shapely

    frame, origin = value, "the GeoDataFrame"
    if is_file:
        path = Path(value)
        if not path.exists():
            raise UsageError(f"intersects is {str(path)!r}, which is neither GeoJSON nor a file")
        frame, origin = read_vector_file(path, what="intersects", kind="polygons"), path.name
    if not len(frame):
        raise UsageError(f"{origin} holds no geometry")
    if region is not None:
        frame = _named(frame, region, name_column, origin)
    if getattr(frame, "crs", None) is not None:
        frame = frame.to_crs(4326)
    mapped: dict[str, Any] = shapely.geometry.mapping(shapely.union_all(frame.geometry.array))
    return mapped


def _named(frame: Any, region: str, name_column: str | None, origin: str) -> Any:
    """Return the rows of a name; case and blanks at the ends do not matter."""
    columns = [str(column) for column in frame.columns if column != frame.geometry.name]
    if name_column is not None and name_column not in columns:
        raise UsageError(f"{origin} has no column {name_column!r}; there are {', '.join(columns) or 'none'}")
    plain = [column for column in columns if column.lower() == "name"]
    wanted = region.strip().lower()
    for column in [name_column] if name_column is not None else plain or columns:
        names = frame[column].astype(str).str.strip()
        found = frame[names.str.lower() == wanted]
        if len(found):
            return found
    known = sorted(
        {str(name) for column in ([name_column] if name_column else plain or columns) for name in frame[column]}
    )
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    raise UsageError(f"{origin} has no area called {region!r}; there are {', '.join(known[:20])}{more}")
