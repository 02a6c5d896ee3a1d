"""The twin with a CMR of sixty made-up ASTER granules over South Australia."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.earthdata_twin.cmr import Cmr
from tests.earthdata_twin.records import aster_record
from tests.earthdata_twin.server import Twin


def sixty_records() -> list[dict[str, Any]]:
    """Scenes of one degree, ten days apart, along a parallel; every third cloudy, every tenth without the figure."""
    found = []
    for number in range(60):
        west = 130.0 + number % 10
        found.append(
            aster_record(
                number,
                datetime(2003, 1, 5, 0, 43, 2) + timedelta(days=10 * number),
                (west, -31.0, west + 0.9, -30.2),
                cloud_cover=None if number % 10 == 9 else 60.0 if number % 3 == 0 else 5.0,
            )
        )
    return found


@pytest.fixture
def cmr(twin: Twin) -> Cmr:
    service = Cmr(sixty_records())
    twin.routes["cmr.earthdata.nasa.gov"] = service
    return service


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a netrc whose default entry must never be used."""
    (tmp_path / ".netrc").write_text("default login canary-user password canary-secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    return tmp_path
