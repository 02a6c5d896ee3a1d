"""How much of the machine is used: one number of processors, from affinity, quota of the container and the user."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stacaster import config
from stacaster.config import Settings, cpu_quota, cpus, requests_at_once, threads, worker_processes
from stacaster.errors import UsageError


def made_root(root: Path, groups: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "400000 100000", "a/b/cpu.max": "max 100000"}, 4.0),
        ("0::/of/the/host\n", {"cpu.max": "200000 100000"}, 2.0),
        ("4:cpu,cpuacct:/x\n3:memory:/x\n",
         {"cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "100000"}, 0.5),
        ("4:cpu,cpuacct:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("nonsense\n", {}, None),
    ],
)  # fmt: skip
def test_quota_of_a_container(tmp_path: Path, groups: str, files: dict[str, str], expected: float | None) -> None:
    assert cpu_quota(made_root(tmp_path, groups, files)) == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None


def test_the_user_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACASTER_CPUS", "3")
    assert (cpus(), threads(4), threads(2), threads(0)) == (3, 3, 2, 1)
    assert worker_processes(2, each_bytes=1) == 2 and worker_processes(each_bytes=1) == 3
    assert worker_processes(each_bytes=1 << 60) == 1, "memory for one at a time"
    assert Settings.build().workers <= 3 and Settings.build(workers=7).workers == 7
    for wrong in ("0", "-1", "x", "1.5"):
        monkeypatch.setenv("STACASTER_CPUS", wrong)
        with pytest.raises(UsageError, match="STACASTER_CPUS"):
            cpus()


def test_requests_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACASTER_CPUS", "1")
    assert requests_at_once(8) == 8
    monkeypatch.setenv("STACASTER_REQUESTS", "2")
    assert requests_at_once(8) == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is of Linux")
def test_affinity_counts(repository: Path) -> None:
    narrowed = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code = f"{narrowed}; import stacaster.config as config; print(config.cpus())"
    env = {**os.environ, "PYTHONPATH": str(repository)}
    assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout == b"1\n"


def test_what_is_used_is_shown(repository: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(repository), "STACASTER_CPUS": "5"}
    words = [sys.executable, "-m", "stacaster", "doctor", "--system"]
    text = subprocess.run(words, env=env, capture_output=True, check=True, text=True).stdout
    assert "processors used\t5" in text and "worker processes of an ingest" in text and "free memory" in text


def test_no_other_module_counts_processors(repository: Path) -> None:
    counting = re.compile(r"cpu_count\(|sched_getaffinity|ThreadPoolExecutor\([3-9]|^_THREADS\s*=", re.MULTILINE)
    found = [
        path.name
        for path in (repository / "stacaster").rglob("*.py")
        if path != Path(config.__file__) and counting.search(path.read_text("utf-8"))
    ]
    assert found == []
