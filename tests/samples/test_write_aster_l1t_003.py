"""Simulated HDF4 granules, read back with pyhdf alone."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from pyhdf.error import HDF4Error
from pyhdf.HDF import HC, HDF
from pyhdf.SD import SD, SDC
from pyhdf.V import V  # noqa: F401 - registers HDF.vgstart
from pyproj import Transformer

from stacaster.formats.metadata.odl import parse_odl
from stacaster.model.metadata import OdlObject
from stacaster.samples.aster_l1t_003 import Faults, write_aster_l1t_003, write_ecs_sidecar
from stacaster.samples.scene import AsterScene

SCENE = AsterScene(
    acquired=dt.datetime(2001, 10, 14, 0, 58, 12, 45678, tzinfo=dt.UTC),
    produced=dt.datetime(2015, 4, 9, 13, 53, 50, tzinfo=dt.UTC),
    zone=54,
    upper_left=(-3_428_910, 261_360),
    tir_shape=(13, 15),
    gains=("HGH", "NOR", "LOW", "NOR", "LO2", "LO2", "LO2", "LO2", "LO2"),
    number=78838,
)
IMAGES = {
    "VNIR": ("1", "2", "3N"),
    "SWIR": ("4", "5", "6", "7", "8", "9"),
    "TIR": ("10", "11", "12", "13", "14"),
}
SIZES = {"VNIR": (15, (73, 85)), "SWIR": (30, (37, 43)), "TIR": (90, (13, 15))}
METADATA = ["productmetadata.0", "productmetadata.1", "productmetadata.v", "productmetadata.s", "productmetadata.t"]


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_aster_l1t_003(SCENE, tmp_path_factory.mktemp("granule"))


def attributes(path: Path) -> dict[str, Any]:
    file = SD(str(path))
    try:
        return dict(file.attributes())
    finally:
        file.end()


def datasets(path: Path) -> list[dict[str, Any]]:
    file = SD(str(path))
    found = []
    try:
        for index in range(file.info()[0]):
            dataset = file.select(index)
            name, rank, shape, kind, _ = dataset.info()
            dimensions = [dataset.dim(i).info()[0] for i in range(rank)]
            found.append({
                "name": name, "shape": tuple(shape), "kind": kind, "dimensions": dimensions, "ref": dataset.ref(),
                "values": dataset.get(), "compression": compression(dataset),
            })  # fmt: skip
            dataset.endaccess()
    finally:
        file.end()
    return found


def compression(dataset: Any) -> Any:
    try:
        return dataset.getcompress()[0]
    except HDF4Error:
        return SDC.COMP_NONE


def vgroups(path: Path) -> dict[int, tuple[str, str, list[tuple[int, int]]]]:
    """Return name, class and members of every vgroup that is not MFHDF's own, by reference."""
    file = HDF(str(path), HC.READ)
    interface = file.vgstart()
    found = {}
    reference = -1
    try:
        while True:
            try:
                reference = interface.getid(reference)
            except HDF4Error:
                break
            group = interface.attach(reference)
            if group._class in ("SWATH", "SWATH Vgroup"):
                found[reference] = (group._name, group._class, group.tagrefs() if group._nmembers else [])
            group.detach()
    finally:
        interface.end()
        file.close()
    return found


def objects(path: Path, attribute: str) -> list[OdlObject]:
    return parse_odl(attributes(path)[attribute])


def value(path: Path, attribute: str, name: str) -> Any:
    (found,) = [item for item in objects(path, attribute) if item.name == name]
    return found.value


def test_data_sets_in_order(granule: Path) -> None:
    found = datasets(granule)
    expected = []
    for subsystem, numbers in IMAGES.items():
        swath = f"{subsystem}_Swath"
        lattice = [f"GeoTrack:{swath}", f"GeoXtrack:{swath}"]
        expected += [(name, (11, 11), SDC.FLOAT64, lattice) for name in ("Latitude", "Longitude")]
        kind = SDC.UINT16 if subsystem == "TIR" else SDC.UINT8
        image = [f"ImageLine:{swath}", f"ImagePixel:{swath}"]
        expected += [(f"ImageData{number}", SIZES[subsystem][1], kind, image) for number in numbers]
    assert [(item["name"], item["shape"], item["kind"], item["dimensions"]) for item in found] == expected
    assert {item["compression"] for item in found} == {SDC.COMP_NONE}
    assert sum(item["name"] == "Latitude" for item in found) == 3


def test_pixels_are_those_of_the_scene(granule: Path) -> None:
    for item in datasets(granule):
        if item["name"].startswith("ImageData"):
            number = item["name"].removeprefix("ImageData")
            band = "B" + number.rjust(3 if number == "3N" else 2, "0")
            assert item["values"].max() > 1
            np.testing.assert_array_equal(item["values"], SCENE.pixels(band))


def test_lattice_points_are_pixel_centres_from_corner_to_corner(granule: Path) -> None:
    to_wgs84 = Transformer.from_crs("EPSG:32654", "EPSG:4326", always_xy=True)
    top, left, bottom, right = -3_428_910, 261_360, -3_428_910 - 12 * 90, 261_360 + 14 * 90
    lattices = [item["values"] for item in datasets(granule) if item["shape"] == (11, 11)]
    assert len(lattices) == 6
    for lat, lon in zip(lattices[::2], lattices[1::2], strict=True):
        for (i, j), (x, y) in {(0, 0): (left, top), (0, 10): (right, top), (10, 0): (left, bottom), (10, 10): (right, bottom)}.items():  # fmt: skip  # noqa: E501
            expected = to_wgs84.transform(x, y)
            assert (lon[i, j], lat[i, j]) == pytest.approx(expected, abs=1e-9)
        x, y = to_wgs84.transform(lon, lat, direction="INVERSE")
        np.testing.assert_allclose(x, np.tile(np.linspace(left, right, 11), (11, 1)), atol=1e-4)
        np.testing.assert_allclose(y, np.tile(np.linspace(top, bottom, 11)[:, None], (1, 11)), atol=1e-4)


def test_vgroups_are_those_of_a_swath_file(granule: Path, shared: Path) -> None:
    twin = vgroups(shared / "data/hdf4/swath_3_3d_dimmap.hdf")
    found = vgroups(granule)
    for groups in (twin, found):
        swaths = [ref for ref, (_, kind, _) in groups.items() if kind == "SWATH"]
        assert len(swaths) == 3
        for swath in swaths:
            assert {tag for tag, _ in groups[swath][2]} == {HC.DFTAG_VG}
            children = [groups[ref] for _, ref in groups[swath][2]]
            names = ["Geolocation Fields", "Data Fields", "Swath Attributes"]
            assert [(name, kind) for name, kind, _ in children] == [(name, "SWATH Vgroup") for name in names]
    names = [name for name, kind, _ in found.values() if kind == "SWATH"]
    assert names == ["VNIR_Swath", "SWIR_Swath", "TIR_Swath"]


def test_vgroup_members_are_the_fields_of_the_swath(granule: Path) -> None:
    names = {item["ref"]: (item["name"], item["dimensions"][0].partition(":")[2]) for item in datasets(granule)}
    groups = vgroups(granule)
    listed = []
    for swath, kind, children in groups.values():
        if kind == "SWATH":
            for _, child in children:
                for tag, ref in groups[child][2]:
                    assert tag == HC.DFTAG_NDG
                    assert names[ref][1] == swath
                    listed.append(names[ref])
    assert listed == list(names.values())


def test_global_attributes(granule: Path) -> None:
    found = attributes(granule)
    assert list(found)[:8] == ["HDFEOSVersion", "StructMetadata.0", *METADATA, "coremetadata.0"]
    assert len(found["StructMetadata.0"]) == 32000
    assert found["simulated_data"] == "Simulated by stacaster; not a measurement"
    names = {item.object_class: item.value for item in objects(granule, "coremetadata.0") if item.name == "ADDITIONALATTRIBUTENAME"}  # fmt: skip  # noqa: E501
    values = {item.object_class: item.value for item in objects(granule, "coremetadata.0") if item.name == "PARAMETERVALUE"}  # fmt: skip  # noqa: E501
    extra = {name.upper(): values[label] for label, name in names.items()}
    assert extra["DATAORIGIN"] == "SIMULATED"
    assert extra["IDENTIFIER_PRODUCT_DOI"] == "10.5067/ASTER/AST_L1T.003"


def test_place(granule: Path) -> None:
    """Corners are (y, x) with negative northings in the south, the zone is positive."""
    one = "productmetadata.1"
    assert value(granule, one, "UPPERLEFTM") == (-3_428_910.0, 261_360.0)
    assert value(granule, one, "UPPERRIGHTM") == (-3_428_910.0, 262_620.0)
    assert value(granule, one, "LOWERLEFTM") == (-3_429_990.0, 261_360.0)
    assert value(granule, one, "LOWERRIGHTM") == (-3_429_990.0, 262_620.0)
    assert value(granule, one, "UTMZONENUMBER") == 54
    to_wgs84 = Transformer.from_crs("EPSG:32654", "EPSG:4326", always_xy=True)
    left, top = to_wgs84.transform(261_360, -3_428_910)
    assert value(granule, "productmetadata.0", "UPPERLEFT") == pytest.approx((top, left), abs=1e-6)


def test_bounding_rectangle_takes_one_side_from_each_corner(granule: Path) -> None:
    """Real granules give N, E, S, W of the upper-left, upper-right, lower-right, lower-left corner pixel centre."""
    found = {item.name[:1]: item for item in objects(granule, "coremetadata.0") if "BOUNDINGCOORD" in item.name}
    lonlat = Transformer.from_crs("EPSG:32654", "EPSG:4326", always_xy=True).transform
    assert found["N"].value == pytest.approx(lonlat(261_360, -3_428_910)[1], abs=1e-9)
    assert found["E"].value == pytest.approx(lonlat(262_620, -3_428_910)[0], abs=1e-9)
    assert found["S"].value == pytest.approx(lonlat(262_620, -3_429_990)[1], abs=1e-9)
    assert found["W"].value == pytest.approx(lonlat(261_360, -3_429_990)[0], abs=1e-9)


def test_inventory(granule: Path) -> None:
    core = "coremetadata.0"
    assert value(granule, core, "LOCALGRANULEID") == "AST_L1T_00310142001005812_20150409135350_78838"
    assert value(granule, core, "PRODUCTIONDATETIME") == "2015-04-09T13:53:50.000Z"
    assert value(granule, core, "DAYNIGHTFLAG") == "Day"
    assert value(granule, core, "VERSIONID") == 3
    assert value(granule, core, "SHORTNAME") == "AST_L1T"
    assert {item.path[1] for item in objects(granule, core) if "BOUNDINGCOORD" in item.name} == {"BOUNDINGRECTANGLE"}


def test_time_has_the_compact_form_of_real_granules(granule: Path) -> None:
    """A real L1T has CALENDARDATE "20050519" and TIMEOFDAY "181928427000Z"."""
    assert value(granule, "coremetadata.0", "CALENDARDATE") == "20011014"
    assert value(granule, "coremetadata.0", "TIMEOFDAY") == "005812045678Z"


def test_generic_metadata(granule: Path) -> None:
    zero = "productmetadata.0"
    gains = [(item.object_class, item.value) for item in objects(granule, zero) if item.name == "GAIN"]
    numbers = ("01", "02", "3N", "04", "05", "06", "07", "08", "09")
    assert gains == [(str(i), (n, g)) for i, (n, g) in enumerate(zip(numbers, SCENE.gains, strict=True), start=1)]
    modes = [item.value for item in objects(granule, zero) if item.name == "ASTEROBSERVATIONMODE"]
    assert modes == [("VNIR1", "ON"), ("VNIR2", "ON"), ("SWIR", "ON"), ("TIR", "ON")]
    assert [item.value for item in objects(granule, zero) if item.name == "SENSORNAME"] == ["VNIR", "SWIR", "TIR"]
    assert [i.value for i in objects(granule, zero) if i.name == "POINTINGANGLE"] == [5.721, 5.680, 5.709]
    assert value(granule, zero, "SOLARDIRECTION") == (45.0, 50.0)
    assert value(granule, zero, "ASTERSCENEID") == (98, 82, 4)
    assert value(granule, zero, "MAPORIENTATIONANGLE") == 0
    assert value(granule, zero, "FLYINGDIRECTION") == "DE"


def test_band_metadata(granule: Path) -> None:
    """INCL follows the gain of the band; OFFSET is its negative; image information is columns, rows, bytes."""
    expected = {"1": 0.676, "2": 1.415, "3N": 1.15, "4": 0.2174, "5": 0.409, "9": 0.265, "10": 0.006882, "14": 0.005225}
    for subsystem, numbers in IMAGES.items():
        attribute = f"productmetadata.{subsystem[0].lower()}"
        rows, cols = SIZES[subsystem][1]
        for number in numbers:
            incl = value(granule, attribute, f"INCL{number}")
            assert incl == expected.get(number, incl)
            assert value(granule, attribute, f"OFFSET{number}") == -incl
            assert value(granule, attribute, f"CONUNIT{number}") == "W/m2/sr/um"
            size = 2 if subsystem == "TIR" else 1
            assert value(granule, attribute, f"IMAGEDATAINFORMATION{number}") == (cols, rows, size)
            assert value(granule, attribute, f"UTMZONECODE{number}") == 54


def test_night_granule_has_one_swath(tmp_path: Path) -> None:
    scene = replace(SCENE, subsystems=("TIR",), gains=("OFF",) * 9, sun_elevation=-40.0, direction="AS")
    path = write_aster_l1t_003(scene, tmp_path)
    assert [item["name"] for item in datasets(path)][:3] == ["Latitude", "Longitude", "ImageData10"]
    assert len(datasets(path)) == 7
    assert [name for name, kind, _ in vgroups(path).values() if kind == "SWATH"] == ["TIR_Swath"]
    assert [name for name in attributes(path) if "metadata." in name] == [METADATA[0], METADATA[1], METADATA[4], "coremetadata.0"]  # fmt: skip  # noqa: E501
    assert value(path, "coremetadata.0", "DAYNIGHTFLAG") == "Night"
    assert {item.value[1] for item in objects(path, METADATA[0]) if item.name == "GAIN"} == {"OFF"}


def test_same_bytes_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The HDF4 library stores the path that a file is made with: it must be the bare name."""
    folders = [tmp_path / "a", tmp_path / "folder with a much longer name"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(tmp_path)
    paths = [write_aster_l1t_003(SCENE, folder) for folder in (*folders, Path("a"))]
    assert Path.cwd() == tmp_path
    assert len({path.read_bytes() for path in paths}) == 1
    assert str(tmp_path).encode() not in paths[0].read_bytes()


def test_an_existing_file_is_replaced_or_kept(tmp_path: Path) -> None:
    target = tmp_path / f"{SCENE.name}.hdf"
    target.write_bytes(b"old")
    assert write_aster_l1t_003(SCENE, tmp_path, overwrite=False) == target
    assert target.read_bytes() == b"old"
    write_aster_l1t_003(SCENE, tmp_path)
    assert len(datasets(target)) == 20


def test_faults(tmp_path: Path) -> None:
    def write(**faults: Any) -> Path:
        return write_aster_l1t_003(SCENE, tmp_path, faults=Faults(**faults))

    path = write(omit_objects=("UTMZONENUMBER", "UTMZONECODE1"))
    assert not [item for name in METADATA for item in objects(path, name) if item.name in ("UTMZONENUMBER", "UTMZONECODE1")]  # fmt: skip  # noqa: E501
    assert value(write(swap_corners=True), METADATA[1], "UPPERLEFTM") == (261_360.0, -3_428_910.0)
    assert "productmetadata.v" not in attributes(write(omit_attributes=("productmetadata.v",)))
    names = [item["name"] for item in datasets(write(omit_bands=("B04",)))]
    assert "ImageData4" not in names
    assert len(names) == 19
    path = write(coefficients=(("B01", 9.5),))
    assert (value(path, METADATA[2], "INCL1"), value(path, METADATA[2], "INCL2")) == (9.5, 1.415)
    assert not [item for item in objects(write(short_name=""), "coremetadata.0") if item.name == "SHORTNAME"]
    assert value(write(short_name="MOD09"), "coremetadata.0", "SHORTNAME") == "MOD09"
    assert value(write(granule_id="x"), "coremetadata.0", "LOCALGRANULEID") == "x"
    assert vgroups(write(omit_vgroups=True)) == {}


def paths_of(element: ET.Element, prefix: str = "") -> set[str]:
    here = f"{prefix}/{element.tag}"
    return {here}.union(*(paths_of(child, here) for child in element))


def test_sidecar(granule: Path, shared: Path) -> None:
    """It tells size and MD5 of the file, and every element stands where a real sidecar has it."""
    path = write_ecs_sidecar(SCENE, granule)
    assert path.name == f"{granule.name}.xml"
    root = ET.parse(path).getroot()
    assert root.findtext(".//DistributedFileName") == granule.name
    assert root.findtext(".//FileSize") == str(granule.stat().st_size)
    assert root.findtext(".//ChecksumType") == "MD5"
    assert root.findtext(".//Checksum") == hashlib.md5(granule.read_bytes()).hexdigest()
    real = ET.parse(next((shared / "data/aster").glob("*.hdf.xml"))).getroot()
    assert paths_of(root) <= paths_of(real)
    names = {item.findtext("PSAName"): item.findtext("PSAValue") for item in root.iter("PSA")}
    assert set(names) - {item.findtext("PSAName") for item in real.iter("PSA")} == {"DataOrigin"}
    assert names["UTMZoneNumber"] == "54"
