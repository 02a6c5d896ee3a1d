"""The commands; each translates options into one call and prints what comes back."""

from __future__ import annotations

import json
from typing import Any

import click

from stacaster.cli import options, show


@click.command(epilog="\b\nExamples:\n  stacaster ingest granules/ --catalog catalogs/demo --workers 2\n"
               "  stacaster ingest 'AST_L1T_003*.hdf' --subsystem VNIR --dry-run")  # fmt: skip
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR|GLOB...")
@options.catalog_option
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes. [default: STACASTER_WORKERS or 1]")
@click.option("--subsystem", multiple=True, metavar="NAME", help="Keep only VNIR, SWIR or TIR; may be repeated.")
@click.option("--keep-swir", is_flag=True, help="Make ASTER SWIR assets after 2008-04-01, when they are unusable.")
@click.option("--profile", metavar="NAME", help="COG profile: zstd, or deflate for old readers. [default: zstd]")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@options.json_option
def ingest(files: tuple[str, ...], as_json: bool, **rest: Any) -> int:
    """Turn granule files into one verified COG per band and register them in a catalog."""
    import stacaster

    with show.ingest_progress() as progress:
        report = stacaster.ingest(files, progress=progress, **rest)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    show.report(report, dry_run=rest["dry_run"])
    return show.exit_code(report)


@click.command(cls=options.BboxCommand,
               epilog="\b\nExamples:\n"
               "  stacaster search AST_L1T --region south_australia --datetime 2003 --cloud-cover-max 20\n"
               "  stacaster search aster-l1t --source planetary-computer --bbox 138,-32,139,-31 --limit 10\n"
               "  stacaster search AST_L1T --datetime 2000/2008 --months 12-2 --json > summers.geojson")  # fmt: skip
@click.argument("product", required=False)
@click.option("--source", default="cmr", show_default=True, metavar="NAME",
              help="cmr, planetary-computer, earth-search, address of a STAC API, or folder of a catalog.")  # fmt: skip
@options.bbox_option
@click.option("--region", metavar="NAME", help="Named region, such as south_australia.")
@click.option("--intersects", metavar="FILE|GEOJSON", help="Polygons: GeoJSON text, or a file that GDAL reads.")
@options.datetime_option
@click.option("--months", metavar="M,M|M-M", help="Season of every year, such as 12-2.")
@click.option("--cloud-cover-max", type=click.FloatRange(0, 100), metavar="PERCENT", help="Largest cloud cover.")
@click.option("--day-night", type=click.Choice(["day", "night"]), help="Only scenes by day or by night.")
@click.option("--version", metavar="TEXT", help="Version of the product, such as 003.")
@click.option("--name", metavar="PATTERN", help="Granule names with * and ?.")
@click.option("--all-versions", is_flag=True, help="Keep older versions of a scene beside the newest.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Largest number of granules.")
@options.json_option
def search(product: str | None, as_json: bool, **rest: Any) -> int:
    """Find granules at NASA's CMR, a STAC API or in a catalog; --json prints GeoJSON."""
    import stacaster

    with show.count_progress("search") as progress:
        found = []
        for granule in stacaster.iter_granules(product, **rest):
            found.append(granule)
            progress(len(found), len(found), granule.id)
    if as_json:
        click.echo(json.dumps(stacaster.GranuleSearch(tuple(found)).to_geojson(), indent=2))
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


COMMANDS = (search, ingest, products, info, items, sql, export, index, sample_data)
"""All commands in the order of the work."""
