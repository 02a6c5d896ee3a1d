"""Damage, full disks, kills and crowds: what an ingest must survive."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import stacaster
from stacaster.executors.processes import Task, run_isolated
from stacaster.ingest.convert import convert
from stacaster.ingest.convert.task import ConvertTask
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_003 import write_aster_l1t_003

Signature = Callable[[Path], dict[str, str]]
DAY = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))
NIGHT = replace(DEFAULT_SCENES[4], tir_shape=(4, 5))


def many_scenes(count: int) -> list[Any]:
    """Night scenes one minute apart, over two years."""
    return [
        replace(
            NIGHT,
            number=80_000 + n,
            acquired=NIGHT.acquired + n * timedelta(days=25, minutes=1),
            tir_shape=(3 + n % 3, 4),
        )
        for n in range(count)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_mutated_granules(tmp_path: Path, part: int) -> None:
    """A thousand granules with random bytes changed: an error of ours or exactly the pixels that the file holds."""
    source = write_aster_l1t_003(NIGHT, tmp_path)
    data = source.read_bytes()
    chance = random.Random(20_040_218 + part)
    folder = tmp_path / "mutated"
    folder.mkdir()
    count = 250

    def tasks() -> Any:
        for number in range(count):
            changed = bytearray(data)
            for _ in range(chance.choice([1, 1, 2, 8, 64])):
                # Headers and metadata are a small part of the file: aim at them half of the time.
                limit = len(changed) if chance.random() < 0.5 else 6_000
                changed[chance.randrange(limit)] = chance.randrange(256)
            path = folder / f"{number}.hdf"
            path.write_bytes(changed)
            staging = str(tmp_path / "s" / str(number))
            task = ConvertTask(files=(str(path),), catalog=str(tmp_path / "c"), staging=staging)
            yield Task(key=str(number), payload=task.to_json())

    counts = {"ready": 0, "failed": 0, "died": 0}
    for result in run_isolated(tasks(), function=convert, workers=1, memory_limit_mb=4096, timeout_s=60):
        (folder / f"{result.key}.hdf").unlink()
        if result.value is None:
            killed = "was killed by signal" in (result.error or "")
            assert result.error_class in ("ReadError", "UnknownProductError", "SpaceError"), (result.key, result.error)
            assert killed or "longer than" not in (result.error or ""), (result.key, result.error)
            counts["died" if killed else "failed"] += 1
        else:
            counts["ready"] += 1
            assert result.value["item"]["properties"]["datetime"]
    assert sum(counts.values()) == count
    assert counts["failed"] > count // 10 and counts["ready"] > count // 10, counts


FULL_DISK = """
import resource, sys
import stacaster
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    report = stacaster.ingest([sys.argv[1]], catalog=sys.argv[2])
    print(len(report.ingested), *{outcome.error for outcome in report.failed})
except stacaster.StacasterError as error:
    print("raised", type(error).__name__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_full_disk_at_forty_levels(tmp_path: Path, repository: Path, signature: Signature, part: int) -> None:
    source = write_aster_l1t_003(replace(NIGHT, tir_shape=(40, 50)), tmp_path)
    stacaster.ingest([source], catalog=tmp_path / "whole")
    expected = signature(tmp_path / "whole")
    sizes = sorted({path.stat().st_size for path in (tmp_path / "whole").rglob("*") if path.is_file()} - {0})
    # From less than the smallest file to one byte less than the largest, close together where files end.
    spread = np.linspace(1, sizes[-1] - 1, 40 - len(sizes) * 2).astype(int).tolist()
    levels = sorted({*spread, *(size - 1 for size in sizes), *(size + 1 for size in sizes[:-1])})[part::4]
    assert len(levels) >= 8
    env = {**os.environ, "PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}
    for level in levels:
        root = tmp_path / f"c{level}"
        command = [sys.executable, "-c", FULL_DISK, str(source), str(root), str(level)]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert done.stdout.strip() in ("0 SpaceError", "raised SpaceError"), (level, done.stdout, done.stderr)
        assert not list(root.rglob("*.tif")) and not list(root.rglob("*.part"))
        assert not (root / "catalog.json").exists()
        # The same command with enough space goes on.
        report = stacaster.ingest([source], catalog=root)
        assert len(report.ingested) == 1
        assert signature(root) == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", ["600k", "1100k", "1500k", "2000k"])
def test_a_file_system_that_fills_up(
    tmp_path: Path, signature: Signature, mount: Callable[..., None], size: str
) -> None:
    sources = [write_aster_l1t_003(replace(scene, tir_shape=(30, 30)), tmp_path) for scene in many_scenes(4)]
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", at=disk)
    report = stacaster.ingest(sources, catalog=disk / "c")
    assert all(outcome.error == "SpaceError" for outcome in report.failed), report.failed
    registered = {outcome.item_id for outcome in report.ingested}
    if (disk / "c" / "catalog.json").exists():
        found = list(stacaster.open_catalog(disk / "c").search().items())
        assert {item.id for item in found} == registered
        for item in found:
            for asset in item.assets.values():
                with rasterio.open(asset.href) as dataset:
                    dataset.read()
    else:
        assert not registered
    mount("-o", "remount,size=64m", at=disk)
    again = stacaster.ingest(sources, catalog=disk / "c")
    assert not again.failed and {outcome.item_id for outcome in again.skipped} == registered
    stacaster.ingest(sources, catalog=tmp_path / "clean")
    assert signature(disk / "c") == signature(tmp_path / "clean")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_kill_at_random_moments(tmp_path: Path, repository: Path, signature: Signature, part: int) -> None:
    """Forty kills of an ingest of twenty granules; each time the same command then gives the same bytes."""
    folder = tmp_path / "granules"
    folder.mkdir()
    for scene in many_scenes(20):
        write_aster_l1t_003(scene, folder)
    command = [sys.executable, "-m", "stacaster", "ingest", str(folder), "--catalog"]
    env = {**os.environ, "PYTHONPATH": str(repository)}
    start = time.monotonic()
    subprocess.run([*command, str(tmp_path / "whole")], env=env, check=True, capture_output=True)
    duration = time.monotonic() - start
    expected = signature(tmp_path / "whole")
    chance = random.Random(part)
    interrupted = 0
    for number in range(10):
        root = tmp_path / f"c{number}"
        with subprocess.Popen([*command, str(root)], env=env, stderr=subprocess.DEVNULL) as process:
            # Half of the kills fall into the last part, where commits happen.
            moment = duration * (chance.uniform(0.1, 1.0) if number % 2 else chance.uniform(0.75, 1.0))
            started = time.monotonic()
            try:
                process.wait(timeout=moment)
                # Faster than the first time, when files were not in memory yet.
                duration = min(duration, time.monotonic() - started)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        interrupted += process.returncode != 0
        check_linked(root)
        done = subprocess.run([*command, str(root)], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert signature(root) == expected, number
        assert sorted(path.name for path in (root / ".stacaster").iterdir()) in (["lock", "staging"], ["staging"])
        assert not list((root / ".stacaster" / "staging").iterdir())
    assert interrupted >= 4


def check_linked(root: Path) -> None:
    """Check that a reader of a catalog that was killed finds every linked item and asset."""
    if not (root / "catalog.json").exists():
        return
    for child in json.loads((root / "catalog.json").read_text())["links"]:
        if child["rel"] != "child":
            continue
        collection = root / child["href"]
        for year in json.loads(collection.read_text())["links"]:
            if year["rel"] != "child":
                continue
            catalog = collection.parent / year["href"]
            for link in json.loads(catalog.read_text())["links"]:
                if link["rel"] == "item":
                    item = catalog.parent / link["href"]
                    for asset in json.loads(item.read_text())["assets"].values():
                        assert (item.parent / asset["href"]).stat().st_size == asset["file:size"]


@pytest.mark.slow
def test_eight_processes_into_one_catalog(tmp_path: Path, repository: Path, signature: Signature) -> None:
    """8 x 25 granules, a tenth of them given to two processes: 200 items, each linked once."""
    folders = []
    scenes = many_scenes(200)
    for number in range(8):
        folder = tmp_path / f"g{number}"
        folder.mkdir()
        folders.append(folder)
        for scene in scenes[25 * number : 25 * number + 25]:
            write_aster_l1t_003(scene, folder)
    for path in sorted(folders[0].iterdir())[:20]:
        (folders[1] / path.name).write_bytes(path.read_bytes())
    root = tmp_path / "c"
    env = {**os.environ, "PYTHONPATH": str(repository)}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "stacaster", "ingest", str(folder), "--catalog", str(root), "--json"],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for folder in folders
    ]  # fmt: skip
    counts = {"ingested": 0, "added": 0, "skipped": 0, "failed": 0, "replaced": 0}
    for process in running:
        output, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        for name, number in json.loads(output)["counts"].items():
            counts[name] += number
    assert counts == {"ingested": 200, "added": 0, "skipped": 20, "failed": 0, "replaced": 0}
    linked: list[str] = []
    for year in root.glob("*/*/catalog.json"):
        linked += [link["href"] for link in json.loads(year.read_text())["links"] if link["rel"] == "item"]
    assert len(linked) == len(set(linked)) == 200
    opened = stacaster.open_catalog(root)
    assert len(opened.search()) == 200
    assert opened.sql("select count(*) as n from items").table["n"].to_pylist() == [200]
    check_linked(root)
    stacaster.ingest(folders, catalog=tmp_path / "alone", workers=2)
    assert signature(root) == signature(tmp_path / "alone")


def test_a_commit_that_was_killed_half_way_is_finished_by_the_same_command(
    tmp_path: Path, repository: Path, signature: Signature
) -> None:
    """Kill the process after the first rename of a commit: the granule then looks as if it were there."""
    source = write_aster_l1t_003(NIGHT, tmp_path)
    stacaster.ingest([source], catalog=tmp_path / "whole")
    script = (
        "import os, sys, stacaster\nfrom stacaster.catalog.store import CatalogStore\n"
        "put = CatalogStore._put_directory\n"
        "def killed(self, *a):\n    put(self, *a)\n    os.kill(os.getpid(), 9)\n"
        "CatalogStore._put_directory = killed\n"
        "stacaster.ingest([sys.argv[1]], catalog=sys.argv[2])\n"
    )
    env = {**os.environ, "PYTHONPATH": str(repository)}
    root = tmp_path / "c"
    done = subprocess.run([sys.executable, "-c", script, str(source), str(root)], env=env, check=False)
    assert done.returncode == -9
    assert list(root.glob("*/*/*/*.json")) and not (root / "catalog.json").exists()
    report = stacaster.ingest([source], catalog=root)
    assert not report.failed
    assert signature(root) == signature(tmp_path / "whole")
