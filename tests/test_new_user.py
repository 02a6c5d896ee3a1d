"""What a new user types: other spellings and kinds mean the obvious, wrong ones are refused, and none is silent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

import stacaster as package
from stacaster.catalog import Catalog
from stacaster.errors import StacasterWarning, UsageError

stacaster: Any = package
BOX = (138.5, -31.02, 138.55, -30.98)
GRID: dict[str, Any] = {"bands": "nir", "crs": 32754, "resolution": 180, "datetime": "2003"}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


SAME: dict[str, dict[str, Any]] = {
    "generator": {"bands": (name for name in ["nir"])}, "set": {"bands": {"nir"}},
    "Index": {"bands": pd.Index(["nir"])},
    "array": {"bands": np.array(["nir"])}, "comma": {"bands": "nir,"}, "twice": {"bands": ["nir", "nir"]},
    "Decimal": {"resolution": Decimal(180)}, "unit": {"resolution": "180 m"}, "km": {"resolution": "0.18 km"},
    "0-d": {"resolution": np.array(180)}, "pair": {"resolution": (180, 180)}, "crs float": {"crs": 32754.0},
    "crs NumPy": {"crs": np.int64(32754)}, "crs text": {"crs": "32754"}, "crs utm": {"crs": "utm"},
    "to": {"datetime": "2003-01-01 to 2003-12-31"}, "slice": {"datetime": slice("2003-01", "2003-12")},
    "no grouping": {"groupby": None}, "units": {"units": "DN"}, "auto": {"chunks": "auto"},
    "whole": {"chunks": {"x": -1}},
}  # fmt: skip


@pytest.fixture(scope="module")
def expected(catalog: Catalog) -> xr.Dataset:
    cube: xr.Dataset = catalog.load(**GRID)
    return cube


@pytest.mark.parametrize("name", SAME)
def test_other_ways_to_say_the_same(name: str, catalog: Catalog, expected: xr.Dataset) -> None:
    xr.testing.assert_equal(catalog.load(**{**GRID, **SAME[name]}).compute(), expected)


def test_slices_along_axes(catalog: Catalog) -> None:
    pairs = catalog.load(**GRID, x=(261000, 263000), y=(6567000, 6569000))
    xr.testing.assert_identical(catalog.load(**GRID, x=slice(261000, 263000), y=slice(6567000, 6569000)), pairs)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "zone of Europe": (lambda c: c.load(**{**GRID, "crs": 32632}), "from 6 to 12 .* around 138.5; crs='utm'"),
    "other case": (lambda c: c.load(**{**GRID, "bands": "NIR"}), "nearest are nir"),
    "two bands in a blank": (lambda c: c.load(**{**GRID, "bands": "nir red"}), "nearest are"),
    "bytes": (lambda c: c.load(**{**GRID, "bands": b"nir"}), "give a name"),
    "true": (lambda c: c.load(**{**GRID, "resolution": True}), "resolution is True"),
    "infinite": (lambda c: c.load(**{**GRID, "resolution": float("inf")}), "resolution is inf"),
    "huge": (lambda c: c.load(**{**GRID, "resolution": 1e9}), "in metres"),
    "latitude first": (lambda c: c.search(bbox=(-31.02, 138.5, -30.98, 138.55)), "order is west, south, east, north"),
    "latitude first, shape": (lambda c: c.search(intersects=shapely.box(-31, 138, -30, 139)), "longitude comes first"),
    "latitude first of a point": (lambda c: c.search(point=(-31, 138.53), radius=10), "longitude comes first"),
    "latitude first of points": (lambda c: c.sample([(-31, 138.53)]), "no places on Earth"),
    "table": (lambda c: stacaster.load(pd.DataFrame({"a": [1]})), "items has"),
    "folder": (lambda c: stacaster.load(c.root), "open_catalog"),
    "two queries": (lambda c: c.sql("select 1; select 2"), "2 queries, but one"),
    "zip": (lambda c: c.archive("x.zip"), "a name ending in .tar"),
    "areas": (lambda c: stacaster.time_series(c.load(**GRID), "nofile.gpkg"), "areas is 'nofile.gpkg'"),
    "too many": (lambda c: stacaster.publish(c.root, "a", "b"), "publish: too many .* without a name go"),
    "workers": (lambda c: stacaster.ingest("x.hdf", catalog="c", workers=-1), "workers is -1, but a whole number"),
    "epoch": (lambda c: c.search(datetime=1062204182), "no date or time"),
    "days": (lambda c: c.search(datetime=pd.date_range("2003", "2004")), "one time, or start and end"),
    "start after end": (lambda c: c.search(start="2005", end="2003"), "ends before it begins"),
    "service": (lambda c: stacaster.search("AST_L1T", source="planetary"), "nearest are planetary-computer"),
    "mask": (lambda c: c.load(**GRID, mask=True), "mask=True"),
    "evil formula": (lambda c: stacaster.compute_index(c.load(**GRID), "__import__('os')"), "formula"),
    "user": (lambda c: stacaster.open_catalog("~nobody-of-that-name/x"), "no such user"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, catalog: Catalog) -> None:
    call, words = REFUSED[name]
    with pytest.raises(UsageError, match=words):
        call(catalog)


def test_swapped_sides_are_said(catalog: Catalog) -> None:
    with pytest.warns(StacasterWarning, match=r"west 138.55 eastwards .* give 138.5,-31.02,138.55,-30.98"):
        catalog.search(bbox=(BOX[2], BOX[1], BOX[0], BOX[3]))


def test_another_version_is_not_found(catalog: Catalog) -> None:
    for version, count in (("3", 8), ("v003", 8), (3, 8), ("004", 0), ("99", 0)):
        assert len(stacaster.search("AST_L1T", source=catalog, version=version)) == count


def test_a_tilde_is_the_home_folder(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    stacaster.write_cube(catalog.load(**GRID), "~/x.nc")
    assert (tmp_path / "home/x.nc").is_file() and not (tmp_path / "~").exists()
    (tmp_path / "home/demo").symlink_to(catalog.root)
    assert len(stacaster.open_catalog("~/demo").search()) == 8


def test_other_words_for_a_period_and_a_method(catalog: Catalog, expected: xr.Dataset) -> None:
    monthly = stacaster.composite(expected, "Median", period="Monthly")
    xr.testing.assert_identical(monthly, stacaster.composite(expected, "median", period="month"))
    points = [(138.53, -31.0)]
    rows = [catalog.sample(points, bands="nir", method=method)["nir"] for method in ("Bilinear", "bilinear")]  # type: ignore[arg-type]
    assert rows[0].equals(rows[1])
