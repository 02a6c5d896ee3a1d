"""The demo makes its folder anew, and never one that holds something else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def demo(repository: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/demo.py", str(folder)], cwd=repository, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["thesis.txt", ".hidden", "catalog/item.json"])
def test_a_folder_of_others_is_left_alone(repository: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_text("years of work")
    done = demo(repository, tmp_path / "mine")
    assert done.returncode == 1 and "holds files that no demo made" in done.stderr and "Traceback" not in done.stderr
    assert path.read_text() == "years of work"
    assert [entry for entry in (tmp_path / "mine").rglob("*") if entry.is_file()] == [path]


def test_a_file_is_left_alone(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("years of work")
    done = demo(repository, tmp_path / "mine")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (tmp_path / "mine").read_text() == "years of work"
