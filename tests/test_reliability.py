"""Every command that changes something, killed at any instant and repeated; and the page that promises it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import SCENARIOS

KILLS = int(os.environ.get("STACASTER_TEST_KILLS", "1"))
"""Calls, and as many random instants, at which each command is killed; 0 takes all calls and 50 instants."""

PAGE = Path(__file__).parent.parent / "docs/explanation/reliability.md"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks with libraries loaded")
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_command_that_is_killed_is_finished_by_the_same_command(tmp_path: Path, repository: Path, name: str) -> None:
    """Files, item table and JSON are those of an undisturbed run; nothing is left behind."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", name, str(tmp_path), str(KILLS)],
        cwd=repository, env={**os.environ, "PYTHONPATH": str(repository)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["wrong"] == [] and result["trials"] >= 1


def test_the_page_names_tests_that_exist(repository: Path) -> None:
    """Each cell of the table of promises is a test of this repository, or says plainly that there is none."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    tests = [reference for line in lines for reference in re.findall(r"`(tests/[^`]+)`", line)]
    assert len(tests) > 20
    for reference in tests:
        name, _, function = reference.partition("::")
        text = (repository / name).read_text("utf-8")
        assert not function or f"def {function}(" in text, reference


def test_the_page_has_every_command_that_changes_something(repository: Path) -> None:
    page = PAGE.read_text("utf-8")
    for command in ("ingest", "ingest --bands", "update", "remove", "import", "dedupe", "archive", "publish",
                    "doctor --fix", "tiles run", "tiles collect", "export", "stack", "fetch"):  # fmt: skip
        assert f"| `{command}` |" in page, command
    assert "reliability.md" in (repository / "README.md").read_text("utf-8")
