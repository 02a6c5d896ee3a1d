"""AST_L1T granules of every kind: where they lie, which gains they have, what is wrong with them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from stacaster import products
from stacaster.errors import ReadError, UnknownProductError
from stacaster.formats.readers import open_granule
from stacaster.geo.georef import centre_lonlat
from stacaster.model import Product, ReadOptions, Scene
from stacaster.samples import DEFAULT_SCENES, AsterScene
from stacaster.samples.aster_l1t_003 import Faults, write_aster_l1t_003
from stacaster.samples.aster_l1t_004 import write_aster_l1t_004
from tests.certain import certain

DAY = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))
NIGHT = replace(DEFAULT_SCENES[4], tir_shape=(4, 5))
LATE = replace(DEFAULT_SCENES[5], tir_shape=(4, 5))
MOMENT = dt.datetime(2003, 8, 30, 0, 43, 2, 520000, tzinfo=dt.UTC)


def described(files: Path | tuple[Path, ...], **options: object) -> tuple[Product, Scene]:
    paths = [files] if isinstance(files, Path) else [path for path in files if path.suffix == ".tif"]
    with open_granule(paths) as granule:
        product = products.recognise(granule.content)
        return product, product.describe(granule.content, ReadOptions(**options))  # type: ignore[arg-type]


def test_day_scene(tmp_path: Path) -> None:
    product, scene = described(write_aster_l1t_003(DAY, tmp_path))
    assert product.name == "aster_l1t_003"
    assert scene.id == "AST_L1T_00308302003004302_20150510090333_70442"
    assert scene.datetime == MOMENT
    assert scene.created == DAY.produced
    assert [band.band.name for band in scene.bands] == [band.name for band in product.bands]
    assert scene.absent == {}
    assert scene.notes == ("simulated data, not a measurement",)
    expected = {
        "eo:cloud_cover": 11.0,
        "view:sun_azimuth": 42.8,
        "view:sun_elevation": 41.2,
        "view:off_nadir": 5.721,
        "sat:orbit_state": "descending",
        "sat:absolute_orbit": DAY.orbit,
        "aster:path": 98,
        "aster:row": 82,
        "aster:view": 4,
        "aster:day_night": "day",
        "aster:correction_achieved": "Terrain+Systematic",
        "aster:gcp_chips": 23,
        "stacaster:simulated": True,
    }
    assert dict(scene.properties) == expected


def test_gains_of_every_band_come_from_the_granule(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_003(DAY, tmp_path))
    by_name = {band.band.name: band for band in scene.bands}
    # NOR for VNIR, HGH for SWIR, one gain for TIR: Users Handbook, table of unit conversion coefficients.
    assert {name: by_name[name].scale for name in ("B01", "B02", "B03N")} == {"B01": 1.688, "B02": 1.415, "B03N": 0.862}
    assert [by_name[f"B{n:02d}"].scale for n in range(4, 10)] == [0.1087, 0.0348, 0.0313, 0.0299, 0.0209, 0.0159]
    assert [by_name[f"B{n}"].scale for n in range(10, 15)] == [0.006882, 0.006780, 0.006590, 0.005693, 0.005225]
    assert all(band.offset == -band.scale for band in scene.bands if band.scale is not None)
    assert by_name["B02"].properties == {"aster:gain": "NOR", "aster:pointing_angle": 5.721, "view:off_nadir": 5.721}
    assert by_name["B04"].properties["aster:pointing_angle"] == 5.680
    assert by_name["B13"].properties == {"aster:pointing_angle": 5.709, "view:off_nadir": 5.709}


@pytest.mark.parametrize(
    ("zone", "upper_left", "code"),
    [
        (54, (-3_428_910, 261_360), 32754),
        (12, (4_281_570, 491_040), 32612),
        (31, (54_270, 300_060), 32631),
        (31, (180, 300_060), 32731),
        (1, (-1_697_850, 166_050), 32701),
        (60, (-1_697_850, 833_400), 32760),
        (60, (6_000_030, 500_040), 32660),
    ],
    ids=["south", "north", "equator-north", "equator-south", "zone-1", "zone-60-south", "zone-60-north"],
)
def test_place(tmp_path: Path, zone: int, upper_left: tuple[int, int], code: int) -> None:
    spec = replace(DAY, zone=zone, upper_left=upper_left, tir_shape=(9, 11))
    _, scene = described(write_aster_l1t_003(spec, tmp_path))
    shift = 10_000_000 if code > 32700 else 0
    for band, size in (("B01", 15), ("B05", 30), ("B12", 90)):
        box = next(item.geobox for item in scene.bands if item.band.name == band)
        assert certain(box.crs).to_epsg() == code
        assert box.transform.c == upper_left[1] - size / 2
        assert box.transform.f == upper_left[0] + size / 2 + shift
        assert (box.transform.a, box.transform.e) == (size, -size)
        lon, lat = centre_lonlat(box)
        true_lon, true_lat = spec.to_lonlat(upper_left[1] + 45 * 10, upper_left[0] - 45 * 8)
        assert (lon, lat) == pytest.approx((true_lon, true_lat), abs=1e-9)


def test_night_scene_has_thermal_bands_only(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_003(NIGHT, tmp_path))
    assert [band.band.name for band in scene.bands] == ["B10", "B11", "B12", "B13", "B14"]
    assert scene.properties["aster:day_night"] == "night"
    assert scene.properties["view:sun_elevation"] == NIGHT.sun_elevation < 0
    assert scene.properties["sat:orbit_state"] == "ascending"
    assert scene.absent["B01"] == "the granule has no VNIR"
    assert not any("contradicts" in note for note in scene.notes)


def test_swir_ends_on_the_first_of_april_2008(tmp_path: Path) -> None:
    last = replace(LATE, acquired=dt.datetime(2008, 3, 31, 23, 59, 59, tzinfo=dt.UTC))
    first = replace(LATE, acquired=dt.datetime(2008, 4, 1, tzinfo=dt.UTC))
    _, before = described(write_aster_l1t_003(last, tmp_path))
    _, after = described(write_aster_l1t_003(first, tmp_path))
    assert "B04" not in before.absent
    assert list(after.absent) == ["B04", "B05", "B06", "B07", "B08", "B09"]
    assert any("SWIR is unusable from 2008-04-01 on" in note for note in after.notes)
    _, asked = described(write_aster_l1t_003(first, tmp_path), include_swir_after_cutoff=True)
    assert len(asked.bands) == 14


def test_only_wanted_subsystems(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    _, scene = described(path, subsystems=("VNIR",))
    assert [band.band.name for band in scene.bands] == ["B01", "B02", "B03N"]
    with pytest.raises(ReadError, match="no band is left"):
        described(write_aster_l1t_003(NIGHT, tmp_path), subsystems=("SWIR",))


def test_wrong_coefficient_is_reported(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_003(DAY, tmp_path, faults=Faults(coefficients=(("B02", 0.708),))))
    band = next(item for item in scene.bands if item.band.name == "B02")
    assert band.scale == 0.708, "the granule's own number is used"
    assert any("B02: INCL 0.708 contradicts gain NOR, for which the table has 1.415" in note for note in scene.notes)


def test_gain_table_stands_in_for_missing_coefficients(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_003(DAY, tmp_path, faults=Faults(omit_attributes=("productmetadata.v",))))
    band = next(item for item in scene.bands if item.band.name == "B03N")
    assert (band.scale, band.offset) == (0.862, -0.862)
    assert any(note.startswith("B03N: scale taken from the gain table (NOR)") for note in scene.notes)


def test_unknown_gain_gives_no_scale(tmp_path: Path) -> None:
    faults = Faults(omit_attributes=("productmetadata.v",), omit_objects=("GAIN",))
    _, scene = described(write_aster_l1t_003(DAY, tmp_path, faults=faults))
    band = next(item for item in scene.bands if item.band.name == "B01")
    assert band.scale is None and band.offset is None
    assert any("no scale is given" in note for note in scene.notes)


def test_missing_band_is_said(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_003(DAY, tmp_path, faults=Faults(omit_bands=("B02",))))
    assert scene.absent == {"B02": "the granule lacks this band"}


def test_recognised_without_short_name_and_under_any_file_name(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path, faults=Faults(short_name=""))
    renamed = path.rename(tmp_path / "my scene.hdf")
    product, scene = described(renamed)
    assert product.name == "aster_l1t_003"
    assert scene.id == DAY.name


@pytest.mark.parametrize("name", ["ASTL1T", "AST_L1T", "ast_l1t"])
def test_short_name_in_all_spellings(tmp_path: Path, name: str) -> None:
    assert described(write_aster_l1t_003(DAY, tmp_path, faults=Faults(short_name=name)))[0].name == "aster_l1t_003"


def test_other_product_of_the_same_swaths_is_kept_as_it_came(tmp_path: Path) -> None:
    product, scene = described(write_aster_l1t_003(DAY, tmp_path, faults=Faults(short_name="ASTL1X")))
    assert product.short_name == "ASTL1X" and not scene.bands
    assert list(scene.files) == ["data"] and scene.footprint is not None


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (
            Faults(omit_objects=("UTMZONENUMBER", *(f"UTMZONECODE{n}" for n in range(1, 15)))),
            "UTMZONENUMBER is missing",
        ),
        (Faults(swap_corners=True), "swapped"),
        (Faults(omit_objects=("UPPERLEFTM",)), "UPPERLEFTM is None"),
        (Faults(omit_attributes=("productmetadata.1",)), "UPPERLEFTM is None"),
    ],
    ids=["no-zone", "swapped", "no-corner", "no-ground-metadata"],
)
def test_damaged_place_is_refused(tmp_path: Path, faults: Faults, words: str) -> None:
    with pytest.raises(ReadError, match=words) as caught:
        described(write_aster_l1t_003(DAY, tmp_path, faults=faults))
    assert caught.value.granule == f"{DAY.name}.hdf"


def test_wrong_zone_is_noticed_by_the_bounding_rectangle(tmp_path: Path) -> None:
    path = write_aster_l1t_003(DAY, tmp_path)
    data = path.read_bytes()
    true, false = b"= 54\n", b"= 44\n"
    assert data.count(true) >= 4
    path.write_bytes(data.replace(true, false))
    with pytest.raises(ReadError, match="outside its own bounding rectangle"):
        described(path)


def test_time_from_the_name_when_the_metadata_lack_it(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_003(DAY, tmp_path, faults=Faults(omit_objects=("TIMEOFDAY",))))
    assert scene.datetime == MOMENT.replace(microsecond=0)


@pytest.mark.parametrize("southern", [False, True])
def test_version_004_lies_where_version_003_lies(tmp_path: Path, southern: bool) -> None:
    _, old = described(write_aster_l1t_003(DAY, tmp_path))
    product, new = described(write_aster_l1t_004(DAY, tmp_path, southern_crs=southern))
    assert product.name == "aster_l1t_004"
    assert new.id == DAY.name_004
    for first, second in zip(old.bands, new.bands, strict=True):
        assert first.geobox.transform == second.geobox.transform
        assert certain(first.geobox.crs).to_epsg() == certain(second.geobox.crs).to_epsg() == 32754
        assert (first.scale, first.offset) == (second.scale, second.offset)
        assert first.properties == second.properties
    same = ("eo:cloud_cover", "view:sun_elevation", "view:sun_azimuth", "aster:day_night", "sat:orbit_state")
    assert {key: new.properties[key] for key in same} == {key: old.properties[key] for key in same}
    assert new.datetime == old.datetime and new.created == old.created
    assert any("scale taken from the gain table" in note for note in new.notes)


def test_version_004_without_sidecar_has_no_scale(tmp_path: Path) -> None:
    _, scene = described(write_aster_l1t_004(DAY, tmp_path, sidecar=False))
    assert all(band.scale is None for band in scene.bands if band.band.group != "TIR")
    assert any("no sidecar" in note for note in scene.notes)
    assert scene.datetime == MOMENT.replace(microsecond=0)


def test_version_004_of_another_pixel_size_is_refused(tmp_path: Path) -> None:
    import rasterio
    from affine import Affine

    paths = write_aster_l1t_004(replace(DAY, subsystems=("TIR",)), tmp_path, sidecar=False)
    with rasterio.open(paths[0], "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        t = dataset.transform
        dataset.transform = Affine(89.9, 0, t.c, 0, -89.9, t.f)
    with pytest.raises(UnknownProductError):
        described(paths)


def test_half_written_scene_objects_are_plain(tmp_path: Path) -> None:
    spec = AsterScene(acquired=MOMENT, produced=MOMENT, zone=54, upper_left=(-3_428_910, 261_360), tir_shape=(2, 2))
    _, scene = described(write_aster_l1t_003(spec, tmp_path))
    assert scene.bands[0].geobox.shape == (7, 7)
