"""Cubes of 24 full-size scenes against odc-stac and against the codec alone; chips over a slow line."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import shutil
import statistics
import struct
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

BANDS = ("B01", "B02", "B03N")
SHAPE = (4200, 4980)
DATES = 12
LON, LAT = -114.0, 36.0
ZONES = {"EPSG:32611": -15_000.0, "EPSG:32612": 15_000.0}
"""CRS of the scenes, and how far east of the point their middle lies, in metres."""


def made_pixels(seed: int) -> np.ndarray:
    """Return a smooth, noisy picture with a quarter of fill around a turned scene, as counts of 8 bits."""
    chance = np.random.default_rng(seed)
    rows, cols = SHAPE
    field = np.zeros(SHAPE, dtype="float32")
    for step in (1024, 256, 64, 16):
        coarse = chance.normal(0, 4 * step**0.35, (rows // step + 2, cols // step + 2)).astype("float32")
        y, x = np.arange(rows, dtype="float32") / step, np.arange(cols, dtype="float32") / step
        iy, ix = y.astype(int), x.astype(int)
        fy, fx = (y - iy)[:, None], (x - ix)[None]
        wide = coarse[:, ix] * (1 - fx) + coarse[:, ix + 1] * fx
        field += wide[iy] * (1 - fy) + wide[iy + 1] * fy
    field += chance.normal(0, 0.8, SHAPE).astype("float32")
    pixels = np.clip(field + 90, 1, 255).astype("uint8")
    y, x = np.mgrid[0:rows, 0:cols].astype("float32")
    turned = np.abs((x - cols / 2) + 0.15 * (y - rows / 2)) > 0.42 * cols
    turned |= np.abs((y - rows / 2) - 0.15 * (x - cols / 2)) > 0.44 * rows
    pixels[turned] = 0
    return pixels


def make_scenes(folder: Path) -> list[Any]:
    """Write 24 scenes of three bands, half of them in each of two zones, and return their items."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    from stacaster.geotiff.cog import write_cog
    from stacaster.instruments.aster import BANDS as KNOWN
    from stacaster.model import SceneBand

    folder.mkdir(parents=True, exist_ok=True)
    known = {band.name: band for band in KNOWN}
    pixels = {key: made_pixels(number) for number, key in enumerate(BANDS)}
    items = []
    for crs, east in ZONES.items():
        left, top = corner(crs, east)
        box = GeoBox(SHAPE, Affine(15, 0, left, 0, -15, top), crs)
        first = {}
        for key in BANDS:
            first[key] = folder / f"{crs[-5:]}-{key}.tif"
            write_cog(pixels[key], first[key], scene_band=SceneBand(band=known[key], layer="", geobox=box, scale=0.676,
                                                                    offset=-0.676))  # fmt: skip
        for date in range(DATES):
            moved = box.translate_pix(16 * (date % 5), 16 * (date % 3))
            items.append(_item(folder, f"{crs[-5:]}-{date:02d}", moved, first, known, date))
            old, new = (struct.pack("<2d", one.transform.c, one.transform.f) for one in (box, moved))
            for key, path in first.items():
                target = Path(items[-1].assets[key].href)
                shutil.copyfile(path, target)
                with target.open("r+b") as file:
                    head = file.read(1 << 16)
                    assert head.count(old) == 1, "the corner of the picture stands in the header once"
                    file.seek(head.index(old))
                    file.write(new)
    return sorted(items, key=lambda item: (item.datetime, item.id))


def corner(crs: str, east: float) -> tuple[float, float]:
    """Return the upper left corner of a scene, on the lattice of 15 m."""
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(LON, LAT)
    return (round((x + east - SHAPE[1] * 7.5) / 15) * 15.0, round((y + SHAPE[0] * 7.5) / 15) * 15.0)


def _item(folder: Path, name: str, box: Any, first: dict[str, Path], known: Any, date: int) -> Any:
    import pystac

    extent = box.geographic_extent
    moment = dt.datetime(2003, 1, 1, 18, tzinfo=dt.UTC) + dt.timedelta(days=16 * date)
    item = pystac.Item(name, extent.json, list(extent.boundingbox), moment, {"view:sun_elevation": 40.0})
    item.collection_id = "made"
    item.stac_extensions = ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]
    for key, path in first.items():
        fields = {"proj:code": str(box.crs), "proj:shape": list(box.shape), "proj:transform": list(box.transform)[:6],
                  "data_type": "uint8", "nodata": 0, "unit": known[key].unit, "raster:scale": 0.676,
                  "raster:offset": -0.676, "bands": [{"name": key}], "file:size": path.stat().st_size}  # fmt: skip
        item.add_asset(key, pystac.Asset(str(folder / f"{name}-{key}.tif"), roles=["data"],
                                         media_type=pystac.MediaType.COG, extra_fields=fields))  # fmt: skip
    return item


def workloads(items: list[Any]) -> dict[str, dict[str, Any]]:
    """Return the arguments of each load: a whole area over two zones, chips, an overview, one zone on its pixels."""
    from affine import Affine
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32611", always_xy=True).transform(LON, LAT)
    x, y = round(x / 15) * 15.0, round(y / 15) * 15.0
    area = GeoBox((3793, 3112), Affine(15, 0, x - 1556 * 15, 0, -15, y + 1896 * 15), "EPSG:32611")
    chip = GeoBox((256, 256), Affine(15, 0, x, 0, -15, y), "EPSG:32611")
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:5070", always_xy=True).transform(LON, LAT)
    wide = GeoBox((127, 160), Affine(1000, 0, x - 80_000, 0, -1000, y + 63_000), "EPSG:5070")
    one = [item for item in items if item.id.startswith("32611")]
    return {
        "a": {"items": items, "bands": list(BANDS), "geobox": area, "groupby": "time"},
        "b": {"items": items, "bands": [BANDS[0]], "geobox": chip, "groupby": "id"},
        "c": {"items": items, "bands": [BANDS[0]], "geobox": wide, "groupby": "time"},
        "d": {"items": one, "bands": list(BANDS), "geobox": area, "groupby": "time"},
    }


CONFIG = {"made": {"assets": {"*": {"data_type": "uint8", "nodata": 0}}, "warnings": "ignore"}}
WORDS = {
    "a": "3 bands, 12 dates, two zones",
    "b": "24 chips of 256 x 256",
    "c": "overview of 1 km",
    "d": "3 bands, one zone",
}
GOALS = {"a": (4.0, 3.0), "b": (8.0, None), "c": (8.0, None), "d": (2.5, 1.8)}


def by_odc(options: dict[str, Any], **more: Any) -> Any:
    import odc.stac

    return odc.stac.load(stac_cfg=CONFIG, **{**options, **more})


def codec_alone(options: dict[str, Any]) -> Any:
    """Return a function that unpacks every tile that a load needs, and adds up its differences, with two threads."""
    from concurrent.futures import ThreadPoolExecutor

    from stacaster.geotiff.driver import render as module
    from stacaster.geotiff.driver.codecs import restored, unpack

    work: list[tuple[Any, bytes]] = []
    seen: set[tuple[str, int]] = set()
    original = module._unpacked

    def noting(level: Any, reads: Any, tiles: Any) -> Any:
        for (row, col), tile in zip(tiles, tiles, strict=True):
            number = row * level.across + col
            key = (str(reads.path), int(level.offsets[number]))
            if key not in seen and level.counts[number]:
                seen.add(key)
                work.append((level, next(reads.tiles([(key[1], int(level.counts[number]))])).tobytes()))
            del tile
        return original(level, reads, tiles)

    import stacaster

    module._unpacked = noting
    try:
        stacaster.load(**{**options, "pool": 1})
    finally:
        module._unpacked = original

    def one(entry: tuple[Any, bytes]) -> None:
        level, data = entry
        restored(unpack(data, level), level, slice(None), fast=True)

    def run() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, work, chunksize=8))

    return run


def bench_speed(items: list[Any], row: Any, interleaved: Any) -> None:
    """Whole cubes, chips and overviews: ours, odc-stac with our driver, odc-stac as it is, and the codec alone."""
    import stacaster

    for name, options in workloads(items).items():
        # Loops are compiled and headers read before the clock starts; peers' files are in the cache of the disk, too.
        stacaster.load(**options)
        ours, driven, peer, codec = interleaved(
            lambda options=options: stacaster.load(**options),
            lambda options=options: by_odc(options, driver="stacaster.driver", pool=2),
            lambda options=options: by_odc(options, pool=2),
            codec_alone(options),
        )
        times, most = GOALS[name]
        said = f"{name}: {WORDS[name]}"
        row(f"{said} / odc.stac.load", ms(ours), ms(peer), peer / ours, f">= {times:g}")
        row("  odc.stac.load with our driver / without", ms(driven), ms(peer), peer / driven, "")
        row("  ours / codec alone", ms(ours), ms(codec), ours / codec, "" if most is None else f"<= {most:g}")


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def bench_units(folder: Path, row: Any, interleaved: Any) -> None:
    """Our load against odc.stac.load with the same arguments."""
    import odc.stac

    import stacaster

    granules = stacaster.sample_data(folder / "full", full_size=True, overwrite=True)
    stacaster.ingest(granules, catalog=folder / "load")
    catalog = stacaster.open_catalog(folder / "load")
    items, config = list(catalog.search().items()), catalog.stac_cfg()
    bands = ["B01", "B02", "B03N"]

    def plain() -> None:
        odc.stac.load(items, bands=bands, stac_cfg=config)

    mine, physical, said, peer = interleaved(
        lambda: stacaster.load(items, bands=bands),
        lambda: stacaster.load(items, bands=bands, units="radiance"),
        lambda: stacaster.load(items, bands=bands, report=True, n_obs=True),
        plain,
    )
    row("load 3 bands, dn / odc.stac.load", f"{mine:.2f} s", f"{peer:.2f} s", mine / peer, "<= 1.05")
    row("load 3 bands, radiance / odc.stac.load", f"{physical:.2f} s", f"{peer:.2f} s", physical / peer, "<= 1.3")
    row("load with report and n_obs / without", f"{said:.2f} s", f"{mine:.2f} s", said / mine, "<= 1.1")


PEAK = """
import pickle, resource, sys
import numpy, odc.stac, stacaster
from stacaster.files.system.process import peak_memory
from stacaster.geotiff.driver import kernels
options = pickle.load(open(sys.argv[1], "rb"))
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 1024
cube = stacaster.load(**options)
print((peak_memory() >> 10) - before, sum(band.nbytes for band in cube.data_vars.values()))
"""


def bench_memory(items: list[Any], folder: Path, row: Any) -> None:
    """Peak memory of the largest load, beside the cube itself."""
    for name, options in workloads(items).items():
        if name in {"a", "d"}:
            (folder / "options.pkl").write_bytes(pickle.dumps(options))
            line = [sys.executable, "-W", "ignore", "-c", PEAK, str(folder / "options.pkl")]
            plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
            said = subprocess.run(line, check=True, capture_output=True, text=True, env=plain).stdout
            peak, cube = map(int, said.split())
            more = peak / 1024 - cube / 2**20
            row(f"{name}: peak memory beside the cube / 300 MB", f"{more:.0f} MB", "300 MB", more / 300, "<= 1")


LATENCY_S = 0.03


def serve(folder: str) -> None:
    """Serve a folder to whoever reads the address from standard output, slowly; the first part of a path is any."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # As servers of files have it: else the system holds a body back until its header was acknowledged.
        disable_nagle_algorithm = True

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            time.sleep(LATENCY_S)
            path = Path(folder) / self.path.rpartition("/")[2]
            if not path.is_file():
                self.send_error(404)
                return
            size, span = path.stat().st_size, self.headers.get("Range")
            first, _, last = (span or "bytes=0-").removeprefix("bytes=").partition("-")
            start, end = int(first), min(size, int(last) + 1 if last else size)
            self.send_response(206 if span else 200)
            if span:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}"')
            self.send_header("Last-Modified", "Sat, 30 Aug 2003 00:43:02 GMT")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            if self.command == "GET":
                with path.open("rb") as file:
                    file.seek(start)
                    self.wfile.write(file.read(end - start))

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def bench_line(items: list[Any], row: Any) -> None:
    """The chips over a line of 30 ms: ours against odc-stac with Dask's threads, every address new in each run."""
    import dask

    import stacaster

    home = str(Path(items[0].assets[BANDS[0]].href).parent)
    server = subprocess.Popen([sys.executable, "-m", "scripts.bench_load", home], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = int(server.stdout.readline())
    options = workloads(items)["b"]
    taken: dict[str, list[float]] = {"ours": [], "dask": []}
    try:
        for number in range(5):
            for name, times in taken.items():
                moved = [item.clone() for item in items]
                for item in moved:
                    for asset in item.assets.values():
                        asset.href = f"http://127.0.0.1:{port}/{name}{number}/{Path(asset.href).name}"
                started = time.perf_counter()
                if name == "ours":
                    stacaster.load(**{**options, "items": moved})
                else:
                    with dask.config.set(scheduler="threads", num_workers=24):
                        by_odc({**options, "items": moved}, chunks={}).compute()
                times.append(time.perf_counter() - started)
    finally:
        server.terminate()
        server.wait()
    ours, peer = (statistics.median(times[1:]) for times in taken.values())
    row("b over 30 ms / odc.stac.load, 24 threads of Dask", ms(ours), ms(peer), peer / ours, ">= 2")


if __name__ == "__main__":
    serve(sys.argv[1])
