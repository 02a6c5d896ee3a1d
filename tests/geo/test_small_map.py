"""Footprints as a small map, and the outlines of countries below."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import shapely

from stacaster.geo.land import land_within
from stacaster.geo.small_map import box_geometry, small_map


def test_outlines_are_cut_to_the_box() -> None:
    bounds = (8.0, 54.0, 14.0, 58.0)
    rings = land_within(bounds)
    land = shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in rings])
    assert len(rings) >= 3 and shapely.box(*bounds).buffer(1e-9).covers(land)
    assert land.contains(shapely.Point(9.2, 56.0)) and not land.contains(shapely.Point(8.2, 57.9))
    assert land_within((-150.0, 0.0, -149.0, 1.0)) == []


@pytest.mark.parametrize(
    "box",
    [(138.5, -31.0, 138.6, -30.9), (-10.0, 35.0, 30.0, 60.0), (179.0, -20.0, -179.0, -16.0), (-180, -90, 180, 90)],
)
def test_all_that_is_drawn_lies_on_the_map(box: tuple[float, ...]) -> None:
    text = small_map([box_geometry(box), None])
    svg = ElementTree.fromstring(text)
    width, height = (float(part) for part in svg.attrib["viewBox"].split()[2:])
    assert 200 <= width <= 321 and 40 <= height <= 321
    for polygon in svg.iter("polygon"):
        for x, y in re.findall(r"([\d.-]+),([\d.-]+)", polygon.attrib["points"]):
            assert -0.6 <= float(x) <= width + 0.6 and -0.6 <= float(y) <= height + 0.6
    # What is too small to be seen gets a circle round it: both halves at 180 degrees, too.
    circles = {138.5: 1, 179.0: 2}
    assert len(list(svg.iter("circle"))) == circles.get(box[0], 0)


def test_nothing_to_draw() -> None:
    assert small_map([]) == small_map([None]) == ""
