"""The twin with four radar scenes of one frame, and a home without settings of the person who runs the tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stacaster.samples.sentinel1 import DEFAULT_SCENES
from tests.earthdata_twin.earthdata import PASSWORD, USER
from tests.earthdata_twin.radar import Radar, Served, prepare
from tests.earthdata_twin.server import Twin

SCENES = (
    *DEFAULT_SCENES,
    replace(DEFAULT_SCENES[3], number=6, start=DEFAULT_SCENES[3].start.replace(year=2024, month=1)),
)
"""Twelve days apart from 20 November 2023 on, and one of 26 January 2024."""


@pytest.fixture
def twin(twin: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Twin:
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    return twin


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return prepare(SCENES, tmp_path_factory.mktemp("served"))


@pytest.fixture
def radar(twin: Twin, served: Served) -> Radar:
    return Radar(twin, served)
