"""Options of runs in one call, of recipes and of tiles; see ``stacaster.model.options``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from stacaster.model.granule_options import (
    ConversionOptions,
    GranuleOptions,
    PartOptions,
    PathLike,
    ServiceOptions,
    StackedOptions,
)
from stacaster.model.names import Names
from stacaster.model.options import ConstantOptions, GroupBy, Time, Units

if TYPE_CHECKING:
    from stacaster.model.report import Outcome


class RunOptions(GranuleOptions, ServiceOptions, StackedOptions, ConversionOptions, PartOptions, total=False):
    """What ``run`` and ``global_run`` search, download and ingest, and the units of what they write."""

    limit: int | None
    """Largest number of granules."""
    max_items: int | None
    """The same as ``limit``."""
    s3: bool
    """With ``remote``: from the providers' buckets."""
    keep_files: bool
    """Take radar granules in as they come, without COGs."""
    cache_dir: PathLike | None
    """Folder for the downloads."""
    discard_source: bool
    """Delete the files of a granule once the catalog has it."""
    no_copy: bool
    """Register the provider's COGs in place instead of downloading."""
    dry_run: bool
    """Only say what would be done."""
    progress: Callable[[int, int, Outcome], None] | None
    """Called after every granule."""
    units: Units | None
    """As for ``load``."""
    mask: Names | None
    """As for ``load``."""
    groupby: GroupBy | None
    """How scenes are joined, as for ``load``; stacks of granules are made by ``stack_by``."""
    group_by: GroupBy | None
    """The same as ``groupby``."""
    period: str | None
    """``day``, ``month``, ``season`` or ``year``: one composite each."""
    resampling: str | None
    """How pixels come to the grid."""
    resolution: float | None
    """Size of a pixel."""


class CubeRunOptions(RunOptions, ConstantOptions, total=False):
    """Options of ``run``."""

    workers: Any
    """Worker processes of the ingest, or a ``stacaster.executors.Cluster``."""
    crs: Any | None
    """CRS of the cube; None takes the scenes' own grid."""
    mads: bool
    """As for ``composite``."""
    greenness: float | None
    """As for ``composite``."""
    export_progress: Callable[[int, int, str], None] | None
    """Called as the cube is written."""


class GlobalRunOptions(RunOptions, total=False):
    """Options of ``global_run``."""

    grid: str | None
    """As for ``RecipeOptions``."""
    tile_size: float | None
    """As for ``RecipeOptions``."""
    bands: Names | None
    """As for ``RecipeOptions``."""
    index: str | Sequence[str] | None
    """As for ``RecipeOptions``."""
    composite: str | None
    """As for ``RecipeOptions``."""
    format: str | None
    """As for ``RecipeOptions``."""
    result_name: str | None
    """Name of the results."""
    tile_progress: Callable[[int, int, str], None] | None
    """Called after each tile."""


class RecipeOptions(TypedDict, total=False):
    """Fields of a recipe of tiles; see ``stacaster.tiles.Recipe``."""

    grid: str | None
    """``degree``, ``mercator``, ``utm``, ``mgrs`` or a projected CRS."""
    tile_size: float | None
    """Side of a tile, in degrees or metres; for ``mercator`` the zoom level."""
    resolution: float | None
    """Side of a pixel, in degrees or metres."""
    collection: Names | None
    """Collection of the catalog."""
    collections: Names | None
    """The same as ``collection``."""
    datetime: Time | None
    """Time or range."""
    filter: str | None
    """CQL2 text."""
    bands: Names | None
    """Bands; none takes those of the indices, or every band."""
    index: str | Sequence[str] | None
    """Indices to write in place of the bands."""
    units: Units | None
    """Units of the bands."""
    mask: Names | None
    """Masks as for ``load``."""
    groupby: str | None
    """How scenes are joined before anything is computed."""
    group_by: str | None
    """The same as ``groupby``."""
    composite: str | None
    """Composite of all dates or of each period."""
    period: str | None
    """``day``, ``month``, ``season`` or ``year``."""
    greenness: float | None
    """Of ``bare_earth``."""
    resampling: str | None
    """How pixels come to the grid of the tiles."""
    format: str | None
    """``cog``, ``netcdf`` or ``zarr``."""
    name: str | None
    """Name of the results."""


class TileRunOptions(TypedDict, total=False):
    """How tiles are computed: options of ``run_tiles``."""

    executor: str
    """``processes``, ``threads`` or ``dask``."""
    workers: int
    """Tiles at a time."""
    memory_mb: int
    """Memory that the pixels of a tile may take in a worker."""
    address: str | None
    """Scheduler of a Dask cluster."""
    progress: Callable[[int, int, str], None] | None
    """Called after each tile."""
