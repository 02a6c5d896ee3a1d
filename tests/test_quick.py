"""The quick tests are there, and some of them are of every room."""

from __future__ import annotations

import re
from pathlib import Path


def test_quick_tests_cover_every_room(repository: Path) -> None:
    names = (repository / "tests/quick.txt").read_text(encoding="utf-8").split()
    assert names == sorted(set(names))
    rooms = {path.parent.name for path in (repository / "stacaster").glob("*/__init__.py")}
    covered = {name.split("/")[1] for name in names}
    assert rooms - covered <= {"instruments", "model", "samples", "executors", "files"} or not rooms - covered
    for name in names:
        path, _, function = name.partition("::")
        text = (repository / path).read_text(encoding="utf-8")
        assert re.search(rf"^\s*def {re.escape(function.split('::')[-1])}\b", text, re.MULTILINE), name
