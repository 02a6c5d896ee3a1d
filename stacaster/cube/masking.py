"""Masks over the scenes of a cube, before they are fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stacaster.analysis import masks
from stacaster.cube.fusing import is_valid, nothing_of
from stacaster.cube.selection import moment_of
from stacaster.cube.units import Constants, to_units
from stacaster.errors import LoadError, UsageError
from stacaster.instruments.aster import BANDS, SWIR_CUTOFF

if TYPE_CHECKING:
    import pystac
    import xarray as xr

_SWIR = {band.name for band in BANDS if band.group == "SWIR"}
Mask: TypeAlias = "dict[str, xr.DataArray] | xr.DataArray"
"""One mask for all bands, or one for each."""

PREFIX = "mask_"
"""Names of masks that are kept in a cube begin so."""


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Which masks are applied, and how."""

    names: tuple[str, ...] = ()
    """Names of rules, or ``asset=class``."""
    cloud: str | masks.CloudThresholds = "paper"
    """Variant of the cloud test, or thresholds."""
    keep: bool | str = False
    """True adds each mask as booleans, ``classes`` all of them as one band of bits."""

    def bands(self) -> list[str]:
        """Return the assets that the masks need."""
        found = []
        for name in self.names:
            rule = masks.MASKS.get(name)
            found += [name.partition("=")[0]] if rule is None else [*rule.reflectance, *rule.temperature]
        return list(dict.fromkeys(found))


def read_masking(mask: str | Sequence[str] | None, *, cloud: Any = "paper", keep: bool | str = False) -> Masking:
    """Check the masks that were asked for.

    Raises:
        UsageError: A mask or a variant is not known.
    """
    names = masks.check_names([mask] if isinstance(mask, str) else mask or ())
    if keep not in (True, False, "classes"):
        raise UsageError(f"keep_masks is {keep!r}, but True, False or 'classes' is needed")
    masks.cloud_thresholds(cloud)
    return Masking(names=tuple(names), cloud=cloud, keep=keep)


def apply_masks(
    stored: xr.Dataset, cube: xr.Dataset, items: Sequence[pystac.Item], masking: Masking, constants: Constants
) -> xr.Dataset:
    """Return a cube without what its masks name.

    Args:
        stored: Stored numbers of the bands and of those that the masks need; slice ``i`` is ``items[i]``.
        cube: The same scenes, the bands as they are wanted.
        items: One item a slice.
        masking: The masks.
        constants: Constants of reflectance and temperature.

    Raises:
        LoadError: A band has no value for no data.
        UsageError: A band has no such class.
    """
    scenes = _Scenes(stored, items, constants)
    keys = [str(name) for name in cube.data_vars]
    found: dict[str, Mask] = {
        name: _RULES[name](scenes, keys, masking) if name in _RULES else _class_mask(scenes, name)
        for name in masking.names
    }
    result = {}
    for key in keys:
        band = cube[key]
        for part in found.values():
            band = _without(band, part[key] if isinstance(part, dict) else part)
        band.attrs = cube[key].attrs | {"masks": " ".join(masking.names), "mask_rules": "; ".join(_sources(masking))}
        result[key] = band
    if masking.keep:
        whole = {PREFIX + name.replace("=", "_").replace("/", "_"): _whole(part) for name, part in found.items()}
        for (name, part), rule in zip(whole.items(), masking.names, strict=True):
            known = masks.MASKS.get(rule)
            result[name] = part.assign_attrs(long_name=known.meaning if known else rule)
    return cube.assign(result)


def _sources(masking: Masking) -> list[str]:
    found = []
    for name in masking.names:
        rule = masks.MASKS.get(name)
        variant = f" ({masking.cloud} thresholds)" if name == "cloud" else ""
        found.append(f"{name}: {rule.citation}{variant}" if rule else f"{name}: classes of the product")
    return found


def _whole(part: Mask) -> xr.DataArray:
    if not isinstance(part, dict):
        return part
    first, *rest = part.values()
    for other in rest:
        first = first | other
    return first


def _without(band: xr.DataArray, masked: xr.DataArray) -> xr.DataArray:
    nothing = nothing_of(band)
    if nothing is None:
        raise LoadError(f"{band.name} has no value for no data, so it cannot be masked; use units, or keep_masks alone")
    kept = band.where(~masked, band.dtype.type(nothing))
    kept.attrs = band.attrs
    return kept


class _Scenes:
    """Bands of scenes in the units that rules need; each is made once."""

    def __init__(self, stored: xr.Dataset, items: Sequence[pystac.Item], constants: Constants) -> None:
        self.stored, self.items, self._constants = stored, items, constants
        self._made: dict[tuple[str, str], Any] = {}

    def physical(self, band: str, units: str) -> xr.DataArray:
        """Return a band in physical units: NaN in scenes that cannot have it, such as reflectance by night."""
        if (band, units) not in self._made:
            usable = [item if self._is_usable(item, band, units) else _bare(item) for item in self.items]
            self._made[band, units] = to_units(self.stored[band], usable, band, units, self._constants)  # type: ignore[arg-type]
        found: xr.DataArray = self._made[band, units]
        return found

    def _is_usable(self, item: pystac.Item, band: str, units: str) -> bool:
        if band in _SWIR and moment_of(item) >= SWIR_CUTOFF:
            return False
        return units != "reflectance" or float(item.properties.get("view:sun_elevation") or 0) > 0

    def reflectances(self, rule: str) -> list[xr.DataArray]:
        return [self.physical(band, "reflectance") for band in masks.MASKS[rule].reflectance]


def _bare(item: pystac.Item) -> pystac.Item:
    found = item.clone()
    found.assets = {}
    return found


Rule = Callable[[_Scenes, Sequence[str], Masking], Mask]


def _fill(scenes: _Scenes, keys: Sequence[str], _: Masking) -> xr.DataArray:
    return _whole({key: ~is_valid(scenes.stored[key]) for key in keys})


def _saturated(scenes: _Scenes, keys: Sequence[str], _: Masking) -> dict[str, xr.DataArray]:
    found = {}
    for key in keys:
        stored = scenes.stored[key]
        levels = [_field(item, key, "stacaster:saturation") for item in scenes.items]
        # A level that no number reaches, where the product names none.
        numbers = np.array([np.inf if level is None else float(level) for level in levels])
        found[key] = masks.saturated(stored, _along_time(numbers))
    return found


def _swir_dead(scenes: _Scenes, keys: Sequence[str], _: Masking) -> dict[str, xr.DataArray]:
    import xarray as xr

    dead = _along_time(np.array([moment_of(item) >= SWIR_CUTOFF for item in scenes.items]))
    return {
        key: (xr.zeros_like(scenes.stored[key], dtype=bool) | (dead & (key in _SWIR))).transpose(
            *scenes.stored[key].dims
        )
        for key in keys
    }


def _cloud(scenes: _Scenes, _: Sequence[str], masking: Masking) -> xr.DataArray:
    green, red, nir, swir = scenes.reflectances("cloud")
    thermal = scenes.physical("B13", "brightness_temperature")
    whole = masks.nacma(green, red, nir, swir, thermal, thresholds=masking.cloud)
    part = masks.nacma_without_swir(green, red, nir, thermal, thresholds=masking.cloud)
    found: xr.DataArray = whole | (part & swir.isnull())
    return found


def _snow(scenes: _Scenes, _: Sequence[str], __: Masking) -> xr.DataArray:
    found: xr.DataArray = masks.snow(*scenes.reflectances("snow"))
    return found


def _water(scenes: _Scenes, _: Sequence[str], __: Masking) -> xr.DataArray:
    found: xr.DataArray = masks.water(*scenes.reflectances("water"))
    return found


def _class_mask(scenes: _Scenes, name: str) -> xr.DataArray:
    key, _, wanted = name.partition("=")
    fields: dict[str, Any] = next((item.assets[key].extra_fields for item in scenes.items if key in item.assets), {})
    try:
        found: xr.DataArray = masks.of_class(scenes.stored[key], fields, wanted)
    except UsageError as error:
        raise UsageError(f"{key}: {error}") from None
    return found


def _field(item: pystac.Item, key: str, name: str) -> Any:
    asset = item.assets.get(key)
    return None if asset is None else asset.extra_fields.get(name)


def _along_time(values: Any) -> xr.DataArray:
    import xarray as xr

    return xr.DataArray(values, dims=("time",))


_RULES: Mapping[str, Rule] = {
    "fill": _fill,
    "saturated": _saturated,
    "swir_dead": _swir_dead,
    "cloud": _cloud,
    "snow": _snow,
    "water": _water,
}
