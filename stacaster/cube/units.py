"""Stored numbers to physical units, scene by scene, before scenes are fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.backscatter import decibels
from stacaster.cube.quantities import STORED, attributes, quantity_of, require_one_unit
from stacaster.errors import LoadError, UsageError
from stacaster.instruments import radiometry as calibrate
from stacaster.model.options import UNITS, Units
from stacaster.model.values import read_choice

if TYPE_CHECKING:
    import pystac
    from numpy.typing import NDArray

# Units of what may be stored as it is.
_UNSCALED = ("physical", "gamma0", "sigma0", "db")
_TABLE_BYTES = 2
_TABLES = 256


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Constants of the formulas, beside those that each scene brings."""

    esun: str | None = None
    """Set of solar irradiances in ``calibrate.ESUN``; None takes what each item says."""
    thermal: str = "effective"
    """Set of K1 and K2 in ``calibrate.THERMAL_CONSTANTS``."""
    emissivity: float | None = None
    """Of the surface, for ``surface_temperature``."""
    sky_irradiance: float = 0.0
    """W m-2 um-1, for ``surface_temperature``."""


def read_constants(options: Mapping[str, Any]) -> Constants:
    """Return the constants among the options of a load.

    Raises:
        UsageError: A set is not known; the message names the nearest.
    """
    names = ("esun", "thermal", "emissivity", "sky_irradiance")
    found = Constants(**{key: options[key] for key in names if options.get(key) is not None})
    calibrate.known_set(found.thermal, calibrate.THERMAL_CONSTANTS)
    if found.esun is not None:
        calibrate.known_set(found.esun, calibrate.ESUN)
    if found.emissivity is not None:
        calibrate.checked_emissivity(found.emissivity)
    return found


@dataclass(frozen=True, kw_only=True)
class SceneFormula:
    """The formula of one band of one scene: plain numbers, so that workers get it cheaply."""

    units: str
    scale: float
    offset: float
    nodata: float | None
    factor: float = 1.0
    thermal: tuple[float, float] | None = None
    emissivity: float = 1.0
    sky_irradiance: float = 0.0
    dtype: str = "float32"
    """Of the values."""

    @property
    def is_linear(self) -> bool:
        """Whether means of values are values of means: temperatures and decibels are not."""
        return self.thermal is None and self.units != "db"

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return values in physical units, NaN where there is no data, in an array of their own."""
        kind = stored.dtype
        if kind.kind not in "ui" or kind.itemsize > _TABLE_BYTES:
            return self.physical(stored)
        result: NDArray[Any] = _table(self, kind.str)[stored.view(f"u{kind.itemsize}")]
        return result

    def table(self, kind: str) -> NDArray[np.float32]:
        """Return the physical value of every number that an integer type of up to two bytes can hold."""
        return _table(self, np.dtype(kind).str)

    def linear_of_numbers(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what ``finish`` makes values of, of numbers that are NaN where there is no data."""
        found: NDArray[np.float64] = calibrate.radiance(numbers, self.scale, self.offset) * self.factor
        return found

    def linear(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return what ``finish`` makes values of, and what may be averaged: float64, or float32 of what is linear."""
        if self.is_linear:
            return self.values(stored)
        values = calibrate.radiance(stored.astype("float64"), self.scale, self.offset) * self.factor
        found: NDArray[Any] = self._without_nodata(stored, values)
        return found

    def physical(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return values in physical units, NaN where there is no data."""
        with np.errstate(invalid="ignore"):
            values = calibrate.radiance(stored.astype("float64"), self.scale, self.offset) * self.factor
        return self.finish(self._without_nodata(stored, values))

    def _without_nodata(self, stored: NDArray[Any], values: Any) -> Any:
        return values if self.nodata is None else np.where(stored == self.nodata, np.nan, values)

    def finish(self, values: Any) -> NDArray[Any]:
        """Return physical values of ``linear`` ones."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.thermal is not None:
                k1, k2 = self.thermal
                if self.units == "surface_temperature":
                    values = calibrate.surface_temperature(
                        values, k1=k1, k2=k2, emissivity=self.emissivity, sky_irradiance=self.sky_irradiance
                    )
                else:
                    values = calibrate.brightness_temperature(values, k1=k1, k2=k2)
            if self.units == "db":
                values = decibels(values)
        found: NDArray[Any] = values.astype(self.dtype)
        return found


def check_units(name: str) -> Units:
    """Return the name when it is one of ``UNITS``.

    Raises:
        UsageError: It is not.
    """
    known = read_choice("units", name, UNITS)
    return next(unit for unit in UNITS if unit == known)


def unit_attributes(items: Sequence[pystac.Item], band: str, units: Units, constants: Constants) -> dict[str, Any]:
    """Return what a band in units says of its values, and of what they were made with.

    Raises:
        LoadError: The items store the band in different units.
    """
    quantity = require_one_unit(items, band, units)
    return {**attributes(items, band, units, quantity), **_sources(items, band, units, constants, quantity)}


@lru_cache(maxsize=_TABLES)
def _table(scene: SceneFormula, kind: str) -> NDArray[np.float32]:
    """Return the physical value of every number that a small integer type can hold."""
    size = np.dtype(kind).itemsize
    return scene.physical(np.arange(2 ** (8 * size), dtype=f"u{size}").view(kind))


def formula_of(item: pystac.Item, band: str, units: Units, constants: Constants, nodata: float | None) -> SceneFormula:
    """Return the formula of one band of one scene.

    Raises:
        LoadError: The item lacks what it needs.
        UsageError: A set of constants is not known, or has no such band.
    """
    asset = item.assets.get(band)
    if asset is None:
        # The slice is fill; whatever it holds is no value.
        return SceneFormula(units=units, scale=np.nan, offset=np.nan, nodata=nodata)
    fields = _fields(item, band)
    own = fields.get("nodata", nodata)
    known = nodata if nodata is not None else own
    if units in _UNSCALED and "raster:scale" not in fields:
        return SceneFormula(units=units, scale=1.0, offset=0.0, nodata=known)
    plain = SceneFormula(
        units=units, scale=_need(fields, "raster:scale", units), offset=_need(fields, "raster:offset", units),
        nodata=known,
    )  # fmt: skip
    if units in _UNSCALED or quantity_of(item, band) in STORED.get(units, ()):
        return plain
    if units == "reflectance":
        return replace(plain, factor=_reflectance_factor(fields, item, constants))
    thermal = calibrate.thermal_constants(band, name=constants.thermal)
    if units == "brightness_temperature":
        return replace(plain, thermal=thermal)
    if constants.emissivity is None:
        raise UsageError("units='surface_temperature' needs emissivity=, a number above 0 and up to 1")
    return replace(plain, thermal=thermal, emissivity=constants.emissivity, sky_irradiance=constants.sky_irradiance)


def _fields(item: pystac.Item, band: str) -> dict[str, Any]:
    return {**item.assets[band].extra_fields, "id": item.id, "band": band}


def _need(fields: dict[str, Any], name: str, units: str) -> float:
    value = fields.get(name)
    if value is None:
        raise LoadError(f"{fields['band']} of {fields['id']} has no {name}, so it cannot be loaded as {units}")
    return float(value)


def _irradiance(fields: dict[str, Any], constants: Constants) -> float:
    if constants.esun is not None:
        return calibrate.solar_irradiance(fields["band"], name=constants.esun)
    return _need(fields, "eo:solar_illumination", "reflectance")


def _reflectance_factor(fields: dict[str, Any], item: pystac.Item, constants: Constants) -> float:
    """Return pi * d^2 / (ESUN * sin(elevation)) of one scene."""
    irradiance = _irradiance(fields, constants)
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


def _sources(
    items: Sequence[pystac.Item], band: str, units: Units, constants: Constants, quantity: str
) -> dict[str, Any]:
    """Return which constants a band was made with, and where they come from."""
    found: dict[str, Any] = {"calibration": "raster:scale and raster:offset of each scene"}
    if units in _UNSCALED or quantity in STORED.get(units, ()):
        return found
    if units == "reflectance":
        having = [item for item in items if band in item.assets]
        values = sorted({_irradiance(_fields(item, band), constants) for item in having})
        found["solar_irradiance"] = values[0] if len(values) == 1 else values
        named = constants.esun
        found["solar_irradiance_source"] = (
            "eo:solar_illumination of each item" if named is None else f"{named}: {calibrate.SOURCES[named]}"
        )
    else:
        found["k1"], found["k2"] = calibrate.thermal_constants(band, name=constants.thermal)
        found["thermal_constants"] = f"{constants.thermal}: {calibrate.SOURCES[constants.thermal]}"
    if units == "surface_temperature":
        found |= {"emissivity": constants.emissivity, "sky_irradiance": constants.sky_irradiance}
    return found


def convert_values(
    stored: NDArray[np.float64], item: pystac.Item, band: str, units: Units, constants: Constants
) -> NDArray[np.float32]:
    """Return stored numbers of one scene, NaN where there is no data, in physical units; see ``to_units``."""
    require_one_unit([item], band, units)
    return replace(formula_of(item, band, units, constants, None), nodata=None).physical(stored)
