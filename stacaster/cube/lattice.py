"""The pixel lattice of a selection: one CRS, resolution and anchor, taken from the items."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from stacaster.errors import LoadError

if TYPE_CHECKING:
    import pystac

_TOLERANCE = 1e-6
_SAMPLES = 65


def asset_geobox(item: pystac.Item, band: str) -> GeoBox | None:
    """Return the geobox of one asset from its projection fields; None when the item lacks asset or fields."""
    asset = item.assets.get(band)
    if asset is None:
        return None
    fields = asset.extra_fields
    crs = fields.get("proj:code") or fields.get("proj:wkt2") or item.properties.get("proj:code")
    shape, transform = fields.get("proj:shape"), fields.get("proj:transform")
    if crs is None or shape is None or transform is None:
        return None
    return GeoBox(tuple(shape), Affine(*transform[:6]), crs)


def native_geobox(items: Sequence[pystac.Item], bands: Sequence[str], *, bbox: Sequence[float] | None = None) -> GeoBox:
    """Return the geobox that lies exactly on the pixels of the scenes.

    Args:
        items: Items of the selection.
        bands: Asset keys.
        bbox: West, south, east, north in degrees; the box is widened to whole pixels. None takes all scenes whole.

    Raises:
        LoadError: The scenes do not share CRS, pixel size and lattice; the message lists what there is.
    """
    boxes = [box for item in items for band in bands if (box := asset_geobox(item, band)) is not None]
    if not boxes:
        raise LoadError(f"no item has a projected asset of {', '.join(bands)}")
    _require_one("coordinate reference systems", Counter(str(box.crs) for box in boxes), "give crs= and resolution=")
    sizes = Counter(f"{abs(box.transform.a):.9g} x {abs(box.transform.e):.9g}" for box in boxes)
    _require_one("pixel sizes", sizes, "load bands of one pixel size at a time")
    if any(abs(box.transform.b) > _TOLERANCE or abs(box.transform.d) > _TOLERANCE for box in boxes):
        raise LoadError("the scenes are rotated against their coordinate axes: no common native grid; give a geobox")
    reference = boxes[0].transform
    for box in boxes:
        shifts = ((box.transform.c - reference.c) / reference.a, (box.transform.f - reference.f) / reference.e)
        drift = max(abs(shift - round(shift)) for shift in shifts)
        if drift > 1e-4:
            raise LoadError(f"the scenes lie on lattices that differ by {drift:.4f} pixel: no common native grid")
    edges = _bbox_edges(bbox, boxes[0]) if bbox is not None else _union_edges(boxes)
    return _snap(reference, edges, boxes[0].crs)


def _require_one(what: str, found: Counter[str], advice: str) -> None:
    if len(found) > 1:
        listed = ", ".join(f"{name} ({number})" for name, number in sorted(found.items()))
        raise LoadError(f"native=True needs one grid, but the selection has several {what}: {listed}; {advice}")


def _union_edges(boxes: Sequence[GeoBox]) -> tuple[float, float, float, float]:
    bounds = np.array([tuple(box.extent.boundingbox) for box in boxes])
    return (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))


def _bbox_edges(bbox: Sequence[float], box: GeoBox) -> tuple[float, float, float, float]:
    west, south, east, north = bbox
    east = east + 360.0 if east < west else east
    along = np.linspace(0, 1, _SAMPLES)
    lon = np.concatenate([west + (east - west) * along, np.full(_SAMPLES, east), np.full(_SAMPLES, west)])
    lat = np.concatenate([np.full(_SAMPLES, south), *(2 * [south + (north - south) * along])])
    lon, lat = np.concatenate([lon, lon[:_SAMPLES]]), np.concatenate([lat, np.full(_SAMPLES, north)])
    transformer = Transformer.from_crs(4326, CRS.from_user_input(str(box.crs)), always_xy=True)
    x, y = transformer.transform(lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise LoadError(f"the box {tuple(bbox)} cannot be expressed in {box.crs}")
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _snap(reference: Affine, edges: Sequence[float], crs: Any) -> GeoBox:
    """Return the smallest geobox on the reference lattice that covers the edges."""
    left, bottom, right, top = edges
    columns = sorted(((left - reference.c) / reference.a, (right - reference.c) / reference.a))
    rows = sorted(((top - reference.f) / reference.e, (bottom - reference.f) / reference.e))
    first_col, last_col = math.floor(columns[0] + _TOLERANCE), math.ceil(columns[1] - _TOLERANCE)
    first_row, last_row = math.floor(rows[0] + _TOLERANCE), math.ceil(rows[1] - _TOLERANCE)
    origin_x = reference.c + first_col * reference.a
    origin_y = reference.f + first_row * reference.e
    transform = Affine(reference.a, 0.0, origin_x, 0.0, reference.e, origin_y)
    return GeoBox((max(1, last_row - first_row), max(1, last_col - first_col)), transform, crs)


def may_meet(items: Sequence[pystac.Item], cube: GeoBox) -> list[bool]:
    """Tell which items may meet a cube, by their boxes in degrees; in doubt they do."""
    high, wide = cube.shape.yx
    along = np.linspace(0, 1, 33)
    cols = np.concatenate([along, along, along * 0, along * 0 + 1]) * wide
    rows = np.concatenate([along * 0, along * 0 + 1, along, along]) * high
    x, y = cube.transform * (cols, rows)
    if cube.crs is None:
        return [True] * len(items)
    if not cube.crs.geographic:
        x, y = cube.crs.transformer_to_crs("EPSG:4326")(x, y)
    lon, lat = np.asarray(x), np.asarray(y)
    span = np.ptp(lon), np.ptp(lat)
    # A cube around a pole, over the antimeridian or of half the world has no plain box.
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()) or span[0] > 90 or np.abs(lat).max() > 80:
        return [True] * len(items)
    if np.abs(lon).max() > 180:
        return [True] * len(items)
    margin = 0.05 + 0.05 * max(span)
    west, east, south, north = lon.min() - margin, lon.max() + margin, lat.min() - margin, lat.max() + margin
    found = []
    for item in items:
        box = item.bbox
        if box is None or len(box) != 4 or box[0] > box[2]:
            found.append(True)
        else:
            is_over = west < -180 or east > 180
            found.append(bool(box[1] <= north and box[3] >= south and (is_over or (box[0] <= east and box[2] >= west))))
    return found
