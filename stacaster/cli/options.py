"""Options that several commands share, and how their values are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

_BBOX_NUMBERS = 4


class LenientCommand(click.Command):
    """A command whose ``--bbox`` takes ``W,S,E,N`` as well as four numbers ``W S E N``.

    Options are also taken by the names that the function has in Python.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join four numbers after ``--bbox`` before click sees them: a negative one looks like an option."""
        args = [self._as_flag(word) for word in args]
        joined: list[str] = []
        position = 0
        while position < len(args):
            part = args[position]
            numbers = args[position + 1 : position + 1 + _BBOX_NUMBERS]
            if part == "--bbox" and len(numbers) == _BBOX_NUMBERS and all(_is_number(text) for text in numbers):
                joined.append("--bbox=" + ",".join(numbers))
                position += _BBOX_NUMBERS
            elif part == "--bbox" and numbers:
                joined.append(f"--bbox={numbers[0]}")
                position += 1
            else:
                joined.append(part)
            position += 1
        return super().parse_args(ctx, joined)

    def _as_flag(self, word: str) -> str:
        flag, sign, value = word.partition("=")
        if not flag.startswith("--") or any(flag in (*param.opts, *param.secondary_opts) for param in self.params):
            return word
        name = flag.removeprefix("--").replace("-", "_")
        known = [param.opts for param in self.params if param.name == name and isinstance(param, click.Option)]
        return f"{max(known[0], key=len)}{sign}{value}" if known else word


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

catalog_option: Decorator = click.option(
    "--catalog", metavar="DIR", help="Folder of the catalog. [default: STACASTER_CATALOG or catalogs/local]"
)
bbox_option: Decorator = click.option("--bbox", metavar="W,S,E,N", help="Box in degrees; 'W S E N' works too.")
datetime_option: Decorator = click.option(
    "--datetime", metavar="TIME", help="Time or range: 2001, 2001-03, 2001-01-01/2001-06-30, 2005/.."
)
start_option: Decorator = click.option("--start", metavar="TIME", help="First moment, instead of --datetime.")
end_option: Decorator = click.option("--end", metavar="TIME", help="Last moment, instead of --datetime.")
cloud_option: Decorator = click.option(
    "--cloud-cover-max", type=click.FloatRange(0, 100), metavar="PERCENT", help="Largest cloud cover of a scene."
)
collection_option: Decorator = click.option(
    "--collection", "--collections", "collection", metavar="ID,ID", help="Collection of the catalog, or several."
)
groupby_option: Decorator = click.option(
    "--groupby", "--group-by", "groupby", metavar="NAME", help="time, solar_day, id or a property. [default: time]"
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")


def pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    """Return ``NAME=VALUE`` texts as a table."""
    if any("=" not in value for value in values):
        raise click.BadParameter("NAME=VALUE is needed")
    return dict(value.split("=", 1) for value in values) or None


_INGEST: tuple[Decorator, ...] = (
    catalog_option,
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Worker processes. [default: STACASTER_WORKERS, else by processors and memory]",
    ),
    click.option("--subsystem", multiple=True, metavar="NAME", help="Keep only VNIR, SWIR or TIR; may be repeated."),
    click.option("--keep-swir", is_flag=True, help="Make ASTER SWIR assets after 2008-04-01, when they are unusable."),
    click.option("--profile", metavar="NAME", help="COG profile: zstd, or deflate for old readers. [default: zstd]"),
    click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done."),
)


def with_all(options: Sequence[Decorator], function: Callable[..., Any]) -> Callable[..., Any]:
    """Add options to a command; help shows them in their order."""
    for option in reversed(options):
        function = option(function)
    return function


_SWATHS: tuple[Decorator, ...] = (
    click.option("--crs", "grid", metavar="CRS", help="Swaths: grid such as EPSG:32755; else their files are kept."),
    click.option("--resolution", metavar="R", help="Swaths: side of a pixel in units of --crs."),
    click.option("--average", is_flag=True, help="Swaths: mean of the cells in a pixel, in place of the nearest cell."),
    click.option("--max-distance", type=float, metavar="M",
                 help="Swaths: farthest nearest cell, metres. [default: half the diagonal of the widest cells]"),
)  # fmt: skip

_WANTED: tuple[Decorator, ...] = (
    *_SWATHS,
    click.option("--bands", multiple=True, metavar="NAME,NAME", help="Keep only these bands, such as HHHH,HVHV."),
    click.option("--frequency", metavar="A|B", help="NISAR: keep only this frequency."),
    click.option("--split-complex", is_flag=True, help="Amplitude and phase instead of complex numbers."),
    click.option("--variables", multiple=True, metavar="PATTERN", help="Tracks: add columns, such as 'canopy/*'."),
    click.option("--classes", metavar="DIR", help="Tracks: folder with ATL08 granules that classify ATL03 photons."),
    click.option("--with-classes", is_flag=True, help="With --product ATL03: download the ATL08 of each pass, too."),
    click.option("--keep-files", is_flag=True, help="Radar: take granules in as they come, without COGs."),
    click.option("--clip", is_flag=True, help="With --product: cut granules to the area. Files are always cut to it."),
    click.option("--remote", is_flag=True, help="With --product: read HDF5 granules where they lie, only the area."),
    click.option("--s3", is_flag=True, help="With --remote: from the providers' buckets."),
)  # fmt: skip


def swath_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the grid of swaths to a command."""
    return with_all(_SWATHS, function)


def wanted_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what is wanted of granules to a command."""
    return with_all(_WANTED, function)


def ingest_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a conversion to a command."""
    return with_all(_INGEST, function)


def point(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Return ``LON,LAT`` as numbers."""
    if value is None:
        return None
    try:
        longitude, latitude = (float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter("LON,LAT in degrees is needed") from error
    return longitude, latitude


_UNITS: tuple[Decorator, ...] = (
    click.option("--units", default="dn", show_default=True, metavar="NAME",
                 help="dn, physical, radiance, reflectance, brightness_temperature, surface_temperature, sigma0, db."),
    click.option("--esun", metavar="NAME", help="Set of solar irradiances: thome or smith. [default: each item's]"),
    click.option("--thermal", metavar="NAME", help="Set of K1 and K2: effective or rounded. [default: effective]"),
    click.option("--emissivity", type=float, metavar="E", help="Of the surface, for surface_temperature."),
)  # fmt: skip

point_option: Decorator = click.option("--point", metavar="LON,LAT", callback=point, help="Centre of a circle.")
radius_option: Decorator = click.option("--radius", metavar="M", help="Radius of the circle in metres.")

_PLACE: tuple[Decorator, ...] = (
    bbox_option,
    click.option("--intersects", metavar="FILE|GEOJSON", help="Polygons; pixels outside are no data."),
    click.option("--region", metavar="NAME", help="Named region, or an area of the file of --intersects."),
    point_option,
    radius_option,
    datetime_option,
    start_option,
    end_option,
    cloud_option,
    collection_option,
    click.option("--filter", metavar="CQL2", help="CQL2 text or JSON, such as 'eo:cloud_cover < 10'."),
)

_SHAPE: tuple[Decorator, ...] = (
    click.option("--mask", multiple=True, metavar="NAME",
                 help="fill, saturated, swir_dead, cloud, snow, water or ASSET=CLASS; may be repeated."),
    groupby_option,
    click.option("--crs", metavar="CRS", help="CRS of the cube. [default: the scenes' own grid]"),
    click.option("--resolution", metavar="N", help="Pixel size, with --crs."),
    click.option("--with-source", "source", is_flag=True, help="Add the scene of each pixel."),
    click.option("--n-obs", is_flag=True, help="Add the number of scenes with a value."),
    click.option("--allow-large", is_flag=True, help="Make the cube however much memory it needs."),
)  # fmt: skip

_CUBE: tuple[Decorator, ...] = (
    catalog_option,
    click.option("--bands", multiple=True, metavar="NAME", help="Band or common name; may be repeated. [default: all]"),
    *_PLACE,
    *_UNITS,
    *_SHAPE,
)  # fmt: skip


def cube_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what chooses and shapes a cube to a command; values that were not given are None or empty."""
    return with_all(_CUBE, function)


def place_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what chooses and shapes a cube to a command, but its bands and units."""
    return with_all((catalog_option, *_PLACE, *_SHAPE), function)


def item_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what chooses items of a catalog to a command."""
    return with_all((catalog_option, *_PLACE), function)


def units_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add units and their constants to a command."""
    return with_all(_UNITS, function)


memory_option: Decorator = click.option(
    "--memory-mb", type=click.IntRange(min=64), default=1500, show_default=True, metavar="N",
    help="Memory for the pixels of a tile; larger tiles are computed in pieces.",
)  # fmt: skip

_RUN: tuple[Decorator, ...] = (
    click.option("--executor", default="processes", show_default=True, metavar="NAME",
                 help="processes, threads or dask."),
    click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Tiles at a time."),
    memory_option,
    click.option("--address", metavar="URL", help="Scheduler of a Dask cluster. [default: one on this machine]"),
)  # fmt: skip


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add where and how tiles are computed to a command."""
    return with_all(_RUN, function)


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {key: value for key, value in values.items() if value is not None and value != () and value is not False}


cache_option: Decorator = click.option(
    "--cache-dir", metavar="DIR", help="Folder for downloads. [default: STACASTER_CACHE_DIR or user cache]"
)
output_option: Decorator = click.option("-o", "--output", required=True, metavar="FILE", help="File to write.")
result_option: Decorator = click.option(
    "-o", "--output", required=True, metavar="PATH",
    help=".nc, .zarr, .tif, .csv, .parquet, .png; or a folder: a catalog with a COG a band and time.",
)  # fmt: skip
zarr_format_option: Decorator = click.option(
    "--zarr-format", type=click.Choice(["2", "3"]), metavar="N", callback=lambda *given: given[2] and int(given[2]),
    help="Of a .zarr: 2, or 3 with the conventions of GeoZarr. [default: 2, with --multiscales 3]",
)  # fmt: skip
multiscales_option: Decorator = click.option(
    "--multiscales", is_flag=True, help="Of a .zarr: add coarser copies; the cube is in group 0."
)
period_option: Decorator = click.option("--period", metavar="NAME", help="One for each day, month, season or year.")
overwrite_option: Decorator = click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
