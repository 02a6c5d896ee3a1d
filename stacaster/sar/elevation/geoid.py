"""Heights above the geoid EGM2008 as heights above the ellipsoid of WGS 84; never silently the same.

Decision: the geoid is computed at nodes of half a minute of arc and interpolated between them, which gives the heights
of PROJ for grids of 1 and 2.5 minutes at a fraction of the calls. The file is named in a pipeline of our own, because
PROJ is content to do nothing where it finds no grid.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacaster.errors import ExportError, UsageError
from stacaster.geo.longitudes import wrapped
from stacaster.geotiff.opening import open_by_user

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRID_NAMES = ("us_nga_egm08_25.tif", "egm08_25.gtx", "us_nga_egm08_1.tif")
"""Files of the geoid by which PROJ and others know it."""

HOW_TO = (
    "give its file as geoid= (--geoid), or put us_nga_egm08_25.tif into PROJ's data folder: "
    "'projsync --file us_nga_egm08_25.tif'"
)
"""What to do without the geoid."""

# Nodes of grids of 2.5 and of 1 minute of arc are among the nodes of half a minute.
_NODES = 120
_LARGEST_M = 120.0
_EGM2008, _VERTICAL = "3855", "VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL"


@dataclass(frozen=True)
class Geoid:
    """Heights of the geoid above the ellipsoid.

    Args:
        path: File of the grid.
        name: What it is, for the item.
    """

    path: Path
    name: str

    def undulation(self, longitude: NDArray[Any], latitude: NDArray[Any]) -> NDArray[np.float64]:
        """Return the height of the geoid above the ellipsoid on a grid, metres, shape (rows, columns).

        The file is asked at its own nodes, and between them interpolated bilinearly, as PROJ does.

        Args:
            longitude: Degrees of the columns, ascending; may go beyond 180.
            latitude: Degrees of the rows.

        Raises:
            ExportError: The file gives no height there.
        """
        import numpy as np

        first, last = (int(np.floor(longitude.min() * _NODES)), int(np.ceil(longitude.max() * _NODES)) + 1)
        low, high = (int(np.floor(latitude.min() * _NODES)), int(np.ceil(latitude.max() * _NODES)) + 1)
        lon, lat = np.arange(first, last + 1) / _NODES, np.arange(low, high + 1) / _NODES
        nodes = self._at(*np.meshgrid(lon, np.clip(lat, -90, 90)))
        x, y = longitude * _NODES - first, latitude * _NODES - low
        i, j = np.floor(x).astype(int), np.floor(y).astype(int)
        u, v = (x - i)[None, :], (y - j)[:, None]
        corner = nodes[np.ix_(j, i)] * (1 - u) + nodes[np.ix_(j, i + 1)] * u
        opposite = nodes[np.ix_(j + 1, i)] * (1 - u) + nodes[np.ix_(j + 1, i + 1)] * u
        return np.asarray(corner * (1 - v) + opposite * v, dtype=np.float64)

    def _at(self, longitude: NDArray[Any], latitude: NDArray[Any]) -> NDArray[np.float64]:
        import numpy as np
        from pyproj import Transformer
        from pyproj.exceptions import ProjError

        pipeline = (
            "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
            f"+step +proj=vgridshift +grids={self.path} +multiplier=1 "
            "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
        )
        try:
            transformer = Transformer.from_pipeline(pipeline)
            inside = wrapped(longitude)
            heights = transformer.transform(inside, latitude, np.zeros_like(longitude), errcheck=False)[2]
        except ProjError as error:
            raise ExportError(f"the geoid {self.path.name} cannot be used: {error}") from error
        found = np.asarray(heights, dtype=np.float64)
        if not np.isfinite(found).all():
            raise ExportError(f"the geoid {self.path.name} gives no height for part of the DEM")
        # PROJ is content to change nothing when it cannot do better: then all would be exactly zero.
        if (found == 0).all() or np.abs(found).max() > _LARGEST_M:
            text = f"from {found.min():.3f} to {found.max():.3f} m"
            raise ExportError(f"the geoid {self.path.name} gives heights {text}, which is none; {HOW_TO}")
        return found


def find_geoid(path: str | os.PathLike[str] | None = None) -> Geoid:
    """Return the geoid EGM2008: a file, or what PROJ has.

    Raises:
        UsageError: There is no such file, or PROJ has none; the message says what to do.
    """
    if path is not None:
        file = Path(path)
        if not file.is_file():
            raise UsageError(f"geoid is {os.fspath(path)!r}, which is no file")
        if " " in str(file.absolute()):
            raise UsageError(f"geoid is {file.name!r}, but PROJ takes no path with blanks; move the file")
        _check_model(file)
        return Geoid(file.absolute(), file.name)
    import pyproj

    folders = [pyproj.datadir.get_data_dir(), pyproj.datadir.get_user_data_dir()]  # type: ignore[attr-defined]
    folders = [part for folder in folders for part in str(folder).split(os.pathsep)]
    for name in GRID_NAMES:
        for folder in folders:
            if (Path(folder) / name).is_file():
                return Geoid(Path(folder) / name, name)
    raise UsageError(
        f"heights above the ellipsoid need the geoid EGM2008, which PROJ does not have here; {HOW_TO}; or take heights "
        "above the geoid: heights='geoid' (--heights geoid)"
    )


def _check_model(path: Path) -> None:
    """Check that a grid does not say that it is another geoid: heights of GLO-30 are above EGM2008.

    Raises:
        UsageError: It says so.
    """
    import rasterio

    try:
        with open_by_user(path) as file:
            tags = file.tags()
    except rasterio.errors.RasterioError:
        # PROJ reads grids that GDAL does not know; what is none of a geoid is found out when it is used.
        return
    code, kind = tags.get("target_crs_epsg_code"), tags.get("TYPE")
    if code not in (None, _EGM2008):
        raise UsageError(f"geoid is {path.name!r}, the grid of EPSG:{code}, but heights are above EGM2008; {HOW_TO}")
    if kind not in (None, _VERTICAL):
        raise UsageError(f"geoid is {path.name!r}, a grid of {kind}, which is no geoid; {HOW_TO}")
