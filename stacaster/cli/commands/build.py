"""Build a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stacaster import errors
from stacaster.cli import cluster_options, conditions, inputs, options, show
from stacaster.config import Settings


@click.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n  stacaster ingest granules/ --catalog catalogs/demo --workers 2\n"
               "  stacaster ingest 'AST_L1T_003*.hdf' --subsystem TIR --dry-run\n"
               "  stacaster ingest scenes.json   # of 'stacaster search -o scenes.json'\n"
               "  stacaster ingest --product AST_L1T --region south_australia --datetime 2003 --limit 10\n"
               "  stacaster ingest 'NISAR_L2_*_GCOV_*.h5' --bands HHHH,HVHV --bbox 138.5,-31.2,138.8,-31\n"
               "  stacaster ingest --product NISAR_L2_GCOV --bbox 138.5,-31.2,138.8,-31.0 --latest 5 --remote\n"
               "  stacaster ingest granules/ --executor slurm --option partition=work --window 50")  # fmt: skip
@click.argument("files", nargs=-1, metavar="FILE|DIR|GLOB...")
@options.ingest_options
@options.wanted_options
@click.option("--product", metavar="NAME", help="Search and download granules of a product instead of naming files.")
@conditions.conditions_of_search
@options.cache_option
@click.option("--discard-source", is_flag=True, help="Delete a download once the catalog has it.")
@click.option("--no-copy", is_flag=True, help="Register the provider's COGs in place instead of downloading.")
@click.option(
    "--executor",
    type=click.Choice(["processes", "dask", "slurm"]),
    default="processes",
    show_default=True,
    help="Where granules are fetched and converted; all machines see the same files.",
)
@cluster_options.cluster_options
@click.option("--folder", metavar="DIR", help="slurm: folder for scripts and logs. [default: beside the catalog]")
@options.json_option
@click.pass_context
def ingest(context: click.Context, /, files: tuple[str, ...], product: str | None, as_json: bool, **rest: Any) -> int:
    """Turn granule files into one verified COG per band and register them in a catalog.

    With --product the granules are searched and downloaded first; conditions are those of 'stacaster search'.
    Without it, --bbox, --region and --intersects cut the granules to the area, each band on its own lattice.
    """
    import stacaster

    asked = {name: rest.pop(name) for name in (*conditions.CONDITIONS, *_OF_SEARCH)}
    area = {name: asked[name] for name in _AREA}
    _check_ingest(context, files, product, tuple(name for name in asked if name not in _AREA))
    machines = {name: rest.pop(name) for name in ("executor", "address", "options", "window", "max_array", "folder")}
    if machines["executor"] != "processes":
        machines |= {"workers": rest["workers"] or 2, "options": machines["options"] or {}}
        machines["folder"] = None if machines["folder"] is None else Path(machines["folder"])
        rest["workers"] = stacaster.executors.Cluster(**machines)
    elif rest["workers"] is None and not rest["dry_run"]:
        click.echo(f"up to {Settings.build().workers} worker processes; --workers says how many", err=True)
    paths, missing = inputs.with_downloads(files, asked["cache_dir"])
    for outcome in missing:
        click.echo(f"failed {outcome.granule}: {outcome.reason}", err=True)
    if files and not paths:
        return show.code_of_failures([outcome.error for outcome in missing], len(missing))
    with show.ingest_progress() as progress:
        if product is None:
            report = stacaster.ingest(paths, progress=progress, **rest, **options.given(area))
        else:
            report = stacaster.ingest_search(product, progress=progress, **rest, **asked)
    code = show.outcome(report, as_json=as_json, dry_run=rest["dry_run"])
    return errors.PARTIAL_EXIT_CODE if missing and code == 0 else code


_OF_SEARCH = ("cache_dir", "discard_source", "no_copy", "clip", "remote", "s3", "with_classes")
_AREA = ("bbox", "intersects", "region", "name_column")


def _check_ingest(context: click.Context, files: tuple[str, ...], product: str | None, names: tuple[str, ...]) -> None:
    if product is not None and files:
        raise click.UsageError("files are named, and --product searches for others; give one of them")
    if product is None and not files:
        raise click.UsageError("Missing argument 'FILE|DIR|GLOB...': name files, or a product with --product")
    given = [name for name in names if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if product is None and given:
        option = next(param.opts[0] for param in context.command.params if param.name == given[0])
        raise click.UsageError(f"{option} is a condition of a search and needs --product")


@click.command(epilog="\b\nExamples:\n  stacaster regions\n  stacaster regions --json")
@options.json_option
def regions(as_json: bool) -> None:
    """List the regions that --region knows, with their boxes in degrees."""
    from stacaster.geo.regions import REGIONS

    sides = ("west", "south", "east", "north")
    rows = [{"name": name, **dict(zip(sides, box, strict=True))} for name, box in REGIONS.items()]
    show.rows(rows, ("name", *sides), as_json=as_json)


@click.command("sample-data", epilog="\b\nExample:\n  stacaster sample-data granules")
@click.argument("directory", metavar="DIR")
@click.option("--product", default="AST_L1T", show_default=True, metavar="NAME",
              help="AST_07 ... (HDF4), AST_L1T_004 ... (GeoTIFF), NISAR_L2_GCOV, ICESAT2, SENTINEL-1_SLC.")  # fmt: skip
@click.option("--full-size", is_flag=True, help="One granule of 133 MB instead of a small set.")
@options.overwrite_option
def sample_data(directory: str, **rest: Any) -> None:
    """Write simulated granules over South Australia. They are not measurements."""
    import stacaster

    with show.count_progress("writing") as progress:
        paths = stacaster.sample_data(directory, progress=progress, **rest)
    click.echo(f"wrote {len(paths)} files of simulated data to {directory}", err=True)
