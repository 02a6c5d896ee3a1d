"""ODL text: the form of delivered metadata, compared with real files where they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyhdf.SD import SD

from stacaster.formats.metadata.odl import parse_odl
from stacaster.samples.odl_text import Group, Obj, metadata_text, structure_text

EXPECTED = """
GROUP                  = INVENTORYMETADATA
  GROUPTYPE            = MASTERGROUP

  GROUP                  = ECSDATAGRANULE

    OBJECT                 = LOCALGRANULEID
      NUM_VAL              = 1
      VALUE                = "a b"
    END_OBJECT             = LOCALGRANULEID

  END_GROUP              = ECSDATAGRANULE

  OBJECT                 = CONTAINER
    CLASS                = "1"

    OBJECT                 = PAIR
      NUM_VAL              = 2
      CLASS                = "1"
      VALUE                = (1, -2.5)
    END_OBJECT             = PAIR

  END_OBJECT             = CONTAINER

END_GROUP              = INVENTORYMETADATA

END
"""


def sample() -> list[Group]:
    inner = Group("ECSDATAGRANULE", [Obj("LOCALGRANULEID", "a b")])
    container = Group("CONTAINER", [Obj("PAIR", (1, -2.5), "1")], "1", is_object=True)
    return [Group("INVENTORYMETADATA", [inner, container])]


def columns(text: str) -> set[tuple[str, int]]:
    """Return kind of key and number of columns from its first letter to the equal sign."""
    found = set()
    for line in text.splitlines():
        match = re.match(r"( *)([A-Z_]+) *(?==)", line)
        if match:
            kind = "block" if match.group(2) in ("GROUP", "END_GROUP", "OBJECT", "END_OBJECT") else "key"
            found.add((kind, match.end() - len(match.group(1))))
    return found


def test_text_in_full() -> None:
    assert metadata_text(sample()) == EXPECTED


def test_columns_are_those_of_a_real_granule(shared: Path) -> None:
    file = SD(str(shared / "data/hdf4/MOD10A2.A2003017.h16v01.005.2006126104131.hdf"))
    try:
        real = file.attributes()["CoreMetadata.0"]
    finally:
        file.end()
    assert columns(metadata_text(sample())) == columns(real) == {("block", 23), ("key", 21)}


@pytest.mark.parametrize("value", [tuple(f"granule number {i}" for i in range(60)), tuple(i / 7 for i in range(60))])
def test_long_values_wrap_without_loss(value: tuple[str | float, ...]) -> None:
    text = metadata_text([Group("M", [Group("G", [Obj("LONG", value)])])])
    assert max(len(line) for line in text.splitlines()) < 300
    assert text.count("\n") > 14
    (found,) = parse_odl(text)
    assert found.value == value


def skeleton(text: str) -> list[str]:
    """Return the lines of the first swath with tabs and keys, without numbers, names and repeated entries."""
    start, end = text.index("\tGROUP=SWATH_1"), text.index("\tEND_GROUP=SWATH_1")
    lines = [
        re.sub(r"_\d+$", "_n", re.sub(r'(?<==)[^=\n]*["\d(].*', "…", line)) for line in text[start:end].split("\n")
    ]
    lines = [re.sub(r"=DFNT_\w+", "=DFNT", line) for line in lines]
    return list(dict.fromkeys(lines))


def test_structure_text() -> None:
    text = structure_text([("TIR_Swath", 31, 37, [("ImageData10", "DFNT_UINT16")])], 11)
    assert len(text) == 32000
    assert text.rstrip("\0").endswith("END_GROUP=PointStructure\nEND\n")
    values = {(item.path[-1], item.name): item.value for item in parse_odl(text)}
    assert values["SWATH_1", "SwathName"] == "TIR_Swath"
    assert [values[f"Dimension_{i}", "Size"] for i in (1, 2, 3, 4)] == [11, 11, 31, 37]
    assert values["GeoField_1", "DimList"] == ("GeoTrack", "GeoXtrack")
    assert values["DataField_1", "DimList"] == ("ImageLine", "ImagePixel")
    assert values["DataField_1", "DataType"] == "DFNT_UINT16"


def test_structure_has_the_lines_of_a_library_written_file(shared: Path) -> None:
    file = SD(str(shared / "data/hdf4/swath_3_3d_dimmap.hdf"))
    try:
        real = file.attributes()["StructMetadata.0"]
    finally:
        file.end()
    assert len(real) == 32000
    text = structure_text([("TIR_Swath", 31, 37, [("ImageData10", "DFNT_UINT16")])], 11)
    only_maps = ("DimensionMap_n", "GeoDimension", "DataDimension", "Offset", "Increment")
    assert skeleton(text) == [line for line in skeleton(real) if not any(word in line for word in only_maps)]
