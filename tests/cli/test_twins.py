"""Each command is the twin of a function: what one can be asked, the other can be asked, with the same defaults."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import click
import pytest

import stacaster
from stacaster.catalog import Catalog
from stacaster.cli import cli
from stacaster.model import names
from stacaster.model.run_options import RecipeOptions
from stacaster.model.stack_options import StackOptions
from stacaster.tiles import Recipe

NO_TEXT = {
    "anchor", "chunks", "driver", "dtype", "geobox", "like", "name_column", "native", "patch_url", "pool", "policy",
    "preserve_original_order", "progress", "export_progress", "tile_progress", "rules", "stac_cfg", "with_properties",
    "min_valid", "nodata", "use_overviews", "lon", "lat", "geopolygon", "align", "fuse_func", "fail_on_error",
    "x", "y", "cloud", "keep_masks", "strict", "resampling", "sky_irradiance", "platforms", "ids",
}  # fmt: skip
"""Options that a command line has no words for, or that few need there; a new option is either here or on commands."""

ALIASES = {"collections", "group_by", "stack_by", "max_items", "groupby"}
"""Other names of options: as names of the same option of the command."""


@dataclass(frozen=True)
class Twin:
    functions: tuple[Callable[..., Any], ...]
    renamed: dict[str, str] = field(default_factory=dict)
    """Names of the function by those of the command, where they differ."""
    own: frozenset[str] = frozenset()
    """What only the command has: how the result is printed, and what is given as an object in Python."""
    absent: frozenset[str] = frozenset()
    """What only the function has."""


def said(text: str) -> frozenset[str]:
    return frozenset(text.split())


SBATCH = said("partition account time_limit memory cpus_per_task")
"""Options of sbatch with names of their own, beside ``--option``."""

TWINS: dict[str, Twin] = {
    "search": Twin((stacaster.search,), own=said("output overwrite")),
    "load": Twin((Catalog.load,), own=said("explain catalog"), absent=said("report")),
    "sample": Twin((Catalog.sample,), own=said("output catalog overwrite")),
    "export": Twin((stacaster.export,)),
    "index compute": Twin((stacaster.export_index,), absent=said("units esun thermal emissivity")),
    "composite": Twin((stacaster.export_composite,)),
    "timeseries": Twin((stacaster.export_timeseries,)),
    "points": Twin((stacaster.write_points,), absent=said("limit sortby")),
    "grid": Twin((stacaster.write_point_grid,), absent=said("limit sortby")),
    "report": Twin((stacaster.catalog.write_report,), absent=said("limit sortby")),
    "ingest": Twin(
        (stacaster.ingest, stacaster.ingest_search), own=said("executor address options window max_array folder")
    ),
    "update": Twin(
        (stacaster.update,),
        absent=said("bands frequency split_complex variables classes s3 keep_files bbox intersects region"),
    ),
    "run": Twin((stacaster.run,), absent=said(
        "clip remote s3 keep_files with_classes frequency split_complex esun thermal emissivity mads greenness no_copy"
    )),
    "global-run": Twin((stacaster.global_run,), renamed={"options": "sbatch"}, absent=said(
        "clip remote s3 keep_files with_classes frequency split_complex no_copy"
    )),
    "tiles plan": Twin((stacaster.tiles.read_recipe, stacaster.tiles.plan_tiles),
                       renamed={"recipe": "source"}, own=said("output dry_run"), absent=said("recipe")),
    "tiles run": Twin((stacaster.tiles.run_tiles,)),
    "tiles submit": Twin((stacaster.tiles.submit_tiles,), renamed={"script_only": "submit"}),
    "tiles reproduce": Twin((stacaster.tiles.reproduce_tiles,), renamed={"source": "run"}),
    "stack": Twin((stacaster.sar.stack,)),
    "sample-data": Twin((stacaster.sample_data,)),
}  # fmt: skip


def options_of(function: Callable[..., Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Named parameters with their defaults, and all names with those of typed dictionaries."""
    parameters = {name: part for name, part in inspect.signature(function).parameters.items() if name != "self"}
    found = {name: part.default for name, part in parameters.items() if part.kind is not part.VAR_KEYWORD}
    typed: set[str] = set()
    for part in parameters.values():
        if part.kind is part.VAR_KEYWORD:
            assert part.annotation.startswith("Unpack["), f"{function.__qualname__}: {part}"
            family = getattr(sys.modules[function.__module__], part.annotation[7:-1])
            typed |= names.option_names(family)
    return found, frozenset(found) | typed


def command_of(name: str) -> click.Command:
    found: Any = cli
    for word in name.split():
        found = found.commands[word]
    assert isinstance(found, click.Command)
    return found


@pytest.mark.parametrize("name", TWINS)
def test_a_command_and_its_function_have_the_same_options(name: str) -> None:
    twin, command = TWINS[name], command_of(name)
    given = {twin.renamed.get(str(param.name), str(param.name)) for param in command.params} - {"as_json"}
    given -= SBATCH
    known: frozenset[str] = frozenset().union(*(options_of(function)[1] for function in twin.functions))
    assert twin.own <= given and twin.absent <= known, "the lists of this test are out of date"
    assert not sorted(given - twin.own - known), "the command has options that the function lacks"
    lacking = sorted(known - given - twin.absent - NO_TEXT - ALIASES)
    assert not lacking, "the function has options that the command lacks"


@pytest.mark.parametrize("name", TWINS)
def test_both_have_the_same_defaults(name: str) -> None:
    twin, command = TWINS[name], command_of(name)
    for param in command.params:
        key = twin.renamed.get(str(param.name), str(param.name))
        if param.required or key in ("submit", "workers", "max_array"):
            continue  # a switch that says the opposite; what the environment decides
        default = param.default if isinstance(param.default, (int, float, str, bool)) else None
        for function in twin.functions:
            wanted = options_of(function)[0].get(key)
            if key in options_of(function)[0] and wanted is not inspect.Parameter.empty:
                assert default == wanted or (not default and not wanted) or param.multiple, key


def words_of(param: click.Parameter) -> Iterable[str]:
    return [word.removeprefix("--").replace("-", "_") for word in param.opts]


@pytest.mark.parametrize("name", [name for name in TWINS if name not in ("ingest", "global-run", "run", "search")])
def test_other_names_of_an_option_are_names_of_the_command(name: str) -> None:
    known: frozenset[str] = frozenset().union(*(options_of(function)[1] for function in TWINS[name].functions))
    words = {word for param in command_of(name).params for word in words_of(param)}
    for alias, own in (("collections", "collection"), ("group_by", "groupby")):
        if {alias, own} <= known:
            assert (alias in words) == (own in words), alias


def test_a_recipe_has_the_fields_of_its_options() -> None:
    mine = {part.name for part in fields(Recipe)}
    assert names.option_names(RecipeOptions) == mine | {"collections", "group_by"}


def test_a_stack_is_asked_by_its_options() -> None:
    assert options_of(stacaster.sar.stack)[1] >= names.option_names(StackOptions)


PUBLIC = [getattr(stacaster, name) for name in stacaster.__all__ if inspect.isfunction(getattr(stacaster, name))]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_every_option_of_a_public_function_is_typed(function: Any) -> None:
    for part in inspect.signature(function).parameters.values():
        assert part.kind is not part.VAR_KEYWORD or part.annotation.startswith("Unpack["), part
        assert part.annotation is not part.empty
