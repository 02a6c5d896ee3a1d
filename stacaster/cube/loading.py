"""Items to an xarray cube."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from stacaster.cube.area import cut_to
from stacaster.cube.grid_options import checked_grid
from stacaster.cube.items_input import read_items
from stacaster.cube.making import make_cube
from stacaster.cube.request import Request, read_request
from stacaster.model.checked import checked
from stacaster.model.names import check_known, with_one_name
from stacaster.model.options import LoadOptions

if TYPE_CHECKING:
    import xarray as xr

    from stacaster.cube.items_input import ItemsInput
    from stacaster.cube.report import LoadReport


@overload
def load(
    items: ItemsInput, *, report: Literal[True], **options: Unpack[LoadOptions]
) -> tuple[xr.Dataset, LoadReport]: ...


@overload
def load(items: ItemsInput, *, report: Literal[False] = False, **options: Unpack[LoadOptions]) -> xr.Dataset: ...


@overload
def load(
    items: ItemsInput, *, report: bool, **options: Unpack[LoadOptions]
) -> xr.Dataset | tuple[xr.Dataset, LoadReport]: ...


@checked
def load(
    items: ItemsInput, *, report: bool = False, **options: Unpack[LoadOptions]
) -> xr.Dataset | tuple[xr.Dataset, LoadReport]:
    """Load items as a cube with dimensions (time, y, x).

    Args:
        items: STAC items whose assets can be opened; ``Catalog.search(...).items()`` gives such.
        report: Return also what became of every item and band. A file that cannot be read is then noted, with the
            reason, and left out of the cube; ``strict=True`` makes it an error nevertheless.
        **options: ``bands`` (asset keys or common names; None takes every data band). Of place: ``bbox`` (west, south,
            east, north in degrees), ``intersects`` (polygons, a file with such, a GeoDataFrame; pixels outside are no
            data), ``region`` (by name, or one of the areas of a file), ``point`` (longitude, latitude) with ``radius``
            in metres. Of scenes: ``groupby`` (``time``, ``solar_day``, ``id``, the name of an item property, or a
            function of an item), ``mask`` (names of ``stacaster.masks.MASKS``, or ``asset=class``), ``keep_masks``
            (True adds booleans, ``classes`` one band of bits), ``cloud`` (variant or thresholds of the cloud test),
            ``source=True`` (scene of each pixel), ``n_obs=True`` (number of scenes with a value), ``strict``. Of units:
            ``units`` (``dn``: stored numbers, ``physical``: each band's own, ``radiance``, ``reflectance``,
            ``brightness_temperature``, ``surface_temperature``, ``gamma0``, ``sigma0`` or ``db`` of gamma0; scale,
            offset, sun and constants of each scene are applied before scenes are fused), ``esun`` and ``thermal``
            (names of sets of constants), ``emissivity``, ``sky_irradiance``. Of the grid: ``native`` (the CRS, pixel
            size and lattice of the scenes, so that every pixel keeps its value bit for bit), ``crs``, ``resolution``,
            ``geobox``, ``like``, ``anchor``, ``x``, ``y``, ``resampling``. ``chunks`` and all others of
            ``stacaster.model.options.LoadOptions`` mean what they mean for ``odc.stac.load``.

    Returns:
        Dataset with one variable a band; with ``report`` a pair of it and the report. Stored numbers keep their type
        and carry ``nodata``; physical units are float32 with NaN. A band that a scene lacks is nodata or NaN there,
        never a value.

    Raises:
        NothingFoundError: There is no item.
        LoadError: The selection does not fit together, an item lacks what ``units`` needs, or a file cannot be read;
            the message names the items.
        UsageError: An argument is wrong; the message lists the bands there are.

    Example:
        >>> items = stacaster.open_catalog("catalogs/demo").search(datetime="2003-12").items()
        >>> cube = stacaster.load(items, bands=["nir", "red"], units="reflectance", native=True)
        >>> sorted(cube.data_vars)
        ['nir', 'red']
    """
    request = read_request(read_items(items), report=report, **checked_options(options))
    cube = carry_out(request)
    return (cube, request.report) if report else cube


def carry_out(request: Request) -> xr.Dataset:
    """Return the cube that was asked for."""
    cube = make_cube(request)
    return cube if request.place.area is None else cut_to(cube, request.place.area)


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``load`` by one name each, without those that leave the choice to ``load``.

    Raises:
        UsageError: One is not known, or given by two names.
    """
    check_known("load", options, LoadOptions, also=("report",))
    given = checked_grid(with_one_name(options))
    return {key: value for key, value in given.items() if value is not None or key not in _DEFAULTS}


_DEFAULTS = ("bands", "bbox", "native", "units")
