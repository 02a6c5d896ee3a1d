"""Tiled runs: the same bytes wherever and however often they are computed, nothing lost, nothing done twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pytest
import rasterio
import xarray as xr

import stacaster
from stacaster.catalog import Catalog
from stacaster.errors import CatalogError, LoadError, NothingFoundError, SpaceError, StacasterError, UsageError
from stacaster.tiles import plan_tiles, read_recipe, retry_tiles, run_tiles, tiles_status
from stacaster.tiles.ledger import Ledger
from tests import stac_schemas

RECIPE: dict[str, Any] = {
    "index": ["ndvi"], "composite": "median", "grid": "EPSG:32754", "tile_size": 1920, "resolution": 30,
    "datetime": "2001/2007",
}  # fmt: skip
PLACE = (138.50, -31.02, 138.57, -30.97)


def files_of(run: Path) -> dict[str, bytes]:
    tiles = run / "tiles"
    return {
        path.relative_to(tiles).as_posix(): path.read_bytes() for path in sorted(tiles.rglob("*")) if path.is_file()
    }


def planned(catalog: Catalog, folder: Path, **changes: Any) -> Path:
    recipe = read_recipe({**RECIPE, **changes})
    return plan_tiles(recipe, catalog=catalog.root, bbox=PLACE).write(folder)


@pytest.fixture(scope="module")
def home(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A copy of the catalog beside which runs lie, so that relative links are the same in all of them."""
    root = tmp_path_factory.mktemp("home") / "catalog"
    shutil.copytree(catalog.root, root)
    return stacaster.open_catalog(root)


@pytest.fixture(scope="module")
def serial(home: Catalog) -> Path:
    """A run that one process did without disturbance."""
    run = planned(home, home.root.parent / "serial")
    counts = run_tiles(run)
    assert counts["done"] > 8 and not counts["failed"] and not counts["pending"]
    return run


def test_the_manifest_of_a_run(catalog: Catalog, tmp_path: Path) -> None:
    document = json.loads((planned(catalog, tmp_path / "run") / "run.json").read_text())
    assert set(document["software"]) == {"stacaster", "gdal", "numpy", "odc-stac", "xarray"}
    assert document["area"] == {"bbox": list(PLACE)} and document["recipe"]["index"] == ["ndvi"]
    assert str(tmp_path) not in json.dumps(document["area"])


def test_a_plan_says_what_it_costs(catalog: Catalog) -> None:
    plan = plan_tiles(read_recipe(RECIPE), catalog=catalog.root, bbox=PLACE)
    estimates = plan.estimates
    assert estimates["tiles"] == len(plan.tasks) and estimates["tiles"] + estimates["tiles_without_scenes"] >= 12
    assert estimates["input_pixels"] == estimates["scenes_read"] * 2 * 64 * 64
    assert estimates["output_bytes_uncompressed"] == estimates["tiles"] * 64 * 64 * 4
    assert "input_pixels" in plan._repr_html_()
    # Scenes of the night, and of other places, are in no task.
    ids = {item for task in plan.tasks for _, item in task["items"]}
    assert ids and all("B02" in item.assets for item in catalog.search(ids=sorted(ids)).items())


def test_tiles_are_pixels_of_one_mosaic(home: Catalog, serial: Path) -> None:
    """No seam: every tile equals the same window of one large composite."""
    items = [item for item in home.search(datetime="2001/2007").items() if "B02" in item.assets]
    root = stacaster.tiles.collect_tiles(serial)
    found = stacaster.open_catalog(root)
    with rasterio.open(serial / "mosaics" / "ndvi.vrt") as mosaic:
        from odc.geo.geobox import GeoBox

        geobox = GeoBox(mosaic.shape, mosaic.transform, mosaic.crs)
        pixels = mosaic.read(1)
        assert np.isnan(mosaic.nodata)
    whole = stacaster.load(items, bands=["nir", "red"], geobox=geobox, units="reflectance")
    expected = stacaster.compute_index(stacaster.composite(whole, "median"), "ndvi")
    assert np.array_equal(pixels, expected.values, equal_nan=True) and np.isfinite(pixels).sum() > 10_000
    with rasterio.open(serial / "mosaics" / "ndvi.gti.gpkg") as index:
        window = index.window(*mosaic.bounds)
        assert np.array_equal(index.read(1, window=window), pixels, equal_nan=True)
    again = odc.stac.load(
        found.search().items(), bands=["ndvi"], geobox=geobox, stac_cfg=found.stac_cfg(), groupby="solar_day"
    )
    assert np.array_equal(again["ndvi"].values[0], pixels, equal_nan=True)


def test_collected_tiles_are_a_true_catalog(serial: Path, shared: Path) -> None:
    root = stacaster.tiles.collect_tiles(serial)
    assert stacaster.catalog.check_catalog(root, deep=True) == []
    items = list(stacaster.open_catalog(root).search().items())
    counts, _ = tiles_status(serial)
    assert len(items) == counts["done"]
    for item in items:
        assert item.properties["grid:code"].startswith("EPSG32754-1.92KM-")
        assert item.assets["ndvi"].extra_fields["processing:expression"]["expression"] == "(nir - red) / (nir + red)"
        sources = [link for link in item.links if link.rel == "derived_from"]
        assert len(sources) == item.properties["stacaster:scenes"] > 0
        assert all(Path(str(link.href)).is_file() for link in sources)
        tile = serial / "tiles" / item.properties["grid:code"] / item.id / "ndvi.tif"
        assert tile.samefile(item.assets["ndvi"].href), "linked, not copied"
    for path in root.rglob("*.json"):
        if ".stacaster" not in path.parts:
            assert stac_schemas.check(json.loads(path.read_text()), shared / "schemas") == [], path.name
    assert stacaster.tiles.collect_tiles(serial) == root


@pytest.mark.parametrize("options", [{"executor": "threads", "workers": 2}, {"executor": "dask", "workers": 2},
                                     {"workers": 2}, {"memory_mb": 64, "workers": 1}])  # fmt: skip
def test_every_executor_gives_the_same_bytes(home: Catalog, serial: Path, options: dict[str, Any]) -> None:
    run = planned(home, home.root.parent / "-".join(str(value) for value in options.values()))
    steps: list[tuple[int, int]] = []
    counts = run_tiles(run, progress=lambda done, total, _: steps.append((done, total)), **options)
    assert counts == tiles_status(serial)[0]
    assert files_of(run) == files_of(serial)
    assert steps[-1][0] == steps[-1][1] == sum(counts.values())
    # A second run has nothing to do.
    before = {path: path.stat().st_mtime_ns for path in (run / "tiles").rglob("*")}
    assert run_tiles(run) == counts
    assert {path: path.stat().st_mtime_ns for path in (run / "tiles").rglob("*")} == before


def test_a_run_that_is_killed_goes_on(home: Catalog, serial: Path) -> None:
    run = planned(home, home.root.parent / "killed")
    command = [sys.executable, "-m", "stacaster", "tiles", "run", str(run), "--workers", "2"]
    rounds = 0
    while tiles_status(run)[0]["pending"] and rounds < 30:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = tiles_status(run)[0]["done"]
        deadline = time.monotonic() + 60
        # After some tiles of each round, at no particular moment.
        while tiles_status(run)[0]["done"] <= before + 1 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rounds += 1
    counts = run_tiles(run)
    assert rounds >= 2 and counts == tiles_status(serial)[0]
    assert files_of(run) == files_of(serial)
    assert not list((run / "tiles").glob(".*"))


def test_two_runs_share_one_ledger(home: Catalog, serial: Path) -> None:
    run = planned(home, home.root.parent / "shared")
    command = [sys.executable, "-m", "stacaster", "tiles", "run", str(run)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert tiles_status(run)[0] == tiles_status(serial)[0]
    assert files_of(run) == files_of(serial)
    from stacaster.tiles.ledger import Ledger

    assert {entry.attempts for entry in Ledger(run / "ledger.sqlite").entries()} == {1}


@pytest.fixture
def own(catalog: Catalog, tmp_path: Path) -> Catalog:
    """A catalog that a test may damage."""
    shutil.copytree(catalog.root, tmp_path / "catalog")
    return stacaster.open_catalog(tmp_path / "catalog")


def test_a_tile_that_fails_costs_itself(own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    whole = tiles_status(run)[0]["pending"]
    (item,) = own.search(datetime="2003-08-30").items()
    broken = Path(item.assets["B02"].href)
    content = broken.read_bytes()
    broken.write_bytes(content[:2000])
    command = [sys.executable, "-m", "stacaster", "tiles", "run", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    counts, failed = tiles_status(run)
    assert counts["failed"] == len(failed) > 0 and counts["failed"] + counts["done"] + counts["empty"] == whole
    assert all(item.id in str(entry.reason) and "B02" in str(entry.reason) for entry in failed)
    assert f"failed {failed[0].key}" in done.stderr and "Traceback" not in done.stderr
    broken.write_bytes(content)
    assert retry_tiles(run) == counts["failed"]
    assert not run_tiles(run)["failed"]


def test_only_touched_tiles_become_stale(own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run", tile_size=960)
    counts = run_tiles(run)
    before = files_of(run)
    planned(own, run, tile_size=960)
    assert tiles_status(run)[0] == counts, "the same plan changes nothing"
    (item,) = own.search(datetime="2003-08-30").items()
    own.remove(ids=[item.id])
    planned(own, run, tile_size=960)
    stale = tiles_status(run)[0]["stale"]
    assert 0 < stale <= counts["done"]
    touched = {entry.key for entry in _entries(run) if entry.status == "stale"}
    run_tiles(run)
    after = files_of(run)
    assert {name.split("/")[0] for name in before if after.get(name) != before[name]} <= touched
    # Other settings touch all of them.
    planned(own, run, tile_size=960, composite="mean")
    found = tiles_status(run)[0]
    assert found["stale"] == counts["done"] - (counts["done"] - found["stale"] - found["done"]) and not found["done"]


def _entries(run: Path) -> list[Any]:
    from stacaster.tiles.ledger import Ledger

    return list(Ledger(run / "ledger.sqlite").entries())


def test_a_scene_that_is_removed_after_the_plan(own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    (item,) = own.search(datetime="2003-08-30").items()
    own.remove(ids=[item.id])
    counts = run_tiles(run)
    assert counts["failed"] > 0
    _, failed = tiles_status(run)
    assert all(f"{item.id} was removed from the catalog since the plan was made" in str(e.reason) for e in failed)
    planned(own, run)
    assert not run_tiles(run)["failed"]


def test_collect_follows_the_ledger(own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    run_tiles(run)
    first = {item.id for item in stacaster.open_catalog(stacaster.tiles.collect_tiles(run)).search().items()}
    own.remove(datetime="2003/2005")
    own.remove(datetime="2001")
    own = stacaster.open_catalog(own.root)
    if not [item for item in own.search(datetime="2001/2007", bbox=PLACE).items() if "B02" in item.assets]:
        with pytest.raises(NothingFoundError):
            planned(own, run)
        return
    planned(own, run)
    run_tiles(run)
    second = {item.id for item in stacaster.open_catalog(stacaster.tiles.collect_tiles(run)).search().items()}
    assert second != first
    assert len(second) == tiles_status(run)[0]["done"]


def test_netcdf_tiles(home: Catalog, serial: Path) -> None:
    run = planned(home, home.root.parent / "netcdf", format="netcdf")
    counts = run_tiles(run)
    paths = sorted((run / "tiles").rglob("*.nc"))
    assert len(paths) == counts["done"] == tiles_status(serial)[0]["done"]
    with xr.open_dataset(paths[3]) as file:
        tif = next((serial / "tiles" / paths[3].stem).rglob("ndvi.tif"))
        with rasterio.open(tif) as other:
            assert np.array_equal(file["ndvi"].values, other.read(1), equal_nan=True)
    with pytest.raises(UsageError, match="open_mfdataset"):
        stacaster.tiles.collect_tiles(run)


def test_recipes_from_files(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('index = ["ndvi"]\ncomposite = "median"\ntile_size = 0.5\nmask = "cloud"\n')
    recipe = read_recipe(tmp_path / "r.toml", composite="bare_earth")
    assert recipe.composite == "bare_earth" and recipe.mask == ("cloud",) and recipe.title == "ndvi-bare_earth"
    (tmp_path / "r.json").write_text(json.dumps(recipe.to_dict()))
    assert read_recipe(tmp_path / "r.json") == recipe == stacaster.tiles.Recipe(**vars(recipe))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"compsite": "median"}, "a recipe has no option 'compsite'; .*composite"),
        ({"tile_size": "large"}, "tile_size is 'large', but a number is needed"),
        ({"grid": 7}, "grid is 7, but a text is needed"),
        ({"composite": "medain"}, "'medain' is no composite"),
        ({"index": ["ndvi"], "units": "radiance"}, "the indices need units 'reflectance', not 'radiance'"),
        ({"period": "year"}, "needs a composite"),
        ({"format": "gif"}, "one of cog, netcdf, zarr"),
        ({"units": "kelvin"}, "kelvin"),
    ],
)
def test_recipes_that_are_wrong(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_recipe(given)


def test_bad_input_starts_nothing(catalog: Catalog, serial: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("index: ndvi")
    with pytest.raises(UsageError, match=r"ending in \.toml or \.json"):
        read_recipe(tmp_path / "r.yaml")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(CatalogError, match="holds something else"):
        planned(catalog, tmp_path / "mine")
    before = files_of(serial)
    with pytest.raises(CatalogError, match="another grid or format"):
        planned(catalog, serial, tile_size=960)
    assert files_of(serial) == before
    with pytest.raises(CatalogError, match="holds no run of tiles"):
        run_tiles(tmp_path / "mine")
    with pytest.raises(UsageError, match="'slurmy' is no executor"):
        run_tiles(serial, executor="slurmy")
    run = planned(catalog, tmp_path / "run")
    with pytest.raises(UsageError, match=r"scheduler tcp://127\.0\.0\.1:9 does not answer"):
        run_tiles(run, executor="dask", address="tcp://127.0.0.1:9")
    assert not (run / "tiles").exists()
    with pytest.raises(NothingFoundError, match="no scene of"):
        plan_tiles(read_recipe(RECIPE | {"grid": "degree", "tile_size": 1, "resolution": 0.01}), catalog=catalog.root,
                   bbox=(10, 40, 11, 41))  # fmt: skip
    with pytest.raises((UsageError, LoadError), match="band 'B99'"):
        plan_tiles(read_recipe({**RECIPE, "index": (), "bands": ["B99"]}), catalog=catalog.root)


def test_a_run_is_reproduced(own: Catalog, tmp_path: Path) -> None:
    run = planned(own, tmp_path / "run")
    run_tiles(run)
    assert stacaster.tiles.reproduce_tiles(run, tmp_path / "elsewhere" / "again", executor="threads", workers=2) == []
    command = [sys.executable, "-m", "stacaster", "tiles", "reproduce", str(run), "-o", str(tmp_path / "third")]
    (item,) = own.search(datetime="2003-08-30").items()
    own.remove(ids=[item.id])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7 and f"{item.id} was removed from the catalog" in done.stdout
    # Other pixels under the old name are found by their checksum.
    from stacaster.tiles.ledger import Ledger

    entry = next(Ledger(run / "ledger.sqlite").entries("done"))
    files = dict((entry.result or {})["files"])
    name = next(name for name in files if name.endswith("ndvi.tif"))
    mark = json.loads((run / "tasks.ndjson").read_text().splitlines()[0])["fingerprint"]
    Ledger(run / "ledger.sqlite").finish(
        entry.key, mark, "done", result={"status": "done", "files": {**files, name: {"size": 1, "checksum": "other"}}}
    )
    found = stacaster.tiles.reproduce_tiles(run / "run.json", tmp_path / "elsewhere" / "again")
    assert [(row["tile"], row["what"], row["was"]) for row in found] == [(entry.key, name, "other")]


def test_a_map_of_a_run(serial: Path, tmp_path: Path) -> None:
    path = stacaster.tiles.draw_tiles(serial, tmp_path / "map.png")
    with rasterio.open(path) as picture:
        colours = {tuple(colour) for colour in picture.read([1, 2, 3]).reshape(3, -1).T.tolist()}
    assert (0x2F, 0x9E, 0x44) in colours, "done is green"
    with pytest.raises(UsageError, match=r"ending in \.html or \.png"):
        stacaster.tiles.draw_tiles(serial, tmp_path / "map.pdf")


@pytest.mark.parametrize(
    "changes", [{}, {"period": "year"}, {"composite": None, "index": [], "bands": ["B02", "B13"]}, {"resolution": 15}]
)
def test_tiles_as_regions_of_one_zarr(home: Catalog, tmp_path: Path, changes: dict[str, Any]) -> None:
    pytest.importorskip("zarr")
    files = planned(home, tmp_path / "files", format="netcdf", **changes)
    run = planned(home, tmp_path / "run", format="zarr", **changes)
    counts = run_tiles(run, workers=2)
    assert counts == run_tiles(files, workers=2) and counts["done"] > 8
    store = stacaster.tiles.collect_tiles(run)
    with xr.open_zarr(store, chunks=None) as whole:
        seen = 0
        for path in sorted((files / "tiles").glob("*/*.nc")):
            with xr.open_dataset(path) as tile:
                for name in tile.data_vars:
                    part = whole[name].sel(x=tile.x, y=tile.y)
                    if "time" in tile.dims:
                        assert np.isnan(part.drop_sel(time=tile.time).values).all()
                        part = part.sel(time=tile.time)
                    assert np.array_equal(part.values, tile[name].values, equal_nan=True)
                    seen += int(np.isfinite(part.values).sum())
        assert seen == sum(int(np.isfinite(whole[name].values).sum()) for name in whole.data_vars)
        assert whole.rio.crs.to_epsg() == 32754 if hasattr(whole, "rio") else True
    with rasterio.open(f'ZARR:"{store}":/{next(iter(whole.data_vars))}') as opened:
        assert opened.shape == whole[next(iter(whole.data_vars))].shape[-2:]
    assert stacaster.tiles.reproduce_tiles(run, tmp_path / "again") == []
    # A run on the same store goes on; what it does again replaces what was there.
    chunk = next(path for path in sorted(store.glob("*/*.*")) if path.name[0].isdigit())
    content = chunk.read_bytes()
    chunk.unlink()
    Ledger(run / "ledger.sqlite").change(("done",), "pending")
    assert run_tiles(run) == counts and chunk.read_bytes() == content


def test_zarrs_that_cannot_be(home: Catalog, tmp_path: Path) -> None:
    for changes, message in (
        ({"grid": "mgrs", "tile_size": 100_000, "resolution": 20}, "share one CRS"),
        ({"index": []}, "name bands or an index"),
        ({"composite": None, "groupby": "solar_day"}, "groupby time"),
    ):
        with pytest.raises(UsageError, match=message):
            planned(home, tmp_path / "run", format="zarr", **changes)


def test_squares_of_the_military_grid(home: Catalog, tmp_path: Path) -> None:
    """Two zones meet at 138 E: a mosaic each, names that the library of the grid gives."""
    recipe = read_recipe({"index": ["ndvi"], "composite": "median", "grid": "mgrs", "resolution": 500})
    run = plan_tiles(recipe, catalog=home.root).write(tmp_path / "run")
    counts = run_tiles(run)
    assert counts["done"] >= 2 and not counts["failed"]
    items = list(stacaster.open_catalog(stacaster.tiles.collect_tiles(run)).search().items())
    for item in items:
        code = item.properties["grid:code"]
        box = item.assets["ndvi"].extra_fields["proj:transform"]
        assert code.startswith("MGRS-5") and box[2] % 100_000 == 0 and box[5] % 100_000 == 0
        assert item.assets["ndvi"].extra_fields["proj:code"] == f"EPSG:327{code[5:7]}"
    page = stacaster.tiles.draw_tiles(run, tmp_path / "map.html").read_text()
    assert page.count('<rect class="done"') == counts["done"] and "MGRS-5" in page and "http" not in page
    assert "stroke: #1d2733; stroke-width: 1" in page and 'name="viewport"' in page
    with pytest.raises(UsageError, match=r"\.html or \.png"):
        stacaster.tiles.draw_tiles(run, tmp_path / "map.svg")


def test_a_task_that_is_given_twice(home: Catalog, serial: Path) -> None:
    """What a cluster does that lost an answer: the same tile at the same time, and again later."""
    from concurrent.futures import ThreadPoolExecutor

    from stacaster.tiles.run import read_payloads
    from stacaster.tiles.task import run_tile

    run = planned(home, home.root.parent / "twice")
    key = next(entry.key for entry in Ledger(serial / "ledger.sqlite").entries("done"))
    payload = read_payloads(run, [key], 500)[key]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run_tile, [payload] * 8))
    assert len({json.dumps(result["files"], sort_keys=True) for result in results}) == 1
    expected = {name: content for name, content in files_of(serial).items() if name.startswith(f"{key}/")}
    assert files_of(run) == expected and not list((run / "tiles").glob(".*"))


def test_what_a_late_job_of_an_older_plan_wrote(own: Catalog, tmp_path: Path) -> None:
    run, other = planned(own, tmp_path / "run"), planned(own, tmp_path / "other", datetime="2001")
    counts = run_tiles(run)
    run_tiles(other)
    key = next(entry.key for entry in Ledger(other / "ledger.sqlite").entries("done"))
    shutil.rmtree(run / "tiles" / key)
    shutil.copytree(other / "tiles" / key, run / "tiles" / key)
    found = stacaster.open_catalog(stacaster.tiles.collect_tiles(run)).search()
    assert key not in {item.properties["grid:code"] for item in found.items()}
    assert tiles_status(run)[0]["stale"] == 1
    assert run_tiles(run) == counts
    assert len(list(stacaster.open_catalog(stacaster.tiles.collect_tiles(run)).search().items())) == counts["done"]


def test_a_full_disk(home: Catalog, serial: Path, tmp_path: Path, mount: Any) -> None:
    disk = home.root.parent / "disk"
    disk.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", "size=640k", "tmpfs", at=disk)
    run = planned(home, disk / "run")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    try:
        counts = run_tiles(run)
        assert counts["failed"] > 0
        assert all("disk is full" in str(e.reason) or "space" in str(e.reason) for e in tiles_status(run)[1])
    except SpaceError as error:
        assert "disk is full" in str(error) or "space" in str(error)
    assert not list((run / "tiles").glob(".*")), "what did not fit is gone"
    mount("-o", "remount,size=64m", at=disk)
    retry_tiles(run)
    assert run_tiles(run) == tiles_status(serial)[0]
    assert {name: c for name, c in files_of(run).items() if name.endswith(".tif")} == {
        name: c for name, c in files_of(serial).items() if name.endswith(".tif")
    }


def test_workers_that_die_on_dask(home: Catalog, serial: Path) -> None:
    from threading import Thread

    from distributed import Client, LocalCluster

    run = planned(home, home.root.parent / "dying")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        killed: list[int] = []

        def kill() -> None:
            while len(killed) < 3:
                time.sleep(1.5)
                workers = client.run(os.getpid)
                if workers:
                    killed.append(next(iter(workers.values())))
                    os.kill(killed[-1], signal.SIGKILL)

        thread = Thread(target=kill, daemon=True)
        thread.start()
        counts = run_tiles(run, executor="dask", address=cluster.scheduler_address)
        while counts["pending"]:
            counts = run_tiles(run, executor="dask", address=cluster.scheduler_address)
        killed += [0] * 3
    assert counts == tiles_status(serial)[0] and files_of(run) == files_of(serial)


def test_a_scheduler_that_dies(home: Catalog, serial: Path) -> None:
    """One line and nothing lost: the next run computes what is missing."""
    run = planned(home, home.root.parent / "headless")
    code = (
        "import sys, time; from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    c = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)\n"
        "    print(c.scheduler_address, flush=True); time.sleep(600)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(stacaster.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()

        def progress(done: int, total: int, last: str) -> None:
            if done >= 2:
                process.kill()

        with pytest.raises(StacasterError, match="scheduler is gone"):
            run_tiles(run, executor="dask", address=address, progress=progress)
    counts = tiles_status(run)[0]
    assert not counts["running"] and counts["pending"] > 0, "tasks that were with the cluster wait again"
    assert run_tiles(run) == tiles_status(serial)[0] and files_of(run) == files_of(serial)


def test_tile_40_needs_no_more_memory_than_tile_5(home: Catalog) -> None:
    run = planned(home, home.root.parent / "many", tile_size=480, resolution=15)
    counts = run_tiles(run)
    assert counts["done"] + counts["empty"] >= 40
    peaks = [int(entry.result["peak_memory"]) for entry in _entries(run) if entry.result]
    assert 50e6 < peaks[4] < 1.5 * 2**30 and peaks[39] < peaks[4] * 1.1
