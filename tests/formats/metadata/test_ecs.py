"""Shared metadata of ECS granules."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from stacaster.errors import ReadError
from stacaster.formats.metadata import ecs
from stacaster.model import GranuleContent
from stacaster.model.metadata import OdlObject


def content(**values: object) -> GranuleContent:
    objects = [OdlObject(name=name, value=value) for name, value in values.items()]
    return GranuleContent(reader="hdf4_eos", files=(Path("x.hdf"),), layers={}, objects=objects)


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2000-05-03T04:04:46.534000Z", 534000),
        ("2000-05-03 04:04:46.534", 534000),
        ("2000-05-03T04:04:46.5Z", 500000),
        ("2000-05-03T04:04:46Z", 0),
        ("2000-05-03T04:04:46.1234567Z", 123456),
    ],
)
def test_times_in_all_forms(text: str, microsecond: int) -> None:
    assert ecs.parse_time(text) == dt.datetime(2000, 5, 3, 4, 4, 46, microsecond, tzinfo=dt.UTC)


def test_time_of_two_objects() -> None:
    found = ecs.time_of(content(CALENDARDATE="2000-05-03", TIMEOFDAY="04:04:46.534000Z"), "CALENDARDATE", "TIMEOFDAY")
    assert found == dt.datetime(2000, 5, 3, 4, 4, 46, 534000, tzinfo=dt.UTC)
    assert ecs.time_of(content(CALENDARDATE="2000-05-03"), "CALENDARDATE", "TIMEOFDAY") is None
    with pytest.raises(ReadError, match=r"x\.hdf: .*no time"):
        ecs.time_of(content(CALENDARDATE="yesterday", TIMEOFDAY="noon"), "CALENDARDATE", "TIMEOFDAY")


def test_additional_attributes_pair_by_class() -> None:
    objects = [
        OdlObject(name="ADDITIONALATTRIBUTENAME", value="Alpha", object_class="1", document="core"),
        OdlObject(name="PARAMETERVALUE", value="one", object_class="1", document="core"),
        OdlObject(name="PARAMETERVALUE", value="two", object_class="2", document="core"),
        OdlObject(name="ADDITIONALATTRIBUTENAME", value="beta", object_class="2", document="core"),
        OdlObject(name="ADDITIONALATTRIBUTENAME", value="lonely", object_class="3", document="core"),
    ]
    granule = GranuleContent(reader="hdf4_eos", files=(Path("x.hdf"),), layers={}, objects=objects)
    assert ecs.additional_attributes(granule) == {"ALPHA": "one", "BETA": "two"}


@pytest.mark.parametrize(
    ("point", "inside"),
    [((138.5, -31.0), True), ((138.5, -35.0), False), ((141.0, -31.0), False), ((138.5 - 360, -31.0), True)],
)
def test_bounding_rectangle(point: tuple[float, float], inside: bool) -> None:
    box = content(
        WESTBOUNDINGCOORDINATE=138.0,
        SOUTHBOUNDINGCOORDINATE=-31.5,
        EASTBOUNDINGCOORDINATE=139.0,
        NORTHBOUNDINGCOORDINATE=-30.5,
    )
    assert ecs.inside_bounding_rectangle(box, *point) is inside
    assert ecs.inside_bounding_rectangle(content(), *point) is None


@pytest.mark.parametrize(("lon", "inside"), [(179.9, True), (-179.9, True), (170.0, False), (-170.0, False)])
def test_bounding_rectangle_across_the_antimeridian(lon: float, inside: bool) -> None:
    box = content(
        WESTBOUNDINGCOORDINATE=179.2,
        SOUTHBOUNDINGCOORDINATE=-16,
        EASTBOUNDINGCOORDINATE=-179.4,
        NORTHBOUNDINGCOORDINATE=-15,
    )
    assert ecs.inside_bounding_rectangle(box, lon, -15.5) is inside
