"""Look into a catalog and compute."""

from __future__ import annotations

import json
from typing import Any

import click

from stacaster.cli import inputs, options, show


@click.command(epilog="\b\nExample:\n  stacaster info --catalog catalogs/demo")
@options.catalog_option
@options.json_option
def info(catalog: str | None, as_json: bool) -> None:
    """Show the collections of a catalog with number of items and extent."""
    found = show.opened(catalog, damaged=True).info()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    show.rows(found["collections"], ("collection", "items", "bbox", "interval", "title"), as_json=False)
    if found["interrupted_commit"]:
        click.echo("a commit was interrupted; the next ingest finishes it", err=True)
    for problem in found["problems"]:
        click.echo(problem, err=True)


@click.command(
    cls=options.LenientCommand, epilog="\b\nExample:\n  stacaster items --bbox 138,-32,139,-31 --datetime 2003"
)
@options.catalog_option
@options.bbox_option
@options.datetime_option
@options.collection_option
@click.option("--intersects", metavar="FILE|GEOJSON", help="Polygons: GeoJSON text, or a file that GDAL reads.")
@click.option("--filter", "cql2", metavar="CQL2", help="CQL2 text or JSON, such as 'eo:cloud_cover < 10'.")
@click.option("--sortby", metavar="[-]NAME,...", help="Properties; a '-' turns the order round.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Largest number of items.")
@click.option("-o", "--output", metavar="FILE", help="Write .json, .parquet (stac-geoparquet), .csv or .gpkg instead.")
@options.overwrite_option
@options.json_option
def items(
    catalog: str | None,
    intersects: str | None,
    collection: str | None,
    cql2: str | None,
    output: str | None,
    overwrite: bool,
    as_json: bool,
    **rest: Any,
) -> int:
    """List items of a catalog, or write them to a file; --json prints a STAC item collection."""
    if output is not None:
        inputs.require_free(output, overwrite)
    search = show.opened(catalog).search(intersects=intersects, collections=collection, filter=cql2, **rest)
    if output is not None:
        show.written(search.write(output))
        return 0
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


@click.command(cls=options.LenientCommand, epilog="\b\nExamples:\n  stacaster stacks --collection nisar-l2-gcov\n"
               "  stacaster stacks --key nisar:track --key nisar:frame --json")  # fmt: skip
@options.catalog_option
@options.bbox_option
@options.datetime_option
@options.collection_option
@click.option("--intersects", metavar="FILE|GEOJSON", help="Polygons: GeoJSON text, or a file that GDAL reads.")
@click.option("--filter", "cql2", metavar="CQL2", help="CQL2 text or JSON, such as 'nisar:cycle > 5'.")
@click.option("--key", "keys", multiple=True, metavar="NAME", help="Property that items of a stack share; may be "
              "repeated. [default: track, frame, direction, radar band, mode, polarisations]")  # fmt: skip
@click.option("--all-versions", is_flag=True, help="Keep older productions of an acquisition beside the newest.")
@options.json_option
def stacks(
    catalog: str | None,
    intersects: str | None,
    collection: str | None,
    cql2: str | None,
    keys: tuple[str, ...],
    all_versions: bool,
    as_json: bool,
    **rest: Any,
) -> int:
    """Group items into stacks of one place seen again and again, and say which bands do not lie on one grid."""
    search = show.opened(catalog).search(intersects=intersects, collections=collection, filter=cql2, **rest)
    found = search.stacks(*keys, all_versions=all_versions)
    rows = [
        {
            **{name: value for name, value in stack.key.items() if value is not None},
            "count": len(stack),
            "first": str(stack.items[0].datetime)[:10],
            "last": str(stack.items[-1].datetime)[:10],
            "lattices": " ".join(stack.lattices),
            **({"ids": list(stack.ids)} if as_json else {}),
        }
        for stack in found
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        show.rows(rows, tuple(dict.fromkeys(name for row in rows for name in row)), as_json=False)
    return 0 if found else show.nothing("no item fits")


@click.command(
    epilog='\b\nExamples:\n  stacaster sql "select id, cloud_cover from items where sun_elevation > 40 order by 1"\n'
    '  stacaster sql --table g=geology.gpkg "select id, g.unit from items, g '
    'where st_intersects(items.geometry, g.geometry)"'
)
@click.argument("query")
@options.catalog_option
@click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="NAME=FILE",
    callback=options.pairs,
    help="Vector file to join with; st_intersects(a, b) compares geometries.",
)
@click.option("--timeout", type=float, metavar="SECONDS", help="Longest time of the query. [default: no limit]")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on standard output.")
@click.option("--parquet", metavar="FILE", help="Write the rows to a parquet file.")
@options.overwrite_option
@options.json_option
def sql(
    query: str,
    catalog: str | None,
    tables: dict[str, str] | None,
    timeout: float | None,
    as_csv: bool,
    parquet: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Ask SQL about the items; the views are 'items' and one for each collection. Nothing can be changed."""
    if sum((as_json, as_csv, parquet is not None)) > 1:
        raise click.UsageError("--json, --csv and --parquet exclude each other")
    if parquet is not None:
        inputs.require_free(parquet, overwrite)
    result = show.opened(catalog).sql(query, tables=tables, timeout=timeout)
    if parquet is not None:
        show.written(result.to_parquet(parquet))
    elif as_csv:
        from stacaster.files.csv_files import write_csv

        click.echo(write_csv(result.to_dataframe(), None), nl=False)
    else:
        show.rows(result.table.to_pylist(), result.table.column_names, as_json=as_json)


@click.command(cls=options.LenientCommand,
               epilog="\b\nExample:\n  stacaster report -o catalog.html --catalog catalogs/demo")  # fmt: skip
@click.option("-o", "--output", required=True, metavar="FILE", help="Page to write, .html.")
@options.item_options
@click.option("--title", metavar="TEXT", help="Heading. [default: name of the catalog]")
@click.option("--thumbnails", type=click.IntRange(min=0), default=500, show_default=True, metavar="N",
              help="Largest number of pictures.")  # fmt: skip
@options.overwrite_option
def report(output: str, collection: str | None, **rest: Any) -> None:
    """Write one page with footprints, pictures and filters; it opens without a server."""
    import stacaster

    with show.count_progress("report") as progress:
        show.written(stacaster.catalog.write_report(output, collections=collection, progress=progress, **rest))
