"""What is known of products, and what becomes of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from stacaster.cli import options, show


@click.group(invoke_without_command=True,
             epilog="\b\nExamples:\n  stacaster products\n  stacaster products --json\n"
             "  stacaster products new my_granule.nc")  # fmt: skip
@options.json_option
@click.pass_context
def products(context: click.Context, as_json: bool) -> None:
    """List the products that stacaster knows and where each comes from; 'products new' begins a table."""
    if context.invoked_subcommand is not None:
        return
    from stacaster.products import all_products

    rows: list[dict[str, Any]] = [
        {
            "name": product.name,
            "short_name": product.short_name,
            "version": product.version,
            "collection": product.collection_id,
            "format": product.reader,
            "origin": product.origin,
            "bands": [band.name for band in product.bands],
            "title": product.title,
            "notes": list(product.notes),
        }
        for product in all_products().values()
    ]
    columns = ("name", "short_name", "version", "collection", "format", "origin", "title")
    show.rows(rows, columns, as_json=as_json)
    if not as_json:
        # What is commonly mistaken, once a product.
        said = {(product.short_name, note) for product in all_products().values() for note in product.notes}
        for short_name, note in sorted(entry for entry in said if entry[1].startswith(("Not ", "Holds no "))):
            click.echo(f"{short_name}: {note}", err=True)


@products.command("new", epilog="\b\nExample:\n  stacaster products new my_granule.nc -o products/mine.toml")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="FILE", help="TOML file to write; printed without it.")
@options.overwrite_option
def new(file: str, output: str | None, overwrite: bool) -> None:
    """Write a first table of a product from one of its files, to be changed by hand."""
    from stacaster.errors import UsageError
    from stacaster.products.inspection import new_table

    text = new_table(file)
    if output is None:
        click.echo(text, nl=False)
        return
    path = Path(output)
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists; --overwrite replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    show.written(path)


@click.command(epilog="\b\nExamples:\n  stacaster inspect MOD13Q1.A2020001.h29v12.061.2020018001022.hdf\n"
               "  stacaster inspect mine.nc --json")  # fmt: skip
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options.json_option
def inspect(files: tuple[str, ...], as_json: bool) -> None:
    """Show what an ingest would make of a file and why, without writing anything."""
    from stacaster.products.inspection import inspect_file

    found = inspect_file(files[0], *files[1:])
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    click.echo(f"product     {found.product} (table: {found.origin})")
    click.echo(f"collection  {found.collection}")
    click.echo(f"item        {found.item_id}, {found.datetime}")
    columns = ("name", "field", "type", "kind", "nodata", "scale", "offset", "unit", "shape", "crs", "placed_by")
    show.rows([dict(band) for band in found.bands], columns, as_json=False)
    for name, reason in found.absent.items():
        click.echo(f"left out    {name}: {reason}")
    for note in found.notes:
        click.echo(f"note        {note}")
