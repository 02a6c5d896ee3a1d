"""What other systems lack is taken away, one by one and together: the same comes out, and nothing is left behind.

``STACASTER_TEST_MEANS=all`` runs the suites of the catalog, of ingests, downloads and exports without each of them.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from stacaster.catalog import Catalog
from stacaster.catalog.store import CatalogStore
from stacaster.errors import CatalogError
from stacaster.files.names import safe_id
from stacaster.files.system import disk, process
from tests.catalog.made_items import content_of

CALLS = """
import json, os, sys
import stacaster

catalog, granule, folder = sys.argv[1:]
opened = stacaster.open_catalog(catalog)
cube = opened.load(bands="B10", native=True, datetime="2003")
stacaster.write_cube(cube, f"{folder}/x.nc")
if "links" not in os.environ["STACASTER_TEST_WITHOUT"]:
    # zarr makes metadata by linking on every system but Windows.
    stacaster.write_cube(cube, f"{folder}/x.zarr")
report = stacaster.ingest([granule], catalog=f"{folder}/new", workers=1)
again = stacaster.ingest([granule], catalog=f"{folder}/new", workers=1)
problems = stacaster.catalog.check_catalog(f"{folder}/new", deep=True)
print(json.dumps([len(opened.search()), len(report.ingested), len(again.skipped), len(problems)]))
"""
WITHOUT = Path(__file__).parent / "without"
MEANS = sorted(runpy.run_path(str(WITHOUT / "sitecustomize.py"))["MEANS"])
TOGETHER = {
    "as Windows": "fcntl,resource,reads-at,folder-sync,links,c-functions,proc",
    "as macOS on a share": "locks,address-limit,c-functions,proc",
}
SUITES = ["tests/catalog", "tests/ingest", "tests/access/fetch", "tests/export", "tests/executors", "tests/tiles"]
CHOSEN = ["tests/catalog/test_store.py", "tests/executors/test_processes.py", "tests/tiles/test_ledger.py"]
LONG = "not million and not eight_processes and not killed_share and not outlives and not symbolic_links"


def without(means: str, repository: Path) -> dict[str, str]:
    """Return the environment of a process that lacks some means, and so do those that it starts."""
    folders = os.pathsep.join((str(WITHOUT), str(repository)))
    return {**os.environ, "PYTHONPATH": folders, "STACASTER_TEST_WITHOUT": means}


@pytest.fixture(scope="module")
def undisturbed(granules: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from stacaster import ingest

    root = tmp_path_factory.mktemp("undisturbed") / "new"
    ingest([next(granules.glob("*.hdf"))], catalog=root, workers=1)
    return content_of(root)


@pytest.mark.parametrize("means", [*MEANS, *TOGETHER.values()])
def test_calls_give_the_same(
    means: str, catalog: Catalog, granules: Path, repository: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    words = [sys.executable, "-c", CALLS, str(catalog.root), str(next(granules.glob("*.hdf"))), str(tmp_path)]
    done = subprocess.run(words, env=without(means, repository), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [8, 1, 1, 0]
    assert content_of(tmp_path / "new") == undisturbed
    expected = catalog.load(bands="B10", native=True, datetime="2003")["B10"].values
    with xr.open_dataset(tmp_path / "x.nc", mask_and_scale=False) as cube:
        assert np.array_equal(cube["B10"].values, expected)
    if "links" not in means:
        with xr.open_zarr(tmp_path / "x.zarr", mask_and_scale=False) as cube:
            assert np.array_equal(cube["B10"].values, expected)
    private = {path.name for path in (tmp_path / "new" / ".stacaster").rglob("*")}
    assert private <= {"lock", "staging"}


@pytest.mark.parametrize("means", TOGETHER.values(), ids=TOGETHER)
def test_suites_pass(means: str, repository: Path) -> None:
    run_suites(means, repository, *CHOSEN, "-k", LONG)


if os.environ.get("STACASTER_TEST_MEANS") == "all":

    @pytest.mark.parametrize("means", MEANS)
    def test_all_suites_pass(means: str, repository: Path) -> None:
        run_suites(means, repository, *SUITES)


def run_suites(means: str, repository: Path, *arguments: str) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments]
    done = subprocess.run(
        words, cwd=repository, env=without(means, repository), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_watched_process_ends_itself(repository: Path) -> None:
    """Without a limit of the system: a worker that needs too much costs its task, and the words say how much."""
    code = (
        "from stacaster.executors.processes import Task, run_isolated\n"
        "from tests.executors.tasks import run\n"
        "tasks = [Task(key='0', payload={'kind': 'memory', 'size': 1 << 31}), Task(key='1', payload={'kind': 'ok'})]\n"
        "for found in run_isolated(tasks, function=run, workers=1, memory_limit_mb=600, timeout_s=60.0):\n"
        "    print(found.key, found.error_class)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, env=without("address-limit", repository), capture_output=True, text=True, check=False, cwd=repository
    )
    assert done.stdout.splitlines() == ["0 SpaceError", "1 None"], done.stderr


def test_names_that_a_system_does_not_tell_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux both are there; where ``a`` is ``A``, the second must not take the place of the first."""
    monkeypatch.setattr("stacaster.catalog.store.ignores_case", lambda _folder: True)
    store = CatalogStore(tmp_path / "catalog")
    with pytest.raises(CatalogError, match="upper and lower case"), store.transaction() as transaction:
        for name in ("Scene", "scene"):
            folder = transaction.folder / f"made-{name}"
            folder.mkdir()
            transaction.put_directory(folder, f"c/2003/{name}")
    assert not disk.ignores_case(tmp_path)


@pytest.mark.parametrize("name", ["CON", "nul.tif", "com1", "a.", "a" * 200, "a:b", "x\\y", "con.2003"])
def test_names_that_windows_refuses(name: str) -> None:
    kept = safe_id(name)
    assert kept != name and len(kept) <= 120 and not kept.endswith(".") and set(kept).isdisjoint(':\\/*?"<>|')


def test_a_process_is_known_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "Path", lambda name: Path("/nowhere") / name.lstrip("/"))
    begun = process.process_start(os.getpid())
    assert begun and begun == process.process_start(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    assert process.process_start(ended.pid) == ""
