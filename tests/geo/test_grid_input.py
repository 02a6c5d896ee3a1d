"""CRS, pixel size and resampling as people write them; what is wrong names the nearest that is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from odc.geo import resxy_
from odc.geo.crs import CRS
from rasterio.enums import Resampling

from stacaster.errors import UsageError
from stacaster.geo.grid_input import RESAMPLINGS, read_crs, read_resampling, read_resolution


@pytest.mark.parametrize(
    "value",
    [
        "EPSG:32754", "epsg:32754", "epsg 32754", "32754", 32754, np.int64(32754), pyproj.CRS(32754), CRS(32754),
        rasterio.crs.CRS.from_epsg(32754), pyproj.CRS(32754).to_wkt(),
    ],
)  # fmt: skip
def test_a_crs_in_every_form(value: Any) -> None:
    assert read_crs(value) == "EPSG:32754"


def test_a_crs_without_a_code_and_the_zone_of_the_scenes() -> None:
    sinusoidal = read_crs("+proj=sinu +R=6371007.181 +units=m")
    assert pyproj.CRS(sinusoidal).to_dict()["proj"] == "sinu"
    assert read_crs("UTM") == "utm"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("EPSG:32799", "nearest are EPSG:327"), (99999, "nearest are EPSG:"), ("atlantis", "such as EPSG:32754"),
        (True, "no CRS"), ("", "no CRS"), ([1], "no CRS"), ("EPSG:4978", "Geocentric"), ("EPSG:5773", "Vertical"),
    ],
)  # fmt: skip
def test_what_is_no_crs_of_a_map(value: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_crs(value)


@pytest.mark.parametrize("value", [30, "30", "30 m", "30m", np.float32(30), "0.03 km", 30.0])
def test_metres(value: Any) -> None:
    assert read_resolution(value, "EPSG:32754") == 30.0


def test_pairs_and_degrees() -> None:
    assert read_resolution((30, 15), "EPSG:32754") == resxy_(30, -15)
    assert read_resolution((30, -15), "EPSG:32754") == resxy_(30, -15)
    assert read_resolution("0.00025 deg", 4326) == 0.00025


@pytest.mark.parametrize(
    ("value", "crs", "words"),
    [
        (30, "EPSG:4326", r"30 m are about 0\.00026\d degrees"), ("30 m", "EPSG:4326", "is in degrees"),
        (resxy_(30, -30), "EPSG:4326", "is in degrees"), (0.00025, "EPSG:32754", "is in metres"),
        ("0.1 deg", "EPSG:3577", "is in metres"), (0, None, "above 0"), (-30, "EPSG:32754", "above 0"),
        (True, None, "number"), ("fine", None, "number"), ((1, 2, 3), None, "pair of x and y"),
        (float("nan"), None, "number"), ([], None, "pair"),
    ],
)  # fmt: skip
def test_sizes_in_the_wrong_unit(value: Any, crs: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_resolution(value, crs)


@pytest.mark.parametrize(
    ("value", "name"),
    [("Bilinear", "bilinear"), ("cubicspline", "cubic_spline"), ("mean", "average"), ("near", "nearest"),
     (Resampling.average, "average"), ({"B01": "median"}, {"B01": "med"})],
)  # fmt: skip
def test_resamplings(value: Any, name: Any) -> None:
    assert read_resampling(value) == name


def test_every_resampling_is_one_of_gdal() -> None:
    assert {name for name in RESAMPLINGS if hasattr(Resampling, name)} == set(RESAMPLINGS)


@pytest.mark.parametrize("value", ["bilinaer", 5, {"B01": "blurred"}])
def test_unknown_resamplings_name_the_nearest(value: Any) -> None:
    with pytest.raises(UsageError, match=r"resampling.*nearest are"):
        read_resampling(value)
