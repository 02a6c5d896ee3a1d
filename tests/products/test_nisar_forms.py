"""NISAR files of every version of the specification, other CRS, known issues, and damaged files in words of our own."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, ReadError, StacasterError, UsageError
from stacaster.formats.hdf5.files import stated_size
from stacaster.instruments.versions import version_of
from stacaster.samples.icesat2 import DEFAULT_SCENES as TRACKS
from stacaster.samples.icesat2 import write_icesat2
from stacaster.samples.nisar import DEFAULT_SCENES, OLDER_SCENES, write_nisar
from tests.stac_schemas import check

SCENE = replace(DEFAULT_SCENES[0], shape=(120, 160))
GRIDS = "science/LSAR/GCOV/grids/frequencyA"
VERSIONS = ("1.1.0", "1.1.2", "1.2.0", "1.2.1", "1.3.0", "1.4.0")


def ingested(files: Any, root: Path, **options: Any) -> Catalog:
    report = stacaster.ingest([str(path) for path in files], catalog=root, **options)
    assert not report.failed, report.failed
    return stacaster.open_catalog(root)


def failure(path: Path, root: Path, **options: Any) -> str:
    report = stacaster.ingest([str(path)], catalog=root, **options)
    assert len(report.failed) == 1 and not report.ingested
    return str(report.failed[0].reason)


def data_of(item: Any) -> dict[str, Any]:
    return {name: asset for name, asset in item.assets.items() if "data" in asset.roles}


@pytest.mark.parametrize("specification", VERSIONS)
@pytest.mark.parametrize("kind", ["GUNW", "GOFF"])
def test_pairs_of_every_version(kind: str, specification: str, tmp_path: Path, shared: Path) -> None:
    """Coordinates at one level or at both, masks with a sign and components of 32 bits, one orbit or two."""
    path = write_nisar(replace(SCENE, kind=kind, specification=specification), tmp_path)
    with h5py.File(path) as file:
        grids = file[f"science/LSAR/{kind}/grids/frequencyA"]
        groups = {name: grids[name] for name in grids if isinstance(grids[name], h5py.Group)}
        both = [name for name, group in groups.items() if "xCoordinates" in group]
        assert ("pixelOffsets" in both) == (specification >= "1.2.1"), "what is tested is there"
        masks = {name for name, group in groups.items() if "mask" in group}
        assert masks == ({"unwrappedInterferogram"} & set(groups) if specification < "1.2" else set(groups))
    (item,) = ingested([path], tmp_path / "c").search().items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    names = {f"{name[0].lower()}{name[1:]}" for name in data_of(item)}
    if kind == "GUNW":
        assert {"unwrappedMask", "connectedComponents_HH", "wrapped_HH"} <= names
        with h5py.File(path) as file, rasterio.open(item.assets["unwrappedMask"].href) as cog:
            stored = file["science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/mask"]
            x = file["science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/HH/xCoordinates"]
            assert cog.dtypes == ("uint8",) and cog.nodata == 255 and cog.xy(0, 0)[0] == x[0]
            assert np.array_equal(cog.read(1), stored[()].astype("uint8")) and set(np.unique(cog.read(1))) == {11, 255}
        with rasterio.open(item.assets["connectedComponents_HH"].href) as cog:
            assert cog.dtypes == ("uint16",) and cog.nodata == 65535
            assert set(np.unique(cog.read(1))) == {1, 65535}
    else:
        assert "slantRangeOffsetVariance_HH_3" in names, "also under the name that it had first"
    said = item.properties
    assert said["sat:absolute_orbit"] == 1692 and ("nisar:secondary_absolute_orbit" in said) == (specification >= "1.2")
    notes = [note for note in said["stacaster:notes"] if "is stored as" in note]
    assert len(notes) == {"1.1.0": 2, "1.1.2": 1}.get(specification, 0) * (kind == "GUNW")


def test_a_series_of_versions_is_one_cube(tmp_path: Path) -> None:
    """A mask with a sign beside one without: one type and one fill value."""
    old = replace(SCENE, kind="GUNW", specification="1.1.0")
    new = replace(SCENE, kind="GUNW", start=DEFAULT_SCENES[1].start, cycle=5)
    catalog = ingested([write_nisar(scene, tmp_path) for scene in (old, new)], tmp_path / "c")
    cube = catalog.load(bands=["unwrappedMask", "connectedComponents_HH"], native=True)
    assert cube.unwrappedMask.dtype == "uint8" and cube.connectedComponents_HH.dtype == "uint16"
    assert np.array_equal(cube.unwrappedMask[0], cube.unwrappedMask[1])
    assert np.array_equal(cube.connectedComponents_HH[0], cube.connectedComponents_HH[1])


def test_numbers_that_no_band_can_hold_are_refused(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, kind="GUNW", specification="1.1.0"), tmp_path)
    with h5py.File(path, "r+") as file:
        file["science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/HH/connectedComponents"][5, 39] = 70_000
    assert "holds 70000, which is no value of uint16" in failure(path, tmp_path / "c")


def test_every_digit_of_a_mask_of_pairs_is_a_class(tmp_path: Path) -> None:
    (item,) = ingested([write_nisar(replace(SCENE, kind="GUNW"), tmp_path)], tmp_path / "c").search().items()
    classes = {row["value"]: row for row in item.assets["unwrappedMask"].extra_fields["classification:classes"]}
    assert "Water, sub-swath 1 of the reference, sub-swath 2 of the secondary" in classes[112]["description"]
    assert "Land, no valid sub-swath of the reference" in classes[3]["description"]
    assert classes[255]["name"] == "outside" and len(classes) == 2 * 6 * 6 + 1


def test_the_nearest_coordinates_of_matching_length_count(tmp_path: Path) -> None:
    """A group with coordinates of other lengths is passed by; arrays that fit none are left out with a note."""
    path = write_nisar(replace(SCENE, kind="GUNW"), tmp_path)
    with h5py.File(path, "r+") as file:
        group = file["science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram"]
        for name, size in (("xCoordinates", 7), ("yCoordinates", 5)):
            del group[f"HH/{name}"]
            group[f"HH/{name}"] = np.arange(size) * 80.0
        offsets = file["science/LSAR/GUNW/grids/frequencyA"]
        offsets.move("pixelOffsets/mask", "pixelOffset/mask")
        group["HH"].create_dataset("novelty", data=np.zeros(group["mask"].shape, "float32"))
        x = group["xCoordinates"][0]
    (item,) = ingested([path], tmp_path / "c").search().items()
    with rasterio.open(item.assets["unwrappedPhase_HH"].href) as cog:
        assert cog.xy(0, 0)[0] == x
    assert "offsetMask" in item.assets, "beside the group that has its coordinates"
    notes = item.properties["stacaster:notes"]
    assert any("novelty: the table of this product does not have it" in note for note in notes)


@pytest.mark.parametrize("epsg", [3413, 3031, 6933])
def test_other_projections(epsg: int, tmp_path: Path, shared: Path) -> None:
    """Polar grids and the equal-area grid; the place of a pixel is compared with pyproj."""
    import pyproj

    corner = {3413: (-200_000.0, -1_500_000.0), 3031: (300_000.0, 1_200_000.0), 6933: (13_000_000.0, -3_700_000.0)}[
        epsg
    ]
    scene = replace(SCENE, epsg=epsg, corner=corner, spacing=200.0, terms=("HHHH",))
    catalog = ingested([write_nisar(scene, tmp_path)], tmp_path / "c", frequency="A")
    (item,) = catalog.search().items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert item.assets["HHHH"].extra_fields["proj:code"] == f"EPSG:{epsg}"
    centre = (corner[0] + 80 * 200.0, corner[1] - 60 * 200.0)
    lon, lat = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True).transform(*centre)
    found = catalog.search(bbox=(lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01))
    assert len(list(found.items())) == 1, "found by the place of its middle"
    cube = catalog.load(bands=["HHHH"], native=True)
    with rasterio.open(item.assets["HHHH"].href) as cog:
        assert np.array_equal(cube.HHHH.values[0], cog.read(1), equal_nan=True)
    cut = catalog.load(bands=["HHHH"], native=True, bbox=(lon - 0.02, lat - 0.02, lon + 0.02, lat + 0.02))
    assert 0 < cut.HHHH.size < cube.HHHH.size


def test_fill_is_what_the_file_states(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, terms=("HHHH",)), tmp_path)
    with h5py.File(path, "r+") as file:
        image = file[f"{GRIDS}/HHHH"]
        values = image[()]
        values[np.isnan(values)] = -9999
        image[...] = values
        image.attrs["_FillValue"] = np.float32(-9999)
    catalog = ingested([path], tmp_path / "c", bands=["HHHH"], frequency="A")
    (item,) = catalog.search().items()
    with rasterio.open(item.assets["HHHH"].href) as cog:
        assert cog.nodata == -9999 and np.array_equal(cog.read(1), values)
    power = catalog.load(bands=["HHHH"], native=True, units="gamma0").HHHH.values[0]
    assert np.array_equal(np.isnan(power), values == -9999)


def notes_of(path: Path, root: Path, **options: Any) -> list[str]:
    (item,) = ingested([path], root, **options).search().items()
    return [note for note in item.properties.get("stacaster:notes", []) if "known issue" in note]


def test_known_issues_stand_on_the_items_that_they_concern(tmp_path: Path) -> None:
    quad = replace(SCENE, terms=("HHHH", "HHHV", "HHVV", "HVVH", "HVVV", "VHVV", "VVVV"))
    path = write_nisar(quad, tmp_path)
    first, second = notes_of(path, tmp_path / "a")
    assert "off by theta = 59 degrees, which is not corrected here" in first and "frequency B" in second
    assert re.search(r"HHHV, HHVV, VHVV.* times exp\(-1j \* theta\)", first) and "HVVH, HVVH_B times exp(+1j" in first
    assert "HVVV" not in first and "VVVV" not in first, "what is not concerned"
    assert notes_of(path, tmp_path / "b", bands="HHHH,HVVV", frequency="A") == []
    (only,) = notes_of(path, tmp_path / "c", bands="HHVV", frequency="A")
    assert "HHVV times exp(-1j * theta)" in only and "HHHV" not in only
    (looks, _) = notes_of(write_nisar(replace(SCENE, kind="GSLC"), tmp_path), tmp_path / "d")
    assert "HV, HV_B times exp(+1j * theta)" in looks
    beta = notes_of(write_nisar(replace(quad, crid="X05013"), tmp_path), tmp_path / "e", frequency="A")
    assert len(beta) == 2 and "calibration is incomplete" in beta[0] and "mask is shifted" in beta[1]
    later = write_nisar(replace(quad, crid="P06001"), tmp_path)
    assert notes_of(later, tmp_path / "f") == []
    with h5py.File(path) as file, rasterio.open(next(Path(tmp_path / "c").rglob("HHVV.tif"))) as cog:
        assert np.array_equal(cog.read(1), file[f"{GRIDS}/HHVV"][()], equal_nan=True), "said, not corrected"


def test_parts_of_complex_bands(tmp_path: Path) -> None:
    """One part alone; overviews average power, keep a phase of each block and one look of each block."""
    path = write_nisar(replace(SCENE, kind="GSLC", shape=(600, 1100)), tmp_path)
    chosen = ingested([path], tmp_path / "c", bands="HH_phase,HV", frequency="A", split_complex=True)
    (item,) = chosen.search().items()
    assert set(data_of(item)) == {"HH_phase", "HV_amplitude", "HV_phase"}
    with pytest.raises(UsageError, match="HH_phase is made of the complex band HH with split_complex"):
        stacaster.ingest([str(path)], catalog=tmp_path / "x", bands="HH_phase")
    whole = next(iter(ingested([path], tmp_path / "w", bands="HV", frequency="A").search().items()))
    with h5py.File(path) as file:
        stored = file["science/LSAR/GSLC/grids/frequencyA/HV"][()]
    blocks = stored[200:400, 400:800]
    for href, expected in (
        (item.assets["HV_phase"].href, np.angle(blocks[::2, ::2])),
        (whole.assets["HV"].href, blocks[::2, ::2]),
        (item.assets["HV_amplitude"].href,
         np.sqrt((np.abs(blocks).astype("f8") ** 2).reshape(100, 2, 200, 2).mean(axis=(1, 3)))),
    ):  # fmt: skip
        with rasterio.open(href, overview_level=0) as cog:
            assert np.allclose(cog.read(1)[100:200, 200:400], expected, rtol=1e-6), href


def test_overviews_of_power_are_means_of_power(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, shape=(600, 1100), terms=("HHHH",)), tmp_path)
    (item,) = ingested([path], tmp_path / "c", bands=["HHHH"], frequency="A").search().items()
    with h5py.File(path) as file:
        stored = file[f"{GRIDS}/HHHH"][()]
    blocks = stored.reshape(300, 2, 550, 2).transpose(0, 2, 1, 3).reshape(300, 550, 4).astype("f8")
    count = np.isfinite(blocks).sum(axis=2)
    mean = np.where(count, np.nansum(blocks, axis=2) / np.maximum(count, 1), np.nan)
    with rasterio.open(item.assets["HHHH"].href, overview_level=0) as cog:
        assert ((count > 0) & (count < 4)).any() and np.allclose(cog.read(1), mean, rtol=1e-6, equal_nan=True)


FOREIGN = re.compile(
    r"errno|h5py|H5[A-Z]|object header|superblock|synchronously|B-tree|heap|sblock|0x|dataspace", re.IGNORECASE
)


def test_damaged_files_are_told_in_our_own_words(tmp_path: Path) -> None:
    """Cut at many places, overwritten at many places: a reason without the library's own, or the right pixels."""
    path = write_nisar(replace(SCENE, terms=("HHHH",)), tmp_path)
    content = path.read_bytes()
    assert stated_size(content[:96]) == len(content)
    damaged = tmp_path / "x.h5"
    seen, said = set(), None
    for end in (9, 20, 60, 95, 96, 500, 2_000, len(content) // 2, len(content) - 1):
        damaged.write_bytes(content[:end])
        said = refused(damaged)
        assert said is not None and not FOREIGN.search(said), (end, said)
        seen.add("truncated" in said)
    assert f"of {len(content):,} bytes are there" in str(said) and seen == {True, False}
    chance = np.random.default_rng(1)
    failed = 0
    for _ in range(60):
        place = int(chance.integers(8, len(content) - 64))
        damaged.write_bytes(content[:place] + chance.bytes(64) + content[place + 64 :])
        text = refused(damaged)
        failed += text is not None
        assert text is None or not FOREIGN.search(text), (place, text)
    assert failed > 10


def test_damaged_files_are_listed_or_refused(tmp_path: Path) -> None:
    """Bytes of the structure overwritten: lists of datasets and trees of tracks, or a reason in our own words."""
    grids = write_nisar(replace(SCENE, kind="GUNW"), tmp_path)
    tracks = write_icesat2(replace(TRACKS[0], segments=4, photons=5), tmp_path)[0]
    damaged, chance, failed = tmp_path / "x.h5", np.random.default_rng(5), 0
    reads: dict[Path, list[Any]] = {
        grids: [stacaster.formats.list_variables],
        tracks: [stacaster.formats.list_variables, stacaster.icesat2.read_tracks],
    }
    for path in (grids, tracks):
        content = path.read_bytes()
        for _ in range(40):
            changed = bytearray(content)
            for _ in range(3):
                place = int(chance.integers(96, min(len(content), 120_000) - 32))
                changed[place : place + 32] = chance.bytes(32)
            damaged.write_bytes(bytes(changed))
            for read in reads[path]:
                try:
                    read(damaged)
                except StacasterError as error:
                    failed += 1
                    assert not FOREIGN.search(str(error)), error
    assert failed > 20


def refused(path: Path) -> str | None:
    try:
        stacaster.read_area(path, "HHHH", frequency="A")
    except ReadError as error:
        return str(error)
    return None


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, terms=("HHHH",)), tmp_path)
    with h5py.File(path) as file:
        info = file[f"{GRIDS}/HHHH"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    packed = zlib.compress(b"short").ljust(info.size, b"\0")
    content[info.byte_offset : info.byte_offset + info.size] = packed
    path.write_bytes(bytes(content))
    said = failure(path, tmp_path / "c")
    assert "the chunk at (0, 0) of /science/LSAR/GCOV/grids/frequencyA/HHHH" in said and "download it again" in said
    with h5py.File(path, "r+") as file:
        del file[f"{GRIDS}/HHHH"]
        file[GRIDS].create_dataset("HHHH", data=np.zeros((120, 160), "float32"), chunks=(60, 80), fletcher32=True)
        info = file[f"{GRIDS}/HHHH"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[info.byte_offset] ^= 1
    path.write_bytes(bytes(content))
    (tmp_path / "good").mkdir()
    ingested([write_nisar(replace(SCENE, cycle=30), tmp_path / "good")], tmp_path / "d")
    said = str(stacaster.ingest([str(path)], catalog=tmp_path / "d").failed[0].reason)
    assert "pixels of science/LSAR/GCOV/grids/frequencyA/HHHH cannot be read: it is damaged" in said
    assert not FOREIGN.search(said)
    assert stacaster.catalog.check_catalog(tmp_path / "d") == [], "the catalog stays whole"
    assert len(list(stacaster.open_catalog(tmp_path / "d").search().items())) == 1


def test_simulated_granules_hold_what_the_specification_lists(tmp_path: Path, shared: Path) -> None:
    """Every dataset of the tables, but polarisations that were not acquired, with its type and number of axes."""
    kinds = {"u8": "u1", "u16": "u2", "u32": "u4", "u64": "u8", "f32": "f4", "f64": "f8", "c64": "c8"}
    for kind, least in (("GCOV", 250), ("GSLC", 230), ("GUNW", 200)):
        table = shared / "data" / "nisar" / f"1.4.0.L2_{kind}.tsv"
        if not table.exists():
            pytest.skip("the tables of the specification are not here")
        terms = ("HHHH", "HVHV")
        path = write_nisar(replace(SCENE, kind=kind, terms=terms), tmp_path)
        found = 0
        with h5py.File(path) as file:
            for line in table.read_text().splitlines():
                name, typed, shape = line.split("\t")[:3]
                parts = name.split("/")
                others = {"VH", "VV", "RH", "RV"} | ({"HV"} if kind == "GUNW" else set())
                if others & set(parts) or "pixelOffset/mask" in name:
                    continue
                if re.fullmatch("[HVR]{4}", parts[-1]) and parts[-1] not in terms:
                    continue
                assert name in file, name
                stored = file[name]
                if typed.startswith("S"):
                    assert stored.dtype.kind == "S", name
                else:
                    assert stored.dtype.str[1:] == kinds[typed], name
                scalar = shape == "scalar"
                assert (stored.shape == ()) == scalar, name
                found += 1
        assert found >= least, (kind, found)


def test_the_series_has_several_productions(tmp_path: Path) -> None:
    """The four releases of the reference, oldest first, then a repetition; one granule is left for each acquisition."""
    names = [SCENE.name.replace("P05023", crid) for crid in ("X05007", "X05009", "X05013", "P05023")]
    ranks = [version_of(name, "x")[1] for name in names]
    assert ranks == sorted(ranks) and len(set(ranks)) == 4
    files = stacaster.sample_data(tmp_path / "s", product="NISAR_L2_GCOV")
    assert len(files) == len(DEFAULT_SCENES) + len(OLDER_SCENES) == 6
    catalog = ingested(files, tmp_path / "c", bands=["HHHH"], frequency="A")
    (stack,) = catalog.search().stacks()
    chosen = [(item.properties["nisar:crid"], item.properties["nisar:counter"]) for item in stack.items]
    assert chosen == [("P05023", 1), ("P05023", 2), ("P05023", 1)] and len(catalog.search().found) == 6


def test_one_granule_for_each_acquisition() -> None:
    """Cycle, track, direction, frame, mode, polarisation and start say which acquisition it is; nothing else does."""

    def rank(old: str, new: str) -> tuple[str, Any]:
        assert old in SCENE.name
        return version_of(SCENE.name.replace(old, new), "x")

    scene, usual = version_of(SCENE.name, "x")
    same = [rank("_PR_", "_UR_"), rank("_A_2026", "_M_2026"), rank("T010600", "T010601"), rank("_N_F_J", "_P_F_J")]
    assert {found for found, _ in same} == {scene}
    assert same[0][1] < usual and same[3][1] > usual, "routine above urgent, precise above near real time"
    assert rank("_001", "_002")[1] > same[3][1] and rank("P05023", "P05024")[1] > rank("_001", "_002")[1]
    for old, new in (("_004_113", "_005_113"), ("_113_D", "_114_D"), ("_D_", "_A_"), ("_065_", "_066_"),
                     ("_2005_", "_4005_"), ("_DHDH_", "_QPDH_"), ("T010537", "T010538"), ("NISAR_L2", "NISAR_S2"),
                     ("_GCOV_", "_GSLC_")):  # fmt: skip
        assert rank(old, new)[0] != scene, new


def test_images_of_level_one_are_no_grid(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, kind="RSLC"), tmp_path)
    for band in ("HH", "HHHH"):
        with pytest.raises(ReadError, match=r"geometry of the radar, which is not gridded; read the geocoded product"):
            stacaster.read_area(path, band)
    catalog = ingested([path], tmp_path / "c")
    with pytest.raises(LoadError, match="not geocoded"):
        catalog.load(bands=["HH"])


def test_stacks_do_not_mix_radars(tmp_path: Path) -> None:
    """L and S band see one frame at one time; what was wanted of an item does not make a stack of its own."""
    later = replace(SCENE, start=DEFAULT_SCENES[1].start, cycle=5)
    root = tmp_path / "c"
    catalog = ingested([write_nisar(replace(SCENE, band=band), tmp_path) for band in "LS"], root)
    ingested([write_nisar(later, tmp_path)], root, bands=["HHHH"], frequency="A")
    stacks = {stack.key["sar:frequency_band"]: stack for stack in catalog.search().stacks()}
    assert {name: len(stack) for name, stack in stacks.items()} == {"L": 2, "S": 1}
    cube = stacks["L"].load("HHHH")
    assert cube.sizes["time"] == 2 and stacks["L"].key["nisar:polarization_mode"] == "DHDH"
