"""Radar stacks in one command."""

from __future__ import annotations

import json
from typing import Any

import click

from stacaster.cli import options, show
from stacaster.cli.stack_options import stack_options


@click.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n"
               "  stacaster stack --dataset SENTINEL-1 --bbox 138.4,-31.1,138.7,-30.7 --relative-orbit 100 "
               "--frame 466\n      --start 2023-01-01 --end 2023-12-31 --with-orbits --with-dem --catalog insar\n"
               "  stacaster stack --config stack.toml --season 12-2 --latest-n 10 --dry-run")  # fmt: skip
@click.option("--config", metavar="FILE", help="TOML file with options by these names; those given here go before.")
@stack_options
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be downloaded.")
@options.json_option
def stack(config: str | None, dry_run: bool, as_json: bool, **given: Any) -> int:
    """Find radar stacks, download them, with orbits, DEM, pairs and pictures, and take them into a catalog."""
    import stacaster

    chosen = {key: value for key, value in given.items() if value is not None}
    with show.step_progress() as progress:
        result = stacaster.sar.stack(config, dry_run=dry_run, progress=progress, **chosen)
    if as_json:
        click.echo(json.dumps(result.to_dict(), indent=2))
    else:
        columns = ("path", "frame", "direction", "count", "first", "last", "bytes")
        show.rows(result.found.summary(), columns, as_json=False)
    if dry_run:
        sizes = [granule.size or 0 for granule in result.found]
        click.echo(f"dry run, nothing was downloaded; {len(sizes)} granules, {sum(sizes) / 1e6:.1f} MB", err=True)
        return 0
    for outcome in result.downloads.failed:
        click.echo(f"failed {outcome.granule}: {outcome.reason}", err=True)
    for orbit in result.orbits:
        if orbit.reason is not None:
            click.echo(f"orbit of {orbit.granule}: {orbit.reason}", err=True)
    for name, dem in result.dems.items():
        ocean = f", ocean filled with 0 in {', '.join(dem.ocean)}" if dem.ocean else ""
        click.echo(f"DEM of {name}: {dem.path}, heights above the {dem.heights}{ocean}", err=True)
    for failed in () if result.report is None else result.report.failed:
        click.echo(f"failed {failed.granule}: {failed.reason}", err=True)
    for note in result.notes:
        click.echo(note, err=True)
    for name, folder in result.folders.items():
        click.echo(f"{name}: {folder}", err=True)
    return show.code_of_failures(result.errors, len(result.found))
