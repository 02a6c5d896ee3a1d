"""The twin with four radar scenes of one frame, and a home without settings of the person who runs the tests."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("twin")) as twin:
        yield twin


@pytest.fixture
def twin(servers: Twin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Twin:
    for name, value in servers.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("EARTHDATA_TOKEN", "NETRC", "CDSE_TOKEN", "CDSE_USERNAME", "CDSE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EARTHDATA_USERNAME", USER)
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("stacaster.network.http.random.uniform", lambda low, high: 0.01)
    (tmp_path / "home").mkdir()
    servers.log.clear()
    servers.routes.clear()
    servers.released.clear()
    return servers


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return prepare(SCENES, tmp_path_factory.mktemp("served"))


@pytest.fixture
def radar(twin: Twin, served: Served) -> Radar:
    return Radar(twin, served)
