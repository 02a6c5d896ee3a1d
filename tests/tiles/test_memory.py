"""A run that cannot fit into memory says so before it begins; bands say the default pixel size."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import rasterio
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.cli import cli
from stacaster.errors import UsageError
from stacaster.files.disk_array import DiskArray
from stacaster.tiles.plan import read_run, read_tasks
from stacaster.tiles.run import task_of
from stacaster.tiles.spill import computed
from stacaster.tiles.task import run_tile

BOX = (138.4, -31.1, 138.6, -30.9)


def planned(catalog: Catalog, folder: Path, **recipe: Any) -> Path:
    plan = stacaster.tiles.plan_tiles(recipe, catalog=catalog.root, bbox=BOX)
    return plan.write(folder)


def test_a_tile_that_does_not_fit(catalog: Catalog, tmp_path: Path) -> None:
    folder = planned(catalog, tmp_path / "run", bands="B10", composite="median", tile_size=10, resolution=0.001)
    # Eight scenes of one band in pieces of 64 x 64, 16 bytes a pixel, four times.
    with pytest.raises(UsageError, match=r"10000 x 10000 pixels of \d scenes, needs 3 MB .*memory_mb=1;"):
        stacaster.tiles.run_tiles(folder, memory_mb=1)
    with pytest.raises(UsageError, match="give memory_mb=3"):
        stacaster.tiles.submit_tiles(folder, memory_mb=1, submit=False)
    counts, _ = stacaster.tiles.tiles_status(folder)
    assert counts["pending"] >= 1


def payload_of(catalog: Catalog, folder: Path, memory: int, **recipe: Any) -> dict[str, Any]:
    run = planned(catalog, folder, grid="EPSG:32754", bands="B10", resolution=30, tile_size=15000, **recipe)
    task = max(read_tasks(run), key=lambda entry: len(entry["items"]))
    made = task_of(run, read_run(run), task, memory_mb=1)
    return replace(made, memory=memory).to_json()


@pytest.mark.parametrize("recipe", [{"composite": "median"}, {"format": "netcdf", "composite": "first"}], ids=str)
def test_a_result_larger_than_memory_waits_on_disk(catalog: Catalog, tmp_path: Path, recipe: Any) -> None:
    whole = run_tile(payload_of(catalog, tmp_path / "whole", 1 << 30, **recipe))
    payload = payload_of(catalog, tmp_path / "pieces", 1 << 20, **recipe)
    pieces = run_tile(payload)
    if "format" in recipe:
        # Of the same values in other order of its parts.
        one, other = (next((tmp_path / name / "tiles").rglob("*.nc")) for name in ("whole", "pieces"))
        with xr.open_dataset(one, engine="h5netcdf") as first, xr.open_dataset(other, engine="h5netcdf") as second:
            xr.testing.assert_identical(first, second)
    else:
        assert pieces["files"] == whole["files"] and len(whole["files"]) >= 3
    assert not list((tmp_path / "pieces/tiles").glob(".*")), "nothing is left"


def test_large_results_are_read_from_disk_by_rows(tmp_path: Path) -> None:
    values = np.arange(2 * 1200 * 10, dtype="float32").reshape(2, 1200, 10)
    times = np.array(["2003-01-01", "2004-01-01"], "datetime64[ns]")
    lazy = xr.Dataset({"a": (("time", "y", "x"), values), "date": ("time", times)}, attrs={"b": 1}).chunk({"y": 100})
    with computed(lazy, tmp_path / "tile", memory=1 << 17) as cube:
        assert cube["a"].chunks == ((1, 1), (512, 512, 176), (10,)) and list(tmp_path.glob(".tile.values.*"))
        xr.testing.assert_identical(cube.compute(), lazy.compute())
    assert not list(tmp_path.iterdir())
    with computed(lazy, tmp_path / "tile", memory=1 << 20) as cube:
        assert cube["a"].chunks is None and not list(tmp_path.iterdir())


def test_an_array_on_disk(tmp_path: Path) -> None:
    with closing(DiskArray(tmp_path / "x", (3, 5, 7), np.dtype("float32"))) as array:
        expected = np.arange(105, dtype="float32").reshape(3, 5, 7)
        array[:, :2] = expected[:, :2]
        array[0:3, 2:5, 0:4] = expected[:, 2:, :4]
        array[..., 2:, 4:] = expected[:, 2:, 4:]
        assert np.array_equal(array[:], expected)
        assert np.array_equal(array[1:2, 1:4, 2:6], expected[1:2, 1:4, 2:6])
        array[2:3] = 5.0
        assert (array[2:3] == 5).all() and np.array_equal(array[:2], expected[:2])


def test_a_run_behind_a_symbolic_link(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = planned(
        catalog,
        tmp_path / "link/run",
        bands="B10",
        composite="median",
        grid="EPSG:32754",
        resolution=90,
        tile_size=9000,
    )
    stacaster.tiles.run_tiles(folder, executor="threads")
    found = stacaster.tiles.collect_tiles(folder)
    assert stacaster.catalog.check_catalog(found) == []
    (mosaic,) = (folder / "mosaics").glob("B10.vrt")
    with rasterio.open(mosaic) as file:
        assert file.read(1, masked=True).count() > 1000


@pytest.mark.parametrize(
    ("bands", "resolution"), [("B10", 1 / 1300), ("B01", 1 / 4000), ("B01,B10", 1 / 1300)]
)  # fmt: skip
def test_the_default_pixels_are_those_of_the_coarsest_band(catalog: Catalog, bands: str, resolution: float) -> None:
    plan = stacaster.tiles.plan_tiles({"bands": bands, "tile_size": 10}, catalog=catalog.root, bbox=BOX)
    assert plan.grid.resolution == pytest.approx(resolution)


@pytest.mark.parametrize(
    "words", [["tiles", "submit", "run"], ["ingest", "x"], ["global-run", "--product", "x", "-o", "x"]]
)
def test_options_of_slurm_have_names_of_their_own(words: list[str]) -> None:
    command: Any = cli
    rest = list(words)
    while isinstance(command, click.Group):
        command = command.commands[rest.pop(0)]
    flags = ["--partition", "work", "--account", "me", "--time", "2:00:00", "--memory", "8G", "--cpus-per-task", "4"]
    params = command.make_context("x", [*rest, *flags, "--option", "qos=low", "--option", "partition=other"]).params
    assert params["options"] == {
        "partition": "other", "account": "me", "time": "2:00:00", "mem": "8G", "cpus-per-task": "4", "qos": "low",
    }  # fmt: skip
    assert command.make_context("x", rest).params["options"] is None
