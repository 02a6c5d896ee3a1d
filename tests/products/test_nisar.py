"""NISAR GCOV: power as it is stored, on the grid of its pixel centres, whatever the version of the specification."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import odc.stac
import pyproj
import pystac
import pytest
import rasterio
import shapely

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import LoadError, UsageError
from stacaster.instruments.versions import version_of
from stacaster.products import all_products, get_product, nisar_gcov, nisar_gslc, nisar_gunw
from stacaster.samples.nisar import DEFAULT_SCENES, write_nisar
from stacaster.samples.nisar_scene import NisarScene
from tests.certain import certain
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
    path = write_nisar(scene, tmp_path)
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
    assert {name for name, asset in item.assets.items() if "data" in certain(asset.roles)} == names | {
        f"{n}_B" for n in names
    }
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
    files = [write_nisar(scene, tmp_path) for scene in scenes]
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
        path = write_nisar(SCENE, folder)
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
        del file["science/LSAR/identification/boundingPolygon"]

    def timeless(file: Any) -> None:
        del file["science/LSAR/identification/zeroDopplerStartTime"]
        file["science/LSAR/identification/zeroDopplerStartTime"] = "soon"

    def as_double(file: Any) -> None:
        values = file[f"{GRIDS}/HHHH"][()].astype("float64")
        del file[f"{GRIDS}/HHHH"]
        file[GRIDS].create_dataset("HHHH", data=values)

    for name, change, words in (
        ("uneven", uneven, "not evenly spaced"),
        ("code", other_code, "EPSG:99999 is no CRS"),
        ("radar", radar, "its boundingPolygon is no polygon"),
        ("time", timeless, "is no time"),
        ("type", as_double, "is float64, but float32 is needed"),
    ):
        assert words in failure(copy(name, change), tmp_path / f"c-{name}"), name
    cut = copy("cut", lambda file: None)
    cut.write_bytes(cut.read_bytes()[:-20_000])
    assert "it is truncated" in failure(cut, tmp_path / "c-cut")
    statistics = tmp_path / "qa" / f"{SCENE.name}_QA_STATS.h5"
    statistics.parent.mkdir()
    with h5py.File(statistics, "w") as file:
        file.create_dataset("science/LSAR/QA/data/frequencyA/HHHH/mean", data=1.0)
    with pytest.raises(stacaster.StacasterError, match="no granule was found"):
        stacaster.ingest([str(statistics.parent)], catalog=tmp_path / "c-qa")
    assert "statistics of the quality" in failure(statistics, tmp_path / "c-named")


def test_complex_terms(tmp_path: Path, shared: Path) -> None:
    scene = replace(SCENE, terms=("HHHH", "HHHV", "HVHV"))
    path = write_nisar(scene, tmp_path)
    catalog = ingested([path], tmp_path / "c", bands=["HHHV", "HHHH"])
    (item,) = catalog.search().items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert {name for name, asset in item.assets.items() if "data" in certain(asset.roles)} == {"HHHV", "HHHH"}
    assert any("HHHV times exp(-1j * theta)" in note for note in item.properties["stacaster:notes"])
    with h5py.File(path) as file:
        stored = file[f"{GRIDS}/HHHV"][()]
    with rasterio.open(item.assets["HHHV"].href) as cog:
        assert cog.dtypes == ("complex64",) and np.array_equal(cog.read(1), stored, equal_nan=True)
    assert item.assets["HHHV"].extra_fields["data_type"] == "cfloat32"
    cube = catalog.load(bands=["HHHV", "HHHH"], native=True)
    assert cube.HHHV.dtype == "complex64" and cube.HHHH.dtype == "float32"
    assert np.array_equal(cube.HHHV.values[0], stored, equal_nan=True)
    lazy = catalog.load(bands=["HHHV", "HHHH"], native=True, chunks={"x": 50})
    assert lazy.HHHV.dtype == "complex64" and lazy.HHHH.dtype == "float32" and lazy.HHHV.chunks is not None
    assert np.array_equal(lazy.HHHV.values[0], stored, equal_nan=True)
    physical = catalog.load(bands=["HHHV"], native=True, units="physical").HHHV
    assert physical.dtype == "complex64" and np.array_equal(physical.values, cube.HHHV.values, equal_nan=True)
    assert physical.attrs["long_name"] == "covariance" and physical.attrs["units"] == "1"
    with pytest.raises(LoadError, match="mask holds no backscatter"):
        ingested([path], tmp_path / "m", bands=["mask"]).load(bands=["mask"], native=True, units="gamma0")
    plain = odc.stac.load([item], bands=["HHHV"], dtype="complex64", geobox=cube.odc.geobox,
                          fuse_func="stacaster.cube.fusing.first_valid")  # fmt: skip
    assert np.array_equal(plain.HHHV.values[0], stored, equal_nan=True)
    split = ingested([path], tmp_path / "d", bands=["HHHV"], split_complex=True)
    parts = split.load(native=True)
    assert set(parts.data_vars) == {"HHHV_amplitude", "HHHV_phase"} and parts.HHHV_phase.dtype == "float32"
    assert np.array_equal(parts.HHHV_amplitude.values[0], np.abs(stored), equal_nan=True)
    assert np.array_equal(parts.HHHV_phase.values[0], np.angle(stored), equal_nan=True)


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = (write_nisar(NisarScene(start=SCENE.start), folder) for folder in (tmp_path, tmp_path / "b"))
    assert first.read_bytes() == second.read_bytes()


AREA = (138.494, -30.994, 138.509, -30.983)
"""Within the simulated frame, away from its edges."""


def inner(lattice: Any, area: Any) -> Any:
    """Return x and y of the pixels that a box in degrees touches, found pixel by pixel."""
    x, y = lattice["xCoordinates"][()], lattice["yCoordinates"][()]
    forward = pyproj.Transformer.from_crs(4326, 32754, always_xy=True)
    edge = shapely.segmentize(area if hasattr(area, "area") else shapely.box(*area), 0.0005)
    shape = shapely.transform(edge, lambda points: np.stack(forward.transform(points[:, 0], points[:, 1]), axis=1))
    half = abs(x[1] - x[0]) / 2
    touched = [(i, j) for i in range(len(y)) for j in range(len(x))
               if shape.intersects(shapely.box(x[j] - half, y[i] - half, x[j] + half, y[i] + half))]  # fmt: skip
    rows, cols = zip(*touched, strict=True)
    return slice(min(rows), max(rows) + 1), slice(min(cols), max(cols) + 1)


def data_of(item: pystac.Item) -> set[str]:
    return {name for name, asset in item.assets.items() if "data" in (asset.roles or [])}


def test_an_area_is_cut_out_on_the_lattice_of_each_band(tmp_path: Path, shared: Path) -> None:
    path = write_nisar(SCENE, tmp_path)
    catalog = ingested([path], tmp_path / "c", bbox=AREA, bands=["HHHH", "mask", "HHHH_B"])
    (item,) = catalog.search().items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert item.properties["stacaster:cut_to"]["type"] == "Polygon"
    whole = ingested([path], tmp_path / "w").search().items()
    assert next(iter(whole)).bbox != item.bbox
    with h5py.File(path) as file:
        for name, group in (("HHHH", GRIDS), ("mask", GRIDS), ("HHHH_B", GRIDS.replace("yA", "yB"))):
            window = inner(file[group], AREA)
            with rasterio.open(item.assets[name].href) as cog:
                stored = file[f"{group}/{name.removesuffix('_B')}"][window]
                assert np.array_equal(cog.read(1), stored, equal_nan=name != "mask")
                assert cog.xy(0, 0) == (file[group]["xCoordinates"][window[1].start],
                                        file[group]["yCoordinates"][window[0].start])  # fmt: skip
    again = stacaster.ingest([str(path)], catalog=catalog.root, bbox=AREA, bands="HHHH,mask,HHHH_B")
    assert [outcome.status for outcome in again.outcomes] == ["skipped"]
    same = stacaster.ingest([str(path)], catalog=catalog.root, bbox=AREA, frequency="B", bands=["HHHH"])
    assert [outcome.status for outcome in same.outcomes] == ["skipped"], "the item has HHHH_B"
    more = stacaster.ingest([str(path)], catalog=catalog.root, bbox=AREA, frequency="B", bands=["mask"])
    assert [outcome.status for outcome in more.outcomes] == ["added"]
    (item,) = stacaster.open_catalog(catalog.root).search().items()
    assert data_of(item) == {"HHHH", "mask", "HHHH_B", "mask_B"}
    (item,) = ingested([path], tmp_path / "b", bbox=AREA, frequency="B", bands=["HHHH"]).search().items()
    assert data_of(item) == {"HHHH_B"}
    away = stacaster.ingest([str(path)], catalog=tmp_path / "away", bbox=(10, 10, 11, 11))
    assert [outcome.status for outcome in away.outcomes] == ["skipped"] and "area" in str(away.outcomes[0].reason)
    with pytest.raises(UsageError, match="did you mean HHHH"):
        stacaster.ingest([str(path)], catalog=tmp_path / "x", bands=["HHHHH"])
    with pytest.raises(UsageError, match="frequency is 'C'"):
        stacaster.ingest([str(path)], catalog=tmp_path / "x", frequency="C")
    with pytest.raises(UsageError, match="give one of them"):
        stacaster.ingest([str(path)], catalog=tmp_path / "x", bbox=AREA, region="australia")
    assert "none of the bands VVVV is in it" in failure_with(path, tmp_path / "x", bands=["VVVV"])


def failure_with(path: Path, root: Path, **options: Any) -> str:
    return str(stacaster.ingest([str(path)], catalog=root, **options).failed[0].reason)


def test_a_concave_area_takes_no_more_than_its_window(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, terms=("HHHH",)), tmp_path)
    west, south, east, north = AREA
    corner = {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, south + 0.001],
                                                  [west + 0.001, south + 0.001], [west + 0.001, north],
                                                  [west, north], [west, south]]]}  # fmt: skip
    catalog = ingested([path], tmp_path / "c", intersects=corner, bands=["HHHH"], frequency="A")
    with h5py.File(path) as file:
        window = inner(file[GRIDS], shapely.geometry.shape(corner))
    (item,) = catalog.search().items()
    assert item.assets["HHHH"].extra_fields["proj:shape"] == [part.stop - part.start for part in window]


@pytest.mark.parametrize("kind", ["GSLC", "GUNW", "GOFF"])
def test_other_gridded_products(kind: str, tmp_path: Path, shared: Path) -> None:
    scene = replace(SCENE, kind=kind)
    path = write_nisar(scene, tmp_path)
    catalog = ingested([path], tmp_path / "c")
    (item,) = catalog.search().items()
    assert check(json.loads(Path(item.self_href).read_text()), shared / "schemas") == []
    assert item.collection_id == f"nisar-l2-{kind.lower()}" and item.properties["title"] == scene.name
    said = item.properties
    assert said["sar:product_type"] == kind and said["nisar:track"] == 113
    assert said["sar:polarizations"] == (["HH", "HV"] if kind == "GSLC" else ["HH"])
    assert "stacaster:absent_bands" not in said
    if scene.is_pair:
        assert said["nisar:secondary_cycle"] == 5 and said["end_datetime"][:10] == "2026-07-13"
        assert said["nisar:secondary_absolute_orbit"] - said["sat:absolute_orbit"] == 173
    written = {name: asset for name, asset in item.assets.items() if "data" in certain(asset.roles)}
    seen = set()
    with h5py.File(path) as file:
        root = file[f"science/LSAR/{kind}/grids"]

        def look(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset) and node.ndim == 2:
                seen.add(name)

        root.visititems(look)
        for name, asset in written.items():
            path_of = PATHS[kind](name)
            with rasterio.open(asset.href) as cog:
                stored = root[path_of]
                assert np.array_equal(cog.read(1), stored[()], equal_nan=stored.dtype.kind in "fc"), name
                above = stored.parent
                while "xCoordinates" not in above:
                    above = above.parent
                assert cog.xy(0, 0) == (above["xCoordinates"][0], above["yCoordinates"][0]), name
            seen.discard(path_of)
    assert not seen, "every layer has an asset"
    bands = list(written)[:2]
    cube = catalog.load(bands=bands, native=True)
    assert set(cube.data_vars) == set(bands)


def _gunw(name: str) -> str:
    layer, _, pol = name.partition("_")
    groups = {"wrapped": "wrappedInterferogram", "wrappedCoherence": "wrappedInterferogram"}
    groups |= dict.fromkeys(("slantRangeOffset", "alongTrackOffset", "correlationPeak"), "pixelOffsets")
    words = {"coherence": "coherenceMagnitude", "wrappedCoherence": "coherenceMagnitude",
             "ionosphere": "ionospherePhaseScreen", "ionosphereUncertainty": "ionospherePhaseScreenUncertainty",
             "wrapped": "wrappedInterferogram", "correlationPeak": "correlationSurfacePeak"}  # fmt: skip
    if not pol:
        group = {"offset": "pixelOffsets"}.get(layer[:-4], f"{layer[:-4]}Interferogram")
        return f"frequencyA/{group}/mask"
    return f"frequencyA/{groups.get(layer, 'unwrappedInterferogram')}/{pol}/{words.get(layer, layer)}"


def _goff(name: str) -> str:
    if name == "offsetMask":
        return "frequencyA/pixelOffsets/mask"
    layer, pol, number = name.split("_")
    return f"frequencyA/pixelOffsets/{pol}/layer{number}/{layer}"


PATHS: dict[str, Any] = {
    "GSLC": lambda name: f"frequency{'B' if name.endswith('_B') else 'A'}/{name.removesuffix('_B')}",
    "GUNW": _gunw, "GOFF": _goff,
}  # fmt: skip


def test_the_tables_are_those_of_the_specification(shared: Path) -> None:
    """Every image of the specification has a band, with its type, unit and fill value."""
    words = {"radians": "rad", "meters": "m", "hertz": "Hz", "": None}
    kinds = {"f32": "float32", "u8": "uint8", "u16": "uint16", "c64": "complex64"}
    for kind in ("GCOV", "GSLC", "GUNW"):
        table = shared / "data" / "nisar" / f"1.4.0.L2_{kind}.tsv"
        if not table.exists():
            pytest.skip("the tables of the specification are not here")
        module = {"GCOV": nisar_gcov, "GSLC": nisar_gslc, "GUNW": nisar_gunw}[kind]
        known = {layer.path: layer for layer in module.LAYERS}
        found = 0
        for line in table.read_text().splitlines():
            path, stored, shape, fill, unit = [*line.split("\t"), "", "", ""][:5]
            start = f"/science/LSAR/{kind}/grids/frequencyA/"
            if not path.startswith(start) or stored not in kinds or not shape.lower().endswith("shape"):
                continue
            layer = known[path.removeprefix(start).replace("pixelOffset/", "pixelOffsets/")]
            found += 1
            assert layer.data_type == kinds[stored], path
            assert str(layer.nodata) == fill.strip("()").partition("+")[0], path
            if unit and layer.unit is not None:
                assert layer.unit == words.get(unit, unit), path
        assert found >= 7
        assert get_product(f"nisar_l2_{kind.lower()}") in all_products().values()


def test_s_band_and_masks_with_a_sign(tmp_path: Path) -> None:
    path = write_nisar(replace(SCENE, band="S", terms=("HHHH",)), tmp_path)
    with h5py.File(path, "r+") as file:
        group = file[GRIDS.replace("LSAR", "SSAR")]
        values = group["mask"][()].astype("int8")
        del group["mask"]
        group.create_dataset("mask", data=values, chunks=(60, 60)).attrs["_FillValue"] = np.int8(-1)
    (item,) = ingested([path], tmp_path / "c").search().items()
    assert item.properties["instruments"] == ["s-sar"] and item.properties["sar:frequency_band"] == "S"
    with rasterio.open(item.assets["mask"].href) as cog:
        assert np.array_equal(cog.read(1), values.astype("uint8")) and cog.nodata == 255, "as all other masks"


def test_memory_stays_far_below_a_band(tmp_path: Path) -> None:
    """A band of 75 MB; what Python and the packages hold is known from a tiny one."""

    def peak(shape: tuple[int, int]) -> float:
        folder = tmp_path / str(shape[0])
        folder.mkdir()
        path = write_nisar(replace(SCENE, shape=shape, terms=("HHHH",)), folder)
        code = (
            "import sys\nfrom stacaster.ingest.convert import convert\n"
            "from stacaster.files.system.process import peak_memory\n"
            "task = dict(files=[sys.argv[1]], catalog=sys.argv[2], staging=sys.argv[3], subsystems=['frequencyA'],"
            " keep_swir=False, profile='zstd', threads=1, dry_run=False, known_only=False, bands=['HHHH'])\n"
            "assert convert(task)['status'] == 'ready'\n"
            "print(peak_memory() / 2**20)\n"
        )
        command = [sys.executable, "-c", code, str(path), str(folder / "c"), str(folder / "s")]
        environment = {**os.environ, "GDAL_CACHEMAX": "16"}
        return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)

    assert peak((3600, 5200)) - peak((120, 160)) < 130


def test_an_unknown_kind_of_release_is_said(tmp_path: Path) -> None:
    (item,) = ingested([write_nisar(replace(SCENE, crid="Z00007"), tmp_path)], tmp_path / "c").search().items()
    assert any("Z00007 is of an unknown kind" in note for note in item.properties["stacaster:notes"])
    name = SCENE.name
    ranks = [version_of(name.replace("P05023", crid), "x") for crid in ("X05013", "Z90000", "P05007", "P05023")]
    assert len({scene for scene, _ in ranks}) == 1 and [rank for _, rank in ranks] == sorted(rank for _, rank in ranks)
    longer = version_of(name.replace("T010600", "T010601").replace("_001", "_002"), "x")
    assert longer[0] == ranks[0][0] and longer[1] > ranks[-1][1], "one acquisition, whatever its end"
