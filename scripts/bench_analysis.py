"""Indices, composites, time series and exports against named peers."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

Row = Callable[[str, str, str, float, str], None]
Interleaved = Callable[..., list[float]]

# geomad 1.0, the compiled code behind odc-algo, on the same pixels.
_PEER = """
import json, sys, time
import numpy as np, geomad
values = np.load(sys.argv[1])
taken = []
for _ in range(3):
    started = time.perf_counter()
    # As odc-algo does it: from the order of a cube to that of the compiled code.
    ordered = np.ascontiguousarray(values.transpose(2, 1, 0).reshape(1000, -1, *values.shape[1::-1]))
    found = geomad.nangeomedian_pcm(ordered, num_threads=2, eps=float(sys.argv[3]), maxiters=1000)
    taken.append(time.perf_counter() - started)
np.save(sys.argv[2], found.reshape(-1, found.shape[-1]).T)
print(json.dumps(sorted(taken)[1]))
"""


def bench_indices(folder: Path, row: Row, interleaved: Interleaved) -> None:
    """Fifty indices of one cube against the reading of its fourteen bands."""
    import stacaster
    from stacaster.analysis.indices import INDICES, compute_indices

    granules = stacaster.sample_data(folder / "full", full_size=True, overwrite=True)
    stacaster.ingest(granules[:1], catalog=folder / "indices")
    items = list(stacaster.open_catalog(folder / "indices").search().items())
    kept: list[Any] = []

    def read() -> None:
        kept[:] = [stacaster.load(items, units="radiance", crs="EPSG:32754", resolution=30)]

    names = list(INDICES)[:50]
    reading, computing = interleaved(read, lambda: compute_indices(kept[0], names))
    row("50 indices / reading 14 bands", f"{computing:.2f} s", f"{reading:.2f} s", computing / reading, "<= 1.5")


def _observations() -> np.ndarray:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.05, 0.5, (3, 1_000_000))
    values = base + rng.normal(0, 0.03, (12, 3, 1_000_000))
    values += (rng.random((12, 1, 1_000_000)) < 0.2) * rng.uniform(0.2, 0.5, (12, 1, 1_000_000))
    found: np.ndarray = values.astype(np.float32)
    return found


def _gradient(values: np.ndarray, median: np.ndarray) -> tuple[float, float]:
    """Return the median and the 99th percentile of the length of the gradient, as a share of the observations."""
    offset = values - median.astype(np.float64)
    distance = np.maximum(np.sqrt((offset**2).sum(axis=1)), 1e-12)
    on_it = distance < 1e-6
    pull = np.where(on_it, 0, 1 / distance)
    force = np.sqrt(((offset * pull[:, None]).sum(axis=0) ** 2).sum(axis=0))
    # The smallest subgradient, where the median is an observation.
    force = np.maximum(force - on_it.sum(axis=0), 0) / len(values)
    middle, high = np.percentile(force, (50, 99))
    return float(middle), float(high)


def _plain(values: np.ndarray) -> np.ndarray:
    """Weiszfeld's iteration as it is usually written, in blocks, until all pixels of a block are done."""
    parts = []
    for start in range(0, values.shape[2], 16_384):
        block = values[:, :, start : start + 16_384]
        median = np.nanmean(block, axis=0)
        for _ in range(1000):
            distance = np.maximum(np.sqrt(((block - median) ** 2).sum(axis=1)), 1e-12)
            fresh = (block / distance[:, None]).sum(axis=0) / (1 / distance).sum(axis=0)
            step = np.abs(fresh - median).max()
            median = fresh
            if step < 1e-4:
                break
        parts.append(median)
    return np.concatenate(parts, axis=1)


def bench_geomedian(folder: Path, row: Row, interleaved: Interleaved, peer: Path) -> None:
    """Geometric medians of 12 x 3 x 1000 x 1000 against geomad and plain NumPy."""
    from stacaster.analysis.geomedian import geometric_median

    values = _observations()
    np.save(folder / "values.npy", values)
    kept: dict[str, np.ndarray] = {}

    def compiled() -> float:
        command = [str(peer), "-c", _PEER, str(folder / "values.npy"), str(folder / "median.npy"), "1e-4"]
        return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    ours, plain = interleaved(
        lambda: kept.__setitem__("ours", geometric_median(values)), lambda: kept.__setitem__("plain", _plain(values))
    )
    theirs = compiled()
    row("geomedian 12 x 3 x 1000 x 1000 / geomad", f"{ours:.2f} s", f"{theirs:.2f} s", ours / theirs, "<= 1")
    row("plain NumPy blocks / geomedian", f"{plain:.2f} s", f"{ours:.2f} s", plain / ours, ">= 3")
    kept["geomad"] = np.load(folder / "median.npy")
    for name, median in kept.items():
        middle, high = _gradient(values[:, :, ::10], median[:, ::10])
        print(f"    gradient of {name}: median {middle:.1e}, 99 % {high:.1e}", flush=True)


def bench_zonal(_: Path, row: Row, interleaved: Interleaved) -> None:
    """Means of 1,000 polygons over 24 dates against a loop of exactextract calls."""
    import geopandas
    import odc.geo.xr
    import pandas as pd
    import xarray as xr
    from affine import Affine
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource
    from odc.geo.geobox import GeoBox
    from shapely.geometry import Point

    import stacaster

    rng = np.random.default_rng(0)
    size, west, north = 2000, 300_000, 6_500_000
    geobox = GeoBox((size, size), Affine(15, 0, west, 0, -15, north), "EPSG:32754")
    coords = {"time": pd.date_range("2001", periods=24, freq="30D"), **odc.geo.xr.xr_coords(geobox)}
    values = rng.random((24, size, size), dtype=np.float32)
    cube = xr.Dataset({"B02": (("time", "y", "x"), values)}, coords=coords)
    places = zip(rng.uniform(50, 1950, 1000), rng.uniform(50, 1950, 1000), rng.uniform(5, 40, 1000), strict=True)
    shapes = [Point(west + 15 * x, north - 15 * y).buffer(15 * r) for x, y, r in places]
    areas = geopandas.GeoDataFrame({"name": range(1000)}, geometry=shapes, crs="EPSG:32754")

    def loop() -> None:
        for date in values:
            raster = NumPyRasterSource(
                date, xmin=west, ymin=north - 15 * size, xmax=west + 15 * size, ymax=north, srs_wkt=areas.crs.to_wkt()
            )
            exact_extract(raster, areas, ["mean", "stdev", "count"], output="pandas")

    ours, theirs = interleaved(lambda: stacaster.time_series(cube, areas), loop)
    row("1,000 polygons x 24 dates / exactextract loop", f"{ours:.2f} s", f"{theirs:.2f} s", ours / theirs, "<= 1")


def bench_exports(folder: Path, row: Row) -> None:
    """A cube of 20 GiB to Zarr and GeoTIFF, each in a process that may take 2 GiB."""
    import stacaster

    granules = stacaster.sample_data(folder / "full", full_size=True, overwrite=True)
    stacaster.ingest(granules, catalog=folder / "exports")
    for target in ("cube.zarr", "cube.tif"):
        script = [sys.executable, "-m", "scripts.bench_stream", str(folder / "exports"), str(folder / target)]
        done = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
        peak = done["peak"]
        target_path = folder / target
        shutil.rmtree(target_path) if target_path.is_dir() else target_path.unlink()
        row(f"peak memory, {done['cube']:.0f} GiB to {target} / 2 GiB", f"{peak:.2f} GiB", "2 GiB", peak / 2, "<= 1")
        print(f"    in {done['seconds']:.0f} s", flush=True)


def bench_tiles(folder: Path, row: Row) -> None:
    """Forty tiles by two processes and by one; a million items and a hundred thousand tiles; a million tasks."""
    import time

    import stacaster
    from stacaster.samples import FULL_SIZE_SCENE
    from stacaster.samples.aster_l1t_003 import write_aster_l1t_003
    from stacaster.tiles import plan_tiles, read_recipe, run_tiles
    from stacaster.tiles.ledger import Ledger

    granules = stacaster.sample_data(folder / "full", full_size=True, overwrite=True)
    stacaster.ingest(granules[:1], catalog=folder / "tiled")
    # Forty tiles of 2048 x 2048 pixels at a finer resolution than the scene's.
    recipe = read_recipe(bands=["red", "nir", "green"], units="reflectance", composite="median", grid="EPSG:32754",
                         tile_size=10_240, resolution=5)  # fmt: skip
    seconds = {}
    for workers in (1, 2):
        run = plan_tiles(recipe, catalog=folder / "tiled").write(folder / f"run-{workers}")
        started = time.perf_counter()
        counts = run_tiles(run, workers=workers)
        seconds[workers] = time.perf_counter() - started
    done = counts["done"]
    ratio = seconds[1] / seconds[2]
    row(f"{done} tiles, one process / two", f"{seconds[2]:.1f} s", f"{seconds[1]:.1f} s", ratio, ">= 1.7")
    six = folder / "six"
    for number in range(6):
        scene = replace(FULL_SIZE_SCENE, acquired=FULL_SIZE_SCENE.acquired + dt.timedelta(days=16 * number),
                        number=FULL_SIZE_SCENE.number + number)  # fmt: skip
        path = write_aster_l1t_003(scene, folder)
        stacaster.ingest([path], catalog=six, subsystem=["VNIR"])
        path.unlink()
    run = plan_tiles(recipe, catalog=six).write(folder / "run-six")
    run_tiles(run, workers=2, memory_mb=1000)
    peaks = [int(entry.result["peak_memory"]) / 2**30 for entry in Ledger(run / "ledger.sqlite").entries("done")
             if entry.result is not None]  # fmt: skip
    row(f"peak of a worker, {len(peaks)} tiles x 6 dates x 3 bands / 1.5 GiB", f"{max(peaks):.2f} GiB", "1.5 GiB",
        max(peaks) / 1.5, "<= 1")  # fmt: skip
    row("of tile 40 / tile 5", f"{peaks[39]:.2f} GiB", f"{peaks[4]:.2f} GiB", peaks[39] / peaks[4], "<= 1.1")
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.plan((f"t{number:07d}", "a") for number in range(1_000_000))
    started = time.perf_counter()
    ledger.counts()
    taken = time.perf_counter() - started
    row("status of a million tasks / 1 s", f"{taken:.2f} s", "1 s", taken, "<= 1")


def bench_plan(folder: Path, row: Row) -> None:
    """A hundred thousand tiles planned against a million items, in a process of its own."""
    script = [sys.executable, "-m", "scripts.bench_plan", str(folder / "million")]
    done = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    row(f"plan {done['tiles']:,} tiles, {done['items']:,} items / 60 s", f"{done['seconds']:.0f} s", "60 s",
        done["seconds"] / 60, "<= 1")  # fmt: skip
    row("its peak memory / 2 GiB", f"{done['peak']:.2f} GiB", "2 GiB", done["peak"] / 2, "<= 1")
