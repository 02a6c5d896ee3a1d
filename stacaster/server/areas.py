"""Numbers of an area: statistics of what is drawn, and of each scene over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.server.drawing import mosaic, values_in_order
from stacaster.server.pictures import Picture, formula_of, summary
from stacaster.server.tile_grid import box_geobox

if TYPE_CHECKING:
    import pystac
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_MOST_VALUES = 30_000_000
_MOST_POINTS = 10_000


def area_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the polygon of a GeoJSON feature or geometry.

    Raises:
        UsageError: It is none, or has too many points.
    """
    import shapely

    geometry = body.get("geometry") if body.get("type") == "Feature" else body
    try:
        shape = shapely.make_valid(shapely.geometry.shape(geometry))
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UsageError("the body: a GeoJSON feature with a polygon is needed") from error
    if shape.is_empty or shape.area == 0:
        raise UsageError("the body: the geometry has no area; ask point/LON,LAT for a point")
    if shapely.get_num_coordinates(shape) > _MOST_POINTS:
        raise UsageError(f"the body: the geometry has more than {_MOST_POINTS} points; simplify it")
    west, south, east, north = shape.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise UsageError("the body: longitudes and latitudes in degrees are needed")
    mapped: dict[str, Any] = shapely.geometry.mapping(shape)
    return mapped


def area_answer(
    items: Sequence[pystac.Item], area: Mapping[str, Any], picture: Picture, *, largest: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return statistics of the picture within an area, and the means of each scene in the order of their times.

    Args:
        items: The scenes; the first with a value counts in the picture.
        area: GeoJSON polygon, degrees.
        picture: What is drawn.
        largest: Pixels of the longer side at most; fewer where there are many scenes.
    """
    names = _names(picture)
    side = max(16, min(largest, math.isqrt(_MOST_VALUES // (len(items) * len(names)))))
    geobox, inside = _grid(area, items, side)
    values = values_in_order(items, geobox, picture)
    values[:, :, ~inside] = np.nan
    if picture.composite == "first":
        drawn = _first(values)
    else:
        drawn = mosaic(items, geobox, picture)
        drawn[:, ~inside] = np.nan
    statistics = {name: _summary(channel, inside) for name, channel in zip(names, drawn, strict=True)}
    series = [
        {"datetime": _time(item), "id": item.id, "values": [_mean(channel) for channel in values[:, number]],
         "valid_percent": 100.0 * int(np.isfinite(values[:, number]).all(axis=0).sum()) / max(1, int(inside.sum()))}
        for number, item in enumerate(items)
    ]  # fmt: skip
    seen = [
        entry for entry, number in zip(series, range(len(items)), strict=True) if np.isfinite(values[:, number]).any()
    ]
    return statistics, sorted(seen, key=lambda entry: str(entry["datetime"]))


def _names(picture: Picture) -> list[str]:
    formula = formula_of(picture)
    return list(picture.bands) if formula is None else [str(formula.name)]


def _grid(area: Mapping[str, Any], items: Sequence[pystac.Item], side: int) -> tuple[GeoBox, NDArray[np.bool_]]:
    import shapely
    from odc.geo.geom import Geometry
    from rasterio.features import geometry_mask

    shape = Geometry(dict(area), "EPSG:4326")
    sizes = [item.properties.get("gsd") for item in items]
    finest = min((float(size) for size in sizes if isinstance(size, (int, float)) and size > 0), default=1.0)
    geobox = box_geobox(shapely.geometry.shape(dict(area)).bounds, side, finest=finest)
    projected = shape.to_crs(str(geobox.crs))
    for all_touched in (False, True):
        inside: NDArray[np.bool_] = geometry_mask(
            [projected.json], geobox.shape, geobox.transform, all_touched=all_touched, invert=True
        )
        if inside.any():
            break
    return geobox, inside


def _first(values: NDArray[np.float32]) -> NDArray[np.float32]:
    whole = np.isfinite(values).all(axis=0)
    taken = np.take_along_axis(values, whole.argmax(axis=0)[None, None], axis=1)[:, 0]
    return np.where(whole.any(axis=0), taken, np.nan).astype(np.float32)


def _summary(channel: NDArray[np.float32], inside: NDArray[np.bool_]) -> dict[str, Any]:
    finite = channel[np.isfinite(channel)].astype(np.float64)
    return summary(finite, inside[inside])


def _mean(channel: NDArray[np.float32]) -> float | None:
    finite = channel[np.isfinite(channel)]
    return float(finite.mean(dtype=np.float64)) if finite.size else None


def _time(item: pystac.Item) -> str:
    from stacaster.cube.selection import moment_of

    return str(moment_of(item).isoformat()).replace("+00:00", "Z")
