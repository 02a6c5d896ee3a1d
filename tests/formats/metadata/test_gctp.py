"""Grids of HDF-EOS2 by hand."""

from __future__ import annotations

import pytest
from odc.geo.geobox import GeoBox

from stacaster.formats.metadata.gctp import GridError, grid_geobox
from stacaster.formats.metadata.odl import parse_odl


def structure(**fields: str) -> str:
    known = {
        "GridName": '"G"', "XDim": "20", "YDim": "10", "UpperLeftPointMtrs": "(0.0,100.0)",
        "LowerRightMtrs": "(400.0,0.0)", "Projection": "GCTP_UTM", "ZoneCode": "53",
    } | fields  # fmt: skip
    lines = "\n".join(f"\t\t{key}={value}" for key, value in known.items() if value)
    return f"GROUP=GridStructure\n\tGROUP=GRID_1\n{lines}\n\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\nEND\n"


def box(**fields: str) -> GeoBox:
    return grid_geobox("G", parse_odl(structure(**fields), document="StructMetadata"), (10, 20))


def test_utm() -> None:
    assert box().crs.epsg == 32653
    assert tuple(box().transform)[:6] == (20.0, 0.0, 0.0, 0.0, -10.0, 100.0)
    assert box(ZoneCode="-53").crs.epsg == 32753


def test_geographic_degrees_are_packed() -> None:
    # 138 degrees 30 minutes 36 seconds is 138030036.
    found = box(
        Projection="GCTP_GEO",
        UpperLeftPointMtrs="(138030036.0,-30000000.0)",
        LowerRightMtrs="(139030036.0,-31000000.0)",
    )
    assert found.crs.epsg == 4326
    assert found.transform.c == pytest.approx(138.51) and found.transform.f == -30.0
    assert found.transform.a == pytest.approx(1 / 20) and found.transform.e == pytest.approx(-1 / 10)


def test_sinusoidal_and_lambert() -> None:
    sphere = "(6371007.181,0,0,0,0,0,0,0,86400,0,1,0,0)"
    crs = box(Projection="GCTP_SNSOID", ProjParams=sphere).crs
    assert "sinu" in crs.proj.to_proj4() and "6371007.181" in crs.proj.to_proj4()
    polar = "(6371228.0,0,0,0,0,90000000.0,0,0,0,0,0,0,0)"
    text = box(Projection="GCTP_LAMAZ", ProjParams=polar).crs.proj.to_proj4()
    assert "laea" in text and "lat_0=90" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Projection": "GCTP_TM"}, "no sphere radius"),
        ({"Projection": "GCTP_TM", "ProjParams": "(6371000.0,0)"}, "TM is not known"),
        ({"Projection": "GCTP_SNSOID"}, "no sphere radius"),
        ({"ZoneCode": "61"}, "zone of the grid is 61"),
        ({"XDim": "19"}, r"10 x 19 pixels, but the field has shape \(10, 20\)"),
        ({"XDim": '"many"'}, "XDim of the grid is 'many'"),
        ({"LowerRightMtrs": "(400.0,200.0)"}, "enclose no area"),
        ({"UpperLeftPointMtrs": "DEFAULT"}, "two finite numbers"),
        ({"GridOrigin": "HDFE_GD_LR"}, "HDFE_GD_LR"),
        ({"GridName": '"H"'}, "does not describe the grid G"),
    ],
)
def test_what_cannot_be_placed_is_said(fields: dict[str, str], words: str) -> None:
    with pytest.raises(GridError, match=words):
        box(**fields)
