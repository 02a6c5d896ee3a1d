"""Tiles on a real Slurm of one node; skipped where there is none and none can be installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.cli import _run, cli
from stacaster.errors import StacasterError, UsageError
from stacaster.executors import slurm
from stacaster.executors.array_job import ArrayOptions, run_on_slurm
from stacaster.executors.processes import Task
from stacaster.tiles import cancel_tiles, plan_tiles, read_recipe, retry_tiles, run_tiles, submit_tiles, tiles_status
from stacaster.tiles.ledger import Ledger
from tests.executors.tasks import run as run_kind

RECIPE: dict[str, Any] = {
    "index": ["ndvi"], "composite": "median", "grid": "EPSG:32754", "tile_size": 1920, "resolution": 30,
    "datetime": "2001/2007",
}  # fmt: skip
PLACE = (138.50, -31.02, 138.57, -30.97)


@pytest.fixture(scope="module")
def cluster(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("slurm")
    script = repository / "scripts" / "slurm-testbed"
    # With accounting where MariaDB is, or can be installed.
    start = [str(script), "start", str(folder)]
    done = subprocess.run([*start, "--accounting"], capture_output=True, text=True, check=False, timeout=500)
    if done.returncode == 77:
        done = subprocess.run(start, capture_output=True, text=True, check=False, timeout=500)
    if done.returncode == 77:
        pytest.skip(f"no Slurm: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    patch = pytest.MonkeyPatch()
    patch.setenv("SLURM_CONF", done.stdout.strip().partition("=")[2])
    patch.setenv("PYTHONPATH", str(repository))
    yield
    patch.undo()
    subprocess.run([script, "stop", folder], check=True)


@pytest.fixture
def own(catalog: Catalog, tmp_path: Path) -> Catalog:
    shutil.copytree(catalog.root, tmp_path / "catalog")
    return stacaster.open_catalog(tmp_path / "catalog")


def planned(catalog: Catalog, folder: Path, **changes: Any) -> Path:
    return plan_tiles(read_recipe({**RECIPE, **changes}), catalog=catalog.root, bbox=PLACE).write(folder)


def files_of(run: Path) -> dict[str, bytes]:
    paths = [path for path in sorted((run / "tiles").rglob("*")) if path.is_file()]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in paths}


def settled(run: Path, *, seconds: float = 120) -> dict[Any, int]:
    end = time.monotonic() + seconds
    while True:
        counts, _ = tiles_status(run)
        if not counts["running"]:
            return counts
        assert time.monotonic() < end, (counts, logs(run))
        time.sleep(0.5)


def logs(run: Path) -> str:
    return "\n".join(path.read_text() for path in sorted((run / "slurm" / "logs").glob("*.log")))


def test_the_same_bytes_as_on_one_machine(cluster: None, own: Catalog, tmp_path: Path) -> None:
    serial, run = planned(own, tmp_path / "serial"), planned(own, tmp_path / "run")
    expected = run_tiles(serial)
    job = submit_tiles(run, options={"partition": "work", "time": "0:10:00"}, window=2, max_array=3)
    assert job is not None and job.isdigit()
    assert submit_tiles(run) is None, "all tiles are given away"
    assert settled(run) == expected, logs(run)
    assert files_of(run) == files_of(serial)
    script = (run / "slurm" / "job-1.sh").read_text()
    assert "#SBATCH --array=0-2%2" in script and "#SBATCH --partition=work" in script
    assert stacaster.catalog.check_catalog(stacaster.tiles.collect_tiles(run)) == []


def test_tiles_that_fail_and_are_retried(cluster: None, own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    (item,) = own.search(datetime="2003-08-30").items()
    broken = Path(item.assets["B02"].href)
    content = broken.read_bytes()
    broken.write_bytes(content[:2000])
    submit_tiles(run, max_array=2)
    counts = settled(run)
    assert counts["failed"] > 0
    _, failed = tiles_status(run)
    assert all(item.id in str(entry.reason) for entry in failed)
    broken.write_bytes(content)
    assert retry_tiles(run) == counts["failed"]
    submit_tiles(run, max_array=2)
    assert not settled(run)["failed"], logs(run)


def test_an_element_that_is_killed_and_one_that_is_requeued(cluster: None, own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    job = submit_tiles(run, max_array=2, lead_s=20)
    assert job is not None
    marks = run / "slurm" / "marks"
    end = time.monotonic() + 60
    while len(list(marks.glob("*.json"))) < 3:
        assert time.monotonic() < end, logs(run)
        time.sleep(0.1)
    # What Slurm sends before the end of the time: the element stops, and comes back for the rest.
    subprocess.run(["scancel", "--batch", "--signal=USR1", f"{job}_0"], check=True)
    subprocess.run(["scancel", "--full", "--signal=KILL", f"{job}_1"], check=True)
    counts = settled(run, seconds=240)
    while counts["pending"]:
        submit_tiles(run, max_array=2)
        counts = settled(run)
    serial = planned(own, tmp_path / "serial")
    assert run_tiles(serial) == counts, logs(run)
    assert files_of(run) == files_of(serial)
    assert max(entry.attempts for entry in Ledger(run / "ledger.sqlite").entries()) <= 2


def test_cancelled_jobs(cluster: None, own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run", tile_size=640, resolution=20)
    job = submit_tiles(run, max_array=1)
    assert job is not None
    cancelled = cancel_tiles(run)
    assert cancelled > 20
    end = time.monotonic() + 60
    while not all(slurm.is_ended(state) for state in (slurm.states(job) or {}).values()):
        assert time.monotonic() < end
        time.sleep(0.3)
    counts, _ = tiles_status(run)
    assert counts["cancelled"] == cancelled and not counts["running"]


def test_what_slurm_refuses(cluster: None, own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    waiting = tiles_status(run)[0]["pending"]
    with pytest.raises(UsageError, match=r"sbatch failed: .*partition"):
        submit_tiles(run, options={"partition": "nowhere"})
    assert tiles_status(run)[0]["pending"] == waiting
    for options in ({"array": "0-5"}, {"partition": "work\n#SBATCH --uid=0"}, {"--time": "1"}, {"Time": "1"}):
        with pytest.raises(UsageError, match=r"no option of sbatch|holds a line break"):
            submit_tiles(run, options=options)
    assert tiles_status(run)[0]["pending"] == waiting


def test_scripts_alone_need_no_slurm(own: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = planned(own, tmp_path / "run")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert submit_tiles(run, submit=False, max_array=2) is None
    script = run / "slurm" / "job-1.sh"
    assert script.stat().st_mode & 0o100
    with pytest.raises(UsageError, match="sbatch is not on this machine"):
        submit_tiles(run)
    assert tiles_status(run)[0]["running"] == 0
    # An element is a plain program: what Slurm would do, by hand.
    monkeypatch.undo()
    for index in "01":
        done = subprocess.run(["bash", str(script)], env={"PATH": "/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": index,
                              "PYTHONPATH": str(Path(stacaster.__file__).parents[1])}, check=False)  # fmt: skip
        assert done.returncode == 0
    assert sys.executable in script.read_text()
    # What they did counts as if the run had submitted them.
    counts = tiles_status(run)[0]
    assert counts["done"] > 0 and not counts["pending"]
    serial = planned(own, tmp_path / "serial")
    assert run_tiles(serial) == counts
    assert files_of(run) == files_of(serial)


def test_one_script_a_tile(own: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, jobs = planned(own, tmp_path / "run", tile_size=7680), tmp_path / "jobs"
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(Path(stacaster.__file__).parents[1]))
    words = "--script-only --scripts tile --partition work --account a1 --time 2:00:00 --memory 8G --cpus-per-task 2"
    arguments = ["tiles", "submit", str(run), *words.split(), "--option", "qos=low", "--script-dir", str(jobs)]
    assert _run(arguments, cli) == 0
    scripts = sorted(jobs.glob("*.sh"))
    waiting = tiles_status(run)[0]["pending"]
    assert len(scripts) == waiting > 1 and not list((run / "slurm").glob("*.sh"))
    first = scripts[0].read_text().splitlines()
    for name in ("partition=work", "account=a1", "time=2:00:00", "mem=8G", "cpus-per-task=2", "qos=low", "array=0-0"):
        assert f"#SBATCH --{name}" in first, name
    # Each is a plain program, too.
    subprocess.run(["bash", str(scripts[0])], check=True)
    assert tiles_status(run)[0]["pending"] == waiting - 1
    # Marks tell of the latest work: what is computed anew is not done before it is.
    assert run_tiles(run)["pending"] == 0
    Ledger(run / "ledger.sqlite").change(("done", "empty"), "failed")
    assert retry_tiles(run) == waiting == tiles_status(run)[0]["pending"]
    with pytest.raises(UsageError, match=r"'tiles', which is not known; .*tile"):
        submit_tiles(run, submit=False, scripts="tiles")


def test_a_run_that_only_writes_scripts(own: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="executor='slurm'"):
        stacaster.global_run("AST_L1T", tmp_path / "run", script_only=True)


def test_jobs_that_squeue_forgot(cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounting knows how each element ended."""
    script = slurm.write_array_script(
        tmp_path / "job.sh",
        ["bash", "-c", "exit $1", "x"],
        elements=range(3),
        window=None,
        lead_s=60,
        logs=tmp_path,
        options={},
    )
    job = slurm.submit(script)
    end = time.monotonic() + 60
    while not all(slurm.is_ended(state) for state in (slurm.states(job) or {"0": ""}).values()):
        assert time.monotonic() < end
        time.sleep(0.3)
    if subprocess.run(["sacct", f"--jobs={job}"], capture_output=True, check=False).returncode:
        pytest.skip("this Slurm has no accounting")
    expected = {"0": "COMPLETED", "1": "FAILED", "2": "FAILED"}
    assert slurm.states(job) == expected
    real = slurm._call

    def forgetful(*words: str) -> str:
        if words[0] == "squeue":
            raise StacasterError("squeue failed: slurm_load_jobs error: Invalid job id specified")
        return real(*words)

    monkeypatch.setattr(slurm, "_call", forgetful)
    while slurm.states(job) != expected:
        assert time.monotonic() < end + 30, slurm.states(job)
        time.sleep(0.5)
    assert slurm.states("999999") is None
    assert slurm._indices("[3-5,8%2]") == ["3", "4", "5", "8"] and slurm._indices("7") == ["7"]


def test_granules_and_tiles_on_slurm_in_one_call(cluster: None, tmp_path: Path, repository: Path) -> None:
    """Elements of one array download and ingest into one catalog, those of another compute its tiles."""
    from dataclasses import replace

    from stacaster.samples import DEFAULT_SCENES
    from tests.earthdata_twin.granules import serve
    from tests.earthdata_twin.server import Twin

    box = (138.45, -31.08, 138.62, -30.93)
    asked: dict[str, Any] = {
        "catalog": tmp_path / "c", "bbox": box, "executor": "slurm", "sbatch": {"partition": "work"}, "window": 2,
        "max_array": 2, "cache_dir": tmp_path / "cache", "index": ["ndvi"], "composite": "median",
        "grid": "EPSG:32754", "tile_size": 1920, "resolution": 30, "memory_mb": 300,
    }  # fmt: skip
    with Twin(tmp_path) as twin, pytest.MonkeyPatch.context() as patch:
        scenes = [replace(scene, tir_shape=(34, 40)) for scene in DEFAULT_SCENES[:3]]
        _, earthdata, files = serve(twin, [(scene, box) for scene in scenes], tmp_path / "originals")
        for name, value in {**twin.environment, "EARTHDATA_TOKEN": "canary-token-1", "HOME": str(tmp_path)}.items():
            patch.setenv(name, value)
        broken = next(iter(earthdata.files))
        content = earthdata.files[broken]
        earthdata.files[broken] = content[: len(content) // 2]
        first = stacaster.global_run("AST_L1T", tmp_path / "run", **asked)
        assert len(first.report.ingested) == 2 and len(first.report.failed) == 1
        earthdata.files[broken] = content
        second = stacaster.global_run("AST_L1T", tmp_path / "run", **asked)
    assert len(second.report.ingested) == 1 and len(second.report.skipped) == 2
    assert second.counts is not None and second.counts["done"] > 1 and not second.counts["failed"]
    direct = stacaster.ingest(files, catalog=tmp_path / "d")
    assert len(direct.ingested) == 3
    left = [item.to_dict() for item in stacaster.open_catalog(tmp_path / "c").search().items()]
    right = [item.to_dict() for item in stacaster.open_catalog(tmp_path / "d").search().items()]
    assert [item["id"] for item in left] == [item["id"] for item in right]
    assert [a["file:checksum"] for i in left for a in i["assets"].values() if "file:checksum" in a] == [
        a["file:checksum"] for i in right for a in i["assets"].values() if "file:checksum" in a
    ]
    assert not list((tmp_path / "c-slurm").iterdir()), "what went well leaves nothing"


def test_elements_that_die(cluster: None, tmp_path: Path) -> None:
    """A task that kills its process comes back as died, others with their results."""
    tasks = [Task(key=name, payload={"kind": kind}) for name, kind in (("a", "fine"), ("b", "abort"), ("c", "raise"))]
    asked = ArrayOptions(max_array=3, options={"partition": "work"})
    found = {r.key: r for r in run_on_slurm(tasks, function=run_kind, folder=tmp_path, asked=asked)}
    assert found["a"].value is not None and found["c"].error_class == "ReadError" and not found["c"].died
    assert found["b"].died and "ended: COMPLETED" in str(found["b"].error)
    (home,) = tmp_path.iterdir()
    assert "SIGABRT" in "".join(path.read_text() for path in (home / "logs").iterdir())


def test_workers_as_jobs_of_a_queue(cluster: None, own: Catalog, tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    import dask

    run, serial = planned(own, tmp_path / "run"), planned(own, tmp_path / "serial")
    said = {"cores": 1, "memory": "1GB", "queue": "work", "log-directory": str(tmp_path), "interface": "lo",
            "scheduler-options": {"dashboard_address": None}}  # fmt: skip
    with dask.config.set({"jobqueue.slurm": {**dask.config.get("jobqueue.slurm", {}), **said}}):
        counts = run_tiles(run, executor="dask", address="jobqueue:slurm", workers=2)
    assert counts == run_tiles(serial) and files_of(run) == files_of(serial)
