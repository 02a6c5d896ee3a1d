"""Look into a catalog and compute."""

from __future__ import annotations

import json
from typing import Any

import click

from stacaster.cli import options, show


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
