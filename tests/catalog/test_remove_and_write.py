"""Items taken out of a catalog, and searches written to files that others open."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import pandas as pd
import pystac
import pytest
import stac_geoparquet.arrow

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import NothingFoundError, UsageError
from tests.stac_schemas import check


@pytest.fixture
def copy(catalog: Catalog, tmp_path: Path) -> Catalog:
    """A copy of the session's catalog that may be changed."""
    shutil.copytree(catalog.root, tmp_path / "c")
    return stacaster.open_catalog(tmp_path / "c")


def consistent(catalog: Catalog) -> list[str]:
    """Check that files, JSON, parquet and database say the same; return the ids."""
    folders = sorted(path.stem for path in catalog.root.glob("*/*/*/*.json"))
    tree = pystac.Catalog.from_file(str(catalog.root / "catalog.json"))
    linked = sorted(item.id for item in tree.get_items(recursive=True))
    rows = sorted(catalog.sql("select id from items").table["id"].to_pylist())
    mirrors = [stac_geoparquet.arrow.stac_table_to_items(stacaster.catalog.item_table.read_items_parquet(path))
               for path in sorted(catalog.root.glob("*/items.parquet"))]  # fmt: skip
    parquet = sorted(item["id"] for mirror in mirrors for item in mirror)
    assert folders == linked == rows == parquet
    return rows


def test_removal_of_some(copy: Catalog, shared: Path) -> None:
    gone = sorted(item.id for item in copy.search(filter="eo:cloud_cover > 10").items())
    assert copy.remove(filter="eo:cloud_cover > 10", dry_run=True) == gone and len(consistent(copy)) == 8
    assert copy.remove(filter="eo:cloud_cover > 10") == gone and gone
    left = consistent(copy)
    assert len(left) == 8 - len(gone) and not set(left) & set(gone)
    assert copy.remove(ids=gone) == [], "what is gone is no error"
    for path in [copy.root / "catalog.json", *copy.root.glob("*/collection.json"), *copy.root.glob("*/*/catalog.json")]:
        document = json.loads(path.read_text())
        assert check(document, shared / "schemas") == []
        for link in document["links"]:
            assert "://" in link["href"] or (path.parent / link["href"]).exists(), link
    summary = json.loads(next(copy.root.glob("*/collection.json")).read_text())["summaries"]
    assert summary["eo:cloud_cover"]["maximum"] <= 10


def test_removal_of_a_whole_year_and_what_is_ingested_again(copy: Catalog, granules: Path) -> None:
    gone = copy.remove(datetime="2003")
    assert gone and not list(copy.root.glob("*/2003")) and len(consistent(copy)) == 8 - len(gone)
    report = stacaster.ingest([granules], catalog=copy.root)
    assert len(report.ingested) == len(gone) and len(consistent(copy)) == 8


def test_removal_of_a_whole_collection(copy: Catalog, tmp_path: Path) -> None:
    stacaster.sample_data(tmp_path / "v004", product="AST_L1T_004")
    stacaster.ingest([tmp_path / "v004"], catalog=copy.root)
    both = len(consistent(copy))
    gone = copy.remove(collections="aster-l1t-003")
    assert len(gone) == 8 and copy.collections == ["aster-l1t-004"]
    assert len(consistent(copy)) == both - 8 and not (copy.root / "aster-l1t-003").exists()
    with pytest.raises(UsageError):
        copy.sql('select * from "aster-l1t-003"')
    with pytest.raises(UsageError, match="no item at all"):
        copy.remove(collections="aster-l1t-004")
    assert len(consistent(copy)) == both - 8


def test_what_cannot_be_removed(copy: Catalog) -> None:
    with pytest.raises(UsageError, match="say which items"):
        copy.remove()
    with pytest.raises(UsageError, match="no item at all"):
        copy.remove(filter="true")
    assert len(consistent(copy)) == 8


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_removal_that_is_killed(copy: Catalog, repository: Path, delay: float) -> None:
    """Killed at any moment, the next call finds all or nothing removed."""
    code = "import stacaster, sys; c = stacaster.open_catalog(sys.argv[1]); print('ready', flush=True);"
    code += "c.remove(datetime='2003')"
    env = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(copy.root)], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    opened = stacaster.open_catalog(copy.root)
    opened.remove(datetime="2003")
    assert len(consistent(opened)) == 6


def test_files_that_others_open(catalog: Catalog, tmp_path: Path) -> None:
    search = catalog.search(filter="eo:cloud_cover < 10", sortby="-datetime")
    ids = [item.id for item in search.items()]
    found = pystac.ItemCollection.from_file(str(search.write(tmp_path / "a.json")))
    assert [item.id for item in found] == ids
    assert all(Path(asset.href).is_file() for item in found for asset in item.assets.values())
    frame = geopandas.read_parquet(search.write(tmp_path / "a.parquet"))
    assert frame["id"].tolist() == ids and frame.crs.to_epsg() == 4326
    boxes = geopandas.read_file(search.write(tmp_path / "a.gpkg"))
    assert boxes["id"].tolist() == ids and boxes.crs.to_epsg() == 4326 and boxes.geometry.is_valid.all()
    rows = pd.read_csv(search.write(tmp_path / "a.csv"))
    assert rows["id"].tolist() == ids and rows["geometry"].str.startswith("POLYGON").all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.gpkg", "a.json", "a.parquet"]
    with pytest.raises(UsageError, match="name ending in"):
        search.write(tmp_path / "a.xlsx")
    with pytest.raises(NothingFoundError):
        catalog.search(ids=["x"]).write(tmp_path / "b.json")


def test_in_a_shell(copy: Catalog, tmp_path: Path, repository: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stacaster", *words, "--catalog", str(copy.root)]
        env = {**os.environ, "PYTHONPATH": str(repository)}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=env)

    output = tmp_path / "items.parquet"
    assert run("items", "-o", str(output)).returncode == 0 and len(geopandas.read_parquet(output)) == 8
    assert run("items", "-o", str(output)).returncode == 2
    assert run("remove").returncode == 2
    dry = run("remove", "--datetime", "2003", "-n")
    assert dry.returncode == 0 and len(dry.stdout.splitlines()) == 2 and "nothing was removed" in dry.stderr
    assert run("remove", "--datetime", "2003").returncode == 0 and run("remove", "--datetime", "2003").returncode == 3
    assert len(consistent(copy)) == 6
