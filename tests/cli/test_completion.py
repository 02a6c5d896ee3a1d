"""The tab key completes commands, options and values, in the forms that three shells ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click.shell_completion as shells
import pytest

from stacaster.cli import cli

SHELLS = {"bash": shells.BashComplete, "zsh": shells.ZshComplete, "fish": shells.FishComplete}
ASKED = [
    ("comp", "composite"), ("tiles su", "submit"), ("tiles submit run --scr", "--script-dir"),
    ("load --bands sw", "swir16"), ("export --bands nir,r", "nir,red"), ("search --region south_a", "south_australia"),
    ("index compute nd", "ndvi"), ("search AST_L1", "AST_L1T"), ("load --units refl", "reflectance"),
    ("load --mask clo", "cloud"), ("composite med", "median"), ("tiles submit run --scripts t", "tile"),
    ("load --collection aster", "aster-l1t-003"), ("ingest --executor s", "slurm"),
    ("search --source plan", "planetary-computer"),
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "word"), ASKED)
def test_a_line(shell: str, line: str, word: str, catalog: object, monkeypatch: pytest.MonkeyPatch) -> None:
    words = line.split()
    monkeypatch.setenv("STACASTER_CATALOG", str(getattr(catalog, "root", "")))
    monkeypatch.setenv("COMP_WORDS", f"stacaster {line}")
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words)))
    answer = SHELLS[shell](cli, {}, "stacaster", "_STACASTER_COMPLETE").complete()
    assert word in {part.removeprefix("plain,").partition("\t")[0] for part in answer.splitlines()}, answer


def test_in_a_real_bash(repository: Path, tmp_path: Path) -> None:
    program = tmp_path / "stacaster"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m stacaster "$@"\n')
    program.chmod(0o755)
    env = {**os.environ, "PYTHONPATH": str(repository), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    text = """
    eval "$(stacaster completion bash)"
    COMP_WORDS=(stacaster export --bands ni); COMP_CWORD=3
    _stacaster_completion stacaster; echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, check=False)
    assert "nir" in done.stdout.split(), done.stderr
