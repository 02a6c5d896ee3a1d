"""Find and download granules."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import click

from stacaster.cli import conditions, inputs, options, show

_LONGEST_TITLE = 60


@click.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n"
               "  stacaster search AST_L1T --region south_australia --datetime 2003 --cloud-cover-max 20\n"
               "  stacaster search aster-l1t --source planetary-computer --bbox 138,-32,139,-31 --limit 10\n"
               "  stacaster search AST_L1T --region south_australia --datetime 2003 -o scenes.json\n"
               "  stacaster search AST_L1T --datetime 2000/2008 --months 12-2 --json > summers.geojson\n"
               "  stacaster search NISAR_L2_GCOV --bbox 138,-32,139,-31 --group-by path,frame --min-count 5\n"
               "  stacaster search SENTINEL-1 --region conus --attribute processingLevel=SLC --limit 10")  # fmt: skip
@conditions.search_options
@click.option("-o", "--output", metavar="FILE",
              help="Write the result to .json, .parquet or .gpkg, which 'fetch' and 'ingest' take.")  # fmt: skip
@options.overwrite_option
@options.json_option
def search(product: str | None, output: str | None, overwrite: bool, as_json: bool, **rest: Any) -> int:
    """Find granules at NASA's CMR, a STAC API or in a catalog; --json prints GeoJSON."""
    import stacaster

    if output is not None:
        inputs.require_free(output, overwrite)
    with show.count_progress("search") as progress:
        found = []
        for granule in stacaster.access.iter_granules(product, **rest):
            found.append(granule)
            progress(len(found), len(found), granule.id)
    result = stacaster.access.GranuleSearch(tuple(found))
    if output is not None and found:
        show.written(result.write(output))
        return 0
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


@click.command(epilog="\b\nExamples:\n"
               "  stacaster collections 'ICESat-2 photons' --provider NSIDC_CPRD\n"
               "  stacaster collections --short-name 'ATL0*' --json")  # fmt: skip
@click.argument("word", metavar="WORD", required=False)
@click.option("--short-name", metavar="NAME", help="Short name, with * and ?.")
@click.option("--version", metavar="TEXT", help="Version, such as 006.")
@click.option("--provider", metavar="NAME", help="Provider at CMR, such as NSIDC_CPRD.")
@click.option("--doi", metavar="DOI", help="Digital object identifier.")
@click.option("--cloud-hosted/--not-cloud-hosted", default=None, help="Only those in a bucket, or only others.")
@click.option("--token", is_flag=True, help="Send the token of your login, so that restricted ones are found, too.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="Most rows.")
@options.json_option
def collections(word: str | None, as_json: bool, **rest: Any) -> int:
    """Find collections at NASA's CMR by words of their titles and abstracts."""
    import stacaster

    rows = [record.to_dict() for record in stacaster.access.find_collections(word, **rest)]
    for row in [] if as_json else rows:
        row["title"] = textwrap.shorten(row["title"], _LONGEST_TITLE, placeholder=" ...")
    columns = ("id", "short_name", "version", "provider", "cloud_hosted", "granules", "title")
    show.rows(rows, columns, as_json=as_json)
    return 0 if rows else show.nothing("no collection fits")


@click.command(
    cls=options.LenientCommand,
    epilog="\b\nExample:\n  stacaster footprints AST_L1T --region south_australia -o footprints.html",
)
@conditions.search_options
@options.output_option
@click.option(
    "--basemap",
    metavar="FILE",
    help="Drawn below: polygons, or heights as terrain; none for nothing. Default: countries, coarse.",
)
@options.overwrite_option
def footprints(product: str | None, output: str, basemap: str | None, overwrite: bool, **asked: Any) -> int:
    """Draw the granules that a search finds, with the area, to .html or .png."""
    import stacaster

    inputs.require_free(output, overwrite)
    found = inputs.searched(product, asked)
    if not len(found):
        return show.nothing("no granule fits")
    show.written(stacaster.access.draw_footprints(found, output, area=found.area, basemap=basemap))
    return 0


@click.command(cls=options.LenientCommand,
               epilog="\b\nExamples:\n"
               "  stacaster fetch AST_L1T --region south_australia --datetime 2003-08 --limit 5\n"
               "  stacaster fetch AST_L1T --bbox 138,-32,139,-31 --dry-run\n"
               "  stacaster fetch scenes.json   # of 'stacaster search -o scenes.json'")  # fmt: skip
@conditions.search_options
@options.cache_option
@click.option("--workers", type=click.IntRange(min=1), default=8, show_default=True, help="Files at a time.")
@click.option("--s3", is_flag=True, help="From the providers' buckets; works within us-west-2.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be downloaded.")
@options.json_option
def fetch(
    product: str | None,
    cache_dir: str | None,
    workers: int,
    s3: bool,
    dry_run: bool,
    as_json: bool,
    **asked: Any,
) -> int:
    """Download the granules that a search finds, checked and resumable; prints the paths of the files."""
    import stacaster

    found = inputs.searched(product, asked)
    if not len(found):
        return show.nothing("no granule fits")
    if dry_run:
        sizes = [granule.size for granule in found]
        known = sum(size for size in sizes if size is not None)
        more = f" and {sizes.count(None)} of unknown size" if None in sizes else ""
        click.echo(f"dry run, nothing was downloaded; {len(found)} granules, {known / 1e6:.1f} MB{more}", err=True)
        return 0
    with show.fetch_progress(found) as progress:
        report = stacaster.fetch(found, cache_dir=cache_dir, workers=workers, s3=s3, progress=progress)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        for path in report.files:
            click.echo(path)
    for outcome in report.failed:
        click.echo(f"failed {outcome.granule}: {outcome.reason}", err=True)
    click.echo(repr(report).strip("<>").removeprefix("FetchReport: "), err=True)
    return show.code_of_failures([outcome.error for outcome in report.failed], len(report.outcomes))
