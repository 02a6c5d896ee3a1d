"""Simulated items of one ASTER L1T collection as Arrow rows, for the measurements of the item table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import shapely

COLLECTION = "aster-l1t-003"
BANDS = (*(f"B{n:02d}" for n in (1, 2)), "B03N", *(f"B{n:02d}" for n in range(4, 15)))
_START = dt.datetime(2000, 3, 4, tzinfo=dt.UTC)
_SECONDS = int(25 * 365.25 * 86400)


def make_rows(count: int, *, seed: int = 7, batch: int = 25_000) -> Iterator[pa.Table]:
    """Yield rows of stac-geoparquet in the order of their times, as a provider delivers them; none repeats."""
    chance = np.random.default_rng(seed)
    times = np.sort(chance.integers(0, _SECONDS, count))
    for start in range(0, count, batch):
        yield _rows(chance, start, times[start : start + batch])


def _rows(chance: np.random.Generator, first: int, seconds: np.ndarray) -> pa.Table:
    n = len(seconds)
    x, y = chance.uniform(-180, 180, n), np.degrees(np.arcsin(chance.uniform(-0.98, 0.98, n)))
    width = 0.35 / np.cos(np.radians(np.clip(np.abs(y), 0, 80)))
    west, east, south, north = x - width, x + width, np.clip(y - 0.32, -90, 90), np.clip(y + 0.32, -90, 90)
    tilt = width * 0.2
    # Some cross the antimeridian: their boxes have west > east.
    box_west, box_east = (west + 180) % 360 - 180, (east + 180) % 360 - 180
    corners = [
        (west + tilt, north),
        (west, south + 0.1),
        (east - tilt, south),
        (east, north - 0.1),
        (west + tilt, north),
    ]
    rings = np.stack([np.stack(pair, axis=1) for pair in corners], axis=1)
    stamp = pa.array(np.datetime64(_START.replace(tzinfo=None), "us") + seconds.astype("timedelta64[s]")).cast(
        pa.timestamp("us", tz="UTC")
    )
    ids = [f"AST_L1T_003{s:010d}_{first + k:07d}" for k, s in enumerate(seconds.tolist())]
    years = [str(t.year) for t in stamp.to_pylist()]
    folders = [f"./{year}/{item}" for year, item in zip(years, ids, strict=True)]

    def same(value: object) -> pa.Array:
        return pa.array([value]).take(pa.array(np.zeros(n, dtype=np.int32)))

    columns = {
        "type": same("Feature"),
        "stac_version": same("1.1.0"),
        "stac_extensions": same([f"https://stac-extensions.github.io/{name}/schema.json" for name in
                                 ("eo/v2.0.0", "file/v2.1.0", "projection/v2.0.0", "raster/v2.0.0", "view/v1.0.0")]),
        "id": pa.array(ids),
        "collection": same(COLLECTION),
        "datetime": stamp,
        "bbox": pa.StructArray.from_arrays(
            list(map(pa.array, (box_east, box_west, north, south))), names=["xmax", "xmin", "ymax", "ymin"]
        ),
        "geometry": pa.array(shapely.to_wkb(shapely.polygons(rings)).tolist(), pa.binary()),
        "eo:cloud_cover": pa.array(np.round(chance.uniform(0, 100, n))),
        "view:sun_elevation": pa.array(np.round(chance.uniform(5, 80, n), 1)),
        "view:sun_azimuth": pa.array(np.round(chance.uniform(0, 360, n), 1)),
        "view:off_nadir": pa.array(np.round(chance.uniform(0, 8.6, n), 3)),
        "sat:absolute_orbit": pa.array(seconds // 5933),
        "platform": same("terra"),
        "instruments": same(["aster"]),
        "gsd": same(15.0),
        "version": same("003"),
        "title": pa.array(ids),
        "sci:doi": same("10.5067/ASTER/AST_L1T.003"),
        "stacaster:fingerprint": _checksums(chance, n),
        "links": same([{"rel": "root", "href": "../catalog.json", "type": "application/json"},
                       {"rel": "parent", "href": "./2001/catalog.json", "type": "application/json"},
                       {"rel": "collection", "href": "./collection.json", "type": "application/json"}]),
    }  # fmt: skip
    shape, transform = same([4200, 4980]), [15.0, 0.0, 300000.0, 0.0, -15.0, 4000000.0]
    code = pa.array([f"EPSG:{32601 + int((value + 180) // 6) % 60}" for value in x])
    assets = {}
    for band in BANDS:
        assets[band] = pa.StructArray.from_arrays(
            [
                pa.array([f"{folder}/{band}.tif" for folder in folders]),
                same("image/tiff; application=geotiff; profile=cloud-optimized"),
                same(f"{band}: ASTER band"),
                same(["data"]),
                same("uint8"),
                same(15.0),
                code,
                shape,
                same(transform),
                pa.array(chance.integers(5_000_000, 20_000_000, n)),
                _checksums(chance, n),
                _checksums(chance, n),
                same(0),
                same(0.676),
                same(-0.676),
            ],
            names=["href", "type", "title", "roles", "data_type", "gsd", "proj:code", "proj:shape", "proj:transform",
                   "file:size", "file:checksum", "stacaster:pixel_checksum", "nodata", "raster:scale", "raster:offset"],
        )  # fmt: skip
    columns["assets"] = pa.StructArray.from_arrays(list(assets.values()), names=list(assets))
    return pa.table(columns)


def _checksums(chance: np.random.Generator, n: int) -> pa.Array:
    text = ("1220" + chance.bytes(32 * n).hex()) if n == 1 else chance.bytes(34 * n).hex()
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * 68)
    return pa.StringArray.from_buffers(n, offsets.buffers()[1], pa.py_buffer(text.encode()))
