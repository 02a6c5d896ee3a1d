"""The examples of public docstrings run, on the sample catalog that their page starts from."""

from __future__ import annotations

import doctest
import inspect
import shutil
from pathlib import Path

import pytest

import stacaster

NAMES = [name for name in stacaster.__all__ if name != "__version__"]


def examples_of(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(getattr(stacaster, name)) or "")


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name: str) -> None:
    assert examples_of(name), name


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name: str, originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(originals, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("STACASTER_CATALOG", "catalogs/demo")
    examples = examples_of(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTest(examples, {"stacaster": stacaster}, name, None, 0, None)
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=flags)
    runner.run(test, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)
