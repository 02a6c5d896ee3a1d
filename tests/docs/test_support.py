"""Pages of the reference that are written by hand say what the code and its metadata say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference"


def test_every_property_of_ours_is_described_and_no_other() -> None:
    modules = (ROOT / "stacaster").rglob("*.py")
    written = {name for path in modules for name in re.findall(r'"(stacaster:[a-z_0-9]+)"', path.read_text("utf-8"))}
    rows = [line for line in (REFERENCE / "item-properties.md").read_text("utf-8").splitlines() if line[:3] == "| `"]
    described = [name for row in rows for name in re.findall(r"`(stacaster:[a-z_0-9]+)`", row.split("|")[1])]
    assert sorted(described) == sorted(written)


def test_versions_are_those_of_the_metadata() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", (REFERENCE / "support.md").read_text("utf-8"), re.MULTILINE))
    minors = [text.rpartition(" ")[2] for text in project["classifiers"] if re.search(r"Python :: 3\.\d+$", text)]
    assert rows["Python"].split(", ") == minors and project["requires-python"] == f">={minors[0]}"
    least = {re.split("[>=]", text)[0]: re.findall(r"[\d.]+", text.split("#")[0]) for text in project["dependencies"]}
    for row, package in (
        ("GDAL", "rasterio"),
        ("DuckDB", "duckdb"),
        *((n, n) for n in ("odc-stac", "odc-loader", "xarray")),
    ):
        for version in re.findall(r"[\d.]*\d", ">".join(text for text in least[package] if "." in text)):
            assert version in rows[row], (row, version)


def test_files_of_a_catalog_are_listed(originals: Path) -> None:
    text = (REFERENCE / "catalog-files.md").read_text("utf-8")
    parts = {"COLLECTION": "[^/]+", "YEAR": r"\d{4}", "ITEM": "[^/]+", "BAND": r"\w+"}
    patterns = []
    for pattern in re.findall(r"^\| `([^`]+)`", text, re.MULTILINE):
        regex = re.sub("COLLECTION|YEAR|ITEM|BAND", lambda match: parts[match.group()], pattern.replace(".", r"\."))
        patterns.append(f"{regex}.*" if regex.endswith("/") else regex)
    root = originals / "catalogs/demo"
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        known = any(re.fullmatch(pattern, name) for pattern in patterns) or path.name == "thumbnail-thermal.png"
        assert path.is_dir() or known, name
