"""GEDI and ATL24 as tables, and any HDF5 as a tree: every row, time, place and quality flag, against h5py."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import shapely

import stacaster
from stacaster.errors import ReadError, UsageError
from stacaster.samples.icesat2 import TrackScene, write_icesat2
from tests.stac_schemas import check

GEDI2 = "GEDI02_A_2019108002012_O01959_01_T03909_02_003_01_V002"
GEDI4 = "GEDI04_A_2019108002012_O01959_01_T03909_02_002_02_V002"
ATL24 = "ATL24_20220401221822_01501506_006_01_001_01"
COUNT = 60


def put(group: Any, name: str, values: Any, fill: float | None = None) -> None:
    made = group.create_dataset(name, data=values)
    if fill is not None:
        made.attrs["_FillValue"] = np.asarray(fill, made.dtype)


def shots(group: Any, number: int) -> None:
    """Write what all products of GEDI have."""
    line = np.arange(COUNT)
    put(group, "delta_time", 40_000_000.5 + number + line * 0.00826)
    put(group, "lat_lowestmode", -20 + line * 5e-4)
    put(group, "lon_lowestmode", 130 + number * 0.006 + line * 6e-4)
    put(group, "shot_number", (19_590_000_000_000_000 + number * 1000 + line).astype("u8"))
    put(group, "degrade_flag", np.zeros(COUNT, "u1"))
    put(group, "sensitivity", np.linspace(0.9, 0.99, COUNT).astype("f4"))
    put(group, "elev_lowestmode", np.where(line % 7, 300 + line, -9999).astype("f4"), -9999)


def gedi(folder: Path, name: str = GEDI2, beams: tuple[str, ...] = ("BEAM0000", "BEAM0101")) -> Path:
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file.create_group("METADATA")
        for number, beam in enumerate(beams):
            group = file.create_group(beam)
            shots(group, number)
            if name.startswith("GEDI02"):
                put(group, "quality_flag", (np.arange(COUNT) % 3 > 0).astype("u1"))
                put(group, "rh", np.tile(np.arange(101, dtype="f4") / 4, (COUNT, 1)))
                put(group, "geolocation/sensitivity_a1", np.ones(COUNT, "f4"))
            else:
                put(group, "agbd", np.where(np.arange(COUNT) % 5, 80.0, -9999).astype("f4"), -9999)
                put(group, "agbd_se", np.full(COUNT, 3, "f4"), -9999)
                put(group, "l4_quality_flag", (np.arange(COUNT) % 2).astype("u1"))
    return path


def atl24(folder: Path) -> Path:
    path = folder / f"{ATL24}.h5"
    with h5py.File(path, "w") as file:
        file["orbit_info/sc_orient"] = np.array([1], "i1")
        group = file.create_group("gt2l")
        line = np.arange(COUNT)
        for name, values in (("delta_time", 134_000_000 + line * 1e-4), ("lat_ph", 24 + line * 1e-5),
                             ("lon_ph", -77 - line * 1e-6), ("class_ph", np.where(line % 4, 40, 41).astype("i2")),
                             ("confidence", np.linspace(0, 1, COUNT)), ("ortho_h", -line.astype("f4") / 10),
                             ("ellipse_h", -30 - line.astype("f4") / 10), ("x_atc", 2e6 + line * 0.7),
                             ("low_confidence_flag", (line < 5).astype("i1")), ("index_ph", line)):  # fmt: skip
            put(group, name, values)
    return path


def test_footprints_of_gedi(tmp_path: Path, shared: Path) -> None:
    files = [gedi(tmp_path), gedi(tmp_path, GEDI4)]
    assert not stacaster.ingest(files, catalog=tmp_path / "c", variables=["geolocation/*_a1"]).failed
    catalog = stacaster.open_catalog(tmp_path / "c")
    heights = catalog.points("gedi02_a_footprints")
    assert len(heights) == 2 * COUNT and heights.crs.to_epsg() == 4979
    assert heights.groupby("beam").strong.first().to_dict() == {"BEAM0000": False, "BEAM0101": True}
    assert set(heights.orbit) == {1959} and set(heights.track) == {3909}
    with h5py.File(files[0]) as file:
        for beam in ("BEAM0000", "BEAM0101"):
            part, group = heights[heights.beam == beam], file[beam]
            assert np.array_equal(part.shot_number, group["shot_number"][()])
            assert np.array_equal(part.longitude, group["lon_lowestmode"][()])
            assert np.array_equal(part.quality, group["quality_flag"][()])
            assert np.array_equal(part.elev_lowestmode.isna(), group["elev_lowestmode"][()] == -9999)
            assert np.array_equal(np.stack(list(part.rh)), group["rh"][()])
            first = dt.datetime(2018, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=float(group["delta_time"][0]))
            assert abs((part.time.iloc[0] - first).total_seconds()) < 2e-6
    mass = catalog.points("gedi04_a_biomass", where="quality = 1")
    assert len(mass) == COUNT and mass.agbd.isna().sum() == 2 * sum(n % 5 == 0 and n % 2 for n in range(COUNT))
    items = {item.collection_id: item for item in catalog.search().items()}
    assert set(items) == {"gedi02-a", "gedi04-a"}
    for item in items.values():
        assert item.properties["version"] == "002" and item.properties["sat:absolute_orbit"] == 1959
        shape = shapely.geometry.shape(item.geometry)
        assert shapely.covers(shape.buffer(1e-4), shapely.points(heights.longitude, heights.latitude)).all()
        assert check(item.to_dict(), shared / "schemas") == []


def test_newer_productions_of_gedi_supersede(tmp_path: Path) -> None:
    older = gedi(tmp_path, GEDI2.replace("_003_01_V002", "_002_01_V001"))
    assert not stacaster.ingest([gedi(tmp_path), older], catalog=tmp_path / "c").failed
    (entry,) = stacaster.catalog.dedupe(tmp_path / "c", dry_run=True)
    assert entry.item_id.endswith("V001")


def test_sea_floor_of_atl24(tmp_path: Path) -> None:
    path = atl24(tmp_path)
    assert not stacaster.ingest([path], catalog=tmp_path / "c").failed
    photons = stacaster.open_catalog(tmp_path / "c").points("bathymetry", where="class = 40 and confidence > 0.5")
    assert len(photons) == sum(1 for n in range(COUNT) if n % 4 and n / (COUNT - 1) > 0.5)
    assert set(photons.rgt) == {150} and set(photons.spot) == {4} and photons.crs.to_epsg() == 7912
    assert set(photons.item_id) == {ATL24}
    with h5py.File(path) as file:
        assert np.allclose(photons.ortho_h, file["gt2l/ortho_h"][()][photons.index_ph])
    assert stacaster.icesat2.read_tracks(path)["gt2l"].ortho_h.size == COUNT


def test_several_granules_in_one_tree(tmp_path: Path) -> None:
    """Each with its own lengths, the same name twice, named datasets of one beam."""
    (tmp_path / "a").mkdir()
    first = write_icesat2(TrackScene(segments=6), tmp_path)[0]
    again = write_icesat2(TrackScene(segments=9), tmp_path / "a")[0]
    tree = stacaster.icesat2.read_tracks([first, again, gedi(tmp_path)], ["*h_ph", "rh"], beams=[])
    names = list(tree.children)
    assert names == [first.stem, f"{first.stem}_2", GEDI2]
    assert tree[first.stem]["gt1l"].heights_h_ph.size != tree[f"{first.stem}_2"]["gt1l"].heights_h_ph.size
    assert tree[GEDI2]["BEAM0101"].rh.shape == (COUNT, 101)
    one = stacaster.icesat2.read_tracks([first], "heights/h_ph", beams="gt3r")
    assert list(one[first.stem].children) == ["gt3r"]
    for wrong in ([], [first, tmp_path / "none.h5"]):
        with pytest.raises((UsageError, ReadError)):
            stacaster.icesat2.read_tracks(wrong)


def test_paths_from_the_top_as_h5coro_has_them(tmp_path: Path) -> None:
    path = write_icesat2(TrackScene(segments=6), tmp_path)[0]
    named = ["/gt1l/heights/h_ph", "/gt2r/heights/lat_ph", "orbit_info/sc_orient", "/ancillary_data/release"]
    tree = stacaster.icesat2.read_tracks(path, named)
    assert set(tree.children) == {"gt1l", "gt2r", "orbit_info", "ancillary_data"}
    with h5py.File(path) as file:
        assert np.array_equal(tree["gt1l"].heights_h_ph, file["gt1l/heights/h_ph"][()])
        assert list(tree["gt2r"].data_vars) == ["heights_lat_ph"] and tree["orbit_info"].sc_orient.item() == 0
    assert bytes(tree["ancillary_data"].to_dataset()["release"].values[0]) == b"006"
    for beams in ("/gt1*/heights/h_ph", "gt1?/heights/h_ph"):
        assert set(stacaster.icesat2.read_tracks(path, [beams]).children) == {"gt1l", "gt1r"}
    for nothing in ("/gt1l/heights/none", "none", "/gt9l/heights/h_ph"):
        with pytest.raises(UsageError, match="is called"):
            stacaster.icesat2.read_tracks(path, [nothing])


def test_any_hdf5(tmp_path: Path) -> None:
    """Groups of another mission, datasets at the top, times of another epoch stay numbers."""
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["profile/height"] = np.arange(5.0)
        file["profile/delta_time"] = np.arange(5.0)
        file["profile/delta_time"].attrs["units"] = "seconds since 2000-01-01"
        file["table"] = np.arange(3)
    tree = stacaster.icesat2.read_tracks(path, ["profile/*", "table"])
    assert tree["profile"].height.values.tolist() == [0, 1, 2, 3, 4] and tree["profile"].delta_time.dtype == "f8"
    assert tree["top"].to_dataset()["table"].values.tolist() == [0, 1, 2]
    part = stacaster.icesat2.read_tracks(path, ["*height"], rows=slice(1, 3))
    assert part["profile"].height.values.tolist() == [1, 2]
    with pytest.raises(UsageError, match=r"no product with tables; name variables, such as table, profile/"):
        stacaster.icesat2.read_tracks(path)
    (tmp_path / "x.h5").write_bytes(b"no file of HDF5")
    with pytest.raises(ReadError):
        stacaster.icesat2.read_tracks(tmp_path / "x.h5", ["a"])
