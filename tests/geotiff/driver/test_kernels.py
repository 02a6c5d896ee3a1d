"""Loops over pixels against NumPy, and what happens around them in other processes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacaster.geotiff.driver import kernels, plain_loops
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


compiled: Any = kernels
in_numpy: Any = plain_loops


def _case(seed: int, dtypes: list[str]) -> Any:
    """Return a grid of positions, a window of pixels, and the shape and first pixel of a target."""
    chance = np.random.default_rng(seed)
    step = int(chance.choice([1, 2, 4, 8, 32]))
    rows, cols, row, col = (int(chance.integers(low, 60)) for low in (1, 1, 0, 0))
    down, across = np.mgrid[0 : (row + rows) // step + 3, 0 : (col + cols) // step + 3] * float(step)
    slope, scale = chance.normal(0, 0.1, 2), float(chance.choice([0.3, 0.7, 1.0, 1.05]))
    xs = across * scale + down * slope[0] + chance.normal(0, 5) + chance.normal(0, 0.01, down.shape)
    ys = down * scale + across * slope[1] + chance.normal(0, 5)
    if chance.random() < 0.2:  # on edges and centres of pixels
        xs, ys = np.rint(xs * 2) / 2, np.rint(ys * 2) / 2
    if step == 1:
        xs[chance.random(xs.shape) < 0.1] = np.inf
    high, wide = (int(size) for size in chance.integers(1, 60, 2))
    dtype = str(chance.choice(dtypes))
    shape = (high + 3, wide + 5)
    window = (chance.normal(0, 50, shape) if dtype[0] == "f" else chance.integers(0, 100, shape)).astype(dtype)
    return chance, (xs, ys, step, row, col), window, (high, wide), (rows, cols)


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_numpy_picks_the_same_pixels(seed: int) -> None:
    for number in range(seed, seed + 20):
        chance, at, window, size, shape = _case(number, ["u1", "u2", "u4", "u8"])
        keep = bool(chance.random() < 0.4)
        has_table = not keep and window.itemsize <= 2 and chance.random() < 0.5
        table = chance.normal(size=1 << 16).astype("f4") if has_table else None
        kind = window.dtype if table is None else np.dtype("f4")
        ours = chance.integers(0, 3, shape).astype(kind)
        theirs, outside = ours.copy(), kind.type(np.nan if has_table else 0)
        is_in = in_numpy.nearest(*at, window, *size, table, ours, outside, keep)
        assert is_in == compiled.nearest(*at, window, *size, table, theirs, outside, keep)
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("is_cubic", [False, True])
@pytest.mark.parametrize("seed", range(0, 100, 20))
def test_numpy_interpolates_to_the_same_bits(seed: int, is_cubic: bool) -> None:
    for number in range(seed, seed + 20):
        chance, at, window, size, shape = _case(number, ["u1", "i2", "f4", "f8"])
        window = np.ascontiguousarray(window[: size[0], : size[1]])
        nodata, has_nodata = float(chance.choice([0, 5, np.nan])), bool(chance.random() < 0.7)
        if window.dtype.kind == "f":
            window[chance.random(window.shape) < 0.05] = nodata
        ours, theirs = np.empty(shape), np.empty(shape)
        is_in = in_numpy.interpolate(*at, window, 3, -2, nodata, has_nodata, is_cubic, ours)
        assert is_in == compiled.interpolate(*at, window, 3, -2, nodata, has_nodata, is_cubic, theirs)
        lost = np.isnan(theirs)
        assert np.array_equal(np.isnan(ours), lost) and ours[~lost].tobytes() == theirs[~lost].tobytes()


def test_loops_are_compiled_when_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_loops, "_done", 0)
    monkeypatch.delitem(sys.modules, "numba")
    assert not plain_loops.is_worth_compiling("nearest", 50_000_000)
    assert plain_loops.is_worth_compiling("bilinear", 5_000_000)
