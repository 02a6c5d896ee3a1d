"""The invented surface: shares, reflectance, temperature and radiance."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest

from stacaster.samples import landscape

SEED = 20260310
# Planck's law at 8.291, 8.634, 9.075, 10.657 and 11.318 um as K1 (W m-2 sr-1 um-1) and K2 (K).
CONSTANTS = {
    "B10": (3040.136402, 1735.337945),
    "B11": (2482.375199, 1666.398761),
    "B12": (1935.060183, 1585.420044),
    "B13": (866.468575, 1350.069147),
    "B14": (641.326517, 1271.221673),
}


def places(number: int = 4000) -> tuple[Any, Any]:
    random = np.random.default_rng(SEED)
    return random.uniform(137.9, 138.9, number), random.uniform(-31.4, -30.6, number)


@pytest.mark.parametrize("day", [1, 60, 120, 180, 240, 300, 366])
def test_shares_are_not_negative_and_sum_to_one(day: int) -> None:
    shares = landscape.fractions(*places(), day_of_year=day)
    assert all((values >= 0).all() for values in shares.values())
    np.testing.assert_allclose(sum(shares.values()), 1.0, atol=1e-12)


def test_ndvi_of_green_and_bare_land() -> None:
    lon, lat = places()
    red, nir = (landscape.reflectance(band, lon, lat, day_of_year=240) for band in ("B02", "B03N"))
    ndvi = (nir - red) / (nir + red)
    green = landscape.fractions(lon, lat, day_of_year=240)["vegetation"]
    land = ~landscape.is_lake(lon, lat)
    assert ndvi[land & (green > 0.5)].min() > 0.3
    bare = ndvi[land & (green < 0.03)]
    assert bare.size > 20
    assert 0.05 < bare.min() <= bare.max() < 0.17


def test_vegetation_follows_the_season() -> None:
    green = {day: landscape.fractions(*places(), day_of_year=day)["vegetation"].mean() for day in (57, 240)}
    assert green[240] > 1.5 * green[57]


def test_the_lake_is_dark_in_the_infrared_and_exists() -> None:
    lon, lat = np.meshgrid(np.linspace(138.4, 138.8, 200), np.linspace(-31.2, -30.8, 200))
    lake = landscape.is_lake(lon, lat)
    assert 0.001 < lake.mean() < 0.05
    nir = landscape.reflectance("B03N", lon, lat, day_of_year=100)
    assert nir[lake].max() < 0.05
    assert nir[~lake].min() > 0.2


@pytest.mark.parametrize("band", sorted(CONSTANTS))
@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_brightness_temperature_by_day_and_night(band: str, month: int) -> None:
    lon, lat = places()
    moment = dt.datetime(2003, month, 15, 1, tzinfo=dt.UTC)
    k1, k2 = CONSTANTS[band]
    day, night = (
        k2 / np.log(k1 / landscape.radiance(band, lon, lat, moment=moment, sun_elevation=sun) + 1) for sun in (50, -50)
    )
    assert 280 < day.min() < day.max() < 325
    land = ~landscape.is_lake(lon, lat)
    assert (night[land] < day[land] - 5).all()
    assert night.min() > 255


def test_reflected_radiance_by_hand() -> None:
    lon, lat = np.array([138.5]), np.array([-31.0])
    moment = dt.datetime(2003, 1, 4, 1, tzinfo=dt.UTC)
    reflectance = landscape.reflectance("B01", lon, lat, day_of_year=4)
    distance = 1 - 0.01672
    expected = reflectance * 1848.0 * 0.5 / (math.pi * distance**2)
    found = landscape.radiance("B01", lon, lat, moment=moment, sun_elevation=30.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert landscape.radiance("B04", lon, lat, moment=moment, sun_elevation=-5.0) == 0
