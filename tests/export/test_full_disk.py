"""A disk that is full at any place of any output: exit code 8, the older good file stays, nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stacaster.catalog import Catalog
from tests.export.full_disk import STEPS

OUTPUTS = [
    "cube .tif", "lazy .tif", "cube .nc", "lazy .nc", "cube .zarr", "lazy .zarr", "cube .csv", "cube .parquet",
    "cube .png", "points .parquet", "points .gpkg", "points .csv", "series .csv", "series .parquet", "pairs .csv",
    "items .json", "items .geojson", "items .parquet", "items .csv", "items .gpkg", "sql .parquet", "report .html",
    "granules .json", "granules .parquet", "granules .gpkg",
]  # fmt: skip


def run(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(repository)}
    return subprocess.run(
        [sys.executable, *words], cwd=repository, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_at_every_size(catalog: Catalog, tmp_path: Path, repository: Path, name: str) -> None:
    if name.split(maxsplit=1)[0] in ("items", "sql", "report"):
        shutil.copytree(catalog.root, tmp_path / "catalog")
    done = run(repository, "-m", "tests.export.full_disk", name, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])["results"]
    assert len(results) == STEPS
    wrong = [row for row in results if row["result"] != "SpaceError" or not row["same"] or row["rest"]]
    assert wrong == []


LIMITED = """
import resource, sys
from stacaster.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
main(sys.argv[2:])
"""


@pytest.mark.parametrize("output", ["x.tif", "x.nc", "x.zarr", "x.csv", "x.parquet", "x.png", "results", "items.json"])
def test_the_command_ends_with_8(catalog: Catalog, tmp_path: Path, repository: Path, output: str) -> None:
    path = tmp_path / output
    words = ["export", "-o", str(path), "--bands", "nir", "--crs", "EPSG:32754", "--resolution", "60"]
    if output == "items.json":
        words = ["items", "-o", str(path)]
    done = run(repository, "-c", LIMITED, "2000", *words, "--catalog", str(catalog.root))
    assert done.returncode == 8, done.stderr[-2000:]
    assert "Traceback" not in done.stderr and "cannot be written" in done.stderr
    assert not path.is_file() and not list(tmp_path.glob(".*")) and not list(tmp_path.rglob("*.tif"))


@pytest.mark.parametrize("limit", ["1000", "3000", "20000", "100000"])
def test_an_import_on_a_full_disk_ends_with_8(catalog: Catalog, tmp_path: Path, repository: Path, limit: str) -> None:
    items = catalog.search().write(tmp_path / "items.json")
    words = ["import", str(items), "--allow-outside", "--catalog", str(tmp_path / "c")]
    done = run(repository, "-c", LIMITED, limit, *words)
    assert done.returncode == 8, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
