"""Scenes all over the Earth in every kind of CRS, on grids of every other kind; PROJ says which pixel is where."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

import stacaster
from tests.cube.plain_items import plain_item, write_tif

load: Any = stacaster.load  # options by name, of any type

SIZE, PIXEL, DEGREE = 40, 100.0, 111_000.0
PIXELS = np.random.default_rng(4).integers(1, 30000, (SIZE, SIZE)).astype("uint16")
LONGITUDES = [*range(-180, 180, 10), 179.99, -179.99]


def utm(lon: float, lat: float) -> str:
    return f"EPSG:{(32601 if lat >= 0 else 32701) + int((lon + 180) // 6) % 60}"


def kinds(lon: float, lat: float) -> list[str]:
    """CRS that serve a position: of zones, cylinders and degrees, and polar stereographic and LAEA of its half."""
    found = ["EPSG:6931" if lat >= 0 else "EPSG:6932"]
    if abs(lat) < 84:
        found += [utm(lon, lat), "EPSG:3857", "EPSG:6933"]
    if abs(lat) < 89:
        found.append("EPSG:4326")
    if abs(lat) > 55:
        found.append("EPSG:3413" if lat > 0 else "EPSG:3031")
    return found


def grid_around(crs: str, lon: float, lat: float, size: int, pixel: float) -> GeoBox:
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    step = pixel / DEGREE if crs == "EPSG:4326" else pixel
    return GeoBox((size, size), Affine(step, 0, x - size * step / 2, 0, -step, y + size * step / 2), crs)


def by_proj(source: GeoBox, cube: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of a scene under the middles of a cube's pixels, 0 outside, and where that is beyond doubt."""
    rows, cols = np.mgrid[: cube.shape.y, : cube.shape.x] + 0.5
    x, y = cube.transform * (cols, rows)
    lon, lat = Transformer.from_crs(cube.crs, 4326, always_xy=True).transform(x, y)
    x, y = Transformer.from_crs(4326, source.crs, always_xy=True).transform(lon, lat)
    if str(source.crs) == "EPSG:4326":
        middle = source.transform.c + source.transform.a * SIZE / 2
        x = middle + (x - middle + 180) % 360 - 180
    col, row = ~source.transform * (x, y)
    inside = (col >= 0) & (row >= 0) & (col < SIZE) & (row < SIZE)
    edge = np.minimum(np.abs(col - np.round(col)), np.abs(row - np.round(row)))
    at = [np.clip(np.floor(place), 0, SIZE - 1).astype(int) for place in (row, col)]
    return np.where(inside, PIXELS[at[0], at[1]], 0), edge > 0.02


def latitudes(turn: int) -> float:
    return (-89.8, -76.0, -51.0, -20.0, 0.2, 33.0, 63.0, 81.0, 89.8)[turn % 9]


@pytest.mark.parametrize("part", range(4))
def test_every_kind_of_crs_every_ten_degrees(tmp_path: Path, part: int) -> None:
    """Each longitude meets other latitudes, sources and grids; every second one is loaded in pieces, too."""
    loads = 0
    for turn in range(part, len(LONGITUDES) * 3, 4):
        lon, lat = LONGITUDES[turn % len(LONGITUDES)], latitudes(turn + turn // 9)
        crs = kinds(lon, lat)
        source_crs, cube_crs = crs[turn % len(crs)], crs[(turn // 5 + turn) % len(crs)]
        _check(tmp_path / f"{turn}.tif", source_crs, cube_crs, (lon, lat), is_lazy=turn % 8 < 4)
        loads += 1
    assert loads >= 28


@pytest.mark.parametrize("lat", [-35.0, 48.0])
def test_every_zone_of_utm(tmp_path: Path, lat: float) -> None:
    """Scenes at both borders of the 60 zones of a half of the Earth, on the grid of the next zone or of the world."""
    for zone in range(60):
        lon = -180 + 6 * zone + (0.01 if zone % 2 else 5.99)
        beyond = utm(lon + (-1 if zone % 2 else 1), lat)
        cube_crs = (beyond, "EPSG:3857", "EPSG:4326")[zone % 3]
        _check(tmp_path / f"{zone}.tif", utm(lon, lat), cube_crs, (lon, lat), is_lazy=zone % 4 == 0)


def _check(path: Path, source_crs: str, cube_crs: str, at: tuple[float, float], *, is_lazy: bool) -> None:
    # Web Mercator stretches the Earth by latitude.
    stretch = 1 / math.cos(math.radians(at[1]))
    source = grid_around(source_crs, *at, SIZE, PIXEL * (stretch if source_crs == "EPSG:3857" else 1))
    cube = grid_around(cube_crs, *at, 24, 130.0 * (stretch if cube_crs == "EPSG:3857" else 1))
    item = plain_item("s", {"b": write_tif(path, PIXELS, transform=source.transform, crs=source_crs, nodata=0)})
    expected, sure = by_proj(source, cube)
    case = f"{source_crs} to {cube_crs} at {at}"
    assert (expected > 0).mean() > 0.08 and sure.mean() > 0.5, case
    pixels = load([item], bands=["b"], geobox=cube).b.values[0]
    assert np.array_equal(pixels[sure], expected[sure]), case
    if is_lazy:
        pieces = load([item], bands=["b"], geobox=cube, chunks={"x": 11, "y": 13}).b.values[0]
        assert np.array_equal(pieces, pixels), case


@pytest.mark.parametrize("resampling", ["nearest", "average"])
@pytest.mark.parametrize("crs", ["EPSG:32604", "EPSG:32760", "EPSG:32632"])
def test_a_map_from_0_to_360_degrees(tmp_path: Path, crs: str, resampling: str) -> None:
    """Each column is its longitude: west of Greenwich they lie beyond 180."""
    pixels = np.broadcast_to(np.arange(720, dtype="float32") / 2 + 0.25, (360, 720))
    path = write_tif(tmp_path / "m.tif", pixels, transform=Affine(0.5, 0, 0, 0, -0.5, 90), crs="EPSG:4326")
    south = 10_000_000 if crs == "EPSG:32760" else 0
    cube = GeoBox((6, 7), Affine(90_000, 0, 200_000, 0, -90_000, 2_000_000 + south * 0.6), crs)
    cols, rows = np.meshgrid(np.arange(7) + 0.5, np.arange(6) + 0.5)
    lon, _ = Transformer.from_crs(crs, 4326, always_xy=True).transform(*(cube.transform * (cols, rows)))
    for more in ({}, {"chunks": {"x": 4, "y": 3}}):
        found = load([plain_item("m", {"b": path})], bands=["b"], geobox=cube, resampling=resampling, **more).b.values
        assert np.abs(found[0] - lon % 360).max() < (0.26 if resampling == "nearest" else 0.1)
