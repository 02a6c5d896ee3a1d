"""Lookup tables of swaths (GLT): a grid whose pixels name the line and column of their cell, counted from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.model import GranuleContent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True, kw_only=True, eq=False)
class TablePlace:
    """A lookup table and the grid that it is for."""

    geobox: GeoBox
    """The grid."""
    content: GranuleContent
    """The file."""
    paths: tuple[str, str]
    """Layers of lines and columns."""

    @property
    def rule(self) -> str:
        """What in the file places the pixels."""
        return f"lookup table {self.paths[1]} and {self.paths[0]}"

    def cells(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Return the flat index of the cell of each pixel, -1 for none; 0 in the table means none."""
        assert self.content.read_positions is not None
        line, column = (np.asarray(self.content.read_positions(path)).astype("int64") for path in self.paths)
        # Cells that were filled in from a neighbour have a negative number.
        line, column = np.abs(line) - 1, np.abs(column) - 1
        inside = (line >= 0) & (line < shape[0]) & (column >= 0) & (column < shape[1])
        return np.where(inside, line * shape[1] + column, -1)


def lookup_table(content: GranuleContent) -> TablePlace | None:
    """Return the lookup table of a file; None where it has none, or does not say where it lies."""
    layers = {layer.name.lower(): layer for layer in content.layers.values()}
    column, line = layers.get("glt_x"), layers.get("glt_y")
    numbers = _six(content.attributes.get("geotransform"))
    crs = content.attributes.get("spatial_ref")
    if (
        column is None
        or line is None
        or column.shape != line.shape
        or numbers is None
        or not isinstance(crs, str)
        or len(column.shape) != 2
    ):
        return None
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        system = CRS.from_user_input(crs)
    except CRSError:
        return None
    code = system.to_epsg()
    geobox = GeoBox((column.shape[0], column.shape[1]), Affine.from_gdal(*numbers), f"EPSG:{code}" if code else system)
    return TablePlace(geobox=geobox, content=content, paths=(line.path, column.path))


def _six(value: Any) -> tuple[float, float, float, float, float, float] | None:
    """Return the six numbers of a transform in the order of GDAL."""
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or len(parts) != 6:
        return None
    try:
        a, b, c, d, e, f = (float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    return a, b, c, d, e, f
