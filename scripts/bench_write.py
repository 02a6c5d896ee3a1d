"""Fourteen bands of the size of AST_L1T to verified COGs, against writers that verify nothing."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

Row = Callable[[str, str, str, float, str], None]
SIZES = [(4200, 4980, "uint8", 15.0)] * 3 + [(2100, 2490, "uint8", 30.0)] * 6 + [(700, 830, "uint16", 90.0)] * 5
ROUNDS = 5
_BANDS: list[Any] = []


def made_band(number: int) -> Any:
    """Return terrain of all scales with the noise of a sensor, a fifth of it outside of the scene: 1.9 with zlib."""
    rows, cols, kind, _ = SIZES[number]
    chance = np.random.default_rng(number)
    image = np.zeros((rows, cols), dtype=np.float32)
    size, weight = 4, 1.0
    while size < max(rows, cols) // 2:
        coarse = chance.normal(0, 1, (size + 2, size + 2)).astype(np.float32)
        down, across = (np.linspace(0, size, count, dtype=np.float32) for count in (rows, cols))
        top, left = down.astype(int), across.astype(int)
        lines = coarse[top] * (1 - (down - top)[:, None]) + coarse[top + 1] * (down - top)[:, None]
        image += weight * (lines[:, left] * (1 - (across - left)) + lines[:, left + 1] * (across - left))
        size, weight = 2 * size, 0.6 * weight
    image = (image - image.mean()) / image.std()
    middle, spread, noise, top_value = (95, 28, 2.2, 255) if kind == "uint8" else (1400, 160, 3, 4095)
    image = middle + spread * image + noise * chance.normal(0, 1, (rows, cols)).astype(np.float32)
    pixels = np.clip(np.rint(image), 1, top_value).astype(kind)
    y, x = np.arange(rows)[:, None] / rows, np.arange(cols)[None] / cols
    pixels[(x < 0.14 * (1 - y)) | (x + 0.14 * y > 1) | (y - 0.1 * x > 0.93) | (y + 0.1 * (1 - x) < 0.1)] = 0
    return pixels


def bench_write(folder: Path, row: Row) -> None:
    """All medians of rounds in turn; peers have their processes started and their pixels loaded before."""
    bands = [made_band(number) for number in range(len(SIZES))]
    _BANDS.extend(bands)
    source = folder / "bands.npz"
    np.savez(source, *bands)
    folders = (folder / f"turn{number}" for number in itertools.count())

    def into(function: Callable[[Path], Any]) -> Callable[[], Any]:
        def run() -> None:
            target = next(folders)
            target.mkdir()
            function(target)

        return run

    jobs = [(function, number) for function in ("odc", "gdal") for number in range(len(SIZES))]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_load, initargs=(str(source),)) as pool:

        def spread(kind: str) -> Callable[[Path], Any]:
            return lambda target: list(pool.map(_peer, [(kind, n, str(target)) for f, n in jobs if f == kind]))

        for kind in ("odc", "gdal"):
            into(spread(kind))()
        sides = {
            "ours": into(lambda target: write_ours(bands, target)),
            "deflate": into(lambda target: write_ours(bands, target, profile="deflate")),
            "codec": lambda: codec_only(bands),
            "gdal": into(spread("gdal")),
            "odc": into(spread("odc")),
            "rio": into(lambda target: [_rio(n, target) for n in range(len(SIZES))]),
        }
        times = _in_turn(sides, folder)
    size = sum(band.nbytes for band in bands) / 1e6
    mine = times["ours"]
    fastest = min("odc", "gdal", key=lambda name: times[name])
    words = {"codec": "codec alone", "ours": "ours, verified", "deflate": "ours, deflate profile, verified",
             "odc": "odc-geo in two processes", "gdal": "GDAL in two processes"}  # fmt: skip
    print(f"    {size:.1f} MB; " + "; ".join(f"{text} {times[name]:.3f} s" for name, text in words.items()))
    row("14 verified COGs / rio-cogeo deflate", f"{mine:.2f} s", f"{times['rio']:.2f} s", times["rio"] / mine, ">= 10")
    other = times[fastest]
    row(f"14 verified COGs / {fastest} zstd 1", f"{mine:.2f} s", f"{other:.2f} s", other / mine, ">= 3")
    row("14 verified COGs / codec alone", f"{mine:.2f} s", f"{times['codec']:.2f} s", mine / times["codec"], "")
    mine = times["deflate"]
    row("the same, deflate / rio-cogeo deflate", f"{mine:.2f} s", f"{times['rio']:.2f} s", times["rio"] / mine, "")


def _in_turn(sides: dict[str, Callable[[], Any]], folder: Path) -> dict[str, float]:
    import shutil

    taken: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, function in sides.items():
            os.sync()
            started = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - started)
            for old in folder.glob("turn*"):
                shutil.rmtree(old)
    return {name: statistics.median(found) for name, found in taken.items()}


def write_ours(bands: list[Any], folder: Path, *, profile: str = "zstd") -> None:
    from odc.geo.geobox import GeoBox

    from stacaster.geotiff.cog import CogJob, write_cogs
    from stacaster.model import Band, SceneBand

    jobs = []
    for number, pixels in enumerate(bands):
        rows, cols, kind, size = SIZES[number]
        band = Band(name=f"B{number}", description="", data_type=kind, nodata=0, group="G", resolution=size,
                    kind="continuous", unit=None)  # fmt: skip
        geobox = GeoBox((rows, cols), Affine(size, 0, 3e5, 0, -size, 6.5e6), "EPSG:32754")
        scene_band = SceneBand(band=band, layer="x", geobox=geobox)
        jobs.append(CogJob(read=lambda pixels=pixels: iter([pixels]), path=folder / f"{number}.tif",
                           scene_band=scene_band))  # type: ignore[misc]  # fmt: skip
    write_cogs(jobs, threads=2, profile=profile)


def codec_only(bands: list[Any]) -> None:
    """Predict and pack the tiles of all levels with zstd 1 in two threads, and throw them away."""
    import imagecodecs

    tiles = []
    for band in bands:
        level = band
        while True:
            tiles += [level[top : top + 512, left : left + 512] for top in range(0, level.shape[0], 512)
                      for left in range(0, level.shape[1], 512)]  # fmt: skip
            if max(level.shape) <= 512:
                break
            level = level[::2, ::2]

    def pack(tile: Any) -> int:
        return len(imagecodecs.zstd_encode(imagecodecs.delta_encode(np.ascontiguousarray(tile), axis=1), level=1))

    with ThreadPoolExecutor(2) as pool:
        sum(pool.map(pack, tiles))


def _load(source: str) -> None:
    with np.load(source) as file:
        _BANDS.extend(file[name] for name in file.files)


def _peer(task: tuple[str, int, str]) -> None:
    kind, number, folder = task
    (_odc if kind == "odc" else _gdal)(number, Path(folder))


def _odc(number: int, folder: Path) -> None:
    from odc.geo.cog import write_cog
    from odc.geo.geobox import GeoBox
    from odc.geo.xr import wrap_xr

    rows, cols, _, size = SIZES[number]
    geobox = GeoBox((rows, cols), Affine(size, 0, 3e5, 0, -size, 6.5e6), "EPSG:32754")
    image = wrap_xr(_BANDS[number], geobox, nodata=0)
    levels = [2**power for power in range(1, 8) if max(rows, cols) / 2 ** (power - 1) > 512]
    write_cog(image, folder / f"{number}.tif", compress="zstd", zstd_level=1, predictor=2, blocksize=512,
              overview_levels=levels, overview_resampling="average", intermediate_compression=False)  # fmt: skip


def _opened(number: int, memory: Any) -> Any:
    rows, cols, kind, size = SIZES[number]
    return memory.open(driver="GTiff", count=1, dtype=kind, height=rows, width=cols, nodata=0, crs="EPSG:32754",
                       transform=Affine(size, 0, 3e5, 0, -size, 6.5e6))  # fmt: skip


def _gdal(number: int, folder: Path) -> None:
    from rasterio.io import MemoryFile
    from rasterio.shutil import copy

    with MemoryFile() as memory:
        with _opened(number, memory) as dataset:
            dataset.write(_BANDS[number], 1)
        with memory.open() as dataset:
            copy(dataset, folder / f"{number}.tif", driver="COG", COMPRESS="ZSTD", LEVEL=1, PREDICTOR="YES",
                 OVERVIEW_RESAMPLING="AVERAGE", NUM_THREADS="1", BLOCKSIZE=512)  # fmt: skip


def _rio(number: int, folder: Path) -> None:
    from rasterio.io import MemoryFile
    from rio_cogeo.cogeo import cog_translate
    from rio_cogeo.profiles import cog_profiles

    with MemoryFile() as memory:
        with _opened(number, memory) as dataset:
            dataset.write(_BANDS[number], 1)
        with memory.open() as dataset:
            cog_translate(dataset, folder / f"{number}.tif", cog_profiles.get("deflate"), quiet=True, in_memory=True)
