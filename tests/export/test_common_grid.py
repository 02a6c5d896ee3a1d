"""Scenes of several zones and bands of several sizes come to one grid, which is said in the options that choose it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import GridWarning, UsageError


def test_zones_come_to_the_one_of_most_scenes(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.warns(GridWarning, match=r"EPSG:32753: 1 scene, EPSG:32754: 7 scenes.*crs='EPSG:32754', resolution=90"):
        chosen = stacaster.export(tmp_path / "a" / "chosen.nc", catalog=catalog.root, bands="B10")
    named = stacaster.export(tmp_path / "named.nc", catalog=catalog.root, bands="B10", crs="EPSG:32754", resolution=90)
    with xr.open_dataset(chosen) as first, xr.open_dataset(named) as second:
        assert np.array_equal(first["B10"], second["B10"], equal_nan=True)
        assert first.sizes["time"] == len(catalog.search())


def test_one_of_crs_and_resolution_is_enough(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.warns(GridWarning, match="crs='EPSG:32754', resolution=180"):
        stacaster.export(tmp_path / "a.nc", catalog=catalog.root, bands="B10", resolution=180)
    with pytest.warns(GridWarning, match=r"crs='EPSG:4326', resolution=0\.00080"):
        stacaster.export(tmp_path / "b.nc", catalog=catalog.root, bands="B10", crs=4326)


def test_bands_of_several_sizes_have_the_pixels_of_the_coarsest(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.warns(GridWarning, match=r"pixels of 15, 90.*resolution=15 takes finer"):
        path = stacaster.export(tmp_path / "a.nc", catalog=catalog.root, bands="B01,B10", datetime=2003)
    coarse = catalog.load(bands="B10", native=True, datetime=2003)
    with xr.open_dataset(path) as written:
        assert np.array_equal(written["x"], coarse["x"]) and np.array_equal(written["y"], coarse["y"])


def test_one_grid_says_nothing(catalog: Catalog, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    stacaster.export(tmp_path / "a.nc", catalog=catalog.root, bands="B10", datetime=2003)
    assert not [entry for entry in recwarn if issubclass(entry.category, GridWarning)]


def test_the_only_collection_with_the_bands_is_taken(catalog: Catalog, tmp_path: Path) -> None:
    root = tmp_path / "two"
    granules = tmp_path / "granules"
    stacaster.sample_data(granules, product="AST_07")
    stacaster.ingest([granules], catalog=root)
    stacaster.export(root, catalog=catalog.root, bands="B10", datetime=2003)
    two = stacaster.open_catalog(root)
    assert len(two.collections) == 2
    (other,) = [name for name in two.collections if name == "bands"]
    assert other == "bands"
    path = stacaster.export(tmp_path / "b.nc", catalog=root, bands="B10")
    with xr.open_dataset(path) as written:
        assert list(written.data_vars)[:1] == ["B10"]
    with pytest.raises(UsageError, match=r"several collections.*collection="):
        stacaster.export(tmp_path / "c.nc", catalog=root)
