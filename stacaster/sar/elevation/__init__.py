"""Elevation under a stack: Copernicus GLO-30 tiles as one file, above the geoid or the ellipsoid.

Decision: a DEM is a file first and an item second: ``make_dem`` writes a verified COG with its history in its tags, and
the ordinary ingest makes the item (``products/copernicus_dem_glo30.py``), for single tiles too.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacaster.access.fetch import Progress, TransferRules, fetch_into
from stacaster.config import cache_folder
from stacaster.errors import FetchError, NothingFoundError, StacasterError, UsageError
from stacaster.geo.area_input import read_place
from stacaster.geo.areas import box_around
from stacaster.geo.longitudes import wrapped
from stacaster.ingest import ingest
from stacaster.model import Granule, GranuleFile
from stacaster.model.checked import checked
from stacaster.model.stack_options import DEFAULTS
from stacaster.network.http import RetryPolicy
from stacaster.sar.elevation.tiles import BUCKET, Listing, Tile

MARGIN = 0.1
"""Degrees around the footprints that the DEM covers."""

_MADE = dt.datetime(2011, 1, 1, tzinfo=dt.UTC)
_WIDEST = 30.0


@dataclass(frozen=True, kw_only=True)
class Dem:
    """A DEM that was made."""

    path: Path
    """The file, a Cloud Optimized GeoTIFF."""
    heights: str
    """``geoid`` (EGM2008) or ``ellipsoid`` (WGS 84)."""
    tiles: tuple[str, ...]
    """Tiles that it is made of."""
    ocean: tuple[str, ...]
    """Degrees without a tile, filled with 0 above the geoid."""
    item_id: str | None = None
    """Item in the catalog, when one was given."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**vars(self), "path": str(self.path), "tiles": list(self.tiles), "ocean": list(self.ocean)}


@checked
def make_dem(  # noqa: PLR0913 - as many as a user can choose
    area: Any,
    output: str | os.PathLike[str],
    *,
    heights: str = DEFAULTS["heights"],
    geoid: str | os.PathLike[str] | None = None,
    margin: float = MARGIN,
    catalog: str | os.PathLike[str] | None = None,
    policy: RetryPolicy | None = None,
    rules: TransferRules | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    workers: int = 4,
    progress: Progress | None = None,
) -> Dem:
    """Make one DEM of the Copernicus GLO-30 tiles over an area.

    Rows are one second of arc. Columns are as fine as in the finest tile (beyond 50 degrees of latitude a degree has
    fewer of them); heights of coarser tiles are interpolated between two columns, all others stay bit by bit. Heights
    stand at the centres of the pixels. Where the list of tiles has none it is ocean: 0 above the geoid, which the
    file and the item say; a tile that is listed but cannot be had is an error. Across the antimeridian longitudes go on
    beyond 180 degrees.

    Args:
        area: Granules (of ``find_stacks``), GeoJSON, or west, south, east, north in degrees.
        output: Folder for the file, or a name that ends in ``.tif``.
        heights: ``ellipsoid`` (WGS 84), which radar processors need, or ``geoid`` as delivered (EGM2008).
        geoid: File of EGM2008 for ``ellipsoid``; default is what PROJ has.
        margin: Degrees around the area.
        catalog: Catalog that takes the DEM as an item; None for none.
        policy: Attempts and time of each question.
        rules: Limits of a transfer.
        cache_dir: Folder for the tiles.
        workers: Files at a time, as in ``fetch``.
        progress: As in ``fetch``.

    Raises:
        UsageError: An argument cannot be understood, or there is no geoid for heights above the ellipsoid.
        SearchError, FetchError: A tile that is listed cannot be had.
        IntegrityError: A tile is not what its name says.
        ExportError: The geoid cannot be used.
    """
    from stacaster.sar.elevation.geoid import find_geoid
    from stacaster.sar.elevation.mosaic import grid_around

    if heights not in ("geoid", "ellipsoid"):
        raise UsageError(f"heights is {heights!r}, but geoid or ellipsoid is needed")
    # Without the geoid nothing is downloaded.
    shift = find_geoid(geoid) if heights == "ellipsoid" else None
    grid = grid_around(*_bounds(area, margin))
    listing = Listing(policy)
    sizes = {tile: listing.size(tile) for tile in grid.tiles}
    if not any(sizes.values()):
        raise NothingFoundError("there is no tile of GLO-30 in this area: it lies in the ocean")
    files = _fetched(listing, sizes, rules, folder=cache_folder(cache_dir) / BUCKET, workers=workers, progress=progress)
    path = Path(output)
    if path.suffix.lower() not in (".tif", ".tiff"):
        path = path / f"{_name(grid)}_{heights}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Dem(
        path=path, heights=heights, tiles=tuple(tile.name for tile, size in sizes.items() if size is not None),
        ocean=tuple(tile.name for tile, size in sizes.items() if size is None),
    )  # fmt: skip
    _write(path, grid, files, shift, made)
    if catalog is None:
        return made
    (outcome,) = ingest([path], catalog=catalog).outcomes
    if outcome.status == "failed":
        raise StacasterError(f"the DEM could not be taken into the catalog: {outcome.reason}")
    return Dem(**{**vars(made), "item_id": outcome.item_id})


def _are_granules(area: Any) -> bool:
    """Tell whether an area is given by granules: the result of a search, or a list of them."""
    return hasattr(area, "granules") or (isinstance(area, (list, tuple)) and all(hasattr(g, "files") for g in area))


def _bounds(area: Any, margin: float) -> tuple[float, float, float, float]:
    """Return the box of an area with its margin; the east lies beyond 180 where it crosses the antimeridian."""
    import shapely

    if not 0 <= margin <= 10:
        raise UsageError(f"margin is {margin}, but degrees from 0 to 10 are needed")
    if not _are_granules(area):
        place = read_place(intersects=area, needs_area=True).geometry
        if place is None:
            raise UsageError(f"area is {area!r}, but granules, a geometry or west, south, east, north are needed")
        box = box_around(place)
    else:
        shapes = [shapely.geometry.shape(dict(granule.geometry)) for granule in area if granule.geometry is not None]
        if not shapes:
            raise NothingFoundError("there is no footprint that a DEM could lie under")
        box = box_around(shapely.geometry.mapping(shapely.union_all(shapes)))
    west, south, east, north = box
    east = east + 360 if east < west else east
    if not (-180 <= west <= 180 and south < north and south >= -90 and north <= 90) or east - west > _WIDEST:
        raise UsageError(
            f"a DEM of {west:g}, {south:g}, {east:g}, {north:g} cannot be made: at most {_WIDEST:g} degrees wide"
        )
    return west - margin, max(south - margin, -90.0), east + margin, min(north + margin, 90.0)


def _fetched(
    listing: Listing,
    sizes: Mapping[Tile, int | None],
    rules: TransferRules | None,
    *,
    folder: Path,
    workers: int,
    progress: Progress | None,
) -> dict[Tile, Path | None]:
    by_name = {tile.name: tile for tile in sizes}
    wanted = [
        Granule(
            id=name, source="aws", product="COP-DEM_GLO-30", version="1", collection=BUCKET, geometry=None, start=_MADE,
            end=_MADE,
            files=(GranuleFile(name=f"{name}.tif", href=listing.bucket.address(tile.key), size=sizes[tile]),),
        )
        for name, tile in by_name.items() if sizes[tile] is not None
    ]  # fmt: skip
    report = fetch_into(wanted, lambda _: folder, workers=workers, rules=rules, progress=progress)
    if report.failed:
        raise FetchError(f"{report.failed[0].granule}: {report.failed[0].reason}")
    paths = {outcome.granule: outcome.files[0] for outcome in report.outcomes}
    return {tile: paths.get(tile.name) for tile in sizes}


def _name(grid: Any) -> str:
    lon, lat = grid.longitudes, grid.latitudes

    def place(value: float, plus: str, minus: str) -> str:
        return f"{plus if value >= 0 else minus}{abs(value):07.3f}"

    east = wrapped(float(lon[-1]))
    corners = (place(lat[-1], "N", "S"), place(lon[0], "E", "W"), place(lat[0], "N", "S"), place(east, "E", "W"))
    return "COP-DEM_GLO-30_" + "_".join(corners)


def _write(path: Path, grid: Any, files: Mapping[Tile, Path | None], shift: Any, made: Dem) -> None:
    from odc.geo.geobox import GeoBox

    from stacaster.geotiff.cog import write_cog
    from stacaster.model import SceneBand
    from stacaster.products import get_product
    from stacaster.sar.elevation.mosaic import strips

    band = get_product("copernicus_dem_glo30").band("elevation")
    placed = SceneBand(
        band=band, layer="elevation", geobox=GeoBox((grid.rows, grid.columns), grid.transform, "EPSG:4326")
    )
    tags = {
        "STACASTER_DEM": "GLO-30", "STACASTER_HEIGHTS": made.heights, "STACASTER_TILES": " ".join(made.tiles),
        "STACASTER_OCEAN": " ".join(made.ocean), "STACASTER_GEOID": "" if shift is None else shift.name,
    }  # fmt: skip
    write_cog(strips(grid, files, shift), path, scene_band=placed, tags=tags)
