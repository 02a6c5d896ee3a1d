"""Drawings of footprints."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import stacaster
from stacaster.access.sources.umm import parse_umm
from stacaster.errors import ExportError, NothingFoundError, UsageError
from stacaster.model import Granule
from tests.earthdata_twin.records import aster_record

AREA = {"type": "Polygon", "coordinates": [[[129, -38], [141, -38], [141, -26], [129, -26], [129, -38]]]}


def granules(count: int = 4) -> list[Granule]:
    return [
        parse_umm(aster_record(n, datetime(2003, 1, n + 1), (130.0 + n, -31.0, 130.8 + n, -30.2))) for n in range(count)
    ]


def test_page(tmp_path: Path) -> None:
    hostile = replace(granules()[0], id="<script>alert(1)</script>")
    path = stacaster.access.draw_footprints([hostile, *granules()[1:]], tmp_path / "x.html", area=AREA)
    text = path.read_text()
    assert text.count('class="granule"') == 4 and text.count('class="area"') == 1
    assert "<title>4 granules of AST_L1T, 2003-01-01 to 2003-01-04</title>" in text and 'name="viewport"' in text
    assert 'class="land"' in text and "<script" not in text and "&lt;script&gt;" in text
    assert "http" not in text, "nothing is loaded from elsewhere"
    svg = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    width, height = (float(part) for part in svg.attrib["viewBox"].split()[2:])
    for polygon in svg.iter("polygon"):
        for x, y in re.findall(r"([\d.-]+),([\d.-]+)", polygon.attrib["points"]):
            assert 0 <= float(x) <= width and 0 <= float(y) <= height
    # Twelve degrees of the area: as many pixels up as a degree of longitude at 32 S is shorter than one of latitude.
    area = next(polygon for polygon in svg.iter("polygon") if polygon.attrib["class"] == "area")
    points = np.array([[float(v) for v in pair.split(",")] for pair in area.attrib["points"].split()])
    extent = np.ptp(points, axis=0)
    assert extent[0] / extent[1] == pytest.approx(np.cos(np.radians(32)), rel=1e-3)


def test_picture(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib.image")
    path = stacaster.access.draw_footprints(granules(), tmp_path / "x.png", area=AREA)
    pixels = matplotlib.imread(path)
    red = (pixels[..., 0] > 0.7) & (pixels[..., 1] < 0.4)
    blue = (pixels[..., 2] > 0.5) & (pixels[..., 0] < 0.5)
    assert red.sum() > 500 and blue.sum() > 200


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="no granule has a footprint"):
        stacaster.access.draw_footprints([replace(granules()[0], geometry=None)], tmp_path / "x.html")
    with pytest.raises(UsageError, match=r"\.html or \.png"):
        stacaster.access.draw_footprints(granules(), tmp_path / "x.pdf")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError, match="cannot be written"):
        stacaster.access.draw_footprints(granules(), tmp_path / "file" / "x.html")
