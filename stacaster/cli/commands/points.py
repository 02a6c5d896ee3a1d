"""Points along tracks: what granules hold, points out of a catalog, surfaces, grids."""

from __future__ import annotations

from typing import Any

import click

from stacaster.cli import options, show


@click.command(epilog="\b\nExamples:\n  stacaster variables ATL08_20220814031005_11311608_006_01.h5 --pattern 'c*/*'\n"
               "  stacaster variables granule.hdf --json")  # fmt: skip
@click.argument("source", metavar="FILE|URL")
@click.option("--pattern", metavar="TEXT", help="Only paths like this, with * and ?: 'canopy/*'.")
@options.json_option
def variables(source: str, pattern: str | None, as_json: bool) -> None:
    """List what datasets a granule holds, without reading them; of an address only the structure is moved."""
    import stacaster
    from stacaster.formats.variables import BLOCK_BYTES
    from stacaster.network.remote import is_remote

    remote = stacaster.network.open_remote(source, block_bytes=BLOCK_BYTES) if is_remote(source) else None
    found = [vars(entry) for entry in stacaster.formats.list_variables(source if remote is None else remote, pattern)]
    if remote is not None:
        words = f"{remote.bytes_read:,} of {remote.size:,} bytes in {remote.requests} requests"
        click.echo(f"moved {words}", err=True)
    shown = found if as_json else [{**entry, "shape": "x".join(map(str, entry["shape"]))} for entry in found]
    show.rows(shown, ("path", "data_type", "shape", "unit", "description"), as_json=as_json)


_POINTS: tuple[Any, ...] = (
    click.argument("table", metavar="TABLE"),
    options.output_option,
    options.item_options,
    click.option("--where", metavar="SQL", help="Of the points, such as 'class = 1 and spot % 2 = 1'."),
)


def _with_points(function: Any) -> Any:
    for option in reversed(_POINTS):
        function = option(function)
    return function


@click.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n  stacaster points atl03_photons -o photons.parquet --bbox 138.5,-31.2,139,-31\n"
               "  stacaster points atl08_segments -o trees.gpkg --where 'h_canopy > 5'\n"
               "  stacaster points atl03_photons -o heights.parquet --fit --parameter srt=0 --parameter cnf=3\n"
               "  stacaster points atl03_photons -o canopy.parquet --process vegetation")  # fmt: skip
@_with_points
@click.option("--columns", metavar="NAME,NAME", help="Only these columns. [default: all]")
@click.option("--fit", is_flag=True, help="Surface heights fitted to the photons: --process surface.")
@click.option("--process", metavar="NAME", help="What is made of photons: surface, vegetation, blanket, density.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", callback=options.pairs,
              help="Of the process: srt, cnf, ats, cnt, len, res ... of surface; may be repeated.")  # fmt: skip
@options.overwrite_option
def points(columns: str | None, **rest: Any) -> None:
    """Write points of a catalog to a file (.parquet, .gpkg, .csv): photons, segments, or surfaces fitted to photons."""
    import stacaster

    path = stacaster.write_points(columns=None if columns is None else columns.split(","), **rest)
    click.echo(f"wrote {path}", err=True)


@click.command(cls=options.LenientCommand,
               epilog="\b\nExample:\n  stacaster grid atl03_photons -o terrain.tif --where 'class = 1' --value height "
               "--crs EPSG:32754 --resolution 30 --statistic median")  # fmt: skip
@_with_points
@click.option("--value", default="height", show_default=True, metavar="NAME", help="Column to grid.")
@click.option("--crs", required=True, metavar="CRS", help="CRS of the grid.")
@click.option("--resolution", required=True, metavar="N", help="Cell size in units of the CRS.")
@click.option("--statistic", "statistics", multiple=True, default=("count", "mean"), show_default=True, metavar="NAME",
              help="count, mean, median, min, max, std or a percentile such as p95; may be repeated.")  # fmt: skip
@options.overwrite_option
def grid(**rest: Any) -> None:
    """Write statistics of the points of each cell of a grid: .tif, .nc, .zarr, or a folder with COGs and items."""
    import stacaster

    path = stacaster.write_point_grid(**rest)
    click.echo(f"wrote {path}", err=True)
