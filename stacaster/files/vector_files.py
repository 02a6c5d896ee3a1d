"""Points and polygons from files and into them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from stacaster.errors import UsageError

if TYPE_CHECKING:
    import geopandas as gpd


def write_geopackage(frame: gpd.GeoDataFrame, path: Path, *, layer: str) -> None:
    """Write a GeoPackage: made in memory, because GDAL does not say that the disk is full, and then written by Python.

    Args:
        frame: Rows.
        path: File to write; to be used within ``complete_file``.
        layer: Name of the layer.

    Raises:
        OSError: The file cannot be written.
    """
    content = io.BytesIO()
    frame.to_file(content, driver="GPKG", layer=layer, engine="pyogrio")
    with path.open("wb") as file:
        file.write(content.getbuffer())


def read_vector_file(path: Path, *, what: str, kind: str) -> gpd.GeoDataFrame:
    """Return what a file holds: GeoParquet, or whatever GDAL reads.

    Args:
        path: The file.
        what: Name of the argument, for messages.
        kind: What is wanted of the file, such as ``polygons``.

    Raises:
        UsageError: There is no such file, or it cannot be read.
    """
    import geopandas

    if not path.is_file():
        reason = "that is a folder" if path.is_dir() else "there is no such file"
        raise UsageError(f"{what} is {str(path)!r}, but {reason}")
    try:
        return geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
    except Exception as error:
        raise UsageError(f"{path} cannot be read as {kind}: {error}") from error
