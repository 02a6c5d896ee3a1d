"""Keep the machine in order: login, downloads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stacaster.cli import options, show
from stacaster.config import cache_folder, catalog_path, system_report
from stacaster.errors import AuthError, CatalogError

if TYPE_CHECKING:
    from stacaster.access.fetch import CachedGranule


@click.command(epilog="\b\nExamples:\n  stacaster doctor --catalog catalogs/demo\n"
               "  stacaster doctor --catalog catalogs/demo --fix\n  stacaster doctor --login\n"
               "  stacaster doctor --system")  # fmt: skip
@options.catalog_option
@click.option("--fix", is_flag=True, help="Rebuild what follows from the rest; put aside what does not.")
@click.option("--deep", is_flag=True, help="Decode all pixels as well, validate COGs and STAC.")
@click.option("--network", is_flag=True, help="Ask also whether files elsewhere are there.")
@click.option("--schemas", metavar="DIR", help="JSON schemas of extensions, for --deep.")
@click.option("--login", is_flag=True, help="Which Earthdata credentials are found, and whether they work.")
@click.option("--system", is_flag=True, help="How many processors, how much memory and how many requests are used.")
@options.json_option
def doctor(catalog: str | None, login: bool, system: bool, as_json: bool, **checks: Any) -> int:
    """Find out whether a catalog is true, or with --login whether the login works; exit code 7 or 5 when not."""
    import stacaster

    if system:
        if login or any(checks.values()):
            raise click.UsageError("--system goes with no other option but --json")
        show.rows([{"what": key, "value": value} for key, value in system_report().items()], ("what", "value"),
                  as_json=as_json)  # fmt: skip
        return 0
    if not login:
        return _doctor_of_catalog(catalog_path(catalog), as_json=as_json, **checks)
    if any(checks.values()):
        raise click.UsageError("--fix, --deep, --network and --schemas are for catalogs, not for --login")
    findings = stacaster.access.check_login()
    if as_json:
        click.echo(json.dumps([finding.to_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.status:8}{finding.text}")
    return AuthError.exit_code if any(finding.status == "error" for finding in findings) else 0


def _doctor_of_catalog(root: Path, *, fix: bool, deep: bool, as_json: bool, **more: Any) -> int:
    import stacaster

    if fix and any(more.values()):
        raise click.UsageError("--network and --schemas say what --fix cannot mend; leave --fix out")
    with show.count_progress("items") as progress:
        found = (
            stacaster.catalog.fix_catalog(root, deep=deep, progress=progress)
            if fix
            else stacaster.catalog.check_catalog(root, deep=deep, progress=progress, **more)
        )
    show.rows([problem.to_dict() for problem in found], ("place", "text", "remedy"), as_json=as_json)
    aside = sum(problem.remedy == "quarantine" for problem in found)
    if not found:
        click.echo("all is well", err=True)
    elif fix:
        click.echo(f"{len(found)} problems mended, {aside} of them put aside under .stacaster/quarantine", err=True)
    else:
        click.echo(f"{len(found)} problems; 'stacaster doctor --fix' rebuilds, and puts {aside} aside", err=True)
    return 0 if fix or not found else CatalogError.exit_code


@click.command(epilog="\b\nExamples:\n  stacaster publish s3://bucket/aster --catalog catalogs/sa --dry-run\n"
               "  stacaster publish /media/disk/aster --delete\n"
               "  stacaster publish s3://bucket/aster --base-url https://data.example.com/aster")  # fmt: skip
@click.argument("target", metavar="ADDRESS|DIR")
@options.catalog_option
@click.option("--base-url", metavar="URL", help="Name links and assets by this address instead of relative ones.")
@click.option("--delete", is_flag=True, help="Delete what was published earlier and is gone from the catalog.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be uploaded.")
@options.json_option
def publish(target: str, as_json: bool, dry_run: bool, **rest: Any) -> None:
    """Upload what changed of a catalog to a bucket or folder; readers never follow a link into nothing."""
    import stacaster

    with show.count_progress("publish") as progress:
        report = stacaster.publish(target, dry_run=dry_run, progress=progress, **rest)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        for name in (*report.uploaded, *report.deleted):
            click.echo(name)
    words = "dry run, nothing was uploaded; " if dry_run else ""
    more = f"; {len(report.stale)} objects are gone from the catalog, --delete deletes them" if report.stale else ""
    click.echo(f"{words}{repr(report).strip('<>').removeprefix('PublishReport: ')}{more}", err=True)


@click.command(epilog="\b\nExamples:\n  stacaster serve --catalog catalogs/demo\n"
               "  stacaster serve --catalog catalogs/demo --stac-browser .stac-browser")  # fmt: skip
@options.catalog_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; others need --token.")
@click.option("--stac-browser", metavar="DIR", help="Folder with a build of STAC Browser, shown as well.")
@click.option("--cors", metavar="ORIGIN", multiple=True, help="Let pages of this origin read; * lets every page.")
@click.option("--token", metavar="TEXT", envvar="STACASTER_SERVE_TOKEN", help="What requests have to bring.")
@click.option("--quiet", is_flag=True, help="Do not print requests.")
def serve(catalog: str | None, stac_browser: str | None, **rest: Any) -> None:
    """Serve a catalog until Ctrl-C: STAC API, tiles, a map page, and its files in parts."""
    import stacaster

    with stacaster.server.CatalogServer(catalog, stac_browser=stac_browser, **rest) as server:
        click.echo(server.address)
        click.echo(f"map: {server.map_address}", err=True)
        if stac_browser is not None:
            click.echo(f"STAC Browser: {server.browser_address}", err=True)
        click.echo("serving until Ctrl-C", err=True)
        server.serve_forever()


@click.group(epilog="\b\nExample:\n  stacaster cache ls")
def cache() -> None:
    """Look into the folder of downloads, and make room in it."""


_product_option = click.option("--product", metavar="NAME", help="Only this product, such as AST_L1T or AST_L1T.003.")


@cache.command("ls", epilog="\b\nExample:\n  stacaster cache ls --product AST_L1T")
@options.cache_option
@_product_option
@options.json_option
def cache_ls(cache_dir: str | None, product: str | None, as_json: bool) -> int:
    """List downloaded granules, those not used for longest first."""
    import stacaster

    found = stacaster.access.list_cache(cache_dir, product=product)
    _show(found, as_json=as_json)
    return 0 if found else show.nothing(f"{cache_folder(cache_dir)} holds no downloads")


@cache.command(
    "prune",
    epilog="\b\nExamples:\n  stacaster cache prune --older-than-days 30 --dry-run\n"
    "  stacaster cache prune --keep-gb 50",
)
@options.cache_option
@_product_option
@click.option("--older-than-days", type=click.FloatRange(min=0), metavar="N", help="What was not used for N days.")
@click.option(
    "--keep-gb", type=click.FloatRange(min=0), metavar="GB", help="Until GB gigabytes are left, oldest first."
)
@click.option("--partial", is_flag=True, help="Only unfinished downloads.")
@click.option("--all", "everything", is_flag=True, help="All downloads.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be deleted.")
@options.json_option
def cache_prune(cache_dir: str | None, keep_gb: float | None, dry_run: bool, as_json: bool, **rest: Any) -> None:
    """Delete downloads; those that another process is fetching stay."""
    import stacaster

    keep = None if keep_gb is None else round(keep_gb * 1e9)
    gone = stacaster.access.prune_cache(cache_dir, keep_bytes=keep, dry_run=dry_run, **rest)
    _show(gone, as_json=as_json)
    size = sum(entry.size for entry in gone) / 1e6
    words = "dry run, nothing was deleted; " if dry_run else "deleted "
    click.echo(f"{words}{len(gone)} granules, {size:.1f} MB", err=True)


def _show(found: Sequence[CachedGranule], *, as_json: bool) -> None:
    rows = [entry.to_dict() for entry in found]
    show.rows(rows, ("product", "granule", "files", "size", "used", "is_partial"), as_json=as_json)
