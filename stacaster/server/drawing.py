"""From scenes to pictures: values on a grid, scenes laid over each other, ranges that are the same in every tile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.errors import UsageError
from stacaster.server.limits import check_values
from stacaster.server.pictures import Picture, as_npy, colours, encode, formula_of, fused, present_in, units_of
from stacaster.server.tile_grid import preview_geobox

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from numpy.typing import NDArray
    from odc.geo.geobox import GeoBox

_FIRST_SCENES = (1, 3, 8)
"""Scenes that are read together, until every pixel has a value: most tiles need one."""

_SAMPLE = 128
_RANGES = 512


def scene_values(items: Sequence[pystac.Item], geobox: GeoBox, picture: Picture) -> xr.Dataset:
    """Return the values of scenes, one slice each, in the order of their times."""
    from stacaster import cube

    formula = formula_of(picture)
    bands = list(picture.bands) if formula is None else list(formula.bands)
    units: Any = picture.units if formula is None or picture.units != "physical" else units_of(formula, items)
    check_values(len(items), geobox.shape[0] * geobox.shape[1], len(bands))
    loaded: xr.Dataset = cube.load(
        items,
        bands=bands,
        geobox=geobox,
        units=units,
        groupby="id",
        mask=list(picture.mask) or None,
        resampling=picture.resampling or ("nearest" if units == "dn" else "bilinear"),
    )
    if formula is None:
        return loaded
    from stacaster.analysis.indices import compute_indices

    return compute_indices(loaded, [formula])


def values_in_order(items: Sequence[pystac.Item], geobox: GeoBox, picture: Picture) -> NDArray[np.float32]:
    """Return values of shape (variables, scenes, y, x), scenes in the order of the items, NaN without data."""
    from stacaster.cube.grouping import group_items

    data = scene_values(items, geobox, picture)
    names = [str(name) for name in data.data_vars]
    present = present_in(data, names)
    values = np.stack([np.asarray(data[name].values, np.float32) for name in names])
    values[~present] = np.nan
    slices = [group[0] for group in group_items(items, "id", geobox=geobox)]
    return values[:, np.argsort(slices)]


def mosaic(items: Sequence[pystac.Item], geobox: GeoBox, picture: Picture) -> NDArray[np.float32]:
    """Return one picture of scenes, shape (channels, y, x), NaN without data; a pixel is of one scene.

    The first scene with a value counts, or what ``picture.composite`` makes of all of them.
    """
    if picture.composite != "first":
        return fused(scene_values(items, geobox, picture), picture)
    drawn: NDArray[np.float32] | None = None
    start = 0
    for size in (*_FIRST_SCENES, *([_FIRST_SCENES[-1]] * len(items))):
        part = items[start : start + size]
        if not part:
            break
        start += size
        values = values_in_order(part, geobox, picture)
        for number in range(values.shape[1]):
            scene = values[:, number]
            if drawn is None:
                drawn = np.full(scene.shape, np.nan, np.float32)
            wanted = np.isnan(drawn).any(axis=0) & np.isfinite(scene).all(axis=0)
            drawn[:, wanted] = scene[:, wanted]
        if drawn is not None and np.isfinite(drawn).all():
            break
    assert drawn is not None, "there is at least one scene"
    return np.where(np.isfinite(drawn).all(axis=0), drawn, np.nan).astype(np.float32)


def as_picture(values: NDArray[np.float32], picture: Picture, form: str) -> bytes | None:
    """Return a picture as a file; None where no pixel has a value."""
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=0))
    if not valid.any():
        return None
    return as_npy(values, valid) if form == "npy" else encode(colours(values, valid, picture), form)


class Ranges:
    """Ranges of values that are drawn where nobody says them: of a scene as a whole, so that tiles fit together."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[tuple[float, float], ...]] = OrderedDict()
        self._lock = Lock()

    def settled(self, picture: Picture, item: pystac.Item) -> Picture:
        """Return a picture with a range for each channel.

        Args:
            picture: What is drawn.
            item: Scene that stands for all.
        """
        if picture.rescale:
            return picture
        formula = formula_of(picture)
        known = None if formula is None else formula.display_range or formula.valid_range
        if known is not None:
            return picture.changed(rescale=((float(known[0]), float(known[1])),))
        key = (item.collection_id, item.id, picture)
        with self._lock:
            ranges = self._kept.get(key)
        if ranges is None:
            ranges = _ranges(picture, item)
            with self._lock:
                self._kept[key] = ranges
                while len(self._kept) > _RANGES:
                    self._kept.popitem(last=False)
        return picture.changed(rescale=ranges)


def _ranges(picture: Picture, item: pystac.Item) -> tuple[tuple[float, float], ...]:
    values = values_in_order([item], preview_geobox(item, _SAMPLE), picture)[:, 0]
    ranges = []
    for channel in values:
        finite = channel[np.isfinite(channel)]
        low, high = np.percentile(finite, (2, 98)) if finite.size else (0.0, 1.0)
        ranges.append((float(low), float(high)))
    return tuple(ranges)


def require_all(matched: int, most: int, what: str) -> None:
    """Refuse to say something of all scenes that only some of them say.

    Raises:
        UsageError: There are more scenes than one answer looks at.
    """
    if matched > most:
        raise UsageError(f"{what} of {matched} scenes is too much for one answer; choose at most {most} (datetime=)")
