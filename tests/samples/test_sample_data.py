"""The default set of simulated granules."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

import stacaster
from stacaster.errors import UsageError
from stacaster.samples import DEFAULT_SCENES, landscape
from stacaster.samples.scene import RESOLUTION, AsterScene

SEED = 99
CUTOFF = dt.datetime(2008, 4, 1, tzinfo=dt.UTC)
BORDER = [scene for scene in DEFAULT_SCENES if sum(other.orbit == scene.orbit for other in DEFAULT_SCENES) > 1]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return stacaster.sample_data(tmp_path_factory.mktemp("set") / "new")


def sums(paths: tuple[Path, ...]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_small_set_is_small_and_quick(tmp_path: Path) -> None:
    started = time.monotonic()
    paths = stacaster.sample_data(tmp_path)
    assert time.monotonic() - started < 20
    assert [path.name for path in paths] == [f"{scene.name}.hdf" for scene in DEFAULT_SCENES]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    assert sum(path.stat().st_size for path in paths) < 20_000_000


def test_what_the_set_holds() -> None:
    assert len(DEFAULT_SCENES) == 8
    assert len({scene.name for scene in DEFAULT_SCENES}) == len({scene.name_004 for scene in DEFAULT_SCENES}) == 8
    codes = {code for scene in DEFAULT_SCENES for code in scene.gains}
    assert codes >= {"HGH", "NOR", "LOW"}
    night = [scene for scene in DEFAULT_SCENES if scene.sun_elevation < 0]
    assert [scene.subsystems for scene in night] == [("TIR",)]
    late = [scene for scene in DEFAULT_SCENES if scene.acquired >= CUTOFF]
    assert [scene.subsystems for scene in late] == [("VNIR", "SWIR", "TIR")]
    assert {2001, 2003} <= {scene.acquired.year for scene in DEFAULT_SCENES} <= set(range(2001, 2011))


def test_sun_angles_fit_time_and_place() -> None:
    """Within two degrees of the low-precision formulas of the Astronomical Almanac."""
    for scene in DEFAULT_SCENES:
        (top, left), (bottom, right) = scene.upper_left, scene.lower_right
        lon, lat = scene.to_lonlat((left + right) / 2, (top + bottom) / 2)
        assert scene.sun_elevation == pytest.approx(sun_elevation(scene.acquired, lon, lat), abs=2), scene.name


def sun_elevation(moment: dt.datetime, lon: float, lat: float) -> float:
    days = (moment - dt.datetime(2000, 1, 1, 12, tzinfo=dt.UTC)).total_seconds() / 86400
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439)
    ascension = np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude))
    declination = np.arcsin(np.sin(tilt) * np.sin(longitude))
    hour = np.radians((18.697374558 + 24.06570982441908 * days) * 15 + lon) - ascension
    phi = np.radians(lat)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    return float(np.degrees(np.arcsin(sine)))


def frame(scene: AsterScene, band: str) -> tuple[Any, Any]:
    subsystem = "VNIR" if band < "B04" else "TIR"
    rows, cols = scene.shape(subsystem)
    size = RESOLUTION[subsystem]
    x, y = np.meshgrid(scene.upper_left[1] + size * np.arange(cols), scene.upper_left[0] - size * np.arange(rows))
    return Transformer.from_crs(32600 + scene.zone, 4326, always_xy=True).transform(x, y)


def test_scenes_show_vegetation_bare_land_and_the_lake() -> None:
    scene = next(scene for scene in DEFAULT_SCENES if scene.acquired.month in (8, 9) and scene not in BORDER)
    red, nir = (scene.pixels(band).astype(float) for band in ("B02", "B03N"))
    lon, lat = frame(scene, "B02")
    valid = red > 0
    reflectance = [
        (values - 1) * scene.coefficient(band) / esun
        for values, band, esun in ((red, "B02", 1549.0), (nir, "B03N", 1114.0))
    ]
    ndvi = (reflectance[1] - reflectance[0]) / np.maximum(reflectance[1] + reflectance[0], 1e-9)
    lake = landscape.is_lake(lon, lat)
    assert (lake & valid).sum() > 100
    assert ndvi[valid & lake].max() < 0
    assert ndvi[valid & ~lake].max() > 0.3
    assert ndvi[valid & ~lake].min() < 0.2


def test_border_pair_overlaps_and_agrees() -> None:
    """Two scenes of one orbit, seconds apart, in zones 53 and 54, see the same numbers in their overlap."""
    first, second = BORDER
    assert {first.zone, second.zone} == {53, 54}
    assert abs((first.acquired - second.acquired).total_seconds()) < 60
    random = np.random.default_rng(SEED)
    for band in ("B01", "B03N", "B13"):
        lon, lat = random.uniform(137.95, 138.1, 20000), random.uniform(-31.1, -30.9, 20000)
        numbers, inside = [], np.ones(lon.shape, dtype=bool)
        for scene in (first, second):
            pixels = scene.pixels(band)
            size = 15 if band < "B04" else 90
            x, y = Transformer.from_crs(4326, 32600 + scene.zone, always_xy=True).transform(lon, lat)
            row = np.rint((scene.upper_left[0] - y) / size).astype(int)
            col = np.rint((x - scene.upper_left[1]) / size).astype(int)
            here = (row >= 0) & (row < pixels.shape[0]) & (col >= 0) & (col < pixels.shape[1])
            values = pixels[np.where(here, row, 0), np.where(here, col, 0)].astype(int)
            inside &= here & (values > 0)
            numbers.append(values)
        assert inside.sum() > 200
        difference = np.abs(numbers[0] - numbers[1])[inside]
        assert difference.max() <= 0.02 * numbers[0][inside].max() + 1
        assert numbers[0][inside].std() > difference.mean()


def test_same_bytes_twice(small_set: tuple[Path, ...], tmp_path: Path) -> None:
    assert sums(stacaster.sample_data(tmp_path)) == sums(small_set)


def test_existing_files_are_kept(small_set: tuple[Path, ...]) -> None:
    before = sums(small_set)
    victim = small_set[3]
    content = victim.read_bytes()
    for path in small_set:
        if path != victim:
            path.rename(path.with_suffix(".away"))
    try:
        victim.write_bytes(b"mine")
        with pytest.raises(UsageError, match=victim.name):
            stacaster.sample_data(victim.parent)
        assert victim.read_bytes() == b"mine"
        assert [path.name for path in victim.parent.glob("*.hdf")] == [victim.name]
        victim.write_bytes(content)
    finally:
        for path in small_set:
            if path != victim:
                path.with_suffix(".away").rename(path)
    assert sums(stacaster.sample_data(victim.parent, overwrite=True)) == before


def test_any_existing_file_of_a_set_is_kept(tmp_path: Path) -> None:
    image = tmp_path / f"{DEFAULT_SCENES[0].name_004}_TIR_B10.tif"
    image.write_bytes(b"mine")
    with pytest.raises(UsageError, match=image.name):
        stacaster.sample_data(tmp_path, product="AST_L1T_004")
    assert image.read_bytes() == b"mine"


def test_progress_and_geotiff_sets(tmp_path: Path) -> None:
    calls: list[tuple[int, int, str]] = []
    paths = stacaster.sample_data(tmp_path, product="AST_L1T_004", progress=lambda *call: calls.append(call))
    assert [call[:2] for call in calls] == [(i, 8) for i in range(1, 9)]
    assert all(scene.name_004 in call[2] for scene, call in zip(DEFAULT_SCENES, calls, strict=True))
    assert len([path for path in paths if path.suffix == ".tif"]) == 7 * 14 + 5
    assert len([path for path in paths if path.name.endswith(".cmr.json")]) == 8
    assert sum(path.stat().st_size for path in paths) < 20_000_000


def test_unknown_product(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="AST_L1T_004"):
        stacaster.sample_data(tmp_path, product="MOD10A2")


@pytest.mark.full_size
def test_full_size(tmp_path: Path) -> None:
    (path,) = stacaster.sample_data(tmp_path, full_size=True)
    assert 132_171_291 < path.stat().st_size < 135_000_000
