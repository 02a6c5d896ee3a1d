"""The command line as a shell sees it: codes, streams, JSON, help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.cli import cli
from stacaster.samples import DEFAULT_SCENES
from stacaster.samples.aster_l1t_003 import Faults, write_aster_l1t_003

DAY = replace(DEFAULT_SCENES[1], tir_shape=(4, 5))


@pytest.fixture
def run(repository: Path, tmp_path: Path) -> Any:
    def call(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stacaster", *words]
        env = {**os.environ, "PYTHONPATH": str(repository), **options.pop("env", {})}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, check=False, **options)
        assert "Traceback" not in done.stderr
        return done

    return call


def test_ingest_and_the_other_commands(run: Any, tmp_path: Path) -> None:
    write_aster_l1t_003(DAY, tmp_path)
    dry = run("ingest", ".", "--catalog", "c", "--dry-run")
    assert dry.returncode == 0 and "dry run, nothing was written" in dry.stderr and not (tmp_path / "c").exists()
    done = run("ingest", ".", "--catalog", "c", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["counts"] == {"ingested": 1, "replaced": 0, "skipped": 0, "added": 0, "failed": 0}
    again = run("ingest", "*.hdf", "--catalog", "c")
    assert (again.returncode, again.stdout) == (0, "") and "1 skipped" in again.stderr
    env = {"STACASTER_CATALOG": str(tmp_path / "c")}
    rows = json.loads(run("sql", "select id, 1.5 as x from items", "--json", env=env).stdout)
    assert rows == [{"id": report["granules"][0]["item_id"], "x": 1.5}]
    collection = json.loads(run("items", "--json", env=env).stdout)
    assert collection["type"] == "FeatureCollection" and len(collection["features"]) == 1
    info = json.loads(run("info", "--json", env=env).stdout)
    assert info["collections"][0]["items"] == 1
    products = json.loads(run("products", "--json").stdout)
    assert {row["name"] for row in products} == set(stacaster.products.all_products())
    text = run("items", env=env).stdout.splitlines()
    assert text[0].split("\t") == ["collection", "id", "datetime", "cloud_cover", "assets"] and len(text) == 2


@pytest.mark.parametrize(
    "box", [["--bbox", "138,-32,139,-31"], ["--bbox", "138", "-32", "139", "-31"], ["--bbox=138,-32,139,-31"]]
)
def test_boxes_in_every_spelling(run: Any, catalog: Catalog, box: list[str]) -> None:
    done = run("items", "--catalog", str(catalog.root), "--json", *box, "--datetime", "2003")
    assert done.returncode == 0 and len(json.loads(done.stdout)["features"]) == 2, done.stderr


def test_items_of_west_and_south_are_no_options(run: Any, catalog: Catalog) -> None:
    done = run("items", "--catalog", str(catalog.root), "--bbox", "-10", "-20", "-5", "-15")
    assert done.returncode == 3 and "no item fits" in done.stderr


def test_export_and_index(run: Any, catalog: Catalog, tmp_path: Path) -> None:
    place = ["--catalog", str(catalog.root), "--datetime", "2003"]
    done = run("export", "-o", "cube.nc", "--bands", "nir", "--bands", "red", *place)
    assert done.returncode == 0 and done.stdout == "" and "wrote cube.nc" in done.stderr, done.stderr
    with xr.open_dataset(tmp_path / "cube.nc", mask_and_scale=False) as cube:
        expected = catalog.load(bands=["nir", "red"], native=True, datetime="2003")
        assert (cube.nir == expected.nir).all() and cube.nir.dtype == "uint8"
    done = run("index", "compute", "ndvi", "-o", "ndvi.nc", *place)
    assert done.returncode == 0, done.stderr
    assert run("index", "compute", "ndvi", "-o", "ndvi.nc", *place).returncode == 2
    assert run("index", "compute", "ndvi", "-o", "ndvi.nc", "--overwrite", *place).returncode == 0
    with (
        rasterio.open(f"netcdf:{tmp_path / 'ndvi.nc'}:ndvi")
        if _has_netcdf()
        else xr.open_dataset(tmp_path / "ndvi.nc") as read
    ):
        assert read is not None


def _has_netcdf() -> bool:
    with rasterio.Env() as env:
        return "netCDF" in env.drivers()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ingest"], 2, "Missing argument"),
        (["ingest", "x", "--workers", "0"], 2, "workers"),
        (["ingest", "x", "--product", "AST_L1T"], 2, "give one of them"),
        (["ingest", "x", "--orbit", "3"], 2, "--orbit is a condition of a search and needs --product"),
        (["ingest", "x", "--profile", "lzw"], 2, "zstd, deflate"),
        (["ingest", "x", "--subsystem", "UV"], 2, "VNIR, SWIR, TIR"),
        (["ingest", "nothing*.hdf"], 3, "no granule was found in nothing*.hdf"),
        (["ingest", "missing.hdf"], 7, "missing.hdf: cannot be opened"),
        (["ingest", "page.hdf"], 7, "HTML page"),
        (["items", "--catalog", "nowhere"], 7, "holds no catalog.json"),
        (["sql", "select 1", "--catalog", "nowhere"], 7, "holds no catalog.json"),
        (["index", "compute", "evi9", "-o", "x.nc"], 2, "no index; nearest are ndvi"),
        (["export", "-o", "x.shp"], 2, "a name ending in .nc"),
        (["export", "-o", "page.hdf/x.nc", "--catalog", "{catalog}"], 2, "is a file"),
        (["export", "-o", "x.nc", "--catalog", "{catalog}", "--datetime", "1999"], 3, "no item"),
        (["load", "--catalog", "{catalog}", "--crs", "EPSG:4326", "--resolution", "30"], 2, "--resolution 30"),
        (["load", "--catalog", "{catalog}", "--crs", "EPSG:32799", "--resolution", "30"], 2, "nearest are EPSG:"),
        (["load", "--catalog", "{catalog}", "--region", "austria"], 2, "did you mean australia"),
        (["export", "-o", "x.nc", "--catalog", "{catalog}", "--bbox", "1,2"], 2, "bbox"),
        (["items", "--catalog", "{catalog}", "--datetime", "soon"], 2, "soon"),
        (["sql", "select nothing", "--catalog", "{catalog}"], 2, "SQL"),
        (["sql", "copy items to 'x.csv'", "--catalog", "{catalog}"], 2, "SQL"),
        (["sample-data", "page.hdf"], 1, ""),
        (["fly"], 2, "No such command"),
    ],
)
def test_codes_of_errors(run: Any, catalog: Catalog, tmp_path: Path, words: list[str], code: int, message: str) -> None:
    (tmp_path / "page.hdf").write_text("<html>log in</html>")
    done = run(*[word.replace("{catalog}", str(catalog.root)) for word in words])
    assert done.returncode == code, done.stderr
    assert message in done.stderr and done.stdout == ""
    assert not list(tmp_path.glob("x.*"))


def test_a_grid_that_was_chosen_is_said_beside_the_plan(run: Any, catalog: Catalog) -> None:
    """The plan is the data of this command; the grid taken for scenes of two zones is said on stderr."""
    done = run("load", "--explain", "--json", "--catalog", str(catalog.root), "--bands", "B10")
    assert done.returncode == 0 and "--crs EPSG:32754 --resolution 90" in done.stderr, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["crs"], plan["bands"]) == ("EPSG:32754", ["B10"])


def test_some_granules_fail(run: Any, tmp_path: Path) -> None:
    write_aster_l1t_003(DAY, tmp_path)
    (tmp_path / "bad.hdf").write_bytes(b"")
    done = run("ingest", ".", "--catalog", "c", "--json")
    assert done.returncode == 4 and "failed bad.hdf: " in done.stderr
    assert json.loads(done.stdout)["counts"] == {"ingested": 1, "replaced": 0, "skipped": 0, "added": 0, "failed": 1}


def test_a_contradiction_is_said(run: Any, tmp_path: Path) -> None:
    write_aster_l1t_003(DAY, tmp_path, faults=Faults(coefficients=(("B01", 9.0),)))
    done = run("ingest", ".", "--catalog", "c")
    assert done.returncode == 0 and "B01" in done.stderr and "contradicts" in done.stderr


def test_interrupted_ingest(repository: Path, granules: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stacaster", "ingest", str(granules), "--catalog", str(tmp_path / "c")]
    env = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "c" / ".stacaster").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    assert not list((tmp_path / "c" / ".stacaster" / "staging").iterdir())
    report = stacaster.ingest([granules], catalog=tmp_path / "c")
    assert not report.failed and len(stacaster.open_catalog(tmp_path / "c").search()) == 8


def test_help_of_every_command_has_an_example(run: Any) -> None:
    overall = run("--help").stdout
    for name, command in cli.commands.items():
        assert name in overall
        text = run(name, "--help").stdout
        assert "Example" in text and f"stacaster {name}" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
    assert run("--version").stdout.strip() == f"stacaster, version {stacaster.__version__}"


def test_start_is_light() -> None:
    heavy = {
        "numpy",
        "xarray",
        "rasterio",
        "duckdb",
        "pyarrow",
        "pystac",
        "shapely",
        "pyproj",
        "dask",
        "rich",
        "pandas",
    }
    code = "import sys; from stacaster.cli import cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} & heavy == set()


def test_cubes_on_the_command_line(run: Any, catalog: Catalog, tmp_path: Path) -> None:
    place = ("--catalog", str(catalog.root), "--datetime", "2003-08-30")
    plan = json.loads(run("load", "--explain", "--json", *place, "--bands", "B01", "--bands", "nir").stdout)
    assert plan["bands"] == ["B01", "nir"] and plan["items"] == 1 and plan["bytes_to_read"] > 0
    assert plan["crs"] in ("EPSG:32753", "EPSG:32754")
    assert "bytes_of_cube" in run("load", "--explain", *place, "--bands", "B01").stdout
    read = run(
        "load", "--json", *place, "--bands", "B01", "--crs", "EPSG:32754", "--resolution", "120", "--mask", "cloud"
    )
    assert {row["status"] for row in json.loads(read.stdout)} == {"read"} and "5 read" in read.stderr
    assert "Warning" not in read.stderr
    grid = run("check", "--same-grid", "--catalog", str(catalog.root), "--bands", "B01", "--json")
    (row,) = json.loads(grid.stdout)
    assert grid.returncode == 1 and not row["is_one_grid"] and set(row["crs"]) == {"EPSG:32753", "EPSG:32754"}
    assert run("check", "--same-grid", *place, "--bands", "B01").returncode == 0
    assert run("check", "--catalog", str(catalog.root)).returncode == 2
    done = run("export", "-o", "x.nc", *place, "--bands", "B01", "--mask", "cloud", "--n-obs", "--with-source",
               "--point", "138.52,-31", "--radius", "600")  # fmt: skip
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "x.nc", decode_coords="all") as found:
        assert {"B01", "n_obs", "source"} <= set(found.data_vars) and found.item.size == 1
        assert "mask_rules" in found.B01.attrs and "masks" not in found.source.attrs
        whole = catalog.load(bands=["B01"], datetime="2003-08-30", native=True, mask="cloud", point=(138.52, -31),
                             radius=600)  # fmt: skip
        assert np.array_equal(found.B01.fillna(0), whole.B01)


def test_points_on_the_command_line(run: Any, catalog: Catalog, tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [138.52, -31]}
    feature = {"type": "Feature", "properties": {"name": "a"}, "geometry": point}
    (tmp_path / "p.geojson").write_text(json.dumps(feature))
    place = ("--catalog", str(catalog.root), "--bands", "B13")
    done = run("sample", "p.geojson", "-o", "v.csv", *place, "--units", "brightness_temperature")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "v.csv").read_text().splitlines()
    assert lines[0].split(",")[:3] == ["name", "point", "item_id"] and len(lines) == 7
    assert run("sample", "p.geojson", "-o", "v.csv", *place).returncode == 2, "a file that exists is kept"
    assert run("sample", "p.geojson", "-o", "v.csv", *place, "--overwrite").returncode == 0
    wrong = run("sample", "p.geojson", "-o", "v.txt", *place)
    assert wrong.returncode == 2 and ".parquet, .gpkg, .csv" in wrong.stderr
    assert run("sample", "p.geojson", "-o", "w.csv", *place, "--datetime", "1990").returncode == 3
    for words, code, text in (
        (("load", "--bands", "B99"), 2, "nearest are B09"),
        (("load", "--bands", "B01", "--units", "radiances"), 2, "nearest are radiance"),
        (("load", "--region", "austrlia"), 2, "did you mean australia"),
        (("load", "--datetime", "1990"), 3, "no item of"),
        (("load", "--point", "1"), 2, "LON,LAT"),
    ):
        failed = run(*words, "--catalog", str(catalog.root))
        assert failed.returncode == code and text in failed.stderr, failed.stderr


def test_indices_on_the_command_line(run: Any, catalog: Catalog, tmp_path: Path) -> None:
    rows = json.loads(run("index", "list", "--json").stdout)
    assert len(rows) > 50 and {"name", "expression", "citation", "display_range", "needs_swir"} <= set(rows[0])
    some = json.loads(run("index", "list", "--json", "--bands", "B05", "--bands", "B07").stdout)
    assert {row["name"] for row in some} == {"ga_aloh_composition", "ko_kaolinite", "ratio_5_7"}
    assert run("index", "list", "--bands", "B99").returncode == 3
    assert "Rouse" in run("index", "show", "ndvi", "--cite").stdout
    assert json.loads(run("index", "show", "KLI", "--json").stdout)["bands"] == ["B04", "B05", "B08", "B06"]
    place = ("--catalog", str(catalog.root), "--datetime", "2003-08-30")
    done = run("index", "compute", "(B05 + B07) / B06", "-o", "own.nc", *place, "--mask", "cloud")
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "own.nc") as found:
        assert found.own.attrs["expression"] == "(B05 + B07) / B06"
        cube = catalog.load(
            bands=["B05", "B06", "B07"], units="reflectance", native=True, mask="cloud", datetime="2003-08-30"
        )
        ratio = (cube.B05.astype(float) + cube.B07) / cube.B06
        assert np.allclose(found.own, ratio, rtol=1e-6, equal_nan=True) and int(found.own.count()) > 100
    wrong = run("index", "compute", "B05 + open('x')", "-o", "x.nc", *place)
    assert wrong.returncode == 2 and ">>>open" in wrong.stderr


def test_tracks_on_the_command_line(run: Any, tmp_path: Path) -> None:
    from stacaster.samples.icesat2 import TrackScene, write_icesat2

    (tmp_path / "tracks").mkdir()
    paths = write_icesat2(TrackScene(segments=20), tmp_path / "tracks")
    done = run("ingest", "tracks", "--catalog", "c", "--variables", "velocity_sc")
    assert done.returncode == 0, done.stderr
    listed = json.loads(run("variables", str(paths[2]), "--pattern", "canopy/*", "--json").stdout)
    assert {entry["path"].split("/")[-1] for entry in listed} >= {"h_canopy", "canopy_h_metrics"}
    assert "gt1l/land_segments/canopy/h_canopy\tfloat32\t4\tmeters" in run("variables", str(paths[2])).stdout
    done = run(
        "points", "photons", "-o", "p.gpkg", "--catalog", "c", "--where", "spot = 1", "--bbox", "138,-32,139,-31"
    )
    assert done.returncode == 0 and "wrote p.gpkg" in done.stderr, done.stderr
    assert run("points", "photons", "-o", "p.gpkg", "--catalog", "c").returncode == 2
    place = ["--catalog", "c", "--crs", "EPSG:32754", "--resolution", "100", "--statistic", "median"]
    done = run("grid", "photons", "-o", "t.tif", *place)
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "t.tif") as file:
        assert file.crs.to_epsg() == 32754 and 100 < float(np.nanmedian(file.read(1))) < 140
    done = run("points", "photons", "-o", "f.parquet", "--fit", "--parameter", "len=100", "--parameter", "res=100",
               "--parameter", "srt=0", "--parameter", "cnf=3", "--catalog", "c")  # fmt: skip
    assert done.returncode == 0, done.stderr
    fitted = gpd.read_parquet(tmp_path / "f.parquet")
    assert {"h_mean", "pflags", "w_surface_window_final"} <= set(fitted.columns) and fitted.crs.to_epsg() == 7912
    assert 10 <= len(fitted) <= 24 and (fitted.groupby("beam").x_atc.diff().dropna() > 99).all()
    for process, column in (("vegetation", "h_canopy"), ("blanket", "top_of_surface"), ("density", "density")):
        output = f"{process}.parquet"
        done = run("points", "photons", "-o", output, "--process", process, "--catalog", "c")
        assert done.returncode == 0 and column in gpd.read_parquet(tmp_path / output), done.stderr
    for words, said in ((("--fit", "--parameter", "length=3"), "no parameter 'length'"),
                        (("--process", "density", "--parameter", "len=3"), "no parameter 'len'"),
                        (("--process", "vegetatoin"), "process is"),
                        (("--parameter", "len=3"), "--process")):  # fmt: skip
        done = run("points", "photons", "-o", "w.parquet", *words, "--catalog", "c")
        assert done.returncode == 2 and said in done.stderr, done.stderr
    done = run("sql", "select count(*) from segments", "--catalog", "c")
    assert done.returncode == 2 and "name one of atl06_segments, atl08_segments" in done.stderr, done.stderr
    done = run("points", "fotons", "-o", "x.csv", "--catalog", "c")
    assert done.returncode == 2 and "no table 'fotons'" in done.stderr
    counted = run("sql", "select count(*) as n from photons", "--catalog", "c")
    assert counted.returncode == 0 and int(counted.stdout.split()[-1]) > 100
