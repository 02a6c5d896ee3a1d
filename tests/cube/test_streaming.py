"""Reductions of lazy cubes hold a few blocks at a time, however many scenes there are."""

from __future__ import annotations

import datetime as dt
import os
import threading
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pystac
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import stacaster
from stacaster.geotiff.driver.reader import Reader
from tests.cube.made_scenes import START, made_scene

SCENES, SIDE, CHUNK = 16, 256, 64
BOX = GeoBox((SIDE, SIDE), Affine(30, 0, 300_000, 0, -30, 6_500_000), "EPSG:32754")
_STATE = Path("/proc/self/statm")
BANDS = ("B10", "B12", "B13")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[pystac.Item]:
    folder = tmp_path_factory.mktemp("scenes")
    base = np.random.default_rng(1).integers(1, 4000, BOX.shape)
    return [
        made_scene(folder, f"s{number}", {band: np.roll(base, number * 7 + at) for at, band in enumerate(BANDS)},
                   scale=dict.fromkeys(BANDS, 0.0057), geobox=BOX, moment=START + dt.timedelta(days=number))
        for number in range(SCENES)
    ]  # fmt: skip


@pytest.mark.parametrize(("units", "method"), [("dn", "median"), ("radiance", "median"), ("radiance", "medoid")])
def test_a_block_is_reduced_before_the_next_is_read(
    scenes: list[pystac.Item], monkeypatch: pytest.MonkeyPatch, units: Any, method: str
) -> None:
    """At any moment only a few blocks of the picture are open: begun, and not yet read by all scenes and bands."""
    order, fill, lock = list[tuple[int, int]](), Reader.fill, threading.Lock()

    def noted(self: Reader, cfg: Any, target: Any, rows: slice, cols: slice | None = None, **more: Any) -> bool:
        with lock:
            order.append((rows.start, 0 if cols is None else cols.start))
        return fill(self, cfg, target, rows, cols, **more)

    monkeypatch.setattr(Reader, "fill", noted)
    cube = stacaster.load(scenes, bands=list(BANDS), native=True, chunks={"x": CHUNK, "y": CHUNK}, units=units)
    with dask.config.set(scheduler="threads", num_workers=2):
        lazy = stacaster.composite(cube, method).compute()
    reads, most = SCENES * len(BANDS), 0
    assert len(order) == reads * (SIDE // CHUNK) ** 2
    counts: dict[tuple[int, int], int] = {}
    for block in order:
        counts[block] = counts.get(block, 0) + 1
        most = max(most, sum(count < reads for count in counts.values()))
    assert most <= 6, f"{most} of {(SIDE // CHUNK) ** 2} blocks were open at once"
    eager = stacaster.composite(stacaster.load(scenes, bands=list(BANDS), native=True, units=units), method)
    for band in BANDS:
        assert np.array_equal(lazy[band], eager[band], equal_nan=True)


def resident() -> int:
    """Return how many bytes of memory this process holds."""
    return int(_STATE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not _STATE.exists(), reason="the system does not tell")
def test_memory_does_not_grow_with_the_cube(scenes: list[pystac.Item]) -> None:
    """A cube of ten times the memory that its reduction may take."""
    box = GeoBox((SIDE * 6, SIDE * 6), BOX.transform * Affine.scale(1 / 6), BOX.crs)
    cube = stacaster.load(scenes, bands=list(BANDS), geobox=box, chunks={"x": 128, "y": 128}, units="radiance")
    size = sum(band.nbytes for band in cube.data_vars.values())
    peak, is_done = [0], threading.Event()
    before = resident()

    def watch() -> None:
        while not is_done.wait(0.02):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with dask.config.set(scheduler="threads", num_workers=2):
            stacaster.composite(cube, "median").compute()
    finally:
        is_done.set()
        watcher.join()
    assert size > 0.45e9 and peak[0] - before < 0.3e9, f"{(peak[0] - before) / 1e6:.0f} MB for {size / 1e6:.0f} MB"
