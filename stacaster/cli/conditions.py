"""Conditions of a search as options of commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from stacaster.cli.options import (
    Decorator,
    bbox_option,
    cloud_option,
    datetime_option,
    end_option,
    pairs,
    point_option,
    radius_option,
    start_option,
    with_all,
)

_STACKS = "Stacks by path, frame, direction, orbit ..."
_STACK_BY = click.option("--stack-by", metavar="KEY,KEY", help=_STACKS)
_GROUP_BY = click.option("--group-by", "--stack-by", "--groupby", "group_by", metavar="KEY,KEY", help=_STACKS)
_CONDITIONS: tuple[Decorator, ...] = (
    click.option("--source", default="cmr", show_default=True, metavar="NAME",
                 help="cmr, asf, planetary-computer, earth-search, address of a STAC API, or folder of a catalog."),
    bbox_option,
    click.option("--region", metavar="NAME", help="Named region, such as south_australia; or an area of --intersects."),
    click.option("--intersects", metavar="FILE|GEOJSON", help="Polygons: GeoJSON text, or a file that GDAL reads."),
    click.option("--name-column", metavar="NAME", help="Column of the file with the names of areas."),
    point_option,
    radius_option,
    datetime_option,
    start_option,
    end_option,
    click.option("--months", metavar="M,M|M-M", help="Season of every year, such as 12-2."),
    cloud_option,
    click.option("--day-night", type=click.Choice(["day", "night"]), help="Only scenes by day or by night."),
    click.option("--orbit", metavar="N|N-N", help="Absolute orbit."),
    click.option("--path", metavar="N|N-N", help="Relative orbit: path or track."),
    click.option("--frame", metavar="N|N-N", help="Frame along the path."),
    click.option("--track", metavar="N,N|N-N", help="ICESat-2: reference ground tracks."),
    click.option("--cycle", metavar="N,N|N-N", help="ICESat-2: cycles of 91 days."),
    click.option("--direction", type=click.Choice(["ascending", "descending"]), help="Flight direction."),
    click.option("--polarization", metavar="TEXT", help="Radar: HH+HV, VV ..."),
    click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", callback=pairs,
                 help="Attribute of the provider, or an option of asf_search; may be repeated."),
    click.option("--provider", metavar="NAME", help="Provider at CMR, such as LPCLOUD."),
    click.option("--collection-id", "--collection", "--collections", "collection", metavar="ID", help="Its id there."),
    click.option("--token", is_flag=True, help="Send the token of your login to CMR: restricted collections."),
    click.option("--instrument", metavar="NAME", help="Instrument as CMR names it, such as C-SAR."),
    click.option("--version", metavar="TEXT", help="Version of the product, such as 003."),
    click.option("--name", metavar="PATTERN", help="Granule names with * and ?."),
    click.option("--all-versions", is_flag=True, help="Keep older versions of a scene beside the newest."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Largest number of granules."),
    _GROUP_BY,
    click.option("--latest", type=click.IntRange(min=1), metavar="N", help="Only the last N (of each stack)."),
    click.option("--earliest", type=click.IntRange(min=1), metavar="N", help="Only the first N (of each stack)."),
    click.option("--min-count", type=click.IntRange(min=1), metavar="N", help="Leave out stacks with fewer granules."),
    click.option("--max-count", type=click.IntRange(min=1), metavar="N", help="At most so many of each stack."),
    click.option("--drop-above", type=click.IntRange(min=1), metavar="N", help="Leave out larger stacks."),
    click.option("--min-coverage", type=click.FloatRange(0, 1), metavar="SHARE", help="Least share of the area, 0-1."),
)  # fmt: skip


def _names(options: Sequence[Decorator]) -> tuple[str, ...]:
    def probe() -> None: ...

    return tuple(str(param.name) for param in getattr(with_all(options, probe), "__click_params__", [])[::-1])


CONDITIONS = _names(_CONDITIONS)
"""Names of the conditions of a search."""


def conditions_of_search(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the conditions of a search to a command."""
    return with_all(_CONDITIONS, function)


def conditions_of_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the conditions of a search to a command that also groups the scenes of a cube."""
    return with_all([_STACK_BY if option is _GROUP_BY else option for option in _CONDITIONS], function)


def search_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add product and conditions of a search to a command."""
    return click.argument("product", required=False)(conditions_of_search(function))
