"""Load cubes, look at their grids, take values at points."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from stacaster import errors
from stacaster.cli import inputs, options, show


@click.command(
    cls=options.LenientCommand,
    epilog="\b\nExamples:\n  stacaster load --explain --bands red --bands nir --bbox 138,-32,139,-31\n"
    "  stacaster load --bands B13 --units brightness_temperature --mask cloud --datetime 2003",
)
@options.cube_options
@click.option("--explain", is_flag=True, help="Only say what would be read and made: items, bytes, chunks, memory.")
@options.json_option
def load(catalog: str | None, explain: bool, as_json: bool, **rest: Any) -> int:
    """Read a cube, or plan it, and say what became of every item and band; nothing is written (see export)."""
    import stacaster
    from stacaster.catalog.cubes import select, shaped

    asked = options.given(rest)
    where = {key: asked.pop(key, None) for key in ("datetime", "start", "end", "cloud_cover_max", "filter")}
    where["collections"] = asked.pop("collection", None)
    search = select(show.opened(catalog), where, asked)
    asked = shaped(search, asked, bands=asked.get("bands"))
    if explain:
        plan = search.plan(**asked)
        if as_json:
            click.echo(json.dumps(plan.to_dict(), indent=2))
        else:
            show.rows([{"what": key, "value": value} for key, value in plan.to_dict().items()], ("what", "value"),
                      as_json=False)  # fmt: skip
        return 0
    cube, report = stacaster.load(search.items(), report=True, **asked)
    sizes = {name: int(size) for name, size in cube.sizes.items()}
    for name in cube.data_vars:
        # A count would not look at integers: they are never null.
        cube[name].max().compute()
    found = [vars(entry) for entry in report.outcomes]
    show.rows(found, ("item_id", "band", "status", "reason"), as_json=as_json)
    counts = Counter(entry["status"] for entry in found)
    words = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    click.echo(f"{' x '.join(f'{size} {name}' for name, size in sizes.items())}: {words}", err=True)
    return errors.PARTIAL_EXIT_CODE if counts["failed"] else 0


@click.command(
    cls=options.LenientCommand, epilog="\b\nExample:\n  stacaster check --same-grid --bands B01 --datetime 2003"
)
@options.catalog_option
@click.option("--same-grid", "grid", is_flag=True, required=True, expose_value=False,
              help="Compare CRS, pixel size and lattice of the scenes.")  # fmt: skip
@click.option("--bands", multiple=True, metavar="NAME", help="Band or common name; may be repeated. [default: all]")
@options.datetime_option
@options.collection_option
@options.json_option
def check(
    catalog: str | None, bands: tuple[str, ...], datetime: str | None, collection: str | None, as_json: bool
) -> int:
    """Tell whether the scenes of a selection lie on one pixel grid; exit code 1 when a band does not."""
    import stacaster

    items = list(show.opened(catalog).search(datetime=datetime, collections=collection).items())
    if not items:
        return show.nothing("no item fits")
    found = [entry.to_dict() for entry in stacaster.cube.check_grid(items, bands=bands or None)]
    columns = ("band", "scenes", "is_one_grid", "crs", "pixel_sizes", "largest_shift", "largest_drift", "shifted")
    show.rows(found, columns, as_json=as_json)
    return 0 if all(entry["is_one_grid"] for entry in found) else 1


@click.command(epilog="\b\nExample:\n  stacaster sample sites.gpkg -o values.parquet --bands B13 --closest --time day")
@click.argument("points")
@options.output_option
@options.catalog_option
@click.option("--bands", multiple=True, metavar="NAME", help="Band or common name; may be repeated. [default: all]")
@click.option("--method", default="nearest", show_default=True, metavar="NAME", help="nearest or bilinear.")
@options.datetime_option
@options.collection_option
@options.units_options
@click.option("--time", metavar="COLUMN", help="Column of the points with their time; adds time_gap in seconds.")
@click.option("--closest", is_flag=True, help="Keep only the scene closest in time of each point.")
@click.option("--radius", metavar="M", help="Statistics of the pixels within so many metres instead.")
@click.option("--statistics", multiple=True, metavar="NAME", help="With --radius: count, mean, median, min, max, std.")
@options.overwrite_option
def sample(points: str, output: str, catalog: str | None, collection: str | None, overwrite: bool, **rest: Any) -> None:
    """Take the values of scenes at POINTS and write them to .parquet, .gpkg or .csv."""
    from stacaster.cube.point_files import check_output, write_points

    check_output(output)
    inputs.require_free(output, overwrite)
    with show.count_progress("sample") as progress:
        asked = options.given(rest) | {"collections": collection, "progress": progress}
        found = show.opened(catalog).sample(points, **asked)
    show.written(write_points(found, output))
