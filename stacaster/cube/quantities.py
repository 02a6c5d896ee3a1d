"""What an item stores of a band, and which units can be made of it.

Decision: ``stacaster:quantity`` says what is stored where it is not radiance at the sensor. ``units`` follows it and
refuses what cannot be made, such as reflectance at the sensor from radiance that left the surface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stacaster.errors import LoadError

if TYPE_CHECKING:
    import pystac

_AT_SENSOR = "radiance"
STORED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "radiance": {"radiance": ("W m-2 sr-1 um-1", "spectral radiance at the sensor"),
                 "surface_radiance": ("W m-2 sr-1 um-1", "spectral radiance that leaves the surface")},
    "reflectance": {"surface_reflectance": ("1", "reflectance at the surface")},
    "surface_temperature": {"surface_temperature": ("K", "temperature of the surface")},
    "gamma0": {"gamma0": ("1", "backscatter gamma0, linear power")},
}  # fmt: skip
"""Units that need no formula, by the quantity that is stored."""

_FROM_RADIANCE: Mapping[str, tuple[str, ...]] = {
    "radiance": ("reflectance", "brightness_temperature", "surface_temperature"),
    "surface_radiance": ("brightness_temperature", "surface_temperature"),
    "gamma0": ("sigma0", "db"),
}
"""Units that a formula makes of a stored quantity; light that leaves the surface is no reflectance at the sensor."""

_ATTRS = {
    "radiance": {"units": "W m-2 sr-1 um-1", "long_name": "spectral radiance at the sensor"},
    "reflectance": {"units": "1", "long_name": "reflectance at the top of the atmosphere"},
    "brightness_temperature": {"units": "K", "long_name": "brightness temperature at the sensor"},
    "surface_temperature": {"units": "K", "long_name": "surface temperature"},
    "sigma0": {"units": "1", "long_name": "backscatter sigma0, linear power"},
    "db": {"units": "dB", "long_name": "backscatter gamma0"},
}
_BACKSCATTER = ("gamma0", "sigma0", "db")
_RADIANCE_UNIT = "W m-2 sr-1 um-1"


def quantity_of(item: pystac.Item, band: str) -> str:
    """Return what an item stores under a band; radiance at the sensor where it does not say."""
    return str(item.assets[band].extra_fields.get("stacaster:quantity") or _AT_SENSOR)


def sigma0_factors(items: Sequence[pystac.Item], bands: Sequence[str]) -> dict[str, str]:
    """Return the asset whose values make sigma0 of gamma0, by band.

    Raises:
        LoadError: No item says which it is.
    """
    found: dict[str, str] = {}
    for band in bands:
        named = {str(item.assets[band].extra_fields.get("stacaster:sigma0_factor", "")) for item in items
                 if band in item.assets}  # fmt: skip
        key = max(named, default="")
        if not key or not any(key in item.assets for item in items):
            raise LoadError(f"{band} has no factor from gamma0 to sigma0, so it cannot be loaded as sigma0")
        found[band] = key
    return found


def require_one_unit(items: Sequence[pystac.Item], band: str, units: str) -> str:
    """Return the quantity that all items store under a band, when the units can be made of it."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in items:
        if band in item.assets:
            unit = str(item.assets[band].extra_fields.get("unit") or _RADIANCE_UNIT)
            found.setdefault((quantity_of(item, band), unit), []).append(item.id)
    if len(found) > 1:
        listed = "; ".join(
            f"{unit if of == _AT_SENSOR else f'{of}, {unit}'}: {', '.join(ids[:3])}"
            for (of, unit), ids in sorted(found.items())
        )
        raise LoadError(f"{band} is stored in several units, so it cannot be loaded as {units}: {listed}")
    quantity, unit = next(iter(found), (_AT_SENSOR, _RADIANCE_UNIT))
    if units == "physical":
        return quantity
    is_foreign = quantity == _AT_SENSOR and unit != _RADIANCE_UNIT
    if is_foreign:
        raise LoadError(f"{band} is stored in {unit}, not in radiance, so it is no {units}; use units='physical'")
    if quantity == _AT_SENSOR and units in _BACKSCATTER:
        raise LoadError(f"{band} holds no backscatter, so it cannot be loaded as {units}; use units='physical'")
    if quantity not in STORED.get(units, ()) and units not in _FROM_RADIANCE.get(quantity, ()):
        raise LoadError(f"{band} is {quantity.replace('_', ' ')}, which is no {units}; use units='physical'")
    return quantity


def attributes(items: Sequence[pystac.Item], band: str, units: str, quantity: str) -> dict[str, str]:
    """Return ``units`` and ``long_name`` of a band in units."""
    if quantity in STORED.get(units, ()):
        unit, name = STORED[units][quantity]
        return {"units": unit, "long_name": name}
    if units != "physical":
        return dict(_ATTRS[units])
    having = [item.assets[band].extra_fields for item in items if band in item.assets]
    unit = next((str(fields["unit"]) for fields in having if fields.get("unit")), "1")
    return {"units": unit, "long_name": quantity.replace("_", " ")}
