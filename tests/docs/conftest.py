"""Data that the pages and examples start from."""

from __future__ import annotations

from pathlib import Path

import pytest

import stacaster


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Granules and a catalog that pages start from."""
    folder = tmp_path_factory.mktemp("docs")
    stacaster.sample_data(folder / "granules")
    stacaster.ingest([folder / "granules"], catalog=folder / "catalogs/demo")
    return folder
