"""What the documents promise is there, and nothing there is missing in them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import stacaster

MAP_HEADING = "## Where do I change ...?"


@pytest.fixture(scope="module")
def architecture(repository: Path) -> str:
    return (repository / "ARCHITECTURE.md").read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    start = text.index(heading) + len(heading)
    end = text.find("\n## ", start)
    return text[start : end if end >= 0 else None]


def map_paths(architecture: str) -> set[str]:
    rows = [line for line in section(architecture, MAP_HEADING).splitlines() if line.startswith("| ")]
    return {path for row in rows for path in re.findall(r"`((?:stacaster|scripts|tests|\.ci)/[^`]*)`", row)}


def test_every_place_of_the_map_exists(architecture: str, repository: Path) -> None:
    paths = map_paths(architecture)
    assert len(paths) > 20
    for path in paths:
        target = repository / path
        assert target.is_dir() if path.endswith("/") else target.is_file(), path


def test_every_part_of_the_package_is_on_the_map(architecture: str, repository: Path) -> None:
    paths = map_paths(architecture)
    package = repository / "stacaster"
    parts = {f"stacaster/{path.name}" for path in package.glob("*.py")}
    parts |= {f"stacaster/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    parts -= {"stacaster/__main__.py"}
    assert parts - paths == set()


def test_the_house_has_26_rooms(repository: Path) -> None:
    entries = [path.name for path in (repository / "stacaster").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 26, sorted(entries)


def test_links_between_documents(repository: Path) -> None:
    for document in repository.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (repository / target).exists(), f"{document.name}: {target}"


def test_pages_of_decisions_are_whole_and_listed(repository: Path) -> None:
    folder = repository / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("*.md") if path.name != "index.md")
    assert re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "index.md").read_text(encoding="utf-8")) == pages
    for name in pages:
        headings = re.findall("^## (.*)", (folder / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], name


def test_modules_over_the_budget_have_a_reason(repository: Path) -> None:
    reasons = (repository / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in (repository / "stacaster").rglob("*.py"):
        if len(path.read_text(encoding="utf-8").splitlines()) > 300:
            assert f"`{path.relative_to(repository)}`" in reasons, path.name


def test_changelog_names_the_version(repository: Path) -> None:
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(stacaster.__version__)}\b", text, flags=re.MULTILINE)


def test_nothing_committed_names_a_machine(repository: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines()
    if listed.returncode or not names:
        pytest.skip("not a git clone")
    pattern = re.compile(r"/(?:home|Users|root|work|farm|check)/[A-Za-z]")
    for name in names:
        path = repository / name
        if path.is_file() and path.name != "test_documents.py":
            found = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{name}: {found.group() if found else ''}"
