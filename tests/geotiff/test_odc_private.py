"""odc-loader's private functions are where stacaster looks for them; arrays are lent, never shared."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from stacaster.geotiff.lending import borrow

ROOT = Path(__file__).parents[2]
ADAPTER = ROOT / "stacaster" / "geotiff" / "odc_private.py"
PARAMETERS = {
    "_builder.mk_dataset": ["gbox", "time", "bands", "alloc", "template"],
    "_builder.resolve_chunk_shape": ["nt", "gbox", "chunks", "dtype", "cfg", "extra_dims"],
    "_reader.nodata_mask": ["pix", "nodata"],
    "_reader.pick_overview": ["read_shrink", "overviews"],
    "_reader.resolve_band_query": ["src", "n", "selection"],
    "_reader.resolve_dst_dtype": ["src_dtype", "cfg"],
    "_reader.resolve_dst_fill_value": ["dst_dtype", "cfg", "src_nodata"],
    "_reader.resolve_dst_nodata": ["dst_dtype", "cfg", "src_nodata"],
    "_reader.resolve_src_nodata": ["nodata", "cfg"],
    "_reader.same_nodata": ["a", "b"],
    "_rio.RioDriver": ["md_parser", "aux_reader", "dask_reader"],
    "_rio.rio_env": ["session", "kw"],
    "_rio.rio_read": ["src", "cfg", "dst_geobox", "dst", "selection"],
}
"""Module, name and parameters of what the adapter imports."""


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_private_function_is_as_before(name: str) -> None:
    module, _, function = name.partition(".")
    version = importlib.metadata.version("odc-loader")
    where = f"odc.loader.{module}.{function} of odc-loader {version}"
    try:
        found = getattr(importlib.import_module(f"odc.loader.{module}"), function)
    except (ImportError, AttributeError):
        pytest.fail(f"{where} is gone: mend stacaster/geotiff/odc_private.py, or bound odc-loader in pyproject.toml")
    parameters = list(inspect.signature(found).parameters)
    assert parameters == PARAMETERS[name], f"{where} has other parameters; look at its uses"


def test_the_adapter_imports_just_these() -> None:
    tree = ast.parse(ADAPTER.read_text(encoding="utf-8"))
    imported = {
        f"{node.module.removeprefix('odc.loader.')}.{name.name}"
        for node in tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("odc.loader.")
        for name in node.names if node.module
    }  # fmt: skip
    assert imported == set(PARAMETERS)


def test_nothing_else_imports_private_modules() -> None:
    for path in (ROOT / "stacaster").rglob("*.py"):
        if path != ADAPTER:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
                assert not any("._" in name and name.startswith("odc.") for name in names), f"{path.name}: {names}"


def test_the_installed_version_is_within_the_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bounds,) = [one for one in map(Requirement, project["dependencies"]) if one.name == "odc-loader"]
    assert {part.operator for part in bounds.specifier} == {">=", "<"}
    assert bounds.specifier.contains(importlib.metadata.version("odc-loader"))


def test_memory_that_is_used_is_not_lent_again() -> None:
    first = borrow((4, 5), "uint16")
    first[...] = 7
    part = first[1:, 2:]
    address = first.ctypes.data
    del first
    second = borrow((4, 5), "uint16")
    second[...] = 9
    assert (part == 7).all() and second.ctypes.data != address, "a part of an array is enough to keep its memory"
    del part, second
    third = borrow((2, 2), "uint8")
    again = third.ctypes.data
    del third
    assert borrow((2, 3), "uint8").ctypes.data == again, "memory that nobody uses is lent again"
    assert borrow((0, 3), "float32").shape == (0, 3)


def test_memory_that_another_thread_lets_go_of() -> None:
    held = [borrow((8, 8), "float64")]
    address = held[0].ctypes.data
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    lent: list[int] = []
    other = threading.Thread(target=lambda: lent.append(borrow((8, 8), "float64").ctypes.data))
    other.start()
    other.join()
    mine = borrow((8, 8), "float64")
    assert mine.ctypes.data == address, "it goes back to the thread that it belongs to"
    assert np.isfinite(mine).size == 64
