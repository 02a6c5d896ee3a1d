"""Items to an xarray cube: odc-stac does the reading, this adds what a truthful cube needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from stacaster.analysis import masks
from stacaster.cube.area import cut_to, find_place, require_no_edge
from stacaster.cube.fusing import complex_fusers, fuse
from stacaster.cube.grid_options import checked_grid
from stacaster.cube.items_input import read_items
from stacaster.cube.lattice import native_geobox
from stacaster.cube.masking import PREFIX, Masking, apply_masks, read_masking
from stacaster.cube.quantities import sigma0_factors
from stacaster.cube.reading import parts_of, read_cube
from stacaster.cube.selection import (
    assets_of,
    band_names,
    collection_config,
    gridded_items,
    group_items,
    is_data,
    moment_of,
    types_to_state,
    with_types,
)
from stacaster.cube.units import Constants, check_units, read_constants, tables_of, to_units
from stacaster.errors import NothingFoundError, UsageError
from stacaster.geo.area_input import Place
from stacaster.model.names import Names, check_known, with_one_name
from stacaster.model.options import GroupBy, LoadOptions, Units
from stacaster.network.transport.url_signer import sign

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from stacaster.cube.direct import Convert
    from stacaster.cube.report import LoadReport

_PLACE_OPTIONS = ("crs", "resolution", "anchor", "geobox", "like")
OWN_OPTIONS = {
    "intersects", "region", "name_column", "point", "radius", "mask", "keep_masks", "cloud", "source", "n_obs", "esun",
    "thermal", "emissivity", "sky_irradiance", "strict",
}  # fmt: skip
"""Options of ``load`` that ``odc.stac.load`` does not get as they are, beside the parameters of ``read_request``."""


@overload
def load(
    items: Iterable[pystac.Item], *, report: Literal[True], **options: Unpack[LoadOptions]
) -> tuple[xr.Dataset, LoadReport]: ...


@overload
def load(
    items: Iterable[pystac.Item], *, report: Literal[False] = False, **options: Unpack[LoadOptions]
) -> xr.Dataset: ...


@overload
def load(
    items: Iterable[pystac.Item], *, report: bool, **options: Unpack[LoadOptions]
) -> xr.Dataset | tuple[xr.Dataset, LoadReport]: ...


def load(
    items: Iterable[pystac.Item], *, report: bool = False, **options: Unpack[LoadOptions]
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
    """
    request = read_request(read_items(items), report=report, **checked_options(options))
    cube = carry_out(request)
    return (cube, request.report) if report else cube


def carry_out(request: Request) -> xr.Dataset:
    """Return the cube that was asked for."""
    cube = read_cube(
        request.items, request.needed, by_item=request.by_item, groupby=request.groupby, arguments=request.arguments,
        report=request.report, convert=request.convert,
    )  # fmt: skip
    if request.by_item:
        stored = cube
        cube = _in_units(cube, request)
        if request.masking.names:
            cube = apply_masks(stored, cube, request.items, request.masking, request.constants)
        groups = group_items(request.items, request.groupby)
        cube = fuse(cube, groups, request.items, source=request.source, n_obs=request.n_obs)
    else:
        cube = _in_units(cube, request)
    if request.masking.keep == "classes":
        cube = _with_bits(cube)
    if request.place.area is not None:
        cube = cut_to(cube, request.place.area)
    sensors = {str(name) for item in request.items for name in item.properties.get("instruments") or ()}
    for key in request.keys:
        # What a band is, whatever it is called: see cube_bands.is_aster_swir.
        cube[key].attrs["asset"] = key
        if sensors:
            cube[key].attrs["sensor"] = ", ".join(sorted(sensors))
    return cube.rename({key: name for name, key in request.names.items() if name != key})


@dataclass(frozen=True, kw_only=True)
class Request:
    """What ``load`` was asked for, checked."""

    items: list[pystac.Item]
    """In the order of their times."""
    names: dict[str, str]
    """Asset key by wanted name."""
    needed: list[str]
    """Asset keys of the wanted bands and of those that masks need."""
    units: Units
    groupby: GroupBy
    place: Place
    masking: Masking
    constants: Constants
    source: bool
    n_obs: bool
    report: LoadReport
    arguments: dict[str, Any]
    """For ``odc.stac.load``."""

    @property
    def keys(self) -> list[str]:
        """Asset keys of the wanted bands."""
        return list(self.names.values())

    @property
    def by_item(self) -> bool:
        """Whether each scene is read as a slice of its own."""
        # What is said of a pixel, and its physical value, depends on the scene.
        is_plain = isinstance(self.groupby, str) and self.groupby != "id"
        if self.units != "dn" or bool(self.masking.names) or self.source or self.n_obs or not is_plain:
            return True
        return len(parts_of(self.items, self.needed)) > 1

    @property
    def convert(self) -> Convert | None:
        """Gives physical values of stored numbers, where no stored number is needed beside them."""
        if self.units in {"dn", "sigma0"} or self.masking.names:
            return None
        return lambda band, kind, nodata: tables_of(
            self.items, band, self.units, self.constants, kind=kind, nodata=nodata
        )


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of ``load`` by one name each, without those that leave the choice to ``load``.

    Raises:
        UsageError: One is not known, or given by two names.
    """
    check_known("load", options, LoadOptions, also=("report",))
    given = checked_grid(with_one_name(options))
    return {key: value for key, value in given.items() if value is not None or key not in _DEFAULTS}


_DEFAULTS = ("bands", "bbox", "native", "units", "groupby")


def read_request(
    items: Iterable[pystac.Item],
    *,
    bands: Names | None = None,
    bbox: str | Sequence[float] | None = None,
    native: bool = False,
    units: Units = "dn",
    groupby: GroupBy = "time",
    report: bool = False,
    **options: Any,
) -> Request:
    """Check the arguments of ``load``, which ``checked_options`` gave; see there."""
    from stacaster.cube.report import LoadReport, ReportingDriver, driver_named, remembering

    ours = {key: options.pop(key) for key in list(options) if key in OWN_OPTIONS}
    chosen = sorted(items, key=lambda item: (moment_of(item), item.id))
    if not chosen:
        raise NothingFoundError("there is no item to load")
    chosen = gridded_items(chosen)
    wanted = check_units(units)
    assets = assets_of(chosen)
    names = band_names(bands, assets)
    masking = read_masking(ours.get("mask"), cloud=ours.get("cloud", "paper"), keep=ours.get("keep_masks", False))
    lacking = [key for key in masking.bands() if key not in assets]
    if lacking:
        raise UsageError(
            f"mask={list(masking.names)} needs {', '.join(lacking)}, which none of the selected items has; "
            f"they have {', '.join(sorted(assets))}"
        )
    asked = ("intersects", "region", "name_column", "point", "radius")
    place = find_place(bbox=bbox, **{key: ours.get(key) for key in asked})
    factors = sigma0_factors(chosen, list(names.values())) if wanted == "sigma0" else {}
    keys = list(dict.fromkeys([*names.values(), *masking.bands(), *factors.values()]))
    arguments = dict(options)
    if native:
        _refuse_place(options)
        arguments["geobox"] = native_geobox(chosen, list(names.values()), bbox=place.bbox)
    elif place.bbox is not None and not {"geobox", "like", "x", "y"} & set(options):
        require_no_edge(place.bbox, options.get("crs"))
        arguments["bbox"] = place.bbox
    types = types_to_state(chosen, keys)
    if types and "dtype" not in arguments:
        # An argument ``dtype`` would be one for all bands.
        assets |= {key: {**assets[key], "data_type": name} for key, name in types.items()}
        chosen = [with_types(item, types) for item in chosen]
    arguments["stac_cfg"] = options.get("stac_cfg") or {
        item.collection_id: collection_config({key: assets[key] for key in assets if is_data(assets[key])})
        for item in chosen
    }
    found = LoadReport(chosen, keys)
    places = found.places
    places |= {item.assets[key].href: (item.id, key) for item in chosen for key in keys if key in item.assets}
    goes_on = report and not ours.get("strict", False)
    if arguments.get("driver") is None or isinstance(arguments["driver"], str):
        arguments["driver"] = ReportingDriver(found, goes_on=goes_on, driver=driver_named(arguments.get("driver")))
    if any(href.startswith("https://") or href.endswith(".vrt") for href in places):
        arguments.setdefault("patch_url", sign)
    if "patch_url" in arguments:
        arguments["patch_url"] = remembering(arguments["patch_url"], places)
    if isinstance(options.get("resampling"), Mapping):
        arguments["resampling"] = {names.get(name, name): how for name, how in options["resampling"].items()}
    fusers = complex_fusers(types)
    if fusers:
        arguments.setdefault("fuse_func", fusers)
    constants = read_constants(ours)
    return Request(
        items=chosen, names=names, needed=keys, units=wanted, groupby=groupby, place=place, masking=masking,
        constants=constants, source=bool(ours.get("source")), n_obs=bool(ours.get("n_obs")), report=found,
        arguments=arguments,
    )  # fmt: skip


def _in_units(cube: xr.Dataset, request: Request) -> xr.Dataset:
    if request.units == "dn":
        for key in request.keys:
            cube[key].attrs["units"] = "1"
        return cube[request.keys]
    if request.units == "sigma0":
        return _as_sigma0(cube, request)
    return cube.assign(
        {key: to_units(cube[key], request.items, key, request.units, request.constants) for key in request.keys}
    )[request.keys]


def _as_sigma0(cube: xr.Dataset, request: Request) -> xr.Dataset:
    """Return sigma0: gamma0 times the factor that the provider gives for each pixel."""
    found = {}
    for key, factor in sigma0_factors(request.items, request.keys).items():
        gamma0 = to_units(cube[key], request.items, key, "sigma0", request.constants)
        values = to_units(cube[factor], request.items, factor, "physical", request.constants)
        found[key] = (gamma0 * values).assign_attrs(gamma0.attrs)
    return cube.assign(found)[request.keys]


def _with_bits(cube: xr.Dataset) -> xr.Dataset:
    found = {str(name).removeprefix(PREFIX): cube[name] for name in cube.data_vars if str(name).startswith(PREFIX)}
    bits = masks.as_bits(found)
    bits.attrs["grid_mapping"] = "spatial_ref"
    return cube.drop_vars([PREFIX + name for name in found]).assign(masks=bits)


def _refuse_place(options: Mapping[str, Any]) -> None:
    given = [name for name in _PLACE_OPTIONS if options.get(name) is not None]
    if given:
        raise UsageError(f"native=True takes the grid of the scenes, so {', '.join(given)} cannot be given as well")
