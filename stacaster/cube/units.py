"""Stored numbers to physical units, scene by scene, before scenes are fused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stacaster import calibrate
from stacaster.errors import LoadError, UsageError

if TYPE_CHECKING:
    import pystac
    import xarray as xr

Units = Literal["dn", "radiance", "reflectance", "brightness_temperature"]
"""What the values of a cube mean."""

UNITS: tuple[Units, ...] = ("dn", "radiance", "reflectance", "brightness_temperature")
"""All units that ``load`` knows."""

_ATTRS = {
    "radiance": {"units": "W m-2 sr-1 um-1", "long_name": "spectral radiance at the sensor"},
    "reflectance": {"units": "1", "long_name": "reflectance at the top of the atmosphere"},
    "brightness_temperature": {"units": "K", "long_name": "brightness temperature at the sensor"},
}


def check_units(name: str) -> Units:
    """Return the name when it is one of ``UNITS``.

    Raises:
        UsageError: It is not.
    """
    for known in UNITS:
        if name == known:
            return known
    raise UsageError(f"units is {name!r}, but one of {', '.join(UNITS)} is needed")


def to_units(stored: xr.DataArray, items: Sequence[pystac.Item], band: str, units: Units) -> xr.DataArray:
    """Return one band in physical units, float32, with NaN where there is no data.

    Args:
        stored: Stored numbers, dimensions (time, y, x); slice ``i`` is ``items[i]``.
        items: One item a slice.
        band: Asset key.
        units: What to return; not ``dn``.

    Raises:
        LoadError: An item lacks what the formula needs.
    """
    import xarray as xr

    def along_time(values: Sequence[float]) -> xr.DataArray:
        return xr.DataArray(np.asarray(values, dtype="float64"), dims=("time",))

    fields = [_fields(item, band) for item in items]
    nodata = {field["nodata"] for field in fields if field is not None and field.get("nodata") is not None}
    valid = xr.ones_like(stored, dtype=bool) if not nodata else stored != next(iter(nodata))
    scale = along_time([np.nan if field is None else _need(field, "raster:scale", units) for field in fields])
    offset = along_time([np.nan if field is None else _need(field, "raster:offset", units) for field in fields])
    values = calibrate.radiance(stored.astype("float64"), scale, offset)
    if units == "reflectance":
        factors = [np.nan if field is None else _reflectance_factor(field, item)
                   for field, item in zip(fields, items, strict=True)]  # fmt: skip
        values = values * along_time(factors)
    elif units == "brightness_temperature":
        k1, k2 = calibrate.thermal_constants(band)
        values = calibrate.brightness_temperature(values, k1=k1, k2=k2)
    result: xr.DataArray = values.where(valid).astype("float32")
    kept = {key: value for key, value in stored.attrs.items() if key == "grid_mapping"}
    result.attrs = kept | _ATTRS[units]
    result.encoding = {}
    return result


def _fields(item: pystac.Item, band: str) -> dict[str, Any] | None:
    asset = item.assets.get(band)
    return None if asset is None else {**asset.extra_fields, "id": item.id, "band": band}


def _need(fields: dict[str, Any], name: str, units: str) -> float:
    value = fields.get(name)
    if value is None:
        raise LoadError(f"{fields['band']} of {fields['id']} has no {name}, so it cannot be loaded as {units}")
    return float(value)


def _reflectance_factor(fields: dict[str, Any], item: pystac.Item) -> float:
    """Return pi * d^2 / (ESUN * sin(elevation)) of one scene."""
    irradiance = _need(fields, "eo:solar_illumination", "reflectance")
    elevation = item.properties.get("view:sun_elevation")
    if elevation is None or not float(elevation) > 0:
        raise LoadError(f"{item.id} has sun elevation {elevation}: reflectance needs the sun above the horizon")
    moment = item.datetime
    if moment is None:
        raise LoadError(f"{item.id} has no datetime: reflectance needs the distance of the sun")
    distance = calibrate.earth_sun_distance(moment.timetuple().tm_yday)
    return float(
        calibrate.toa_reflectance(1.0, esun=irradiance, sun_elevation=float(elevation), earth_sun_distance=distance)
    )
