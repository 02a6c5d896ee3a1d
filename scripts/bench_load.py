"""Cubes of 24 full-size scenes against odc-stac and against the codec alone; chips over a slow line."""

from __future__ import annotations

import datetime as dt
import shutil
import struct
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

    from stacaster.cog import write_cog
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

    from stacaster.rasters import render as module
    from stacaster.rasters.codecs import place, scratch, unpack

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
        shape = (level.tile_height, level.tile_width)
        target = scratch("piece", shape[0] * shape[1]).view(level.dtype).reshape(shape)
        place(unpack(data, level), level, target, fast=True)

    def run() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, work, chunksize=8))

    return run


def bench_speed(folder: Path, row: Any, interleaved: Any) -> None:
    """Whole cubes, chips and overviews: ours, odc-stac with our driver, odc-stac as it is, and the codec alone."""
    import stacaster

    for name, options in workloads(make_scenes(folder)).items():
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
