"""Footprints of items in the form of RFC 7946: longitudes from -180 to 180, cut at the antimeridian."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_HALF_WORLD, _WORLD, _POLE = 180.0, 360.0, 90.0
_TOLERANCE = 0.1
_LONGEST = 720.0


@dataclass
class Footprint:
    """Where an item lies."""

    geometry: dict[str, Any]
    """GeoJSON geometry."""
    bbox: list[float]
    """West, south, east, north; west > east over the antimeridian."""
    notes: list[str] = field(default_factory=list)
    """What was changed, or is strange."""


def footprint_of(geometry: Any, bbox: Any) -> Footprint:
    """Return the footprint of an item that another program wrote.

    Args:
        geometry: GeoJSON geometry; None takes the box.
        bbox: Four or six numbers, or None.

    Raises:
        ValueError: There is no footprint, or it is not in degrees; the text says which.
    """
    import shapely

    notes: list[str] = []
    box = _plain_box(bbox)
    if geometry is None:
        if box is None:
            raise ValueError("it has neither geometry nor bbox, so it lies nowhere; items are found by their footprint")
        notes.append("the item has no geometry; its box stands for it")
        west, south, east, north = box
        shape: Any = shapely.box(west, south, east + (_WORLD if east < west else 0.0), north)
    else:
        shape = _shape(geometry)
    if shape.is_empty:
        raise ValueError("its geometry is empty")
    _check_degrees(shape)
    fixed = _fixed(shape)
    if fixed is not None and geometry is not None:
        notes.append("the geometry was brought into the form of RFC 7946: longitudes from -180 to 180, cut at 180")
    # Rings are closed, and members that are no GeoJSON left out: what a table holds is what the item says.
    document = _mapping(shape if fixed is None else fixed)
    own = _box_of(shape if fixed is None else fixed)
    if own[2] - own[0] >= _WORLD - _TOLERANCE:
        notes.append("the footprint is a belt around the whole world; searches by place find it everywhere there")
    if box is None:
        return Footprint(document, own, notes)
    if _is_near(box, own):
        return Footprint(document, box, notes)
    notes.append(f"the box {', '.join(f'{value:g}' for value in box)} was not that of the geometry and was made anew")
    return Footprint(document, own, notes)


def _plain_box(bbox: Any) -> list[float] | None:
    if not isinstance(bbox, Sequence) or isinstance(bbox, str) or len(bbox) not in (4, 6):
        return None
    half = len(bbox) // 2
    try:
        box = [float(value) for value in (bbox[0], bbox[1], bbox[half], bbox[half + 1])]
    except (TypeError, ValueError):
        return None
    return box if all(abs(value) < _LONGEST for value in box) else None


def _shape(geometry: Any) -> Any:
    import shapely

    if not isinstance(geometry, Mapping):
        raise ValueError(f"its geometry is {str(geometry)[:40]!r} and no GeoJSON")  # noqa: TRY004 - what a caller expects
    try:
        return shapely.geometry.shape(dict(geometry))
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(f"it has no geometry ({error})") from error


def _check_degrees(shape: Any) -> None:
    west, south, east, north = shape.bounds
    is_finite = all(abs(value) < float("inf") for value in shape.bounds)
    if is_finite and abs(south) <= _POLE and abs(north) <= _POLE and max(abs(west), abs(east)) < _LONGEST:
        return
    swapped = max(abs(west), abs(east)) <= _POLE and max(abs(south), abs(north)) <= _HALF_WORLD
    hint = "latitude seems to come before longitude" if swapped else "GeoJSON needs longitude and latitude in degrees"
    raise ValueError(f"its geometry reaches from {west:g}, {south:g} to {east:g}, {north:g}: {hint}")


def _fixed(shape: Any) -> Any | None:
    """Return a geometry cut at the antimeridian, or None when it is in order as it is."""
    import shapely

    west, _, east, _ = shape.bounds
    is_beyond = west < -_HALF_WORLD or east > _HALF_WORLD
    if not is_beyond and east - west <= _HALF_WORLD:
        return None
    if not is_beyond and not _jumps(shape):
        return None
    if shape.geom_type in ("Polygon", "MultiPolygon", "LineString", "MultiLineString"):
        import antimeridian

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return shapely.geometry.shape(antimeridian.fix_shape(shape, fix_winding=True))
            except ValueError:
                pass  # A ring that crosses itself; what lies beyond 180 is moved all the same.
    return _wrapped(shape) if is_beyond else None


def _jumps(shape: Any) -> bool:
    """Tell whether a ring goes from one side of the antimeridian to the other in one step, not ending on it."""
    import numpy as np
    import shapely

    for part in _parts(shape):
        rings = [part.exterior] if part.geom_type == "Polygon" else [part] if part.geom_type == "LineString" else []
        for ring in rings:
            x = shapely.get_coordinates(ring)[:, 0]
            steps = np.abs(np.diff(x)) > _HALF_WORLD
            ends = (np.abs(x[:-1]) < _HALF_WORLD) | (np.abs(x[1:]) < _HALF_WORLD)
            if bool((steps & ends).any()):
                return True
    return False


def _parts(shape: Any) -> list[Any]:
    return [inner for part in shape.geoms for inner in _parts(part)] if hasattr(shape, "geoms") else [shape]


def _wrapped(shape: Any) -> Any:
    import shapely

    def wrap(places: Any) -> Any:
        wrapped = places.copy()
        wrapped[:, 0] = (wrapped[:, 0] + _HALF_WORLD) % _WORLD - _HALF_WORLD
        return wrapped

    return shapely.transform(shape, wrap)


def _box_of(shape: Any) -> list[float]:
    west, _, east, _ = shape.bounds
    if shape.geom_type in ("Polygon", "MultiPolygon") and east - west > _HALF_WORLD:
        import antimeridian

        return [float(value) for value in antimeridian.bbox(shape)]
    return [float(value) for value in shape.bounds]


def _is_near(box: Sequence[float], own: Sequence[float]) -> bool:
    is_order = (box[0] > box[2]) == (own[0] > own[2]) and abs(box[0]) <= _HALF_WORLD and abs(box[2]) <= _HALF_WORLD
    return is_order and all(abs(a - b) <= _TOLERANCE for a, b in zip(box, own, strict=True))


def _mapping(shape: Any) -> dict[str, Any]:
    import shapely

    def listed(value: Any) -> Any:
        return [listed(part) for part in value] if isinstance(value, (list, tuple)) else value

    found = shapely.geometry.mapping(shape)
    if "geometries" in found:
        return {"type": found["type"], "geometries": [_mapping(part) for part in shape.geoms]}
    return {"type": found["type"], "coordinates": listed(found["coordinates"])}
