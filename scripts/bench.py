"""Speed and memory against named peers: every figure is a ratio of two things measured in this run."""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 5
# Freed memory stays with the process.
KEEPING = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_ARENA_MAX": "1"}


def main() -> None:
    # Virtual machines hand memory that lay free for two seconds to their host, and take longer to fetch it than what
    # is measured: no side has to, once it has had the memory.
    if not KEEPING.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, "-m", "scripts.bench", *sys.argv[1:]], {**os.environ, **KEEPING})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"benchmarks to run: {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or list(BENCHMARKS)
    print(f"{'benchmark':<44}{'ours':>12}{'peer':>12}{'ratio':>9}{'goal':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            BENCHMARKS[name](Path(folder))


def interleaved(*functions: Callable[[], Any]) -> list[float]:
    """Return the median seconds of each function, run in turn so that noise hits all alike; after one that warms up."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(1 + ROUNDS):
        for taken, function in zip(times, functions, strict=True):
            # What the other left to be written must not be counted here: ours waits for the disk, peers do not.
            os.sync()
            gc.collect()
            started = time.perf_counter()
            function()
            if turn:
                taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def row(name: str, ours: str, peer: str, ratio: float, goal: str) -> None:
    print(f"{name:<44}{ours:>12}{peer:>12}{ratio:>8.2f}x{goal:>10}", flush=True)


def bench_ingest(folder: Path) -> None:
    """A full-size granule from file to registered item against rio-cogeo's default on the same 14 bands."""
    import stacaster
    from scripts.bench_write import codec_only
    from stacaster.formats.readers import open_granule

    granule = stacaster.sample_data(folder / "full", full_size=True)[0]
    with open_granule([granule]) as opened:
        layers = [layer for layer in opened.content.layers.values() if layer.name.startswith("ImageData")]
        bands = [(layer.name, opened.read_layer(layer.path)) for layer in layers]

    roots = (folder / f"catalog{number}" for number in itertools.count())

    def ours() -> None:
        report = stacaster.ingest([granule], catalog=next(roots))
        assert len(report.ingested) == 1, report

    def limit() -> None:
        """Read the file, and pack all levels of its bands."""
        granule.read_bytes()
        codec_only([pixels for _, pixels in bands])

    mine, peer, least = interleaved(ours, lambda: rio_cogeo_default(bands, folder / "peer"), limit)
    row("ingest 14 bands, verified / rio-cogeo deflate", f"{mine:.2f} s", f"{peer:.2f} s", peer / mine, ">= 3")
    row("ingest 14 bands / file read and codec alone", f"{mine:.2f} s", f"{least:.2f} s", mine / least, "<= 2")
    # In a process of its own: a child counts the memory of its parent until it starts its program.
    code = "import resource, stacaster, sys; stacaster.ingest(sys.argv[1:2], catalog=sys.argv[2]);"
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    command = [sys.executable, "-c", code, str(granule), str(folder / "catalog")]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024
    row("peak memory of the worker / 400 MB", f"{peak:.0f} MB", "400 MB", peak / 400, "<= 1")


def rio_cogeo_default(bands: list[tuple[str, Any]], folder: Path) -> None:
    from affine import Affine
    from rasterio.io import MemoryFile
    from rio_cogeo.cogeo import cog_translate
    from rio_cogeo.profiles import cog_profiles

    folder.mkdir(exist_ok=True)
    for name, pixels in bands:
        rows, cols = pixels.shape
        fields = {"driver": "GTiff", "count": 1, "dtype": pixels.dtype, "height": rows, "width": cols, "nodata": 0,
                  "crs": "EPSG:32754", "transform": Affine(15, 0, 3e5, 0, -15, 6.5e6)}  # fmt: skip
        with MemoryFile() as memory:
            with memory.open(**fields) as dataset:
                dataset.write(pixels, 1)
            with memory.open() as dataset:
                profile = cog_profiles.get("deflate")
                cog_translate(dataset, folder / f"{name}.tif", profile, quiet=True, in_memory=True)


def bench_load(folder: Path) -> None:
    """Cubes against odc-stac and the codec, in units, over a slow line, and their memory."""
    from scripts import bench_load as module

    module.bench_units(folder, row, interleaved)
    items = module.make_scenes(folder / "scenes")
    module.bench_speed(items, row, interleaved)
    module.bench_memory(items, folder, row)
    module.bench_line(items, row)


def bench_stream(folder: Path) -> None:
    """A cube ten times larger than 2 GiB to a file, in a process that may take no more than that."""
    import stacaster

    granules = stacaster.sample_data(folder / "full", full_size=True, overwrite=True)
    stacaster.ingest(granules, catalog=folder / "stream")
    script = [sys.executable, "-m", "scripts.bench_stream", str(folder / "stream"), str(folder / "cube.nc")]
    done = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    row("peak memory of a 20 GiB cube to NetCDF / 2 GiB", f"{done['peak']:.2f} GiB", "2 GiB", done["peak"] / 2, "<= 1")
    print(f"    {done['cube']:.1f} GiB as float32 in {done['seconds']:.0f} s", flush=True)


def bench_help(folder: Path) -> None:
    """Start-up of the command line against 0.3 s."""
    del folder
    command = [sys.executable, "-m", "stacaster", "--help"]
    (mine,) = interleaved(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    row("stacaster --help / 0.3 s", f"{mine:.2f} s", "0.30 s", mine / 0.3, "<= 1")


OURS = """
import sys, time, datetime as dt
import requests  # the peers have it by now, too
from stacaster.access.fetch import fetch
from stacaster.model import Granule, GranuleFile
moment = dt.datetime(2003, 1, 1, tzinfo=dt.UTC)
granules = [Granule(id=url.rpartition("/")[2], source="cmr", product="P", version="1", collection="C", geometry=None,
                    start=moment, end=moment, files=(GranuleFile(name=url.rpartition("/")[2], href=url),))
            for url in sys.argv[2:]]
started = time.perf_counter()
report = fetch(granules, cache_dir=sys.argv[1], workers=8, per_host=8)
assert not report.failed, report.failed[0]
print(time.perf_counter() - started)
"""
EARTHACCESS = """
import sys, time, warnings; warnings.simplefilter("ignore")
import earthaccess
earthaccess.login(strategy="environment")
started = time.perf_counter()
earthaccess.download(list(sys.argv[2:]), sys.argv[1], provider="ASF", threads=8, show_progress=False)
print(time.perf_counter() - started)
"""
ASF_SEARCH = """
import os, sys, time, asf_search
asf_search.REPORT_ERRORS = False
session = asf_search.ASFSession()
session.headers["Authorization"] = "Bearer " + os.environ["EARTHDATA_TOKEN"]
started = time.perf_counter()
os.makedirs(sys.argv[1], exist_ok=True)
asf_search.download_urls(list(sys.argv[2:]), path=sys.argv[1], session=session, processes=8)
print(time.perf_counter() - started)
"""


def bench_fetch(folder: Path) -> None:
    """Forty files of 5 MB from a server 30 ms away, against earthaccess and asf_search with as many workers."""
    from scripts.bench_fetch import COUNT, HOST, SIZE

    peers = peer_environment()
    server = subprocess.Popen([sys.executable, "-m", "scripts.bench_fetch"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert server.stdout is not None
    twin = json.loads(server.stdout.readline())
    env = {**os.environ, **twin, "EARTHDATA_TOKEN": "canary-token-1", "NETRC": os.devnull}
    urls = [f"https://{HOST}/data/{number}.h5" for number in range(COUNT)]
    sides = {"ours": (sys.executable, OURS), "earthaccess": (peers, EARTHACCESS), "asf_search": (peers, ASF_SEARCH)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(ROUNDS):
        for name, (python, code) in sides.items():
            target = folder / f"{name}{turn}"
            os.sync()  # ours waits for the disk; what others left to be written must not be counted there
            line = [str(python), "-c", code, str(target), *urls]
            done = subprocess.run(line, capture_output=True, text=True, env=env, check=False)
            found = [path for path in target.rglob("*.h5") if path.stat().st_size >= SIZE]
            if done.returncode or len(found) != COUNT:
                print(f"{name}: {len(found)} of {COUNT} files; {done.stderr[-300:]}", file=sys.stderr)
                continue
            times[name].append(float(done.stdout.split()[-1]))
            shutil.rmtree(target)
    server.communicate("")
    mine = statistics.median(times["ours"])
    for name in ("earthaccess", "asf_search"):
        if times[name]:
            peer = statistics.median(times[name])
            row(f"download 40 x 5 MB, checked / {name}", f"{mine:.2f} s", f"{peer:.2f} s", peer / mine, ">= 1")


def peer_environment() -> Path:
    """Return the Python of an environment with the peers, whose dependencies do not go with ours."""
    home = Path(".venv-peers")
    python = home / "bin" / "python"
    # Named anew when a peer is added, so that an older environment is completed.
    if not (home / "made-3").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "earthaccess==0.17.0", "asf_search>=14",
                   "rustac==0.9.9", "rustac-duckdb-extensions==1.5.1.post0", "geomad==1.0.0", "xarray", "h5netcdf",
                   "h5py"]  # fmt: skip
        subprocess.run(install, check=True)
        (home / "made-3").touch()
    return python.absolute()


def bench_items(folder: Path) -> None:
    """A million rows in the item table against stac-geoparquet, DuckDB, rustac and pystac."""
    from scripts.bench_item_table import bench_item_table

    bench_item_table(folder, row, peer_environment())


def bench_write(folder: Path) -> None:
    """Fourteen bands to verified COGs against rio-cogeo, odc-geo and GDAL."""
    from scripts.bench_write import bench_write as run

    run(folder, row)


def bench_nisar(folder: Path) -> None:
    """NISAR to COGs and over the network, against rioxarray and fsspec."""
    from scripts.bench_nisar import bench_nisar as run

    run(folder / "nisar", row, peer_environment())


def bench_tracks(folder: Path) -> None:
    """ICESat-2 photons to tables, surfaces and answers."""
    from scripts.bench_tracks import bench_tracks as run

    run(folder / "tracks", row)


def bench_analysis(name: str) -> Callable[[Path], None]:
    """Return a benchmark of ``scripts.bench_analysis``."""

    def run(folder: Path) -> None:
        from scripts import bench_analysis as module

        more = {"zonal": (interleaved,), "indices": (interleaved,), "exports": (), "tiles": (), "plan": ()}
        module_run = getattr(module, f"bench_{name}")
        module_run(folder, row, *more.get(name, (interleaved, peer_environment())))

    return run


BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "help": bench_help,
    "ingest": bench_ingest,
    "write": bench_write,
    "item-table": bench_items,
    "load": bench_load,
    "stream": bench_stream,
    "fetch": bench_fetch,
    "nisar": bench_nisar,
    "tracks": bench_tracks,
    "indices": bench_analysis("indices"),
    "geomedian": bench_analysis("geomedian"),
    "zonal": bench_analysis("zonal"),
    "exports": bench_analysis("exports"),
    "tiles": bench_analysis("tiles"),
    "plan": bench_analysis("plan"),
}


if __name__ == "__main__":
    main()
