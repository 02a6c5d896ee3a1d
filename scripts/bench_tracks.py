"""ICESat-2: photons to GeoParquet, surfaces of photons, questions to many photons, against what people use."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scripts.bench_nisar import OURS

Row = Callable[..., None]

# As icepyx reads: xarray, a group a beam, then a GeoDataFrame.
PEER = """
import sys, time
import geopandas as gpd, numpy as np, pandas as pd, xarray as xr
import warnings; warnings.filterwarnings("ignore")
source, target = sys.argv[1:]
start = time.perf_counter()
parts = []
for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r"):
    with xr.open_dataset(source, group=f"{beam}/heights", engine="h5netcdf", phony_dims="sort") as data, \\
            xr.open_dataset(source, group=f"{beam}/geolocation", engine="h5netcdf", phony_dims="sort") as where:
        frame = pd.DataFrame({name: data[name].values for name in
                              ("delta_time", "lat_ph", "lon_ph", "h_ph", "quality_ph", "weight_ph", "dist_ph_across",
                               "dist_ph_along")})
        frame["signal_conf_ph"] = data["signal_conf_ph"].values.tolist()
        count = where["segment_ph_cnt"].values
        for name in ("segment_id", "segment_dist_x", "solar_elevation"):
            frame[name] = np.repeat(where[name].values, count)
        frame["beam"] = beam
        parts.append(frame)
frame = pd.concat(parts)
points = gpd.points_from_xy(frame.lon_ph, frame.lat_ph)
gpd.GeoDataFrame(frame, geometry=points, crs=7912).to_parquet(target, compression="zstd")
print(time.perf_counter() - start)
"""

QUERY = """
select count(*), avg(height) from photons
where longitude between {} and {} and latitude between {} and {}
"""


def bench_tracks(folder: Path, row: Row) -> None:
    """Convert a granule, fit a million photons, ask a hundred million."""
    from stacaster.samples.icesat2 import TrackScene, write_icesat2

    folder.mkdir(parents=True, exist_ok=True)
    scene = TrackScene(segments=20_000, photons=120)
    path = write_icesat2(scene, folder)[0]
    for other in ("ATL06", "ATL08"):
        (folder / f"{scene.name(other)}.h5").unlink()
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for turn in range(3):
        for name, code in (("ours", OURS), ("peer", PEER)):
            target = folder / f"{name}{turn}"
            done = subprocess.run(
                [sys.executable, "-c", code, str(path), str(target)], check=True, capture_output=True, text=True
            )
            times[name].append(float(done.stdout))
    ours, peer = (statistics.median(times[name]) for name in ("ours", "peer"))
    row("ATL03 to GeoParquet / xarray, geopandas", f"{ours:.2f} s", f"{peer:.2f} s", peer / ours, ">= 3")
    _fit(folder / "ours0", row)
    make_many(folder / "many")
    ask_many(folder / "many", row)


def _fit(root: Path, row: Row) -> None:
    """Fit a million photons as a catalog gives them, against the time to read them out of it and out of the granule."""
    import stacaster

    catalog = stacaster.open_catalog(root)
    columns = ["item_id", "beam", "x_atc", "height", "longitude", "latitude", "time", "confidence", "quality", "y_atc",
               "background", "speed", "podppd_flag"]  # fmt: skip
    reads, fits = [], []
    for turn in range(4):
        start = time.perf_counter()
        photons = catalog.points("photons", columns=columns, limit=1_000_000)
        reads.append(time.perf_counter() - start)
        start = time.perf_counter()
        found = stacaster.icesat2.fit_surface(photons)
        if turn:
            fits.append(time.perf_counter() - start)
    read, fit = statistics.median(reads[1:]), statistics.median(fits)
    row(f"{len(photons):,} photons to {len(found):,} heights", f"{fit:.2f} s", f"{read:.2f} s read", fit / read, "<= 3")


def make_many(root: Path) -> None:
    """Write ten items of ten million photons."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    import stacaster
    from stacaster.files.geoparquet import PointWriter
    from stacaster.samples.icesat2 import TrackScene, write_icesat2

    root.mkdir()
    small = root / "small"
    small.mkdir()
    for cycle in range(1, 11):
        one = TrackScene(segments=5, photons=20, cycle=cycle, rgt=100 + cycle)
        write_icesat2(one, small)
        for other in ("ATL06", "ATL08"):
            (small / f"{one.name(other)}.h5").unlink()
    stacaster.ingest([small], catalog=root / "c")
    catalog = stacaster.open_catalog(root / "c")
    chance = np.random.default_rng(1)
    for number, item in enumerate(catalog.search().items()):
        path = Path(item.assets["photons"].href)
        schema = pq.read_schema(path)
        kept = pa.schema([schema.field(name) for name in ("longitude", "latitude", "beam", "height", "x_atc")])
        with PointWriter(path, kept, epsg=7912) as writer:
            for part in range(10):
                lat = np.sort(chance.random(1_000_000) * 0.9) + part * 0.9 - 38
                lon = 130 + number + (lat + 38) * 0.05
                beam = pa.array(["gt1l"]).take(pa.array(np.zeros(lat.size, np.int32)))
                columns = [pa.array(lon), pa.array(lat), beam,
                           pa.array(chance.random(lat.size, dtype=np.float32)), pa.array(lat * 1.1e5)]  # fmt: skip
                writer.add(columns, lon, lat)
            writer.finish()


def ask_many(root: Path, row: Row) -> None:
    """Ask for small boxes among many photons."""
    import numpy as np

    import stacaster

    catalog = stacaster.open_catalog(root / "c")
    total = int(catalog.sql("select count(*) n from photons").to_dataframe().n[0])
    chance = np.random.default_rng(2)
    taken = []
    for _ in range(25):
        west, south = 130 + chance.random() * 9, -38 + chance.random() * 8.5
        text = QUERY.format(west, west + 0.5, south, south + 0.1)
        start = time.perf_counter()
        catalog.sql(text).to_dataframe()
        taken.append(time.perf_counter() - start)
    middle = statistics.median(taken)
    row(f"box among {total / 1e6:.0f} million photons, p50", f"{middle * 1000:.0f} ms", "200 ms", 0.2 / middle, ">= 1")
