"""Every example of every ``--help`` runs on sample data; those that need a service elsewhere are parsed."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import geopandas
import pytest
import shapely

import stacaster
from stacaster.catalog import Catalog
from stacaster.cli import _run, cli
from stacaster.cli.messages import command_of
from stacaster.samples import DEFAULT_SCENES
from tests.earthdata_twin.granules import serve
from tests.earthdata_twin.server import Twin
from tests.ingest.test_any_granule import write_cf, write_hdf4

RECIPE = """
grid = "EPSG:32754"
tile_size = 90000
resolution = 90
index = ["ndvi"]
composite = "median"
"""
ELSEWHERE = {
    "serve": "goes on until Ctrl-C", "collections": "needs an archive with titles",
    "publish": "needs a bucket", "stack": "needs the facility's archive",
    "--executor dask --address": "needs a scheduler", "executor slurm": "needs Slurm",
    "tiles submit run --option": "needs Slurm", "--watch": "goes on", "--login": "needs Earthdata",
    "planetary-computer": "is another service", "NISAR": "other granules",
    "SENTINEL-1": "is another archive", "nisar": "another catalog", "scenes.parquet": "another catalog",
}  # fmt: skip
ANY_GRANULE = {
    "mine.nc": write_cf, "my_granule.nc": write_cf, "MOD13Q1.A2020001.h29v12.061.2020018001022.hdf": write_hdf4,
}  # fmt: skip
NETWORK = re.compile(r"^(?:search|fetch|footprints|run|global-run)\b|--product AST_L1T\b(?!.*cache)")


def examples(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the examples of a group and all its commands, without the name of the program."""
    texts = [command.epilog or "" for command in (group, *group.commands.values())]
    for text in texts:
        joined = re.sub(r"\\\n\s+", "", text).replace("\n      --", " --")
        for line in joined.splitlines():
            if line.strip().startswith("stacaster "):
                yield from (part.strip().removeprefix("stacaster ") for part in line.split("&&"))
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from examples(command, (*path, name))


EXAMPLES = sorted(set(examples(cli)))


def words_of(example: str) -> list[str]:
    words = shlex.split(example, comments=True)
    return words[: words.index(">")] if ">" in words else words


def test_every_command_has_an_example() -> None:
    def leaves(group: click.Group, path: str = "") -> Iterator[str]:
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from leaves(command, f"{path}{name} ")
            else:
                yield f"{path}{name}"

    lacking = [leaf for leaf in leaves(cli) if not any(entry.startswith(leaf) for entry in EXAMPLES)]
    assert lacking == []
    assert len(EXAMPLES) > 80


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_parses(example: str) -> None:
    words = words_of(example)
    command: click.Command = cli
    # A group may do something itself: then options follow its name.
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    with click.Context(command, info_name="x") as context:
        command.parse_args(context, words)


@pytest.fixture(scope="module")
def inputs(catalog: Catalog, granules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples name."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "granules").symlink_to(granules)
    for name in ("demo", "old", "new"):
        shutil.copytree(catalog.root, folder / "catalogs" / name)
    shutil.copytree(catalog.root, folder / "other")
    for entry in granules.glob("*.hdf"):
        (folder / entry.name).symlink_to(entry)
    (folder / "granule.hdf").symlink_to(next(granules.glob("*.hdf")))
    area = geopandas.GeoDataFrame({"unit": ["shale"]}, geometry=[shapely.box(138.51, -31.01, 138.55, -30.98)], crs=4326)
    for name in ("geology.gpkg", "paddocks.gpkg"):
        area.to_file(folder / name)
    sites = geopandas.GeoDataFrame({"day": ["2003-08-30"]}, geometry=[shapely.Point(138.53, -31.0)], crs=4326)
    sites.to_file(folder / "sites.gpkg")
    for name in ("recipe.toml", "clay.toml"):
        (folder / name).write_text(RECIPE, encoding="utf-8")
    plan = stacaster.tiles.plan_tiles(
        stacaster.tiles.read_recipe(folder / "recipe.toml"), catalog=catalog.root, bbox=(138.4, -31.1, 138.6, -30.9)
    )
    plan.write(folder / "planned")
    plan.write(folder / "computed")
    stacaster.tiles.run_tiles(folder / "computed")
    return folder


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of points, and its granules."""
    folder = tmp_path_factory.mktemp("tracks")
    stacaster.sample_data(folder / "granules", product="ICESAT2")
    stacaster.ingest([folder / "granules"], catalog=folder / "catalog")
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of a twin of Earthdata with one scene."""
    folder = tmp_path_factory.mktemp("twin")
    box = (138.45, -31.08, 138.62, -30.93)
    with Twin(folder) as running:
        scene = replace(DEFAULT_SCENES[1], tir_shape=(17, 20), acquired=DEFAULT_SCENES[1].acquired.replace(month=3))
        serve(running, [(scene, box)], folder / "originals")
        yield {**running.environment, "EARTHDATA_TOKEN": "canary-token-1"}


def place(inputs: Path, example: str, folder: Path) -> None:
    """Lay out what an example may change as copies, the rest as links."""
    words = words_of(example)
    for entry in inputs.iterdir():
        if entry.name in ("planned", "computed"):
            continue
        if entry.name == "catalogs" or (entry.name == "granules" and words[0] == "sample-data"):
            if entry.name == "catalogs":
                shutil.copytree(entry, folder / entry.name)
            continue
        (folder / entry.name).symlink_to(entry)
    for name, write in ANY_GRANULE.items():
        # Only where it is named: patterns like *.hdf of other examples mean the scenes.
        if name in words:
            write(folder / name)
    if words[0] == "tiles" and words[1] != "plan":
        done = words[1] in ("collect", "map", "reproduce", "status")
        shutil.copytree(inputs / ("computed" if done else "planned"), folder / "run")


RUNNABLE = [entry for entry in EXAMPLES if not any(word in entry for word in ELSEWHERE)]


@pytest.mark.parametrize("example", RUNNABLE)
def test_an_example_runs(
    example: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place(inputs, example, tmp_path)
    catalog = tmp_path / "catalogs" / "demo"
    words = words_of(example)
    if "atl0" in example or "ATL08" in example:
        tracks = request.getfixturevalue("tracks")
        catalog = tracks / "catalog"
        files = sorted((tracks / "granules").glob("*ATL08*.h5"))
        words = [str(files[0]) if word.startswith("ATL08_") else word for word in words]
    if NETWORK.search(example) or "scenes.json" in example:
        for name, value in request.getfixturevalue("service").items():
            monkeypatch.setenv(name, value)
        if "fetch scenes.json" in example or "ingest scenes.json" in example:
            stacaster.search("AST_L1T").write(tmp_path / "scenes.json")
        catalog = tmp_path / "catalogs" / "own"
    monkeypatch.setenv("STACASTER_CATALOG", str(catalog))
    monkeypatch.setenv("STACASTER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code = _run(words, command_of(cli, words))
    told = capsys.readouterr().err
    assert "unexpected" not in told, told
    # A service or cache that has nothing of the kind, and two catalogs that differ, are answers.
    allowed = {0, 3} if NETWORK.search(example) or words[0] == "cache" else {0}
    assert code in allowed, told
