"""Heights of points against rasters of elevation, on one vertical reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from stacaster.cube.point_files import read_points
from stacaster.cube.points import sample
from stacaster.errors import UsageError
from stacaster.model.checked import checked
from stacaster.model.names import check_known
from stacaster.model.options import SampleOptions

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from stacaster.cube.items_input import ItemsInput


@checked
def compare_heights(
    items: ItemsInput | xr.Dataset,
    points: Any,
    *,
    band: str = "DEM",
    height: str = "height",
    geoid: str | None = "geoid",
    **options: Unpack[SampleOptions],
) -> gpd.GeoDataFrame:
    """Compare heights of points, such as photons, with a raster of elevation, such as AST14DEM.

    Elevation above the geoid and height above the ellipsoid differ by up to 100 m: the geoid of the points is taken
    off first. That of ATL03 is EGM2008, AST14DEM is above EGM96: the two differ by decimetres, in places by metres.

    Args:
        items: STAC items, or a cube.
        points: As for ``sample``.
        band: Band of elevations.
        height: Column of heights above the ellipsoid.
        geoid: Column of the geoid above the ellipsoid; None where the raster is above the ellipsoid, too.
        **options: Of ``sample``: ``method`` (default here: ``bilinear``), ``time``, ``closest``, ``units``.

    Returns:
        The table of ``sample`` with ``orthometric`` (height less geoid) and ``height_difference`` (that less the
        raster), metres; NaN where one of them is not known. ``found.groupby("item_id").height_difference.describe()``
        sums it up.

    Raises:
        UsageError: A column is missing, or an argument is wrong.
        NothingFoundError, LoadError: As for ``sample``.
    """
    check_known("compare_heights", options, SampleOptions)
    if "radius" in options or "bands" in options:
        raise UsageError("heights are compared with single values of one band: leave radius and bands out; see band=")
    given: SampleOptions = {"method": "bilinear", **options, "bands": [band]}
    places = read_points(points)
    for name in (height, *(() if geoid is None else (geoid,))):
        if name not in places.columns:
            raise UsageError(f"the points have no column {name!r}; geoid=None is for rasters above the ellipsoid")
    found = sample(items, places, **given)
    above = found[height].to_numpy(dtype="float64", na_value=np.nan)
    if geoid is not None:
        above = above - found[geoid].to_numpy(dtype="float64", na_value=np.nan)
    found["orthometric"] = above
    found["height_difference"] = above - found[band].to_numpy(dtype="float64", na_value=np.nan)
    return found
