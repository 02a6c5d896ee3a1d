"""Compute and write: bands, indices, composites, time series."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stacaster.cli import options, show


@click.command(
    cls=options.LenientCommand,
    epilog="\b\nExamples:\n  stacaster export -o cube.nc --bands nir --bands red\n"
    "  stacaster export -o results --bands B13 --units brightness_temperature   # a catalog of COGs",
)
@options.result_option
@options.cube_options
@options.zarr_format_option
@options.multiscales_option
@options.overwrite_option
def export(output: str, **rest: Any) -> None:
    """Write bands of a catalog, without --crs on the scenes' own grid."""
    import stacaster

    with show.count_progress("export") as progress:
        show.written(stacaster.export(output, progress=progress, **options.given(rest)))


@click.group(epilog="\b\nExample:\n  stacaster index list")
def index() -> None:
    """Spectral indices: which there are, where they come from, and their values."""


@index.command("list", epilog="\b\nExample:\n  stacaster index list --bands B05 --bands B06 --bands B07")
@click.option("--bands", multiple=True, metavar="NAME", help="Only indices that need no other bands than these.")
@options.json_option
def list_indices(bands: tuple[str, ...], as_json: bool) -> int:
    """List the indices with formula, units and published range."""
    from stacaster.analysis.indices import all_indices

    found = [entry.to_dict() for entry in all_indices().values() if not bands or set(entry.bands) <= set(bands)]
    show.rows(found, ("name", "expression", "units", "display_range", "title"), as_json=as_json)
    return 0 if found else show.nothing("no index needs only these bands")


@index.command("show", epilog="\b\nExample:\n  stacaster index show ga_aloh_content --cite")
@click.argument("name")
@click.option("--cite", is_flag=True, help="Only the citation.")
@options.json_option
def show_index(name: str, cite: bool, as_json: bool) -> None:
    """Show one index."""
    from stacaster.analysis.indices import get_index

    found = get_index(name).to_dict()
    if cite:
        click.echo(found["citation"])
    elif as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show.rows([{"what": key, "value": value} for key, value in found.items()], ("what", "value"), as_json=False)


@index.command("compute", cls=options.LenientCommand,
               epilog="\b\nExamples:\n  stacaster index compute ndvi -o ndvi.nc --bbox 138,-32,139,-31\n"
               "  stacaster index compute '(B05 + B07) / B06' -o own.nc --datetime 2003\n"
               "  stacaster index compute ga_aloh_content ga_kaolin -o minerals --mask cloud")  # fmt: skip
@click.argument("name", metavar="NAME|FORMULA...", nargs=-1, required=True)
@options.result_option
@options.place_options
@options.zarr_format_option
@options.multiscales_option
@options.overwrite_option
def compute(name: tuple[str, ...], output: str, **rest: Any) -> None:
    """Compute indices, or formulas of your own, over a catalog and write them."""
    import stacaster

    with show.count_progress("index") as progress:
        show.written(stacaster.export_index(name, output, progress=progress, **options.given(rest)))


@click.command(
    cls=options.LenientCommand,
    epilog="\b\nExamples:\n  stacaster composite median -o median.nc --bands red --bands nir --units reflectance\n"
    "  stacaster composite bare_earth -o bare --index ga_ferric_oxide_composition --mask cloud --datetime 2000/2007",
)
@click.argument("method")
@options.result_option
@options.cube_options
@click.option("--index", multiple=True, metavar="NAME", help="Index of the composite, in place of its bands.")
@options.period_option
@click.option("--mads", is_flag=True, help="Add the scatter about a geometric median.")
@click.option("--greenness", type=float, metavar="N", help="How strongly bare_earth weighs green down. [default: 20]")
@options.zarr_format_option
@options.multiscales_option
@options.overwrite_option
def composite(method: str, output: str, **rest: Any) -> None:
    """Make one picture of all dates, or of each period.

    METHOD is first, mean, median, count, medoid, geomedian, bare_earth, or a percentile such as p10.
    """
    import stacaster

    with show.count_progress("composite") as progress:
        show.written(stacaster.export_composite(method, output, progress=progress, **options.given(rest)))


@click.command(
    cls=options.LenientCommand,
    epilog="\b\nExamples:\n  stacaster timeseries -o ndvi.csv --index ndvi --areas paddocks.gpkg --plot ndvi.png\n"
    "  stacaster timeseries -o heat.csv --bands B13 --units brightness_temperature --period month --trend trend.csv",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Table to write: .csv or .parquet.")
@options.cube_options
@click.option("--areas", metavar="FILE|GEOJSON", help="Polygons, one series each. [default: the whole place]")
@click.option("--area-column", metavar="NAME", help="Column with their names. [default: name, or the row]")
@click.option("--index", multiple=True, metavar="NAME", help="Index to look at, in place of bands.")
@options.period_option
@click.option("--anomaly", metavar="PERIOD", help="Add what is normal in each month, season or year, and the anomaly.")
@click.option("--trend", metavar="FILE", help="Write linear trends with their errors, a year.")
@click.option("--plot", metavar="FILE", help="Draw the series to a .png.")
@options.overwrite_option
@options.json_option
def timeseries(output: str, as_json: bool, **rest: Any) -> None:
    """Write means, scatter and valid pixels of areas over time."""
    import stacaster

    with show.count_progress("timeseries") as progress:
        table = stacaster.export_timeseries(output, progress=progress, **options.given(rest))
    if as_json:
        click.echo(table.to_json(orient="records", date_format="iso", indent=2))
    for path in (output, rest["trend"], rest["plot"]):
        if path is not None:
            show.written(Path(path))
