"""Change what a catalog holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from stacaster.cli import options, show
from stacaster.config import catalog_path

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_conditions: tuple[Decorator, ...] = (
    options.catalog_option,
    click.option("--id", "ids", multiple=True, metavar="ID", help="Item; may be repeated."),
    options.bbox_option,
    options.datetime_option,
    options.collection_option,
    click.option("--filter", "cql2", metavar="CQL2", help="CQL2 text or JSON."),
)


def _choice(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the conditions that choose items of a catalog."""
    for option in reversed(_conditions):
        function = option(function)
    return function


def _asked(ids: tuple[str, ...], collection: str | None, cql2: str | None, **rest: Any) -> dict[str, Any]:
    return {"ids": list(ids) or None, "collections": collection, "filter": cql2, **rest}


@click.command(epilog="\b\nExample:\n  stacaster update granules/ --catalog catalogs/demo --dry-run")
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR|GLOB...")
@options.ingest_options
@options.swath_options
@options.json_option
def update(files: tuple[str, ...], as_json: bool, **rest: Any) -> int:
    """Ingest again the granules of a catalog whose files, settings or software changed."""
    import stacaster

    with show.ingest_progress() as progress:
        report = stacaster.update(files, progress=progress, **rest)
    return show.outcome(report, as_json=as_json, dry_run=rest["dry_run"])


@click.command("import", epilog="\b\nExamples:\n  stacaster import other/catalog.json --catalog catalogs/demo\n"
               "  stacaster import scenes.parquet --collection sentinel-2 --dry-run")  # fmt: skip
@click.argument("source", metavar="FILE|DIR")
@options.catalog_option
@click.option("--collection", metavar="ID", help="Collection for all items. [default: what the items say]")
@click.option("--copy/--no-copy", default=True, help="Copy files on this disk, or leave them. [default: --copy]")
@click.option("--allow-outside", is_flag=True, help="Take also files outside the folder of the source; trust it.")
@click.option("--follow", is_flag=True, help="Read catalogs and items on the web that a local catalog links to.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@options.json_option
def import_items(source: str, as_json: bool, **rest: Any) -> int:
    """Take in the items of another static catalog, an item collection or stac-geoparquet."""
    import stacaster

    with show.ingest_progress("import") as progress:
        report = stacaster.import_items(source, progress=progress, **rest)
    return show.outcome(report, as_json=as_json, dry_run=rest["dry_run"])


@click.command(cls=options.LenientCommand,
               epilog="\b\nExample:\n  stacaster remove --filter 'eo:cloud_cover > 10' --dry-run")  # fmt: skip
@_choice
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be removed.")
def remove(catalog: str | None, dry_run: bool, **rest: Any) -> int:
    """Remove items from a catalog, with their files; conditions add up, at least one is needed."""
    gone = show.opened(catalog).remove(dry_run=dry_run, **_asked(**rest))
    for item_id in gone:
        click.echo(item_id)
    click.echo(f"{'dry run, nothing was removed; ' if dry_run else 'removed '}{len(gone)} items", err=True)
    return 0 if gone else show.nothing("no item fits")


@click.command(epilog="\b\nExamples:\n  stacaster dedupe\n  stacaster dedupe --remove --dry-run")
@options.catalog_option
@click.option("--remove", is_flag=True, help="Remove the older productions, with their files.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what is older.")
@options.json_option
def dedupe(catalog: str | None, remove: bool, dry_run: bool, as_json: bool) -> None:
    """Link the productions of each scene with each other, or with --remove keep only the newest."""
    import stacaster

    older = stacaster.catalog.dedupe(catalog_path(catalog), remove=remove, dry_run=dry_run)
    show.rows([entry.to_dict() for entry in older], ("collection", "id", "newest"), as_json=as_json)
    done = "dry run, nothing was changed; " if dry_run else "removed " if remove else "linked "
    click.echo(f"{done}{len(older)} older productions", err=True)


@click.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n  stacaster archive -o 2003.tar --datetime 2003\n"
               "  stacaster archive -o cloudy --filter 'eo:cloud_cover > 10' --remove")  # fmt: skip
@_choice
@options.output_option
@click.option("--remove", is_flag=True, help="Remove the items once the archive is complete and checked.")
@click.option("-n", "--dry-run", is_flag=True, help="Write nothing.")
def archive(catalog: str | None, output: str, remove: bool, dry_run: bool, **rest: Any) -> None:
    """Put items away into a catalog of their own: a folder, or one .tar file."""
    gone = show.opened(catalog).archive(output, remove=remove, dry_run=dry_run, **_asked(**rest))
    for item_id in gone:
        click.echo(item_id)
    words = "removed, and in" if remove else "in"
    click.echo(f"{'dry run, nothing was written; ' if dry_run else ''}{len(gone)} items {words} {output}", err=True)


@click.command(epilog="\b\nExample:\n  stacaster diff catalogs/old catalogs/new --json")
@click.argument("first", metavar="DIR")
@click.argument("second", metavar="DIR")
@options.json_option
def diff(first: str, second: str, as_json: bool) -> int:
    """Show the items that two catalogs do not have in common, or not alike; exit code 1 when there are any."""
    import stacaster

    found = stacaster.catalog.diff_catalogs(first, second)
    if as_json:
        click.echo(json.dumps([entry.to_dict() for entry in found], indent=2))
    else:
        show.rows([entry.to_dict() for entry in found], ("status", "collection", "item_id", "fields"), as_json=False)
    counts = [f"{sum(entry.status == word for entry in found)} {word}" for word in ("added", "removed", "changed")]
    click.echo(", ".join(counts), err=True)
    return 1 if found else 0
