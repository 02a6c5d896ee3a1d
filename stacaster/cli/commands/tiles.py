"""Tiles of a large area: plan, run, status, retry, cancel, collect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stacaster import errors
from stacaster.cli import cluster_options, options, show


@click.group(epilog="\b\nExample:\n  stacaster tiles plan recipe.toml -o run --region south_australia && "
             "stacaster tiles run run --workers 2 && stacaster tiles collect run")  # fmt: skip
def tiles() -> None:
    """From one scene to the world: tiles that are planned, computed anywhere, resumed and collected."""


@tiles.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n  stacaster tiles plan recipe.toml -o run --bbox 138,-32,139,-31 --dry-run\n"
               "  stacaster tiles plan -o run --index ndvi --composite median --tile-size 0.5")  # fmt: skip
@click.argument("recipe", required=False, metavar="[FILE]")
@click.option("-o", "--output", metavar="DIR", help="Folder of the run; not needed with --dry-run.")
@options.catalog_option
@options.bbox_option
@click.option("--region", metavar="NAME", help="Named region. [default: where the scenes are]")
@click.option("--intersects", metavar="FILE|GEOJSON", help="Polygons.")
@click.option("--grid", metavar="NAME", help="degree, mercator, utm, mgrs or a projected CRS. [default: degree]")
@click.option("--tile-size", type=float, metavar="N", help="Degrees or metres; zoom of mercator. [default: 1]")
@click.option("--resolution", metavar="N", help="Pixel size in degrees or metres.")
@options.collection_option
@options.datetime_option
@click.option("--filter", metavar="CQL2", help="CQL2 text, such as 'eo:cloud_cover < 10'.")
@click.option("--bands", multiple=True, metavar="NAME", help="Band or common name; may be repeated.")
@click.option("--index", multiple=True, metavar="NAME", help="Index, in place of bands; may be repeated.")
@click.option("--units", metavar="NAME", help="Units of the bands.")
@click.option("--mask", multiple=True, metavar="NAME", help="Masks as for load; may be repeated.")
@options.groupby_option
@click.option("--composite", metavar="METHOD", help="median, geomedian, bare_earth, p10 ...")
@options.period_option
@click.option("--greenness", type=float, metavar="N", help="Of bare_earth. [default: 20]")
@click.option("--resampling", metavar="NAME", help="nearest, bilinear, average ... [default: nearest]")
@click.option("--format", "format", metavar="NAME", help="cog, netcdf or zarr. [default: cog]")
@click.option("--result-name", "name", metavar="ID", help="Name of the results.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say how many tiles, scenes, bytes and hours.")
@options.json_option
def plan(
    recipe: str | None, output: str | None, catalog: str | None, dry_run: bool, as_json: bool, **rest: Any
) -> None:
    """Say which scenes which tile needs, from a recipe (.toml or .json) and options, which go before it."""
    import stacaster

    if output is None and not dry_run:
        raise click.UsageError("-o names the folder of the run; --dry-run needs none")
    place = {key: rest.pop(key) for key in ("bbox", "region", "intersects")}
    found = stacaster.tiles.plan_tiles(stacaster.tiles.read_recipe(recipe, **rest), catalog=catalog, **place)
    estimates = found.estimates
    if as_json:
        click.echo(json.dumps(estimates, indent=2))
    else:
        show.rows([{"what": key, "value": value} for key, value in estimates.items()], ("what", "value"), as_json=False)
    if not dry_run:
        assert output is not None
        show.written(found.write(output))


@tiles.command(epilog="\b\nExamples:\n  stacaster tiles run run --workers 2\n"
               "  stacaster tiles run run --executor dask --address tcp://scheduler:8786")  # fmt: skip
@click.argument("output", metavar="DIR")
@options.run_options
@options.json_option
def run(output: str, as_json: bool, **rest: Any) -> int:
    """Compute what is pending or stale; the same command goes on after an interruption. Exit code 4: some failed."""
    import stacaster

    with show.count_progress("tiles") as progress:
        stacaster.tiles.run_tiles(output, progress=progress, **rest)
    return _status(output, as_json=as_json)


@tiles.command(epilog="\b\nExamples:\n  stacaster tiles submit run --option partition=work --option time=2:00:00\n"
               "  stacaster tiles submit run --partition work --time 2:00:00 --memory 8G --script-only\n"
               "  stacaster tiles submit run --script-only --scripts tile --script-dir jobs")  # fmt: skip
@click.argument("output", metavar="DIR")
@cluster_options.array_options
@click.option(
    "--lead-s",
    type=click.IntRange(min=10),
    default=120,
    show_default=True,
    metavar="N",
    help="Seconds before the end of its time at which an element stops and is requeued.",
)
@options.memory_option
@cluster_options.script_options
def submit(output: str, script_only: bool, **rest: Any) -> int:
    """Give what is pending or stale to Slurm, as one array job or one job a tile; 'tiles status' follows it."""
    import stacaster

    job = stacaster.tiles.submit_tiles(output, submit=not script_only, **rest)
    if script_only:
        click.echo(f"scripts are in {rest['script_dir'] or Path(output) / 'slurm'}", err=True)
        return 0
    if job is None:
        return show.nothing("no tile is pending")
    click.echo(job)
    return 0


@tiles.command(epilog="\b\nExamples:\n  stacaster tiles status run --json\n  stacaster tiles status run --watch 30")
@click.argument("output", metavar="DIR")
@click.option(
    "--watch", type=click.FloatRange(min=0.5), metavar="S", help="Look again every S seconds until all is settled."
)
@options.json_option
def status(output: str, watch: float | None, as_json: bool) -> int:
    """Say how many tiles are pending, running, done, empty, failed, stale or cancelled, and why some failed."""
    import time

    import stacaster

    while watch is not None:
        counts, _ = stacaster.tiles.tiles_status(output)
        click.echo(", ".join(f"{value} {key}" for key, value in counts.items() if value), err=True)
        if not counts["pending"] + counts["running"] + counts["stale"]:
            break
        time.sleep(watch)
    return _status(output, as_json=as_json)


def _status(output: str, *, as_json: bool) -> int:
    import stacaster

    counts, failed = stacaster.tiles.tiles_status(output)
    if as_json:
        problems = [{"tile": entry.key, "reason": entry.reason} for entry in failed]
        click.echo(json.dumps({"counts": counts, "failed": problems}, indent=2))
    else:
        show.rows(
            [{"status": key, "tiles": value} for key, value in counts.items()], ("status", "tiles"), as_json=False
        )
        for entry in failed[:20]:
            click.echo(f"failed {entry.key}: {entry.reason}", err=True)
    return errors.PARTIAL_EXIT_CODE if failed else 0


@tiles.command(epilog="\b\nExample:\n  stacaster tiles retry run")
@click.argument("output", metavar="DIR")
def retry(output: str) -> None:
    """Make failed and cancelled tiles pending again."""
    import stacaster

    click.echo(f"{stacaster.tiles.retry_tiles(output)} tiles are pending again", err=True)


@tiles.command(epilog="\b\nExample:\n  stacaster tiles cancel run")
@click.argument("output", metavar="DIR")
def cancel(output: str) -> None:
    """Let no run take up what is pending; tiles that are being computed are finished."""
    import stacaster

    click.echo(f"{stacaster.tiles.cancel_tiles(output)} tiles are cancelled", err=True)


@tiles.command(epilog="\b\nExample:\n  stacaster tiles collect run")
@click.argument("output", metavar="DIR")
def collect(output: str) -> None:
    """Make a catalog of the tiles that are done, and mosaics over all of them."""
    import stacaster

    with show.count_progress("collect") as progress:
        show.written(stacaster.tiles.collect_tiles(output, progress=progress))


@tiles.command("map", epilog="\b\nExample:\n  stacaster tiles map run -o run.html")
@click.argument("output", metavar="DIR")
@click.option("-o", "--output", "picture", required=True, metavar="FILE", help="Picture to write, .html or .png.")
def draw(output: str, picture: str) -> None:
    """Draw the tiles in the colours of their statuses."""
    import stacaster

    show.written(stacaster.tiles.draw_tiles(output, picture))


@tiles.command(epilog="\b\nExample:\n  stacaster tiles reproduce run -o again --workers 2")
@click.argument("source", metavar="DIR")
@click.option("-o", "--output", required=True, metavar="DIR", help="New folder.")
@options.run_options
@options.json_option
def reproduce(source: str, output: str, as_json: bool, **rest: Any) -> int:
    """Compute a run again elsewhere, and say what differs; exit code 7 when something does."""
    import stacaster

    with show.count_progress("tiles") as progress:
        found = stacaster.tiles.reproduce_tiles(source, output, progress=progress, **rest)
    show.rows(found, ("tile", "what", "was", "is"), as_json=as_json)
    if not found:
        click.echo("all files are the same bytes", err=True)
    return errors.CatalogError.exit_code if found else 0
