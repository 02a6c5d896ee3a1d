"""Loops over pixels against NumPy, and what happens around them in other processes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacaster.geotiff.driver import kernels
from stacaster.geotiff.driver.codecs import restored
from stacaster.geotiff.driver.levels import Level
from stacaster.geotiff.driver.values import look_up


def level_of(dtype: str, shape: tuple[int, int]) -> Level:
    """Return a level of one tile whose rows are differences."""
    high, wide = shape
    nothing = np.zeros(1, dtype="int64")
    return Level(
        width=wide, height=high, tile_width=wide, tile_height=high, dtype=dtype, compression="zstd", predictor=2,
        offsets=nothing, counts=nothing,
    )  # fmt: skip


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32"]), rows=st.integers(1, 5),
    wide=st.integers(1, 40), seed=st.integers(0, 1000), fast=st.booleans(),
)  # fmt: skip
def test_differences_are_added_up(dtype: str, rows: int, wide: int, seed: int, fast: bool) -> None:
    """Also where they run over, and where a row is no whole number of words."""
    limits = np.iinfo(dtype)
    tile = np.random.default_rng(seed).integers(limits.min, limits.max, (rows, wide), dtype=dtype, endpoint=True)
    expected = np.cumsum(tile, axis=1, dtype=dtype)
    found = restored(tile.copy(), level_of(dtype, (rows, wide)), slice(0, rows), fast=fast)
    assert found.dtype == tile.dtype
    assert np.array_equal(found, expected)


def test_only_wanted_rows_are_restored() -> None:
    tile = np.random.default_rng(1).integers(0, 256, (16, 16), dtype="uint8")
    found = restored(tile.copy(), level_of("uint8", (16, 16)), slice(5, 9), fast=True)
    assert np.array_equal(found, np.cumsum(tile, axis=1, dtype="uint8")[5:9])


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize("is_whole", [True, False])
def test_tables(monkeypatch: pytest.MonkeyPatch, is_compiled: bool, is_whole: bool) -> None:
    assert kernels.look_up is not None
    if not is_compiled:
        monkeypatch.delitem(sys.modules, "numba")
    table = np.random.default_rng(2).normal(size=1 << 16).astype("float32")
    codes = np.random.default_rng(3).integers(0, 1 << 16, (300, 500), dtype="uint16")
    target = np.zeros((300, 500 if is_whole else 700), dtype="float32")
    look_up(codes, table, target[:, :500])
    assert np.array_equal(target[:, :500], table[codes])
    assert not target[:, 500:].any()


FORKED = """
import os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from odc.geo import CRS
from stacaster.geotiff.driver.coordinates import transformed
here, there = CRS("EPSG:32754"), CRS("EPSG:4326")
place = np.array([5e5]), np.array([6.5e6])
first = transformed(here, there, *place)
child = os.fork()
if not child:
    os._exit(0 if np.array_equal(first, transformed(here, there, *place)) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_transforms() -> None:
    """The thread that transforms does not come along, and a child must not wait for it."""
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=60)
