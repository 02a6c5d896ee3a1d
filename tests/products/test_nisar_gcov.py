"""NISAR GCOV: power as it is stored, on the grid of its pixel centres, whatever the version of the specification."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import odc.stac
import pytest
import rasterio

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError
from stacaster.samples.nisar_gcov import DEFAULT_SCENES, NisarScene, write_nisar_gcov
from tests.stac_schemas import check

SCENE = replace(DEFAULT_SCENES[0], shape=(120, 160))
GRIDS = "science/LSAR/GCOV/grids/frequencyA"


def ingested(files: Any, root: Path, **options: Any) -> Catalog:
    report = stacaster.ingest([str(path) for path in files], catalog=root, **options)
    assert not report.failed, report.failed
    return stacaster.open_catalog(root)


def failure(path: Path, root: Path) -> str:
    report = stacaster.ingest([str(path)], catalog=root)
    assert len(report.failed) == 1 and not report.ingested
    return str(report.failed[0].reason)


@pytest.mark.parametrize("specification", ["1.1.0", "1.2.0", "1.4.0"])
def test_pixels_and_place_are_the_provider_s(specification: str, tmp_path: Path, shared: Path) -> None:
    scene = replace(SCENE, specification=specification)
    path = write_nisar_gcov(scene, tmp_path)
    (item,) = ingested([path], tmp_path / "c").search().items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert item.id == scene.name and item.collection_id == "nisar-l2-gcov"
    said = item.properties
    assert (said["nisar:track"], said["nisar:frame"], said["nisar:cycle"], said["nisar:crid"]) == (113, 65, 4, "P05023")
    assert said["sar:polarizations"] == ["HH", "HV"] and said["sar:frequency_band"] == "L"
    assert said["sat:orbit_state"] == "descending" and said["sar:observation_direction"] == "left"
    assert said["start_datetime"][:19] == "2026-07-01T01:05:37" and said["end_datetime"][:19] == "2026-07-01T01:06:00"
    assert any("inputDataExceptionMask" in note for note in said["stacaster:notes"])
    names = {"HHHH", "HVHV", "mask", "numberOfLooks", "rtcGammaToSigmaFactor"}
    assert {name for name, asset in item.assets.items() if "data" in asset.roles} == names | {f"{n}_B" for n in names}
    with h5py.File(path) as file:
        for name in sorted(names):
            for letter, end, size in (("A", "", 20.0), ("B", "_B", 80.0)):
                group = file[f"science/LSAR/GCOV/grids/frequency{letter}"]
                with rasterio.open(item.assets[name + end].href) as cog:
                    assert np.array_equal(cog.read(1), group[name][()], equal_nan=name != "mask")
                    x, y = group["xCoordinates"][()], group["yCoordinates"][()]
                    assert cog.transform.a == size == -cog.transform.e and cog.crs.to_epsg() == 32754
                    assert cog.xy(0, 0) == (x[0], y[0]) and cog.xy(len(y) - 1, len(x) - 1) == (x[-1], y[-1])
    assert item.assets["mask"].extra_fields["classification:classes"][0]["name"] == "invalid"


def test_a_series_is_one_cube(tmp_path: Path) -> None:
    scenes = [replace(SCENE, start=scene.start, cycle=scene.cycle) for scene in DEFAULT_SCENES]
    files = [write_nisar_gcov(scene, tmp_path) for scene in scenes]
    catalog = ingested(files, tmp_path / "c", subsystem=["frequencyA"])
    items = sorted(catalog.search().items(), key=lambda item: item.id.split("_")[11])
    assert not any(name.endswith("_B") for item in items for name in item.assets)
    cube = catalog.load(bands=["HHHH", "HVHV"], native=True)
    assert dict(cube.sizes) == {"time": 3, "y": 120, "x": 160} and cube.HHHH.dtype == "float32"
    for place, item in enumerate(items):
        with rasterio.open(item.assets["HHHH"].href) as cog:
            assert np.array_equal(cube.HHHH.values[place], cog.read(1), equal_nan=True)
    plain = odc.stac.load(items, bands=["HHHH"], geobox=cube.odc.geobox, stac_cfg=catalog.stac_cfg())
    assert np.array_equal(plain.HHHH.values, cube.HHHH.values, equal_nan=True)
    for units in ("physical", "gamma0"):
        power = catalog.load(bands=["HHHH"], native=True, units=units)
        assert "gamma0" in power.HHHH.attrs["long_name"] and power.HHHH.attrs["units"] == "1"
        assert np.array_equal(power.HHHH.values, cube.HHHH.values, equal_nan=True)
    sigma0 = catalog.load(bands=["HHHH", "HVHV"], native=True, units="sigma0")
    assert list(sigma0.data_vars) == ["HHHH", "HVHV"] and "sigma0" in sigma0.HVHV.attrs["long_name"]
    assert np.allclose(sigma0.HVHV.values, cube.HVHV.values * np.float32(0.9), rtol=1e-6, equal_nan=True)
    decibels = catalog.load(bands=["HHHH"], native=True, units="db", chunks={"x": 50})
    assert np.allclose(decibels.HHHH.values, 10 * np.log10(cube.HHHH.values), atol=1e-5, equal_nan=True)
    assert decibels.HHHH.attrs["units"] == "dB"
    with pytest.raises(LoadError, match="gamma0, which is no radiance"):
        catalog.load(bands=["HHHH"], native=True, units="radiance")
    with pytest.raises(LoadError, match="has no factor"):
        catalog.load(bands=["mask"], native=True, units="sigma0")


def test_what_is_damaged_or_no_grid(tmp_path: Path) -> None:
    def copy(name: str, change: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        path = write_nisar_gcov(SCENE, folder)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    def uneven(file: Any) -> None:
        values = file[f"{GRIDS}/xCoordinates"][()]
        values[3] += 7
        file[f"{GRIDS}/xCoordinates"][...] = values

    def other_code(file: Any) -> None:
        file[f"{GRIDS}/projection"][...] = 99_999

    def radar(file: Any) -> None:
        file.move("science/LSAR/GCOV", "science/LSAR/RSLC")
        file.move("science/LSAR/RSLC/grids", "science/LSAR/RSLC/swaths")

    def timeless(file: Any) -> None:
        del file["science/LSAR/identification/zeroDopplerStartTime"]

    def as_double(file: Any) -> None:
        values = file[f"{GRIDS}/HHHH"][()].astype("float64")
        del file[f"{GRIDS}/HHHH"]
        file[GRIDS].create_dataset("HHHH", data=values)

    for name, change, words in (
        ("uneven", uneven, "not evenly spaced"),
        ("code", other_code, "EPSG:99999 is no CRS"),
        ("radar", radar, "no table for this product"),
        ("time", timeless, "is no time"),
        ("type", as_double, "is float64, but float32 is needed"),
    ):
        assert words in failure(copy(name, change), tmp_path / f"c-{name}"), name
    cut = copy("cut", lambda file: None)
    cut.write_bytes(cut.read_bytes()[:-20_000])
    assert "the HDF5 library cannot open it" in failure(cut, tmp_path / "c-cut")
    statistics = tmp_path / "qa" / f"{SCENE.name}_QA_STATS.h5"
    statistics.parent.mkdir()
    with h5py.File(statistics, "w") as file:
        file.create_dataset("science/LSAR/QA/data/frequencyA/HHHH/mean", data=1.0)
    with pytest.raises(stacaster.StacasterError, match="no granule was found"):
        stacaster.ingest([str(statistics.parent)], catalog=tmp_path / "c-qa")
    assert "no table for this product" in failure(statistics, tmp_path / "c-named")


def test_complex_terms_are_said_to_be_left_out(tmp_path: Path) -> None:
    scene = replace(SCENE, terms=("HHHH", "HHHV", "HVHV"))
    (item,) = ingested([write_nisar_gcov(scene, tmp_path)], tmp_path / "c").search().items()
    assert "HHHV" not in item.assets
    assert any("complex terms HHHV" in note for note in item.properties["stacaster:notes"])


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = (write_nisar_gcov(NisarScene(start=SCENE.start), folder) for folder in (tmp_path, tmp_path / "b"))
    assert first.read_bytes() == second.read_bytes()
