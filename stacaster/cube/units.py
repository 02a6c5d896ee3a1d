"""Stored numbers to physical units, scene by scene, before scenes are fused."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stacaster.analysis.backscatter import decibels
from stacaster.cube.quantities import STORED, attributes, quantity_of, require_one_unit
from stacaster.errors import LoadError, UsageError, nearest
from stacaster.geotiff.driver.values import look_up
from stacaster.instruments import radiometry as calibrate
from stacaster.model.options import UNITS, Units

if TYPE_CHECKING:
    import pystac
    import xarray as xr
    from numpy.typing import NDArray

# Units of what may be stored as it is.
_UNSCALED = ("physical", "gamma0", "sigma0", "db")
_TABLE_BYTES = 2
_TABLES = 256
_THREADS = min(4, os.cpu_count() or 1)


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
class _Scene:
    """The formula of one band of one scene: plain numbers, so that workers get it cheaply."""

    units: str
    scale: float
    offset: float
    nodata: float | None
    factor: float = 1.0
    thermal: tuple[float, float] | None = None
    emissivity: float = 1.0
    sky_irradiance: float = 0.0

    def physical(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return values in physical units, NaN where there is no data."""
        with np.errstate(invalid="ignore"):
            values = calibrate.radiance(stored.astype("float64"), self.scale, self.offset) * self.factor
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
        if self.nodata is not None:
            values = np.where(stored == self.nodata, np.nan, values)
        found: NDArray[np.float32] = values.astype("float32")
        return found


def check_units(name: str) -> Units:
    """Return the name when it is one of ``UNITS``.

    Raises:
        UsageError: It is not.
    """
    for known in UNITS:
        if name == known:
            return known
    raise UsageError(f"units is {name!r}; {nearest(name, UNITS)}")


def to_units(
    stored: xr.DataArray, items: Sequence[pystac.Item], band: str, units: Units, constants: Constants | None = None
) -> xr.DataArray:
    """Return one band in physical units, float32 (complex numbers stay complex), with NaN where there is no data.

    Args:
        stored: Stored numbers, dimensions (time, y, x); slice ``i`` is ``items[i]``. With an attribute ``converted`` it
            holds physical values already, and gets their attributes.
        items: One item a slice.
        band: Asset key.
        units: What to return; not ``dn``.
        constants: Constants of the formulas.

    Raises:
        LoadError: An item lacks what the formula needs, or the items store the band in different units.
        UsageError: A set of constants is not known, or has no such band.
    """
    known = constants or Constants()
    quantity = require_one_unit(items, band, units)
    nodata = stored.attrs.get("nodata")
    scenes = [_scene(item, band, units, known, nodata) for item in items]
    # Complex numbers have no scale: they are what they are.
    is_done = stored.dtype.kind == "c" or stored.attrs.get("converted")
    result: xr.DataArray = stored.copy(data=stored.data if is_done else _converted(stored.data, scenes))
    kept = {key: value for key, value in stored.attrs.items() if key == "grid_mapping"}
    result.attrs = kept | attributes(items, band, units, quantity) | _sources(items, band, units, known, quantity)
    result.encoding = {}
    return result


def tables_of(
    items: Sequence[pystac.Item], band: str, units: Units, constants: Constants, *, kind: str, nodata: float | None
) -> list[NDArray[np.float32]] | None:
    """Return the physical value of every number of a data type, for each item; None where there are too many numbers.

    Raises:
        LoadError: See ``to_units``.
        UsageError: See ``to_units``.
    """
    dtype = np.dtype(kind)
    if dtype.kind not in "ui" or dtype.itemsize > _TABLE_BYTES:
        return None
    require_one_unit(items, band, units)
    return [_table(_scene(item, band, units, constants, nodata), dtype.str) for item in items]


def _converted(data: Any, scenes: Sequence[_Scene]) -> Any:
    if isinstance(data, np.ndarray):
        # Most of the time goes into memory that is touched for the first time, which several threads do side by side.
        result = np.empty(data.shape, dtype="float32")
        step = -(-data.shape[1] // _THREADS)
        parts = [slice(start, start + step) for start in range(0, data.shape[1], step)]
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda rows: _block(data[:, rows], scenes=scenes, result=result[:, rows]), parts))
        return result
    import dask.array as da

    # The blocks of one slice get the formula of that slice.
    starts = np.cumsum([0, *data.chunks[0]])
    slices = [
        da.map_blocks(_block, data[start:stop], scenes=tuple(scenes[start:stop]), dtype="float32")
        for start, stop in pairwise(starts)
    ]
    return da.concatenate(slices, axis=0)


def _block(
    block: NDArray[Any], *, scenes: Sequence[_Scene], result: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    if result is None:
        result = np.empty(block.shape, dtype="float32")
    kind = block.dtype
    for number, scene in enumerate(scenes):
        if kind.kind not in "ui" or kind.itemsize > _TABLE_BYTES:
            result[number] = scene.physical(block[number])
            continue
        table, codes = _table(scene, kind.str), block[number].view(f"u{kind.itemsize}")
        look_up(codes, table, result[number])
    return result


@lru_cache(maxsize=_TABLES)
def _table(scene: _Scene, kind: str) -> NDArray[np.float32]:
    """Return the physical value of every number that a small integer type can hold."""
    size = np.dtype(kind).itemsize
    return scene.physical(np.arange(2 ** (8 * size), dtype=f"u{size}").view(kind))


def _scene(item: pystac.Item, band: str, units: Units, constants: Constants, nodata: float | None) -> _Scene:
    asset = item.assets.get(band)
    if asset is None:
        # The slice is fill; whatever it holds is no value.
        return _Scene(units=units, scale=np.nan, offset=np.nan, nodata=nodata)
    fields = _fields(item, band)
    own = fields.get("nodata", nodata)
    known = nodata if nodata is not None else own
    if units in _UNSCALED and "raster:scale" not in fields:
        return _Scene(units=units, scale=1.0, offset=0.0, nodata=known)
    plain = _Scene(
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
    return replace(_scene(item, band, units, constants, None), nodata=None).physical(stored)
