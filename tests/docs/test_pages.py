"""Every code block of the README and of the site runs, in order, in a folder of its own for each page."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stacaster.cli import cli
from stacaster.samples import DEFAULT_SCENES
from tests.earthdata_twin.granules import serve
from tests.earthdata_twin.missions import serve_missions
from tests.earthdata_twin.server import Twin

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"(?:<!--(?P<note>[^>]*)-->\n)?^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)
_SERVICES = "<!-- services -->"
_MISSIONS = "<!-- services: missions -->"
_RUN = ("bash", "python")


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    language: str
    code: str
    skipped: bool


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(match["language"], match["code"], (match["note"] or "").strip().startswith("skip:"))
            for match in _BLOCK.finditer(text)]  # fmt: skip


RUN = [page for page in PAGES if any(block.language in _RUN and not block.skipped for block in blocks_of(page))]


@contextlib.contextmanager
def services(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, moto: str) -> Iterator[None]:
    """Start the twin of search services and data hosts where a page needs it."""
    text = page.read_text(encoding="utf-8")
    if _MISSIONS in text:
        with Twin(folder) as twin:
            serve_missions(twin, folder / "missions", moto)
            for name, value in twin.environment.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
            yield
        return
    if _SERVICES not in text:
        yield
        return
    day = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))
    with Twin(folder) as twin:
        serve(twin, [(day, (138.5, -31.1, 138.6, -30.9))], folder / "originals")
        for name, value in twin.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("EARTHDATA_TOKEN", "canary-token-1")
        yield


@pytest.mark.parametrize("page", RUN, ids=[str(page.relative_to(ROOT)) for page in RUN])
def test_blocks_run(
    page: Path, originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    if "sample-data granules" not in page.read_text(encoding="utf-8"):
        shutil.copytree(originals, work, dirs_exist_ok=True)
    names: dict[str, Any] = {}
    (tmp_path / "missions").mkdir()
    endpoint = request.getfixturevalue("moto") if _MISSIONS in page.read_text(encoding="utf-8") else ""
    with services(page, tmp_path, monkeypatch, endpoint):
        for block in blocks_of(page):
            if block.language in _RUN and not block.skipped:
                _run(block, names)


def _run(block: Block, names: dict[str, Any]) -> None:
    if block.language == "python":
        exec(compile(block.code, "<page>", "exec"), names)
        return
    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["stacaster"]:
            result = CliRunner().invoke(cli, words[1:], catch_exceptions=False)
            code = result.exit_code if result.return_value is None else int(result.return_value)
            assert code == 0, (line, code, result.output)
        else:
            assert not words or words[0] in ("scripts/demo", "scripts/test", "pip"), line


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_local_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    generated = {f"reference/{name}.md" for name in _generated()}
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.parent / target).resolve()
        named = str(path.relative_to(ROOT / "docs")) if path.is_relative_to(ROOT / "docs") else ""
        assert path.exists() or named in generated, target


def _generated() -> list[str]:
    text = (ROOT / "scripts/reference_pages.py").read_text(encoding="utf-8")
    return re.findall(r'^        "([\w-]+)": \w+\(\),$', text, re.MULTILINE)
