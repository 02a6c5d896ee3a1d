"""The commands; each translates options into one call and prints what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stacaster.cli import options, show


@click.command(cls=options.BboxCommand,
               epilog="\b\nExamples:\n  stacaster ingest granules/ --catalog catalogs/demo --workers 2\n"
               "  stacaster ingest 'AST_L1T_003*.hdf' --subsystem VNIR --dry-run\n"
               "  stacaster ingest --product AST_L1T --region south_australia --datetime 2003 --limit 10")  # fmt: skip
@click.argument("files", nargs=-1, metavar="FILE|DIR|GLOB...")
@options.catalog_option
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes. [default: STACASTER_WORKERS or 1]")
@click.option("--subsystem", multiple=True, metavar="NAME", help="Keep only VNIR, SWIR or TIR; may be repeated.")
@click.option("--keep-swir", is_flag=True, help="Make ASTER SWIR assets after 2008-04-01, when they are unusable.")
@click.option("--profile", metavar="NAME", help="COG profile: zstd, or deflate for old readers. [default: zstd]")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--product", metavar="NAME", help="Search and download granules of a product instead of naming files.")
@options.conditions_of_search
@options.cache_option
@click.option("--discard-source", is_flag=True, help="Delete a download once the catalog has it.")
@options.json_option
@click.pass_context
def ingest(context: click.Context, /, files: tuple[str, ...], product: str | None, as_json: bool, **rest: Any) -> int:
    """Turn granule files into one verified COG per band and register them in a catalog.

    With --product the granules are searched and downloaded first; conditions are those of 'stacaster search'.
    """
    import stacaster

    asked = {name: rest.pop(name) for name in (*options.CONDITIONS, "cache_dir", "discard_source")}
    _check_ingest(context, files, product, tuple(asked))
    with show.ingest_progress() as progress:
        if product is None:
            report = stacaster.ingest(files, progress=progress, **rest)
        else:
            report = stacaster.ingest_search(product, progress=progress, **rest, **asked)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    show.report(report, dry_run=rest["dry_run"])
    return show.exit_code(report)


def _check_ingest(context: click.Context, files: tuple[str, ...], product: str | None, names: tuple[str, ...]) -> None:
    if product is not None and files:
        raise click.UsageError("files are named, and --product searches for others; give one of them")
    if product is None and not files:
        raise click.UsageError("Missing argument 'FILE|DIR|GLOB...': name files, or a product with --product")
    given = [name for name in names if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if product is None and given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} is a condition of a search and needs --product")


@click.command(cls=options.BboxCommand,
               epilog="\b\nExamples:\n"
               "  stacaster search AST_L1T --region south_australia --datetime 2003 --cloud-cover-max 20\n"
               "  stacaster search aster-l1t --source planetary-computer --bbox 138,-32,139,-31 --limit 10\n"
               "  stacaster search AST_L1T --datetime 2000/2008 --months 12-2 --json > summers.geojson\n"
               "  stacaster search NISAR_L2_GCOV --bbox 138,-32,139,-31 --group-by path,frame --min-count 5\n"
               "  stacaster search SENTINEL-1 --region conus --attribute processingLevel=SLC --limit 10")  # fmt: skip
@options.search_options
@options.json_option
def search(product: str | None, as_json: bool, **rest: Any) -> int:
    """Find granules at NASA's CMR, a STAC API or in a catalog; --json prints GeoJSON."""
    import stacaster

    with show.count_progress("search") as progress:
        found = []
        for granule in stacaster.iter_granules(product, **rest):
            found.append(granule)
            progress(len(found), len(found), granule.id)
    result = stacaster.GranuleSearch(tuple(found))
    if as_json:
        click.echo(json.dumps(result.to_geojson(), indent=2))
    elif rest["group_by"] is not None and found:
        keys = tuple(part.strip() for part in rest["group_by"].split(","))
        extra = tuple(name for name in ("direction",) if name not in keys)
        columns = (*keys, "count", "first", "last", *extra, "bytes")
        show.rows(result.group_by(*keys).summary(), columns, as_json=False)
    else:
        rows = [
            {
                "id": granule.id,
                "version": granule.version,
                "start": granule.start.isoformat(timespec="seconds"),
                "cloud_cover": granule.cloud_cover,
                "day_night": granule.day_night,
                "files": len(granule.data_files),
                "bytes": granule.size,
            }
            for granule in found
        ]
        show.rows(rows, ("id", "version", "start", "cloud_cover", "day_night", "files", "bytes"), as_json=False)
    return 0 if found else show.nothing("no granule fits")


@click.command(
    cls=options.BboxCommand,
    epilog="\b\nExample:\n  stacaster footprints AST_L1T --region south_australia -o footprints.html",
)
@options.search_options
@options.output_option
@options.overwrite_option
def footprints(product: str | None, output: str, overwrite: bool, **conditions: Any) -> int:
    """Draw the granules that a search finds, with the area, to .html or .png."""
    import stacaster

    if Path(output).exists() and not overwrite:
        raise click.UsageError(f"{output} exists; --overwrite replaces it")
    found = stacaster.search(product, **conditions)
    if not len(found):
        return show.nothing("no granule fits")
    show.written(stacaster.draw_footprints(found, output, area=found.area))
    return 0


@click.command(cls=options.BboxCommand,
               epilog="\b\nExamples:\n"
               "  stacaster fetch AST_L1T --region south_australia --datetime 2003-08 --limit 5\n"
               "  stacaster fetch AST_L1T --bbox 138,-32,139,-31 --dry-run")  # fmt: skip
@options.search_options
@options.cache_option
@click.option("--workers", type=click.IntRange(min=1), default=8, show_default=True, help="Files at a time.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be downloaded.")
@options.json_option
def fetch(
    product: str | None, cache_dir: str | None, workers: int, dry_run: bool, as_json: bool, **conditions: Any
) -> int:
    """Download the granules that a search finds, checked and resumable; prints the paths of the files."""
    import stacaster

    found = stacaster.search(product, **conditions)
    if not len(found):
        return show.nothing("no granule fits")
    if dry_run:
        sizes = [granule.size for granule in found]
        known = sum(size for size in sizes if size is not None)
        more = f" and {sizes.count(None)} of unknown size" if None in sizes else ""
        click.echo(f"dry run, nothing was downloaded; {len(found)} granules, {known / 1e6:.1f} MB{more}", err=True)
        return 0
    with show.fetch_progress(found) as progress:
        report = stacaster.fetch(found, cache_dir=cache_dir, workers=workers, progress=progress)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        for path in report.files:
            click.echo(path)
    for outcome in report.failed:
        click.echo(f"failed {outcome.granule}: {outcome.reason}", err=True)
    click.echo(repr(report).strip("<>").removeprefix("FetchReport: "), err=True)
    return show.code_of_failures([outcome.error for outcome in report.failed], len(report.outcomes))


@click.command(epilog="\b\nExamples:\n  stacaster products\n  stacaster products --json")
@options.json_option
def products(as_json: bool) -> None:
    """List the products that stacaster knows."""
    import stacaster

    rows = [
        {
            "name": product.name,
            "short_name": product.short_name,
            "version": product.version,
            "collection": product.collection_id,
            "format": product.reader,
            "bands": [band.name for band in product.bands],
            "title": product.title,
            "notes": list(product.notes),
        }
        for product in stacaster.all_products().values()
    ]
    columns = ("name", "short_name", "version", "collection", "format", "title")
    show.rows(rows, columns, as_json=as_json)


@click.command(epilog="\b\nExample:\n  stacaster info --catalog catalogs/demo")
@options.catalog_option
@options.json_option
def info(catalog: str | None, as_json: bool) -> None:
    """Show the collections of a catalog with number of items and extent."""
    found = show.opened(catalog).info()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    show.rows(found["collections"], ("collection", "items", "bbox", "interval", "title"), as_json=False)
    if found["interrupted_commit"]:
        click.echo("a commit was interrupted; the next ingest finishes it", err=True)


@click.command(cls=options.BboxCommand, epilog="\b\nExample:\n  stacaster items --bbox 138,-32,139,-31 --datetime 2003")
@options.catalog_option
@options.bbox_option
@options.datetime_option
@options.collection_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Largest number of items.")
@options.json_option
def items(
    catalog: str | None,
    bbox: str | None,
    datetime: str | None,
    collection: str | None,
    limit: int | None,
    as_json: bool,
) -> int:
    """List items of a catalog; --json prints a STAC item collection."""
    collections = None if collection is None else [collection]
    search = show.opened(catalog).search(bbox=bbox, datetime=datetime, collections=collections, limit=limit)
    found = search.item_collection()
    if as_json:
        click.echo(json.dumps(found.to_dict(transform_hrefs=False), indent=2))
    else:
        rows = [
            {
                "collection": item.collection_id,
                "id": item.id,
                "datetime": item.properties["datetime"],
                "cloud_cover": item.properties.get("eo:cloud_cover"),
                "assets": " ".join(item.assets),
            }
            for item in found
        ]
        show.rows(rows, ("collection", "id", "datetime", "cloud_cover", "assets"), as_json=False)
    return 0 if len(found) else show.nothing("no item fits")


@click.command(
    epilog='\b\nExample:\n  stacaster sql "select id, cloud_cover from items where sun_elevation > 40 order by 1"'
)
@click.argument("query")
@options.catalog_option
@options.json_option
def sql(query: str, catalog: str | None, as_json: bool) -> None:
    """Ask SQL about the items; the views are 'items' and one for each collection. Nothing can be changed."""
    table = show.opened(catalog).sql(query).table
    show.rows(table.to_pylist(), table.column_names, as_json=as_json)


@click.command(cls=options.BboxCommand,
               epilog="\b\nExample:\n  stacaster export -o cube.nc --bands nir --bands red")  # fmt: skip
@options.output_option
@options.catalog_option
@click.option("--bands", multiple=True, metavar="NAME", help="Band or common name; may be repeated. [default: all]")
@options.bbox_option
@options.datetime_option
@options.collection_option
@click.option("--units", default="dn", show_default=True, metavar="NAME",
              help="dn, radiance, reflectance or brightness_temperature.")  # fmt: skip
@options.overwrite_option
def export(output: str, **rest: Any) -> None:
    """Write bands of a catalog, on the scenes' own grid, to a NetCDF file."""
    import stacaster

    show.written(stacaster.export(output, **rest))


@click.command(cls=options.BboxCommand,
               epilog="\b\nExample:\n  stacaster index ndvi -o ndvi.nc --bbox 138,-32,139,-31")  # fmt: skip
@click.argument("name")
@options.output_option
@options.catalog_option
@options.bbox_option
@options.datetime_option
@options.collection_option
@options.overwrite_option
def index(name: str, output: str, **rest: Any) -> None:
    """Compute a spectral index, such as ndvi, and write it to a NetCDF file."""
    import stacaster

    show.written(stacaster.export_index(name, output, **rest))


@click.command("sample-data", epilog="\b\nExample:\n  stacaster sample-data granules")
@click.argument("directory", metavar="DIR")
@click.option("--product", default="AST_L1T", show_default=True, metavar="NAME",
              help="AST_L1T (version 003, HDF4) or AST_L1T_004 (GeoTIFF sets).")  # fmt: skip
@click.option("--full-size", is_flag=True, help="One granule of 133 MB instead of a small set.")
@options.overwrite_option
def sample_data(directory: str, **rest: Any) -> None:
    """Write simulated ASTER granules over South Australia. They are not measurements."""
    import stacaster

    with show.count_progress("writing") as progress:
        paths = stacaster.sample_data(directory, progress=progress, **rest)
    click.echo(f"wrote {len(paths)} files of simulated data to {directory}", err=True)


COMMANDS = (search, footprints, fetch, ingest, products, info, items, sql, export, index, sample_data)
"""All commands in the order of the work."""
