"""Nearest pixels, against the exact transform of every pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odc.geo import CRS
from odc.geo.geobox import GeoBox

from stacaster.geotiff.driver.coordinates import BOUND
from tests.certain import certain
from tests.geotiff.driver.made_rasters import (
    PLACES,
    Wanted,
    config,
    exact_places,
    level_of_odc,
    made_raster,
    read_cube,
    read_level,
)

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without looking for the smallest failing case, which takes minutes."""

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


@st.composite
def files(draw: Any) -> Wanted:
    dtype = draw(st.sampled_from(DTYPES))
    is_float = dtype.startswith("float")
    shape = draw(st.tuples(st.integers(1, 400), st.integers(1, 400)))
    overviews = draw(st.sampled_from([(), (2, 4), (2, 4, 8), (3,)])) if min(shape) > 8 else ()
    compress = draw(st.sampled_from(["zstd", "deflate", "lzw", "none"]))
    nodata = draw(st.sampled_from([0, 7, None, *([float("nan"), -9999.0] if is_float else [])]))
    return Wanted(
        dtype=dtype, shape=shape, crs=draw(st.sampled_from(sorted(PLACES))), nodata=nodata, compress=compress,
        predictor=draw(st.sampled_from([1, 3] if is_float else [1, 2])), block=draw(st.sampled_from([16, 64, 256])),
        overviews=overviews, flip=draw(st.booleans()), seed=draw(st.integers(0, 9)),
    )  # fmt: skip


@st.composite
def cubes(draw: Any, source: GeoBox) -> GeoBox:
    """A grid somewhere over a file, at times in its own CRS, at times turned."""
    own = str(source.crs)
    crs = CRS(draw(st.sampled_from([own, own, "EPSG:32754", "EPSG:4326", "EPSG:3577", "EPSG:32755"])))
    if own in {"EPSG:3031", "EPSG:3413"} and not draw(st.booleans()):
        crs = CRS({"EPSG:3031": "EPSG:3412", "EPSG:3413": "EPSG:3995"}[own])
    at = source.transform * (draw(st.floats(-0.2, 1.2)) * source.shape.x, draw(st.floats(-0.2, 1.2)) * source.shape.y)
    beside = (at[0] + source.transform.a, at[1])
    if crs != source.crs:
        to = certain(source.crs).transformer_to_crs(crs)
        at, beside = to(*at), to(*beside)
    size = max(np.hypot(beside[0] - at[0], beside[1] - at[1]), 1e-9)
    size *= draw(st.sampled_from([1.0, 1.0, 2.0, 4.0, 0.37, 1.73, 2.9, 6.1]))
    shape = draw(st.tuples(st.integers(1, 150), st.integers(1, 150)))
    shift = draw(st.tuples(st.floats(-1, 0), st.floats(-1, 0)))
    turn = draw(st.sampled_from([0.0, 0.0, 0.0, 17.0]))
    if draw(st.booleans()) and crs == source.crs:
        # On the pixels of the file, or a half of one beside.
        steps = draw(st.sampled_from([1.0, 0.5]))
        at = source.transform * (round(draw(st.floats(-0.2, 1.0)) * source.shape.x) * steps, 0)
    transform = Affine.translation(*at) * Affine.rotation(turn) * Affine.scale(size, -size)
    return GeoBox(shape, transform * Affine.translation(shift[0] * shape[1] // 1, shift[1] * shape[0] // 1), crs)


def allowed(values: np.ndarray, col: np.ndarray, row: np.ndarray, found: np.ndarray, nothing: Any) -> np.ndarray:
    """Tell which pixels are one that lies within the bound of the exact place."""
    good = np.zeros(found.shape, dtype=bool)
    for dx in (-BOUND, BOUND, 0):
        for dy in (-BOUND, BOUND, 0):
            with np.errstate(invalid="ignore"):
                x, y = np.floor(col + dx), np.floor(row + dy)
                inside = (x >= 0) & (y >= 0) & (x < values.shape[1]) & (y < values.shape[0])
            expected = np.full(found.shape, nothing, dtype=found.dtype)
            expected[inside] = values[y[inside].astype(int), x[inside].astype(int)]
            good |= (expected == found) | (np.isnan(expected) & np.isnan(found) if found.dtype.kind == "f" else False)
    return good


@settings(max_examples=60, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_pixel_is_the_nearest_one(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    wanted = data.draw(files())
    cube = data.draw(cubes(wanted.geobox))
    path = made_raster(tmp_path_factory.mktemp("r") / "a.tif", wanted)
    cfg = config(wanted)
    found, left = read_cube(path, cube, cfg)
    if left is not None:
        assert wanted.nodata is None or "cannot be read" in left, left
        return
    level, scale = level_of_odc(path, wanted.geobox, cube)
    nothing = wanted.nodata if wanted.nodata is not None else (np.nan if found.dtype.kind == "f" else 0)
    candidates = {level} if abs(scale - round(scale)) > 0.05 else set(range(len(wanted.overviews) + 1))
    is_good = False
    for number in candidates:
        values, transform = read_level(path, number)
        col, row = exact_places(cube, wanted.crs, transform)
        is_good |= bool(allowed(values, col, row, found, nothing).all())
    assert is_good
    # The same pixels, whatever the blocks are.
    rows, cols = cube.shape.yx
    for block in ((slice(0, rows), slice(cols // 3, cols)), (slice(rows // 2, rows), slice(0, (cols + 1) // 2))):
        if block[0].start < block[0].stop and block[1].start < block[1].stop:
            part, _ = read_cube(path, cube, cfg, block=block)
            assert np.array_equal(part, found[block], equal_nan=found.dtype.kind == "f")


@pytest.mark.parametrize("size", [(2600, 2300), (1, 1)])
def test_squares_with_a_grid_of_their_own_meet(tmp_path: Path, size: tuple[int, int]) -> None:
    """A cube of several such squares, and one of a single pixel."""
    wanted = Wanted(shape=(2000, 1900), dtype="uint16", crs="EPSG:32755", overviews=(2,), block=256)
    path = made_raster(tmp_path / "a.tif", wanted)
    x, y = CRS(wanted.crs).transformer_to_crs("EPSG:32754")(*wanted.geobox.transform * (50, 60))
    cube = GeoBox(size, Affine(13, 0, x, 0, -13, y), "EPSG:32754")
    found, left = read_cube(path, cube, config(wanted))
    values, transform = read_level(path, 0)
    col, row = exact_places(cube, wanted.crs, transform)
    assert left is None and found.any() and allowed(values, col, row, found, 0).all()
    exact = (col >= 0) & (row >= 0) & (col < 1900) & (row < 2000)
    same = values[row[exact].astype(int), col[exact].astype(int)] == found[exact]
    assert same.mean() > 0.999
