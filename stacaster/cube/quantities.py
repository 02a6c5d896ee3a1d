"""What an item stores of a band, and which units can be made of it."""

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
}  # fmt: skip
"""Units that need no formula, by the quantity that is stored."""

_FROM_RADIANCE: Mapping[str, tuple[str, ...]] = {
    "radiance": ("reflectance", "brightness_temperature", "surface_temperature"),
    "surface_radiance": ("brightness_temperature", "surface_temperature"),
}
"""Units that a formula makes of a stored quantity; light that leaves the surface is no reflectance at the sensor."""

_ATTRS = {
    "radiance": {"units": "W m-2 sr-1 um-1", "long_name": "spectral radiance at the sensor"},
    "reflectance": {"units": "1", "long_name": "reflectance at the top of the atmosphere"},
    "brightness_temperature": {"units": "K", "long_name": "brightness temperature at the sensor"},
    "surface_temperature": {"units": "K", "long_name": "surface temperature"},
}
_RADIANCE_UNIT = "W m-2 sr-1 um-1"


def quantity_of(item: pystac.Item, band: str) -> str:
    """Return what an item stores under a band; radiance at the sensor where it does not say."""
    return str(item.assets[band].extra_fields.get("stacaster:quantity") or _AT_SENSOR)


def require_one_unit(items: Sequence[pystac.Item], band: str, units: str) -> str:
    """Return the quantity that all items store under a band, when the units can be made of it."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in items:
        if band in item.assets:
            unit = str(item.assets[band].extra_fields.get("unit") or _RADIANCE_UNIT)
            found.setdefault((quantity_of(item, band), unit), []).append(item.id)
    if len(found) > 1:
        listed = "; ".join(f"{of}, {unit}: {', '.join(ids[:3])}" for (of, unit), ids in sorted(found.items()))
        raise LoadError(f"{band} is stored in several units, so it cannot be loaded as {units}: {listed}")
    quantity, unit = next(iter(found), (_AT_SENSOR, _RADIANCE_UNIT))
    if units == "physical":
        return quantity
    is_foreign = quantity == _AT_SENSOR and unit != _RADIANCE_UNIT
    if is_foreign:
        raise LoadError(f"{band} is stored in {unit}, not in radiance, so it is no {units}; use units='physical'")
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
