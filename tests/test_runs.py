"""One command from a question to a cube, or to tiles of a region, against the twin."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import NothingFoundError, UsageError
from stacaster.samples import DEFAULT_SCENES
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.granules import serve
from tests.earthdata_twin.server import Twin

BOX = (138.45, -31.08, 138.62, -30.93)
TILES: dict[str, Any] = {
    "grid": "EPSG:32754",
    "tile_size": 1920,
    "resolution": 30,
    "index": ["ndvi"],
    "composite": "median",
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Earthdata, list[Path]]]:
    """The twin with three scenes by day."""
    folder = tmp_path_factory.mktemp("twin")
    patch = pytest.MonkeyPatch()
    scenes = [(replace(scene, tir_shape=(34, 40)), BOX) for scene in DEFAULT_SCENES[:3]]
    with Twin(folder) as running:
        _, earthdata, files = serve(running, scenes, folder / "originals")
        for name, value in running.environment.items():
            patch.setenv(name, value)
        patch.setenv("EARTHDATA_TOKEN", "canary-token-1")
        patch.setenv("HOME", str(folder))
        yield earthdata, files
        patch.undo()


@pytest.fixture(scope="module")
def reference(twin: Any, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The same scenes, ingested by hand."""
    root = tmp_path_factory.mktemp("reference") / "c"
    stacaster.ingest(twin[1], catalog=root)
    return stacaster.open_catalog(root)


def places(tmp_path: Path) -> dict[str, Any]:
    return {"catalog": tmp_path / "c", "cache_dir": tmp_path / "cache", "region": "south_australia"}


def test_a_cube_in_one_call(twin: Any, reference: Catalog, tmp_path: Path) -> None:
    asked = {**places(tmp_path), "start": "2003-01-01", "end": "2003-12-31", "subsystem": ["VNIR"]}
    result = stacaster.run("AST_L1T", tmp_path / "x.nc", **asked, units="radiance")
    assert len(result.report.ingested) == 2 and result.path == tmp_path / "x.nc"
    search = reference.search(datetime="2003")
    expected = search.load(bands=["B01", "B02", "B03N"], native=True, units="radiance")
    with xr.open_dataset(tmp_path / "x.nc") as cube:
        assert {"B01", "B02", "B03N"} <= set(cube.data_vars) and "B13" not in cube
        for name in ("B01", "B02", "B03N"):
            assert np.array_equal(cube[name].values, expected[name].values, equal_nan=True)
    # The catalog now has a scene of 2001 too, of which the same question does not speak.
    stacaster.ingest_search("AST_L1T", **places(tmp_path), subsystem=["VNIR"])
    again = stacaster.run("AST_L1T", tmp_path / "y.nc", **asked, index=["ndvi"])
    assert len(again.report.skipped) == 2 and not again.report.ingested
    with xr.open_dataset(tmp_path / "y.nc") as cube:
        assert cube.sizes["time"] == 2
    with pytest.raises(UsageError, match="exists"):
        stacaster.run("AST_L1T", tmp_path / "y.nc", **asked)
    composite = stacaster.run("AST_L1T", tmp_path / "z.tif", **asked, composite="median", bands=["red"])
    assert composite.path is not None and composite.path.is_file()
    with pytest.raises(NothingFoundError):
        stacaster.run("AST_L1T", tmp_path / "no.nc", **{**asked, "start": "1980-01-01", "end": "1981-01-01"})
    assert not (tmp_path / "no.nc").exists()


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_tiles_in_one_call(twin: Any, reference: Catalog, tmp_path: Path, executor: str) -> None:
    shutil.copytree(reference.root, tmp_path / "c2")
    plan = stacaster.tiles.plan_tiles(stacaster.tiles.read_recipe(TILES), catalog=tmp_path / "c2").write(
        tmp_path / "serial"
    )
    expected = stacaster.tiles.run_tiles(plan)
    asked = {**places(tmp_path), "region": None, "bbox": BOX, "executor": executor, **TILES}
    result = stacaster.global_run("AST_L1T", tmp_path / "run", workers=2, **asked)
    assert result.counts is not None and result.path is not None
    assert len(result.report.ingested) == 3 and result.counts["done"] == expected["done"] > 1
    made = {path.relative_to(tmp_path / "run"): path.read_bytes() for path in (tmp_path / "run").glob("tiles/**/*.tif")}
    assert made == {path.relative_to(plan): path.read_bytes() for path in plan.glob("tiles/**/*.tif")}
    assert stacaster.catalog.check_catalog(result.path) == []
    again = stacaster.global_run("AST_L1T", tmp_path / "run", **asked)
    assert len(again.report.skipped) == 3 and again.counts == result.counts


def test_from_the_shell(twin: Any, tmp_path: Path, repository: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(repository)}
    words = ["--product", "AST_L1T", "--region", "south_australia", "--start", "2003-01-01", "--end", "2003-12-31",
             "--subsystem", "VNIR", "--catalog", "c", "--cache-dir", "cache"]  # fmt: skip

    def call(*given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "stacaster", *given], env=env, cwd=tmp_path, capture_output=True,
                              text=True, check=False)  # fmt: skip

    dry = call("run", *words, "-o", "x.nc", "--dry-run")
    assert dry.returncode == 0 and not (tmp_path / "c").exists() and not (tmp_path / "x.nc").exists(), dry.stderr
    done = call("run", *words, "-o", "x.nc", "--json")
    assert done.returncode == 0 and "wrote x.nc" in done.stderr and '"ingested": 2' in done.stdout, done.stderr
    done = call("global-run", *words, "--index", "ndvi", "--composite", "median", "--tile-size", "0.5", "--resolution",
                "0.001", "-o", "run")  # fmt: skip
    assert done.returncode == 0 and "tiles: 1 done" in done.stderr and "wrote run/catalog" in done.stderr, done.stderr
    assert call("run", *words, "-o", "x.shp").returncode == 2
    done = call("global-run", *words, "--index", "ndvi", "--tile-size", "0.5", "--resolution", "0.001", "-o", "third",
                "--executor", "slurm", "--script-only", "--scripts", "tile", "--script-dir", "jobs")  # fmt: skip
    assert done.returncode == 0 and "scripts are in jobs" in done.stderr and "1 pending" in done.stderr, done.stderr
    assert len(list((tmp_path / "jobs").glob("third-job-1-*.sh"))) == 1
    done = call("global-run", *words, "-o", "other", "--executor", "spark")
    assert done.returncode == 2 and "'spark' is no executor" in done.stderr
    done = call("run", *words[:4], "--start", "1980", "--end", "1981", "-o", "no.nc", "--catalog", "d")
    assert done.returncode == 3, done.stderr
