"""The reference is made from the code, and lacks nothing of it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import click
import pytest

import stacaster
from stacaster import errors
from stacaster.analysis.indices.table import INDICES
from stacaster.cli import cli


@pytest.fixture(scope="module")
def pages(repository: Path) -> dict[str, str]:
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("reference_pages", repository / "scripts/reference_pages.py")
    assert spec is not None and spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["reference_pages"] = module
    spec.loader.exec_module(module)
    return dict(module.pages())


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, click.Command]]:
    listed = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            listed += commands(command, (*path, name))
        elif not command.hidden:
            listed.append((" ".join((*path, name)), command))
    return listed


def test_every_command_and_option(pages: dict[str, str]) -> None:
    text = pages["commands"]
    for name, command in commands(cli):
        part = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert part is not None, name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[-1] in part[1], (name, parameter.opts)


def test_every_public_name(pages: dict[str, str]) -> None:
    for name in stacaster.__all__:
        assert name == "__version__" or f"### stacaster.{name}\n" in pages["functions"], name


def test_every_index_has_a_formula_that_is_drawn(pages: dict[str, str]) -> None:
    for name in INDICES:
        assert f"## {name}\n" in pages["indices"]
    drawn = re.findall(r"<math.*?</math>", pages["indices"])
    assert len(drawn) == len(INDICES)
    for formula in drawn:
        ElementTree.fromstring(formula)


def test_every_exit_code_product_and_region(pages: dict[str, str]) -> None:
    known = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {value.exit_code for value in known if issubclass(value, errors.StacasterError)}
    stated = {int(code) for code in re.findall(r"^\| (\d+) \|", pages["exit-codes"], re.MULTILINE)}
    assert codes | {0, errors.PARTIAL_EXIT_CODE, errors.INTERRUPTED_EXIT_CODE} == stated
    for product in stacaster.products.all_products().values():
        assert f"`{product.collection_id}`" in pages["products"]
    assert "`south_australia`" in pages["regions"] and "`STACASTER_WORKERS`" in pages["settings"]


def test_every_variable_of_the_environment(pages: dict[str, str], repository: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (repository / "stacaster").rglob("*.py"))
    read = set(re.findall(r'(?:environ(?:\.get)?[\[(]|getenv\(|_stated\(|envvar=|VARIABLE = )\s*"([A-Z]\w+)"', text))
    foreign = {"PYTHONPATH", "GDAL_CACHEMAX", "SLURM_JOB_ID", "AWS_SKIP_SIGNATURE", "AWS_ENDPOINT_URL_S3"}
    assert {"STACASTER_CPUS", "STACASTER_PRODUCTS", "EARTHDATA_TOKEN"} <= read
    for name in read - foreign:
        assert f"`{name}`" in pages["settings"], name
