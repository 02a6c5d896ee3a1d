"""Search, download and ingest in one go, as a new user would, against the twin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import stacaster
from stacaster.errors import SearchError, UsageError
from stacaster.samples import DEFAULT_SCENES
from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.earthdata import CDN_HOST, Earthdata
from tests.earthdata_twin.granules import serve
from tests.earthdata_twin.server import Answer, Twin

Signature = Callable[[Path], dict[str, str]]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Twin, Cmr, Earthdata, list[Path]]]:
    """The twin with ten simulated granules that can be found, downloaded and ingested."""
    night = replace(DEFAULT_SCENES[4], tir_shape=(4, 5))
    scenes = [
        replace(night, number=90_000 + n, acquired=night.acquired + n * timedelta(days=16)) for n in range(10)
    ]  # fmt: skip
    with Twin(tmp_path) as twin:
        box = (138.5, -31.1, 138.6, -30.9)
        cmr, earthdata, files = serve(twin, [(scene, box) for scene in scenes], tmp_path / "originals")
        for name, value in twin.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
        monkeypatch.setenv("HOME", str(tmp_path))
        yield twin, cmr, earthdata, files


def run(tmp_path: Path, **options: Any) -> stacaster.model.Report:
    return stacaster.ingest_search(
        "AST_L1T", region="south_australia", catalog=tmp_path / "c", cache_dir=tmp_path / "cache", **options
    )


def test_from_question_to_cube(service: Any, tmp_path: Path, signature: Signature) -> None:
    _, _, earthdata, files = service
    report = run(tmp_path)
    assert len(report.ingested) == 10 and not report.failed
    stacaster.ingest(files, catalog=tmp_path / "direct")
    assert signature(tmp_path / "c") == signature(tmp_path / "direct")
    cube = stacaster.open_catalog(tmp_path / "c").load(bands=["B13"], native=True, units="brightness_temperature")
    assert cube.sizes["time"] == 10 and 250 < float(cube.B13.mean()) < 330
    again = run(tmp_path)
    assert len(again.skipped) == 10 and len(earthdata.cdn_requests) == 10, "nothing is downloaded again"
    local = stacaster.search("aster-l1t-003", source=str(tmp_path / "c"), region="south_australia")
    assert [granule.id for granule in local] == [granule.id for granule in stacaster.search("AST_L1T")]


def test_limit_dry_run_and_discard(service: Any, tmp_path: Path) -> None:
    dry = run(tmp_path, dry_run=True, limit=3)
    assert len(dry.ingested) == 3 and not (tmp_path / "c").exists()
    report = run(tmp_path, limit=3, discard_source=True)
    assert len(report.ingested) == 3
    assert not list((tmp_path / "cache").rglob("*.hdf"))
    assert len(run(tmp_path, discard_source=True).ingested) == 7


def test_bands_that_the_catalog_lacks_are_fetched(service: Any, tmp_path: Path, signature: Signature) -> None:
    _, _, earthdata, files = service
    assert len(run(tmp_path, bands=["B10"], limit=2).ingested) == 2
    assert len(run(tmp_path, bands=["B10", "B13"], limit=2).added) == 2
    fetched = len(earthdata.cdn_requests)
    again = run(tmp_path, bands=["B13"], limit=2)
    assert len(again.skipped) == 2 and len(earthdata.cdn_requests) == fetched, "nothing is asked for what is there"
    assert len(run(tmp_path, subsystem=["TIR"]).added) == 2
    stacaster.ingest(files, catalog=tmp_path / "direct")
    assert signature(tmp_path / "c") == signature(tmp_path / "direct")


def test_one_that_cannot_be_had_stops_no_other(service: Any, tmp_path: Path) -> None:
    _, _, earthdata, _ = service
    first = next(iter(earthdata.files))
    earthdata.files.pop(first)
    earthdata.files[list(earthdata.files)[3]] = b"\x0e\x03\x13\x01 other content"
    report = run(tmp_path)
    assert len(report.ingested) == 8
    reasons = sorted(outcome.reason or "" for outcome in report.failed)
    assert "answered 404" in reasons[0] + reasons[1] and "bytes, but the record says" in reasons[0] + reasons[1]


def test_search_that_fails(service: Any, tmp_path: Path) -> None:
    service[1].script = [Answer(400, body=b'{"errors": ["no"]}')]
    with pytest.raises(SearchError, match="CMR answered 400: no"):
        run(tmp_path)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_resumed(
    service: Any, tmp_path: Path, repository: Path, signature: Signature, how: signal.Signals
) -> None:
    _, _, earthdata, files = service
    earthdata.faults[CDN_HOST] = [lambda r, a: a] * 6 + [lambda r, a: replace(a, stall_at=20_000)]
    words = [sys.executable, "-m", "stacaster", "ingest", "--product", "AST_L1T", "--catalog", str(tmp_path / "c"),
             "--cache-dir", str(tmp_path / "cache")]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while len(earthdata.cdn_requests) < 7 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(how)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == (130 if how is signal.SIGINT else -9) and "Traceback" not in errors
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stacaster.ingest(files, catalog=tmp_path / "direct")
    assert signature(tmp_path / "c") == signature(tmp_path / "direct")


def test_twin_by_hand(tmp_path: Path, repository: Path) -> None:
    """What the README shows: start the twin, paste its lines, ingest from a question."""
    words = [sys.executable, "-m", "scripts.earthdata_twin"]
    with subprocess.Popen(words, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as twin:
        assert twin.stdout is not None
        try:
            variables = {}
            for line in twin.stdout:
                if not line.startswith("export "):
                    break
                key, _, value = line.removeprefix("export ").strip().partition("=")
                variables[key] = value
            env = {**os.environ, **variables, "PYTHONPATH": str(repository), "STACASTER_CACHE_DIR": str(tmp_path / "x")}
            command = ["ingest", "--product", "AST_L1T", "--region", "south_australia", "--limit", "3", "--catalog"]
            done = subprocess.run(
                [sys.executable, "-m", "stacaster", *command, str(tmp_path / "c")],
                env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0 and "3 ingested" in done.stderr, done.stderr
            area = ["--bbox", "138.53,-31.05,138.56,-31.02", "--bands", "HHHH,HVHV", "--latest", "5", "--remote"]
            command = ["ingest", "--product", "NISAR_L2_GCOV", *area, "--catalog", str(tmp_path / "n")]
            for words in (command, ["stacks", "--catalog", str(tmp_path / "n"), "--json"]):
                done = subprocess.run(
                    [sys.executable, "-m", "stacaster", *words], env=env, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, done.stderr
            (stack,) = json.loads(done.stdout)
            assert stack["count"] == 5 and stack["lattices"] == "" and all("P05023" in name for name in stack["ids"])
        finally:
            twin.send_signal(signal.SIGINT)
            try:
                twin.wait(timeout=30)
            except subprocess.TimeoutExpired:
                # Where SIGINT is ignored, leaving the block would wait for ever.
                twin.kill()
                raise


def test_machines_of_a_cluster_download_and_ingest(service: Any, tmp_path: Path, signature: Signature) -> None:
    """Real Dask workers, one catalog: the same bytes as on one machine, a failing granule costs itself."""
    _, _, earthdata, files = service
    broken = next(iter(earthdata.files))
    content = earthdata.files[broken]
    earthdata.files[broken] = content[: len(content) // 2]
    cluster = stacaster.executors.Cluster(workers=2)
    seen: list[str] = []
    first = run(
        tmp_path, workers=cluster, discard_source=True, progress=lambda done, total, last: seen.append(last.status)
    )
    assert len(first.ingested) == 9 and len(first.failed) == 1 and sorted(seen).count("ingested") == 9
    assert first.failed[0].error == "IntegrityError" or "checksum" in str(first.failed[0].reason)
    assert not list((tmp_path / "cache").rglob("*.hdf"))
    earthdata.files[broken] = content
    second = run(tmp_path, workers=cluster)
    assert len(second.ingested) == 1 and len(second.skipped) == 9
    stacaster.ingest(files, catalog=tmp_path / "direct")
    assert signature(tmp_path / "c") == signature(tmp_path / "direct")
    third = stacaster.ingest(files, catalog=tmp_path / "spread", workers=cluster)
    assert len(third.ingested) == 10 and signature(tmp_path / "spread") == signature(tmp_path / "direct")
    again = stacaster.ingest(files, catalog=tmp_path / "spread", workers=cluster)
    assert len(again.skipped) == 10


def test_clusters_that_cannot_be_reached(service: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'spark' is no executor of a cluster"):
        stacaster.executors.Cluster(executor="spark")
    with pytest.raises(UsageError, match="does not answer"):
        run(tmp_path, workers=stacaster.executors.Cluster(address="tcp://127.0.0.1:9"))
    with pytest.raises(UsageError, match="'slrm' is no queue; nearest are slurm"):
        run(tmp_path, workers=stacaster.executors.Cluster(address="jobqueue:slrm"))
