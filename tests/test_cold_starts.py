"""What a first command or a first load imports: counted, because seconds differ between machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stacaster.catalog import Catalog

_SHOW = "import json, sys; print(json.dumps(sorted(sys.modules)))"
_WITHOUT = {"pandas", "xarray", "dask", "rasterio", "odc.stac", "numba", "boto3", "pyproj", "geopandas"}


def modules_of(code: str, *, folder: Path) -> set[str]:
    """Return what a fresh process has imported after some lines."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{_SHOW}"], capture_output=True, text=True, cwd=folder, check=True, timeout=300,
        env=_environment(),
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return set(found)


def _environment() -> dict[str, str]:
    # The package may not be installed where it is tested.
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def command(*words: str) -> str:
    """Return lines that run a command."""
    return (
        "import contextlib, io\nfrom stacaster.cli import main\n"
        f"with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n    main({list(words)!r})"
    )


def test_the_package_imports_nothing_heavy(tmp_path: Path) -> None:
    found = modules_of("import stacaster", folder=tmp_path)
    assert not found & (_WITHOUT | {"numpy", "pyarrow", "duckdb", "pystac", "click"})
    assert len([name for name in found if name.startswith("stacaster")]) < 10


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    found = modules_of(command("--help"), folder=tmp_path)
    assert not found & (_WITHOUT | {"numpy", "pyarrow", "duckdb", "pystac"})


@pytest.mark.parametrize("words", [("items",), ("sql", "select count(*) from items"), ("info",)])
def test_commands_that_ask_the_table(catalog: Catalog, tmp_path: Path, words: tuple[str, ...]) -> None:
    """No pandas, nothing that writes tables, nothing that reads rasters."""
    root = str(catalog.root.resolve())
    found = modules_of(command(words[0], "--catalog", root, *words[1:]), folder=tmp_path)
    assert "stacaster.catalog.item_table" in found, "the command ran"
    ours = {"stacaster.cube.loading", "stacaster.catalog.check"}
    assert not found & (_WITHOUT | {"stac_geoparquet", "pyarrow.dataset"} | ours)


def test_a_small_load(catalog: Catalog, tmp_path: Path) -> None:
    """Little more than odc-stac itself: no compiled loops, nothing of tables."""
    item = next(iter(catalog.search().items()))
    path = tmp_path / "item.json"
    for asset in item.assets.values():
        asset.href = asset.get_absolute_href() or asset.href
    path.write_text(json.dumps(item.to_dict(transform_hrefs=False)))
    lines = f"import json, pystac\nitem = pystac.Item.from_dict(json.loads(open({str(path)!r}).read()))\n"
    place = "bands=['B01'], crs='EPSG:3577', resolution=90"
    ours = modules_of(f"{lines}import stacaster\nstacaster.load([item], {place})", folder=tmp_path)
    theirs = modules_of(f"{lines}import odc.stac\nodc.stac.load([item], {place})", folder=tmp_path)
    assert "stacaster.geotiff.driver.reader" in ours
    # What odc-stac imports itself counts for nobody: its dask looks for scipy.
    heavy = {"numba", "stac_geoparquet", "pyarrow.dataset", "duckdb", "geopandas", "matplotlib", "scipy"}
    assert not ours & (heavy - ({"scipy"} & theirs))
    more = {name for name in ours - theirs if not name.startswith(("stacaster", "imagecodecs"))}
    assert len(more) < 40, sorted(more)
