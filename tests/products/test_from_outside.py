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
from stacaster.errors import StacasterError, UsageError
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


def test_a_wheel_adds_a_product_and_a_broken_one_costs_nothing(tmp_path: Path) -> None:
    for name, text in (("outside", MODULE), ("broken", "raise RuntimeError('no')")):
        with zipfile.ZipFile(tmp_path / f"{name}-1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}_products.py", text)
            info = f"{name}-1.2.dist-info"
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
            wheel.writestr(f"{info}/entry_points.txt", f"[stacaster.products]\n{name} = {name}_products\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        with zipfile.ZipFile(tmp_path / f"{name}-1.2-py3-none-any.whl") as wheel:
            wheel.extractall(tmp_path / "site")
    places = [str(tmp_path / "site"), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path.cwd())]
    code = "import stacaster.products as p; print(p.all_products()['outside_1'].origin, len(p.all_products()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
    )  # fmt: skip
    assert done.stdout.startswith("outside 1.2 ") and int(done.stdout.split()[-1]) == len(all_products()) + 1
    assert "broken 1.2 are left out: RuntimeError: no" in done.stderr
