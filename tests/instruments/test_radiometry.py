"""Formulas and constants by hand and against Planck's law."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
import xarray as xr

from stacaster.errors import UsageError
from stacaster.instruments import aster
from stacaster.instruments import radiometry as calibrate

# CODATA 2018: 2 h c^2 in W m-2 sr-1 um4 and h c / k in um K.
C1, C2 = 1.191042972e8, 1.438776877e4
WAVELENGTH = {"B10": 8.291, "B11": 8.634, "B12": 9.075, "B13": 10.657, "B14": 11.318}


def test_radiance_of_a_count_by_hand() -> None:
    # ASTER Users Handbook: L = (DN - 1) * UCC; band 1, high gain, 0.676: 101 counts are 67.6.
    ucc = calibrate.unit_conversion("B01", "HGH")
    assert ucc == 0.676
    assert calibrate.radiance(101, ucc, -ucc) == pytest.approx(67.6, abs=1e-12)
    assert calibrate.radiance(1, ucc, -ucc) == 0


def test_published_coefficients() -> None:
    assert calibrate.unit_conversion("B03N", "nor") == 0.862
    assert calibrate.unit_conversion("B04", "LO1") == 0.290
    assert calibrate.unit_conversion("B05", "LO2") == 0.409
    assert calibrate.unit_conversion("B09", "LO2") == 0.265
    assert calibrate.unit_conversion("B10", "NOR") == 0.006882
    assert calibrate.solar_irradiance("B01") == 1848.0
    assert calibrate.solar_irradiance("B03N", name="smith") == 1119.47


@pytest.mark.parametrize("band", WAVELENGTH)
def test_thermal_constants_are_those_of_plancks_law(band: str) -> None:
    k1, k2 = calibrate.thermal_constants(band)
    # The published figures rest on CODATA 1986, whose second radiation constant is 6e-6 smaller: 2 mK at 290 K.
    assert k1 == pytest.approx(C1 / WAVELENGTH[band] ** 5, rel=1e-5)
    assert k2 == pytest.approx(C2 / WAVELENGTH[band], rel=1e-5)
    rounded = calibrate.thermal_constants(band, name="rounded")
    assert rounded == pytest.approx((k1, k2), rel=0.02)


@pytest.mark.parametrize("kelvin", [220.0, 289.15, 330.0])
@pytest.mark.parametrize("band", WAVELENGTH)
def test_brightness_temperature_inverts_plancks_law(band: str, kelvin: float) -> None:
    length = WAVELENGTH[band]
    value = C1 / length**5 / math.expm1(C2 / (length * kelvin))
    k1, k2 = calibrate.thermal_constants(band)
    assert calibrate.brightness_temperature(np.float64(value), k1=k1, k2=k2) == pytest.approx(kelvin, abs=3e-3)


def test_brightness_temperature_of_nothing_is_nan() -> None:
    values = calibrate.brightness_temperature(np.array([9.0, 0.0, -1.0, np.nan]), k1=866.0, k2=1350.0)
    assert list(np.isnan(values)) == [False, True, True, True]
    lazy = calibrate.brightness_temperature(xr.DataArray([9.0, 0.0]).chunk(), k1=866.0, k2=1350.0)
    assert lazy.chunks is not None and np.isnan(lazy.values[1]) and lazy.values[0] == values[0]


def test_reflectance_by_hand() -> None:
    # pi * 100 * 1.0^2 / (1848 * sin 30 degrees) = 0.34
    value = calibrate.toa_reflectance(100.0, esun=1848.0, sun_elevation=30.0, earth_sun_distance=1.0)
    assert value == pytest.approx(0.339999, abs=1e-6)
    farther = calibrate.toa_reflectance(100.0, esun=1848.0, sun_elevation=30.0, earth_sun_distance=1.0167)
    assert farther == pytest.approx(value * 1.0167**2)


def test_distance_of_the_sun() -> None:
    # Perihelion about 3 January, 0.9833 au; aphelion about 4 July, 1.0167 au.
    assert calibrate.earth_sun_distance(4) == pytest.approx(0.98328, abs=1e-5)
    assert calibrate.earth_sun_distance(186) == pytest.approx(1.01672, abs=2e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: calibrate.unit_conversion("B01", "XX"), "XX"),
        (lambda: calibrate.unit_conversion("B10", "HGH"), "B10"),
        (lambda: calibrate.solar_irradiance("B10"), "B10"),
        (lambda: calibrate.solar_irradiance("B01", name="thuillier"), "thuillier"),
        (lambda: calibrate.thermal_constants("B01"), "B01"),
        (lambda: calibrate.thermal_constants("B10", name="best"), "best"),
    ],
)
def test_what_is_not_in_the_tables(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=words):
        call()


@pytest.mark.parametrize("offset", [None, -0.676, 0.676, 0.0, -0.7, 12.5])
def test_offset_follows_the_unit_conversion_coefficient(offset: float | None) -> None:
    """Radiance is (DN - 1) * UCC whatever the granule says of its offset; a contradiction is a note."""
    moment = dt.datetime(2003, 1, 1, tzinfo=dt.UTC)
    metadata = aster.AsterMetadata(datetime=moment, gains={"B01": "HGH"}, coefficients={"B01": (0.676, offset)})
    band = next(band for band in aster.BANDS if band.name == "B01")
    scale, shift, notes = aster.radiometry(band, metadata)
    assert (scale, shift) == (0.676, -0.676)
    assert len(notes) == (offset not in (None, -0.676)) and all("contradicts INCL 0.676" in note for note in notes)
    assert calibrate.radiance(np.array([1, 2, 101]), scale, shift) == pytest.approx([0, 0.676, 67.6])
