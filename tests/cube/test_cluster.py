"""Cubes on real Dask workers: the same pixels, and a report that knows what they read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from distributed import Client

import stacaster
from stacaster.catalog import Catalog
from tests.cube.made_scenes import START, made_scene

AREA = {"type": "Polygon", "coordinates": [[[138.45, -31.05], [138.55, -31.05], [138.5, -30.95], [138.45, -31.05]]]}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as connected:
        yield connected


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"units": "reflectance", "mask": ["cloud"], "n_obs": True, "source": True, "groupby": "solar_day"},
        {"units": "radiance", "intersects": AREA, "keep_masks": True, "mask": "water"},
    ],
)
def test_workers_give_the_same_cube(catalog: Catalog, client: Client, options: dict[str, Any]) -> None:
    assert len(client.scheduler_info()["workers"]) == 2
    search = catalog.search(datetime="2003")
    asked: dict[str, Any] = {"bands": ["B01"], "native": True, **options}
    lazy, report = stacaster.load(search.items(), **asked, chunks={"x": 128, "y": 128}, report=True)
    assert report.of("unread") and not report.of("read"), "nothing is said to be read before it is"
    cube = lazy.compute()
    xr.testing.assert_identical(cube, search.load(**asked))
    assert report.of("read") and not report.of("unread")


@pytest.mark.slow
def test_a_file_that_a_worker_cannot_read(client: Client, tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(1, 4000, (300, 300))
    items = [made_scene(tmp_path, f"s{n}", {"B13": values}, moment=START + dt.timedelta(days=n)) for n in range(3)]
    path = Path(items[1].assets["B13"].href)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    lazy, report = stacaster.load(items, native=True, chunks={"x": 128, "y": 128}, report=True)
    cube = lazy.compute()
    assert (cube.B13.values[[0, 2]] > 0).all() and not cube.B13.values[1].all()
    assert [entry.status for entry in report.outcomes] == ["read", "failed", "read"]
    assert report.of("failed")[0].reason and str(tmp_path) not in str(client.get_events()).replace("\\", "")
