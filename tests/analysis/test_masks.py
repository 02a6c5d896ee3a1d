"""Masks by their published rules, on spectra made for each test of each rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from stacaster.analysis import masks
from stacaster.errors import UsageError

# Reflectances of bands 1, 2, 3N and 4 and the temperature of band 13 of a cumulus cloud: it passes every test.
CLOUD = {"green": 0.50, "red": 0.52, "nir": 0.55, "swir": 0.45, "temperature": 260.0}


def spectrum(**changes: float) -> dict[str, Any]:
    return {name: np.array([value]) for name, value in (CLOUD | changes).items()}


def test_a_cloud_passes_every_test() -> None:
    assert masks.nacma(**spectrum()).all()
    assert masks.nacma_without_swir(**{k: v for k, v in spectrum().items() if k != "swir"}).all()


@pytest.mark.parametrize(
    ("changes", "test"),
    [
        ({"red": 0.079, "green": 0.079, "nir": 0.085, "swir": 0.09}, "red above 0.08"),
        ({"swir": 0.08}, "NDSI below 0.7: (0.50 - 0.08) / 0.58 = 0.724"),
        ({"temperature": 300.5, "swir": 0.5}, "colder than 300 K: (1 - 0.5) * 300.5 = 150 passes"),
        ({"swir": 0.10, "green": 0.3, "red": 0.3, "nir": 0.3, "temperature": 280.0}, "0.9 * 280 = 252 is above 240"),
        ({"nir": 1.05, "swir": 0.5}, "B3/B2 = 2.02 is vegetation"),
        ({"nir": 0.99, "green": 0.43, "red": 0.50, "swir": 0.5}, "B3/B1 = 2.302 is soil, B3/B2 = 1.98 passes"),
        ({"nir": 0.44, "swir": 0.54}, "B3/B4 = 0.815 is rock"),
    ],
)
def test_each_test_of_nacma_can_refuse(changes: dict[str, float], test: str) -> None:
    assert not masks.nacma(**spectrum(**changes)).any(), test


def test_variants_differ_where_their_thresholds_do() -> None:
    thin = spectrum(red=0.15, green=0.15, nir=0.16, swir=0.14)
    assert masks.nacma(**thin).all() and not masks.nacma(**thin, thresholds="vicar").any()
    rock = spectrum(nir=0.44, swir=0.54)
    assert not masks.nacma(**rock).any() and masks.nacma(**rock, thresholds="vicar").all()
    own = masks.CloudThresholds(temperature=250.0)
    assert not masks.nacma(**spectrum(), thresholds=own).any()
    with pytest.raises(UsageError, match="'papper'; nearest are paper"):
        masks.nacma(**spectrum(), thresholds="papper")


def test_a_value_that_is_missing_masks_nothing() -> None:
    for name in CLOUD:
        assert not masks.nacma(**spectrum(**{name: np.nan})).any(), name
    assert not masks.snow(np.array([0.8]), np.array([0.7]), np.array([np.nan])).any()


def test_snow_and_water_by_hand() -> None:
    green, nir, swir = np.array([0.8, 0.8, 0.2]), np.array([0.7, 0.2, 0.3]), np.array([0.3, 0.3, 0.25])
    # NDSI 0.5 / 1.1 = 0.4545; the second is dark in the near infrared; the third has -0.11.
    assert masks.ndsi(green, swir) == pytest.approx([0.454545, 0.454545, -0.111111], abs=1e-6)
    assert masks.snow(green, nir, swir).tolist() == [True, False, False]
    assert masks.water(np.array([0.1, 0.1]), np.array([0.05, 0.15])).tolist() == [True, False]


def test_quality_bits() -> None:
    values = np.array([0b00000000, 0b01101100, 0b11111111], dtype="uint8")
    assert masks.quality_bits(values, offset=2, length=2).tolist() == [0, 3, 3]
    assert masks.quality_bits(values, offset=4, length=3).tolist() == [0, 6, 7]


FIELDS = {
    "classification:bitfields": [
        {
            "name": "cloud",
            "offset": 2,
            "length": 2,
            "classes": [{"name": "no", "value": 0}, {"name": "yes", "value": 3}],
        }
    ]
}


def test_classes_by_name() -> None:
    values = np.array([0, 0b1100, 0b0100])
    assert masks.of_class(values, FIELDS, "cloud/yes").tolist() == [False, True, False]
    assert masks.of_class(values, {"classification:classes": [{"name": "x", "value": 12}]}, "x").tolist() == [0, 1, 0]
    with pytest.raises(UsageError, match="'cloud/maybe'; nearest are cloud/"):
        masks.of_class(values, FIELDS, "cloud/maybe")
    with pytest.raises(UsageError, match="no classes"):
        masks.of_class(values, {}, "cloud")


def test_bits_of_several_masks() -> None:
    one, two = (xr.DataArray(np.array(values)) for values in ([True, False, True], [False, False, True]))
    bits = masks.as_bits({"cloud": one, "snow": two})
    assert bits.dtype == np.uint8 and bits.values.tolist() == [1, 0, 3]
    assert bits.attrs["flag_masks"] == [1, 2] and bits.attrs["flag_meanings"] == "cloud snow"
    described = masks.bitfields(["cloud", "snow"])
    for field, wanted in zip(described, (one, two), strict=True):
        found = masks.of_class(bits, {"classification:bitfields": described}, f"{field['name']}/yes")
        assert found.equals(wanted)
    with pytest.raises(UsageError, match="one to eight"):
        masks.as_bits({})


def test_every_rule_says_where_it_comes_from() -> None:
    for name, rule in masks.MASKS.items():
        assert rule.name == name and rule.citation and rule.meaning
