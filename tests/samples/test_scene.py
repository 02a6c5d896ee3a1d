"""Simulated scenes: names, sizes, footprint and numbers."""

from __future__ import annotations

import datetime as dt
import math
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from stacaster.samples import DEFAULT_SCENES, FULL_SIZE_SCENE, landscape
from stacaster.samples.scene import AsterScene

SEED = 712
SIZES = {"VNIR": (15, "uint8", 255), "SWIR": (30, "uint8", 255), "TIR": (90, "uint16", 4095)}
BANDS = {
    "VNIR": ("B01", "B02", "B03N"),
    "SWIR": ("B04", "B05", "B06", "B07", "B08", "B09"),
    "TIR": ("B10", "B11", "B12", "B13", "B14"),
}
# Largest radiance of each band by gain, W m-2 sr-1 um-1 (ASTER Users Handbook): 253 or 4093 counts above zero radiance.
LARGEST: dict[str, tuple[float, ...]] = {
    "HGH": (170.8, 179.0, 106.8, 27.5, 8.8, 7.9, 7.55, 5.27, 4.02),
    "NOR": (427.0, 358.0, 218.0, 55.0, 17.6, 15.8, 15.1, 10.55, 8.04),
    "LOW": (569.0, 477.0, 290.0, 73.3, 23.4, 21.0, 20.1, 14.06, 10.72),
    "LO1": (569.0, 477.0, 290.0, 73.3, 23.4, 21.0, 20.1, 14.06, 10.72),
    "LO2": (math.nan, math.nan, math.nan, 73.3, 103.5, 98.7, 83.8, 62.0, 67.0),
}
LARGEST_TIR = (28.17, 27.75, 26.97, 23.30, 21.38)
ONE_COUNT = {
    **dict(zip(BANDS["VNIR"], (0.676, 1.415, 1.15), strict=True)),
    **dict(zip(BANDS["SWIR"], (0.1087, 0.0696, 0.390, 0.332, 0.245, 0.265), strict=True)),
    **dict(zip(BANDS["TIR"], (0.006882, 0.006780, 0.006590, 0.005693, 0.005225), strict=True)),
}
GAINS = ("HGH", "NOR", "LOW", "HGH", "NOR", "LO2", "LO2", "LO2", "LO2")


def make(**rest: Any) -> AsterScene:
    fields: dict[str, Any] = {
        "acquired": dt.datetime(2001, 10, 14, 0, 58, 12, 345678, tzinfo=dt.UTC),
        "produced": dt.datetime(2015, 4, 9, 13, 53, 50, tzinfo=dt.UTC),
        "zone": 54,
        "upper_left": (-3_428_910, 261_360),
        "tir_shape": (31, 37),
        **rest,
    }
    return AsterScene(**fields)


def test_names() -> None:
    scene = make(number=78838)
    assert scene.name == "AST_L1T_00310142001005812_20150409135350_78838"
    assert scene.name_004 == "AST_L1T_00410142001005812_20150409135350"
    for other in (*DEFAULT_SCENES, FULL_SIZE_SCENE):
        assert re.fullmatch(r"AST_L1T_003\d{14}_\d{14}_\d+", other.name)
        acquired = dt.datetime.strptime(other.name[11:25], "%m%d%Y%H%M%S").replace(tzinfo=dt.UTC)
        assert acquired == other.acquired.replace(microsecond=0)


def test_corner_centres_are_shared_by_all_subsystems() -> None:
    for scene in (*DEFAULT_SCENES, FULL_SIZE_SCENE):
        (top, left), (bottom, right) = scene.upper_left, scene.lower_right
        assert all(value % 90 == 0 for value in (top, left, bottom, right))
        for name, (size, _, _) in SIZES.items():
            rows, cols = scene.shape(name)
            assert ((rows - 1) * size, (cols - 1) * size) == (top - bottom, right - left)


def test_coefficients_fit_the_largest_radiance() -> None:
    for gain, values in LARGEST.items():
        scene = make(gains=(gain,) * 9)
        for band, largest in zip(BANDS["VNIR"] + BANDS["SWIR"], values, strict=True):
            if not math.isnan(largest):
                assert scene.coefficient(band) == pytest.approx(largest / 253, rel=0.01), (gain, band)
    for band, largest in zip(BANDS["TIR"], LARGEST_TIR, strict=True):
        assert make().coefficient(band) == pytest.approx(largest / 4093, rel=0.001)


@pytest.mark.parametrize("subsystem", sorted(BANDS))
def test_numbers_from_longitude_and_latitude(subsystem: str) -> None:
    random = np.random.default_rng(SEED)
    scene = make(gains=GAINS, sun_elevation=58.3)
    size, dtype, highest = SIZES[subsystem]
    rows, cols = scene.shape(subsystem)
    row, col = random.integers(rows // 3, 2 * rows // 3, 60), random.integers(cols // 3, 2 * cols // 3, 60)
    lonlat = Transformer.from_crs("EPSG:32654", "EPSG:4326", always_xy=True)
    lon, lat = lonlat.transform(261_360 + size * col.astype(float), -3_428_910 - size * row.astype(float))
    for band in BANDS[subsystem]:
        pixels = scene.pixels(band)
        assert (pixels.dtype.name, pixels.shape) == (dtype, (rows, cols))
        light = landscape.radiance(band, lon, lat, moment=scene.acquired, sun_elevation=58.3)
        exact = 1 + light / ONE_COUNT[band]
        expected = np.minimum(np.floor(exact + 0.5), highest)
        certain = np.abs(exact % 1 - 0.5) > 1e-6
        np.testing.assert_array_equal(pixels[row, col][certain], expected[certain])
        assert certain.sum() > 50


def test_bright_pixels_saturate() -> None:
    scene = make(gains=("HGH",) * 9, sun_elevation=60.0)
    pixels = scene.pixels("B03N")
    assert (pixels == 255).any()
    assert ((pixels > 1) & (pixels < 255)).any()
    assert pixels.max() == 255


def test_corners_are_fill_and_the_centre_is_not() -> None:
    scene = make()
    for subsystem, bands in BANDS.items():
        pixels = scene.pixels(bands[0])
        rows, cols = pixels.shape
        assert [int(pixels[i, j]) for i in (0, -1) for j in (0, -1)] == [0, 0, 0, 0], subsystem
        assert (pixels[rows // 3 : 2 * rows // 3, cols // 3 : 2 * cols // 3] > 0).all()
        assert 0.15 < (pixels == 0).mean() < 0.4


def test_subsystems_see_the_same_area() -> None:
    scene = make()
    tir, vnir, swir = (scene.pixels(band) > 0 for band in ("B10", "B01", "B04"))
    np.testing.assert_array_equal(vnir[::6, ::6], tir)
    np.testing.assert_array_equal(swir[::3, ::3], tir)


def test_no_rotation_leaves_no_fill() -> None:
    scene = make(rotation=0.0)
    assert all((scene.pixels(band) > 0).all() for band in ("B01", "B04", "B10"))


@pytest.mark.parametrize("direction", ["DE", "AS"])
def test_data_are_turned_as_the_track_goes(direction: str) -> None:
    """Terra flies to the south-south-west by day: the frame turns clockwise, the upper-left corner is the northernmost.

    At night it flies to the north-north-west, which turns the frame the other way.
    """
    valid = make(direction=direction, tir_shape=(61, 61)).pixels("B10") > 0
    row, col = np.nonzero(valid)
    northernmost, westernmost = col[row == row.min()].mean(), row[col == col.min()].mean()
    assert (northernmost < 30, westernmost > 30) == ((True, True) if direction == "DE" else (False, False))


def test_memory_stays_far_below_the_size_of_the_whole_computation() -> None:
    scene = make(tir_shape=(251, 101))
    tracemalloc.start()
    pixels = scene.pixels("B01")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < pixels.size * 8 * 6
