"""Nothing is left out of a cube in silence."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError

BANDS = ["B01", "B04"]


@pytest.fixture
def copy(catalog: Catalog, tmp_path: Path) -> Catalog:
    """A copy of the session's catalog that may be damaged."""
    shutil.copytree(catalog.root, tmp_path / "c")
    return stacaster.open_catalog(tmp_path / "c")


def counts(report: stacaster.cube.LoadReport) -> dict[str, int]:
    return {status: len(report.of(status)) for status in ("read", "failed", "absent", "outside")}


@pytest.mark.parametrize("units", ["dn", "radiance"])
def test_absent_bands_are_told(copy: Catalog, units: Any) -> None:
    items = list(copy.search().items())
    cube, report = stacaster.load(items, bands=BANDS, crs="EPSG:32754", resolution=120, units=units, report=True)
    lacking = {(item.id, key) for item in items for key in BANDS if key not in item.assets}
    assert lacking and {(entry.item_id, entry.band) for entry in report.of("absent")} == lacking
    assert len(report.outcomes) == len(items) * len(BANDS)
    whole = stacaster.load(items, bands=BANDS, crs="EPSG:32754", resolution=120, units=units)
    assert cube.identical(whole), "the report costs no pixel"
    for item_id, band in lacking:
        (item,) = [entry for entry in items if entry.id == item_id]
        moment = np.datetime64(item.properties["datetime"].removesuffix("Z"), "ns")
        values = cube[band].sel(time=moment).values
        assert (np.isnan(values) if units != "dn" else values == 0).all()


@pytest.mark.parametrize("damage", ["missing", "cut", "garbage"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_file_that_cannot_be_read(copy: Catalog, damage: str, chunks: dict | None) -> None:
    items = list(copy.search(datetime="2003").items())
    path = Path(items[0].assets["B01"].href)
    if damage == "missing":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:300] + b"\xff" * (len(data) - 300))
    options: dict[str, Any] = {"bands": ["B01"], "native": True, "chunks": chunks}
    cube, report = stacaster.load(items, report=True, **options)
    values = cube["B01"].values
    (failed,) = report.of("failed")
    assert (failed.item_id, failed.band) == (items[0].id, "B01") and failed.reason
    assert not values[0].any() and values[1].any()
    assert "1 failed" in repr(report) and items[0].id in report._repr_html_()
    frame = report.to_dataframe()
    assert list(frame["status"]) == ["failed", "read"]
    if chunks is None:
        with pytest.raises(LoadError, match=items[0].id):
            stacaster.load(items, **options)
        with pytest.raises(LoadError, match=items[0].id):
            stacaster.load(items, report=True, strict=True, **options)


def test_what_lies_outside(copy: Catalog) -> None:
    items = list(copy.search(datetime="2003").items())
    west, south, east, north = items[0].bbox or (0, 0, 0, 0)
    _, report = stacaster.load(items, bands=["B01"], bbox=[west + 20, south, east + 20, north], crs="EPSG:4326",
                               resolution=0.01, report=True)  # fmt: skip
    assert counts(report) == {"read": 0, "failed": 0, "absent": 0, "outside": 2}


def test_a_search_gives_its_report(copy: Catalog) -> None:
    pair: Any = copy.load(bands=["B01"], native=True, datetime="2003", report=True)
    cube, report = pair
    assert cube.sizes["time"] == 2 and counts(report)["read"] == 2
