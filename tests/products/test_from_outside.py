"""Products from outside the package: TOML tables, packages with an entry point, and the tests for both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import stacaster
from stacaster.errors import StacasterError, UnknownProductError, UsageError
from stacaster.instruments.generic.registry import VARIABLE
from stacaster.instruments.generic.tables import read_table
from stacaster.products import all_products
from stacaster.products.inspection import inspect_file, new_table
from stacaster.products.testing import check_file, check_product, check_table
from tests.ingest.test_any_granule import write_cf

TABLE = """
short_names = ["MYGRID"]
versions = ["002"]
title = "My grid {version}"
doi = "10.1234/{short_name}"
reader = "netcdf_fields"

[[bands]]
path = "speed"
name = "wind"
type = "int16"
formula = "mul"
scale = 0.5
offset = 2.0
fill = [-1]
valid = [0, 20]
codes = { "21" = "ice", "22" = "land" }

[[bands]]
path = "state"
type = "uint8"

[bands.bits]
"0" = "cloud"
"1-2" = { name = "cover", classes = { "0" = "none", "1" = "snow: snow or ice" } }
"""


def test_a_table_says_what_the_file_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = write_cf(tmp_path / "mine.nc")["numbers"][::-1]
    (tmp_path / "catalog" / "products").mkdir(parents=True)
    (tmp_path / "catalog" / "products" / "mine.toml").write_text(TABLE)
    monkeypatch.setenv(VARIABLE, "")
    report = stacaster.ingest([tmp_path / "mine.nc"], catalog=tmp_path / "catalog")
    assert [outcome.status for outcome in report.outcomes] == ["ingested"], report.outcomes
    [path] = (tmp_path / "catalog").glob("mygrid-002/*/*/*.json")
    item = json.loads(path.read_text())
    wind = item["assets"]["wind"]
    assert (wind["raster:scale"], wind["raster:offset"]) == (0.5, -1.0)
    assert item["properties"]["sci:doi"] == "10.1234/MYGRID"
    fields = item["assets"]["state"]["classification:bitfields"]
    assert [(field["name"], field["offset"], field["length"]) for field in fields] == [("cloud", 0, 1), ("cover", 1, 2)]
    cube = stacaster.open_catalog(tmp_path / "catalog").load(bands=["wind"], units="physical", native=True)
    expected = np.where(numbers <= 20, (numbers - 2.0) * 0.5, np.nan)
    assert np.allclose(cube["wind"].values[0], expected, equal_nan=True)


def test_tables_are_listed_with_their_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text(TABLE)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    product = all_products()["mygrid_002"]
    assert product.origin == str(tmp_path / "mine.toml") and product.title == "My grid 002"
    assert check_product("mygrid_002") is product
    monkeypatch.setenv(VARIABLE, "")
    assert "mygrid_002" not in all_products()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('formula = "mul"', 'formula = "times"', "band 1: formula is 'times'"),
        ("scale = 0.5", "scale = 0", "band 1: scale is 0"),
        ("valid = [0, 20]", "valid = [20, 0]", "the smaller one first"),
        ('path = "speed"', 'paht = "speed"', "band 1: path is missing"),
        ('reader = "netcdf_fields"', 'raeder = "x"', "'raeder' is no key"),
        ('"21" = "ice"', '"ice" = "21"', "'ice' is no whole number"),
        ("[[bands]]", "[[bands", "is no TOML"),
    ],
)
def test_a_wrong_table_is_told_by_file_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(UsageError) as caught:
        read_table(path)
    assert words in str(caught.value) and str(path) in str(caught.value)


def test_checks_find_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TABLE.replace("fill = [-1]", "fill = [-1]").replace('"1-2"', '"7-9"'))
    with pytest.raises(StacasterError, match="a bit is beyond uint8"):
        check_table(tmp_path / "mine.toml")


def test_a_first_table_made_from_a_file_reads_it_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cf(tmp_path / "mine.nc")
    before = inspect_file(tmp_path / "mine.nc")
    assert before.origin == "the file itself" and before.collection == "mygrid-002"
    (tmp_path / "mine.toml").write_text(new_table(tmp_path / "mine.nc"))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.toml"))
    after = inspect_file(tmp_path / "mine.nc")
    assert after.origin == str(tmp_path / "mine.toml")
    kept = ("name", "type", "scale", "offset", "nodata", "transform", "crs")
    assert [[row[key] for key in kept] for row in after.bands] == [[row[key] for key in kept] for row in before.bands]
    assert check_file(tmp_path / "mine.nc", "mygrid_002").version == "002"


MODULE = """
from dataclasses import replace
from stacaster.products import get_product
from stacaster.instruments.generic.tables import products_of
PRODUCTS = products_of({"short_names": ["OUTSIDE"], "versions": ["1"], "title": "From a wheel"}, source="x", origin="x")
"""


def write_wheel(folder: Path, name: str, group: str, text: str) -> None:
    """Write a wheel with one module and one entry point, and unpack it as an installer does."""
    path = folder / f"{name}-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}_module.py", text)
        info = f"{name}-1.2.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[{group}]\n{name} = {name}_module\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(folder / "site")


def run_with_wheels(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that finds the packages of the folder."""
    places = [str(folder / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path.cwd())]
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
    )  # fmt: skip


def test_a_wheel_adds_a_product_and_a_broken_one_costs_nothing(tmp_path: Path) -> None:
    write_wheel(tmp_path, "outside", "stacaster.products", MODULE)
    write_wheel(tmp_path, "broken", "stacaster.products", "raise RuntimeError('no')")
    code = "import stacaster.products as p; print(p.all_products()['outside_1'].origin, len(p.all_products()))"
    done = run_with_wheels(tmp_path, code)
    assert done.stdout.startswith("outside 1.2 ") and int(done.stdout.split()[-1]) == len(all_products()) + 1
    assert "broken 1.2 are left out: RuntimeError: no" in done.stderr


READER = """
import os
import tempfile
from pathlib import Path
from stacaster.formats.readers import ReaderRow, netcdf_fields
ROW = ReaderRow(module=__name__, magics=(b"WRAPPED!",))
def open_files(files):
    bare = Path(tempfile.mkdtemp()) / files[0].name
    bare.write_bytes(files[0].read_bytes()[8:])
    (files[0].parent / f"{os.getpid()}.process").touch()
    return netcdf_fields.open_files([bare])
"""
INGEST = """
import os
import sys
import stacaster
if __name__ == "__main__":
    report = stacaster.ingest(sys.argv[2:], catalog=sys.argv[1], workers=2)
    print(os.getpid(), [outcome.status for outcome in report.outcomes])
"""


def test_a_wheel_adds_a_reader_that_worker_processes_find(tmp_path: Path) -> None:
    """The format is netCDF-4 after eight bytes; the reader of the wheel takes them away."""
    write_wheel(tmp_path, "wrapped", "stacaster.readers", READER)
    write_wheel(tmp_path, "broken", "stacaster.readers", "ROW = 3")
    write_wheel(tmp_path, "hdf4_eos", "stacaster.readers", READER)
    (tmp_path / "bare").mkdir()
    (tmp_path / "wrapped").mkdir()
    for name in ("one.nc", "two.nc"):
        write_cf(tmp_path / "bare" / name)
        (tmp_path / "wrapped" / name).write_bytes(b"WRAPPED!" + (tmp_path / "bare" / name).read_bytes())
    paths = [str(tmp_path / "wrapped" / name) for name in ("one.nc", "two.nc")]
    with pytest.raises(UnknownProductError, match="unknown format"):
        inspect_file(Path(paths[0]))
    done = run_with_wheels(tmp_path, INGEST, str(tmp_path / "catalog"), *paths)
    process, _, statuses = done.stdout.splitlines()[-1].partition(" ")
    assert statuses == "['ingested', 'ingested']", (done.stdout, done.stderr)
    opened_in = {path.stem for path in (tmp_path / "wrapped").glob("*.process")}
    assert opened_in - {process}, "the reader ran in the process that was started alone"
    assert "the reader broken of broken 1.2 is left out: TypeError: ROW of broken_module is a int" in done.stderr
    assert "the reader hdf4_eos of hdf4_eos 1.2 is left out: ValueError: a reader hdf4_eos exists" in done.stderr
    stacaster.ingest(sorted((tmp_path / "bare").iterdir()), catalog=tmp_path / "other")
    pixels = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.tif")}
        for root in (tmp_path / "catalog", tmp_path / "other")
    ]
    assert pixels[0] == pixels[1] and len(pixels[0]) >= 2


INDICES = """
from stacaster.analysis.indices import Index
INDICES = [Index(name=name, title="Wheel", expression="B05 / B06", units="reflectance", citation="none")
           for name in ("wheel_one", "wheel_two")]
"""


def test_a_wheel_adds_indices_and_takes_no_name_of_stacaster(tmp_path: Path) -> None:
    write_wheel(tmp_path, "more", "stacaster.indices", INDICES)
    write_wheel(
        tmp_path, "taken", "stacaster.indices", INDICES.replace("wheel_one", "t_one").replace("wheel_two", "ndvi")
    )
    write_wheel(tmp_path, "wrong", "stacaster.indices", INDICES.replace("wheel", "w").replace("B05 /", "open("))
    code = "import sys; from stacaster.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run_with_wheels(tmp_path, code, "index", "list", "--bands", "B05", "--bands", "B06", "--json")
    assert [row["name"] for row in json.loads(done.stdout) if row["title"] == "Wheel"] == ["wheel_one", "wheel_two"]
    assert "taken 1.2 are left out: ValueError: 'ndvi' is taken" in done.stderr, done.stderr
    assert "wrong 1.2 are left out" in done.stderr
    code = (
        "import numpy as np, stacaster, xarray as xr; band = xr.DataArray(np.full((2, 2), 6.0), dims=('y', 'x'), "
        "attrs={'units': '1'}); "
        "print(stacaster.compute_index(xr.Dataset({'B05': band, 'B06': band / 2}), 'wheel_two').values.ravel()[0])"
    )
    assert run_with_wheels(tmp_path, code).stdout.strip() == "2.0"
