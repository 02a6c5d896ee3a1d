"""The folder of downloads: what is listed, what may go, and what never goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

import stacaster
from stacaster.errors import UsageError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Three granules of two products, one unfinished, and a folder of somebody else."""
    root = tmp_path / "cache"
    for number, (product, name) in enumerate([("AST_L1T.003", "a"), ("AST_L1T.003", "b"), ("ATL03.006", "c")]):
        folder = root / product / name
        folder.mkdir(parents=True)
        complete = folder / f"{name}.hdf"
        (complete if name != "b" else folder / ".b.hdf.part").write_bytes(bytes(1000 * (number + 1)))
        if name != "b":
            (folder / f".{name}.hdf.receipt.json").write_text("{}")
        for path in folder.iterdir():
            os.utime(path, (time.time() - 86400 * (10 - number),) * 2)
    foreign = root / "photos" / "holiday"
    foreign.mkdir(parents=True)
    (foreign / "beach.jpg").write_bytes(b"x")
    return root


def names(found: list[stacaster.access.CachedGranule]) -> list[str]:
    return [entry.granule for entry in found]


def test_what_lies_there(cache: Path) -> None:
    found = stacaster.access.list_cache(cache)
    assert names(found) == ["a", "b", "c"] and [entry.is_partial for entry in found] == [False, True, False]
    assert [(entry.files, entry.size) for entry in found] == [(1, 1002), (0, 2000), (1, 3002)]
    assert names(stacaster.access.list_cache(cache, product="ATL03")) == ["c"]
    assert names(stacaster.access.list_cache(cache, product="AST_L1T.003")) == ["a", "b"]
    assert stacaster.access.list_cache(cache / "nowhere") == []


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        ({"older_than_days": 8.5}, ["a", "b"]),
        ({"older_than_days": 8.5, "product": "ATL03"}, []),
        ({"keep_bytes": 5002}, ["a"]),
        ({"keep_bytes": 5001}, ["a", "b"]),
        ({"keep_bytes": 0}, ["a", "b", "c"]),
        ({"partial": True}, ["b"]),
        ({"everything": True}, ["a", "b", "c"]),
    ],
)
def test_what_goes(cache: Path, rules: dict, gone: list[str]) -> None:
    assert names(stacaster.access.prune_cache(cache, **rules, dry_run=True)) == gone
    assert len(stacaster.access.list_cache(cache)) == 3
    assert names(stacaster.access.prune_cache(cache, **rules)) == gone
    assert names(stacaster.access.list_cache(cache)) == [name for name in "abc" if name not in gone]
    assert (cache / "photos" / "holiday" / "beach.jpg").exists()


def test_what_another_process_fetches_stays(cache: Path) -> None:
    with FileLock(cache / "AST_L1T.003" / "b" / ".b.hdf.lock"):
        assert names(stacaster.access.prune_cache(cache, everything=True)) == ["a", "c"]
    assert names(stacaster.access.list_cache(cache)) == ["b"]


def test_links_are_not_followed(cache: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".x.hdf.receipt.json").write_text("{}")
    (cache / "AST_L1T.003" / "link").symlink_to(outside)
    stacaster.access.prune_cache(cache, everything=True)
    assert (outside / ".x.hdf.receipt.json").exists()


@pytest.mark.parametrize("rules", [{}, {"product": "ATL03"}, {"older_than_days": -1}, {"keep_bytes": -5}])
def test_a_condition_is_needed(cache: Path, rules: dict) -> None:
    with pytest.raises(UsageError):
        stacaster.access.prune_cache(cache, **rules)


def test_in_a_shell(cache: Path, repository: Path, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "stacaster", "cache", *words]
        env = {**os.environ, "PYTHONPATH": str(repository), "STACASTER_CACHE_DIR": str(cache)}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=env)

    listed = run("ls", "--json")
    assert [row["granule"] for row in json.loads(listed.stdout)] == ["a", "b", "c"]
    assert run("prune").returncode == 2
    done = run("prune", "--keep-gb", "0.000003002", "-n")
    assert done.returncode == 0 and "dry run, nothing was deleted; 2 granules" in done.stderr, done.stderr
    assert "deleted 3 granules" in run("prune", "--all").stderr and run("ls").returncode == 3
