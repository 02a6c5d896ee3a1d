"""A run that cannot fit into memory says so before it begins; bands say the default pixel size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.cli import cli
from stacaster.errors import UsageError

BOX = (138.4, -31.1, 138.6, -30.9)


def planned(catalog: Catalog, folder: Path, **recipe: Any) -> Path:
    plan = stacaster.tiles.plan_tiles(recipe, catalog=catalog.root, bbox=BOX)
    return plan.write(folder)


def test_a_tile_that_does_not_fit(catalog: Catalog, tmp_path: Path) -> None:
    folder = planned(catalog, tmp_path / "run", bands="B10", composite="median", tile_size=10, resolution=0.001)
    with pytest.raises(UsageError, match=r"10000 x 10000 pixels, takes 400 MB, more than memory_mb=100"):
        stacaster.tiles.run_tiles(folder, memory_mb=100)
    with pytest.raises(UsageError, match="memory_mb=400"):
        stacaster.tiles.submit_tiles(folder, memory_mb=100, submit=False)
    counts, _ = stacaster.tiles.tiles_status(folder)
    assert counts["pending"] >= 1


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
