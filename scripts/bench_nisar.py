"""NISAR GCOV to COGs, and the mean of an area over the network, against xarray with h5netcdf, rioxarray and fsspec.

Over the network the packages of both sides are imported before the clock starts, as in a notebook.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HOST = "nisar.asf.earthdatacloud.nasa.gov"
NAME = "granule.h5"
SHAPE = (9_000, 9_500)
# Two by two chunks near the middle; the pixels that a box in degrees touches.
BBOX = (139.82, -30.70, 139.94, -30.59)
Row = Callable[..., None]

CONVERT = """
import sys, time
from pathlib import Path
import rioxarray, xarray as xr
source, folder = sys.argv[1:]
start = time.perf_counter()
for letter, end in (("A", ""), ("B", "_B")):
    group = f"science/LSAR/GCOV/grids/frequency{letter}"
    with xr.open_dataset(source, engine="h5netcdf", group=group, phony_dims="sort", chunks=None,
                         drop_variables=["inputDataExceptionMask"]) as data:
        crs = int(data["projection"])
        x, y = data["xCoordinates"].values, data["yCoordinates"].values
        for name in ("HHHH", "HVHV", "numberOfLooks", "rtcGammaToSigmaFactor", "mask"):
            values = xr.DataArray(data[name].values, dims=("y", "x"), coords={"y": y, "x": x}).rio.write_crs(crs)
            values.rio.to_raster(Path(folder) / f"{name}{end}.tif", driver="COG")
print(time.perf_counter() - start)
"""

OURS = """
import sys, time
import stacaster
source, folder = sys.argv[1:]
start = time.perf_counter()
report = stacaster.ingest([source], catalog=folder)
assert not report.failed, report.failed
print(time.perf_counter() - start)
"""

READ = """
import sys, time
import h5py, numpy as np
source, _ = sys.argv[1:]
start = time.perf_counter()
with h5py.File(source) as file:
    for letter in "AB":
        for name in ("HHHH", "HVHV", "numberOfLooks", "rtcGammaToSigmaFactor", "mask"):
            image = file[f"science/LSAR/GCOV/grids/frequency{letter}/{name}"]
            for row in range(0, image.shape[0], 512):
                image[row:row + 512]
print(time.perf_counter() - start)
"""

REMOTE_OURS = f"""
import json, time
import h5py, numpy as np, odc.geo.xr, pyproj, requests, shapely, xarray
import stacaster
stacaster.products.all_products(), stacaster.read_area, xarray.DataArray([0.0])
start = time.perf_counter()
values = stacaster.read_area("https://{HOST}/{NAME}", "HHHH", bbox={BBOX}).HHHH.values
print(json.dumps([time.perf_counter() - start, float(np.nanmean(values.astype("f8")))]))
"""

REMOTE_FSSPEC = f"""
import json, sys, time
import aiohttp, fsspec, h5netcdf, h5py, numpy as np, xarray as xr
xr.DataArray([0.0])
start = time.perf_counter()
kind, size = sys.argv[1], int(sys.argv[2])
TOKEN = "Bearer canary-token-1"
system = fsspec.filesystem("https", client_kwargs=dict(trust_env=True, headers=dict(Authorization=TOKEN)))
with system.open("https://{HOST}/{NAME}", cache_type=kind, block_size=size) as file:
    data = xr.open_dataset(file, engine="h5netcdf", group="science/LSAR/GCOV/grids/frequencyA", phony_dims="sort")
    dims = dict(zip("yx", data["HHHH"].dims))
    top, bottom, left, right = map(int, sys.argv[3].split(","))
    window = dict(y=slice(top, bottom), x=slice(left, right))
    values = data["HHHH"].isel({{dims[key]: part for key, part in window.items()}}).values
print(json.dumps([time.perf_counter() - start, float(np.nanmean(values.astype("f8")))]))
"""


def bench_nisar(folder: Path, row: Row, peers: Path) -> None:
    """Convert a granule, and read an area of it over a line of 30 ms."""
    from dataclasses import replace

    from stacaster.samples.nisar import FULL_SIZE_SCENE, write_nisar

    folder.mkdir(parents=True, exist_ok=True)
    path = write_nisar(replace(FULL_SIZE_SCENE, shape=SHAPE), folder)
    times: dict[str, list[float]] = {"ours": [], "rioxarray": [], "h5py": []}
    for _ in range(3):
        for name, code in (("ours", OURS), ("rioxarray", CONVERT), ("h5py", READ)):
            target = folder / name
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            command = [sys.executable, "-c", code, str(path), str(target / "c") if name == "ours" else str(target)]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            times[name].append(float(found.stdout))
    middle = {name: sorted(values)[1] for name, values in times.items()}
    for name, words, goal in (("rioxarray", "rioxarray COG", ">= 2"), ("h5py", "h5py reading alone", "")):
        ours, peer = middle["ours"], middle[name]
        row(f"GCOV to COGs, items / {words}", f"{ours:.1f} s", f"{peer:.1f} s", peer / ours, goal)
    _remote(path, row, peers)


def _window(path: Path) -> str:
    """Return first and last row and column of the pixels of the box."""
    from stacaster.formats.readers import open_granule
    from stacaster.geo.areas import box_geometry
    from stacaster.geo.georef import window_around

    with open_granule([path]) as granule:
        geobox = granule.content.layers["science/LSAR/GCOV/grids/frequencyA/HHHH"].geobox
    assert geobox is not None
    rows, cols = window_around(geobox, box_geometry(BBOX)) or (slice(0, 0), slice(0, 0))
    return f"{rows.start},{rows.stop},{cols.start},{cols.stop}"


def _remote(path: Path, row: Row, peers: Path) -> None:
    server = subprocess.Popen([sys.executable, "-m", "scripts.bench_nisar", str(path)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert server.stdin is not None and server.stdout is not None
    environment = json.loads(server.stdout.readline()) | {"EARTHDATA_TOKEN": "canary-token-1", "PATH": os.defpath}
    sides = {
        "ours": [sys.executable, "-c", REMOTE_OURS],
        "4 MiB": [str(peers), "-c", REMOTE_FSSPEC, "blockcache", str(4 << 20), _window(path)],
        "1 MiB": [str(peers), "-c", REMOTE_FSSPEC, "blockcache", str(1 << 20), _window(path)],
    }
    found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in sides}
    means = set()
    for _ in range(3):
        for name, command in sides.items():
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            seconds, mean = json.loads(done.stdout)
            means.add(round(mean, 9))
            server.stdin.write("count\n")
            server.stdin.flush()
            requests, moved = json.loads(server.stdout.readline())
            found[name].append((seconds, requests, moved))
    server.stdin.close()
    server.wait(30)
    if len(means) != 1:
        raise RuntimeError(f"the means differ: {means}")
    best = {name: sorted(runs)[1] for name, runs in found.items()}
    for name in ("4 MiB", "1 MiB"):
        (ours, asked, moved), (theirs, requests, bytes_) = best["ours"], best[name]
        row(f"area over 30 ms / fsspec {name}", f"{ours:.2f} s", f"{theirs:.2f} s", theirs / ours, "> 1")
        row("  requests", str(asked), str(requests), requests / asked, ">= 1")
        row("  bytes", f"{moved / 1e6:.2f} MB", f"{bytes_ / 1e6:.2f} MB", bytes_ / moved, ">= 1")


def main() -> None:
    """Serve a file behind a line of 30 ms; a line on standard input gives what was asked since the last one."""
    from tests.earthdata_twin.ranges import ranged
    from tests.earthdata_twin.server import Answer, Request, Twin

    content = Path(sys.argv[1]).read_bytes()
    with tempfile.TemporaryDirectory() as name, Twin(Path(name), latency_s=0.03) as twin:

        def data(request: Request) -> Answer:
            if "canary-token-1" not in request.headers.get("authorization", ""):
                return Answer(401, body=b"{}")
            return ranged(request, content)

        twin.routes[HOST] = data
        print(json.dumps(twin.environment), flush=True)
        for _ in sys.stdin:
            gets = [request for request in twin.log if request.method == "GET"]
            moved = 0
            for request in gets:
                match = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
                moved += len(content) if match is None else min(int(match[2]), len(content) - 1) - int(match[1]) + 1
            count = len(twin.log)
            twin.log.clear()
            print(json.dumps([count, moved]), flush=True)


if __name__ == "__main__":
    main()
