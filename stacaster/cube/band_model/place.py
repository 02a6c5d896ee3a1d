"""Where the pixels of a band lie: grid of the item, of the file, and what to do when they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from affine import Affine

from stacaster.cube.band_model.fields import crs_of, number_of, numbers_of
from stacaster.errors import LoadError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from stacaster.cube.band_model.file_facts import FileFacts

_APART = 0.1
"""Pixels by which grids of item and file may differ."""

_NEAR_POLE = 80.0
_TURN = 360.0


def geobox_of(fields: Mapping[str, Any]) -> GeoBox | None:
    """Return the grid of a band from its fields; None when they do not say all of it.

    Raises:
        LoadError: The CRS is not known to PROJ.
    """
    crs, shape, transform = (
        crs_of(fields),
        numbers_of(fields.get("proj:shape"), 2),
        numbers_of(fields.get("proj:transform"), 6),
    )
    if crs is None or shape is None or transform is None or min(shape) < 1:
        return None
    return _geobox(_crs_text(crs), (int(shape[0]), int(shape[1])), tuple(transform[:6]))


def _crs_text(crs: Any) -> str:
    if isinstance(crs, str):
        return crs
    import json

    return json.dumps(crs)


@lru_cache(maxsize=4096)
def _geobox(crs: str, shape: tuple[int, int], transform: tuple[float, ...]) -> GeoBox:
    from odc.geo.geobox import GeoBox

    try:
        return GeoBox(shape, Affine(*transform), crs)
    except Exception as error:  # noqa: BLE001 - PROJ's own kinds of errors
        raise LoadError(f"the CRS {crs[:80]!r} is not known: {error}") from None


def place_fields(facts: FileFacts, crs: Any = None) -> dict[str, Any]:
    """Return ``proj:*`` of what a file says; ``crs`` where the file says none."""
    text = facts.crs or crs
    named = {} if text is None else {"proj:code": text} if isinstance(text, str) and len(text) < 40 else {
        "proj:wkt2" if isinstance(text, str) else "proj:projjson": text
    }  # fmt: skip
    return named | {"proj:shape": list(facts.shape), "proj:transform": [float(value) for value in facts.transform[:6]]}


def differs(fields: Mapping[str, Any], facts: FileFacts) -> str | None:
    """Return how far the grid of a file lies from that of its item, in words; None where both are the same."""
    shape, transform = numbers_of(fields.get("proj:shape"), 2), numbers_of(fields.get("proj:transform"), 6)
    said = []
    if shape is not None and (int(shape[0]), int(shape[1])) != tuple(facts.shape):
        said.append(
            f"proj:shape is {int(shape[0])} x {int(shape[1])}, the file has {facts.shape[0]} x {facts.shape[1]}"
        )
    if transform is not None:
        own, real = Affine(*transform[:6]), facts.transform
        rows, cols = facts.shape
        size = math.sqrt(abs(real.determinant)) or 1.0
        corners = ((0, 0), (cols, 0), (0, rows), (cols, rows))
        apart = max(math.dist(own * corner, real * corner) for corner in corners) / size
        if apart > _APART:
            said.append(f"proj:transform lies {apart:.4g} pixels from that of the file")
    crs = crs_of(fields)
    if crs is not None and facts.crs is not None and not _same_crs(_crs_text(crs), facts.crs):
        said.append(f"the CRS is {_crs_text(crs)[:60]}, that of the file {facts.crs[:60]}")
    return "; ".join(said) or None


def differing_grid(fields: Mapping[str, Any], address: str) -> str | None:
    """Return how far the grid of the file at an address lies from the stated one; None where they are the same.

    A file that cannot be opened, or says no grid, contradicts nothing.
    """
    from stacaster.cube.band_model.file_facts import file_facts

    facts = file_facts(address)
    return None if facts is None or facts.crs is None else differs(fields, facts)


@lru_cache(maxsize=512)
def _same_crs(one: str, other: str) -> bool:
    from odc.geo import CRS

    try:
        return bool(CRS(one) == CRS(other))
    except Exception:  # noqa: BLE001 - PROJ's own kinds of errors: what it does not know is not the same
        return False


def require_sane(fields: Mapping[str, Any], bbox: Sequence[float] | None, *, name: str) -> None:
    """Refuse a transform in GDAL's order, or one that lies far from the footprint of its item.

    Raises:
        LoadError: It is so; the message names the band.
    """
    transform, shape = numbers_of(fields.get("proj:transform"), 6), numbers_of(fields.get("proj:shape"), 2)
    crs, box = crs_of(fields), numbers_of(list(bbox), 4) if bbox is not None else None
    if transform is None or crs is None:
        return
    own = Affine(*transform[:6])
    if own.determinant == 0:
        raise LoadError(f"{name}: proj:transform {transform[:6]} has no area{_gdal_order(transform)}")
    if shape is None or box is None:
        return
    middle = _middle(_crs_text(crs), (int(shape[0]), int(shape[1])), tuple(transform[:6]))
    if middle is None or _is_near(middle, box):
        return
    turned = _swapped(transform)
    other = _middle(_crs_text(crs), (int(shape[0]), int(shape[1])), tuple(turned))
    is_gdal = other is not None and _is_near(other, box)
    what = "is in GDAL's order; STAC's is [a, b, c, d, e, f], row by row" if is_gdal else (
        f"puts its middle at {middle[0]:.4f}, {middle[1]:.4f}, far from the bbox of the item, "
        f"{[round(v, 4) for v in box]}"
    )  # fmt: skip
    raise LoadError(f"{name}: proj:transform {transform[:6]} {what}; correct the item")


def _swapped(transform: Sequence[float]) -> list[float]:
    c, a, b, f, d, e = transform[:6]
    return [a, b, c, d, e, f]


def _gdal_order(transform: Sequence[float]) -> str:
    return "; it looks like GDAL's order" if Affine(*_swapped(transform)).determinant else ""


@lru_cache(maxsize=4096)
def _middle(crs: str, shape: tuple[int, int], transform: tuple[float, ...]) -> tuple[float, float] | None:
    """Return the middle of a grid in degrees; None where PROJ has no place for it, or it lies near a pole."""
    x, y = Affine(*transform) * (shape[1] / 2, shape[0] / 2)
    try:
        box = _geobox(crs, shape, transform)
        assert box.crs is not None
        lon, lat = (x, y) if box.crs.geographic else box.crs.transformer_to_crs("EPSG:4326")(x, y)
    except (LoadError, AssertionError):
        return None
    lon, lat = float(lon), float(lat)
    if math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= _NEAR_POLE:
        return lon, lat
    # In GDAL's order a grid lies nowhere.
    return None if math.isfinite(lat) and abs(lat) <= 90 else (math.inf, math.inf)


def _is_near(middle: tuple[float, float], box: Sequence[float]) -> bool:
    half = len(box) // 2
    west, south, east, north = box[0], box[1], box[half], box[half + 1]
    if not all(math.isfinite(value) for value in middle):
        return max(abs(south), abs(north)) > _NEAR_POLE
    width = (east - west) % _TURN if east - west < _TURN else _TURN
    margin = 1.0 + max(width, north - south)
    inside = (middle[0] - west + margin) % _TURN <= width + 2 * margin or width + 2 * margin >= _TURN
    return inside and south - margin <= middle[1] <= north + margin


def finite(value: Any) -> float | None:
    """Return a number that is finite; None for what is none."""
    number = number_of(value)
    return number if number is not None and math.isfinite(number) else None
