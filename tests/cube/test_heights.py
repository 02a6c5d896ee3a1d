"""Heights of photons against an elevation model, each above its own reference."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
from affine import Affine

import stacaster
from stacaster.cube.point_files import write_points
from stacaster.errors import UsageError
from stacaster.samples.icesat2 import TrackScene, surface, write_icesat2
from tests.certain import certain


def test_heights_against_an_elevation_model(tmp_path: Path) -> None:
    """Photons above the ellipsoid against AST14DEM above the geoid, which lies 7 m too low here."""
    origin = (138.55, -31.20)
    (tmp_path / "g").mkdir()
    (tmp_path / "dem").mkdir()
    scene = TrackScene(segments=30, photons=20, beams=("gt2l", "gt2r"), origin=origin)
    write_icesat2(scene, tmp_path / "g")
    x0, y0 = pyproj.Transformer.from_crs(4326, 32654, always_xy=True).transform(*origin)
    transform = Affine(30, 0, round(x0 / 30) * 30 - 900, 0, -30, round(y0 / 30) * 30 + 1500)
    columns, rows = np.meshgrid(np.arange(60) + 0.5, np.arange(80) + 0.5)
    _, lat = pyproj.Transformer.from_crs(32654, 4326, always_xy=True).transform(*(transform @ (columns, rows)))
    elevation = surface((lat - origin[1]) * 111_320.0) + 2.5 - 7
    path = tmp_path / "dem" / "AST14DEM_00408302003004302_20250510090333.tif"
    with rasterio.open(path, "w", driver="GTiff", height=80, width=60, count=1, dtype="int16", crs="EPSG:32654",
                       transform=transform) as target:  # fmt: skip
        target.write(np.round(elevation).astype("int16"), 1)
    assert not stacaster.ingest([tmp_path / "g", tmp_path / "dem"], catalog=tmp_path / "c").failed
    catalog = stacaster.open_catalog(tmp_path / "c")
    photons = catalog.points("photons", where='"class" = 1')
    items = list(catalog.search(collections="ast14dem-004").items())
    found = stacaster.cube.compare_heights(items, photons, time="time", closest=True)
    known = found.height_difference[found.geoid.notna()]
    assert len(found) == len(photons) and found.height_difference.isna().equals(found.geoid.isna()) and len(known) > 100
    assert known.median() == pytest.approx(7, abs=0.1) and known.std() < 0.6
    assert (found.item_id == items[0].id).all()
    gap = (pd.Timestamp(certain(items[0].datetime)) - found.time).dt.total_seconds()
    assert np.allclose(found.time_gap, gap) and (found.time_gap < -5e8).all()
    raw = stacaster.cube.compare_heights(items, photons, geoid=None, method="nearest")
    assert raw.height_difference.median() == pytest.approx(4.5, abs=0.3)
    with pytest.raises(UsageError, match="no column 'geoid'"):
        stacaster.cube.compare_heights(items, photons.drop(columns="geoid"))
    # Points to a file, their values to another one, as the commands do.
    stacaster.write_points("photons", tmp_path / "p.parquet", catalog=tmp_path / "c", where='"class" = 1')
    values = catalog.sample(tmp_path / "p.parquet", bands=["DEM"], method="bilinear", time="time",
                            collections="ast14dem-004")  # fmt: skip
    table = gpd.read_parquet(write_points(values, tmp_path / "v.parquet"))
    assert {"item_id", "time_gap", "DEM", "height", "beam"} <= set(table.columns) and table.crs.to_epsg() == 4326
    assert np.allclose(np.sort(table.DEM), np.sort(found.DEM))
