"""Nothing is imported that is not declared: a package that happens to be here is missing elsewhere."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BROUGHT = {
    "affine": "rasterio", "jsonschema": "pystac", "numcodecs": "zarr", "referencing": "jsonschema",
    "urllib3": "requests",
}  # fmt: skip
"""Packages that others bring because their interfaces are made of them."""


def plain(name: str) -> str:
    return re.split(r"[\s<>=!~;\[(]", name.strip(), maxsplit=1)[0].lower().replace("_", "-")


def declared() -> dict[str, set[str]]:
    """Return the distributions that are needed always, and those of each extra with the extras that it names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = project["optional-dependencies"] | {"": project["dependencies"]}

    def of(extra: str) -> set[str]:
        found = set()
        for text in texts[extra]:
            own = re.match(r"stacaster\[(.+)\]", text)
            found |= set().union(*(of(part) for part in own[1].split(","))) if own else {plain(text)}
        return found

    return {extra: of(extra) for extra in texts}


def imported(folder: str) -> dict[str, str]:
    """Return the packages that modules import, and one module for each."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                names = [str(node.args[0].value)] if called in ("import_module", "importorskip") else []
            for name in names:
                found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    own = {"stacaster", "tests", "scripts"} | sys.stdlib_module_names
    return {name: where for name, where in found.items() if name not in own}


@pytest.mark.parametrize("folder", ["stacaster", "tests"])
def test_what_is_imported_is_declared(folder: str) -> None:
    known = declared()
    allowed = known["test"] | known["docs"] | known[""] if folder == "tests" else set().union(*(
        names for extra, names in known.items() if extra not in ("test", "docs", "dev")))  # fmt: skip
    distributions = importlib.metadata.packages_distributions()
    for package, where in imported(folder).items():
        names = {plain(name) for name in distributions.get(package, [package])}
        if names & allowed:
            continue
        giver = BROUGHT.get(package)
        assert giver is not None, f"{where} imports {package}, which pyproject.toml does not declare"
        needed = {plain(text) for text in importlib.metadata.requires(giver) or ()}
        assert names & needed and (giver in allowed or giver in BROUGHT), f"{giver} does not bring {package}"


def test_no_package_beside_the_declared_ones_is_used_by_others() -> None:
    """Pandas and xarray ask for SciPy and Bottleneck behind our back: such calls are not ours."""
    risky = re.compile(
        r"method=\"(spearman|kendall|cubic|pchip|akima|quadratic)\"|(?<!np)\.interp\(|\.interpolate_na\(|\.rolling_exp\("
        r"|engine=\"scipy\"|\.bfill\(|\.ffill\(|xr\.[a-z_]*rank\("
    )
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for folder in ("stacaster", "tests", "scripts")
             for path in sorted((ROOT / folder).rglob("*.py")) if path != Path(__file__)
             for match in risky.finditer(path.read_text())]  # fmt: skip
    assert not found, found
