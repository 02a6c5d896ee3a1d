"""``stacaster search`` in a shell, against the twin and a catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

import stacaster
from stacaster.access.search.granule_files import read_granules
from stacaster.catalog import Catalog
from stacaster.cli import _run, cli
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import Earthdata
from tests.earthdata_twin.records import aster_record
from tests.earthdata_twin.server import Answer, Twin


def run(repository: Path, *words: str, command: str = "search", **env: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "stacaster", command, *words]
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(repository), **env}
    )
    assert "Traceback" not in done.stderr
    return done


def test_search_of_cmr(repository: Path, tmp_path: Path) -> None:
    with Twin(tmp_path) as twin:
        service = Cmr([aster_record(n, datetime(2003, 1, n + 1), (135.0, -31.0, 136.0, -30.0)) for n in range(5)])
        twin.routes["cmr.earthdata.nasa.gov"] = service
        done = run(repository, "AST_L1T", "--region", "south_australia", "--limit", "3", **twin.environment)
        assert done.returncode == 0, done.stderr
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        assert rows[0] == ["id", "version", "start", "cloud_cover", "day_night", "files", "bytes"] and len(rows) == 4
        found = json.loads(run(repository, "AST_L1T", "--json", **twin.environment).stdout)
        assert found["type"] == "FeatureCollection" and len(found["features"]) == 5
        empty = run(repository, "AST_L1T", "--bbox", "0", "0", "1", "1", **twin.environment)
        assert empty.returncode == 3 and "no granule fits" in empty.stderr
        page = tmp_path / "page.html"
        drawn = run(
            repository, "AST_L1T", "--region", "europe", "-o", str(page), command="footprints", **twin.environment
        )
        assert drawn.returncode == 3 and not page.exists()
        words = ("AST_L1T", "--region", "south_australia", "-o", str(page))
        drawn = run(repository, *words, command="footprints", **twin.environment)
        assert drawn.returncode == 0 and page.read_text().count('class="granule"') == 5, drawn.stderr
        assert run(repository, *words, command="footprints", **twin.environment).returncode == 2, "it exists"
        service.script = [Answer(400, body=b'{"errors": ["bad"]}')]
        refused = run(repository, "AST_L1T", **twin.environment)
        assert refused.returncode == 6 and "CMR answered 400: bad" in refused.stderr


def test_fetch(repository: Path, tmp_path: Path) -> None:
    with Twin(tmp_path) as twin:
        earthdata = Earthdata(twin)
        content = b"\x0e\x03\x13\x01" + bytes(5000)
        records = [
            aster_record(n, datetime(2003, 1, n + 1), (135.0, -31.0, 136.0, -30.0), content=content) for n in range(3)
        ]
        twin.routes["cmr.earthdata.nasa.gov"] = Cmr(records)
        for record in records:
            for row in record["umm"]["RelatedUrls"][:3:2]:
                earthdata.files["/" + row["URL"].split("/", 3)[3]] = content if row["Type"] == "GET DATA" else b"<x/>"
        env = {**twin.environment, "EARTHDATA_TOKEN": "canary-token-1", "STACASTER_CACHE_DIR": str(tmp_path / "cache")}
        dry = run(repository, "AST_L1T", "--dry-run", command="fetch", **env)
        assert dry.returncode == 0 and "3 granules, 0.0 MB" in dry.stderr and not (tmp_path / "cache").exists()
        done = run(repository, "AST_L1T", command="fetch", **env)
        assert done.returncode == 0, done.stderr
        paths = [Path(line) for line in done.stdout.splitlines()]
        assert len(paths) == 6 and sum(path.read_bytes() == content for path in paths) == 3
        assert "3 fetched, 0 present, 0 failed" in done.stderr
        again = run(repository, "AST_L1T", "--json", command="fetch", **env)
        assert {row["status"] for row in json.loads(again.stdout)["granules"]} == {"present"}
        earthdata.tokens.clear()
        refused = run(repository, "AST_L1T", "--cache-dir", str(tmp_path / "other"), command="fetch", **env)
        assert refused.returncode == 5 and "refused the credentials from EARTHDATA_TOKEN" in refused.stderr
        assert "canary" not in refused.stderr + refused.stdout


def test_search_of_a_catalog(repository: Path, catalog: Catalog) -> None:
    done = run(repository, "aster-l1t-003", "--source", str(catalog.root), "--months", "8-9", "--json")
    assert {feature["properties"]["start"][5:7] for feature in json.loads(done.stdout)["features"]} == {"08", "09"}
    wrong = run(repository, "x", "--source", str(catalog.root), "--region", "atlantis")
    assert wrong.returncode == 2 and "atlantis" in wrong.stderr


@pytest.mark.parametrize("ending", ["json", "geojson", "parquet", "gpkg"])
def test_a_file_of_a_search_is_taken_back(
    ending: str, catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"scenes.{ending}"
    words = ["search", "AST_L1T", "--source", str(catalog.root), "--datetime", "2003", "-o", str(path)]
    assert _run(words, cli) == 0 and _run(words, cli) == 2, "it exists"
    expected = list(stacaster.search("AST_L1T", source=catalog, datetime="2003"))
    assert read_granules(path) == expected and len(expected) == 2
    capsys.readouterr()
    assert _run(["fetch", str(path), "--dry-run"], cli) == 0
    assert "2 granules" in capsys.readouterr().err
    # Scenes of a catalog have no file to download: each is looked at and says so.
    assert _run(["ingest", str(path), "--catalog", str(tmp_path / "c"), "--dry-run"], cli) != 0
    told = capsys.readouterr().err
    assert all(granule.id in told for granule in expected)
