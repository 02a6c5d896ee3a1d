"""A catalog opened by xarray itself."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stacaster.catalog import Catalog
from stacaster.catalog.xarray_engine import CatalogBackend
from stacaster.errors import NothingFoundError, UsageError


def test_a_catalog_is_a_dataset_in_pieces(catalog: Catalog) -> None:
    (item,) = list(catalog.search(datetime="2003").items())[:1]
    loaded = catalog.load(ids=[item.id], bands=["red", "nir"], units="reflectance", native=True)
    for chunks in ({}, None, {"x": -1, "y": -1}):
        with xr.open_dataset(catalog.root, engine=CatalogBackend, bands=["red", "nir"], ids=[item.id],
                             units="reflectance", chunks=chunks) as opened:  # fmt: skip
            assert (opened.red.chunks is None) == (chunks is None)
            assert not opened.red.variable._in_memory, "nothing is read before it is asked for"
            assert opened.odc.geobox == loaded.odc.geobox and opened.red.attrs["units"] == "1"
            for name in ("red", "nir"):
                assert np.array_equal(opened[name].values, loaded[name].values, equal_nan=True)


def test_the_folder_and_its_document_are_recognised(catalog: Catalog, tmp_path: Path) -> None:
    backend = CatalogBackend()
    assert backend.guess_can_open(catalog.root) and backend.guess_can_open(f"{catalog.root}/catalog.json")
    assert not backend.guess_can_open(tmp_path) and not backend.guess_can_open(7)
    (item,) = list(catalog.search(datetime="2003").items())[:1]
    whole = xr.open_dataset(f"{catalog.root}/catalog.json", engine=CatalogBackend, bands=["red", "nir"], ids=[item.id])
    assert set(whole.data_vars) == {"red", "nir"}
    less = xr.open_dataset(
        catalog.root, engine=CatalogBackend, bands=["red", "nir"], ids=[item.id], drop_variables="nir"
    )
    assert set(less.data_vars) == {"red"}


def test_wrong_arguments_are_said_in_words(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="no option 'band'; nearest are bands"):
        xr.open_dataset(catalog.root, engine=CatalogBackend, band=["red"])
    with pytest.raises(NothingFoundError):
        xr.open_dataset(catalog.root, engine=CatalogBackend, datetime="1970")
    with pytest.raises(UsageError, match="band 'purple'"):
        xr.open_dataset(catalog.root, engine=CatalogBackend, bands=["purple"])


def test_the_entry_point_leads_to_the_backend(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["xarray.backends"]["stacaster"].partition(":")
    assert (module, name) == (CatalogBackend.__module__, CatalogBackend.__name__)


def test_xarray_finds_the_engine_by_its_name(catalog: Catalog) -> None:
    """In an installed package; a tree on the path alone says no entry points."""
    if not [entry for entry in entry_points(group="xarray.backends") if entry.value.startswith("stacaster")]:
        pytest.skip("stacaster is not installed with this entry point")
    assert xr.backends.list_engines()["stacaster"].description == CatalogBackend.description
