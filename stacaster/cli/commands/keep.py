"""Keep the machine in order: login, downloads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from stacaster.cli import options, show
from stacaster.errors import AuthError

if TYPE_CHECKING:
    from stacaster.fetch import CachedGranule


@click.command(epilog="\b\nExample:\n  stacaster doctor --login")
@click.option("--login", is_flag=True, help="Which Earthdata credentials are found, and do they work?")
@options.json_option
def doctor(login: bool, as_json: bool) -> int:
    """Find out what is wrong. No secret is ever printed."""
    import stacaster

    if not login:
        raise click.UsageError("say what shall be looked at: --login")
    findings = stacaster.check_login()
    if as_json:
        click.echo(json.dumps([finding.to_dict() for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.status:8}{finding.text}")
    return AuthError.exit_code if any(finding.status == "error" for finding in findings) else 0


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
    from stacaster.fetch import cache_folder

    found = stacaster.list_cache(cache_dir, product=product)
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
    gone = stacaster.prune_cache(cache_dir, keep_bytes=keep, dry_run=dry_run, **rest)
    _show(gone, as_json=as_json)
    size = sum(entry.size for entry in gone) / 1e6
    words = "dry run, nothing was deleted; " if dry_run else "deleted "
    click.echo(f"{words}{len(gone)} granules, {size:.1f} MB", err=True)


def _show(found: Sequence[CachedGranule], *, as_json: bool) -> None:
    rows = [entry.to_dict() for entry in found]
    show.rows(rows, ("product", "granule", "files", "size", "used", "is_partial"), as_json=as_json)
