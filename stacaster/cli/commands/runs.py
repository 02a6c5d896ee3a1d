"""Everything in one command: search, fetch, ingest, and a cube or tiles."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stacaster import errors
from stacaster.cli import cluster_options, conditions, options, show

if TYPE_CHECKING:
    from stacaster.runs import RunResult

_MAKE: tuple[Callable[..., Any], ...] = (
    click.option("--bands", multiple=True, metavar="NAME",
                 help="Band or common name; may be repeated. [default: those of --subsystem, or all]"),
    click.option("--index", multiple=True, metavar="NAME", help="Index, in place of bands; may be repeated."),
    click.option("--composite", metavar="METHOD", help="median, geomedian, bare_earth, p10 ..."),
    options.period_option,
    click.option("--units", metavar="NAME", help="dn, radiance, reflectance, brightness_temperature ..."),
    click.option("--mask", multiple=True, metavar="NAME", help="Masks as for load; may be repeated."),
    options.groupby_option,
    click.option("--resampling", metavar="NAME", help="nearest, bilinear, average ... [default: nearest]"),
)  # fmt: skip


def _make_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_MAKE):
        function = option(function)
    return function


def _needed_product(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--product", required=True, metavar="NAME", help="Product, such as AST_L1T.")(function)


@click.command(cls=options.LenientCommand,
               epilog="\b\nExample:\n  stacaster run --product AST_L1T --region south_australia --start 2003-01-01 "
               "--end 2003-03-31 \\\n    --subsystem VNIR --crs EPSG:3577 --resolution 90 -o x.nc")  # fmt: skip
@_needed_product
@options.result_option
@options.ingest_options
@conditions.conditions_of_run
@options.cache_option
@click.option("--discard-source", is_flag=True, help="Delete a download once the catalog has it.")
@_make_options
@click.option("--crs", metavar="CRS", help="CRS of the cube. [default: the scenes' own grid]")
@click.option("--resolution", metavar="N", help="Pixel size, with --crs.")
@options.overwrite_option
@options.json_option
def run(product: str, output: str, as_json: bool, **rest: Any) -> int:
    """Search, download, ingest, and write a cube of what was found; the same command goes on when interrupted."""
    import stacaster

    with ExitStack() as stack:
        rest["progress"] = stack.enter_context(show.ingest_progress())
        rest["export_progress"] = stack.enter_context(show.count_progress("cube"))
        result = stacaster.run(product, output, **rest)
    return _told(result, as_json=as_json, dry_run=rest["dry_run"])


@click.command("global-run", cls=options.LenientCommand,
               epilog="\b\nExamples:\n  stacaster global-run --product AST_L1T --region south_australia "
               "--index ndvi --composite median --tile-size 1 -o run\n"
               "  stacaster global-run --product AST_L1T --recipe clay.toml --executor slurm "
               "--option partition=work -o run\n"
               "  stacaster global-run --product AST_L1T --recipe clay.toml --executor slurm --partition work "
               "--time 4:00:00 --memory 8G --script-only --scripts tile --script-dir jobs -o run")  # fmt: skip
@_needed_product
@click.option("-o", "--output", required=True, metavar="DIR", help="Folder of the run.")
@click.option("--recipe", metavar="FILE", help="What is computed of each tile, .toml or .json.")
@options.ingest_options
@conditions.conditions_of_run
@options.cache_option
@click.option("--discard-source", is_flag=True, help="Delete a download once the catalog has it.")
@_make_options
@click.option("--grid", metavar="NAME", help="degree, mercator, utm, mgrs or a projected CRS. [default: degree]")
@click.option("--tile-size", type=float, metavar="N", help="Degrees or metres; zoom of mercator. [default: 1]")
@click.option("--resolution", metavar="N", help="Pixel size in degrees or metres.")
@click.option("--format", "format", metavar="NAME", help="cog, netcdf or zarr. [default: cog]")
@click.option("--result-name", metavar="ID", help="Name of the results.")
@click.option(
    "--executor",
    default="processes",
    show_default=True,
    metavar="NAME",
    help="processes, threads, dask or slurm; clusters download and ingest too.",
)
@cluster_options.cluster_options
@cluster_options.script_options
@options.memory_option
@options.json_option
def global_run(product: str, output: str, as_json: bool, **rest: Any) -> int:
    """Search, download, ingest, and compute tiles of what was found; the same command goes on when interrupted."""
    import stacaster

    rest["sbatch"] = rest.pop("options")
    rest["workers"] = rest["workers"] or 1
    with ExitStack() as stack:
        rest["progress"] = stack.enter_context(show.ingest_progress())
        rest["tile_progress"] = stack.enter_context(show.count_progress("tiles"))
        result = stacaster.global_run(product, output, **rest)
    code = _told(result, as_json=as_json, dry_run=rest["dry_run"])
    if rest["script_only"] and result.counts is not None:
        click.echo(f"scripts are in {rest['script_dir'] or Path(output) / 'slurm'}", err=True)
    if result.counts is not None and result.counts["failed"]:
        # The reasons last, where a terminal shows them.
        _, failed = stacaster.tiles.tiles_status(output)
        for entry in failed[:_SHOWN]:
            click.echo(f"failed {entry.key}: {entry.reason}", err=True)
    return code


_SHOWN = 10


def _told(result: RunResult, *, as_json: bool, dry_run: bool) -> int:
    code = show.outcome(result.report, as_json=as_json, dry_run=dry_run)
    if result.counts is not None:
        click.echo("tiles: " + ", ".join(f"{count} {key}" for key, count in result.counts.items() if count), err=True)
        if result.counts["failed"]:
            code = errors.PARTIAL_EXIT_CODE
    if result.path is not None:
        show.written(result.path)
    return code
