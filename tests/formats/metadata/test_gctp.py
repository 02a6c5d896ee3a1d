"""Grids of HDF-EOS2 by hand."""

from __future__ import annotations

from typing import Any

import pytest
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from stacaster.formats.metadata.gctp import GridError, PlacedGrid, grid_geobox, place_grid
from stacaster.formats.metadata.odl import parse_odl
from tests.certain import certain


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
    assert certain(box().crs).epsg == 32653
    assert tuple(box().transform)[:6] == (20.0, 0.0, 0.0, 0.0, -10.0, 100.0)
    assert certain(box(ZoneCode="-53").crs).epsg == 32753


def test_geographic_degrees_are_packed() -> None:
    # 138 degrees 30 minutes 36 seconds is 138030036.
    found = box(
        Projection="GCTP_GEO",
        UpperLeftPointMtrs="(138030036.0,-30000000.0)",
        LowerRightMtrs="(139030036.0,-31000000.0)",
    )
    assert certain(found.crs).epsg == 4326
    assert found.transform.c == pytest.approx(138.51) and found.transform.f == -30.0
    assert found.transform.a == pytest.approx(1 / 20) and found.transform.e == pytest.approx(-1 / 10)


def test_sinusoidal_and_lambert() -> None:
    sphere = "(6371007.181,0,0,0,0,0,0,0,86400,0,1,0,0)"
    crs = box(Projection="GCTP_SNSOID", ProjParams=sphere).crs
    assert "sinu" in certain(crs).proj.to_proj4() and "6371007.181" in certain(crs).proj.to_proj4()
    polar = "(6371228.0,0,0,0,0,90000000.0,0,0,0,0,0,0,0)"
    text = certain(box(Projection="GCTP_LAMAZ", ProjParams=polar).crs).proj.to_proj4()
    assert "laea" in text and "lat_0=90" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Projection": "GCTP_LAMCC"}, "standard parallels 0 and 0 of LAMCC are no cone"),
        ({"Projection": "GCTP_ISINUS"}, "ISINUS cannot be expressed: the integerized sinusoidal grid"),
        ({"Projection": "GCTP_SPAM"}, "projection SPAM is not known"),
        ({"Projection": "GCTP_TM", "SphereCode": "77"}, "SphereCode is 77"),
        ({"ZoneCode": "61"}, "zone of the grid is 61"),
        ({"XDim": "19"}, r"10 x 19 pixels, but the field has shape \(10, 20\)"),
        ({"XDim": '"many"'}, "XDim of the grid is 'many'"),
        ({"LowerRightMtrs": "(-100.0,0.0)"}, "enclose no area"),
        ({"UpperLeftPointMtrs": "DEFAULT"}, "DEFAULT: the file does not say where the grid lies"),
        ({"GridOrigin": "HDFE_GD_MID"}, "HDFE_GD_MID"),
        ({"GridName": '"H"'}, "does not describe the grid G"),
    ],
)
def test_what_cannot_be_placed_is_said(fields: dict[str, str], words: str) -> None:
    with pytest.raises(GridError, match=words):
        box(**fields)


def placed(name: str = "G", shape: tuple[int, ...] = (10, 20), dims: tuple[str, ...] = (), **fields: Any) -> PlacedGrid:
    return place_grid(name, parse_odl(structure(**fields), document="StructMetadata"), shape, dims)


@pytest.mark.parametrize(
    ("corners", "bounds"),
    [
        (("(-180000000.0,90000000.0)", "(180000000.0,-90000000.0)"), (-180, -90, 180, 90)),
        (("(-180.0,90.0)", "(180.0,-90.0)"), (-180, -90, 180, 90)),
        (("(12030036.0,4007030.0)", "(14000000.0,-1000000.0)"), (12.51, -1, 14, 4.125)),
    ],
)
def test_packed_and_plain_degrees_are_told_apart(
    corners: tuple[str, str], bounds: tuple[float, float, float, float]
) -> None:
    found = box(Projection="GCTP_GEO", UpperLeftPointMtrs=corners[0], LowerRightMtrs=corners[1])
    assert found.extent.boundingbox.bbox == pytest.approx(bounds, abs=1e-9) and str(found.crs) == "EPSG:4326"


@pytest.mark.parametrize(
    ("origin", "flips"), [("UL", (False, False)), ("UR", (False, True)), ("LL", (True, False)), ("LR", (True, True))]
)
def test_every_origin_gives_one_geobox_and_its_own_turn(origin: str, flips: tuple[bool, bool]) -> None:
    for prefix in ("HDFE_GD_", "HE5_HDFE_GD_"):
        found = placed(GridOrigin=f"{prefix}{origin}")
        assert (found.orientation.flip_rows, found.orientation.flip_columns) == flips
        assert found.geobox == box() and found.geobox.transform.e < 0 < found.geobox.transform.a


def test_a_first_row_in_the_south_is_seen_in_the_corners() -> None:
    found = placed(
        Projection="GCTP_GEO",
        UpperLeftPointMtrs="(-180000000.0,-65000000.0)",
        LowerRightMtrs="(180000000.0,81000000.0)",
    )
    assert found.orientation.flip_rows and found.geobox.extent.boundingbox.bbox == (-180, -65, 180, 81)


def test_registration_moves_no_pixel_and_is_said() -> None:
    found = placed(PixelRegistration="HDFE_CORNER")
    assert found.geobox == box() and "CORNER" in found.notes[-1]


def test_rows_and_columns_are_found_by_name() -> None:
    found = placed(shape=(20, 3, 10), dims=("XDim:G", "Bands:G", "YDim:G"))
    assert (found.orientation.rows, found.orientation.columns) == (2, 0)
    assert placed(shape=(10, 20, 5), dims=("YDim", "XDim", "byte")).orientation.rows == 0


# Longitude and latitude that the HDF-EOS library gives for the centre of the first pixel of such grids.
@pytest.mark.parametrize(
    ("fields", "lonlat"),
    [
        (
            {
                "XDim": "4", "YDim": "5", "Projection": "GCTP_PS", "UpperLeftPointMtrs": "(-3850000.0,5850000.0)",
                "LowerRightMtrs": "(3750000.0,-5350000.0)",
                "ProjParams": "(6378273,-0.006694,0,0,-45000000,70000000,0,0,0,0,0,0,0)",
            },
            (166.51278738, 41.73984192),
        ),
        (
            {
                "XDim": "3", "YDim": "4", "Projection": "GCTP_PS", "UpperLeftPointMtrs": "(-3950000.0,4350000.0)",
                "LowerRightMtrs": "(3950000.0,-3950000.0)",
                "ProjParams": "(6378273,-0.006694,0,0,0,-70000000,0,0,0,0,0,0,0)",
            },
            (-38.48359543, -52.30346227),
        ),
        (
            {
                "XDim": "8", "YDim": "8", "Projection": "GCTP_CEA", "UpperLeftPointMtrs": "(-17000000.0,7300000.0)",
                "LowerRightMtrs": "(17000000.0,-7300000.0)",
                "ProjParams": "(6371228.0,0,0,0,0,300000000,0,0,0,0,0,0,0)",
            },
            (92.46139669, 30.08452106),
        ),
    ],
)  # fmt: skip
def test_first_pixels_are_where_the_library_says(fields: dict[str, Any], lonlat: tuple[float, float]) -> None:
    found = placed(shape=(int(fields["YDim"]), int(fields["XDim"])), **fields).geobox
    x, y = found.transform * (0.5, 0.5)
    crs = CRS.from_user_input(str(found.crs))
    assert crs.geodetic_crs is not None
    own = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    assert own == pytest.approx(lonlat, abs=2e-7)


@pytest.mark.parametrize(
    ("projection", "parameters", "proj"),
    [
        ("ALBERS", "(0,0,29030000,45030000,-96000000,23000000,100.25,0)", "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=23 "
         "+lon_0=-96 +x_0=100.25 +y_0=0 +a=6378206.4 +b=6356583.8"),
        ("LAMCC", "(0,0,25000000,60000000,-100000000,42030000,0,0)", "+proj=lcc +lat_1=25 +lat_2=60 +lat_0=42.5 "
         "+lon_0=-100 +a=6378206.4 +b=6356583.8"),
        ("MERCAT", "(6378137,6356752.314245,0,0,10000000,20000000,0,0)", "+proj=merc +lat_ts=20 +lon_0=10 "
         "+a=6378137 +b=6356752.314245"),
        ("TM", "(0,0,0.9996,0,15000000,0,500000,0)", "+proj=tmerc +k=0.9996 +lat_0=0 +lon_0=15 +x_0=500000 "
         "+a=6378206.4 +b=6356583.8"),
        ("LAMAZ", "(0,0,0,0,0,90000000,0,0)", "+proj=laea +lat_0=90 +lon_0=0 +R=6370997"),
        ("EQRECT", "(6371007.181,0,0,0,0,30000000,0,0)", "+proj=eqc +lat_ts=30 +lon_0=0 +R=6371007.181"),
        ("SNSOID", "(6371007.181,0,0,0,140007024.36,0,1234567.89,0,86400)", "+proj=sinu +lon_0=140.12343333333334 "
         "+x_0=1234567.89 +R=6371007.181"),
        ("MOLL", "(0,0,0,0,20000000)", "+proj=moll +lon_0=20 +R=6370997"),
        ("POLYC", "(0,0,0,0,30000000,40000000,0,0)", "+proj=poly +lat_0=40 +lon_0=30 +a=6378206.4 +b=6356583.8"),
    ],
)  # fmt: skip
def test_projections_keep_all_their_numbers(projection: str, parameters: str, proj: str) -> None:
    found = box(Projection=f"GCTP_{projection}", ProjParams=parameters)
    own = CRS.from_user_input(str(found.crs))
    assert own.geodetic_crs is not None
    mine = Transformer.from_crs(own.geodetic_crs, own, always_xy=True)
    reference = CRS.from_user_input(f"{proj} +units=m +no_defs +type=crs")
    assert reference.geodetic_crs is not None
    theirs = Transformer.from_crs(reference.geodetic_crs, reference, always_xy=True)
    for point in ((21.3, 33.3), (-70.1, 51.7)):
        assert mine.transform(*point) == pytest.approx(theirs.transform(*point), abs=1e-6)


def test_utm_has_the_spheroid_of_its_code() -> None:
    clarke = CRS.from_user_input(str(box(ZoneCode="40", SphereCode="0").crs))
    assert clarke.ellipsoid is not None and clarke.ellipsoid.semi_major_metre == 6378206.4
    assert str(box(ZoneCode="-53", SphereCode="12").crs) == "EPSG:32753"
