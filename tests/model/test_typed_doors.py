"""What type checkers say of user code: wrong options and names are errors, the report makes a pair."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Half a minute of one core the first time, two seconds after that.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

USER = """\
import stacaster
import xarray as xr
from stacaster.cube import LoadReport

catalog = stacaster.open_catalog("c")
search = catalog.search(bbox="138,-31,139,-30", datetime="2003", collections="a,b")

cube: xr.Dataset = search.load(bands="B01,B02", native=True, units="reflectance", group_by="solar_day")
reveal_type(search.load())
reveal_type(search.load(report=True))
cube, report = catalog.load(report=True, bands=["B01"])
reveal_type(report)
both: tuple[xr.Dataset, LoadReport] = stacaster.load(search.items(), report=True)
reveal_type(stacaster.load(search.items(), report=False))
found = stacaster.search("AST_L1T", region="south_australia", months="12-2", group_by="path,frame")
stacaster.export("x.nc", catalog="c", collection="a", mask=["cloud"], crs="EPSG:3577", resolution=90)
stacaster.ingest("x.hdf", bands="B01", subsystem="VNIR")
stacaster.run("AST_L1T", "x.nc", groupby="solar_day", stack_by="path", latest=3)
stacaster.sar.find_stacks(relative_orbit=100)
"""

WRONG = """\
search.load(bandz=1)
catalog.load(unit="dn")
catalog.search(colections="a")
stacaster.load(search.items(), units="radiances")
stacaster.nonsense
stacaster.search("AST_L1T", cloud_cover=5)
stacaster.export("x.nc", overwite=True)
stacaster.ingest("x.hdf", band="B01")
stacaster.run("AST_L1T", "x.nc", cloud_cover=5)
stacaster.sar.find_stacks(relativ_orbit=100)
catalog.sample("p.gpkg", metod="nearest")
search.plan(bandz=1)
catalog.sql("select 1").load(bandz=1)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy strict says of a user's script; the cache of the repository makes it quick."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("user")
    script = folder / "user.py"
    script.write_text(USER + WRONG)
    cache = ROOT / ".mypy_cache" / "user"
    (folder / "mypy.ini").write_text("[mypy]\nstrict = True\nignore_missing_imports = True\n")
    options = ["--config-file", "mypy.ini", "--cache-dir", str(cache), "--no-error-summary", "--no-color-output"]
    command = [sys.executable, "-m", "mypy", *options, "user.py"]
    environment = {"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    # Only what is said of the user's script counts.
    return [line for line in done.stdout.splitlines() if line.startswith("user.py:")]


def lines_of(said: list[str], kind: str) -> dict[int, str]:
    return {int(line.split(":")[1]): line for line in reversed(said) if f": {kind}: " in line}


def test_good_code_passes(said: list[str]) -> None:
    first = len(USER.splitlines())
    assert not [line for number, line in lines_of(said, "error").items() if number <= first]


def test_the_report_makes_a_pair(said: list[str]) -> None:
    revealed = [line.split('"')[1] for _, line in sorted(lines_of(said, "note").items()) if "Revealed" in line]
    dataset, report = "xarray.core.dataset.Dataset", "stacaster.cube.report.LoadReport"
    assert revealed == [dataset, f"tuple[{dataset}, {report}]", report, dataset]


@pytest.mark.parametrize("position", range(len(WRONG.splitlines())), ids=WRONG.splitlines())
def test_wrong_code_is_an_error(said: list[str], position: int) -> None:
    assert len(USER.splitlines()) + position + 1 in lines_of(said, "error")
