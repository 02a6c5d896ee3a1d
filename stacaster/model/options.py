"""Options that several functions share, by what they are about: one definition for Python, command line and recipes.

A function names what it takes by ``**options: Unpack[...]``, so that editors complete it and type checkers check it.
Checks at run time (``names.check_known``), the command line and recipes are held against the same definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, get_args

from stacaster.model.names import Names

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

Units = Literal[
    "dn", "radiance", "reflectance", "brightness_temperature", "surface_temperature", "gamma0", "sigma0", "db",
    "physical",
]  # fmt: skip
"""What the values of a cube mean."""

UNITS: tuple[Units, ...] = get_args(Units)
"""All units that ``load`` knows; ``physical`` is each band's own: stored number * scale + offset."""

GroupBy: TypeAlias = "str | Callable[[pystac.Item], Any]"
"""``time``, ``solar_day``, ``id``, the name of a property, or a function that gives the key of an item."""

Time: TypeAlias = Any
"""``2001``, ``2001-03``, ``2001-01-01/2001-06-30``, ``2001/..``; a date or time of Python, pandas or NumPy; a pair or
slice of start and end."""

Box: TypeAlias = "str | Sequence[float]"
"""West, south, east, north in degrees, as numbers or as a text with commas; west > east crosses the antimeridian."""

Area: TypeAlias = Any
"""GeoJSON, WKT, a geometry, a GeoDataFrame, a file with polygons, or pairs of longitude and latitude."""


class BoxOptions(TypedDict, total=False):
    """Where: a box or polygons."""

    bbox: Box | None
    """West, south, east, north in degrees."""
    intersects: Area | None
    """Polygons; what lies outside is no data."""


class AreaOptions(BoxOptions, total=False):
    """Where: a box, polygons, or a region by name."""

    region: str | None
    """Name of a region, or of an area of the file of ``intersects``."""
    name_column: str | None
    """Column of the file of ``intersects`` with the names of areas."""


class PlaceOptions(AreaOptions, total=False):
    """Where a cube lies."""

    point: Any
    """Longitude and latitude in degrees of the centre of a circle."""
    radius: float | None
    """Its radius, metres."""


class ItemOptions(TypedDict, total=False):
    """Which items of a catalog."""

    datetime: Time | None
    """Time or range: ``2001``, ``2001-03``, ``2001-01-01/2001-06-30``, ``2001/..``."""
    start: Time | None
    """First time, instead of ``datetime``."""
    end: Time | None
    """Last time, instead of ``datetime``."""
    cloud_cover_max: float | None
    """Largest cloud cover, percent; items without the figure are left out."""
    collections: Names | None
    """Ids of collections."""
    collection: Names | None
    """The same as ``collections``."""
    ids: Names | None
    """Ids of items."""
    filter: str | Mapping[str, Any] | None
    """CQL2 text such as ``eo:cloud_cover < 10 and platform = 'terra'``, or CQL2 JSON."""


class ConditionOptions(PlaceOptions, ItemOptions, total=False):
    """Which items of a catalog, and where."""

    limit: int | None
    """Largest number of items."""
    max_items: int | None
    """The same as ``limit``."""
    sortby: Names | None
    """``-eo:cloud_cover,datetime``, or a list."""


class ItemSearchOptions(ConditionOptions, total=False):
    """Options of ``Catalog.search``."""

    fields: Names | None
    """Columns of tables."""


class SceneOptions(TypedDict, total=False):
    """What becomes of scenes before they are a cube."""

    groupby: GroupBy | None
    """``time``, ``solar_day``, ``id``, the name of an item property, or a function of an item."""
    group_by: GroupBy | None
    """The same as ``groupby``."""
    mask: Names | None
    """Names of ``stacaster.masks.MASKS``, or ``asset=class``."""
    keep_masks: bool | Literal["classes"]
    """True adds booleans, ``classes`` one band of bits."""
    cloud: Any
    """Variant or thresholds of the cloud test."""
    source: bool
    """Add the scene of each pixel."""
    n_obs: bool
    """Add the number of scenes with a value."""
    strict: bool
    """With ``report=True``: a file that cannot be read is an error."""


class ConstantOptions(TypedDict, total=False):
    """Constants of the formulas of units."""

    esun: str | None
    """Set of solar irradiances: ``thome`` or ``smith``; None takes what each item says."""
    thermal: str | None
    """Set of K1 and K2: ``effective`` or ``rounded``."""
    emissivity: float | None
    """Of the surface, for ``surface_temperature``."""
    sky_irradiance: float | None
    """W m-2 um-1, for ``surface_temperature``."""


class UnitOptions(ConstantOptions, total=False):
    """What the values mean."""

    units: Units | None
    """Units of the values; stored numbers (``dn``) unless something else is said."""


class GridOptions(TypedDict, total=False):
    """The pixels of a cube."""

    crs: Any | None
    """CRS: ``EPSG:32753``, a number, or what odc-geo takes."""
    resolution: Any | None
    """Size of a pixel in units of the CRS, or an odc-geo ``Resolution``."""
    anchor: Any | None
    """Where pixel edges lie: ``edge``, ``center``, ``floating`` or an offset."""
    geobox: GeoBox | None
    """The grid itself."""
    like: xr.Dataset | xr.DataArray | Any | None
    """A cube whose grid is taken."""
    align: Any | None
    """As ``anchor``, in units of the CRS."""
    lon: tuple[float, float] | slice | None
    """First and last longitude."""
    lat: tuple[float, float] | slice | None
    """First and last latitude."""
    geopolygon: Any | None
    """Geometry whose box is the place of the cube; nothing is cut."""
    x: tuple[float, float] | slice | None
    """First and last x in the CRS."""
    y: tuple[float, float] | slice | None
    """First and last y in the CRS."""
    native: bool
    """Use the scenes' own pixels: every pixel keeps its value bit for bit."""
    resampling: str | Mapping[str, str] | None
    """``nearest``, ``bilinear``, ``cubic``, ``average`` ..., for all bands or by band."""


class ReadingOptions(TypedDict, total=False):
    """How files are read; the meaning is that of ``odc.stac.load``."""

    chunks: Mapping[str, int | Literal["auto"]] | None
    """Pieces of a lazy cube, such as ``{"x": 2048, "y": 2048}``; None reads at once."""
    pool: ThreadPoolExecutor | int | None
    """Threads that read, or their number."""
    dtype: Any
    """Type of all bands, or of each by name."""
    stac_cfg: Mapping[str, Any] | None
    """What is to be known of collections that their items do not say."""
    with_properties: Sequence[str | Mapping[str, Any]] | None
    """Properties of items that become coordinates of the times."""
    patch_url: Callable[[str], str] | None
    """Turns each address into the one that is opened."""
    preserve_original_order: bool
    """Keep the items of a slice in the order that was given."""
    driver: Any
    """Reader of files: name, or driver of odc-loader."""
    nodata: Any
    """Fill value of the cube, for all bands or by band."""
    use_overviews: bool
    """False reads stored pixels also for a coarser cube, not the overviews of the files."""
    fuse_func: Any
    """Function of a module, or its full name, that joins scenes of a slice; for all bands or by band."""
    fail_on_error: bool
    """False leaves out what cannot be read, with a warning."""
    min_valid: float
    """Share of valid source pixels that a pixel of the cube needs, 0 to 1."""
    allow_large: bool
    """Make a cube also when it is larger than memory."""


class CubeOptions(PlaceOptions, SceneOptions, UnitOptions, GridOptions, ReadingOptions, total=False):
    """Everything that shapes a cube but its bands."""


class StackLoadOptions(CubeOptions, total=False):
    """Options of ``load`` of a stack, whose first argument are the bands."""

    progress: Callable[[Iterable[Any]], Iterable[Any]] | Any | None
    """Wraps the iteration over the pieces that are read, as ``tqdm`` does."""


class LoadOptions(StackLoadOptions, total=False):
    """Options of ``stacaster.load``."""

    bands: Names | None
    """Asset keys or common names."""


class CatalogLoadOptions(ItemOptions, LoadOptions, total=False):
    """Options of ``Catalog.load``."""


class ExportOptions(ItemOptions, CubeOptions, total=False):
    """What is exported: items of a catalog, and the shape of their cube."""


class PointOptions(ConditionOptions, total=False):
    """Which points of a catalog."""

    where: str | None
    """SQL such as ``class = 1 and spot % 2 = 1``."""


class PointQueryOptions(PointOptions, total=False):
    """Options of ``Catalog.points``."""

    columns: Names | None
    """Columns of the table; None takes all."""


class GeoboxOptions(ItemOptions, total=False):
    """Options of ``Catalog.geobox``, whose first argument is the box."""

    intersects: Area | None
    """Polygons."""
    region: str | None
    """Name of a region."""
    limit: int | None
    """Largest number of items."""
    bands: Names | None
    """Bands of the grid; None takes those with the smallest pixels."""


class SampleOptions(ConstantOptions, total=False):
    """Options of ``stacaster.sample``."""

    bands: Names | None
    """Asset keys or common names; None takes every data band."""
    method: Literal["nearest", "bilinear"]
    """``bilinear`` is between the centres of four pixels."""
    units: Units
    """As for ``load``."""
    time: str | None
    """Column of the points with their time."""
    closest: bool
    """Keep for each point only the scene closest in time."""
    radius: float | None
    """Metres around each point whose pixels are summed up."""
    statistics: Names | None
    """``count``, ``mean``, ``median``, ``min``, ``max``, ``std``, ``mad``."""
    progress: Callable[[int, int, str], None] | None
    """Called after each scene with the number done, their number, and its id."""


class CatalogSampleOptions(SampleOptions, total=False):
    """Options of ``Catalog.sample``."""

    datetime: Time | None
    """Time or range."""
    collections: Names | None
    """Ids of collections."""
    collection: Names | None
    """The same as ``collections``."""
