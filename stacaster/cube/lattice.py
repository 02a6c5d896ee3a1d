"""The pixel lattice of a selection: one CRS, resolution and anchor, taken from the items.

Decision: which scenes reach a block follows from their grids, never from footprints in degrees, which odc-stac bins
wrongly near 180 degrees and the poles.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from stacaster.cube.band_model import BAND_NUMBER, bands_of, geobox_of
from stacaster.errors import LoadError
from stacaster.geotiff.driver.views import placed
from stacaster.model.checked import checked

if TYPE_CHECKING:
    import pystac
    from numpy.typing import NDArray

_TOLERANCE = 1e-6
_SAMPLES = 65
_REACH = 17
_HALF_TURN = 180.0
_TURNS = (0.0, 360.0, -360.0)


def extent_in(box: GeoBox, crs: Any) -> Any:
    """Return the outline of a grid in another CRS; as it is where one of the two is not known."""
    return box.extent if crs is None or box.crs in (None, crs) else box.extent.to_crs(crs, resolution="auto")


def asset_geobox(item: pystac.Item, band: str) -> GeoBox | None:
    """Return the grid of one asset from the fields of asset, band or item; None when these do not say it."""
    asset = item.assets.get(band)
    if asset is None:
        return None
    if BAND_NUMBER in asset.extra_fields:
        return geobox_of(asset.extra_fields)
    return geobox_of(bands_of(band, asset.to_dict(), item.properties)[0].fields)


@checked
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
        raise LoadError(
            f"neither items nor files say CRS, shape and transform of {', '.join(bands)}, so there is no native grid; "
            "give crs= and resolution=, or a geobox"
        )
    crs, _ = Counter(str(box.crs) for box in boxes).most_common(1)[0]
    coarsest = max(abs(box.transform.a) for box in boxes if str(box.crs) == crs)
    advice = f"give crs= and resolution=, such as crs={crs!r}, resolution={coarsest:g}"
    _require_one("coordinate reference systems", Counter(str(box.crs) for box in boxes), advice)
    sizes = Counter(f"{abs(box.transform.a):.9g} x {abs(box.transform.e):.9g}" for box in boxes)
    _require_one("pixel sizes", sizes, "load bands of one pixel size at a time")
    if any(abs(box.transform.b) > _TOLERANCE or abs(box.transform.d) > _TOLERANCE for box in boxes):
        raise LoadError("the scenes are rotated against their coordinate axes: no common native grid; give a geobox")
    reference = boxes[0].transform
    for box in boxes:
        turn = _turn(box, boxes[0])
        shifts = ((box.transform.c + turn - reference.c) / reference.a, (box.transform.f - reference.f) / reference.e)
        drift = max(abs(shift - round(shift)) for shift in shifts)
        if drift > 1e-4:
            raise LoadError(f"the scenes lie on lattices that differ by {drift:.4f} pixel: no common native grid")
    edges = _bbox_edges(bbox, boxes[0]) if bbox is not None else _union_edges(boxes)
    return _snap(reference, edges, boxes[0].crs)


def _require_one(what: str, found: Counter[str], advice: str) -> None:
    if len(found) > 1:
        listed = ", ".join(f"{name} ({number})" for name, number in sorted(found.items()))
        raise LoadError(f"native=True needs one grid, but the selection has several {what}: {listed}; {advice}")


def _turn(box: GeoBox, reference: GeoBox) -> float:
    """Return the degrees by which a grid of longitudes moves to the side of the Earth where another one lies."""
    if box.crs is None or not box.crs.geographic:
        return 0.0
    middles = [grid.extent.centroid.coords[0][0] for grid in (reference, box)]
    return float(360.0 * round((middles[0] - middles[1]) / 360.0))


def _union_edges(boxes: Sequence[GeoBox]) -> tuple[float, float, float, float]:
    bounds = np.array([tuple(box.extent.boundingbox) for box in boxes])
    crs = boxes[0].crs
    if crs is not None and crs.geographic and np.ptp(bounds[:, [0, 2]]) > _HALF_TURN:
        bounds[:, [0, 2]] += _beyond(bounds)[:, None]
    return (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))


def _beyond(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the degrees that bring grids together that lie on both sides of 180 degrees."""
    order = np.argsort(bounds[:, 0])
    reached, gap, start = bounds[order[0], 2], 0.0, None
    for number in order[1:]:
        if bounds[number, 0] - reached > gap:
            gap, start = bounds[number, 0] - reached, bounds[number, 0]
        reached = max(reached, bounds[number, 2])
    if start is None or gap <= _HALF_TURN:
        return np.zeros(len(bounds))
    return np.where(bounds[:, 0] < start, 360.0, 0.0)


def outline(bbox: Sequence[float], crs: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points on the outline of a box in degrees and within, in another CRS.

    Raises:
        LoadError: The box cannot be expressed in that CRS.
    """
    west, south, east, north = bbox
    east = east + 360.0 if east < west else east
    places = np.meshgrid(np.linspace(west, east, _SAMPLES), np.linspace(south, north, _SAMPLES))
    lon, lat = places[0].ravel(), places[1].ravel()
    target = CRS.from_user_input(str(crs))
    if target.is_geographic:
        # Longitudes go on beyond 180 degrees.
        return lon, lat
    transformer = Transformer.from_crs(4326, target, always_xy=True)
    x, y = transformer.transform(lon, lat)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise LoadError(f"the box {tuple(bbox)} cannot be expressed in {crs}; give another crs=")
    return np.asarray(x), np.asarray(y)


def _bbox_edges(bbox: Sequence[float], box: GeoBox) -> tuple[float, float, float, float]:
    x, y = outline(bbox, box.crs)
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


@lru_cache(maxsize=4096)
def _reach(source: _Key, box: _Key) -> bool:
    """Tell whether a grid reaches another one, with room to spare; in doubt it does."""
    own, other = source.geobox, box.geobox
    if own.crs is None or other.crs is None:
        return True
    cols, rows = np.meshgrid(np.linspace(0, 1, _REACH), np.linspace(0, 1, _REACH))
    x, y = placed(other.transform, cols.ravel() * other.shape.x, rows.ravel() * other.shape.y)
    is_same = own.crs == other.crs
    if not is_same:
        x, y = other.crs.transformer_to_crs(own.crs)(x, y)
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return True
    turns = _TURNS if own.crs.geographic else (0.0,)
    for turn in turns:
        col, row = ~own.transform * (x + turn, y)
        if _spans_meet(col, own.shape.x, is_same=is_same) and _spans_meet(row, own.shape.y, is_same=is_same):
            return True
    return False


def _spans_meet(at: NDArray[np.float64], size: int, *, is_same: bool) -> bool:
    low, high = float(at.min()), float(at.max())
    # What lies between two points of an outline may bend beyond both.
    room = 3.0 if is_same else 3.0 + 0.1 * (high - low)
    return high + room >= 0 and low - room <= size


class _Key:
    """A grid as a key: a CRS is put into words each time its own hash is asked for."""

    def __init__(self, geobox: GeoBox) -> None:
        self.geobox = geobox
        self._said = (str(geobox.crs), geobox.shape.yx, tuple(geobox.transform))
        self._hash = hash(self._said)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._said == other._said


def meets(source: GeoBox, box: GeoBox) -> bool:
    """Tell whether pixels of a grid may lie in another one, also near 180 degrees and the poles."""
    return _reach(_Key(source), _Key(box))


def turns_of(source: GeoBox, box: GeoBox) -> tuple[float, ...]:
    """Return the degrees by which a grid of longitudes is moved to lie on another one, most often 0 alone."""
    if source.crs is None or box.crs is None or not (source.crs.geographic and box.crs == source.crs):
        return (0.0,)
    bounds, other = source.extent.boundingbox, box.extent.boundingbox
    found = tuple(turn for turn in _TURNS if bounds.left + turn < other.right and bounds.right + turn > other.left)
    return found or (0.0,)
